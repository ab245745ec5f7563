"""requirements-dev.lock: every requirement of ours, each file with its hash, and no address in it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("reads pyproject.toml with tomllib", allow_module_level=True)
import tomllib

ROOT = Path(__file__).parents[1]


def name_of(requirement: str) -> str:
    """A requirement's package, as PyPI writes it."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def locked() -> dict[str, str]:
    """Package -> its entry."""
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    return {name_of(entry): entry for entry in entries}


def test_each_package_is_one_version_with_hashes() -> None:
    assert len(locked()) > 50
    for name, entry in locked().items():
        assert re.match(r"[a-z0-9-]+==[0-9][0-9a-z.!]*( ; [^\n]*)? \\\n", entry), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), name


def test_it_holds_all_that_we_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {name_of(one) for one in wanted if "python_version" not in one}
    assert names - set(locked()) == set()


def test_no_address_is_in_it() -> None:
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|--extra-index|@ ", text)
