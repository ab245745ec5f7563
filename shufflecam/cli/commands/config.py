"""`shufflecam config`: the settings in effect, and the origin of each."""

from __future__ import annotations

import json
from typing import Any

import click
from click.core import ParameterSource

from shufflecam.cli.help import NamedCommands
from shufflecam.cli.options.common import debug_option
from shufflecam.core.addresses import without_secrets
from shufflecam.core.errors import UsageError


@click.group(
    cls=NamedCommands,
    short_help="Options of your own, and where each comes from.",
    epilog="""\b
Examples:
  shufflecam config show
  shufflecam config show video
  SHUFFLECAM_VIDEO_CRF=18 shufflecam config show video --json
""",
)
def command() -> None:
    """Options of your own, from shufflecam.toml and from the environment.

    The current folder's shufflecam.toml wins over the one in your configuration folder (`config show` says
    where that is), a variable SHUFFLECAM_<COMMAND>_<OPTION> over both, the command line over all. What
    stands above the first [COMMAND] holds for every command that has such an option:

    \b
      kpt-thr = 0.4
      [video]
      preset = "accurate"
      crf = 18
    """  # noqa: D301 - click wants the real backspace character


@command.command(
    epilog="""\b
Examples:
  shufflecam config show
  shufflecam config show webcam
"""
)
@click.argument("name", metavar="[COMMAND]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One object on standard output instead of a table.")
@debug_option
def show(name: str | None, as_json: bool) -> None:
    """Each option's value and where it comes from; without COMMAND only what differs from the default."""
    from shufflecam.cli.registry import COMMANDS, Commands
    from shufflecam.cli.settings import places, read_files

    if name is not None and name not in COMMANDS:
        raise UsageError(f"There is no command {name!r}; choose one of {', '.join(COMMANDS)}.")
    files = read_files()
    commands = Commands()
    rows: list[dict[str, Any]] = []
    for one in COMMANDS if name is None else [name]:
        rows += _rows(commands[one], one, files, commands, everything=name is not None)
    looked = [{"path": str(path.absolute()), "there": path.is_file()} for path in places()]
    if as_json:
        click.echo(json.dumps({"files": looked, "settings": rows}))
        return
    _print(looked, rows)


def _rows(
    command: click.Command, path: str, files: Any, commands: Any, *, everything: bool
) -> list[dict[str, Any]]:
    from shufflecam.cli.settings import check_variables, defaults, options_of

    values, origins = defaults(command, path, files, commands)
    rows = []

    def visit(one: click.Command, where: str, given: dict[str, Any]) -> None:
        check_variables(one, where)
        # Without arguments, the resolved values are those in effect when no option is given.
        context = click.Context(one, info_name=where, default_map=given)
        for name, option in options_of(one).items():
            if name == "debug":
                continue
            value, source = option.consume_value(context, {})
            value = option.type_cast_value(context, value) if source is not ParameterSource.DEFAULT else value
            kind = {
                ParameterSource.ENVIRONMENT: option.envvar,
                ParameterSource.DEFAULT_MAP: str(origins.get((where, name))),
            }.get(source, "default")
            if everything or kind != "default":
                rows.append({"command": where, "option": name, "value": _plain(value), "from": kind})
        if isinstance(one, click.Group):
            for name, inner in one.commands.items():
                visit(inner, f"{where} {name}", given.get(name, {}))

    visit(command, path, values)
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return without_secrets(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    # Since click 8.3 a missing default is a sentinel object.
    return None if type(value).__name__ == "Sentinel" else without_secrets(str(value))


def _print(looked: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    for file in looked:
        console.print(f"{'read' if file['there'] else 'not there'}: {file['path']}", markup=False)
    if not rows:
        console.print("every option has its default")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("command", "option", "value", "from"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        value = "" if row["value"] is None else str(row["value"])
        table.add_row(row["command"], row["option"], escape(value), escape(str(row["from"])))
    console.print(table)
