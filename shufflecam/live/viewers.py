"""Where a live picture is shown: the protocol, and the window."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.compose import add_overlays
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState
from shufflecam.live.window import LiveWindow


class Viewer(Protocol):
    """Something that shows the run. Called on the main thread only."""

    @property
    def wants_picture(self) -> bool:
        """Whether `show` needs a drawn picture at the moment; drawing costs time."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the user closed it, which ends the run."""
        ...

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Show it; the key that was pressed meanwhile, or None.

        Args:
            picture: (H, W, 3) uint8 BGR, drawn, in square pixels, without the HUD; changed by the last face
                only. Empty where `wants_picture` was False.
            result: the newest, or the one that stands still.
            figures: for the HUD.
            state: of the keys.
        """
        ...

    def poll(self) -> int | None:
        """Stay alive while there is nothing new; the key that was pressed, or None."""
        ...

    def close(self) -> None:
        """Take it away."""
        ...


class WindowViewer:
    """The window, with its HUD. It draws into the picture: the last of the faces."""

    wants_picture = True

    def __init__(self) -> None:
        self._window = LiveWindow("shufflecam (h: help, q: quit)")

    @property
    def closed(self) -> bool:
        """Whether the user closed the window."""
        return self._window.closed

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """One picture with its HUD; the key."""
        if not picture.size:
            return self._window.poll()
        key = self._window.show(add_overlays(picture, figures, state))
        self._window.set_fullscreen(state.fullscreen)
        return key

    def poll(self) -> int | None:
        """Let the window live; the key."""
        return self._window.poll()

    def close(self) -> None:
        """Take the window away."""
        self._window.close()


NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
"""For faces that want none."""
