"""A worker meets its first pane with every kernel compiled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

# In a process of its own: here other tests have compiled everything long ago.
_SCRIPT = dedent(
    """
    import json
    from numba.core.dispatcher import Dispatcher

    compiled = []
    original = Dispatcher.compile

    def compile(self, signature):
        before = len(self.overloads)
        found = original(self, signature)
        if len(self.overloads) > before:
            compiled.append(f"{self.py_func.__module__}.{self.py_func.__name__}{signature}")
        return found

    Dispatcher.compile = compile

    from driftlog.settings import Settings
    from stream.warm_up import warm_up
    from tests.e2e.expected import expected
    from tests.e2e.synthetic import SyntheticLog, references

    warm_up(Settings())
    warmed = len(compiled)
    expected(SyntheticLog(panes=25).punctual(), references(), Settings())
    print(json.dumps({"warmed": warmed, "later": compiled[warmed:]}))
    """
)


def test_nothing_is_left_to_compile_after_the_warm_up() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found["warmed"] >= 5, "this test sees what is compiled"
    assert found["later"] == []
