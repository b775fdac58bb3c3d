"""Pipeline: does the monitor keep up, does it lose anything, who holds what."""

from __future__ import annotations

from typing import Any, Final

from grafana.board import Row, annotation, dashboard, variable
from grafana.choices import JOB
from grafana.links import CONSOLE
from grafana.looks import steps
from grafana.panels import stat, timeseries
from grafana.queries import Query, metric, selected
from grafana.workers import WORKERS, machine, owners

__all__ = ["pipeline"]

_JOB: Final = 'job="$job"'
_RATE: Final = "$__rate_interval"
_INSTANCE: Final = variable(
    "instance",
    f"label_values({metric('driftlog_ready', _JOB)}, instance)",
    label="worker",
    all_of_them=True,
)
_SIGNAL: Final = "model, version, segment, signal"
_OWNERS: Final = f"count by ({_SIGNAL}) ({metric('driftlog_state', _JOB)})"
_CONFIGURED: Final = (
    f"group by (model, version, signal) ({metric('driftlog_configured_signal', _JOB)})"
)


def _rate(name: str, *labels: str) -> str:
    return f"rate({metric(name, *WORKERS, *labels)}[{_RATE}])"


def pipeline(console: str = CONSOLE) -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard(
        "pipeline",
        "driftlog / Pipeline",
        "Does the monitor keep up with the log, does it lose anything, and who holds what?",
        variables=[JOB, _INSTANCE],
        annotations=[
            annotation(
                "Pipeline alerts",
                selected(
                    "ALERTS",
                    'alertstate="firing"',
                    'layer="infrastructure"',
                    'alertname!="Watchdog"',
                ),
                "orange",
                "{{alertname}}",
                "severity",
            )
        ],
        rows=[_now(), _behind(), _left_out(), owners(), machine()],
        console=console,
    )


def _now() -> Row:
    def lost(name: str) -> Query:
        return Query(f"sum(increase({metric(name, _JOB)}[$__range]))", instant=True)

    return Row(
        1,
        "Now",
        [
            stat(
                2,
                "Workers up",
                "Workers that answer Prometheus, of those that it knows.",
                Query(f"sum(up{{{_JOB}}}) / count(up{{{_JOB}}})", instant=True),
                unit="percentunit",
                decimals=0,
                thresholds=steps((1, "green"), base="red"),
            ),
            stat(
                3,
                "Events lost",
                "Events that retention deleted before they were read, in the chosen time.",
                lost("driftlog_lost_total"),
                unit="short",
                thresholds=steps((1, "red")),
            ),
            stat(
                4,
                "Late",
                "Share of the events of the chosen time that came later than the allowed lateness, "
                "and were not judged.",
                Query(
                    f"sum(increase({metric('driftlog_late_total', _JOB)}[$__range])) "
                    f"/ (sum(increase({metric('driftlog_events_total', _JOB)}[$__range])) > 0)",
                    instant=True,
                ),
                unit="percentunit",
                decimals=2,
                thresholds=steps((0.001, "orange"), (0.0144, "red")),
            ),
            stat(
                5,
                "Dead letters",
                "Events of the chosen time that were none that can be read; they are kept, with "
                "the reason.",
                lost("driftlog_dead_letters_total"),
                unit="short",
                thresholds=steps((1, "orange")),
            ),
            stat(
                6,
                "Judged by nobody",
                "Signals that have a reference and of which no worker tells.",
                Query(
                    f"count({_CONFIGURED} unless on (model, version, signal) "
                    f"{metric('driftlog_state', _JOB)}) or 0 * count({_CONFIGURED})",
                    instant=True,
                ),
                unit="short",
                thresholds=steps((1, "red")),
            ),
            stat(
                7,
                "Judged twice",
                "Signals of which two workers tell. During a hand-over that lasts for a scrape or "
                "two.",
                Query(f"sum({_OWNERS} > bool 1)", instant=True),
                unit="short",
                thresholds=steps((1, "red")),
            ),
        ],
    )


def _behind() -> Row:
    bucket = f"sum by (le) ({_rate('driftlog_verdict_delay_seconds_bucket')})"
    batch = f"sum by (le) ({_rate('driftlog_batch_rows_bucket')})"
    read = f"min({metric('driftlog_watermark_timestamp_seconds', _JOB)})"
    through = metric("driftlog_closed_through_timestamp_seconds", _JOB)
    return Row(
        10,
        "Does it keep up",
        [
            timeseries(
                11,
                "Events read",
                "Events a second that each worker reads.",
                [Query(f"sum by (instance) ({_rate('driftlog_events_total')})", "{{instance}}")],
                unit="cps",
                min=0,
                stacked=True,
            ),
            timeseries(
                12,
                "Lag",
                "Events of each partition that are on the log and not yet read.",
                [
                    Query(
                        f"max by (partition) ({metric('driftlog_lag_events', *WORKERS)})",
                        "partition {{partition}}",
                    )
                ],
                unit="short",
                min=0,
            ),
            timeseries(
                13,
                "Watermark delay",
                "How far the event time that has been read is behind the clock, by partition. It "
                "holds the allowed lateness; a partition that is read to its end holds nobody up.",
                [
                    Query(
                        "max by (partition) "
                        f"({metric('driftlog_watermark_delay_seconds', *WORKERS)})",
                        "partition {{partition}}",
                    )
                ],
                unit="s",
            ),
            timeseries(
                14,
                "Judging behind reading",
                "Event time that is read and not yet judged (monitor), or not yet part of the "
                "incidents.",
                [
                    Query(
                        f"scalar({read}) - min by (stage) ({through})",
                        "{{stage}}",
                    )
                ],
                unit="s",
            ),
            timeseries(
                15,
                "From a pane's end to its verdict",
                "Half of the verdicts, and all but one in a hundred, are sent within this; an "
                "exemplar leads to a row of one of them. It holds the allowed lateness.",
                [
                    Query(f"histogram_quantile(0.5, {bucket})", "p50"),
                    Query(f"histogram_quantile(0.99, {bucket})", "p99", exemplar=True),
                ],
                unit="s",
                min=0,
            ),
            timeseries(
                16,
                "Rows of a batch",
                "Rows decoded at once: few when events are read as they come, many on a backlog.",
                [
                    Query(f"histogram_quantile(0.5, {batch})", "p50"),
                    Query(f"histogram_quantile(0.99, {batch})", "p99", exemplar=True),
                ],
                unit="short",
                min=0,
            ),
        ],
    )


def _left_out() -> Row:
    return Row(
        20,
        "What was not judged, and why",
        [
            timeseries(
                21,
                "Late, lost",
                "Events a second that came too late, rows for a pane that idleness had closed, and "
                "events deleted before they were read.",
                [
                    Query(f"sum({_rate('driftlog_late_total')})", "late"),
                    Query(f"sum({_rate('driftlog_late_idle_total')})", "late for an idle pane"),
                    Query(f"sum({_rate('driftlog_lost_total')})", "lost"),
                ],
                size=(8, 8),
                unit="cps",
                min=0,
            ),
            timeseries(
                22,
                "Dead letters",
                "Events a second that could not be read, by the reason.",
                [Query(f"sum by (reason) ({_rate('driftlog_dead_letters_total')})", "{{reason}}")],
                size=(8, 8),
                unit="cps",
                min=0,
                stacked=True,
            ),
            timeseries(
                23,
                "Rows not judged",
                "Rows a second that reached the monitor and were not judged, and rows read again "
                "and dropped.",
                [
                    Query(f"sum by (why) ({_rate('driftlog_unjudged_rows_total')})", "{{why}}"),
                    Query(
                        f"sum by (why) ({_rate('driftlog_repeated_rows_total')})",
                        "{{why}}, read again",
                    ),
                ],
                size=(8, 8),
                unit="cps",
                min=0,
            ),
            timeseries(
                24,
                "What should not be",
                "Records of driftlog's own topics that could not be taken, states that began "
                "afresh, and two different verdicts for one pane.",
                [
                    Query(
                        f"sum by (stage, why) ({_rate('driftlog_refused_records_total')})",
                        "refused by {{stage}}: {{why}}",
                    ),
                    Query(
                        f"sum by (stage) ({_rate('driftlog_state_discarded_total')})",
                        "state of {{stage}} discarded",
                    ),
                    Query(f"sum({_rate('driftlog_conflicting_verdicts_total')})", "conflicts"),
                ],
                size=(24, 7),
                unit="cps",
                min=0,
            ),
        ],
    )
