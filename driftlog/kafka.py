"""How every client of the project connects: one place for addresses, TLS and SASL."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from driftlog.errors import SettingsError
from driftlog.settings import KafkaSettings

__all__ = [
    "COMPRESSION",
    "NEVER_MS",
    "QUICK_COMPRESSION",
    "connection",
    "reason",
    "refusal",
    "stop_consumer",
]

# Not lz4: aiokafka runs it at its slowest level, and with the interpreter locked, so that a service
# under capture stood still for each batch (benchmarks/compression.py).
COMPRESSION: Final = "zstd"  # of JSON: the smallest, and the others may run meanwhile
QUICK_COMPRESSION: Final = "snappy"  # of what is small, or compressed already

# For max_poll_interval_ms: a consumer that has had nothing to poll for so long leaves its group and
# never comes back, such as a spare worker's. Whether a worker gets on is its watchdog's affair.
NEVER_MS: Final = 2**31 - 1

_PATIENCE_MS: Final = 5_000
_GOODBYE_S: Final = 0.1  # TLS ends a connection by an exchange, after which its socket closes
_CONNECTING: Final = (
    *("security_protocol", "ssl_context", "sasl_mechanism"),
    *("sasl_plain_username", "sasl_plain_password"),
)
_RIGHTS: Final = {
    TopicAuthorizationFailedError: "topic",
    GroupAuthorizationFailedError: "consumer group",
    ClusterAuthorizationFailedError: "the cluster (IdempotentWrite, Describe)",
}


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments with which aiokafka's clients connect.

    From then on aiokafka's own log is silent about what authenticates: at level debug it would
    write each request out, and that of SASL PLAIN holds the password.

    Raises:
        SettingsError: the certificate authority's file cannot be read.
    """
    logging.getLogger("aiokafka.conn").addFilter(_without_secrets)
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


def refusal(arguments: Mapping[str, Any], exc: BaseException) -> str | None:
    """Say which right or topic is missing, where that is why a client failed; else None.

    Args:
        arguments: what the client was made with, by `connection`.
        exc: what it raised.
    """
    user = arguments.get("sasl_plain_username")
    for kind, what in _RIGHTS.items():
        if isinstance(exc, kind):
            named = f" {_names(exc.args[0])}" if exc.args else ""
            who = f"user {user!r}" if user else "this client"
            return f"{who} may not use {what}{named}: grant the right by an ACL of the broker"
    if isinstance(exc, UnknownTopicOrPartitionError):
        return "the topic is not there; 'driftlog topics create' makes it"
    return None


def _names(told: object) -> str:
    """Names as the client's error has them, one or several."""
    if isinstance(told, (set, frozenset, list, tuple)):
        return ", ".join(sorted(str(one) for one in told))
    return str(told)


def _without_secrets(record: logging.LogRecord) -> bool:
    """Put a name in place of each request and answer of an authentication. Never drops a record."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            "SaslAuthenticate (not shown)"
            if type(one).__name__.startswith("SaslAuthenticate")
            else one
            for one in record.args
        )
    return True


async def reason(arguments: Mapping[str, Any], exc: BaseException) -> str:
    """Say why a client failed, and which setting to look at.

    aiokafka says "unable to bootstrap" to a wrong password, an unknown authority and an address
    where nobody listens alike; one connection of our own tells them apart.

    Args:
        arguments: what the client was made with, by `connection`.
        exc: what it raised.
    """
    if (refused := refusal(arguments, exc)) is not None:
        return refused
    user = arguments.get("sasl_plain_username")
    address = str(arguments["bootstrap_servers"]).split(",")[0].strip()
    host, _, port = address.rpartition(":")
    more = {name: arguments[name] for name in _CONNECTING if name in arguments}
    try:
        conn = await create_conn(host, int(port), request_timeout_ms=_PATIENCE_MS, **more)
    except ssl.SSLCertVerificationError as found:
        return (
            f"the certificate of {address} is not trusted ({found.verify_message}): set "
            "kafka.ssl_cafile to its authority's PEM file, or kafka.bootstrap to a name in it"
        )
    except ssl.SSLError as found:
        return f"{address} speaks no TLS ({found.reason}): look at kafka.security_protocol"
    except KafkaConnectionError as found:
        return f"{address} closes the connection ({found}): look at kafka.security_protocol"
    except KafkaError as found:
        return (
            f"{address} refuses user {user!r} by {arguments.get('sasl_mechanism')} "
            f"({type(found).__name__}): look at kafka.sasl_username, kafka.sasl_password and "
            "kafka.sasl_mechanism"
        )
    except TimeoutError:
        return (
            f"{address} takes the connection and says nothing: is it frozen, or does it not speak "
            "TLS? Look at kafka.security_protocol"
        )
    except (OSError, ValueError) as found:
        return (
            f"no broker answers at {address} ({found}): start the broker, or set kafka.bootstrap "
            "(DRIFTLOG_KAFKA)"
        )
    else:
        conn.close()
    finally:
        await asyncio.sleep(_GOODBYE_S)
    return repr(exc)


async def stop_consumer(consumer: Any) -> None:
    """Stop an aiokafka consumer, also while its broker is away.

    aiokafka's own ``stop`` then raises, as if the caller had been cancelled, the cancellation of a
    fetch that waits to try again, and leaves its connections open.
    """
    stopping = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait({stopping})
    except asyncio.CancelledError:
        stopping.cancel()
        raise
    if not stopping.cancelled():
        stopping.result()
        return
    fetches = list(consumer._fetcher._pending_tasks)
    for fetch in fetches:
        fetch.cancel()
    await asyncio.gather(*fetches, return_exceptions=True)
    await consumer._client.close()
