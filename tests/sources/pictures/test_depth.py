"""More than 8 bits and floats: what the file says, what the values use, and that a guess is said."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from shufflecam.core.errors import SourceError
from shufflecam.core.levels import Said, to_8_bit
from shufflecam.sources.pictures.picture import PictureNote, read_picture
from tests.helpers.clips import corners, number_picture
from tests.sources.pngs import chunk, png16

BGR = number_picture(3, (60, 40))
RGB = np.ascontiguousarray(BGR[..., ::-1])
GREY = cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)


def read(path: Path) -> tuple[np.ndarray, list[PictureNote]]:
    notes: list[PictureNote] = []
    image = read_picture(path, on_note=notes.append)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    return image, notes


def deep(picture: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(picture * ((2**bits - 1) / 255)).astype(np.uint16)


def close(image: np.ndarray, expected: np.ndarray, within: int = 1) -> bool:
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    return bool(np.abs(image.astype(int) - expected).max() <= within)


@pytest.mark.parametrize("kind", ["png", "tif", "tif zlib", "tif planes", "tif lzw", "bigtiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("colors", ["grey", "rgb"])
def test_bits_in_sixteen(tmp_path: Path, kind: str, bits: int, colors: str) -> None:
    picture = GREY if colors == "grey" else RGB
    values = deep(picture, bits)
    path = tmp_path / ("a.png" if kind == "png" else "a.tif")
    if kind == "png":
        path.write_bytes(png16(values))
    elif kind == "tif lzw":
        assert cv2.imwrite(str(path), values[..., ::-1] if colors == "rgb" else values)  # OpenCV packs so
    else:
        options: dict = {"photometric": "rgb" if colors == "rgb" else "minisblack"}
        if kind == "tif zlib":
            options |= {"compression": "zlib", "predictor": 2}
        if kind == "tif planes" and colors == "rgb":
            values, options["planarconfig"] = np.moveaxis(values, -1, 0), "separate"
        tifffile.imwrite(path, values, bigtiff=kind == "bigtiff", **options)
    image, notes = read(path)
    assert close(image, BGR if colors == "rgb" else GREY)
    assert [note.kind for note in notes] == ([] if bits == 16 else ["guess"])
    if bits != 16:
        assert f"use {bits} of 16 bits" in notes[0].text
        assert "guess" in notes[0].text


def test_what_the_file_says_is_no_guess(tmp_path: Path) -> None:
    dark = deep(GREY // 8, 12)  # uses 9 bits of the 12
    for name, chunks in (("low", [chunk(b"sBIT", b"\x0c")]), ("none", [])):
        (tmp_path / f"{name}.png").write_bytes(png16(dark, *chunks))
    image, notes = read(tmp_path / "low.png")
    assert close(image, GREY // 8)
    assert not notes
    assert not close(read(tmp_path / "none.png")[0], GREY // 8, 20), "which its values alone would not tell"

    high = (dark << 4 | dark >> 8).astype(np.uint16)  # as the standard has it
    (tmp_path / "high.png").write_bytes(png16(high, chunk(b"sBIT", b"\x0c")))
    image, notes = read(tmp_path / "high.png")
    assert close(image, GREY // 8)
    assert not notes

    for tag, code in (("SMaxSampleValue", 341), ("MaxSampleValue", 281)):
        path = tmp_path / f"{tag}.tif"
        tifffile.imwrite(path, dark, photometric="minisblack", extratags=[(code, "H", 1, 4095, True)])
        image, notes = read(path)
        assert close(image, GREY // 8)
        assert not notes
    tifffile.imwrite(
        tmp_path / "ome.tif",
        dark,
        photometric="minisblack",
        description='<OME><Image><Pixels Type="uint16" SignificantBits="12"/></Image></OME>',
        metadata=None,
    )
    image, notes = read(tmp_path / "ome.tif")
    assert close(image, GREY // 8)
    assert not notes


def test_a_file_that_says_less_than_it_holds_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png16(deep(GREY, 16), chunk(b"sBIT", b"\x0a")))
    assert close(read(tmp_path / "a.png")[0], GREY)
    tifffile.imwrite(tmp_path / "a.tif", deep(GREY, 16), extratags=[(281, "H", 1, 255, True)])
    assert close(read(tmp_path / "a.tif")[0], GREY)


def test_transparency_of_sixteen_bits_is_white(tmp_path: Path) -> None:
    for picture in (GREY, RGB):
        alpha = np.full(GREY.shape, 65535, np.uint16)
        alpha[:, :30] = 0
        values = np.dstack([deep(picture, 12), alpha])
        (tmp_path / "a.png").write_bytes(png16(values))
        extra = {"photometric": "minisblack" if picture is GREY else "rgb", "extrasamples": ["unassalpha"]}
        tifffile.imwrite(tmp_path / "a.tif", values, planarconfig="contig", **extra)
        for name in ("a.png", "a.tif"):
            image, _ = read(tmp_path / name)
            assert (image[:, :30] == 255).all()
            assert close(image[:, 30:], (GREY if picture is GREY else BGR)[:, 30:])


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize(
    ("turn", "expected"),
    [(1, (0, 1, 2, 3)), (6, (3, 0, 1, 2)), (3, (2, 3, 0, 1)), (8, (1, 2, 3, 0)), (2, (1, 0, 3, 2))],
)
def test_deep_pictures_stand_upright(tmp_path: Path, kind: str, turn: int, expected: tuple[int, ...]) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "png":
        exif = Image.Exif()
        exif[0x0112] = turn
        path.write_bytes(png16(deep(RGB, 12), chunk(b"eXIf", exif.tobytes()[6:])))
    else:
        tifffile.imwrite(path, deep(RGB, 12), photometric="rgb", extratags=[(274, "H", 1, turn, True)])
    image, _ = read(path)
    assert corners(image) == expected


def test_signed_numbers(tmp_path: Path) -> None:
    for name, values, expected in (
        ("positive", (deep(RGB, 15)).astype(np.int16), BGR),
        ("twelve", deep(RGB, 12).astype(np.int16), BGR),
        ("moved", (deep(RGB, 16).astype(np.int32) - 32768).astype(np.int16), BGR),
        ("noise", np.maximum(deep(RGB, 12).astype(np.int16), 0) - (RGB.min() == RGB) * np.int16(5), BGR),
        ("bytes", (GREY.astype(np.int16) - 128).astype(np.int8), GREY),
    ):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="rgb" if values.ndim == 3 else None)
        assert close(read(tmp_path / f"{name}.tif")[0], expected, 2), name


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("white", [1.0, 255.0, 4095.0, 65535.0])
def test_floats_by_their_range(tmp_path: Path, dtype: str, white: float) -> None:
    if dtype == "float16" and white > 60000:
        white = 16383.0  # float16 ends at 65504
    for picture, expected in ((GREY, GREY), (RGB, BGR)):
        values = (picture * (white / 255)).astype(dtype)
        photometric = "rgb" if picture is RGB else "minisblack"
        tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric)
        image, notes = read(tmp_path / "a.tif")
        assert close(image, expected, 2)
        assert [note.kind for note in notes] == ([] if white == 1 else ["guess"])


def test_what_is_no_number_is_black_and_said(tmp_path: Path) -> None:
    values = RGB.astype(np.float32) / 255
    values[:5, :5] = np.nan
    values[5:9, :5] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    image, notes = read(tmp_path / "a.tif")
    assert (image[:5, :5] == 0).all()
    assert (image[5:9, :5] == 255).all()
    assert close(image[9:], BGR[9:])
    assert "135 of its values are no numbers" in notes[0].text
    tifffile.imwrite(tmp_path / "b.tif", np.full((9, 9), np.nan, np.float32))
    image, notes = read(tmp_path / "b.tif")
    assert not image.any()
    assert "no number at all" in notes[0].text


@pytest.mark.parametrize("kind", ["exr", "hdr", "tif", "half tif"])
@pytest.mark.parametrize("gain", [0.02, 1.0, 40.0])
def test_light_without_an_upper_end(tmp_path: Path, kind: str, gain: float) -> None:
    """However bright the scene: its mean is that of a picture, nothing is crushed, the order stays."""
    light = ((np.arange(2400, dtype=np.float32).reshape(40, 60) / 2400) ** 3 + 0.001) * gain
    light[:3, :3] = 500 * gain  # a lamp
    values = np.dstack([light, light * 0.8, light * 0.6]).astype(np.float32)
    path = tmp_path / f"a.{kind.split()[-1]}"
    if kind == "exr":
        write_exr(path, values)
    elif kind == "hdr":
        assert cv2.imwrite(str(path), values[..., ::-1])
    else:
        tifffile.imwrite(path, values.astype(np.float16 if "half" in kind else np.float32), photometric="rgb")
    image, notes = read(path)
    assert 60 < image.mean() < 190
    rows = image[5:].mean(axis=(1, 2))
    assert (np.diff(rows) > 0).all()
    assert (image[3:, 3:, 2] >= image[3:, 3:, 0]).all(), "red stays red"
    assert [note.kind for note in notes] == ["guess"]


def write_exr(path: Path, rgb: np.ndarray) -> None:
    height, width = rgb.shape[:2]
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("exr", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "gbrpf32le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="gbrpf32le")))
        container.mux(stream.encode())


def test_packed_twelve_bits_say_what_they_are(tmp_path: Path) -> None:
    dark = deep(GREY // 8, 12)
    bits = (dark[..., None] >> np.arange(11, -1, -1)) & 1
    rows = b"".join(np.packbits(row.ravel()).tobytes() for row in bits.astype(np.uint8))
    height, width = dark.shape
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags += [(279, len(rows))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    ifd = struct.pack("<H", len(tags)) + entries + bytes(4)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(rows)) + rows + ifd)
    image, notes = read(tmp_path / "a.tif")
    assert close(image, GREY // 8)
    assert not notes


def test_white_is_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 65535 - deep(GREY, 16), photometric="miniswhite")
    assert close(read(tmp_path / "a.tif")[0], GREY)


def test_the_first_page_is_read_and_said(tmp_path: Path) -> None:
    pages = np.stack([deep(GREY, 16), np.zeros_like(deep(GREY, 16))])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    image, notes = read(tmp_path / "a.tif")
    assert close(image, GREY)
    assert "holds 2 pictures, and the first is read" in notes[0].text


def test_ordinary_pictures_are_as_they_were() -> None:
    assert to_8_bit(RGB)[0] is RGB
    assert to_8_bit(np.zeros((4, 4), np.uint16)) == (pytest.approx(np.zeros((4, 4))), None)
    assert to_8_bit(np.array([[True, False]]))[0].tolist() == [[255, 0]]
    assert to_8_bit(np.array([[0, 7]], np.uint8), Said(white=7))[0].tolist() == [[0, 255]]


def test_too_many_pixels_are_refused_before_they_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", deep(RGB, 12), photometric="rgb")
    write_exr(tmp_path / "a.exr", RGB.astype(np.float32))
    assert cv2.imwrite(str(tmp_path / "a.hdr"), RGB.astype(np.float32))
    (tmp_path / "a.png").write_bytes(png16(deep(RGB, 12)))
    for name in ("a.tif", "a.exr", "a.hdr", "a.png"):
        assert read_picture(tmp_path / name, 2400).shape == (40, 60, 3)
        with pytest.raises(SourceError, match="more than"):
            read_picture(tmp_path / name, 2399)


def test_damaged_ones_are_refused_without_a_word_of_the_libraries(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", deep(RGB, 12), photometric="rgb")
    tifffile.imwrite(tmp_path / "z.tif", deep(RGB, 12), photometric="rgb", compression="zlib")
    Image.fromarray(RGB).save(tmp_path / "l.tif", compression="tiff_lzw")
    Image.fromarray(RGB).save(tmp_path / "j.tif", compression="jpeg")
    assert cv2.imwrite(str(tmp_path / "lzw.tif"), deep(RGB, 12))
    (tmp_path / "a.png").write_bytes(png16(deep(RGB, 12), chunk(b"iCCP", b"x\0\0broken")))
    write_exr(tmp_path / "a.exr", RGB.astype(np.float32))
    assert cv2.imwrite(str(tmp_path / "a.hdr"), RGB.astype(np.float32))
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for cut in (len(whole) // 3, len(whole) * 2 // 3):
            path.write_bytes(whole[:cut])
            with pytest.raises(SourceError) as caught:
                read_picture(path)
            assert "Error" not in str(caught.value)
        noise = bytearray(whole)
        noise[len(noise) // 2 : len(noise) // 2 + 20] = b"\xa5" * 20
        path.write_bytes(noise)
        with contextlib.suppress(SourceError):  # some noise is a picture still
            read_picture(path)
    assert capfd.readouterr() == ("", "")
