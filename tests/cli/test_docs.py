"""What the documents say of the command line is true: generated pages are fresh, example commands parse."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from shufflecam.cli.help import HELP_ALL, GroupedCommand, grouped, key
from shufflecam.cli.main import cli
from shufflecam.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "weights" / "README.md"]

IS_COMMAND = re.compile(r"shufflecam (?!.*(?:\[|\.\.\.))")
"""A call, but no synopsis ("[OPTIONS]", "INPUT...")."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_fresh(generator: ModuleType) -> None:
    stale = [
        path.name for path, text in generator.pages().items() if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: python docs/generate.py"


def test_every_command_has_its_page_and_no_page_is_left_over(generator: ModuleType) -> None:
    there = {path.stem for path in (ROOT / "docs" / "commands").glob("*.md")}
    assert there == {*COMMANDS, "README"}


def test_what_is_written_by_hand_stays(generator: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nabove\n\n{generator.BEGIN}\nold\n{generator.END}\n\nbelow\n")
    text = generator._joined(page, "", "new")
    assert text.startswith("# Mine\n\nabove\n")
    assert text.endswith("\n\nbelow\n")
    assert "new" in text
    assert "old" not in text


def shell_lines() -> list[tuple[str, str]]:
    """(document, command line) of everything in the documents that calls shufflecam with arguments."""
    found = set()
    for path in DOCUMENTS:
        for line in re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8")).splitlines():
            if line.startswith(("    ", "pip install", "shufflecam ")):
                parts = re.split(r"\s(?:\||&&|;)\s|\s{2,}|\s#\s", line.strip())
                found |= {(str(path.relative_to(ROOT)), part) for part in parts if IS_COMMAND.match(part)}
    return sorted(found)


@pytest.mark.parametrize(("document", "line"), shell_lines(), ids=lambda value: str(value)[:70])
def test_commands_in_the_documents_can_be_meant(document: str, line: str) -> None:
    arguments = shlex.split(re.sub(r"\s2?>>?\s*\S+", "", line))[1:]  # without what goes into a file
    try:
        parse(cli, "shufflecam", arguments, None)
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # an example's file need not be there
            raise


def parse(command: click.Command, name: str, arguments: list[str], parent: click.Context | None) -> None:
    """Parse without running. Raises click.UsageError."""
    with command.make_context(name, list(arguments), parent=parent) as context:
        if isinstance(command, click.Group):
            inner, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None
            assert found is not None
            parse(found, inner, rest, context)


@pytest.mark.parametrize("name", ["webcam", "video", "images", "render"])
def test_help_of_many_options_is_grouped_and_forgets_none(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, GroupedCommand)
    shown = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    parts = grouped(shown)
    assert sorted(key(option) for _, part in parts for option in part) == sorted(map(key, shown))
    assert "Options" not in dict(parts), "put the new option into a group: cli/help.py"
    context = click.Context(command, info_name=name)
    context.meta[HELP_ALL] = True
    text = command.get_help(context)
    assert [f"{title}:" for title, _ in parts] == re.findall(
        r"^(?:How|What|Which|Source|Otherwise).*:$", text, re.M
    )


@pytest.mark.parametrize("name", ["webcam", "video"])
def test_help_shows_what_people_need_and_names_the_way_to_the_rest(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, GroupedCommand)
    assert len(command.essential) == 12
    runner = CliRunner()
    short = runner.invoke(command, ["--help"], prog_name=name).output
    whole = runner.invoke(command, ["--help-all"], prog_name=name).output
    every = {key(param) for param in command.params if isinstance(param, click.Option) and not param.hidden}
    assert set(command.essential) < every

    def shown(text: str) -> set[str]:
        return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M)) - {"--help", "--help-all"}

    assert shown(short) == set(command.essential)
    assert shown(whole) == {name.split("/")[0] for name in every}
    assert "--help-all" in short
    assert "Examples:" in short


def test_the_list_of_commands_is_whole_and_cuts_no_sentence_short() -> None:
    text = cli.get_help(click.Context(cli, info_name="shufflecam"))
    assert re.findall(r"^  ([a-z]+) +[A-Z]", text, re.M) == list(COMMANDS)
    assert not re.search(r"^  [a-z]+ .*[^, ]\.\.\.$", text, re.M), "give it a short_help"


def test_the_parser_of_this_test_can_fail() -> None:
    with pytest.raises(click.UsageError):
        parse(cli, "shufflecam", ["video", "in.mp4", "--no-such-option"], None)
    with pytest.raises(click.UsageError):
        parse(cli, "shufflecam", ["models", "no-such-command"], None)
    assert len(shell_lines()) > 30
