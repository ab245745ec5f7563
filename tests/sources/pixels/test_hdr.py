"""HDR pictures become standard ones: right brightness and colours, whoever tells what they are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from shufflecam.sources.live.replay import ReplaySource
from shufflecam.sources.pixels.hdr import Exposure
from shufflecam.sources.pixels.tone import HLG, PQ, WHITE_NITS, hlg_to_nits, nits_to_pq, pq_to_nits
from shufflecam.sources.video.source import open_video

SIZE = (128, 96)
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Report ITU-R BT.2087, equation 4: linear light."""

PATCHES = {  # linear light in BT.709, white is 1
    "white": (1.0, 1.0, 1.0), "grey": (0.18, 0.18, 0.18), "red": (0.5, 0.02, 0.02),
    "green": (0.02, 0.5, 0.02), "blue": (0.02, 0.02, 0.5), "dark": (0.02, 0.02, 0.02),
}  # fmt: skip


def scene() -> np.ndarray:
    """(H, W, 3) linear RGB: two rows of three patches."""
    colours = np.array(list(PATCHES.values())).reshape(2, 3, 3)
    rows = np.repeat(colours, SIZE[1] // 2, axis=0)
    return np.repeat(rows, [SIZE[0] // 3, SIZE[0] // 3, SIZE[0] - 2 * (SIZE[0] // 3)], axis=1)


def patches(picture: np.ndarray) -> dict[str, np.ndarray]:
    """The middle of each patch, RGB."""
    ys, xs = (SIZE[1] // 4, 3 * SIZE[1] // 4), (SIZE[0] // 6, SIZE[0] // 2, 5 * SIZE[0] // 6)
    values = [picture[y, x, ::-1].astype(int) for y in ys for x in xs]
    return dict(zip(PATCHES, values, strict=True))


def signal(linear: np.ndarray, transfer: int, white_nits: float) -> np.ndarray:
    """RGB in BT.2020, 0..1, as a camera or a grade writes it."""
    nits = linear @ BT709_TO_BT2020.T * white_nits
    if transfer == PQ:
        return nits_to_pq(nits)
    luminance = (nits / 1000) @ np.array([0.2627, 0.6780, 0.0593])
    light = nits / 1000 * np.power(np.maximum(luminance, 1e-9), 1 / 1.2 - 1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        bright = 0.17883277 * np.log(12 * light - 0.28466892) + 0.55991073
    return np.where(light <= 1 / 12, np.sqrt(3 * light), bright)


def write(
    path: Path,
    rgb: np.ndarray,
    tags: tuple[int, int, int],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p10le",
    container_tags: tuple[int, int, int] | None = None,
    full: bool = False,
    rotation: int = 0,
    frames: int = 2,
) -> Path:
    """A clip of one still picture, (H, W, 3) RGB 0..1. `tags` are what the codec's own headers say."""
    weights = np.array([0.2627, 0.6780, 0.0593])
    luma = rgb @ weights
    u, v = (rgb[..., 2] - luma) / 1.8814, (rgb[..., 0] - luma) / 1.4746
    scale_y, scale_c, low = (1023, 1023, 0) if full else (876, 896, 64)
    planes = [luma * scale_y + low, *(c[::2, ::2] * scale_c + 512 for c in (u, v))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
        context = stream.codec_context
        if codec == "libx265":
            stream.options = {
                "x265-params": "log-level=error:bframes=0:rc-lookahead=0",
                "preset": "ultrafast",
            }
            stream.options["crf"] = "8"
            frames = 8  # with fewer than it looks ahead its decoding times are chance
        context.colorspace, context.color_primaries, context.color_trc = tags
        context.color_range = 2 if full else 1
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            frame = av.VideoFrame(*SIZE, pix_fmt)
            for plane, values in zip(frame.planes, planes, strict=True):
                rows = np.frombuffer(plane, "<u2").reshape(-1, plane.line_size // 2)
                rows[: values.shape[0], : values.shape[1]] = np.round(values)
            frame.colorspace, frame.color_range, frame.pts = tags[0], 2 if full else 1, number
            frame.color_primaries, frame.color_trc = tags[1:]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def first_picture(path: Path) -> np.ndarray:
    with closing(open_video(path)) as source:
        return next(iter(source.frames())).image


def test_transfer_functions_have_the_figures_of_the_recommendations() -> None:
    # BT.2408, table 1: 203 cd/m2 is 58 % PQ and 75 % HLG; 1000 is 75 % and 100 %.
    np.testing.assert_allclose(nits_to_pq([100, 203, 1000, 10_000]), [0.508, 0.581, 0.752, 1], atol=5e-4)
    np.testing.assert_allclose(pq_to_nits(nits_to_pq([0.01, 1, 50, 4000])), [0.01, 1, 50, 4000], rtol=2e-3)
    grey = hlg_to_nits(np.array([[0.75] * 3, [1.0] * 3]))
    np.testing.assert_allclose(grey[:, 0], [203, 1000], rtol=5e-3)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_come_out_as_they_went_in(tmp_path: Path, transfer: int) -> None:
    path = write(tmp_path / "a.mkv", signal(scene(), transfer, WHITE_NITS), (9, 9, transfer))
    seen = patches(first_picture(path))
    assert seen["white"].min() > 245
    # Not brighter than a picture for 100 cd/m2, and not darker than one for 203.
    for name, low, high in (("grey", 120, 170), ("dark", 48, 75)):
        assert np.ptp(seen[name]) <= 3, name
        assert low < seen[name].mean() < high, name
    for channel, name in enumerate(("red", "green", "blue")):
        others = np.delete(seen[name], channel)
        # Out and back through the wide gamut: linear .5 and .02 are a factor of 25.
        expected = seen["grey"].mean() * (np.array([0.5, 0.02]) / 0.18) ** (1 / 2.4)
        assert abs(seen[name][channel] - expected[0]) < 20, (name, seen[name])
        np.testing.assert_allclose(others, expected[1], atol=14, err_msg=name)


@pytest.mark.parametrize(("white", "transfer"), [(20, PQ), (100, PQ), (1000, PQ), (4000, PQ), (60, HLG)])
def test_a_grade_that_is_dark_or_bright_shows_the_same_scene(
    tmp_path: Path, white: float, transfer: int
) -> None:
    usual = first_picture(write(tmp_path / "a.mkv", signal(scene(), PQ, WHITE_NITS), (9, 9, PQ)))
    other = first_picture(write(tmp_path / "b.mkv", signal(scene(), transfer, white), (9, 9, transfer)))
    assert abs(other.mean() - usual.mean()) < 30
    assert patches(other)["white"].min() > 235


def test_tags_of_the_container_count_where_the_codec_has_none(tmp_path: Path) -> None:
    rgb = signal(scene(), PQ, WHITE_NITS)
    both = write(tmp_path / "both.mp4", rgb, (9, 9, PQ), codec="libx265")
    bare = write(tmp_path / "bare.mp4", rgb, (2, 2, 2), codec="libx265")
    outside = tmp_path / "outside.mkv"
    with av.open(str(bare)) as source, av.open(str(outside), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=False)
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, PQ
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(outside)) as source:
        assert source.streams.video[0].codec_context.color_trc == PQ
        assert next(source.decode(video=0)).color_trc == 2  # the decoder's word
    np.testing.assert_allclose(first_picture(outside), first_picture(both), atol=2)
    with closing(open_video(outside)) as source:
        assert source.encoding_hints()["color"] == (1, 1, 1)


def test_full_range_and_turned(tmp_path: Path) -> None:
    rgb = signal(scene(), HLG, WHITE_NITS)
    limited = first_picture(write(tmp_path / "a.mkv", rgb, (9, 9, HLG)))
    full = first_picture(write(tmp_path / "b.mkv", rgb, (9, 9, HLG), full=True))
    np.testing.assert_allclose(full.astype(int), limited, atol=3)
    turned = write(tmp_path / "c.mp4", rgb, (9, 9, HLG), codec="libx265", rotation=-90)
    picture = first_picture(turned)
    assert picture.shape[:2] == (SIZE[0], SIZE[1])
    upright = np.rot90(picture, 1).astype(int)
    assert abs(upright - limited.astype(int)).mean() < 4


def test_it_is_said_once_and_tagged_as_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", signal(scene(), HLG, WHITE_NITS), (9, 9, HLG))
    with closing(open_video(path)) as source:
        (note,) = source.info.notes
        assert "HDR (HLG)" in note
        assert "SDR" in note
        assert source.encoding_hints()["color"] == (1, 1, 1)
        list(source.frames())
        assert source.late_notes() == ()
    with closing(ReplaySource(path, size=(64, 48))) as replay:
        assert replay.info.notes == source.info.notes
        picture = next(iter(replay.frames())).image
        assert picture.shape == (48, 64, 3)
        assert picture[4, 4].min() > 240


def test_wide_gamut_that_is_not_hdr_stays_what_it_is(tmp_path: Path, plain_clip: Path) -> None:
    encoded = np.power(scene() @ BT709_TO_BT2020.T, 1 / 2.4)
    path = write(tmp_path / "a.mkv", encoded, (9, 9, 14))
    with closing(open_video(path)) as source:
        assert source.info.notes == ()
        assert source.encoding_hints()["color"] == (9, 9, 14)
        np.testing.assert_allclose(
            patches(next(iter(source.frames())).image)["grey"], 255 * 0.18 ** (1 / 2.4), atol=2
        )
    with closing(open_video(plain_clip)) as source:
        assert source.info.notes == ()


def test_the_exposure_is_steady_in_a_scene_and_follows_a_cut() -> None:
    random = np.random.default_rng(1)
    light = random.gamma(1.0, 40, 4000).astype(np.float32)
    exposure = Exposure()
    gains = {exposure.update(light * random.uniform(0.97, 1.03))[0] for _ in range(60)}
    assert len(gains) == 1
    bright = exposure.update(light)[0]
    exposure.update(np.full(4000, 0.01, np.float32))  # a black picture between two scenes
    assert exposure.update(light)[0] == bright
    assert exposure.update(light / 8)[0] > 3 * bright
    assert exposure.update(light)[0] == bright


def test_people_are_found_in_hdr(shared_dir: Path) -> None:
    import shufflecam

    path = shared_dir / "cases" / "06-hdr" / "pq.mp4"
    if not path.exists():
        pytest.skip("needs the HDR clip in ../shared/cases, which is not here")
    finder = shufflecam.load()
    with closing(open_video(path)) as source:
        found = sum(bool(finder(frame.image)) for frame in source.frames())
    # 20 without tone mapping. A standard HEVC file of as few bytes (22 KB for 60 pictures): 36.
    assert found >= 26
