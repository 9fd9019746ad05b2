"""The executed notebook in docs is that of its source, and its figures are still what comes out."""

from __future__ import annotations

import ast
import io
import json
import runpy
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def maker() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "notebook.py"))


def stored() -> dict[str, Any]:
    return json.loads((DOCS / "notebook.ipynb").read_text())


def test_it_is_made_from_its_source() -> None:
    names, document = maker(), stored()
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in document["cells"]] == names["cells"]()
    assert names["page"](document) == (DOCS / "notebook.md").read_text()
    assert (DOCS / "notebook.ipynb").stat().st_size < 500_000
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} == {"stream", "execute_result"}
    assert all("text/html" in cell["outputs"][-1].get("data", {}) for cell in document["cells"] if shows(cell))


def shows(cell: dict[str, Any]) -> bool:
    """The cell ends with a name: of a result, an evaluation, a comparison or a plan."""
    last = "".join(cell["source"]).rsplit("\n", 1)[-1]
    return cell["cell_type"] == "code" and last.isidentifier()


@pytest.mark.slow
def test_its_cells_still_give_what_they_gave() -> None:
    """Printed lines and tables to the letter; the last cell needs IPython and draws a picture."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for cell in stored()["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or "IPython" in source:
            continue
        body = ast.parse(source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) and shows(cell) else None
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(ast.Module(body, []), "cell", "exec"), scope)
        texts = ["".join(output["text"]) for output in cell["outputs"] if "text" in output]
        assert "".join(texts) == printed.getvalue()
        if last is not None:
            assert isinstance(last, ast.Expr)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), scope)
            assert "".join(cell["outputs"][-1]["data"]["text/html"]) == value._repr_html_()
