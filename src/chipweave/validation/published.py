"""The measured figures that ship with chipweave, in `data/`, each file with its source."""

from __future__ import annotations

from importlib.resources import files

from chipweave.files.yaml import LinedMapping, parse_yaml


def published(name: str) -> LinedMapping:
    """The figures of `data/NAME.yaml`."""
    file = files("chipweave.validation") / "data" / f"{name}.yaml"
    return parse_yaml(file.read_text(encoding="utf-8"), f"figures of {name}")
