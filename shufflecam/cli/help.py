"""Help of commands with many options: related options are grouped under a title."""

from __future__ import annotations

from typing import Any, ClassVar

import click

from shufflecam.cli.intent import arguments, nearest, typed

HELP_ALL = "--help-all"

GROUPS: dict[str, tuple[str, ...]] = {
    "Source": ("--camera", "--replay", "--loop", "--size", "--fps", "--reconnect"),
    "Which videos and pictures": ("--recursive", "--skip-existing", "--jobs", "--cluster", "--ray-address"),
    "How much of it": (
        "--start", "--end", "--step", "--crop", "--rotate", "--deinterlace", "--duration", "--max-frames",
    ),
    "What is shown": (
        "--headless", "--mirror", "--preview", "--preview-as", "--serve", "--host",
    ),
    "What is written": (
        "--out", "--json", "--format", "--angles", "--record", "--save-to", "--overwrite",
    ),
    "How the video is encoded": ("--codec", "--crf", "--encode-preset", "--no-audio"),
    "How people are drawn": (
        "--style", "--palette", "--line-width", "--kpt-thr", "--person", "--ids/--no-ids",
        "--boxes/--no-boxes", "--skeleton-only", "--blur-faces",
    ),
    "How people are found": (
        "--preset", "--detector", "--boxes", "--det-conf", "--det-size", "--det-every", "--max-people",
        "--track/--no-track",
    ),
    "How keypoints are found": (
        "--model", "--weights", "--flip-test/--no-flip-test", "--decode", "--smooth/--no-smooth",
    ),
    "How it is computed": ("--backend", "--device"),
    "Otherwise": ("--max-pixels", "--quiet", "--debug", "--help", HELP_ALL),
}  # fmt: skip
"""Title -> option declarations, in the order of the help."""


def key(option: click.Option) -> str:
    """Return an option's name in `GROUPS`: `--out`, `--track/--no-track`."""
    return "/".join((option.opts[-1], *option.secondary_opts))


def grouped(options: list[click.Option]) -> list[tuple[str, list[click.Option]]]:
    """Return the options by title; ungrouped ones come first, under "Options"."""
    named = {key(option): option for option in options}
    known = {name for names in GROUPS.values() for name in names}
    parts = [("Options", [option for name, option in named.items() if name not in known])]
    parts += [(title, [named[name] for name in names if name in named]) for title, names in GROUPS.items()]
    return [(title, part) for title, part in parts if part]


class GroupedCommand(click.Command):
    """Command whose help groups the options under titles.

    With `essential`, names as returned by `key`, `--help` shows only those options and `--help-all` all.
    """

    def __init__(self, *args: Any, essential: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.essential = essential
        self._help_all = _help_all_option()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters and its help options."""
        return [*super().get_params(ctx), self._help_all]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list per group, or a single list of the essential options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        options = [option for option in options if not option.hidden]
        if not self.essential or ctx.meta.get(HELP_ALL):
            parts = grouped([option for option in options if self.essential or key(option) != HELP_ALL])
        else:
            named = {key(option): option for option in options}
            parts = [("Options", [named[name] for name in (*self.essential, "--help", HELP_ALL)])]
        for title, part in parts:
            rows = [row for row in (option.get_help_record(ctx) for option in part) if row is not None]
            with formatter.section(title):
                formatter.write_dl(rows)


def _help_all_option() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            ctx.meta[HELP_ALL] = True
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()

    return click.Option(
        [HELP_ALL], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show every option."
    )


class NamedCommands(click.Group):
    """Command group that suggests the closest command for an unknown name."""

    other_words: ClassVar[dict[str, str]] = {}
    """Synonym -> command name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, with our own error message. Raises click.UsageError."""
        name = args[0]
        known = self.list_commands(ctx)
        if name in known or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        path = " ".join(ctx.command_path.split())
        near = nearest(name, known, self.other_words)
        if near is None:
            choices = ", ".join(known)
            raise click.UsageError(f"There is no command {name!r} of `{path}`; choose one of {choices}.", ctx)
        words = arguments()
        place = len(words) - len(args)  # the preceding words belong to the parent groups
        right = typed(*words[:place], near, *words[place + 1 :]) if words[place : place + 1] == [name] else ""
        type_that = f" `{right}`" if right else ""
        raise click.UsageError(
            f"There is no command {name!r} of `{path}`; did you mean {near}?{type_that}", ctx
        )
