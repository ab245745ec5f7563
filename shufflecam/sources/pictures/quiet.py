"""The libraries that decode pictures write lines of their own to standard error; here they do not."""

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
    """OpenCV logs nothing within; for any number of threads at once."""
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
    """Pillow's libtiff says nothing on standard error; its errors are raised all the same.

    Pillow has no setting for it, so its library is asked for libtiff's own function. Where it keeps that to
    itself, libtiff goes on as before.
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
    """What tifffile thinks of a file goes to those who ask for logs, not to standard error."""
    logger = logging.getLogger("tifffile")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
