"""The interactive part of a live run: draws each result once, for the viewers and the recorder."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shufflecam.core.addresses import without_secrets
from shufflecam.core.errors import ShufflecamError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.picture import as_shown
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.drawing.faces import FaceMemory, hide_faces
from shufflecam.live.compose import Appearance, compose
from shufflecam.live.hud import LiveFigures
from shufflecam.live.saving import Recorder, save_snapshot
from shufflecam.live.state import LiveState, press, see
from shufflecam.live.viewers import NO_PICTURE, Viewer
from shufflecam.records.schema import Record

MESSAGE_S = 3.0
"""How long the HUD displays a message."""

REDRAW_EVERY_S = 0.1
"""Interval at which the window is redrawn while no frame arrives: its figures keep changing."""


@dataclass
class LiveOutputs:
    """Where r and s write to, the header of a snapshot's record, and how the user is notified."""

    recorder: Recorder
    folder: Path
    header: Record
    say: Callable[[str], None]


class LiveSession:
    """Draws, displays, records and handles keys; a `core.protocols.Sink`. Main thread only."""

    def __init__(
        self,
        figures: LiveFigures,
        appearance: Appearance,
        faces: Sequence[Viewer],
        savings: LiveOutputs,
        state: LiveState,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start a session; the last of `faces` may draw into the picture passed to it."""
        self.state = state
        self._figures, self._appearance, self._faces, self._savings = figures, appearance, faces, savings
        self._clock = clock
        self._faces_memory = FaceMemory() if appearance.look.blur_faces else None
        self._canvas: ImageArray | None = None
        self._recorded_canvas: ImageArray | None = None
        self._last: FrameResult | None = None
        self._frozen: FrameResult | None = None
        self._message_until = 0.0
        self._redraw_at = 0.0
        self._trouble_since: float | None = None

    @property
    def wants_end(self) -> bool:
        """Whether q or Esc was pressed or a window was closed."""
        return self.state.quit or any(face.closed for face in self._faces)

    def write(self, result: FrameResult) -> None:
        """Display a result, and record it while recording is on."""
        result = self._lost_hidden(result)
        self._last = result
        self.state = see(self.state, result)
        if not self.state.paused:
            self._frozen = result
        picture = self._draw_wanted()
        self._record(result, picture)
        self._show(picture)
        if picture is not None:
            self._figures.stats.tick("screen")

    def tick(self) -> None:
        """Handle keys while no frame arrives, and redraw the figures every `REDRAW_EVERY_S`."""
        for face in self._faces:
            self._take(face.poll())
        if self._clock() >= self._redraw_at:
            self._show(self._draw_wanted())

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the recording and close the viewers."""
        try:
            self._savings.recorder.close(complete=complete, dropped=dropped, missing=missing)
        finally:
            for face in self._faces:
                face.close()

    def _lost_hidden(self, result: FrameResult) -> FrameResult:
        """Return the result with the faces of people missed in this frame hidden, for every consumer."""
        if self._faces_memory is None:
            return result
        lost = self._faces_memory.missing(result.poses, result.frame.timestamp_s)
        if not lost:
            return result
        image = np.ascontiguousarray(result.frame.image).copy()  # the source owns the frame
        aspect = result.frame.pixel_aspect
        hide_faces(image, lost, self._appearance.skeleton, self._appearance.look.upright, aspect)
        return replace(result, frame=replace(result.frame, image=image))

    def _draw_wanted(self) -> ImageArray | None:
        """Return the newest (or the frozen) picture, drawn; None if no viewer wants pictures."""
        if self._frozen is None or not any(face.wants_picture for face in self._faces):
            return None
        self._canvas = compose(self._frozen, self.state, self._appearance, self._canvas)
        return self._canvas

    def _record(self, result: FrameResult, shown: ImageArray | None) -> None:
        recorder, state = self._savings.recorder, self.state
        if not state.recording and recorder.recorded_s is None:
            return
        # The displayed picture is recorded, but never mirrored, and also while the window is frozen.
        if shown is None or state.mirror or state.paused:
            plain = replace(state, mirror=False)
            shown = self._recorded_canvas = compose(result, plain, self._appearance, self._recorded_canvas)
        self._say(recorder.write(shown, result, wanted=state.recording))
        if state.recording and recorder.recorded_s is None:
            self.state = replace(self.state, recording=False)

    def _show(self, picture: ImageArray | None) -> None:
        self._redraw_at = self._clock() + REDRAW_EVERY_S
        if self.state.message and self._clock() >= self._message_until:
            self.state = replace(self.state, message="")
        figures = self._figures.at(self._last, self._savings.recorder.recorded_s)
        self._tell_trouble(figures.trouble)
        if picture is None or self._frozen is None:
            picture = NO_PICTURE
        else:
            picture = as_shown(picture, self._frozen.frame.pixel_aspect)
        for face in self._faces:
            key = face.show(picture, self._frozen, figures, self.state)
            self._take(key)

    def _tell_trouble(self, trouble: str) -> None:
        """Report once when the camera is lost and once when it is back; in between the viewers show it."""
        now = self._clock()
        if trouble and self._trouble_since is None:
            self._trouble_since = now
            self._savings.say(without_secrets(re.sub(r" \(\d+ s\)$", "", trouble)))
        elif not trouble and self._trouble_since is not None:
            away_s, self._trouble_since = now - self._trouble_since, None
            self._say(f"back after {away_s:.1f} s")

    def _take(self, key: int | None) -> None:
        before = self.state
        self.state = press(before, key)
        if self.state is before:
            return
        if self.state.message:
            self._message_until = self._clock() + MESSAGE_S
        if self.state.snapshots != before.snapshots:
            self._snapshot()
        if before.recording and not self.state.recording:
            self._say(self._savings.recorder.stop())
        self._redraw_at = 0.0  # redraw at once, whether or not a frame arrives

    def _snapshot(self) -> None:
        if self._frozen is None:
            return
        picture = compose(self._frozen, replace(self.state, mirror=False), self._appearance)
        try:
            path = save_snapshot(self._savings.folder, picture, self._frozen, self._savings.header)
            self._say(f"saved {path}")
        except ShufflecamError as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        """Display a message in the HUD for a moment, and print it to the terminal."""
        if text:
            text = without_secrets(text)
            self._savings.say(text)
            self.state = replace(self.state, message=text.encode("ascii", "replace").decode())
            self._message_until = self._clock() + MESSAGE_S
