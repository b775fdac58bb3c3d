"""Kafka's default partitioner, as pure functions over the bytes of a key."""

from __future__ import annotations

from struct import unpack_from

__all__ = ["murmur2", "partition_of"]


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash by which Kafka's Java client and aiokafka choose partitions.

    Source: MurmurHash2 by Austin Appleby, with the seed of ``Utils.murmur2`` of kafka-clients.
    """
    length = len(key)
    mixed = 0x9747B28C ^ length
    words = length // 4
    for word in unpack_from(f"<{words}I", key):
        spread = word * 0x5BD1E995 & 0xFFFFFFFF
        spread = (spread ^ spread >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        mixed = mixed * 0x5BD1E995 & 0xFFFFFFFF ^ spread
    if tail := key[words * 4 :]:
        mixed = (mixed ^ int.from_bytes(tail, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return mixed ^ mixed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition, 0 to partitions - 1, to which Kafka's default partitioner sends a key.

    librdkafka clients agree only with ``partitioner=murmur2_random``.
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions
