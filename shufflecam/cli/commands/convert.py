"""`shufflecam convert`: a saved record in the formats of other programs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import typed
from shufflecam.core.errors import UsageError
from shufflecam.core.missing import Missing
from shufflecam.core.words import counted
from shufflecam.evaluate.entries import _numbers
from shufflecam.jobs.convert import ENDINGS, _recorded, _sink, _trc_sink

if TYPE_CHECKING:
    from shufflecam.records.image_ids import ImageIds
    from shufflecam.records.reader import SavedRecord


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
    from shufflecam.core.files import refuse_same_file
    from shufflecam.jobs.outputs import frames_as_ids, note_stored_pixels, written_to
    from shufflecam.records.choice import KeypointChoice
    from shufflecam.records.open import said_of_angles
    from shufflecam.records.reader import read_record

    talk = Terminal(quiet)
    out = _one_target(poses, target, out)
    kind = kind or _kind_by_ending(poses, out)
    endings = ENDINGS[kind]
    if out is None and kind not in ("shufflecam", "coco", "csv"):
        raise UsageError(f"--format {kind} cannot go to standard output; add --out.")
    if endings and out is not None and out.suffix.lower() not in endings:
        raise UsageError(f"--out {out}: --format {kind} writes a file that ends in {' or '.join(endings)}.")
    if angles and kind not in ("shufflecam", "csv", "parquet"):
        raise UsageError("--angles goes into shufflecam, csv and parquet; take one of these, or leave it.")
    if image_ids is not None and kind != "coco":
        raise UsageError("--image-ids numbers the pictures of --format coco; leave it out.")
    if video is not None and kind != "labelme":
        raise UsageError("--video gives the pictures for --format labelme; leave it out.")
    if pixels_per_metre is not None and kind != "trc":
        raise UsageError("--pixels-per-metre is the scale of --format trc; leave it out.")
    refuse_same_file(out, str(poses), "--out")
    saved = read_record(poses)
    note_stored_pixels(kind in ("csv", "parquet"), saved.pixel_aspect, talk)
    with ExitStack() as stack:
        source = None if video is None else stack.enter_context(_recorded(video, saved))
        ids = _image_ids(saved, image_ids) if kind == "coco" else None
        if ids is not None and (said := ids.said()):
            talk.note(said)
        if kind == "trc" and out is not None:
            sink = _trc_sink(saved, out, pixels_per_metre, overwrite=overwrite)
        else:
            sink = _sink(kind, out, pictures=video is not None, image_ids=ids, overwrite=overwrite)
        choice = KeypointChoice.of(saved, kind, smoothed)
        angles = angles or bool(saved.header.get("angles"))
        sink.begin(saved.header | choice.said | said_of_angles(angles, choice.drawn))
        frames = people = 0
        try:
            for result in saved.results(on_cut=talk.note) if source is None else source:
                sink.write(choice.of_result(result))
                frames, people = frames + 1, people + len(result.poses)
        finally:
            footer = saved.footer() or {}
            dropped = footer.get("dropped")
            sink.close(
                complete=footer.get("complete") is True,
                dropped=dropped if isinstance(dropped, int) else 0,
                missing=Missing.from_counts(footer.get("missing")),
            )
    written = written_to(*getattr(sink, "paths", [out])) + (frames_as_ids(kind) if ids is None else "")
    talk.say(f"{counted(frames, 'frame')}, {counted(people, 'pose')}, {choice.words}{written}")


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


def _image_ids(saved: SavedRecord, annotations: Path | None) -> ImageIds | None:
    """The ids of the record's pictures; None for a video, whose frames are numbered."""
    from shufflecam.records.image_ids import number_pictures

    annotated = {} if annotations is None else _numbers(annotations)
    names = [str(entry["file"]) for entry in saved.frames() if entry.get("file") is not None]
    if annotations is not None and not names:
        raise UsageError(f"--image-ids numbers pictures, and {saved.path} holds none; leave it out.")
    return number_pictures(names, annotated) if names else None
