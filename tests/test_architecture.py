"""docs/architecture.md and docs/index.md name what is there, and all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "shufflecam"
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|json|yml|toml))|(?:[\w.-]+/)+[\w.-]+")
"""What looks like a file or a folder between backticks."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, its head left out."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def room_of(row: list[str]) -> str:
    return quoted(row[0])[0].rstrip("/")


def test_every_room_is_in_the_table_and_the_drawing() -> None:
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {room_of(row) for row in rows("The rooms")} == there
    drawing = TEXT.partition("## The layers")[2].partition("## The rooms")[0]
    assert set(re.findall(r"\b(\w+)/", "\n".join(re.findall(r"^ {4}.*$", drawing, re.M)))) == there


@pytest.mark.parametrize("row", rows("The rooms"), ids=room_of)
def test_what_a_room_begins_with_is_in_it(row: list[str]) -> None:
    room = PACKAGE / room_of(row)
    begin = quoted(row[2])
    assert begin
    missing = [name for name in begin if not (room / name).is_file()]
    missing += [name for name in quoted(row[1]) if name.endswith("/") and not (room / name).is_dir()]
    assert not missing


def test_every_path_that_is_named_exists() -> None:
    begins = {cell for row in rows("The rooms") for cell in quoted(row[1]) + quoted(row[2])}
    paths = [name for name in quoted(TEXT) if PATH.fullmatch(name) and name not in begins]
    assert len(paths) > 25
    missing = [
        name
        for name in paths
        if name != "open.py"
        and not any(list(base.glob(name.replace("NAME", "*"))) for base in (ROOT, PACKAGE))
    ]
    assert not missing


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    targets = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", index)}
    assert [str(path) for path in targets if not path.is_file()] == []
    pages = {path.resolve() for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"}
    assert pages - targets == set()
