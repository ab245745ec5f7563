"""Writes a self-contained HTML page with the video, its skeleton and the plots in sync."""

from __future__ import annotations

import base64
import html
import json
import math
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from shufflecam.core.errors import OutputError
from shufflecam.core.pixels import to_square
from shufflecam.core.reasons import reason
from shufflecam.plot.charts import COLORS
from shufflecam.plot.series import Series
from shufflecam.records.reader import SavedRecord

EMBED_BYTES = 32 << 20
"""Larger videos are linked: browsers are slow with such pages, and mail servers reject them."""

MOST_FRAMES = 20_000
"""Longer records are subsampled: the page contains every n-th frame."""

TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_PARTS = Path(__file__).parent / "page"


def write_page(
    saved: SavedRecord,
    series: Series,
    target: Path,
    title: str,
    video: Path | None,
    *,
    start_s: float = 0.0,
    link: bool = False,
    kpt_thr: float,
    raw: bool,
) -> str | None:
    """Write the page and return a note for the user, or None.

    Args:
        saved: the record, for the person's skeleton over the video.
        series: the data to plot.
        target: output file.
        title: any text.
        video: embedded, or linked if it is large; None: plots only.
        start_s: record time at which the video is at 0:00.
        link: link to the video, whatever its size.
        kpt_thr: keypoints with a lower score are not drawn.
        raw: draw the keypoints as detected, not the smoothed ones.

    Returns:
        A note about a linked video or omitted frames, or None.

    Raises:
        OutputError: the page cannot be written, or the video cannot be read.
    """
    step = -(-len(series.times) // MOST_FRAMES)
    note = None if step <= 1 else f"the page has every {step}. frame: a browser is slow with more"
    data = {
        "size": series.size,
        "start": start_s,
        "times": _numbers(series.times[::step], 4),
        "charts": _charts(series, step),
        "edges": saved.skeleton.edges,
        "poses": _poses(saved, series.person, step, kpt_thr, raw) if video is not None else [],
    }
    source = ""
    if video is not None:
        source, linked = _source(video, target, link)
        note = linked or note
    # "</script>" or "<!--" within a name would end the data.
    values = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {
        "TITLE": html.escape(title.encode("utf-8", "replace").decode()),
        "STYLE": (_PARTS / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (_PARTS / "page.js").read_text(encoding="utf-8"),
        "VIDEO": f'<video id="video" controls muted playsinline src="{source}"></video>' if source else "",
        "DATA": values,
    }
    text = (_PARTS / "index.html").read_text(encoding="utf-8")
    pieces = text.split("%%")  # text, name, text, name, ...: inserted text is not searched again
    page = "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {target}: {reason(error)}; try another folder.") from error
    return note


def _charts(series: Series, step: int) -> list[dict[str, Any]]:
    charts: list[dict[str, Any]] = []
    if series.angles:
        lines = [_line(name, values[::step], i) for i, (name, values) in enumerate(series.angles.items())]
        charts.append({"title": "angle", "unit": "°", "lines": lines})
    if series.joints:
        position, speed = [], []
        for i, (name, places) in enumerate(series.joints.items()):
            position += [_line(f"{name} x", places[::step, 0], i), _line(f"{name} y", places[::step, 1], i)]
            position[-1]["dashed"] = True
            speed.append(_line(name, series.speed(name)[::step], i))
        charts.append({"title": "position", "unit": " px", "lines": position})
        charts.append({"title": "speed", "unit": " px/s", "lines": speed})
    return charts


def _line(name: str, values: Any, index: int) -> dict[str, Any]:
    return {"name": name, "color": COLORS[index % len(COLORS)], "values": _numbers(values, 2)}


def _poses(
    saved: SavedRecord, person: int | None, step: int, kpt_thr: float, raw: bool
) -> list[list[int | None]]:
    """Return the keypoints per frame as x, y, ... in integer square pixels; empty without the person."""
    poses: list[list[int | None]] = []
    for number, result in enumerate(saved.results()):
        if number % step:
            continue
        pose = next((pose for pose in result.poses if pose.track_id == person), None)
        if pose is None:
            poses.append([])
            continue
        points = to_square(pose.keypoints if raw else pose.drawn_keypoints, result.frame.pixel_aspect)
        sure = np.nan_to_num(pose.scores if raw else pose.drawn_scores) >= kpt_thr
        kept = np.where(sure[:, None] & np.isfinite(points), points, np.nan).ravel().tolist()
        poses.append([None if math.isnan(value) else round(value) for value in kept])
    return poses


def _numbers(values: Any, decimals: int) -> list[float | None]:
    return [round(value, decimals) if math.isfinite(value) else None for value in values.tolist()]


def _source(video: Path, target: Path, link: bool) -> tuple[str, str | None]:
    """Return the URL for the video element, and a note if it is a link."""
    try:
        size = video.stat().st_size
        if size <= EMBED_BYTES and not link:
            kind = TYPES.get(video.suffix.lower(), "video/mp4")
            return f"data:{kind};base64,{base64.b64encode(video.read_bytes()).decode()}", None
    except OSError as error:
        raise OutputError(f"Cannot read {video}: {reason(error)}.") from error
    try:
        way = os.path.relpath(video.resolve(), target.resolve().parent)
    except ValueError:  # another drive
        way = str(video.resolve())
    what = f"{video} is not in the page" if link else f"{video} has {size / 2**20:.0f} MB"
    note = f"{what}: the page links to it, so keep the two where they are"
    return html.escape(quote(Path(way).as_posix().encode("utf-8", "surrogateescape"))), note
