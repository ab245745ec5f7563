"""The pipeline started and ended thousands of times, with sources and stages that dawdle, fail and block."""

from __future__ import annotations

import random
import threading
import time

import pytest

from shufflecam.core.errors import ShufflecamError, SourceBrokeOff
from shufflecam.core.types import Frame, FrameResult
from tests.faults.harness import SEED
from tests.pipeline.test_pipeline import FakeSource, our_threads, pipeline


class Broken(ShufflecamError):
    """What a failing stage of these tests raises."""


@pytest.mark.parametrize("cycles", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_no_cycle_hangs_leaves_a_thread_or_loses_its_message(cycles: int) -> None:
    draw = random.Random(SEED)
    for cycle in range(cycles):
        ending = draw.choice(["end", "fail", "block", "stage fails", "leave"])
        count, live = draw.randint(0, 8), draw.random() < 0.5
        source = FakeSource(
            count,
            then=SourceBrokeOff(f"cut {cycle}") if ending == "fail" else None,
            blocks=ending == "block",
            kind="replay" if live else "video",
        )
        broken_at = draw.randint(0, count) if ending == "stage fails" else None
        naps = [draw.choice([0, 0, 0, 0.0005]) for _ in range(16)]

        def work(frame: Frame, broken_at: int | None = broken_at, naps: list[float] = naps) -> FrameResult:
            time.sleep(naps[frame.index % len(naps)])
            if frame.index == broken_at:
                raise Broken(f"stage broke at {frame.index}")
            return FrameResult(frame)

        leave_after = draw.randint(0, 4) if ending in ("leave", "block") else None
        seen, said = 0, ""
        results = pipeline(source, work).results(tick_s=0.001)
        try:
            for result in results:
                seen += result is not None
                time.sleep(naps[seen % len(naps)])
                if leave_after is not None and (seen >= leave_after or (result is None and seen >= count)):
                    break
        except (Broken, SourceBrokeOff) as error:
            said = str(error)
        results.close()
        where = f"cycle {cycle} ({ending}, {count} frames, live {live}), seed {SEED}"
        assert our_threads() == [], where
        assert source.closed.is_set(), where
        if ending == "fail":
            assert said == f"cut {cycle}", where
        elif broken_at is not None and broken_at < count and (not live or said):
            # A live source drops frames, and then the one that breaks the stage may never reach it.
            assert said == f"stage broke at {broken_at}", where
        elif ending == "end" and not live:
            assert seen == count, where
    assert threading.active_count() < 20
