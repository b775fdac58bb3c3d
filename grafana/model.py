"""Model: one version of one model, from its requests to its decision."""

from __future__ import annotations

from typing import Any, Final

from grafana.board import Row, dashboard
from grafana.choices import (
    DEPLOYED,
    INCIDENT,
    JOB,
    MODEL_CHOICE,
    REFERENCE,
    SEGMENT,
    SERVICE,
    VERSION_CHOICE,
)
from grafana.links import CONSOLE, chosen, column, label, to_console, to_signal
from grafana.looks import DECISIONS, RATIO, STATES, steps
from grafana.panels import override, stat, table, timeline, timeseries
from grafana.queries import MODEL, SERIES, VERSION, Query, selected
from grafana.service import red, service

__all__ = ["model"]

_STATE: Final = selected("signal:driftlog_state:current", SERIES)
_RATIO: Final = selected("signal:driftlog_score_ratio:current", SERIES)
# A figure of many signals bridges the seconds in which some of them have no owner.
_LAST_STATE: Final = f"last_over_time({_STATE}[1m])"
_LAST_RATIO: Final = f"last_over_time({_RATIO}[1m])"
_HERE: Final = (chosen("model"), chosen("version"), chosen("segment"))
_ROW_LINKS: Final = [to_signal(*_HERE, column("signal")), to_console(*_HERE, column("signal"))]
_LINE_LINKS: Final = [to_signal(*_HERE, label("signal")), to_console(*_HERE, label("signal"))]
_OUTPUTS: Final = 'signal=~"confidence|entropy|margin|prediction"'


def model(console: str = CONSOLE) -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard(
        "model",
        "driftlog / Model",
        "Is this model well: its requests, what drifted, since when, and what follows from it?",
        variables=[JOB, MODEL_CHOICE, VERSION_CHOICE, SEGMENT, SERVICE],
        annotations=[INCIDENT, REFERENCE, DEPLOYED],
        rows=[_verdict(), red(), _signals(), _outputs(), service()],
        console=console,
    )


def _verdict() -> Row:
    return Row(
        1,
        "Verdict",
        [
            stat(
                2,
                "Decision",
                "The worst decision of the model's open incidents: a signal for a gate, not an "
                "act.",
                Query(f"max({selected('model:driftlog_decision:current', MODEL)})", instant=True),
                mappings=DECISIONS,
                thresholds=steps((1, "orange"), (2, "red")),
            ),
            stat(
                3,
                "Drifted share",
                "Weighted share of the judged signals that have drifted.",
                Query(
                    f"max({selected('series:driftlog_drift_share:current', SERIES)})", instant=True
                ),
                unit="percentunit",
                decimals=0,
                thresholds=steps((0.001, "orange"), (0.3, "red")),
            ),
            stat(
                4,
                "Signals in drift",
                "Signals of the series whose state is drift.",
                Query(f"sum({_LAST_STATE} == bool 5)", instant=True),
                thresholds=steps((1, "red")),
            ),
            stat(
                5,
                "Worst ratio",
                "Highest score of any detector on any signal, as a share of its threshold. Beyond "
                "1 is an alarm.",
                Query(f"max({_LAST_RATIO})", instant=True),
                decimals=2,
                thresholds=RATIO,
            ),
            stat(
                6,
                "Open incidents",
                "Incidents of the model that are open, of any severity.",
                Query(
                    f"sum({selected('model:driftlog_open_incidents:current', MODEL)})", instant=True
                ),
                thresholds=steps((1, "red")),
            ),
            stat(
                7,
                "Last judged",
                "Event time through which the version was judged. If that is long ago, all else on "
                "this page is old.",
                Query(
                    "max("
                    + selected("version:driftlog_evaluation_timestamp_seconds:current", VERSION)
                    + ") * 1000",
                    instant=True,
                ),
                unit="dateTimeFromNow",
                thresholds=steps(base="text"),
            ),
        ],
    )


def _signals() -> Row:
    by = "max by (signal)"
    return Row(
        20,
        "What drifted, and since when",
        [
            timeline(
                21,
                "State of each signal",
                "A lane for each signal. A gap is a time in which nobody told of it.",
                Query(f"{by} ({_STATE})", "{{signal}}"),
                mappings=STATES,
                size=(24, 9),
                links=_LINE_LINKS,
            ),
            timeseries(
                22,
                "Score against threshold",
                "The worst detector of each signal, its score divided by its threshold: beyond the "
                "dashed line at 1 is an alarm.",
                [Query(f"{by} ({_RATIO})", "{{signal}}")],
                size=(24, 9),
                limit=True,
                min=0,
                decimals=2,
                thresholds=steps((1, "red"), base="transparent"),
                links=_LINE_LINKS,
            ),
            table(
                23,
                "Signals, worst first",
                "State, worst ratio, shift of the mean in standard deviations of the reference, "
                "population stability index and rows in the window. A row leads to the signal.",
                [
                    Query(f"{by} ({_RATIO})", instant=True),
                    Query(f"{by} ({_STATE})", instant=True),
                    Query(
                        f"{by} ({selected('signal:driftlog_effect_sd:current', SERIES)})", "", True
                    ),
                    Query(f"{by} ({selected('signal:driftlog_psi:current', SERIES)})", "", True),
                    Query(f"{by} ({selected('signal:driftlog_rows:current', SERIES)})", "", True),
                ],
                ["signal", "ratio", "state", "shift", "PSI", "rows"],
                size=(24, 9),
                worst="ratio",
                overrides=[
                    override("signal", links=_ROW_LINKS),
                    override(
                        "ratio",
                        decimals=2,
                        thresholds=RATIO,
                        custom_cellOptions={"type": "color-background"},
                    ),
                    override("state", mappings=STATES, custom_cellOptions={"type": "color-text"}),
                    override("shift", decimals=2),
                    override("PSI", decimals=3),
                    override("rows", unit="short"),
                ],
            ),
            timeline(
                24,
                "State of each segment",
                "The worst state of the signals of each segment that has gauges a signal; drift "
                "comes before stale.",
                Query(
                    f"max by (segment) ({selected('signal:driftlog_state:current', VERSION)} == 5) "
                    f"or max by (segment) ({selected('signal:driftlog_state:current', VERSION)})",
                    "{{segment}}",
                ),
                size=(24, 6),
                mappings=STATES,
            ),
        ],
    )


def _outputs() -> Row:
    outputs = [SERIES, _OUTPUTS]
    return Row(
        30,
        "What the model answers",
        [
            timeseries(
                31,
                "Outputs against threshold",
                "Prediction, confidence, entropy and margin: what the model says has changed when "
                "one of them passes 1.",
                [
                    Query(
                        "max by (signal) ("
                        + selected("signal:driftlog_score_ratio:current", *outputs)
                        + ")",
                        "{{signal}}",
                    )
                ],
                limit=True,
                min=0,
                decimals=2,
                thresholds=steps((1, "red"), base="transparent"),
                links=_LINE_LINKS,
            ),
            timeseries(
                32,
                "Shift of the outputs",
                "How far the mean of each output has moved, in standard deviations of the "
                "reference. Confidence below zero: the model is less sure than it was.",
                [
                    Query(
                        "max by (signal) ("
                        + selected("signal:driftlog_effect_sd:current", *outputs)
                        + ")",
                        "{{signal}}",
                    )
                ],
                decimals=2,
            ),
        ],
    )
