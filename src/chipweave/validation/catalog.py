"""The validations by name. A new one is one new module and one line here.

Functions are looked up on first use: cost models and their compiled kernels take a moment to load.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from chipweave.errors import InputError

if TYPE_CHECKING:
    from chipweave.validation.measurement import Validation

ALL = "all"


class Entry(NamedTuple):
    """A validation that may be asked for: its name, its title, and where its function stands, `module:function`."""

    name: str
    title: str
    function: str


VALIDATIONS = (
    Entry("eyeriss-v1", "Eyeriss v1: AlexNet on silicon", "chipweave.validation.eyeriss:validate"),
    Entry(
        "eyeriss-counts",
        "Eyeriss: the energy breakdown of ISCA 2016 by counts",
        "chipweave.validation.eyeriss_counts:validate",
    ),
    Entry(
        "timeloop",
        "Timeloop and Accelergy: reference outputs of given mappings",
        "chipweave.validation.timeloop:validate",
    ),
    Entry("xrbench", "XRBench: the schedule of VR gaming", "chipweave.validation.xrbench:validate"),
    Entry("simba", "Simba: 36 chiplets on silicon", "chipweave.validation.simba:validate"),
    Entry("tpu-gemm", "TPU v6e: products of matrices", "chipweave.validation.tpu_gemm:validate"),
    Entry("tpu-models", "TPU v6e and v4: whole language models", "chipweave.validation.tpu_models:validate"),
    Entry("language-models", "Rebel100 and Wormhole: whole models", "chipweave.validation.language_models:validate"),
)


ABSENT = (
    "NVDLA and MAERI, which MAESTRO was held against by its authors (MICRO 2019): their repository has mappings and "
    "scripts for it, and no figure to compare with.",
)
"""What one might look for here, and why it is not there."""


def validate(name: str) -> Validation:
    """Predict all points of one validation.

    Raises:
        InputError: an unknown name.
    """
    (entry,) = chosen([name])
    module, function = entry.function.split(":")
    validation: Validation = getattr(import_module(module), function)()
    return validation


def chosen(names: Iterable[str]) -> tuple[Entry, ...]:
    """The validations of these names in the order of the catalog, each once; all of them where `all` or nothing is
    named.

    Raises:
        InputError: an unknown name.
    """
    wanted = set(names)
    known = [entry.name for entry in VALIDATIONS]
    for name in sorted(wanted - {ALL, *known}):
        raise InputError(f"validation '{name}' is unknown; use {', '.join([*known, ALL])}")
    return tuple(entry for entry in VALIDATIONS if not wanted or ALL in wanted or entry.name in wanted)
