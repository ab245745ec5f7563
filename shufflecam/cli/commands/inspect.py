"""`shufflecam inspect`: summarise a saved record."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.options.common import debug_option
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from shufflecam.records.quality import RecordQuality
    from shufflecam.records.reader import SavedRecord
    from shufflecam.records.summary import RecordSummary


@click.command(
    short_help="Who is in a record, for how long, how sure.",
    epilog="""\b
Examples:
  shufflecam inspect poses.jsonl
  shufflecam inspect poses.json --json | jq .people
  shufflecam inspect poses.jsonl --quality
""",
)
@click.argument("poses", metavar="POSES", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object on standard output instead of a table.")
@click.option(
    "--quality",
    is_flag=True,
    help="How far the skeletons are to be trusted: people drawn twice, limbs that leap, joints that blink.",
)
@debug_option
def command(poses: Path, as_json: bool, quality: bool) -> None:
    """Who is in a record (POSES, .json or .jsonl), for how long, how sure, and what is missing."""
    from shufflecam.records.open import read_record
    from shufflecam.records.quality import measure
    from shufflecam.records.summary import summarize

    saved = read_record(poses)
    found = summarize(saved)
    measured = measure(saved) if quality else None
    if as_json:
        more = {} if measured is None else {"quality": measured.figures()}
        click.echo(json.dumps(_plain(saved, found) | more, allow_nan=False))
    else:
        _print(saved, found)
        if measured is not None:
            _print_quality(measured)


def _plain(saved: SavedRecord, found: RecordSummary) -> dict[str, Any]:
    from shufflecam.records.choice import has_smoothed
    from shufflecam.records.coverage import goes_on

    people = [
        {
            "id": number,
            **asdict(person),
            "mean_score": round(person.mean_score, 4),
            "share": round(found.share(number), 4),
            "then": goes_on(found, number),
        }
        for number, person in found.people.items()
    ]
    plotted = {"plotted": found.chosen} if people else {}
    header = {key: saved.header.get(key) for key in ("source", "model", "detector", "version")}
    totals = {**asdict(found), "missing": found.missing.counts(), "smoothed": has_smoothed(saved)}
    return {**header, **totals, **plotted, "people": people}


def _print(saved: SavedRecord, found: RecordSummary) -> None:
    from rich.console import Console
    from rich.table import Table

    from shufflecam.core.pixels import shown_size
    from shufflecam.records.choice import has_smoothed
    from shufflecam.records.coverage import coverage, untracked
    from shufflecam.records.summary import SURE

    console = Console(highlight=False, soft_wrap=True)
    source, model = saved.header.get("source", {}), saved.header.get("model", {})
    console.print(
        f"{saved.path}: {source.get('kind')} {source.get('path')}, {model.get('name')}", markup=False
    )
    size = f"{source.get('width')}x{source.get('height')}" if source.get("width") else "sizes differ"
    if saved.size is not None and saved.pixel_aspect != 1.0:
        width, height = shown_size(saved.size, saved.pixel_aspect)
        size += f" shown as {width}x{height}"
    if found.notice:
        console.print(found.notice, style="yellow", markup=False)
    if found.camera_gaps:
        times = "once" if found.camera_gaps == 1 else f"{found.camera_gaps} times"
        console.print(f"the camera was away {times}, {found.camera_away_s:.1f} s in all")
    end = {None: "killed before its end", True: "complete", False: "stopped early"}[found.complete]
    if found.missing:
        end = f"not whole (missing: {found.missing})"
    dropped = f", {found.dropped} dropped" if found.dropped else ""
    console.print(
        f"{counted(found.frames, 'frame')} ({size}, {found.last_s - found.first_s:.1f} s){dropped}, {end}; "
        f"people in {found.with_people}, at most {found.most_people} at once",
        markup=False,
    )
    table = Table("id", "from", "to", "frames", "seen", "sure", "score", "gaps", "longest gap")
    for number, person in sorted(found.people.items(), key=lambda item: item[1].first_s):
        table.add_row(
            "-" if number is None else str(number),
            f"{person.first_s:.2f} s",
            f"{person.last_s:.2f} s",
            str(person.frames),
            f"{found.share(number):.0%}",
            f"{person.sure / max(person.keypoints, 1):.0%}",
            f"{person.mean_score:.2f}",
            str(person.gaps),
            f"{person.longest_gap_s:.2f} s" if person.gaps else "",
        )
    if found.people:
        console.print(table)
        console.print(f"{coverage(found, found.chosen)}; it is who `shufflecam plot` takes", markup=False)
        if warning := untracked(found):
            console.print(warning, style="yellow", markup=False)
        which = "smoothed keypoints (raw ones beside them)" if has_smoothed(saved) else "raw keypoints"
        console.print(f"drawn, plotted and in tables: {which}", style="dim", markup=False)
        console.print(f"sure: keypoints of {SURE} and more; score: the mean over all keypoints", style="dim")
    else:
        console.print("nobody was found in any frame")


def _print_quality(measured: RecordQuality) -> None:
    from rich.console import Console
    from rich.table import Table

    from shufflecam.records.quality import FEW

    console = Console(highlight=False, soft_wrap=True)
    table = Table("quality", "here", "good", "of")
    shown = measured.figures()
    for name, words, unit in _MEASURES:
        value = shown[name]
        good = FEW.get(name)
        style = "" if good is None or value is None or value < good else "yellow"
        said = "-" if value is None else f"[{style}]{value:g}[/]{unit}" if style else f"{value:g}{unit}"
        table.add_row(words, said, "" if good is None else f"< {good:g}{unit}", _of(measured, name))
    console.print(table)
    console.print("of what is drawn; see docs/record.md, Quality", style="dim", markup=False)


_MEASURES = (
    ("doubled", "people drawn twice", " %"),
    ("leaps", "limbs that leap", " in 1,000"),
    ("blinks", "joints that blink", " in 1,000"),
    ("tremble", "joints to and fro", " % of size"),
    ("brief_ids", "there for under 1 s", ""),
)
"""(Name in `RecordQuality.figures`, description, unit) for each row."""


def _of(measured: RecordQuality, name: str) -> str:
    return {
        "doubled": counted(measured.frames, "frame"),
        "leaps": counted(measured.limbs, "limb"),
        "blinks": counted(measured.joints, "joint"),
        "brief_ids": counted(len(measured.seconds), "id"),
    }.get(name, "")
