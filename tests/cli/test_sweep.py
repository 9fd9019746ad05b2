"""`chipweave sweep`: what it says, what it leaves behind, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.cli.sweep import reasons
from chipweave.store.answer import Failure, Kind
from chipweave.store.content import content
from chipweave.store.store import Store
from chipweave.sweep.dashboard import page
from chipweave.sweep.run import run_sweep
from chipweave.sweep.standing import Standing, line
from tests.sweep import small
from tests.sweep.small import AtOnce

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("chipweave.sweep.local.LocalWorkers", lambda jobs: AtOnce())
    small.sweep(tmp_path)
    return tmp_path / "small.yaml"


def test_a_sweep_and_the_same_again(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, html = tmp_path / "s.db", tmp_path / "p.html"
    assert run(["sweep", str(file), "--store", str(store), "--html", str(html)]) == 0
    assert capsys.readouterr().out == (
        f"sweep 'small' in {store}: 12 of 12 cases are finished, 12 of them now; 0 failed\n"
    )
    assert "12 of 12 cases, 12 of them by this run" in html.read_text()
    assert run(["sweep", "run", "--store", str(store), str(file)]) == 0
    assert "12 of 12 cases are finished, 0 of them now" in capsys.readouterr().out


def test_failures_are_listed_and_retried(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(parcel: small.Parcel) -> Failure:
        return Failure(parcel.key, Kind.INTERNAL, "ValueError: \x1b[31mred\nand more", 1.0, "here")

    store = str(tmp_path / "s.db")
    with monkeypatch.context() as patch:
        patch.setattr("chipweave.sweep.local.LocalWorkers", lambda jobs: AtOnce(fails))
        assert run(["sweep", str(file), "--store", store]) == 1
    out = capsys.readouterr().out
    assert "0 of 12 cases are finished, 0 of them now; 12 failed" in out
    assert "  12 x internal: ValueError: \\x1b[31mred\n--retry-failed tries them again\n" in out
    assert run(["sweep", str(file), "--store", store]) == 1
    assert "12 failed" in capsys.readouterr().out
    assert run(["sweep", str(file), "--store", store, "--retry-failed"]) == 0
    assert "12 of them now; 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seed:", "sed:"), "small.yaml:9: axes.sed: names no field; did you mean 'seed'?"),
        (("[1, 2, 1]", "[1, 1e9, 1]"), "points are more than 10,000,000"),
        (("{range: [1, 2, 1]}", "[]"), "has no values, so that the sweep has no points"),
        (("1000000,", "no,"), "axes.chiplets.*.l2_bytes[0]: 'no' is not a whole number"),
        (("axes:", "colour: 1\naxes:"), "colour: unknown key"),
        (("axes:", "where: [sed > 1]\naxes:"), "'sed' names no axis; did you mean 'seed'?"),
        (("axes:", "where: [seed > 9]\naxes:"), "`where` leaves no point of 12"),
        (("  seed", "  chiplets.A.array: [[1, 1]]\n  seed"), "points that are no cases; leave them out by `where`"),
    ],
)
def test_bad_input_writes_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    file.write_text(file.read_text().replace(*change))
    assert run(["sweep", str(file), "--store", str(tmp_path / "s.db"), "--html", str(tmp_path / "p.html")]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Usage"),
        (["none.yaml", "--store", "s.db"], "none.yaml: no such file"),
        (["small.yaml"], "Missing option '--store'"),
        (["small.yaml", "--store", "no/s.db"], "no/s.db: its folder is missing"),
        (["small.yaml", "--store", "s.db", "--html", "no/p.html"], ""),
        (["small.yaml", "--store", "small.yaml"], "small.yaml"),
        (["small.yaml", "--store", "s.db", "--jobs", "0"], "--jobs"),
    ],
)
def test_what_is_wrong_with_the_command(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(file.parent)
    before = file.read_text()
    code = run(["sweep", *words])
    captured = capsys.readouterr()
    assert said in captured.err + captured.out
    assert file.read_text() == before
    assert "Traceback" not in captured.err
    assert code == 2 or not said or said == "Usage"


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    asked = small.sweep(tmp_path, seeds=400)
    store = tmp_path / "s.db"
    command = [sys.executable, "-m", "chipweave", "sweep", asked.path, "--store", str(store), "--jobs", "2"]
    client = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=-1, stderr=-1, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline_s = time.monotonic() + 120
    while client.poll() is None and time.monotonic() < deadline_s and not finished(store):
        time.sleep(0.1)
    os.killpg(client.pid, signal.SIGINT)
    out, err = client.communicate(timeout=60)
    assert client.returncode == 130, err
    assert "stopping; what is finished is kept" in err
    assert "Traceback" not in err
    with Store.open(store) as opened:
        done = len(opened.finished(opened.keys("small")))
        assert 0 < done < 2400
        assert opened.owners() == []
    assert f"{done:,} of 2,400 cases are finished" in out


def finished(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with Store.open(path, create=False) as store:
            return len(store.finished(store.keys("small")))
    except Exception:
        return 0


def test_the_page_escapes_and_reloads_itself_until_the_end(tmp_path: Path) -> None:
    asked = small.sweep(tmp_path, text=small.FILE.replace("name: small", "name: <b>small"))
    with Store.open(tmp_path / "s.db") as store:
        standing = run_sweep(asked, store, lambda _: AtOnce())
        during, after = (page(store, asked, standing, over=over) for over in (False, True))
    assert "<b>" not in during
    assert 'http-equiv="refresh"' in during
    assert 'http-equiv="refresh"' not in after
    assert "<td>12 of 12 cases, 12 of them by this run</td>" in after


def test_standings_and_reasons_in_words() -> None:
    standing = Standing("s", 100, 10, 30, 2, 1, 16.0, (0.5, "key"))
    assert line(standing) == ("42 of 100 cases, 2 a second, 29 s left, 2 failed, 1 with other clients, best so far 0.5")
    assert line(Standing("s", 5)) == "0 of 5 cases"
    failures = [Failure("k", Kind.INFEASIBLE, f"reason {n % 12}", 0, "w") for n in range(25)]
    said = reasons(failures)
    assert said[0] == "  3 x infeasible: reason 0"
    assert said[-1] == "  and 2 other reasons"


def test_content_is_the_same_by_the_command_line(file: Path, tmp_path: Path) -> None:
    assert run(["sweep", str(file), "--store", str(tmp_path / "one.db")]) == 0
    with Store.open(tmp_path / "two.db") as store:
        run_sweep(small.sweep(tmp_path), store, lambda _: AtOnce())
        two = content(store)
    with Store.open(tmp_path / "one.db") as store:
        assert content(store) == two
