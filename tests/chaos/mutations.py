"""Events as broken clients, proxies and attackers write them, seeded, each with what was done.

Half are made field by field with Hypothesis's strategies, half by changing the bytes of real
events. What is still an event afterwards is said by the general path, which is the contract; what
cannot be one any more is said here, so that the two are held against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from driftlog.decode import decode_event
from driftlog.records import Event, Reason
from driftlog.testing.events import EventFactory

__all__ = ["HOSTILE_VERSIONS", "VICTIM", "Mutated", "Mutations"]

VICTIM: Final = ("victim", "1")  # the model version they claim to be of
HOSTILE_VERSIONS: Final = 10_000
_LARGEST: Final = 900_000  # bytes; a topic as Kafka makes it takes no more than 1,048,588
_SHARE_OF_LARGEST: Final = 0.01  # of the huge ones
_DEEP: Final = 5_000
_STRANGE: Final = (
    "\x00",
    "\x1b[31m",
    "\n",
    "\r\n",
    '"',
    "\\",
    "\u202e",
    "\x85",
    "{",
    "é",
    "\U0001f4a5",
)

Wire = bytes | None


@dataclass(frozen=True, slots=True)
class Mutated:
    """One record.

    Args:
        how: what was done, in a word.
        value: as it is written.
        reason: why it must be a dead letter; none: that is for the contract to say.
    """

    how: str
    value: Wire
    reason: Reason | None = None


class Mutations:
    """Makes one record after another; the same arguments and times make the same ones.

    Args:
        number: seed.
        count: about how many will be asked for.
        max_bytes: larger events are dead letters.
        ahead_ms: a time that the broker's clock will not reach; with 0 no record claims to be of
            the future, since on a topic with the clients' own times nobody could refuse it.
    """

    def __init__(self, number: int, count: int, max_bytes: int, ahead_ms: int = 0) -> None:
        self._draw = Random(f"mutations {number}")
        self._factory = EventFactory(*VICTIM, seed=number)
        self._trees = _trees(min(2_000, max(200, count // 20)), number)
        self._limits = Limits(max_bytes, ahead_ms)
        self._made = 0

    def one(self, ts_ms: int) -> Mutated:
        """Return the next one. Where it is still an event its time is no later than this.

        A byte that changed may have made a time of the year 2093, which a topic with the clients'
        own times takes at its word: such a record is emptied.
        """
        self._made += 1
        made = self._any(self._factory.event(ts_ms=ts_ms))
        if made.reason is not None or made.value is None:
            return made
        found = decode_event(made.value, max_bytes=1 << 30)
        if isinstance(found, Event) and found.ts_ms > ts_ms:
            return Mutated("emptied", b"", Reason.NOT_JSON)
        return made

    def _any(self, event: dict[str, Any]) -> Mutated:
        draw = self._draw
        chance = draw.random()
        if chance < 0.5:
            return _bytes_changed(draw, orjson.dumps(event))
        if chance < 0.75:
            return _field_changed(draw, event, draw.choice(self._trees))
        return _CRAFTED[self._made % len(_CRAFTED)](draw, event, self._limits)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a record is made to break."""

    max_bytes: int
    ahead_ms: int


# -- bytes --------------------------------------------------------------------------------------


def _bytes_changed(draw: Random, raw: bytes) -> Mutated:
    kind = draw.randrange(7)
    at = draw.randrange(len(raw))
    if kind == 0:
        return Mutated("truncated", raw[:at], Reason.NOT_JSON)
    if kind == 1:
        return Mutated("invalid UTF-8", _put(raw, raw.index(b"victim"), b"\xff"), Reason.NOT_JSON)
    if kind == 2:
        return Mutated("one byte", raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :])
    if kind == 3:
        flipped = bytes([raw[at] ^ 1 << draw.randrange(8)])
        return Mutated("one bit", raw[:at] + flipped + raw[at + 1 :])
    if kind == 4:
        to = draw.randrange(len(raw))
        return Mutated("a piece twice", _put(raw, to, raw[at : at + draw.randrange(1, 60)]))
    if kind == 5:
        return Mutated("a piece gone", raw[:at] + raw[at + draw.randrange(1, 60) :])
    return Mutated("noise", draw.randbytes(draw.randrange(1, 200)))


def _put(raw: bytes, at: int, piece: bytes) -> bytes:
    return raw[:at] + piece + raw[at:]


# -- fields -------------------------------------------------------------------------------------

_FIELDS: Final = (
    *("v", "event_id", "correlation_id", "ts_ms", "model", "version", "segment", "role"),
    *("inputs", "outputs", "latency_ms", "status"),
)


def _field_changed(draw: Random, event: dict[str, Any], tree: Any) -> Mutated:
    """A field, an input or an output holds something else, or is gone, or has another name."""
    where = draw.choice(("field", "input", "output", "gone", "renamed", "scores"))
    if where == "field":
        event[draw.choice(_FIELDS)] = tree
    elif where == "input":
        event["inputs"][draw.choice((*event["inputs"], "another"))] = tree
    elif where == "output":
        event["outputs"][draw.choice(("prediction", "confidence", "another"))] = tree
    elif where == "scores":
        event["outputs"]["scores"]["late"] = tree
    elif where == "gone":
        event.pop(draw.choice(_FIELDS), None)
    else:
        event["inputs"][_name(draw)] = draw.choice((1.5, "x", None, True))
    return Mutated(f"{where} of another kind", orjson.dumps(event))


def _trees(count: int, number: int) -> list[Any]:
    """Any JSON, by Hypothesis."""
    leaf = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    )
    name = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    strategy = st.recursive(
        leaf, lambda t: st.lists(t, max_size=4) | st.dictionaries(name, t, max_size=4), max_leaves=8
    )
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck), derandomize=False,
    )  # fmt: skip
    @given(strategy)
    def take(tree: Any) -> None:
        found.append(tree)

    take()
    return found


def _name(draw: Random) -> str:
    return "".join(draw.choice(_STRANGE) for _ in range(draw.randrange(1, 5))) + str(
        draw.randrange(HOSTILE_VERSIONS)
    )


# -- crafted ------------------------------------------------------------------------------------


def _huge(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    size = limits.max_bytes + draw.randrange(1, 1_000)
    event["inputs"]["note"] = "x" * (_LARGEST if draw.random() < _SHARE_OF_LARGEST else size)
    return Mutated("huge", orjson.dumps(event), Reason.OVERSIZE)


def _deep(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    raw = orjson.dumps(event)
    depth = min(_DEEP, limits.max_bytes // 20)
    opening, closing = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opening * depth + b"1" + closing * depth
    where = draw.choice((b'"distance":', b'"inputs":', b'"outputs":'))
    cut = raw.index(where) + len(where)
    rest = raw[cut:]
    return Mutated("deeply nested", raw[:cut] + nested + b',"x":' + rest)


def _repeated(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    raw = orjson.dumps(event)
    again = draw.choice((b'"model":"victim"', b'"version":"1"', b'"inputs":{}', b'"v":2', b'"v":1'))
    return Mutated("keys twice", raw[:-1] + b"," + again + b"}")


def _no_number(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["inputs"]["distance"] = 0.125
    what = draw.choice((b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999", b"01", b"+1"))
    raw = orjson.dumps(event).replace(b"0.125", what)
    return Mutated("no number of JSON", raw, Reason.NOT_JSON)


def _extreme(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["inputs"]["distance"] = 0.125
    what = draw.choice(
        (b"1e308", b"-1.7e308", b"5e-324", b"-0.0", b"9" * 300, b"1" + b"0" * 30, b"1e-999")
    )
    return Mutated("extreme numbers", orjson.dumps(event).replace(b"0.125", what))


def _control(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    field = draw.choice(("model", "version", "segment"))
    event[field] = f"a{draw.choice(chr(0) + chr(27) + chr(10) + chr(127) + chr(133))}b"
    return Mutated("control characters in a name", orjson.dumps(event), Reason.WRONG_TYPE)


def _surrogate(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    raw = orjson.dumps(event).replace(b'"victim"', b'"\\ud800"')
    return Mutated("half a surrogate", raw, Reason.NOT_JSON)


def _tombstone(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    return Mutated("tombstone", None, Reason.NOT_JSON)


def _no_object(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    listed = b"[" + orjson.dumps(event) + b"]"
    what = draw.choice((b"[]", b"null", b"7", b'"event"', b"true", listed))
    return Mutated("no object", what, Reason.NOT_OBJECT)


def _version(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["v"] = draw.choice((0, 2, -1, 10**9))
    return Mutated("another contract", orjson.dumps(event), Reason.UNKNOWN_VERSION)


def _clock(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["ts_ms"] = draw.choice((-1, 2**53, 2**63 - 1, 1.5, "2024-11-20", True, [1]))
    return Mutated("no time", orjson.dumps(event), Reason.WRONG_TYPE)


def _past(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["ts_ms"] = draw.choice((0, 1, draw.randrange(event["ts_ms"])))
    return Mutated("past", orjson.dumps(event))


def _future(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    ahead_ms = limits.ahead_ms
    if not ahead_ms:
        return _past(draw, event, limits)
    event["ts_ms"] = draw.choice((ahead_ms, ahead_ms + draw.randrange(10**10), 2**53 - 1))
    return Mutated("future", orjson.dumps(event), Reason.FUTURE)


def _new_input(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["inputs"] |= {f"new {draw.randrange(10_000)}": 1.0 for _ in range(3)}
    return Mutated("new inputs", orjson.dumps(event))


def _hostile(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["version"] = f'\u202e%@/#"\\{draw.randrange(HOSTILE_VERSIONS)}{"v" * draw.randrange(200)}'
    event["model"] = draw.choice(("victim", "nobody", "*", "marker 0", "<script>", "$(id)"))
    return Mutated("hostile names", orjson.dumps(event))


def _segment(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    event["segment"] = draw.choice(("other", f"s{draw.randrange(10**9)}", "%2A", "é" * 256))
    return Mutated("segments", orjson.dumps(event))


def _nothing(draw: Random, event: dict[str, Any], limits: Limits) -> Mutated:
    return Mutated("unchanged", orjson.dumps(event))


_Crafted = Callable[[Random, dict[str, Any], Limits], Mutated]
_CRAFTED: Final[tuple[_Crafted, ...]] = (
    *(_deep, _repeated, _no_number, _extreme, _control, _surrogate, _tombstone, _no_object),
    *(_version, _clock, _past, _future, _new_input, _hostile, _segment, _nothing, _huge),
)
