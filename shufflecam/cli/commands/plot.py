"""`shufflecam plot`: plot a record's joints, speeds and angles as an image, or as a page with its video."""

from __future__ import annotations

from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options import completing
from shufflecam.cli.options.common import common_options
from shufflecam.core.words import counted


@click.command(
    short_help="Trajectories, speeds and joint angles over time.",
    epilog="""\b
Examples:
  shufflecam plot squat.jsonl --angle left_knee --angle left_hip --out knees.png
  shufflecam plot swing.jsonl --joint right_wrist --person 2 --out wrist.svg
  shufflecam plot squat.jsonl --angle left_knee --html squat.html
""",
)
@click.argument("poses", metavar="POSES", type=click.Path(path_type=Path))
@click.option(
    "--joint",
    "joints",
    shell_complete=completing.joints,
    metavar="NAME",
    multiple=True,
    help="Where it is and how fast; may be repeated.",
)
@click.option(
    "--angle",
    "angles",
    shell_complete=completing.angles,
    metavar="NAME",
    multiple=True,
    help="A joint angle of docs/angles.md; may be repeated.",
)
@click.option(
    "--person",
    metavar="N",
    type=click.IntRange(0),
    show_default="who is in most frames",
    help="Whose; see `shufflecam inspect`.",
)
@click.option(
    "-o", "--out", metavar="FILE", type=click.Path(path_type=Path), help="The plot: .png, .svg or .pdf."
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="One page with the video and the plots in step; opens in any browser, asks nothing of the network.",
)
@click.option(
    "--video",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="what the record names",
    help="For --html: the record's video; above 32 MB it is linked, not put into the page.",
)
@click.option(
    "--kpt-thr",
    metavar="P",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Keypoints less sure than this are left out.",
)
@click.option(
    "--smoothed/--raw",
    "smoothed",
    default=None,
    show_default="smoothed, where the record has it",
    help="The keypoints as they were drawn, or as they were found.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist already.")
@common_options
def command(
    poses: Path,
    joints: tuple[str, ...],
    angles: tuple[str, ...],
    person: int | None,
    out: Path | None,
    html: Path | None,
    video: Path | None,
    kpt_thr: float,
    smoothed: bool | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Plot one person of a record (POSES, .json or .jsonl) over time.

    For each --joint where it is, how fast it is (pixels a second), and a heat map of where it was; each
    --angle in degrees. With neither, the wrists and the knees. A video that not every browser plays is
    encoded anew for --html, as PAGE-video.mp4 beside the page.
    """
    from shufflecam.jobs.outputs import written_to
    from shufflecam.jobs.plot import PlotJob, plot_record
    from shufflecam.records.coverage import coverage

    talk = Terminal(quiet)
    job = PlotJob(
        poses,
        out,
        html,
        joints,
        angles,
        person=person,
        video=video,
        kpt_thr=kpt_thr,
        smoothed=smoothed,
        overwrite=overwrite,
    )
    done = plot_record(job, talk)
    talk.say(coverage(done.series.summary, done.series.person))
    frames = counted(len(done.series.times), "frame")
    talk.say(f"{frames}{done.who}, {done.words}{written_to(*done.paths)}")
