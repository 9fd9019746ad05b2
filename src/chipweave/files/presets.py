"""The chiplets and packages that ship with chipweave.

The file of a package of datacenter chiplets stands for several: `arvr-` in front of its name puts AR/VR chiplets of
the same dataflows in the same places; `-flipped` behind it exchanges the two dataflows.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from chipweave.files.yaml import LinedMapping, parse_yaml

_FOLDER = files("chipweave.hardware") / "presets"


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


def _stems(kind: str) -> tuple[str, ...]:
    names = (entry.name for entry in (_FOLDER / kind).iterdir())
    return tuple(sorted((name.removesuffix(".yaml") for name in names if name.endswith(".yaml")), key=natural_order))


def natural_order(name: str) -> list[str | int]:
    """Numbers in names by value: mesh-64 before mesh-144."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _parse(kind: str, name: str) -> LinedMapping:
    return parse_yaml((_FOLDER / kind / f"{name}.yaml").read_text(encoding="utf-8"), f"built-in {name}")
