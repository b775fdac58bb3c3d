"""The objects of driftlog in a cluster, file by file."""

from __future__ import annotations

from typing import Any, Final

from compose.kubernetes.pods import HTTP, labels, meta, pod, server_pod
from compose.kubernetes.sources import (
    Server,
    groups,
    groups_of_the_service,
    interval,
    limits,
    server,
)

__all__ = ["manifests"]

# Guesses to begin with, save that the worker's limit lies above the 1.5 GB that docs/reliability.md
# promises on a backlog. No limit of CPU: a worker that is throttled misses its heartbeats.
_WORKER: Final = {
    "requests": {"cpu": "500m", "memory": "1Gi"},
    "limits": {"memory": "2Gi"},
}
# Inside a pod, where who may ask is known by a token.
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104
_CONSOLE: Final = {
    "requests": {"cpu": "200m", "memory": "256Mi"},
    "limits": {"memory": "1Gi"},
}
_ONCE: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}

Objects = list[dict[str, Any]]


def _object(version: str, kind: str, metadata: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def manifests(console_url: str) -> dict[str, Objects]:
    """Return the objects by the name of their file.

    Args:
        console_url: where a browser finds the console, for links in alerts.
    """
    worker, console = server("worker"), server("console")
    return {
        "settings.yaml": _settings(),
        "topics.yaml": _topics(server("topics")),
        "worker.yaml": _workers(worker),
        "console.yaml": _console(console),
        "networkpolicy.yaml": _policies(worker, console),
        "servicemonitor.yaml": [_monitor(worker)],
        "prometheusrule.yaml": [_rules("driftlog", groups(console_url))],
        "prometheusrule-service.yaml": [
            _rules("driftlog-service", groups_of_the_service(console_url))
        ],
    }


def _settings() -> Objects:
    return [
        _object("v1", "ServiceAccount", meta("driftlog", "settings")),
        _object(
            "v1",
            "ConfigMap",
            meta("driftlog", "settings"),
            data={"DRIFTLOG_KAFKA": "kafka:9092", "DRIFTLOG_KAFKA_REPLICATION": "3"},
        ),
    ]


def _topics(topics: Server) -> Objects:
    template = pod(topics, _ONCE)
    template["spec"]["restartPolicy"] = "OnFailure"
    spec = {"backoffLimit": 10, "ttlSecondsAfterFinished": 3600, "template": template}
    return [_object("batch/v1", "Job", meta("driftlog-topics", "topics"), spec=spec)]


def _workers(worker: Server) -> Objects:
    selector = {"matchLabels": labels("worker")}
    return [
        _object(
            "apps/v1",
            "Deployment",
            meta("driftlog-worker", "worker"),
            spec={
                "replicas": 2,
                # Workers of one group must have the same settings: none of the old is to be there
                # beside the new. Nothing is lost meanwhile.
                "strategy": {"type": "Recreate"},
                "selector": selector,
                "template": server_pod(
                    worker, _WORKER, {"DRIFTLOG_WORKER_HOST": _EVERYWHERE}, ("TOKENS",)
                ),
            },
        ),
        _object(
            "v1",
            "Service",
            meta("driftlog-worker", "worker"),
            spec={
                "clusterIP": "None",  # each worker tells of what it holds: one address each
                "publishNotReadyAddresses": True,  # gauges are told while it recovers, too
                "selector": labels("worker"),
                "ports": [{"name": "http", "port": worker.port, "targetPort": "http"}],
            },
        ),
        _object(
            "policy/v1",
            "PodDisruptionBudget",
            meta("driftlog-worker", "worker"),
            spec={"maxUnavailable": 1, "selector": selector},
        ),
    ]


def _console(console: Server) -> Objects:
    ways = ("TOKENS", "USERNAME", "PASSWORD")  # programs by a token, browsers by name and password
    return [
        _object(
            "apps/v1",
            "Deployment",
            meta("driftlog-console", "console"),
            spec={
                "replicas": 1,
                "selector": {"matchLabels": labels("console")},
                "template": server_pod(console, _CONSOLE, {}, ways),
            },
        ),
        _object(
            "v1",
            "Service",
            meta("driftlog-console", "console"),
            spec={
                "selector": labels("console"),
                "ports": [{"name": "http", "port": console.port, "targetPort": "http"}],
            },
        ),
    ]


def _policies(worker: Server, console: Server) -> Objects:
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    return [
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            meta("driftlog-worker", "worker"),
            spec={
                "podSelector": {"matchLabels": labels("worker")},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": [{"namespaceSelector": monitoring}],
                        "ports": [{"protocol": "TCP", "port": worker.port}],
                    }
                ],
            },
        ),
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            meta("driftlog-topics", "topics"),
            spec={
                "podSelector": {"matchLabels": labels("topics")},
                "policyTypes": ["Ingress"],
            },
        ),
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            meta("driftlog-console", "console"),
            spec={
                "podSelector": {"matchLabels": labels("console")},
                "policyTypes": ["Ingress"],
                # From anywhere: it asks who is calling.
                "ingress": [{"ports": [{"protocol": "TCP", "port": console.port}]}],
            },
        ),
    ]


def _monitor(worker: Server) -> dict[str, Any]:
    endpoint = {
        "port": "http",
        "path": "/metrics",
        "interval": interval(),
        "authorization": {"credentials": {"name": HTTP, "key": "token"}},
        # The rules ask for this job.
        "relabelings": [{"targetLabel": "job", "replacement": "driftlog"}],
    }
    return _object(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        meta("driftlog-worker", "worker"),
        spec={
            "selector": {"matchLabels": labels(worker.name)},
            "endpoints": [endpoint],
            **limits(),
        },
    )


def _rules(name: str, held: list[Any]) -> dict[str, Any]:
    return _object(
        "monitoring.coreos.com/v1", "PrometheusRule", meta(name, "rules"), spec={"groups": held}
    )
