"""Nanoseconds a value of each kernel, with river beside it in the same run.

    python benchmarks/kernels.py [--rounds 7]

Minimum of the rounds, one core. Rows come as a pane's batch: 20 signals of 200, 1,000 and 5,000.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import numpy as np
from river import drift

from detectors import ADWIN, PSI, ClassicPageHinkley, PageHinkley
from detectors.bins import number_bins
from detectors.contract import CodeArray, IntArray
from detectors.encoding import NumberEncoder
from detectors.moments import Moments
from detectors.standardise import NumberStandardiser, number_scale

SIGNALS = 20
ROWS = (200, 1_000, 5_000)


def least_seconds(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of the rounds, after one that compiles and warms up."""
    work()
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def psi_pane(psi: PSI, panes: Iterator[int], codes: CodeArray, at: IntArray) -> None:
    """One pane of PSI: its counts, and the window's comparison."""
    psi.update(codes, at)
    psi.end_pane(next(panes))


def one_by_one(update: Callable[[float], object], values: list[float]) -> None:
    """River takes one value at a time."""
    for value in values:
        update(value)


def measure(rounds: int) -> list[tuple[str, list[float]]]:
    """Nanoseconds a value for each kernel and number of rows."""
    rng = np.random.default_rng(1)
    reference = rng.normal(size=10_000)
    bins = [number_bins(reference)] * SIGNALS
    encoder = NumberEncoder(bins)
    standardiser = NumberStandardiser([number_scale(reference)] * SIGNALS)
    shares = np.bincount(encoder.encode(np.tile(reference, (SIGNALS, 1)))[0], minlength=14) / 10_000
    table: dict[str, list[float]] = {}
    for rows in ROWS:
        z = rng.normal(size=(SIGNALS, rows))
        codes = encoder.encode(z)
        at = np.zeros((3, rows), dtype=np.int64)
        bank, windows, classic = (
            cls.textbook(SIGNALS) for cls in (PageHinkley, ADWIN, ClassicPageHinkley)
        )
        psi = PSI(np.tile(shares, (SIGNALS, 1)), np.full(SIGNALS, 10_000))
        moments = Moments(SIGNALS)
        works: dict[str, Callable[[], object]] = {
            "Page-Hinkley, 5 two-sided CUSUMs": partial(bank.update, z, at),
            "ADWIN": partial(windows.update, z, at),
            "Page-Hinkley, classic": partial(classic.update, z, at),
            "bin codes of a number": partial(encoder.encode, z),
            "PSI, count and end of pane": partial(psi_pane, psi, count(), codes, at),
            "standardise": partial(standardiser.z, z),
            "moments": partial(moments.update, z, at),
        }
        for name, work in works.items():
            table.setdefault(name, []).append(least_seconds(work, rounds) / z.size * 1e9)
    values = rng.normal(size=20_000).tolist()
    peers: dict[str, Callable[[float], object]] = {
        "river ADWIN": drift.ADWIN().update,  # type: ignore[no-untyped-call]  # river has no types
        "river ADWIN, its compiled part": drift.ADWIN()._helper.update,  # type: ignore[no-untyped-call]  # as above
        "river PageHinkley": drift.PageHinkley().update,
    }
    for name, update in peers.items():
        seconds = least_seconds(partial(one_by_one, update, values), rounds)
        table[name] = [seconds / len(values) * 1e9]
    return list(table.items())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    print(f"{'ns a value':34s}" + "".join(f"{f'{rows:,} rows':>12s}" for rows in ROWS))
    for name, figures in measure(parser.parse_args().rounds):
        print(f"{name:34s}" + "".join(f"{figure:12.1f}" for figure in figures))


if __name__ == "__main__":
    main()
