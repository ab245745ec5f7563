"""Extracts the pose network's tensors from training checkpoints.

A checkpoint is rarely a bare `state_dict`: trainers nest it under a key, next to the optimizer's state and
metadata; parallel and compiled modules prefix every tensor name; a model inside a trainer's class has that
class's attribute as a prefix. Known wrappings and prefixes are removed. If a file contains both the trained
and the averaged weights, the averaged ones are used: they are what such a run evaluates and ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from shufflecam.core.errors import WeightsError
from shufflecam.models.pickles import Inert, module_tensors

WRAPPINGS = (
    # Averages of the weights over training steps: the keys of ours, timm, BasicSR, Lightning and others.
    "average",
    "ema",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "params_ema",
    "averaged_model",
    "swa_model",
    # The weights themselves.
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "network",
    "net",
    "module",
    "weights",
    "params",
)
"""Keys under which trainers store a network, in order of preference."""

MAX_DEPTH = 4
"""Maximum nesting of wrappings: {"ema": {"module": {...}}} has two."""

ANCHOR = "backbone."
"""The start of a tensor's own name; what precedes it is a prefix."""

_INSERTED = ("_orig_mod.", "module.")
"""Name parts inserted by `torch.compile` and the parallel modules, at any depth; no tensor here has them."""

_AVERAGED = ("ema", "average", "swa")
"""Substrings of the prefix of a network that is the average of another one in the same file."""

SHOWN = 6
"""Maximum number of a file's entries that an error lists; the rest is only counted."""


def unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the named tensors of the pose network in a checkpoint.

    Args:
        content: what `models.load.read_checkpoint` returned for a pickle.
        path: the file, for error messages.

    Returns:
        Tensors by name without prefixes, detached. If nothing looks like a pose network, the first group of
        named tensors unchanged, so that missing ones can be reported by name.

    Raises:
        WeightsError: it contains no named tensors, or two networks neither of which is the other's average.
    """
    groups = [dict(group) for group in _groups(content)]
    for group in groups:
        named = strip_prefixes(group, path)
        if any(name.startswith(ANCHOR) for name in named):
            return named
    if groups:
        return groups[0]
    raise WeightsError(
        f"{path} holds no named tensors: it is not weights of a pose network{_inside(content)}"
    )


def strip_prefixes(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the network's tensors by their own names, without the prefix before `backbone.`.

    Tensors without the prefix (e.g. a loss's) are not part of the network and are dropped.

    Raises:
        WeightsError: there are several networks.
    """
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for inserted in _INSERTED:
            name = name.replace(inserted, "")
        if name in plain:
            raise WeightsError(f"{path} holds {name} twice, with and without a prefix")
        plain[name] = tensor
    prefixes = sorted({name[:place] for name in plain if (place := _anchor(name)) is not None})
    if not prefixes:
        return plain
    averages = [prefix for prefix in prefixes if any(word in prefix.lower() for word in _AVERAGED)]
    chosen = averages if len(averages) == 1 else prefixes
    if len(chosen) > 1:
        raise WeightsError(
            f"{path} holds {len(chosen)} networks ({', '.join(prefix or 'backbone' for prefix in chosen)}); "
            "save one of them alone"
        )
    prefix = chosen[0]
    return {name.removeprefix(prefix): tensor for name, tensor in plain.items() if name.startswith(prefix)}


def _anchor(name: str) -> int | None:
    """Return the index of `backbone.` in a dotted name; None if absent."""
    place = 0 if name.startswith(ANCHOR) else name.find("." + ANCHOR) + 1
    return place if place or name.startswith(ANCHOR) else None


def _groups(content: Any, depth: int = 0) -> Iterator[Mapping[str, Tensor]]:
    """Yield every group of named tensors under known wrappings, in order of preference."""
    if isinstance(content, Inert):  # a whole module, saved with its class
        try:
            tensors = module_tensors(content)
        except WeightsError:
            return
        if tensors:
            yield tensors
        return
    if not isinstance(content, Mapping) or depth > MAX_DEPTH:
        return
    named = {str(name): value.detach() for name, value in content.items() if isinstance(value, Tensor)}
    # Metadata between the tensors (a step, a date) is no reason to reject them.
    if named and (len(named) == len(content) or any(_anchor(name) is not None for name in named)):
        yield named
        return
    for wrapping in WRAPPINGS:
        if wrapping in content and not (wrapping == "average" and _never_averaged(content)):
            yield from _groups(content[wrapping], depth + 1)


def _never_averaged(content: Mapping[str, Any]) -> bool:
    """Whether it is from our own training without `--ema`: its average is still the initial weights."""
    recipe = content.get("recipe")
    return isinstance(recipe, Mapping) and not recipe.get("ema")


def _inside(content: Any) -> str:
    """Return what the file contains instead, and what to do, for the error message."""
    if not isinstance(content, Mapping) or not content:
        return ""
    names = [str(name) for name in content]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    advice = "save the network's state_dict alone"
    return f". In it: {', '.join(names[:SHOWN])}{more}; {advice}"
