"""`--detector auto|NAME|FILE|none` -> a detector and its description for the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.core.protocols import PersonDetector
from shufflecam.detect.defaults import DET_CONF, DET_SIZE, MAX_PEOPLE
from shufflecam.detect.whole import WholeFrame
from shufflecam.detect.yolo import YoloDetector
from shufflecam.models.automatic import AUTO, auto_person
from shufflecam.models.catalogue import PersonEntry, looks_like_file, person_entry, require
from shufflecam.models.fetch import check_sha256, file_sha256


def open_detector(
    choice: str,
    *,
    det_conf: float = DET_CONF,
    det_size: int = DET_SIZE,
    max_people: int = MAX_PEOPLE,
    backend: str = "auto",
    device: str = "auto",
) -> tuple[PersonDetector, dict[str, Any]]:
    """Return a detector by name.

    Args:
        choice: "auto" (a published nano detector fetched earlier, otherwise our own), a person model
            of the catalogue, a file (.pt, .safetensors), or "none" (the full frame is one person).
        det_conf: score threshold.
        det_size: the longer side of the network's input in pixels.
        max_people: keep the N highest-scoring people of a frame.
        backend: "auto", "torch", "openvino" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        The detector, and its name, file hash and settings for the record.

    Raises:
        UsageError: an unknown name or device.
        WeightsError: the weights are missing, damaged or unsafe.
    """
    if choice == "none":
        return WholeFrame(), {"name": "none"}
    entry, path = _find(choice)
    digest = file_sha256(path) if entry is None else check_sha256(path, entry)
    detector = YoloDetector.from_file(
        path,
        det_size=det_size,
        det_conf=det_conf,
        max_people=max_people,
        overlap_sigma=None if entry is None else entry.overlap_sigma,
        backend=backend,
        device=device,
        digest=digest,
    )
    described = {
        "name": path.name if entry is None else entry.name,
        "sha256": digest,
        "conf": det_conf,
        "size": det_size,
        "max_people": max_people,
        "engine": detector.engine.name,
    }
    return detector, described


def _find(choice: str) -> tuple[PersonEntry | None, Path]:
    """Return the catalogue entry (None for a user's file) and the file."""
    if choice == AUTO:
        choice = auto_person()
    if looks_like_file(choice):
        path = Path(choice)
        if not path.is_file():
            raise WeightsError(f"there is no weights file {choice}")
        return None, path
    try:
        entry = person_entry(choice)
    except UsageError:
        if Path(choice).is_file():
            return None, Path(choice)
        raise
    return entry, require(entry)


def weights_file(choice: str) -> Path:
    """Return the weights file of a detector by name, as for `open_detector` but without "none".

    Raises:
        UsageError: an unknown name.
        WeightsError: the weights are missing or damaged.
    """
    entry, path = _find(choice)
    if entry is not None:
        check_sha256(path, entry)
    return path
