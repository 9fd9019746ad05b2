"""Values that are known before a run, against ONNX's own evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

from onnx import ValueInfoProto, helper
from onnx.reference import ReferenceEvaluator

from chipweave.workload.importers.onnx.constants import evaluate

RANDOM = np.random.default_rng(0)
WHOLE = RANDOM.integers(-5, 6, (3, 4))
REAL = RANDOM.normal(size=(3, 4)).astype(np.float32)
POSITIVE = np.abs(REAL) + np.float32(0.5)
EMPTY: dict[str, Any] = {}

CASES: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("Tile", EMPTY, [WHOLE, [2, 3]]),
    ("CumSum", EMPTY, [WHOLE, 1]),
    ("NonZero", EMPTY, [WHOLE]),
    ("GatherElements", {"axis": 1}, [WHOLE, [[0, 1], [2, 3], [1, 1]]]),
    ("GatherND", EMPTY, [WHOLE, [[0, 1], [2, 3]]]),
    ("ScatterND", EMPTY, [WHOLE, [[0, 1], [2, 3]], [7, 8]]),
    ("ScatterND", EMPTY, [WHOLE, [[1]], [[7, 8, 9, 1]]]),
    *(("OneHot", {"axis": axis}, [[[0, 3], [1, -2]], 5, np.array([0, 1], np.float32)]) for axis in (-1, 0, 1)),
    ("TopK", EMPTY, [REAL, [2]]),
    ("TopK", {"axis": 0, "largest": 0}, [WHOLE, [2]]),
    ("ArgMax", {"axis": 1, "keepdims": 0}, [WHOLE]),
    ("ArgMin", EMPTY, [REAL]),
    ("Pow", EMPTY, [POSITIVE, np.float32(2)]),
    ("Pow", EMPTY, [WHOLE, 2]),
    ("Sum", EMPTY, [WHOLE, WHOLE, WHOLE]),
    ("Clip", EMPTY, [REAL, np.float32(-0.1), np.float32(0.2)]),
    ("Xor", EMPTY, [WHOLE > 0, REAL > 0]),
    ("ReduceMean", {"keepdims": 0}, [REAL, [1]]),
    ("CastLike", EMPTY, [WHOLE, REAL]),
    *((name, EMPTY, [POSITIVE]) for name in ("Sign", "Exp", "Log", "Reciprocal", "Relu")),
]


@pytest.mark.parametrize(("operator", "attributes", "operands"), CASES)
def test_as_onnx_has_it(operator: str, attributes: dict[str, Any], operands: list[Any]) -> None:
    arrays = [np.asarray(operand) for operand in operands]
    names = [f"in{at}" for at in range(len(arrays))]
    outputs = [f"out{at}" for at in range(2 if operator == "TopK" else 1)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, outputs, **attributes)], "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ],
        [ValueInfoProto(name=name) for name in outputs],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    expected = ReferenceEvaluator(model).run(None, dict(zip(names, arrays, strict=True)))
    found = evaluate(operator, arrays, attributes)
    assert found is not None
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b)


def test_what_would_be_large_is_not_worked_out() -> None:
    assert evaluate("Tile", [WHOLE, np.array([10**9, 10**9])], {}) is None
    assert evaluate("OneHot", [WHOLE, np.array(10**12), np.array([0, 1])], {}) is None
