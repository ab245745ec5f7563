"""Opens finders by name: `load` opens the networks and combines what a command line or a program asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shufflecam.core.protocols import PersonDetector
from shufflecam.detect.defaults import DET_CONF, DET_SIZE, MAX_PEOPLE
from shufflecam.finder.finder import PoseFinder, Provenance
from shufflecam.finder.hysteresis import Hysteresis, known_score
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.finder.view import AUTO
from shufflecam.models.automatic import auto_pose
from shufflecam.models.catalogue import DEFAULT_POSE

if TYPE_CHECKING:
    from shufflecam.core.stats import Stats
    from shufflecam.finder.view import View
    from shufflecam.pose.estimator import Decoding


def load(
    model: str = AUTO,
    *,
    weights: str | Path | None = None,
    detector: str | PersonDetector = AUTO,
    det_conf: float = DET_CONF,
    det_size: int = DET_SIZE,
    det_every: int | Literal["auto"] | None = 1,
    rate: float | None = None,
    live: bool = False,
    background: bool | None = None,
    max_people: int = MAX_PEOPLE,
    flip_test: bool = False,
    decode: Decoding = "dark",
    backend: str = AUTO,
    device: str = AUTO,
    track: bool = False,
    smooth: bool = False,
    view: View | None = None,
    stats: Stats | None = None,
) -> PoseFinder:
    """Return a finder by model names, with the defaults of `FinderSettings`, but without ids and smoothing.

    Args:
        model: a pose model of the catalogue, or "auto": a published COCO model fetched earlier, otherwise the
            embedded one. With `weights` it only selects the architecture ("auto": of the embedded model).
        weights: a checkpoint file (.pth, .safetensors) to use instead of the catalogue's.
        detector: "auto", a person model of the catalogue, a file, "none" (the full frame is one
            person), or an object with `detect(frame) -> Detections`.
        det_conf: score threshold for people; with `track`, it is lower for those seen a moment ago.
        det_size: the longer side of the detector's input in pixels.
        det_every: detect people every N frames and follow their keypoints in between; "auto" or
            None: automatic.
        rate: frame rate of the source: the target of an automatic schedule, and the rate assumed for pictures
            without a `time` (None: 30 a second).
        live: whether frames arrive at their own pace; only then does the machine's speed affect the schedule.
        background: run the detector in parallel with the poses of later frames, so that results depend on
            timing; None: if the source is live and the machine has enough cores. Never if it runs on every
            frame.
        max_people: keep the N highest-scoring people of a frame.
        flip_test: run each crop mirrored as well and average the heatmaps.
        decode: "dark" (peaks to a fraction of a heatmap pixel) or "plain" (as in the published results).
        backend: "auto" (the fastest that works on this machine), "torch", "openvino" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        track: assign ids to people across frames.
        smooth: smooth the keypoints over time (requires `track`).
        view: the region of each picture that is searched, and its rotation; None: the full picture.
        stats: collects stage times.

    Raises:
        UsageError: an unknown model, backend or device, or a view whose rotation is "auto" or no quarter
            turn.
        WeightsError: the weights are missing, of another architecture, damaged or unsafe.
    """
    from shufflecam.detect.open import open_detector
    from shufflecam.finder.background import BackgroundDetector, enough_cores
    from shufflecam.pose.open import open_estimator
    from shufflecam.tracking.smoother import OneEuroSmoother
    from shufflecam.tracking.tracker import CONFIRM_S, PoseTracker

    if view is not None:
        view = replace(view, rotate=view.degrees)
    every = None if det_every == AUTO else det_every
    if model == AUTO:
        model = DEFAULT_POSE if weights is not None else auto_pose()
    estimator, sha256, notes = open_estimator(
        model, weights, flip_test=flip_test, decode=decode, backend=backend, device=device, stats=stats
    )
    # Boxes from a file and the full frame cost nothing and must be used unchanged.
    searches = isinstance(detector, str) and detector != "none"
    admission = Hysteresis(det_conf) if track and searches else None
    confirm_s = CONFIRM_S if searches else 0.0
    if isinstance(detector, str):
        person_detector, described = open_detector(
            detector,
            det_conf=det_conf if admission is None else known_score(det_conf),
            det_size=det_size,
            max_people=max_people,
            backend=backend,
            device=device,
        )
    else:
        person_detector, described = detector, {"name": getattr(detector, "name", type(detector).__name__)}
    if admission is not None:
        described = {**described, "conf": det_conf, "conf_known": known_score(det_conf)}
    cadence = DetectionSchedule(every if searches else 1, rate=rate, live=live)
    if searches and every != 1:
        described = {**described, "every": AUTO if every is None else every}
    described_model = {
        "name": model,
        "sha256": sha256,
        "input_size": list(estimator.input_size),
        "engine": estimator.engine.name,
    }
    if decode != "plain":
        described_model["decode"] = decode
    identity = Provenance(
        model=described_model,
        detector=described,
        notes=notes,
    )
    if background is None:
        background = live and enough_cores()
    beside = BackgroundDetector(person_detector) if background and searches and every != 1 else None
    return PoseFinder(
        person_detector,
        estimator,
        identity,
        tracker=PoseTracker(estimator.skeleton, confirm_s=confirm_s) if track else None,
        smoother=OneEuroSmoother(skeleton=estimator.skeleton) if smooth and track else None,
        cadence=cadence,
        background=beside,
        admission=admission,
        searches=searches,
        max_people=max_people,
        stats=stats,
        rate=rate,
        view=view,
    )
