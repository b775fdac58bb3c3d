"""Decoding: the fast and the general path beside plain ``orjson.loads``, in one run.

    python -m benchmarks.decode [--events 20000] [--rounds 7]

Microseconds an event, the minimum of the rounds; the ratio to the floor is what carries over to
other machines. Columns are included in both paths.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from driftlog.records import ReferenceProfile, SignalProfile, SignalRole, SignalType
from driftlog.settings import Settings
from stream import batch
from stream.columns import chunks, encode
from stream.decode import Decoder

NUMBERS = [f"feature_number_{at:02d}" for at in range(16)]
TEXTS = [f"feature_text_{at}" for at in range(4)]
BATCH = 4096


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None


def profile(model: str) -> ReferenceProfile:
    def one(name: str, role: SignalRole, kind: SignalType) -> SignalProfile:
        return SignalProfile(
            signal=name, role=role, type=kind, rows=1, missing=0.0, bins=(), shares=()
        )

    signals = [one(name, "input", SignalType.NUMBER) for name in NUMBERS]
    signals += [one(name, "input", SignalType.CATEGORY) for name in TEXTS]
    signals += [one("prediction", "output", SignalType.CATEGORY)]
    signals += [one(n, "output", SignalType.NUMBER) for n in ("confidence", "entropy", "margin")]
    signals += [one("latency", "service", SignalType.NUMBER)]
    signals += [one("error", "service", SignalType.BOOLEAN)]
    return ReferenceProfile(
        model=model,
        version="3",
        reference_id="r1",
        origin="file",
        effective_from_ms=0,
        rows=1,
        span_ms=(0, 1),
        rate=1.0,
        signals=tuple(signals),
    )


def event(rng: random.Random, at: int, model: str) -> bytes:
    confidence = round(rng.uniform(0.5, 1.0), 3)
    inputs: dict[str, object] = {name: round(rng.gauss(0, 10), 2) for name in NUMBERS}
    inputs |= {name: rng.choice(("UA", "AA", "DL", "WN", "B6")) for name in TEXTS}
    return orjson.dumps(
        {
            "v": 1,
            "event_id": f"01JABCDEFGHJKMNPQR{at:08d}",
            "correlation_id": f"req-{at:08x}",
            "ts_ms": 1_732_100_000_000 + at,
            "model": model,
            "version": "3",
            "segment": rng.choice(("JFK", "LGA", "EWR")),
            "inputs": inputs,
            "outputs": {
                "prediction": "late",
                "confidence": confidence,
                "scores": {"late": confidence, "on_time": round(1 - confidence, 3)},
            },
            "latency_ms": 3.1,
            "status": "ok",
        }
    )


def records(count: int, models: tuple[str, ...]) -> list[Record]:
    rng = random.Random(7)
    return [
        Record(
            "events",
            0,
            at,
            1_732_100_000_000 + at,
            1,
            None,
            event(rng, at, models[at % len(models)]),
        )
        for at in range(count)
    ]


def best(rounds: int, count: int, run: Callable[[], object]) -> float:
    took = []
    for _ in range(rounds):
        before = time.perf_counter()
        run()
        took.append(time.perf_counter() - before)
    return min(took) / count * 1e6


def in_batches(log: list[Record], run: Callable[[list[Record]], object]) -> Callable[[], None]:
    def go() -> None:
        for start in range(0, len(log), BATCH):
            run(log[start : start + BATCH])

    return go


def measure(count: int, rounds: int) -> dict[str, float]:
    profiles = {name: profile(name) for name in ("delay-a", "delay-b")}
    settings = Settings()
    one, two = records(count, ("delay-a",)), records(count, ("delay-a", "delay-b"))
    decoder = Decoder(settings, lambda model, _version, _ts_ms: profiles[model])
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)

    def floor(log: list[Record]) -> None:
        for start in range(0, len(log), 256):
            [orjson.loads(record.value or b"") for record in log[start : start + 256]]

    found = {"bytes an event": float(len(one[0].value or b""))}
    found["orjson.loads (floor)"] = best(rounds, count, in_batches(one, floor))
    found["fast path, columns"] = best(rounds, count, in_batches(one, decoder.decode_batch))
    found["fast path, two models"] = best(rounds, count, in_batches(two, decoder.decode_batch))
    sampled = batch.SAMPLED
    batch.SAMPLED = 1  # type: ignore[misc] # all by the general path
    found["general path, columns"] = best(rounds, count, in_batches(one, decoder.decode_batch))
    batch.SAMPLED = sampled  # type: ignore[misc]
    rows = decoder.decode_batch(one[:BATCH]).rows[0].rows

    def chunked() -> None:
        for part in chunks(rows):
            encode(part, None, "c", "r1")

    found["columns to Arrow chunks"] = best(rounds, len(rows), chunked)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="us an event of the decoding paths")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.events, asked.rounds)
    if asked.json:
        print(json.dumps(found))
        return
    floor = found["orjson.loads (floor)"]
    for name, value in found.items():
        ratio = "" if name == "bytes an event" else f"{value / floor:8.2f} of the floor"
        print(f"{name:28}{value:9.2f}{ratio}")


if __name__ == "__main__":
    main()
