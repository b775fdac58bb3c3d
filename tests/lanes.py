"""How the files of tests are dealt out to the processes of pytest-xdist.

Half of the time of all tests goes by in files that start workers and wait for them, the other half
in files that compute. Dealt out by the number of tests, as pytest-xdist does it, the processors are
busy first and idle afterwards. Here each process has a lane, so that at any time some wait while
others compute; who is done with the files of its own lane helps with the other's. Long files are
begun first, lest one process be left with them at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from xdist.scheduler import LoadFileScheduling

__all__ = ["WAITING", "Lanes", "begin"]

# Files and folders whose tests start processes, the longest first.
WAITING: Final = (
    *("tests/e2e/test_demo.py", "tests/cli/test_worker.py", "tests/e2e/", "tests/chaos/"),
    *("tests/compose/test_containers.py", "tests/compose/test_kafka_service.py"),
    *("tests/observability/test_hand_over.py", "tests/observability/test_dashboards_live.py"),
    *("tests/cli/test_state_reread.py", "tests/api/test_server.py", "tests/api/test_capturing.py"),
    *("tests/api/console/test_console_on_a_log.py", "tests/api/console/test_command.py"),
    *("tests/console/test_browser_pages.py", "tests/console/test_browser_live.py"),
)
_COMPUTING: Final = ("tests/benchmarks/", "tests/stream/test_season.py")  # likewise; then others
_MOST_WAIT: Final = 2  # processes: workers and brokers of more are short of two processors


def begin(files: Iterable[str], waits: bool) -> str:
    """Return the file that a process begins next, of those that nobody has begun.

    Args:
        files: left, at least one.
        waits: the process' lane.
    """

    def order(file: str) -> tuple[bool, int]:
        own = file.startswith(WAITING)
        first = WAITING if own else _COMPUTING
        return own != waits, next(
            (at for at, one in enumerate(first) if file.startswith(one)), len(first)
        )

    return min(files, key=order)


class Lanes(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """`--dist loadfile` with lanes."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        self._waits: dict[Any, bool] = {}

    def add_node(self, node: Any) -> None:
        """Take a process in; the first ones wait, and one at least computes."""
        super().add_node(node)
        self._waits[node] = sum(self._waits.values()) < min(_MOST_WAIT, self.numnodes - 1)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(begin(self.workqueue, self._waits[node]), last=False)
        super()._assign_work_unit(node)
