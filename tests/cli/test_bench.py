"""`shufflecam bench`: what it measures and promises; never how fast this machine is."""

from __future__ import annotations

import json
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from shufflecam.bench import measure as bench_measure
from shufflecam.bench import networks as bench_networks
from shufflecam.bench.passes import Part, Run, live_pass
from shufflecam.cli.commands import bench
from shufflecam.cli.console import Terminal
from shufflecam.core.errors import OutputError, ShufflecamError, SourceError, UsageError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.stats import Stats
from shufflecam.core.types import SCORE_FLOOR, Frame, FrameResult, Pose
from shufflecam.finder.finder import PoseFinder
from shufflecam.finder.settings import FinderSettings
from shufflecam.sources.video.source import open_video


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_networks, "BATCHES", (1, 2))
    monkeypatch.setattr(bench_networks, "NETWORK_RUNS", 1)
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path / "cache"))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(bench.command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def network(weights: Path) -> tuple[object, ...]:
    return ("--model", "coco-256x192", "--weights", weights, "--detector", "none", "--device", "cpu")


def options(weights: Path) -> FinderSettings:
    return FinderSettings(
        model="coco-256x192", weights=weights, detector="none", boxes=None, det_conf=0.4, det_size=416,
        det_every=1, max_people=20, flip_test=False, decode="plain", backend="torch", device="cpu",
        track=True, smooth=True,
    )  # fmt: skip


def test_warming_up_is_not_counted(pose_weights: Path) -> None:
    stats = Stats()
    finder = options(pose_weights).load(Terminal(quiet=True), stats)
    finder.warm_up((64, 48))
    assert not stats.snapshot().stages
    finder(np.zeros((48, 64, 3), np.uint8))
    assert {"detect", "crop", "network", "keypoints", "track"} == set(stats.snapshot().stages)


def test_both_ways_over_the_same_frames(clip: Path, pose_weights: Path, tmp_path: Path) -> None:
    chart = tmp_path / "stages.png"
    extra = ("--chart", chart) if find_spec("matplotlib") else ()
    out = run(
        clip,
        "--baseline",
        "--frames",
        3,
        "--runs",
        2,
        "--quiet",
        "--json",
        "-",
        *network(pose_weights),
        *extra,
    )
    result = json.loads(out)
    assert {"ratio", "fast", "naive", "peers"} <= set(result)
    assert result["frames"] == 3
    assert len(result["ratios"]) == 2
    assert min(result["ratios"]) <= result["ratio"] <= max(result["ratios"])
    # The whole frame is one person on both sides, so the keypoints must be the same.
    assert result["oks"] == pytest.approx(1, abs=1e-3)
    assert result["fast"]["fps"] == pytest.approx(1000 / result["fast"]["frame_ms"])
    assert set(result["fast"]["stages"]) == set(bench_measure.STAGES)
    assert all(0 <= times["p50_ms"] <= times["p95_ms"] for times in result["fast"]["stages"].values())
    assert {(row["engine"], row["batch"]) for row in result["networks"]} >= {
        ("naive", 1),
        ("naive", 2),
        ("torch", 1),
        ("torch", 2),
    }
    if extra:
        picture = cv2.imread(str(chart))
        assert picture is not None
        assert picture.std() > 10


def test_too_slow_is_an_error_after_the_figures_are_written(
    clip: Path, pose_weights: Path, tmp_path: Path
) -> None:
    target = tmp_path / "figures.json"
    with pytest.raises(ShufflecamError, match=r"times as fast .* wanted: 1e\+06"):
        run(
            *(clip, "--baseline", "--frames", 2, "--runs", 1, "--json", target, "--min-ratio", 1e6),
            *network(pose_weights),
        )
    assert json.loads(target.read_text())["ratio"] > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--min-ratio", 2), UsageError, "add --baseline"),
        (("--json", "a.jpg"), UsageError, "must end in .json"),
        (("--json", "there.json"), OutputError, "--overwrite"),
        (("--model", "nobody"), UsageError, "nobody"),
    ],
)
def test_what_cannot_be_meant(
    arguments: tuple[object, ...],
    error: type[ShufflecamError],
    message: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.json").write_text("kept")
    with pytest.raises(error, match=message):
        run(clip, *arguments)
    assert Path("there.json").read_text() == "kept"


def test_a_stream_cannot_be_read_several_times(pose_weights: Path) -> None:
    with pytest.raises(UsageError, match="save the stream"):
        run("-", *network(pose_weights))


def test_a_slow_finder_drops_frames_as_a_camera_s_and_ends_with_the_part(
    clip: Path, pose_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = PoseFinder.find

    def slow(finder: PoseFinder, frame: Frame) -> FrameResult:
        time.sleep(0.2)
        return find(finder, frame)

    monkeypatch.setattr(PoseFinder, "find", slow)
    live = live_pass(Part(str(clip), frames=12), options(pose_weights), Terminal(quiet=True))
    assert live["given"] == 12 == live["processed"] + live["dropped"]
    assert 1 <= live["processed"] <= 5
    assert live["latency_ms"]["p50"] >= 200


def test_a_clip_that_is_not_there(pose_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        run(tmp_path / "nowhere.mp4", *network(pose_weights))


def test_it_begins_where_it_is_told(clip: Path, pose_weights: Path) -> None:
    with closing(open_video(clip)) as whole:
        last = [frame.timestamp_s for frame in whole.frames()][-1]
    out = run(clip, "--start", last, "--runs", 1, "--quiet", "--json", "-", *network(pose_weights))
    result = json.loads(out)
    assert result["frames"] == 1, "nothing but the last frame is left"
    assert result["frames_with_people"] == 1


def test_an_empty_picture_is_said_to_be_quick_work() -> None:
    result = {
        "fast": {"stages": {}, "frame_ms": 10.0, "fps": 100.0, "engine": "torch"},
        "networks": [],
        "naive": None,
        "live": {"given": 90, "processed": 90, "dropped": 0, "fps": 30.0, "latency_ms": None},
        "peers": {},
        "frames": 90,
        "frames_with_people": 3,
    }
    talk = Terminal(quiet=False)
    with talk.console.capture() as said:
        bench._show(result, talk)
    assert "people in 3 of the 90 frames" in said.get()
    assert "--start" in said.get()


def test_as_a_camera_every_frame_is_processed_or_dropped(clip: Path, pose_weights: Path) -> None:
    out = run(clip, "--frames", 5, "--runs", 1, "--quiet", "--json", "-", *network(pose_weights))
    live = json.loads(out)["live"]
    assert live["processed"] + live["dropped"] == live["given"]
    assert live["processed"] >= 1
    assert 0 < live["latency_ms"]["p50"] <= live["latency_ms"]["p95"]


def test_a_peer_is_compared_without_and_with_our_output(clip: Path, pose_weights: Path) -> None:
    out = run(clip, "--peers", "--frames", 2, "--runs", 1, "--quiet", "--json", "-", *network(pose_weights))
    result = json.loads(out)
    peer = result["peers"]["yolo11n-pose"]
    assert peer["ratio"] == pytest.approx(peer["frame_ms"] / result["unwritten"]["frame_ms"])
    assert peer["ratio_ours_written"] == pytest.approx(peer["frame_ms"] / result["fast"]["frame_ms"])


def test_only_joints_that_the_naive_way_is_sure_of_are_compared() -> None:
    place = np.full((17, 2), 50.0, np.float32)
    unsure = np.full(17, 0.1, np.float32)
    unsure[:5] = 0.9
    box = np.array([0, 0, 100, 100], np.float32)
    elsewhere = place.copy()
    elsewhere[5:] += 1000
    naive = Run(people=[[Pose(box, 1.0, place, unsure, 0.9)], []])
    fast = Run(people=[[Pose(box, 1.0, elsewhere, unsure, 0.9)], []])
    assert bench_measure.agreement(naive, fast, COCO_17, SCORE_FLOOR) == pytest.approx(1)
    assert bench_measure.agreement(naive, fast, COCO_17) == pytest.approx(5 / 17)
    gone = elsewhere.copy()
    gone[1:] = np.nan
    missed = Run(people=[[Pose(box, 1.0, gone, unsure, 0.9)], []])
    assert bench_measure.agreement(naive, missed, COCO_17, SCORE_FLOOR) == pytest.approx(1 / 5)
    nobody = Run(people=[[], []])
    assert bench_measure.agreement(naive, nobody, COCO_17, SCORE_FLOOR) == 0
    assert bench_measure.agreement(nobody, fast, COCO_17, SCORE_FLOOR) is None
