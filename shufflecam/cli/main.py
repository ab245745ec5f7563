"""The `shufflecam` command: the list of commands, and the mapping of errors to messages and exit codes."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from shufflecam.cli.console import print_error
from shufflecam.cli.faults import check_folder
from shufflecam.cli.help import HELP_ALL, NamedCommands
from shufflecam.cli.mistakes import sentence
from shufflecam.cli.registry import COMMANDS, OTHER_COMMANDS, TITLES, Commands
from shufflecam.cli.settings import check_variables, defaults, read_files
from shufflecam.cli.streams import give_up, mend
from shufflecam.core.errors import ShufflecamError, UsageError
from shufflecam.core.reasons import unexpected
from shufflecam.core.version import __version__

REPORTED = (
    "torch", "openvino", "onnxruntime", "ultralytics", "opencv-python", "av", "numpy", "click",
)  # fmt: skip
"""Packages whose versions are relevant to a bug report."""


class CommandList(NamedCommands):
    """Command group that imports modules lazily and resolves a lone input to its command."""

    other_words = OTHER_COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command, or None if there is none of this name."""
        return Commands()[name] if name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve `shufflecam in.mp4` as `shufflecam video in.mp4`; other inputs raise UsageError."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from shufflecam.cli.bare import command_for

            name = command_for(args)
            if name is not None:
                ctx.ensure_object(dict)["arguments"] = [name, *args]
                return name, self.get_command(ctx, name), args
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list per title in `TITLES`."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for name, command in Commands().items():
            if name in TITLES:
                rows = parts.setdefault(TITLES[name], [])
            rows.append((name.ljust(max(map(len, COMMANDS))), command.get_short_help_str(100)))
        for title, part in parts.items():
            with formatter.section(title):
                formatter.write_dl(part)


@click.group(
    cls=CommandList,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A video alone, as in `shufflecam in.mp4`, is taken as `shufflecam video in.mp4`. "
    "Pictures never leave this machine. Each command has its own --help with examples.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _print_versions(context, wanted),
    help="Show the versions that matter in a report of a fault.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Skeletons from a webcam, a video or a folder of pictures.

    \b
      shufflecam webcam                         live skeletons from a camera
      shufflecam video in.mp4 --out out.mp4     a video with skeletons, its sound and timing kept
      shufflecam images photos/ --json          keypoints of every picture
    """  # noqa: D301 - click wants the real backspace character
    _take_settings(context)


def _print_versions(context: click.Context, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    import platform
    from importlib import metadata

    click.echo(f"shufflecam, version {__version__}")
    click.echo(f"Python {platform.python_version()}, {platform.platform()}")
    for name in REPORTED:
        with suppress(metadata.PackageNotFoundError):
            click.echo(f"{name} {metadata.version(name)}")
    context.exit()


def _take_settings(context: click.Context) -> None:
    """Take defaults from the settings files and the environment."""
    name = context.invoked_subcommand
    # `config` reports invalid settings itself, and an invalid file must not prevent the help.
    if name is None or name not in COMMANDS or name == "config" or (context.obj or {}).get("help"):
        return
    commands = Commands()
    command = commands[name]
    context.default_map = {name: defaults(command, name, read_files(), commands)[0]}
    check_variables(command, name)


def run(args: list[str] | None = None) -> None:
    """Run one command and exit with its exit code (see `core.errors`)."""
    arguments = sys.argv[1:] if args is None else args
    debug = "--debug" in arguments
    mend()
    try:
        check_folder(arguments)
        asks_help = not {"-h", "--help", HELP_ALL}.isdisjoint(arguments)
        code = cli.main(
            args=arguments,
            prog_name="shufflecam",
            standalone_mode=False,
            obj={"help": asks_help, "arguments": arguments},
        )
        code = code or 0
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # since click 8.2: its message is the help
            error.show()
        else:
            print_error(UsageError(sentence(error, arguments)), debug)
        code = error.exit_code
    except click.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader closed the pipe early (`| head`), which is not an error. Python would report it
        # again when it flushes standard output at exit.
        give_up(1)
        code = 1
    except ShufflecamError as error:
        print_error(error, debug)
        code = error.exit_code
    except Exception as error:
        print_error(ShufflecamError(unexpected(error)), debug, cause=error)
        code = 1
    sys.exit(code)
