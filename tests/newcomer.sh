#!/usr/bin/env bash
# What a newcomer does on the first day, by README.md and docs/ alone, with an installed package:
#
#     CHIPWEAVE=$PWD/.venv-test/bin/chipweave PYTHON=$PWD/.venv-test/bin/python tests/newcomer.sh
#
# A scenario with limits, a package, an ONNX model beside built-in ones, three packages compared, what would help, a
# figure, a notebook, a sweep. `make test` ends with it. Each step takes less than LIMIT_S seconds (60), and each mistake
# is answered with exit code 2 and a remedy.
set -euo pipefail

CHIPWEAVE=${CHIPWEAVE:-chipweave}
PYTHON=${PYTHON:-python3}
LIMIT_S=${LIMIT_S:-60}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "newcomer: $*" >&2
    exit 1
}

# step WHAT COMMAND...: the command ends with 0, in time.
step() {
    local what=$1 began=$SECONDS
    shift
    timeout "$((2 * LIMIT_S))" "$@" >out.txt 2>err.txt || fail "$what: exit code $?: $(cat err.txt)"
    grep -q Traceback out.txt err.txt && fail "$what: $(cat err.txt)"
    [ $((SECONDS - began)) -le "$LIMIT_S" ] || fail "$what: took $((SECONDS - began)) s"
    echo "$((SECONDS - began)) s  $what"
}

# mistake WORDS COMMAND...: the command ends with 2, and each line of its message says what to do, behind `;` or `,`.
mistake() {
    local words=$1 code=0
    shift
    timeout "$LIMIT_S" "$@" >out.txt 2>err.txt || code=$?
    [ "$code" = 2 ] || fail "$*: exit code $code"
    grep -q "$words" err.txt || fail "$*: '$words' is not in: $(cat err.txt)"
    ! grep -v '[;:,] .*[;:,?] *' err.txt || fail "$*: no remedy in: $(cat err.txt)"
    echo "ok   $words"
}

step 'what there is' "$CHIPWEAVE" list scenarios
step 'a package to start from' "$CHIPWEAVE" show het-sides-3x3
cp out.txt mine.yaml
step 'the schema of a scenario' "$CHIPWEAVE" schema scenario

cat >limits.yaml <<'YAML'
name: limits
models:
  - {name: eyes, model: mobilenet_v2, batch: 4, latency_limit_s: 0.1}
  - {name: sight, model: resnet18, batch: 2, latency_limit_s: 0.2}
YAML
step 'a scenario with limits' "$CHIPWEAVE" schedule limits.yaml --package het-2x2 --out limits
sed -i.bak 's/latency_limit_s: 0.1/latency_limit_s: 0.000000001/' limits.yaml
if "$CHIPWEAVE" schedule limits.yaml --package het-2x2 --scheduler scar >out.txt 2>err.txt; then
    fail 'a limit that nothing meets was met'
fi
grep -qi limit err.txt || fail "no word of the limit: $(cat err.txt)"
mistake 'did you mean' "$CHIPWEAVE" schedule limits.yaml --package het-2x3

cat >own.yaml <<'YAML'
name: own
grid:
  - [big, small, small]
  - [big, small, small]
classes:
  big: datacenter-nvdla
  small: {name: small, base: arvr-shidiannao, num_pes: 512}
link_bandwidth_bytes_s: 50.0e+9
YAML
step 'a package of my own' "$CHIPWEAVE" schedule resnet18 --batch 4 --package own.yaml --out own
sed 's/small: {name/smal: {name/' own.yaml >wrong.yaml
mistake 'wrong.yaml:[0-9]' "$CHIPWEAVE" schedule resnet18 --package wrong.yaml

step 'an ONNX file' "$PYTHON" - <<'PY'
import onnx
from onnx import TensorProto, helper
value = helper.make_tensor_value_info
weights = [TensorProto(name="w1", dims=(32, 3, 3, 3), data_type=1), TensorProto(name="w2", dims=(10, 32), data_type=1)]
for weight in weights:
    weight.data_location = TensorProto.EXTERNAL
nodes = [
    helper.make_node("Conv", ["x", "w1"], ["a"], "stem", pads=[1, 1, 1, 1]),
    helper.make_node("GlobalAveragePool", ["a"], ["b"], "average"),
    helper.make_node("Flatten", ["b"], ["c"], "flat"),
    helper.make_node("Gemm", ["c", "w2"], ["y"], "classes", transB=1),
]
graph = helper.make_graph(nodes, "net", [value("x", 1, ["batch", 3, 32, 32])], [value("y", 1, ["batch", 10])], weights)
onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), "net.onnx")
PY
step 'its import' "$CHIPWEAVE" import onnx net.onnx --out net.yaml
mistake 'import onnx' "$CHIPWEAVE" schedule net.onnx --package het-2x2
cat >together.yaml <<'YAML'
name: together
models:
  - {model: net.yaml, batch: 8}
  - {name: text, model: bert_base, parameters: {sequence: 64}, batch: 2}
YAML
step 'beside a built-in model' "$CHIPWEAVE" schedule together.yaml --package het-sides-3x3 --out results
step 'the same figures again' "$CHIPWEAVE" evaluate results/schedule.json
step 'three packages compared' "$CHIPWEAVE" compare together.yaml -p het-sides-3x3 -p simba-nvdla-3x3 -p own.yaml \
    -s standalone -s scar --out comparison
[ -s comparison/comparison.html ] || fail 'no page of the comparison'
mistake 'falls' "$CHIPWEAVE" compare together.yaml -p het-2x2 --objective 1/latency

step 'what would help' "$CHIPWEAVE" why own/schedule.json --time-limit 30
grep -qi 'l2\|links\|dram' out.txt || fail "nothing of the hardware was tried: $(cat out.txt)"

step 'a figure' "$CHIPWEAVE" evaluate results/schedule.json --figure timeline.pdf
[ -s timeline.pdf ] || fail 'no figure'
mistake '.pdf, .svg or .png' "$CHIPWEAVE" evaluate results/schedule.json --figure timeline.doc

step 'a notebook' "$PYTHON" - <<'PY'
import chipweave
cells = ["import chipweave", "chipweave.evaluate('results/schedule.json')"]
try:
    import nbclient, nbformat
except ImportError:  # without the extra `notebook`: what its cell would show
    assert "<" in chipweave.evaluate("results/schedule.json")._repr_html_()
else:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=60).execute()
    assert "text/html" in book.cells[-1].outputs[0]["data"]
PY

cat >sweep.yaml <<'YAML'
name: links
scenario: {name: one, models: [{model: resnet18, batch: 2}]}
package: het-2x2
scheduler: standalone
axes:
  package.link_bandwidth_bytes_s: [50.0e+9, 100.0e+9]
  chiplets.*.l2_bytes: [2097152, 10485760]
YAML
step 'a sweep' "$CHIPWEAVE" sweep sweep.yaml --store store.db
step 'the same sweep again' "$CHIPWEAVE" sweep sweep.yaml --store store.db
step 'its page' "$CHIPWEAVE" sweep report store.db --out swept
[ -s swept/sweep.html ] || fail 'no page of the sweep'
sed 's/link_bandwidth/link_bandwith/' sweep.yaml >misspelt.yaml
mistake 'misspelt.yaml:[0-9]' "$CHIPWEAVE" sweep misspelt.yaml --store store.db
echo 'newcomer: all steps done'
