"""Text as people's programs write it, and file names as their systems spell them: read here, once for all.

Windows' editors put a mark in front of UTF-8, PowerShell writes UTF-16, and a mark may be missing; macOS
takes names apart (`U` + two dots, NFD) that others keep whole (`Ü`, NFC). Everything that reads text -
lists, boxes, annotations, settings, records - asks this file what it means.
"""

from __future__ import annotations

import codecs
import functools
import io
import json
import os
import re
import unicodedata
from pathlib import Path
from typing import Any, TextIO

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_LOOKED_AT = 4096
"""Bytes from the beginning that tell how text is written."""


def encoding_of(head: bytes) -> tuple[str, int]:
    """How text is written, and how many bytes of a mark (BOM) stand before it, from its first bytes.

    Without a mark UTF-16 is known by the zeros that it puts into every other byte of Latin text; anything
    else is UTF-8. A list separated by zeros, as `find -print0` writes it, is none: its zeros stand apart.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    head = head[:_LOOKED_AT]
    if re.search(rb"(?:[^\0]\0){3}|(?:\0[^\0]){3}", head):
        at_odd = sum(head[place] == 0 for place in range(1, len(head), 2))
        at_even = sum(head[place] == 0 for place in range(0, len(head), 2))
        if max(at_odd, at_even) > 4 * min(at_odd, at_even):
            return ("utf-16-le" if at_odd > at_even else "utf-16-be"), 0
    return "utf-8", 0


def decode(data: bytes, errors: str = "strict") -> str:
    """The text, without its mark. Raises UnicodeDecodeError unless `errors` says otherwise."""
    encoding, skipped = encoding_of(data)
    return data[skipped:].decode(encoding, errors)


def read_text(path: Path) -> str:
    """The text of a file. Raises OSError or UnicodeDecodeError."""
    return decode(path.read_bytes())


def parse_json(data: bytes, **options: Any) -> Any:
    """What JSON text means; `options` as of `json.loads`.

    Raises:
        ValueError: it is no text (UnicodeDecodeError) or no JSON.
        RecursionError: it is nested too deep.
    """
    return json.loads(decode(data), **options)


def open_text(path: Path, errors: str = "strict") -> TextIO:
    """A file to be read as it comes, behind its mark. Raises OSError.

    Lines end in a line feed whatever they end in there.
    """
    file = path.open("rb")
    try:
        encoding, skipped = encoding_of(file.read(_LOOKED_AT))
        file.seek(skipped)
        return io.TextIOWrapper(file, encoding=encoding, errors=_errors_for(encoding, errors))
    except BaseException:
        file.close()
        raise


def _errors_for(encoding: str, errors: str) -> str:
    """`surrogateescape` keeps single bytes, which UTF-16 and UTF-32 have none of."""
    return errors if encoding == "utf-8" or errors != "surrogateescape" else "replace"


def list_of_paths(data: bytes) -> list[str]:
    """The paths of a list: one a line, or separated by zeros as `find -print0` does; empty ones left out.

    Bytes that are no UTF-8 are kept as the file system has them.
    """
    encoding, skipped = encoding_of(data)
    text = data[skipped:].decode(encoding, _errors_for(encoding, "surrogateescape"))
    lines = text.split("\0") if "\0" in text else re.split("\r\n|\n|\r", text)
    return [line for line in lines if line.strip()]


def as_meant(path: str) -> str:
    """The file that a line of a list means: as it stands there if it is there, else as it may be meant.

    Tried are, in this order: without spaces and quotes around it, with slashes for Windows' backslashes, in
    the code page of Western Windows, and each in the other Unicode form. Where none of them is there it is
    the path without spaces and quotes.
    """
    bare = path.strip().lstrip("\ufeff")
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1].strip()
    forms = [path, bare]
    if os.sep == "/":
        forms += [form.replace("\\", "/") for form in forms if "\\" in form]
    if any("\udc80" <= letter <= "\udcff" for letter in bare):
        forms.append(bare.encode("utf-8", "surrogateescape").decode("cp1252", "replace"))
    for form in forms:
        if os.path.lexists(form):
            return form
    for form in forms[1:]:
        if (there := in_any_form(form)) is not None:
            return there
    return bare or path


def same_form(name: str) -> str:
    """Equal for names that look equal: in the composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def in_any_form(path: str) -> str | None:
    """The path as the file system spells it, whichever Unicode form it was written in; None: not there."""
    if os.path.lexists(path):
        return path
    if path.isascii():
        return None
    folder, name = os.path.split(path)
    if not name:
        return None
    if folder and not os.path.isdir(folder):
        there = in_any_form(folder)
        if there is None:
            return None
        folder = there
        if os.path.lexists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    found = _named_alike(folder or os.curdir, name)
    return None if found is None else os.path.join(folder, found)


def _named_alike(folder: str, name: str) -> str | None:
    try:
        return _names_in(folder, os.stat(folder).st_mtime_ns).get(same_form(name))
    except OSError:
        return None


@functools.lru_cache(maxsize=4)
def _names_in(folder: str, changed_ns: int) -> dict[str, str]:
    """Composed form -> name of what is in a folder. Kept: lists and annotations ask thousands of times."""
    return {same_form(name): name for name in os.listdir(folder)}
