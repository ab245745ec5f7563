"""The encoding as a value: its defaults, what is refused, and that options read it at no cost."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from shufflecam.core.errors import UsageError
from shufflecam.media.encoding import CODECS, DEFAULT_PRESET, PRESETS, Encoding


@pytest.mark.parametrize("codec", list(CODECS))
def test_quality_is_the_codecs_own_where_none_is_given(codec: str) -> None:
    assert Encoding(codec).quality == CODECS[codec].crf
    assert Encoding(codec, crf=7).quality == 7
    assert Encoding(codec, crf=0).quality == 0


def test_what_is_right_passes() -> None:
    for name, codec in CODECS.items():
        for preset in PRESETS:
            for crf in (None, 0, codec.crf, codec.worst_crf):
                Encoding(name, crf, preset).check()
        for ending in codec.containers:
            Encoding(name).check(f"out{ending}")


@pytest.mark.parametrize(
    ("encoding", "path", "says"),
    [
        (Encoding("theora"), None, "There is no codec 'theora'; choose one of h264, hevc, vp9, av1."),
        (Encoding("theora"), "x.mp4", "There is no codec 'theora'"),
        (Encoding("vp9"), "x.mov", "x.mov: .mov does not hold vp9; end it in .mp4 or .mkv."),
        (Encoding(), "x.avi", "x.avi: a video cannot be written as .avi"),
        (Encoding(crf=51.5), None, "--crf 51.5 is not a quality of h264; give 0 (best) to 51 (smallest)"),
        (Encoding("av1", crf=-1), None, "--crf -1 is not a quality of av1"),
        (Encoding(preset="warp"), None, "--encode-preset warp is unknown; give one of ultrafast, "),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(encoding: Encoding, path: str | None, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        encoding.check(path)
    assert says in str(caught.value)


def test_it_goes_to_other_processes_and_compares_by_value() -> None:
    encoding = Encoding("hevc", 18, "slow", audio=False)
    assert pickle.loads(pickle.dumps(encoding)) == encoding
    assert Encoding("h264", None, DEFAULT_PRESET, True) == Encoding()


def test_options_read_it_without_the_libraries_that_encode() -> None:
    code = "import sys, shufflecam.media.encoding; print(sorted({'av', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
