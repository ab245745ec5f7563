"""Suppress the messages that picture-decoding libraries write to standard error."""

from __future__ import annotations

import ctypes
import functools
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_lock = threading.Lock()
_inside = 0
_level = 0


@contextmanager
def silent_opencv() -> Iterator[None]:
    """Disable OpenCV's logging within the context; safe for concurrent threads."""
    global _inside, _level
    with _lock:
        if not _inside:
            _level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                cv2.utils.logging.setLogLevel(_level)


@functools.cache
def silence_libtiff() -> None:
    """Silence Pillow's libtiff on standard error; its errors are still raised.

    Pillow has no setting for it, so libtiff's own functions are looked up in Pillow's library. If they are
    not exported, libtiff keeps printing.
    """
    from PIL import _imaging

    try:
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
    except (OSError, AttributeError):
        pass


@functools.cache
def silence_tifffile() -> None:
    """Keep tifffile's log messages off standard error; handlers on its logger still receive them."""
    logger = logging.getLogger("tifffile")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
