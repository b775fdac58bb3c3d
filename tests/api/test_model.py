"""The model answers well, always the same, and only from a file that it wrote itself."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

import api.model
from api.flights import FEATURES, NUMBERS, STRINGS, Flights, months
from api.forest import Forest
from api.model import (
    FlightModel,
    Parameters,
    default_cache,
    load_or_train,
    train,
    version_of,
)

SMALL = Parameters(trees=3, leaf=50, rows=2_000)


def test_march_is_foretold_as_well_as_these_data_allow(winter: Flights, march: Flights) -> None:
    model = train(winter)
    scores = model.late_scores(march.inputs)
    assert roc_auc_score(march.late, scores) > 0.68
    # Both classes are answered often enough for a monitor to watch their shares.
    assert 0.2 < np.mean(scores > 0.5) < 0.45


def test_the_arrays_answer_as_scikit_learn_does() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(900, 4)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    late = np.nan_to_num(rows[:, 0]) + random.normal(size=900) > 0.3
    classifier = RandomForestClassifier(7, min_samples_leaf=3, random_state=0).fit(rows, late)
    forest = Forest.of(classifier)
    np.testing.assert_allclose(
        forest.predict(rows), classifier.predict_proba(rows)[:, 1], rtol=0, atol=1e-12
    )
    again = Forest.from_arrays(forest.arrays())
    np.testing.assert_array_equal(again.predict(rows), forest.predict(rows))


def test_records_and_columns_give_the_same_scores(small_model: FlightModel, march: Flights) -> None:
    part = march.take(slice(0, 700))
    scores = [answer.scores["late"] for answer in small_model.predict(part.records())]
    assert scores == small_model.late_scores(part.inputs).tolist()


def test_nothing_known_is_still_answered(small_model: FlightModel) -> None:
    nothing, nulls = small_model.predict([{}, dict.fromkeys(FEATURES)])
    assert nothing == nulls
    assert nothing.prediction in ("late", "on_time")


def test_an_unseen_carrier_counts_as_missing(small_model: FlightModel, march: Flights) -> None:
    record = march.take(slice(0, 1)).records()[0]
    unseen, missing = small_model.predict(
        [{**record, "carrier": "Zeppelin"}, {**record, "carrier": None}]
    )
    assert unseen == missing


NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.none() | st.sampled_from(["UA", "JFK", "BOEING", "", "Zeppelin", "\N{AIRPLANE}"])
RECORD = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(NUMBERS, NUMBER), **dict.fromkeys(STRINGS, TEXT)}
)


@settings(deadline=None, max_examples=50)
@given(records=st.lists(RECORD, max_size=3))
def test_any_flight_gets_a_whole_answer(
    small_model: FlightModel, records: list[dict[str, Any]]
) -> None:
    answers = small_model.predict(records)
    assert len(answers) == len(records)
    for answer in answers:
        assert sum(answer.scores.values()) == pytest.approx(1.0)
        assert answer.confidence == max(answer.scores.values()) == answer.scores[answer.prediction]
    # Company does not change an answer.
    assert [small_model.predict([record])[0] for record in records] == answers


def test_the_version_is_that_of_data_and_parameters(winter: Flights) -> None:
    part = winter.take(slice(0, 3_000))
    version = version_of(part, SMALL)
    assert version == version_of(winter.take(slice(0, 3_000)), SMALL)
    assert len(version) == 12
    others = {
        version_of(part, replace(SMALL, trees=4)),
        version_of(part, replace(SMALL, seed=1)),
        version_of(part.take(slice(0, 2_999)), SMALL),
        version_of(replace(part, late=~part.late), SMALL),
        version_of(replace(part, inputs={**part.inputs, "dest": part.inputs["origin"]}), SMALL),
    }
    assert len(others | {version}) == 6


def test_two_trainings_give_the_same_model(winter: Flights, march: Flights) -> None:
    one, other = train(winter, SMALL), train(winter, SMALL)
    assert one.version == other.version
    inputs = march.inputs
    np.testing.assert_array_equal(one.late_scores(inputs), other.late_scores(inputs))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Parameters]:
    """Each training that took place."""
    seen: list[Parameters] = []

    def counted(flights: Flights, parameters: Parameters | None = None) -> FlightModel:
        seen.append(parameters or Parameters())
        return train(flights, parameters)

    monkeypatch.setattr(api.model, "train", counted)
    return seen


def test_a_second_start_reads_what_the_first_wrote(
    tmp_path: Path, trainings: list[Parameters], march: Flights
) -> None:
    first, second = load_or_train(tmp_path, SMALL), load_or_train(tmp_path, SMALL)
    assert trainings == [SMALL]
    assert second.version == first.version
    assert second.levels == first.levels
    assert second.predict(march.records()[:50]) == first.predict(march.records()[:50])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"flight-delay-{first.version}.npz",
        f"flight-delay-{first.version}.npz.sha256",
    ]


@pytest.mark.parametrize("damage", ["model", "digest", "cut"])
def test_a_file_that_is_not_as_written_is_refused_and_made_anew(
    damage: str,
    tmp_path: Path,
    trainings: list[Parameters],
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = load_or_train(tmp_path, SMALL)
    path = tmp_path / f"flight-delay-{written.version}.npz"
    beside = tmp_path / f"{path.name}.sha256"
    if damage == "model":
        held = bytearray(path.read_bytes())
        held[len(held) // 2] ^= 1
        path.write_bytes(held)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        beside.write_text("0" * 64, encoding="ascii")
    with caplog.at_level(logging.WARNING):
        again = load_or_train(tmp_path, SMALL)
    assert len(trainings) == 2
    assert "SHA-256 differs" in caplog.text
    assert str(path) in caplog.text
    assert again.predict([{}]) == written.predict([{}])
    load_or_train(tmp_path, SMALL)
    assert len(trainings) == 2  # what was made anew is trusted again


def test_a_model_without_its_digest_is_not_read(
    tmp_path: Path, trainings: list[Parameters]
) -> None:
    written = load_or_train(tmp_path, SMALL)
    (tmp_path / f"flight-delay-{written.version}.npz.sha256").unlink()
    load_or_train(tmp_path, SMALL)
    assert len(trainings) == 2


@pytest.mark.parametrize("which", ["model", "digest"])
@pytest.mark.parametrize("how", ["link", "hard to tell", "written by others", "a folder"])
def test_a_file_that_others_can_have_put_there_is_not_read(
    how: str,
    which: str,
    tmp_path: Path,
    trainings: list[Parameters],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    written = load_or_train(cache, SMALL)
    elsewhere.mkdir()
    path = cache / f"flight-delay-{written.version}.npz{'.sha256' if which == 'digest' else ''}"
    if how == "link":  # the very bytes that it wrote, and still not where it wrote them
        path.rename(elsewhere / path.name)
        path.symlink_to(elsewhere / path.name)
    elif how == "hard to tell":  # a relative link beside it
        path.rename(cache / "other")
        path.symlink_to("other")
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.chmod(0o666)
    with caplog.at_level(logging.WARNING):
        again = load_or_train(cache, SMALL)
    assert len(trainings) == 2
    assert f"{path.name.removesuffix('.sha256')} cannot be read" in caplog.text
    assert again.predict([{}]) == written.predict([{}])
    if how != "a folder":
        load_or_train(cache, SMALL)
        assert len(trainings) == 2  # what was made anew is trusted again
        assert not (elsewhere / path.name).is_symlink()


def test_a_digest_of_other_bytes_opens_no_archive_that_runs_something(
    tmp_path: Path, trainings: list[Parameters]
) -> None:
    # A forger with the right digest, in a file of our own: still no object is built of it.
    written = load_or_train(tmp_path, SMALL)
    path = tmp_path / f"flight-delay-{written.version}.npz"
    ran = tmp_path / "ran"

    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (ran.write_text, ("it ran",))

    np.savez(path, levels=np.array([Runs()], dtype=object), allow_pickle=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    model = load_or_train(tmp_path, SMALL)
    assert not ran.exists()
    assert len(trainings) == 2
    assert model.predict([{}]) == written.predict([{}])


def test_a_folder_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("not a folder", encoding="ascii")
    with caplog.at_level(logging.WARNING):
        model = load_or_train(occupied, SMALL)
    assert model.predict([{}])
    assert "is not cached" in caplog.text


def test_the_cache_is_where_the_platform_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "driftlog" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/void")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "driftlog" / "models"


def test_only_the_first_two_months_are_trained_on(winter: Flights) -> None:
    assert api.model.TRAINING_MONTHS == (1, 2)
    assert winter.ts_ms.max() < months(3).ts_ms.min()
