"""Loads weight files into networks: every tensor accounted for, no code in a file executed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from shufflecam.core.errors import WeightsError
from shufflecam.core.reasons import in_their_words, reason
from shufflecam.models.catalogue import POSES, PoseEntry
from shufflecam.models.pickles import read_pickle
from shufflecam.models.shufflenet import HEAD_CHANNELS, PoseNet
from shufflecam.models.unwrap import strip_prefixes, unwrap

FINAL_LAYER = "head.final_layer.weight"
"""Its first dimension is the number of keypoints."""

SHOWN_NAMES = 3
"""Maximum number of names that an error lists; the rest is only counted."""

_COUNTER = ".num_batches_tracked"

_IGNORED = ("data_preprocessor.mean", "data_preprocessor.std", "n_averaged")
"""Ignored tensors: normalization constants of 1.x files (`pose.crops` has its own), and the counter of
torch's `AveragedModel`."""


@dataclass(frozen=True, eq=False)
class Tensors:
    """The contents of a weight file."""

    tensors: dict[str, Tensor]
    """By name; float16 and bfloat16 widened to float32. On the CPU."""
    metadata: dict[str, str]
    """The metadata of `.safetensors` files; else empty."""


def read_checkpoint(path: Path) -> Any:
    """Read the object in a `.pth`, `.pt` (zip or older format) or `.safetensors` file, by content, not name.

    Returns:
        `Tensors` for `.safetensors`; else what was saved, everything but tensors and plain values inert.

    Raises:
        WeightsError: no such file, not weights, damaged, or containing code.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"there is no weights file {path}")
    if not path.is_file():
        raise WeightsError(f"{path} is not a file of weights")
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason(error)}") from error
    if not start:
        raise WeightsError(f"{path} is empty; fetch or copy it again")
    if start.lstrip()[:1] == b"<":
        raise WeightsError(f"{path} is a web page and not weights: the download went wrong, fetch it again")
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return read_pickle(path)
    if path.suffix == ".safetensors":
        raise WeightsError(f"{path} is damaged or cut short; fetch or copy it again")
    raise WeightsError(f"{path} is not weights: neither a torch checkpoint nor safetensors")


def _read_safetensors(path: Path) -> Tensors:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: _widen(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - not a dict
            return Tensors(tensors, dict(file.metadata() or {}))
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path} is damaged or cut short; fetch or copy it again ({in_their_words(error)})"
        ) from error


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def read_tensors(path: Path) -> Tensors:
    """Read the named tensors of a file: `.safetensors`, a state_dict, or a training checkpoint (`unwrap`).

    Raises:
        WeightsError: as `read_checkpoint`, or it contains no named tensors.
    """
    content = read_checkpoint(path)
    if isinstance(content, Tensors):
        return Tensors(strip_prefixes(content.tensors, path), content.metadata)
    return Tensors(unwrap(content, path), {})


def pose_tensors(path: Path) -> Tensors:
    """Like `read_tensors`, renamed to `models.shufflenet.PoseNet`'s names (0.x and 1.x layouts)."""
    read = read_tensors(path)
    renamed: dict[str, Tensor] = {}
    for name, tensor in read.tensors.items():
        new = name
        if new in _IGNORED:
            continue
        if new.startswith("keypoint_head."):
            new = "head." + new.removeprefix("keypoint_head.")
        if new in renamed:
            raise WeightsError(f"{path} holds {new} twice, under an old and a new name")
        renamed[new] = tensor
    return Tensors(renamed, read.metadata)


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Load tensors into a module, strictly.

    Args:
        module: the target; tensors are converted to its precision.
        tensors: by the names of `module.state_dict()`.
        path: the file, for error messages.
        what: the architecture's name, for error messages.

    Raises:
        WeightsError: tensors are missing, unexpected, of another shape or type, or not finite.
    """
    wanted = module.state_dict()
    # A norm's batch counter has no effect on inference, and some exporters omit it.
    tensors = {
        **{
            name: value
            for name, value in wanted.items()
            if name.endswith(_COUNTER) and name.removesuffix(_COUNTER) + ".running_var" in tensors
        },
        **tensors,
    }
    missing = [name for name in wanted if name not in tensors]
    extra = [name for name in tensors if name not in wanted]
    shapes = [
        f"{name} (is {_shape(tensors[name])}, must be {_shape(wanted[name])})"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    problems = [
        f"{len(names)} {problem}: {_listed(names)}"
        for names, problem in ((missing, "missing"), (extra, "left over"), (shapes, "of another shape"))
        if names
    ]
    if problems:
        raise WeightsError(f"{path} is not {what}; tensors {'; '.join(problems)}")
    kinds = [name for name in wanted if tensors[name].is_floating_point() != wanted[name].is_floating_point()]
    if kinds:
        raise WeightsError(f"{path} is not {what}; tensors of another kind of number: {_listed(kinds)}")
    broken = [name for name in wanted if not bool(torch.isfinite(tensors[name]).all())]
    if broken:
        raise WeightsError(f"{path} is damaged: infinite or missing numbers in {_listed(broken)}")
    with torch.no_grad():
        for name, own in wanted.items():
            own.copy_(tensors[name])


def load_pose(path: Path, model: PoseEntry) -> PoseNet:
    """Build the network of a catalogue entry with the weights of a file, in eval mode.

    Raises:
        WeightsError: the file is not weights of this architecture, damaged, or unsafe.
    """
    path = Path(path)
    tensors = pose_tensors(path).tensors
    keypoints = len(model.skeleton.keypoints)
    final = tensors.get(FINAL_LAYER)
    if final is not None and final.ndim == 4 and final.shape[0] != keypoints:
        fitting = _with_keypoints(final.shape[0])
        advice = f"try --model {fitting[0]}" if fitting else "no model here has as many"
        raise WeightsError(
            f"{path} gives {final.shape[0]} keypoints where {model.name} has {keypoints}; {advice}"
        )
    with torch.random.fork_rng(devices=[]):  # construction draws random weights: keep the caller's RNG state
        net = PoseNet(keypoints, _head_channels(tensors))
    fill(net, tensors, path, f"the network of {model.name}")
    return net.eval()


def _head_channels(tensors: Mapping[str, Tensor]) -> tuple[int, int, int]:
    """Return the three deconvolutions' channels: our training may use a narrower head than published."""
    widths = []
    for place in (0, 3, 6):
        weight = tensors.get(f"head.deconv_layers.{place}.weight")
        fits = weight is not None and weight.ndim == 4 and 0 < weight.shape[1] <= HEAD_CHANNELS
        widths.append(int(weight.shape[1]) if weight is not None and fits else HEAD_CHANNELS)
    return widths[0], widths[1], widths[2]


def _with_keypoints(number: int) -> tuple[str, ...]:
    return tuple(entry.name for entry in POSES if len(entry.skeleton.keypoints) == number)


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - SHOWN_NAMES
    return ", ".join(shown[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _shape(tensor: Tensor) -> str:
    return "x".join(str(n) for n in tensor.shape) or "one number"
