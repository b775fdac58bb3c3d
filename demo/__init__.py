"""The demonstration: broker, service, worker and replay in one terminal, with a known truth."""
