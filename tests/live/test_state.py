"""Keys: a state and a key in, a state out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shufflecam.live.state import HELP, LiveState, press, see
from tests.helpers.people import figure, pose_of, result_of


def after(keys: str, state: LiveState | None = None) -> LiveState:
    state = state or LiveState()
    for key in keys:
        state = press(state, ord(key))
    return state


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (" ", "paused"),
        ("r", "recording"),
        ("m", "mirror"),
        ("h", "help"),
        ("b", "boxes"),
        ("f", "fullscreen"),
    ],
)
def test_switches_go_on_and_off(key: str, name: str) -> None:
    assert getattr(after(key), name) is True
    assert after(key * 2) == LiveState()
    assert after(key.upper()) == after(key)


def test_ids_begin_shown() -> None:
    assert after("i").ids is False
    assert after("ii") == LiveState()


@pytest.mark.parametrize("key", [ord("q"), ord("Q"), 27])
def test_the_ways_to_quit(key: int) -> None:
    assert press(LiveState(), key).quit


@pytest.mark.parametrize("key", [None, 0, 9, 13, 200, 255, ord("z"), ord("²")])
def test_other_keys_change_nothing(key: int | None) -> None:
    state = LiveState(paused=True)
    assert press(state, key) is state


def test_views_go_round() -> None:
    assert [after("k" * times).view for times in range(4)] == ["skeleton", "keypoints", "black", "skeleton"]


def test_the_threshold_comes_back_to_where_it_was() -> None:
    assert after("+").kpt_thr == 0.35
    assert after("=").kpt_thr == 0.35
    assert after("+-+_").kpt_thr == 0.3
    assert after("+" * 30).kpt_thr == 1.0
    assert after("-" * 30).kpt_thr == 0.0


def test_every_snapshot_counts() -> None:
    assert after("sxs").snapshots == 2


def test_one_person_by_id_else_from_the_left() -> None:
    # In the picture from left to right: 12, 3, 7.
    people = [pose_of(figure(x, 90, 80), track_id=track_id) for x, track_id in ((50, 3), (20, 12), (90, 7))]
    state = see(LiveState(), result_of(people, size=(120, 100)))
    assert state.in_view == (12, 3, 7)
    assert after("3", state).only == 3
    assert after("1", state).only == 12
    assert after("2", state).only == 3
    assert after("10", state).only is None
    # In a mirror the one at the left is another one.
    assert after("1", replace(state, mirror=True)).only == 7
    none = after("9", state)
    assert none.only is None
    assert "9" in none.message


def test_nobody_to_choose() -> None:
    state = see(LiveState(), result_of([pose_of(figure(20, 90, 80), track_id=None)]))
    assert state.in_view == ()
    assert after("1", state).only is None
    assert after("1", state).message


def test_a_choice_outlives_its_person() -> None:
    state = see(LiveState(), result_of([pose_of(figure(20, 90, 80), track_id=4)]))
    state = see(after("4", state), result_of([]))
    assert state.only == 4
    assert after("0", state).only is None


def test_help_names_every_key() -> None:
    keys = " ".join(line[:10] for line in HELP)
    for key in ("q", "Esc", "space", "r", "s", "m", "h", "i", "b", "k", "+", "-", "f", "1-9", "0"):
        assert key in keys
    assert all(line.isascii() for line in HELP)
