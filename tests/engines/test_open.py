"""`--backend` and `--device`: which engine comes out, and what happens when one does not work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shufflecam.core.errors import ShufflecamError, UsageError, WeightsError
from shufflecam.core.protocols import Engine
from shufflecam.engines import cpu
from shufflecam.engines import open as choose
from shufflecam.engines.onnx import OnnxEngine
from shufflecam.engines.open import open_engine
from shufflecam.engines.openvino import OpenVINOEngine
from shufflecam.engines.torch import TorchEngine


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()).eval()


def opened(tmp_path: Path | None, **arguments: Any) -> tuple[Engine, tuple[str, ...]]:
    arguments = {
        "factory": small_net,
        "device": "cpu",
        "cache_key": "small",
        "input_size": (32, 32),
        "cache_dir": tmp_path,
        **arguments,
    }
    return open_engine(arguments.pop("factory"), **arguments)


@pytest.mark.parametrize("name", choose.BACKENDS)
def test_by_name(name: str, tmp_path: Path) -> None:
    if not choose.installed(name):
        pytest.skip(f"{name} is not installed")
    engine, notes = opened(tmp_path, backend=name)
    assert (engine.name, notes) == (name, ())


def test_auto_takes_openvino_on_a_cpu(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    engine, notes = opened(tmp_path)
    assert (engine.name, notes) == ("openvino", ())


@pytest.mark.parametrize("missing", [("openvino",), ("openvino", "onnx")])
def test_auto_passes_over_what_is_not_installed(
    missing: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = choose.installed
    monkeypatch.setattr(choose, "installed", lambda name: name not in missing and there(name))
    engine, notes = opened(tmp_path)
    assert engine.name not in missing
    assert notes == ()


def broken(self: Any, *args: Any, **keywords: Any) -> None:
    raise RuntimeError("no such primitive\nand a page of details")


def test_a_backend_that_fails_gives_way_with_one_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "installed", lambda name: True)
    monkeypatch.setattr(OpenVINOEngine, "__init__", broken)
    monkeypatch.setattr(OnnxEngine, "__init__", broken)
    built = []
    engine, notes = opened(tmp_path, factory=lambda: built.append(1) or small_net())
    assert engine.name == "torch"
    assert len(notes) == 2
    assert all("no such primitive" in note and "\n" not in note for note in notes)
    assert "openvino" in notes[0]
    assert "onnx" in notes[1]
    assert len(built) == 1


def test_a_backend_that_only_fails_at_its_first_run_gives_way_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    monkeypatch.setattr(
        OpenVINOEngine, "run", lambda self, inputs: np.full((1, 4, 32, 32), np.nan, np.float32)
    )
    engine, notes = opened(tmp_path)
    assert engine.name != "openvino"
    assert "infinite or missing" in notes[0]


def test_asked_for_by_name_a_failure_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "installed", lambda name: True)
    monkeypatch.setattr(OpenVINOEngine, "__init__", broken)
    with pytest.raises(ShufflecamError, match=r"openvino does not work.*no such primitive.*--backend auto"):
        opened(tmp_path, backend="openvino")


def test_when_none_works_the_last_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (OpenVINOEngine, OnnxEngine, TorchEngine):
        monkeypatch.setattr(kind, "__init__", broken)
    with pytest.raises(ShufflecamError, match=r"no backend works.*torch: RuntimeError: no such primitive"):
        opened(tmp_path)


def test_bad_weights_are_no_reason_to_try_another_backend(tmp_path: Path) -> None:
    calls = []

    def bad() -> nn.Module:
        calls.append(1)
        raise WeightsError("these are not weights")

    with pytest.raises(WeightsError, match="not weights"):
        opened(tmp_path, factory=bad)
    assert len(calls) == 1


def test_what_cannot_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"backend 'tensorrt'.*openvino"):
        opened(tmp_path, backend="tensorrt")
    with pytest.raises(UsageError, match="CPU only"):
        opened(tmp_path, backend="openvino", device="cuda")
    with pytest.raises(UsageError, match="device 'gpu'"):
        opened(tmp_path, device="gpu")
    monkeypatch.setattr(choose, "installed", lambda name: name == "torch")
    with pytest.raises(UsageError, match=r"onnx is not installed.*shufflecam\[onnx\]"):
        opened(tmp_path, backend="onnx")


def test_a_cache_that_cannot_be_written_costs_a_line_and_no_more(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    (tmp_path / "file").write_text("in the way")
    engine, notes = opened(tmp_path / "file", backend="openvino")
    assert len(notes) == 1
    assert "cannot be written" in notes[0]
    assert engine.run(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 4, 32, 32)


@pytest.mark.parametrize("name", ["openvino", "onnx"])
@pytest.mark.parametrize("damage", ["sound", "bit flipped", "sound, but no network"])
def test_the_second_start_needs_no_module(name: str, damage: str, tmp_path: Path) -> None:
    if not choose.installed(name):
        pytest.skip(f"{name} is not installed")
    inputs = np.random.default_rng(0).normal(0, 1, (3, 3, 32, 32)).astype(np.float32)
    built = []

    def factory() -> nn.Module:
        built.append(1)
        return small_net()

    first = opened(tmp_path, backend=name, factory=factory)[0].run(inputs)
    (entry,) = tmp_path.iterdir()
    if damage == "bit flipped":
        data = entry.read_bytes()
        entry.write_bytes(data[:-9] + bytes([data[-9] ^ 64]) + data[-8:])
    elif damage != "sound":
        key = json.loads(entry.read_bytes().split(b"\n", 1)[0])["key"]
        choose.EngineCache(tmp_path).store(key, b"nothing that a runtime reads")
    second = opened(tmp_path, backend=name, factory=factory)[0].run(inputs)
    assert len(built) == (1 if damage == "sound" else 2)
    np.testing.assert_allclose(second, first, atol=1e-6)
    # What was damaged is sound again.
    opened(tmp_path, backend=name, factory=factory)
    assert len(built) == (1 if damage == "sound" else 2)


def test_other_weights_other_size_other_entry(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    built = []
    for change in ({}, {"cache_key": "other"}, {"input_size": (64, 32)}, {"input_size": None}):
        opened(tmp_path, backend="openvino", factory=lambda: built.append(1) or small_net(), **change)
    assert len(built) == 4


def test_bfloat16_only_where_the_cpu_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset({"avx2", "avx512f"}))
    engine, _ = opened(None, backend="openvino", precision="auto")
    assert isinstance(engine, OpenVINOEngine)
    assert engine.precision == "float32"
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset({"avx2", "avx512_bf16"}))
    assert cpu.has_bfloat16()


def test_threads_are_the_users_else_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpu.thread_count() == 3
    assert cpu.thread_count(2) == 2
    for nonsense in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert cpu.thread_count() == cpu.physical_cores() >= 1


FORBIDDING = """
import sys

def forbid(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr, flush=True)
        raise ConnectionError("the network is forbidden here")

sys.addaudithook(forbid)
"""


def in_a_new_home(code: str, home: Path) -> None:
    """Run code in a process without sockets, whose home is empty and stays so."""
    home.mkdir(exist_ok=True)
    # Where these are set, the libraries are quiet of themselves.
    quiet = ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
    environment = {key: value for key, value in os.environ.items() if key not in quiet}
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDING + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**environment, "HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)},
    )
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["openvino", "onnx"])
def test_nothing_is_sent_or_left_in_the_home_and_a_warm_start_needs_no_torch(
    name: str, tmp_path: Path
) -> None:
    if not choose.installed(name):
        pytest.skip(f"{name} is not installed")
    home, cache = tmp_path / "home", tmp_path / "cache"
    arguments = (
        f"backend={name!r}, device='cpu', cache_key='k', input_size=(32, 32), cache_dir=Path({str(cache)!r})"
    )
    start = f"""
        import sys
        from pathlib import Path
        from shufflecam.engines.open import open_engine
        def factory():
            from torch import nn
            return nn.Conv2d(3, 4, 3).eval()
        engine, notes = open_engine(factory, {arguments})
        assert notes == (), notes
    """
    in_a_new_home(start, home)
    warm = """
        import numpy as np
        assert engine.run(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 4, 30, 30)
        heavy = {"torch", "ultralytics", "onnx"} & set(sys.modules)
        assert not heavy, heavy
    """
    in_a_new_home(start + warm, home)
