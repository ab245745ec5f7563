"""`shufflecam convert`: convert a saved record to the formats of other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import typed
from shufflecam.cli.options.common import common_options
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted, listed
from shufflecam.records.formats import FORMATS, OWN, convertible_formats, implied_formats, names_where
from shufflecam.records.open import STDOUT, RecordTarget

FOLDERS = names_where(lambda entry: entry.is_folder)
SMOOTHED = names_where(lambda entry: entry.keypoints == "smoothed")
TABLES = names_where(lambda entry: entry.silent_on_aspect and entry.angles)
# The native format comes last: the input is in it already.
STREAMED = [f"{name} (in lines)" if name == OWN else name for name in names_where(lambda e: e.streamed)][::-1]


@click.command(
    short_help="Write a record as CSV, Parquet, TRC, OpenPose, COCO, ...",
    epilog="""\b
Examples:
  shufflecam convert poses.jsonl poses.csv --angles
  shufflecam convert poses.jsonl --out squat.trc --pixels-per-metre 410
  shufflecam convert poses.jsonl --format labelme --video squat.mp4 --out labels/
  shufflecam convert poses.json --format coco --out results.json --image-ids person_keypoints_val2017.json
""",
)
@click.argument("poses", metavar="POSES", type=click.Path(path_type=Path))
@click.argument("target", metavar="[FILE|DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice([entry.name for entry in convertible_formats()]),
    show_default=f"by the ending of the file: {', '.join(implied_formats())}",
    help="What is written.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    help=f"Where to, as FILE|DIR behind POSES; {listed(FOLDERS)} write a folder. Without it "
    f"{listed(STREAMED)} go to standard output.",
)
@click.option("--angles", is_flag=True, help=f"Joint angles, in degrees: in {listed(TABLES)} a column each.")
@click.option(
    "--smoothed/--raw",
    "smoothed",
    default=None,
    help=f"Keypoints and angles as they were drawn, or as they were found. Without it {listed(SMOOTHED)} "
    "have them as drawn, the formats that are for scoring and labelling as found; shufflecam keeps both.",
)
@click.option(
    "--image-ids",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="coco: annotations that number the pictures.",
)
@click.option(
    "--video",
    metavar="FILE",
    type=click.Path(exists=True),
    help="labelme: the record's video; its pictures are written beside their labels.",
)
@click.option(
    "--pixels-per-metre",
    metavar="N",
    type=click.FloatRange(0, min_open=True),
    help="trc: the picture's scale where the people are, of pixels counted downwards; the file is then in "
    "metres, not in pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist already.")
@common_options
def command(
    poses: Path,
    target: Path | None,
    kind: str | None,
    out: Path | None,
    angles: bool,
    smoothed: bool | None,
    image_ids: Path | None,
    video: str | None,
    pixels_per_metre: float | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write a record (POSES, .json or .jsonl) in another format; no model is needed.

    A record that a killed program left is read up to its last whole line.
    """
    from shufflecam.evaluate.entries import image_ids_of
    from shufflecam.jobs.convert import ConvertJob, convert
    from shufflecam.jobs.outputs import frames_as_ids, written_to

    talk = Terminal(quiet)
    out = _one_target(poses, target, out)
    job = ConvertJob(
        poses,
        RecordTarget(STDOUT if out is None else str(out), kind or _kind_by_ending(poses, out), angles),
        smoothed=smoothed,
        numbers=None if image_ids is None else partial(image_ids_of, image_ids),
        video=video,
        pixels_per_metre=pixels_per_metre,
        overwrite=overwrite,
    )
    done = convert(job, talk)
    written = written_to(*done.paths) + ("" if done.numbered else frames_as_ids(job.target))
    talk.say(f"{counted(done.frames, 'frame')}, {counted(done.people, 'pose')}, {done.words}{written}")


def _one_target(poses: Path, target: Path | None, out: Path | None) -> Path | None:
    """Return the output path, given as FILE|DIR or as --out.

    Raises:
        UsageError: both are given, or the output and POSES are swapped.
    """
    if target is None:
        return out
    if out is not None:
        raise UsageError(f"{target} and --out {out} both say where to; leave one of them out.")
    if not poses.exists() and target.is_file() and target.suffix.lower() in FORMATS[OWN].endings:
        raise UsageError(f"The record comes first: `{typed('convert', str(target), str(poses))}`")
    return target


def _kind_by_ending(poses: Path, out: Path | None) -> str:
    """Return the format implied by the file extension. Raises UsageError for an unknown or ambiguous one."""
    name = str(poses)
    if out is None:
        raise UsageError(
            f"Say what is to be written: `{typed('convert', name, poses.with_suffix('.csv').name)}` for a "
            "table, or --format and --out for the others."
        )
    implied = implied_formats()
    if out.suffix.lower() in implied:
        return implied[out.suffix.lower()].name
    fitting = [entry.name for entry in convertible_formats() if out.suffix.lower() in entry.endings]
    if not fitting and not out.suffix:
        fitting = FOLDERS
    if not fitting:
        known = ", ".join(implied)
        raise UsageError(f"{out}: no format ends in {out.suffix}; end it in {known}, or add --format.")
    first = typed("convert", name, str(out), "--format", fitting[0])
    raise UsageError(f"{out} can be {' or '.join(fitting)}; say which with --format: `{first}`")
