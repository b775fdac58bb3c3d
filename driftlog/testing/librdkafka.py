"""The C functions of librdkafka's mock cluster, declared for ctypes.

librdkafka marks this API as experimental, so every function is looked up when the library is
loaded: a wheel without a necessary one is refused at once, by name, instead of crashing later.
Source: ``src/rdkafka_mock.h`` of librdkafka.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

from driftlog.errors import BrokerError, MissingExtraError

__all__ = ["PRODUCER", "has", "load", "require"]

_POINTER = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_INT = ctypes.c_int
_SIZE = ctypes.c_size_t
_API_KEY = ctypes.c_int16
_BROKER = ctypes.c_int32
_PARTITION = ctypes.c_int32
_OFFSET = ctypes.c_int64
_ERROR = ctypes.c_int

# name -> (result, arguments). Variadic functions are left out on purpose: their calling
# convention differs between platforms (Apple's arm64) and ctypes cannot express it.
_FUNCTIONS: Final = {
    "conf_new": (_POINTER, []),
    "conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, _SIZE]),
    "conf_destroy": (None, [_POINTER]),
    "new": (_POINTER, [_INT, _POINTER, _TEXT, _SIZE]),
    "destroy": (None, [_POINTER]),
    "err2str": (_TEXT, [_ERROR]),
    "version_str": (_TEXT, []),
    "mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "mock_cluster_destroy": (None, [_POINTER]),
    "mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "mock_group_initial_rebalance_delay_ms": (None, [_POINTER, ctypes.c_int32]),
    "mock_topic_create": (_ERROR, [_POINTER, _TEXT, _INT, _INT]),
    "mock_topic_set_error": (None, [_POINTER, _TEXT, _ERROR]),
    "mock_partition_set_leader": (_ERROR, [_POINTER, _TEXT, _PARTITION, _BROKER]),
    "mock_coordinator_set": (_ERROR, [_POINTER, _TEXT, _TEXT, _BROKER]),
    "mock_broker_set_down": (_ERROR, [_POINTER, _BROKER]),
    "mock_broker_set_up": (_ERROR, [_POINTER, _BROKER]),
    "mock_broker_set_rtt": (_ERROR, [_POINTER, _BROKER, _INT]),
    "mock_push_request_errors_array": (
        None,
        [_POINTER, _API_KEY, _SIZE, ctypes.POINTER(_ERROR)],
    ),
    "mock_clear_request_errors": (None, [_POINTER, _API_KEY]),
}
# Not in every version that is otherwise good enough: missing ones leave ``has`` False.
_LATER_FUNCTIONS: Final = {
    "mock_partition_delete_records": (_ERROR, [_POINTER, _TEXT, _PARTITION, _OFFSET]),  # 2.15
    "mock_topic_delete": (_ERROR, [_POINTER, _TEXT]),  # 2.16
    "mock_set_controller_id": (None, [_POINTER, _BROKER]),  # 2.16
}

PRODUCER: Final = 0  # rd_kafka_type_t RD_KAFKA_PRODUCER: the handle that hosts the cluster


@cache
def load() -> ctypes.CDLL:
    """Return the librdkafka of the installed confluent-kafka, its functions declared.

    Raises:
        MissingExtraError: confluent-kafka is not installed.
        BrokerError: its librdkafka lacks a function of the mock cluster.
    """
    try:
        from confluent_kafka import cimpl
    except ImportError as exc:
        raise MissingExtraError("the embedded broker (librdkafka of confluent-kafka)") from exc
    # The handle of the extension module: looking a name up in it searches the libraries it is
    # linked to, so it is the wheel's own librdkafka whatever the file is called, and never a
    # second copy of it beside the loaded one.
    library = ctypes.CDLL(cimpl.__file__)
    for name, (result, arguments) in (_FUNCTIONS | _LATER_FUNCTIONS).items():
        if name in _LATER_FUNCTIONS and not has(library, name):
            continue
        require(library, name)
        function = getattr(library, f"rd_kafka_{name}")
        function.restype = result
        function.argtypes = arguments
    return library


def has(library: ctypes.CDLL, name: str) -> bool:
    """Whether this librdkafka has ``rd_kafka_<name>``."""
    return hasattr(library, f"rd_kafka_{name}")


def require(library: ctypes.CDLL, name: str) -> None:
    """Refuse a librdkafka without ``rd_kafka_<name>``.

    Raises:
        BrokerError: it is missing; the message says what to install.
    """
    if not has(library, name):
        raise BrokerError(
            f"the embedded broker needs rd_kafka_{name}, which the librdkafka of the installed "
            'confluent-kafka lacks; run pip install --upgrade "confluent-kafka>=2.16"'
        )
