"""Faults: data that broke, told apart from a world that changed."""

from stream.faults.look import Look, Usual
from stream.faults.recognise import RECOGNISERS, recognise
from stream.faults.replay import LEAST_CONTENT, ReplayWatch, content_signals, contents
from stream.faults.watch import FaultWatch

__all__ = [
    "LEAST_CONTENT",
    "RECOGNISERS",
    "FaultWatch",
    "Look",
    "ReplayWatch",
    "Usual",
    "content_signals",
    "contents",
    "recognise",
]
