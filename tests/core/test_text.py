"""Text however it is written, names however they are spelt."""

from __future__ import annotations

import codecs
import json
import unicodedata
from pathlib import Path

import pytest

from shufflecam.core.text import as_meant, decode, in_any_form, list_of_paths, open_text, parse_json

WRITTEN = {
    "utf-8": b"",
    "utf-8 with a mark": codecs.BOM_UTF8,
    "utf-16-le": b"",
    "utf-16-be": b"",
    "utf-16-le with a mark": codecs.BOM_UTF16_LE,
    "utf-16-be with a mark": codecs.BOM_UTF16_BE,
    "utf-32-le with a mark": codecs.BOM_UTF32_LE,
    "utf-32-be with a mark": codecs.BOM_UTF32_BE,
}


def written(text: str, how: str) -> bytes:
    return WRITTEN[how] + text.encode(how.removesuffix(" with a mark"))


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lists(how: str, ending: str) -> None:
    names = ["a one.jpg", "ünï/é.jpg", "写真/一.jpg", "b.jpg"]
    assert list_of_paths(written(ending.join([*names, "", ""]), how)) == names


def test_zeros_between_names_are_no_utf_16() -> None:
    assert list_of_paths(b"./a.jpg\0./b\nc.jpg\0abc\0d.jpg\0") == ["./a.jpg", "./b\nc.jpg", "abc", "d.jpg"]
    assert list_of_paths(b"abc\0def\0ghi\0") == ["abc", "def", "ghi"], "zeros at odd places only"
    assert list_of_paths(b"") == []
    assert list_of_paths(b"\xff\xfe") == []
    assert list_of_paths(b"caf\xe9.jpg\n") == ["caf\udce9.jpg"]


@pytest.mark.parametrize("how", WRITTEN)
def test_json(how: str, tmp_path: Path) -> None:
    value = {"ü.jpg": [[1, 2, 3, 4]], "写真": None}
    data = written(json.dumps(value, ensure_ascii=False), how)
    assert parse_json(data) == value
    (tmp_path / "lines.jsonl").write_bytes(written('{"a": "ü"}\r\n{"b": 1}\r\n', how))
    with open_text(tmp_path / "lines.jsonl") as stream:
        assert [json.loads(line) for line in stream] == [{"a": "ü"}, {"b": 1}]


def test_what_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(ValueError, match="Expecting"):
        parse_json(b"\xef\xbb\xbf{")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_either_unicode_form(tmp_path: Path, form: str) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    folder = tmp_path / unicodedata.normalize(form, "Übung")
    folder.mkdir()
    file = folder / unicodedata.normalize(other, "é ñ.jpg")
    file.touch()
    asked = str(tmp_path / unicodedata.normalize(other, "Übung") / unicodedata.normalize(form, "é ñ.jpg"))
    found = in_any_form(asked)
    assert found is not None
    assert Path(found).samefile(file)
    assert in_any_form(asked + "x") is None
    (folder / unicodedata.normalize(other, "später.jpg")).touch()
    assert Path(in_any_form(str(folder / unicodedata.normalize(form, "später.jpg"))) or "").is_file()


def test_lines_as_they_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    for name in ("a.jpg", "sub/b c.jpg", " led.jpg", "'quoted'.jpg", "ü.jpg"):
        Path(name).touch()
    for line, meant in {
        "a.jpg": "a.jpg",
        "  a.jpg \t": "a.jpg",
        '"a.jpg"': "a.jpg",
        "'sub/b c.jpg'  ": "sub/b c.jpg",
        "sub\\b c.jpg": "sub/b c.jpg",
        '"sub\\b c.jpg"': "sub/b c.jpg",
        " led.jpg": " led.jpg",  # really called so
        "'quoted'.jpg": "'quoted'.jpg",
        "\udcfc.jpg": "ü.jpg",  # Windows' code page
        "'u\u0308.jpg'": "./ü.jpg",
        ' "gone.jpg" ': "gone.jpg",
    }.items():
        assert Path(as_meant(line)) == Path(meant), line
