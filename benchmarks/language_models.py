"""When two kinds of chiplets pay for language models: compute-rich and memory-rich ones of equal area. Prints Markdown.

    python -m benchmarks.language_models [--batch 1 16 256] [--context 1024 8192 131072] [--json]
    python -m benchmarks.language_models --write docs/language-models.md    # also replaces the table of the page
    python -m benchmarks.language_models --stacks own --scheduler weave --seconds 30    # a stack at each chiplet
    python -m benchmarks.language_models --experts    # a step of a mixture of experts alone: who gets which layers

Four chiplets on 2 x 2, all of one kind, all of the other, or two of each. Beside each other run the prefill of one
prompt and a step of decode of several groups of sequences, scheduled for EDP. What counts is EDP of the mixed package
over that of the better one of one kind. All packages have the same memory, in sum: shared by all chiplets, or a stack
at each chiplet (`interface_bandwidth: split`). Then there are two mixed packages: stacks that are alike, and stacks
three times as fast beside the memory-rich chiplets as beside the others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import chipweave
from benchmarks.tables import markdown, write_tables
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.memory import Stack
from chipweave.hardware.package import Interfaces, Package
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo.language import LLAMA_3_8B, MIXTRAL_8X7B

COMPUTE = Chiplet(
    "compute-rich", num_pes=65536, clock_hz=1e9, l1_bytes=64, l2_bytes=8 * 2**20, node_nm=7, noc_bandwidth=4096
)
"""Eight times the multipliers of the other kind."""

GROUPS = 4
"""Of sequences; their steps follow each other as samples of a batch, and may be pipelined."""

LONGEST_PROMPT = 1024
"""Of the prompt that is prefilled; behind longer ones prefill is in pieces of so many tokens."""

DRAM_BYTES_S = 400e9
"""Of the package, whatever its chiplets: a stack of HBM2e."""

RICHER = 3
"""How many times as fast the stack of a memory-rich chiplet is as that of a compute-rich one, in one mixed package."""


TABLES = {"shared": "chiplets", "own": "chiplets-stacks"}
"""Marks of the page, by what the memory is."""


@dataclass(frozen=True)
class Row:
    """EDP of a load by package, J s, and the seconds of the searches."""

    batch: int
    context: int
    edp_js: Mapping[str, float]
    seconds: float

    @property
    def mixed_over_best(self) -> float:
        mixed = min(edp_js for name, edp_js in self.edp_js.items() if name.startswith("mixed"))
        return mixed / min(edp_js for name, edp_js in self.edp_js.items() if not name.startswith("mixed"))


def memory_rich() -> Chiplet:
    """An eighth of the multipliers, and as much L2 as the same area holds."""
    few = replace(COMPUTE, name="memory-rich", num_pes=COMPUTE.num_pes // 8, noc_bandwidth=COMPUTE.noc_bandwidth // 8)
    low, high = few.l2_bytes, 2**36
    while high - low > 2**16:
        middle = (low + high) // 2
        low, high = (middle, high) if replace(few, l2_bytes=middle).area_mm2 <= COMPUTE.area_mm2 else (low, middle)
    return replace(few, l2_bytes=low)


def packages(stacks: str = "shared") -> dict[str, Package]:
    """Of one kind, of the other, and of both, the kinds side by side; `stacks`: `shared`, or each chiplet's `own`."""
    memory = memory_rich()
    mixed, alike, own = (COMPUTE, memory, COMPUTE, memory), (1, 1, 1, 1), stacks == "own"
    made = {"compute-rich": ((COMPUTE,) * 4, alike), "memory-rich": ((memory,) * 4, alike), "mixed": (mixed, alike)}
    if own:
        made["mixed, stacks unlike"] = (mixed, (1, RICHER, 1, RICHER))
    return {name: _package(name, chiplets, shares if own else ()) for name, (chiplets, shares) in made.items()}


def _package(name: str, chiplets: tuple[Chiplet, ...], shares: Sequence[int]) -> Package:
    """`shares`: of the bandwidth, that of the stack at each chiplet; empty: all chiplets share all of it."""
    made = Package(
        name,
        chiplets,
        topology.mesh(2, 2),
        interfaces=(0, 1, 2, 3),
        positions=topology.grid_positions(2, 2),
        link_bandwidth_bytes_s=200e9,
        dram_bandwidth_bytes_s=DRAM_BYTES_S,
    )
    if not shares:
        return made
    stacks = tuple(Stack("own", DRAM_BYTES_S * share / sum(shares), (at,)) for at, share in enumerate(shares))
    return replace(made.with_memory(stacks), interface_bandwidth=Interfaces.SPLIT)


def load(batch: int, context: int, blocks: int) -> Scenario:
    """One prompt, and a step of decode of every group; blocks of Llama 3 8B, one byte an element."""
    config = {**LLAMA_3_8B, "num_hidden_layers": blocks, "vocab_size": 4096}
    prompt = min(context, LONGEST_PROMPT)
    prefill = chipweave.from_hf(
        config, phase="prefill", prompt=prompt, context=(context - prompt) or None, bytes_per_element=1
    )
    decode = chipweave.from_hf(config, phase="decode", context=context - 1, batch=batch, bytes_per_element=1)
    return Scenario("serving", (Task("prefill", prefill), Task("decode", decode, GROUPS)))


def measured(batch: int, context: int, asked: argparse.Namespace) -> Row:
    scenario, started = load(batch, context, asked.blocks), time.process_time()
    common = {"scheduler": asked.scheduler, "time_limit_s": asked.seconds, "jobs": 1}
    found = {
        name: chipweave.schedule(scenario, package, **common).evaluation.edp_js
        for name, package in packages(asked.stacks).items()
    }
    return Row(batch, context, found, time.process_time() - started)


def experts(context: int, stacks: str) -> None:
    """A step of decode of Mixtral 8x7B, two blocks, four groups of 64 sequences: what `weave` takes on each package,
    and which layers of the mixed one are on which kind of chiplet."""
    config = {**MIXTRAL_8X7B, "num_hidden_layers": 2, "vocab_size": 4096}
    decode = chipweave.from_hf(config, phase="decode", context=context, batch=64, bytes_per_element=1)
    for name, package in packages(stacks).items():
        found = chipweave.schedule(decode, package, scheduler="weave", batch=GROUPS, jobs=1)
        print(f"{context:,} tokens, {name}: {found.evaluation.edp_js:.4g} J s", flush=True)
        if name.startswith("mixed"):
            for stage in found.evaluation.stages:
                kinds = sorted({package.chiplets[chiplet].name for chiplet in stage.chiplets})
                ends = f"{decode.layers[stage.first].name} to {decode.layers[stage.last].name}"
                print(f"  {ends} on {len(stage.chiplets)}: {', '.join(kinds)}", flush=True)


def table(rows: Sequence[Row]) -> str:
    names = list(rows[0].edp_js)
    header = ["batch", "context", *(f"{name}, J s" for name in names), "mixed / better of one kind"]
    cells = [
        [
            str(row.batch), f"{row.context:,}", *(f"{row.edp_js[name]:.4g}" for name in names),
            f"{row.mixed_over_best:.2f}",
        ]
        for row in rows
    ]  # fmt: skip
    return markdown(header, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16, 256], help="sequences of a group")
    parser.add_argument("--context", type=int, nargs="+", default=[1024, 8192, 131072], help="tokens")
    parser.add_argument("--blocks", type=int, default=2, help="of the model")
    parser.add_argument("--scheduler", default="scar")
    parser.add_argument("--seconds", type=float, help="of each search, at most")
    parser.add_argument("--stacks", choices=list(TABLES), default="shared", help="of the memory")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--experts", action="store_true", help="a mixture of experts instead")
    parser.add_argument("--write", type=Path, help="a page whose table is replaced")
    asked = parser.parse_args()
    if asked.experts:
        for context in asked.context:
            experts(context, asked.stacks)
        return
    rows = []
    for batch in asked.batch:
        for context in asked.context:
            rows.append(measured(batch, context, asked))
            print(json.dumps(asdict(rows[-1])) if asked.json else table(rows[-1:]).splitlines()[-1], flush=True)
    if asked.write is not None:
        write_tables(asked.write, {TABLES[asked.stacks]: table(rows)})


if __name__ == "__main__":
    main()
