"""Drift on purpose: seeded injections with known change points, and their ground truth."""

from __future__ import annotations

from pathlib import Path

from producers.scenario.catalogue import KINDS
from producers.scenario.injector import Injector
from producers.scenario.kind import InjectionSpec, Kind
from producers.scenario.measures import Measures, measure
from producers.scenario.presets import PRESETS, preset
from producers.scenario.read import Scenario, parse_scenario, read_scenario
from producers.scenario.truth import INJECTION, Injection, joined, read_truth, write_truth

__all__ = [
    "INJECTION",
    "KINDS",
    "PRESETS",
    "Injection",
    "InjectionSpec",
    "Injector",
    "Kind",
    "Measures",
    "Scenario",
    "joined",
    "load_scenario",
    "measure",
    "parse_scenario",
    "preset",
    "read_scenario",
    "read_truth",
    "write_truth",
]


def load_scenario(named: str, measures: Measures) -> Scenario:
    """Return a preset by its name, or the scenario of a YAML file.

    Raises:
        InputError: it is neither, or the file is not a scenario.
    """
    if named.endswith((".yaml", ".yml")):
        return read_scenario(Path(named))
    return preset(named, measures)
