"""`shufflecam models` as people type it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shufflecam.cli.commands.models import command
from shufflecam.cli.console import Terminal
from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.models import catalogue
from shufflecam.models.fetch import fetch_detector
from tests.models.server import Site, serve

CONTENT = b"PK" + bytes(5000)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A mirror that has yolov8n and yolo11n; the catalogue knows the hash of the first alone."""
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path / "cache"))
    hashes = {"yolov8n": hashlib.sha256(CONTENT).hexdigest(), "yolo11n": ""}
    known = tuple(
        dataclasses.replace(model, sha256=hashes.get(model.name, model.sha256)) for model in catalogue.PERSONS
    )
    monkeypatch.setattr(catalogue, "PERSONS", known)
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serve(Site(CONTENT)) as running:
        monkeypatch.setenv("SHUFFLECAM_MIRROR", running.url)
        yield running


def run(*arguments: str) -> tuple[str, str]:
    """Standard output and standard error of a command that must not fail."""
    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    return done.stdout, done.stderr


def test_list(site: Site) -> None:
    out, err = run("list")
    assert err == ""
    for model in catalogue.all_entries():
        assert model.name in out
        assert model.published in out
    assert "17 keypoints" in out
    assert "192x256" in out
    assert "to fetch" in out
    assert "cached" not in out


def test_get_path_verify(site: Site, tmp_path: Path) -> None:
    out, err = run("get", "yolov8n")
    assert out == ""
    assert "yolov8n: fetched, hash right" in err
    out, err = run("path", "yolov8n")
    assert out == f"{tmp_path / 'cache' / 'yolov8n.pt'}\n"
    assert Path(out.strip()).read_bytes() == CONTENT
    assert "yolov8n: already here" in run("get", "yolov8n")[1]
    assert run("get", "yolov8n", "--quiet") == ("", "")
    assert "cached" in run("list")[0]
    assert "yolov8n: right" in run("verify", "yolov8n")[1]

    Path(out.strip()).write_bytes(b"changed")
    with pytest.raises(WeightsError, match="is not the published yolov8n"):
        run("verify")


def test_unverified_only_on_request(site: Site) -> None:
    with pytest.raises(WeightsError, match="--allow-unverified"):
        run("get", "yolo11n")
    err = run("get", "yolo11n", "--allow-unverified")[1]
    assert f"not verified, SHA-256 {hashlib.sha256(CONTENT).hexdigest()}" in err
    assert "yolo11n: cannot be checked, no hash is known" in run("verify")[1]


def test_nothing_here_yet(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "embedded_path", lambda name: None)
    assert "no weights are on this machine yet" in run("verify")[1]
    with pytest.raises(WeightsError, match="models get yolov8n"):
        run("path", "yolov8n")
    with pytest.raises(WeightsError, match="models get yolov8n"):
        run("verify", "yolov8n")


@pytest.mark.parametrize("verb", ["get", "path", "verify"])
def test_an_unknown_name_before_anything_is_done(site: Site, verb: str) -> None:
    names = ["hrnet"] if verb == "path" else ["yolov8n", "hrnet"]
    with pytest.raises(UsageError, match="there is no model 'hrnet'; choose one of"):
        run(verb, *names)
    assert not site.requests


def test_exit_codes_of_the_real_command(tmp_path: Path) -> None:
    environment = os.environ | {"SHUFFLECAM_CACHE": str(tmp_path), "SHUFFLECAM_MIRROR": "ftp://nowhere"}

    def code(*arguments: str) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "shufflecam", "models", *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or len(done.stderr.strip().splitlines()) >= 1
        return done.returncode

    assert code("list") == 0
    assert code("path", "yolov8n") == 4
    assert code("path", "hrnet") == 2
    assert code("get", "yolov8n") == 2  # an impossible mirror


def test_help_imports_neither_torch_nor_rich() -> None:
    code = (
        "import sys\n"
        "from shufflecam.cli.main import run\n"
        "try:\n"
        "    run(['models', 'get', '--help'])\n"
        "except SystemExit:\n"
        "    print('HEAVY', sorted({'torch', 'rich', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_a_detector_that_is_named_is_fetched_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_detector("yolov8n", Terminal())
    assert "yolov8n is fetched once" in capsys.readouterr().err
    assert len(site.requests) == 1
    fetch_detector("yolov8n", Terminal())
    assert capsys.readouterr().err == ""
    for nothing in ("auto", "none", "mine.pt", "folder/x"):
        fetch_detector(nothing, Terminal())
    assert len(site.requests) == 1  # nobody else is asked
    with pytest.raises(UsageError, match="there is no detector 'hrnet'"):
        fetch_detector("hrnet", Terminal())
    with pytest.raises(WeightsError, match="--allow-unverified"):
        fetch_detector("yolo11n", Terminal(quiet=True))  # its hash is not known here


def test_the_list_says_sizes_the_default_and_what_is_best_here(
    tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run_cli("models", "list").stdout.splitlines()
    for model in catalogue.all_entries():
        [line] = [line for line in lines if line.startswith(f"{model.name} ")]
        assert re.search(r"\d+\.\d MB", line)
        assert ("default" in line) == (model.name in (catalogue.DEFAULT_POSE, catalogue.DEFAULT_PERSON))
    assert (
        "poses: best here: --model shufflecam-256x192; better: shufflecam models get coco-384x288-2022"
        in lines
    )
    fetched = tmp_path / "cache" / catalogue.entry("yolov8s").file
    fetched.parent.mkdir(parents=True, exist_ok=True)
    fetched.write_bytes(b"there")
    assert "people: best here: --detector yolov8s" in run_cli("models", "list").stdout.splitlines()


def test_sizes_of_files_that_are_here_are_true() -> None:
    for model in catalogue.all_entries():
        path = catalogue.locate(model)
        if path is not None:
            assert path.stat().st_size / 1e6 == pytest.approx(model.megabytes, abs=0.06)
