"""Plots a saved record, as charts or as an HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError
from shufflecam.core.files import check_writable, refuse_same_file

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.jobs.plot_video import Clip
    from shufflecam.plot.series import Series
    from shufflecam.records.reader import SavedRecord

JOINTS = ("left_wrist", "right_wrist")
ANGLES = ("left_knee", "right_knee")
"""The default joints and angles."""


@dataclass(frozen=True)
class PlotJob:
    """Inputs and outputs of a plot."""

    poses: Path
    out: Path | None = None
    html: Path | None = None
    joints: tuple[str, ...] = ()
    angles: tuple[str, ...] = ()
    person: int | None = None
    """None: the person who is present longest."""
    video: Path | None = None
    """The video for the page; None: the one named in the record."""
    kpt_thr: float = 0.3
    smoothed: bool | None = None
    """Which keypoints; None: the smoothed ones if the record has them."""
    overwrite: bool = False


@dataclass(frozen=True)
class Plotted:
    """The result of a plot."""

    series: Series
    who: str
    """", person 3", or empty if no one is tracked."""
    words: str
    """Which keypoints were used."""
    paths: tuple[Path | None, ...]
    """The files written."""


def check_usage(job: PlotJob) -> None:
    """Raise UsageError if the plot's options are invalid."""
    from shufflecam.plot.charts import check_plot_name

    if job.out is None and job.html is None:
        raise UsageError("Nothing is asked to be written; add --out FILE.png, or --html FILE.html, or both.")
    if job.out is not None:
        check_plot_name(job.out)
    if job.html is not None and job.html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html {job.html}: a page ends in .html.")
    for option, path in (("--out", job.out), ("--html", job.html)):
        refuse_same_file(path, str(job.poses), option)


def plot_record(job: PlotJob, talk: Reporter) -> Plotted:
    """Plot one person of a record over time: as charts, or as a page synchronised with the record's video.

    Raises:
        UsageError, SourceError, OutputError: before anything is written.
    """
    from shufflecam.jobs.plot_video import find_video
    from shufflecam.plot.charts import draw_plot
    from shufflecam.plot.series import collect
    from shufflecam.records.choice import KeypointChoice, has_smoothed
    from shufflecam.records.coverage import untracked
    from shufflecam.records.open import read_record

    check_usage(job)
    saved = read_record(job.poses)
    for path in (job.out, job.html):
        if path is not None:
            check_writable(path, job.overwrite)
    found = None if job.html is None else find_video(saved, job.video, talk)
    joints, angles = job.joints, job.angles
    if not joints and not angles:
        joints, angles = tuple(name for name in JOINTS if name in saved.skeleton.keypoints), ANGLES
    smoothed = has_smoothed(saved) if job.smoothed is None else job.smoothed
    choice = KeypointChoice.of(saved, "raw", smoothed)
    raw = not choice.drawn
    series = collect(saved, joints, angles, job.person, kpt_thr=job.kpt_thr, raw=raw, on_cut=talk.note)
    who = "" if series.person is None else f", person {series.person}"
    # The name alone: a page is shared, and the folder names are private.
    title = f"{Path(str(saved.header['source'].get('path'))).name}{who}"
    clip, anew = _clip(job, saved, series, found)
    if job.out is not None:
        draw_plot(series, job.out, title)
    if job.html is not None:
        _write_page(job, saved, series, title, clip, anew, talk, raw=raw)
    if warning := untracked(series.summary):
        talk.note(warning)
    return Plotted(series, who, choice.words, (job.out, job.html, anew))


def _clip(
    job: PlotJob, saved: SavedRecord, series: Series, found: Path | None
) -> tuple[Clip | None, Path | None]:
    """Return the video for the page, and the path to re-encode it to if browsers do not play it in sync."""
    from shufflecam.jobs.plot_video import check_clip

    if found is None or job.html is None or not len(series.times):
        return None, None
    clip = check_clip(found, saved, (float(series.times[0]), float(series.times[-1])))
    if clip.why_not is None:
        return clip, None
    anew = job.html.with_name(f"{job.html.stem}-video.mp4")
    refuse_same_file(anew, str(found), "--html: the video for")
    check_writable(anew, job.overwrite)
    return clip, anew


def _write_page(
    job: PlotJob,
    saved: SavedRecord,
    series: Series,
    title: str,
    clip: Clip | None,
    anew: Path | None,
    talk: Reporter,
    *,
    raw: bool,
) -> None:
    from shufflecam.jobs.plot_video import encode_clip
    from shufflecam.plot.page import write_page

    assert job.html is not None
    if clip is not None and anew is not None:
        clip = encode_clip(clip, saved, anew, talk, overwrite=job.overwrite)
    shown, start_s = (None, 0.0) if clip is None else (clip.path, clip.start_s)
    note = write_page(
        saved,
        series,
        job.html,
        title,
        shown,
        start_s=start_s,
        link=anew is not None,
        kpt_thr=job.kpt_thr,
        raw=raw,
    )
    if note:
        talk.note(note)
