"""Standard streams that are closed, a folder that is gone, values and files that libraries refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import shufflecam
from shufflecam.core.files import name_that_fits
from shufflecam.jobs.batch.plan import part_of
from tests.cli.conftest import cli_environment

Run = Callable[..., subprocess.CompletedProcess[str]]

LIBRARIES = (
    "[Errno",
    "Invalid data found",
    "cannot identify",
    "Traceback",
    "Expecting value",
    "is a fault in",
)
"""Of what libraries say as a message."""


def shell(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    root = Path(shufflecam.__file__).parents[1]
    command = line.replace("shufflecam", f"{sys.executable} -m shufflecam")
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=cli_environment(home, PYTHONPATH=str(root)),
        cwd=home,
        timeout=120,
    )


@pytest.mark.skipif(os.name == "nt", reason="bash")
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("shufflecam --version >&-", 1, "Standard output is closed"),
        ("shufflecam config show >&-", 1, "Standard output is closed"),
        ("shufflecam video none.mp4 --json >&-", 3, "There is no file"),
        ("shufflecam video none.mp4 --json 2>&-", 3, ""),
        ("shufflecam video - --json <&-", 3, "Standard input is closed"),
        ("shufflecam images - --json <&-", 3, "Standard input is closed"),
        ("mkdir g; cd g; rmdir ../g; shufflecam video x.mp4 --json", 1, "was removed or renamed"),
        ("shufflecam --help | head -1", 0, ""),
    ],
)
def test_one_sentence(line: str, code: int, says: str, tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == bool(says)


@pytest.mark.skipif(os.name == "nt", reason="bash")
def test_nobody_who_reads_the_messages_does_not_end_the_work(
    clip: Path, pose_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    line = f"set -o pipefail; shufflecam video {clip} --json {out} --detector none --weights {pose_weights}"
    assert shell(f"{line} 2>&1 | true", tmp_path).returncode == 0
    assert '"complete":true' in out.read_text()


def test_names_beside_a_name_fit(tmp_path: Path) -> None:
    for stem in ("a" * 248, "ü" * 124, "人" * 83, "short"):
        part = part_of(tmp_path / f"{stem}.mp4")
        assert len(os.fsencode(part.name)) <= 255
        part.touch()
        (tmp_path / f"{stem}.mp4").touch()
    one, other = (name_that_fits(tmp_path, "a" * 300 + end, ".x") for end in "bc")
    assert one != other
    assert part_of(tmp_path / "in.mp4").name == "in.part.mp4"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("video junk.bin --json -", 3),
        ("video junk.mp4 --json -", 3),
        ("images junk.jpg --json -", 3),
        ("webcam --replay junk.bin --headless", 3),
        ("inspect junk.jsonl", 3),
        ("render clip.mp4 junk.jsonl --out o.mp4", 3),
        ("video clip.mp4 --json - --boxes junk.json", 2),
        ("video clip.mp4 --json - --weights junk.pth --detector none", 4),
        ("video clip.mp4 --json - --weights junk.safetensors --detector none", 4),
        ("video clip.mp4 --json - --detector junk.onnx", 2),
        ("video clip.mp4 --json - --detector junk.pt", 4),
        ("video clip.mp4 --json nowhere/x.json", 1),
        ("video clip.mp4 --crf good", 2),
        ("video clip.mp4 --style nice", 2),
        ("eval coco --annotations junk.json --images .", 2),
        ("webcam http://127.0.0.1:9/x --headless", 3),
        ("webcam /dev/none --headless", 3),
    ],
)
def test_no_library_has_the_word(
    command: str, code: int, clip: Path, run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    for ending in ("bin", "mp4", "jpg", "jsonl", "json", "pth", "safetensors", "onnx", "pt"):
        (tmp_path / f"junk.{ending}").write_bytes(b'{"a": junk \xc3\xa9 that is nothing}\n' * 30)
    done = run_cli(*command.split())
    assert done.returncode == code, done.stderr
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("shufflecam: ")
    main = message.split("(")[0]
    assert not [said for said in LIBRARIES if said in main], message


def test_junk_as_settings(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shufflecam.toml").write_text("a = = 3")
    done = run_cli("video", "x.mp4", "--json")
    assert done.returncode == 2
    assert "shufflecam.toml is not TOML (" in done.stderr
