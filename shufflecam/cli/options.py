"""Options that several commands share, as decorators; and the values that they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.core import ParameterSource

from shufflecam.core.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

    from shufflecam.cli.console import Talk
    from shufflecam.core.protocols import PersonDetector
    from shufflecam.finder import PoseFinder
    from shufflecam.render import Look
    from shufflecam.stats import Stats

F = TypeVar("F", bound=Callable[..., Any])

RECORD_FORMATS = ("shufflecam", "coco", "openpose", "csv")
STDOUT = "-"
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


class TimeType(click.ParamType):
    """A moment in a video: seconds ("90", "1.5"), or "MM:SS", or "H:MM:SS"."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds as a float."""
        if isinstance(value, float):
            return value
        seconds = 0.0
        parts = str(value).split(":")
        try:
            if len(parts) > 3 or any(not part or float(part) < 0 for part in parts):
                raise ValueError
            for part in parts:
                seconds = seconds * 60 + float(part)
        except ValueError:
            self.fail(f"{value!r} is not a time; write seconds (12.5) or MM:SS (1:30)", param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a time; write seconds (12.5) or MM:SS (1:30)", param, ctx)
        return seconds


class SizeType(click.ParamType):
    """A picture's size: "1280x720"."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """(width, height) in pixels."""
        if isinstance(value, tuple):
            return value
        width, cross, height = str(value).lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            self.fail(f"{value!r} is not a size; write WIDTHxHEIGHT, such as 1280x720", param, ctx)
        size = int(width), int(height)
        if not all(16 <= side <= 16384 for side in size):
            self.fail(f"{value!r}: each side must be between 16 and 16384 pixels", param, ctx)
        return size


class EveryType(click.ParamType):
    """How often: a whole number from 1 on, or "auto"."""

    name = "every"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """An int, or "auto"."""
        text = str(value).strip()
        if text == AUTO:
            return AUTO
        if not text.isdecimal() or not 1 <= int(text) <= 100_000:
            self.fail(f"{value!r} is neither a whole number from 1 on nor auto", param, ctx)
        return int(text)


def model_options(command: F) -> F:
    """Which networks, and how they run."""
    return _model_options(command, "1")


def live_model_options(command: F) -> F:
    """The same for cameras, which are looked at as often as there is time."""
    return _model_options(command, AUTO)


def _model_options(command: F, every: str) -> F:
    decorators = [
        click.option(
            "--preset",
            type=click.Choice(list(PRESETS)),
            default="balanced",
            show_default=True,
            help="fast: --det-every auto, and video's --encode-preset superfast. accurate: --det-every 1 "
            "--flip-test, and "
            f"--model {LARGE_MODEL} where it was fetched. Options that are given win.",
        ),
        click.option(
            "--model",
            metavar="NAME",
            default="shufflecam-256x192",
            show_default=True,
            help="Pose model of the catalogue (shufflecam models list).",
        ),
        click.option(
            "--weights",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Own checkpoint (.pth, .safetensors); --model then names only its architecture.",
        ),
        click.option(
            "--detector",
            metavar="auto|NAME|FILE|none",
            default="auto",
            show_default=True,
            help="Who finds people. auto: the embedded one; yolo11n, yolov8s, ...: fetched once; none: the "
            "whole frame is one person.",
        ),
        click.option(
            "--boxes",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help='Instead of a detector: {"KEY": [[x1, y1, x2, y2], ...]}, KEY a file or a frame number.',
        ),
        click.option(
            "--det-conf",
            metavar="P",
            type=click.FloatRange(0, 1),
            default=0.4,
            show_default=True,
            help="Leave out people that the detector is less sure of.",
        ),
        click.option(
            "--det-size",
            metavar="PX",
            type=click.IntRange(32, 4096),
            default=416,
            show_default=True,
            help="Longer side of the detector's input; larger finds smaller people.",
        ),
        click.option(
            "--det-every",
            metavar="N|auto",
            type=EveryType(),
            show_default=every,
            help="Look for people every N frames, follow their keypoints in between; "
            "auto: as often as the camera's rate allows, in videos three times a second, in pictures always.",
        ),
        click.option(
            "--max-people",
            metavar="N",
            type=click.IntRange(1),
            default=20,
            show_default=True,
            help="At most this many a frame, the surest first.",
        ),
        click.option(
            "--flip-test/--no-flip-test",
            default=False,
            show_default=True,
            help="Run each crop mirrored as well: a little better, about half as fast.",
        ),
        click.option(
            "--decode",
            type=click.Choice(["plain", "dark"]),
            default="plain",
            show_default=True,
            help="Heatmap to keypoint: plain as in the published figures; dark to a fraction of a pixel.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["auto", "torch", "openvino", "onnx"]),
            default="auto",
            show_default=True,
            help="What computes the networks; auto: the fastest that works here.",
        ),
        click.option(
            "--device",
            metavar="auto|cpu|cuda[:N]|mps",
            default="auto",
            show_default=True,
            help="Where torch computes.",
        ),
    ]
    return _all(command, decorators)


def max_pixels_option(command: F) -> F:
    """How large a picture may be, in files that may come from strangers."""
    from shufflecam.sources.limits import MAX_PIXELS

    return click.option(
        "--max-pixels",
        metavar="N",
        type=click.IntRange(1),
        default=MAX_PIXELS,
        show_default=True,
        help="Refuse larger pictures: a small file can claim to hold one that fills the memory.",
    )(command)


def look_options() -> list[Callable[[F], F]]:
    """How people are drawn: what `take_look` takes."""
    return [
        click.option(
            "--kpt-thr",
            metavar="P",
            type=click.FloatRange(0, 1),
            default=0.3,
            show_default=True,
            help="Draw only keypoints surer than this; records hold all.",
        ),
        click.option(
            "--palette",
            type=click.Choice(["classic", "colorblind"]),
            default="classic",
            show_default=True,
            help="Colours of left, right and middle, where the style has them.",
        ),
        click.option(
            "--style",
            type=click.Choice(["shufflecam", "mmpose", "openpose", "minimal"]),
            default="shufflecam",
            show_default=True,
            help="How skeletons look; minimal: thin white lines.",
        ),
        click.option(
            "--line-width",
            metavar="PX",
            type=click.FloatRange(1, 100),
            show_default="by the picture's size",
            help="Thickness of the lines.",
        ),
        click.option("--skeleton-only", is_flag=True, help="Skeletons on black, nothing of the picture."),
        click.option(
            "--blur-faces",
            is_flag=True,
            help="Pixelate the face of everybody who is found, for good, before anything is written.",
        ),
    ]


def with_look(command: F) -> F:
    """`look_options` as one decorator."""
    return _all(command, look_options())


def take_look(options: dict[str, Any]) -> Look:
    """Remove what `look_options` gave from a command's keyword arguments."""
    from shufflecam.render import Look

    return Look(thickness=options.pop("line_width"), **{name: options.pop(name) for name in _LOOK_NAMES})


_LOOK_NAMES = ("style", "palette", "kpt_thr", "skeleton_only", "blur_faces")


def output_options(command: F) -> F:
    """Records, how people are drawn, and what may be replaced."""
    decorators = [
        click.option(
            "--json",
            "json_target",
            metavar="[FILE|-]",
            is_flag=False,
            flag_value=STDOUT,
            help="Write the keypoints: to FILE (.json, .jsonl), or to standard output.",
        ),
        click.option(
            "--format",
            "record_format",
            type=click.Choice(RECORD_FORMATS),
            default="shufflecam",
            show_default=True,
            help="What --json writes (openpose: a folder, csv: a .csv file).",
        ),
        click.option(
            "--angles",
            is_flag=True,
            help="Add each person's joint angles to the record, in degrees (docs/angles.md).",
        ),
        *look_options(),
        click.option("--overwrite", is_flag=True, help="Replace files that exist already."),
        click.option("--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    ]
    return _all(command, decorators)


def tracking_options(default: bool, *, offline: bool = False) -> Callable[[F], F]:
    """Ids and smoothing, with this command's default; `offline`: whether it can be smoothed without lag."""
    without_lag = " --smooth offline reads the video twice and smooths without lag." if offline else ""

    def decorate(command: F) -> F:
        decorators = [
            click.option(
                "--track/--no-track",
                default=default,
                show_default=True,
                help="Give people ids over the frames.",
            ),
            click.option(
                "--smooth/--no-smooth",
                default=default,
                show_default=True,
                help="Steady the drawn keypoints over time (needs ids); records keep the raw ones too."
                + without_lag,
            ),
        ]
        return _all(command, decorators)

    return decorate


def _all(command: F, decorators: Sequence[Callable[[F], F]]) -> F:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@dataclass(frozen=True)
class FinderOptions:
    """What `model_options` and `tracking_options` came to, checked as far as is possible without torch."""

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

    @classmethod
    def take(cls, options: dict[str, Any]) -> FinderOptions:
        """Remove this class's options from a command's keyword arguments.

        Raises:
            UsageError: an unknown model or detector name, or an unusable boxes file.
        """
        _apply_preset(options)
        every = options.get("det_every")
        options["det_every"] = {AUTO: None, None: 1}.get(every, every)
        taken = cls(**{name: options.pop(name) for name in cls.__dataclass_fields__})
        taken._check_names()
        return taken

    def for_pictures(self) -> FinderOptions:
        """The same for pictures that have nothing to do with each other: `auto` looks at each of them."""
        return self if self.det_every is not None else replace(self, det_every=1)

    def _check_names(self) -> None:
        from shufflecam.models.catalogue import looks_like_file, person_entry, pose_entry

        pose_entry(self.model)
        if self.boxes is not None and self.detector != "auto":
            raise UsageError("--boxes and --detector exclude each other; leave one of them out")
        if self.detector not in ("auto", "none") and not looks_like_file(self.detector):
            person_entry(self.detector)

    def given_boxes(self) -> PersonDetector | None:
        """The detector that reads `--boxes`, or None. Its file is a matter of usage: read it first."""
        if self.boxes is None:
            return None
        from shufflecam.detect.given import GivenBoxes

        return GivenBoxes.read(self.boxes)

    def load(
        self,
        given: PersonDetector | None,
        talk: Talk,
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
        from shufflecam.assemble import load
        from shufflecam.cli.fetching import fetch_detector

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


def _apply_preset(options: dict[str, Any]) -> None:
    """Take `preset` out of a command's options and set what it sets, but nothing that the user gave."""
    preset = options.pop("preset", "balanced")
    context = click.get_current_context(silent=True)

    def is_given(name: str) -> bool:
        source = None if context is None else context.get_parameter_source(name)
        return source not in (None, ParameterSource.DEFAULT)

    for name, value in PRESETS[preset].items():
        if name in options and not is_given(name):
            options[name] = value
    if preset == "accurate" and not is_given("model") and not is_given("weights"):
        from shufflecam.models.catalogue import locate, pose_entry

        if locate(pose_entry(LARGE_MODEL)) is not None:
            options["model"] = LARGE_MODEL
