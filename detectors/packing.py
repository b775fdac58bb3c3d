"""Integers as bytes: variable-length, with runs of zeros folded, for detector state."""

import numpy as np
from numpy.typing import NDArray

from detectors.contract import IntArray
from detectors.kernel import kernel

ByteArray = NDArray[np.uint8]

_LONGEST = 10  # bytes of the longest 64-bit varint


@kernel
def _write(values: IntArray, out: ByteArray, signed: bool) -> int:
    at = 0
    i = 0
    while i < values.size:
        if values[i] == 0:
            run = 1
            while i + run < values.size and values[i + run] == 0:
                run += 1
            i += run
            out[at] = 0
            at += 1
            word = np.uint64(run)
        else:
            v = values[i]
            i += 1
            if signed:
                word = (np.uint64(v) << np.uint64(1)) ^ np.uint64(v >> np.int64(63))
            else:
                word = np.uint64(v)
        while word >= np.uint64(128):
            out[at] = np.uint8(word & np.uint64(127)) | np.uint8(128)
            at += 1
            word = word >> np.uint64(7)
        out[at] = np.uint8(word)
        at += 1
    return at


@kernel
def _read(data: ByteArray, out: IntArray, signed: bool) -> int:
    at = 0
    i = 0
    zeros = False
    while at < data.size:
        word = np.uint64(0)
        shift = np.uint64(0)
        while True:
            if at >= data.size or shift > np.uint64(63):
                return -1
            byte = data[at]
            at += 1
            word |= np.uint64(byte & np.uint8(127)) << shift
            shift += np.uint64(7)
            if byte < np.uint8(128):
                break
        if zeros:
            zeros = False
            if word > np.uint64(out.size - i):
                return -1
            for _ in range(np.int64(word)):
                out[i] = 0
                i += 1
        elif word == np.uint64(0):
            zeros = True
        else:
            if i >= out.size:
                return -1
            if signed:
                half = np.int64(word >> np.uint64(1))
                out[i] = half if word & np.uint64(1) == np.uint64(0) else ~half
            else:
                out[i] = np.int64(word)
            i += 1
    return -1 if zeros else i


def pack(values: IntArray, *, signed: bool = False) -> bytes:
    """Integers of any shape, in C order, as compact bytes.

    Each non-zero integer is a LEB128 varint (zigzag when `signed`); a run of zeros is a zero byte
    and its length. Counts below 128 take one byte, a row of zeros two.

    Raises ValueError for a negative integer when not `signed`.

    >>> pack(np.array([3, 0, 0, 0, 200])).hex()
    '030003c801'
    """
    flat = np.ascontiguousarray(values, dtype=np.int64).ravel()
    if not signed and flat.size and int(flat.min()) < 0:
        raise ValueError(f"pack holds {int(flat.min())}; counts are not negative, or pass signed")
    out = np.empty(_LONGEST * flat.size + _LONGEST + 1, dtype=np.uint8)
    return out[: _write(flat, out, signed)].tobytes()


def unpack(data: bytes, count: int, *, signed: bool = False) -> IntArray:
    """The `count` integers that `pack` wrote, as a flat int64 array.

    Raises ValueError when the bytes are cut short or hold another number of integers.

    >>> unpack(bytes.fromhex('030003c801'), 5).tolist()
    [3, 0, 0, 0, 200]
    """
    out = np.empty(count, dtype=np.int64)
    if _read(np.frombuffer(data, dtype=np.uint8), out, signed) != count:
        raise ValueError(f"packed state of {len(data)} bytes does not hold {count} integers")
    return out


def pack_marks(marks: IntArray) -> list[bytes]:
    """Row marks (3, R) (event time, partition, offset) as three byte strings of differences.

    >>> [len(b) for b in pack_marks(np.array([[10**12, 10**12 + 5], [0, 0], [7, 9]]))]
    [7, 2, 2]
    """
    return [pack(np.diff(row, prepend=0), signed=True) for row in marks]


def unpack_marks(data: list[bytes], count: int) -> IntArray:
    """The row marks (3, count) that `pack_marks` wrote."""
    rows = [np.cumsum(unpack(part, count, signed=True)) for part in data]
    return np.array(rows, dtype=np.int64).reshape(3, count)
