"""No statement is put together from words: what a name says can never be a statement."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chipweave

FOLDER = Path(chipweave.__file__).parent / "store"
TAKES_A_STATEMENT = {"text", "exec_driver_sql", "literal_column", "execute", "DDL", "scalar", "scalars"}


def loose_statements(source: str) -> list[str]:
    """Calls that take a statement as text which is not written there in full."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            branches = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            put_together = any(isinstance(each, ast.JoinedStr | ast.BinOp) for each in branches)
            named = name in ("text", "literal_column", "exec_driver_sql", "DDL")
            written = all(isinstance(each, ast.Constant) for each in branches)
            if name in TAKES_A_STATEMENT and (put_together or (named and not written)):
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_statements_are_written_in_full(path: Path) -> None:
    assert loose_statements(path.read_text("utf-8")) == []


def test_loose_statements_are_seen() -> None:
    for bad in (
        "c.execute(f'DROP {x}')",
        "c.execute('DROP ' + x)",
        "c.execute('DROP %s' % x)",
        "text(x)",
        "c.exec_driver_sql(x)",
        "c.exec_driver_sql('A' if y else x)",
    ):
        assert loose_statements(bad) == [ast.unparse(ast.parse(bad).body[0])]
    assert loose_statements("c.execute(select(x)); c.exec_driver_sql('BEGIN' if w else 'COMMIT')") == []
