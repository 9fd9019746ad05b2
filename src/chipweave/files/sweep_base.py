"""The scenarios and packages that a sweep starts from, as descriptions in which fields can be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.content import content_hash
from chipweave.files.field_path import Parts, put
from chipweave.files.locate import load, locate
from chipweave.files.presets import chiplet_names, chiplet_preset, package_names, package_preset
from chipweave.files.scenario_file import resolve_scenario, scenario_to_dict
from chipweave.files.yaml import load_yaml

LABELLED = ("classes",)
"""Mappings whose keys are labels of the user's."""


@dataclass(frozen=True)
class Base:
    """A description to start from.

    Args:
        kind: `scenario` or `package`.
        data: as its file has it; a package's chiplets are written out.
        called: in messages; the files that it names start at the folder of this path.
    """

    kind: str
    data: Any
    called: str

    def with_value(self, parts: Parts, value: Any) -> Base:
        """The same description with another value where a path within it leads.

        Raises:
            InputError: it leads nowhere in this description.
        """
        folder = Path(self.called).parent

        def expand(place: Parts, text: str) -> Any:
            if place[-1:] == ("dataflow",):
                return {"style": text}
            return _chiplet(text, folder) if place[-2:-1] == ("classes",) else text

        return Base(self.kind, put(self.data, parts, value, LABELLED, expand), self.called)


def base_of(kind: str, named: Any, sweep: str) -> Base:
    """What a built-in name, a file (relative to the sweep's) or a mapping in the sweep describes.

    Raises:
        InputError: there is none of that name, or its file cannot be read.
    """
    folder = Path(sweep).parent
    if kind == "scenario":
        return _scenario(named, folder, sweep)
    if isinstance(named, str):
        path = locate(named, "package", package_names(), folder)
        if path is None:
            return _written_out(Base(kind, package_preset(named), f"built-in {named}"))
        return _written_out(Base(kind, load(path, "package"), str(path)))
    return _written_out(Base(kind, named, sweep))


def _scenario(named: Any, folder: Path, sweep: str) -> Base:
    from chipweave.workload.zoo import MODELS, SCENARIOS

    if not isinstance(named, str):
        return Base("scenario", named, sweep)
    path = locate(named, "scenario", [*SCENARIOS, *MODELS], folder)
    if path is None:
        return Base("scenario", scenario_to_dict(resolve_scenario(named), by_name=True), f"built-in {named}")
    data = load(path, "scenario", "model")
    if "models" not in data and "layers" in data:
        name = data.get("name")
        return Base("scenario", {"name": name, "models": [{"name": name, "model": data}]}, str(path))
    return Base("scenario", data, str(path))


def _written_out(base: Base) -> Base:
    """A package with a class of its own, written out, for every label."""
    data, folder = base.data, Path(base.called).parent
    if not isinstance(data, Mapping):
        return base
    classes = data.get("classes", {})
    places = [data.get("chiplets"), *(data["grid"] if isinstance(data.get("grid"), list) else [])]
    labels = [label for row in places if isinstance(row, list) for label in row if isinstance(label, str)]
    if not isinstance(classes, Mapping):
        return base
    known = {**{label: label for label in labels}, **classes}
    written = {
        label: _chiplet(ref, folder) if isinstance(ref, str) and (label in classes or _is_chiplet(ref, folder)) else ref
        for label, ref in known.items()
        if label in classes or _is_chiplet(label, folder)
    }
    return Base(base.kind, {**data, "classes": written}, base.called)


def _is_chiplet(name: str, folder: Path) -> bool:
    return name in chiplet_names() or os.path.isfile(folder / name)


def _chiplet(name: str, folder: Path) -> Any:
    """The description of a chiplet that a name stands for; the name where nothing does, which reading it says."""
    if name in chiplet_names():
        return dict(chiplet_preset(name))
    if os.path.isfile(folder / name):
        resolve_chiplet(name, folder=folder)
        return dict(load_yaml(folder / name))
    return name


def content_of(data: Any, folder: Path) -> str:
    """A name by content of a description and of all files that it names, and those that these name."""
    seen = {str(path): _bytes_hash(path) for path in _files(data, folder, 0)}
    return content_hash([data, sorted(set(seen.values()))])


DEEPEST = 3
"""Files that name files that name files."""


def _files(data: Any, folder: Path, depth: int) -> Iterator[Path]:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, list):
        for each in data:
            yield from _files(each, folder, depth)
    if not isinstance(data, str) or not data or len(data) > 1000 or "\0" in data:
        return
    path = folder / data.removeprefix("table:")
    if os.path.isfile(path):
        yield path
        if path.suffix in (".yaml", ".yml") and depth < DEEPEST:
            yield from _files(load_yaml(path), path.parent, depth + 1)


def _bytes_hash(path: Path) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()
