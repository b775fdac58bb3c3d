"""The variables and annotations that several dashboards share."""

from __future__ import annotations

from typing import Any, Final

from grafana.board import annotation, variable
from grafana.queries import MODEL, SERIES, SIGNAL, VERSION, metric, selected

__all__ = [
    "DEPLOYED",
    "INCIDENT",
    "JOB",
    "MODEL_CHOICE",
    "REFERENCE",
    "SEGMENT",
    "SERVICE",
    "SIGNAL_CHOICE",
    "SIGNAL_DRIFT",
    "VERSION_CHOICE",
]

_STATE: Final = "signal:driftlog_state:current"


def _values(series: str, label: str) -> str:
    return f"label_values({series}, {label})"


JOB: Final = variable("job", _values(metric("driftlog_ready"), "job"))
MODEL_CHOICE: Final = variable("model", _values(selected(_STATE, 'job="$job"'), "model"))
VERSION_CHOICE: Final = variable("version", _values(selected(_STATE, MODEL), "version"))
SEGMENT: Final = variable("segment", _values(selected(_STATE, VERSION), "segment"))
SIGNAL_CHOICE: Final = variable("signal", _values(selected(_STATE, SERIES), "signal"))
# Whatever service says that it runs the model; several may.
SERVICE: Final = variable(
    "service", _values(selected("api_model_info", 'model="$model"'), "job"), all_of_them=True
)

INCIDENT: Final = annotation(
    "Incidents",
    selected("ALERTS", 'alertname=~"DriftIncident.+"', 'alertstate="firing"', MODEL),
    "red",
    "{{alertname}}: {{model}}",
    "severity",
)
SIGNAL_DRIFT: Final = annotation(
    "Drift",
    selected("ALERTS", 'alertname="SignalDrift"', 'alertstate="firing"', SIGNAL),
    "red",
    "{{signal}} has drifted",
)
_INFO: Final = metric("driftlog_reference_info", VERSION)
REFERENCE: Final = annotation(
    "New reference",
    f"group by (reference_id) ({_INFO}) unless group by (reference_id) ({_INFO} offset 2m)",
    "blue",
    "judged by reference {{reference_id}}",
)
_RUNS: Final = selected("api_model_info", 'job=~"$service"', 'model="$model"')
DEPLOYED: Final[dict[str, Any]] = annotation(
    "Deployment",
    f"group by (version) ({_RUNS}) unless group by (version) ({_RUNS} offset 2m)",
    "purple",
    "version {{version}} answers",
)
