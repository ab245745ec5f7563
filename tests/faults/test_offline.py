"""Nothing goes over the network unless somebody asked for it: the whole job with every socket forbidden."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import cli_environment

FORBID = """
import sys

def forbid(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")):
        sys.stderr.write(f"NETWORK {event} {arguments}\\n")
        raise PermissionError(f"{event} is forbidden here")

sys.addaudithook(forbid)
"""


def run_without_network(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(FORBID)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "shufflecam", *arguments],
        cwd=folder,
        env=cli_environment(folder, PYTHONPATH=f"{folder}:{root}"),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_video_without_any_socket(clip: Path, solo: list[str], tmp_path: Path) -> None:
    done = run_without_network(["video", str(clip), "--json", "poses.jsonl", *solo], tmp_path)
    assert "NETWORK" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_demo_without_any_socket(tmp_path: Path) -> None:
    done = run_without_network(["demo", "--out", "demo"], tmp_path)
    assert "NETWORK" not in done.stderr
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "demo" / "poses.jsonl").read_text().splitlines()]
    assert lines[-1]["complete"] is True


def test_the_watch_works(tmp_path: Path) -> None:
    """The proof that the test above could fail."""
    (tmp_path / "sitecustomize.py").write_text(FORBID)
    code = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')"
    environment = cli_environment(tmp_path, PYTHONPATH=str(tmp_path), no_proxy="*")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "NETWORK" in done.stderr
