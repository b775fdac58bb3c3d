"""When each alert fires, and when it must not: series as promtool writes them, by minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CASES", "Case"]

UP: Final = {
    'up{job="driftlog", instance="a"}': "1x1440",
    'up{job="service", instance="s"}': "1x1440",
}
_STATE: Final = (
    'driftlog_state{job="driftlog", instance="%s", model="late", version="1", segment="*", '
    'signal="%s"}'
)
_JUDGED: Final = _STATE.replace("driftlog_state", "driftlog_evaluation_timestamp_seconds")
_CONFIGURED: Final = (
    'driftlog_configured_signal{job="driftlog", instance="%s", model="late", version="1", '
    'signal="%s"}'
)
_BUCKET: Final = (
    'api_request_duration_seconds_bucket{job="service", instance="s", endpoint="/predict", le="%s"}'
)


@dataclass(frozen=True, slots=True)
class Case:
    """One alert at one moment.

    Args:
        alert: its name.
        what: the story, in words.
        series: series in promtool's notation, a value a minute.
        at: when it is looked at, such as ``10m``.
        fires: whether it is firing then.
        also_up: whether a worker and a service answer all the while.
    """

    alert: str
    what: str
    series: dict[str, str]
    at: str
    fires: bool
    also_up: bool = True


def _state(signal: str, values: str, judged: str, instance: str = "a") -> dict[str, str]:
    return {_STATE % (instance, signal): values, _JUDGED % (instance, signal): judged}


def _counter(name: str, values: str, labels: str = "") -> dict[str, str]:
    return {f'{name}{{job="driftlog", instance="a"{labels}}}': values}


def _late(share: float, minutes: int = 420) -> dict[str, str]:
    return _counter("driftlog_events_total", f"0+6000x{minutes}") | _counter(
        "driftlog_late_total", f"0+{round(6000 * share)}x{minutes}"
    )


def _delayed(share: float, minutes: int = 420) -> dict[str, str]:
    name = "driftlog_verdict_delay_seconds"
    return _counter(f"{name}_count", f"0+1000x{minutes}") | _counter(
        f"{name}_bucket", f"0+{round(1000 * (1 - share))}x{minutes}", ', le="300.0"'
    )


def _incident(severity: str, values: str) -> dict[str, str]:
    return _counter("driftlog_open_incidents", values, f', model="late", severity="{severity}"')


def _requests(status: str, values: str) -> dict[str, str]:
    labels = f'job="service", instance="s", endpoint="/predict", status="{status}"'
    return {f"api_requests_total{{{labels}}}": values}


def _answers(late: str, on_time: str) -> dict[str, str]:
    name = 'api_predictions_total{job="service", instance="s", prediction="%s"}'
    return {name % "late": late, name % "on time": on_time}


CASES: Final = (
    # -- data and model
    Case(
        "DriftIncidentCritical",
        "an emergency is open",
        _incident("emergency", "0x5 1x20"),
        "8m",
        True,
    ),
    Case(
        "DriftIncidentCritical", "a warning is no page", _incident("warning", "1x20"), "8m", False
    ),
    Case(
        "DriftIncidentCritical",
        "its owner dies for three minutes: it keeps firing",
        _incident("critical", "1x5 _x3 1x10"),
        "7m",
        True,
    ),
    Case(
        "DriftIncidentCritical",
        "resolved long ago",
        _incident("critical", "1x5 0x40"),
        "30m",
        False,
    ),
    Case("DriftIncidentWarning", "a warning is open", _incident("warning", "0x5 1x20"), "8m", True),
    Case("DriftIncidentWarning", "an info is none", _incident("info", "1x20"), "8m", False),
    Case("SignalDrift", "a signal drifts", _state("x", "2x5 5x5", "0+60x10"), "8m", True),
    Case("SignalDrift", "a minor change", _state("x", "3x10", "0+60x10"), "8m", False),
    Case(
        "SignalDrift",
        "the old owner still says drift, the new one knows better",
        _state("x", "5x9", "60+0x9") | _state("x", "2x9", "120+60x9", "b"),
        "8m",
        False,
    ),
    Case(
        "SignalStale",
        "half of the signals see nothing",
        _state("x", "6x10", "60+0x10") | _state("y", "2x10", "60+60x10"),
        "6m",
        True,
    ),
    Case(
        "SignalStale",
        "one of three is quiet",
        _state("x", "6x10", "60x10")
        | _state("y", "2x10", "60+60x10")
        | _state("z", "2x10", "60+60x10"),
        "6m",
        False,
    ),
    Case(
        "SignalUnowned",
        "one shard has lost its owner",
        {_CONFIGURED % ("a", "x"): "1x30", _CONFIGURED % ("a", "y"): "1x30"}
        | _state("x", "2x30", "60+60x30")
        | _state("y", "2x10", "60+60x10"),
        "25m",
        True,
    ),
    Case(
        "SignalUnowned",
        "the whole model has lost its owner",
        {_CONFIGURED % ("a", "x"): "1x30"} | _state("x", "2x10", "60+60x10"),
        "25m",
        True,
    ),
    Case(
        "SignalUnowned",
        "a version that is not in use has a reference and no rows",
        {_CONFIGURED % ("a", "x"): "1x30"},
        "20m",
        False,
    ),
    Case(
        "SignalUnowned",
        "a hand-over of two minutes",
        {_CONFIGURED % ("a", "x"): "1x30"} | _state("x", "2x10 _x2 2x20", "60+60x30"),
        "13m",
        False,
    ),
    Case(
        "SignalDoubleOwned",
        "two owners for minutes",
        _state("x", "2x20", "60+60x20") | _state("x", "2x20", "60+60x20", "b"),
        "10m",
        True,
    ),
    Case(
        "SignalDoubleOwned",
        "a hand-over of a minute",
        _state("x", "2x5", "60+60x5") | _state("x", "_x5 2x20", "_x5 360+60x20", "b"),
        "6m",
        False,
    ),
    # -- the pipeline
    Case("Watchdog", "always", {}, "1m", True),
    Case(
        "DriftlogDown",
        "no worker answers",
        {'up{job="driftlog", instance="a"}': "1x5 0x10"},
        "10m",
        True,
        False,
    ),
    Case("DriftlogDown", "nobody knows of any worker", {}, "5m", True, False),
    Case(
        "DriftlogDown",
        "one of two is down",
        {'up{job="driftlog", instance="b"}': "0x20"},
        "10m",
        False,
    ),
    Case(
        "WorkerDown",
        "one of two is down",
        {'up{job="driftlog", instance="b"}': "0x20"},
        "10m",
        True,
    ),
    Case(
        "WorkerDown",
        "a scrape fails",
        {'up{job="driftlog", instance="b"}': "1x5 0 1x10"},
        "6m",
        False,
    ),
    Case("WorkerNotReady", "it recovers for ever", _counter("driftlog_ready", "0x20"), "10m", True),
    Case("WorkerNotReady", "a restart", _counter("driftlog_ready", "1x5 0x2 1x20"), "8m", False),
    Case(
        "EventsLost", "retention won", _counter("driftlog_lost_total", "0x10 500x10"), "12m", True
    ),
    Case(
        "EventsLost",
        "retention had won before the worker started",
        _counter("driftlog_lost_total", "_x8 500x10")
        | _counter("driftlog_last_loss_timestamp_seconds", "_x8 480x10"),
        "12m",
        True,
    ),
    Case(
        "EventsLost",
        "that was long ago",
        _counter("driftlog_lost_total", "500x40")
        | _counter("driftlog_last_loss_timestamp_seconds", "0x40"),
        "20m",
        False,
    ),
    Case("EventsLost", "nothing was lost", _counter("driftlog_lost_total", "500x20"), "12m", False),
    Case("EventsLateFast", "three in a hundred are late", _late(0.03), "70m", True),
    Case("EventsLateFast", "five in a thousand are late", _late(0.005), "70m", False),
    Case("EventsLateSlow", "one in a hundred is late", _late(0.01), "400m", True),
    Case("EventsLateSlow", "one in a thousand is late", _late(0.001), "400m", False),
    Case("VerdictsDelayedFast", "a fifth is told late", _delayed(0.2), "70m", True),
    Case("VerdictsDelayedFast", "one in twenty is", _delayed(0.05), "70m", False),
    Case(
        "VerdictsDelayedFast",
        "half of them were, a quarter of an hour ago",
        _counter("driftlog_verdict_delay_seconds_count", "0+1000x45")
        | _counter(
            "driftlog_verdict_delay_seconds_bucket", "0+500x30 16000+1000x15", ', le="300.0"'
        ),
        "45m",
        False,
    ),
    Case("VerdictsDelayedSlow", "one in ten is told late", _delayed(0.1), "400m", True),
    Case("VerdictsDelayedSlow", "one in a hundred is", _delayed(0.01), "400m", False),
    Case("VerdictsDelayedSlow", "none is judged", {}, "400m", False),
    Case(
        "IngestBehind",
        "six minutes and many events behind",
        _counter("driftlog_watermark_delay_seconds", "400x20", ', partition="0"')
        | _counter("driftlog_source_idle", "0x20", ', partition="0"')
        | _counter("driftlog_lag_events", "90000x20", ', partition="0"'),
        "10m",
        True,
    ),
    Case(
        "IngestBehind",
        "an idle partition's watermark is old, and another has some lag",
        _counter("driftlog_watermark_delay_seconds", "4000x20", ', partition="0"')
        | _counter("driftlog_source_idle", "1x20", ', partition="0"')
        | _counter("driftlog_watermark_delay_seconds", "2x20", ', partition="1"')
        | _counter("driftlog_lag_events", "5000x20", ', partition="1"'),
        "10m",
        False,
    ),
    Case(
        "JudgingBehind",
        "read, and not judged",
        _counter("driftlog_watermark_timestamp_seconds", "1000+60x20", ', partition="0"')
        | _counter(
            "driftlog_closed_through_timestamp_seconds",
            "500x20",
            ', partition="0", stage="monitor"',
        ),
        "12m",
        True,
    ),
    Case(
        "JudgingBehind",
        "all closed to the last pane",
        _counter("driftlog_watermark_timestamp_seconds", "1000+60x20", ', partition="0"')
        | _counter(
            "driftlog_closed_through_timestamp_seconds",
            "990+60x20",
            ', partition="0", stage="monitor"',
        ),
        "12m",
        False,
    ),
    Case(
        "DeadLetters",
        "one in twenty",
        _counter("driftlog_events_total", "0+1000x20")
        | _counter("driftlog_dead_letters_total", "0+50x20", ', reason="not_json"'),
        "15m",
        True,
    ),
    Case(
        "DeadLetters",
        "one in a thousand",
        _counter("driftlog_events_total", "0+1000x20")
        | _counter("driftlog_dead_letters_total", "0+1x20", ', reason="not_json"'),
        "15m",
        False,
    ),
    Case(
        "IdlenessClosedPanes",
        "rows came after all",
        _counter("driftlog_late_idle_total", "0x5 9x9"),
        "8m",
        True,
    ),
    Case(
        "IdlenessClosedPanes", "none did", _counter("driftlog_late_idle_total", "9x15"), "8m", False
    ),
    Case(
        "StateDiscarded",
        "a change of settings",
        _counter("driftlog_state_discarded_total", "0x5 3x9", ', stage="monitor"'),
        "8m",
        True,
    ),
    Case(
        "StateDiscarded",
        "long ago",
        _counter("driftlog_state_discarded_total", "3x30", ', stage="monitor"'),
        "25m",
        False,
    ),
    Case(
        "VerdictsConflict",
        "they do",
        _counter("driftlog_conflicting_verdicts_total", "0x5 1x9"),
        "8m",
        True,
    ),
    Case(
        "VerdictsConflict",
        "they do not",
        _counter("driftlog_conflicting_verdicts_total", "0x15"),
        "8m",
        False,
    ),
    Case(
        "RecordsRefused",
        "a stranger writes",
        _counter(
            "driftlog_refused_records_total", "0x5 4x9", ', stage="monitor", why="unreadable"'
        ),
        "8m",
        True,
    ),
    Case(
        "RecordsRefused",
        "nobody does",
        _counter("driftlog_refused_records_total", "4x15", ', stage="monitor", why="unreadable"'),
        "8m",
        False,
    ),
    # -- the watched service
    Case(
        "ServiceDown",
        "it does not answer",
        {'up{job="service", instance="s"}': "1x5 0x10"},
        "10m",
        True,
        False,
    ),
    Case(
        "ServiceDown", "one of two does", {'up{job="service", instance="t"}': "0x20"}, "10m", False
    ),
    Case(
        "ServiceSlow",
        "a tenth takes half a second",
        {_BUCKET % "0.1": "0+90x20", _BUCKET % "0.5": "0+100x20", _BUCKET % "+Inf": "0+100x20"},
        "12m",
        True,
    ),
    Case(
        "ServiceSlow",
        "one in a hundred does",
        {_BUCKET % "0.1": "0+99x20", _BUCKET % "0.5": "0+100x20", _BUCKET % "+Inf": "0+100x20"},
        "12m",
        False,
    ),
    Case(
        "ServiceErrors",
        "one in fifty fails",
        _requests("2xx", "0+98x20") | _requests("5xx", "0+2x20"),
        "12m",
        True,
    ),
    Case(
        "ServiceErrors",
        "clients send nonsense",
        _requests("2xx", "0+90x20") | _requests("4xx", "0+10x20") | _requests("5xx", "0x20"),
        "12m",
        False,
    ),
    Case(
        "ServiceSilent", "requests have stopped", _requests("2xx", "0+60x80 4800x40"), "95m", True
    ),
    Case("ServiceSilent", "there never were any", _requests("2xx", "0x120"), "95m", False),
    Case(
        "ServiceTrafficUnusual",
        "a tenth of yesterday's",
        _requests("2xx", "0+600x1400 840000+60x200"),
        "1445m",
        True,
    ),
    Case("ServiceTrafficUnusual", "as yesterday", _requests("2xx", "0+600x1600"), "1445m", False),
    Case(
        "ServiceTrafficUnusual",
        "a service that started an hour ago",
        _requests("2xx", "0+600x100"),
        "60m",
        False,
    ),
    Case("ServiceOneAnswer", "always late", _answers("0+100x40", "0x40"), "35m", True),
    Case("ServiceOneAnswer", "four in five late", _answers("0+80x40", "0+20x40"), "35m", False),
    Case("ServiceOneAnswer", "nobody asks", _answers("500x40", "0x40"), "35m", False),
)
