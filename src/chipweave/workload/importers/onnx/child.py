"""The process that `isolated` starts: a request as JSON on stdin, a model or its problems as JSON on stdout."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from chipweave.errors import InputError
from chipweave.workload.importers.onnx.isolated import MOST_BYTES, MOST_SECONDS, written
from chipweave.workload.importers.onnx.model import read_onnx


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return written(read_onnx(**request))
    except InputError as error:
        return {"problems": error.problems}
    except MemoryError:
        problem = f"{request['path']}: reading it takes more than {MOST_BYTES >> 30} GB; export a smaller part"
        return {"problems": [problem]}


def limit_resources() -> None:
    with suppress(ImportError, OSError, ValueError):  # other systems, and limits that are tighter already
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


if __name__ == "__main__":
    limit_resources()
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
