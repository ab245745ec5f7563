"""The demo: a clip made from photos, processed by the video job."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import OutputError, SourceError
from shufflecam.core.reasons import reason
from shufflecam.jobs.photos import photo_path

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.types import ImageArray
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.pipeline.run import Outcome
    from shufflecam.pipeline.stop import StopRequest


PHOTOS = ("zidane.jpg", "bus.jpg")


CLIP_SIZE = (848, 480)


CLIP_FPS = 30


CLIP_SECONDS = 10


# A camera move over each photo, from the first to the last frame: (centre x, centre y, width) as shares
# of the photo.
MOVES = (
    ((0.42, 0.50, 0.80), (0.58, 0.50, 0.72)),
    ((0.50, 0.60, 1.00), (0.50, 0.53, 0.94)),
)


def run_demo(
    folder: Path, settings: FinderSettings, talk: Reporter, stop: StopRequest | None = None
) -> tuple[Outcome, Path]:
    """Make a clip from photos and run the full video job on it.

    Args:
        folder: for clip, video and record; created if needed, and those of an earlier demo are replaced.
        settings: the networks.
        talk: receives notes and progress.
        stop: ends the run early with its outputs complete; None: it cannot be stopped.

    Returns:
        The run's outcome, and the video.

    Raises:
        SourceError: the photos are missing.
        OutputError: the folder cannot be created.
        Whatever `jobs.video.process_video` raises.
    """
    from shufflecam.jobs.video import VideoJob, process_video
    from shufflecam.records.open import RecordTarget

    photos = [photo_path(name) for name in PHOTOS]
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
    job = VideoJob(source=str(clip), out=video, record=RecordTarget(str(record)))
    return process_video(job, settings, talk, stop), video


def make_clip(photos: list[Path], path: Path) -> None:
    """Write the demo's input: the camera glides over each photo for an equal share of the time.

    Args:
        photos: pictures readable by OpenCV.
        path: the .mp4 to write.
    """
    import cv2

    from shufflecam.media.video import VideoWriter

    per_photo = CLIP_SECONDS * CLIP_FPS // len(photos)
    writer = VideoWriter(path, size=CLIP_SIZE, rate=Fraction(CLIP_FPS))
    number = 0
    try:
        for photo, move in zip(photos, MOVES, strict=True):
            picture = cv2.imread(str(photo))
            if picture is None:
                raise SourceError(f"The demo's photo {photo} cannot be read; reinstall ultralytics with pip.")
            for frame in glide(picture, move[0], move[1], per_photo):
                writer.write_image(frame, number / CLIP_FPS)
                number += 1
    finally:
        writer.close()


def glide(
    picture: ImageArray, start: tuple[float, float, float], end: tuple[float, float, float], frames: int
) -> Iterator[ImageArray]:
    """Yield the frames of a camera that glides over a picture.

    Args:
        picture: (H, W, 3) uint8.
        start: (centre x, centre y, width) of the view, as shares of the picture's width and height.
        end: the same for the last frame.
        frames: number of frames.

    Yields:
        (480, 848, 3) uint8, with the picture's edge repeated where the view extends beyond it.
    """
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    for index in range(frames):
        share = index / max(frames - 1, 1)
        share = share * share * (3 - 2 * share)  # ease in and out
        x, y, view = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        zoom = CLIP_SIZE[0] / (view * width)
        matrix = np.array(
            [
                [zoom, 0, CLIP_SIZE[0] / 2 - zoom * x * width],
                [0, zoom, CLIP_SIZE[1] / 2 - zoom * y * height],
            ]
        )
        yield cv2.warpAffine(
            picture, matrix, CLIP_SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
