"""The comparison of what workers told of a log with what had to be told."""

from __future__ import annotations

from tests.e2e.deployment import Deployment
from tests.e2e.expected import Expected, placeless
from tests.e2e.synthetic import SyntheticLog

__all__ = ["judged_alike"]


async def judged_alike(deployment: Deployment, log: SyntheticLog, wanted: Expected) -> None:
    """Assert that what was told is what is wanted, and lies where the log has it."""
    await deployment.closed(log.end_ms)
    verdicts = deployment.told.decoded()
    assert verdicts.keys() == wanted.verdicts.keys()
    for name, verdict in verdicts.items():
        assert placeless(verdict) == placeless(wanted.verdicts[name])
    places = log.places()
    for verdict in verdicts.values():
        assert verdict.offsets == log.spans(verdict.model, verdict.version, verdict.pane_ms)
        for onset in [signal.onset for signal in verdict.signals if signal.onset is not None]:
            if onset.partition >= 0:  # else the pane is all that is known of it
                assert places[onset.partition, onset.offset].ts_ms == onset.ts_ms
    told = [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in deployment.told.all_alerts()]
    assert told == [(a.alert_id, a.pane_end_ms, a.status, a.title) for a in wanted.alerts]
    assert len({alert_id for alert_id, *_ in told}) >= 2, "one drift of each model"
    gauges = [await worker.gauges() for worker in deployment.workers]
    assert sum(one.total("driftlog_late_idle_total") for one in gauges) == 0
    assert sum(one.total("driftlog_late_total") for one in gauges) == len(log.late())
    assert sum(one.total("driftlog_events_total") for one in gauges) == len(log.rows)
