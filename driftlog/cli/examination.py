"""What ``driftlog doctor`` looks at. Reads only: no record, topic or offset is written."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from driftlog.cli.append_times import clock_finding, event_times_finding, newest_events
from driftlog.cli.finding import Finding
from driftlog.cli.groups import describe_groups
from driftlog.cli.stored_state import existing_topics
from driftlog.errors import BrokerError
from driftlog.kafka import connection
from driftlog.settings import Settings
from driftlog.topics import Difference, TopicResult, TopicSpec, ensure_topics
from stream.references import References
from stream.topics import Topics, worker_topics

__all__ = ["examine"]


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield findings, from the ground up; what rests on something that is wrong is left out."""
    kafka = settings.kafka
    started = time.monotonic()
    try:
        there = await existing_topics(kafka)
    except BrokerError as exc:
        yield Finding("broker", "wrong", str(exc), "start the broker, or set kafka.bootstrap")
        return
    took = round((time.monotonic() - started) * 1000)
    yield Finding("broker", "ok", f"{kafka.bootstrap} answered in {took} ms")
    specs = worker_topics(settings)
    security = connection(kafka)
    bootstrap = security.pop("bootstrap_servers")
    results = await ensure_topics(bootstrap, specs, security=security, create=False)
    for spec, result in zip(specs, results, strict=True):
        for finding in _of_topic(spec, result, settings):
            yield finding
    unchecked = sorted({setting for result in results for setting in result.unchecked})
    if unchecked:
        yield Finding("topics", "skipped", f"the broker does not tell {' and '.join(unchecked)}")
    if f"{kafka.prefix}references" in there:
        for finding in await _references(settings):
            yield finding
    events = kafka.events_topic or f"{kafka.prefix}events"
    if events in there:
        newest = await newest_events(settings, events, there[events])
        yield clock_finding(newest, time.time() * 1000)
        yield event_times_finding(newest, settings.stream.future_skew)
    for finding in await _workers(settings):
        yield finding


def _of_topic(spec: TopicSpec, result: TopicResult, settings: Settings) -> list[Finding]:
    check = f"topic {spec.name}"
    if result.outcome == "missing":
        mend = "make it by 'driftlog topics create'"
        if spec.name == settings.kafka.events_topic:
            mend = "have its owner make it, or name another in kafka.events_topic"
        return [Finding(check, "wrong", "is missing", mend)]
    if not result.differences:
        return [Finding(check, "ok", f"as it should be, partitions: {spec.partitions}")]
    return [_difference(check, spec, one) for one in result.differences]


def _difference(check: str, spec: TopicSpec, one: Difference) -> Finding:
    found = f"{one.setting} is {one.found}, not {one.wanted}"
    alter = (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} "
        f"--add-config {one.setting}=[{one.wanted}]"
    )
    if one.setting == "partitions":
        return Finding(
            check,
            "wrong",
            found,
            "set kafka.event_partitions, column_partitions or verdict_partitions to what is there, "
            "or delete the topic, run 'driftlog topics create' and 'driftlog state reset'",
        )
    if one.setting == "message.timestamp.type":
        if one.wanted == "LogAppendTime":
            found += (
                ": the rule for events from the future is void, one wrong clock makes rows late"
            )
        return Finding(check, "warning", found, alter)
    if one.wanted == "compact":
        found += ": records that are still needed vanish by age"
        return Finding(check, "wrong", found, alter)
    return Finding(check, "warning", found, alter)


async def _references(settings: Settings) -> list[Finding]:
    try:
        async with References(settings.kafka) as references:
            book, damaged = references.book, dict(references.damaged)
    except BrokerError as exc:
        return [Finding("references", "wrong", str(exc), "see the topics above")]
    findings = [
        Finding(f"reference {key}", "wrong", why, "publish it again by 'driftlog reference set'")
        for key, why in sorted(damaged.items())
    ]
    now_ms = int(time.time() * 1000)
    for model, version in book.versions():
        check = f"reference of {model} {version}"
        profile = book.in_effect(model, version, now_ms)
        if profile is None:
            first = book.history(model, version)[0]
            since = _moment(first.effective_from_ms)
            mend = "wait, or set one with an earlier --from"
            found = f"{first.reference_id} is in effect from {since} only"
            findings.append(Finding(check, "warning", found, mend))
            continue
        found = f"{profile.reference_id} ({profile.origin}), {len(profile.signals)} signals"
        findings.append(Finding(check, "ok", found))
    if findings:
        return findings
    if settings.models.unknown == "learn":
        rows = settings.models.learn_rows
        found = f"none yet: a model version is learned from its first {rows:,} events"
        return [Finding("references", "ok", found)]
    return [
        Finding(
            "references",
            "wrong",
            "none, and models.unknown is 'reject': every event is a dead letter",
            "publish one by 'driftlog reference build' and 'set', or set models.unknown = 'learn'",
        )
    ]


async def _workers(settings: Settings) -> list[Finding]:
    topics = Topics.of(settings)
    groups = await describe_groups(settings.kafka, (topics.ingest_group, topics.app_id))
    if groups is None:
        return [Finding("workers", "skipped", "the broker does not tell who is in a group")]
    findings = []
    for group in groups:
        count = len(group.members)
        if not count:
            mend = "start one by 'driftlog worker'"
            findings.append(Finding(f"group {group.name}", "warning", "has no members", mend))
        elif group.state != "Stable":
            found = f"members: {count}, {group.state}"
            mend = "look again in a minute; if it stays so, see the workers' logs"
            findings.append(Finding(f"group {group.name}", "warning", found, mend))
        else:
            findings.append(Finding(f"group {group.name}", "ok", f"members: {count}"))
    return findings


def _moment(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
