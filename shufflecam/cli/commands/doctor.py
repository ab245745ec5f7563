"""`shufflecam doctor`: check the installation: what is available, what is missing, and how to fix it."""

from __future__ import annotations

import sys

import click

from shufflecam.cli.options.common import debug_option
from shufflecam.jobs.doctor import EXAMINATIONS, findings_of


@click.command()
@debug_option
def command() -> int:
    """Check versions, devices, display, cameras, codecs and weights.

    Exit code 0 when all that the main jobs need is here, 1 otherwise.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    checks = [check for examine in EXAMINATIONS for check in findings_of(examine)]
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "state", "found", "to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        state = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.needed else "[dim]optional[/]"
        table.add_row(escape(check.name), state, escape(check.found), "" if check.ok else escape(check.todo))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    return int(any(not check.ok and check.needed for check in checks))
