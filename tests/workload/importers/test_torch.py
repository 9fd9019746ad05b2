"""PyTorch modules traced and translated, against arithmetic by hand and PyTorch's own count of operations."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipweave.errors import InputError
from chipweave.workload.importers.torch import from_torch, import_factory
from chipweave.workload.layer import Op

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional
from torch.nn.attention.flex_attention import flex_attention  # noqa: E402


class Calls(nn.Module):  # type: ignore[name-defined, misc]
    """A module that calls a function, with the submodules given by name."""

    def __init__(self, call: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        return self.call(self, *arguments, **keywords)


def layers(module: Any, *shapes: tuple[int, ...]) -> list[tuple[Op, int, int]]:
    made = from_torch(module, tuple(torch.zeros(shape) for shape in shapes))
    assert made.unsupported == {}
    return [(layer.op, layer.macs, layer.weight_elements) for layer in made.model.layers]


@pytest.mark.parametrize(
    ("module", "shapes", "expected"),
    [
        (lambda: nn.Conv2d(3, 8, 3, padding=1), [(1, 3, 6, 6)], [(Op.CONV, 36 * 8 * 27, 216)]),
        (lambda: nn.Conv2d(8, 8, 3, groups=8), [(1, 8, 6, 6)], [(Op.DEPTHWISE, 16 * 8 * 9, 72)]),
        (lambda: nn.Conv2d(8, 4, 3, groups=2, dilation=2), [(1, 8, 6, 6)], [(Op.CONV, 4 * 4 * 36, 144)]),
        (lambda: nn.Conv2d(3, 8, 3, padding="same"), [(1, 3, 6, 6)], [(Op.CONV, 36 * 8 * 27, 216)]),
        (lambda: nn.Conv1d(3, 8, 5, stride=2), [(1, 3, 9)], [(Op.CONV, 3 * 8 * 15, 120)]),
        (lambda: nn.Conv3d(2, 4, 3, padding=1), [(1, 2, 5, 6, 7)], [(Op.CONV, 210 * 4 * 54, 216)]),
        (lambda: nn.ConvTranspose2d(4, 6, 2, 2), [(1, 4, 5, 5)], [(Op.TRANSPOSED, 25 * 4 * 6 * 4, 96)]),
        (lambda: nn.ConvTranspose3d(4, 6, 2, 2), [(1, 4, 3, 5, 5)], [(Op.TRANSPOSED, 75 * 4 * 6 * 8, 192)]),
        (lambda: nn.Linear(6, 7), [(1, 5, 6)], [(Op.GEMM, 210, 42)]),
        (lambda: nn.Sequential(nn.Linear(6, 7), nn.ReLU(inplace=True), nn.Linear(7, 2)), [(1, 6)],
         [(Op.GEMM, 42, 42), (Op.GEMM, 14, 14)]),
        (lambda: Calls(lambda self, a, b: a @ b), [(2, 3, 4, 5), (2, 3, 5, 6)], [(Op.MATMUL, 6 * 4 * 5 * 6, 0)]),
        (lambda: Calls(lambda self, a, b: torch.einsum("bqhd,bkhd->bhqk", a, b)), [(1, 4, 2, 8), (1, 5, 2, 8)],
         [(Op.MATMUL, 2 * 4 * 5 * 8, 0)]),
        (lambda: Calls(lambda self, a, b: torch.baddbmm(torch.ones(4), a, b)), [(3, 2, 5), (3, 5, 4)],
         [(Op.MATMUL, 3 * 2 * 5 * 4, 0)]),
        (lambda: Calls(functional_attention), [(1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 4)],
         [(Op.MATMUL, 2 * 5 * 7 * 8, 0), (Op.MATMUL, 2 * 5 * 7 * 4, 0)]),
        (lambda: Calls(lambda self, x: flex_attention(x, x, x)), [(1, 2, 128, 16)],
         [(Op.MATMUL, 2 * 128 * 128 * 16, 0)] * 2),
        (lambda: nn.MultiheadAttention(8, 2, batch_first=True), [(1, 5, 8)] * 3,
         [(Op.GEMM, 320, 64)] * 3 + [(Op.MATMUL, 200, 0)] * 2 + [(Op.GEMM, 320, 64)]),
        (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), [(1, 4, 8, 8)], [(Op.POOL, 0, 0)]),
        (lambda: nn.AdaptiveAvgPool2d(1), [(1, 4, 8, 8)], [(Op.POOL, 0, 0)]),
        (lambda: Calls(lambda self, x: functional.interpolate(x, scale_factor=2, mode="bilinear")), [(1, 4, 8, 8)],
         [(Op.UPSAMPLE, 0, 0)]),
        (lambda: Calls(lambda self, a, b: a * b), [(1, 4, 8), (1, 4, 8)], [(Op.ELEMENTWISE, 0, 0)]),
    ],
)  # fmt: skip
def test_operators(
    module: Callable[[], Any], shapes: list[tuple[int, ...]], expected: list[tuple[Op, int, int]]
) -> None:
    """Multiplications by hand: outputs * what each sums over."""
    assert layers(module(), *shapes) == expected


def functional_attention(self: Any, query: Any, key: Any, value: Any) -> Any:
    return functional.scaled_dot_product_attention(query, key, value, is_causal=False)


def _conv_net() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.SiLU(),
        nn.Conv2d(16, 16, 5, padding=2, groups=16), nn.Hardswish(), nn.Conv2d(16, 32, 1), nn.GroupNorm(4, 32),
        nn.ConvTranspose2d(32, 8, 4, 2, 1), nn.Flatten(), nn.Linear(8 * 24 * 20, 10), nn.Softmax(-1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        (_conv_net, [(1, 3, 24, 20)]),
        (lambda: nn.Transformer(16, 4, 2, 2, 32, batch_first=True), [(1, 7, 16), (1, 5, 16)]),
        (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), [(1, 7, 16)]),
        (lambda: nn.Sequential(nn.Conv3d(1, 4, 3), nn.MaxPool3d(2), nn.Conv3d(4, 4, 3, groups=2)), [(1, 1, 9, 12, 10)]),
    ],
)
def test_macs_equal_pytorchs_own_count(module: Callable[[], Any], shapes: list[tuple[int, ...]]) -> None:
    """torch.utils.flop_counter runs the module and counts two operations for each multiplication.

    It does not see into fused layers (used where no gradients are wanted), nor into the processor's fused attention.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    net, inputs = module().eval(), tuple(torch.zeros(shape) for shape in shapes)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        net(*inputs)
    made = from_torch(net, inputs)
    assert 2 * made.model.macs == counter.get_total_flops() > 0
    assert (made.unsupported, made.notes) == ({}, ())


def test_a_block_with_an_attention_and_what_travels_in_it() -> None:
    """One product makes queries, keys and values of 4 heads of 8: the scores read two thirds of it."""

    def call(self: Any, x: Any) -> Any:
        q, k, v = (part.view(1, 6, 4, 8).transpose(1, 2) for part in self.qkv(self.norm(x)).split(32, dim=-1))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.out(y.transpose(1, 2).reshape(1, 6, 32))

    block = Calls(call, norm=nn.LayerNorm(32), qkv=nn.Linear(32, 96), out=nn.Linear(32, 32))
    model = from_torch(block, torch.zeros(1, 6, 32), name="block").model
    assert [layer.name for layer in model.layers] == ["qkv", "attention.qk", "attention.av", "out", "add"]
    assert [[(edge.producer, edge.elements) for edge in edges] for edges in model.operands] == [
        [(-1, 192)],
        [(0, 384)],
        [(1, 144), (0, 192)],
        [(2, 192)],
        [(-1, 192), (3, 192)],
    ]


def test_the_module_stays_as_it_is() -> None:
    """Weights, modes, attributes: even those that a forward pass sets."""

    def call(self: Any, x: Any) -> Any:
        self.seen = getattr(self, "seen", 0) + 1
        y = self.norm(self.conv(x))
        y[:, 0] = 0
        return functional.dropout(y, training=self.training)

    net = Calls(call, conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4))
    net.norm.eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    tensors = {key: id(value) for key, value in net.state_dict(keep_vars=True).items()}
    modes, attributes = [part.training for part in net.modules()], set(vars(net))
    random_state = torch.get_rng_state()
    example = torch.ones(1, 3, 8, 8)
    from_torch(net, example)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert {key: id(value) for key, value in net.state_dict(keep_vars=True).items()} == tensors
    assert [part.training for part in net.modules()] == modes == [True, True, False]
    assert set(vars(net)) == attributes
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(example, torch.ones(1, 3, 8, 8))
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_7b_decoder_needs_no_weights() -> None:
    """32 blocks of width 4096 and 11008: 4 w^2 + 3 w * 11008 weights each, and the head of 32,000."""

    def call(self: Any, x: Any) -> Any:
        q, k, v = (part(self.norm(x)).view(1, 16, 32, 128).transpose(1, 2) for part in (self.q, self.k, self.v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.o(y)
        y = self.norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))

    def block() -> Calls:
        square = {name: nn.Linear(4096, 4096, bias=False) for name in "qkvo"}
        wide = {name: nn.Linear(4096, 11008, bias=False) for name in ("gate", "up")}
        return Calls(call, norm=nn.LayerNorm(4096), down=nn.Linear(11008, 4096, bias=False), **square, **wide)

    with torch.device("meta"):
        net = nn.Sequential(nn.Embedding(32000, 4096), *(block() for _ in range(32)), nn.Linear(4096, 32000))
    model = from_torch(net, torch.zeros(1, 16, dtype=torch.long)).model
    weights = 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 4096 * 32000
    assert model.weight_elements == weights == 6_607_077_376
    assert model.macs == 16 * weights + 32 * 2 * 16 * 16 * 4096
    assert len(model.layers) == 32 * 12 + 1
    assert model.layers[0].name == "1.q"
    assert all(part.is_meta for part in net.parameters())


@dataclasses.dataclass
class Record:
    first: Any
    more: dict[str, Any]


class Cache:
    def __init__(self, *tensors: Any) -> None:
        self.tensors = list(tensors)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b: (a, [b]),
        lambda a, b: {"a": a, "b": {"b": b}},
        lambda a, b: Record(a, {"b": b}),
        lambda a, b: (a, Cache(b), None, 3),
    ],
)
def test_whatever_a_module_returns(wrap: Callable[[Any, Any], Any]) -> None:
    net = Calls(lambda self, x: wrap(self.a(x), self.b(x)), a=nn.Linear(4, 5), b=nn.Linear(4, 6))
    assert layers(net, (1, 4)) == [(Op.GEMM, 20, 20), (Op.GEMM, 24, 24)]


def test_inputs_by_keyword_and_from_elsewhere() -> None:
    """A dictionary are keywords; a module on `meta` takes inputs of the processor, and makes its own tensors there."""

    def call(self: Any, *, ids: Any, scale: float, mask: Any = None) -> Any:
        return self.out(self.table(ids) * scale + torch.arange(8.0)).masked_fill(mask == 0, 0)

    with torch.device("meta"):
        net = Calls(call, table=nn.Embedding(10, 8), out=nn.Linear(8, 3))
    inputs = {"ids": torch.zeros(1, 5, dtype=torch.long), "scale": 2.0, "mask": torch.ones(1, 5, 1, dtype=torch.long)}
    model = from_torch(net, inputs).model
    assert [(edge.producer, edge.elements) for edge in model.operands[0]] == [(-1, 40)]
    assert model.macs == 5 * 8 * 3


def test_modes_and_repeated_regions_are_seen_through() -> None:
    from torch.utils.checkpoint import checkpoint

    def call(self: Any, x: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.a(x)
        with torch.enable_grad():
            y = self.a(y) + y
        return checkpoint(self.a, y, use_reentrant=False)

    made = from_torch(Calls(call, a=nn.Linear(4, 4)), torch.zeros(1, 4))
    assert [layer.name for layer in made.model.layers] == ["a", "a#1", "add", "a#2"]
    assert [[edge.producer for edge in edges] for edges in made.model.operands] == [[-1], [0], [1, 0], [2]]
    assert [layer.shares for layer in made.model.layers] == ["", "a", "", "a"]
    assert made.model.weight_elements == 16
    assert made.notes == (
        "3 layers share weights with others; the model's total counts these once, and a stage that holds several of "
        "them loads and holds them once",
    )


def test_operators_that_are_not_costed() -> None:
    net = nn.Sequential(nn.Linear(4, 6), Calls(lambda self, x: torch.fft.rfft(x).real), nn.Linear(4, 2))
    made = from_torch(net, torch.zeros(3, 4), name="speech")
    assert made.unsupported == {"fft_rfft": 1}
    assert made.model.operands[1][0].producer == 0
    with pytest.raises(InputError, match=r"'speech' has operators that are not costed: fft_rfft \(1\)"):
        from_torch(net, torch.zeros(3, 4), name="speech", strict=True)


def test_sizes_that_depend_on_values() -> None:
    """Rows chosen by a mask: how many is not known."""
    net = Calls(lambda self, x: self.b(self.a(x)[x[..., 0] > 0]), a=nn.Linear(4, 6), b=nn.Linear(6, 2))
    made = from_torch(net, torch.zeros(1, 5, 4))
    assert (made.model.macs, made.unsupported) == (120, {"linear": 1})


def test_the_api_warns_of_what_is_not_costed() -> None:
    import chipweave

    net = nn.Sequential(nn.Linear(4, 6), Calls(lambda self, x: torch.fft.rfft(x).real))
    with pytest.warns(UserWarning, match=r"not costed: fft_rfft \(1\)"):
        model = chipweave.from_torch(net, torch.zeros(1, 4))
    assert (model.name, model.macs) == ("Sequential", 24)


@pytest.mark.parametrize("name", ["alexnet_2012", "darknet19", "unet_572_valid", "ritnet_640x400"])
def test_networks_equal_the_tables(name: str) -> None:
    """Written here after the papers; the tables were taken from the reference implementations."""
    from benchmarks.import_torch import NETS

    module, inputs = NETS[name]()
    model = from_torch(module, inputs).model
    with open(Path(__file__).parents[2] / "reference" / "workloads" / "totals.csv", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["table"] == name]
    assert (len(model.layers), model.macs, model.weight_elements) == tuple(
        int(row[key]) for key in ("rows", "macs", "weights")
    )


# --- errors, and functions of the user's ---


def test_what_cannot_be_traced_says_where() -> None:
    def call(self: Any, x: Any) -> Any:
        return x if x.sum().item() > 0 else self.a(x)

    with pytest.raises(InputError) as caught:
        from_torch(Calls(call, a=nn.Linear(4, 4)), torch.zeros(1, 4), name="branchy")
    (message,) = caught.value.problems
    assert message.startswith("'branchy' cannot be traced by torch.export: ")
    assert f"{Path(__file__)}:{call.__code__.co_firstlineno + 1}" in message
    assert message.endswith("must take the example inputs")
    assert "\n" not in message


def test_wrong_inputs_and_no_module() -> None:
    with pytest.raises(InputError, match=r"'Linear' cannot be traced.*RuntimeError"):
        from_torch(nn.Linear(4, 4), torch.zeros(1, 5))
    with pytest.raises(InputError, match=r"str is not a torch\.nn\.Module"):
        from_torch("resnet50", torch.zeros(1, 5))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a script module cannot be traced"):
        from_torch(torch.jit.script(nn.Linear(4, 4)), torch.zeros(1, 4))
    with pytest.raises(InputError, match="Calls cannot be copied \\(TypeError: cannot pickle 'generator' object\\)"):
        from_torch(Calls(lambda self, x: x, numbers=(i for i in range(3))), torch.zeros(1, 4))
    with pytest.raises(InputError, match="'Identity' has no operator that is costed"):
        from_torch(nn.Identity(), torch.zeros(1, 5))


def test_a_module_that_is_exported_already() -> None:
    """As it was traced, with the names of its modules; sizes that were left open are those it was traced with."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(144, 10)))
    batch = {"input": {0: torch.export.Dim("batch", min=1, max=64)}}
    program = torch.export.export(net, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=batch)
    for each in (program, program.run_decompositions()):
        made = from_torch(each).model.layers
        assert [(layer.name, layer.macs) for layer in made] == [("0", 2 * 36 * 4 * 27), ("1.1", 2 * 1440)]
    assert from_torch(program, torch.zeros(5, 3, 8, 8)).model.macs == 5 * (36 * 4 * 27 + 1440)
    with pytest.raises(InputError, match="Linear comes without example inputs"):
        from_torch(nn.Linear(4, 4))


@pytest.mark.parametrize(
    ("call", "macs"),
    [
        (lambda w, x: torch.tensordot(x, w, dims=([1, 2], [0, 1])), 3 * 4 * 5 * 6),
        (lambda w, x: torch.tensordot(x, w.sum(0), dims=1), 3 * 4 * 5 * 6),
        (lambda w, x: torch.inner(x, w[0].T), 3 * 4 * 5 * 6),
        (lambda w, x: torch.linalg.multi_dot([x[0], w[0], w[1].T]), 4 * 5 * 6 + 4 * 6 * 5),
        (lambda w, x: torch.linalg.multi_dot([x[0, 0], w[0], w[1].T]), 5 * 6 + 6 * 5),
        (lambda w, x: torch.linalg.vecdot(x, w[:3, :, 0].unsqueeze(1)), 3 * 4 * 5),
        (lambda w, x: torch.outer(x[0, 0], x[0, 0]) @ w[0], 5 * 5 * 6),
    ],
)
def test_products_in_other_words(call: Callable[..., Any], macs: int) -> None:
    """x is 3 x 4 x 5, the weights 4 x 5 x 6."""
    module = Calls(lambda self, x: call(self.w, x), w=nn.Parameter(torch.zeros(4, 5, 6)))
    made = from_torch(module, torch.zeros(3, 4, 5))
    assert (made.unsupported, made.model.macs) == ({}, macs)


@pytest.mark.parametrize(
    ("call", "macs", "weights"),
    [
        (lambda self, x: torch.bmm(x, self.w.expand(4, 16, 8)), 4 * 640, 128),
        (lambda self, x: torch.bmm(x, self.w.repeat(4, 1, 1)), 4 * 640, 128),
        (lambda self, x: x @ self.w.t().contiguous().expand(4, 8, 16).transpose(1, 2), 4 * 640, 128),
        (lambda self, x: torch.einsum("bij,bjk->bik", x, self.w.expand(4, 16, 8)), 4 * 640, 128),
        (lambda self, x: torch.einsum("bij,bjk->ik", x, self.w.expand(4, 16, 8)), 4 * 640, 512),
        (lambda self, x: torch.einsum("bij,bjk,ik->ib", x, self.w.expand(4, 16, 8), x[0, :, :8]), 640 + 4 * 80, 128),
        (lambda self, x: x[:1] @ self.w.expand(4, 16, 8), 4 * 640, 512),
        (lambda self, x: torch.bmm(x, self.w.expand(4, 16, 8)) + x @ self.w, 8 * 640, 128),
    ],
)
def test_copies_of_weights_are_no_weights(call: Callable[..., Any], macs: int, weights: int) -> None:
    """Four maps of 5 rows and a matrix of 16 x 8; only where each copy does something else there are several."""
    made = from_torch(Calls(call, w=nn.Parameter(torch.zeros(16, 8))), torch.zeros(4, 5, 16))
    assert (made.model.macs, made.model.weight_elements) == (macs, weights)


def test_wrapped_modules() -> None:
    """Weights made of others are constants; what torch.compile returned is seen through."""
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), nn.utils.spectral_norm(nn.Linear(6, 2)))
    assert layers(net, (1, 4)) == [(Op.GEMM, 24, 24), (Op.GEMM, 12, 12)]
    made = from_torch(torch.compile(net), torch.zeros(1, 4))
    assert [layer.name for layer in made.model.layers] == ["0", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_of_the_users(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    (folder / "some_nets.py").write_text(
        "import torch\n"
        "def pair():\n    print('loading')\n    return torch.nn.Linear(4, 3), torch.zeros(1, 4)\n"
        "def keyword():\n    return torch.nn.Linear(4, 3), {'input': torch.zeros(1, 4)}\n"
        "class Net(torch.nn.Linear):\n"
        "    def __init__(self):\n        super().__init__(4, 3)\n        self.example_inputs = torch.zeros(1, 4)\n"
        "net = Net()\n"
    )
    before = list(sys.path)
    for factory in ("pair", "keyword", "Net", "net"):
        made = import_factory(f"some_nets:{factory}")
        assert (made.model.name, made.model.macs) == (factory, 12)
    assert sys.path == before
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loading\n")


@pytest.mark.parametrize(
    ("name", "text", "spec", "expected"),
    [
        ("one", "def f():\n    raise KeyError('weights')\n", "one:f", r"calling one:f failed: KeyError.*one\.py:2\)"),
        ("two", "import sys\nsys.exit(3)\n", "two:f", r"importing 'two' failed: SystemExit: 3 \(.*two\.py:2\)"),
        ("three", "def f(:\n", "three:f", r"importing 'three' failed: SyntaxError.*three\.py:1\)"),
        ("four", "def f():\n    return 3\ndef g(): pass\n", "four:f", r"four:f returned int; return \(module,"),
        ("five", "def f():\n    return 3\ndef g(): pass\n", "five:h", "'five' has no function 'h'; it has f, g"),
        ("six", "import no_such_thing\n", "six:f", r"importing 'six' failed: ModuleNotFoundError.*six\.py:1\)"),
        ("seven", "", "sevens:f", "there is no module 'sevens' in"),
        ("eight", "", "eight.py", "'eight.py' is not module:factory"),
        ("ten", "raise RuntimeError", "ten.py:f", "'ten.py:f' names a file; name the module, .* holds it: ten:f$"),
        ("nine", "def f(size):\n    return 3\n", "nine:f", "calling nine:f failed: TypeError.*size"),
    ],
)
def test_errors_of_the_users_are_one_message(folder: Path, name: str, text: str, spec: str, expected: str) -> None:
    (folder / f"{name}.py").write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        import_factory(spec)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_a_trace_that_fails_prints_no_graph(capsys: pytest.CaptureFixture[str]) -> None:
    """PyTorch prints its own half-made graph; what a module itself prints stays where tracing goes well."""

    def forward(module: Any, x: Any) -> Any:
        print("mine", file=sys.stderr)
        return module.conv(x) if not module.steered or x.sum() > 0 else -x

    module = Calls(forward, conv=nn.Conv2d(1, 1, 1))
    for steered in (True, False):
        module.steered = steered
        if steered:
            with pytest.raises(InputError, match="must not depend on the values of tensors"):
                from_torch(module, (torch.zeros(1, 1, 4, 4),))
            assert "def forward" not in capsys.readouterr().err
        else:
            assert from_torch(module, (torch.zeros(1, 1, 4, 4),)).model.macs == 16
            assert "mine" in capsys.readouterr().err


def test_the_examples_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.test_documentation import blocks, names_after

    whole, factory = blocks("docs/import-torch.md", "python")
    model = names_after(whole)["model"]
    assert (model.name, model.macs) == ("small", 900 * 16 * 27 + 14400 * 10)
    assert capsys.readouterr().out
    (folder / "nets_of_the_page.py").write_text(factory)
    assert import_factory("nets_of_the_page:small").model.macs == 900 * 8 * 27


def test_scan_goes_through_what_it_is_given() -> None:
    """5 rounds of a product of 8 by 8, whose weights count once and are shared with a product behind the loop."""
    from torch._higher_order_ops.scan import scan

    def call(self: Any, x: Any) -> Any:
        def round_(state: Any, entry: Any) -> Any:
            new = torch.tanh(self.a(state) + entry)
            return new, new.clone()

        last, every = scan(round_, torch.zeros(1, 8), x)
        return self.a(last), every

    made = from_torch(Calls(call, a=nn.Linear(8, 8)), torch.zeros(5, 1, 8))
    assert made.unsupported == {}
    assert (made.model.macs, made.model.weight_elements) == (6 * 64, 64)


@pytest.mark.parametrize(("start", "step", "rounds"), [(0, 1, 10), (4, 2, 3), (10, 1, 0)])
def test_while_loops_whose_counters_are_constants(start: int, step: int, rounds: int) -> None:
    def call(self: Any, x: Any) -> Any:
        def goes_on(at: Any, y: Any) -> Any:
            return at < 10

        def round_(at: Any, y: Any) -> Any:
            return at + step, self.a(y)

        loop = torch._higher_order_ops.while_loop
        return self.z(loop(goes_on, round_, (torch.tensor(start), x))[1])

    made = from_torch(Calls(call, a=nn.Linear(8, 8), z=nn.Linear(8, 3)), torch.zeros(1, 8))
    assert (made.unsupported, made.model.macs) == ({}, rounds * 64 + 24)


def test_while_loops_of_values_are_not_costed() -> None:
    def call(self: Any, x: Any) -> Any:
        loop = torch._higher_order_ops.while_loop
        return loop(lambda y: y.sum() < 10, lambda y: (self.a(y),), (self.a(x),))[0]

    made = from_torch(Calls(call, a=nn.Linear(8, 8)), torch.zeros(1, 8))
    assert (made.unsupported, made.model.macs) == ({"while_loop": 1}, 64)
    assert any("depends on values" in note for note in made.notes)


@pytest.mark.parametrize(("inner", "macs"), [(None, 64 + 24), (16, 24)])
def test_branches(inner: int | None, macs: int) -> None:
    """Sides of 64 MACs each, of which one counts; and of 64 and 256, of which none does."""
    other = nn.Linear(8, 8) if inner is None else nn.Sequential(nn.Linear(8, inner), nn.Linear(inner, 8))

    def call(self: Any, x: Any) -> Any:
        return self.z(torch.cond(x.sum() > 0, self.a, self.b, (x,)))

    made = from_torch(Calls(call, a=nn.Linear(8, 8), b=other, z=nn.Linear(8, 3)), torch.zeros(1, 8))
    assert (made.model.macs, made.unsupported) == (macs, {} if inner is None else {"cond": 1})
