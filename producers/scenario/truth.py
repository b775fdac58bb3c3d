"""The ground truth: what was injected, known from the injection and never from detection."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from driftlog.errors import ContractError, InputError
from driftlog.records import Codec, Record

__all__ = ["INJECTION", "Injection", "joined", "read_truth", "write_truth"]


class Injection(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One stretch of injected drift.

    Rows are positions in the stream (from 0, in order of time), the end exclusive. Times are
    those of the events as they were sent: of the first row touched, and of the first one after
    (for a stretch that reaches the end of the stream, just after its last row).
    """

    kind: str
    signals: tuple[str, ...]
    start_row: int
    end_row: int
    start_ms: int
    end_ms: int
    strength: float
    direction: int = 0  # expected of the signal's mean: +1 up, -1 down, 0 shape, share or absence
    touched: int = 0  # rows that were really changed or held back
    step: int = 0  # place of the injection in the scenario, from 0
    pass_number: int = 0  # of a replay in a loop
    label: str = ""  # the injection's name in the scenario file


INJECTION = Codec(Injection)


def joined(earlier: Iterable[Injection], later: Iterable[Injection]) -> list[Injection]:
    """Return the truth of a replay that was resumed: a stretch cut in two is one again."""
    found = {(one.pass_number, one.step, one.start_row): one for one in earlier}
    for one in later:
        key = (one.pass_number, one.step, one.start_row)
        before = found.get(key, one)
        found[key] = msgspec.structs.replace(
            one,
            start_ms=min(before.start_ms, one.start_ms),
            end_ms=max(before.end_ms, one.end_ms),
            touched=one.touched + (before.touched if before is not one else 0),
        )
    return [found[key] for key in sorted(found)]


def write_truth(path: Path, injections: Iterable[Injection]) -> None:
    """Write one JSON line an injection; whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    scratch = path.with_name(path.name + ".part")
    try:
        scratch.write_bytes(b"".join(INJECTION.encode(one) + b"\n" for one in injections))
        scratch.replace(path)
    except OSError as exc:
        raise InputError(f"the ground truth cannot be written to {path}: {exc}") from exc


def read_truth(path: Path) -> list[Injection]:
    """Return the injections of a file.

    Raises:
        InputError: the file cannot be read, or a line is no injection; names file and line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise InputError(f"the ground truth {path} cannot be read: {exc}") from exc
    injections = []
    for number, line in enumerate(lines, 1):
        try:
            injections.append(INJECTION.decode(line))
        except ContractError as exc:
            raise InputError(f"{path}, line {number}: {exc}") from exc
    return injections
