"""`shufflecam train label`: label people's keypoints in pictures with a teacher network."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options.common import common_options
from shufflecam.core.errors import OutputError
from shufflecam.core.reasons import reason
from shufflecam.core.words import counted
from shufflecam.detect.defaults import DET_SIZE
from shufflecam.train.pictures import pictures_below


@click.command(
    "label",
    epilog="""\b
Example:
  shufflecam train label photos/ --out labels.json --teacher teacher.xml --detector yolov8n
""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="COCO-format file to write.",
)
@click.option(
    "--teacher",
    default="coco-256x192",
    show_default=True,
    metavar="NAME|FILE.xml",
    help="A pose model of the catalogue, or an OpenVINO heatmap network.",
)
@click.option(
    "--detector", default="auto", show_default=True, metavar="auto|NAME|FILE", help="Who finds people."
)
@click.option(
    "--det-conf", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Its least score."
)
@click.option(
    "--max-people", type=click.IntRange(1), default=3, show_default=True, help="The largest of a picture."
)
@click.option(
    "--min-height", type=click.FloatRange(1), default=90, show_default=True, help="Smallest box in pixels."
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@common_options
def command(
    folder: Path,
    out: Path,
    teacher: str,
    detector: str,
    det_conf: float,
    max_people: int,
    min_height: float,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Let a teacher network find the keypoints in the pictures below FOLDER, to train on them."""
    from shufflecam.core.files import check_writable
    from shufflecam.detect.open import open_detector
    from shufflecam.models.fetch import fetch_detector
    from shufflecam.train.pose.label import OpenVinoTeacher
    from shufflecam.train.pose.label import label as label_pictures

    talk = Terminal(quiet)
    pictures = pictures_below(folder)
    check_writable(out, overwrite)
    if teacher.endswith(".xml"):
        estimator = OpenVinoTeacher(Path(teacher)).estimator()
    else:
        from shufflecam.pose.estimator import HeatmapEstimator
        from shufflecam.pose.open import load_pose_engine

        engine, entry, *_ = load_pose_engine(teacher, None, backend="auto", device="auto")
        estimator = HeatmapEstimator(engine, entry.skeleton, entry.input_size)
    fetch_detector(detector, talk)
    finder, _ = open_detector(detector, det_conf=det_conf, det_size=DET_SIZE, max_people=50, device="auto")
    with talk.progress("pictures", len(pictures), each="picture") as meter:
        document = label_pictures(
            pictures,
            folder,
            finder,
            estimator,
            min_height=min_height,
            max_people=max_people,
            on_picture=meter.advance,
        )
    try:
        out.write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {reason(error)}.") from error
    people, images = len(document["annotations"]), len(document["images"])
    talk.say(f"{counted(people, 'person')} in {counted(images, 'picture')} -> {out}")
