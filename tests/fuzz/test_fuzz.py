"""A short round of every fuzz target: what once broke one, the seeds, and fresh mutations of them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, CodeRan, Target, run

SEED = int(os.environ.get("SHUFFLECAM_FAULT_SEED") or random.SystemRandom().randrange(10**6))
MUTATIONS = 60
KNOWN = sorted(path for path in (Path(__file__).parent / "crashes").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", TARGETS)
def test_real_files_and_their_mutations(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    read = sum(run(target, seed) for seed in seeds)
    # Some seeds are a refusal of their own: a checkpoint of another network, boxes of nobody.
    assert read > 0 or name in ("detector", "annotations")
    draw = random.Random(f"{SEED} {name}")
    for number in range(MUTATIONS):
        data = mutate(draw.choice(seeds), draw)
        try:
            run(target, data)
        except BaseException:
            print(f"mutation {number} of seed {SEED}: {data!r}")
            raise


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: f"{path.parent.name}/{path.name[:20]}")
def test_what_once_broke(path: Path) -> None:
    run(TARGETS[path.parent.name], path.read_bytes())


def test_the_watch_sees_code_that_runs() -> None:
    """The proof that the checks above could fail."""
    with pytest.raises(CodeRan):
        run(Target(lambda data: os.system("true"), list), b"")
    with pytest.raises(ZeroDivisionError):
        run(Target(lambda data: 1 // 0, list), b"")


def mutate(data: bytes, draw: random.Random) -> bytes:
    """A few bytes flipped, set to extremes, cut out, repeated, or the end cut off."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        if not changed:
            break
        place = draw.randrange(len(changed))
        length = draw.randint(1, 8)
        match draw.randrange(5):
            case 0:
                changed[place] ^= 1 << draw.randrange(8)
            case 1:
                changed[place : place + length] = draw.choice([b"\xff", b"\x00", b"\x7f"]) * length
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + draw.randint(1, 64)]
            case 4:
                del changed[place + draw.randint(0, len(changed)) :]
    return bytes(changed)
