"""`shufflecam render`: draw the skeletons of a saved record into its video, without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.intent import kind_of, typed
from shufflecam.cli.options.common import common_options
from shufflecam.cli.options.encoding import encoding_options, pop_encoding
from shufflecam.cli.options.shared import deinterlace_option, max_pixels_option, pop_look, with_look
from shufflecam.cli.unnamed import skeleton_path
from shufflecam.core.errors import UsageError


@click.command(
    short_help="Draw a record into its video, with another look.",
    cls=GroupedCommand,
    epilog="""\b
Examples:
  shufflecam render squat.mp4 squat.jsonl --out squat-lines.mp4 --style openpose
  shufflecam render squat.mp4 squat.jsonl --out squat-black.mp4 --skeleton-only --person 1
  shufflecam render match.mp4 match.json --out match-blurred.mp4 --blur-faces --no-ids
""",
)
@click.argument("video", metavar="VIDEO", type=click.Path())
@click.argument("poses", metavar="POSES", type=click.Path(path_type=Path))
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="FILE behind POSES, or VIDEO-skeleton.mp4 in the current folder",
    help="The video with skeletons (.mp4, .mov or .mkv).",
)
@click.option(
    "--person",
    "people",
    metavar="N",
    type=click.IntRange(0),
    multiple=True,
    help="Draw this person only (the number at the head); may be repeated.",
)
@click.option("--ids/--no-ids", default=True, show_default=True, help="A number at each person's head.")
@click.option("--boxes/--no-boxes", default=False, show_default=True, help="Each person's box.")
@with_look
@encoding_options
@max_pixels_option
@deinterlace_option
@click.option("--overwrite", is_flag=True, help="Replace a file that exists already.")
@common_options
def command(
    video: str,
    poses: Path,
    target: Path | None,
    out: Path | None,
    people: tuple[int, ...],
    ids: bool,
    boxes: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Draw a record (POSES, .json or .jsonl) into the VIDEO that it was made from; no model is needed.

    Sound and timing are kept, as in `video`; what was cut out with --start, --end and --step comes out
    again. A record of another video is refused. Where the record breaks off, so does the output (exit
    code 5).
    """
    from shufflecam.jobs.redraw import RedrawJob, draw_again
    from shufflecam.pipeline.stop import stop_on_signals

    talk = Terminal(quiet)
    encoding = pop_encoding(options)
    look = replace(pop_look(options), ids=ids, boxes=boxes)
    if target is not None and out is not None:
        raise UsageError(f"{target} and --out {out} both say where to; leave one of them out.")
    if _is_swapped(video, poses):
        video, poses = str(poses), Path(video)
        talk.note(f"taken as `{typed('render', video, str(poses))}`: the video comes first")
    out = target or out
    if out is None:
        out = skeleton_path(video, talk, codec=encoding.codec, overwrite=options["overwrite"])
    job = RedrawJob(video, poses, out, look, frozenset(people), encoding, **options)
    with stop_on_signals() as stop:
        outcome = draw_again(job, talk, stop)
    outcome.check()


def _is_swapped(video: str, poses: Path) -> bool:
    """Return whether VIDEO is a record and POSES is not, which means that the two are swapped."""
    return kind_of(video) == "record" and kind_of(str(poses)) != "record" and poses.is_file()
