"""What an address of a stream is, and what is said of one that cannot be opened as it was written."""

from __future__ import annotations

import difflib
import re

from shufflecam.core.addresses import is_address, needs_escapes, shown
from shufflecam.core.errors import SourceError

SCHEMES = ("https", "http", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "rtp")

_USUAL = ("rtsp", "https", "http", "rtsps", "rtmp", "rtmps")
"""What a misspelt one probably is."""

ESCAPES = (
    "in a user or password write / as %2F, # as %23, ? as %3F, @ as %40 and a space as %20, "
    "and put the address in quotes"
)


def is_url(text: str) -> bool:
    """Whether this is an address of a stream rather than a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    return found is not None and found[1].lower() in SCHEMES


def cannot_be_meant(address: str) -> bool:
    """Whether its host would be a piece of a user and a password: USER:PA of USER:PA/SS@HOST.

    Nobody is to be asked for such a host: names that are looked up travel in the open.
    """
    host = re.match(r"[a-z][a-z0-9+.-]*://([^/?#]*)", address, re.IGNORECASE)
    if host is None or "@" in host[1] or not needs_escapes(address):
        return False
    return re.fullmatch(r"(?:\[.*\]|[^:]*)(?::\d*)?", host[1]) is None


def not_a_file(text: str) -> SourceError:
    """What to raise where a file was expected and `text` is none."""
    if not is_address(text):
        return SourceError(f"There is no file {text}; check the path.")
    seen = shown(text)
    # A path that was made of it has lost a slash.
    scheme = re.match(r"([A-Za-z][\w+.-]+):[/\\]+", seen)
    address = f"{scheme[1]}://{seen[scheme.end() :]}" if scheme else f"rtsp://{seen.lstrip('/')}"
    left_out = "" if seen == text else " (with the user, the password and all else that is left out here)"
    return SourceError(
        f"{seen} is an address and no file; for a camera or a stream type: "
        f"shufflecam webcam {address}{left_out}"
    )


def not_an_address(text: str) -> SourceError:
    """What to raise for an address that begins with nothing that is known; `text` is no path either."""
    scheme, slashes, _ = text.partition("://")
    near = difflib.get_close_matches(scheme.lower(), _USUAL, 1, 0.5) if slashes else []
    if near:
        hint = f"{scheme} is no kind of address; did you mean {near[0]}?"
    elif slashes and re.fullmatch(r"[\w+.-]+", scheme):
        hint = f"{scheme} is no kind of address that is known here; cameras have rtsp or http."
    else:
        hint = "an address begins with rtsp:// or http://."
    return SourceError(f"{shown(text)} cannot be opened: {hint}{escapes_hint(text)}")


def escapes_hint(address: str) -> str:
    """A sentence more, where characters in the user or password may be what is wrong; else nothing."""
    return f" {ESCAPES[0].upper()}{ESCAPES[1:]}." if needs_escapes(address) else ""
