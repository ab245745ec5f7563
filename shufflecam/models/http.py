"""One HTTP download into a file that may be begun already. Standard library only."""

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
"""Bytes a second, over a whole time-out: a server that only drips counts as silent."""

BLOCK = 1 << 16

Progress = Callable[[int, "int | None"], None]
"""Called with the bytes that are here, and with all bytes where the server says how many."""


class BrokeOff(Exception):
    """The connection ended too early; what came is kept and can be gone on from."""


@dataclass(frozen=True)
class Limits:
    """What a server may do to us."""

    timeout_s: float = 30.0
    """The longest silence."""
    max_bytes: int = 256 << 20
    """The largest file; nothing in the catalogue comes near."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects within one scheme, and from http to https; nowhere else."""

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
        # Before the standard library answers file: and others with an error of its own.
        place = headers.get("location") or headers.get("uri") or ""
        if urlsplit(place).scheme:
            check_redirect(req.full_url, place)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def check_redirect(before: str, after: str) -> None:
    """Refuse a redirect to another scheme, but for http to https.

    Raises:
        WeightsError: to http, a local file or anything else that is less safe.
    """
    old, new = urlsplit(before).scheme.lower(), urlsplit(after).scheme.lower()
    if new != old and (old, new) != ("http", "https"):
        raise WeightsError(f"{before} redirects from {old} to {new}, which is less safe: refused")


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https, through the proxy that the environment names, and no file: or ftp:."""
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
    """Append to `part` what is missing of it, or write it anew where the server cannot go on.

    Raises:
        BrokeOff: less came than was promised.
        urllib.error.URLError: no connection (`HTTPError`: the server refuses).
        WeightsError: too large, or a redirect to somewhere less safe.
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
    """The server's answer to a request for what comes after the first `have` bytes; None: nothing does."""
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
    """Where the answer begins in the file: `have` if the server goes on from there, else 0."""
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
            block = response.read1(BLOCK)  # what is there: read() would wait for a whole block, however long
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
