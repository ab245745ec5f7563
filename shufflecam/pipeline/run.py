"""Runs a pipeline: passes results to sinks, handles requests to stop, and closes everything in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shufflecam.core.errors import Interrupted, ShufflecamError, SourceBrokeOff
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.protocols import Sink
from shufflecam.core.types import FrameResult
from shufflecam.core.words import counted
from shufflecam.pipeline.stop import StopRequest

if TYPE_CHECKING:
    from shufflecam.pipeline.pipeline import Pipeline


@dataclass
class Outcome:
    """The summary of a run."""

    frames: int = 0
    """Frames that reached the sinks."""
    people: int = 0
    """Number of poses in all of them."""
    with_people: int = 0
    """Frames with at least one person."""
    seconds: float = 0.0
    broke_off: SourceBrokeOff | None = None
    """Set if the source ended prematurely; everything before that is written."""
    interrupted: bool = False
    missing: Missing = NOTHING_MISSING
    """What the source should have delivered and did not."""

    @property
    def complete(self) -> bool:
        """Whether every frame of the source was processed."""
        return self.broke_off is None and not self.interrupted and not self.missing

    def check(self) -> Outcome:
        """Return the outcome itself if the run is complete; raise the error of a premature end otherwise.

        Everything is closed by then, and what was written is complete and readable.

        Raises:
            Interrupted: the run was stopped (exit code 130).
            SourceBrokeOff: the source ended prematurely, or a part of it is missing (exit code 5).
        """
        if self.interrupted:
            frames = counted(self.frames, "frame")
            raise Interrupted(f"stopped after {frames}; what was written is whole and readable")
        if self.broke_off is not None:
            raise self.broke_off
        if self.missing:  # the source has reported the details already
            raise SourceBrokeOff(f"The result is not whole; missing: {self.missing}.")
        return self


def run_pipeline(
    pipeline: Pipeline,
    sinks: Sequence[Sink],
    stop: StopRequest,
    *,
    on_result: Callable[[FrameResult], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    wants_end: Callable[[Outcome], bool] | None = None,
    is_past_end: Callable[[FrameResult], bool] | None = None,
    dropped: Callable[[], int] = lambda: 0,
    missing: Callable[[], Missing] = lambda: NOTHING_MISSING,
    tick_s: float = 0.1,
) -> Outcome:
    """Write every result to every sink, then close each sink once, whatever happens.

    Args:
        pipeline: yields the results.
        sinks: receive them, in this order.
        stop: checked between results and while there is none.
        on_result: called after the sinks, for progress and the window.
        on_tick: called when no result arrived for `tick_s`.
        wants_end: whether the run ends normally after this result or tick (q, --max-frames).
        is_past_end: whether a result is past the requested end (--duration): the run ends normally before it.
        dropped: number of frames that the source dropped, for the footers.
        missing: what the source should have delivered and did not (its property `missing`), for the footers;
            called once, after the last result.
        tick_s: the longest time between two checks of `stop`.

    Returns:
        The summary; `broke_off`, `interrupted` and `missing` show how the run ended. Other errors are raised,
        after the sinks were closed as incomplete.
    """
    outcome = Outcome()
    began = time.monotonic()
    results = pipeline.results(tick_s)
    whole = False
    try:
        for result in results:
            if result is None:
                if on_tick is not None:
                    on_tick()
            elif is_past_end is not None and is_past_end(result):
                break
            else:
                for sink in sinks:
                    sink.write(result)
                outcome.frames += 1
                outcome.people += len(result.poses)
                outcome.with_people += bool(result.poses)
                if on_result is not None:
                    on_result(result)
            if stop:
                outcome.interrupted = True
                break
            if wants_end is not None and wants_end(outcome):
                break
        whole = not outcome.interrupted
    except SourceBrokeOff as error:
        outcome.broke_off = error
    finally:
        # The threads first, so that the number of dropped frames is final, then the files.
        results.close()
        outcome.missing = missing()
        whole = whole and not outcome.missing
        close_sinks(sinks, complete=whole, dropped=dropped(), missing=outcome.missing)
        outcome.seconds = time.monotonic() - began
    return outcome


def close_sinks(
    sinks: Sequence[Sink], *, complete: bool, dropped: int, missing: Missing = NOTHING_MISSING
) -> None:
    """Close all sinks, even if one fails; the first error is raised at the end."""
    first: BaseException | None = None
    for sink in sinks:
        try:
            sink.close(complete=complete, dropped=dropped, missing=missing)
        except (ShufflecamError, OSError) as error:
            first = first or error
    if first is not None:
        raise first
