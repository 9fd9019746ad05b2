"""From what a user writes (a built-in name or a file) to the file, or a message that says what there is."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from chipweave.errors import InputError, did_you_mean
from chipweave.files.yaml import LinedMapping, load_yaml

_SIGNS = {
    "scenario": ("models",),
    "model": ("layers",),
    "package": ("grid", "chiplets", "links"),
    "chiplet": ("dataflow", "num_pes", "base"),
    "sweep": ("axes",),
}
"""Keys by which the kind of a file shows."""


def locate(name: str, kind: str, built_in: Collection[str], folder: Path = Path()) -> Path | None:
    """None for a built-in name, else the path of an existing file (relative ones start at `folder`).

    Raises:
        InputError: neither, with the closest built-in name; or a network of another tool, with the import it needs.
    """
    if name in built_in:
        return None
    path = folder / name
    if os.path.exists(path):  # unlike Path.exists, quiet about names no file system takes
        if kind in ("model", "scenario"):
            from chipweave.files.other_tools.recognise import import_advice

            advice = import_advice(path)
            if advice is not None:
                raise InputError(f"{path}: {advice}")
        return path
    if name.endswith((".yaml", ".yml")):
        raise InputError(f"{path}: no such file; check the name and the folder")
    if len(name) > 100:
        name = name[:100] + "…"
    near = did_you_mean(name, built_in)
    raise InputError(
        f"'{name}' is neither a built-in {kind} nor a file{near or '; check the spelling'}"
        f"{'' if near.endswith('?') else ','} `chipweave list {kind}s` shows the names"
    )


def load(path: str | Path, *kinds: str) -> LinedMapping:
    """The mapping in a file that should describe one of `kinds`.

    Raises:
        InputError: the file cannot be read, or plainly describes something else.
    """
    data = load_yaml(path)
    if not any(sign in data for kind in kinds for sign in _SIGNS[kind]):
        for other, signs in _SIGNS.items():
            found = next((sign for sign in signs if sign in data), None)
            if found is not None:
                raise InputError(
                    f"{path}:{data.lines[found]}: `{found}` says that this is a {other}, "
                    f"but a {' or '.join(kinds)} is needed; name another file",
                    path=str(path),
                )
    return data
