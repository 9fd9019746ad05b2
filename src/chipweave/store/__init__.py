"""Answers by the hash of their question, in a database: a file (SQLite) or PostgreSQL, by the same code."""

from importlib.util import find_spec

from chipweave.errors import InputError

if find_spec("sqlalchemy") is None:
    raise InputError("a store needs SQLAlchemy, which is not here; install it with: pip install 'chipweave[sweep]'")
