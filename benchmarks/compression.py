"""Compression of a batch on its way to the broker, as aiokafka does it.

    python -m benchmarks.compression [--rounds 7]

For each codec: bytes and microseconds of processor time an event, each way, of a batch of events as
the capture client sends it; and how long another thread of the process stood still meanwhile, which
is what a watched service feels. Minimum of the rounds.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from aiokafka import codec

from producers.load import events, records

_BATCH: Final = 320  # events: 256 kB
_CODECS: Final = ("lz4", "snappy", "zstd")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    raw = b"".join(value for _, value in islice(records(events(_BATCH)), _BATCH))
    print(f"{'codec':8}{'bytes':>8}{'us to pack':>12}{'us to unpack':>14}{'ms locked':>11}")
    print(f"{'none':8}{len(raw) / _BATCH:8.0f}")
    for name in _CODECS:
        pack, unpack = getattr(codec, f"{name}_encode"), getattr(codec, f"{name}_decode")
        packed = pack(raw)
        print(
            f"{name:8}{len(packed) / _BATCH:8.0f}{_best(rounds, pack, raw):12.2f}"
            f"{_best(rounds, unpack, packed):14.2f}{_locked(rounds, pack, raw):11.1f}"
        )


def _best(rounds: int, run: Callable[[bytes], Any], value: bytes) -> float:
    """Processor time an event, us."""
    took = []
    for _ in range(rounds):
        before = time.process_time()
        run(value)
        took.append(time.process_time() - before)
    return min(took) / _BATCH * 1e6


def _locked(rounds: int, run: Callable[[bytes], Any], value: bytes) -> float:
    """Longest time that another thread did not run, ms; the least of the rounds."""
    sys.setswitchinterval(0.0005)
    found = []
    for _ in range(rounds):
        gaps: list[float] = []
        ended = threading.Event()

        def tick(gaps: list[float] = gaps, ended: threading.Event = ended) -> None:
            last = time.perf_counter()
            while not ended.is_set():
                now = time.perf_counter()
                gaps.append(now - last)
                last = now

        thread = threading.Thread(target=tick)
        thread.start()
        run(value)
        ended.set()
        thread.join()
        found.append(max(gaps))
    return min(found) * 1000


if __name__ == "__main__":
    main()
