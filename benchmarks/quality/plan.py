"""How much each table runs: in the usual size, or for the quick look of continuous integration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.quality.delay import SHIFTS
from benchmarks.quality.fault_cases import CASES
from benchmarks.quality.incident import SCENARIOS
from benchmarks.quality.joint import MARGINS
from benchmarks.quality.kinds import KINDS
from benchmarks.quality.peers import PEER_SHIFTS
from benchmarks.quality.quiet import DEFAULT, QuietPlan

__all__ = ["BUDGETS", "PARTS", "QUICK", "USUAL", "Plan", "with_values"]

PARTS = (
    *("quiet", "delay", "incident", "joint", "peers", "real", "walk", "wander", "state", "faults"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of all tables; rows and values count all signals together where not said otherwise."""

    name: str
    kinds: tuple[str, ...]
    quiet: tuple[QuietPlan, ...]
    delay_kinds: tuple[str, ...]
    delay_reference: int
    delay_values: int  # quiet values by which T is measured
    shifts: tuple[float, ...]
    batches: int  # of 20 runs each, for each shift
    scenarios: tuple[str, ...]
    models: int  # of 20 signals each, for each scenario
    joint_margins: tuple[str, ...]
    joint_runs: int  # of each margin and change
    joint_quiet: tuple[int, tuple[int, ...]]  # rows, and the references' rows
    peer_rows: int  # of each feature
    peer_reference: int
    peer_shifts: tuple[float, ...]
    reshuffles: int
    wander_references: int  # of each memory
    state_kinds: tuple[str, ...]
    state_rows: tuple[int, ...]  # a pane
    faults: tuple[str, ...]  # cases
    fault_models: int  # of 20 signals each, for each case and shape


BUDGETS = (300.0, 30.0, 3.0)
USUAL = Plan(
    name="usual",
    kinds=tuple(KINDS),
    quiet=(
        QuietPlan(8_000_000, 100_000, 2, (*BUDGETS, DEFAULT)),
        QuietPlan(2_400_000, 10_000, 2, (300.0, 30.0)),
        QuietPlan(2_400_000, 1_000, 2, (300.0, 30.0)),
    ),
    delay_kinds=("normal", "ar8", "ar9"),
    delay_reference=100_000,
    delay_values=60_000_000,
    shifts=SHIFTS,
    batches=20,
    scenarios=tuple(one.name for one in SCENARIOS),
    models=2,
    joint_margins=tuple(MARGINS),
    joint_runs=3,
    joint_quiet=(240_000, (10_000, 1_000)),
    peer_rows=30_000,
    peer_reference=20_000,
    peer_shifts=PEER_SHIFTS,
    reshuffles=410,  # of Adult 100 million values, of March 115
    wander_references=4_000,
    state_kinds=("normal", "zipf", "ar9"),
    state_rows=(20, 600, 20_000),
    faults=tuple(one.name for one in CASES),
    fault_models=2,
)
QUICK = Plan(
    name="quick",
    kinds=("normal", "boolean", "ar9"),
    quiet=(QuietPlan(1_200_000, 10_000, 1, (300.0,)),),
    delay_kinds=("normal",),
    delay_reference=10_000,
    delay_values=20_000_000,
    shifts=(0.5, 1.0, 2.0),
    batches=10,
    scenarios=("shift_0.1", "level"),
    models=1,
    joint_margins=("N(0,1)",),
    joint_runs=1,
    joint_quiet=(60_000, (10_000,)),
    peer_rows=2_000,
    peer_reference=5_000,
    peer_shifts=(1.0,),
    reshuffles=0,
    wander_references=300,
    state_kinds=("normal", "zipf"),
    state_rows=(600,),
    faults=("unit 100", "sentinel 20%", "nulls 20%", "shift +1", "level"),
    fault_models=1,
)


def with_values(plan: Plan, values: int) -> Plan:
    """The plan with so many quiet values a kind and budget at its largest reference.

    Smaller references are tabled beside it, at their usual size.
    """
    largest = max(one.reference for one in plan.quiet)
    quiet = tuple(
        replace(one, values=values) if one.reference == largest else one for one in plan.quiet
    )
    return replace(plan, quiet=quiet)
