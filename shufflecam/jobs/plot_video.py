"""The video of `plot --html`: the one that the record was made from, in a form that every browser plays.

Browsers play few of the video formats in use, and disagree on what 0:00 is in a video whose times start
elsewhere. A file that is certain to play in sync is used in the page as it is; the recorded part of any other
is re-encoded next to the page.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import SourceBrokeOff, SourceError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.core.reporting import Reporter

if TYPE_CHECKING:
    from shufflecam.records.reader import SavedRecord
    from shufflecam.sources.video.source import VideoSource

H264_PROFILES = ("baseline", "main", "high")
"""8-bit 4:2:0 H.264; other profiles have longer names: High 10, High 4:2:2, ..."""
VIDEO_CODECS = {"mp4": ("h264", "vp9", "av1"), "webm": ("vp8", "vp9", "av1")}
AUDIO_CODECS = {"mp4": ("aac", "mp3", "opus", "flac"), "webm": ("opus", "vorbis")}
PIXEL_FORMATS = ("yuv420p", "yuvj420p")
"""What Chromium, Firefox and Safari play in these containers without the operating system's decoders."""

ZERO_S = (-0.05, 0.001)
"""A file that starts in this range starts at 0 in every browser: encoders put a little sound before it."""
LENGTH_TOLERANCE_S = 1.0
"""Largest difference in length between a camera's recording and its record: separate threads write them."""


@dataclass(frozen=True)
class Clip:
    """The video that the page shows."""

    path: Path
    start_s: float = 0.0
    """The record's time at which a player shows 0:00."""
    why_not: str | None = None
    """The reason to re-encode it, for the user; None: it is certain to play in sync."""


def find_video(saved: SavedRecord, given: Path | None, talk: Reporter) -> Path | None:
    """Return the video for the page; None if there is none.

    Raises:
        UsageError: the given file does not exist.
    """
    if given is not None:
        if not given.is_file():
            raise UsageError(f"--video {given}: there is no such file.")
        return given
    named = Path(str(saved.header["source"].get("path", "")))
    if saved.header["source"].get("kind") != "video":
        talk.note(f"{saved.path} was not made from a video file; the page has the plots alone")
        return None
    # Also next to the record: both may have been moved together.
    for place in (named, saved.path.parent / named.name):
        if place.is_file():
            return place
    talk.note(f"{named} is not there; the page has the plots alone (or give --video FILE)")
    return None


def check_clip(video: Path, saved: SavedRecord, span_s: tuple[float, float]) -> Clip:
    """Check that the record was made from this video, and whether browsers play it.

    Args:
        video: the file.
        saved: the record.
        span_s: the times of its first and last frame.

    Raises:
        UsageError: size, times or length belong to another video's record.
        SourceError: the video cannot be read.
    """
    from shufflecam.jobs.redraw import open_recorded
    from shufflecam.sources.limits import MAX_PIXELS
    from shufflecam.sources.video.source import open_video

    if saved.header["source"].get("kind") == "video":
        with closing(open_recorded(str(video), saved, MAX_PIXELS)) as source:
            start_s = source.start_s
        _check_end(video, saved, span_s[1], start_s)
        return Clip(video, 0.0, _why_not_played(video))
    # A camera's recording starts with the record's first frame, at 0.
    with closing(open_video(str(video), max_pixels=MAX_PIXELS)) as source:
        _check_camera(video, saved, source, span_s)
    return Clip(video, span_s[0], _why_not_played(video))


def encode_clip(clip: Clip, saved: SavedRecord, target: Path, talk: Reporter, *, overwrite: bool) -> Clip:
    """Re-encode the recorded part as 8-bit H.264 with AAC, for every browser; its first picture is at 0:00.

    Raises:
        UsageError: a frame's time differs from the record, so it is another video's.
        SourceError, OutputError: it cannot be read, or written.
    """
    from shufflecam.jobs.redraw import SavedPoses, cut_of
    from shufflecam.media.video import VideoWriter
    from shufflecam.sources.limits import MAX_PIXELS
    from shufflecam.sources.video.source import open_video

    of_video = saved.header["source"].get("kind") == "video"
    start_s, end_s, step = cut_of(saved) if of_video else (None, None, 1)
    checked = SavedPoses(saved, str(clip.path))
    origin_s = None
    writer: Any = None
    talk.note(
        f"{clip.path} is {clip.why_not}, which not every browser plays in step: encoded anew as {target}"
    )
    with closing(open_video(str(clip.path), start_s, end_s, max_pixels=MAX_PIXELS)) as source:
        try:
            with talk.progress(clip.path.name, source.info.frames) as meter:
                for frame in source.frames():
                    if of_video and checked is not None and frame.index % step == 0:
                        checked = _compared(checked, frame)
                    if writer is None:
                        origin_s = frame.timestamp_s
                        hints = source.encoding_hints() | {"origin_s": origin_s, "overwrite": overwrite}
                        sound = source.open_sound()
                        writer = VideoWriter(target, sound=sound, only_aac=True, **hints)
                    writer.write_image(frame.image, frame.timestamp_s, frame.pixel_aspect)
                    meter.advance()
        except SourceBrokeOff as error:
            talk.note(str(error))
        except BaseException:
            if writer is not None:
                writer.close(complete=False)
                target.unlink(missing_ok=True)
            raise
    if writer is None or origin_s is None:
        raise SourceError(f"{clip.path} has no picture in the part that {saved.path} is of.")
    writer.close(complete=True)
    return replace(clip, path=target, start_s=origin_s if of_video else clip.start_s)


def _compared(checked: Any, frame: Any) -> Any:
    """Compare a frame's time with the record; None at the record's end."""
    try:
        checked.find(frame)
    except SourceBrokeOff:
        return None
    return checked


def _check_end(video: Path, saved: SavedRecord, last_s: float, start_s: float) -> None:
    """Check that the record's last frame exists and, if the record is complete, that no frame follows it."""
    from shufflecam.jobs.redraw import SAME_TIME_S, cut_of
    from shufflecam.sources.limits import MAX_PIXELS
    from shufflecam.sources.video.source import open_video

    _, end_s, step = cut_of(saved)
    near_s = max(0.0, last_s - start_s - 2 * SAME_TIME_S)
    other = f"{saved.path} is the record of another video: its last frame is at {last_s:.3f} s"
    times: list[float] = []
    try:
        with closing(open_video(str(video), near_s, end_s, max_pixels=MAX_PIXELS)) as source:
            times = [frame.timestamp_s for frame in islice(source.frames(), step + 2)]
    except SourceBrokeOff:
        pass
    except SourceError as error:
        raise UsageError(f"{other}, and {video} ends before it.") from error
    after = [time for time in times if time > last_s + SAME_TIME_S]
    if not any(abs(time - last_s) <= SAME_TIME_S for time in times):
        raise UsageError(f"{other}, and {video} has none there.")
    complete = (saved.footer() or {}).get("complete") is True
    if complete and len(after) > step:
        raise UsageError(f"{other}, and {video} goes on after it.")


def _check_camera(video: Path, saved: SavedRecord, source: VideoSource, span_s: tuple[float, float]) -> None:
    if saved.size is not None and source.info.size != saved.size:
        sizes = ["x".join(map(str, size or ("?", "?"))) for size in (saved.size, source.info.size)]
        raise UsageError(
            f"{video} is not of {saved.path}: its pictures are {sizes[1]}, those of the record {sizes[0]}."
        )
    if source.info.frames is None or source.info.fps is None:
        return
    lasts, recorded = source.info.frames / float(source.info.fps), span_s[1] - span_s[0]
    if abs(lasts - recorded) > max(LENGTH_TOLERANCE_S, 0.05 * lasts):
        raise UsageError(
            f"{video} is not of {saved.path}: it lasts {lasts:.1f} s, the record {recorded:.1f} s."
        )


def _why_not_played(video: Path) -> str | None:
    """Return why browsers may not play a file, or play it out of sync; None if there is no doubt."""
    import av

    from shufflecam.sources.video.container import COVERS, video_stream

    try:
        with av.open(str(video)) as container:
            names = container.format.name.split(",")
            start_s = (container.start_time or 0) / av.time_base
            stream = video_stream(container, str(video))
            context = stream.codec_context
            codec, profile = str(context.codec.canonical_name), str(context.profile or "").lower()
            pixels = str(context.pix_fmt)
            sounds = [str(one.codec_context.codec.canonical_name) for one in container.streams.audio]
            many = len([one for one in container.streams.video if not int(one.disposition) & COVERS]) > 1
    except (OSError, av.error.FFmpegError) as error:
        raise SourceError(f"Cannot read {video}: {reason(error)}.") from error
    kind = "mp4" if "mp4" in names else "webm" if "webm" in names and video.suffix == ".webm" else None
    if kind is None:
        return f"a file of the kind {names[0]}"
    if codec not in VIDEO_CODECS[kind]:
        return f"encoded as {codec}"
    if pixels not in PIXEL_FORMATS or (codec == "h264" and not _is_plain(profile)):
        return f"encoded as {codec} with pixels of {pixels}"
    if sounds and sounds[0] not in AUDIO_CODECS[kind]:
        return f"a file whose sound is {sounds[0]}"
    if many:
        return "a file of several videos"
    if not ZERO_S[0] <= start_s <= ZERO_S[1]:
        return f"a file whose times begin at {start_s:.2f} s"
    return None


def _is_plain(profile: str) -> bool:
    return not profile or profile.removeprefix("constrained ") in H264_PROFILES
