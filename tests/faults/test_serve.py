"""A whole run of `webcam --serve` while strangers besiege its page: it goes on, and ends as asked."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import socket
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")

from tests.faults.harness import SEED, Victim, readable_frames, whole_lines

AT_ONCE = 300
"""Connections that are held: our own file descriptors are counted too."""


def port_of(victim: Victim) -> int:
    """The port of the live page, as the run prints it."""
    end = time.monotonic() + 60
    while time.monotonic() < end and victim.process.poll() is None:
        found = re.search(r"live page: http://127\.0\.0\.1:(\d+)/", victim.errors())
        if found is not None:
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"no live page: {victim.errors()}")


@pytest.mark.parametrize("strangers", [350, pytest.param(3000, marks=pytest.mark.slow)])
def test_strangers_do_not_reach_the_run(strangers: int, clip: Path, solo: list[str], tmp_path: Path) -> None:
    out, record = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    source = ["webcam", "--replay", clip, "--loop", "--headless", "--serve", 0]
    victim = Victim([*source, "--record", out, "--json", record, *solo], tmp_path)
    port = port_of(victim)
    victim.wait_for(record, 5)
    draw = random.Random(f"{SEED} strangers")
    held: list[socket.socket] = []
    try:
        for number in range(strangers):
            with contextlib.suppress(OSError):
                stranger = socket.create_connection(("127.0.0.1", port), 10)
                held.append(stranger)
                stranger.sendall(
                    draw.choice([b"GET / HT", b"", draw.randbytes(40), b"GET /poses HTTP/1.1\r\n"])
                )
            if len(held) > AT_ONCE:
                held.pop(0).close()
            if number % 100 == 0:
                victim.wait_for(record, record.read_bytes().count(b"\n") + 3)  # it goes on meanwhile
    finally:
        for stranger in held:
            stranger.close()
    victim.wait_for(record, record.read_bytes().count(b"\n") + 5)
    with urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
        assert page.status == 200
    ended = victim.send(signal.SIGINT)
    assert ended.code == 130, f"seed {SEED}: {ended.errors}"
    assert "Traceback" not in ended.errors
    assert "Invalid HTTP" not in ended.errors
    entries, rest = whole_lines(record)
    assert rest == 0
    frames = entries[-1]["frames"]
    assert frames == sum(entry["type"] == "frame" for entry in entries)
    assert readable_frames(out) == (frames, frames)
