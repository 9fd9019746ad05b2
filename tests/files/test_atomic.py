"""Whole files or none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.files.atomic import require_writable, write_text
from chipweave.files.content import content_hash


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "one\nzwei ü\n")
    assert path.read_bytes() == "one\nzwei ü\n".encode()
    path.chmod(0o640)
    write_text(str(path), "two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["f.txt"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_on_the_way_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(InputError, match=r"f: cannot be written: No space left on device; check the folder"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_an_interrupt_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "f", "new")
    assert os.listdir(tmp_path) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        write_text(tmp_path, "x")
    with pytest.raises(InputError, match=r"missing/f: cannot be written: No such file or directory"):
        write_text(tmp_path / "missing" / "f", "x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file/f: cannot be written: Not a directory"):
        write_text(tmp_path / "file" / "f", "x")
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / ("x" * 300), "x")


def test_content_hash() -> None:
    # sha256 of the eleven bytes {"a":[1,2]}
    assert content_hash({"a": [1, 2]}) == "sha256:01530d164d479cf08e26d3b1ad9bdba927120d97e2d057a6d792db778780d720"
    assert content_hash({"b": 1, "a": 2.5}) == content_hash({"a": 2.5, "b": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"a": float("nan")})


@pytest.mark.parametrize("name", ["a" * 300 + "/f", "a\0b/f", "round/f"])
def test_a_name_that_cannot_be_is_said_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(InputError, match=r"cannot be written: .*; choose another name"):
        require_writable(tmp_path / name)
    require_writable(tmp_path / "new" / "folder" / "f")


def test_a_folder_that_is_a_link_to_nowhere_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "gone" / "results")
    with pytest.raises(InputError, match="results takes no files; choose another folder"):
        require_writable(tmp_path / "results" / "schedule.json")


def test_what_a_killed_process_left_is_swept_and_what_another_writes_is_not(tmp_path: Path) -> None:
    left, written, other = (tmp_path / name for name in (".f.abcd1234.tmp", ".f.efgh5678.tmp", ".g.abcd1234.tmp"))
    for path in (left, written, other):
        path.write_text("half")
    fcntl = pytest.importorskip("fcntl")
    with written.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_text(tmp_path / "f", "whole")
    assert set(tmp_path.iterdir()) == {tmp_path / "f", written, other}


def test_only_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "round").symlink_to("round")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/null")):
        for write in (require_writable, lambda path: write_text(path, "x")):
            with pytest.raises(InputError, match="is a device, a pipe or a socket"):
                write(path)
    with pytest.raises(InputError, match="links lead round in a circle"):
        write_text(tmp_path / "round", "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder here that takes no files of anyone")
def test_a_folder_that_takes_no_files_whatever_its_rights_say(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/proc takes no files; choose another folder"):
        require_writable(Path("/proc/results/f"))
    require_writable(tmp_path / "f")
    assert not list(tmp_path.iterdir())  # trying leaves nothing behind
