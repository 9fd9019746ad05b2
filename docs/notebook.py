"""Makes docs/notebook.ipynb, executed, and docs/notebook.md, the same as a page, from docs/notebook_cells.py.

Run by `make notebook`. Cells begin with `# %%`; those of text with `# %% [markdown]`. The same program gives the same
bytes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCE, NOTEBOOK, PAGE = HERE / "notebook_cells.py", HERE / "notebook.ipynb", HERE / "notebook.md"
HEAD = "[The notebook](notebook.ipynb), executed; its cells are in `docs/notebook_cells.py`.\n\n"


def cells() -> list[tuple[str, str]]:
    """(kind, text) of every cell of the source; kind is `code` or `markdown`."""
    parts = re.split(r"^# %%(.*)\n", SOURCE.read_text(), flags=re.MULTILINE)[1:]
    found = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        if "markdown" in mark:
            found.append(("markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE).strip()))
        else:
            found.append(("code", text.strip()))
    return found


def executed() -> dict[str, Any]:
    """The notebook with its outputs, without what differs from run to run."""
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.v4.new_notebook()
    for number, (kind, text) in enumerate(cells()):
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cell = new(text)
        cell["id"] = f"cell-{number}"
        made.cells.append(cell)
    NotebookClient(made, timeout=600, kernel_name="python3", record_timing=False, coalesce_streams=True).execute()
    document: dict[str, Any] = json.loads(nbformat.writes(made))
    for data in (output.get("data", {}) for cell in document["cells"] for output in cell.get("outputs", ())):
        if "text/html" in data or "image/png" in data:
            data.pop("text/plain", None)
    document["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return document


def page(document: dict[str, Any]) -> str:
    """The notebook as Markdown, outputs as the HTML, pictures and text that they are."""
    parts = []
    for cell in document["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "text/html" in data:
                parts.append("".join(data["text/html"]))
            elif "image/png" in data:
                picture = "".join(data["image/png"]).strip()
                parts.append(f'<img alt="The schedule over time" src="data:image/png;base64,{picture}">')
    title, *rest = parts
    heading, _, text = title.partition("\n")
    return "\n\n".join([f"{heading}\n\n{HEAD}{text.strip()}", *rest]) + "\n"


if __name__ == "__main__":
    notebook = executed()
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(notebook))
