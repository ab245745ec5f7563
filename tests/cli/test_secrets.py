"""User and password of an address in no output of any command, tracebacks, records and settings included."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.addresses import FORMS, SECRETS
from tests.sources.locked_server import serve_locked

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = [
    "webcam --headless --debug {}",
    "webcam --headless --debug --camera {}",
    "webcam --headless --debug --replay {}",
    "webcam --headless --debug --record {}/x.mp4 --max-frames 1",
    "webcam --debug --size {}",
    "webcam --debug 0 {}",
    "webcam --debug --{}",
    "video --debug --json - {}",
    "video --debug {}",
    "video --debug --json - --boxes {} x.mp4",
    "video --debug --json {} x.mp4",
    "images --debug --json - -- {}",
    "render --debug {}",
    "render --debug x.mp4 {} --out y.mp4",
    "plot --debug {} --out a.png",
    "plot --debug --html a.html --video {} poses.jsonl",
    "inspect --debug {}",
    "convert --debug --format csv {}",
    "config show {}",
    "models get --debug {}",
    "cameras {}",
    "doctor {}",
    "{}",
    "{} --debug",
    "webcm {}",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_of_it_in_any_output(
    command: str, run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("poses.jsonl").write_text('{"type":"header"}\n')
    # Those with a host that would be asked in vain are opened in tests/sources.
    forms = [form for form in FORMS if ":9/" not in form or "se/" in form or not command.startswith("webcam")]
    for form in forms[:: 1 if "{}" in command else 2]:
        done = run_cli(*(word.replace("{}", form) for word in command.split()))
        assert done.returncode not in (0, 130), form
        for text in (done.stdout, done.stderr):
            assert not SECRETS.search(text), (form, text)
        assert "this is a fault" not in done.stderr.lower()


def test_settings_are_shown_without(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shufflecam.toml").write_text('[webcam]\ncamera = "rtsp://admin:se/cret9@h/x"\n')
    monkeypatch.setenv("SHUFFLECAM_WEBCAM_REPLAY", "http://h/x?user=admin&pwd=cret9")
    for more in ([], ["--json"], ["webcam"]):
        done = run_cli("config", "show", *more)
        assert done.returncode == 0
        assert "h/x" in done.stdout
        assert not SECRETS.search(done.stdout + done.stderr)


def test_a_run_records_the_address_without(run_cli: Run, tmp_path: Path, pose_weights: Path) -> None:
    record = tmp_path / "live.jsonl"
    with serve_locked("admin", "cret9") as host:
        done = run_cli(
            *("webcam", f"http://admin:cret9@{host}/v?token=cret9", "--headless", "--max-frames", "2"),
            *("--json", record, "--record", tmp_path / "live.mp4", "--detector", "none"),
            *("--weights", pose_weights, "--debug"),
        )
    assert done.returncode == 0, done.stderr
    header = json.loads(record.read_text().splitlines()[0])
    assert header["source"]["path"] == f"http://{host}/v"
    assert not SECRETS.search(record.read_text() + done.stdout + done.stderr)
    assert b"cret9" not in (tmp_path / "live.mp4").read_bytes()


@pytest.mark.parametrize("address", ["rtsp://me:se?cret@127.0.0.1:9/x", "rtsp://me:[se]*@127.0.0.1:9/x"])
@pytest.mark.parametrize("outputs", [(), ("--json", "x.json")])
def test_an_address_is_no_pattern_of_files(address: str, outputs: tuple[str, ...], run_cli: Callable) -> None:
    done = run_cli("video", address, *outputs)
    assert done.returncode == 3
    assert "shufflecam webcam" in done.stderr
    assert "folder" not in done.stderr
    assert "se" + "cret" not in done.stderr
