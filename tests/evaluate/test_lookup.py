from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from shufflecam.evaluate.lookup import find_annotated


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("/home/ann/set/a.jpg", "a.jpg"),
        ("D:\\my data\\val\\a.jpg", "a.jpg"),
        ("\\\\server\\share\\a.jpg", "a.jpg"),
        ("val\\a.jpg", "a.jpg"),
        ("val/a.jpg", "val/a.jpg"),
        ("set/val/a.jpg", "val/a.jpg"),
        ("a.jpg", "val/deep/a.jpg"),
        ("http://images.example.org/val/a.jpg", "a.jpg"),
        ("../val/a.jpg", "a.jpg"),
        ("A.JPG", "a.jpg"),
        (unicodedata.normalize("NFD", "Übung.jpg"), unicodedata.normalize("NFC", "Übung.jpg")),
        (unicodedata.normalize("NFC", "Übung.jpg"), unicodedata.normalize("NFD", "Übung.jpg")),
    ],
)
def test_a_name_of_elsewhere_means_the_file_that_ends_alike(tmp_path: Path, name: str, there: str) -> None:
    put(tmp_path, there, "other.jpg")
    found = find_annotated([name], tmp_path)
    assert found.paths[name].samefile(tmp_path / there)
    assert (found.note("x.json") is None) == (name == there)


def test_an_absolute_path_is_the_file_itself(tmp_path: Path) -> None:
    put(tmp_path, "in/a.jpg", "out/b.jpg")
    names = [str(tmp_path / "in" / "a.jpg"), str(tmp_path / "out" / "b.jpg")]
    found = find_annotated(names, tmp_path / "in")
    assert list(map(str, found.paths.values())) == names
    assert found.note("x.json") is None


def test_what_could_be_two_files_is_none(tmp_path: Path) -> None:
    put(tmp_path, "cam1/1.jpg", "cam2/1.jpg", "2.jpg")
    found = find_annotated(["x/1.jpg", "old/cam2/1.jpg", "cam1\\2.jpg", "cam2\\2.jpg"], tmp_path)
    assert found.paths == {"old/cam2/1.jpg": tmp_path / "cam2" / "1.jpg"}


def test_a_file_that_a_name_means_exactly_is_not_taken_for_another(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg")
    assert list(find_annotated(["1.jpg", "gone/1.jpg", "a" * 5000, "a\0b"], tmp_path).paths) == ["1.jpg"]
