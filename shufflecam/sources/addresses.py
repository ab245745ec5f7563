"""Recognise stream addresses, and explain why an address cannot be opened as written."""

from __future__ import annotations

import difflib
import re

from shufflecam.core.addresses import is_address, needs_escapes, shown
from shufflecam.core.errors import SourceError

SCHEMES = ("https", "http", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "rtp")

_USUAL = ("rtsp", "https", "http", "rtsps", "rtmp", "rtmps")
"""Candidates for correcting a misspelt scheme."""

ESCAPES = (
    "in a user or password write / as %2F, # as %23, ? as %3F, @ as %40 and a space as %20, "
    "and put the address in quotes"
)


def is_url(text: str) -> bool:
    """Return whether a text is a stream address rather than a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    return found is not None and found[1].lower() in SCHEMES


def cannot_be_meant(address: str) -> bool:
    """Return whether an address's host is part of its credentials: USER:PA of USER:PA/SS@HOST.

    Such a host must not be looked up: DNS queries are sent unencrypted.
    """
    host = re.match(r"[a-z][a-z0-9+.-]*://([^/?#]*)", address, re.IGNORECASE)
    if host is None or "@" in host[1] or not needs_escapes(address):
        return False
    return re.fullmatch(r"(?:\[.*\]|[^:]*)(?::\d*)?", host[1]) is None


def not_a_file(text: str) -> SourceError:
    """Return the error for a `text` that was expected to be a file and is not."""
    if not is_address(text):
        return SourceError(f"There is no file {text}; check the path.")
    seen = shown(text)
    # Conversion to a path collapses the double slash.
    scheme = re.match(r"([A-Za-z][\w+.-]+):[/\\]+", seen)
    address = f"{scheme[1]}://{seen[scheme.end() :]}" if scheme else f"rtsp://{seen.lstrip('/')}"
    left_out = "" if seen == text else " (with the user, the password and all else that is left out here)"
    return SourceError(
        f"{seen} is an address and no file; for a camera or a stream type: "
        f"shufflecam webcam {address}{left_out}"
    )


def not_an_address(text: str) -> SourceError:
    """Return the error for an address with an unknown scheme that is not a path either."""
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
    """Return a further sentence if unescaped characters in the user or password may be the cause, else ""."""
    return f" {ESCAPES[0].upper()}{ESCAPES[1:]}." if needs_escapes(address) else ""
