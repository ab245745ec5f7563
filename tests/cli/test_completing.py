"""The tab key, as the shells ask for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("plot a.jsonl --angle left_k", "left_knee"),
        ("plot a.jsonl --joint right_wr", "right_wrist"),
        ("video in.mp4 --model coco-384x288-", "coco-384x288-2022"),
        ("webcam --detector yolo11", "yolo11n"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_values_are_offered(shell: str, words: str, offered: str, run_process: Callable) -> None:
    line = f"shufflecam {words}"
    # fish gives the word alone that is begun, the others the place of it in the line.
    place = words.split()[-1] if shell == "fish" else str(len(line.split()) - 1)
    extra = {"_SHUFFLECAM_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": place}
    done = run_process(**extra)
    assert done.returncode == 0, done.stderr
    assert offered in done.stdout
    assert "auto" not in done.stdout
