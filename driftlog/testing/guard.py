"""Ends a broker whose owner is gone: ``python -m driftlog.testing.guard OWNER_PID DIRECTORY``.

A test run that is killed cannot tidy up. This process waits for the owner's end, whatever its
cause, then kills the process named in DIRECTORY/pid and removes DIRECTORY.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["main", "wait_for_end"]


def wait_for_end(pid: int) -> None:
    """Return when the process is gone; at once when it already is."""
    if not hasattr(os, "pidfd_open"):  # not Linux
        with suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.5)
        return
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)


def _command_line(pid: int) -> str:
    """Return a process's command line, empty when it is gone."""
    listing = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        with suppress(OSError):
            return listing.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    listed = subprocess.run(  # noqa: S603  # a number and constants
        ["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def main(owner: int, directory: Path) -> None:
    """Wait for the owner's end, then leave nothing of the broker."""
    wait_for_end(owner)
    with suppress(OSError, ValueError):
        pid = int((directory / "pid").read_text())
        # The number may have gone to another process since: ours names its directory.
        if str(directory) in _command_line(pid):
            os.kill(pid, signal.SIGKILL)
            wait_for_end(pid)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
