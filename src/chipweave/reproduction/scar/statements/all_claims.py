"""All claims of SCAR that are checked, in the order of the page."""

from __future__ import annotations

from chipweave.reproduction.scar.claim import Claim, Scope
from chipweave.reproduction.scar.statements import datacenter, elsewhere, insights

CLAIMS: tuple[Claim, ...] = (*insights.CLAIMS, *elsewhere.HEADLINE, *datacenter.CLAIMS, *elsewhere.CLAIMS)
"""Their numbers are their places, from 1."""


def quick_claims() -> tuple[Claim, ...]:
    """Those of a quick run: their scenarios have a few networks, on 3x3, provisioned by rule."""
    return tuple(
        claim
        for claim in CLAIMS
        if claim.scope is Scope.ALL and all(case.scenario in datacenter.LIGHT for case in claim.cases)
    )
