"""What aiokafka writes of a connection holds no password, at any level of its log."""

from __future__ import annotations

import logging

import pytest
from aiokafka.protocol.admin import (
    SaslAuthenticateRequest_v0,
    SaslAuthenticateRequest_v1,
    SaslAuthenticateResponse_v1,
    SaslHandShakeRequest_v1,
)

from driftlog.kafka import connection
from driftlog.settings import KafkaSettings


def test_aiokafkas_own_log_does_not_hold_what_authenticates(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logging.getLogger("aiokafka.conn")
    # A client of before in this process may have bounded how often a text is written.
    monkeypatch.setattr(log, "filters", [])
    for _ in range(2):  # as often as there are clients
        connection(KafkaSettings())
    payload = b"\0ops\0hunter2-hunter2"
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        for held in (
            SaslAuthenticateRequest_v0(payload),
            SaslAuthenticateRequest_v1(payload),
            SaslAuthenticateResponse_v1(0, None, payload, 0),
        ):
            assert "hunter2" in repr(held)  # else nothing would be tested
            log.debug("Request to %s:%d %d: %s", "127.0.0.1", 9092, 7, held)
        log.debug("Request to %s:%d %d: %s", "127.0.0.1", 9092, 8, SaslHandShakeRequest_v1("PLAIN"))
        log.debug("a line without arguments")
    assert "hunter2" not in caplog.text
    assert caplog.text.count("SaslAuthenticate (not shown)") == 3
    assert "PLAIN" in caplog.text and "a line without arguments" in caplog.text
