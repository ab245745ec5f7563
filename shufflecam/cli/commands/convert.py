"""`shufflecam convert`: a saved record in the formats of other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import typed
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.jobs.convert import ENDINGS

if TYPE_CHECKING:
    pass


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
    type=click.Choice(list(ENDINGS)),
    show_default="by the ending of the file: .csv, .parquet, .trc, .jsonl",
    help="What is written.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    help="Where to, as FILE|DIR behind POSES; openpose and labelme write a folder. Without it csv, coco and "
    "shufflecam (in lines) go to standard output.",
)
@click.option("--angles", is_flag=True, help="Joint angles, in degrees: in csv and parquet a column each.")
@click.option(
    "--smoothed/--raw",
    "smoothed",
    default=None,
    help="Keypoints and angles as they were drawn, or as they were found. Without it csv, parquet and trc "
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
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
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
    debug: bool,
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
        kind or _kind_by_ending(poses, out),
        out,
        angles=angles,
        smoothed=smoothed,
        numbers=None if image_ids is None else partial(image_ids_of, image_ids),
        video=video,
        pixels_per_metre=pixels_per_metre,
        overwrite=overwrite,
    )
    done = convert(job, talk)
    written = written_to(*done.paths) + ("" if done.numbered else frames_as_ids(job.kind))
    talk.say(f"{counted(done.frames, 'frame')}, {counted(done.people, 'pose')}, {done.words}{written}")


def _one_target(poses: Path, target: Path | None, out: Path | None) -> Path | None:
    """Where to, of the two ways to say it. Raises UsageError where both were taken, or swapped with POSES."""
    if target is None:
        return out
    if out is not None:
        raise UsageError(f"{target} and --out {out} both say where to; leave one of them out.")
    if not poses.exists() and target.is_file() and target.suffix.lower() in (".json", ".jsonl"):
        raise UsageError(f"The record comes first: `{typed('convert', str(target), str(poses))}`")
    return target


BY_ENDING = {".csv": "csv", ".parquet": "parquet", ".trc": "trc", ".jsonl": "shufflecam"}
"""What a file is written as where no --format is given."""


def _kind_by_ending(poses: Path, out: Path | None) -> str:
    """The format that a file's name says. Raises UsageError where it says none, or several could be meant."""
    name = str(poses)
    if out is None:
        raise UsageError(
            f"Say what is to be written: `{typed('convert', name, poses.with_suffix('.csv').name)}` for a "
            "table, or --format and --out for the others."
        )
    kind = BY_ENDING.get(out.suffix.lower())
    if kind is not None:
        return kind
    fitting = [kind for kind, endings in ENDINGS.items() if out.suffix.lower() in endings]
    if not fitting and not out.suffix:
        fitting = [kind for kind, endings in ENDINGS.items() if not endings]
    if not fitting:
        known = ", ".join(BY_ENDING)
        raise UsageError(f"{out}: no format ends in {out.suffix}; end it in {known}, or add --format.")
    first = typed("convert", name, str(out), "--format", fitting[0])
    raise UsageError(f"{out} can be {' or '.join(fitting)}; say which with --format: `{first}`")
