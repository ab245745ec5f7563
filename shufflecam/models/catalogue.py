"""The catalogue of weight files that shufflecam can load, and their locations. No torch here.

The COCO and MPII rows are the published results of the OpenMMLab pose models (val2017 with the person
boxes of a detector with human AP 56.4, flip test; MPII val). Their file names contain the first eight
digits of the file's SHA-256. The digests of yolov8 were computed from the official files, those of yolo11n
and yolo26n are the pins of several independent projects, which agree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.core.skeleton import COCO_17, MPII_16, Skeleton

State = Literal["embedded", "cached", "to fetch", "missing"]

DEFAULT_POSE = "shufflecam-256x192"
DEFAULT_PERSON = "shufflecam-person"


_OPENMMLAB = "https://download.openmmlab.com/mmpose"
_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download/v8.4.0"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A weight file."""

    kind: ClassVar[Literal["pose", "person"]]
    name: str
    """The name on the command line."""
    architecture: str
    file: str
    """The file's name in the cache or in `weights/`."""
    url: str | None
    """Where it is published; None if it is bundled with shufflecam."""
    sha256: str
    """The known leading digits of the file's SHA-256 in hex: all, eight or none."""
    published: str
    """The published result."""
    licence: str
    megabytes: float = 0.0
    """The file's size in MB (10^6 bytes), rounded; for files that were not available, computed from their
    parameters in the published precision."""

    @property
    def embedded(self) -> bool:
        """Whether the file is bundled with shufflecam and never downloaded."""
        return self.url is None


@dataclass(frozen=True, kw_only=True)
class PoseEntry(Entry):
    """A pose network: crop of one person -> heatmaps."""

    kind: ClassVar[Literal["pose", "person"]] = "pose"
    architecture: str = "shufflenetv1-heatmap"
    skeleton: Skeleton
    input_size: tuple[int, int]
    """(width, height) in pixels."""
    sigma: float
    """Standard deviation of the Gaussian training target, in heatmap pixels."""


@dataclass(frozen=True, kw_only=True)
class PersonEntry(Entry):
    """A person detector."""

    kind: ClassVar[Literal["pose", "person"]] = "person"
    overlap_sigma: float | None = None
    """Strength of the score decay by better overlapping boxes (detect.decode.soften); None: off."""


E = TypeVar("E", bound=Entry)


def _pose(
    name: str,
    skeleton: Skeleton,
    input_size: tuple[int, int],
    sigma: float,
    path: str,
    sha256: str,
    published: str,
) -> PoseEntry:
    return PoseEntry(
        name=name,
        skeleton=skeleton,
        input_size=input_size,
        sigma=sigma,
        file=path.rpartition("/")[2],
        url=f"{_OPENMMLAB}/{path}",
        sha256=sha256,
        published=published,
        licence="Apache-2.0",
        megabytes=27.9,  # 6.94 M parameters in float32
    )


def _yolo(name: str, sha256: str, published: str, megabytes: float) -> PersonEntry:
    return PersonEntry(
        name=name,
        architecture=name,
        file=f"{name}.pt",
        url=f"{_ULTRALYTICS}/{name}.pt",
        sha256=sha256,
        published=published,
        licence="AGPL-3.0",
        megabytes=megabytes,
    )


_V1_COCO = "v1/body_2d_keypoint/topdown_heatmap/coco/td-hm_shufflenetv1_8xb64-210e_coco"

POSES: tuple[PoseEntry, ...] = (
    PoseEntry(
        name=DEFAULT_POSE,
        skeleton=COCO_17,
        input_size=(192, 256),
        sigma=2,
        file="shufflecam-256x192.safetensors",
        url=None,
        sha256="7164ad7d33cf79c5523218e041da74baf4bdc8825ffaf4b9c5beddda22060b31",
        published="COCO AP .41 (early)",
        licence="weights/README.md",
        megabytes=6.2,
    ),
    _pose(
        "coco-256x192", COCO_17, (192, 256), 2,
        "top_down/shufflenetv1/shufflenetv1_coco_256x192-353bc02c_20200727.pth", "353bc02c",
        "COCO AP .585, AR .651",
    ),
    _pose(
        "coco-384x288", COCO_17, (288, 384), 3,
        "top_down/shufflenetv1/shufflenetv1_coco_384x288-b2930b24_20200804.pth", "b2930b24",
        "COCO AP .622, AR .684",
    ),
    _pose(
        "mpii-256x256", MPII_16, (256, 256), 2,
        "top_down/shufflenetv1/shufflenetv1_mpii_256x256-dcc1c896_20200925.pth", "dcc1c896",
        "MPII PCKh .823, @0.1 .195",
    ),
    _pose(
        "coco-256x192-2022", COCO_17, (192, 256), 2,
        f"{_V1_COCO}-256x192-7a7ea4f4_20221013.pth", "7a7ea4f4",
        "COCO AP .587, AR .654",
    ),
    _pose(
        "coco-384x288-2022", COCO_17, (288, 384), 3,
        f"{_V1_COCO}-384x288-8342f8ba_20221013.pth", "8342f8ba",
        "COCO AP .626, AR .687",
    ),
)  # fmt: skip

# Published box AP on COCO val2017 at 640 px over all 80 classes, from ultralytics' documentation; for 26
# without suppression, as it is used here.
PERSONS: tuple[PersonEntry, ...] = (
    PersonEntry(
        name=DEFAULT_PERSON,
        architecture="yolov8n",
        file="shufflecam-person.safetensors",
        url=None,
        sha256="b1e2c647438404bbcae340a28ecaa05f8b23e2ef20029d54124fbcc2427becc3",
        published="dev AP50 .824 from 96x96 px",
        licence="weights/README.md",
        megabytes=6.1,
        # Chosen on 121 train2017 pictures, among .15 to 1. The published detectors separate overlapping
        # people by themselves, and lose slightly by it.
        overlap_sigma=0.5,
    ),
    _yolo(
        "yolov8n", "31e20dde3def09e2cf938c7be6fe23d9150bbbe503982af13345706515f2ef95", "COCO box AP .373", 6.5
    ),
    _yolo(
        "yolov8s",
        "1f47a78bf100391c2a140b7ac73a1caae18c32779be7d310658112f7ac9aa78a",
        "COCO box AP .449",
        22.6,
    ),
    _yolo(
        "yolo11n", "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1", "COCO box AP .395", 5.6
    ),
    _yolo(
        "yolo26n", "9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef", "COCO box AP .401", 5.5
    ),
)


BEST_FIRST: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("coco-384x288-2022", "coco-384x288", "coco-256x192-2022", "coco-256x192", DEFAULT_POSE),
    ("yolov8s", "yolo26n", "yolo11n", "yolov8n", DEFAULT_PERSON),
)
"""COCO pose models, and person detectors, by published accuracy (ours by our measurement). The MPII model
has other keypoints and is not compared."""


def all_entries() -> tuple[Entry, ...]:
    """Return all entries: pose models, then person models."""
    return POSES + PERSONS


def entry(name: str) -> Entry:
    """Return the entry with this name.

    Raises:
        UsageError: there is none.
    """
    return _named(name, all_entries(), "model")


def pose_entry(name: str) -> PoseEntry:
    """Return the pose model with this name.

    Raises:
        UsageError: there is none.
    """
    return _named(name, POSES, "pose model")


def person_entry(name: str) -> PersonEntry:
    """Return the person model with this name.

    Raises:
        UsageError: there is none.
    """
    return _named(name, PERSONS, "detector")


def best_here(names: tuple[str, ...]) -> str | None:
    """Return the first of these models whose file is on this machine; None if there is none."""
    return next((name for name in names if state_of(entry(name)) in ("embedded", "cached")), None)


def _named(name: str, entries: tuple[E, ...], what: str) -> E:
    for candidate in entries:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in entries)
    raise UsageError(f"there is no {what} {name!r}; choose one of {known}")


def cache_dir() -> Path:
    """Return the download folder: `SHUFFLECAM_CACHE`, else the platform's cache folder. May not exist."""
    if chosen := os.environ.get("SHUFFLECAM_CACHE"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("shufflecam", appauthor=False))


def embedded_path(name: str) -> Path | None:
    """Return an embedded model's file: in the installed package or the repository; None if absent."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_weights", package.parent / "weights"):
        path = folder / entry(name).file
        if path.is_file():
            return path
    return None


def locate(model: Entry) -> Path | None:
    """Return the path of the model's file; None if it is not on this machine."""
    if model.embedded:
        return embedded_path(model.name)
    path = cache_dir() / model.file
    return path if path.is_file() else None


def state_of(model: Entry) -> State:
    """Return whether the model's file is present, can be fetched, or is missing from this build."""
    if locate(model) is not None:
        return "embedded" if model.embedded else "cached"
    return "missing" if model.embedded else "to fetch"


def require(model: Entry) -> Path:
    """Return the path of the model's file.

    Raises:
        WeightsError: it is not on this machine; the message says how to get it.
    """
    path = locate(model)
    if path is not None:
        return path
    if model.embedded:
        raise WeightsError(f"{model.name} is missing from this installation; install shufflecam again")
    raise WeightsError(f"{model.name} is not on this machine: run shufflecam models get {model.name}")


def looks_like_file(choice: str) -> bool:
    """Whether a detector's name denotes a file: it contains a folder, or has a weight file's extension."""
    return "/" in choice or "\\" in choice or Path(choice).suffix.lower() in (".pt", ".pth", ".safetensors")
