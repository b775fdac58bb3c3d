"""The example's model: will this flight depart more than fifteen minutes late?

A random forest trained on January and February of 2013 and never again, as a deployed model is
until somebody retrains it. Late and punctual flights weigh the same in training, since otherwise a
model of so rare an event would answer ``on_time`` nearly always; its scores are therefore those of
a world in which half of the flights are late.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import stat
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from api.flights import NUMBERS, STRINGS, Columns, Flights, Value, months
from api.forest import Forest

log = logging.getLogger(__name__)

NAME = "flight-delay"
LATE, ON_TIME = "late", "on_time"
CLASSES = (LATE, ON_TIME)
TRAINING_MONTHS = (1, 2)

_LAYOUT = 1  # of the cached file; part of the version, so that no other layout is ever read
_FLOAT32_MAX = float(np.finfo(np.float32).max)

Levels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Parameters:
    """What shapes the forest beside its data; every field is part of the version.

    ``rows`` trains on so many flights, evenly taken, in place of all; ``leaf`` is the least number
    of flights that a leaf holds.
    """

    trees: int = 60
    leaf: int = 20
    rows: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What the model says of one flight; ``confidence`` is the score of ``prediction``."""

    prediction: str
    confidence: float
    scores: dict[str, float]


@dataclass(frozen=True)
class FlightModel:
    """A trained model that answers; ``levels`` has the code of each string seen in training."""

    version: str
    levels: Levels
    forest: Forest
    name: str = NAME

    def predict(self, records: Sequence[Mapping[str, Value]]) -> list[Answer]:
        """One answer a record. Absent features, None and unseen strings count as missing."""
        rows = np.full((len(records), len(NUMBERS) + len(STRINGS)), np.nan)
        for row, record in zip(rows, records, strict=True):
            for index, name in enumerate(NUMBERS):
                value = record.get(name)
                if isinstance(value, (int, float)):
                    row[index] = value
            for index, name in enumerate(STRINGS, start=len(NUMBERS)):
                text = record.get(name)
                if isinstance(text, str):
                    row[index] = self.levels[name].get(text, np.nan)
        return [_answer(late) for late in self.forest.predict(_narrow(rows)).tolist()]

    def late_scores(self, inputs: Columns) -> npt.NDArray[np.float64]:
        """The score of ``late`` for whole columns, as ``Flights.inputs`` has them."""
        return self.forest.predict(_encode(inputs, self.levels))


def train(flights: Flights, parameters: Parameters | None = None) -> FlightModel:
    """Grow a forest. The same flights and parameters give the same model and version."""
    # Here and not above: with a cached model the service never loads scikit-learn.
    from sklearn.ensemble import RandomForestClassifier

    parameters = parameters or Parameters()
    flights = _training_rows(flights, parameters)
    levels = {name: _levels(flights.inputs[name], flights.late) for name in STRINGS}
    classifier = RandomForestClassifier(
        n_estimators=parameters.trees,
        min_samples_leaf=parameters.leaf,
        max_samples=0.5,
        class_weight="balanced",
        random_state=parameters.seed,
        n_jobs=-1,
    )
    classifier.fit(_encode(flights.inputs, levels), flights.late)
    return FlightModel(version_of(flights, parameters), levels, Forest.of(classifier))


def version_of(flights: Flights, parameters: Parameters) -> str:
    """Twelve hexadecimal digits that tell the training data and the parameters apart.

    The release of scikit-learn is among them: another one may grow another forest.
    """
    told = {
        "layout": _LAYOUT,
        "parameters": asdict(parameters),
        "scikit-learn": installed_version("scikit-learn"),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, column in flights.inputs.items():
        plain = json.dumps(column.tolist()).encode() if name in STRINGS else column.tobytes()
        digest.update(name.encode() + b"\0" + plain)
    digest.update(flights.late.tobytes())
    return digest.hexdigest()[:12]


def load_or_train(cache: Path | None = None, parameters: Parameters | None = None) -> FlightModel:
    """The model from ``cache`` (default: ``default_cache()``), or trained now and kept there.

    A file is read only when it lies in the folder itself, is no link, belongs to this user, can be
    written by no other, and has the SHA-256 digest that was recorded beside it when it was written;
    the record must be such a file too. Otherwise it is refused with a warning, and the model is
    trained again. A folder that cannot be written costs a warning as well, and each start then
    trains.

    Raises:
        api.flights.FlightsError: the training data is not installed.
    """
    parameters = parameters or Parameters()
    flights = months(*TRAINING_MONTHS)
    version = version_of(_training_rows(flights, parameters), parameters)
    path = (cache or default_cache()) / f"{NAME}-{version}.npz"
    model = _read(path, version)
    if model is None:
        model = train(flights, parameters)
        try:
            _write(path, model)
        except OSError as error:
            log.warning("model %s is not cached: %s cannot be written (%s)", version, path, error)
    return model


def default_cache() -> Path:
    """The folder for cached models by the XDG base directory specification."""
    # Not a setting of ours but the platform's, so it is read where it is needed.
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    return base / "driftlog" / "models"


def _answer(late: float) -> Answer:
    scores = {LATE: late, ON_TIME: 1.0 - late}
    prediction = LATE if late > 0.5 else ON_TIME
    return Answer(prediction, scores[prediction], scores)


def _training_rows(flights: Flights, parameters: Parameters) -> Flights:
    if parameters.rows is None or parameters.rows >= len(flights):
        return flights
    return flights.take(np.linspace(0, len(flights) - 1, parameters.rows).astype(np.intp))


def _levels(column: npt.NDArray[Any], late: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Codes in order of the levels' late share: one threshold then parts good from bad."""
    levels = sorted({text for text in column.tolist() if text is not None})
    shares = {text: float(late[column == text].mean()) for text in levels}
    return {text: code for code, text in enumerate(sorted(levels, key=lambda t: (shares[t], t)))}


def _encode(inputs: Columns, levels: Levels) -> npt.NDArray[np.float32]:
    columns = [np.asarray(inputs[name], dtype=np.float64) for name in NUMBERS]
    for name in STRINGS:
        codes = levels[name]
        columns.append(np.array([codes.get(text, np.nan) for text in inputs[name].tolist()]))
    return _narrow(np.column_stack(columns))


def _narrow(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    # A unit error may exceed float32; past every threshold it stays on the same side.
    return np.clip(rows, -_FLOAT32_MAX, _FLOAT32_MAX).astype(np.float32)


def _read(path: Path, version: str) -> FlightModel | None:
    """The model in ``path``, or None where there is none that may be trusted."""
    try:
        recorded = _own_bytes(_beside(path)).decode("ascii").split()
        held = _own_bytes(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("model %s cannot be read (%s): training it again", path, error)
        return None
    if recorded[:1] != [hashlib.sha256(held).hexdigest()]:
        log.warning("model %s is not as it was written (SHA-256 differs): training it again", path)
        return None
    try:
        with np.load(io.BytesIO(held), allow_pickle=False) as arrays:
            levels = json.loads(arrays["levels"].tobytes())
            return FlightModel(version, levels, Forest.from_arrays(arrays))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        log.warning("model %s holds no model (%s): training it again", path, error)
        return None


def _own_bytes(path: Path) -> bytes:
    """Read a file that nobody but this user can have put there.

    Raises:
        OSError: it is a link or no plain file, or others own it or can write it.
    """
    # The checks are on what has been opened, so that nothing can be put in its place in between.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:  # noqa: PTH123 - a descriptor
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{path} is no plain file")
        if hasattr(os, "geteuid"):
            if found.st_uid != os.geteuid():
                raise PermissionError(f"{path} belongs to another user")
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionError(f"{path} can be written by others")
        return file.read()


def _write(path: Path, model: FlightModel) -> None:
    """Model and digest, each put in place whole: a reader between the two finds a mismatch."""
    arrays: dict[str, Any] = model.forest.arrays()
    arrays["levels"] = np.frombuffer(json.dumps(model.levels).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    held = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, held)
    _replace(_beside(path), f"{hashlib.sha256(held).hexdigest()}  {path.name}\n".encode())


def _beside(path: Path) -> Path:
    return path.with_suffix(".npz.sha256")


def _replace(path: Path, held: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(held)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
