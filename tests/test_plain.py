"""What is built in Python is held to what files are held to: refused once and clearly, or saved and read back."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chipweave
from chipweave.cost.interface import LayerCosts
from chipweave.errors import InputError
from chipweave.files.chiplet_file import chiplet_from_dict, chiplet_to_dict
from chipweave.files.schedule_file import to_document
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.scar.options import ScarOptions
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task

LAYER = Layer("one", Op.CONV, K=8, C=3, Y=8, X=8, R=3, S=3, padding=(1, 1))
MODEL = Model("net", (LAYER,), (Edge(NETWORK_INPUT, 0, 192),))
SCENARIO = Scenario("some", (Task("net", MODEL, batch=2),))
COUNT = len(fields(LayerCosts))

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([np.int64(3), np.float64(2.5), np.array([4, 4]), 10**400, "8", "\n", b"x", [4, 4], {}, object()]),
)


@settings(max_examples=300)
@given(st.sampled_from([field.name for field in fields(Chiplet)]), junk)
def test_a_chiplet_is_refused_or_can_be_written_and_read(field: str, value: object) -> None:
    try:
        chiplet = replace(Chiplet("own", num_pes=16), **{field: value})
    except InputError:
        return
    data = chiplet_to_dict(chiplet)
    for figure in data.values():
        assert type(figure) in (int, float, str, dict, list)
    try:
        read = chiplet_from_dict(data)
    except InputError:  # figures beyond what files take, as the reader says
        return
    assert read == chiplet


RECORDS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (Layer, {"name": "one", "op": Op.GEMM, "K": 8, "C": 3, "Y": 8}),
    (Edge, {"producer": -1, "consumer": 0, "elements": 192}),
    (Model, {"name": "net", "layers": (LAYER,), "edges": MODEL.edges}),
    (Task, {"name": "net", "model": MODEL}),
    (Scenario, {"name": "some", "tasks": SCENARIO.tasks}),
    (Package, {"name": "p", "chiplets": (Chiplet("a"),), "links": (), "interfaces": (0,)}),
    (Stage, {"first": 0, "last": 0, "chiplets": (0,)}),
    (Pipeline, {"task": 0, "stages": (Stage(0, 0, (0,)),)}),
    (Window, {"pipelines": (Pipeline(0, (Stage(0, 0, (0,)),)),)}),
    (Schedule, {"windows": (Window((Pipeline(0, (Stage(0, 0, (0,)),)),)),)}),
]


@settings(max_examples=300)
@given(st.sampled_from(RECORDS), st.data(), junk)
def test_records_are_refused_or_plain(record: tuple[Any, dict[str, Any]], data: st.DataObject, value: object) -> None:
    kind, good = record
    field = data.draw(st.sampled_from([field.name for field in fields(kind)]))
    try:
        made = kind(**{**good, field: value})
    except InputError:
        return
    assert not isinstance(getattr(made, field), np.generic | np.ndarray | list)
    hash(made)


def test_numpy_scalars_lists_and_words_become_plain() -> None:
    assert Stage(np.int64(0), np.int32(1), np.array([2]), ["whole"]) == Stage(0, 1, (2,), ("whole",))  # type: ignore[arg-type]
    layers = [LAYER]
    model = Model("net", layers, list(MODEL.edges))  # type: ignore[arg-type]
    layers.clear()
    assert model == MODEL
    assert type(Task("net", MODEL, batch=np.int64(2)).batch) is int  # type: ignore[arg-type]
    assert type(ScarOptions(top_k=np.int64(3)).top_k) is int  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [True, 2.0, "3", 10**20, -(10**400)])
def test_options_that_are_no_bounded_whole_number(value: Any) -> None:
    with pytest.raises(InputError, match="top_k="):
        ScarOptions(top_k=value)


def test_a_word_that_no_option_has_is_refused() -> None:
    with pytest.raises(InputError, match="is no Packing"):
        ScarOptions(packing="first-fit")  # type: ignore[arg-type]


# Cost models of the user's own ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Own:
    answer: Callable[[int], object]
    name: Any = "own"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> Any:
        return self.answer(len(layers))


def filled(value: Any) -> Callable[[int], LayerCosts]:
    return lambda count: LayerCosts(*(np.full(count, value) for _ in range(COUNT)))


def scheduled(model: Any) -> chipweave.Result:
    return chipweave.schedule(SCENARIO, "het-2x2", scheduler="standalone", cost_model=model, seed=np.int64(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (filled(-1.0), "layer 'one': cycles=-1 is not in"),
        (filled(np.inf), "cycles=inf is not in"),
        (filled(np.nan), "cycles=nan is not in"),
        (filled("x"), "cycles holds .* return an array of numbers"),
        (lambda count: LayerCosts(*(np.ones(count + 1) for _ in range(COUNT))), r"has shape \(2,\); return one number"),
        (lambda count: LayerCosts(*(np.ones((count, 2)) for _ in range(COUNT))), r"has shape \(1, 2\)"),
        (lambda count: None, "returned None; return a LayerCosts"),
    ],
)
def test_figures_that_are_none(answer: Callable[[int], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        scheduled(Own(answer))


@pytest.mark.parametrize("model", [Own(filled(1.0), "loopnest"), Own(filled(1.0), None), Own(filled(1.0), "a\nb"), 3])
def test_a_cost_model_has_a_name_of_its_own(model: object) -> None:
    with pytest.raises(InputError, match=r"^cost model"):
        scheduled(model)


def test_lists_of_numbers_are_figures_and_results_are_values() -> None:
    result = scheduled(Own(lambda count: LayerCosts(*([1.0] * count for _ in range(COUNT)))))  # type: ignore[arg-type]
    assert to_document(result)["search"]["seed"] == 1
    again = scheduled(Own(filled(1.0)))
    assert result == result
    assert hash(result) == hash(again)
    assert result.problem.costs == again.problem.costs
    with pytest.raises(ValueError, match="read-only"):
        result.problem.costs[0][0].cycles[0] = 2


def test_results_can_be_sent_to_other_processes() -> None:
    result = scheduled("maestro")
    back = pickle.loads(pickle.dumps(result))
    assert (back.schedule, back.evaluation, back.problem) == (result.schedule, result.evaluation, result.problem)


# Comparisons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "1/latency"},
        {"time_limit_s": -1},
        {"seed": -1},
        {"sed": 1},
        {"simulate": 0},
        {"cost_model": "nothing"},
        {"options": {"scar": ScarOptions()}},
        {"options": {"standalone": ScarOptions()}},
    ],
)
def test_what_would_stop_every_run_is_said_before_the_first(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        chipweave.compare(SCENARIO, ["het-2x2"], ["standalone"], progress=pytest.fail, **wrong)


# Packages ------------------------------------------------------------------------------------------------------------


def test_a_long_row_is_refused_with_its_limit() -> None:
    """1,024 in a row leave 1,023 links, and 2^20 routes of as many steps are 8 GiB; 2^27 / 2^20 = 128 are taken."""
    row = tuple((i, i + 1) for i in range(1023))
    with pytest.raises(InputError, match="leave 1023 links between its ends; of 1024 chiplets at most 128"):
        Package("row", (Chiplet("a"),) * 1024, row, (0,))
