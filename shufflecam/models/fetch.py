"""Fetches the files of the catalogue into the cache, and checks that they are what was published."""

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
"""How often a broken download goes on from where it was, before a person has to ask again."""

LOCK_TIMEOUT_S = 600.0
"""The longest wait for another process that fetches the same file."""


@dataclass(frozen=True)
class Fetched:
    """A file of weights that is on this machine now."""

    path: Path
    sha256: str
    verified: bool
    """Whether the hash was held against a known one."""
    fresh: bool
    """Whether it came just now; False: it was here already."""


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file as hex.

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
    """The file's SHA-256, held against what the catalogue knows of it (all, eight or none of its digits).

    Raises:
        WeightsError: it is another file than the published one.
    """
    digest = file_sha256(path)
    if not digest.startswith(model.sha256):
        raise WeightsError(
            f"{path} is not the published {model.name} (its SHA-256 begins with {digest[:8]} where "
            f"{model.sha256[:8]} is expected): run shufflecam models get {model.name} to replace it"
        )
    return digest


def address(model: Entry) -> str:
    """Where the file is fetched from: the published URL, with `SHUFFLECAM_MIRROR` in place of its host.

    `SHUFFLECAM_MIRROR=https://example.org/files` turns https://host/a/b.pth into
    https://example.org/files/a/b.pth.

    Raises:
        UsageError: the mirror is not an http or https address, or the model comes with shufflecam.
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
    """Put the model's file into the cache, unless it is there and whole.

    A download that breaks off is kept beside it as `.part`, and the next call goes on from there. The file
    gets its name only when it is whole and its hash is right. Where two processes fetch one file, the
    second waits and finds it there.

    Args:
        model: what to fetch; of an embedded one the path is returned.
        allow_unverified: fetch also what no hash is known of.
        on_progress: called as the bytes come.
        limits: of time and size.

    Raises:
        WeightsError: it cannot be had, or is not what was published; says what to do by hand.
        OutputError: the cache cannot be written.
        UsageError: an impossible mirror.
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
    """Progress that nobody watches."""


def _fetch_once(model: Entry, target: Path, on_progress: Progress, limits: Limits) -> Fetched:
    """Fetch while no other process does."""
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
                # Nobody would notice if the two halves were of different files.
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
    """Download until `part` is whole and right; its SHA-256."""
    url = address(model)
    left = ATTEMPTS
    while True:
        resumed = part.exists() and part.stat().st_size > 0
        try:
            download(url, part, on_progress, limits)
        except WeightsError:
            part.unlink(missing_ok=True)  # too large: there is nothing to go on from
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
        # Else the beginning may have been of another file: once more, all of it.


def _is_page(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(512).lstrip()[:1] == b"<"


def _by_hand(model: Entry, url: str) -> str:
    return f"download {url} and put it into {cache_dir()} as {model.file}"


def fetch_detector(choice: str, talk: Reporter) -> None:
    """Fetch a published detector that was asked for by its name, unless it is here.

    Args:
        choice: what `--detector` says; nothing is done for "auto", "none" and files.
        talk: where it is said.

    Raises:
        UsageError: an unknown name.
        WeightsError: it cannot be had.
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
