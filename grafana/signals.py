"""Signal: one signal of one series in depth."""

from __future__ import annotations

from typing import Any, Final

from grafana.board import Row, dashboard, variable
from grafana.choices import (
    INCIDENT,
    JOB,
    MODEL_CHOICE,
    REFERENCE,
    SEGMENT,
    SIGNAL_CHOICE,
    SIGNAL_DRIFT,
    VERSION_CHOICE,
)
from grafana.links import CONSOLE, chosen, to_console, to_model
from grafana.looks import RATIO, STATES, steps
from grafana.panels import override, stat, table, timeline, timeseries
from grafana.queries import MODEL, SIGNAL, VERSION, Query, metric, selected

__all__ = ["signal"]

_NAME: Final = 'signal="$signal"'
_STATE: Final = "signal:driftlog_state:current"
_RATIO: Final = selected("signal:driftlog_score_ratio:current", SIGNAL)
_SCORE: Final = "signal:driftlog_score:current"
_LIMIT: Final = "signal:driftlog_threshold:current"
_DETECTOR: Final = variable(
    "detector",
    f"label_values({selected(_SCORE, SIGNAL)}, detector)",
    all_of_them=True,
)
_HERE: Final = tuple(chosen(name) for name in ("model", "version", "segment", "signal"))
_LINKS: Final = [to_console(*_HERE), to_model(*_HERE[:2])]
_LEARNED: Final = (VERSION, _NAME)  # what the reference alone decides


def signal(console: str = CONSOLE) -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard(
        "signal",
        "driftlog / Signal",
        "What happened to this signal: by which detector, how far, since when, and where else?",
        variables=[JOB, MODEL_CHOICE, VERSION_CHOICE, SEGMENT, SIGNAL_CHOICE, _DETECTOR],
        annotations=[SIGNAL_DRIFT, INCIDENT, REFERENCE],
        rows=[_now(), _detectors(), _how_far(), _elsewhere()],
        console=console,
    )


def _figure(number: int, title: str, description: str, record: str, **looks: Any) -> dict[str, Any]:
    query = Query(f"max({selected(record, SIGNAL)})", instant=True)
    return stat(number, title, description, query, links=_LINKS, **looks)


def _now() -> Row:
    return Row(
        1,
        "Now",
        [
            _figure(
                2,
                "State",
                "What driftlog says of the signal after its last pane.",
                _STATE,
                mappings=STATES,
                thresholds=steps(),
            ),
            stat(
                3,
                "Worst ratio",
                "The highest score of any detector as a share of its threshold. Beyond 1 is an "
                "alarm.",
                Query(f"max({_RATIO})", instant=True),
                decimals=2,
                thresholds=RATIO,
                links=_LINKS,
            ),
            _figure(
                4,
                "Shift",
                "How far the mean of the window is from the reference's, in standard deviations of "
                "the reference.",
                "signal:driftlog_effect_sd:current",
                decimals=2,
                thresholds=steps(base="text"),
            ),
            _figure(
                5,
                "PSI",
                "Population stability index of the window against the reference.",
                "signal:driftlog_psi:current",
                decimals=3,
                thresholds=steps((0.1, "orange"), (0.25, "red")),
            ),
            _figure(
                6,
                "Rows",
                "Rows in the window: with few of them only a large shift can be seen.",
                "signal:driftlog_rows:current",
                unit="short",
                thresholds=steps(base="text"),
            ),
            stat(
                7,
                "Last judged",
                "End of the last pane in which the signal was judged, in event time.",
                Query(
                    "max("
                    + selected("signal:driftlog_evaluation_timestamp_seconds:current", SIGNAL)
                    + ") * 1000",
                    instant=True,
                ),
                unit="dateTimeFromNow",
                thresholds=steps(base="text"),
            ),
        ],
    )


def _detectors() -> Row:
    each = (SIGNAL, 'detector=~"$detector"')
    own = {
        **timeseries(
            12,
            "$detector: score and threshold",
            "Score of one detector and its threshold, dashed, both in the unit of the score: the "
            "drift is told when the line crosses the dashes.",
            [
                Query(f"max by (detector) ({selected(_SCORE, *each)})", "{{detector}}"),
                Query(
                    f"max by (detector) ({selected(_LIMIT, *each)})", "threshold of {{detector}}"
                ),
            ],
            size=(24, 8),
            min=0,
            decimals=2,
            overrides=[
                override(
                    "/^threshold of /",
                    color={"mode": "fixed", "fixedColor": "red"},
                    custom_lineStyle={"fill": "dash", "dash": [8, 6]},
                )
            ],
        ),
        "repeat": "detector",
        "repeatDirection": "h",
        "maxPerRow": 3,
    }
    return Row(
        10,
        "Which detector, since when",
        [
            timeseries(
                11,
                "Score against threshold",
                "Each detector's score divided by its threshold: beyond the dashed line at 1 is an "
                "alarm.",
                [Query(f"max by (detector) ({_RATIO})", "{{detector}}")],
                size=(24, 8),
                limit=True,
                min=0,
                decimals=2,
                thresholds=steps((1, "red"), base="transparent"),
                links=_LINKS,
            ),
            timeline(
                13,
                "State",
                "The signal's state over time. A gap is a time in which nobody told of it.",
                Query(f"max({selected(_STATE, SIGNAL)})", "state"),
                size=(24, 4),
                mappings=STATES,
            ),
            own,
        ],
    )


def _how_far() -> Row:
    return Row(
        20,
        "How far, and how sure",
        [
            timeseries(
                21,
                "Shift of the mean",
                "In standard deviations of the reference. Between the dashed lines a lasting shift "
                "would go unseen, at the traffic that was counted on.",
                [
                    Query(f"max({selected('signal:driftlog_effect_sd:current', SIGNAL)})", "shift"),
                    Query(
                        f"max({metric('driftlog_smallest_shift_sd', *_LEARNED)})",
                        "smallest visible",
                    ),
                    Query(
                        f"-max({metric('driftlog_smallest_shift_sd', *_LEARNED)})",
                        "and downwards",
                    ),
                ],
                decimals=2,
                overrides=[
                    override(
                        "/smallest visible|and downwards/",
                        color={"mode": "fixed", "fixedColor": "text"},
                        custom_lineStyle={"fill": "dash", "dash": [4, 4]},
                    )
                ],
            ),
            timeseries(
                22,
                "Population stability index",
                "Distance of the window's shares from the reference's. From 0.1 on by convention a "
                "moderate, from 0.25 on a large one; driftlog's own threshold depends on the rows.",
                [Query(f"max({selected('signal:driftlog_psi:current', SIGNAL)})", "PSI")],
                limit=True,
                min=0,
                decimals=3,
                thresholds=steps((0.1, "orange"), (0.25, "red"), base="transparent"),
            ),
            timeseries(
                23,
                "Rows in the window",
                "What the figures above rest on.",
                [Query(f"max({selected('signal:driftlog_rows:current', SIGNAL)})", "rows")],
                unit="short",
                min=0,
            ),
            table(
                24,
                "Reference",
                "What the version is judged by, and the smallest lasting shift that is seen "
                "within a window, in the signal's own unit.",
                [
                    Query(
                        f"max by (model, version) ({metric('driftlog_smallest_shift', *_LEARNED)}) "
                        "* on (model, version) group_left (reference_id) group by "
                        "(model, version, reference_id) "
                        f"({metric('driftlog_reference_info', VERSION)})",
                        instant=True,
                    )
                ],
                ["model", "version", "reference_id", "smallest visible shift"],
                size=(12, 8),
                decimals=3,
            ),
        ],
    )


def _elsewhere() -> Row:
    return Row(
        30,
        "Where else",
        [
            timeline(
                31,
                "In each segment",
                "State of the signal in each segment that has gauges a signal; * is all rows.",
                Query(f"max by (segment) ({selected(_STATE, VERSION, _NAME)})", "{{segment}}"),
                size=(12, 8),
                mappings=STATES,
            ),
            timeline(
                32,
                "In each version",
                "State of the signal in each version of the model, over all rows. What has "
                "changed in one version alone comes from that version.",
                Query(
                    "max by (version) (" + selected(_STATE, MODEL, 'segment="*"', _NAME) + ")",
                    "{{version}}",
                ),
                size=(12, 8),
                mappings=STATES,
            ),
        ],
    )
