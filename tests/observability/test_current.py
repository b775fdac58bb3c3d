"""Recorded values while a signal moves from one worker to another, tried by promtool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.imports import ROOT
from tests.observability.test_rules import promtool

CURRENT = ROOT / "prometheus" / "rules" / "current.yml"
SERIES = 'job="driftlog", model="late", version="1", segment="*"'
# A signal x, which moves, and y, which stays where it is and is well.
# One minute a value. Both tell of it from the third to the fifth: the old owner stands still at
# 120 s of event time and still says drift, the new one has gone on and says ok. Then the old one is
# gone, and at last the new one dies too.
MOVE = {
    "driftlog_evaluation_timestamp_seconds": ("0 60 120 120 120 120", "_x3 180 240 300 360 420"),
    "driftlog_state": ("2 2 5 5 5 5", "_x3 2 2 2 2 2"),
    "driftlog_score": ("1 1 9 9 9 9", "_x3 4 4 4 4 4"),
    "driftlog_threshold": ("8 8 8 8 8 8", "_x3 8 8 8 8 8"),
}
WEIGHTS = {
    "driftlog_judged_weight": ("3 3 3 3 3 3", "_x3 3 3 3 3 3"),
    "driftlog_drifted_weight": ("0 0 3 3 3 3", "_x3 0 0 0 0 0"),
}
STAYS = {
    f'driftlog_evaluation_timestamp_seconds{{{SERIES}, signal="y", instance="c"}}': "0+60x20",
    f'driftlog_state{{{SERIES}, signal="y", instance="c"}}': "2x20",
    f'driftlog_judged_weight{{{SERIES}, instance="c"}}': "3x20",
    f'driftlog_drifted_weight{{{SERIES}, instance="c"}}': "0x20",
    'driftlog_configured_signal{job="driftlog", model="late", version="1", signal="x", '
    'instance="c"}': "1x20",
    'driftlog_configured_signal{job="driftlog", model="late", version="1", signal="y", '
    'instance="c"}': "1x20",
}
EXPECTED: dict[str, dict[str, float | None]] = {
    'signal:driftlog_state:current{signal="x"}': {
        "1m": 2,
        "2m": 5,
        "4m": 2,
        "5m": 2,
        "7m": 2,
        "15m": None,
    },
    "signal:driftlog_score_ratio:current": {"2m": 9 / 8, "4m": 0.5, "7m": 0.5, "15m": None},
    # One of two, as long as both are told of. Without x there is no share, though y is well.
    "series:driftlog_drift_share:current": {"2m": 0.5, "4m": 0, "7m": 0, "15m": None},
}


def input_series() -> list[dict[str, str]]:
    found = []
    for metrics, more in ((MOVE, ', signal="x"'), (WEIGHTS, "")):
        for name, values in metrics.items():
            detector = ', detector="page_hinkley"' if name in SCORED else ""
            found += [
                {"series": f'{name}{{{SERIES}{more}{detector}, instance="{who}"}}', "values": told}
                for who, told in zip("ab", values, strict=True)
            ]
    return found + [{"series": name, "values": values} for name, values in STAYS.items()]


SCORED = {"driftlog_score", "driftlog_threshold"}


@pytest.mark.prometheus
def test_the_worker_that_judged_last_is_believed_and_nobody_is_counted_twice(
    tmp_path: Path,
) -> None:
    cases: list[dict[str, Any]] = [
        {
            "expr": f"sum({record})",
            "eval_time": at,
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for record, values in EXPECTED.items()
        for at, value in values.items()
    ]
    cases += [
        {
            "expr": 'sum(signal_instance:driftlog_owner:current{signal="x"})',
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for at in ("1m", "3m", "4m", "7m")
    ]
    file = tmp_path / "current.test.yml"
    tests = {
        "rule_files": [str(CURRENT)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": input_series(), "promql_expr_test": cases}],
    }
    file.write_text(yaml.safe_dump(tests, sort_keys=False), encoding="utf-8")
    promtool("test", "rules", str(file))
