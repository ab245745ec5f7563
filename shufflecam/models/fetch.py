"""Downloads the files of the catalogue into the cache, and verifies their hashes."""

from __future__ import annotations

import hashlib
import os
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shufflecam.core.errors import OutputError, UsageError, WeightsError
from shufflecam.core.reasons import in_their_words, reason
from shufflecam.core.reporting import Reporter
from shufflecam.models.catalogue import Entry, cache_dir, locate, require
from shufflecam.models.http import BrokeOff, Limits, Progress, download

ATTEMPTS = 4
"""How often an interrupted download is resumed automatically before the call fails."""

LOCK_TIMEOUT_S = 600.0
"""The longest wait for another process that downloads the same file."""


@dataclass(frozen=True)
class Fetched:
    """A weight file on this machine."""

    path: Path
    sha256: str
    verified: bool
    """Whether the hash was verified against a known one."""
    fresh: bool
    """Whether it was downloaded now; False: it was present already."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex.

    Raises:
        WeightsError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason(error)}") from error
    return digest.hexdigest()


def check_sha256(path: Path, model: Entry) -> str:
    """Return the file's SHA-256, verified against the catalogue's (all, eight or none of its digits).

    Raises:
        WeightsError: it is not the published file.
    """
    digest = file_sha256(path)
    if not digest.startswith(model.sha256):
        raise WeightsError(
            f"{path} is not the published {model.name} (its SHA-256 begins with {digest[:8]} where "
            f"{model.sha256[:8]} is expected): run shufflecam models get {model.name} to replace it, or "
            "delete it"
        )
    return digest


def address(model: Entry) -> str:
    """Return the download URL: the published one, with `SHUFFLECAM_MIRROR` in place of its host.

    `SHUFFLECAM_MIRROR=https://example.org/files` turns https://host/a/b.pth into
    https://example.org/files/a/b.pth.

    Raises:
        UsageError: the mirror is not an http or https address, or the model is bundled with shufflecam.
    """
    if model.url is None:
        raise UsageError(f"{model.name} comes with shufflecam and is never fetched")
    mirror = os.environ.get("SHUFFLECAM_MIRROR")
    if not mirror:
        return model.url
    parts = urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(
            f"SHUFFLECAM_MIRROR must be an address such as https://example.org/files, not {mirror!r}"
        )
    return mirror.rstrip("/") + urlsplit(model.url).path


def fetch(
    model: Entry,
    *,
    allow_unverified: bool = False,
    on_progress: Progress | None = None,
    limits: Limits | None = None,
) -> Fetched:
    """Download the model's file into the cache, unless it is there and complete.

    An interrupted download is kept next to it as `.part`, and the next call resumes it. The file is renamed
    only when it is complete and its hash matches. If two processes fetch the same file, the second waits for
    the first.

    Args:
        model: what to fetch; for an embedded one the path is returned.
        allow_unverified: also fetch files without a known hash.
        on_progress: called as bytes arrive.
        limits: on time and size.

    Raises:
        WeightsError: the download failed, or is not the published file; the message says what to do by hand.
        OutputError: the cache cannot be written.
        UsageError: an invalid mirror.
    """
    if model.embedded:
        path = require(model)
        return Fetched(path, check_sha256(path, model), bool(model.sha256), fresh=False)
    if not model.sha256 and not allow_unverified and locate(model) is None:
        raise WeightsError(
            f"no SHA-256 is known for {model.name}, so nobody can tell whether the right file comes: "
            f"run shufflecam models get {model.name} --allow-unverified and compare the hash that it prints"
        )
    target = cache_dir() / model.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _fetch_once(model, target, on_progress or _unseen, limits or Limits())
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {reason(error)}; make room there, or set SHUFFLECAM_CACHE to "
            "another folder"
        ) from error


def _why(error: urllib.error.URLError) -> str:
    return reason(error.reason) if isinstance(error.reason, BaseException) else in_their_words(error)


def _unseen(done: int, total: int | None) -> None:
    """Discard progress."""


def _fetch_once(model: Entry, target: Path, on_progress: Progress, limits: Limits) -> Fetched:
    """Fetch under a lock against other processes."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{target}.lock", timeout=LOCK_TIMEOUT_S):
            verified = bool(model.sha256)
            if target.is_file():
                digest = file_sha256(target)
                if digest.startswith(model.sha256):
                    return Fetched(target, digest, verified, fresh=False)
            part = target.with_name(target.name + ".part")
            if not verified:
                # Without a hash, two halves of different files would go unnoticed.
                part.unlink(missing_ok=True)
            digest = _complete(model, part, on_progress, limits)
            os.replace(part, target)
            return Fetched(target, digest, verified, fresh=True)
    except Timeout as error:
        raise WeightsError(
            f"another process has been fetching {model.name} for {LOCK_TIMEOUT_S / 60:.0f} minutes; end it "
            "and try again"
        ) from error


def _complete(model: Entry, part: Path, on_progress: Progress, limits: Limits) -> str:
    """Download until `part` is complete and verified; return its SHA-256."""
    url = address(model)
    left = ATTEMPTS
    while True:
        resumed = part.exists() and part.stat().st_size > 0
        try:
            download(url, part, on_progress, limits)
        except WeightsError:
            part.unlink(missing_ok=True)  # too large: there is nothing to resume from
            raise
        except BrokeOff as error:
            left -= 1
            if left:
                continue
            raise WeightsError(
                f"the download of {model.name} broke off ({error}): run the same command again and it goes "
                f"on from there, or {_by_hand(model, url)}"
            ) from error
        except urllib.error.HTTPError as error:
            error.close()
            raise WeightsError(
                f"{model.name} could not be fetched (the server answers {error.code} {error.reason}): set "
                f"SHUFFLECAM_MIRROR to a server that has it, or {_by_hand(model, url)}"
            ) from error
        except urllib.error.URLError as error:
            raise WeightsError(
                f"{model.name} could not be fetched ({_why(error)}): on a machine with a network "
                f"{_by_hand(model, url)}"
            ) from error
        digest = file_sha256(part)
        page = _is_page(part)
        if digest.startswith(model.sha256) and not page:
            return digest
        part.unlink()
        if not resumed:
            came = "a web page" if page else f"a file whose SHA-256 begins with {digest[:8]}"
            expected = f" where {model.sha256[:8]} is expected" if model.sha256 else ""
            raise WeightsError(
                f"{url} gave {came}{expected} and it was deleted: try again later, or get {model.name} from "
                f"somewhere else and put it into {cache_dir()} as {model.file}"
            )
        # Else the beginning may be of another file: start over.


def _is_page(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(512).lstrip()[:1] == b"<"


def _by_hand(model: Entry, url: str) -> str:
    return f"download {url} and put it into {cache_dir()} as {model.file}"


def fetch_detector(choice: str, talk: Reporter) -> None:
    """Fetch a published detector requested by name, unless it is present.

    Args:
        choice: the value of `--detector`; nothing is done for "auto", "none" and files.
        talk: receives messages and progress.

    Raises:
        UsageError: an unknown name.
        WeightsError: the download failed.
        OutputError: the cache cannot be written.
    """
    from shufflecam.models.catalogue import looks_like_file, person_entry

    if choice in ("auto", "none") or looks_like_file(choice):
        return
    entry = person_entry(choice)
    if entry.embedded or locate(entry) is not None:
        return
    talk.say(f"{entry.name} is fetched once ({entry.url})")
    with talk.download(entry.name) as on_progress:
        fetch(entry, on_progress=on_progress)
