"""What options come to: presets, and that what the user gives wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner

from shufflecam.cli.commands.video import command as video
from shufflecam.cli.help import GROUPS, key
from shufflecam.cli.options.encoding import encoding_options, pop_encoding
from shufflecam.cli.options.finder import pop_settings
from shufflecam.cli.options.shared import model_options, tracking_options
from shufflecam.drawing.look import PALETTES, STYLES, Palette, StyleName
from shufflecam.engines.names import BACKENDS
from shufflecam.finder.settings import PRESETS, FinderSettings
from shufflecam.media import encoding
from shufflecam.media.encoding import Encoding


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FinderSettings]:
    """The options of a command line."""
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path))

    def take(*arguments: str) -> FinderSettings:
        seen: list[FinderSettings] = []

        @click.command()
        @model_options
        @tracking_options(default=True)
        def command(**options: Any) -> None:
            seen.append(pop_settings(options))

        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == 0, done.output
        return seen[0]

    return take


def test_balanced_is_the_default_of_every_option(taken: Callable[..., FinderSettings]) -> None:
    assert taken() == taken("--preset", "balanced")
    assert taken().det_every == 1
    assert taken().det_size == 416
    assert not taken().flip_test


def test_fast_and_accurate(taken: Callable[..., FinderSettings]) -> None:
    fast, accurate = taken("--preset", "fast"), taken("--preset", "accurate")
    assert (fast.det_every, fast.det_size, fast.flip_test) == ("auto", 416, False)
    assert (accurate.det_every, accurate.det_size, accurate.flip_test) == (1, 416, True)
    assert accurate.model == taken().model, "the large model's weights are not here"


def test_pictures_are_each_looked_at_unless_a_number_says_otherwise(
    taken: Callable[..., FinderSettings],
) -> None:
    assert taken("--preset", "fast").for_pictures().det_every == 1
    assert taken("--det-every", "auto").for_pictures().det_every == 1
    assert taken("--det-every", "4").for_pictures().det_every == 4


def test_accurate_takes_the_large_model_where_it_is(
    taken: Callable[..., FinderSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shufflecam.models.automatic.locate", lambda entry: Path("here"))
    assert taken("--preset", "accurate").model == "coco-384x288-2022"
    assert taken("--preset", "accurate", "--model", "coco-256x192").model == "coco-256x192"


def test_what_is_given_wins_also_where_it_is_the_default(taken: Callable[..., FinderSettings]) -> None:
    fast = taken("--preset", "fast", "--det-size", "416", "--det-every", "1")
    assert (fast.det_every, fast.det_size) == (1, 416)
    assert not taken("--preset", "accurate", "--no-flip-test").flip_test


def encoded(*arguments: str) -> Encoding:
    """The encoding that a command line with a preset comes to."""
    seen: list[Encoding] = []

    @click.command()
    @model_options
    @encoding_options
    def command(**options: Any) -> None:
        seen.append(pop_encoding(options))
        assert not options.keys() & {"codec", "crf", "encode_preset", "no_audio"}

    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return seen[0]


def test_the_default_encoding_is_that_of_every_option() -> None:
    assert encoded() == Encoding()
    assert encoded("--codec", "vp9", "--crf", "12", "--no-audio", "--encode-preset", "slow") == Encoding(
        codec="vp9", crf=12, preset="slow", audio=False
    )


def test_a_preset_encodes_with_less_work_unless_told_how_much() -> None:
    assert encoded("--preset", "fast") == Encoding(preset="superfast")
    assert encoded("--preset", "accurate") == Encoding()
    assert encoded("--preset", "fast", "--encode-preset", "veryfast") == Encoding(preset="veryfast")
    assert encoding.ENCODE_PRESETS.keys() <= PRESETS.keys()
    assert set(encoding.ENCODE_PRESETS.values()) <= set(encoding.PRESETS)


@pytest.mark.parametrize("value", ["0", "-3", "often", "1.5", ""])
def test_how_often_must_be_a_number_or_auto(value: str) -> None:
    @click.command()
    @model_options
    def command(**options: Any) -> None: ...

    done = CliRunner().invoke(command, ["--det-every", value])
    assert done.exit_code == 2
    assert "nor auto" in done.output


def test_choices_are_the_names_that_there_are() -> None:
    """A style, a palette, an engine: named once, and typed as they are named."""
    choices = {
        option.name: option.type.choices
        for option in video.params
        if isinstance(option, click.Option) and isinstance(option.type, click.Choice)
    }
    assert tuple(choices["style"]) == tuple(STYLES) == get_args(StyleName)
    assert tuple(choices["palette"]) == tuple(PALETTES) == get_args(Palette)
    assert tuple(choices["backend"]) == ("auto", *BACKENDS)


def test_every_option_of_video_stands_in_a_group() -> None:
    known = {option for options in GROUPS.values() for option in options}
    shown = [one for one in video.params if isinstance(one, click.Option) and not one.hidden]
    assert {key(option) for option in shown} <= known
