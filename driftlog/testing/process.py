"""A child process that may outlive this one.

``subprocess.Popen`` warns when it is dropped while the child runs, which is here the plan: a
broker shared by a test run is started by one of its processes and used by all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Process"]


class Process:
    """A running command in a process group of its own: Ctrl-C in the terminal is not for it.

    Args:
        command: the program, looked up on the PATH, and its arguments.
        log: receives its output, appended.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pid = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
        self._exit_code: int | None = None

    def exit_code(self) -> int | None:
        """Return how it ended (minus the number, if by a signal), or None while it runs."""
        return self._wait(os.WNOHANG)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.exit_code() is None:  # else the id may be another's by now
            os.kill(self.pid, number)

    def wait(self) -> None:
        """Wait for its end."""
        self._wait(0)

    def _wait(self, options: int) -> int | None:
        if self._exit_code is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self._exit_code = os.waitstatus_to_exitcode(status)
        return self._exit_code
