"""Help of commands with many options: options that go together stand together, under a title."""

from __future__ import annotations

import click

GROUPS: dict[str, tuple[str, ...]] = {
    "Source": ("--camera", "--replay", "--loop", "--size", "--fps", "--reconnect"),
    "Which videos and pictures": ("--recursive", "--skip-existing", "--jobs", "--cluster", "--ray-address"),
    "How much of it": ("--start", "--end", "--step", "--crop", "--rotate", "--duration", "--max-frames"),
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
    "Otherwise": ("--max-pixels", "--quiet", "--debug", "--help"),
}  # fmt: skip
"""Title -> options as they are declared, in the order of the help."""


def key(option: click.Option) -> str:
    """An option's name in `GROUPS`: `--out`, `--track/--no-track`."""
    return "/".join((option.opts[-1], *option.secondary_opts))


def grouped(options: list[click.Option]) -> list[tuple[str, list[click.Option]]]:
    """Options by title; what is in no group of its own comes first, under "Options"."""
    named = {key(option): option for option in options}
    known = {name for names in GROUPS.values() for name in names}
    parts = [("Options", [option for name, option in named.items() if name not in known])]
    parts += [(title, [named[name] for name in names if name in named]) for title, names in GROUPS.items()]
    return [(title, part) for title, part in parts if part]


class GroupedCommand(click.Command):
    """A command whose `--help` has a title over each group of options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list for each group."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for title, part in grouped([option for option in options if not option.hidden]):
            rows = [row for row in (option.get_help_record(ctx) for option in part) if row is not None]
            with formatter.section(title):
                formatter.write_dl(rows)
