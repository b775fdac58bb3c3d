"""The rows of the Pipeline dashboard about the workers: who holds what, and what it takes."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.looks import words
from grafana.panels import override, timeline, timeseries
from grafana.queries import Query, metric, selected

__all__ = ["WORKERS", "machine", "owners"]

WORKERS: Final = ('job="$job"', 'instance=~"$instance"')
_RATE: Final = "$__rate_interval"
_READY: Final = words({0: ("waits", "orange"), 1: ("ready", "green")})


def owners() -> Row:
    """Return who holds what."""
    return Row(
        30,
        "Who holds what",
        [
            timeline(
                31,
                "Readiness",
                "Whether each worker has been let into its groups and has the state of what it "
                "holds.",
                Query(f"max by (instance) ({metric('driftlog_ready', *WORKERS)})", "{{instance}}"),
                size=(12, 7),
                mappings=_READY,
            ),
            timeseries(
                32,
                "Partitions",
                "Partitions that each worker holds: of events (ingest), of columns (monitor) and "
                "of verdicts (incidents).",
                [
                    Query(
                        "sum by (instance, stage) "
                        f"({metric('driftlog_assigned_partitions', *WORKERS)})",
                        "{{instance}} {{stage}}",
                    )
                ],
                size=(12, 7),
                unit="short",
                min=0,
            ),
            timeseries(
                33,
                "Series",
                "Series shards that each worker judges.",
                [
                    Query(
                        f"sum by (instance) ({metric('driftlog_series', *WORKERS)})", "{{instance}}"
                    )
                ],
                size=(12, 7),
                unit="short",
                min=0,
                stacked=True,
            ),
            timeseries(
                34,
                "Rebalances",
                "Times within ten minutes that partitions were given to a worker.",
                [
                    Query(
                        "sum by (instance, stage) "
                        f"(increase({metric('driftlog_assignments_total', *WORKERS)}[10m]))",
                        "{{instance}} {{stage}}",
                    )
                ],
                size=(12, 7),
                unit="short",
                min=0,
            ),
            timeseries(
                35,
                "Rows and verdicts that wait",
                "Rows of panes that are still open, and verdicts of panes that not all partitions "
                "have closed.",
                [
                    Query(
                        f"sum by (instance) ({metric('driftlog_open_rows', *WORKERS)})",
                        "rows at {{instance}}",
                    ),
                    Query(
                        f"sum by (instance) ({metric('driftlog_waiting_verdicts', *WORKERS)})",
                        "verdicts at {{instance}}",
                    ),
                ],
                size=(24, 7),
                unit="short",
                min=0,
                overrides=[override("/^verdicts/", custom_lineStyle={"fill": "dash"})],
            ),
        ],
    )


def machine() -> Row:
    """Return processor, memory and what could leak."""
    cpu = selected("process_cpu_seconds_total", *WORKERS)
    memory = selected("process_resident_memory_bytes", *WORKERS)
    files = selected("process_open_fds", *WORKERS)
    return Row(
        40,
        "Processor and memory",
        [
            timeseries(
                41,
                "CPU",
                "Processors that each worker keeps busy. A worker is one process: beyond 1 it "
                "needs a second one beside it.",
                [Query(f"sum by (instance) (rate({cpu}[{_RATE}]))", "{{instance}}")],
                size=(8, 8),
                decimals=2,
                min=0,
            ),
            timeseries(
                42,
                "Memory",
                "Resident memory of each worker.",
                [Query(f"max by (instance) ({memory})", "{{instance}}")],
                size=(8, 8),
                unit="bytes",
                min=0,
            ),
            timeseries(
                43,
                "Files and tasks",
                "Open files and sockets, and tasks of the event loop: what grows without end is a "
                "leak.",
                [
                    Query(f"max by (instance) ({files})", "files of {{instance}}"),
                    Query(
                        f"max by (instance) ({metric('driftlog_tasks', *WORKERS)})",
                        "tasks of {{instance}}",
                    ),
                ],
                size=(8, 8),
                unit="short",
                min=0,
            ),
        ],
    )
