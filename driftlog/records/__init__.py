"""The wire contract: every record on a topic, typed and frozen, with one codec each."""

from driftlog.records.alert import Action, ActionKind, Alert, AlertSignal, Because, Cause
from driftlog.records.codec import Codec, Record, rounded
from driftlog.records.event import (
    MAX_TS_MS,
    Event,
    Label,
    Nested,
    Outputs,
    Reason,
    Role,
    Value,
)
from driftlog.records.reference import (
    JointProfile,
    Origin,
    ReferenceProfile,
    Season,
    SeasonPeriod,
    SignalProfile,
    SignalRole,
    SpreadProfile,
    TextSource,
)
from driftlog.records.signal import (
    JOINT_SIGNAL,
    OUTPUT_SIGNALS,
    REPLAY_SIGNAL,
    ROW_SIGNALS,
    SERVICE_SIGNALS,
    TEXT_PARTS,
    VOLUME_SIGNAL,
    TextPart,
    input_signal,
    signal_input,
    text_part,
    text_signal,
)
from driftlog.records.state import (
    AlertStatus,
    Decision,
    FaultKind,
    Severity,
    SignalState,
    SignalType,
)
from driftlog.records.verdict import (
    BinShare,
    CorrelationShift,
    Fault,
    Marker,
    Onset,
    Score,
    SignalVerdict,
    Spread,
    Verdict,
)

__all__ = [
    "ACTION",
    "ALERT",
    "EVENT",
    "JOINT_SIGNAL",
    "LABEL",
    "MARKER",
    "MAX_TS_MS",
    "OUTPUT_SIGNALS",
    "REFERENCE",
    "REPLAY_SIGNAL",
    "ROW_SIGNALS",
    "SERVICE_SIGNALS",
    "TEXT_PARTS",
    "VERDICT",
    "VOLUME_SIGNAL",
    "Action",
    "ActionKind",
    "Alert",
    "AlertSignal",
    "AlertStatus",
    "Because",
    "BinShare",
    "Cause",
    "Codec",
    "CorrelationShift",
    "Decision",
    "Event",
    "Fault",
    "FaultKind",
    "JointProfile",
    "Label",
    "Marker",
    "Nested",
    "Onset",
    "Origin",
    "Outputs",
    "Reason",
    "Record",
    "ReferenceProfile",
    "Role",
    "Score",
    "Season",
    "SeasonPeriod",
    "Severity",
    "SignalProfile",
    "SignalRole",
    "SignalState",
    "SignalType",
    "SignalVerdict",
    "Spread",
    "SpreadProfile",
    "TextPart",
    "TextSource",
    "Value",
    "Verdict",
    "input_signal",
    "rounded",
    "signal_input",
    "text_part",
    "text_signal",
]

EVENT = Codec(Event)
LABEL = Codec(Label)
VERDICT = Codec(Verdict)
MARKER = Codec(Marker)
ALERT = Codec(Alert)
ACTION = Codec(Action)
REFERENCE = Codec(ReferenceProfile)
