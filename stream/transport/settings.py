"""The settings with which Faust is safe for a stateful stream of large chunks."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from faust import SASLCredentials, SSLCredentials
from yarl import URL

from driftlog.errors import SettingsError
from driftlog.kafka import NEVER_MS, QUICK_COMPRESSION
from stream.transport.table import Table
from stream.transport.topic import Topic

__all__ = ["recommended_settings"]

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


def recommended_settings(
    *,
    app_id: str,
    bootstrap: str,
    partitions: int,
    data_directory: Path,
    session_timeout: float = 30.0,
    instance_id: str | None = None,
    security_protocol: str = "PLAINTEXT",
    ssl_context: ssl.SSLContext | None = None,
    sasl_mechanism: str = "PLAIN",
    sasl_plain_username: str = "",
    sasl_plain_password: str = "",
) -> dict[str, Any]:
    """Return the keyword arguments of `faust.App` for a worker on this transport.

    Args:
        app_id: consumer group, and prefix of the changelog topics.
        bootstrap: `host:port`, several parted by commas.
        partitions: of the changelog topics of tables that name no count of their own.
        data_directory: where Faust may keep files; one for each worker.
        session_timeout: seconds after which the group gives a silent worker's partitions away; the
            group's coordinator must take it (group.min.session.timeout.ms).
        instance_id: static membership, a name of this worker that outlives its process.
        security_protocol: as aiokafka takes it.
        ssl_context: for the two protocols with SSL; the system's authorities without it.
        sasl_mechanism: for the two protocols with SASL, as aiokafka takes it.
        sasl_plain_username: for the two protocols with SASL.
        sasl_plain_password: for the two protocols with SASL.

    Raises:
        SettingsError: the protocol is none of Kafka's.
    """
    settings: dict[str, Any] = {
        "id": app_id,
        "broker": [URL(f"kafka://{address.strip()}") for address in bootstrap.split(",")],
        "datadir": data_directory,
        # State: the memory store, rebuilt from the changelog. Its standbys are deleted again by its
        # own eviction and promoted from nothing.
        "store": "memory://",
        "Table": Table,
        "Topic": Topic,
        "table_standby_replicas": 0,
        # Topics are made and checked before: one that Faust makes at start may have no owner
        # until the leader's metadata is refreshed.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": partitions,
        # An agent that fails must end the worker, not acknowledge its event and go on.
        "agent_supervisor": "mode.CrashingSupervisor",
        # Rows held for an open pane cannot be acknowledged while the flow is stopped: waiting for
        # them is a deadlock.
        "stream_wait_empty": False,
        "stream_buffer_maxsize": 128,  # chunks of up to 256 kB, not single events
        "stream_recovery_delay": 0.0,
        # `earliest` holds for the changelogs too.
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": 30_000,
        "broker_max_poll_records": 500,
        # Of a partition at once. What has been fetched is worked off partition by partition: with
        # much of each the last one waits for long.
        "consumer_max_fetch_size": 524_288,
        "broker_commit_interval": 1.0,
        "broker_max_poll_interval": NEVER_MS / 1000,
        "broker_session_timeout": session_timeout,
        # Two heartbeats may be lost before the worker is.
        "broker_heartbeat_interval": min(3.0, session_timeout / 3),
        # A group that waits for one slow member is not a stalled recovery (stream.watchdog: 60 s).
        "broker_rebalance_timeout": 45.0,
        "broker_request_timeout": max(90.0, session_timeout + 60.0),  # at least the session's
        "producer_acks": -1,
        "producer_linger": 0.01,
        "producer_max_batch_size": 262_144,
        "producer_max_request_size": 4_000_000,  # references; other topics take 1 MiB
        "producer_compression_type": QUICK_COMPRESSION,
        "producer_threaded": False,
        "processing_guarantee": "at_least_once",  # exactness is the state's affair
        # Liveness, readiness and gauges are served on our own port, during recovery too.
        "web_enabled": False,
    }
    if instance_id is not None:
        settings["consumer_group_instance_id"] = instance_id
    if security_protocol not in PROTOCOLS:
        raise SettingsError("kafka.security_protocol", security_protocol, ", ".join(PROTOCOLS))
    if security_protocol.endswith("SSL"):
        ssl_context = ssl_context or ssl.create_default_context()
    else:
        ssl_context = None
    if security_protocol.startswith("SASL"):
        settings["broker_credentials"] = SASLCredentials(
            username=sasl_plain_username,
            password=sasl_plain_password,
            mechanism=sasl_mechanism,
            ssl_context=ssl_context,
        )
    elif ssl_context is not None:
        settings["broker_credentials"] = SSLCredentials(ssl_context)
    return settings
