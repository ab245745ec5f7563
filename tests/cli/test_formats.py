"""A new format of records: a module with a writer and an entry in the table, and every command knows it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import CLIP_FRAMES

ENTRY = """
from shufflecam.records.formats import FORMATS, RecordFormat

FORMATS["tiny"] = RecordFormat(
    "tiny", "Tiny", "tests.helpers.tiny_people", (".tiny",), ".tiny", implied=True, recorded=True
)
"""


@pytest.fixture
def run_with_tiny(tmp_path: Path, run_process) -> Callable[..., object]:
    """Run `python -m shufflecam ...` where the entry was added before anything of it is imported."""
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "sitecustomize.py").write_text(ENTRY)
    path = os.pathsep.join([str(tmp_path / "added"), str(Path(__file__).parents[2])])
    return partial(run_process, PYTHONPATH=path, COLUMNS="200")


def test_it_is_known_to_every_command(clip: Path, pose_weights: Path, tmp_path: Path, run_with_tiny) -> None:
    solo = ["--weights", pose_weights, "--detector", "none"]
    recorded, lines = tmp_path / "recorded.tiny", tmp_path / "lines.jsonl"
    done = run_with_tiny("video", clip, "--json", recorded, "--format", "tiny", *solo)
    assert done.returncode == 0, done.stderr
    expected = [*["1"] * CLIP_FRAMES, "complete"]
    assert recorded.read_text().split() == expected

    converted = tmp_path / "converted.tiny"
    assert run_with_tiny("video", clip, "--json", lines, *solo).returncode == 0
    done = run_with_tiny("convert", lines, converted)
    assert done.returncode == 0, done.stderr
    assert converted.read_text().split() == expected

    records = tmp_path / "records"
    done = run_with_tiny("video", clip.parent, "--json", records, "--format", "tiny", *solo)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in records.iterdir()] == [f"{clip.stem}.tiny"]

    assert "tiny: a .tiny file" in " ".join(run_with_tiny("video", "--help-all").stdout.split())
    wrong = run_with_tiny("video", clip, "--json", tmp_path / "a.csv", "--format", "tiny", *solo)
    assert wrong.returncode == 2
    assert "a record ends in .tiny" in wrong.stderr
