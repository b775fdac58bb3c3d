"""A model that nobody has described is learned from its own first rows, and then judged."""

from __future__ import annotations

from pathlib import Path

from driftlog.records import SignalState
from driftlog.testing.cluster import Broker
from driftlog.testing.events import EventFactory
from stream.book import ReferenceBook
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.waiting import eventually

LEARN_ROWS = 1_000
PER_SECOND = 50


async def test_an_unknown_model_is_learned_and_then_judged(broker: Broker, tmp_path: Path) -> None:
    factory = EventFactory("fares", "7", step_ms=1000 // PER_SECOND)
    first = [factory.json() for _ in range(LEARN_ROWS - 10 * PER_SECOND)]
    more = [factory.json() for _ in range(20 * PER_SECOND)]
    shifted = [
        factory.json(inputs={"distance": 2_000.0 + number % 50}) for number in range(6 * PER_SECOND)
    ]
    events_written = [*first, *more, *shifted]
    async with deployed(broker, tmp_path, MODELS_LEARN_ROWS=str(LEARN_ROWS)) as deployment:
        told = deployment.told
        worker = await deployment.start()
        async with writing(deployment.settings) as events:
            await events.write((n % 4, raw) for n, raw in enumerate(first))

            async def learning() -> bool:
                rows = (await worker.gauges()).one("driftlog_learning_rows", model="fares")
                return rows is not None and 0 < rows < LEARN_ROWS

            await eventually(learning, "rows being learned")
            assert not told.verdicts
            await events.write((n % 4, raw) for n, raw in enumerate([*more, *shifted]))
            end_ms = 1_732_100_000_000 + len(events_written) * 1000 // PER_SECOND
            await events.close(end_ms)
        await deployment.closed(end_ms)
        await told.until(lambda: bool(told.references), "the reference")
        (profile,) = told.references
        assert (profile.model, profile.version, profile.origin) == ("fares", "7", "learned")
        assert profile.rows == LEARN_ROWS
        verdicts = list(told.decoded().values())
        assert verdicts, "what comes after the learned rows is judged"
        assert {v.reference_id for v in verdicts} == {profile.reference_id}
        assert min(v.pane_ms for v in verdicts) == profile.effective_from_ms
        judged = sum(v.rows for v in verdicts if v.shard == 0)
        assert LEARN_ROWS + judged == len(events_written), "each row is learned or judged"
        alerts = told.all_alerts()
        assert alerts
        assert alerts[0].signals[0].signal == "distance"
        assert alerts[0].opened_ms > end_ms - 6_000
        gauges = await worker.gauges()
        state = gauges.one("driftlog_state", model="fares", signal="distance")
        assert state == SignalState.DRIFT.code
        assert not gauges.all("driftlog_learning_rows")
        assert len(ReferenceBook(told.references)) == 1
        # A worker that follows takes up the reference from its topic and the state from its log.
        assert await deployment.end(worker) == 0
