"""Completion candidates for option values, looked up only on completion."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def angles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the matching joint angles."""
    from shufflecam.core.angles import ANGLES

    return _offered(ANGLES, incomplete)


def joints(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the matching keypoint names of both skeletons."""
    from shufflecam.core.skeleton import COCO_17, MPII_16

    return _offered(dict.fromkeys((*COCO_17.keypoints, *MPII_16.keypoints)), incomplete)


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the matching pose models."""
    from shufflecam.models.catalogue import POSES

    return _offered((entry.name for entry in POSES), incomplete)


def detectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the matching detector names, or weight files where no name matches."""
    from shufflecam.models.catalogue import PERSONS

    found = _offered(("auto", "none", *(entry.name for entry in PERSONS)), incomplete)
    return found or [CompletionItem(incomplete, type="file")]
