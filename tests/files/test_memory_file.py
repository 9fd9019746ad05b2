"""Memory and links in the YAML of a package: kinds and classes by name, every mistake with its line, there and back."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.content import content_hash
from chipweave.files.memory_file import FIGURES, StackSpec, read_stacks, stack_counts, stacks_to_list
from chipweave.files.package_file import dump_package, load_package, package_from_dict, package_to_dict, resolve_package
from chipweave.files.presets import link_presets, memory_presets, package_names
from chipweave.files.validate import Problems
from chipweave.files.yaml import parse_yaml
from chipweave.hardware.memory import Stack
from chipweave.hardware.package import Package

ROW = "name: p\ngrid: [[datacenter-nvdla, datacenter-nvdla, datacenter-nvdla]]\n"


def read(text: str) -> Package:
    return package_from_dict(parse_yaml(text, "p.yaml"), "p.yaml")


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(text)
    return caught.value.problems


def test_a_kind_has_its_figures() -> None:
    package = read(ROW + "memory: [{kind: hbm3e, count: 4}]")
    assert stack_counts(package.memory) == {"hbm3e": 4}
    assert package.interfaces == (0, 2)
    assert {stack.interfaces for stack in package.memory} == {(0, 2)}
    assert package.dram_bandwidth_bytes_s == 4 * 1.2e12
    assert package.capacity_bytes == 4 * 36 * 2**30


def test_figures_beside_a_kind_replace_its() -> None:
    (stack,) = read(ROW + "memory: [{kind: gddr6, name: mine, bandwidth_bytes_s: 48e9}]").memory
    kind = memory_presets()["gddr6"]
    assert (stack.name, stack.bandwidth_bytes_s) == ("mine", 48e9)
    assert (stack.capacity_bytes, stack.energy_j_per_bit) == (kind["capacity_bytes"], kind["energy_j_per_bit"])


def test_so_much_for_each_interface() -> None:
    package = read(ROW + "memory: [{name: dram, bandwidth_bytes_s: 64e9, per_interface: true}]")
    assert [stack.interfaces for stack in package.memory] == [(0,), (2,)]
    assert package.dram_bandwidth_bytes_s == 128e9
    assert (package.dram_latency_s, package.dram_energy_j_per_bit) == (200e-9, 14.8e-12)  # SCAR Table II
    assert package.capacity_bytes is None
    all_around = ROW + "interfaces: [0, 1, 2]\nmemory: [{name: dram, bandwidth_bytes_s: 64e9, per_interface: true}]"
    assert read(all_around).dram_bandwidth_bytes_s == 192e9


def test_what_is_alike_is_shown_as_one_entry() -> None:
    package = resolve_package("b200-like")
    (entry,) = package_to_dict(package)["memory"]
    assert (entry["count"], entry["per_interface"]) == (4, True)
    assert "interfaces" not in entry
    assert [stack.interfaces for stack in package.memory] == [(0,)] * 4 + [(1,)] * 4


def test_interfaces_are_where_stacks_are() -> None:
    text = "memory:\n  - {kind: hbm3, interfaces: [1]}\n  - {kind: hbm3, interfaces: [1, 0]}\n"
    assert read(ROW + text).interfaces == (0, 1)
    assert read(ROW + text + "interfaces: [0, 1]\n").interfaces == (0, 1)


def test_a_class_of_links_has_its_figures() -> None:
    package = read(ROW + "link: {class: ucie-advanced-32, modules: 2}")
    assert package.link_bandwidth_bytes_s == 2 * 64 * 32e9 / 8
    assert (package.hop_latency_s, package.nop_energy_j_per_bit) == (11e-9, 0.3e-12)
    assert read(ROW + "link: {class: ucie-standard-16}").link_bandwidth_bytes_s == 32e9


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("memory: []", "memory: has 0 items; give at least 1"),
        ("memory: [{kind: hmb3}]", "memory[0].kind: 'hmb3' is no kind of memory; did you mean 'hbm3'?"),
        (
            "memory: [{count: 2}]",
            "memory[0]: has neither a kind nor a name; give a kind (hbm2e, hbm3, hbm3e, hbm4, gddr6, gddr7, lpddr5x, "
            "ddr5), or a name and figures",
        ),
        ("memory: [{name: m}]", "memory[0] 'm'.bandwidth_bytes_s: is missing; add it, or name a kind"),
        (
            "memory: [{kind: hbm3, interfaces: []}]",
            "memory[0].interfaces: nobody is attached to it; name the chiplets that are",
        ),
        (
            "interfaces: [0]\nmemory: [{kind: hbm3, interfaces: [1]}]",
            "memory[0].interfaces: chiplet 1 has no memory interface; those that have are 0",
        ),
        (
            "memory: [{kind: hbm3, interfaces: [1, 7]}]",
            "memory[0].interfaces: 7 is no chiplet; they are numbered 0 to 2",
        ),
        (
            "interfaces: [0, 1]\nmemory: [{kind: hbm3, interfaces: [1]}]",
            "memory: package 'p': no stack is attached to interface 0; attach one, or leave the chiplet out of "
            "`interfaces`",
        ),
        (
            "interfaces: [0, 1]\nmemory: [{kind: hbm3, count: 4096, per_interface: true}]",
            "memory[0].count: makes more than 4096 stacks; at most so many are supported",
        ),
        (
            "memory: [{kind: hbm3}]\ndram_latency_s: 1e-9",
            "dram_latency_s: does not go with `memory`, which sets it; leave one of the two out",
        ),
        (
            "link: {class: grs-25}\nhop_latency_s: 1e-9",
            "hop_latency_s: does not go with `link`, which sets it; leave one of the two out",
        ),
        (
            "link: {class: ucie-advnced-32}",
            "link.class: 'ucie-advnced-32' is no class of links; did you mean 'ucie-advanced-32'?",
        ),
        ("link: {class: grs-25, modules: 0}", "link.modules: 0 is out of range; give a number at least 1"),
        ("link: {modules: 2}", "link.class: is missing; add it"),
    ],
)
def test_mistakes_have_their_line(text: str, problem: str) -> None:
    (found,) = refused(ROW + text + "\n")
    line, _, rest = found.removeprefix("p.yaml:").partition(": ")
    assert rest == problem
    key = problem.split(":")[0].split("[")[0].split(".")[0]
    assert (ROW + text).splitlines()[int(line) - 1].startswith(key)


def test_a_die_larger_than_the_reticle_is_a_note() -> None:
    package = read(
        "name: p\ngrid: [[A, A]]\nclasses: {A: {name: huge, base: datacenter-nvdla, l2_bytes: 1073741824}}\n"
    )
    area_mm2 = package.chiplets[0].area_mm2
    assert area_mm2 > 858
    assert package.notes == (
        f"p.yaml:3: A die of 'huge' has {area_mm2:.0f} mm2 of memory and arithmetic, more than the 858 mm2 that are "
        "exposed at once (the reticle): nobody makes it as one die.",
    )


@st.composite
def memories(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Stack, ...]]:
    interfaces = tuple(draw(st.permutations(range(4)))[: draw(st.integers(1, 4))])
    stacks = draw(
        st.lists(
            st.builds(
                Stack,
                st.sampled_from(["a", "b"]),
                st.sampled_from([1e9, 2e9]),
                st.lists(st.sampled_from(interfaces), min_size=1, max_size=4, unique=True).map(tuple),
                st.sampled_from([None, 5]),
                source=st.sampled_from(["", "a book"]),
            ),
            min_size=1,
            max_size=8,
        )
    )
    return interfaces, tuple(stacks)


@given(memories())
def test_there_and_back(memory: tuple[tuple[int, ...], tuple[Stack, ...]]) -> None:
    interfaces, stacks = memory
    specs = [StackSpec.model_validate(entry) for entry in stacks_to_list(stacks, interfaces)]
    problems = Problems("p", None)
    assert read_stacks(specs, interfaces, problems) == stacks
    assert problems.found == []


def test_a_package_stands_alone(tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = ROW + (
        "link: {class: bow-16, modules: 3}\n"
        "memory:\n  - {kind: hbm3e, per_interface: true}\n  - {kind: ddr5, interfaces: [2], count: 2, source: a book}\n"
        "assumed: [nothing at all]\n"
    )
    package = read(text)
    shown = dump_package(package)
    assert "dram_" not in shown
    (tmp_path / "p.yaml").write_text(shown)
    assert load_package(tmp_path / "p.yaml") == package
    assert package_from_dict(package_to_dict(package)) == package
    assert "assumed: [nothing at all]" in shown


@pytest.mark.parametrize("presets", [memory_presets, link_presets])
def test_every_figure_has_a_source(presets) -> None:  # type: ignore[no-untyped-def]
    for name, entry in presets().items():
        figures = {key for key in entry if key not in ("what", "sources")}
        assert figures == set(entry["sources"]), name
        assert all(entry["sources"].values()), name
        assert figures <= set(FIGURES), name


BEFORE = 37
"""Built-in packages that have no stacks."""
HASHES = "0167e5585dfb80b9df32b6a848cec35eee53ff026ae4b2dd6b757cc640aeda16"
"""Of the hashes and of the YAML of all of them, as they were before there were stacks."""


def test_packages_without_stacks_are_what_they_were() -> None:
    digest, count = hashlib.sha256(), 0
    for name in sorted(package_names()):
        package = resolve_package(name)
        if not package.memory:
            digest.update(content_hash(package_to_dict(package)).encode() + dump_package(package).encode())
            count += 1
    assert (count, digest.hexdigest()) == (BEFORE, HASHES)
