"""The weights that come with the package."""

from __future__ import annotations

from shufflecam.models.catalogue import DEFAULT_POSE, embedded_path, pose_entry
from shufflecam.models.fetch import file_sha256
from shufflecam.models.load import load_pose


def test_the_embedded_pose_network_is_the_one_of_the_catalogue() -> None:
    path = embedded_path(DEFAULT_POSE)
    assert path is not None
    assert file_sha256(path) == pose_entry(DEFAULT_POSE).sha256
    assert path.stat().st_size <= 14_000_000
    load_pose(path, pose_entry(DEFAULT_POSE))
