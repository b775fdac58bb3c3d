"""The transport is installed for `kafka://`, on the Faust it mends, with settings that are safe."""

from __future__ import annotations

import importlib.metadata
import logging
import ssl
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.transport.drivers import TRANSPORTS
from yarl import URL

import stream.transport
from driftlog.errors import DriftlogError, SettingsError
from stream.transport import FloodFilter, TransportError, install, recommended_settings
from stream.transport.engine import require_engine


@pytest.fixture
def undo_install(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(TRANSPORTS.aliases, "kafka", TRANSPORTS.aliases["kafka"])
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.startswith("aiokafka") and isinstance(logger, logging.Logger)
    ]
    yield
    for logger in loggers:
        for held in list(logger.filters):
            if isinstance(held, FloodFilter):
                logger.removeFilter(held)


@pytest.mark.usefixtures("undo_install")
def test_an_app_made_after_install_uses_this_transport(tmp_path: Path) -> None:
    install()
    install()
    app = faust.App(
        **recommended_settings(
            app_id="a", bootstrap="one:1, two:2", partitions=4, data_directory=tmp_path
        )
    )
    transport: Any = app._new_transport()
    assert type(transport) is stream.transport.Transport
    assert transport.url == [URL("kafka://one:1"), URL("kafka://two:2")]
    filters = logging.getLogger("aiokafka.cluster").filters
    ours = [one for one in filters if isinstance(one, FloodFilter) and one.thread is None]
    assert len(ours) == 1


def test_another_version_of_faust_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.16.0")
    with pytest.raises(TransportError, match=r"faust-streaming 0\.16\.0 .* mends 0\.15\.3"):
        require_engine()


def test_faust_without_its_compiled_loop_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faust.streams._CStreamIterator", None)
    with pytest.raises(DriftlogError, match="NO_CYTHON"):
        require_engine()


def test_every_recommended_setting_is_one_of_faust_s_and_is_held(tmp_path: Path) -> None:
    settings = recommended_settings(
        app_id="a", bootstrap="h:1", partitions=4, data_directory=tmp_path, instance_id="w1"
    )
    app = faust.App(**settings)
    held = {name: getattr(app.conf, name) for name in settings}
    assert held == settings | {
        "store": URL("memory://"),
        "agent_supervisor": held["agent_supervisor"],
        "processing_guarantee": held["processing_guarantee"],
    }
    assert held["agent_supervisor"].__name__ == "CrashingSupervisor"
    assert held["broker_request_timeout"] >= held["broker_session_timeout"]


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_credentials_reach_aiokafka(protocol: str, tmp_path: Path) -> None:
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    settings = recommended_settings(
        app_id="a",
        bootstrap="h:1",
        partitions=4,
        data_directory=tmp_path,
        security_protocol=protocol,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="me",
        sasl_plain_password="secret",
    )
    auth = credentials_to_aiokafka_auth(faust.App(**settings).conf.broker_credentials)
    assert auth["security_protocol"] == protocol
    assert isinstance(auth.get("ssl_context"), ssl.SSLContext) == protocol.endswith("SSL")
    if protocol.startswith("SASL"):
        assert auth["sasl_mechanism"] == "SCRAM-SHA-512"
        assert (auth["sasl_plain_username"], auth["sasl_plain_password"]) == ("me", "secret")


def test_a_protocol_that_kafka_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PLAINTEXT, SSL"):
        recommended_settings(
            app_id="a",
            bootstrap="h:1",
            partitions=4,
            data_directory=tmp_path,
            security_protocol="TLS",
        )


async def test_reading_changelogs_from_their_end_is_refused() -> None:
    app = faust.App("a", broker="kafka://h:1", consumer_auto_offset_reset="latest")
    transport: Any = stream.transport.Transport([URL("kafka://h:1")], app)
    with pytest.raises(TransportError, match="consumer_auto_offset_reset"):
        transport.create_consumer(
            callback=print, on_partitions_revoked=print, on_partitions_assigned=print
        )
