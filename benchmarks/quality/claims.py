"""What ought to hold of the findings, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.quality.findings import Findings
from benchmarks.quality.outlier import OUTLIER
from benchmarks.quality.state import MOST_BYTES

__all__ = ["Claim", "claims"]

_PAGE_HINKLEY = "river PageHinkley, defaults"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that ought to hold, what was measured, and whether it does."""

    what: str
    measured: str
    holds: bool


def claims(found: Findings) -> list[Claim]:
    """Hold the findings against what detection is meant to do."""
    return [
        *_of_quiet(found),
        *_of_delay(found),
        *_of_incidents(found),
        *_of_joint(found),
        *_of_peers(found),
        *_of_bank(found),
        *_of_standing(found),
        *_of_wander(found),
        *_of_outliers(found),
        *_of_states(found),
        *_of_faults(found),
    ]


def _of_quiet(found: Findings) -> Iterator[Claim]:
    for title, runs in (("quiet data", found.quiet), ("reshuffled real rows", found.real)):
        for rows in sorted({one.reference for one in runs}, reverse=True):
            here = [one for one in runs if one.reference == rows]
            over = [one for one in here if not one.holds]
            worst = max(here, key=lambda one: one.incidents / max(one.allowed, 1))
            yield Claim(
                f"False incidents of {title} within budget, reference of {rows:,} rows",
                f"{len(here) - len(over)} of {len(here)} runs within; nearest to its limit "
                f"{worst.kind}: {worst.incidents} of at most {worst.allowed}",
                not over,
            )
            counted = [one for one in here if one.expected >= 1.0]
            if counted:
                most = max(counted, key=lambda one: sum(one.alarms.values()) / one.allowed)
                alarms = sum(most.alarms.values())
                yield Claim(
                    f"Even all alarms of {title} are within budget, reference of {rows:,} rows",
                    f"nearest to its limit {most.kind}: {alarms} of at most {most.allowed}",
                    all(sum(one.alarms.values()) <= one.allowed for one in counted),
                )


def _of_delay(found: Findings) -> Iterator[Claim]:
    for kind in dict.fromkeys(one.kind for one in found.delays):
        here = [one for one in found.delays if one.kind == kind]
        held = [one for one in here if one.shift >= 0.25]
        worst = max(held, key=lambda one: one.ratio / _limit(one.shift))
        yield Claim(
            f"{kind}: delay at most 1.25 times the yardstick from .25 to 2 sd, 1.5 at 3",
            f"nearest to its limit {worst.shift:g} sd: {worst.ratio:.2f}",
            all(one.ratio <= _limit(one.shift) for one in held),
        )
        onset = max((o for o in here if 0.25 <= o.shift <= 2), key=lambda one: one.onset)
        yield Claim(
            f"{kind}: median error of the onset at most .1 of the delay from .25 to 2 sd",
            f"worst at {onset.shift:g} sd: {onset.onset:.3f}",
            onset.onset <= 0.1,
        )
        yield _covered(kind, {o.shift: o.covered for o in here if 0.25 <= o.shift <= 2})
        if kind != "normal":
            continue
        late = max(here, key=lambda one: one.against_adwin)
        yield Claim(
            "normal: at equal T no later than ADWIN .002 by 5 % (10 % up to .25 sd)",
            f"worst at {late.shift:g} sd: {late.against_adwin:.2f} of its delay",
            all(one.against_adwin <= (1.1 if one.shift <= 0.25 else 1.05) for one in here),
        )
        clear = max((o for o in here if o.shift >= 1), key=lambda one: one.against_adwin)
        yield Claim(
            "normal: clearly sooner than ADWIN .002 from 1 sd on",
            f"at most {clear.against_adwin:.2f} of its delay",
            clear.against_adwin <= 0.75,
        )


def _covered(kind: str, shares: dict[float, float]) -> Claim:
    """Whether the 90 % interval of the onset holds what it says, by shift."""
    least, most = min(shares.values()), max(shares.values())
    return Claim(
        f"{kind}: the change lies within the onset's 90 % interval in .85 to .99 of the runs, from "
        ".25 to 2 sd",
        f"{least:.3f} to {most:.3f}",
        least >= 0.85 and most <= 0.99,
    )


def _limit(shift: float) -> float:
    return 1.25 if shift <= 2 else 1.5


def _of_incidents(found: Findings) -> Iterator[Claim]:
    # At the smallest effect itself half of all shifts measure less: claimed clearly above it.
    clear = [one for one in found.incidents if one.important and one.scenario != "shift_0.25"]
    if clear:
        worst = min(clear, key=lambda one: len(one.incident) / max(one.runs, 1))
        yield Claim(
            "Every change beyond the smallest effect opens an incident",
            f"fewest: {worst.title}, {len(worst.incident)} of {worst.runs}",
            all(len(one.incident) == one.runs for one in clear),
        )
    for one in found.incidents:
        if not one.important:
            yield Claim(
                f"Too small to matter ({one.title}): significant, and no incident",
                f"significant in {len(one.significant)} of {one.runs}, "
                f"{len(one.incident)} incidents",
                not one.incident,
            )


def _of_joint(found: Findings) -> Iterator[Claim]:
    untied = [one for one in found.joint if one.margin == "N(0,1)" and not one.of_one_input]
    if untied:
        least = min(untied, key=lambda one: one.named / max(one.runs, 1))
        yield Claim(
            "N(0,1): inputs that no longer go together open an incident that names them",
            f"fewest: {least.change}, {least.named} of {least.runs}",
            all(one.named == one.runs > 0 for one in untied),
        )
        seen = sum(sum(one.peers.values()) for one in untied)
        runs = sum(one.runs * len(one.peers) for one in untied)
        yield Claim(
            "N(0,1): what no single input shows, ADWIN and PSI of each input do not see",
            f"{seen} of {runs} runs",
            seen <= 0.2 * runs,
        )
    # With autocorrelation a shift may take longer to be sure of than that it left its partner.
    single = [one for one in found.joint if one.of_one_input and not one.margin.startswith("AR")]
    if single:
        told, alerts = sum(one.by_input for one in single), sum(len(one.incident) for one in single)
        yield Claim(
            "Independent rows: a shift of one of several tied inputs is told as that input",
            f"{told} of {alerts} incidents",
            told == alerts,
        )
    if found.joint_quiet:
        worst = max(found.joint_quiet, key=lambda one: one.alarms)
        yield Claim(
            "Alarms of the joint signal on quiet tied inputs are within its share of the budget",
            f"nearest to its limit {worst.margin}: {worst.alarms} of at most {worst.allowed}",
            all(one.alarms <= one.allowed for one in found.joint_quiet),
        )


def _of_peers(found: Findings) -> Iterator[Claim]:
    by_name = {one.peer: one for one in found.peers}
    if not by_name:
        return
    ours, theirs = by_name["driftlog, incident"], by_name[_PAGE_HINKLEY]
    yield Claim(
        f"Fewer false alarms than {_PAGE_HINKLEY}, on N(0,1)",
        f"{ours.per_million['normal']:.3g} against {theirs.per_million['normal']:.3g} per million",
        ours.per_million["normal"] < theirs.per_million["normal"],
    )


def _of_bank(found: Findings) -> Iterator[Claim]:
    if found.bank is None:
        return
    seen = sum(rows is not None for rows in found.bank.seen.values())
    yield Claim(
        "Bank: all four changes are seen",
        f"{seen} of {len(found.bank.seen)}",
        seen == len(found.bank.seen),
    )
    yield Claim(
        "Bank: at most one other incident per 10,000 rows, months' borders aside",
        f"{found.bank.elsewhere:.1f}",
        found.bank.elsewhere <= 1.0,
    )


def _of_standing(found: Findings) -> Iterator[Claim]:
    for one in found.standing:
        if one.level_shift:
            yield Claim(
                f"Flights: against a reference of {one.reference}, temperature and dew point are "
                "told by the end of July",
                f"temp {one.told.get('temp', 'never')}, dewp {one.told.get('dewp', 'never')}",
                all("" < one.told.get(name, "") < "2013-08" for name in ("temp", "dewp")),
            )


def _of_wander(found: Findings) -> Iterator[Claim]:
    known = [one for one in found.wander if one.independent >= 10.0]
    if known:
        worst = max(known, key=lambda one: one.worst)
        yield Claim(
            "A level that wanders by itself is told of 1 % of the references at most, where these "
            "stand for ten independent rows",
            f"most: {worst.worst:.2%}, of {worst.independent:.0f} independent rows",
            worst.worst <= 0.01,
        )


def _of_outliers(found: Findings) -> Iterator[Claim]:
    for one in found.outliers:
        if one.tool == "driftlog":
            yield Claim(
                f"An outlier of {OUTLIER:g} among 1,000 rows does not hide a shift of .5 sd",
                f"PSI {one.without:.3f} without it, {one.with_one:.3f} with it",
                one.with_one >= 0.8 * one.without,
            )


def _of_states(found: Findings) -> Iterator[Claim]:
    if not found.states:
        return
    most = max(found.states, key=lambda one: one.most)
    usual = max(found.states, key=lambda one: one.usual)
    yield Claim(
        f"State of a signal at most {MOST_BYTES:,} bytes whatever the traffic, about 6,000 usual",
        f"at most {most.most:,.0f} ({most.kind}, {most.rows_a_pane:,} rows a pane), usual at most "
        f"{usual.usual:,.0f}",
        most.most <= MOST_BYTES and usual.usual <= 0.4 * MOST_BYTES,
    )


def _of_faults(found: Findings) -> Iterator[Claim]:
    broken = [one for one in found.faults if one.kind]
    drifts = [one for one in found.faults if not one.kind]
    if broken:
        worst = min(broken, key=lambda one: one.right / one.runs)
        yield Claim(
            "Each fault is recognised in 95 % of the runs at least, on data of every shape",
            f"fewest: {worst.title} on {worst.shape}, {worst.right} of {worst.runs}",
            all(one.right >= 0.95 * one.runs for one in broken),
        )
        runs = sum(one.runs for one in broken)
        wrong = sum(one.wrong for one in broken)
        yield Claim(
            "Hardly ever is a fault called by another's name (at most 2 %)",
            f"{wrong} of {runs} runs",
            wrong <= 0.02 * runs,
        )
    if drifts:
        runs = sum(one.runs for one in drifts)
        wrong = sum(one.wrong for one in drifts)
        yield Claim(
            "A real drift is not called a fault (at most 0.5 %)",
            f"{wrong} of {runs} runs",
            wrong <= 0.005 * runs,
        )
