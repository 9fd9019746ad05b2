"""How many experts a step touches.

Each of `tokens` takes `chosen` different ones of `experts`; expert e is among a token's with chance p(e), and the p(e)
add up to `chosen`. So 1 - (1 - p(e))^tokens is the chance that anybody takes it, and the sum of these the number of
experts that are touched, on average. Tokens choose independently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from chipweave.errors import InputError


@dataclass(frozen=True)
class Routing:
    """Which experts tokens like.

    Args:
        exponent: shares fall with rank to this power (Zipf); 0: uniform.
        shares: instead, one number for each expert, as large as the expert is popular, on any scale.
        label: how a reader knows it.
    """

    exponent: float = 0.0
    shares: tuple[float, ...] = ()
    label: str = "uniform"

    def chances(self, experts: int, chosen: int) -> list[float]:
        """Per expert, the chance that a token takes it.

        Raises:
            InputError: a table for another number of experts, or with fewer popular experts than a token takes.
        """
        shares: Sequence[float] = self.shares or [rank**-self.exponent for rank in range(1, experts + 1)]
        if len(shares) != experts:
            raise InputError(
                f"routing {self.label}: has shares of {len(shares)} experts, the model has {experts}; give one for each"
            )
        if sum(share > 0 for share in shares) < chosen:
            raise InputError(
                f"routing {self.label}: fewer than {chosen} experts have a share, and a token takes {chosen}; give more"
            )
        return _capped(shares, chosen)


def _capped(shares: Sequence[float], chosen: int) -> list[float]:
    """Chances in proportion to shares, none above 1; what is cut off goes to the others."""
    order = sorted(range(len(shares)), key=lambda expert: shares[expert])
    behind = dict(zip(order, accumulate(shares[expert] for expert in order), strict=True))  # with all that are smaller
    chances, left = [0.0] * len(shares), float(chosen)
    for expert in reversed(order):
        if left > 0 and shares[expert] > 0:
            chances[expert] = min(1.0, left * (shares[expert] / behind[expert]))
            left -= chances[expert]
    return chances


def touched(chances: Sequence[float], tokens: int) -> float:
    """Experts that at least one of `tokens` tokens takes, on average."""
    return math.fsum(1.0 if p >= 1 else -math.expm1(tokens * math.log1p(-p)) for p in chances)


def experts_and_rows(routing: Routing, experts: int, chosen: int, tokens: int) -> tuple[int, int]:
    """Experts that a step touches, as a whole number, and rows for each of them, rounded up."""
    mean = touched(routing.chances(experts, chosen), tokens)
    distinct = max(chosen, min(experts, chosen * tokens, math.floor(mean + 0.5)))
    return distinct, -(-tokens * chosen // distinct)
