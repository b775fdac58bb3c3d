"""``python -m benchmarks.quality``: measure, print the claims, write quality.md and .json."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.quality.bank import measure_bank
from benchmarks.quality.bundled import measure_bundled
from benchmarks.quality.claims import claims
from benchmarks.quality.conditions import conditions
from benchmarks.quality.delay import equal_terms, measure_delay
from benchmarks.quality.evidently import Evidently
from benchmarks.quality.faults import measure_faults
from benchmarks.quality.findings import Findings
from benchmarks.quality.incident import SCENARIOS, measure_scenario
from benchmarks.quality.joint import measure_joint, measure_joint_quiet, measure_scores
from benchmarks.quality.kinds import KINDS
from benchmarks.quality.outlier import measure_outlier
from benchmarks.quality.peers import measure_peers
from benchmarks.quality.plan import BUDGETS, PARTS, QUICK, USUAL, Plan, with_values
from benchmarks.quality.quiet import DEFAULT, measure_quiet
from benchmarks.quality.real import adult, flights_of_march, reshuffled
from benchmarks.quality.report import markdown
from benchmarks.quality.state import measure_state
from benchmarks.quality.storage import completed, load, save
from benchmarks.quality.wander import measure_wander
from benchmarks.quality.year import measure_standing, measure_year

Advance = Callable[[int], None]

_RESULTS = Path(__file__).resolve().parents[1] / "results"


def measure(
    plan: Plan,
    parts: tuple[str, ...],
    *,
    seed: int,
    data: Path,
    bar: Progress,
    jobs: int = 1,
    evidently: Evidently | None = None,
) -> Findings:
    """Run the parts of a plan, each with random numbers of its own."""
    found = Findings(conditions(seed, plan.name))

    def task(title: str) -> Advance:
        one = bar.add_task(title, total=None)
        return lambda values: bar.advance(one, values / 1e6)

    def rng(*keys: int) -> np.random.Generator:
        return np.random.default_rng([seed, *keys])

    if "quiet" in parts:
        for one in plan.quiet:
            advance = task(f"quiet, reference of {one.reference:,}")
            found.quiet += measure_quiet(plan.kinds, one, seed, jobs, advance)
    if "delay" in parts:
        for name in plan.delay_kinds:
            own = rng(1, sorted(KINDS).index(name))
            equal = equal_terms(
                name, plan.delay_reference, plan.delay_values, own, task(f"T, {name}")
            )
            found.terms.append(equal.terms)
            advance = task(f"delays, {name}")
            for shift in plan.shifts:
                found.delays.append(measure_delay(equal, shift, plan.batches, own))
                advance(1_000_000)
    if "incident" in parts:
        advance = task("incidents")
        for at, scenario in enumerate(SCENARIOS):
            if scenario.name in plan.scenarios:
                found.incidents.append(
                    measure_scenario(
                        scenario, plan.delay_reference, plan.models, rng(2, at), advance
                    )
                )
    if "joint" in parts:
        rows, references = plan.joint_quiet
        found.joint_scores = measure_scores(plan.joint_margins, 20_000, rng(7))
        advance = task("inputs that go together")
        found.joint = measure_joint(plan.joint_margins, 20_000, plan.joint_runs, rng(8), advance)
        found.joint_quiet = measure_joint_quiet(
            plan.joint_margins, references, rows, 1, rng(9), advance
        )
    if "peers" in parts:
        found.peers = measure_peers(
            plan.peer_rows,
            plan.peer_reference,
            plan.peer_shifts,
            rng(3),
            task("other tools"),
            evidently,
        )
        found.outliers = measure_outlier(evidently, rng(5))
    if "real" in parts and plan.reshuffles:
        tables = [table for table in (adult(data), flights_of_march()) if table is not None]
        for at, table in enumerate(tables):
            found.real += reshuffled(
                table,
                plan.reshuffles,
                (*BUDGETS, DEFAULT),
                (seed, 4, at),
                jobs,
                task(f"{table.name}, reshuffled"),
            )
    if "walk" in parts and plan.reshuffles:
        found.bank = measure_bank(data, task("bank"))
        found.year = list(measure_year(task("a year of flights")))
        found.standing = list(measure_standing(task("references that stand")))
        found.bundled = measure_bundled(task("river's series"))
    if "wander" in parts:
        found.wander = measure_wander(plan.wander_references, rng(10), task("levels that wander"))
    if "state" in parts:
        found.states = measure_state(
            plan.state_kinds, plan.state_rows, rng(6), task("size of the state")
        )
    if "faults" in parts:
        found.faults = list(
            measure_faults(plan.faults, plan.fault_models, rng(7), task("faults and drifts"))
        )
    return found


def main() -> None:
    """Read the options, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, for directions alone")
    parser.add_argument("--kind", nargs="+", choices=KINDS, help="of quiet data; default: all")
    parser.add_argument(
        "--budget", nargs="+", type=float, help="false incidents expected in a run; 0: the default"
    )
    parser.add_argument("--values", type=float, help="quiet values a kind and budget, as 1e8")
    parser.add_argument("--reshuffles", type=int, help="of real rows")
    parser.add_argument(
        "--part", nargs="+", choices=PARTS, default=PARTS, help="default: all; the others are kept"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real data")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--evidently",
        action="store_true",
        help="as a peer too; installs it into an environment of its own, once",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for quality.md and quality.json; default: benchmarks/results, of amounts as "
        "usual, and nowhere of others",
    )
    chosen = parser.parse_args()

    plan = QUICK if chosen.quick else USUAL
    if chosen.kind:
        plan = replace(plan, kinds=tuple(chosen.kind))
    if chosen.budget:
        budgets = tuple(chosen.budget)
        plan = replace(plan, quiet=tuple(replace(one, expected=budgets) for one in plan.quiet))
    if chosen.values:
        plan = with_values(plan, int(chosen.values))
    if chosen.reshuffles is not None:
        plan = replace(plan, reshuffles=chosen.reshuffles)

    out = chosen.out or (_RESULTS if plan == USUAL else None)

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.1f} M values"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        found = measure(
            plan,
            tuple(chosen.part),
            seed=chosen.seed,
            data=chosen.data,
            bar=bar,
            jobs=chosen.jobs,
            evidently=Evidently.installed() if chosen.evidently else None,
        )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        found = completed(found, load(out / "quality.json"))
        save(found, out / "quality.json")
        (out / "quality.md").write_text(markdown(found))
        console.print(f"written: {out / 'quality.md'}, {out / 'quality.json'}", highlight=False)
    for claim in claims(found):
        sys.stdout.write(f"{'yes' if claim.holds else 'NO ':4s}{claim.what}: {claim.measured}\n")


if __name__ == "__main__":
    main()
