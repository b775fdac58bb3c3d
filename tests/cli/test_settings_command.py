"""``driftlog settings`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from driftlog.cli import main
from driftlog.settings import CATALOGUE


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no driftlog.toml


def rows(*arguments: str, **environ: str) -> dict[str, str]:
    told = CliRunner().invoke(main, ["settings", *arguments], env=environ)
    assert told.exit_code == 0, told.output
    return {line.split()[0]: line for line in told.stdout.splitlines()[1:]}


def test_every_setting_is_listed_with_what_it_does() -> None:
    told = rows()
    assert list(told) == list(CATALOGUE)
    assert all(line.endswith(CATALOGUE[key].says) for key, line in told.items())


def test_value_default_and_origin_stand_side_by_side() -> None:
    Path("mine.toml").write_text("[stream]\npane = '60s'\nwindow_panes = 5")
    told = rows("--config", "mine.toml", DRIFTLOG_STREAM_WINDOW_PANES="7")
    assert told["stream.pane"].split()[1:4] == ["60s", "10s", "mine.toml"]
    assert told["stream.window_panes"].split()[1:4] == ["7", "60", "DRIFTLOG_STREAM_WINDOW_PANES"]
    assert told["worker.group"].split()[1:4] == ["worker", "worker", "default"]


@pytest.mark.parametrize("key", [key for key, entry in CATALOGUE.items() if entry.secret])
def test_a_secret_is_told_to_be_set_and_not_shown(key: str) -> None:
    beside = {"DRIFTLOG_HTTP_USERNAME": "ops"} if key == "http.password" else {}
    line = rows(**{CATALOGUE[key].variable: "hunter2-hunter2-hunter2", **beside})[key]
    assert "hunter2" not in line
    assert line.split()[1] == "(secret)"


def test_a_setting_that_cannot_be_used_ends_it_with_two() -> None:
    done = CliRunner().invoke(main, ["settings"], env={"DRIFTLOG_WORKER_PORT": "many"})
    assert done.exit_code == 2
    assert "worker.port" in done.stderr
