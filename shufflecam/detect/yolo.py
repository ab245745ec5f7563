"""Person detection with ultralytics' networks (v8, 11 and 26 families): the network only, not its predictor.

ultralytics (AGPL-3.0) is imported only by `models.yolo`, the detector's training and the benchmarks, and
only inside functions. The architecture is always built from the description in the installed package; only
tensors are taken from a weights file, because such a description may contain expressions that ultralytics
evaluates.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shufflecam.core.protocols import Engine
from shufflecam.core.types import Detections, Frame
from shufflecam.detect.decode import decode, letterbox
from shufflecam.detect.defaults import DET_CONF, DET_SIZE, MAX_PEOPLE
from shufflecam.models.catalogue import cache_dir
from shufflecam.models.yolo import PersonNetwork, load_network


class YoloDetector:
    """Finds people; a `core.protocols.PersonDetector`."""

    def __init__(
        self,
        engine: Engine,
        *,
        person: int = 0,
        det_size: int = DET_SIZE,
        det_conf: float = DET_CONF,
        max_people: int = MAX_PEOPLE,
        overlap_sigma: float | None = None,
    ) -> None:
        """Wrap an engine that runs a detector's network.

        Args:
            engine: as `PersonNetwork.module`.
            person: the index of the person class.
            det_size: the longer side of the network's input in pixels; the other follows from the picture.
            det_conf: score threshold.
            max_people: keep the N highest-scoring people of a frame.
            overlap_sigma: how strongly a better box nearby lowers a box's score (`decode.soften`).
        """
        self.engine = engine
        self._person = person
        self._det_size = det_size
        self._det_conf = det_conf
        self._max_people = max_people
        self._overlap_sigma = overlap_sigma

    @classmethod
    def from_file(
        cls,
        path: Path,
        *,
        det_size: int = DET_SIZE,
        det_conf: float = DET_CONF,
        max_people: int = MAX_PEOPLE,
        overlap_sigma: float | None = None,
        backend: str = "auto",
        device: str = "cpu",
        digest: str | None = None,
    ) -> YoloDetector:
        """Return a detector from a weights file (`.pt`, `.safetensors`).

        Args:
            path: the file.
            det_size: as in the constructor, like the next three.
            det_conf: see there.
            max_people: see there.
            overlap_sigma: see there.
            backend: "auto" (the fastest that works on this machine), "torch", "openvino" or "onnx".
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            digest: the file's SHA-256, the cache key of the prepared network; None: nothing is cached.

        Raises:
            UsageError: the backend or device is not available.
            WeightsError: the file is missing, damaged, unsafe, or not from a known family.
        """
        from shufflecam.engines.open import open_engine

        cache = None if digest is None else cache_dir() / "engines"
        network = functools.cache(lambda: load_network(path))
        facts = (None if cache is None else _Facts.known(cache, digest)) or _Facts.read(
            network(), cache, digest
        )
        engine, _ = open_engine(
            lambda: network().module,
            backend=backend,
            device=device,
            cache_key=f"{facts.architecture}-boxes-{digest}",
            input_size=None,  # rectangles of any shape
            cache_dir=cache,
        )
        return cls(
            engine,
            person=facts.person,
            det_size=det_size,
            det_conf=det_conf,
            max_people=max_people,
            overlap_sigma=overlap_sigma,
        )

    def detect(self, frame: Frame) -> Detections:
        """Return the people in a frame, best first, clipped to the picture."""
        box = letterbox(frame.image, self._det_size, frame.pixel_aspect)
        return decode(
            self.engine.run(box.inputs),
            box,
            person=self._person,
            min_score=self._det_conf,
            max_people=self._max_people,
            overlap_sigma=self._overlap_sigma,
        )


@dataclass(frozen=True)
class _Facts:
    """What is needed from a weights file to use its cached engine without reading it."""

    architecture: str
    person: int

    @classmethod
    def known(cls, cache: Path, digest: str | None) -> _Facts | None:
        """Load from the engine cache; None if it has no entry for this file."""
        from shufflecam.engines.cache import EngineCache

        payload = EngineCache(cache).load(_facts_key(digest))
        try:
            return None if payload is None else cls(**json.loads(payload))
        except (ValueError, TypeError):
            return None

    @classmethod
    def read(cls, network: PersonNetwork, cache: Path | None, digest: str | None) -> _Facts:
        """Take the facts from a loaded network, and cache them."""
        from shufflecam.engines.cache import EngineCache

        facts = cls(network.architecture, network.person)
        if cache is not None:
            # If it cannot be stored, the engine's own note says so.
            EngineCache(cache).store(_facts_key(digest), json.dumps(asdict(facts)).encode())
        return facts


def _facts_key(digest: str | None) -> dict[str, str]:
    return {"about": "person detector", "file": str(digest), "version": "1"}
