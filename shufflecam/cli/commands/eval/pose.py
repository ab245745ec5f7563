"""`shufflecam eval`: compare a checkpoint with the published results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.commands.eval.detector import detector
from shufflecam.cli.console import Terminal
from shufflecam.cli.help import NamedCommands
from shufflecam.cli.options.evaluate import data_options, det_options, engine_options, results_options
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.evaluate.results import check_results, write_results

if TYPE_CHECKING:
    from shufflecam.evaluate.annotations import CocoSet
    from shufflecam.evaluate.coco import BoxSource, Result
    from shufflecam.evaluate.mpii_files import MpiiPeople
    from shufflecam.models.catalogue import PoseEntry


def network_options(command: Any) -> Any:
    """Add the options that select the pose network under evaluation."""
    for option in (
        click.option(
            "--batch",
            metavar="N",
            type=click.IntRange(1, 1024),
            default=32,
            show_default=True,
            help="Crops in one run of the network.",
        ),
        click.option(
            "--decode",
            type=click.Choice(["plain", "dark"]),
            default="plain",
            show_default=True,
            help="Heatmap to keypoint; the published tables are plain.",
        ),
        click.option(
            "--flip-test/--no-flip-test",
            default=True,
            show_default=True,
            help="Average with the mirrored crop, as the published tables do.",
        ),
        click.option(
            "--weights",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Own checkpoint; --model names its architecture.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=NamedCommands)
def command() -> None:
    """Measure a network on annotated pictures."""


command.add_command(detector)


@command.command(
    epilog="""\b
Examples:
  shufflecam eval coco --images val2017/ --annotations person_keypoints_val2017.json
  shufflecam eval coco --images val2017/ --annotations person_keypoints_val2017.json \\
      --boxes COCO_val2017_detections_AP_H_56_person.json --model coco-256x192
"""
)
@click.option("--model", metavar="NAME", default="shufflecam-256x192", show_default=True, help="Pose model.")
@click.option(
    "--boxes",
    metavar="gt|FILE|detector",
    default="gt",
    show_default=True,
    help="Boxes: of the annotations, of a detection file in the published format, or found by --detector.",
)
@click.option(
    "--detector", metavar="auto|NAME|FILE", default="auto", show_default=True, help="For --boxes detector."
)
@det_options(0.05)
@results_options
@data_options
@network_options
@engine_options
def coco(
    model: str,
    boxes: str,
    detector: str,
    det_conf: float,
    det_size: int,
    target: Path | None,
    overwrite: bool,
    images: Path,
    annotations: Path,
    allow_missing: bool,
    batch: int,
    quiet: bool,
    **network: Any,
) -> None:
    """COCO keypoint AP and AR, beside the published row. The figures go to standard output."""
    from shufflecam.evaluate import coco as evaluation
    from shufflecam.evaluate.annotations import ground_truth_boxes, read_coco, read_detections
    from shufflecam.pose.open import open_estimator

    talk = Terminal(quiet)
    entry = _entry(model, "coco17")
    data = read_coco(annotations, images, allow_missing=allow_missing)
    for note in data.notes:
        talk.note(note)
    source: BoxSource
    if boxes == "gt":
        source = ground_truth_boxes(data)
    elif boxes == "detector":
        from shufflecam.detect.open import open_detector
        from shufflecam.models.fetch import fetch_detector

        fetch_detector(detector, talk)
        source, _ = open_detector(
            detector, det_conf=det_conf, det_size=det_size, max_people=100, device=network["device"]
        )
    else:
        source = read_detections(Path(boxes), data, talk.note)
    check_results(target, overwrite)
    estimator, *_ = open_estimator(model, **network)
    with talk.progress("pictures", len(data.pictures), each="picture") as meter:
        results = evaluation.predict(estimator, data.pictures, source, batch=batch, on_picture=meter.advance)
    write_results(target, results, data.category_id)
    figures = evaluation.score(results, data, entry.skeleton)
    _print_coco(figures.as_dict(), entry, data, results, boxes)


@command.command(
    epilog="""\b
Example:
  shufflecam eval mpii --images images/ --annotations mpii_val.json --model mpii-256x256
"""
)
@click.option("--model", metavar="NAME", default="mpii-256x256", show_default=True, help="Pose model.")
@data_options
@network_options
@engine_options
def mpii(
    model: str,
    images: Path,
    annotations: Path,
    allow_missing: bool,
    batch: int,
    quiet: bool,
    **network: Any,
) -> None:
    """MPII PCKh per joint group, their mean, and the mean at a tenth of the head's size.

    FILE is mpii_val.json (with mpii_gt_val.mat beside it), valid.h5, or a list with joint_self.
    """
    from shufflecam.evaluate import mpii as evaluation
    from shufflecam.evaluate.mpii_files import read_mpii
    from shufflecam.pose.open import open_estimator

    talk = Terminal(quiet)
    entry = _entry(model, "mpii16")
    everybody = read_mpii(annotations)
    people = evaluation.present(everybody, images, allow_missing=allow_missing, on_note=talk.note)
    estimator, *_ = open_estimator(model, **network)
    with talk.progress("people", len(people), each="person") as meter:
        keypoints = evaluation.predict(estimator, people, images, batch=batch, on_person=meter.advance)
    figures = evaluation.score(keypoints, people)
    for group, value in figures.groups.items():
        click.echo(f"{group:<10} {value:.4f}")
    click.echo(f"{'mean':<10} {figures.mean:.4f}\n{'mean@0.1':<10} {figures.mean_strict:.4f}")
    click.echo(f"people     {len(people)} (left out, {_left_out_of_mpii(everybody, people)})")
    click.echo(f"published  {entry.published} ({entry.name})")


def _left_out_of_mpii(everybody: MpiiPeople, people: MpiiPeople) -> str:
    counts = {
        "of the training part": everybody.training,
        "no joint is annotated": int((~(people.visible > 0).any(axis=1)).sum()),
        "no size of the head, so no joint is right": int((people.head_sizes <= 0).sum()),
    }
    more = "".join(f"; {why}: {count}" for why, count in counts.items() if count)
    return f"no picture: {len(everybody) - len(people)}{more}"


def _entry(model: str, skeleton: str) -> PoseEntry:
    from shufflecam.models.catalogue import pose_entry

    entry = pose_entry(model)
    if entry.skeleton.name != skeleton:
        raise UsageError(f"{model} finds {entry.skeleton.name} keypoints; this evaluation needs {skeleton}.")
    return entry


MAX_PEOPLE = 20
"""Highest-scoring people per picture that COCO's keypoint evaluation considers (its maxDets)."""

_ROWS = (
    ("ap", "AP"),
    ("ap50", "AP50"),
    ("ap75", "AP75"),
    ("ap_medium", "AP(M)"),
    ("ap_large", "AP(L)"),
    ("ar", "AR"),
    ("ar50", "AR50"),
)


def _beyond(results: list[Result]) -> str:
    """Return a note on the number of people found that COCO's evaluation ignores."""
    pictures = Counter(result["image_id"] for result in results)
    more = sum(max(0, found - MAX_PEOPLE) for found in pictures.values())
    return f" (left out: {more} beyond {MAX_PEOPLE} in a picture)" if more else ""


def _print_coco(
    figures: dict[str, float], entry: PoseEntry, data: CocoSet, results: list[Result], boxes: str
) -> None:
    from shufflecam.models.catalogue import pose_entry

    for key, label in _ROWS:
        click.echo(f"{label:<10} {figures[key]:.4f}")
    click.echo(f"pictures   {len(data.pictures)} (left out, not on disk: {len(data.missing)})")
    click.echo(f"annotated  {counted(len(data.annotations), 'person')}{data.uncounted()}")
    click.echo(f"people     {len(results)} found, boxes: {boxes}{_beyond(results)}")
    # The embedded weights are compared with the published results of the same network.
    row = pose_entry("coco-256x192") if entry.embedded else entry
    click.echo(f"published  {row.published} ({row.name}: val2017, boxes of a detector with human AP 56.4)")
