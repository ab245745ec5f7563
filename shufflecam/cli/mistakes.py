"""Turn a command-line parser's error into one sentence that includes the command to type."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from shufflecam.cli.help import HELP_ALL
from shufflecam.cli.intent import json_ate, nearest, typed
from shufflecam.cli.options.values import refused

OTHER_OPTIONS = {
    "--output": "--out",
    "--outfile": "--out",
    "--out-file": "--out",
    "--output-dir": "--out",
    "--save": "--out",
    "--target": "--out",
    "--force": "--overwrite",
    "-f": "--overwrite",
    "-y": "--overwrite",
    "-r": "--recursive",
    "-q": "--quiet",
    "-j": "--jobs",
    "-v": "--debug",
    "--verbose": "--debug",
    "--from": "--start",
    "-ss": "--start",
    "--to": "--end",
    "--csv": "--format",
    "--conf": "--det-conf",
    "--imgsz": "--det-size",
    "--record-to": "--record",
}
"""Other programs' option name -> ours."""

INPUT_OPTIONS = ("-i", "--input", "--source", "--video", "--image", "--images", "--file", "--files")
"""Options that specify the input in other programs."""


def sentence(error: click.ClickException, words: Sequence[str]) -> str:
    """Return one sentence that describes a usage error and gives the command to type.

    Args:
        error: the error raised by click.
        words: all arguments of `shufflecam`.
    """
    context = getattr(error, "ctx", None)
    if context is None:  # the parser itself sets none
        context = error.ctx = _context(words)  # type: ignore[attr-defined]
    name = " ".join(context.command_path.split()[1:]) if context is not None else ""
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, name, words)
    if isinstance(error, click.MissingParameter):
        return _missing(error, name, words)
    if isinstance(error, click.BadOptionUsage) and "requires an argument" in error.message:
        return f"{error.option_name} needs a value{_metavar(error)}; {_help(name)}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_hint(error)}: {_choice(error)}"
    if isinstance(error, click.BadOptionUsage):
        wants = "takes no value" if "does not take a value" in error.message else "needs more values"
        return f"{error.option_name} {wants}; {_help(name)}"
    message = error.format_message().strip()
    if message == "Missing command.":
        return f"`shufflecam {name}` needs a command; {_help(name)}"
    extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", message)
    if extra and name == "plot":
        return (
            f"`shufflecam plot` takes one record; what is written is named by --out {extra[1]} or by --html"
        )
    if extra:
        return f"`shufflecam {name}` does not take {extra[1]} as well; {_help(name)}"
    if type(error) is click.UsageError:
        return message  # our own message
    return f"`shufflecam {name}` cannot be meant so ({message.rstrip('.')}); {_help(name)}"


def _context(words: Sequence[str]) -> click.Context | None:
    """Return a context of the command called, or None if there is no such command."""
    from shufflecam.cli.registry import COMMANDS, Commands

    if not words or words[0] not in COMMANDS:
        return None
    command = Commands()[words[0]]
    top = click.Context(click.Group("shufflecam"), info_name="shufflecam")
    context = click.Context(command, info_name=words[0], parent=top)
    if isinstance(command, click.Group) and len(words) > 1:
        inner = command.get_command(context, words[1])
        if inner is not None:
            return click.Context(inner, info_name=words[1], parent=context)
    return context


def _help(name: str) -> str:
    return f"see `{typed(*name.split(), '--help')}`"


def _no_option(error: click.NoSuchOption, name: str, words: Sequence[str]) -> str:
    option = error.option_name
    if not name and option == HELP_ALL:
        one = typed("video", HELP_ALL)
        return f"{HELP_ALL} stands behind a command, as in `{one}`; for all commands {_help('')}."
    if not name:
        return (
            f"There is no option {option} before the command; options stand behind it, as in "
            f"`{typed('video', 'in.mp4', '--quiet')}`."
        )
    command = error.ctx.command if error.ctx is not None else None
    known = [
        one
        for param in (command.params if command is not None else ())
        if isinstance(param, click.Option) and not param.hidden
        for one in (*param.opts, *param.secondary_opts)
    ] + ["--help"]
    others = {theirs: ours for theirs, ours in OTHER_OPTIONS.items() if ours in known}
    begin = f"There is no option {option} of `shufflecam {name}`"
    if option in INPUT_OPTIONS:
        left = [word for word in words if word.split("=", 1)[0] != option]
        left += [word.split("=", 1)[1] for word in words if word.startswith(f"{option}=")]
        return f"{begin}; the input stands alone: `{typed(*left)}`"
    near = nearest(option, known, others)
    if near is None:
        return f"{begin}; {_help(name)}"
    # A letter out of combined short options (`-rf`): the command line cannot be corrected by substitution.
    if option not in {word.split("=", 1)[0] for word in words}:
        return f"{begin}; did you mean {near}?"
    right = [near + word[len(option) :] if word.split("=", 1)[0] == option else word for word in words]
    if any("://" in word for word in words) or near == "--format":
        return f"{begin}; did you mean {near}?"
    return f"{begin}; did you mean {near}? `{typed(*right)}`"


def _missing(error: click.MissingParameter, name: str, words: Sequence[str]) -> str:
    moved = json_ate(words)
    if moved is not None:
        return f"--json took the input for its value; put --json last: `{moved}`"
    command = error.ctx.command if error.ctx is not None else None
    examples = re.findall(
        r"^\s*(?:Examples?: *)?(shufflecam .*[^\\\s])$", (command and command.epilog) or "", re.M
    )
    such_as = f", such as `{examples[0].strip()}`" if examples else ""
    what = _hint(error)
    return f"`shufflecam {name}` needs {what}{such_as}; {_help(name)}"


def _hint(error: click.BadParameter) -> str:
    """Return the parameter's name as shown in the help: `--start`, `INPUT...`."""
    if isinstance(error.param, click.Option):
        return str(error.param.opts[-1])
    if error.param is not None:
        return error.param.make_metavar(*_as_takes_context(error))
    return ""


def _as_takes_context(error: click.BadParameter) -> tuple[click.Context, ...]:
    assert error.param is not None
    takes = "ctx" in error.param.make_metavar.__code__.co_varnames  # since click 8.2
    return (error.ctx,) if takes and error.ctx is not None else ()


def _metavar(error: click.BadOptionUsage) -> str:
    command = error.ctx.command if error.ctx is not None else None
    for param in command.params if command is not None else ():
        if error.option_name in (*param.opts, *param.secondary_opts) and param.metavar:
            return f" ({param.metavar})"
    return ""


def _choice(error: click.BadParameter) -> str:
    """Return why a value is invalid; for an invalid choice with the closest valid one."""
    said = refused(error)
    match = re.match(r"'(.*)' is none of ", said)
    if error.param is None or match is None or not isinstance(error.param.type, click.Choice):
        return said
    near = nearest(match[1], [str(choice) for choice in error.param.type.choices])
    return f"{said}; did you mean {near}?" if near is not None else said
