"""Damage files of every kind that chipweave reads, and see whether it says so as it should.

    python -m benchmarks.fuzz [--kind yaml|json|csv|m|onnx] [--count 10000] [--seed 0]

Per kind: how many of the damaged files ended with which exit code. A failure is a traceback or an internal error, an
exit code that is not documented, more than LIMIT_S seconds of the processor, a message without a bound, or half a
file; its input is kept and named. Commands run in this process; those that read ONNX, whose native code damaged files
can crash, in a fork each, as the command itself has a process of its own for them.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

from chipweave.cli.console import LONGEST_LINE, MOST_LINES
from chipweave.cli.main import run
from chipweave.files.chiplet_file import load_chiplet
from chipweave.files.model_file import load_model

KINDS = ("yaml", "json", "csv", "m", "onnx")
DOCUMENTED = (0, 1, 2)
LIMIT_S = 10.0
HANGS_S = 600.0
"""Seconds of wall time after which the program ends with the place where compiled code hangs."""
WATCHED = 20
"""Files after which that time begins anew: for each of them that would take longer than many of them."""
CRASHED = 128
"""A fork that a signal ended, which the command answers with exit code 2."""

MODEL = """\
name: net
layers:
  - {name: one, op: conv, K: 4, C: 3, Y: 8, X: 8, R: 3, S: 3, padding: 1, stride: 2, out_y: 4}
  - {name: pool, op: pool, C: 4, Y: 4, X: 4, R: 2, S: 2, stride: [2, 2]}
  - {name: two, op: gemm, K: 8, C: 4, Y: 4, inputs: [{from: pool, elements: 16, reshape: true}]}
  - {name: add, op: elementwise, C: 8, Y: 4, inputs: [two, two]}
"""
SCENARIO = """\
name: pair
note: of two
models:
  - {name: left, model: resnet18, batch: 2, latency_limit_s: 0.5, parameters: {resolution: 32}}
  - {name: right, model: MODEL, batch: 3, depends_on: left}
"""
PACKAGE = """\
name: mine
grid: [[A, B], [A, C]]
classes: {A: simba-chiplet, B: datacenter-shidiannao, C: {base: arvr-nvdla, name: other, num_pes: 64}}
link_bandwidth_bytes_s: 50.0e+9
"""
CHIPLET = """\
name: own
num_pes: 64
array: [8, 8]
clock_hz: 500000000.0
l2_bytes: 1048576
l1_bytes: 512
precision_bits: 16
node_nm: 28
dataflow: {style: custom, loops: {rows: [K], columns: [C], stationary: weight, whole: [R, S]}}
"""
PLAN = """\
scenario: MODEL
package: het-2x2
schedule:
  windows:
    - pipelines:
        - model: net
          micro_batch: 1
          stages:
            - {layers: [one, pool], chiplets: [0]}
            - {layers: {first: two, last: add}, chiplets: [1], partition: whole}
"""
TABLE = """\
layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j,mac_j,l2_need_elements
one,,,,,,,,,,,datacenter-nvdla,100,1e-9,,64
,gemm,1,8,4,1,1,4,1,1,1,datacenter-nvdla,50,2e-9,2e-9,
"""
NETWORK = """\
Network net {
Layer a { Type: CONV Stride { X: 1, Y: 1 } Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 8, X: 8 }
  Dataflow { SpatialMap(1,1) K; TemporalMap(1,1) C; TemporalMap(Sz(R),Sz(R)) R; Cluster(3, P); SpatialMap(1,1) S;
  TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; } }
Layer b { Type: DSCONV Dimensions { K: 1, C: 4, R: 3, S: 3, Y: 6, X: 6 } }
Layer c { Type: GEMM Dimensions { M: 4, N: 8, K: 16 } }
}
"""
TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
one, 10, 10, 3, 3, 3, 8, 1,
two_DP, 8, 8, 3, 3, 8, 1, 2,
three, 1, 8, 1, 8, 4, 10, 1,
"""
NEST = """\
problem:
  shape:
    name: conv2d
    dimensions: [C, M, R, S, N, P, Q]
    coefficients:
    - {name: Wstride, default: 1}
    - {name: Hstride, default: 2}
    data_spaces:
    - {name: Weights, projection: [[[C]], [[M]], [[R]], [[S]]]}
    - name: Inputs
      projection: [[[N]], [[C]], [[R], [P, Wstride]], [[S], [Q, Hstride]]]
    - {name: Outputs, projection: [[[N]], [[M]], [[Q]], [[P]]], read_write: true}
  instance: {C: 3, M: 8, R: 3, S: 3, N: 1, P: 6, Q: 6, Wstride: 2}
"""
WORKLOAD = """\
- id: 0
  operator_type: Conv
  equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
  dimension_relations: [ix=1*ox+1*fx, iy=1*oy+1*fy]
  loop_dims: [B, K, C, OY, OX, FY, FX]
  loop_sizes: [1, 4, 3, 6, 6, 3, 3]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 0}
- id: 1
  operator_type: Gemm
  equation: O[b][k]+=W[k][c]*I[b][c]
  loop_dims: [B, K, C]
  loop_sizes: [1, 5, 144]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 1}
"""
CONFIG = """\
{
 "model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16",
 "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
 "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 100, "max_position_embeddings": 256,
 "tie_word_embeddings": true, "rms_norm_eps": 1e-05
}
"""
ODD = (
    *("0", "-1", "1.5", "1e400", "-1e400", "1e-400", "2147483648", "9223372036854775808", "1" + "0" * 60, "9" * 500),
    *(".nan", "NaN", "Infinity", "true", "null", "~", "''", '"', "[]", "{}", "[[[[", "}}", "&a", "*a", "!!python/x"),
    *("\x1b[31m", "\x00", "\ufeff", "\u202e", "é漢", "x" * 3000, "\n", ": ", "- ", ",,,", "#", "1_000", "0x10", "1e3"),
)
WORD = re.compile(rb"[A-Za-z0-9_.]+")


@dataclass(frozen=True)
class Target:
    """What is damaged, and the command that reads it; `wrote` reads what the command writes to `out`, where it does."""

    suffix: str
    content: bytes
    command: Callable[[Path, Path], Sequence[str]]
    wrote: tuple[tuple[str, Callable[[Path], object]], ...] = ()
    forks: bool = False


@dataclass
class Tally:
    """Damaged files by exit code, and those that were not answered as they should be."""

    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Hung(BaseException):
    """Not an Exception: nothing on the way may take it for one of its own."""


def targets(kind: str, folder: Path) -> list[Target]:
    """What is damaged of a kind; files that commands need beside it are written to `folder`."""
    model = folder / "model.yaml"
    model.write_text(MODEL)
    on_model = ["cost", str(model), "--chiplet"]
    if kind == "yaml":
        schedule = ["--scheduler", "standalone", "--json"]
        plan, scenario = (text.replace("MODEL", str(model)) for text in (PLAN, SCENARIO))
        return [
            Target(".yaml", MODEL.encode(), lambda path, out: ["cost", str(path), "--chiplet", "datacenter-nvdla"]),
            Target(".yaml", scenario.encode(), lambda path, out: ["schedule", str(path), "-p", "het-2x2", *schedule]),
            Target(".yaml", PACKAGE.encode(), lambda path, out: ["schedule", str(model), "-p", str(path), *schedule]),
            Target(".yaml", CHIPLET.encode(), lambda path, out: [*on_model, str(path), "--json"]),
            Target(".yaml", plan.encode(), lambda path, out: ["evaluate", str(path), "--json"]),
            _imported(".yaml", NEST, "timeloop"),
            _imported(".yaml", WORKLOAD, "zigzag"),
        ]
    if kind == "json":
        made = folder / "made"
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            run(["schedule", str(model), "-p", "het-2x2", "-s", "standalone", "--out", str(made)])
        content = (made / "schedule.json").read_bytes()
        plan = Target(".json", content, lambda path, out: ["evaluate", str(path), "--json"])
        return [plan, _imported(".json", CONFIG, "hf", "--phase", "prefill", "--prompt", "8")]
    if kind == "csv":
        table = [*on_model, "datacenter-nvdla", "--json", "--cost-model"]
        figures = Target(".csv", TABLE.encode(), lambda path, out: [*table, f"table:{path}"])
        return [figures, _imported(".csv", TOPOLOGY, "scale-sim")]
    if kind == "m":
        chiplet = ("chiplet.yaml", load_chiplet)
        return [Target(".m", NETWORK.encode(), _import_maestro, (("net.yaml", load_model), chiplet))]
    return [replace(_imported(".onnx", "", "onnx"), content=_onnx(), forks=True)]


def _imported(suffix: str, content: str, reader: str, *options: str) -> Target:
    """A file that is read with an import of its own."""

    def command(path: Path, out: Path) -> list[str]:
        return ["import", reader, str(path), "--out", str(out / "net.yaml"), *options]

    return Target(suffix, content.encode(), command, (("net.yaml", load_model),))


def _import_maestro(path: Path, out: Path) -> list[str]:
    return ["import", "maestro", str(path), "--out", str(out / "net.yaml"), "--chiplet-out", str(out / "chiplet.yaml")]


def _onnx() -> bytes:
    """A network of two convolutions, a pool, a sum and a product, with shapes between them."""
    from onnx import TensorProto, helper, numpy_helper

    def weight(name: str, *sizes: int) -> TensorProto:
        import numpy as np

        return numpy_helper.from_array(np.zeros(sizes, np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "one", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "two", auto_pad="SAME_UPPER", group=2),
        helper.make_node("Add", ["b", "c"], ["d"], "add"),
        helper.make_node("MaxPool", ["d"], ["e"], "pool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        helper.make_node("Flatten", ["e"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "w3"], ["y"], "classes", transB=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [value("x", TensorProto.FLOAT, ["batch", 3, 5, 5])],
        [value("y", TensorProto.FLOAT, ["batch", 2])],
        [weight("w1", 4, 3, 3, 3), weight("w2", 4, 2, 3, 3), weight("w3", 2, 36)],
    )
    made: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    return made


def damaged(rng: random.Random, content: bytes) -> bytes:
    """The content after one to four changes: words, lines or bytes replaced, moved, repeated or left out."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_CHANGES)(rng, content)
    return content


def _word(rng: random.Random, content: bytes) -> bytes:
    words = list(WORD.finditer(content))
    if not words:
        return content
    at = rng.choice(words)
    other = rng.choice(words)[0] if rng.random() < 0.4 else rng.choice(ODD).encode()
    return content[: at.start()] + other + content[at.end() :]


def _bytes(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _span(rng: random.Random, content: bytes) -> bytes:
    """A stretch left out, repeated, or put elsewhere."""
    begin = rng.randrange(len(content) + 1)
    end = min(len(content), begin + rng.randint(1, 40))
    span, rest = content[begin:end], content[:begin] + content[end:]
    at = rng.randrange(len(rest) + 1)
    return rng.choice((rest, content[:end] + span + content[end:], rest[:at] + span + rest[at:]))


def _lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        line = lines.pop(rng.randrange(len(lines)))
        for _ in range(rng.choice((0, 1, 2))):
            lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


_CHANGES = (_word, _word, _word, _bytes, _span, _lines, _cut)


def fuzz(kind: str, count: int, seed: int, folder: Path) -> Tally:
    """Damage `count` files of a kind, one after another; those that fail are kept in `folder`."""
    rng, tally = random.Random(f"{kind} {seed}"), Tally()
    some = targets(kind, folder)
    for target in some:
        _require_sound(target, folder)
    for number in range(count):
        target = some[number % len(some)]
        if number % WATCHED == 0 and not target.forks:  # a fork has no thread to watch it, and cannot end this one's
            _watch()
        path = folder / f"input{target.suffix}"
        path.write_bytes(damaged(rng, target.content))
        out = folder / "out"
        out.mkdir(exist_ok=True)
        code, problem = _answered(target, path, out)
        problem = problem or _half_written(target, out)
        tally.codes[code] += 1
        if problem:
            kept = folder / f"failure-{kind}-{number}{target.suffix}"
            path.rename(kept)
            tally.failures.append(f"{' '.join(target.command(kept, out))}: {problem}")
        for left in out.iterdir():
            left.unlink()
    faulthandler.cancel_dump_traceback_later()
    return tally


def _require_sound(target: Target, folder: Path) -> None:
    """What is to be damaged is read as it stands; on the way everything is loaded and compiled that is needed."""
    path, out = folder / f"sound{target.suffix}", folder / "out"
    path.write_bytes(target.content)
    out.mkdir(exist_ok=True)
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        code = run(target.command(path, out))
    if code:
        raise RuntimeError(f"{' '.join(target.command(path, out))}: {said.getvalue()}")
    if target.forks:  # the command read it in a process of its own; forks would load all that anew
        from chipweave.workload.importers.onnx.model import read_onnx

        read_onnx(path)
    for left in out.iterdir():
        left.unlink()


def _answered(target: Target, path: Path, out: Path) -> tuple[int, str]:
    """The exit code, and what is wrong with it or with the message."""
    code, said = (_in_a_fork if target.forks else _here)(target.command(path, out))
    if code not in (*DOCUMENTED, *[CRASHED] * target.forks):
        return code, f"exit code {code}: {said[:2000]}"
    if "Traceback" in said:
        return code, f"traceback: {said[:2000]}"
    errors = [line for line in said.splitlines() if not line.startswith("saved ")]
    if code == 2 and not said.startswith("error: "):
        return code, f"no message: {said[:200]}"
    if code == 2 and (len(errors) > MOST_LINES or max(map(len, errors)) > LONGEST_LINE):
        return code, f"message of {len(errors)} lines, {max(map(len, errors))} characters the longest"
    return code, ""


def _here(command: Sequence[str]) -> tuple[int, str]:
    said, printed, began_s = io.StringIO(), io.StringIO(), time.process_time()
    with _limited(), redirect_stdout(printed), redirect_stderr(said):
        try:
            code = run(command)
        except Hung:
            return -1, f"no answer within {LIMIT_S:.0f} s"
        except BaseException as error:  # what `run` lets out ends in a traceback
            return -1, f"Traceback: {type(error).__name__}: {error}"
    took_s = time.process_time() - began_s
    return (-1, f"took {took_s:.0f} s") if took_s > LIMIT_S else (code, said.getvalue())


def _in_a_fork(command: Sequence[str]) -> tuple[int, str]:
    """As `_here`, with the reading that the command leaves to a process of its own done in the fork."""
    from chipweave.workload.importers import onnx as importer
    from chipweave.workload.importers.onnx import model

    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        os.close(readable)
        importer.import_onnx = model.read_onnx
        _watch()
        code, said = _here(command)
        os.write(writable, said.encode(errors="replace")[:60_000])
        os._exit(code % 256)
    os.close(writable)
    with open(readable, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (CRASHED, said) if code < 0 else (code, said)


def _watch() -> None:
    """End the program, and say where it is, if that is not said anew in time."""
    faulthandler.dump_traceback_later(HANGS_S, exit=True)


@contextmanager
def _limited() -> Iterator[None]:
    """Ends Python code after LIMIT_S seconds of the processor; where compiled code hangs, `_watch` ends the program."""

    def ring(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _half_written(target: Target, out: Path) -> str:
    """What the command left that is no whole file of its kind."""
    readers = dict(target.wrote)
    for path in out.iterdir():
        if path.name not in readers:
            return f"left {path.name}"
        try:
            readers[path.name](path)
        except Exception as error:
            return f"wrote {path.name}, which is refused: {error}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=10_000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    failed = 0
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ.setdefault("CHIPWEAVE_CACHE", str(folder / "cache"))
    for kind in [asked.kind] if asked.kind else KINDS:
        began, place = time.process_time(), folder / kind
        place.mkdir()
        tally = fuzz(kind, asked.count, asked.seed, place)
        codes = ", ".join(f"{code}: {number}" for code, number in sorted(tally.codes.items()))
        seconds = time.process_time() - began
        print(f"{kind}: {asked.count} files, exit codes {codes}; {len(tally.failures)} failures; {seconds:.0f} s")
        for failure in tally.failures:
            print(f"  {failure}")
        failed += len(tally.failures)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
