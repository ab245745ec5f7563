"""Values that the tab key offers for an option: looked up when it is pressed, and not before."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def angles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The joint angles."""
    from shufflecam.core.angles import ANGLES

    return _offered(ANGLES, incomplete)


def joints(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keypoints of both skeletons."""
    from shufflecam.core.skeleton import COCO_17, MPII_16

    return _offered(dict.fromkeys((*COCO_17.keypoints, *MPII_16.keypoints)), incomplete)


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The pose models."""
    from shufflecam.models.catalogue import POSES

    return _offered((entry.name for entry in POSES), incomplete)


def detectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The detectors' names, and files of weights where no name begins so."""
    from shufflecam.models.catalogue import PERSONS

    found = _offered(("auto", "none", *(entry.name for entry in PERSONS)), incomplete)
    return found or [CompletionItem(incomplete, type="file")]
