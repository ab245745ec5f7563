"""Decorators for options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shufflecam.cli.intent import record_format
from shufflecam.cli.options import completing
from shufflecam.cli.options.common import common_options
from shufflecam.cli.options.types import EveryType
from shufflecam.drawing.look import PALETTES, STYLES
from shufflecam.engines.names import BACKENDS
from shufflecam.finder.settings import LIVE_EVERY, PRESETS, Every, FinderSettings
from shufflecam.records.formats import FORMATS, OWN, recorded_formats
from shufflecam.records.open import STDOUT, RecordTarget

if TYPE_CHECKING:
    from shufflecam.drawing.look import Look

F = TypeVar("F", bound=Callable[..., Any])


def model_options(command: F) -> F:
    """Add the options that select the networks and how they run."""
    return _model_options(command, FinderSettings.det_every)


def live_model_options(command: F) -> F:
    """Add the same options for cameras, where the detector runs as often as time permits."""
    return _model_options(command, LIVE_EVERY)


def _model_options(command: F, every: Every) -> F:
    decorators = [
        click.option(
            "--preset",
            type=click.Choice(list(PRESETS)),
            default="balanced",
            show_default=True,
            help="fast: --det-every auto, and video's --encode-preset superfast. accurate: --det-every 1 "
            "--flip-test, and of the published models that were fetched the larger one. Options that are "
            "given win.",
        ),
        click.option(
            "--model",
            shell_complete=completing.models,
            metavar="auto|NAME",
            default=FinderSettings.model,
            show_default=True,
            help="Pose model of the catalogue (shufflecam models list); auto: a published COCO model that "
            "was fetched, else the embedded one.",
        ),
        click.option(
            "--weights",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Own checkpoint (.pth, .safetensors); --model then names only its architecture.",
        ),
        click.option(
            "--detector",
            shell_complete=completing.detectors,
            metavar="auto|NAME|FILE|none",
            default=FinderSettings.detector,
            show_default=True,
            help="Who finds people. auto: a published nano detector that was fetched, else the embedded one; "
            "yolo11n, yolov8s, ...: fetched once; none: the whole frame is one person.",
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
            default=FinderSettings.det_conf,
            show_default=True,
            help="Leave out people that the detector is less sure of.",
        ),
        click.option(
            "--det-size",
            metavar="PX",
            type=click.IntRange(32, 4096),
            default=FinderSettings.det_size,
            show_default=True,
            help="Longer side of the detector's input; larger finds smaller people.",
        ),
        click.option(
            "--det-every",
            metavar="N|auto",
            type=EveryType(),
            default=every,
            show_default=True,
            help="Look for people every N frames, follow their keypoints in between; "
            "auto: as often as the camera's rate allows, in videos three times a second, in pictures always.",
        ),
        click.option(
            "--max-people",
            metavar="N",
            type=click.IntRange(1),
            default=FinderSettings.max_people,
            show_default=True,
            help="At most this many a frame, the surest first.",
        ),
        click.option(
            "--flip-test/--no-flip-test",
            default=FinderSettings.flip_test,
            show_default=True,
            help="Run each crop mirrored as well: a little better, about half as fast.",
        ),
        click.option(
            "--decode",
            type=click.Choice(["plain", "dark"]),
            default=FinderSettings.decode,
            show_default=True,
            help="Heatmap to keypoint: dark to a fraction of a pixel; plain as in the published figures.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["auto", *BACKENDS]),
            default=FinderSettings.backend,
            show_default=True,
            help="What computes the networks; auto: the fastest that works here.",
        ),
        click.option(
            "--device",
            metavar="auto|cpu|cuda[:N]|mps",
            default=FinderSettings.device,
            show_default=True,
            help="Where torch computes.",
        ),
    ]
    return _all(command, decorators)


def max_pixels_option(command: F) -> F:
    """Add the limit on a picture's size, a safeguard against untrusted files."""
    from shufflecam.sources.limits import MAX_PIXELS

    return click.option(
        "--max-pixels",
        metavar="N",
        type=click.IntRange(1),
        default=MAX_PIXELS,
        show_default=True,
        help="Refuse larger pictures: a small file can claim to hold one that fills the memory.",
    )(command)


def deinterlace_option(command: F) -> F:
    """Add the option for handling interlaced pictures."""
    return click.option(
        "--deinterlace",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Interlaced video gets whole pictures, one for two fields. auto: pictures that are flagged as "
        "interlaced; on: all; off: none.",
    )(command)


def look_options() -> list[Callable[[F], F]]:
    """Return the decorators of the drawing options, which `pop_look` reads."""
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
            type=click.Choice(list(PALETTES)),
            default="classic",
            show_default=True,
            help="Colours of left, right and middle, where the style has them.",
        ),
        click.option(
            "--style",
            type=click.Choice(list(STYLES)),
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
    """Add all of `look_options`."""
    return _all(command, look_options())


def pop_look(options: dict[str, Any]) -> Look:
    """Pop the values of `look_options` from a command's keyword arguments and return them as a `Look`."""
    from shufflecam.drawing.look import Look

    return Look(thickness=options.pop("line_width"), **{name: options.pop(name) for name in _LOOK_NAMES})


_LOOK_NAMES = ("style", "palette", "kpt_thr", "skeleton_only", "blur_faces")


def output_options(command: F) -> F:
    """Add the options for records, drawing and overwriting."""
    decorators = [
        click.option(
            "--json",
            "json_target",
            metavar="[FILE|-]",
            is_flag=False,
            flag_value=STDOUT,
            help=f"Write the keypoints: to FILE ({', '.join(FORMATS[OWN].endings)}), or to standard output.",
        ),
        click.option(
            "--format",
            "record_format",
            type=click.Choice([entry.name for entry in recorded_formats()]),
            default=OWN,
            show_default=True,
            help=f"What --json writes ({_other_files()}).",
        ),
        click.option(
            "--angles",
            is_flag=True,
            help="Add each person's joint angles to the record, in degrees (docs/angles.md).",
        ),
        *look_options(),
        click.option("--overwrite", is_flag=True, help="Replace files that exist already."),
        common_options,
    ]
    return _all(command, decorators)


def _other_files() -> str:
    """Return a summary of the outputs of the non-JSON formats: `csv: a .csv file`."""
    others = [entry for entry in recorded_formats() if not set(entry.endings) & set(FORMATS[OWN].endings)]
    return ", ".join(
        f"{entry.name}: a {'folder' if entry.is_folder else f'{entry.usual_ending} file'}" for entry in others
    )


def pop_record(options: dict[str, Any]) -> RecordTarget:
    """Pop the record's options of `output_options` and return them as a `RecordTarget`."""
    path = options.pop("json_target")
    return RecordTarget(path, record_format(path, options.pop("record_format")), options.pop("angles"))


def tracking_options(default: bool, *, offline: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds tracking and smoothing options.

    Args:
        default: whether both are on by default in this command.
        offline: whether the command supports zero-lag smoothing (`--smooth offline`).
    """
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
