"""docs/file-formats.md and docs/schema: examples that work, tables that state every field, schemas that are current."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chipweave.errors import InputError
from chipweave.files.chiplet_file import chiplet_to_dict, load_chiplet
from chipweave.files.model_file import load_model, model_to_dict
from chipweave.files.package_file import load_package, package_to_dict, resolve_package
from chipweave.files.presets import chiplet_names, package_names
from chipweave.files.scenario_file import load_scenario, scenario_to_dict
from chipweave.files.schema import KINDS, json_schema
from chipweave.files.sweep_file import load_sweep
from chipweave.files.yaml import dump_yaml, load_yaml, parse_yaml

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "file-formats.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```yaml title=\"(.+?)\"\n(.*?)```", PAGE, flags=re.DOTALL))
LOADERS: dict[str, Any] = {
    "model": (load_model, model_to_dict),
    "scenario": (load_scenario, scenario_to_dict),
    "package": (load_package, package_to_dict),
    "chiplet": (load_chiplet, chiplet_to_dict),
    "sweep": (load_sweep, lambda sweep: parse_yaml(sweep.document, "sweep")),
}
EXAMPLE_OF = {"net.yaml": "model", "busy.yaml": "scenario", "pair.yaml": "package", "ring.yaml": "package"}
EXAMPLE_OF |= {"chat.yaml": "scenario"}
EXAMPLE_OF |= {"mesh.yaml": "package", "small.yaml": "chiplet", "stacked.yaml": "package", "links.yaml": "sweep"}
EXAMPLE_OF |= {"unlike.yaml": "package", "board.yaml": "package"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All examples of the page side by side; they name each other."""
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_page_has_these_examples() -> None:
    assert EXAMPLE_OF.keys() == EXAMPLES.keys()


@pytest.mark.parametrize(("name", "kind"), EXAMPLE_OF.items())
def test_examples_load_and_fit_the_schema(name: str, kind: str, folder: Path) -> None:
    load, to_dict = LOADERS[kind]
    described = to_dict(load(folder / name))
    for data in (load_yaml(folder / name), described):
        jsonschema.validate(data, json_schema(kind), jsonschema.Draft202012Validator)


def test_the_examples_are_what_the_page_says(folder: Path) -> None:
    model = load_model(folder / "net.yaml")
    assert [(edge.producer, edge.consumer, edge.elements) for edge in model.edges] == [
        (-1, 0, 3 * 32 * 32),
        (0, 1, 16 * 32 * 32),
        (1, 2, 16 * 32 * 32),
        (0, 2, 16 * 32 * 32),
        (2, 3, 16 * 32 * 32),
        (3, 4, 16),
    ]
    scenario = load_scenario(folder / "busy.yaml")
    assert [(task.name, task.model.name, task.batch) for task in scenario.tasks] == [
        ("classify", "small-net", 8),
        ("detect", "resnet18", 1),
        ("decide", "head", 1),
    ]
    ring = load_package(folder / "ring.yaml")
    assert ring.neighbours == ((1, 3), (0, 2), (1, 3), (0, 2))
    pair = load_package(folder / "pair.yaml")
    assert pair.chiplets[1] == load_chiplet(folder / "small.yaml")
    assert pair.interfaces == (0, 1)
    built_in, mesh = resolve_package("mesh-16"), load_package(folder / "mesh.yaml")
    stacked = load_package(folder / "stacked.yaml")
    assert [stack.interfaces for stack in stacked.memory] == [(0,), (2,), (0, 2)]
    unlike, board = load_package(folder / "unlike.yaml"), load_package(folder / "board.yaml")
    assert [link.ends for link in unlike.own_links] == [(0, 3), (1, 2), (3, 0)]
    assert (board.board, [link.ends for link in board.own_links]) == ((0, 0, 1, 1), [(1, 2), (2, 1)])
    assert board.link_bytes_s((1, 2)) == 8 * 14e9
    chiplet = replace(built_in.chiplets[0], name="simba-l2-4mb", l2_bytes=4 * 2**20)
    assert mesh == replace(built_in, name="mesh-16-l2-4mb", source="", chiplets=(chiplet,) * 16)


def test_the_sweep_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(code, "example", "exec", dont_inherit=True), {})
    names, latencies = zip(*(line.split() for line in capsys.readouterr().out.splitlines()), strict=True)
    assert names == tuple(f"mesh-16-l2-{megabytes}mb" for megabytes in (1, 2, 5, 10))
    assert sorted(map(float, latencies), reverse=True) == list(map(float, latencies))


def rows(properties: dict[str, Any], required: list[str]) -> list[str]:
    """The page's table of one kind of mapping."""

    def default(key: str) -> str:
        if key in required:
            return "required"
        value = properties[key].get("default")
        if "Default: " in properties[key]["description"]:
            return "see meaning"
        return "none" if value in (None, "", {}) else f"`{dump_yaml({'': value})[4:-1]}`"

    return [f"| `{key}` | {default(key)} | {field['description']} |" for key, field in properties.items()]


def mappings() -> dict[str, dict[str, Any]]:
    """Every kind of mapping in any file, by its title."""
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        schema = json_schema(kind)
        found[kind] = schema
        found |= {name: part for name, part in schema["$defs"].items() if "properties" in part}
    return {
        name: part
        for name, part in found.items()
        if name not in ("ModelSpec", "ScenarioSpec", "PackageSpec", "ChipletSpec")
    }


@pytest.mark.parametrize("name", mappings())
def test_the_page_states_every_field(name: str) -> None:
    part = mappings()[name]
    missing = [row for row in rows(part["properties"], part.get("required", [])) if row not in PAGE]
    assert not missing, "put these rows into docs/file-formats.md:\n" + "\n".join(missing)


def test_the_messages_on_the_page_are_the_messages(folder: Path) -> None:
    lines = EXAMPLES["net.yaml"].splitlines()
    for number, old, new in [(4, "padding: 1", "strid: 1"), (6, "C: 16", "C: -16"), (7, "Y: 1", "Y: 1, inputs: [avg]")]:
        lines[number - 1] = lines[number - 1].replace(old, new)
    (folder / "net.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        load_model(folder / "net.yaml")
    shown = re.search(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    assert shown
    assert str(caught.value).replace(f"{folder}/", "") == shown[1].strip()


@pytest.mark.parametrize("kind", KINDS)
def test_committed_schemas_are_current(kind: str) -> None:
    committed = (DOCS / "schema" / f"{kind}.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(kind), indent=2) + "\n", (
        f"chipweave schema {kind} > docs/schema/{kind}.json"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))


def test_schemas_refuse_what_the_loaders_refuse() -> None:
    good = {"name": "m", "layers": [{"name": "a", "op": "gemm", "K": 1, "C": 1, "Y": 1}]}
    jsonschema.validate(good, json_schema("model"))
    for change in (
        {"K": 0},
        {"K": "1"},
        {"K": 1.5},
        {"op": "gem"},
        {"stride": [1]},
        {"stride": 0},
        {"colour": 1},
        {"inputs": []},
    ):
        bad = {"name": "m", "layers": [good["layers"][0] | change]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, json_schema("model"))


def test_presets_fit_the_schemas() -> None:
    folder = Path(__file__).parents[2] / "src" / "chipweave" / "hardware" / "presets"
    for kind in ("chiplet", "package"):
        files = sorted((folder / f"{kind}s").rglob("*.yaml"))
        assert files
        for file in files:
            jsonschema.validate(parse_yaml(file.read_text(), file.name), json_schema(kind))


def test_the_page_names_every_preset() -> None:
    names = [name for name in package_names() if not name.startswith("arvr-") and not name.endswith("-flipped")]
    assert [name for name in (*names, *chiplet_names()) if f"`{name}`" not in PAGE] == []
