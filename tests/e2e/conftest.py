"""Fixtures of the end-to-end suite."""

from __future__ import annotations

import pytest

from driftlog.records import ReferenceProfile
from tests.e2e.synthetic import references


@pytest.fixture(scope="session")
def profiles() -> list[ReferenceProfile]:
    """References of the synthetic log's model versions."""
    return references()
