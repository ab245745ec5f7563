"""Times the pose network alone for `shufflecam bench`: plain torch, and every engine available."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from shufflecam.bench.naive import plain
from shufflecam.core.errors import ShufflecamError

if TYPE_CHECKING:
    from shufflecam.core.protocols import Engine
    from shufflecam.finder.settings import FinderSettings

BATCHES = (1, 4, 16)

NETWORK_RUNS = 7
"""Runs of each engine and batch size, interleaved so that a disturbance affects all of them."""


def measure_networks(options: FinderSettings) -> list[dict[str, Any]]:
    """Time the pose network alone: plain torch and every engine available, at several batch sizes."""
    import functools

    import numpy as np

    from shufflecam.engines.names import BACKENDS
    from shufflecam.engines.open import installed, open_engine
    from shufflecam.models.catalogue import cache_dir, pose_entry, require
    from shufflecam.models.fetch import file_sha256
    from shufflecam.models.load import load_pose
    from shufflecam.models.prune import prune_zero_channels
    from shufflecam.pose.open import cache_key

    entry = pose_entry(options.model)
    path = options.weights or require(entry)
    make = functools.cache(lambda: prune_zero_channels(load_pose(path, entry)))
    engines: dict[str, Engine] = {"naive": plain(load_pose(path, entry))}
    for name in filter(installed, BACKENDS):
        try:
            engines[name], _ = open_engine(
                make,
                backend=name,
                device="cpu",
                cache_key=cache_key(entry, file_sha256(path)),
                input_size=entry.input_size,
                cache_dir=cache_dir() / "engines",
            )
        except ShufflecamError:
            continue  # an engine that fails here is omitted
    width, height = entry.input_size
    results = []
    for batch in BATCHES:
        inputs = np.random.default_rng(0).normal(0, 1, (batch, 3, height, width)).astype(np.float32)
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(NETWORK_RUNS + 1):
            for name, engine in engines.items():
                began = time.perf_counter()
                engine.run(inputs)
                times[name].append(time.perf_counter() - began)
        for name, seconds in times.items():
            # The first run of a shape is a warm-up.
            pairs = zip(times["naive"][1:], seconds[1:], strict=True)
            ratio = statistics.median(slow / quick for slow, quick in pairs)
            results.append(
                {"engine": name, "batch": batch, "ms": 1000 * statistics.median(seconds[1:]), "ratio": ratio}
            )
    return results
