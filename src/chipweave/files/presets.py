"""The chiplets and packages that ship with chipweave, kinds of memory and classes of links; in folders by family.

The file of a package of datacenter chiplets stands for several: `arvr-` in front of its name puts AR/VR chiplets of
the same dataflows in the same places; `-flipped` behind it exchanges the two dataflows.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from chipweave.files.yaml import LinedMapping, parse_yaml

_FOLDER = files("chipweave.hardware") / "presets"

BUILT_IN = "built-in "
"""How what messages call a preset begins."""


@cache
def chiplet_names() -> tuple[str, ...]:
    """Names of the built-in chiplets."""
    return _stems("chiplets")


@cache
def package_names() -> tuple[str, ...]:
    """Names of the built-in packages."""
    datacenter: list[str] = []
    others: list[str] = []
    for name in _stems("packages"):
        classes = _parse("packages", name)["classes"].values()
        forms = [name, f"{name}-flipped"] if len(classes) == 2 else [name]
        (datacenter if all(chiplet.startswith("datacenter-") for chiplet in classes) else others).extend(forms)
    return (*datacenter, *(f"arvr-{name}" for name in datacenter), *others)


def chiplet_preset(name: str) -> LinedMapping:
    """The data of a built-in chiplet; `name` is one of `chiplet_names()`."""
    return _parse("chiplets", name)


def package_preset(name: str) -> LinedMapping:
    """The data of a built-in package; `name` is one of `package_names()`."""
    base = name.removeprefix("arvr-").removesuffix("-flipped")
    data = _parse("packages", base)
    classes = list(data["classes"].values())
    if name.endswith("-flipped"):
        classes.reverse()
        data["source"] += " This is the other polarity: the two dataflows exchanged."
    if name.startswith("arvr-"):
        classes = [chiplet.replace("datacenter-", "arvr-") for chiplet in classes]
        data["source"] += " AR/VR chiplets in the same places (SCAR V-A: 256 PEs)."
    data["classes"].update(zip(data["classes"], classes, strict=True))
    data["name"] = name
    return data


@cache
def memory_presets() -> LinedMapping:
    """The kinds of memory by name: figures, what one is, and the source of each figure."""
    return _parse_file(_FOLDER / "memory.yaml", BUILT_IN + "memory")


@cache
def link_presets() -> LinedMapping:
    """The classes of links by name, likewise."""
    return _parse_file(_FOLDER / "links.yaml", BUILT_IN + "links")


@cache
def _entries(kind: str) -> dict[str, Traversable]:
    """The files of a kind by name, whatever folder they are in."""
    folders, found = [_FOLDER / kind], {}
    while folders:
        for entry in folders.pop().iterdir():
            if entry.is_dir():
                folders.append(entry)
            elif entry.name.endswith(".yaml"):
                found[entry.name.removesuffix(".yaml")] = entry
    return found


def _stems(kind: str) -> tuple[str, ...]:
    return tuple(sorted(_entries(kind), key=natural_order))


def natural_order(name: str) -> list[str | int]:
    """Numbers in names by value: mesh-64 before mesh-144."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _parse(kind: str, name: str) -> LinedMapping:
    return _parse_file(_entries(kind)[name], f"{BUILT_IN}{name}")


def _parse_file(file: Traversable, name: str) -> LinedMapping:
    return parse_yaml(file.read_text(encoding="utf-8"), name)
