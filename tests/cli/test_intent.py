"""The obvious words do the obvious; other words get the words to type."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import json_ate, kind_of, nearest
from shufflecam.cli.main import cli
from shufflecam.cli.registry import COMMANDS, OTHER_COMMANDS
from shufflecam.cli.unnamed import LONGEST, skeleton_path
from shufflecam.core.errors import OutputError
from shufflecam.jobs import outputs
from shufflecam.jobs.outputs import check_save_to

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: videos, one with a space in its name, a picture, and folders of either."""
    folder = tmp_path / "here"
    for below in ("videos", "photos", "both"):
        (folder / below).mkdir(parents=True)
    for name in ("in.mp4", "my clip.mp4", "b.mp4", "videos/v.mov", "both/v.mp4"):
        shutil.copy(clip, folder / name)
    for name in ("a.jpg", "photos/p.png", "both/p.png"):
        assert cv2.imwrite(str(folder / name), np.full((48, 48, 3), 90, np.uint8))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def short(pose_weights: Path) -> list[str]:
    """Options of a run that ends soon."""
    return ["--weights", str(pose_weights), "--detector", "none", "--end", "0.2", "--backend", "torch"]


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["video", "in.mp4"], ["in-skeleton.mp4"]),
        (["in.mp4"], ["in-skeleton.mp4"]),
        (["video", "my clip.mp4"], ["my clip-skeleton.mp4"]),
        (["video", "videos/v.mov"], ["v-skeleton.mov"]),
        (["video", "in.mp4", "--codec", "vp9"], ["in-skeleton.mp4"]),
        (["video", "videos/v.mov", "--codec", "vp9"], ["v-skeleton.mp4"]),
        (["video", "in.mp4", "out.mkv"], ["out.mkv"]),
        (["in.mp4", "out.mp4"], ["out.mp4"]),
        (["video", "in.mp4", "-o", "out.mp4"], ["out.mp4"]),
        (["video", "in.mp4", "-oout.mp4"], ["out.mp4"]),
        (["video", "in.mp4", "poses.jsonl"], ["poses.jsonl"]),
        (["video", "in.mp4", "out.mp4", "--json", "poses.jsonl"], ["out.mp4", "poses.jsonl"]),
        (["video", "in.mp4", "poses.jsonl", "out.mp4"], ["out.mp4", "poses.jsonl"]),
        (["video", "in.mp4", "--json", "poses.csv"], ["poses.csv"]),
        (["video", "in.mp4", "--json", "poses.csv", "--format", "csv", "--angles"], ["poses.csv"]),
    ],
)
def test_the_obvious_is_done(
    words: list[str], written: list[str], here: Path, short: list[str], run_cli: Run
):
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    done = run_cli(*words, *short)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    new = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
    assert new - {path.relative_to(here).as_posix() for path in before} == set(written)
    assert all(path.read_bytes() == data for path, data in before.items())
    for name in written:
        if name.endswith((".mp4", ".mov", ".mkv")):
            assert frames_of(here / name) == 3
        elif name.endswith(".csv"):
            assert (here / name).read_text().startswith("frame,time,id,keypoint,x,y,score")
        else:
            assert json.loads((here / name).read_text().splitlines()[-1])["frames"] == 3


def test_nothing_is_written_over_and_the_new_name_is_said(here: Path, short: list[str], run_cli: Run) -> None:
    (here / "in-skeleton.mp4").write_bytes(b"precious")
    done = run_cli("video", "in.mp4", *short)
    assert done.returncode == 0
    assert "in-skeleton.mp4 exists already; writing in-skeleton-2.mp4" in done.stderr
    assert (here / "in-skeleton.mp4").read_bytes() == b"precious"
    assert frames_of(here / "in-skeleton-2.mp4") == 3
    assert run_cli("video", "in.mp4", *short).returncode == 0
    assert (here / "in-skeleton-3.mp4").exists()
    assert run_cli("video", "in.mp4", *short, "--overwrite").returncode == 0
    assert frames_of(here / "in-skeleton.mp4") == 3


def test_names_of_any_length_and_letters_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for stem in ("x" * 251, "ä" * 125, "視" * 83):
        path = skeleton_path(f"/somewhere/{stem}.mp4", Terminal())
        assert path.name.endswith("-skeleton.mp4")
        assert len(path.name.encode()) <= LONGEST
        path.with_name(f"{path.stem}.part{path.suffix}").touch()


def retyped(text: str) -> list[str]:
    """The last command line in a message that is said to be typed, as the shell would take it apart."""
    found = re.findall(r"(?:`|type: )(shufflecam [^`\n]*?)(?:`|\n| - for|, for| \(convert|$)", text)
    return shlex.split(found[-1])[1:] if found else []


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["vidoe", "in.mp4"], ["video", "in.mp4"]),
        (["picture", "a.jpg"], ["images", "a.jpg"]),
        (["Video", "my clip.mp4"], ["video", "my clip.mp4"]),
        (["models", "lsit"], ["models", "list"]),
        (["config", "shwo", "video"], ["config", "show", "video"]),
        (["a.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["videos"], ["video", "videos", "--out", "skeletons"]),
        (["./photos"], ["images", "./photos", "--out", "skeletons"]),
        (["rec.jsonl"], ["inspect", "rec.jsonl"]),
        (["0"], ["webcam", "0"]),
        (["rtsp://me:secret@10.0.0.1/x"], ["webcam", "ADDRESS"]),
        (["video", "in.mp4", "--ouput", "x.mp4"], ["video", "in.mp4", "--out", "x.mp4"]),
        (["video", "in.mp4", "--output=x.mp4"], ["video", "in.mp4", "--out=x.mp4"]),
        (["video", "-i", "in.mp4"], ["video", "in.mp4"]),
        (["video", "--hlep"], ["video", "--help"]),
        (["video", "a.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["video", "a.jpg", "--json"], ["images", "a.jpg", "--json"]),
        (["video", "a.jpg", "--out", "b.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["video", "photos"], ["images", "photos", "--out", "skeletons"]),
        (["video", "0"], ["webcam", "0"]),
        (["video", "in.mp4", "b.mp4"], ["video", "in.mp4", "--out", "b.mp4", "--overwrite"]),
        (["video", "videos"], ["video", "videos", "--out", "skeletons"]),
        (["video", "-"], ["video", "-", "--out", "skeleton.mp4"]),
        (["video", "--json", "my clip.mp4"], ["video", "my clip.mp4", "--json"]),
        (["video", "--angles", "--json", "in.mp4"], ["video", "--angles", "in.mp4", "--json"]),
        (["images", "in.mp4"], ["video", "in.mp4"]),
        (
            ["images", "in.mp4", "b.mp4", "--json"],
            ["video", "in.mp4", "b.mp4", "--json", "--out", "skeletons"],
        ),
        (["images", "videos"], ["video", "videos", "--out", "skeletons"]),
        (["images", "a.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["images", "--json", "a.jpg", "photos/p.png"], ["images", "a.jpg", "photos/p.png", "--json"]),
        (["images", "a.jpg", "--out", "b.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["webcam", "a.jpg"], ["images", "a.jpg", "--out", "skeletons"]),
        (["webcam", "videos"], ["video", "videos", "--out", "skeletons"]),
        (["webcam", "--json", "in.mp4"], ["webcam", "in.mp4", "--json"]),
        (["convert", "rec.jsonl"], ["convert", "rec.jsonl", "rec.csv"]),
        (["convert", "out.csv", "rec.jsonl"], ["convert", "rec.jsonl", "out.csv"]),
        (["convert", "rec.jsonl", "x.json"], ["convert", "rec.jsonl", "x.json", "--format", "shufflecam"]),
        (["convert", "rec.jsonl", "labels"], ["convert", "rec.jsonl", "labels", "--format", "openpose"]),
    ],
)
def test_the_words_to_type_are_said(words: list[str], right: list[str], here: Path, run_cli: Run) -> None:
    (here / "rec.jsonl").write_text("{}\n")
    before = sorted(here.rglob("*"))
    done = run_cli(*words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert retyped(done.stderr) == right
    assert "secret" not in done.stderr
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["missing.mp4"], 3, "missing.mp4"),
        (["video", "missing.mp4", "out.mp4"], 2, "Several videos"),
        (["video", "in.mp4", "nowhere/out.mp4"], 1, "nowhere"),
        (["video", "in.mp4", "in.mp4"], 2, "Several videos"),
        (["video", "in.mp4", "--style", "openpos"], 2, "did you mean openpose?"),
        (["video", "in.mp4", "--out"], 2, "--out needs a value (FILE|DIR)"),
        (["train", "pose", "--data"], 2, "--data needs a value (ANNOTATIONS:DIR[:WEIGHT])"),
        (["video"], 2, "needs INPUT..."),
        (["nonsense"], 2, "choose one of webcam, video,"),
        (["--quiet", "video", "in.mp4"], 2, "options stand behind it"),
        (["--help-all"], 2, "`shufflecam video --help-all`"),
        (["inspect", "a.jsonl", "b.jsonl"], 2, "does not take b.jsonl as well"),
        (["video", "in.mp4", "--json", "x.csv", "--format", "coco"], 2, "put --json last"),
        (["video", "in.mp4", "--json", "out"], 2, "put --json last"),
        (["convert", "rec.jsonl", "x.csv", "--out", "y.csv"], 2, "both say where to"),
        (["webcam", "missing.mp4", "--headless"], 3, "missing.mp4"),
    ],
)
def test_what_cannot_be_meant(words: list[str], code: int, says: str, here: Path, run_cli: Run) -> None:
    done = run_cli(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Usage:" not in done.stderr


def test_a_file_is_played_as_a_camera(here: Path, pose_weights: Path, run_cli: Run) -> None:
    solo = ["--weights", pose_weights, "--detector", "none", "--headless", "--max-frames", "2"]
    done = run_cli("webcam", "my clip.mp4", *solo)
    assert done.returncode == 0, done.stderr
    assert "as with --replay 'my clip.mp4'" in done.stderr


def test_a_format_of_the_settings_is_no_matter_of_the_ending(
    here: Path, short: list[str], run_cli: Run
) -> None:
    (here / "shufflecam.toml").write_text('format = "coco"\n')
    assert "put --json last" in run_cli("video", "in.mp4", "--json", "x.csv", *short).stderr


def test_a_moving_picture_is_a_video_and_a_picture(here: Path, short: list[str], run_cli: Run) -> None:
    from PIL import Image

    moments = [Image.new("RGB", (64, 64), (60 * n, 90, 90)) for n in range(3)]
    moments[0].save("wave.gif", save_all=True, append_images=moments[1:], duration=40)
    moments[0].save("still.gif")
    assert kind_of("wave.gif") == "video"
    assert kind_of("still.gif") == "picture"
    done = run_cli("video", "wave.gif", *short)
    assert done.returncode == 0, done.stderr
    assert (here / "wave-skeleton.mp4").exists()
    assert run_cli("images", "wave.gif", "--json", *short[:4]).returncode == 0


def test_words_near_and_far() -> None:
    assert nearest("webcma", COMMANDS, OTHER_COMMANDS) == "webcam"
    assert nearest("photo", COMMANDS, OTHER_COMMANDS) == "images"
    assert nearest("xyzzy", COMMANDS, OTHER_COMMANDS) is None
    assert set(OTHER_COMMANDS.values()) <= set(COMMANDS)
    assert not set(OTHER_COMMANDS) & set(COMMANDS)
    assert json_ate(["video", "in.mp4", "--json"]) is None
    assert json_ate(["video", "in.mp4", "--json", "x.json"]) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["video", "in.mp4", "--json", "in.mp4"], "(`shufflecam video in.mp4 --json`)"),
        (["video", "in.mp4", "new.avi"], "type: shufflecam video in.mp4 --out new.mp4"),
        (["video", "in.mp4", "new"], "type: shufflecam video in.mp4 --out new"),
        (["images", "a.jpg", "new.json"], "`shufflecam images a.jpg --json new.json`"),
        (["images", "a.jpg", "new.jpg"], "`shufflecam images a.jpg --out skeletons`"),
        (["plot", "rec.jsonl", "new.png"], "--out new.png"),
        (["inspect", "in.mp4"], "in.mp4 is not a record: it is no text;"),
    ],
)
def test_what_is_to_be_typed_names_no_file_that_is_not_there(
    here: Path, run_cli: Run, words: list[str], says: str
) -> None:
    done = run_cli(*words)
    assert done.returncode in (2, 3)
    assert says in done.stderr


def test_every_group_of_commands_says_what_was_meant(run_cli: Run) -> None:
    for group, known in {"models": "list", "eval": "coco", "train": "pose", "config": "show"}.items():
        assert f"did you mean {known}?" in run_cli(group, f"{known}x").stderr
    assert cli.name == "cli"


def test_the_folder_for_the_keys_is_made_at_the_start(here: Path, pose_weights: Path, run_cli: Run) -> None:
    solo = ["--weights", pose_weights, "--detector", "none", "--headless", "--max-frames", "1"]
    done = run_cli("webcam", "in.mp4", *solo, "--save-to", "takes/monday")
    assert done.returncode == 0, done.stderr
    assert (here / "takes/monday").is_dir()
    assert not list((here / "takes/monday").iterdir())
    for target, code, says in (
        ("a.jpg", 1, "--save-to a.jpg is a file"),
        ("a.jpg/takes", 1, "the folder cannot be made"),
        ("/proc/takes", 1, "the folder cannot be made"),
        ("takes.mp4", 2, "--record takes.mp4"),
    ):
        done = run_cli("webcam", "in.mp4", *solo, "--save-to", target)
        assert done.returncode == code, done.stderr
        assert says in done.stderr
        assert "frames at" not in done.stderr


def test_a_current_folder_that_takes_nothing_is_noted_where_keys_would_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir("/proc")
    check_save_to(Path(), Terminal(), is_given=False, has_keys=False)
    assert capsys.readouterr().err == ""
    check_save_to(Path(), Terminal(), is_given=False, has_keys=True)
    assert "keys r and s cannot save anything here" in capsys.readouterr().err
    with pytest.raises(OutputError, match="/proc"):
        check_save_to(Path("/proc"), Terminal(), is_given=True, has_keys=False)


def test_a_disk_that_is_nearly_full_is_said_before_the_work(
    here: Path, short: list[str], run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["video", "in.mp4", "--out", "x.mp4", "--json", "x.jsonl", "--overwrite", *short]
    assert "are free" not in run_cli(*words).stderr
    monkeypatch.setattr(outputs, "LITTLE_ROOM", 1e30)
    done = run_cli(*words)
    assert done.returncode == 0
    assert done.stderr.count("MB are free in") == 1  # one disk, said once
    assert done.stderr.index("are free") < done.stderr.index("frames at")
