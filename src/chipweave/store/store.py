"""A store: answers by the hash of their question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select

from chipweave.errors import InputError, did_you_mean
from chipweave.files.schedule_file import text_of
from chipweave.store import add, answers, claims
from chipweave.store.answer import Answer, Failure
from chipweave.store.answers import Row
from chipweave.store.engine import engine_of, file_of, name_of, now, read, reading, stamp, write
from chipweave.store.migration import make_whole, ready
from chipweave.store.point import Point
from chipweave.store.tables import POINTS, SWEEPS

T = TypeVar("T")

CHUNK = 500
"""Keys or points that a statement asks for at a time."""


@dataclass(frozen=True)
class Store:
    """Cases, their answers and failures, in a database. Every method is one transaction, or several that can be
    repeated: a process may be killed at any time, and nothing is lost or half written.

    All methods raise an InputError with one message where the database fails; what was finished by then stays.
    """

    engine: Engine

    @staticmethod
    def open(where: str | Path, *, create: bool = True) -> Store:
        """A store by the path of its file, or by `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.

        Raises:
            InputError: it cannot be opened, is something else, of a newer version, or missing and `create` is False.
        """
        path = file_of(where)
        if create and path is not None:
            make_whole(path)
        engine = engine_of(where, create=create)
        try:
            ready(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        return Store(engine)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @property
    def where(self) -> str:
        """What messages call it: its file, or its URL without the password."""
        return name_of(self.engine)

    @property
    def url(self) -> str:
        """For others who put tables of their own into the same database (SQLAlchemy's URL, with the password)."""
        return self.engine.url.render_as_string(hide_password=False)

    def add_sweep(self, name: str, document: str, points: Iterable[Point]) -> None:
        """Keep a sweep, its points and their cases. What is there already stays as it is; points may come in parts.

        Raises:
            InputError: a sweep of this name is there with another document, or with another case at a point.
        """
        write(self.engine, partial(add.sweep, name=name, document=document))
        for part in parts(points):
            write(self.engine, partial(add.points, sweep=name, points=part))

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Those of the cases that have a result."""
        return {key for part in parts(keys) for key in read(self.engine, partial(claims.finished, keys=part))}

    def failed(self, keys: Iterable[str]) -> dict[str, Failure]:
        """The last failure of those of the cases that failed and have no result."""
        found = (each for part in parts(keys) for each in read(self.engine, partial(answers.last_failures, keys=part)))
        return {failure.key: failure for failure in found}

    def finished_of(self, sweep: str) -> set[str]:
        """The cases of a sweep that have a result, sooner than `finished` finds them."""
        return read(self.engine, partial(claims.finished_of, sweep=sweep))

    def failed_of(self, sweep: str) -> dict[str, Failure]:
        """The last failure of those of the cases of a sweep that failed and have no result."""
        keys = select(POINTS.c.key).where(POINTS.c.sweep == sweep)
        found = read(self.engine, partial(answers.last_failures, keys=keys))
        return {failure.key: failure for failure in found}

    def now(self) -> str:
        """The time by the store's clock, as its columns have it."""
        return read(self.engine, lambda connection: stamp(now(connection)))

    def claim(
        self, keys: Sequence[str], owner: str, for_s: float, at_most: int, *, failed_before: str = ""
    ) -> list[str]:
        """Take the first `at_most` of the cases that nobody else works on, and that have no result, for so many
        seconds. The owner's own come again.

        Cases that failed are left out, but those whose last failure was before `failed_before` (a time as `now` gives
        it): with the time at which a sweep starts, two clients that retry what failed do so once.
        """

        def taken(connection: Connection) -> list[str]:
            found: list[str] = []
            for part in parts(keys):
                free = claims.free(connection, part, owner, failed_before)[: at_most - len(found)]
                claims.take(connection, free, owner, for_s)
                found += free
                if len(found) >= at_most:
                    break
            return found

        return write(self.engine, taken)

    def renew(self, owner: str, for_s: float) -> None:
        """All claims of the owner last for so many seconds from now on."""
        write(self.engine, partial(claims.renew, owner=owner, for_s=for_s))

    def release(self, keys: Iterable[str], owner: str) -> None:
        """Give claims back; those of others stay."""
        for part in parts(keys):
            write(self.engine, partial(claims.release, keys=part, owner=owner))

    def owners(self) -> list[str]:
        """Who has claims, living or not."""
        with reading(self.engine) as connection:
            return claims.owners(connection)

    def release_all(self, owner: str) -> None:
        """Give all claims of an owner back who is known to have ended."""
        write(self.engine, partial(claims.release_all, owner=owner))

    def put(self, answer: Answer) -> bool:
        """Keep an answer, and end the claim to its case; False where there is one already, which stays.

        Raises:
            InputError: the case is in no sweep of the store.
        """
        return bool(self.put_all([answer]))

    def put_failure(self, failure: Failure) -> None:
        """Keep a failure beside those before it, and end the claim to its case.

        Raises:
            InputError: the case is in no sweep of the store.
        """
        self.put_all([failure])

    def put_all(self, outcomes: Sequence[Answer | Failure]) -> set[str]:
        """Keep answers as `put` does and failures as `put_failure`, all of them in one transaction, which takes much
        less time than one each; the keys of the answers that were not there.

        Raises:
            InputError: a case is in no sweep of the store.
        """
        found = [each for each in outcomes if isinstance(each, Answer)]
        failed = [each for each in outcomes if isinstance(each, Failure)]

        def kept(connection: Connection) -> set[str]:
            if failed:
                answers.put_failures(connection, failed)
            return answers.put(connection, found) if found else set()

        return write(self.engine, kept)

    def figures(self, sweep: str | None = None) -> Iterator[Row]:
        """What is finished, row by row: the columns of `cases` without `document` and of `results` by their names, and
        `position` and `axes`.

        Of a sweep every finished point, by position; else every finished case once, by key, and `position` is None
        and `axes` empty.

        Raises:
            InputError: there is no sweep of that name.
        """
        if sweep is not None:
            self.require_sweep(sweep)
        with reading(self.engine) as connection:
            yield from answers.figures(connection, sweep)

    def columns(self, sweep: str, names: Sequence[str]) -> dict[str, list[Any]]:
        """The finished points of a sweep, by position: `position`, `key`, `axes` and these columns of `results`. The
        same as `figures`, column by column, which takes much less time where there are many.

        Raises:
            InputError: there is no sweep of that name.
        """
        self.require_sweep(sweep)
        return read(self.engine, partial(answers.columns, sweep=sweep, names=names))

    def unfinished(self, sweep: str) -> list[tuple[int, str, dict[str, Any]]]:
        """Position, case and axes of the points of a sweep that have no result."""
        return read(self.engine, partial(answers.unfinished, sweep=sweep))

    def common(self, sweep: str) -> dict[str, str]:
        """What the cases of all finished points of a sweep have in common: names of scenario, package, scheduler, cost
        model, the objective, fidelity, seed, as far as each is the same of all."""
        return read(self.engine, partial(answers.common, sweep=sweep))

    def figures_of(self, keys: Iterable[str]) -> dict[str, Row]:
        """The columns of `results` without `schedule` of those of the cases that are finished, by key."""
        with reading(self.engine) as connection:
            return {key: row for part in parts(keys) for key, row in answers.figures_of(connection, part)}

    def sweeps(self) -> list[str]:
        """The names of the sweeps, the oldest first."""
        query = select(SWEEPS.c.name).order_by(SWEEPS.c.created_at, SWEEPS.c.name)
        return read(self.engine, lambda connection: list(connection.execute(query).scalars()))

    def require_sweep(self, name: str) -> None:
        """Hold a name against those of the sweeps."""
        known = self.sweeps()
        if name not in known:
            raise InputError(f"sweep '{name}': is not in {self.where}{did_you_mean(name, known)}")

    def document(self, sweep: str) -> str:
        """The text of a sweep's file.

        Raises:
            InputError: there is no sweep of that name.
        """
        self.require_sweep(sweep)
        query = select(SWEEPS.c.document).where(SWEEPS.c.name == sweep)
        return read(self.engine, lambda connection: str(connection.execute(query).scalar_one()))

    def keys(self, sweep: str) -> list[str]:
        """The cases of a sweep's points, by position."""
        query = select(POINTS.c.key).where(POINTS.c.sweep == sweep).order_by(POINTS.c.position)
        return read(self.engine, lambda connection: list(connection.execute(query).scalars()))

    def schedule(self, key: str) -> str:
        """The text of `schedule.json` of a case.

        Raises:
            InputError: the case has no result.
        """
        found = read(self.engine, partial(answers.schedule, key=key))
        if found is None:
            raise InputError(f"case {key}: has no result in {self.where}; 'chipweave store ls' counts what it holds")
        return text_of(found)


def parts(items: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time as one statement asks for."""
    left = iter(items)
    while part := list(islice(left, CHUNK)):
        yield part
