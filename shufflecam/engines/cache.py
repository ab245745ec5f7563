r"""A disk cache of converted networks, so that the next start neither converts nor compiles.

One file per entry: a header line of JSON, then the bytes::

    {"format": "shufflecam-engine/1", "key": {...}, "size": 27903526, "sha256": "..."}\n<bytes>

An entry whose key differs, or that is truncated or modified, is a cache miss, and is rebuilt.
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
"""Maximum number of entries (least recently used are evicted): at 28 MB per pose network, a third of a GB."""

MAX_HEADER = 4096
"""Maximum header length in bytes; a longer first line is not ours."""


@dataclass(frozen=True)
class EngineCache:
    """A folder of converted networks. Losing it costs only time."""

    folder: Path
    """Created when the first entry is written."""

    def path(self, key: dict[str, str]) -> Path:
        """Return the path of this key's entry, whether it exists or not."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:40]}{SUFFIX}"

    def load(self, key: dict[str, str]) -> bytes | None:
        """Return the bytes stored under this key; None if there are none, or they are corrupt."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                first = file.readline(MAX_HEADER)
                header = json.loads(first)
                if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("key") != key:
                    return None
                # Checked against the file's own size: a false header must not exhaust the memory.
                if header.get("size") != os.fstat(file.fileno()).st_size - len(first):
                    return None
                payload = file.read()
        except (OSError, ValueError, RecursionError):
            return None
        if hashlib.sha256(payload).hexdigest() != header.get("sha256"):
            return None
        with contextlib.suppress(OSError):  # a read-only cache still works
            os.utime(path)
        return payload

    def store(self, key: dict[str, str], payload: bytes) -> str | None:
        """Store bytes under a key, atomically: no process ever reads a partial entry.

        Returns:
            None, or one sentence on why they could not be stored, which costs time but is no error.
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
        """Delete an entry, if it exists."""
        with contextlib.suppress(OSError):
            self.path(key).unlink()

    def _prune(self) -> None:
        """Delete the least recently used entries; other processes may be doing the same."""
        used: list[tuple[float, Path]] = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                used.append((path.stat().st_mtime, path))
        for _, path in sorted(used, reverse=True)[MAX_ENTRIES:]:
            with contextlib.suppress(OSError):
                path.unlink()
