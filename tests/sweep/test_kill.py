"""A few kills, and fifty, of everybody; the store's own kills are in every run (`tests/store`)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.store import postgres
from tests.sweep.kill import VICTIMS, disturbed


@pytest.mark.slow
def test_a_few_kills(tmp_path: Path) -> None:
    disturbed(tmp_path, ["client", "worker"], 1, print)


@pytest.mark.slow
def test_fifty_kills_of_everybody(tmp_path: Path) -> None:
    rng = random.Random(0)
    known = [each for each in VICTIMS if each != "database" or postgres.binaries() is not None]
    disturbed(tmp_path, [rng.choice(known) for _ in range(50)], 0, print)
