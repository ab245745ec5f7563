"""Interlaced video: no combs, every picture, its own time."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shufflecam.core.errors import UsageError
from shufflecam.sources.live.replay import ReplaySource
from shufflecam.sources.pixels.deinterlace import Deinterlacer
from shufflecam.sources.video.source import open_video
from tests.helpers.clips import make_clip

SIZE = (160, 96)
STEP = 6
"""Pixels that the bar moves from field to field."""


def moment_left(moment: int) -> int:
    """Where the bar begins; it starts again before it leaves the picture."""
    return 10 + STEP * (moment % 16)


def field(moment: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) luma: a bright bar, as the camera sees it at this moment."""
    picture = np.full((size[1], size[0]), 40, np.uint8)
    left = moment_left(moment)
    picture[:, left : left + 24] = 210
    return picture


def write(
    path: Path, frames: int, *, top_first: bool = True, flagged: bool = True, codec: str = "libx264"
) -> Path:
    """Two moments in every picture, line by line."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        if codec == "libx264":
            stream.options = {"x264-params": f"crf=4:threads=1{':tff=1' if flagged else ''}"}
        elif flagged:
            stream.options = {"flags": "+ildct+ilme", "qmin": "1", "qmax": "1"}
        mark, marked = _marking("prog" if not flagged else "tff" if top_first else "bff")
        for number in range(frames):
            picture = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
            first = 0 if top_first else 1
            picture[first : SIZE[1] : 2] = field(2 * number)[first::2]
            picture[1 - first : SIZE[1] : 2] = field(2 * number + 1)[1 - first :: 2]
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            mark.push(frame)
            container.mux(stream.encode(marked.pull()))
        container.mux(stream.encode(None))
    return path


def _marking(order: str) -> tuple[Any, Any]:
    """Where pictures go in, and where they come out flagged: encoders write what the picture says."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=SIZE[0], height=SIZE[1], format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25)
    )
    setfield, sink = graph.add("setfield", order), graph.add("buffersink")
    source.link_to(setfield)
    setfield.link_to(sink)
    graph.configure()
    _GRAPHS.append(graph)
    return source, sink


_GRAPHS: list[Any] = []
"""Alive as long as their ends are used."""


def combs(image: np.ndarray) -> float:
    """How much lines differ from their neighbours more than from those two away."""
    luma = image[8:-8].mean(-1)
    return float(abs(luma[1:-1] - luma[2:]).mean() - abs(luma[:-2] - luma[2:]).mean())


def bar(image: np.ndarray) -> float:
    """Where the bar is, in pixels from the left."""
    weights = np.clip(image[8:-8].mean((0, 2)) - 80, 0, None)
    return float((weights * np.arange(len(weights))).sum() / weights.sum()) - 11.5


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("container", ["a.ts", "a.mp4"])
def test_combs_go_and_the_first_field_tells_the_place(
    tmp_path: Path, container: str, top_first: bool
) -> None:
    path = write(tmp_path / container, 8, top_first=top_first)
    with closing(open_video(path, deinterlace="off")) as source:
        raw = list(source.frames())
        assert source.info.notes == ()
    with closing(open_video(path)) as source:
        whole = list(source.frames())
        (note,) = source.info.notes
        assert "interlaced" in note
        assert "--deinterlace off" in note
    assert [frame.timestamp_s for frame in whole] == [frame.timestamp_s for frame in raw]
    assert [frame.index for frame in whole] == list(range(8))
    assert min(combs(frame.image) for frame in raw) > 10
    assert max(combs(frame.image) for frame in whole[1:-1]) < 3
    for number, frame in enumerate(whole[1:-1], start=1):
        assert abs(bar(frame.image) - moment_left(2 * number)) < 1.5


def test_mpeg2_without_a_word_on_the_order_is_whole_as_well(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mpg", 6, top_first=False, codec="mpeg2video")
    with closing(open_video(path)) as source:
        frames = list(source.frames())
    assert len(frames) == 6
    assert max(combs(frame.image) for frame in frames[1:-1]) < 3


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_ones_keep_every_picture(tmp_path: Path, frames: int) -> None:
    path = write(tmp_path / "a.mp4", frames)
    with closing(open_video(path)) as source:
        assert len(list(source.frames())) == frames


def test_a_cut_begins_where_it_was_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 30)
    with closing(open_video(path, 0.4, 0.8)) as source:
        frames = list(source.frames())
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.arange(10, 20) / 25, atol=1e-6)
    assert abs(bar(frames[1].image) - moment_left(22)) < 1.5
    assert combs(frames[0].image) < 6


def test_progressive_pictures_pass_untouched(plain_clip: Path) -> None:
    with av.open(str(plain_clip)) as container:
        pictures = [(picture, float(picture.time)) for picture in container.decode(video=0)]
    deinterlacer = Deinterlacer()
    out = list(deinterlacer.pictures(iter(pictures)))
    assert all(mine[0] is its[0] for mine, its in zip(out, pictures, strict=True))
    assert not deinterlacer.active


def test_what_is_interlaced_but_does_not_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 6, flagged=False)
    with closing(open_video(path)) as source:
        assert combs(list(source.frames())[2].image) > 10
    with closing(open_video(path, deinterlace="on")) as source:
        assert combs(list(source.frames())[2].image) < 3
        assert "as asked" in source.info.notes[0]


def test_pictures_of_another_size_on_the_way(tmp_path: Path) -> None:
    small, large = write(tmp_path / "a.mp4", 5), make_clip(tmp_path / "b.mp4", 4, size=(192, 128))
    pictures = []
    for path in (small, large, small):
        with av.open(str(path)) as container:
            pictures += list(container.decode(video=0))
    out = list(Deinterlacer().pictures((picture, float(n)) for n, picture in enumerate(pictures)))
    assert [seconds for _, seconds in out] == list(range(14))
    assert [picture.width for picture, _ in out] == [160] * 5 + [192] * 4 + [160] * 5


def test_a_replay_is_deinterlaced_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 8)
    with closing(ReplaySource(path)) as source:
        assert "interlaced" in source.info.notes[0]
        assert combs(next(iter(source.frames())).image) < 4


def test_no_such_way() -> None:
    with pytest.raises(UsageError, match="auto, on or off"):
        Deinterlacer("bob")  # type: ignore[arg-type]
