"""Histograms of the worker: what is measured, and the request that is shown beside a bucket."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.openmetrics import exposition, parser

from driftlog.serving import exemplar
from stream.metrics import Observed
from stream.output import Output

NOW = 1_000.0
DELAY = "driftlog_verdict_delay_seconds"
HOSTILE = ['"}', "a\\", "\n# EOF", "<script>", "\u202eabc", "é" * 500, "\x00\r", "\ud800"]


def told(observed: Observed) -> dict[str, list[Any]]:
    text = exposition.generate_latest(observed).decode()  # type: ignore[no-untyped-call]
    families = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {family.name: family.samples for family in families}


def verdict(pane_end_ms: int, correlation_id: str = "req-1") -> Output:
    return Output(
        "verdicts", b"k", b"{}", 0, pane_end_ms=pane_end_ms, correlation_id=correlation_id
    )


def test_the_delay_of_a_verdict_is_counted_with_the_id_of_a_row_of_it() -> None:
    observed = Observed(lambda: NOW)
    observed.sent(verdict(988_000))
    observed.sent(Output("verdicts", b"marker 0", b"{}", 0))
    observed.sent(Output("alerts", b"a", b"{}"))
    samples = told(observed)[DELAY]
    values = {(one.name, one.labels.get("le")): one.value for one in samples}
    assert values[f"{DELAY}_count", None] == 1
    assert values[f"{DELAY}_sum", None] == 12
    assert (values[f"{DELAY}_bucket", "10.0"], values[f"{DELAY}_bucket", "15.0"]) == (0, 1)
    (shown,) = [one.exemplar for one in samples if one.exemplar]
    assert (shown.labels, shown.value) == ({"correlation_id": "req-1"}, 12)


def test_rows_of_a_batch_are_counted() -> None:
    observed = Observed()
    observed.decoded(300, "req-2")
    samples = told(observed)["driftlog_batch_rows"]
    assert {one.labels["le"]: one.value for one in samples if "le" in one.labels}["1024.0"] == 1
    assert [one.exemplar.labels for one in samples if one.exemplar] == [{"correlation_id": "req-2"}]


@pytest.mark.parametrize("correlation_id", HOSTILE)
def test_no_correlation_id_breaks_a_scrape(correlation_id: str) -> None:
    observed = Observed(lambda: NOW)
    observed.sent(verdict(999_000, correlation_id))
    samples = told(observed)[DELAY]
    assert [one.value for one in samples if one.name == f"{DELAY}_count"] == [1]
    for shown in (one.exemplar for one in samples if one.exemplar):
        assert correlation_id.startswith(shown.labels["correlation_id"])
        assert sum(len(name + value) for name, value in shown.labels.items()) <= 128


def test_a_long_correlation_id_is_cut_to_what_openmetrics_takes() -> None:
    observed = Observed(lambda: NOW)
    observed.sent(verdict(999_000, "x" * 500))
    (shown,) = [one.exemplar.labels for one in told(observed)[DELAY] if one.exemplar]
    assert sum(len(name + value) for name, value in shown.items()) == 128


def test_a_row_without_a_correlation_id_counts_without_an_exemplar() -> None:
    observed = Observed(lambda: NOW)
    observed.sent(verdict(999_000, ""))
    assert exemplar("") is None
    assert not [one for one in told(observed)[DELAY] if one.exemplar]


def test_a_verdict_from_the_future_took_no_time() -> None:
    observed = Observed(lambda: NOW)
    observed.sent(verdict(1_000_400))
    assert {one.name: one.value for one in told(observed)[DELAY]}[f"{DELAY}_sum"] == 0
