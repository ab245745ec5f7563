"""One run of a pipeline: results into sinks, requests to stop, and an end that loses nothing."""

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
    """What a run came to."""

    frames: int = 0
    """Frames that reached the sinks."""
    people: int = 0
    """Poses in all of them."""
    with_people: int = 0
    """Frames that show at least one person."""
    seconds: float = 0.0
    broke_off: SourceBrokeOff | None = None
    """The source ended too early; everything before is written."""
    interrupted: bool = False
    missing: Missing = NOTHING_MISSING
    """What the source should have given and did not."""

    @property
    def complete(self) -> bool:
        """Whether every frame of the source was seen."""
        return self.broke_off is None and not self.interrupted and not self.missing

    def check(self) -> Outcome:
        """The outcome itself, where the run came to its end: an early end becomes its error.

        Everything is closed by then, and what was written is whole and readable.

        Raises:
            Interrupted: it was stopped (exit code 130).
            SourceBrokeOff: the source ended too early, or something of it is missing (exit code 5).
        """
        if self.interrupted:
            frames = counted(self.frames, "frame")
            raise Interrupted(f"stopped after {frames}; what was written is whole and readable")
        if self.broke_off is not None:
            raise self.broke_off
        if self.missing:  # a source whose own sentence was said before
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
    complete: Callable[[], bool] = lambda: True,
    dropped: Callable[[], int] = lambda: 0,
    missing: Callable[[], Missing] = lambda: NOTHING_MISSING,
    tick_s: float = 0.1,
) -> Outcome:
    """Write every result to every sink, then close each sink once, whatever happens.

    Args:
        pipeline: gives the results.
        sinks: take them, in this order.
        stop: looked at between results and while there is none.
        on_result: called after the sinks, for progress and the window.
        on_tick: called when nothing came for `tick_s`.
        wants_end: whether the run is to end well after this result or tick (q, --max-frames).
        is_past_end: whether a result is beyond what was asked for (--duration): the run ends well before it.
        complete: whether the source gave all that it should (a folder with a broken picture did not).
        dropped: how many frames the source let go, for the footers.
        missing: what the source should have given and did not (its property `missing`), for the footers;
            asked once, after the last result.
        tick_s: the longest time without a look at `stop`.

    Returns:
        What was done; `broke_off`, `interrupted` and `missing` say how it ended. Other errors are raised,
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
        whole = not outcome.interrupted and complete()
    except SourceBrokeOff as error:
        outcome.broke_off = error
    finally:
        # First the threads, so that the count of drops is final, then the files.
        results.close()
        outcome.missing = missing()
        whole = whole and not outcome.missing
        close_sinks(sinks, complete=whole, dropped=dropped(), missing=outcome.missing)
        outcome.seconds = time.monotonic() - began
    return outcome


def close_sinks(
    sinks: Sequence[Sink], *, complete: bool, dropped: int, missing: Missing = NOTHING_MISSING
) -> None:
    """Close all, also when one fails; the first failure is raised at the end."""
    first: BaseException | None = None
    for sink in sinks:
        try:
            sink.close(complete=complete, dropped=dropped, missing=missing)
        except (ShufflecamError, OSError) as error:
            first = first or error
    if first is not None:
        raise first
