"""`shufflecam demo`: the whole main job on a clip that is made on the spot."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.options.shared import model_options
from shufflecam.core.errors import OutputError, SourceError
from shufflecam.core.reasons import reason
from shufflecam.core.words import counted
from shufflecam.jobs.demo import CLIP_FPS, CLIP_SECONDS, PHOTOS, make_clip


@click.command(
    short_help="Try it: a clip made from two photos, and its skeletons.",
    cls=GroupedCommand,
    epilog="""\b
Example:
  shufflecam demo
""",
)
@click.option(
    "-o",
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default="./shufflecam-demo",
    show_default=True,
    help="Where the clip, the video and the record go; the demo's own files there are replaced.",
)
@model_options
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, quiet: bool, debug: bool, **options: Any) -> None:
    """Make a ten-second clip from two photos and run the whole video job on it."""
    from shufflecam.cli.options.finder import pop_settings
    from shufflecam.jobs.video import VideoJob, run_video

    talk = Terminal(quiet)
    finder_options = pop_settings({**options, "track": True, "smooth": True})
    photos = [_photo(name) for name in PHOTOS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot make the folder {folder}: {reason(error)}; choose another with --out."
        ) from error
    clip, video, record = folder / "input.mp4", folder / "skeletons.mp4", folder / "poses.jsonl"
    for old in (clip, video, record):
        old.unlink(missing_ok=True)
    talk.say(
        f"making {clip}: {CLIP_SECONDS} s at {CLIP_FPS} fps, a camera moving over {' and '.join(PHOTOS)}"
    )
    make_clip(photos, clip)
    job = VideoJob(source=str(clip), out=video, json_target=str(record))
    outcome = run_video(job, finder_options, talk)
    talk.say(
        f"\nDone. Look at {video}; the keypoints of its {counted(outcome.frames, 'frame')} are in {record}.\n"
        f"Next: shufflecam webcam, or shufflecam video YOUR.mp4 --out SKELETONS.mp4"
    )


def _photo(name: str) -> Path:
    """The path of one of the photos that the installed ultralytics package ships; does not import it."""
    spec = find_spec("ultralytics")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "assets" / name
        if path.is_file():
            return path
    raise SourceError(f"The demo's photo {name} is not in the ultralytics package; reinstall it with pip.")
