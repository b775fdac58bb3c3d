"""Every setting, its default, its bounds and one line of what it does."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftlog.settings.duration import Duration

__all__ = [
    "CaptureSettings",
    "ConsoleSettings",
    "DecisionSettings",
    "DetectionSettings",
    "ForwardSettings",
    "HttpSettings",
    "KafkaSettings",
    "MappingSettings",
    "ModelSettings",
    "Settings",
    "StreamSettings",
    "WorkerSettings",
    "without_password",
]

SECRETS = frozenset({"sasl_password", "hash_key", "tokens", "password", "slack", "webhook"})
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Statistic = Literal["kolmogorov_smirnov", "wasserstein", "jensen_shannon", "chi_square"]


def without_password(text: str) -> str:
    """Leave out who logs in from an address, and how.

    >>> without_password("http://me:hunter2@host:9093/path")
    'http://...@host:9093/path'
    """
    return re.sub(r"//[^/@\s]*@", "//...@", text)


def _say(text: str) -> Meta:
    return Meta(description=text)


class _Guarded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section whose secrets are in no representation, and so in no log or traceback."""

    def __repr__(self) -> str:
        held = {name: getattr(self, name) for name in self.__struct_fields__}
        shown = {name: "..." if name in SECRETS and held[name] else held[name] for name in held}
        for name, value in shown.items():
            shown[name] = without_password(value) if isinstance(value, str) else value
        fields = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({fields})"


class KafkaSettings(_Guarded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the event log is."""

    bootstrap: Annotated[str, _say("broker addresses, host:port, by commas")] = "127.0.0.1:9092"
    prefix: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{0,64}$"), _say("put before every topic's name")
    ] = "driftlog."
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], _say("as aiokafka takes it")
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], _say("with a SASL protocol")
    ] = "PLAIN"
    sasl_username: Annotated[str, _say("with a SASL protocol")] = ""
    sasl_password: Annotated[str, _say("secret; best by environment")] = ""
    ssl_cafile: Annotated[str, _say("certificate authority, PEM")] = ""
    events_topic: Annotated[str, _say("an existing topic to read instead of <prefix>events")] = ""
    event_partitions: Annotated[int, Meta(ge=1, le=1024), _say("of events and labels")] = 4
    column_partitions: Annotated[int, Meta(ge=1, le=1024), _say("of columns")] = 8
    verdict_partitions: Annotated[int, Meta(ge=1, le=1024), _say("of verdicts")] = 4
    replication: Annotated[int, Meta(ge=1, le=10), _say("copies of each partition")] = 1


class StreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Event time: panes, windows, lateness."""

    pane: Annotated[Duration, _say("tumbling slice of event time that is judged at once")] = (
        Duration(10_000)
    )
    window_panes: Annotated[int, Meta(ge=2, le=1000), _say("panes in the sliding window")] = 60
    allowed_lateness: Annotated[
        Duration, _say("how far a row may lie behind its partition's newest")
    ] = Duration(5_000)
    future_skew: Annotated[
        Duration, _say("how far a row may lie after its append time; more is a dead letter")
    ] = Duration(2_000)
    idle_after: Annotated[
        Duration, _say("a source partition read to its end for so long holds nobody up")
    ] = Duration(10_000)
    max_skew: Annotated[
        Duration, _say("how far a source partition may run ahead of the slowest on a backlog")
    ] = Duration(60_000)
    max_event_bytes: Annotated[int, Meta(ge=1_000), _say("larger events are dead letters")] = (
        1_000_000
    )
    checkpoint_interval: Annotated[Duration, _say("between snapshots of the state")] = Duration(
        10_000
    )
    max_series: Annotated[
        int, Meta(ge=1), _say("series a worker takes; rows of more are counted, not judged")
    ] = 5_000


class DetectionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as drift."""

    alarm_budget: Annotated[
        float, Meta(gt=0.0, le=10_000.0), _say("false incidents a month and model")
    ] = 1.0
    preset: Annotated[
        Literal["budget", "conventional"], _say("conventional: PSI 0.2, no budget")
    ] = "budget"
    min_effect_psi: Annotated[float, Meta(ge=0.0), _say("smaller PSI never wakes anybody")] = 0.1
    min_effect_sd: Annotated[float, Meta(ge=0.0), _say("smaller shift of the mean, in sd")] = 0.25
    min_effect_rate: Annotated[Share, _say("smaller change of a rate (missing, boolean)")] = 0.05
    effect_factors: Annotated[
        dict[str, float],
        _say("signal = by how much its smallest effects are multiplied; latency moves by itself"),
    ] = field(default_factory=lambda: {"latency": 4.0})
    min_rows: Annotated[int, Meta(ge=1), _say("rows in the window below which nothing is said")] = (
        100
    )
    pending_panes: Annotated[
        int, Meta(ge=1, le=1000), _say("panes in a row beyond threshold before it is drift")
    ] = 2
    resolve_panes: Annotated[
        int, Meta(ge=1, le=1000), _say("panes in a row back to usual before it is over")
    ] = 6
    cool_down_panes: Annotated[
        int, Meta(ge=0, le=10_000), _say("panes after an incident before its signals open another")
    ] = 6
    group_panes: Annotated[
        int, Meta(ge=0, le=10_000), _say("drifts that begin within so many panes are one incident")
    ] = 30
    expected_rate: Annotated[
        float, Meta(ge=0.0), _say("events a second and model; 0: the reference's")
    ] = 0.0
    detectors: Annotated[tuple[str, ...], _say("those that may open an incident")] = (
        "page_hinkley",
        "spread",
        "adwin",
        "psi",
        "level_shift",
    )
    joint: Annotated[
        bool, _say("watch whether inputs still go together, where the reference's do")
    ] = True
    thresholds: Annotated[
        dict[str, float],
        _say("set by hand: detector, or signal:detector = threshold in the detector's own unit"),
    ] = field(default_factory=dict)
    statistics: Annotated[
        tuple[Statistic, ...], _say("distances that are told of a signal that has moved")
    ] = ("kolmogorov_smirnov", "wasserstein", "jensen_shannon")


class DecisionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From evidence to severity and decision."""

    investigate_share: Annotated[Share, _say("share of drifted signals for INVESTIGATE")] = 0.2
    retrain_share: Annotated[Share, _say("share of drifted signals for RETRAIN")] = 0.3
    critical_sd: Annotated[float, Meta(ge=0.0), _say("shift in sd that is critical")] = 1.0
    critical_psi: Annotated[float, Meta(ge=0.0), _say("PSI that is critical")] = 0.5
    emergency_share: Annotated[
        Share, _say("share of drifted signals that, with a drifted output, is an emergency")
    ] = 0.5


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models, their references and segments."""

    unknown: Annotated[Literal["learn", "reject"], _say("a model version without a reference")] = (
        "learn"
    )
    learn_rows: Annotated[int, Meta(ge=100), _say("rows a reference is learned from")] = 10_000
    max_learning: Annotated[
        int, Meta(ge=1, le=10_000), _say("versions that learn at once on a partition of columns")
    ] = 100
    learn_bytes: Annotated[
        int, Meta(ge=1_000_000), _say("of rows that all of these hold; beyond, the largest goes")
    ] = 256_000_000
    max_inputs: Annotated[
        int, Meta(ge=1, le=10_000), _say("inputs a learned reference watches, the commonest")
    ] = 300
    segments: Annotated[
        tuple[str, ...], _say("segments with a series of their own; the rest are 'other'")
    ] = ()
    top_segments: Annotated[
        int, Meta(ge=0, le=10_000), _say("or the K largest segments of the reference")
    ] = 0
    versions: Annotated[
        int, Meta(ge=1, le=1000), _say("versions of a model live at once; they share its budget")
    ] = 1
    shard_signals: Annotated[int, Meta(ge=1, le=1000), _say("signals a shard of a series")] = 100
    include: Annotated[tuple[str, ...], _say("inputs to watch; none named: all")] = ()
    exclude: Annotated[tuple[str, ...], _say("inputs not to watch")] = ()
    types: Annotated[
        dict[str, Literal["number", "category", "boolean", "text"]],
        _say("type of an input, if guessed wrong"),
    ] = field(default_factory=dict)
    timezone: Annotated[
        str, _say("whose hours a reference's daily and weekly cycles go by, such as Europe/Berlin")
    ] = "UTC"


class MappingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reads an existing topic whose JSON is not ours. Paths are dotted; empty: ours."""

    event_id: Annotated[str, _say("path; absent: topic, partition and offset")] = ""
    correlation_id: Annotated[str, _say("path; absent: the event id")] = ""
    ts: Annotated[str, _say("path to the time: ms, s or ISO 8601, see ts_unit")] = ""
    ts_unit: Annotated[Literal["ms", "s", "iso"], _say("how the time is written")] = "ms"
    model: Annotated[str, _say("path, or =NAME for a fixed name")] = ""
    version: Annotated[str, _say("path, or =VERSION")] = ""
    segment: Annotated[str, _say("path")] = ""
    inputs: Annotated[str, _say("path to the object of inputs")] = ""
    prediction: Annotated[str, _say("path")] = ""
    confidence: Annotated[str, _say("path")] = ""
    latency_ms: Annotated[str, _say("path")] = ""
    status: Annotated[str, _say("path")] = ""


class WorkerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker process."""

    group: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
        _say("with the prefix: name of consumer groups and changelogs"),
    ] = "worker"
    host: Annotated[str, _say("of /metrics, /livez and /readyz")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _say("0: any free one")] = 9464
    session_timeout: Annotated[
        Duration, _say("a worker unheard of for so long loses its partitions to the others")
    ] = Duration(30_000)
    batch: Annotated[
        int, Meta(ge=1, le=1_000_000), _say("events read of a partition before the next's turn")
    ] = 4_096
    max_gauge_series: Annotated[
        int, Meta(ge=0), _say("segment series with gauges a signal; the worst first")
    ] = 200


class HttpSettings(_Guarded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask the worker's port, the service and the console over HTTP, and how much."""

    tokens: Annotated[
        tuple[str, ...],
        _say("secret; bearer tokens, any of which will do; best by environment"),
    ] = ()
    username: Annotated[
        str, Meta(pattern=r"^[^:\x00-\x1f\x7f]*$"), _say("of basic auth, for browsers")
    ] = ""
    password: Annotated[str, _say("secret; of basic auth; best by environment")] = ""
    anonymous: Annotated[
        bool, _say("serve other addresses than the loopback without asking who is calling")
    ] = False
    hosts: Annotated[
        tuple[str, ...],
        _say(
            "names that a request's Host may have, beside addresses and localhost; none: see"
            " operations.md"
        ),
    ] = ()
    proxies: Annotated[
        tuple[str, ...], _say("addresses whose X-Forwarded-For names the client")
    ] = ()
    max_body_bytes: Annotated[int, Meta(ge=1_000), _say("of a request; larger: 413")] = 1_000_000
    body_timeout: Annotated[
        Duration, _say("in which a request's head, and then its body, must have come")
    ] = Duration(10_000)
    rate: Annotated[
        int, Meta(ge=0), _say("requests a second from one client, 429 beyond; 0: no limit")
    ] = 200
    connections: Annotated[int, Meta(ge=2), _say("open at once; beyond: 503")] = 200


class CaptureSettings(_Guarded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The capture client inside a watched service."""

    model: Annotated[str, _say("name of the model, where log() names none")] = ""
    version: Annotated[str, _say("version of the model, where log() names none")] = ""
    buffer: Annotated[
        int, Meta(ge=1), _say("events held while the broker is slow; then dropped")
    ] = 10_000
    sample: Annotated[Share, _say("share of requests that are logged, by correlation id")] = 1.0
    allow: Annotated[tuple[str, ...], _say("inputs that may leave; none named: all")] = ()
    deny: Annotated[tuple[str, ...], _say("inputs that never leave")] = ()
    hash: Annotated[tuple[str, ...], _say("inputs that leave as a keyed hash")] = ()
    hash_key: Annotated[str, _say("secret key of the hash")] = ""
    flush_timeout: Annotated[Duration, _say("longest wait for the broker at shutdown")] = Duration(
        5_000
    )


class ForwardSettings(_Guarded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of alerts (``driftlog alerts forward``)."""

    alertmanager: Annotated[str, _say("address of an Alertmanager, such as http://host:9093")] = ""
    webhook: Annotated[str, _say("secret address that each record is posted to as JSON")] = ""
    slack: Annotated[str, _say("secret address of a webhook that takes Slack's format")] = ""
    console: Annotated[
        str, _say("where a browser finds the console, for links, such as http://127.0.0.1:8090")
    ] = ""


class ConsoleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The console (``driftlog console``): what it keeps in memory, and when it calls it stale."""

    host: Annotated[str, _say("address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), _say("0: any free one")] = 8090
    stale_after: Annotated[
        Duration, _say("beyond two panes; nothing told for so long is stale")
    ] = Duration(4_000)
    past: Annotated[Duration, _say("of verdicts read at the start, where the broker can tell")] = (
        Duration(3_600_000)
    )
    past_records: Annotated[
        int, Meta(ge=1), _say("read of a partition at the start, the newest at most")
    ] = 20_000
    history_panes: Annotated[
        int, Meta(ge=8, le=100_000), _say("panes of each signal kept for charts")
    ] = 360
    history_points: Annotated[
        int,
        Meta(ge=1_000),
        _say("of all signals together, about 120 bytes each; beyond: fewer panes"),
    ] = 1_000_000
    max_series: Annotated[
        int, Meta(ge=1), _say("series kept; beyond, those unheard of for longest go")
    ] = 10_000
    incidents: Annotated[int, Meta(ge=1), _say("kept; beyond, the oldest resolved go")] = 1_000
    actions: Annotated[int, Meta(ge=1), _say("of people, kept")] = 2_000
    feed: Annotated[int, Meta(ge=1), _say("events kept for the feed")] = 2_000
    clients: Annotated[int, Meta(ge=1), _say("browsers that may follow at once; beyond: 503")] = 100


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them, one frozen object, handed down."""

    kafka: KafkaSettings = KafkaSettings()
    stream: StreamSettings = StreamSettings()
    detection: DetectionSettings = DetectionSettings()
    decision: DecisionSettings = DecisionSettings()
    models: ModelSettings = ModelSettings()
    mapping: MappingSettings = MappingSettings()
    worker: WorkerSettings = WorkerSettings()
    http: HttpSettings = HttpSettings()
    capture: CaptureSettings = CaptureSettings()
    forward: ForwardSettings = ForwardSettings()
    console: ConsoleSettings = ConsoleSettings()
