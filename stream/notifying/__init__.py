"""Alerts carried from the log to where people are told: Alertmanager, a webhook, Slack."""
