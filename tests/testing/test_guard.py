"""A test run that is killed leaves no broker behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from driftlog.testing import guard
from driftlog.testing.process import Process

WAITS = "import sys; sys.stdin.read()"


def start(directory: Path) -> subprocess.Popen[bytes]:
    """Start a process that runs until its input ends, with the directory on its command line."""
    command = [sys.executable, "-c", WAITS, str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def test_the_broker_of_a_killed_owner_is_killed_and_its_data_are_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with start(data) as broker, start(tmp_path) as owner:
        (data / "pid").write_text(str(broker.pid))
        watch = Process(
            [sys.executable, "-m", "driftlog.testing.guard", str(owner.pid), str(data)],
            tmp_path / "log",
        )
        assert broker.poll() is None
        owner.kill()
        assert broker.wait(60) == -signal.SIGKILL
        watch.wait()
        assert watch.exit_code() == 0, (tmp_path / "log").read_text()
    assert not data.exists()


def test_a_process_that_merely_has_the_brokers_old_number_is_spared(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with start(Path("elsewhere")) as other, start(tmp_path) as owner:
        (data / "pid").write_text(str(other.pid))
        owner.kill()
        guard.main(owner.pid, data)
        assert other.poll() is None
        other.communicate()
    assert not data.exists()


def test_an_owner_that_is_already_gone_is_not_waited_for() -> None:
    with start(Path("elsewhere")) as process:
        process.communicate()
    guard.wait_for_end(process.pid)
