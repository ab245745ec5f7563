"""Resumable HTTP download into a file. Standard library only."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from shufflecam.core.errors import WeightsError
from shufflecam.core.reasons import reason
from shufflecam.core.version import __version__

SLOWEST = 1024.0
"""Minimum bytes per second over a timeout: a server that only trickles counts as stalled."""

BLOCK = 1 << 16

Progress = Callable[[int, "int | None"], None]
"""Progress callback: (bytes so far, total bytes or None if the server does not say)."""


class BrokeOff(Exception):
    """The connection ended prematurely; the received part is kept, and the download can be resumed."""


@dataclass(frozen=True)
class Limits:
    """Limits that a server must respect."""

    timeout_s: float = 30.0
    """Timeout of a stalled connection, in seconds."""
    max_bytes: int = 256 << 20
    """The largest file, in bytes; nothing in the catalogue comes close."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects within one scheme, and from http to https; no others."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_redirect(req.full_url, newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> object:
        # Before the standard library rejects file: and others with its own error.
        place = headers.get("location") or headers.get("uri") or ""
        if urlsplit(place).scheme:
            check_redirect(req.full_url, place)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def check_redirect(before: str, after: str) -> None:
    """Reject a redirect to another scheme, except from http to https.

    Raises:
        WeightsError: it leads to http, a local file or anything else less secure.
    """
    old, new = urlsplit(before).scheme.lower(), urlsplit(after).scheme.lower()
    if new != old and (old, new) != ("http", "https"):
        raise WeightsError(f"{before} redirects from {old} to {new}, which is less safe: refused")


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https only, using the environment's proxy; no file: or ftp:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def download(url: str, part: Path, on_progress: Progress, limits: Limits) -> None:
    """Resume the download of `part`, or restart it if the server does not support ranges.

    Raises:
        BrokeOff: less was received than announced.
        urllib.error.URLError: no connection (`HTTPError`: the server refuses).
        WeightsError: too large, or an insecure redirect.
        OSError: `part` cannot be written.
    """
    have = part.stat().st_size if part.exists() else 0
    response = _request(url, have, limits.timeout_s)
    if response is None:
        return
    with response:
        start = _start(response, have)
        total = None if response.length is None else start + response.length
        if total is not None:
            _check_size(url, total, limits.max_bytes)
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            done = start
            try:
                for block in _blocks(response, limits.timeout_s):
                    done += len(block)
                    _check_size(url, done, limits.max_bytes)
                    file.write(block)
                    on_progress(done, total)
            finally:
                file.flush()
                os.fsync(file.fileno())
    if total is not None and done < total:
        raise BrokeOff(f"after {done} of {total} bytes")


def _request(url: str, have: int, timeout_s: float) -> http.client.HTTPResponse | None:
    """Request the bytes after the first `have`; None: there are none."""
    headers = {"User-Agent": f"shufflecam/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response: http.client.HTTPResponse = _opener().open(
            urllib.request.Request(url, headers=headers), timeout=timeout_s
        )
        return response
    except urllib.error.HTTPError as error:
        if have and error.code == 416:
            error.close()
            return None
        raise
    except urllib.error.URLError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise BrokeOff(reason(error)) from error


def _start(response: http.client.HTTPResponse, have: int) -> int:
    """Return the response's offset in the file: `have` if the server resumes there, else 0."""
    if response.status != 206:
        return 0
    given = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0].strip()
    if given != str(have):
        raise BrokeOff(f"the server goes on from {given or 'nowhere'} and not from {have}")
    return have


def _blocks(response: http.client.HTTPResponse, timeout_s: float) -> Iterator[bytes]:
    began, came = time.monotonic(), 0
    while True:
        try:
            block = response.read1(BLOCK)  # what has arrived: read() would wait for a full block
        except (OSError, http.client.HTTPException) as error:
            raise BrokeOff(reason(error)) from error
        if not block:
            return
        yield block
        came += len(block)
        elapsed = time.monotonic() - began
        if elapsed > timeout_s:
            if came < SLOWEST * elapsed:
                raise BrokeOff(f"the server sends only {came / elapsed:.0f} bytes a second")
            began, came = time.monotonic(), 0


def _check_size(url: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise WeightsError(
            f"{url} gives more than {max_bytes} bytes, far more than any weights here: refused"
        )
