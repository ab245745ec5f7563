"""The pose network's tensors out of whatever a training program saved around them.

A checkpoint is rarely the bare `state_dict`: trainers put it under a name, beside the optimizer's
state and their own notes; parallel and compiled modules put a prefix before every tensor; a model inside a
trainer's class gets that class's attribute as a prefix. All of this is packing, and
packing that is known is taken off. Where a file holds both the trained and the averaged weights, the
averaged ones are taken: they are what such a run measures and means to ship.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from shufflecam.core.errors import WeightsError
from shufflecam.models.pickles import Inert, module_tensors

WRAPPINGS = (
    # Averages of the weights over the steps: ours, timm's, BasicSR's, Lightning's and others' names.
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
"""Names under which trainers store a network, the ones to be preferred first."""

MAX_DEPTH = 4
"""Wrappings within one another: {"ema": {"module": {...}}} has two."""

ANCHOR = "backbone."
"""What a prefix stands before."""

_INSERTED = ("_orig_mod.", "module.")
"""What `torch.compile` and the parallel modules put into names, at any depth; no tensor here has either."""

_AVERAGED = ("ema", "average", "swa")
"""In the prefix of a network that is the average of another one in the same file."""

SHOWN = 6
"""Entries of a file that an error lists before it only counts."""


def unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """The named tensors of the one pose network in a checkpoint.

    Args:
        content: what `models.load.read_checkpoint` gave for a pickle.
        path: the file, for errors.

    Returns:
        Tensors by name without prefixes, detached. Where nothing looks like a pose network, the first group
        of named tensors as it is, so that what is missing can be told tensor by tensor.

    Raises:
        WeightsError: no named tensors are in it, or two networks neither of which is the other's average.
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
    """The network's tensors by their own names, without what stands before `backbone.` in them.

    Tensors outside the prefix (a loss's own, say) are no part of the network and are left out.

    Raises:
        WeightsError: several networks are in it.
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
    """Where `backbone.` begins in a dotted name."""
    place = 0 if name.startswith(ANCHOR) else name.find("." + ANCHOR) + 1
    return place if place or name.startswith(ANCHOR) else None


def _groups(content: Any, depth: int = 0) -> Iterator[Mapping[str, Tensor]]:
    """Every group of named tensors under known wrappings, the preferred first."""
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
    # Notes between the tensors (a step, a date) are no reason to refuse them.
    if named and (len(named) == len(content) or any(_anchor(name) is not None for name in named)):
        yield named
        return
    for wrapping in WRAPPINGS:
        if wrapping in content and not (wrapping == "average" and _never_averaged(content)):
            yield from _groups(content[wrapping], depth + 1)


def _never_averaged(content: Mapping[str, Any]) -> bool:
    """Our own run without `--ema`: its average is what the run began with."""
    recipe = content.get("recipe")
    return isinstance(recipe, Mapping) and not recipe.get("ema")


def _inside(content: Any) -> str:
    """What is in the file instead, for the error, with what to do."""
    if not isinstance(content, Mapping) or not content:
        return ""
    names = [str(name) for name in content]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    advice = "save the network's state_dict alone"
    return f". In it: {', '.join(names[:SHOWN])}{more}; {advice}"
