"""The command line's network and clip serve here too."""

from __future__ import annotations

from tests.cli.conftest import clip, pose_weights

__all__ = ["clip", "pose_weights"]
