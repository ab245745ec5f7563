"""`video --smooth offline`: the video is read twice, so that smoothing knows what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Talk
from shufflecam.cli.help import GroupedCommand
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from shufflecam.core.protocols import FrameSource
    from shufflecam.core.stats import Stats
    from shufflecam.core.types import Frame, FrameResult
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.view import ViewFinder
    from shufflecam.pipeline.run import StopRequest

FLAG = "--smooth-offline"


class SmoothCommand(GroupedCommand):
    """A command whose switch `--smooth` may be followed by `offline`; click knows no such thing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the one word that is meant in place of the two."""
        return super().parse_args(ctx, _joined(args))


def _joined(args: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for arg in args:
        if arg == "offline" and joined and joined[-1] == "--smooth":
            joined[-1] = FLAG
        else:
            joined.append(FLAG if arg == "--smooth=offline" else arg)
    return joined


offline_option: Callable[[Any], Any] = click.option(FLAG, "smooth_offline", is_flag=True, hidden=True)


@contextmanager
def found_beforehand(
    open_source: Callable[[], FrameSource],
    finder: PoseFinder | ViewFinder,
    stats: Stats,
    stop: StopRequest,
    talk: Talk,
) -> Iterator[Callable[[Frame], FrameResult]]:
    """Find everybody in a first reading; then give each frame's result, smoothed, in a second one.

    Args:
        open_source: opens the video that the second reading will be of.
        finder: without a smoother of its own.
        stats: of the run.
        stop: a signal ends the first reading at once, for nothing is written yet.
        talk: shows the progress.
    """
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.tracking.two_pass import OfflineSmoother

    smoother = OfflineSmoother(len(finder.skeleton.keypoints))
    try:
        source = open_source()
        with talk.progress("first of two readings", source.info.frames) as meter:
            # A video that breaks off does so again in the second reading, which then says it.
            run_pipeline(
                Pipeline(source, finder.find, stats),
                [smoother],
                stop,
                on_result=lambda result: meter.advance(counted(len(result.poses), "person")),
            )
        smoother.turn_round()
        yield smoother.find
    finally:
        smoother.delete()
