"""Cases: what is asked, as a value."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

import chipweave
from chipweave.errors import InputError
from chipweave.files.case_file import case_key
from chipweave.files.package_file import dump_package, resolve_package
from chipweave.files.scenario_file import dump_scenario, resolve_scenario
from chipweave.results.case import Case
from chipweave.schedulers.scar.options import ScarOptions


@pytest.fixture(scope="module")
def asked() -> Case:
    return chipweave.case("resnet18", "het-2x2", scheduler="standalone", cost_model="maestro", batch=2)


def test_a_case_is_answered_as_schedule_answers_its_arguments(asked: Case) -> None:
    answer = chipweave.run(asked)
    same = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", cost_model="maestro", batch=2)
    assert answer.schedule == same.schedule
    assert answer.case == same.case == asked


def test_a_case_travels_small_and_comes_back_equal(asked: Case) -> None:
    travelling = pickle.dumps(chipweave.case("datacenter-4", "het-sides-3x3"))
    assert len(travelling) < 20_000
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert hash(pickle.loads(pickle.dumps(asked))) == hash(asked)


def test_the_key_is_of_content_and_not_of_where_it_comes_from(asked: Case, tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "s.yaml").write_text(dump_scenario(resolve_scenario("resnet18")))
    (folder / "p.yaml").write_text(dump_package(resolve_package("het-2x2")))
    files = chipweave.case(folder / "s.yaml", folder / "p.yaml", scheduler="standalone", cost_model="maestro", batch=2)
    assert case_key(files) == case_key(asked)


@pytest.mark.parametrize(
    "change",
    [
        {"scenario": resolve_scenario("alexnet")},
        {"package": resolve_package("het-2x2-flipped")},
        {"scheduler": "simba"},
        {"objective": "latency"},
        {"seed": 1},
        {"time_limit_s": 3.0},
        {"simulate": 2},
        {"rescued": False},
        {"rows": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_key_is_of_everything_that_decides_the_answer(asked: Case, change: dict[str, object]) -> None:
    assert case_key(dataclasses.replace(asked, **change)) != case_key(asked)  # type: ignore[arg-type]


def test_defaults_that_are_written_out_are_no_other_question() -> None:
    silent = chipweave.case("resnet18", "het-2x2", scheduler="scar")
    written = chipweave.case("resnet18", "het-2x2", scheduler="scar", options=ScarOptions(), objective="edp")
    assert case_key(silent) == case_key(written)


def test_what_has_no_content_has_no_key(asked: Case) -> None:
    function = dataclasses.replace(asked, objective=lambda latency_s, energy_j: latency_s)
    with pytest.raises(InputError, match="Python function"):
        case_key(function)


def test_threads_are_no_part_of_a_case() -> None:
    from chipweave.cost.loopnest.model import LoopnestCostModel

    assert chipweave.case("resnet18", "het-2x2", cost_model=LoopnestCostModel(jobs=1)) == chipweave.case(
        "resnet18", "het-2x2", cost_model=LoopnestCostModel(jobs=2)
    )
