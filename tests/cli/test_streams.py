"""Streams that are closed, full or without letters; messages without a bound; Ctrl-C before the program is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz import KINDS, fuzz
from chipweave import compiled
from chipweave.cli.console import LONGEST_LINE, MOST_LINES, bounded
from chipweave.cli.main import run

NO_DEVICE = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")


@NO_DEVICE
@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        (">/dev/full", 1, "error: the output cannot be written"),
        (">&-", 1, "error: the output cannot be written: stdout is closed"),
        (">&- 2>&-", 1, ""),
        (">/dev/full 2>/dev/full", 1, ""),
        ("2>&-", 0, ""),
    ],
)
def test_streams_that_take_nothing(streams: str, code: int, said: str) -> None:
    command = f"{sys.executable} -m chipweave list models {streams}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == bool(said)


def test_json_is_escaped_where_the_stream_has_no_letters(tmp_path: Path) -> None:
    model = tmp_path / "net.yaml"
    model.write_text('name: "né漢😀"\nlayers: [{name: a, op: gemm, K: 4, C: 4, Y: 4}]\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "chipweave", "schedule", model, "-p", "het-2x2", "-s", "standalone", "--json"],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))["scenario"]["name"] == "né漢😀"


def test_ctrl_c_while_the_program_loads_ends_it_in_silence() -> None:
    interrupting = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "chipweave.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from chipweave.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", interrupting], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@given(st.text(max_size=3000), st.integers(1, 60))
def test_messages_are_bounded_and_short_ones_whole(text: str, times: int) -> None:
    lines = bounded("\n".join([text] * times)).splitlines()
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= LONGEST_LINE for line in lines)


def test_what_is_left_out_of_a_message_is_counted() -> None:
    assert bounded("one\ntwo") == "one\ntwo"
    assert bounded("\n".join(map(str, range(100)))).splitlines()[-2:] == ["18", "and 81 more"]
    long = bounded("a" * 1000 + "; remedy")
    assert "(208 characters left out)" in " ".join(long.split())
    assert long.endswith("; remedy")


@pytest.mark.parametrize("value", ["99999999999999999999", "-99999999999999999999", "x" * 5000])
@pytest.mark.parametrize("option", ["--top-k", "--seed", "--jobs", "--objective", "--package", "--scheduler"])
def test_values_without_a_bound(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["schedule", "resnet18", "-p", "het-2x2", "-s", "scar", option, value])
    said = capsys.readouterr().err.splitlines()
    assert code == (0 if option == "--objective" and value != "x" * 5000 else 2)  # a number is an expression, too
    assert len(said) <= MOST_LINES
    assert all(len(line) <= LONGEST_LINE for line in said)


@pytest.mark.parametrize("name", ["\x1b[31m", "a\nb", "\ufeffa", "\u202e"])
def test_names_that_steer_a_terminal_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "net.m"
    source.write_text("Network net { Layer a { Type: CONV Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 8, X: 8 } } }")
    assert run(["import", "maestro", str(source), "--name", name, "--out", str(tmp_path / "net.yaml")]) == 2
    captured = capsys.readouterr()
    assert name not in captured.err + captured.out
    assert not (tmp_path / "net.yaml").exists()


def test_an_import_refuses_what_a_schedule_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, hardware = tmp_path / "net.m", tmp_path / "hw.m"
    text = (
        "Network n { Layer a { Type: CONV Stride { X: 1, Y: 1 } Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 8, X: 8 } } }"
    )
    source.write_text(text.replace("X: 1", f"X: {2**31}"))
    assert run(["import", "maestro", str(source), "--out", str(tmp_path / "net.yaml")]) == 2
    source.write_text(text)
    hardware.write_text("l1_size_cstr: 4096\nl2_size_cstr: 1024\n")
    arguments = ["--hardware", str(hardware), "--chiplet-out", str(tmp_path / "own.yaml")]
    assert run(["import", "maestro", str(source), *arguments]) == 2
    assert "larger than the L2" in capsys.readouterr().err
    assert not (tmp_path / "own.yaml").exists()


class _Index:
    def __init__(self, path: Path) -> None:
        self._index_path = str(path)


def test_a_damaged_kernel_cache_is_left_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "kernel.nbi"
    damaged.write_bytes(b"")
    compiled._once.cache_clear()

    def load(*_: object) -> None:
        raise EOFError("Ran out of input")

    guarded = compiled._guarded(load, _Index(damaged))
    with pytest.warns(UserWarning, match=r"compiled kernels cannot be kept \(EOFError: Ran out of input\)") as said:
        answers = [guarded() for _ in range(2)]
    assert answers == [None, None]
    assert len(said) == 1
    assert not damaged.exists()
    compiled._once.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_answered_as_they_should_be(kind: str, tmp_path: Path) -> None:
    if kind == "onnx":
        pytest.importorskip("onnx", reason="ONNX files need the package onnx")
    assert fuzz(kind, 30, 1, tmp_path).failures == []


def test_control_characters_count_as_they_are_spelt_out() -> None:
    lines = bounded("a\u202e\x07 " * 100).split("\n")
    assert "\\u202e\\x07" in lines[0]
    assert all(len(line) <= LONGEST_LINE for line in lines)
