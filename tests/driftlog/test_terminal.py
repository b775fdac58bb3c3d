"""Terminal and log: what a name holds is shown, and does nothing."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from driftlog.logs import PrintableFormatter
from driftlog.terminal import echo, echo_json, terminal
from tests.hostile_names import HOSTILE, harmless

ANY = st.text(st.characters(codec="utf-16", exclude_categories=())) | st.sampled_from(
    list(HOSTILE.values())
)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_line_stays_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"model {name}: drift")
    said = harmless(capsys.readouterr().out)
    assert said.count("\n") == 1
    assert said.startswith("model ")


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_json_stays_the_same_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    echo_json(json.dumps({name: name}, ensure_ascii=False).encode())
    said = harmless(capsys.readouterr().out)
    assert json.loads(said) == {name: name}


@given(ANY)
def test_no_text_in_a_table_moves_the_cursor_or_is_taken_for_markup(name: str) -> None:
    to = io.StringIO()
    console = terminal(to=to, plain_width=200, force_terminal=True)
    table = Table()
    table.add_column("name", overflow="fold")
    table.add_row(Text(name))
    table.add_row(name)
    console.print(table, name, Text(name))
    # Only what the console writes by itself: none, since nothing has a style.
    assert "\x1b" not in to.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not {c for c in to.getvalue() if c in "\x00\x07\x08\x9b\u202e\r"}


def test_markup_and_emoji_are_shown_as_written() -> None:
    to = io.StringIO()
    terminal(to=to, plain_width=200).print(HOSTILE["markup"])
    assert to.getvalue() == HOSTILE["markup"] + "\n"


def line_of(message: str, *arguments: object, error: BaseException | None = None) -> str:
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("stream", logging.ERROR, "", 0, message, arguments, info)
    return PrintableFormatter("%(levelname)s %(name)s: %(message)s").format(record)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_record_of_the_log_is_one_line(name: str) -> None:
    said = harmless(line_of("model %s has drifted", name))
    assert said.startswith("ERROR stream: model ") or len(name) > 1_000
    assert "\n" not in said


@given(ANY)
def test_no_name_forges_a_record_of_the_log(name: str) -> None:
    assert line_of("model %s", name).isprintable()


def test_a_traceback_keeps_its_lines_and_none_looks_like_a_record() -> None:
    try:
        raise ValueError(HOSTILE["line feed"] + HOSTILE["escape sequences"])
    except ValueError as exc:
        said = line_of("failed", error=exc)
    first, *rest = said.split("\n")
    assert first == "ERROR stream: failed"
    assert any("Traceback" in line for line in rest)
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in said


def test_an_endless_record_is_cut() -> None:
    assert len(line_of("%s", "x" * 1_000_000)) == 8_000
