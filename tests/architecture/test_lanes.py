"""Every file of tests is begun by somebody, the long ones first; see `tests.lanes`."""

from __future__ import annotations

from tests.architecture.imports import ROOT
from tests.lanes import WAITING, begin

FILES = [
    *("tests/api/test_server.py", "tests/benchmarks/test_quality.py", "tests/cli/test_scan.py"),
    *("tests/e2e/test_demo.py", "tests/e2e/test_restart.py"),
]


def begun(waits: bool) -> list[str]:
    left, found = list(FILES), []
    while left:
        found.append(begin(left, waits))
        left.remove(found[-1])
    return found


def test_a_lane_takes_its_own_files_first_and_then_those_of_the_other() -> None:
    waiting = ["tests/e2e/test_demo.py", "tests/e2e/test_restart.py", "tests/api/test_server.py"]
    computing = ["tests/benchmarks/test_quality.py", "tests/cli/test_scan.py"]
    assert begun(True) == [*waiting, *computing]
    assert begun(False) == [*computing, *waiting]


def test_what_waits_is_there() -> None:
    # A file that was renamed would be begun in the wrong lane.
    for one in WAITING:
        assert (ROOT / one).exists(), one
