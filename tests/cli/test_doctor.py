"""`shufflecam doctor`: a report that can be pasted, and an exit code that can be trusted."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from shufflecam.cli.commands import doctor
from shufflecam.jobs.doctor import EXTRAS, Check
from shufflecam.models.catalogue import all_entries


def test_each_finding_is_one_line_in_a_pipe(run_cli: Callable) -> None:
    """Names and commands were folded into columns of eighty characters."""
    done = run_cli("doctor")
    assert done.returncode == 0, done.stdout
    for entry in all_entries():
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"weights {entry.name} "))
        assert "embedded" in line or f"shufflecam models get {entry.name}" in line


def test_engines_and_extras_are_told_and_downloads_are_optional(run_cli: Callable) -> None:
    lines = run_cli("doctor").stdout.splitlines()
    [engine] = [line for line in lines if line.startswith("engine ")]
    assert re.search(r"ok +(openvino|onnx|torch) runs the networks \(--backend can be torch", engine)
    for name, (packages, _) in EXTRAS.items():
        [extra] = [line for line in lines if line.startswith(f"extra {name} ")]
        if all(find_spec(package) for package in packages):
            assert " ok " in extra
        else:
            assert " optional " in extra
            assert f"pip install 'shufflecam[{name}]'" in extra
    for entry in all_entries():
        [line] = [line for line in lines if line.startswith(f"weights {entry.name} ")]
        assert "missing" not in line


def test_a_damaged_file_in_the_cache_is_a_fault(
    run_cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))
    (tmp_path / "yolo26n.pt").write_bytes(b"the beginning")
    done = run_cli("doctor")
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if line.startswith("weights yolo26n ")]
    assert "yolo26n.pt is damaged" in line
    assert "shufflecam models get yolo26n, or delete it" in line


def test_every_extra_of_the_project_is_listed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    for name, (packages, _) in EXTRAS.items():
        assert {re.split(r"[<>=]", one)[0] for one in extras[name]} == set(packages)
    assert set(EXTRAS) == set(extras) - {"test"}


@pytest.mark.parametrize(("needed", "code"), [(True, 1), (False, 0)])
def test_what_is_missing_decides_where_it_is_needed(
    needed: bool, code: int, monkeypatch: pytest.MonkeyPatch, run_cli: Callable
) -> None:
    def camera() -> Iterator[Check]:
        yield Check("camera", False, "[usb] cam is busy", "close [app]", needed=needed)

    monkeypatch.setattr(doctor, "EXAMINATIONS", (camera,))
    done = run_cli("doctor")
    assert done.returncode == code
    assert "[usb] cam is busy" in done.stdout
    assert "close [app]" in done.stdout


def test_an_examination_that_falls_over_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, run_cli: Callable
) -> None:
    def _broken() -> Iterator[Check]:
        raise OSError("no such library")
        yield

    monkeypatch.setattr(doctor, "EXAMINATIONS", (_broken,))
    done = run_cli("doctor")
    assert done.returncode == 1
    assert "OSError: no such library" in done.stdout
