"""The page of `plot --html`, in a real browser: the playhead, the plots and the skeleton go together."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import SourceInfo
from shufflecam.plot import page
from shufflecam.plot.series import collect
from shufflecam.records import schema as record
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.reader import SavedRecord
from tests.helpers.chromium import PROGRAM, browser
from tests.helpers.clips import make_clip, video_times
from tests.helpers.people import figure, pose_of, result_of

SIZE = (192, 128)
HOSTILE = "a</script><script>document.title='ran'</script><!-- %%DATA%% \"'&$x$.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", 30, size=SIZE)


@pytest.fixture
def saved(clip: Path) -> SavedRecord:
    path = clip.with_suffix(".jsonl")
    sink = RecordTarget(str(path)).open()
    info = SourceInfo(HOSTILE, "video", SIZE, None, 30)
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    for index, time in enumerate(video_times(clip)):
        people = [] if index == 20 else [pose_of(figure(60 + index, 120, 100), track_id=1)]
        sink.write(result_of(people, index, time, size=SIZE))
    sink.close(complete=True)
    return read_record(path)


def write(saved: SavedRecord, target: Path, video: Path | None) -> str | None:
    series = collect(saved, ["left_wrist"], ["left_knee", "trunk_lean"])
    return page.write_page(saved, series, target, HOSTILE, video, kpt_thr=0.3, raw=False)


@pytest.mark.skipif(PROGRAM is None, reason="needs a Chromium browser")
def test_the_plots_follow_the_video(saved: SavedRecord, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert write(saved, target, clip) is None
    clip.unlink()  # it is in the page
    with browser(tmp_path / "profile") as tab:
        tab.open(target.as_uri())
        tab.wait_for("document.readyState === 'complete' && video.readyState >= 2")
        assert tab.evaluate("document.title") == f"{HOSTILE}"
        assert tab.evaluate("charts.length") == 3
        # A click into the middle of a plot moves the video.
        box = tab.evaluate("JSON.stringify(document.querySelector('svg').getBoundingClientRect())")
        place = json.loads(box)
        x, y = place["x"] + 46 + (place["width"] - 54) / 2, place["y"] + 50
        for kind in ("mousePressed", "mouseReleased"):
            tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        tab.wait_for("!video.seeking && Math.abs(video.currentTime - 0.48) < 0.03")
        assert "frame 14" in tab.evaluate("find('clock').textContent")
        painted = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
        assert tab.evaluate(painted)
        # The video's own controls move the plots; in a frame without the person there is no skeleton.
        tab.evaluate("video.currentTime = 20 / 30 + 0.005")
        tab.wait_for("find('clock').textContent.includes('frame 20')")
        assert not tab.evaluate(painted)
        assert "–" in tab.evaluate("document.querySelector('output:not(#clock)').textContent")
        assert tab.evaluate("document.querySelectorAll('script').length") == 2


@pytest.mark.skipif(PROGRAM is None, reason="needs a Chromium browser")
def test_plots_stand_alone(saved: SavedRecord, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert write(saved, target, None) is None
    with browser(tmp_path / "profile") as tab:
        tab.open(target.as_uri())
        tab.wait_for("document.readyState === 'complete' && document.querySelectorAll('path').length === 5")
        tab.evaluate("goTo(times[7])")
        assert "frame 7" in tab.evaluate("find('clock').textContent")


def test_a_large_video_is_linked(
    saved: SavedRecord, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "EMBED_BYTES", 10)
    folder = tmp_path / "pages"
    folder.mkdir()
    note = write(saved, folder / "page.html", clip)
    assert note is not None
    assert "links to it" in note
    text = (folder / "page.html").read_text()
    assert 'src="../clip.mp4"' in text
    assert "base64" not in text


def test_nothing_comes_from_elsewhere_and_nothing_in_a_name_is_run(
    saved: SavedRecord, clip: Path, tmp_path: Path
) -> None:
    write(saved, tmp_path / "page.html", clip)
    text = (tmp_path / "page.html").read_text()
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert text.count("<script") == 2


def test_long_records_are_thinned(
    saved: SavedRecord, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_FRAMES", 10)
    assert "every 3. frame" in (write(saved, tmp_path / "page.html", clip) or "")
    text = (tmp_path / "page.html").read_text()
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert len(data["times"]) == len(data["poses"]) == 10
    assert {len(line["values"]) for chart in data["charts"] for line in chart["lines"]} == {10}
    assert np.allclose(np.diff(data["times"]), 0.1, atol=1e-3)


@pytest.mark.skipif(PROGRAM is None, reason="needs a Chromium browser")
def test_the_skeleton_lies_on_an_anamorphic_video(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 5, size=SIZE, sample_aspect=Fraction(2))  # shown as 384x128
    sink = RecordTarget(str(tmp_path / "a.jsonl")).open()
    info = SourceInfo(str(clip), "video", SIZE, None, 5, pixel_aspect=2.0)
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    joints = figure(100, 120, 100)
    for index, time in enumerate(video_times(clip)):
        sink.write(result_of([pose_of(joints, track_id=1)], index, time, size=SIZE, pixel_aspect=2.0))
    sink.close(complete=True)
    target = tmp_path / "page.html"
    write(read_record(tmp_path / "a.jsonl"), target, clip)
    with browser(tmp_path / "profile") as tab:
        tab.open(target.as_uri())
        tab.wait_for("document.readyState === 'complete' && video.readyState >= 2 && !video.seeking")
        assert tab.evaluate("`${video.videoWidth}x${video.videoHeight}`") == "384x128"
        tab.evaluate("show()")
        for x, y in joints[[0, 9, 16]] / SIZE:  # nose, a wrist, an ankle
            there = f"{x} * canvas.width, {y} * canvas.height"
            assert tab.evaluate(f"canvas.getContext('2d').getImageData({there}, 1, 1).data[3]") > 100
