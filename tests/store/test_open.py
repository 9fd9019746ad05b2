"""What can be no store, and what goes away: one message each, and what is finished stays."""

from __future__ import annotations

import os
import pwd
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from chipweave.errors import InputError
from chipweave.store import engine as engines
from chipweave.store import migration
from chipweave.store.content import content
from chipweave.store.engine import engine_of, reading, writing
from chipweave.store.migration import ready
from chipweave.store.store import Store
from chipweave.store.tables import META, SCHEMA_VERSION
from tests.store.made_up import answer, failure, points
from tests.store.postgres import Server


def refusal(where: str | Path, *, create: bool = True) -> str:
    """The one message of a store that cannot be opened."""
    with pytest.raises(InputError) as caught:
        Store.open(where, create=create)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def filled(where: str | Path) -> list[str]:
    asked = points(3)
    with Store.open(where) as store:
        store.add_sweep("s", "text", asked)
        for point in asked[:2]:
            store.put(answer(point))
    return [point.key for point in asked[:2]]


def test_what_can_be_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database\n" * 100)
    (tmp_path / "link").symlink_to(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    for where, said in (
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "notes.txt", "file is not a database; it is no store; name another file"),
        (tmp_path / "notes.txt" / "x", "Not a directory; choose another name"),
        (tmp_path / "none" / "x", "its folder is missing; make it, or choose another"),
        (tmp_path / "link", "Too many levels of symbolic links; choose another name"),
        (tmp_path / "pipe", "is a device, a pipe or a socket"),
        ("/dev/null", "is a device, a pipe or a socket"),
        (tmp_path / ("x" * 300), "File name too long; choose another name"),
        ("a\0b", "embedded null byte; choose another name"),
    ):
        assert said in refusal(where)
    assert (tmp_path / "notes.txt").read_text() == "no database\n" * 100
    missing = tmp_path / "missing.db"
    assert "there is no such store; check the name" in refusal(missing, create=False)
    assert not missing.exists()


def test_urls(tmp_path: Path) -> None:
    for where, said in (
        ("mysql://me:secret@host/db", "'mysql' is no kind of database that a store can be; known: postgresql"),
        ("postgresq://me:secret@host/db", "did you mean 'postgresql'?"),
        ("postgres://me:secret@host/db", "did you mean 'postgresql'?"),
        ("sqlite:///x.db", "a file is named by its path; leave out 'sqlite://'"),
        ("postgresql://me:secret@host:port/db", "the URL cannot be read"),
        ("postgresql://me:secret@127.0.0.1:1/db", "refused"),
        (f"postgresql://me:secret@/db?host={tmp_path}", "No such file or directory"),
    ):
        message = refusal(where)
        assert said in message
        assert "secret" not in message


def test_a_server_without_the_database(server: Server) -> None:
    assert "does not exist; create it, or correct the URL" in refusal(server.url().replace("/postgres?", "/nosuch?"))


def test_a_name_of_every_sort(tmp_path: Path) -> None:
    for name in ("a b.db", "it's", "100%.db", "a?mode=memory", "#1", "ü.db", "file:x", ":memory:", "-v", "half \udc80"):
        keys = filled(tmp_path / name)
        assert (tmp_path / name).is_file()
        with Store.open(tmp_path / name, create=False) as store:
            assert store.finished(keys) == set(keys)
            assert store.where == str(tmp_path / name)


def test_a_database_of_something_else(place: str) -> None:
    Store.open(place).close()
    engine = engine_of(place, create=True)
    with writing(engine) as connection:
        for table in ("points", "sweeps", "claims", "failures", "schedules", "results", "cases", "documents", "meta"):
            connection.execute(text("DROP TABLE " + table))
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    assert "holds tables of something else (customers); name a new file or an empty database" in refusal(place)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE meta (what TEXT)"))
    assert "holds tables of something else (customers, meta)" in refusal(place)
    engine.dispose()


def test_a_foreign_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "others.db"
    with sqlite3.connect(path) as others:
        others.execute("CREATE TABLE customers (name TEXT)")
    others.close()
    before = path.read_bytes()
    refusal(path)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["others.db"]


def test_an_empty_database_is_none(new_place: object, place: str) -> None:
    if "://" not in place:
        Path(place).touch()
    assert "holds no store; check the name" in refusal(place, create=False)


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file(tmp_path: Path, seed: int) -> None:
    """Whatever bytes are overwritten or cut off: the answers, or one message."""
    path = tmp_path / "store.db"
    keys = filled(path)
    content = bytearray(path.read_bytes())
    start = [0, 20, 100, 4096, 20000, len(content) // 2][seed]
    if seed % 2:
        content[start : start + 3000] = os.urandom(3000)
    else:
        del content[start or 1000 :]
    path.write_bytes(content)
    said: tuple[str, ...] = ()
    try:
        with Store.open(path) as store:
            list(store.figures())
            [store.schedule(key) for key in keys]
    except InputError as error:  # it may also not be seen
        said = error.problems
    assert len(said) <= 1
    assert all(str(path) in problem for problem in said)


def test_a_newer_store_is_refused(place: str) -> None:
    keys = filled(place)
    engine = engine_of(place, create=True)
    with writing(engine) as connection:
        connection.execute(META.update().values(schema_version=SCHEMA_VERSION + 1))
    assert (
        f"is a store of a newer chipweave (its tables have number {SCHEMA_VERSION + 1}, this one knows "
        f"{SCHEMA_VERSION}); use that version"
    ) in refusal(place)
    with writing(engine) as connection:
        connection.execute(META.update().values(schema_version=SCHEMA_VERSION))
    engine.dispose()
    with Store.open(place) as store:
        assert store.finished(keys) == set(keys)


def test_an_older_store_is_brought_up_to_date(place: str) -> None:
    """Two made-up steps: a column comes, and is filled. Where one fails, the store stays as it was."""
    keys = filled(place)
    engine = engine_of(place, create=True)
    steps: dict[int, migration.Step] = {
        SCHEMA_VERSION: lambda connection: (connection.execute(text("ALTER TABLE results ADD colour TEXT")), None)[1],
        SCHEMA_VERSION + 1: lambda connection: (connection.execute(text("UPDATE results SET colour = 'red'")), None)[1],
    }

    def broken(connection: object) -> None:
        raise InputError("no step")

    with pytest.raises(InputError, match="no step"):
        ready(engine, create=True, steps={**steps, SCHEMA_VERSION + 1: broken}, version=SCHEMA_VERSION + 2)
    ready(engine, create=True)  # it is still of this version
    ready(engine, create=False, steps=steps, version=SCHEMA_VERSION + 2)
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT key, colour FROM results")).all()
        assert connection.execute(META.select()).scalar_one() == SCHEMA_VERSION + 2
    assert {tuple(row) for row in rows} == {(key, "red") for key in keys}
    engine.dispose()
    assert "newer chipweave" in refusal(place)


def test_a_store_of_the_first_version_gets_the_area_of_dies(place: str) -> None:
    keys = filled(place)
    engine = engine_of(place, create=True)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE results DROP COLUMN area_mm2"))
        connection.execute(META.update().values(schema_version=1))
    engine.dispose()
    with Store.open(place) as store:
        rows = list(store.figures("s"))
    assert [row["area_mm2"] for row in rows] == [None, None]
    assert {row["key"] for row in rows} == set(keys)


def test_every_older_version_has_its_step() -> None:
    assert sorted(migration.STEPS) == list(range(1, SCHEMA_VERSION))


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    path, moved = tmp_path / "store.db", tmp_path / "moved.db"
    asked = points(3)
    with Store.open(path) as store:
        store.add_sweep("s", "text", asked)
        store.put(answer(asked[0]))
        for extra in ("", "-wal", "-shm"):
            Path(f"{path}{extra}").rename(f"{moved}{extra}")
        for ask in (lambda: store.put(answer(asked[1])), lambda: store.finished(["x"])):
            with pytest.raises(InputError, match="was removed or replaced while it was in use; nothing more is kept"):
                ask()
        filled(path)
        with pytest.raises(InputError, match="was removed or replaced"):
            store.put(answer(asked[1]))
    with Store.open(moved) as store:
        assert store.finished([point.key for point in asked]) == {asked[0].key}


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may write anywhere: a test that takes this runs as somebody who may not."""
    if os.geteuid():
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    yield
    os.seteuid(0)


@contextmanager
def closed_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chipweave-closed-") as name:
        folder = Path(name)
        yield folder
        os.seteuid(os.getuid())
        folder.chmod(0o755)


def test_a_disk_that_is_only_read(request: pytest.FixtureRequest) -> None:
    with closed_folder() as folder:
        path = folder / "store.db"
        keys = filled(path)
        path.chmod(0o444)
        folder.chmod(0o555)
        request.getfixturevalue("nobody")
        with Store.open(path) as store:
            assert store.finished(keys) == set(keys)
            assert len(list(store.figures("s"))) == 2
            with pytest.raises(InputError, match="cannot be written; copy it to where it can"):
                store.put(answer(points(3)[2]))
            assert len(store.schedule(keys[0])) > 10
        assert "cannot be written" in refusal(folder / "new.db")


def test_a_log_is_not_passed_over_where_nothing_can_be_written(request: pytest.FixtureRequest) -> None:
    """Of a client that was killed a log may be left: what is in it is not in the file."""
    with closed_folder() as folder:
        path = folder / "store.db"
        filled(path)
        with Store.open(path) as store:
            store.put(answer(points(3)[2]))
            for extra in ("", "-wal"):
                (folder / f"copy.db{extra}").write_bytes(Path(f"{path}{extra}").read_bytes())
        folder.chmod(0o555)
        request.getfixturevalue("nobody")
        assert "cannot be written" in refusal(folder / "copy.db")


def test_a_full_disk(store: Store, place: str) -> None:
    if "://" in place:
        pytest.skip("a server's disk is its own")
    asked = points(3)
    store.add_sweep("s", "text", asked)
    store.put(answer(asked[0]))
    with store.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        pages = raw.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        raw.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    def fill() -> None:
        for _ in range(200):
            store.put_failure(failure(asked[1], reason="x" * 9000))

    with pytest.raises(InputError, match="is full; what is finished stays: make room, and run the same command again"):
        fill()
    assert store.finished([point.key for point in asked]) == {asked[0].key}


def test_somebody_else_writes_for_too_long(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "WAIT_S", 0.05)
    filled(place)
    other = engine_of(place, create=False)
    with Store.open(place) as store:
        with writing(other):
            with pytest.raises(InputError, match=r"; somebody else has been writing for .* run the same command again"):
                store.put(answer(points(3)[2]))
            assert len(list(store.figures())) == 2  # readers do not wait
        assert store.put(answer(points(3)[2]))
    other.dispose()


def test_several_stores_in_one_database(server: Server) -> None:
    one, other = server.new_schema("one"), server.new_schema("other")
    keys = filled(one)
    with Store.open(one) as store, Store.open(other) as empty:
        assert store.finished(keys) == set(keys)
        assert empty.finished(keys) == set()


def test_opened_by_many_at_once(new_place: Callable[[], str]) -> None:
    for _ in range(4):
        place = new_place()
        with ThreadPoolExecutor(6) as pool:
            for store in pool.map(lambda _, place=place: Store.open(place), range(6)):  # type: ignore[misc]
                store.close()


def test_nothing_is_left_beside_a_new_store(tmp_path: Path) -> None:
    for _ in range(2):
        Store.open(tmp_path / "s.db").close()
        assert [each.name for each in tmp_path.iterdir()] == ["s.db"]
    (tmp_path / "empty.db").touch()  # an empty file becomes one, too
    Store.open(tmp_path / "empty.db").close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty.db", "s.db"]


@pytest.fixture
def own_server() -> Iterator[Server]:
    from tests.store import postgres

    if postgres.binaries() is None:
        pytest.skip(postgres.ABSENT)
    with postgres.running() as running:
        yield running


def test_a_server_that_goes_away(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "PATIENCE_S", 0.3)
    asked = points(4)
    keys = [point.key for point in asked]
    with Store.open(own_server.url()) as store:
        store.add_sweep("s", "text", asked)
        store.put(answer(asked[0]))
        own_server.kill()
        started = time.monotonic()
        for ask in (lambda: store.put(answer(asked[1])), lambda: store.finished(keys), lambda: list(store.figures())):
            with pytest.raises(InputError, match="what is finished stays: look after it") as caught:
                ask()
            assert len(caught.value.problems) == 1
        assert time.monotonic() - started > 0.3
        own_server.start()
        assert store.finished(keys) == {keys[0]}
        assert store.put(answer(asked[1]))
        before = content(store)
        own_server.kill()
        own_server.start()
        assert store.put(answer(asked[2]))  # at once: the lost connection is made again
        assert not store.put(answer(asked[0]))
        assert store.finished(keys) == set(keys[:3])
        assert set(before) < set(content(store))


def test_without_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("chipweave.store")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(InputError, match=r"a store needs SQLAlchemy.* pip install 'chipweave\[sweep\]'"):
        import chipweave.store.store  # noqa: F401


def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'chipweave[postgresql]'" in refusal("postgresql://me:secret@host/db")
