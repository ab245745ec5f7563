"""The command line's fixtures serve here too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import clip, pictures, pose_weights, run_cli

__all__ = ["clip", "pictures", "pose_weights", "run_cli", "solo"]


@pytest.fixture(scope="session")
def solo(pose_weights: Path) -> list[str]:
    """Options that need neither a detector nor embedded weights."""
    return ["--weights", str(pose_weights), "--detector", "none"]


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the network stays prepared from one test to the next."""
    return tmp_path_factory.mktemp("cache")
