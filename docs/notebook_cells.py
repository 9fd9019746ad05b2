# %% [markdown]
# # From a scenario to a figure
#
# An object detector and a speech recogniser of a headset share a package of nine small chiplets, some weight
# stationary (`n`), some output stationary (`s`). Which network runs where, how long does it take, and what would make
# it faster?

# %%
import chipweave

result = chipweave.schedule("arvr-8", "arvr-het-sides-3x3", objective="edp", scheduler="scar")
result

# %% [markdown]
# A tile is a chiplet: `B2` is stage 2 of model B. Blocks over time are micro-batches, thin strips at their feet are
# transfers and loading of weights. Every figure behind the picture is a plain attribute, in seconds, joules and bytes:

# %%
evaluation = result.evaluation
print(f"latency {1e3 * evaluation.latency_s:.1f} ms, energy {1e3 * evaluation.energy_j:.1f} mJ")
print(f"the best EDP is at most {result.gap:.1%} lower, proven")
for index, window in enumerate(evaluation.windows):
    print(f"window {index}: {1e3 * window.latency_s:6.2f} ms, bound by {window.bound_by}")

# %%
evaluation

# %% [markdown]
# ## What is the gain over simpler schedules, and over other packages?
#
# `compare` runs every scheduler on every package. The same scenario on packages of one class of chiplet shows what the
# mix is worth.

# %%
packages = ["arvr-het-sides-3x3", "arvr-simba-nvdla-3x3", "arvr-simba-shidiannao-3x3"]
cells = chipweave.compare("arvr-8", packages, ["scar", "standalone"])
cells

# %% [markdown]
# ## What if?
#
# Everything is an immutable value, so a question is a copy with one thing changed. The schedule is bound by its
# pipelines; so a DRAM of twice the bandwidth should help little, and twice the processing elements much.

# %%
from dataclasses import replace

from chipweave.files.package_file import resolve_package

package = resolve_package("arvr-het-sides-3x3")
wider = replace(package, name="wider DRAM", dram_bandwidth_bytes_s=2 * package.dram_bandwidth_bytes_s)
chiplets = tuple(replace(chiplet, num_pes=2 * chiplet.num_pes) for chiplet in package.chiplets)
larger = replace(package, name="larger arrays", chiplets=chiplets)
for each in (package, wider, larger):
    searched = chipweave.schedule("arvr-8", each).evaluation
    print(f"{each.name:20} {1e3 * searched.latency_s:6.1f} ms  {1e3 * searched.energy_j:5.1f} mJ")

# %% [markdown]
# ## The plan itself
#
# A schedule is windows of pipelines of stages. It can be changed and evaluated like any other; one that cannot run is
# refused with every reason.

# %%
from chipweave.errors import InputError

plan = result.schedule
windows = [replace(w, pipelines=tuple(replace(p, micro_batch=3) for p in w.pipelines)) for w in plan.windows]
try:
    changed = chipweave.evaluate(replace(plan, windows=tuple(windows)), "arvr-8", package)
    print(f"{changed.evaluation.latency_s / evaluation.latency_s:.2f} times as long")
except InputError as error:
    print(error)
plan

# %% [markdown]
# ## Keep it
#
# `save` writes the schedule, a page that shows it, and a trace for Perfetto; `timeline_figure` draws it for a paper.

# %%
from pathlib import Path
from tempfile import mkdtemp

from IPython.display import Image

from chipweave.report.figure import timeline_figure

folder = Path(mkdtemp())
print([path.name for path in chipweave.save(result, folder)])
timeline_figure(result, folder / "timeline.pdf", columns=1)
timeline_figure(result, folder / "timeline.png")
Image(folder / "timeline.png", width=800)
