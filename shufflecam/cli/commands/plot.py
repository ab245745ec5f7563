"""`shufflecam plot`: joints, speeds and angles of a record as a picture, or as a page with its video."""

from __future__ import annotations

from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options import completing
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.jobs.plot import ANGLES, JOINTS


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
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
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
    debug: bool,
) -> None:
    """Plot one person of a record (POSES, .json or .jsonl) over time.

    For each --joint where it is, how fast it is (pixels a second), and a heat map of where it was; each
    --angle in degrees. With neither, the wrists and the knees. A video that not every browser plays is
    encoded anew for --html, as PAGE-video.mp4 beside the page.
    """
    from shufflecam.core.files import check_writable, refuse_same_file
    from shufflecam.jobs.outputs import written_to
    from shufflecam.jobs.plot_video import check_clip, encode_clip, find_video
    from shufflecam.plot.charts import check_plot_name, draw_plot
    from shufflecam.plot.series import collect
    from shufflecam.records.choice import KeypointChoice, has_smoothed
    from shufflecam.records.coverage import coverage, untracked
    from shufflecam.records.reader import read_record

    talk = Terminal(quiet)
    if out is None and html is None:
        raise UsageError("Nothing is asked to be written; add --out FILE.png, or --html FILE.html, or both.")
    if out is not None:
        check_plot_name(out)
    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html {html}: a page ends in .html.")
    for option, path in (("--out", out), ("--html", html)):
        refuse_same_file(path, str(poses), option)
    saved = read_record(poses)
    for path in (out, html):
        if path is not None:
            check_writable(path, overwrite)
    found = None if html is None else find_video(saved, video, talk)
    if not joints and not angles:
        known = saved.skeleton.keypoints
        joints, angles = tuple(name for name in JOINTS if name in known), ANGLES
    choice = KeypointChoice.of(saved, "plot", has_smoothed(saved) if smoothed is None else smoothed)
    raw = not choice.drawn
    series = collect(saved, joints, angles, person, kpt_thr=kpt_thr, raw=raw, on_cut=talk.note)
    who = "" if series.person is None else f", person {series.person}"
    # The name alone: a page is passed on, and the folders are nobody's business.
    title = f"{Path(str(saved.header['source'].get('path'))).name}{who}"
    clip = anew = None
    if found is not None and html is not None and len(series.times):
        clip = check_clip(found, saved, (float(series.times[0]), float(series.times[-1])))
        if clip.why_not is not None:
            anew = html.with_name(f"{html.stem}-video.mp4")
            refuse_same_file(anew, str(found), "--html: the video for")
            check_writable(anew, overwrite)
    if out is not None:
        draw_plot(series, out, title)
    if html is not None:
        from shufflecam.plot.page import write_page

        if clip is not None and anew is not None:
            clip = encode_clip(clip, saved, anew, talk, overwrite=overwrite)
        shown, start_s = (None, 0.0) if clip is None else (clip.path, clip.start_s)
        link = anew is not None
        note = write_page(
            saved, series, html, title, shown, start_s=start_s, link=link, kpt_thr=kpt_thr, raw=raw
        )
        if note:
            talk.note(note)
    if warning := untracked(series.summary):
        talk.note(warning)
    talk.say(coverage(series.summary, series.person))
    frames = counted(len(series.times), "frame")
    talk.say(f"{frames}{who}, {choice.words}{written_to(out, html, anew)}")
