"""Records of real runs are what docs/record.schema.json says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import clip, pictures, pose_weights, run_cli  # noqa: F401 - fixtures

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "record.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def checker() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "options",
    [
        ["video", "CLIP", "--angles"],
        ["video", "CLIP", "--no-track", "--no-smooth", "--start", "0.5", "--step", "2"],
        ["images", "PICTURES"],
        ["webcam", "--replay", "CLIP", "--headless", "--max-frames", "3"],
    ],
    ids=lambda options: " ".join(options),
)
def test_records_of_every_command(
    options: list[str],
    checker: Any,
    clip: Path,  # noqa: F811
    pictures: Path,  # noqa: F811
    pose_weights: Path,  # noqa: F811
    tmp_path: Path,
    run_cli: Callable[..., Any],  # noqa: F811
) -> None:
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    words = [{"CLIP": str(clip), "PICTURES": str(pictures)}.get(word, word) for word in options]
    target = tmp_path / "record.jsonl"
    done = run_cli(*words, "--json", target, "--weights", pose_weights, "--detector", "none")
    assert done.returncode in (0, 5), done.stderr
    lines = lines_of(target)
    assert [line["type"] for line in lines[:1] + lines[-1:]] == ["header", "footer"]
    for line in lines:
        checker.validate(line)


@pytest.mark.parametrize(
    "line",
    [
        {"type": "frame", "frame": -1, "time": 0.0, "people": []},
        {"type": "frame", "frame": 0, "time": 0.0, "people": [{"id": 1}]},
        {"type": "footer", "frames": 1, "dropped": 0, "complete": False, "missing": {}},
        {"type": "footer", "frames": 1, "dropped": 0, "complete": False, "missing": {"gone": 1}},
        {"type": "header", "schema": "shufflecam/2"},
    ],
)
def test_what_is_no_record_is_told(line: dict[str, Any], checker: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        checker.validate(line)
