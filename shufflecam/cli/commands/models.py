"""`shufflecam models`: list, download, verify and locate weights."""

from __future__ import annotations

import contextlib
import sys

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import NamedCommands
from shufflecam.cli.options.common import common_options, debug_option
from shufflecam.core.errors import WeightsError
from shufflecam.core.words import counted

STATE_COLOURS = {"embedded": "green", "cached": "green", "to fetch": "yellow", "missing": "red"}


@click.group(
    cls=NamedCommands,
    name="models",
    epilog="""\b
Fetched files are kept in SHUFFLECAM_CACHE, else in the system's cache folder.
SHUFFLECAM_MIRROR=https://example.org/files fetches from there instead of the
publisher's host: https://host/a/b.pth becomes https://example.org/files/a/b.pth.
""",
)
def command() -> None:
    """List, fetch and check the weights that shufflecam can load."""


@command.command("list", epilog="Example: shufflecam models list")
@debug_option
def list_models() -> None:
    """Every model: what it does, how well, under which licence, and whether it is here."""
    from rich.console import Console
    from rich.table import Table

    from shufflecam.models.automatic import auto_person, auto_pose
    from shufflecam.models.catalogue import BEST_FIRST, PoseEntry, all_entries, best_here, state_of

    taken = {auto_pose()}
    with contextlib.suppress(WeightsError):  # of an installation without a detector
        taken.add(auto_person())
    table = Table(box=None, pad_edge=False)
    whole = ("name", "finds", "input", "size", "state")
    for heading in (*whole, "published result", "licence"):
        # Names are meant to be copied: in a narrow terminal only the last columns may wrap.
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for entry in all_entries():
        finds, size = "people", "any"
        if isinstance(entry, PoseEntry):
            finds = counted(len(entry.skeleton.keypoints), "keypoint")
            size = f"{entry.input_size[0]}x{entry.input_size[1]}"
        state = state_of(entry)
        coloured = f"[{STATE_COLOURS[state]}]{state}[/]"
        if entry.name in taken:
            coloured += ", default"
        megabytes = f"{entry.megabytes:.1f} MB"
        table.add_row(entry.name, finds, size, megabytes, coloured, entry.published, entry.licence)
    # A pipe has no width to fit.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    # One line per kind: the best model available locally, and a better one to download.
    for what, option, names in zip(("poses", "people"), ("--model", "--detector"), BEST_FIRST, strict=True):
        best = best_here(names)
        here = "none is here" if best is None else f"best here: {option} {best}"
        better = "" if best == names[0] else f"; better: shufflecam models get {names[0]}"
        console.print(f"{what}: {here}{better}", highlight=False, soft_wrap=True)


@command.command(
    "get",
    epilog="""\b
Examples:
  shufflecam models get best
  shufflecam models get coco-256x192 yolov8n
""",
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--allow-unverified",
    is_flag=True,
    help="Fetch also a file whose SHA-256 nobody has noted; prints the hash of what came.",
)
@common_options
def get(names: tuple[str, ...], allow_unverified: bool, quiet: bool) -> None:
    """Fetch models into the cache; goes on where an earlier try broke off, and checks the hash.

    `best` is a published pose model and a detector that are better than what comes with the package; from
    then on every command takes them by itself.
    """
    from shufflecam.models.automatic import BEST
    from shufflecam.models.catalogue import entry
    from shufflecam.models.fetch import fetch

    talk = Terminal(quiet=quiet)
    wanted = [one for name in names for one in (BEST if name == "best" else (name,))]
    for model in [entry(name) for name in wanted]:
        with talk.download(model.name) as on_progress:
            fetched = fetch(model, allow_unverified=allow_unverified, on_progress=on_progress)
        what = "fetched" if fetched.fresh else "already here"
        trust = "hash right" if fetched.verified else f"not verified, SHA-256 {fetched.sha256}"
        talk.say(f"{model.name}: {what}, {trust}: {fetched.path}")


@command.command("verify", epilog="Example: shufflecam models verify")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@common_options
def verify(names: tuple[str, ...], quiet: bool) -> None:
    """Check the files that are here against their known hashes: all of them, or those named.

    Exit code 4 where a file is not what was published or a named one is not here.
    """
    from shufflecam.models.catalogue import all_entries, entry, locate, require
    from shufflecam.models.fetch import check_sha256

    talk = Terminal(quiet=quiet)
    models = [entry(name) for name in names] or [model for model in all_entries() if locate(model)]
    wrong: list[WeightsError] = []
    for model in models:
        try:
            digest = check_sha256(require(model), model)
        except WeightsError as error:
            wrong.append(error)
            continue
        state = "right" if model.sha256 else "cannot be checked, no hash is known"
        talk.say(f"{model.name}: {state} (SHA-256 {digest})")
    if not models:
        talk.say("no weights are on this machine yet: shufflecam models get NAME")
    if wrong:
        raise WeightsError("; ".join(str(error) for error in wrong))


@command.command("path", epilog="""Example: cp "$(shufflecam models path coco-256x192)" .""")
@click.argument("name", metavar="NAME")
@debug_option
def path(name: str) -> None:
    """Print where a model's file is."""
    from shufflecam.models.catalogue import entry, require

    click.echo(require(entry(name)))
