"""The one way to a database, a file or a server: how it is opened, one writer at a time, and what is said of it when it
fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from chipweave.errors import InputError, did_you_mean
from chipweave.store.tables import METADATA

T = TypeVar("T")

SERVERS = ("postgresql",)
WAIT_S = 60
"""For other writers of a file."""
CONNECT_S = 10
"""For a server to answer."""
PATIENCE_S = 30
"""For a server that was there and is gone: one that is started again at once is no reason to end a sweep."""
PAUSE_S = 0.2
LOCK = 0x63686970
"""The number of PostgreSQL's advisory lock that a writer holds, as SQLite's is held on the file."""


def engine_of(where: str | Path, *, create: bool) -> Engine:
    """An engine for the path of a file, or the URL of a server. Nothing is opened yet.

    Raises:
        InputError: the path can be no store, no file is there and `create` is False, or the kind of URL is unknown.
    """
    path = file_of(where)
    return _server(str(where)) if path is None else _file(path, create)


def file_of(where: str | Path) -> Path | None:
    """The file that a store is named by; None of a URL."""
    return None if isinstance(where, str) and "://" in where else Path(where)


def _file(path: Path, create: bool) -> Engine:
    _require_store(path, create)
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}" + ("?immutable=1" if _only_read(path) else "")
    engine = create_engine(
        URL.create("sqlite", database=os.path.abspath(path)),
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None, check_same_thread=False),
    )
    identity = _Identity(path.absolute())

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        # NORMAL: what is committed outlives every process; a power failure may undo the last commits, never half of one
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        identity.note()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        identity.require()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _only_read(path: Path) -> bool:
    """Whether a file, or the folder in which its log would stand, takes no changes, and no log is left of others: then
    it is read as it is."""
    effective = os.access in os.supports_effective_ids
    taking = all(os.access(each, os.W_OK, effective_ids=effective) for each in (path, path.absolute().parent))
    log = Path(f"{path}-wal")
    return path.exists() and not taking and not (log.exists() and log.stat().st_size)


def _server(where: str) -> Engine:
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise InputError("store: the URL cannot be read; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        raise InputError(f"{where}: a file is named by its path; leave out 'sqlite://'")
    if kind not in SERVERS:
        raise InputError(
            f"{_shown(url)}: '{kind}' is no kind of database that a store can be{did_you_mean(kind, SERVERS)}"
        )
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"{_shown(url)}: PostgreSQL needs psycopg ({error}); install it with: pip install 'chipweave[postgresql]'"
        ) from None
    given: dict[str, Any] = {"connect_timeout": CONNECT_S, "application_name": "chipweave"}
    arguments = {name: value for name, value in given.items() if name not in url.query}
    arguments["options"] = " ".join([*url.normalized_query.get("options", ()), f"-clock_timeout={int(1000 * WAIT_S)}"])
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=arguments)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if _writes(connection):
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))

    return engine


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes", False))


def _require_store(path: Path, create: bool) -> None:
    """Only a file can be a store, or what is not there yet in a folder that is."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not create:
            raise InputError(f"{path}: there is no such store; check the name") from None
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: its folder is missing; make it, or choose another") from None
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be a store: {reason}; choose another name") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a device, a pipe or a socket, which no store can be; name a file")


class _Identity:
    """Which file it was that was opened: SQLite goes on in silence where its file is removed or replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: tuple[int, int] | None = None

    def _now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def note(self) -> None:
        self.file = self.file or self._now()

    def require(self) -> None:
        if self._now() != self.file:
            raise InputError(f"{self.path}: was removed or replaced while it was in use; nothing more is kept in it")


def name_of(engine: Engine) -> str:
    """What messages call a store: the path of its file, or its URL without the password."""
    return _shown(engine.url)


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


class GoneError(InputError):
    """A server that does not answer, or no longer."""


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """What goes wrong with the database, as one message.

    Raises:
        InputError: what the database says, and what can be done.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", "")
        gone = isinstance(error, OperationalError) and (state is None or state.startswith(SHUT_DOWN))
        kind = GoneError if gone else InputError
        raise kind(f"{name_of(engine)}: {_reason(str(cause))}") from error


SHUT_DOWN = ("57P", "08")
"""How the states begin that PostgreSQL gives where it is shut down, started up or cut off; where it is not there at
all, it gives none."""


def _reason(words: str) -> str:
    said = " ".join(words.split()).rstrip(".")
    for sign, remedy in REMEDIES:
        if sign in said:
            return f"{said}; {remedy}"
    return f"the database says: {said}; what is finished stays: look after it, and run the same command again"


BUSY = f"somebody else has been writing for {WAIT_S} s; what is finished stays: run the same command again"
REMEDIES = (
    ("file is not a database", "it is no store; name another file"),
    ("malformed", "the file is damaged: copy what can be read with sqlite3's .recover into a new one"),
    ("readonly database", "it cannot be written; copy it to where it can"),
    ("unable to open database file", "it, or the folder that it is in, cannot be written; copy it to where it can"),
    ("is full", "what is finished stays: make room, and run the same command again"),
    ("is locked", BUSY),
    ("lock timeout", BUSY),
    ("does not exist", "create it, or correct the URL"),
    ("authentication failed", "correct the user and the password in the URL"),
)
"""What databases say, and what to do about it."""


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the store."""
    with told(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # as SQLite has it
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction; one at a time in the whole store, whoever else has it open. All of it is kept, or nothing."""
    with told(engine), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection


def read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What `work` finds in one state of the store; asked again for a while where a server has gone."""
    return _patiently(reading, engine, work)


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What `work` returns, whose changes are kept as a whole. It can be repeated: where a server goes, it is, for a
    while, as nobody knows then whether the changes were kept."""
    return _patiently(writing, engine, work)


def _patiently(
    opened: Callable[[Engine], AbstractContextManager[Connection]], engine: Engine, work: Callable[[Connection], T]
) -> T:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with opened(engine) as connection:
                return work(connection)
        except GoneError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)


def let_readers_be(engine: Engine) -> None:
    """Have a file's writers append to a log beside it (WAL), so that readers and writers do not wait for each other.
    It stays so with the file."""
    if engine.dialect.name == "sqlite":
        with told(engine):
            connection = engine.raw_connection()  # outside of a transaction, where alone it can be changed
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                connection.close()


def now(connection: Connection) -> datetime:
    """By the server's clock, which is one for all clients; where the store is a file, by this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    found = connection.execute(select(func.clock_timestamp())).scalar_one()
    assert isinstance(found, datetime)
    return found.astimezone(UTC)


def stamp(moment: datetime, later_s: float = 0.0) -> str:
    """A time as text, of which the earlier one is the smaller."""
    return (moment + timedelta(seconds=later_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tables_there(connection: Connection) -> frozenset[str]:
    """The names of the tables that a database has."""
    from sqlalchemy import inspect

    return frozenset(inspect(connection).get_table_names())


OURS = frozenset(METADATA.tables)
"""The names of a store's tables."""
