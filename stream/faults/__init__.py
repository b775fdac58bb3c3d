"""Faults: data that broke, told apart from a world that changed."""

from stream.faults.look import Look, Usual
from stream.faults.recognise import RECOGNISERS, recognise
from stream.faults.watch import FaultWatch

__all__ = ["RECOGNISERS", "FaultWatch", "Look", "Usual", "recognise"]
