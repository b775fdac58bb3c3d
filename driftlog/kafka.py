"""How every client of the project connects: one place for addresses, TLS and SASL."""

from __future__ import annotations

import ssl
from typing import Any

from driftlog.errors import SettingsError
from driftlog.settings import KafkaSettings

__all__ = ["connection"]


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments with which aiokafka's clients connect.

    Raises:
        SettingsError: the certificate authority's file cannot be read.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        try:
            arguments["ssl_context"] = ssl.create_default_context(cafile=kafka.ssl_cafile or None)
        except (OSError, ssl.SSLError) as exc:
            raise SettingsError(
                "kafka.ssl_cafile", kafka.ssl_cafile, f"a readable PEM file ({exc})"
            ) from exc
    if kafka.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password,
        }
    return arguments
