"""Fleet: all models, the worst first."""

from __future__ import annotations

from typing import Any, Final

from grafana.board import Row, annotation, dashboard
from grafana.choices import JOB
from grafana.links import CONSOLE, column, label, to_console, to_model, to_signal
from grafana.looks import DECISIONS, LAYERS, RATIO, STATES, steps
from grafana.panels import override, stat, table, timeline, timeseries
from grafana.queries import Query, metric, selected

__all__ = ["fleet"]

_JOB: Final = 'job="$job"'
_ALL: Final = (_JOB, 'segment="*"')
_STATE: Final = selected("signal:driftlog_state:current", *_ALL)
_RATIO: Final = selected("signal:driftlog_score_ratio:current", *_ALL)
# A figure of many signals bridges the seconds in which some of them have no owner.
_LAST_STATE: Final = f"last_over_time({_STATE}[1m])"
_LAST_RATIO: Final = f"last_over_time({_RATIO}[1m])"
_SHARE: Final = selected("series:driftlog_drift_share:current", *_ALL)
_JUDGED: Final = selected("version:driftlog_evaluation_timestamp_seconds:current", _JOB)
_MODEL: Final = (to_model(column("model"), column("version")),)
_SIGNAL: Final = (column("model"), column("version"), "%2A", column("signal"))
_WORST_STATE: Final = (
    f"max by (model, version) ({_STATE} == 5) or max by (model, version) ({_STATE})"
)
_FIRING: Final = selected("ALERTS", 'alertstate="firing"', 'severity=~"page|ticket"')
_RULES_RUN: Final = selected("ALERTS", 'alertname="Watchdog"', 'alertstate="firing"')


def fleet(console: str = CONSOLE) -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard(
        "fleet",
        "driftlog / Fleet",
        "Is any model drifting, and does the monitor live? All models, the worst first.",
        variables=[JOB],
        annotations=[
            annotation(
                "Incidents",
                selected("ALERTS", 'alertname=~"DriftIncident.+"', 'alertstate="firing"', _JOB),
                "red",
                "{{alertname}}: {{model}}",
                "severity,model",
            )
        ],
        rows=[_now(), _models(), _signals()],
        console=console,
    )


def _now() -> Row:
    return Row(
        1,
        "Now",
        [
            stat(
                2,
                "Signals in drift",
                "Signals of all models whose state is drift. No data means that nobody tells of "
                "any signal, which is never well.",
                Query(f"sum({_LAST_STATE} == bool 5)", instant=True),
                thresholds=steps((1, "red")),
            ),
            stat(
                3,
                "Worst ratio",
                "Highest score of any detector on any signal, as a share of its threshold. Beyond "
                "1 is an alarm.",
                Query(f"max({_LAST_RATIO})", instant=True),
                thresholds=RATIO,
                decimals=2,
            ),
            stat(
                4,
                "Open incidents",
                "Incidents of all models and severities that are open.",
                Query(
                    f"sum({selected('model:driftlog_open_incidents:current', _JOB)})", instant=True
                ),
                thresholds=steps((1, "red")),
            ),
            stat(
                5,
                "Oldest judgement",
                "When the model version that waits longest was last judged, in event time.",
                Query(f"min({_JUDGED}) * 1000", instant=True),
                unit="dateTimeFromNow",
                thresholds=steps(base="text"),
            ),
            stat(
                6,
                "Workers up",
                "Workers that answer Prometheus.",
                Query(f"sum(up{{{_JOB}}})", instant=True),
                thresholds=steps((1, "green"), base="red"),
            ),
            stat(
                7,
                "Alerts firing",
                "Alerts that page or open a ticket. No data means that the rules are not "
                "evaluated: the watchdog, which always fires, is missing too.",
                Query(f"count({_FIRING}) or 0 * count({_RULES_RUN})", instant=True),
                thresholds=steps((1, "red")),
            ),
            stat(
                8,
                "Four layers",
                "Worst state of infrastructure, API, data and model, by the alerts that fire.",
                Query("max by (layer) (layer:driftlog_alerts:worst)", "{{layer}}", instant=True),
                size=(24, 3),
                mappings=LAYERS,
                thresholds=steps((1, "orange"), (2, "red")),
            ),
        ],
    )


def _models() -> Row:
    decision = selected("model:driftlog_decision:current", _JOB)
    incidents = selected("model:driftlog_open_incidents:current", _JOB)
    by = "max by (model, version)"
    return Row(
        10,
        "Which model, how bad, since when",
        [
            table(
                11,
                "Models, worst first",
                "Each model version by its worst score against the threshold, with its drifted "
                "signals, the weighted share of them, the decision, the open incidents of the "
                "model, and when it was last judged. A row leads to the model.",
                [
                    Query(f"{by} ({_LAST_RATIO})", instant=True),
                    Query(f"sum by (model, version) ({_LAST_STATE} == bool 5)", instant=True),
                    Query(f"{by} ({_SHARE})", instant=True),
                    Query(
                        f"{by} (0 * {_JUDGED}) + on (model) group_left () "
                        f"max by (model) ({decision})",
                        instant=True,
                    ),
                    Query(
                        f"{by} (0 * {_JUDGED}) + on (model) group_left () "
                        f"sum by (model) ({incidents})",
                        instant=True,
                    ),
                    Query(f"{by} ({_JUDGED}) * 1000", instant=True),
                ],
                [
                    *("model", "version", "worst ratio", "signals in drift", "drifted share"),
                    *("decision", "open incidents", "last judged"),
                ],
                size=(24, 9),
                worst="worst ratio",
                overrides=[
                    override(
                        "model",
                        links=[*_MODEL, to_console(column("model"), column("version"))],
                    ),
                    override(
                        "worst ratio",
                        decimals=2,
                        thresholds=RATIO,
                        custom_cellOptions={"type": "color-background"},
                    ),
                    override("drifted share", unit="percentunit", decimals=0),
                    override(
                        "decision",
                        mappings=DECISIONS,
                        custom_cellOptions={"type": "color-text"},
                    ),
                    override("last judged", unit="dateTimeFromNow"),
                ],
            ),
            timeline(
                12,
                "State of each model",
                "The worst state of its signals; drift comes before stale. A gap is a time in "
                "which nobody told of the model.",
                Query(_WORST_STATE, "{{model}} {{version}}"),
                size=(24, 7),
                mappings=STATES,
                links=[to_model(label("model"), label("version"))],
            ),
            timeseries(
                13,
                "Drifted share",
                "Weighted share of the judged signals that have drifted, of all rows of a version.",
                [Query(_SHARE, "{{model}} {{version}}")],
                unit="percentunit",
                min=0,
                max=1,
                links=[to_model(label("model"), label("version"))],
            ),
            timeseries(
                14,
                "Learning",
                "Rows gathered of versions that have no reference yet, and how many it takes.",
                [
                    Query(
                        f"max by (model, version) ({metric('driftlog_learning_rows', _JOB)})",
                        "{{model}} {{version}}",
                    ),
                    Query(
                        f"max({metric('driftlog_learning_target_rows', _JOB)})",
                        "rows that it takes",
                    ),
                ],
                unit="short",
                min=0,
                overrides=[override("rows that it takes", custom_lineStyle={"fill": "dash"})],
            ),
        ],
    )


def _signals() -> Row:
    return Row(
        20,
        "Which signals",
        [
            table(
                21,
                "Ten worst signals",
                "Signals of all models by their worst score against its threshold. A row leads to "
                "the signal, here and in the console.",
                [
                    Query(
                        f"topk(10, max by (model, version, signal) ({_LAST_RATIO}))", instant=True
                    ),
                ],
                ["model", "version", "signal", "ratio"],
                size=(24, 8),
                worst="ratio",
                overrides=[
                    override("signal", links=[to_signal(*_SIGNAL), to_console(*_SIGNAL)]),
                    override(
                        "ratio",
                        decimals=2,
                        thresholds=RATIO,
                        custom_cellOptions={"type": "color-background"},
                    ),
                ],
            )
        ],
    )
