"""Verdicts as a monitor writes them, made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from driftlog.records import Onset, Score, SignalState, SignalVerdict, Spread, Verdict
from driftlog.settings import DetectionSettings, Settings, StreamSettings
from driftlog.settings.duration import Duration

PANE = 1_000
MODEL = "late"

OK = SignalState.OK
MINOR = SignalState.MINOR
PENDING = SignalState.PENDING
DRIFT = SignalState.DRIFT
INSUFFICIENT = SignalState.INSUFFICIENT


def settings(**detection: Any) -> Settings:
    """Panes of a second, a window of ten of them; the rest by default."""
    stream = StreamSettings(pane=Duration(PANE), window_panes=10)
    return Settings(stream=stream, detection=DetectionSettings(**detection))


def signal(
    name: str,
    state: SignalState = OK,
    *,
    pane: int = 0,
    onset: int | None = None,
    sd: float = 0.5,
    psi: float = 0.2,
    **more: Any,
) -> SignalVerdict:
    """One signal at the pane with that number; a drifted one began at pane ``onset``."""
    if state is not DRIFT:
        return SignalVerdict(
            signal=name, state=state, rows=200, psi=0.01, scores={"psi": Score(1.0, 9.0)}, **more
        )
    began = (pane if onset is None else onset) * PANE
    evidence: dict[str, Any] = {
        "direction": 1,
        "before": Spread(rows=1000, mean=10.0, sd=2.0),
        "after": Spread(rows=200, mean=10.0 + 2 * sd, sd=2.0),
    }
    return SignalVerdict(
        signal=name,
        state=state,
        rows=200,
        psi=psi,
        scores={"psi": Score(18.0, 9.0), "adwin": Score(0.5, 1.0)},
        effect_sd=sd,
        detectors=("psi",),
        onset=Onset(ts_ms=began, partition=0, offset=max(0, began - 5)),
        **(evidence | more),
    )


def verdict(
    pane: int,
    signals: Iterable[SignalVerdict],
    *,
    version: str = "1",
    segment: str = "*",
    shard: int = 0,
    shards: int = 1,
    model: str = MODEL,
    reference_id: str = "ref",
    config: str = "conf",
) -> Verdict:
    """All signals of a shard at the pane with that number."""
    told = tuple(signals)
    return Verdict(
        model=model,
        version=version,
        segment=segment,
        shard=shard,
        shards=shards,
        pane_ms=pane * PANE,
        pane_end_ms=(pane + 1) * PANE,
        rows=20,
        reference_id=reference_id,
        config=config,
        signals=told,
        offsets={"0": (pane * PANE, pane * PANE + 19)},
        samples_before=(f"before-{pane}",),
        samples_after=(f"after-{pane}",),
    )


def states(pane: int, named: dict[str, SignalState], **more: Any) -> Verdict:
    """A verdict of signals of which only the state matters; onsets at the pane itself."""
    return verdict(pane, [signal(name, state, pane=pane) for name, state in named.items()], **more)
