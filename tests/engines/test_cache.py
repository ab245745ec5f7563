"""The cache of converted networks: what is not sound does not exist."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shufflecam.engines import cache as module
from shufflecam.engines.cache import EngineCache

KEY = {"engine": "test 1.0", "network": "ab" * 32}


def test_gives_back_what_was_stored(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "not" / "yet")
    assert cache.load(KEY) is None
    assert cache.store(KEY, b"\n\0payload\n") is None
    assert cache.load(KEY) == b"\n\0payload\n"
    assert cache.load({**KEY, "engine": "test 1.1"}) is None
    assert [path.name for path in (tmp_path / "not" / "yet").iterdir()] == [cache.path(KEY).name]


def flip_last_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-3],
    "grown": lambda data: data + b"x",
    "one bit": flip_last_byte,
    "header only": lambda data: data[: data.index(b"\n") + 1],
    "header cut": lambda data: data[:20],
    "not json": lambda data: b"{" * 50 + data,
    "json, but a list": lambda data: b"[1]\n" + data,
    "deep json": lambda data: b"[" * 4000 + b"\n" + data,
    "no line at all": lambda data: b"\xff" * 100_000,
    "another format": lambda data: data.replace(module.FORMAT.encode(), b"somebody-elses/1"),
    "another key": lambda data: data.replace(b"test 1.0", b"test 1.1"),
    "no hash": lambda data: data.replace(b'"sha256"', b'"sha255"'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_or_foreign_entry_does_not_exist(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.store(KEY, b"payload" * 100)
    sound = cache.path(KEY).read_bytes()
    broken = damage(sound)
    assert broken != sound
    cache.path(KEY).write_bytes(broken)
    assert cache.load(KEY) is None
    cache.store(KEY, b"anew")
    assert cache.load(KEY) == b"anew"


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.store(KEY, b"payload")
    first, payload = cache.path(KEY).read_bytes().split(b"\n", 1)
    header = {**json.loads(first), "size": 10**15}
    cache.path(KEY).write_bytes(json.dumps(header).encode() + b"\n" + payload)
    assert cache.load(KEY) is None


def test_a_folder_in_the_way_is_no_entry(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    cache.path(KEY).mkdir()
    assert cache.load(KEY) is None
    assert "cannot be written" in str(cache.store(KEY, b"payload"))
    assert [path.name for path in tmp_path.iterdir()] == [cache.path(KEY).name]


def test_where_nothing_can_be_written_it_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    note = EngineCache(tmp_path / "file" / "cache").store(KEY, b"payload")
    assert note is not None
    assert str(tmp_path) in note


def test_only_the_last_used_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    cache = EngineCache(tmp_path)
    keys = [{"network": str(i)} for i in range(3)]
    for age, key in ((300, keys[0]), (200, keys[1])):
        cache.store(key, b"payload")
        os.utime(cache.path(key), (age, age))
    assert cache.load(keys[0]) == b"payload"  # used now, so the other one is older
    cache.store(keys[2], b"payload")
    assert cache.load(keys[1]) is None
    assert cache.load(keys[0]) == cache.load(keys[2]) == b"payload"
