"""What `--out` and `--figure` write, and what is said to be tried next."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import chipweave
from chipweave.cli.advice import after_comparing, after_reading, next_steps
from chipweave.cli.console import result_console
from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.files.schedule_file import to_text
from chipweave.report.save import save_comparison
from chipweave.report.trace import to_text as trace_text
from chipweave.results.result import Cell, Comparison, Result
from tests.report.results import SEARCH, chain_result, random_result

Run = Callable[..., tuple[int, str, str]]

PLAN = """
scenario: {name: two, models: [{name: net, batch: 4, model: resnet18}]}
package: het-2x2
schedule:
  windows:
    - pipelines:
        - model: net
          stages:
            - {layers: {first: conv1, last: layer3.1}, chiplets: [0]}
            - {layers: {first: layer4.0.conv1, last: fc}, chiplets: [1]}
"""
SAVED = ("schedule.json", "report.html", "trace.json")


@pytest.fixture
def chip(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        named = "-s" in arguments or arguments[:1] != ("schedule",)
        code = run([*map(str, arguments), *([] if named else ["-s", "scar"])])  # which is quick
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def test_save_writes_what_the_functions_make(tmp_path: Path) -> None:
    result = random_result(1)
    written = chipweave.save(result, tmp_path / "new" / "folder")
    assert written == tuple(tmp_path / "new" / "folder" / name for name in SAVED)
    assert written[0].read_text() == to_text(result)
    assert written[1].read_text().startswith("<!")
    assert written[2].read_text() == trace_text(result)
    before = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in chipweave.save(result, str(written[0].parent))] == before


def test_save_says_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made a folder"):
        chipweave.save(random_result(1), tmp_path / "file" / "folder")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html: is a folder"):
        chipweave.save(random_result(1), tmp_path)
    assert (tmp_path / "schedule.json").exists()


def test_evaluate_saves_a_report_of_a_plan_and_of_a_schedule(chip: Run, plan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, err = chip("evaluate", plan, "--out", out, "--json")
    assert (code, err.splitlines()) == (0, [f"saved {out / name}" for name in SAVED])
    before = {name: (out / name).read_bytes() for name in SAVED}
    (out / "schedule.json").chmod(0o444)
    code, _, err = chip("evaluate", out / "schedule.json", "--out", out, "--json")
    assert (code, err.splitlines()) == (0, [f"saved {out / name}" for name in SAVED[1:]])
    assert {name: (out / name).read_bytes() for name in SAVED} == before
    other = tmp_path / "other"
    assert chip("evaluate", out / "schedule.json", "--out", other, "--json")[0] == 0
    assert {name: (other / name).read_bytes() for name in SAVED} == before


@pytest.mark.parametrize("command", [("evaluate", "PLAN"), ("schedule", "resnet18", "-p", "het-2x2")])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--figure", "figure.bmp"), "figure.bmp: a figure is not 'bmp'; end its name in .pdf, .svg or .png"),
        (("--figure", "figure"), "end its name in .pdf, .svg or .png"),
        (("--figure", "PLAN/figure.pdf"), "takes no files"),
        (("--out", "PLAN"), "takes no files"),
    ],
)
def test_what_cannot_be_written_is_said_at_once(
    chip: Run, plan: Path, tmp_path: Path, command: tuple[str, ...], options: tuple[str, ...], message: str
) -> None:
    pytest.importorskip("matplotlib")
    arguments = [word.replace("PLAN", str(plan)) for word in (*command, *options)]
    code, out, err = chip(*arguments)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())  # where a line is broken depends on how long the path is
    assert err.startswith("error: ")
    assert list(tmp_path.iterdir()) == [plan]


def test_figures_are_drawn(chip: Run, plan: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pdf, png = tmp_path / "figures" / "a.pdf", tmp_path / "b.PNG"
    code, _, err = chip("evaluate", plan, "--figure", pdf, "--figure", png, "--json")
    assert (code, err.splitlines()) == (0, [f"saved {pdf}", f"saved {png}"])
    assert pdf.read_bytes().startswith(b"%PDF")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_figures_without_their_extra_say_how_to_get_it(
    chip: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipweave.report.figure.find_spec", lambda name: None)
    code, _, err = chip("evaluate", plan, "--figure", tmp_path / "a.pdf")
    assert code == 2
    assert err.endswith("figures need matplotlib; install it with: pip install 'chipweave[figures]'\n")


def test_compare_saves_every_cell(chip: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    packages = ("-p", "het-2x2", "-p", "mesh-16")
    code, printed, err = chip(
        "compare", "resnet18", *packages, "-s", "standalone", "-s", "simba", "--out", out, "--json"
    )
    assert code == 0
    cells = json.loads((out / "comparison.json").read_text())
    assert [{key: value for key, value in cell.items() if key != "file"} for cell in cells] == json.loads(printed)
    assert [cell.get("file") for cell in cells] == [
        "1-standalone-het-2x2/schedule.json",
        None,
        "3-standalone-mesh-16/schedule.json",
        "4-simba-mesh-16/schedule.json",
    ]
    for cell in cells:
        if "file" in cell:
            stored = json.loads((out / cell["file"]).read_text())
            assert stored["evaluation"]["edp_js"] == cell["edp_js"]
    assert (out / "comparison.html").read_text().startswith("<!")
    saved = [line for line in err.splitlines() if line.startswith("saved ")]
    assert len(saved) == 5
    assert all(Path(line.removeprefix("saved ")).is_file() for line in saved)


def test_a_comparison_that_was_stopped_at_once_is_saved_and_shown(
    chip: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipweave.api.compare", lambda *_, **__: Comparison())
    code, out, _ = chip("compare", "resnet18", "-p", "het-2x2", "--out", tmp_path / "out")
    assert code == 1
    assert "scheduler" in out
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == []
    assert "<table" in Comparison()._repr_html_()


def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    from chipweave.report.save import save_comparison

    result = chain_result("mesh-16", [(1, [0])])
    written = save_comparison([Cell("../../x", "/etc/passwd\0", result), Cell("a" * 300, "", result)], tmp_path / "out")
    assert all(path.resolve().is_relative_to(tmp_path / "out") for path in written)
    assert {path.parent.name for path in written} == {"out", "1-x-etc-passwd", f"2-{'a' * 40}-unnamed"}


# Advice ------------------------------------------------------------------------------------------------------------


def with_search(result: Result, **changes: object) -> Result:
    return replace(result, search=replace(SEARCH, **changes))  # type: ignore[arg-type]


def test_advice_depends_on_what_happened() -> None:
    result = random_result(2)
    assert result.gap is not None
    assert result.gap > 0.3
    saving, better = next_steps(result, None, None, False)
    assert "--out DIR" in saving
    assert better.startswith("the same with --scheduler weave")
    exhaustive = with_search(result, scheduler="weave")
    assert next_steps(exhaustive, None, None, False) == [saving]
    opened = next_steps(exhaustive, Path("my results"), None, False)
    assert opened[0] == "open 'my results/report.html' in a browser"
    assert "why 'my results/schedule.json':" in opened[-1]
    short = next_steps(with_search(result, complete=False), None, 2.5, False)
    assert short[1].startswith("the same with --time-limit 5:")
    early = {"complete": False, "scheduler": "weave", "seconds": 20.0}
    rising = next_steps(with_search(result, **early, history=((1.0, 5.0), (17.0, 4.0))), None, None, False)
    assert rising[1].startswith("the same with --time-limit 60: the search still got better")
    assert next_steps(with_search(result, **early, history=((1.0, 5.0),)), None, None, False) == [saving]
    assert "interrupted" in next_steps(with_search(result, complete=False), None, None, True)[1]
    assert "--scheduler weave" in next_steps(with_search(result, scheduler="standalone"), None, None, False)[1]
    assert result.certificate is not None
    assert result.value is not None
    near = replace(result, certificate=replace(result.certificate, value=0.9 * result.value))
    assert next_steps(near, None, None, False) == [saving]


def test_advice_after_reading_and_comparing() -> None:
    assert after_reading(Path("a b.json"), None)[0].split("evaluate ")[1].startswith("'a b.json' --out DIR")
    opened, why = after_reading(Path("a.json"), Path("out"))
    assert opened == "open out/report.html in a browser"
    assert "why a.json" in why
    first, second = sorted((random_result(1), random_result(2)), key=lambda result: result.value or 0)
    cells = [Cell("x", "p", None, "why"), Cell("y", "p", second), Cell("x", "q", first)]
    (step,) = after_comparing(cells, "my scenario.yaml", ["p.yaml", "q.yaml"], ["x", "y"], None)
    assert "schedule 'my scenario.yaml' --package q.yaml --scheduler x --out results" in step
    saved = after_comparing(cells, "s", ["p.yaml", "q.yaml"], ["x", "y"], Path("my out"))
    assert saved[1].endswith("evaluate 'my out/3-x-q/schedule.json' --out results: the best one, with its report.html")
    assert after_comparing(cells[:1], "s", ["p"], ["x"], Path("o")) == ["open o/comparison.html in a browser"]


@pytest.mark.parametrize("name", SAVED)
def test_a_link_out_of_the_folder_is_not_followed(chip: Run, plan: Path, tmp_path: Path, name: str) -> None:
    """A folder of results from elsewhere may hold one that leads to any file of the user's."""
    (tmp_path / "precious").write_text("old")
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / name).symlink_to("../precious")
    code, _, err = chip("evaluate", plan, "--out", folder)
    assert code == 2
    assert "leads out of" in err
    with pytest.raises(InputError, match="leads out of"):
        chipweave.save(random_result(1), folder)
    assert (tmp_path / "precious").read_text() == "old"


def test_links_within_the_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "trace.json").symlink_to("kept.json")
    chipweave.save(random_result(1), tmp_path / "link")
    assert (tmp_path / "real" / "trace.json").is_symlink()
    assert (tmp_path / "real" / "kept.json").is_file()


def test_a_comparison_does_not_follow_a_link_out_either(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "1-scar-p").symlink_to("../elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        save_comparison([Cell("scar", "p", random_result(1))], folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_matplotlib_that_cannot_be_used_is_said_before_the_search(
    chip: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    code, _, err = chip("evaluate", plan, "--figure", tmp_path / "a.svg", "--out", tmp_path / "out")
    assert code == 2
    assert "matplotlib cannot be used: " in err
    assert not (tmp_path / "out").exists()


def test_a_terminal_of_a_billion_columns_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "999999999")
    assert result_console().width == 1000
    monkeypatch.setenv("COLUMNS", "20")
    assert result_console().width == 20
