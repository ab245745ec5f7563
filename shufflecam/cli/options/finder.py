"""Convert a command's detection, pose and tracking options into `FinderSettings`, presets included."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from shufflecam.cli.intent import is_given
from shufflecam.finder.settings import LIVE_EVERY, PRESETS, FinderSettings


def pop_settings(options: dict[str, Any]) -> FinderSettings:
    """Pop the values of `model_options` and `tracking_options` and return them as `FinderSettings`.

    Raises:
        UsageError: an unknown model or detector name.
    """
    preset = options.pop("preset", "balanced")
    there = {field.name: field.default for field in fields(FinderSettings) if field.name in options}
    values = {name: options.pop(name) for name in there}
    # A user's value overrides the preset, even if it equals the default; a command's own default does not.
    changes = {
        name: value
        for name, value in values.items()
        if is_given(name) or (name not in PRESETS[preset] and value != there[name])
    }
    settings = FinderSettings.preset(preset, **changes)
    settings.check_names()
    return settings


def as_live(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the defaults of `webcam`, where the detector interval differs."""
    return dict(options) if is_given("det_every") else {**options, "det_every": LIVE_EVERY}
