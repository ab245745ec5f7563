"""Viewers of a live picture: the protocol, and the window."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.compose import add_overlays
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState
from shufflecam.live.window import LiveWindow


class Viewer(Protocol):
    """Displays a run. Called on the main thread only."""

    @property
    def wants_picture(self) -> bool:
        """Whether `show` currently needs a drawn picture; drawing takes time."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the user closed the viewer, which ends the run."""
        ...

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Display a picture; return the key pressed meanwhile, or None.

        Args:
            picture: (H, W, 3) uint8 BGR, drawn, in square pixels, without the HUD; only the last viewer may
                modify it. Empty where `wants_picture` was False.
            result: the newest one, or the frozen one.
            figures: for the HUD.
            state: of the keys.
        """
        ...

    def poll(self) -> int | None:
        """Process events while there is nothing new; return the key pressed, or None."""
        ...

    def close(self) -> None:
        """Close the viewer."""
        ...


class WindowViewer:
    """The window, with its HUD. It draws into the picture, so it must be the last viewer."""

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
        """Display one picture with its HUD; return the key pressed, or None."""
        if not picture.size:
            return self._window.poll()
        key = self._window.show(add_overlays(picture, figures, state))
        self._window.set_fullscreen(state.fullscreen)
        return key

    def poll(self) -> int | None:
        """Process window events; return the key pressed, or None."""
        return self._window.poll()

    def close(self) -> None:
        """Close the window."""
        self._window.close()


NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
"""Placeholder for viewers when nothing was drawn."""
