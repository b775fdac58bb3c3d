"""The rows of the Model dashboard that come from the service's own metrics.

The names are those of the example service, as in ``prometheus/rules/service.yml``; for another
service change them in both places.
"""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.looks import steps
from grafana.panels import override, stat, timeseries
from grafana.queries import Query, selected

__all__ = ["red", "service"]

_JOB: Final = 'job=~"$service"'
# What a probe or a scrape takes says nothing of the model.
_ASKED: Final = (_JOB, 'endpoint!~"/healthz|/readyz|/metrics|other"')
_REQUESTS: Final = selected("api_requests_total", *_ASKED)
_FAILED: Final = selected("api_requests_total", *_ASKED, 'status="5xx"')
_LATENCY: Final = selected("api_request_duration_seconds_bucket", *_ASKED)
_RUNS: Final = selected("api_model_info", _JOB, 'model="$model"')
_VERSION: Final = f"* on (job, instance) group_left (version) {_RUNS}"
_LIMIT_S: Final = 0.12  # as the alert ServiceSlow has it


def red() -> Row:
    """Return rate, errors and duration of the requests: what those who ask the model notice."""
    rate = "$__rate_interval"
    return Row(
        10,
        "Requests",
        [
            timeseries(
                11,
                "Rate",
                "Requests a second, by the version that answers.",
                [Query(f"sum by (version) (rate({_REQUESTS}[{rate}]) {_VERSION})", "{{version}}")],
                size=(8, 8),
                unit="reqps",
                min=0,
            ),
            timeseries(
                12,
                "Errors",
                "Share of the requests that the service could not answer (5xx). The alert is at 1 "
                "% over five minutes.",
                [
                    Query(
                        f"sum(rate({_FAILED}[{rate}])) / (sum(rate({_REQUESTS}[{rate}])) > 0)",
                        "errors",
                    )
                ],
                size=(8, 8),
                limit=True,
                unit="percentunit",
                min=0,
                thresholds=steps((0.01, "red"), base="transparent"),
            ),
            timeseries(
                13,
                "Latency",
                "What half, all but one in twenty and all but one in a hundred requests take; an "
                "exemplar leads to one of them. The alert is at 120 ms at the 95th percentile.",
                [
                    Query(
                        f"histogram_quantile({q}, sum by (le) (rate({_LATENCY}[{rate}])))",
                        f"p{round(q * 100)}",
                        exemplar=q == 0.99,
                    )
                    for q in (0.5, 0.95, 0.99)
                ],
                size=(8, 8),
                limit=True,
                unit="s",
                min=0,
                thresholds=steps((_LIMIT_S, "red"), base="transparent"),
            ),
        ],
    )


def service() -> Row:
    """Return what is asked of a service over days."""
    predictions = selected("api_predictions_total", _JOB)
    confidence = selected("api_prediction_confidence_ratio_bucket", _JOB)
    return Row(
        40,
        "The service",
        [
            stat(
                41,
                "Availability",
                "Share of the requests of the chosen time that were answered without a fault of "
                "the service.",
                Query(
                    f"1 - sum(increase({_FAILED}[$__range])) "
                    f"/ (sum(increase({_REQUESTS}[$__range])) > 0)",
                    instant=True,
                ),
                unit="percentunit",
                decimals=2,
                thresholds=steps((0.99, "orange"), (0.999, "green"), base="red"),
            ),
            stat(
                42,
                "Instances up",
                "Instances of the service that answer Prometheus, of those that it knows.",
                Query(f"sum(up{{{_JOB}}}) / count(up{{{_JOB}}})", instant=True),
                unit="percentunit",
                decimals=0,
                thresholds=steps((1, "green"), base="red"),
            ),
            *(
                stat(
                    number,
                    f"p{percent}",
                    f"What {percent} % of the requests of the chosen time were answered within.",
                    Query(
                        f"histogram_quantile({percent / 100}, "
                        f"sum by (le) (increase({_LATENCY}[$__range])))",
                        instant=True,
                    ),
                    unit="s",
                    thresholds=steps((_LIMIT_S, "orange"), (1.0, "red")),
                )
                for number, percent in ((43, 50), (44, 95), (45, 99))
            ),
            stat(
                46,
                "In flight",
                "Requests that are being answered at this moment.",
                Query(f"sum({selected('api_requests_in_flight', _JOB)})", instant=True),
                unit="short",
                thresholds=steps(base="text"),
            ),
            timeseries(
                47,
                "Predictions a day",
                "Predictions of the day up to each point, by the version that made them.",
                [
                    Query(
                        f"sum by (version) (increase({predictions}[1d]) {_VERSION})", "{{version}}"
                    )
                ],
                size=(12, 8),
                unit="short",
                min=0,
            ),
            timeseries(
                48,
                "Answers by status and version",
                "Requests a second by the class of their status; 4xx are the asker's mistakes, 5xx "
                "the service's.",
                [
                    Query(
                        "sum by (status, version) "
                        f"(rate({_REQUESTS}[$__rate_interval]) {_VERSION})",
                        "{{status}} {{version}}",
                    )
                ],
                size=(12, 8),
                stacked=True,
                unit="reqps",
                min=0,
                overrides=[
                    override("/^5xx/", color={"mode": "fixed", "fixedColor": "red"}),
                    override("/^4xx/", color={"mode": "fixed", "fixedColor": "orange"}),
                ],
            ),
            timeseries(
                49,
                "Answers by class",
                "Share of each class among the predictions. One class alone raises an alert.",
                [
                    Query(
                        f"sum by (prediction) (rate({predictions}[$__rate_interval])) "
                        "/ on () group_left () "
                        f"(sum(rate({predictions}[$__rate_interval])) > 0)",
                        "{{prediction}}",
                    )
                ],
                size=(12, 8),
                stacked=True,
                unit="percentunit",
                min=0,
                max=1,
            ),
            timeseries(
                50,
                "Confidence",
                "The score of the predicted class: half of the answers are surer than p50, one in "
                "ten is less sure than p10.",
                [
                    Query(
                        f"histogram_quantile({q}, sum by (le) "
                        f"(rate({confidence}[$__rate_interval])))",
                        f"p{round(q * 100)}",
                    )
                    for q in (0.1, 0.5)
                ],
                size=(12, 8),
                unit="percentunit",
                min=0,
                max=1,
            ),
        ],
    )
