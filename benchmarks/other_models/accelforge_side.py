"""Time of accelforge's mapper on one transformer layer, its own example: run by its own environment's interpreter.

The workload (GPT-3 6.7B, one layer, 8192 tokens) and architecture (TPU v4i) of its mapper tutorial, without fusion.
Writes one JSON object.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import sys
import time

import accelforge
from accelforge.mapper.FFM.main import map_workload_to_arch


def main() -> None:
    jobs = int(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        accelforge.set_n_parallel_jobs(jobs)
        spec = accelforge.Spec.from_yaml(
            accelforge.examples.arches.tpu_v4i,
            accelforge.examples.workloads.gpt3_6_7B,
            jinja_parse_data={"BATCH_SIZE": 1, "N_TOKENS": 8192},
        )
        outermost = next(node for node in spec.arch.nodes if isinstance(node, accelforge.arch.Memory))
        outermost.tensors.keep = "All"
        spec.mapper.metrics = accelforge.mapper.Metrics.ENERGY
        spec.mapper.max_fused_loops = 1
        started = time.perf_counter()
        map_workload_to_arch(spec, eval_in_detail=False)  # the details want a drawing program
        seconds = time.perf_counter() - started
    json.dump({"version": importlib.metadata.version("accelforge"), "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
