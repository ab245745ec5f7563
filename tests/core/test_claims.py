"""Two runs that would write the same file: the second hears of it before it writes; the dead do not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shufflecam.core.claims import claim
from shufflecam.core.errors import OutputError

HOLD = """
import sys
from pathlib import Path
from shufflecam.core.claims import claim
with claim([Path(name) for name in sys.argv[2:]], Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def hold(registry: Path, *outputs: Path) -> subprocess.Popen[str]:
    """Another process that has claimed `outputs`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(registry), *map(str, outputs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_same_output_in_another_process(registry: Path, tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in ("a.mp4", "b.mp4", "ü ñ.mp4"))
    other = hold(registry, a, c)
    says = rf"process {other.pid}, is at work on .*a\.mp4 \(and 1 more"
    with pytest.raises(OutputError, match=says), claim([a, b, c], registry):
        pass
    with claim([b], registry):
        pass
    other.communicate("", timeout=60)
    with claim([a, b, c], registry):
        pass
    assert sorted(path.name for path in registry.iterdir()) == ["entry.lock"], "nothing gathers"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_run_holds_nothing(registry: Path, tmp_path: Path) -> None:
    other = hold(registry, tmp_path / "a.mp4")
    other.kill()
    other.wait(60)
    assert len(list(registry.glob("*.list"))) == 1
    with claim([tmp_path / "a.mp4"], registry):
        assert len(list(registry.glob("*.list"))) == 1, "the dead one's list is gone"


def test_one_file_under_two_names(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = (tmp_path / folder / "a.mp4" for folder in ("real", "link"))
    says = rf"process {os.getpid()}"
    with claim([real], registry), pytest.raises(OutputError, match=says), claim([link], registry):
        pass


def test_threads_of_one_process(registry: Path, tmp_path: Path) -> None:
    outcomes: list[str] = []
    gate = threading.Barrier(4, timeout=60)

    def run() -> None:
        gate.wait()
        try:
            with claim([tmp_path / "a.mp4"], registry):
                outcomes.append("held")
                gate.wait()
        except OutputError:
            outcomes.append("refused")
            gate.wait()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["held", "refused", "refused", "refused"]


def test_without_a_place_for_lists_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with claim([tmp_path / "a.mp4"], tmp_path / "file" / "runs"):
        pass


def test_nothing_to_write_makes_nothing(registry: Path) -> None:
    with claim([], registry):
        pass
    assert not registry.exists()
