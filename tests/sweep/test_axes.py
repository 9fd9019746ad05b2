"""Points: which there are, in which order, and which questions they are."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from chipweave.api import case
from chipweave.errors import InputError
from chipweave.files.case_file import case_key
from chipweave.files.package_file import package_from_dict, resolve_package
from chipweave.files.presets import chiplet_preset, package_preset
from chipweave.files.sweep_file import SampleSpec
from chipweave.schedulers.scar.options import ScarOptions
from chipweave.sweep.axes import Points, sample
from chipweave.sweep.run import read_points
from tests.sweep.small import TINY, sweep

HEAD = f"name: s\nscenario: {TINY}\npackage: het-2x2\nscheduler: scar\ncost_model: maestro\n"


def points(folder: Path, text: str) -> Points:
    return Points(sweep(folder, text=HEAD + text))


def test_a_product_in_the_order_of_nested_loops(tmp_path: Path) -> None:
    made = points(tmp_path, "axes:\n  seed: [3, 1, 2]\n  objective: [edp, latency]\n  options.n_splits: [1, 2]\n")
    expected = list(product((3, 1, 2), ("edp", "latency"), (1, 2)))
    assert [tuple(made.values(made.choice(at)).values()) for at in made.positions()] == expected
    cases = [made.case(made.choice(at)) for at in made.positions()]
    assert [(each.seed, each.objective, each.options.n_splits) for each in cases] == expected  # type: ignore[union-attr]


def test_values_side_by_side(tmp_path: Path) -> None:
    made = points(tmp_path, "combine: zip\naxes: {seed: [3, 1, 2], objective: [edp, latency, energy]}\n")
    assert [tuple(made.values(made.choice(at)).values()) for at in made.positions()] == [
        (3, "edp"),
        (1, "latency"),
        (2, "energy"),
    ]


def test_conditions_leave_points_out_and_keep_positions(tmp_path: Path) -> None:
    made = points(
        tmp_path,
        "axes: {seed: {range: [0, 5, 1]}, options.n_splits: [1, 2]}\n"
        "where: ['seed % 2 == 1 or options.n_splits > 1', 'seed not in [3, 4]']\n",
    )
    kept = [
        at
        for at, (seed, splits) in enumerate(product(range(6), (1, 2)))
        if (seed % 2 == 1 or splits > 1) and seed not in (3, 4)
    ]
    assert list(made.positions()) == kept
    assert [point.position for point in read_points(made)] == kept


def test_a_point_is_the_case_that_one_would_ask_by_hand(tmp_path: Path) -> None:
    made = points(
        tmp_path,
        "limits: {power_limit_w: 9}\noptions: {top_k: 3}\naxes:\n  package.link_bandwidth_bytes_s: [50e9]\n"
        "  chiplets.*.l2_bytes: [2000000]\n  chiplets.B.dataflow.style: [eyeriss]\n"
        "  scenario.models.tiny.batch: [4]\n  options.n_splits: [2]\n  fidelity: [paper]\n  seed: [7]\n"
        "  limits.latency_limit_s: [2.5]\n",
    )
    (at,) = made.positions()
    data = dict(package_preset("het-2x2"))
    classes = {
        "A": {**chiplet_preset("datacenter-nvdla"), "l2_bytes": 2000000},
        "B": {**chiplet_preset("datacenter-shidiannao"), "l2_bytes": 2000000, "dataflow": {"style": "eyeriss"}},
    }
    package = package_from_dict({**data, "classes": classes, "link_bandwidth_bytes_s": 50e9})
    scenario = tmp_path / "tiny.yaml"
    scenario.write_text(TINY.replace("models: [{", "models: [{batch: 4, "))
    by_hand = case(
        scenario,
        package,
        scheduler="scar",
        options=ScarOptions(top_k=3, n_splits=2),
        cost_model="maestro",
        fidelity="paper",
        seed=7,
        latency_limit_s=2.5,
        power_limit_w=9,
    )
    found = made.case(made.choice(at))
    assert found.package == package
    assert case_key(found) == case_key(by_hand)


def test_without_changes_a_preset_is_itself(tmp_path: Path) -> None:
    made = points(tmp_path, "axes: {package: [het-2x2, mesh-16, arvr-het-t-flipped]}\n")
    for at, name in enumerate(("het-2x2", "mesh-16", "arvr-het-t-flipped")):
        found = made.case(made.choice(at)).package
        assert found == resolve_package(name)
        assert found.notes == resolve_package(name).notes


def test_each_scheduler_takes_its_own_options(tmp_path: Path) -> None:
    made = points(tmp_path, "axes: {scheduler: [scar, standalone], options.n_splits: [1, 2]}\n")
    keys = [point.key for point in read_points(made)]
    assert len(set(keys)) == 3
    assert keys[2] == keys[3]


def test_points_share_what_they_have_in_common(tmp_path: Path) -> None:
    made = points(tmp_path, "axes: {package.hop_latency_s: [1e-9, 2e-9], seed: [1, 2]}\n")
    one, two, three, _ = (made.case(made.choice(at)) for at in range(4))
    assert one.package is two.package
    assert one.scenario is three.scenario
    assert one.package is not three.package


@pytest.mark.parametrize("method", ["sobol", "latin", "random"])
@pytest.mark.parametrize("count", [1, 7, 64])
def test_samples(method: str, count: int) -> None:
    spec = SampleSpec.model_validate({"method": method, "count": count, "seed": 5})
    lengths = [1, 3, 1000]
    drawn = sample(spec, lengths)
    assert len(drawn) == count
    assert all(0 <= index < most for row in drawn for index, most in zip(row, lengths, strict=True))
    assert drawn == sample(spec, lengths)
    other = sample(spec.model_copy(update={"seed": 6}), lengths)
    assert count == 1 or drawn != other


def test_a_sobol_sample_is_even() -> None:
    drawn = sample(SampleSpec.model_validate({"count": 64}), [4, 4])
    assert all(drawn.count(cell) == 4 for cell in product(range(4), range(4)))


def test_sampled_points(tmp_path: Path) -> None:
    made = points(
        tmp_path,
        "axes: {seed: {range: [0, 999, 1]}, package.hop_latency_s: {linspace: [1e-9, 2e-9, 1000]}, "
        "package.dram_latency_s: {linspace: [1e-9, 2e-9, 1000]}}\nsample: {count: 20}\n",
    )
    assert len(read_points(made)) == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("axes: {seed: [1]}\nwhere: [seed > 1]\n", "`where` leaves no point of 1"),
        ("axes: {objective: [edp]}\nwhere: [objective > 1]\n", "cannot be computed at objective='edp'"),
        ("axes: {package.grid: [[[A, B], [A]]]}\n", "grid[1]: has 1 chiplets, the first row 2"),
        ("axes: {chiplets.*.array: [[1, 2]]}\n", "at chiplets.*.array=[1, 2]: built-in het-2x2"),
    ],
)
def test_points_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_points(points(tmp_path, text))
    assert said in str(caught.value)
    assert "small.yaml" in str(caught.value)
