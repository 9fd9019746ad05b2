"""The best mappings found so far, on disk, by the content of what was asked.

A key is a digest of everything that decides a mapping: shape, machine, energies, objective, and the version of the
search. An entry is the mapping, with a checksum over its key and itself: one that was changed, or that stands under
another key, is searched again. Its figures are counted anew, so none can be wrong. The cache may be missing, damaged,
locked or read-only: then mappings are searched again, and nothing is said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from chipweave.cost.loopnest import mapping as mappings
from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.loopnest.shape import Shape

if TYPE_CHECKING:
    import sqlite3

VERSION = 3
"""Of map space, search and counts: to be raised when a change of them can change which mapping is the best."""

LARGEST_FILE = 256 * 2**20
"""Bytes, some two million mappings; a larger file is begun anew."""

LONGEST_ENTRY = 220
"""Bytes; longer ones are no mappings."""

CHECKSUM_BYTES = 8

WAIT_S = 2.0
"""For other processes that write."""

AT_ONCE = 500
"""Keys per query: below the least limit that SQLite may be built with."""


def keys_of(shapes: Iterable[Shape], machine: Machine, energies: Energies, objective: str) -> list[bytes]:
    """A key per shape."""
    common = blake2b(repr((VERSION, machine, energies, objective)).encode(), digest_size=16)
    keys = []
    for shape in shapes:
        digest = common.copy()
        digest.update(repr(shape).encode())
        keys.append(digest.digest())
    return keys


def load(keys: Sequence[bytes]) -> dict[bytes, mappings.Mapping]:
    """The mappings stored under these keys; entries that are none are left out."""
    found: dict[bytes, mappings.Mapping] = {}

    def read(database: sqlite3.Connection) -> None:
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            query = f"SELECT key, mapping FROM mappings WHERE key IN ({', '.join('?' * len(some))})"
            for key, entry in database.execute(query, some):
                mapping = from_entry(key, entry)
                if mapping is not None:
                    found[key] = mapping

    path = file()
    if keys and path is not None and os.path.isfile(path):  # unlike pathlib, quiet about names that no system takes
        _with_database(path, read)
    return found


def store(found: Mapping[bytes, mappings.Mapping]) -> None:
    """Add mappings that were found, in one transaction."""
    made = {key: to_entry(key, mapping) for key, mapping in found.items()}
    for notes in tuple(_all_notes):
        notes.update(made)
    _write(made)


_all_notes: list[dict[bytes, bytes]] = []


@contextmanager
def noting() -> Iterator[dict[bytes, bytes]]:
    """The entries of mappings that this process finds meanwhile, in any of its threads, to be given to other machines.
    They are noted also where there is no cache."""
    notes: dict[bytes, bytes] = {}
    _all_notes.append(notes)
    try:
        yield notes
    finally:
        _all_notes[:] = [each for each in _all_notes if each is not notes]


def _write(made: Mapping[bytes, bytes]) -> None:
    def write(database: sqlite3.Connection) -> None:
        with database:
            database.execute("CREATE TABLE IF NOT EXISTS mappings (key BLOB PRIMARY KEY, mapping BLOB) WITHOUT ROWID")
            database.executemany("INSERT OR REPLACE INTO mappings VALUES (?, ?)", list(made.items()))

    path = file()
    if not made or path is None:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isfile(path) and path.stat().st_size > LARGEST_FILE:
            path.unlink()
    _with_database(path, write)


MOST_SHARED = 100_000
"""Entries that are given to another machine at a time, some 10 MB."""


def entries() -> dict[bytes, bytes]:
    """Entries as they stand on disk, to be given to another machine; some of them, where there are very many."""
    found: dict[bytes, bytes] = {}

    def read(database: sqlite3.Connection) -> None:
        found.update(database.execute("SELECT key, mapping FROM mappings LIMIT ?", (MOST_SHARED,)))

    path = file()
    if path is not None and os.path.isfile(path):
        _with_database(path, read)
    return found


def add(given: Mapping[bytes, bytes]) -> None:
    """Add what another machine gave (`entries`, `noting`) and is not there; what is damaged is left out."""
    known = load(list(given))
    _write({key: entry for key, entry in given.items() if key not in known and from_entry(key, entry) is not None})


def file() -> Path | None:
    """Where mappings are kept: in `$CHIPWEAVE_CACHE`, else in the user's folder for caches. None: nowhere."""
    given = os.environ.get("CHIPWEAVE_CACHE", "")
    if given.lower() == "off":
        return None
    folder = Path(given) if given else _user_folder()
    return None if folder is None else folder / "loopnest.sqlite3"


def to_entry(key: bytes, mapping: mappings.Mapping) -> bytes:
    """Factors, tiles and orders as text, and their checksum under this key."""
    numbers = (" ".join(map(str, each)) for each in (mapping.spatial, mapping.tile))
    text = "/".join((*numbers, mapping.outer, mapping.inner)).encode("ascii")
    return text + b"#" + _checksum(key, text)


def _checksum(key: bytes, text: bytes) -> bytes:
    return blake2b(text, digest_size=CHECKSUM_BYTES, key=key[:64]).hexdigest().encode("ascii")


def from_entry(key: bytes, entry: object) -> mappings.Mapping | None:
    """What `to_entry` wrote under this key; None for anything else."""
    if not isinstance(entry, bytes) or len(entry) > LONGEST_ENTRY:
        return None
    text, _, checksum = entry.partition(b"#")
    if checksum != _checksum(key, text):
        return None
    try:
        spatial, tile, outer, inner = text.decode("ascii").split("/")
        factors, tiles = (tuple(map(int, numbers.split(" "))) for numbers in (spatial, tile))
    except ValueError:
        return None
    if not len(factors) == len(tiles) == 8:
        return None
    return mappings.Mapping(factors, tiles, outer, inner)


def _user_folder() -> Path | None:
    name = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    given = Path(os.environ.get(name, ""))
    if given.is_absolute():
        return given / "chipweave"
    try:
        return Path.home() / ".cache" / "chipweave"
    except RuntimeError:
        return None


def _with_database(path: Path, use: Callable[[sqlite3.Connection], None]) -> None:
    """`use` the database, or as much of it as there is; a file that is none is removed."""
    try:
        import sqlite3
    except ImportError:  # a Python built without it
        return
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as database:
            use(database)
    except sqlite3.OperationalError:
        pass  # locked, read-only, no folder, no table, a full disk
    except sqlite3.DatabaseError:
        with suppress(OSError):
            path.unlink()
    except (sqlite3.Error, OSError):
        pass
