"""One run of a pipeline: how it ended, as the sinks and the caller learn it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.stats import Stats
from shufflecam.core.types import Frame, FrameResult, SourceInfo
from shufflecam.pipeline.pipeline import Pipeline
from shufflecam.pipeline.run import run_pipeline
from shufflecam.pipeline.stop import StopRequest


class ThreeFrames:
    """A source that knows at its end what it has not given."""

    info = SourceInfo("three", "video", (8, 8), None, 3)

    def __init__(self, missing: Missing, error: SourceBrokeOff | None = None) -> None:
        self.missing = NOTHING_MISSING
        self._at_end, self._error = missing, error

    def frames(self) -> Iterator[Frame]:
        for index in range(3):
            yield Frame(np.zeros((8, 8, 3), np.uint8), index, index / 30)
        self.missing = self._at_end
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        pass


class Closed:
    """A sink that remembers its end."""

    def write(self, result: FrameResult) -> None:
        pass

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        self.end = (complete, dropped, missing)


@pytest.mark.parametrize("error", [None, SourceBrokeOff("it is damaged")])
def test_what_the_source_misses_reaches_sinks_and_exit_code(error: SourceBrokeOff | None) -> None:
    source, sink = ThreeFrames(Missing(undecodable=2), error), Closed()
    pipeline = Pipeline(source, FrameResult, Stats())
    outcome = run_pipeline(pipeline, [sink], StopRequest(), missing=lambda: source.missing)
    assert sink.end == (False, 0, Missing(undecodable=2))
    assert (outcome.frames, outcome.complete, outcome.missing) == (3, False, Missing(undecodable=2))
    with pytest.raises(SourceBrokeOff, match="damaged" if error else "missing: 2 undecodable"):
        outcome.check()


def test_a_whole_source_is_complete() -> None:
    source, sink = ThreeFrames(NOTHING_MISSING), Closed()
    pipeline = Pipeline(source, FrameResult, Stats())
    outcome = run_pipeline(pipeline, [sink], StopRequest(), missing=lambda: source.missing)
    assert sink.end == (True, 0, NOTHING_MISSING)
    assert outcome.check() is outcome
