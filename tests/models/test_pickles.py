"""Nothing in a checkpoint runs: payloads are refused, unknown objects become lifeless, whoever they are."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shufflecam.core.errors import WeightsError
from shufflecam.models.load import read_checkpoint
from shufflecam.models.pickles import Inert, module_tensors, read_pickle
from tests.models.checkpoints import save


class Payload:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def payloads(sign: Path) -> dict[str, Payload]:
    """Ways to create the file `sign` while a pickle is read."""
    code = f"open({str(sign)!r}, 'w').close()"
    return {
        "os.system": Payload(os.system, f"touch {sign}"),
        "subprocess.Popen": Payload(subprocess.Popen, ["touch", str(sign)]),
        "builtins.exec": Payload(builtins.exec, code),
        "builtins.eval": Payload(builtins.eval, code),
        "builtins.open": Payload(builtins.open, str(sign), "w"),
        "pathlib.Path.touch": Payload(Path.touch, sign),
        "torch.load": Payload(torch.load, str(sign)),
        "numpy.save": Payload(np.save, str(sign), 1),
        "runpy": Payload(__import__, "runpy"),
    }


@pytest.mark.parametrize("older_format", [False, True])
@pytest.mark.parametrize("name", payloads(Path("x")))
def test_a_payload_is_refused_and_does_not_run(tmp_path: Path, name: str, older_format: bool) -> None:
    sign = tmp_path / "it-ran"
    content = {"state_dict": {"weight": torch.zeros(3)}, "meta": payloads(sign)[name]}
    path = save(content, tmp_path / "net.pth", older_format=older_format)
    with pytest.raises(WeightsError, match=r"refused.*nothing in it was run") as caught:
        read_pickle(path)
    assert caught.value.exit_code == 4
    assert not sign.exists()


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "builtins.exec", "pathlib.Path.touch"])
def test_the_payloads_are_real(tmp_path: Path, name: str) -> None:
    """What the test above refuses does run where nobody refuses it."""
    sign = tmp_path / "it-ran"
    path = save({"meta": payloads(sign)[name]}, tmp_path / "net.pth")
    made = torch.load(path, weights_only=False)["meta"]
    if isinstance(made, subprocess.Popen):
        made.wait()
    assert sign.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_is_refused(tmp_path: Path, protocol: int) -> None:
    sign = tmp_path / "it-ran"
    path = tmp_path / "net.pth"
    path.write_bytes(pickle.dumps(payloads(sign)["os.system"], protocol))
    with pytest.raises(WeightsError):
        read_checkpoint(path)
    assert not sign.exists()


def test_getattr_gets_nothing(tmp_path: Path) -> None:
    """mmengine's history names its methods by getattr: that is tolerated, and must lead nowhere."""
    sign = tmp_path / "it-ran"
    made = read_pickle(save({"meta": Payload(getattr, "text", "upper")}, tmp_path / "net.pth"))["meta"]
    assert isinstance(made, Inert)
    assert made.args == ("text", "upper")
    # What it leads to cannot be called either.
    reached = Payload(getattr, "text", "upper")
    chain = {"meta": Payload(_CallOf(reached))}
    with pytest.raises(WeightsError, match="refused"):
        read_pickle(save(chain, tmp_path / "chain.pth"))
    assert not sign.exists()


class _CallOf:
    """A callable that pickles as the result of a call, so that the pickle calls that result in turn."""

    def __init__(self, made_by: Payload) -> None:
        self.made_by = made_by

    def __call__(self) -> None:
        """Never."""

    def __reduce__(self) -> Any:
        return self.made_by.__reduce__()


def test_objects_of_other_packages_become_lifeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the package is installed and its class would do something."""
    sign = tmp_path / "it-ran"
    module = types.ModuleType("somebodys_tool")

    class Logger:
        def __setstate__(self, state: Any) -> None:
            sign.touch()

        def __getstate__(self) -> Any:
            return {"level": 3}

    Logger.__module__, Logger.__qualname__ = module.__name__, "Logger"
    module.Logger = Logger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = save({"meta": Logger()}, tmp_path / "net.pth")

    pickle.loads(pickle.dumps(Logger()))
    assert sign.exists()
    sign.unlink()

    made = read_pickle(path)["meta"]
    assert isinstance(made, Inert)
    assert type(made) is not Logger
    assert made.get("level") == 3
    assert not sign.exists()


def test_what_others_have_allowed_in_this_process_does_not_count(tmp_path: Path) -> None:
    path = save({"meta": Payload(os.getcwd)}, tmp_path / "net.pth")
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals([os.getcwd])
    try:
        with pytest.raises(WeightsError, match=r"posix\.getcwd|nt\.getcwd"):
            read_pickle(path)
        assert os.getcwd in torch.serialization.get_safe_globals()
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def test_numpy_scalars_and_common_notes(tmp_path: Path) -> None:
    from collections import OrderedDict, defaultdict
    from datetime import datetime, timezone
    from pathlib import PurePosixPath

    notes = {
        "scalar": np.float64(0.5),
        "integer": np.int32(3),
        "text": np.str_("a"),
        "array": np.zeros((2, 2)),
        "when": datetime.now(timezone.utc),
        "where": PurePosixPath("a/b"),
        "order": OrderedDict(a=1),
        "set": {1, 2},
        "empty": defaultdict(list),
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
    }
    made = read_pickle(save({"w": torch.ones(2), "meta": notes}, tmp_path / "net.pth"))
    assert torch.equal(made["w"], torch.ones(2))
    assert made["meta"]["order"] == {"a": 1}
    assert isinstance(made["meta"]["scalar"], Inert)


def test_paths_as_python_3_13_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pathlib._local")
    path_type = type("PosixPath", (), {"__module__": "pathlib._local", "__init__": lambda self: None})
    module.PosixPath = path_type  # type: ignore[attr-defined]
    with monkeypatch.context() as during:
        during.setitem(sys.modules, "pathlib._local", module)
        path = save({"w": torch.ones(2), "save_dir": path_type()}, tmp_path / "net.pth")
    assert torch.equal(read_pickle(path)["w"], torch.ones(2))


def test_a_module_gives_its_state(tmp_path: Path) -> None:
    """As ultralytics saves its networks: the module itself, not its state."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Sequential(nn.Linear(2, 2)))
    module.register_buffer("passing", torch.zeros(1), persistent=False)
    made = read_pickle(save({"model": module}, tmp_path / "net.pt"))["model"]
    tensors = module_tensors(made)
    expected = module.state_dict()
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensors[name], tensor), name


def test_a_module_inside_itself_ends(tmp_path: Path) -> None:
    module = nn.Sequential()
    module._modules["again"] = module
    made = read_pickle(save({"model": module}, tmp_path / "net.pt"))["model"]
    with pytest.raises(WeightsError, match="contains itself"):
        module_tensors(made)


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}, 2))
        archive.writestr("net/constants.pkl", pickle.dumps((), 2))
    with pytest.raises(WeightsError, match="TorchScript"):
        read_pickle(path)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", bytes(20 << 20))
    with pytest.raises(WeightsError, match="far more than its own size"):
        read_pickle(path)


def test_a_storage_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    save({"w": torch.zeros(1000)}, path)
    hollow = tmp_path / "hollow.pth"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(hollow, "w") as archive:
        for member in whole.infolist():
            if not member.filename.endswith("/data/0"):
                archive.writestr(member, whole.read(member))
    with pytest.raises(WeightsError, match="damaged or cut short"):
        read_pickle(hollow)


def test_an_intact_archive_of_something_else_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="archive with no checkpoint in it"):
        read_pickle(path)
