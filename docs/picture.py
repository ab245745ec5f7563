"""Makes the picture at the top of the README, from a photo that ultralytics' package carries.

    python docs/picture.py [--detector NAME|FILE]

Run it again when the embedded weights have become better. The photo is under ultralytics' AGPL-3.0.
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np

import shufflecam
from shufflecam.drawing.draw import draw
from shufflecam.drawing.look import Look
from shufflecam.jobs.photos import photo_path

TARGET = Path(__file__).with_name("shufflecam.jpg")
HEIGHT = 460
LIMIT = 300_000

PHOTO = "bus.jpg"
PART = (0.0, 0.32, 1.0, 0.90)
"""(left, top, right, bottom) as shares: what is shown of it."""


@click.command()
@click.option("--detector", default="auto", help="As for the commands.")
def main(detector: str) -> None:
    """Write docs/shufflecam.jpg."""
    find_poses = shufflecam.load(detector=detector, det_size=640, flip_test=True, decode="dark")
    photo = cv2.imread(photo_path(PHOTO))
    poses = find_poses(photo)
    height, width = photo.shape[:2]
    left, top, right, bottom = (
        round(share * side) for share, side in zip(PART, (width, height) * 2, strict=True)
    )
    panels = []
    for look in (Look(thickness=5), Look(skeleton_only=True, thickness=5)):
        part = draw(photo, poses, find_poses.skeleton, look)[top:bottom, left:right]
        size = (round(part.shape[1] * HEIGHT / part.shape[0]), HEIGHT)
        panels.append(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    gap = np.full((HEIGHT, 6, 3), 255, np.uint8)
    row = np.hstack([piece for panel in panels for piece in (panel, gap)][:-1])
    for quality in range(88, 30, -4):
        _, data = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) < LIMIT:
            break
    TARGET.write_bytes(data.tobytes())
    click.echo(f"{TARGET}: {row.shape[1]}x{row.shape[0]}, {len(data)} bytes")


if __name__ == "__main__":
    main()
