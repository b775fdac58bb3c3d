"""The commands: every one listed is there, and every one is documented."""

from __future__ import annotations

import importlib
import sys

import click
import pytest
from click.testing import CliRunner

from driftlog.cli import COMMANDS, main
from tests.architecture.imports import ROOT

LISTED = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", LISTED)
def test_a_command_that_is_listed_is_there(name: str) -> None:
    command = importlib.import_module(f"driftlog.cli.{name}").command
    assert isinstance(command, click.Command)
    assert command.help


@pytest.mark.parametrize("name", LISTED)
def test_a_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Usage: {'driftlog' if name == 'api' else 'main'} {name}")


def test_the_help_lists_what_is_there_and_only_that() -> None:
    told = CliRunner().invoke(main, ["--help"]).output
    for name, says in COMMANDS.items():
        assert (f"  {name} " in told and says in told) == (name in LISTED)
        if name not in LISTED:
            done = CliRunner().invoke(main, [name])
            assert f"No such command '{name}'" in done.output


def test_every_command_has_its_section_in_the_documentation() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, says in COMMANDS.items():
        assert f"\n## driftlog {name}\n\n{says}" in page, name


def test_every_command_of_a_file_is_listed() -> None:
    files = (ROOT / "driftlog" / "cli").glob("*.py")
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    defining = {stem for stem, text in texts.items() if "\ndef command(" in text}
    assert defining == set(LISTED)


def test_a_module_missing_from_a_package_that_is_there_is_no_matter_of_installing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stream.worker", None)  # as if the file were not there
    done = CliRunner().invoke(main, ["worker"])
    assert isinstance(done.exception, ModuleNotFoundError)
    assert done.exception.name == "stream.worker"
