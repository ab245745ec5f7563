"""`shufflecam eval detector`: compare a person detector with another one on annotated pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options.evaluate import data_options, det_options, engine_options, results_options
from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.evaluate.results import check_results, write_results

if TYPE_CHECKING:
    from shufflecam.evaluate.annotations import CocoSet
    from shufflecam.evaluate.detector import DetectorFigures, Result

_ROWS = (
    ("AP", "ap", "{:.4f}"),
    ("AP50", "ap50", "{:.4f}"),
    ("AP50 from 96x96", "ap50_large", "{:.4f}"),
    ("recall", "recall50", "{:.4f}"),
    ("recall small", "recall50_small", "{:.4f}"),
    ("recall medium", "recall50_medium", "{:.4f}"),
    ("recall large", "recall50_large", "{:.4f}"),
    ("false boxes", "false_boxes", "{:d}"),
    ("ms a picture", "milliseconds", "{:.1f}"),
)


@click.command(
    epilog="""\b
Examples:
  shufflecam eval detector --images val2017/ --annotations person_keypoints_val2017.json
  shufflecam eval detector --images photos/ --annotations people.json --detector mine.safetensors \\
      --beside yolov8s --det-size 640
"""
)
@data_options
@click.option(
    "--detector",
    metavar="auto|NAME|FILE",
    default="auto",
    show_default=True,
    help="Who is measured; auto = the embedded one.",
)
@click.option(
    "--beside",
    metavar="NAME|FILE|none",
    default="yolov8n",
    show_default=True,
    help="Who runs on the same pictures for comparison; left out where its weights are not here.",
)
@det_options(0.001)
@results_options
@engine_options
def detector(
    images: Path,
    annotations: Path,
    detector: str,
    beside: str,
    allow_missing: bool,
    target: Path | None,
    overwrite: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """AP, AP50 and recall by size of a person detector, with those of another one beside them.

    A person counts as found where a box covers theirs by half (IoU 0.5). Sizes are areas of the annotated
    box: small below 32x32 pixels, large from 96x96. False boxes are those surer than 0.4 that cover nobody
    annotated.
    """
    from shufflecam.evaluate.annotations import read_coco

    if detector == "none":
        raise UsageError("--detector none finds nobody to measure; name a detector or a file.")
    talk = Terminal(quiet)
    data = read_coco(annotations, images, keypoints=None, allow_missing=allow_missing, boxes_only=True)
    for note in data.notes:
        talk.note(note)
    check_results(target, overwrite)
    name, results, figures = _measure(detector, data, talk, settings)
    write_results(target, results, data.category_id)
    columns = [(name, figures)]
    if beside != "none":
        try:
            other, _, theirs = _measure(beside, data, talk, settings, fetch=beside != "yolov8n")
            columns.append((other, theirs))
        except WeightsError as error:
            if beside != "yolov8n":  # requested explicitly
                raise
            talk.say(f"Not compared with {beside}: {error}")
    _print(columns, data)


def _measure(
    choice: str, data: CocoSet, talk: Terminal, settings: dict[str, Any], fetch: bool = True
) -> tuple[str, list[Result], DetectorFigures]:
    from shufflecam.detect.open import open_detector
    from shufflecam.evaluate import detector as evaluation
    from shufflecam.models.fetch import fetch_detector

    if fetch:
        fetch_detector(choice, talk)
    found, described = open_detector(choice, max_people=evaluation.MAX_PEOPLE, **settings)
    with talk.progress(described["name"], len(data.pictures), each="picture") as meter:
        results, milliseconds = evaluation.predict(found, data.pictures, on_picture=meter.advance)
    return described["name"], results, evaluation.score(results, data, milliseconds)


def _print(columns: list[tuple[str, DetectorFigures]], data: CocoSet) -> None:
    """Print one row per metric, one column per detector, and the ratio of the two."""
    width = max(12, *(len(name) for name, _ in columns)) + 2
    ratio = f"{'ratio':>8}" if len(columns) == 2 else ""
    click.echo(f"{'':<16}" + "".join(f"{name:>{width}}" for name, _ in columns) + ratio)
    for label, key, form in _ROWS:
        values = [getattr(figures, key) for _, figures in columns]
        line = f"{label:<16}" + "".join(f"{form.format(value):>{width}}" for value in values)
        if len(values) == 2 and values[1] > 0:
            line += f"{values[0] / values[1]:>8.3f}"
        click.echo(line)
    click.echo(f"{'people':<16}{len(data.annotations):>{width}}{data.uncounted(keypoints=False)}")
    click.echo(f"{'pictures':<16}{len(data.pictures):>{width}} (left out, not on disk: {len(data.missing)})")
