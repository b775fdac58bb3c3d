"""The end of a log, said in the log: closes its last panes."""

from __future__ import annotations

import orjson

from driftlog.records.event import MAX_TS_MS

__all__ = ["read_tick", "tick"]


def tick(ts_ms: int) -> bytes:
    """Return the record that says: no event before ``ts_ms`` will come in this partition.

    ``{"v": 1, "tick": true, "ts_ms": ...}`` in a partition of events raises that partition's
    watermark to ``ts_ms``, with no lateness taken off; an event before it that still comes is
    late. It is no event: no model, no row, no dead letter. A writer that ends a log puts one in
    every partition, with the end of the last pane, since the last panes of a log stay open
    otherwise.
    """
    return orjson.dumps({"v": 1, "tick": True, "ts_ms": ts_ms})


def read_tick(parsed: object) -> int | None:
    """Return the time of a tick, or None if the parsed JSON is no tick (or a malformed one)."""
    if not isinstance(parsed, dict) or parsed.get("tick") is not True or parsed.get("v") != 1:
        return None
    ts_ms = parsed.get("ts_ms")
    if not isinstance(ts_ms, int) or isinstance(ts_ms, bool):
        return None
    return ts_ms if 0 <= ts_ms < MAX_TS_MS else None
