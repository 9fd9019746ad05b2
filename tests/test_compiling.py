"""The clock of time limits stands still while kernels are compiled."""

from __future__ import annotations

import pytest

from chipweave import compiling


def test_what_is_compiled_meanwhile_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel is compiled from 12 to 40 s, one that it calls from 15 to 20 s; another one from 50 to 53 s."""
    now = [0.0]
    monkeypatch.setattr(compiling.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(compiling, "SO_FAR", compiling.Compiled())
    told = []
    for at_s, happens in (
        (12.0, compiling.begin),
        (15.0, compiling.begin),
        (20.0, compiling.end),
        (40.0, compiling.end),
        (50.0, compiling.begin),
        (53.0, compiling.end),
        (60.0, lambda: None),
    ):
        now[0] = at_s
        happens()
        told.append(compiling.clock_s())
    assert told == [12.0, 12.0, 12.0, 12.0, 22.0, 22.0, 29.0]
    assert (compiling.SO_FAR.kernels, compiling.SO_FAR.seconds) == (3, 31.0)
