"""The demo keeps what it promises: every change seen, nothing else, and an end at any moment."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from demo.stages import STAGES
from tests.e2e.demo_process import demo_process

_RUN_S = 400.0  # it takes 140 s and less than half of two cores; a busy machine starts it slowly
_END_S = 15.0


@pytest.mark.demo
def test_every_injected_change_is_seen_and_quiet_traffic_opens_no_incident(tmp_path: Path) -> None:
    with demo_process(tmp_path) as demo:
        assert demo.wait(_RUN_S) == 0, demo.summary
        summary = demo.summary
        assert [one["injected"]["name"] for one in summary["stages"]] == [s.name for s in STAGES]
        for stage in summary["stages"]:
            assert stage["seen"], stage
            assert stage["right_signal"], stage
        assert summary["false_alarms"] == []
        assert summary["requests_failed"] > 0, "the stage of errors"
        assert summary["quiet_share"] >= 0.5
        assert demo.others() == []


def test_with_serve_it_has_a_console_that_ends_with_it(tmp_path: Path) -> None:
    with demo_process(tmp_path, None, "--serve") as demo:
        demo.until("the console at http://", 120.0)
        url = re.findall(r"the console at (http://\S+)", demo.progress)[0]
        assert httpx.get(f"{url}/livez", timeout=60).status_code == 200
        demo.interrupt()
        assert demo.wait(_END_S) == 130
        assert demo.others() == []


@pytest.mark.parametrize(
    ("said", "cached"),
    [
        pytest.param("the example model", False, id="while the model is trained"),
        pytest.param("the inference service at", True, id="while the worker starts"),
        pytest.param("quiet traffic", True, id="while requests are sent"),
    ],
)
def test_ctrl_c_ends_it_at_any_moment_and_leaves_no_process(
    tmp_path: Path, said: str, cached: bool
) -> None:
    own_cache = {} if cached else {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with demo_process(tmp_path, own_cache) as demo:
        demo.until(said, 120.0)
        assert demo.others(), "it runs, and this test would see what it leaves"
        demo.interrupt()
        assert demo.wait(_END_S) == 130
        assert demo.others() == []
        assert "Traceback" not in demo.progress
        assert "ended by Ctrl-C" in demo.progress
