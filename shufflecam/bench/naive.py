"""The naive baseline of `shufflecam bench --baseline`: the same weights without any optimization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shufflecam.core.protocols import Engine, PersonDetector
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.settings import FinderSettings

NAIVE_DET_SIZE = 640
"""Default input size of ultralytics' detectors."""


def naive_finder(options: FinderSettings) -> PoseFinder:
    """Return a finder on plain float32 torch: detector at 640 on every frame, one crop a run, no tracking.

    Raises:
        UsageError, WeightsError: as `FinderSettings.load`.
    """
    from shufflecam.finder.finder import PoseFinder, Provenance
    from shufflecam.models.catalogue import pose_entry, require
    from shufflecam.models.load import load_pose
    from shufflecam.pose.estimator import HeatmapEstimator

    entry = pose_entry(options.model)
    net = load_pose(options.weights or require(entry), entry)
    estimator = HeatmapEstimator(
        plain(net),
        entry.skeleton,
        entry.input_size,
        options.flip_test,
        options.decode,
        entry.sigma,
        max_batch=1,
    )
    return PoseFinder(_naive_detector(options), estimator, Provenance({}, {}))


def _naive_detector(options: FinderSettings) -> PersonDetector:
    from shufflecam.detect.open import weights_file
    from shufflecam.detect.whole import WholeFrame
    from shufflecam.detect.yolo import YoloDetector
    from shufflecam.models.yolo import load_network

    if not isinstance(options.detector, str):
        return options.detector
    if options.detector == "none":
        return WholeFrame()
    path = weights_file(options.detector)
    network = load_network(path)
    return YoloDetector(
        plain(network.module),
        person=network.person,
        det_size=NAIVE_DET_SIZE,
        det_conf=options.det_conf,
        max_people=options.max_people,
    )


def plain(net: Any) -> Engine:
    """Return an engine that runs a torch module as is: unfolded layers, default memory format and threads."""
    from shufflecam.engines.torch import TorchEngine

    return TorchEngine(net, "cpu", channels_last=False, fold=False)
