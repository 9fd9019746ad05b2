"""The first day of a newcomer, by the script that does it with an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_first_day(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    command = tmp_path / "chipweave"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chipweave "$@"\n')
    command.chmod(0o755)
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        ["bash", str(Path(__file__).with_name("newcomer.sh"))],
        env={**os.environ, "CHIPWEAVE": str(command), "PYTHON": sys.executable, "PYTHONPATH": paths},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
