"""Event log in, verdicts and alerts out: a pure core inside a thin shell of I/O."""
