"""The tables of inputs that go together, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from benchmarks.quality.findings import Findings

__all__ = ["joint_tables"]

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]


def joint_tables(found: Findings, table: Table) -> Iterator[str]:
    """What became of each change, how quiet the signal is, and how other scores compare."""
    if found.joint:
        yield "## Inputs that no longer go together"
        yield (
            "20 inputs, of which four pairs go together (.9, .7, .7, .5 behind each margin), one "
            "false incident a month, 600 rows a pane, reference of 20,000. Rows from the change to "
            "the end of the pane, medians: first alarm of the joint signal, first alert. Named: "
            "alerts whose first signal is the joint one with a pair that changed, or for a shift "
            "the input itself. Other tools: runs with an alarm on an input that changed, and none "
            "in the quiet rows before."
        )
        peers = list(found.joint[0].peers)
        yield table(
            ("inputs", "change", "significant", "rows", "incident", "rows", "named", *peers),
            (
                (
                    one.margin,
                    one.change,
                    f"{len(one.significant)} of {one.runs}",
                    _median(one.significant),
                    f"{len(one.incident)} of {one.runs}",
                    _median(one.incident),
                    str(one.named),
                    *(str(one.peers[peer]) for peer in peers),
                )
                for one in found.joint
            ),
        )
    if found.joint_quiet:
        yield (
            "Quiet rows of such inputs at a budget of 300 false incidents in the run: alarms of "
            "the joint signal, important or not, against its share of the budget, and incidents of "
            "all signals. Without ties (too few independent rows to be sure of any) there is none."
        )
        yield table(
            ("inputs", "reference", "rows", "tied", "expected", "at most", "alarms", "incidents"),
            (
                (
                    one.margin,
                    f"{one.reference:,}",
                    f"{one.rows:,}",
                    "yes" if one.tied else "no",
                    f"{one.expected:.3g}",
                    str(one.allowed),
                    str(one.alarms),
                    str(one.incidents),
                )
                for one in found.joint_quiet
            ),
        )
    if found.joint_scores:
        yield (
            "The score compared with others: by how many sd of its usual spread (clipped at the "
            "quantiles .001 and .999) its mean moves. The delay falls with the square."
        )
        changes = list(found.joint_scores[0].moved)
        yield table(
            ("inputs", "score", *changes),
            (
                (one.margin, one.score, *(f"{one.moved[change]:.2f}" for change in changes))
                for one in found.joint_scores
            ),
        )


def _median(rows: Sequence[int]) -> str:
    return f"{np.median(rows):,.0f}" if rows else ""
