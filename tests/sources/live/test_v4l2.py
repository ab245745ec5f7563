"""What a video driver says, from structs as a C compiler lays them out (linux/videodev2.h, x86-64)."""

from __future__ import annotations

import errno
import struct
from fractions import Fraction
from pathlib import Path

import pytest

from shufflecam.sources.live import v4l2
from shufflecam.sources.live.v4l2 import Mode, list_modes, parse_format, parse_rates, parse_size

MJPG_FORMAT = bytes.fromhex(
    "0000000001000000010000004d6f74696f6e2d4a5045470000000000000000000000000000000000"
    "000000004d4a504700000000000000000000000000000000"
)
MJPG_720 = bytes.fromhex(
    "000000004d4a50470100000000050000d0020000000000000000000000000000000000000000000000000000"
)
YUYV_RANGE = bytes.fromhex(
    "0000000059555956030000002000000080070000020000001000000038040000020000000000000000000000"
)
MJPG_2997 = bytes.fromhex(
    "000000004d4a504700050000d002000001000000e903000030750000000000000000000000000000000000000000000000000000"
)
YUYV_1_TO_60 = bytes.fromhex(
    "0000000059555956800700003804000002000000010000003c000000010000000100000001000000010000000000000000000000"
)


def test_structs_of_the_kernel_s_header() -> None:
    assert parse_format(MJPG_FORMAT) == (1, b"MJPG")
    assert parse_size(MJPG_720) == ((1280, 720), None)
    assert parse_size(YUYV_RANGE) == ((1920, 1080), (32, 16))
    assert parse_rates(MJPG_2997) == ([Fraction(30000, 1001)], False)
    assert parse_rates(YUYV_1_TO_60) == ([Fraction(60), Fraction(1)], True)


def test_a_driver_s_nonsense_is_no_rate() -> None:
    assert parse_rates(MJPG_2997[:20] + bytes(32)) == ([], False)


class Driver:
    """Answers as a camera with MJPG at two sizes, a range of YUYV, and a converted format would."""

    def __init__(self, endless: bool = False) -> None:
        self.formats = ("MJPG", "YUYV", "RGB3")
        self.sizes = {"MJPG": [(1280, 720), (640, 480)]}
        self.rates = {(1280, 720): [(1, 30), (1, 15)], (640, 480): [(1, 60)]}
        self.endless = endless
        self.asked = 0

    def __call__(self, _: int, number: int, data: bytearray) -> int:
        self.asked += 1
        index = 0 if self.endless else struct.unpack_from("=I", data)[0]
        try:
            data[:] = {
                v4l2.ENUM_FMT: self._format,
                v4l2.ENUM_FRAMESIZES: self._size,
                v4l2.ENUM_FRAMEINTERVALS: self._rate,
            }[number](index, bytes(data))
        except IndexError:
            raise OSError(errno.EINVAL, "no more") from None
        return 0

    def _format(self, index: int, question: bytes) -> bytes:
        assert len(question) == len(MJPG_FORMAT)
        if struct.unpack_from("=I", question, 4)[0] != 1:
            raise IndexError
        name = self.formats[index]
        flags = {"MJPG": 1, "YUYV": 0, "RGB3": 2}[name]
        return question[:8] + struct.pack("=I", flags) + MJPG_FORMAT[12:44] + name.encode() + bytes(16)

    def _size(self, index: int, question: bytes) -> bytes:
        assert len(question) == len(MJPG_720)
        code = question[4:8].decode()
        if code == "YUYV":
            return YUYV_RANGE  # again and again: a range ends the list by itself
        width, height = self.sizes[code][index]
        return question[:8] + struct.pack("=III24x", 1, width, height)

    def _rate(self, index: int, question: bytes) -> bytes:
        assert len(question) == len(MJPG_2997)
        if question[4:8] == b"YUYV":
            return YUYV_1_TO_60
        numerator, denominator = self.rates[struct.unpack_from("=II", question, 8)][index]
        return question[:16] + struct.pack("=III24x", 1, numerator, denominator)


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "video0"
    path.touch()
    return str(path)


def test_modes_of_a_camera(device: str) -> None:
    assert list_modes(device, Driver()) == [
        Mode("MJPG", (1280, 720), None, (Fraction(30), Fraction(15))),
        Mode("MJPG", (640, 480), None, (Fraction(60),)),
        Mode("YUYV", (1920, 1080), (32, 16), (Fraction(60), Fraction(1))),
    ]


def test_a_driver_that_never_ends_is_left(device: str) -> None:
    driver = Driver(endless=True)
    driver.formats = ("RGB3",)  # skipped, so that only one list is long
    assert list_modes(device, driver) == []
    assert driver.asked < 1000


def test_what_is_no_camera(device: str, tmp_path: Path) -> None:
    assert list_modes(device) == []  # a plain file answers no ioctl
    with pytest.raises(OSError, match="No such file"):
        list_modes(str(tmp_path / "none"))
