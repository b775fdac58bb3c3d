"""What a service adds to its code: ``Capture`` logs inputs and outputs to the event log."""

from driftlog.capture.client import Capture
from driftlog.capture.counts import CaptureCounts

__all__ = ["Capture", "CaptureCounts"]
