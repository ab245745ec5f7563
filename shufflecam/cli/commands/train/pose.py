"""`shufflecam train`: train pose networks on COCO-format data, and on pseudo-labels."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Terminal, duration
from shufflecam.cli.help import NamedCommands
from shufflecam.cli.options.train import check_export, run_options
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.train.pose.start import export_weights, measure_ap, start_detector, start_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from shufflecam.models.catalogue import PoseEntry
    from shufflecam.models.shufflenet import PoseNet
    from shufflecam.pipeline.stop import StopRequest
    from shufflecam.train.pose.recipe import Recipe
    from shufflecam.train.pose.run import Run

ELSEWHERE = {
    "label": "shufflecam.cli.commands.train.label",
    "detector": "shufflecam.cli.commands.train.detector",
}
"""Subcommands defined in modules of their own, if present."""


class TrainCommands(NamedCommands):
    """Command group of the commands in this module and those in `ELSEWHERE`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all command names."""
        return [*self.commands, *(name for name, module in ELSEWHERE.items() if find_spec(module))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of this name, or None."""
        module = ELSEWHERE.get(name)
        if module is not None and find_spec(module):
            command: click.Command = import_module(module).command
            return command
        return super().get_command(ctx, name)


@click.group(cls=TrainCommands)
def command() -> None:
    """Train networks on your own data."""


def _size(text: str) -> tuple[int, int]:
    """Parse `WIDTHxHEIGHT` into (width, height). Raises UsageError."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise UsageError(f"{text!r} is not WIDTHxHEIGHT, such as 192x256.")
    return int(parts[0]), int(parts[1])


def _progressive(text: str | None) -> tuple[tuple[int, int, float], ...]:
    """Parse `96x128:0.5,144x192:0.3` into (width, height, share) stages. Raises UsageError."""
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
    **settings: Any,
) -> None:
    """Train a pose network; the same command goes on where it stopped.

    Without options this is the published recipe. DIR gets last.pt, history.jsonl and curve.png.
    """
    from shufflecam.engines.torch import resolve_device
    from shufflecam.models.catalogue import pose_entry
    from shufflecam.pipeline.stop import stop_on_signals
    from shufflecam.train.pose.data import read_people
    from shufflecam.train.sets import SetSpec

    talk = Terminal(quiet)
    entry = pose_entry(model)
    specs = [SetSpec.parse(text) for text in sets]
    recipe = _recipe(entry, distill_from is not None, settings)
    check_export(target)
    if val is not None and entry.skeleton.name != "coco17":
        raise UsageError("--val measures COCO's AP; leave it out for another skeleton.")
    measure = measure_ap(SetSpec.parse(val), entry, recipe) if val else None
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
            start=start_tensors(init),
            detector=start_detector(distill_from),
        )
        stop.begin_writing()
        said = f"{counted(len(people), 'person')}, {counted(run.steps, 'step')} of {recipe.batch}"
        talk.say(f"{said}; at step {run.step}")
        _train(run, talk, stop, measure, val_every or 0)
    aps = [line["ap"] for line in run.history.lines() if "ap" in line]
    result = f"AP {aps[-1]:.4f} on {val} with its boxes and flip test" if aps else "not measured"
    talk.say(f"done after {duration(run.seconds)}: {result}; the run is in {folder}")
    if target is not None:
        talk.say(f"{target}: SHA-256 {export_weights(run, entry, recipe, sets, result, target)}")


def _train(
    run: Run, talk: Terminal, stop: StopRequest, measure: Callable[[PoseNet], float] | None, every: int
) -> None:
    with talk.progress("steps", run.steps, each="step", done=run.step) as meter:
        run.run(
            stop=lambda: bool(stop),
            on_step=lambda progress: meter.advance(f"loss {progress.loss:.4f}"),
            measure=measure,
            measure_every=every,
        )


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
