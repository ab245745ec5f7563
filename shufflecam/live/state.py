"""The state that keys change: an immutable value, and `press`, which maps it and a key to the next one.

Nothing here draws, writes or queries a window; the caller compares a state with the previous one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from shufflecam.core.types import FrameResult

View = Literal["skeleton", "keypoints", "black"]

VIEWS: tuple[View, ...] = ("skeleton", "keypoints", "black")
"""The views that k cycles through: skeletons on the picture, keypoints alone, skeletons on black."""

ESCAPE = 27
THRESHOLD_STEP = 0.05

HELP = (
    "q, Esc    quit",
    "space     freeze the picture; records go on",
    "r         record, or end the recording",
    "s         save this picture and its record",
    "m         mirror",
    "i         ids",
    "b         boxes",
    "k         skeleton / keypoints / on black",
    "+ -       threshold of what is drawn",
    "1-9       one person: by id, else from the left",
    "0         everybody",
    "f         full screen",
    "h         this help",
)
"""The help overlay; ASCII, because OpenCV draws nothing else."""


@dataclass(frozen=True)
class LiveState:
    """Everything that a key can change, and the ids last in view."""

    kpt_thr: float = 0.3
    mirror: bool = False
    recording: bool = False
    """Whether recording is requested; the session resets it if the recording fails."""
    paused: bool = False
    """Whether the displayed picture is frozen; capture, records and recordings go on."""
    help: bool = False
    ids: bool = True
    boxes: bool = False
    view: View = "skeleton"
    fullscreen: bool = False
    only: int | None = None
    """Id of the only person drawn; None: all people."""
    snapshots: int = 0
    """Number of snapshots requested."""
    quit: bool = False
    in_view: tuple[int, ...] = ()
    """Ids in the newest frame, from left to right in the picture (unmirrored)."""
    message: str = ""
    """Effect of the last key, where the picture does not show it."""


def press(state: LiveState, key: int | None) -> LiveState:
    """Return the state after a key (a character code, 0..255); unknown keys and None change nothing."""
    if key is None:
        return state
    if key == ESCAPE:
        return replace(state, quit=True)
    name = chr(key).lower()
    if name.isascii() and name.isdigit():
        return _choose(state, int(name))
    toggled = _TOGGLES.get(name)
    if toggled is not None:
        changed: dict[str, Any] = {toggled: not getattr(state, toggled), "message": ""}
        return replace(state, **changed)
    if name == "q":
        return replace(state, quit=True)
    if name == "s":
        return replace(state, snapshots=state.snapshots + 1, message="")
    if name == "k":
        return replace(state, view=VIEWS[(VIEWS.index(state.view) + 1) % len(VIEWS)], message="")
    if name in "+=-_":  # with or without shift
        return _move_threshold(state, THRESHOLD_STEP if name in "+=" else -THRESHOLD_STEP)
    return state


_TOGGLES = {
    " ": "paused",
    "r": "recording",
    "m": "mirror",
    "h": "help",
    "i": "ids",
    "b": "boxes",
    "f": "fullscreen",
}


def see(state: LiveState, result: FrameResult) -> LiveState:
    """Return the state with the people of the newest frame in view."""
    people = [
        (float(pose.box_xyxy[0] + pose.box_xyxy[2]), pose.track_id)
        for pose in result.poses
        if pose.track_id is not None and np.isfinite(pose.box_xyxy).all()
    ]
    in_view = tuple(track_id for _, track_id in sorted(people))
    return state if in_view == state.in_view else replace(state, in_view=in_view)


def _choose(state: LiveState, digit: int) -> LiveState:
    if digit == 0:
        return replace(state, only=None, message="")
    if not state.in_view:
        return replace(state, message="nobody with an id is in view")
    if digit in state.in_view:
        return replace(state, only=digit, message="")
    from_left = state.in_view[::-1] if state.mirror else state.in_view
    if digit > len(from_left):
        return replace(state, message=f"there is no person {digit} in view")
    return replace(state, only=from_left[digit - 1], message="")


def _move_threshold(state: LiveState, step: float) -> LiveState:
    # Rounded: a threshold of 0.3 goes to 0.35 and returns to exactly 0.3.
    moved = min(1.0, max(0.0, round(state.kpt_thr + step, 4)))
    return replace(state, kpt_thr=moved, message=f"threshold {moved:.2f}")
