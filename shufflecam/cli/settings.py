"""Option defaults from `shufflecam.toml` files and the environment.

In decreasing precedence: the command line, a `SHUFFLECAM_<COMMAND>_<OPTION>` variable, the file in the
current folder, the user's own file, the default.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from shufflecam.cli.options.values import refused
from shufflecam.core.errors import UsageError
from shufflecam.core.reasons import in_their_words, reason
from shufflecam.core.text import decode

NAME = "shufflecam.toml"
PREFIX = "SHUFFLECAM"
LARGEST = 1 << 20
"""Maximum size of a settings file in bytes."""

OWN_VARIABLES = ("SHUFFLECAM_CACHE", "SHUFFLECAM_MIRROR")
"""Environment variables that do not correspond to options."""


@dataclass(frozen=True)
class SettingsFile:
    """The contents of one settings file."""

    path: Path
    values: Mapping[str, Any]


def places() -> list[Path]:
    """Return the possible paths of settings files, the user's own first; later ones take precedence."""
    from platformdirs import user_config_path

    own = user_config_path("shufflecam", appauthor=False) / NAME
    here = Path(NAME)
    return [own] if here.absolute() == own.absolute() else [own, here]


def read_files() -> list[SettingsFile]:
    """Return the existing files among `places`.

    Raises:
        UsageError: one of them is unreadable or is not valid TOML.
    """
    return [SettingsFile(path, read_file(path)) for path in places() if path.is_file()]


def read_file(path: Path) -> dict[str, Any]:
    """Return the contents of one settings file. Raises UsageError."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data = path.read_bytes()[: LARGEST + 1]
        if len(data) > LARGEST:
            raise UsageError(f"{path} is larger than settings can be; is it another file?")
        return tomllib.loads(decode(data))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML ({in_their_words(error)}).") from error


def options_of(command: click.Command) -> dict[str, click.Option]:
    """Return the options by their name in a settings file (`det-size`)."""
    return {
        option.opts[-1].lstrip("-"): option
        for option in command.params
        if isinstance(option, click.Option) and not option.is_eager
    }


def name_variables(command: click.Command, path: str) -> None:
    """Bind every option of a command to an environment variable: `SHUFFLECAM_VIDEO_DET_SIZE`.

    Args:
        command: a command, or a group with all of its commands.
        path: the command path without the program name: "video", "eval coco".
    """
    for name, option in options_of(command).items():
        if name != "debug":
            option.envvar = variable(path, name)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            name_variables(inner, f"{path} {name}")


def variable(path: str, name: str) -> str:
    """Return the name of an option's environment variable."""
    return "_".join([PREFIX, path, name]).upper().replace(" ", "_").replace("-", "_")


def check_variables(command: click.Command, path: str) -> None:
    """Raise UsageError where a variable refers to an option that the command does not have."""
    known = {variable(path, name) for name in options_of(command)}
    if isinstance(command, click.Group):
        return  # subcommand names and its own options are indistinguishable
    begin = variable(path, "")
    for name in sorted(os.environ):
        if name.upper().startswith(begin) and name not in known and name not in OWN_VARIABLES:
            raise UsageError(
                f"The environment variable {name} is of no option of `shufflecam {path}`"
                f"{_nearest(name, known)}"
            )


def defaults(
    command: click.Command, path: str, files: Iterable[SettingsFile], commands: Mapping[str, click.Command]
) -> tuple[dict[str, Any], dict[tuple[str, str], Path]]:
    """Return the files' settings for one command, as click's `default_map`.

    Args:
        command: a command or a group.
        path: the command path: "video".
        files: in increasing precedence.
        commands: all commands by name, to distinguish an unknown name from another command's; each is looked
            up only if needed.

    Returns:
        Parameter name -> value, nested for the commands of a group; and (command path, option name), such as
        ("video", "det-size"), -> the file that sets it.

    Raises:
        UsageError: a name is unknown, or a value is invalid.
    """
    values: dict[str, Any] = {}
    origins: dict[tuple[str, str], Path] = {}
    for file in files:
        general = {key: value for key, value in file.values.items() if not isinstance(value, dict)}
        sections = {key: value for key, value in file.values.items() if isinstance(value, dict)}
        for name in sections:
            if name not in commands:
                raise UsageError(f"{file.path}: there is no command for [{name}]{_nearest(name, commands)}")
        found = dict(_settings(command, path, general, sections.get(path, {}), file.path))
        for key, value in general.items():
            taken = any(name == key.replace("_", "-") for _, name in found)
            if not taken and not any(_has(other, key) for other in commands.values()):
                every = {name for other in commands.values() for name in _all_names(other)}
                raise UsageError(f"{file.path}: there is no option {key!r} = {value!r}{_nearest(key, every)}")
        for (where, name), (option, value) in found.items():
            inner = values
            for part in where.split()[1:]:
                inner = inner.setdefault(part, {})
            inner[str(option.name)] = value
            origins[where, name] = file.path
    return values, origins


def _settings(
    command: click.Command,
    path: str,
    general: Mapping[str, Any],
    section: Mapping[str, Any],
    file: Path,
) -> Iterator[tuple[tuple[str, str], tuple[click.Option, Any]]]:
    """Yield ((command, option name), (option, value)) of one file: first general, then the command's own."""
    options = options_of(command)
    inner = command.commands if isinstance(command, click.Group) else {}
    for source in (general, section):
        for key, value in source.items():
            name = key.replace("_", "-")
            if source is section and key in inner:
                continue
            if name in options:
                yield (path, name), (options[name], _value(command, options[name], value, key, file))
            elif source is section:
                raise UsageError(
                    f"{file}: [{path.replace(' ', '.')}] has {key!r}, which is no option of "
                    f"`shufflecam {path}`{_nearest(name, [*options, *inner])}"
                )
    for name, one in inner.items():
        own = section.get(name, {})
        if not isinstance(own, dict):
            raise UsageError(f"{file}: {name} is a command of `shufflecam {path}`; write [{path}.{name}].")
        yield from _settings(one, f"{path} {name}", general, own, file)


def _value(command: click.Command, option: click.Option, value: Any, key: str, file: Path) -> Any:
    """Convert a value as click would from the command line, so that errors can name the file."""
    if isinstance(value, bool) and not option.is_flag:
        # `--json` and `--serve` have optional values.
        value = option.flag_value if value else None
        if value is not None and not isinstance(value, str | int):
            raise UsageError(f"{file}: {key} needs a value, not true or false.")
    elif not isinstance(value, bool | str | int | float | list) or _is_odd_list(option, value):
        raise UsageError(f"{file}: {key} = {value!r} is no value of an option.")
    if value is None:
        return None
    plain = [str(one) for one in value] if isinstance(value, list) else value
    if not isinstance(plain, bool | list):
        plain = str(plain)
    try:
        option.type_cast_value(click.Context(command), plain)
    except click.BadParameter as error:
        raise UsageError(f"{file}: {key} = {value!r}: {refused(error, option.type)}.") from None
    return plain


def _is_odd_list(option: click.Option, value: Any) -> bool:
    if not isinstance(value, list):
        return bool(option.multiple)
    return not option.multiple or not all(isinstance(one, str | int | float) for one in value)


def _has(command: click.Command, key: str) -> bool:
    return key.replace("_", "-") in _all_names(command)


def _all_names(command: click.Command) -> set[str]:
    names = set(options_of(command))
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            names |= _all_names(inner)
    return names


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.replace("_", "-") if "-" in name else name, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else "; see `shufflecam config show`."
