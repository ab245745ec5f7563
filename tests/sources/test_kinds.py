"""HEIC as phones save it, PNG with metadata of megabytes, pictures with several in them, kinds not read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from shufflecam.core.errors import SourceError
from shufflecam.sources import kinds
from shufflecam.sources.pictures.picture import PictureNote, UnsupportedPicture, read_picture
from shufflecam.sources.pictures.png import SIGNATURE
from tests.helpers.clips import corners, number_picture
from tests.sources.pngs import chunk

BGR = number_picture(0, (128, 96))
RGB = np.ascontiguousarray(BGR[..., ::-1])


def notes_of(path: Path) -> tuple[np.ndarray, list[PictureNote]]:
    notes: list[PictureNote] = []
    return read_picture(path, on_note=notes.append), notes


def heic(path: Path, *pictures: np.ndarray, mode: str = "RGB", **options: object) -> Path:
    size = pictures[0].shape[1], pictures[0].shape[0]
    file = pillow_heif.HeifFile()
    for picture in pictures:
        file.add_frombytes(mode, size, picture.tobytes())
    file.save(path, quality=90, **options)
    return path


@pytest.mark.parametrize("name", ["a.heic", "A.HEIF", "a.hif", "a.jpg"])
def test_heic_is_read_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    image, notes = notes_of(heic(tmp_path / name, RGB))
    assert np.abs(image.astype(int) - BGR).mean() < 8
    assert image.flags.c_contiguous
    assert not notes


def test_heic_of_ten_bits_and_with_transparency(tmp_path: Path) -> None:
    image = read_picture(heic(tmp_path / "a.heic", RGB.astype(np.uint16) * 257, mode="RGB;16"))
    assert np.abs(image.astype(int) - BGR).mean() < 8
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    rgba[:, :64, 3] = 0
    image = read_picture(heic(tmp_path / "b.heic", rgba, mode="RGBA"))
    assert (image[:, :50] > 250).all()


@pytest.mark.parametrize(
    ("turn", "expected"), [(1, (0, 1, 2, 3)), (6, (3, 0, 1, 2)), (3, (2, 3, 0, 1)), (8, (1, 2, 3, 0))]
)
def test_heic_is_turned_once(tmp_path: Path, turn: int, expected: tuple[int, ...]) -> None:
    """Phones write the turn twice: as the file's own property and as EXIF, which then counts no more."""
    exif = Image.Exif()
    exif[0x0112] = turn
    kinds.heif_is_readable()
    Image.fromarray(RGB).save(tmp_path / "a.heic", exif=exif.tobytes())
    data = (tmp_path / "a.heic").read_bytes()
    assert (b"irot" in data) == (turn != 1)
    image = read_picture(tmp_path / "a.heic")
    assert corners(image) == expected
    assert image.shape == ((128, 96, 3) if turn in (6, 8) else (96, 128, 3))


def test_of_a_burst_the_main_picture_is_read_and_it_is_said(tmp_path: Path) -> None:
    other = np.zeros_like(RGB)
    image, notes = notes_of(heic(tmp_path / "burst.heic", other, RGB, other, primary_index=1))
    assert np.abs(image.astype(int) - BGR).mean() < 8
    assert "holds 3 pictures, and the main one is read." in notes[0].text


def test_heic_that_is_cut_or_too_large(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = heic(tmp_path / "a.heic", RGB)
    with pytest.raises(SourceError, match="128x96"):
        read_picture(path, 128 * 96 - 1)
    whole = path.read_bytes()
    for cut in (40, len(whole) // 2, len(whole) - 200):
        path.write_bytes(whole[:cut])
        with pytest.raises(SourceError, match="damaged or cut short"):
            read_picture(path)
    assert capfd.readouterr() == ("", "")


def test_without_the_package_heic_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = heic(tmp_path / "a.heic", RGB)
    monkeypatch.setattr("shufflecam.sources.kinds.heif_is_readable", lambda: False)
    with pytest.raises(UnsupportedPicture, match="pillow-heif"):
        read_picture(path)


def with_chunks(path: Path, *chunks: bytes, behind: bool = False) -> Path:
    Image.fromarray(RGB).save(path)
    data = path.read_bytes()
    at = data.index(b"IEND") - 4 if behind else data.index(b"IDAT") - 4
    path.write_bytes(data[:at] + b"".join(chunks) + data[at:])
    return path


LARGE = bytes(10 << 20)
LARGE_PACKED = zlib.compress(LARGE)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iCCP", b"profile\0\0" + LARGE_PACKED),
        chunk(b"zTXt", b"Comment\0\0" + LARGE_PACKED),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LARGE_PACKED),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * (10 << 20)),
        chunk(b"tEXt", b"Comment\0" + b"x" * (10 << 20)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + LARGE_PACKED),
        b"".join(chunk(b"zTXt", b"k%d\0\0" % i + zlib.compress(bytes(900_000))) for i in range(80)),
        chunk(b"zTXt", b"Comment\0\0not packed at all"),
        chunk(b"tEXt", b"Comment\0wrong checksum")[:-4] + bytes(4),
        chunk(b"iCCP", b"x\0\0broken"),
    ],
    ids=["iCCP", "zTXt", "packed iTXt", "iTXt", "tEXt", "zTXt exif", "many", "not packed", "crc", "bad iCCP"],
)
def test_metadata_is_no_reason_to_refuse_a_png(
    tmp_path: Path, extra: bytes, behind: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    image, notes = notes_of(with_chunks(tmp_path / "a.png", extra, behind=behind))
    assert np.array_equal(image, BGR)
    assert not notes
    assert capfd.readouterr() == ("", "")


def test_a_turn_beside_large_metadata_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = chunk(b"eXIf", exif.tobytes()[6:])
    path = with_chunks(tmp_path / "a.png", chunk(b"iCCP", b"p\0\0" + LARGE_PACKED), extra)
    assert corners(read_picture(path)) == (3, 0, 1, 2)


def test_limits_hold_beside_large_metadata(tmp_path: Path) -> None:
    path = with_chunks(tmp_path / "a.png", chunk(b"iCCP", b"p\0\0" + LARGE_PACKED))
    with pytest.raises(SourceError, match="128x96"):
        read_picture(path, 1000)
    data = bytearray(path.read_bytes())
    struct.pack_into(">II", data, 16, 60000, 60000)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(SourceError, match="million pixels"):
        read_picture(path)
    whole = with_chunks(path, chunk(b"iCCP", b"p\0\0" + LARGE_PACKED)).read_bytes()
    path.write_bytes(whole[: len(whole) - 100])
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_picture(path)
    path.write_bytes(SIGNATURE + bytes(100))
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_picture(path)


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "avif"])
def test_of_an_animation_the_first_picture_is_read_and_it_is_said(tmp_path: Path, kind: str) -> None:
    pictures = [Image.fromarray(np.roll(RGB, i * 8, axis=1)) for i in range(4)]
    options = {"lossless": True} if kind == "webp" else {}
    path = tmp_path / f"a.{kind}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, **options)
    image, notes = notes_of(path)
    assert np.abs(image.astype(int) - BGR).mean() < 12
    assert (
        f"holds 4 pictures, and the first is read; `shufflecam video` plays all of a.{kind}" in notes[0].text
    )


def test_a_phones_second_picture_in_a_jpeg_is_no_news(tmp_path: Path) -> None:
    picture = Image.fromarray(RGB)
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[picture])
    assert not notes_of(tmp_path / "a.jpg")[1]


@pytest.mark.parametrize("extension", sorted(kinds.UNSUPPORTED_EXTENSIONS))
def test_kinds_that_are_not_read(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension.upper()}"
    # As most camera RAW is: a TIFF whose first picture is a thumbnail, which is not what was asked for.
    Image.fromarray(RGB[::8, ::8].copy()).save(path, "TIFF")
    with pytest.raises(UnsupportedPicture, match=r"(save|export) it as"):
        read_picture(path)
    Image.fromarray(RGB).save(path, "PNG")
    assert np.array_equal(read_picture(path), BGR)


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    for data, words in {
        b"\0\0\0\x18ftypisom" + bytes(50): "is a video",
        b"\x1a\x45\xdf\xa3" + bytes(50): "is a video",
        b"\xff\xd8\xff\xe0" + bytes(50): "damaged or cut short",
        b"hello": "not a picture of a known kind",
        b"": "empty",
    }.items():
        path.write_bytes(data)
        with pytest.raises(SourceError, match=words):
            read_picture(path)


assert len(LARGE) > PngImagePlugin.MAX_TEXT_CHUNK, "else the cases above are none"
