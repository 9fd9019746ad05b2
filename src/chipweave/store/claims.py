"""Who works on which case: claims, which end by themselves. Each function works within its caller's transaction, of
which there is one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, update

from chipweave.store.engine import now, stamp
from chipweave.store.tables import CLAIMS, FAILURES, POINTS, RESULTS

_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_FINISHED = select(RESULTS.c.key).where(RESULTS.c.key.in_(_KEYS))
_OTHERS = select(CLAIMS.c.key).where(
    CLAIMS.c.key.in_(_KEYS), CLAIMS.c.owner != bindparam("owner"), CLAIMS.c.expires_at > bindparam("now")
)
_FAILED = (
    select(FAILURES.c.key)
    .where(FAILURES.c.key.in_(_KEYS))
    .group_by(FAILURES.c.key)
    .having(func.max(FAILURES.c.at) >= bindparam("failed_before"))
)
_DROP = delete(CLAIMS).where(CLAIMS.c.key.in_(_KEYS))
"""Made once: to make them takes longer than to execute them."""


def finished(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of the cases that have a result."""
    return set(connection.execute(_FINISHED, {"keys": keys}).scalars())


def finished_of(connection: Connection, sweep: str) -> set[str]:
    """The cases of a sweep that have a result."""
    joined = POINTS.join(RESULTS, RESULTS.c.key == POINTS.c.key)
    query = select(POINTS.c.key).select_from(joined).where(POINTS.c.sweep == sweep)
    return set(connection.execute(query).scalars())


def free(connection: Connection, keys: Sequence[str], owner: str, failed_before: str) -> list[str]:
    """Those of the cases, in their order and each once, that have no result, no failure at or after a time, and no
    living claim of another owner."""
    others = connection.execute(_OTHERS, {"keys": keys, "owner": owner, "now": stamp(now(connection))}).scalars()
    failed = connection.execute(_FAILED, {"keys": keys, "failed_before": failed_before}).scalars()
    taken = finished(connection, keys).union(others, failed)
    return [key for key in dict.fromkeys(keys) if key not in taken]


def take(connection: Connection, keys: Sequence[str], owner: str, for_s: float) -> None:
    """Claims of the owner to cases that are `free`."""
    if not keys:
        return
    until = stamp(now(connection), for_s)
    connection.execute(_DROP, {"keys": keys})
    connection.execute(insert(CLAIMS), [{"key": key, "owner": owner, "expires_at": until} for key in keys])


def renew(connection: Connection, owner: str, for_s: float) -> None:
    """All claims of the owner last for so many seconds from now on."""
    until = stamp(now(connection), for_s)
    connection.execute(update(CLAIMS).where(CLAIMS.c.owner == owner).values(expires_at=until))


def release(connection: Connection, keys: Sequence[str], owner: str) -> None:
    """Give claims back; those of others stay."""
    connection.execute(delete(CLAIMS).where(CLAIMS.c.key.in_(keys), CLAIMS.c.owner == owner))


def owners(connection: Connection) -> list[str]:
    """Who has claims, living or not."""
    return list(connection.execute(select(CLAIMS.c.owner).distinct().order_by(CLAIMS.c.owner)).scalars())


def release_all(connection: Connection, owner: str) -> None:
    """Give all claims of an owner back."""
    connection.execute(delete(CLAIMS).where(CLAIMS.c.owner == owner))
