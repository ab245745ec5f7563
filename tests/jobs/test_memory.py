"""How much memory is left, in a machine and in a container, and what is said where that is short."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflecam.jobs.memory import memory_left, note_if_short

GIB = 2**30


class Said:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    8388608 kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_machine_without_groups(tmp_path: Path) -> None:
    assert memory_left(system(tmp_path, {})) == 8 * GIB
    assert memory_left(tmp_path / "nothing") is None


@pytest.mark.parametrize("own", ["/", "/docker/abc"])
def test_a_container(own: str, tmp_path: Path) -> None:
    group = "sys/fs/cgroup" + ("" if own == "/" else own)
    files = {"proc/self/cgroup": f"0::{own}\n", f"{group}/memory.max": f"{3 * GIB}\n"}
    files |= {
        f"{group}/memory.current": f"{2 * GIB}\n",
        f"{group}/memory.stat": f"anon 1\ninactive_file {GIB}\n",
    }
    assert memory_left(system(tmp_path, files)) == 2 * GIB


def test_a_limit_further_up_and_none_at_all(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "3:cpu:/x\n0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}
    files |= {"sys/fs/cgroup/a/memory.max": f"{GIB}\n", "sys/fs/cgroup/a/memory.current": "0\n"}
    assert memory_left(system(tmp_path, files)) == GIB


def test_the_older_kind_of_groups(tmp_path: Path) -> None:
    memory = "sys/fs/cgroup/memory"
    files = {"proc/self/cgroup": "4:memory:/x\n", f"{memory}/memory.limit_in_bytes": f"{2 * GIB}\n"}
    files |= {f"{memory}/memory.usage_in_bytes": "5\n"}
    assert memory_left(system(tmp_path, files)) == 2 * GIB - 5  # /x is the host's name for it


def test_what_is_said() -> None:
    said = Said()
    note_if_short((640, 480), True, said, GIB)
    note_if_short(None, True, said, 1)
    note_if_short((7680, 4320), False, said, GIB)
    assert said.notes == []
    note_if_short((7680, 4320), True, said, GIB)
    assert said.notes == [
        "pictures of 7680x4320 need about 1.7 GB of memory, and 1.1 GB are free; should the system end this "
        "run, scale the video down first"
    ]
