"""Grafana dashboards as code: functions over the metric catalogue, and the JSON they make.

``python -m grafana`` writes ``grafana/dashboards/*.json`` anew. Nothing here needs a Grafana.
"""
