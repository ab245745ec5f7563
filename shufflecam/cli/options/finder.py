"""What a command's options on people and keypoints come to, presets included."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from shufflecam.cli.intent import is_given
from shufflecam.finder.settings import LIVE_EVERY, PRESETS, FinderSettings

ENCODE_PRESETS = {"fast": "superfast"}
"""What `--preset` sets `--encode-preset` to, where the command has that option and it is not given."""


def pop_settings(options: dict[str, Any]) -> FinderSettings:
    """Remove what `model_options` and `tracking_options` gave from a command's keyword arguments.

    Raises:
        UsageError: an unknown model or detector name.
    """
    preset = options.pop("preset", "balanced")
    if preset in ENCODE_PRESETS and "encode_preset" in options and not is_given("encode_preset"):
        options["encode_preset"] = ENCODE_PRESETS[preset]
    there = {field.name: field.default for field in fields(FinderSettings) if field.name in options}
    values = {name: options.pop(name) for name in there}
    # A preset gives way to what the user gave, even the default, but not to a command's own default.
    changes = {
        name: value
        for name, value in values.items()
        if is_given(name) or (name not in PRESETS[preset] and value != there[name])
    }
    settings = FinderSettings.preset(preset, **changes)
    settings.check_names()
    return settings


def as_live(options: dict[str, Any]) -> dict[str, Any]:
    """The options as `webcam` has them: how often the detector runs has another default there."""
    return dict(options) if is_given("det_every") else {**options, "det_every": LIVE_EVERY}
