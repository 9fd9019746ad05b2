"""How far a sweep is."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.store.answer import Failure


@dataclass(frozen=True)
class Standing:
    """How far a sweep is, for whoever watches.

    Args:
        name: of the sweep.
        cases: different ones that it has; of a search those that were chosen so far.
        known: of these, those that were finished before.
        answered: by this client, since it started.
        failed: by this client, since it started.
        elsewhere: which other clients work on.
        seconds: since the first case was handed out.
        best: the least value of the objective that this client has seen, and the case; None: none yet.
        last: the last failure.
        doing: in words.
    """

    name: str
    cases: int = 0
    known: int = 0
    answered: int = 0
    failed: int = 0
    elsewhere: int = 0
    seconds: float = 0.0
    best: tuple[float, str] | None = None
    last: Failure | None = None
    doing: str = ""

    @property
    def left(self) -> int:
        """Cases that have neither an answer nor a failure yet."""
        return max(0, self.cases - self.known - self.answered - self.failed)

    @property
    def rate_s(self) -> float | None:
        """Cases a second, 1/s; None where nothing is known of it."""
        done = self.answered + self.failed
        return done / self.seconds if done and self.seconds > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds that are left at this rate."""
        return None if self.rate_s is None else self.left / self.rate_s


def line(standing: Standing) -> str:
    """A standing on one line."""
    done = standing.known + standing.answered + standing.failed
    parts = [f"{done:,} of {standing.cases:,} cases"]
    if standing.doing:
        parts.insert(0, standing.doing)
    if standing.rate_s is not None:
        parts += [f"{standing.rate_s:.3g} a second", f"{duration(standing.left_s or 0.0)} left"]
    if standing.failed:
        parts.append(f"{standing.failed:,} failed")
    if standing.elsewhere:
        parts.append(f"{standing.elsewhere:,} with other clients")
    if standing.best is not None:
        parts.append(f"best so far {standing.best[0]:.4g}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours in few letters."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
