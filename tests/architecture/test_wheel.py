"""What an installation brings: `driftlog` alone, and a client that is light."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from driftlog.cli import COMMANDS, main
from tests.architecture.conftest import Run

LISTED = main.list_commands(click.Context(main))
SERVER = {"stream", "detectors", "producers", "api", "demo", "numpy", "pyarrow", "numba", "faust"}
MAIN = "from driftlog.cli import main; main(sys.argv[1:], prog_name='driftlog')"

# A call of each command that goes as far as what only a server has.
CALLS = {
    "alerts": ["tail"],
    "api": [],
    "broker": [],
    "console": [],
    "calibrate": ["--reference", "flights.csv"],
    "deadletter": ["list"],
    "demo": [],
    "doctor": [],
    "reference": ["show"],
    "replay": ["flights.csv"],
    "scan": ["flights.csv", "--time", "at", "--reference", "100"],
    "state": ["reset", "--yes"],
    "topics": ["check"],
    "verify": [],
    "worker": [],
}
CLIENT = {"settings"}  # works with the client alone


def test_the_wheel_holds_driftlog_and_nothing_else(wheel: Path) -> None:
    # A `stream` or an `api` of ours in somebody's site-packages would take the place of theirs.
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"driftlog"}


def test_the_wheel_says_that_it_is_typed(wheel: Path) -> None:
    assert "driftlog/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_importing_driftlog_loads_no_server_part() -> None:
    code = (
        "import driftlog, driftlog.capture, sys; print(*{m.partition('.')[0] for m in sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not SERVER & set(told.stdout.split())


def test_a_client_alone_can_capture(client: Run) -> None:
    done = client("from driftlog import Capture, CaptureMiddleware; print(Capture.__name__)")
    assert (done.stdout, done.stderr) == ("Capture\n", "")


def test_a_client_alone_lists_its_settings(client: Run) -> None:
    done = client(MAIN, "settings")
    assert (done.returncode, done.stderr) == (0, "")
    assert "kafka.bootstrap" in done.stdout


def test_every_command_is_tried_with_a_client_alone() -> None:
    assert set(CALLS) | CLIENT == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(CALLS.keys() & set(LISTED)))
def test_a_client_alone_says_how_to_get_the_server(client: Run, name: str, tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    file.write_text("at,distance\n1,2\n")
    arguments = [str(file) if part == file.name else part for part in CALLS[name]]
    done = client(MAIN, name, *arguments)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"driftlog: driftlog {name} needs the server part of driftlog: ")
    assert 'pip install "driftlog[server]"' in line
