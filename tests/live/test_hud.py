"""The figures as text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shufflecam.core.stats import Stats
from shufflecam.live.hud import Figures, LiveFigures, condition, condition_and_keys, minutes, numbers
from shufflecam.live.state import LiveState
from tests.helpers.people import result_of


@dataclass
class Source:
    given: int = 0
    dropped: int = 0
    trouble: str | None = None


def test_numbers() -> None:
    figures = Figures(42.4, 30.2, 24.0, 23.6, people=2, dropped=7)
    assert numbers(figures) == (
        "latency 42 ms  camera 30 fps  poses 24 fps  screen 24 fps  people 2  dropped 7"
    )
    assert "screen" not in numbers(figures, screen=False)
    assert numbers(Figures()).startswith("latency -  ")


def test_what_is_not_as_at_first_is_said() -> None:
    assert condition(Figures(engine="openvino"), LiveState()) == "openvino"
    assert condition(Figures(), LiveState()) == ""
    state = LiveState(only=3, paused=True, mirror=True, message="saved x.png")
    line = condition(Figures(engine="torch", recorded_s=72.9), state)
    for part in ("torch", "REC 1:12", "person 3 (not in view)", "frozen", "mirror", "saved x.png"):
        assert part in line
    assert "not in view" not in condition(Figures(), LiveState(only=3, in_view=(1, 3)))


def test_who_knows_no_key_is_told_the_first_one() -> None:
    def told(state: LiveState, engine: str = "torch") -> str:
        return condition_and_keys(Figures(engine=engine), state)

    assert told(LiveState()) == "torch  h: help  q: quit"
    assert told(LiveState(), engine="") == "h: help  q: quit"
    assert told(LiveState(mirror=True)) == "torch  mirror"
    assert told(LiveState(help=True)) == "torch"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3723, "1:02:03")])
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_figures_come_from_the_run() -> None:
    now = [100.0]
    stats, source = Stats(lambda: now[0]), Source(given=0, dropped=0)
    figures = LiveFigures(stats, source, "openvino", clock=lambda: now[0])
    figures.at(None)
    for _ in range(10):
        now[0] += 0.1
        source.given += 3
        stats.tick("inference")
        stats.tick("screen")
    source.dropped, source.trouble = 20, "gone"
    got = figures.at(result_of([], latency_s=0.05), recorded_s=1.5)
    assert got.latency_ms == pytest.approx(50)
    assert got.camera_fps == pytest.approx(30)
    assert got.poses_fps == pytest.approx(10)
    assert got.screen_fps == pytest.approx(10)
    assert (got.dropped, got.people, got.engine, got.recorded_s, got.trouble) == (
        20,
        0,
        "openvino",
        1.5,
        "gone",
    )
