"""The pytest plugin: fixtures for tests against an event log."""
