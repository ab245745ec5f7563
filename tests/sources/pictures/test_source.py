"""Pictures: every kind as people expect it, names that stay apart, broken ones told and passed over."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources import BrokenPicture, open_images
from shufflecam.sources.paths import find_pictures
from tests.helpers.clips import CORNERS, corners, number_picture

BGR = number_picture(0, (60, 40))
RGB = np.ascontiguousarray(BGR[..., ::-1])


def _only(path: Path) -> np.ndarray:
    (frame,) = open_images([path]).frames()
    assert frame.file == path.name
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous
    assert frame.image.flags.writeable
    return frame.image


@pytest.mark.parametrize(
    "name", ["a.png", "a.bmp", "a.webp", "a.tif", "a.gif", "a.ppm", "a.jp2", "a.jpg", "a.avif"]
)
def test_formats(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {"quality": 95} if name.endswith("jpg") else {}
    Image.fromarray(RGB).save(tmp_path / name, **options)
    assert np.abs(_only(tmp_path / name).astype(int) - BGR).mean() < (
        6 if name in ("a.jpg", "a.avif") else 0.01
    )


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize(
    ("tag", "expected"),
    [(1, (0, 1, 2, 3)), (6, (3, 0, 1, 2)), (3, (2, 3, 0, 1)), (8, (1, 2, 3, 0)), (2, (1, 0, 3, 2))],
)
def test_exif_turns_every_format_once(tmp_path: Path, name: str, tag: int, expected: tuple[int, ...]) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(RGB).save(tmp_path / name, exif=exif)
    image = _only(tmp_path / name)
    assert corners(image) == expected
    assert image.shape == ((60, 40, 3) if tag in (6, 8) else (40, 60, 3))


def test_grey_and_sixteen_bits(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 60).astype(np.uint16), (40, 1))
    for name in ("ramp.png", "ramp.tif"):
        assert cv2.imwrite(str(tmp_path / name), ramp)
        assert np.abs(_only(tmp_path / name)[0, :, 1].astype(int) - ramp[0] // 257).max() <= 1
    assert cv2.imwrite(str(tmp_path / "rgb.png"), BGR.astype(np.uint16) * 257)
    assert np.array_equal(_only(tmp_path / "rgb.png"), BGR)
    Image.fromarray(RGB).convert("L").save(tmp_path / "grey.jpg", quality=95)
    grey = _only(tmp_path / "grey.jpg")
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_transparent_is_white(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    rgba[:, :30, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "cut.png")
    image = _only(tmp_path / "cut.png")
    assert (image[:, :30] == 255).all()
    assert np.array_equal(image[:, 30:], BGR[:, 30:])


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert corners(_only(tmp_path / "print.jpg")) == (0, 1, 2, 3)
    assert np.abs(_only(tmp_path / "print.jpg")[3, 3].astype(int) - CORNERS[0]).max() < 12


def test_smallest_and_very_large(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert _only(tmp_path / "dot.png").tolist() == [[[3, 2, 1]]]
    Image.new("L", (12000, 9000), 77).save(tmp_path / "wall.jpg")
    assert _only(tmp_path / "wall.jpg").shape == (9000, 12000, 3)


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    struct.pack_into(">II", data, 16, 20000, 20000)  # IHDR's width and height, then its checksum
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(SourceError, match="million pixels"):
        open_images([tmp_path / "bomb.png"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in (
        "img10.png",
        "img2.png",
        "IMG1.PNG",
        "sub/x.png",
        ".hidden.png",
        "notes.txt",
        "sub2/deep/y.jpg",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("not a picture")
        else:
            Image.fromarray(RGB).save(path)
    return root


def test_folder_in_natural_order(folder: Path) -> None:
    source = open_images([folder])
    assert [frame.file for frame in source.frames()] == ["IMG1.PNG", "img2.png", "img10.png"]
    assert source.info.frames == 3
    assert source.info.size is None


def test_recursive_names_have_forward_slashes(folder: Path) -> None:
    (folder / "sub" / "up").symlink_to(folder)  # a loop
    names = [frame.file for frame in open_images([folder], recursive=True).frames()]
    assert names == ["IMG1.PNG", "img2.png", "img10.png", "sub/x.png", "sub2/deep/y.jpg"]


def test_pattern_and_many_arguments_in_the_order_given_each_once(folder: Path) -> None:
    found = find_pictures([folder / "sub" / "x.png", str(folder / "img*.png"), folder / "img2.png"])
    assert [item.name for item in found] == ["x.png", "img2.png", "img10.png"]


def test_paths_on_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for separator in ("\n", "\0"):
        text = separator.join([str(folder / "img2.png"), str(folder / "sub/x.png"), ""])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert [frame.file for frame in open_images(["-"]).frames()] == ["img2.png", "x.png"]


def test_equal_names_from_two_folders_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/x.png", "b/x.png", "b/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(RGB).save(tmp_path / name)
    assert [item.name for item in find_pictures([tmp_path / "a", tmp_path / "b"])] == [
        "a/x.png",
        "b/x.png",
        "y.png",
    ]


def test_broken_pictures_are_told_and_the_rest_goes_on(folder: Path) -> None:
    whole = (folder / "img2.png").read_bytes()
    (folder / "img2.png").write_bytes(whole[: len(whole) // 2])
    (folder / "img0.png").write_text("no picture at all")
    told: list[BrokenPicture] = []
    source = open_images([folder], on_broken=told.append)
    names = []
    with pytest.raises(SourceBrokeOff, match="2 of 4") as caught:
        names.extend((frame.index, frame.file) for frame in source.frames())
    assert names == [(0, "IMG1.PNG"), (1, "img10.png")]
    assert [broken.file for broken in told] == ["img0.png", "img2.png"] == [b.file for b in source.broken]
    assert caught.value.exit_code == 5


def test_a_path_on_standard_input_that_is_gone_is_one_broken_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{folder / 'img2.png'}\n{folder / 'gone.png'}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with pytest.raises(SourceBrokeOff, match=r"There is no file .*gone\.png"):
        assert len(list(open_images(["-"]).frames())) == 1


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no")
    (tmp_path / "b.jpg").touch()
    (tmp_path / "empty").mkdir()
    for path, words in {
        tmp_path: "None of the 2",
        tmp_path / "a.jpg": "not a picture",
        tmp_path / "empty": "no picture in the folder",
        tmp_path / "gone.jpg": "There is no file",
        tmp_path / "*.gif": "No file matches",
        Path("/dev/null"): "not a file",
    }.items():
        with pytest.raises(SourceError, match=words) as caught:
            open_images([path])
        assert caught.value.exit_code == 3
    with pytest.raises(SourceError):
        open_images([])


def test_names_with_odd_characters(tmp_path: Path) -> None:
    names = ["-dash.png", "a b.png", "new\nline.png", "quote'\".png", "ünï.png"]
    for name in names:
        Image.fromarray(RGB).save(tmp_path / name)
    (tmp_path / "ünï.png").rename(tmp_path / b"\xff.png".decode(errors="surrogateescape"))
    assert len(list(open_images([tmp_path]).frames())) == 5
