"""Options of the output video's encoding, with the defaults of `Encoding`."""

from __future__ import annotations

from typing import Any

import click

from shufflecam.cli.intent import is_given
from shufflecam.media.encoding import CODECS, DEFAULT_ENCODING, ENCODE_PRESETS, PRESETS, Encoding

SLOWEST = "slow"
"""The slowest preset offered; slower ones take twice as long and save next to nothing."""


def encoding_options(command: Any) -> Any:
    """Add `--codec`, `--crf`, `--encode-preset` and `--no-audio`."""
    for option in (
        click.option("--no-audio", is_flag=True, help="Leave the sound out."),
        click.option(
            "--encode-preset",
            type=click.Choice(PRESETS[: PRESETS.index(SLOWEST) + 1]),
            default=DEFAULT_ENCODING.preset,
            show_default=True,
            help="Work per picture, by x264's names; of h264 superfast is a third less, for twice the bytes.",
        ),
        click.option(
            "--crf",
            metavar="Q",
            type=click.FloatRange(0, max(codec.worst_crf for codec in CODECS.values())),
            show_default=_default_qualities(),
            help="Quality of the video; smaller is better and larger.",
        ),
        click.option(
            "--codec",
            type=click.Choice(list(CODECS)),
            default=DEFAULT_ENCODING.codec,
            show_default=True,
            help="Of the video; h264 plays everywhere. vp9 and av1 go into .mp4 and .mkv only.",
        ),
    ):
        command = option(command)
    return command


def _default_qualities() -> str:
    """Return the default --crf of each codec: "20; hevc: 23, ..."."""
    others = [f"{name}: {codec.crf:g}" for name, codec in CODECS.items() if name != DEFAULT_ENCODING.codec]
    return f"{DEFAULT_ENCODING.quality:g}; {', '.join(others)}"


def pop_encoding(options: dict[str, Any]) -> Encoding:
    """Pop the values of `encoding_options` and return them as an `Encoding`.

    To be called before `pop_settings` pops `--preset`, which sets `--encode-preset` where that is not given.
    A command without these options gets their defaults.
    """
    preset = options.pop("encode_preset", DEFAULT_ENCODING.preset)
    if not is_given("encode_preset"):
        preset = ENCODE_PRESETS.get(options.get("preset", ""), preset)
    return Encoding(
        codec=options.pop("codec", DEFAULT_ENCODING.codec),
        crf=options.pop("crf", DEFAULT_ENCODING.crf),
        preset=preset,
        audio=not options.pop("no_audio", not DEFAULT_ENCODING.audio),
    )
