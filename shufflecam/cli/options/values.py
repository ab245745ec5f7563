"""Describe the values that an option accepts, after the parser has rejected one."""

from __future__ import annotations

import re

import click

_VALUE = re.compile(r"(?s)(?:[A-Z]\w* )?(?P<value>'.*'|\".*\"|\S+?) (?:is|does) (?:not|a) ")
"""Matches the value in a parser message: "'x' is not a valid integer.", "7 is not in the range 0<=x<=1"."""


def refused(error: click.BadParameter, kind: click.ParamType | None = None) -> str:
    """Return why a value is invalid, without the option's name.

    Args:
        error: the parser's error; messages from our own types are returned unchanged.
        kind: the expected type; None: that of the error's parameter.
    """
    kind = kind or (error.param.type if error.param is not None else None)
    message = error.message.strip().rstrip(".")
    if kind is None or not type(kind).__module__.startswith("click"):
        return message
    found = _VALUE.match(message)
    value = found["value"] if found is not None else "it"
    if isinstance(kind, click.Choice):
        return f"{value} is none of {', '.join(str(choice) for choice in kind.choices)}"
    if isinstance(kind, click.Path) or kind.name in ("filename", "file"):
        there = "is not there" if "does not exist" in message else "cannot be used"
        return f"{value} {there}; check the path"
    if kind.name.startswith("bool"):
        return f"{value} is neither true nor false"
    number = "whole number" if kind.name.startswith("integer") else "number"
    return f"{value} is no {number}{_limits(kind)}"


def _limits(kind: click.ParamType) -> str:
    """Return a number's range in words: " from 1 to 20", " of at least 1"."""
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    above = "above" if getattr(kind, "min_open", False) else "of at least"
    below = "below" if getattr(kind, "max_open", False) else "of at most"
    if least is not None and most is not None and above == "of at least" and below == "of at most":
        return f" from {least:g} to {most:g}"
    parts = [f"{above} {least:g}"] if least is not None else []
    parts += [f"{below} {most:g}"] if most is not None else []
    return f" {' and '.join(parts)}" if parts else ""
