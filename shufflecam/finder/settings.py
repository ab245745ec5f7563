"""All settings of a finder with their defaults: the single list behind options, `load` and presets.

Imports neither numpy nor anything that does: commands read the defaults before they do anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from shufflecam.core.errors import UsageError
from shufflecam.detect.defaults import DET_CONF, DET_SIZE, MAX_PEOPLE
from shufflecam.finder.view import AUTO, View

if TYPE_CHECKING:
    from fractions import Fraction

    from shufflecam.core.protocols import PersonDetector
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.stats import Stats
    from shufflecam.finder.finder import PoseFinder


Every = int | Literal["auto"]

LIVE_EVERY: Final = AUTO
"""`det_every` of a camera if neither it nor a preset is given."""


Preset = Literal["fast", "balanced", "accurate"]

PRESETS: dict[Preset, dict[str, Any]] = {
    "fast": {"det_every": AUTO, "flip_test": False},
    "balanced": {},
    "accurate": {"det_every": 1, "flip_test": True},
}
"""Name -> the fields it sets. "balanced" is all defaults."""


@dataclass(frozen=True)
class FinderSettings:
    """Which networks find people and their keypoints, and how; picklable, and does not import torch."""

    model: str = AUTO
    """A pose model of the catalogue, or "auto": a published COCO model that was fetched, else the embedded
    one. With `weights` it names only the architecture, "auto" that of the embedded model."""
    weights: Path | None = None
    """A checkpoint to use instead of the catalogue's."""
    detector: str | PersonDetector = AUTO
    """"auto", a person model of the catalogue, a file, "none" (the full frame is one person), or an object
    with `detect(frame) -> Detections`."""
    boxes: Path | None = None
    """A boxes file to use instead of a detector; `read_boxes` turns it into one."""
    det_conf: float = DET_CONF
    det_size: int = DET_SIZE
    """The longer side of the detector's input in pixels."""
    det_every: Every = 1
    """Run the detector on every Nth frame; "auto": as often as the frame rate and the machine allow."""
    max_people: int = MAX_PEOPLE
    """Keep the N highest-scoring people of a frame."""
    flip_test: bool = False
    decode: Literal["plain", "dark"] = "dark"
    """How a keypoint is read from its heatmap: "dark" to a fraction of a pixel, which trembles by a fifth to
    a half less; "plain" as the published figures are made, and as `eval` does by default."""
    backend: str = AUTO
    device: str = AUTO
    track: bool = True
    """Whether people get track ids. `load` itself defaults to False: its pictures may be unrelated."""
    smooth: bool = True
    """Whether keypoints are smoothed over time; requires `track`. Like it, off by default in `load`."""
    view: View | None = None
    """The region of each picture that is searched, and its rotation; None: the full picture, unrotated."""

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> FinderSettings:
        """Return the settings of a preset, overridden by `changes`.

        Args:
            name: "fast", "balanced" or "accurate".
            changes: fields of this class.

        Raises:
            UsageError: the preset does not exist.
        """
        if name not in PRESETS:
            raise UsageError(f"There is no preset {name!r}; choose {', '.join(PRESETS)}.")
        settings = cls(**{**PRESETS[name], **changes})
        if name == "accurate" and settings.model == AUTO and settings.weights is None:
            from shufflecam.models.automatic import auto_pose
            from shufflecam.models.catalogue import DEFAULT_POSE

            large = auto_pose(large=True)
            return replace(settings, model=AUTO if large == DEFAULT_POSE else large)
        return settings

    def resolved(self) -> FinderSettings:
        """The same with the names that "auto" stands for on this machine.

        Raises:
            WeightsError: there is no detector on it.
        """
        from shufflecam.models.automatic import auto_person, auto_pose
        from shufflecam.models.catalogue import DEFAULT_POSE

        model, detector = self.model, self.detector
        if model == AUTO:
            model = DEFAULT_POSE if self.weights is not None else auto_pose()
        if isinstance(detector, str) and detector == AUTO and self.boxes is None:
            detector = auto_person()
        return replace(self, model=model, detector=detector)

    def for_pictures(self) -> FinderSettings:
        """Return the settings for unrelated pictures: with "auto" the detector runs on each of them."""
        return replace(self, det_every=1) if self.det_every == AUTO else self

    def check_names(self) -> None:
        """Raise UsageError for an unknown model or detector, or a detector combined with boxes."""
        from shufflecam.models.catalogue import looks_like_file, person_entry, pose_entry

        if self.model != AUTO:
            pose_entry(self.model)
        if self.boxes is not None and self.detector != AUTO:
            raise UsageError("--boxes and --detector exclude each other; leave one of them out")
        if not isinstance(self.detector, str) or self.detector in (AUTO, "none"):
            return
        if not looks_like_file(self.detector):
            person_entry(self.detector)

    def read_boxes(self) -> FinderSettings:
        """Return the settings with the `boxes` file loaded as the detector; unchanged without one.

        Raises:
            UsageError: the boxes file is missing or invalid. Read it early: that is an error of usage.
        """
        if self.boxes is None:
            return self
        from shufflecam.detect.given import GivenBoxes

        return replace(self, boxes=None, detector=GivenBoxes.read(self.boxes))

    def fetch(self, talk: Reporter) -> None:
        """Download the detector if it was chosen by name and is missing. Errors as of `fetch_detector`."""
        from shufflecam.models.fetch import fetch_detector

        if isinstance(self.detector, str) and self.boxes is None:
            fetch_detector(self.detector, talk)

    def load(
        self,
        talk: Reporter,
        stats: Stats | None = None,
        *,
        rate: Fraction | None = None,
        live: bool = False,
    ) -> PoseFinder:
        """Load the finder and report any fallback it had to use.

        Args:
            talk: receives the notes.
            stats: collects stage times.
            rate: frame rate of the source, for an automatic schedule.
            live: whether the source is a camera, a stream or a replay.

        Raises:
            UsageError, WeightsError: as `finder.open.load`; UsageError also for an invalid boxes file.
        """
        from shufflecam.finder.open import load

        self.fetch(talk)
        own = self.read_boxes().resolved()
        chosen = {field.name: getattr(own, field.name) for field in fields(own) if field.name != "boxes"}
        finder = load(**chosen, rate=None if rate is None else float(rate), live=live, stats=stats)
        if by_itself := _chosen(self):
            talk.say(by_itself)
        for note in finder.identity.notes:
            talk.note(note)
        return finder


def _chosen(settings: FinderSettings) -> str:
    """What "auto" stands for and how to get something better, in one sentence; empty if nothing is auto."""
    from shufflecam.models.automatic import BEST
    from shufflecam.models.catalogue import DEFAULT_PERSON, DEFAULT_POSE

    resolved, chosen, better = settings.resolved(), [], []
    if settings.model == AUTO and settings.weights is None:
        chosen.append(f"poses by {resolved.model}")
        better += [BEST[0]] if resolved.model == DEFAULT_POSE else []
    if settings.detector == AUTO and settings.boxes is None:
        chosen.append(f"people found by {resolved.detector}")
        better += [BEST[1]] if resolved.detector == DEFAULT_PERSON else []
    how = "; more accurate: shufflecam models get " + ("best" if len(better) > 1 else "".join(better))
    return ", ".join(chosen) + (how if better else "")
