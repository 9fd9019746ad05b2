"""Whether a memory holds a scenario: bytes counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.errors import InputError
from chipweave.files.model_file import model_from_dict
from chipweave.files.package_file import package_from_dict, resolve_package
from chipweave.files.yaml import parse_yaml
from chipweave.hardware.memory import Stack
from chipweave.plan.problem import pose
from chipweave.plan.room import Need, need_of, require_memory
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers

NET = model_from_dict(
    {
        "name": "net",
        "bytes_per_element": 2,
        "layers": [
            {"name": "a", "op": "gemm", "K": 10, "C": 4, "Y": 3},
            {"name": "b", "op": "gemm", "K": 5, "C": 10, "Y": 3},
            {"name": "c", "op": "gemm", "K": 7, "C": 10, "Y": 3, "inputs": ["a"]},
        ],
    }
)
SCENARIO = Scenario("both", (Task("one", NET, 1), Task("four", NET, 4)))


def test_bytes_by_hand() -> None:
    """Weights 10 x 4 + 5 x 10 + 7 x 10 = 160 elements of 2 bytes, twice; ends 3 x 4 + 3 x 5 + 3 x 7 = 48, five
    samples."""
    assert need_of(SCENARIO) == Need(2 * 2 * 160, 2 * 5 * 48)


def test_what_does_not_fit_is_refused_before_anything_is_costed() -> None:
    package = resolve_package("het-2x2")
    enough = package.with_memory((Stack("all", 1e9, package.interfaces, 1120),))
    assert pose(SCENARIO, enough, RoundNumbers()).package == enough
    halves = Stack("half", 1e9, package.interfaces, 560)
    require_memory(SCENARIO, package.with_memory((halves, halves)))
    require_memory(SCENARIO, package.with_memory((replace(halves, capacity_bytes=None),)))
    with pytest.raises(InputError) as caught:
        pose(SCENARIO, package.with_memory((halves, replace(halves, capacity_bytes=550))), RoundNumbers())
    assert str(caught.value) == (
        "memory: package 'het-2x2' holds 1.074 KiB until one of its stacks is full, and scenario 'both' needs 1.094 "
        "KiB: weights of 640 B, inputs and outputs of 480 B; 20 B are missing. Give it more or larger stacks, or run "
        "fewer models or samples"
    )


def test_the_message_says_where_the_memory_stands() -> None:
    text = (
        "name: small\ngrid: [[datacenter-nvdla]]\nmemory:\n"
        "  - {name: m, bandwidth_bytes_s: 1e9, capacity_bytes: 1000}\n"
    )
    package = package_from_dict(parse_yaml(text, "p.yaml"), "p.yaml")
    with pytest.raises(InputError, match=r"^p\.yaml:3: memory: package 'small' holds 1000 B"):
        require_memory(SCENARIO, package)
