"""driftlog: a streaming drift monitor over an event log."""

__version__ = "0.1.0"
