"""`shufflecam doctor`: a report that can be pasted, and an exit code that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shufflecam.cli import doctor
from shufflecam.cli.doctor import Check
from shufflecam.models.catalogue import all_entries


def test_each_finding_is_one_line_in_a_pipe(run_cli: Callable) -> None:
    """Names and commands were folded into columns of eighty characters."""
    done = run_cli("doctor")
    assert done.returncode == 0, done.stdout
    for entry in all_entries():
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"weights {entry.name} "))
        assert "embedded" in line or f"shufflecam models get {entry.name}" in line


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
