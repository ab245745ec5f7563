r"""Converted networks kept on disk, so that the next start neither converts nor compiles.

One file an entry: a line of JSON that says what it is for, then the bytes::

    {"format": "shufflecam-engine/1", "key": {...}, "size": 27903526, "sha256": "..."}\n<bytes>

What is not exactly what was asked for, whole and unchanged, does not exist: it is built anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.reasons import reason

FORMAT = "shufflecam-engine/1"

SUFFIX = ".engine"

MAX_ENTRIES = 12
"""Entries kept, the last used ones: at 28 MB for a pose network about a third of a gigabyte."""

MAX_HEADER = 4096
"""Bytes; longer first lines are not ours."""


@dataclass(frozen=True)
class EngineCache:
    """A folder of converted networks. Losing it costs only time."""

    folder: Path
    """Made when the first entry is written."""

    def path(self, key: dict[str, str]) -> Path:
        """Where the entry of this key is, or would be."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:40]}{SUFFIX}"

    def load(self, key: dict[str, str]) -> bytes | None:
        """The bytes that were stored under this key; None where there are none, or they are not sound."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                first = file.readline(MAX_HEADER)
                header = json.loads(first)
                if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("key") != key:
                    return None
                # By the file's own size, so that a header that lies cannot ask for all the memory.
                if header.get("size") != os.fstat(file.fileno()).st_size - len(first):
                    return None
                payload = file.read()
        except (OSError, ValueError, RecursionError):
            return None
        if hashlib.sha256(payload).hexdigest() != header.get("sha256"):
            return None
        with contextlib.suppress(OSError):  # a read-only cache is a good cache too
            os.utime(path)
        return payload

    def store(self, key: dict[str, str], payload: bytes) -> str | None:
        """Keep bytes under a key. Another process never sees half an entry.

        Returns:
            None, or one sentence that says why they could not be kept: a matter of time, not an error.
        """
        header = {
            "format": FORMAT,
            "key": key,
            "size": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        temporary: str | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(header).encode() + b"\n")
                file.write(payload)
            os.replace(temporary, self.path(key))
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            return f"every start prepares the network anew: {self.folder} cannot be written ({reason(error)})"
        self._prune()
        return None

    def drop(self, key: dict[str, str]) -> None:
        """Forget an entry, if there is one."""
        with contextlib.suppress(OSError):
            self.path(key).unlink()

    def _prune(self) -> None:
        """Delete the entries that were used least lately; others may be doing the same."""
        used: list[tuple[float, Path]] = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                used.append((path.stat().st_mtime, path))
        for _, path in sorted(used, reverse=True)[MAX_ENTRIES:]:
            with contextlib.suppress(OSError):
                path.unlink()
