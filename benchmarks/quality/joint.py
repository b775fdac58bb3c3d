"""Changes that no single input shows: how soon they are told, and how quiet their watch is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from benchmarks.quality.kinds import KINDS, Source
from benchmarks.quality.model import PANE_ROWS, SIGNALS, Pace, names, prepared, profile_of
from benchmarks.quality.peers import PEERS
from benchmarks.quality.quiet import most_allowed
from detectors.joint import JointScore, fit_ties
from driftlog.records import JOINT_SIGNAL, SignalState
from stream.preparation import Prepared
from stream.rehearsal import Rehearsal, Tally

__all__ = [
    "CHANGES",
    "MARGINS",
    "JointPower",
    "JointQuiet",
    "JointSeen",
    "measure_joint",
    "measure_joint_quiet",
    "measure_scores",
]

FloatArray = NDArray[np.float64]

_RATE = 60.0
_WARM_PANES = 25
_AFTER_PANES = 60
_BEYOND = (SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT)
_PEERS = ("river ADWIN, delta .002", "PSI > 0.1, windows of 1,000")
_TIES = {(0, 1): 0.9, (2, 3): 0.7, (4, 5): 0.7, (6, 7): 0.5}


def _heavy(x: FloatArray) -> FloatArray:
    found: FloatArray = t.ppf(np.clip(norm.cdf(x), 1e-12, 1.0 - 1e-12), 3)
    return found


def _zeros(x: FloatArray) -> FloatArray:
    above = np.clip((norm.cdf(x) - 0.8) / 0.2, 1e-9, 1.0 - 1e-9)
    found: FloatArray = np.exp(norm.ppf(above)).astype(np.float64)
    found[above <= 1e-9] = 0.0
    return found


# How each input is distributed; ties are those of normal values behind it (a Gaussian copula).
MARGINS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "N(0,1)": lambda x: x,
    "Student t(3)": _heavy,
    "lognormal": np.exp,
    "80 % zeros, else lognormal": _zeros,
    "0 or 1, 30 % ones": lambda x: (x > norm.ppf(0.7)).astype(np.float64),
    "AR(1), .9": lambda x: x,
}


def _mixed(ties: dict[tuple[int, int], float]) -> FloatArray:
    """What makes independent normal values tied ones."""
    correlation = np.eye(SIGNALS)
    for (i, j), value in ties.items():
        correlation[i, j] = correlation[j, i] = value
    root: FloatArray = np.linalg.cholesky(correlation).astype(np.float64)
    return root


class _Rows:
    """An endless stream of 20 inputs, of which four pairs go together."""

    def __init__(self, margin: str, rng: np.random.Generator) -> None:
        kind = "ar9" if margin.startswith("AR") else "normal"
        self._source = Source(KINDS[kind], SIGNALS, rng)
        self._margin = MARGINS[margin]

    def rows(self, count: int, ties: dict[tuple[int, int], float] | None = None) -> FloatArray:
        mixed = _mixed(_TIES if ties is None else ties) @ self._source.rows(count)
        return self._margin(mixed)


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    title: str
    ties: dict[tuple[int, int], float]
    swapped: tuple[int, int] | None = None
    shift: float = 0.0  # sd of the first input
    inputs: tuple[int, ...] = ()  # that the first alert should be about


CHANGES = (
    _Change("correlation .9 → 0", _TIES | {(0, 1): 0.0}, inputs=(0, 1)),
    _Change("correlation .7 → 0", _TIES | {(2, 3): 0.0}, inputs=(2, 3)),
    _Change("correlation .5 → 0", _TIES | {(6, 7): 0.0}, inputs=(6, 7)),
    _Change("correlation .7 → -.7", _TIES | {(2, 3): -0.7}, inputs=(2, 3)),
    _Change("two columns swapped", _TIES, swapped=(2, 4), inputs=(2, 3, 4, 5)),
    _Change("an input + .5 sd, ties as usual", _TIES, shift=0.5, inputs=(0,)),
    _Change("an input + 1 sd, ties as usual", _TIES, shift=1.0, inputs=(0,)),
)


def _changed(source: _Rows, change: _Change, count: int, sd: float) -> FloatArray:
    found = source.rows(count, change.ties)
    if change.swapped is not None:
        found[list(change.swapped)] = found[list(change.swapped)[::-1]]
    found[0] += change.shift * sd
    return found


@dataclass(slots=True)
class JointSeen:
    """One change on one kind of inputs; delays in rows to the end of a pane."""

    margin: str
    change: str
    of_one_input: bool
    runs: int = 0
    significant: list[int] = field(default_factory=list)  # first alarm of the joint signal
    incident: list[int] = field(default_factory=list)  # first alert after the change
    named: int = 0  # first alerts whose title is about the right inputs
    by_input: int = 0  # of those, told as one input
    # runs in which a tool alarmed on an input after the change, and not before it
    peers: dict[str, int] = field(default_factory=dict)


def measure_joint(
    margins: Sequence[str],
    reference_rows: int,
    runs: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> list[JointSeen]:
    """Run every change on models of 20 inputs, at the default budget and 60 events/s."""
    settings = Pace(_RATE, round(1000 * PANE_ROWS / _RATE)).settings()
    kind = KINDS["normal"]
    found = {
        (margin, change): JointSeen(
            margin, change.title, change.shift > 0, peers=dict.fromkeys(_PEERS, 0)
        )
        for margin in margins
        for change in CHANGES
    }
    for margin in margins:
        for _ in range(runs):
            source = _Rows(margin, rng)
            usual = source.rows(reference_rows)
            profile = profile_of(
                {name: (row, kind.type) for name, row in zip(names(), usual, strict=True)}
            )
            for change in CHANGES:
                seen = found[margin, change]
                rehearsal = Rehearsal(profile, settings)
                at = _WARM_PANES * PANE_ROWS + int(rng.integers(0, PANE_ROWS))
                rest = (_WARM_PANES + _AFTER_PANES) * PANE_ROWS - at
                late = _changed(source, change, rest, float(usual[0].std()))
                values = np.concatenate([source.rows(at), late], axis=1)
                _watch(rehearsal, prepared(rehearsal.preparation, values, kind), at, change, seen)
                for peer in (one for one in PEERS if one.name in _PEERS):
                    first = [
                        min(peer.alarms(usual[i], values[i], rng), default=-1)
                        for i in change.inputs
                    ]
                    seen.peers[peer.name] += any(alarm >= at for alarm in first)
                advance(values.size)
    return list(found.values())


def _watch(rehearsal: Rehearsal, rows: Prepared, at: int, change: _Change, seen: JointSeen) -> None:
    significant = incident = False
    for pane in rehearsal.run(rows, PANE_ROWS):
        end = (pane.index + 1) * PANE_ROWS
        if end <= at:
            if pane.alerts:
                return  # a false incident was open when the change came: says nothing
            continue
        for one in pane.verdicts[0].signals:
            if one.signal == JOINT_SIGNAL and one.state in _BEYOND and not significant:
                significant = True
                seen.significant.append(end - at)
        if pane.alerts and not incident:
            incident = True
            seen.incident.append(end - at)
            told = pane.alerts[0].signals
            about = {name for pair in told[0].correlations[:1] for name in pair.inputs}
            single = told[0].signal != JOINT_SIGNAL
            about = {told[0].signal} if single else about
            wanted = {names()[i] for i in change.inputs}
            seen.named += bool(about) and about <= wanted
            seen.by_input += single
    seen.runs += 1


@dataclass(slots=True)
class JointQuiet:
    """Alarms of the joint signal alone in rows that do not drift, and incidents of all signals."""

    margin: str
    reference: int
    rows: int
    expected: float  # alarms of the joint signal that the budget allows for in the run
    alarms: int = 0
    incidents: int = 0
    tied: int = 0  # models that have a joint signal

    @property
    def allowed(self) -> int:
        """Most alarms of a run within budget."""
        return most_allowed(self.expected)


def measure_joint_quiet(
    margins: Sequence[str],
    references: Sequence[int],
    rows: int,
    models: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> list[JointQuiet]:
    """Run quiet tied inputs at a budget of 300 false incidents in the run."""
    expected = 300.0
    pace = Pace.for_run(rows * models, expected)
    settings = pace.settings(expected / pace.months(rows * models))
    kind = KINDS["normal"]
    found = []
    for margin in margins:
        for reference in references:
            result = JointQuiet(margin, reference, rows * models, expected / (SIGNALS + 1))
            for _ in range(models):
                source = _Rows(margin, rng)
                profile = profile_of(
                    {
                        name: (row, kind.type)
                        for name, row in zip(names(), source.rows(reference), strict=True)
                    }
                )
                tally = Tally([one.signal for one in profile.signals], settings.stream.window_panes)
                result.tied += JOINT_SIGNAL in tally.by_signal
                rehearsal = Rehearsal(profile, settings)
                for at in range(0, rows, 50 * PANE_ROWS):
                    count = min(50 * PANE_ROWS, rows - at)
                    chunk = prepared(rehearsal.preparation, source.rows(count), kind)
                    for pane in rehearsal.run(chunk, PANE_ROWS):
                        tally.take(pane)
                    advance(count * SIGNALS)
                result.alarms += tally.by_signal.get(JOINT_SIGNAL, 0)
                result.incidents += tally.incidents
            found.append(result)
    return found


@dataclass(slots=True)
class JointPower:
    """By how many sd of its usual spread the mean of a score moves at each change."""

    margin: str
    score: str
    moved: dict[str, float]


def measure_scores(margins: Sequence[str], rows: int, rng: np.random.Generator) -> list[JointPower]:
    """Compare scores of a combination: what the field uses, and ours."""
    found = []
    for margin in margins:
        source = _Rows(margin, rng)
        usual = source.rows(rows)
        low, high = np.quantile(usual, [0.001, 0.999], axis=1)[:, :, None]
        clipped = np.clip(usual, low, high)
        mean, sd = clipped.mean(axis=1)[:, None], clipped.std(axis=1)[:, None]
        quiet = (clipped - mean) / sd
        scores = _scores(quiet)
        of_quiet = {name: score(quiet) for name, score in scores.items()}
        moved: dict[str, dict[str, float]] = {name: {} for name in scores}
        for change in CHANGES:
            late = _changed(source, change, rows, float(usual[0].std()))
            z = (np.clip(late, low, high) - mean) / sd
            for name, score in scores.items():
                ends = np.quantile(of_quiet[name], [0.001, 0.999])
                own, now = np.clip(of_quiet[name], *ends), np.clip(score(z), *ends)
                moved[name][change.title] = float((now.mean() - own.mean()) / own.std())
        found += [JointPower(margin, name, changes) for name, changes in moved.items()]
    return found


def _scores(z: FloatArray) -> dict[str, Callable[[FloatArray], FloatArray]]:
    correlation = 0.95 * np.corrcoef(z) + 0.05 * np.eye(len(z))
    inverse = np.linalg.inv(correlation)
    size, vectors = np.linalg.eigh(correlation)
    minor = vectors[:, size < 0.7]  # what a reconstruction from the rest leaves
    ties = fit_ties(z, np.ones(len(z)))
    if ties is None:
        raise ValueError("inputs of the benchmark are tied")
    return {
        "Mahalanobis, ln(1 + d²/S)": lambda x: np.log1p((x * (inverse @ x)).sum(axis=0) / len(x)),
        "PCA reconstruction, ln(1 + error)": lambda x: np.log1p(((minor.T @ x) ** 2).sum(axis=0)),
        "joint": JointScore(ties),
    }
