"""What a command's options on people and keypoints come to, presets included."""

from __future__ import annotations

from typing import Any

from shufflecam.cli.intent import is_given
from shufflecam.finder.settings import AUTO, LARGE_MODEL, PRESETS, FinderSettings


def pop_settings(options: dict[str, Any]) -> FinderSettings:
    """Remove what `model_options` and `tracking_options` gave from a command's keyword arguments.

    Raises:
        UsageError: an unknown model or detector name.
    """
    _apply_preset(options)
    every = options.get("det_every")
    options["det_every"] = {AUTO: None, None: 1}.get(every, every)
    settings = FinderSettings(**{name: options.pop(name) for name in FinderSettings.__dataclass_fields__})
    settings.check_names()
    return settings


def _apply_preset(options: dict[str, Any]) -> None:
    """Take `preset` out of a command's options and set what it sets, but nothing that the user gave."""
    preset = options.pop("preset", "balanced")
    for name, value in PRESETS[preset].items():
        if name in options and not is_given(name):
            options[name] = value
    if preset == "accurate" and not is_given("model") and not is_given("weights"):
        from shufflecam.models.catalogue import locate, pose_entry

        if locate(pose_entry(LARGE_MODEL)) is not None:
            options["model"] = LARGE_MODEL
