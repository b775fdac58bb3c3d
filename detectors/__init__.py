"""Streaming drift detectors over arrays."""
