"""`shufflecam train`: pose networks from COCO-format data, and pseudo-labels for it."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Talk, duration
from shufflecam.cli.help import NamedCommands
from shufflecam.cli.options.train import check_export, pictures_below, run_options
from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from shufflecam.models.catalogue import PoseEntry
    from shufflecam.models.shufflenet import PoseNet
    from shufflecam.train.pose.recipe import Recipe
    from shufflecam.train.pose.run import Run

ELSEWHERE = {"detector": "shufflecam.cli.commands.train.detector"}
"""Subcommands with a file of their own, where it is there."""


class TrainCommands(NamedCommands):
    """The commands of this file and those of `ELSEWHERE`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return [*self.commands, *(name for name, module in ELSEWHERE.items() if find_spec(module))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, or None."""
        module = ELSEWHERE.get(name)
        if module is not None and find_spec(module):
            command: click.Command = import_module(module).command
            return command
        return super().get_command(ctx, name)


@click.group(cls=TrainCommands)
def command() -> None:
    """Train networks on your own data."""


def _size(text: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT`. Raises UsageError."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise UsageError(f"{text!r} is not WIDTHxHEIGHT, such as 192x256.")
    return int(parts[0]), int(parts[1])


def _progressive(text: str | None) -> tuple[tuple[int, int, float], ...]:
    """`96x128:0.5,144x192:0.3`. Raises UsageError."""
    sizes = []
    for item in (text or "").split(","):
        if not item:
            continue
        size, _, share = item.partition(":")
        try:
            sizes.append((*_size(size), float(share)))
        except ValueError:
            raise UsageError(f"{item!r} is not WIDTHxHEIGHT:SHARE, such as 96x128:0.5.") from None
    return tuple(sizes)


AUGMENTATIONS = ("published", "gentle", "none")


@command.command(
    epilog="""\b
Examples:
  shufflecam train pose --data person_keypoints_train2017.json:train2017/ --out runs/coco --workers 8
  shufflecam train pose --data labels.json:photos/ --out runs/small --epochs 30 --batch 16 --lr 2e-3 \\
      --schedule cosine --loss ce-mse --unbiased --ema 0.999 --progressive 96x128:0.6 \\
      --augmentation gentle --export mine.safetensors
"""
)
@click.option(
    "--data",
    "sets",
    multiple=True,
    required=True,
    metavar="ANNOTATIONS:DIR[:WEIGHT]",
    help="COCO-format keypoints and their pictures; repeat it for several sets.",
)
@click.option(
    "--val", metavar="ANNOTATIONS:DIR", help="Measure AP on these, with their boxes and the flip test."
)
@click.option(
    "--model", default="coco-256x192", show_default=True, metavar="NAME", help="Skeleton and input size."
)
@click.option("--size", metavar="WxH", help="Another input size than the model's.")
@click.option(
    "--epochs", type=click.FloatRange(0, min_open=True), default=210, show_default=True, help="Passes."
)
@click.option("--batch", type=click.IntRange(2), default=512, show_default=True, help="Crops in a step.")
@click.option(
    "--lr", type=click.FloatRange(0, min_open=True), default=5e-4, show_default=True, help="Adam's rate."
)
@click.option(
    "--warmup-steps", type=click.IntRange(0), default=500, show_default=True, help="The rate rises first."
)
@click.option("--weight-decay", type=click.FloatRange(0), default=0.0, show_default=True, help="Decoupled.")
@click.option(
    "--schedule",
    type=click.Choice(["step", "cosine"]),
    default="step",
    show_default=True,
    help="step: a tenth after 170/210 and 200/210 of the run.",
)
@click.option(
    "--loss",
    type=click.Choice(["mse", "ce", "ce-mse"]),
    default="mse",
    show_default=True,
    help="mse: the reference's; ce-mse: cross-entropy first, faster on little data.",
)
@click.option("--unbiased", is_flag=True, help="Gaussians at the true place, not at the nearest pixel.")
@click.option(
    "--augmentation",
    type=click.Choice(AUGMENTATIONS),
    default="published",
    show_default=True,
    help="gentle: small turns and scales, colour and occlusion, for short runs.",
)
@click.option(
    "--progressive", metavar="WxH:SHARE,...", help="Smaller inputs for the first shares of the run."
)
@click.option(
    "--coordinate-warmup",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="First share of the run: only the backbone, on coordinates as classes.",
)
@click.option(
    "--distill-from", metavar="FILE", type=click.Path(path_type=Path), help="A yolov8 detector's weights."
)
@click.option(
    "--distill", type=click.FloatRange(0), default=1.0, show_default=True, help="Its features' weight."
)
@click.option(
    "--head-width", metavar="A,B,C", default="256,256,256", show_default=True, help="Narrower is faster."
)
@click.option(
    "--ema",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Average's decay.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 on CUDA, float32 elsewhere.",
)
@click.option(
    "--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that read pictures."
)
@run_options
def pose(
    sets: tuple[str, ...],
    folder: Path,
    val: str | None,
    val_every: int | None,
    model: str,
    device: str,
    workers: int,
    init: Path | None,
    distill_from: Path | None,
    target: Path | None,
    quiet: bool,
    debug: bool,
    **settings: Any,
) -> None:
    """Train a pose network; the same command goes on where it stopped.

    Without options this is the published recipe. DIR gets last.pt, history.jsonl and curve.png.
    """
    from shufflecam.engines.torch import resolve_device
    from shufflecam.models.catalogue import pose_entry
    from shufflecam.pipeline.run import stop_on_signals
    from shufflecam.train.pose.data import SetSpec, read_people

    talk = Talk(quiet)
    entry = pose_entry(model)
    specs = [SetSpec.parse(text) for text in sets]
    recipe = _recipe(entry, distill_from is not None, settings)
    check_export(target)
    if val is not None and entry.skeleton.name != "coco17":
        raise UsageError("--val measures COCO's AP; leave it out for another skeleton.")
    measure = _measure(SetSpec.parse(val), entry, recipe) if val else None
    people = read_people(specs, entry.skeleton)
    with stop_on_signals() as stop:
        from shufflecam.train.pose.run import Run

        run = Run(
            folder,
            people,
            entry.skeleton,
            recipe,
            device=resolve_device(device),
            workers=workers,
            start=_tensors(init),
            detector=_detector(distill_from),
        )
        stop.writing = True
        talk.say(
            f"{counted(len(people), 'person')}, {counted(run.steps, 'step')} of {recipe.batch}; "
            f"at step {run.step}"
        )
        with talk.progress("steps", run.steps, each="step", done=run.step) as meter:
            run.run(
                stop=lambda: bool(stop),
                on_step=lambda progress: meter.advance(f"loss {progress.loss:.4f}"),
                measure=measure,
                measure_every=val_every or 0,
            )
    aps = [line["ap"] for line in run.history.lines() if "ap" in line]
    result = f"AP {aps[-1]:.4f} on {val} with its boxes and flip test" if aps else "not measured"
    talk.say(f"done after {duration(run.seconds)}: {result}; the run is in {folder}")
    if target is not None:
        talk.say(f"{target}: SHA-256 {_export(run, entry, recipe, sets, result, target)}")


@command.command(
    epilog="""\b
Example:
  shufflecam train label photos/ --out labels.json --teacher teacher.xml --detector yolov8n
"""
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="COCO-format file to write.",
)
@click.option(
    "--teacher",
    default="coco-256x192",
    show_default=True,
    metavar="NAME|FILE.xml",
    help="A pose model of the catalogue, or an OpenVINO heatmap network.",
)
@click.option(
    "--detector", default="auto", show_default=True, metavar="auto|NAME|FILE", help="Who finds people."
)
@click.option(
    "--det-conf", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Its least score."
)
@click.option(
    "--max-people", type=click.IntRange(1), default=3, show_default=True, help="The largest of a picture."
)
@click.option(
    "--min-height", type=click.FloatRange(1), default=90, show_default=True, help="Smallest box in pixels."
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def label(
    folder: Path,
    out: Path,
    teacher: str,
    detector: str,
    det_conf: float,
    max_people: int,
    min_height: float,
    overwrite: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Let a teacher network find the keypoints in the pictures below FOLDER, to train on them."""
    from shufflecam.cli.fetching import fetch_detector
    from shufflecam.core.files import check_writable
    from shufflecam.detect.open import open_detector
    from shufflecam.train.pose.label import OpenVinoTeacher
    from shufflecam.train.pose.label import label as label_pictures

    talk = Talk(quiet)
    pictures = pictures_below(folder)
    check_writable(out, overwrite)
    if teacher.endswith(".xml"):
        estimator = OpenVinoTeacher(Path(teacher)).estimator()
    else:
        from shufflecam.pose.estimator import HeatmapEstimator
        from shufflecam.pose.open import load_pose_engine

        engine, entry, *_ = load_pose_engine(teacher, None, backend="auto", device="auto")
        estimator = HeatmapEstimator(engine, entry.skeleton, entry.input_size)
    fetch_detector(detector, talk)
    finder, _ = open_detector(detector, det_conf=det_conf, det_size=416, max_people=50, device="auto")
    with talk.progress("pictures", len(pictures), each="picture") as meter:
        document = label_pictures(
            pictures,
            folder,
            finder,
            estimator,
            min_height=min_height,
            max_people=max_people,
            on_picture=meter.advance,
        )
    try:
        out.write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {reason(error)}.") from error
    people, images = len(document["annotations"]), len(document["images"])
    talk.say(f"{counted(people, 'person')} in {counted(images, 'picture')} -> {out}")


def _recipe(entry: PoseEntry, distilled: bool, settings: dict[str, Any]) -> Recipe:
    from shufflecam.train.pose.augment import Augmentation
    from shufflecam.train.pose.recipe import Recipe

    augmentation = {
        # MPII's published recipe has neither shift nor half body.
        "published": Augmentation()
        if entry.skeleton.name == "coco17"
        else Augmentation(half_body=0, shift=0),
        "gentle": Augmentation(
            half_body=0.1, shift=0.06, scale=0.2, rotation=30, rotation_p=0.5, colour=0.3, occlusion=0.2
        ),
        "none": Augmentation.none(),
    }[settings.pop("augmentation")]
    try:
        widths = tuple(int(part) for part in settings.pop("head_width").split(","))
        if len(widths) != 3:
            raise ValueError
    except ValueError:
        raise UsageError("--head-width wants three whole numbers, such as 128,64,64.") from None
    size, distill = settings.pop("size"), settings.pop("distill")
    return Recipe(
        input_size=_size(size) if size else entry.input_size,
        sigma=entry.sigma,
        sizes=_progressive(settings.pop("progressive")),
        head_width=widths,
        distill=distill if distilled else 0.0,
        augmentation=augmentation,
        **settings,
    )


def _measure(spec: Any, entry: PoseEntry, recipe: Recipe) -> Callable[[PoseNet], float]:
    """A function from a network to its AP. Reads the annotations at once: mistakes should show early."""
    from shufflecam.evaluate.annotations import ground_truth_boxes, read_coco
    from shufflecam.evaluate.coco import predict, score

    data = read_coco(spec.annotations, spec.images)
    boxes = ground_truth_boxes(data)

    def measure(net: PoseNet) -> float:
        from shufflecam.engines.torch import TorchEngine
        from shufflecam.pose.estimator import HeatmapEstimator

        engine = TorchEngine(net, "auto")
        estimator = HeatmapEstimator(engine, entry.skeleton, recipe.input_size, flip_test=True)
        return score(predict(estimator, data.pictures, boxes), data, entry.skeleton).ap

    return measure


def _tensors(path: Path | None) -> Any:
    if path is None:
        return None
    from shufflecam.models.load import pose_tensors

    return pose_tensors(path).tensors


def _detector(path: Path | None) -> Any:
    if path is None:
        return None
    from shufflecam.detect.yolo import load_network

    return load_network(path).module


def _export(
    run: Run, entry: PoseEntry, recipe: Recipe, sets: tuple[str, ...], result: str, target: Path
) -> str:
    from shufflecam.train.checkpoint import export

    width, height = recipe.input_size
    card = {
        "architecture": "shufflenetv1-heatmap",
        "input_size": f"{width}x{height}",
        "skeleton": entry.skeleton.name,
        "data": "; ".join(sets),
        "recipe": json.dumps(recipe.as_dict()),
        "result": result,
    }
    return export(run.averaged().state_dict(), len(entry.skeleton.keypoints), target, card)
