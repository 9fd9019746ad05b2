"""Products, models and packages on silicon: the published figures as they stand, and what the predictions must keep."""

from __future__ import annotations

import pytest

from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import resolve_package
from chipweave.validation import language_models, simba, tpu_gemm, tpu_models
from chipweave.validation.published import published
from chipweave.validation.several_arrays import SeveralArrays, one_array
from chipweave.validation.tpu_gemm import Gemm
from chipweave.workload.layer import Layer, Op

V6E = resolve_package("tpu-v6e")
PEAK_FLOPS, BYTES_S = 918e12, 1638e9


@pytest.fixture(scope="module")
def products():  # type: ignore[no-untyped-def]
    return tpu_gemm.validate()


def test_the_products_are_the_published_ones(products) -> None:  # type: ignore[no-untyped-def]
    points = {point.name: point for point in products.points}
    assert len(points) == 42
    assert points["1 x 389 x 3108"].measured == pytest.approx(4.1183)
    assert points["6028 x 2650 x 25"].measured == pytest.approx(23.263)
    assert sum(point.held_out for point in products.points) == 21
    assert not products.points[0].held_out


def test_no_product_beats_the_peak_or_the_store_of_its_result(products) -> None:  # type: ignore[no-untyped-def]
    for point in products.points:
        rows, columns, inner = map(int, point.name.split(" x "))
        floor_us = 1e6 * max(2 * rows * columns * inner / PEAK_FLOPS, 2 * rows * columns / BYTES_S)
        assert point.predicted >= 0.999 * floor_us, point.name  # 1.751 GHz rounds the clock of the peak up


def test_the_target_is_judged_by_the_points(products) -> None:  # type: ignore[no-untyped-def]
    held = [point for point in products.points if point.held_out]
    error = sum(abs(point.predicted / point.measured - 1) for point in held) / len(held)
    target = products.targets[0]
    assert target.figure == f"{100 * error:.1f} %"
    assert target.reached == (error <= 0.135)


def test_the_constant_hangs_on_the_first_half_alone() -> None:
    spans, measured = [0.5, 0.2, 0.4, 0.1], [3.0, 0.7, 1.5, 0.3]
    assert tpu_gemm.launch_of(spans, measured) == pytest.approx(1.5 - 0.4)
    assert tpu_gemm.launch_of(spans, [3.0, 9.0, 1.5, 9.0]) == pytest.approx(1.5 - 0.4)


def test_a_block_of_the_result_is_stored_while_the_next_is_computed() -> None:
    """4,096 x 8,000: 65.5 MB, five blocks of a tenth of 128 MiB, cut along the columns."""
    gemm = Gemm(4096, 8000, 512)
    assert gemm.cut(5) == Gemm(4096, 1600, 512)
    (span,) = tpu_gemm.spans_of([gemm], V6E)
    (one,) = tpu_gemm.spans_of([gemm.cut(5)], V6E)
    store_s = 2 * 4096 * 1600 / BYTES_S + V6E.dram_latency_s
    compute_s = one - store_s
    assert span == pytest.approx(compute_s + store_s + 4 * max(compute_s, store_s))


def test_an_array_gets_its_share_and_takes_a_row_of_weights_in_a_cycle() -> None:
    (chiplet,) = V6E.classes
    array, arrays = one_array(chiplet)
    assert (array.array, arrays, array.num_pes * arrays) == ((256, 256), 4, chiplet.num_pes)
    # A row times 1,024 x 1,024: either operand may stay. The row as weights is four tiles, one for each array.
    (cycles,) = SeveralArrays().costs([Layer("row", Op.GEMM, K=1024, C=1024, Y=1)], chiplet).cycles
    assert cycles >= 256
    # Full arrays: as many cycles as the peak takes, and what fills and drains them.
    (full,) = SeveralArrays().costs([Layer("full", Op.GEMM, K=1024, C=256, Y=4096)], chiplet).cycles
    assert 4096 <= full <= 4096 + 4 * 256 + 2 * chiplet.noc_latency


def test_a_chiplet_with_one_array_is_as_it_is() -> None:
    chiplet = resolve_chiplet("datacenter-nvdla")
    assert one_array(chiplet) == (chiplet, 1)


@pytest.mark.parametrize(
    ("name", "number", "some"),
    [("tpu_models", 20, ["tpu-v6e", "GPT-2", 1024, 1, 1.484]), ("tpu_gemm", 42, [4913, 4631, 5573, 334.427])],
)
def test_the_measured_figures_stand_as_published(name: str, number: int, some: list[object]) -> None:
    data = published(name)
    rows = data["measured" if "measured" in data else "gemms"]
    assert len(rows) == number
    assert some in [list(row) for row in rows]


def test_parameters_of_the_configurations_are_the_published_ones() -> None:
    """GPT-2 124,439,808, SmolLM2-135M 134,515,008, Qwen2.5-0.5B 494,032,768; Llama 3.1 70B 70,553,706,496."""
    from chipweave.files.hf_config import import_config

    known = {"GPT-2": 124_439_808, "SmolLM2-135M": 134_515_008, "Qwen2.5-0.5B": 494_032_768}
    for name, parameters in known.items():
        configuration = published("tpu_models")["configurations"][name]
        assert import_config(configuration, phase="prefill", prompt=8, bytes_per_element=2).parameters == parameters
    llama = published("language_models")["configurations"]["Llama-70B"]
    found = import_config(llama, phase="decode", context=8, bytes_per_element=1).parameters
    assert found == 70_553_706_496 == published("language_models")["rebel100"]["parameters"]


def test_a_pass_is_no_shorter_than_its_products_and_its_bytes() -> None:
    configurations = published("tpu_models")["configurations"]
    found = tpu_models._pass(configurations, "tpu-v6e", "GPT-2", 128, 1, 0.312)
    # 12 x (768 x 2304 + 768 x 768 + 2 x 768 x 3072) weights and 768 x 50,257 of the head, two bytes each.
    weights = 12 * (768 * 2304 + 768 * 768 + 2 * 768 * 3072) + 768 * 50257
    assert found.floor_s >= 2 * weights / BYTES_S
    assert found.law_s >= found.floor_s
    assert found.predicted_s == found.law_s + found.launches_s


def test_a_step_is_affine_in_the_context() -> None:
    """So the mean over all tokens that are generated is that of the first and the last."""
    small = {**published("language_models")["configurations"]["Llama-70B"], "num_hidden_layers": 2}
    first, middle, last = (
        language_models.decode(small, "rebel100-like", context, 1).latency_s for context in (2048, 3072, 4096)
    )
    assert middle == pytest.approx((first + last) / 2, rel=1e-3)
    assert first < last


SIZES = {
    "small": {"hidden_size": 512, "intermediate_size": 1024, "num_attention_heads": 8, "vocab_size": 640},
    "large": {},
}


@pytest.mark.parametrize(
    ("which", "size"),
    [(0, "small"), pytest.param(0, "large", marks=pytest.mark.slow), pytest.param(1, "large", marks=pytest.mark.slow)],
)
def test_a_step_on_all_chips_moves_its_bytes_once(which: int, size: str) -> None:
    """Two blocks of Llama 70B, or small ones, 32 sequences behind 128 tokens: weights of 8.5 bits, two matrices of a
    block of 4.5, keys and values of 8.5, embeddings and logits of 16; of all chips' memories together."""
    data = published("language_models")
    entry, blocks = data["wormhole"]["llama_70b"][which], {"num_hidden_layers": 2}
    llama = {**data["configurations"]["Llama-70B"], **SIZES[size], **blocks}
    package = resolve_package(entry["package"])
    shared = language_models.tensor_parallel(language_models.as_run(llama, entry, data["wormhole"]), entry["package"])
    width, hidden, logits = (llama[key] for key in ("hidden_size", "intermediate_size", "vocab_size"))
    kept = 8 * width // llama["num_attention_heads"]
    wide = 2 * (2 * width * width + 2 * width * kept + hidden * width) + width * logits
    cached = 32 * 2 * 2 * kept * (128 + 1)
    moved = (4.5 * 4 * width * hidden + 8.5 * (wide + cached) + 16 * 32 * (width + logits)) / 8
    assert len(package.chiplets) == entry["chips"]
    assert package.dram_bandwidth_bytes_s == pytest.approx(entry["chips"] * 288e9)
    assert shared.dram_s == pytest.approx(moved / package.dram_bandwidth_bytes_s, rel=2e-3)
    assert shared.exchanges == 4
    assert shared.step.latency_s >= shared.step.floor_s >= shared.dram_s


@pytest.mark.slow
def test_simba_is_bound_by_what_the_page_says() -> None:
    """The plan on the package as built: 12.5 GB/s into a chiplet bind it, not the 64 GB/s of the memory."""
    result = simba._stored_plan()
    (window,) = result.evaluation.windows
    assert window.bound_by == "port"
    assert result.evaluation.latency_s >= window.dram_s
    assert window.dram_s * 64e9 >= 25_502_912  # all weights once
    images = [entry["rate"] for entry in published("simba")["resnet50_per_s"]]
    assert images == [1988, 1903, 2615]
