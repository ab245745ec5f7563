"""Error descriptions in this program's own words; a library's message follows in brackets at most."""

from __future__ import annotations

import errno
import json
import os

from shufflecam.core.addresses import without_secrets

_LONGEST = 160
"""Maximum length of a quoted library message, in characters: some are pages long."""

_BY_NUMBER = {
    errno.ENOENT: "it is not there (No such file or directory)",
    errno.EACCES: "this user may not (Permission denied)",
    errno.EPERM: "it is not permitted",
    errno.EROFS: "the disk can only be read (Read-only file system)",
    errno.ENOSPC: "the disk is full (No space left on device)",
    errno.EDQUOT: "this user's share of the disk is used up",
    errno.EFBIG: "it becomes larger than the disk or a limit allows",
    errno.EIO: "the disk or the device reports a fault",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EEXIST: "it exists already",
    errno.ENAMETOOLONG: "its name or path is longer than the system takes; choose a shorter one",
    errno.ELOOP: "its links lead round in a circle",
    errno.EMFILE: "too many files are open at once",
    errno.ENFILE: "too many files are open at once",
    errno.EBUSY: "another program uses it",
    errno.ETXTBSY: "another program uses it",
    errno.ENXIO: "there is no such device",
    errno.ENODEV: "there is no such device",
    errno.ENOMEM: "there is not enough memory",
    errno.EBADF: "it is closed",
    errno.EPIPE: "whoever read it has gone",
    errno.ESTALE: "the folder on the network has changed or gone",
    errno.EXDEV: "it would have to move to another disk",
    errno.ETIMEDOUT: "no answer in time",
    errno.ECONNREFUSED: "nobody listens there (connection refused)",
    errno.ECONNRESET: "the other side closed the connection",
    errno.ECONNABORTED: "the connection was closed",
    errno.EHOSTUNREACH: "there is no way to this host in the network",
    errno.ENETUNREACH: "there is no way to this host in the network",
    errno.EADDRINUSE: "another program uses this address",
    errno.EADDRNOTAVAIL: "it is no address of this machine",
}

_BY_NAME = {
    "InvalidDataError": "what is in it cannot be understood as pictures or sound",
    "EOFError": "it ends too early",
    "PatchWelcomeError": "it uses something that the decoder does not know",
    "DecoderNotFoundError": "there is no decoder for it",
    "EncoderNotFoundError": "there is no such encoder",
    "DemuxerNotFoundError": "there is no reader for such files",
    "MuxerNotFoundError": "there is no writer for such files",
    "ProtocolNotFoundError": "there is no way to read such an address",
    "ExternalError": "its decoder or encoder gave up",
    "BugError": "its decoder or encoder gave up",
    "ExitError": "no answer in time",
    "HTTPBadRequestError": "the server does not understand the address (400)",
    "HTTPUnauthorizedError": "user or password are missing or wrong (401)",
    "HTTPForbiddenError": "user or password are wrong, or this user may not look at it (403)",
    "HTTPNotFoundError": "the server has nothing under this address (404)",
    "HTTPTooManyRequestsError": "the server was asked too often (429)",
    "HTTPOtherClientError": "the server refuses (4xx)",
    "HTTPServerError": "the server has a fault of its own (5xx)",
    "UnicodeDecodeError": "it is not text in UTF-8",
    "RecursionError": "it is nested too deeply",
    "MemoryError": "there is not enough memory",
    "TimeoutError": "no answer in time",
    "IncompleteRead": "the connection ended too early",
    "RemoteDisconnected": "the other side closed the connection",
    "ConnectionResetError": "the other side closed the connection",
    "gaierror": "there is no host of this name",
}
"""Descriptions of PyAV's and Python's errors, by class name: this layer does not import PyAV."""


def reason(error: BaseException) -> str:
    """Return the cause of an error, to complete "x.mp4 cannot be read: ...", without a full stop.

    "the disk is full", "user or password are missing or wrong (401)"; an unknown error is quoted in
    brackets: "it was refused (broken PNG file)".
    """
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_NAME:
            return _BY_NAME[kind.__name__]
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in _BY_NUMBER:
        return _BY_NUMBER[number]
    return f"it was refused ({in_their_words(error)})"


def in_their_words(error: BaseException) -> str:
    """Return a library's error message on one line, to quote in brackets: never a sentence of its own."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = next((line.strip() for line in str(told).splitlines() if line.strip()), type(error).__name__)
    return without_secrets(line[:_LONGEST].rstrip(". "))


def json_fault(error: BaseException) -> str:
    """Return the position of a JSON syntax error: "line 3, column 7"."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    if isinstance(error, (UnicodeError, RecursionError)):
        return reason(error)
    return in_their_words(error)


REPORT = "run it again with --debug and report what that prints"


def unexpected(error: Exception, what_to_do: str = REPORT) -> str:
    """Return the message for an error that nothing else describes; Python's own is quoted in brackets."""
    if isinstance(error, MemoryError):
        return f"There is not enough memory ({told(error)}); end other programs, or take smaller pictures."
    if isinstance(error, ImportError):
        return f"A part of the installation is missing ({told(error)}); install shufflecam again with pip."
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"It cannot go on: {where}{reason(error)}; if that is no help, {what_to_do}."
    return f"This is a fault in shufflecam; {what_to_do} ({told(error)})."


def told(error: BaseException) -> str:
    """Return an error's class and message on one line, to quote in brackets."""
    words = in_their_words(error)
    name = type(error).__name__
    return name if words == name else f"{name}: {words}"
