"""Settings from files and the environment: what wins, what is refused, what `config show` says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shufflecam.cli import settings
from tests.cli.conftest import cli_environment
from tests.cli.test_render import make_record

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and nobody's own settings."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's own file, not yet there."""
    folder = tmp_path / "config" / "shufflecam"
    folder.mkdir(parents=True)
    return folder / "shufflecam.toml"


def shown(run_cli: Run, *command: str) -> dict[tuple[str, str], tuple[Any, str]]:
    done = run_cli("config", "show", *command, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["settings"]
    return {(row["command"], row["option"]): (row["value"], row["from"]) for row in rows}


def test_without_anything_all_is_as_it_comes(run_cli: Run) -> None:
    assert shown(run_cli) == {}
    every = shown(run_cli, "video")
    assert every["video", "det-size"] == (416, "default")
    assert {source for _, source in every.values()} == {"default"}
    assert "every option has its default" in run_cli("config", "show").stdout


def test_the_nearer_wins(own: Path, here: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text('kpt-thr = 0.2\ndet_size = 320\n[video]\npreset = "fast"\ncrf = 30\n')
    (here / "shufflecam.toml").write_text("det-size = 640\n[video]\ncrf = 18\n[images]\nkpt-thr = 0.5\n")
    monkeypatch.setenv("SHUFFLECAM_VIDEO_CRF", "21")
    found = shown(run_cli)
    assert found["video", "preset"] == ("fast", str(own))
    assert found["video", "kpt-thr"] == (0.2, str(own))
    assert found["images", "kpt-thr"] == (0.5, "shufflecam.toml")
    assert found["video", "det-size"] == (640, "shufflecam.toml")
    assert found["video", "crf"] == (21, "SHUFFLECAM_VIDEO_CRF")
    table = run_cli("config", "show", "video").stdout
    assert "SHUFFLECAM_VIDEO_CRF" in table
    assert f"read: {own}" in table


def test_settings_are_used_and_the_command_line_wins(
    here: Path, plain_clip: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    poses = make_record(plain_clip, here / "poses.jsonl")
    (here / "shufflecam.toml").write_text(
        '[convert]\nformat = "csv"\nout = "a.csv"\n[plot]\njoint = ["left_wrist", "nose"]\nout = "a.png"\n'
        "[inspect]\njson = true\n"
    )
    assert run_cli("convert", poses).returncode == 0
    assert (here / "a.csv").read_text().startswith("frame,time")
    assert run_cli("convert", poses, "--out", "b.csv").returncode == 0
    monkeypatch.setenv("SHUFFLECAM_CONVERT_OUT", "c.csv")
    assert run_cli("convert", poses).returncode == 0
    assert (here / "b.csv").exists()
    assert (here / "c.csv").exists()
    assert run_cli("plot", poses).returncode == 0
    assert (here / "a.png").exists()
    assert json.loads(run_cli("inspect", poses).stdout)["frames"] == 40
    assert run_cli("plot", poses, "--joint", "left_hand", "--out", "b.png").returncode == 2


def test_a_preset_leaves_alone_what_a_file_sets(here: Path, run_cli: Run) -> None:
    from shufflecam.cli.options.finder import pop_settings
    from shufflecam.cli.registry import Commands
    from shufflecam.cli.settings import defaults, read_files

    (here / "shufflecam.toml").write_text('preset = "fast"\ndet-size = 512\n')
    commands = Commands()
    command = commands["images"]
    values, _ = defaults(command, "images", read_files(), commands)
    with command.make_context("images", ["a.jpg"], default_map=values) as context:
        options = dict(context.params)
        taken = pop_settings(options)
    assert (taken.det_size, taken.det_every) == (512, "auto")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("det-sise = 3", "there is no option 'det-sise' = 3; did you mean det-size?"),
        ("[vido]\ncrf = 3", "there is no command for [vido]; did you mean video?"),
        (
            "[video]\ncrff = 3",
            "[video] has 'crff', which is no option of `shufflecam video`; did you mean crf?",
        ),
        ("[eval.coco]\nflip = true", "[eval.coco] has 'flip', which is no option of `shufflecam eval coco`"),
        ("[eval]\ncoco = 3", "write [eval.coco]"),
        ("[video]\ncrf = 'good'", "crf = 'good': 'good' is no number from 0 to 63"),
        ("[video]\ncrf = 99", "crf = 99: 99.0 is no number"),
        ("[video]\ncrf = true", "crf needs a value"),
        ("[video]\ncrf = [1, 2]", "crf = [1, 2] is no value of an option"),
        ("[plot]\njoint = 'nose'", "joint = 'nose' is no value"),
        ("[video]\nstart = 2020-01-01", "is no value of an option"),
        ("[video]\nsmooth = 'much'", "smooth = 'much'"),
        ("model 3", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        ("\xff", "is not TOML"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(text: str, says: str, here: Path, run_cli: Run) -> None:
    (here / "shufflecam.toml").write_bytes(text.encode("latin-1"))
    command = {"[eval": "eval", "[plot": "plot"}.get(text[:5], "video")
    arguments = ["eval", "coco"] if command == "eval" else [command, "x"]
    for done in (run_cli(*arguments), run_cli("config", "show")):
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
        assert "shufflecam.toml" in done.stderr
        assert done.stderr.count("\n") == 1
    # Help is there all the same.
    assert run_cli(*arguments, "--help").returncode == 0


def test_a_huge_file_is_refused(here: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LARGEST", 10)
    (here / "shufflecam.toml").write_text("kpt-thr = 0.25\n")
    assert "larger than settings can be" in run_cli("inspect", "x").stderr


def test_a_variable_of_no_option_is_said(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUFFLECAM_VIDEO_DETSIZE", "320")
    done = run_cli("video", "x.mp4")
    assert done.returncode == 2
    assert "did you mean SHUFFLECAM_VIDEO_DET_SIZE?" in done.stderr
    assert run_cli("inspect", "x").returncode == 3, "other commands do not mind"


def test_an_unknown_command_to_show(run_cli: Run) -> None:
    done = run_cli("config", "show", "vidio")
    assert done.returncode == 2
    assert "no command 'vidio'" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(shell: str, run_cli: Run) -> None:
    done = run_cli("completion", shell)
    assert done.returncode == 0
    assert f"_SHUFFLECAM_COMPLETE={shell}_complete" in done.stdout
    assert run_cli("completion", "csh").returncode == 2


def test_bash_completes_commands_options_and_values(tmp_path: Path, run_process: Run) -> None:
    for words, expected in (("shufflecam vi", "video"), ("shufflecam video --pre", "--preset")):
        done = run_process(
            _SHUFFLECAM_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        )
        assert f"plain,{expected}" in done.stdout.splitlines(), done.stderr
    done = run_process(
        _SHUFFLECAM_COMPLETE="bash_complete", COMP_WORDS="shufflecam video --preset f", COMP_CWORD="3"
    )
    assert done.stdout.split() == ["plain,fast"]
    script = run_process("completion", "bash").stdout
    (tmp_path / "complete.sh").write_text(script)
    lines = f"source {tmp_path / 'complete.sh'}; complete -p shufflecam"
    bash = subprocess.run(
        ["bash", "-c", lines], capture_output=True, text=True, env=cli_environment(tmp_path), timeout=30
    )
    assert "_shufflecam_completion" in bash.stdout, bash.stderr


def test_the_versions_of_a_report(run_cli: Run) -> None:
    lines = run_cli("--version").stdout.splitlines()
    assert lines[0].startswith("shufflecam, version ")
    assert lines[1].startswith("Python 3.")
    assert {line.split()[0] for line in lines[2:]} >= {"torch", "openvino", "av", "numpy", "opencv-python"}
