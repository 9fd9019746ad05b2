"""The chiplets and packages that ship with chipweave.

A package's file describes its datacenter form. `arvr-` in front of a name puts AR/VR chiplets of the same
dataflows in the same places; `-flipped` behind it exchanges the two dataflows.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from chipweave.files.yaml import Mapping, parse_yaml

_FOLDER = files("chipweave.hardware") / "presets"


@cache
def chiplet_names() -> tuple[str, ...]:
    """Names of the built-in chiplets."""
    return _stems("chiplets")


@cache
def package_names() -> tuple[str, ...]:
    """Names of the built-in packages."""
    names = []
    for name in _stems("packages"):
        mixed = len(_parse("packages", name)["classes"]) == 2
        names += [name, f"{name}-flipped"] if mixed else [name]
    return (*names, *(f"arvr-{name}" for name in names))


def chiplet_preset(name: str) -> Mapping:
    """The data of a built-in chiplet; `name` is one of `chiplet_names()`."""
    return _parse("chiplets", name)


def package_preset(name: str) -> Mapping:
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
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def _parse(kind: str, name: str) -> Mapping:
    return parse_yaml((_FOLDER / kind / f"{name}.yaml").read_text(encoding="utf-8"), f"built-in {name}")
