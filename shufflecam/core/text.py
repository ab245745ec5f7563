"""Decodes text of any common encoding, and matches file names in any Unicode form.

Windows editors write UTF-8 with a BOM, PowerShell writes UTF-16, with or without a BOM; macOS decomposes
names (`U` + diaeresis, NFD) that others keep composed (`Ü`, NFC). Everything that reads text - lists, boxes,
annotations, settings, records - uses this module.
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
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose BOM it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_LOOKED_AT = 4096
"""Number of leading bytes that the encoding is detected from."""


def encoding_of(head: bytes) -> tuple[str, int]:
    """Detect the encoding of text from its first bytes; also returns the length of its BOM in bytes.

    Without a BOM, UTF-16 is recognized by the zeros in every other byte of Latin text; anything else is
    UTF-8. A NUL-separated list, as `find -print0` writes it, is not UTF-16: its zeros are far apart.
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
    """Decode text, without its BOM. Raises UnicodeDecodeError, depending on `errors`."""
    encoding, skipped = encoding_of(data)
    return data[skipped:].decode(encoding, errors)


def read_text(path: Path) -> str:
    """Read and decode a text file. Raises OSError or UnicodeDecodeError."""
    return decode(path.read_bytes())


def parse_json(data: bytes, **options: Any) -> Any:
    """Decode and parse JSON; `options` as for `json.loads`.

    Raises:
        ValueError: it is not text (UnicodeDecodeError) or not JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(decode(data), **options)


def open_text(path: Path, errors: str = "strict") -> TextIO:
    """Open a text file for reading, positioned after its BOM. Raises OSError.

    Line endings are translated to line feeds.
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
    """Return `errors` for an encoding: `surrogateescape` does not apply to UTF-16 and UTF-32."""
    return errors if encoding == "utf-8" or errors != "surrogateescape" else "replace"


def list_of_paths(data: bytes) -> list[str]:
    """Parse a list of paths: one per line, or NUL-separated as from `find -print0`; empty ones are skipped.

    Bytes that are not UTF-8 are kept as in the file system (surrogateescape).
    """
    encoding, skipped = encoding_of(data)
    text = data[skipped:].decode(encoding, _errors_for(encoding, "surrogateescape"))
    lines = text.split("\0") if "\0" in text else re.split("\r\n|\n|\r", text)
    return [line for line in lines if line.strip()]


def as_meant(path: str) -> str:
    """Return the file that a line of a list refers to: the line verbatim if it exists, else a variant.

    Variants, in order: without surrounding spaces and quotes, with Windows backslashes replaced by slashes,
    in the Western Windows code page, and each in the other Unicode form. If none exists, the result is the
    path without spaces and quotes.
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
    """Normalize a name to composed form (NFC), so that names that look equal compare equal."""
    return unicodedata.normalize("NFC", name)


def in_any_form(path: str) -> str | None:
    """Return the path in the file system's Unicode form, whichever was given; None if it does not exist."""
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
    """Map composed form -> name for a folder. Cached: lists and annotations ask thousands of times."""
    return {same_form(name): name for name in os.listdir(folder)}
