from __future__ import annotations

import pytest

from chipweave.study.verdict import Verdict, same_order, verdict


@pytest.mark.parametrize(
    ("published", "ours", "expected"),
    [
        (2.2, 2.41, Verdict.REPRODUCED),
        (2.2, 1.99, Verdict.REPRODUCED),
        (2.2, 2.43, Verdict.ORDER),
        (2.2, 1.01, Verdict.ORDER),
        (2.2, 0.99, Verdict.NOT),
        (2.2, 1.0, Verdict.NOT),
        (0.28, 0.9, Verdict.ORDER),
        (0.28, 1.2, Verdict.NOT),
        ((0.52, 0.48), 0.44, Verdict.REPRODUCED),
        ((0.52, 0.48), 0.43, Verdict.ORDER),
        ((0.52, 0.48), 0.57, Verdict.REPRODUCED),
    ],
)
def test_the_rule(published: float | tuple[float, ...], ours: float, expected: Verdict) -> None:
    assert verdict(published, ours) is expected


def test_order_ignores_published_ties_and_refuses_ours() -> None:
    assert same_order((3, 2, 1), (0.9, 0.8, 0.1))
    assert not same_order((3, 2, 1), (0.9, 0.9, 0.1))
    assert same_order((2, 2, 1), (0.5, 0.9, 0.1))
