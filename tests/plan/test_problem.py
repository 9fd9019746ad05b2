"""What a scheduler works on."""

from __future__ import annotations

from chipweave.plan.problem import micro_batch_candidates


def test_micro_batches_are_the_smallest_size_of_every_count() -> None:
    for batch in range(1, 600):
        assert micro_batch_candidates(batch) == sorted({-(-batch // count) for count in range(1, batch + 1)})
