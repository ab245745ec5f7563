"""`shufflecam bench`: time per stage and speed-up over the naive baseline, measured in one run."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.options.common import common_options
from shufflecam.cli.options.encoding import pop_encoding
from shufflecam.cli.options.finder import as_live, pop_settings
from shufflecam.cli.options.shared import model_options
from shufflecam.cli.options.types import TimeType
from shufflecam.core.errors import OutputError, ShufflecamError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.pipeline.stop import stop_on_signals

if TYPE_CHECKING:
    from shufflecam.finder.settings import FinderSettings


@click.command(
    short_help="Measure this machine on a video.",
    cls=GroupedCommand,
    epilog="""\b
Examples:
  shufflecam bench
  shufflecam bench dance.mp4 --baseline --start 0:12
  shufflecam bench dance.mp4 --baseline --json - --min-ratio 4
""",
)
@click.argument("source", metavar="[INPUT]", required=False)
@click.option("--baseline", is_flag=True, help="Time the naive way too, in turns with ours.")
@click.option("--peers", is_flag=True, help="Time ultralytics' yolo11n-pose on the same frames too.")
@click.option(
    "--frames", metavar="N", type=click.IntRange(2), default=90, show_default=True, help="Of each pass."
)
@click.option(
    "--start",
    "start_s",
    metavar="T",
    type=TimeType(),
    help="Begin here: seconds, or [H:]MM:SS; say where people are in sight.",
)
@click.option(
    "--runs", metavar="N", type=click.IntRange(1), default=5, show_default=True, help="Passes; medians count."
)
@click.option("--json", "json_target", metavar="[FILE|-]", help="One JSON object with all figures.")
@click.option(
    "--min-ratio",
    metavar="X",
    type=click.FloatRange(0),
    help="Exit code 1 below this; with --baseline.",
)
@click.option(
    "--chart",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="Draw the stages; needs matplotlib.",
)
@model_options
@click.option("--overwrite", is_flag=True, help="Replace files that exist already.")
@common_options
def command(
    source: str | None,
    baseline: bool,
    peers: bool,
    frames: int,
    start_s: float | None,
    runs: int,
    json_target: str | None,
    min_ratio: float | None,
    chart: Path | None,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure this machine on a video (without INPUT: on the demo's clip).

    Every pass decodes, finds, tracks, draws and writes a video. The naive way is torch as it comes, float32,
    the detector at 640 on every frame, one crop at a time, all in one thread. Start-up is not counted. Peers
    write nothing, and are compared with passes of ours that do not either. At the end the clip is played once
    as a camera, to count what has to be dropped.
    """
    from shufflecam.bench.measure import measure
    from shufflecam.bench.networks import measure_networks
    from shufflecam.bench.passes import Part
    from shufflecam.bench.peers import YOLO_POSE, YoloPose

    talk = Terminal(quiet)
    options = {**options, "track": True, "smooth": True}
    encoding = pop_encoding(options)
    live_options = pop_settings(as_live(options)).resolved()
    finder_options = pop_settings(options).resolved()
    _check_inputs(source, finder_options, min_ratio if not baseline else None)
    _check_outputs(json_target, chart, overwrite)
    with tempfile.TemporaryDirectory(prefix="shufflecam-bench-") as folder:
        clip = source or _demo_clip(Path(folder))
        part = Part(clip, frames, start_s, encoding)
        others = {YOLO_POSE: YoloPose} if peers else {}
        with stop_on_signals() as stop:
            result = measure(
                part, finder_options, live_options, baseline, runs, Path(folder), talk, others, stop
            )
    result["networks"] = measure_networks(finder_options)
    _show(result, talk)
    _write(result, json_target, chart)
    if min_ratio is not None and result["ratio"] < min_ratio:
        raise ShufflecamError(f"{result['ratio']:.2f} times as fast as the naive way, wanted: {min_ratio:g}")


def _check_inputs(source: str | None, settings: FinderSettings, unfounded_ratio: float | None) -> None:
    if source == "-":
        raise UsageError("bench reads the clip several times; save the stream as a file first")
    if settings.boxes is not None:
        raise UsageError("bench times the detector too; leave --boxes out")
    if unfounded_ratio is not None:
        raise UsageError("--min-ratio compares with the naive way; add --baseline")


def _write(result: dict[str, Any], json_target: str | None, chart: Path | None) -> None:
    if json_target == "-":
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    try:
        if json_target not in (None, "-"):
            Path(str(json_target)).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if chart is not None:
            _draw_chart(result, chart)
    except OSError as error:
        raise OutputError(f"the figures cannot be written ({reason(error)}); try --json -") from error


def _check_outputs(json_target: str | None, chart: Path | None, overwrite: bool) -> None:
    from importlib.util import find_spec

    from shufflecam.core.files import check_writable

    if json_target is not None and json_target != "-":
        if Path(json_target).suffix != ".json":
            raise UsageError(f"--json {json_target} must end in .json; or put --json - for standard output")
        check_writable(Path(json_target), overwrite)
    if chart is not None:
        if find_spec("matplotlib") is None:
            raise UsageError("--chart needs matplotlib; pip install matplotlib, or leave --chart out")
        if chart.suffix != ".png":
            raise UsageError(f"--chart {chart} must end in .png")
        check_writable(chart, overwrite)


def _demo_clip(folder: Path) -> str:
    from shufflecam.jobs.demo import PHOTOS, make_clip
    from shufflecam.jobs.photos import photo_path

    clip = folder / "input.mp4"
    make_clip([photo_path(name) for name in PHOTOS], clip)
    return str(clip)


def _show(result: dict[str, Any], talk: Terminal) -> None:
    from rich.table import Table

    stages = Table("stage", "p50 ms", "p95 ms", box=None, pad_edge=False)
    for name, times in result["fast"]["stages"].items():
        stages.add_row(name, f"{times['p50_ms']:.1f}", f"{times['p95_ms']:.1f}")
    networks = Table("pose network", "batch", "ms", "x naive", box=None, pad_edge=False)
    for row in result["networks"]:
        networks.add_row(row["engine"], str(row["batch"]), f"{row['ms']:.1f}", f"{row['ratio']:.2f}")
    talk.table(stages)
    talk.table(networks)
    fast, naive = result["fast"], result["naive"]
    talk.say(f"people in {result['frames_with_people']} of the {result['frames']} frames of each pass")
    if result["frames_with_people"] < result["frames"] / 2:
        talk.note("an empty picture is quick work for anybody; with --start T it begins where people are")
    talk.say(f"{fast['frame_ms']:.1f} ms a frame, {fast['fps']:.1f} fps, output written ({fast['engine']})")
    live = result["live"]
    talk.say(
        f"as a camera: {live['processed']} of {live['given']} frames, {live['dropped']} dropped"
        + (
            f"; latency {live['latency_ms']['p50']:.0f} ms (95 % under {live['latency_ms']['p95']:.0f} ms)"
            if live["latency_ms"]
            else ""
        )
    )
    for name, peer in result["peers"].items():
        talk.say(
            f"{peer['frame_ms']:.1f} ms a frame with {name}, nothing written; ours is {peer['ratio']:.2f} x "
            f"as fast at that, and {peer['ratio_ours_written']:.2f} x with its output written"
        )
    if naive is not None:
        same = "nobody found" if result["oks"] is None else f"OKS between the two {result['oks']:.3f}"
        talk.say(
            f"{naive['frame_ms']:.1f} ms a frame naively; ours is {result['ratio']:.2f} x as fast; {same}"
        )


def _draw_chart(result: dict[str, Any], file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stages = result["fast"]["stages"]
    figure = Figure(figsize=(8, 1.2 + 0.4 * len(stages)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names = list(stages)[::-1]
    axes.barh(names, [stages[name]["p95_ms"] for name in names], color="#cfd8dc", label="95 % are below")
    axes.barh(names, [stages[name]["p50_ms"] for name in names], color="#1f77b4", label="half are below")
    axes.set_xlabel("milliseconds")
    axes.set_title(f"{result['fast']['fps']:.1f} frames a second with {result['fast']['engine']}")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)
