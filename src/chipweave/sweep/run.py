"""The client of a sweep: it hands cases out to workers, and alone writes what comes of them into the store."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chipweave.errors import InputError
from chipweave.files.case_file import case_key
from chipweave.files.sweep_file import Sweep
from chipweave.results.case import Case
from chipweave.store.answer import Answer, Failure
from chipweave.store.engine import GoneError
from chipweave.store.point import Point
from chipweave.store.store import Store
from chipweave.sweep.axes import Choice, Points
from chipweave.sweep.owner import has_ended, this_owner
from chipweave.sweep.parcel import parcel_of
from chipweave.sweep.standing import Standing
from chipweave.sweep.workers import Workers

CLAIM_S = 60.0
"""How long a claim lasts: so long nobody else begins what a client that was lost had begun."""

RENEW_S = 15.0
LOOK_S = 1.0
"""How often is looked for what other clients have finished, where nothing else is left."""

HEAR_S = 0.5
"""About so long outcomes may wait to be written together."""

IDLE_S = 0.5
"""How long is waited for outcomes, where none is unwritten."""

MOST_UNWRITTEN = 64
"""Outcomes that are written together."""

MOST_CLAIMED = 64
"""Cases that are claimed ahead of their workers."""

AHEAD_S = 2.0
"""About so much work is claimed ahead."""

MOST_LOOKED_AT = 500
"""Cases of which it is asked at a time which are free."""

MOST_CASES_KEPT = 20_000
"""Cases that are kept from their reading to their sending; those of larger sweeps are made again."""

MOST_WRONG = 5
"""Points that are wrong, until no more are read."""

Hear = Callable[[Standing], None]


def run_sweep(
    sweep: Sweep,
    store: Store,
    workers: Callable[[int], Workers],
    *,
    retry_failed: bool = False,
    hear: Hear = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    made: Sequence[Point] = (),
) -> Standing:
    """Answer every case of a sweep that the store has no answer to.

    Args:
        workers: makes them, when there is something to do for so many cases.
        retry_failed: cases that failed before, too.
        hear: told now and then how far the sweep is.
        stop: asked now and then; True ends it, with all that is finished kept.
        made: its points, where they have been read already.

    Raises:
        InputError: a point that is no case (nothing is written then); the database or the workers are gone, and what
            is finished stays.
    """
    points = Points(sweep)
    since = store.now() if retry_failed else ""
    at, cases = enlisted(points, store, made, hear)
    finished = store.finished_of(sweep.name)
    failed = {} if retry_failed else store.failed_of(sweep.name)
    client = Client(store, workers, hear, stop, Standing(sweep.name, len(at), len(finished) + len(failed)), since)
    todo = [key for key in at if key not in finished and key not in failed]
    with_workers(client, lambda: client.answer(todo, lambda key: cases.pop(key, None) or points.case(at[key])))
    return client.standing


def with_workers(client: Client, work: Callable[[], None]) -> None:
    """Work with workers that are made when there is something for them, and ended in any case; then what is not written
    yet is, and claims are given back.

    Raises:
        InputError: as `work`.
    """
    client.release_ended()
    try:
        work()
    except GoneError:
        client.close_workers()
        raise  # it has been waited for; claims expire
    except BaseException:
        client.close_workers()
        with suppress(InputError):
            client.give_back()
        raise
    client.close_workers()
    client.give_back()


def read_points(points: Points, hear: Hear = lambda _: None) -> list[Point]:
    """All points of a sweep.

    Raises:
        InputError: points that are no cases, or no points.
    """
    made: list[Point] = []
    wrong: list[str] = []
    for position in points.positions():
        if position % 1000 == 999:
            hear(Standing(points.sweep.name, points.sweep.size, position, doing="reading points"))
        try:
            made.append(case_point(points, position, points.choice(position)))
        except InputError as error:
            wrong += error.problems
            if len(wrong) >= MOST_WRONG:
                break
    if wrong:
        raise InputError([f"{points.sweep.path}: has points that are no cases; leave them out by `where`", *wrong])
    if not made:
        raise InputError(f"{points.sweep.path}: `where` leaves no point of {points.sweep.size:,}; correct it")
    return made


def case_point(points: Points, position: int, choice: Choice) -> Point:
    """A point of a sweep with its case.

    Raises:
        InputError: its values make none.
    """
    case = points.case(choice)
    return Point(position, case, case_key(case), points.values(choice))


def enlisted(
    points: Points, store: Store, made: Sequence[Point], hear: Hear
) -> tuple[dict[str, Choice], dict[str, Case]]:
    """The cases of a sweep by their keys, as they are in the store, each with the choice of its first point; and those
    of the cases that have been made.

    Where the store has all of them, none is made again: the sweep's document changes with all that decides them.
    """
    sweep = points.sweep
    if not made and sweep.name in store.sweeps() and store.document(sweep.name) == sweep.document:
        keys, positions = store.keys(sweep.name), list(points.positions())
        if len(keys) == len(positions):
            return first_of(zip(keys, positions, strict=True), points), {}
    made = made or read_points(points, hear)
    store.add_sweep(sweep.name, sweep.document, made)
    cases = {point.key: point.case for point in made[:MOST_CASES_KEPT]}
    return first_of(((point.key, point.position) for point in made), points), cases


def first_of(found: Iterable[tuple[str, int]], points: Points) -> dict[str, Choice]:
    """By key the choice of the first of its points."""
    first: dict[str, int] = {}
    for key, position in found:
        first.setdefault(key, position)
    return {key: points.choice(position) for key, position in first.items()}


@dataclass
class Client:
    """Who hands cases out and writes what comes of them.

    Args:
        make_workers: for so many cases.
        standing: how far it is.
        failed_before: cases that failed before this time are tried again; empty: none are.
        workers: those that answer; None: there was nothing to do yet.
    """

    store: Store
    make_workers: Callable[[int], Workers]
    hear: Hear
    stop: Callable[[], bool]
    standing: Standing
    failed_before: str = ""
    workers: Workers | None = None
    owner: str = field(default_factory=this_owner)
    _claimed: set[str] = field(default_factory=set)
    _unwritten: list[Answer | Failure] = field(default_factory=list)
    _written_s: float = field(default_factory=time.monotonic)
    _renewed_s: float = field(default_factory=time.monotonic)
    _started_s: float = field(default_factory=time.monotonic)

    def answer(self, keys: Sequence[str], case_of: Callable[[str], Case]) -> None:
        """Go on until every case has an answer or a failure, whoever finds it, or it is to stop."""
        if not keys or self.stop():
            return
        if self.workers is None:
            self.workers = self.make_workers(len(keys))
            self._started_s = time.monotonic()
        pending, waiting = deque(keys), deque[str]()
        elsewhere: set[str] = set()
        looked_s = time.monotonic()
        while (pending or self._claimed or elsewhere) and not self.stop():
            self._renew()
            if pending and len(waiting) < self.workers.room:
                waiting += self._claim(pending, elsewhere)
            while waiting and self.workers.room:
                key = waiting.popleft()
                self.workers.submit(parcel_of(key, case_of(key)))
            idle = not pending and not self._claimed
            self._unwritten += self.workers.outcomes(HEAR_S if self._unwritten else IDLE_S)
            self._write_when_due()
            self._tell(elsewhere)
            if elsewhere and idle and time.monotonic() - looked_s >= LOOK_S:
                looked_s = time.monotonic()
                pending += self._free(elsewhere)
                elsewhere.clear()

    def release_ended(self) -> None:
        """Claims of this machine's processes that have ended are given back at once."""
        for owner in self.store.owners():
            if has_ended(owner):
                self.store.release_all(owner)

    def close_workers(self) -> None:
        """End the workers, if there are any."""
        if self.workers is not None:
            self.workers.close()

    def give_back(self) -> None:
        """Write what is not written yet, and give back what is claimed and not finished."""
        self._write()
        self.store.release(self._claimed, self.owner)
        self._claimed.clear()

    def _claim(self, pending: deque[str], elsewhere: set[str]) -> list[str]:
        """Take the next cases; those on the way that are not to be had go to `elsewhere`.

        It is looked at as many as are wanted, and at many where some of these are not to be had.
        """
        assert self.workers is not None
        most = min(MOST_CLAIMED, max(self.workers.room, round((self.standing.rate_s or 0.0) * AHEAD_S)))
        taken: list[str] = []
        for count in (most, MOST_LOOKED_AT):
            if len(taken) == most or not pending:
                break
            asked = [pending.popleft() for _ in range(min(len(pending), count))]
            wanted = most - len(taken)
            found = self.store.claim(asked, self.owner, CLAIM_S, wanted, failed_before=self.failed_before)
            self._claimed.update(found)
            reached = asked.index(found[-1]) + 1 if len(found) == wanted else len(asked)
            pending.extendleft(reversed(asked[reached:]))
            elsewhere.update(key for key in asked[:reached] if key not in self._claimed)
            taken += found
        return taken

    def _free(self, elsewhere: set[str]) -> list[str]:
        """Of what others had, what is neither finished nor has failed."""
        self.release_ended()
        finished, failed = self.store.finished(elsewhere), self.store.failed(elsewhere)
        over = finished | {key for key, failure in failed.items() if failure.at >= self.failed_before}
        self.standing = replace(self.standing, known=self.standing.known + len(over))
        return sorted(elsewhere - over)

    def _write_when_due(self) -> None:
        """Write outcomes a few at a time, and the last ones at once."""
        since_s = time.monotonic() - self._written_s
        count = len(self._unwritten)
        if count >= MOST_UNWRITTEN or count == len(self._claimed) or since_s >= HEAR_S:
            self._write()

    def _write(self) -> None:
        """Write what is not written yet."""
        self._written_s = time.monotonic()
        outcomes = self._unwritten
        if not outcomes:
            return
        self.store.put_all(outcomes)
        self._unwritten = []
        self._claimed.difference_update(outcome.key for outcome in outcomes)
        answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        values = [(value, each.key) for each in answers if isinstance(value := each.figures.get("value"), float)]
        self.standing = replace(
            self.standing,
            answered=self.standing.answered + len(answers),
            failed=self.standing.failed + len(failures),
            best=min([*values, *filter(None, [self.standing.best])], key=lambda each: each[0], default=None),
            last=failures[-1] if failures else self.standing.last,
        )

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_s >= RENEW_S:
            self.store.renew(self.owner, CLAIM_S)
            self._renewed_s = time.monotonic()

    def _tell(self, elsewhere: set[str]) -> None:
        seconds = time.monotonic() - self._started_s
        self.standing = replace(self.standing, elsewhere=len(elsewhere), seconds=seconds)
        self.hear(self.standing)
