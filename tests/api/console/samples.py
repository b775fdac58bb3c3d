"""Records as workers and people write them: one story with a bit of everything.

flight-delay 3 has five signals; ``temp`` drifts since pane 40 with an open, acknowledged incident.
fares 1 is quiet, with two segments, and was last told of long ago. All times are fixed: the clock
of the story stands at `NOW_MS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sin
from typing import Any

from api.console.history import History
from api.console.known import Known, Watched
from driftlog.records import (
    ACTION,
    ALERT,
    MARKER,
    REFERENCE,
    VERDICT,
    Action,
    Alert,
    AlertSignal,
    AlertStatus,
    Because,
    BinShare,
    Decision,
    Marker,
    Onset,
    ReferenceProfile,
    Score,
    Severity,
    SignalProfile,
    SignalState,
    SignalType,
    SignalVerdict,
    Spread,
    Verdict,
)
from driftlog.settings import ConsoleSettings, Settings, StreamSettings

__all__ = [
    "ALERT_ID",
    "MODEL",
    "NOW_MS",
    "PANE_MS",
    "START_MS",
    "Sample",
    "action",
    "alert",
    "known",
    "marker",
    "profile",
    "quiet",
    "reference",
    "story",
    "verdict",
]

START_MS = 1_732_100_000_000
PANE_MS = 10_000
PANES = 60
DRIFTS_FROM = 40  # pane
MODEL = "flight-delay"
ALERT_ID = "c3f1a0b25d7e9486"
NOW_MS = START_MS + PANES * PANE_MS + 1_500  # the last pane was told of 1.5 s ago


@dataclass(frozen=True, slots=True)
class Sample:
    """One record: which topic, without prefix, its key and value, and when it was written."""

    topic: str
    key: bytes
    value: bytes
    at_ms: int


def profile(signal: str, kind: SignalType = SignalType.NUMBER, **more: Any) -> SignalProfile:
    """What is usual of one signal: four bins and one for missing values."""
    plain: dict[str, Any] = {
        "signal": signal,
        "type": kind,
        "role": "input",
        "rows": 10_000,
        "missing": 0.0,
        "bins": ("below 10", "[10, 20)", "[20, 30)", "30 and more", "missing"),
        "shares": (0.25, 0.25, 0.25, 0.2499, 0.0001),
        "edges": (10.0, 20.0, 30.0),
        "mean": 20.0,
        "sd": 5.0,
    }
    if kind is SignalType.CATEGORY:
        plain |= {
            "bins": ("UA", "AA", "other levels", "unseen"),
            "shares": (0.5, 0.3, 0.1999, 0.0001),
            "edges": (),
            "levels": ("UA", "AA"),
            "other_levels": ("YV", "OO"),
        }
    return SignalProfile(**(plain | more))


def reference(model: str = MODEL, version: str = "3", **more: Any) -> Sample:
    """A reference of the five signals."""
    plain: dict[str, Any] = {
        "model": model,
        "version": version,
        "reference_id": "5f0c2a91d3e4b786",
        "origin": "file",
        "effective_from_ms": 0,
        "rows": 10_000,
        "span_ms": (START_MS - 9_000_000, START_MS - 1_000_000),
        "rate": 20.0,
        "source": "march.parquet",
        "signals": (
            profile("temp"),
            profile("distance"),
            profile("carrier", SignalType.CATEGORY),
            profile("confidence", role="output", weight=2.0),
            profile("latency", role="service"),
        ),
    }
    record = ReferenceProfile(**(plain | more))
    key = f"{record.model}@{record.version}@{record.reference_id}"
    return Sample("references", key.encode(), REFERENCE.encode(record), START_MS)


def quiet(signal: str, pane: int, state: SignalState = SignalState.OK) -> SignalVerdict:
    """A signal that has not moved."""
    score = round(4.0 + 2.0 * sin(pane / 3.0 + len(signal)), 3)
    return SignalVerdict(
        signal=signal,
        state=state,
        rows=1_200,
        psi=round(score / 1_000, 5),
        scores={"page_hinkley": Score(score, 23.7), "psi": Score(score / 500, 0.021)},
        since_ms=START_MS,
    )


def _drifting(pane: int) -> SignalVerdict:
    since = START_MS + (DRIFTS_FROM + 1) * PANE_MS
    state = SignalState.DRIFT if pane > DRIFTS_FROM else SignalState.PENDING
    return SignalVerdict(
        signal="temp",
        state=state,
        rows=1_200,
        psi=0.41,
        scores={
            "page_hinkley": Score(23.7 + 3.0 * (pane - DRIFTS_FROM), 23.7),
            "psi": Score(0.3, 0.021),
        },
        effect_sd=2.1,
        effect_spread=1.1,
        detectors=("page_hinkley", "psi"),
        direction=1,
        onset=_onset(),
        since_ms=since if state is SignalState.DRIFT else since - PANE_MS,
        before=Spread(rows=10_000, mean=20.0, sd=5.0, quantiles=(12.0, 20.0, 28.0)),
        after=Spread(rows=1_200, mean=30.5, sd=5.5, quantiles=(21.0, 30.0, None)),
        moved=(
            BinShare(bin="30 and more", before=0.2499, after=0.55, part=0.68),
            BinShare(bin="below 10", before=0.25, after=0.05, part=0.22),
        ),
        statistics={"kolmogorov_smirnov": 0.38},
    )


def _onset() -> Onset:
    at = START_MS + DRIFTS_FROM * PANE_MS - 4_000
    return Onset(ts_ms=at, partition=1, offset=20_913, earliest_ms=at - 2_000, latest_ms=at + 2_000)


def verdict(
    pane: int,
    signals: tuple[SignalVerdict, ...],
    *,
    model: str = MODEL,
    version: str = "3",
    segment: str = "*",
    shard: int = 0,
    shards: int = 1,
    at_ms: int | None = None,
    **more: Any,
) -> Sample:
    """A verdict on the topic, written half a second after its pane."""
    end = START_MS + (pane + 1) * PANE_MS
    record = Verdict(
        model=model,
        version=version,
        segment=segment,
        shard=shard,
        shards=shards,
        pane_ms=end - PANE_MS,
        pane_end_ms=end,
        rows=200,
        reference_id=more.pop("reference_id", "5f0c2a91d3e4b786"),
        config="91b7a3c04d5e2f18",
        signals=signals,
        offsets={"0": (pane * 200, pane * 200 + 199)},
        **more,
    )
    key = f"{model}@{version}/{segment}#{shard}"
    return Sample(
        "verdicts", key.encode(), VERDICT.encode(record), end + 500 if at_ms is None else at_ms
    )


def marker(partition: int, pane: int) -> Sample:
    """The marker behind the verdicts of a pane."""
    end = START_MS + (pane + 1) * PANE_MS
    record = Marker(marker=partition, closed_through_ms=end)
    return Sample("verdicts", b"marker %d" % partition, MARKER.encode(record), end + 500)


def alert(pane: int, status: AlertStatus = AlertStatus.FIRING, **more: Any) -> Sample:
    """The incident of temp, as told at a pane."""
    end = START_MS + (pane + 1) * PANE_MS
    plain: dict[str, Any] = {
        "alert_id": ALERT_ID,
        "status": status,
        "severity": Severity.CRITICAL,
        "model": MODEL,
        "versions": ("3",),
        "series": (f"{MODEL}@3/*",),
        "title": "temp up 20.0 → 30.5 (2.1 sd) (1 of 5 signals)",
        "advice": "Look for what changed temp at the source: a sensor, a unit, a release.",
        "signals": (
            AlertSignal(
                series=f"{MODEL}@3/*",
                signal="temp",
                state="drift",
                detector="page_hinkley",
                scores={"page_hinkley": Score(50.0, 23.7)},
                psi=0.41,
                effect_sd=2.1,
                direction=1,
                onset=_onset(),
                rows=1_200,
                contribution=1.0,
                before=Spread(rows=10_000, mean=20.0, sd=5.0),
                after=Spread(rows=1_200, mean=30.5, sd=5.5),
            ),
        ),
        "onset": _onset(),
        "opened_ms": START_MS + (DRIFTS_FROM + 2) * PANE_MS,
        "pane_end_ms": end,
        "window_ms": (end - 600_000, end),
        "offsets": {"0": (20_711, 20_760), "1": (20_890, 20_944)},
        "decision": Decision.INVESTIGATE,
        "because": Because(
            rule="drift_share >= investigate_share",
            drift_share=0.2,
            output_drifted=False,
            threshold=0.2,
        ),
        "reference_id": "5f0c2a91d3e4b786",
        "config": "91b7a3c04d5e2f18",
        "samples_before": ("req-71c0", "req-71c4"),
        "samples_after": ("req-9a02", "req-9a07"),
    }
    record = Alert(**(plain | more))
    return Sample("alerts", record.alert_id.encode(), ALERT.encode(record), end + 600)


def action(kind: str = "acknowledge", at_ms: int = NOW_MS - 60_000, **more: Any) -> Sample:
    """What ada did about the incident."""
    plain: dict[str, Any] = {
        "action": kind,
        "model": MODEL,
        "by": "ada",
        "at_ms": at_ms,
        "alert_id": ALERT_ID,
    }
    record = Action(**(plain | more))
    return Sample("actions", record.model.encode(), ACTION.encode(record), at_ms)


def story(panes: int = PANES) -> list[Sample]:
    """All of it, in the order of writing."""
    found = [
        reference(),
        reference("fares", "1", reference_id="0a0b0c0d0e0f0102", signals=(profile("price"),)),
    ]
    for pane in range(panes):
        moved = _drifting(pane) if pane >= DRIFTS_FROM else quiet("temp", pane)
        others = (
            quiet("distance", pane),
            quiet("carrier", pane, SignalState.MINOR if pane > 50 else SignalState.OK),
            quiet("confidence", pane),
            quiet("latency", pane, SignalState.INSUFFICIENT if pane < 3 else SignalState.OK),
        )
        ids: dict[str, Any] = {}
        if pane >= DRIFTS_FROM:
            ids = {"samples_before": ("req-71c0",), "samples_after": (f"req-{pane}",)}
        found.append(verdict(pane, (moved, *others), **ids))
        if pane < 20:  # then nothing more is told of it
            for segment in ("*", "JFK"):
                price = (quiet("price", pane),)
                found.append(
                    verdict(
                        pane,
                        price,
                        model="fares",
                        version="1",
                        segment=segment,
                        reference_id="0a0b0c0d0e0f0102",
                    )
                )
        found += [marker(partition, pane) for partition in range(2)]
        if pane == DRIFTS_FROM + 1:
            found.append(alert(pane))
        if pane == DRIFTS_FROM + 6:
            found.append(alert(pane, AlertStatus.UPDATED))
    found.append(action())
    return found


def known(
    samples: list[Sample] | None = None,
    now_ms: int = NOW_MS,
    watched: Watched | None = None,
    **console: Any,
) -> Known:
    """Records folded, and the clock: what every view is made of.

    ``fleet(known())``, ``model(known(), MODEL, "3")`` and so on give the views of the story.
    """
    settings = Settings(stream=StreamSettings(window_panes=30), console=ConsoleSettings(**console))
    history = History(settings.console)
    for one in story() if samples is None else samples:
        history.take(one.topic, one.key, one.value, one.at_ms)
    return Known(history, now_ms, settings, watched, "0.1.0")
