"""Registry of the commands by name; each is imported only on lookup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from shufflecam.cli.settings import name_variables

COMMANDS = {
    "webcam": "shufflecam.cli.commands.webcam",
    "video": "shufflecam.cli.commands.video",
    "images": "shufflecam.cli.commands.images",
    "demo": "shufflecam.cli.commands.demo",
    "inspect": "shufflecam.cli.commands.inspect",
    "convert": "shufflecam.cli.commands.convert",
    "render": "shufflecam.cli.commands.render",
    "plot": "shufflecam.cli.commands.plot",
    "cameras": "shufflecam.cli.commands.cameras",
    "doctor": "shufflecam.cli.commands.doctor",
    "bench": "shufflecam.cli.commands.bench",
    "config": "shufflecam.cli.commands.config",
    "completion": "shufflecam.cli.commands.completion",
    "models": "shufflecam.cli.commands.models",
    "eval": "shufflecam.cli.commands.eval.pose",
    "train": "shufflecam.cli.commands.train.pose",
    "export": "shufflecam.cli.commands.export",
}
"""Command -> module that defines a click command named `command`. Order: most needed first."""


TITLES = {
    "webcam": "Find people",
    "inspect": "After the run, without a model",
    "cameras": "This machine, and your settings",
    "models": "Networks",
}
"""Command -> title printed above it in the list of commands."""


OTHER_COMMANDS = {
    "camera": "webcam", "cam": "webcam", "live": "webcam", "stream": "webcam", "record": "webcam",
    "image": "images", "photo": "images", "photos": "images", "picture": "images", "pictures": "images",
    "movie": "video", "film": "video", "draw": "render", "overlay": "render", "chart": "plot",
    "check": "doctor", "test": "doctor", "benchmark": "bench", "settings": "config", "info": "inspect",
    "show": "inspect", "csv": "convert", "weights": "models", "model": "models", "download": "models",
    "evaluate": "eval", "example": "demo",
}  # fmt: skip
"""Synonym -> command name."""


class Commands(Mapping[str, click.Command]):
    """Mapping of all commands by name; each is imported only on lookup."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = import_module(COMMANDS[name]).command
        name_variables(command, name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)
