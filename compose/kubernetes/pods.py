"""Pods that run the image, as little as they may and as long as they should."""

from __future__ import annotations

from typing import Any, Final

from compose.kubernetes.sources import Server

__all__ = ["HTTP", "USER", "labels", "meta", "pod", "server_pod"]

HTTP: Final = "driftlog-http"  # the Secret with who may ask: token, username, password
_KAFKA: Final = "driftlog-kafka"  # the Secret with DRIFTLOG_KAFKA_SASL_*; need not be there
USER: Final = 10001  # the image's
_TMP: Final = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - a volume of the pod's own
_TMP_SIZE: Final = "256Mi"
_CREDENTIALS: Final = {"TOKENS": "token", "USERNAME": "username", "PASSWORD": "password"}


def labels(component: str) -> dict[str, str]:
    """What marks and selects the objects of a component."""
    return {"app.kubernetes.io/name": "driftlog", "app.kubernetes.io/component": component}


def meta(name: str, component: str, **more: Any) -> dict[str, Any]:
    """Return an object's metadata."""
    return {"name": name, "labels": labels(component), **more}


def pod(server: Server, resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a pod's template that runs a service's command.

    Args:
        server: what runs.
        resources: of the container.
        more: of the container.
    """
    return {
        "metadata": {"labels": labels(server.name)},
        "spec": {
            "serviceAccountName": "driftlog",
            "automountServiceAccountToken": False,
            # Else a Service named driftlog-... sets DRIFTLOG_..._PORT, which is no setting.
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": server.grace,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": server.name,
                    "image": server.image,
                    "args": server.arguments,
                    "envFrom": [
                        {"configMapRef": {"name": "driftlog"}},
                        {"secretRef": {"name": _KAFKA, "optional": True}},
                    ],
                    "resources": resources,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [_TMP],
                    **more,
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": _TMP_SIZE}}],
        },
    }


def server_pod(
    server: Server,
    resources: dict[str, Any],
    environment: dict[str, str],
    credentials: tuple[str, ...],
) -> dict[str, Any]:
    """Return a pod's template with a port, probes, and credentials that it asks for.

    Args:
        server: what runs.
        resources: of the container.
        environment: more settings, by variable.
        credentials: which of ``TOKENS``, ``USERNAME`` and ``PASSWORD``.

    A pod is not restarted for a broker that is away: liveness asks whether it runs, readiness
    whether it works.
    """

    def probe(path: str, **times: int) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5, **times}

    asked = [
        {
            "name": f"DRIFTLOG_HTTP_{name}",
            "valueFrom": {"secretKeyRef": {"name": HTTP, "key": _CREDENTIALS[name]}},
        }
        for name in credentials
    ]
    made = pod(
        server,
        resources,
        env=[*({"name": name, "value": held} for name, held in environment.items()), *asked],
        ports=[{"name": "http", "containerPort": server.port}],
        startupProbe=probe("/livez", periodSeconds=2, failureThreshold=60),
        livenessProbe=probe("/livez", periodSeconds=10, failureThreshold=6),
        readinessProbe=probe("/readyz", periodSeconds=5, failureThreshold=3),
    )
    # Two on one machine end with it.
    made["spec"]["affinity"] = {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": labels(server.name)},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }
            ]
        }
    }
    return made
