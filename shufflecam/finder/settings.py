"""Everything that a finder can be told, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shufflecam.core.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

    from shufflecam.core.protocols import PersonDetector
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.stats import Stats
    from shufflecam.detect.given import GivenBoxes
    from shufflecam.finder.finder import PoseFinder


AUTO = "auto"


PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"det_every": AUTO, "flip_test": False, "encode_preset": "superfast"},
    "balanced": {},
    "accurate": {"det_every": 1, "flip_test": True},
}
"""What `--preset` sets where the command has that option and it is not given. Balanced is every option's
default."""


LARGE_MODEL = "coco-384x288"
"""What `--preset accurate` takes where its weights are here and neither --model nor --weights is given."""


@dataclass(frozen=True)
class FinderSettings:
    """Which networks find people and their keypoints, and how; picklable, and without torch."""

    model: str
    weights: Path | None
    detector: str
    boxes: Path | None
    det_conf: float
    det_size: int
    det_every: int | None
    """None: automatic."""
    max_people: int
    flip_test: bool
    decode: Literal["plain", "dark"]
    backend: str
    device: str
    track: bool
    smooth: bool

    def for_pictures(self) -> FinderSettings:
        """The same for pictures that have nothing to do with each other: `auto` looks at each of them."""
        return self if self.det_every is not None else replace(self, det_every=1)

    def check_names(self) -> None:
        """Raise UsageError for an unknown model or detector, or a detector beside boxes."""
        from shufflecam.models.catalogue import looks_like_file, person_entry, pose_entry

        pose_entry(self.model)
        if self.boxes is not None and self.detector != "auto":
            raise UsageError("--boxes and --detector exclude each other; leave one of them out")
        if self.detector not in ("auto", "none") and not looks_like_file(self.detector):
            person_entry(self.detector)

    def given_boxes(self) -> GivenBoxes | None:
        """The detector that reads `--boxes`, or None. Its file is a matter of usage: read it first."""
        if self.boxes is None:
            return None
        from shufflecam.detect.given import GivenBoxes

        return GivenBoxes.read(self.boxes)

    def load(
        self,
        given: PersonDetector | None,
        talk: Reporter,
        stats: Stats | None = None,
        *,
        rate: Fraction | None = None,
        live: bool = False,
    ) -> PoseFinder:
        """The finder. Says what did not work on the way.

        Args:
            given: the detector that reads `--boxes`, or None.
            talk: where notes go.
            stats: where stage times are counted.
            rate: of the source, for an automatic cadence.
            live: whether the source is a camera, a stream or a replay.
        """
        from shufflecam.finder.open import load
        from shufflecam.models.fetch import fetch_detector

        if given is None:
            fetch_detector(self.detector, talk)
        finder = load(
            self.model,
            weights=self.weights,
            detector=self.detector if given is None else given,
            det_conf=self.det_conf,
            det_size=self.det_size,
            det_every=self.det_every,
            rate=None if rate is None else float(rate),
            live=live,
            max_people=self.max_people,
            flip_test=self.flip_test,
            decode=self.decode,
            backend=self.backend,
            device=self.device,
            track=self.track,
            smooth=self.smooth,
            stats=stats,
        )
        for note in finder.identity.notes:
            talk.note(note)
        return finder
