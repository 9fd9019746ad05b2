"""The house keeps its shape: what takes what from where, how large functions are, and how rooms are called.

Each check names the places of a package where its rule is broken, and how. `EXCEPTED` lists the places that are left as
they are, with the reason; an entry that is no longer needed fails as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import chipweave

HOUSE = Path(chipweave.__file__).parent

FLOORS = (
    "compiling",
    "errors version display ndarrays cores compiled collector heap",
    "plain",
    "workload hardware shelf",
    "cost",
    "plan",
    "evaluation",
    "simulation",
    "schedulers results",
    "files",
    "report store api",
    "what_if serving",
    "study sweep __init__",
    "reproduction validation",
    "cli",
    "__main__",
)
"""The rooms of the package, from the ground up: each takes from itself and from the floors below it."""
EVALUATION_FLOORS = (
    "law keep streams __init__",
    "term contention strips",
    "record",
    "glossary",
    "exact",
    "tables",
    "evaluate check bound timeline traffic copies unequal",
    "floors planes pipelines priced",
    "by_length",
    "line_by_length audit_pipelines audit_by_length",
    "lines",
    "audit",
)
"""Likewise the rooms of `evaluation`."""
APART = ("nn_baton", "scar", "scope")
"""The schedulers that take nothing from each other's rooms."""
LAW = "evaluation/law.py"
OUTSIDE = ("benchmarks", "docs", "tests")
"""Folders of the project that are not in the wheel."""

MOST_LINES = 61
MOST_PARAMETERS = 8
VAGUE = frozenset(
    {"words", "terms", "notes", "made", "rows", "columns", "sheet", "front", "figures", "arrays", "batch", "expect"}
    | {"caps", "chains", "count", "counts"}
)
"""Names that do not say what is in a room."""

Found = dict[str, str]
"""Where a rule is broken: place and how."""
Check = Callable[[Path], Found]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One name that a module imports.

    Args:
        by: the module's path in the package.
        name: what it imports, dotted.
        path: of the module that this is or comes from; empty outside of the package.
        at_load: the import runs when the module is loaded. Those in functions do not, nor those for types alone.
    """

    by: str
    name: str
    path: str
    at_load: bool


@cache
def modules_of(house: Path) -> dict[str, ast.Module]:
    """The parsed modules of a package, by path."""
    return {path.relative_to(house).as_posix(): ast.parse(path.read_text("utf-8")) for path in house.rglob("*.py")}


@cache
def imports_of(house: Path) -> list[Import]:
    modules = modules_of(house)
    return [
        Import(by, name, path_of(name, house, modules), at_load)
        for by, tree in sorted(modules.items())
        for name, at_load in names_imported(tree, [house.name, *by.split("/")[:-1]])
    ]


def path_of(name: str, house: Path, modules: Container[str]) -> str:
    """The module that a dotted name is, or else the one that it comes from; empty outside of the package."""
    package, *parts = name.split(".")
    for place in ("/".join(parts), "/".join(parts[:-1])):
        for path in (f"{place}/__init__.py".lstrip("/"), f"{place}.py"):
            if package == house.name and path in modules:
                return path
    return ""


def names_imported(tree: ast.AST, package: list[str], at_load: bool = True) -> Iterator[tuple[str, bool]]:
    """What a module of `package` imports, dotted; also what it writes as `module:name`, to be imported by name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = [*base, node.module] if node.module else base
            yield from ((".".join([*module, alias.name]), at_load) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"\w+(\.\w+)+:\w+", node.value):
                yield node.value.replace(":", "."), False
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for part in node.body:
                yield from names_imported(ast.Module([part], []), package, False)
            for part in node.orelse:
                yield from names_imported(ast.Module([part], []), package, at_load)
        else:
            inside = isinstance(node, Function | ast.Lambda)
            yield from names_imported(node, package, at_load and not inside)


def circles(house: Path) -> Found:
    """Modules that need each other to be loaded. One that is imported in a function may need its importer in turn:
    both are loaded by then. To load a module loads the packages that it is in, too."""
    needs: dict[str, set[str]] = {}
    for each in imports_of(house):
        if each.path and each.at_load:
            around = {str(folder / "__init__.py") for folder in Path(each.path).parents}
            around -= {str(folder / "__init__.py") for folder in Path(each.by).parents}
            needs.setdefault(each.by, set()).update({each.path, *around} - {each.by})
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return {" -> ".join(reversed(error.args[1])): "modules that load each other"}
    return {}


def arrows_up(house: Path) -> Found:
    """Imports, at whatever time, that do not lead to a lower floor."""
    found: Found = {}
    for each in imports_of(house):
        if each.name.split(".")[0] in OUTSIDE:
            found[f"{each.by} -> {each.name}"] = "not in the wheel"
        if each.path:
            by, of = each.by.removesuffix(".py").split("/"), each.path.removesuffix(".py").split("/")
            floors: tuple[str, ...] = FLOORS
            if by[0] == of[0] == "evaluation":
                by, of, floors = by[1:], of[1:], EVALUATION_FLOORS
            if by[0] != of[0] and not floor_of(of[0], floors) < floor_of(by[0], floors):
                found[f"{each.by} -> {each.path}"] = "not on a lower floor"
    return found


def floor_of(room: str, floors: tuple[str, ...]) -> int:
    return next((floor for floor, rooms in enumerate(floors) if room in rooms.split()), -1)


def homeless(house: Path) -> Found:
    """Rooms without a floor."""
    floors = {"": FLOORS, "evaluation/": EVALUATION_FLOORS}
    return {
        path: "its room has no floor"
        for path in modules_of(house)
        for folder, rooms in floors.items()
        if path.startswith(folder) and floor_of(re.split("[/.]", path.removeprefix(folder))[0], rooms) < 0
    }


def law_needs(house: Path) -> Found:
    """What the law takes from the project."""
    return {
        f"{each.by} -> {each.path}": "the law takes nothing"
        for each in imports_of(house)
        if each.path and each.by == LAW
    }


def visits(house: Path) -> Found:
    """Schedulers that take something from another's rooms."""

    def room(path: str) -> str:
        parts = re.split("[/.]", path)
        return parts[1] if parts[0] == "schedulers" and parts[1] in APART else ""

    return {
        f"{each.by} -> {each.path}": "another scheduler's room"
        for each in imports_of(house)
        if room(each.by) and room(each.path) not in ("", room(each.by))
    }


def functions_of(house: Path) -> Iterator[tuple[str, Function]]:
    """Every function with its place, also methods and functions in functions."""

    def inside(tree: ast.AST, outer: str) -> Iterator[tuple[str, Function]]:
        for node in ast.iter_child_nodes(tree):
            name = f"{outer}.{node.name}" if isinstance(node, Function | ast.ClassDef) else outer
            if isinstance(node, Function):
                yield name, node
            yield from inside(node, name)

    for path, tree in sorted(modules_of(house).items()):
        yield from ((f"{path}: {name[1:]}", node) for name, node in inside(tree, ""))


def long_functions(house: Path) -> Found:
    lines = {place: (node.end_lineno or 0) - node.lineno + 1 for place, node in functions_of(house)}
    return {place: f"{count} lines" for place, count in lines.items() if count > MOST_LINES}


def wide_functions(house: Path) -> Found:
    """Functions of many positional parameters, `self` among them."""
    counts = {place: len(node.args.posonlyargs + node.args.args) for place, node in functions_of(house)}
    return {place: f"{count} parameters" for place, count in counts.items() if count > MOST_PARAMETERS}


def unannotated(house: Path) -> Found:
    found: Found = {}
    for place, node in functions_of(house):
        args = node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        bare = [arg.arg for arg in every if arg and not arg.annotation and arg.arg not in ("self", "cls")]
        bare += [] if node.returns else ["what it returns"]
        if bare:
            found[place] = f"not annotated: {', '.join(bare)}"
    return found


def callable_modules(house: Path) -> Found:
    """Modules beside an `__init__` that gives out a function or class of the same name: which one a user gets would
    depend on what is already loaded."""
    modules = modules_of(house)
    found: Found = {}
    for path in modules:
        if path.endswith("__init__.py"):
            folder = path.removesuffix("__init__.py")
            rooms = {re.split("[/.]", other.removeprefix(folder))[0] for other in modules if other.startswith(folder)}
            given = {name for node in ast.walk(modules[path]) for name in names_given(node, house, modules)}
            found |= {f"{folder}{room}": "also a function" for room in rooms & given}
    return found


def names_given(node: ast.AST, house: Path, modules: Container[str]) -> Iterator[str]:
    """The names of functions and classes, and of what is imported without being a module."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            path = path_of(f"{node.module}.{alias.name}", house, modules)
            if path_of(f"{node.module}.{alias.name}.x", house, modules) != path:
                yield alias.asname or alias.name


def vague_rooms(house: Path) -> Found:
    return {
        path: "its name does not say what is in it"
        for path in modules_of(house)
        if VAGUE & set(path.removesuffix(".py").split("/"))
    }


EXCEPTED: dict[Check, dict[str, str]] = {
    circles: {},
    arrows_up: {},
    homeless: {},
    law_needs: {},
    visits: {},
    long_functions: {
        "cost/maestro/closed_forms.py: _nvdla": "one formula: the closed form of the NVDLA mapping",
        "cost/maestro/closed_forms.py: _shidiannao": "one formula: the closed form of the ShiDianNao mapping",
        "cost/maestro/kernel.py: _run": "one formula: the cycles of a level, with those of the levels in it",
    },
    wide_functions: {},
    unannotated: {},
    callable_modules: {},
    vague_rooms: {},
}
"""Of every check the places that are left as they are, and why."""


def complaints(found: Found, excepted: dict[str, str]) -> list[str]:
    new = [f"{place}: {how}" for place, how in sorted(found.items()) if place not in excepted]
    return new + [f"{place}: no longer needed among the exceptions" for place in sorted(excepted) if place not in found]


@pytest.mark.parametrize("check", EXCEPTED, ids=lambda check: check.__name__)
def test_house(check: Check) -> None:
    left = complaints(check(HOUSE), EXCEPTED[check])
    assert not left, "\n".join(["", *left])


def test_exceptions_end() -> None:
    assert complaints({"a.py": "long", "b.py": "long"}, {"b.py": "a formula", "c.py": "a formula"}) == [
        "a.py: long",
        "c.py: no longer needed among the exceptions",
    ]


BAD: list[tuple[Check, dict[str, str], list[str]]] = [
    (
        circles,
        {"a.py": "import chipweave.b", "b.py": "from chipweave import c", "c.py": "if True:\n    from .a import x"},
        ["a.py -> b.py -> c.py -> a.py"],
    ),
    (
        circles,
        {"p/__init__.py": "import chipweave.a", "p/b.py": "", "a.py": "import chipweave.p.b"},
        ["a.py -> p/__init__.py -> a.py"],
    ),
    (
        circles,
        {
            "a.py": "import chipweave.b",
            "b.py": "if TYPE_CHECKING:\n    import chipweave.a\ndef f():\n    import chipweave.a",
        },
        [],
    ),
    (arrows_up, {"files/a.py": "from chipweave.plan import b", "plan/b.py": ""}, []),
    (arrows_up, {"plan/b.py": "from chipweave.files import a", "files/a.py": ""}, ["plan/b.py -> files/a.py"]),
    (arrows_up, {"plan/b.py": "import chipweave"}, ["plan/b.py -> __init__.py"]),
    (
        arrows_up,
        {"plan/b.py": "def f():\n    from ..files.a import g", "files/a.py": ""},
        ["plan/b.py -> files/a.py"],
    ),
    (
        arrows_up,
        {"plan/b.py": "if typing.TYPE_CHECKING:\n    from chipweave.api import g", "api.py": ""},
        ["plan/b.py -> api.py"],
    ),
    (arrows_up, {"plan/b.py": "NAME = 'chipweave.api:g'", "api.py": ""}, ["plan/b.py -> api.py"]),
    (arrows_up, {"files/a.py": "from benchmarks.one import g"}, ["files/a.py -> benchmarks.one.g"]),
    (
        arrows_up,
        {"results/a.py": "import chipweave.schedulers.b", "schedulers/b.py": ""},
        ["results/a.py -> schedulers/b.py"],
    ),
    (
        arrows_up,
        {"evaluation/exact/a.py": "import chipweave.evaluation.tables.b", "evaluation/tables/b.py": ""},
        ["evaluation/exact/a.py -> evaluation/tables/b.py"],
    ),
    (homeless, {"evaluation/attic.py": "", "cellar/wine.py": ""}, ["cellar/wine.py", "evaluation/attic.py"]),
    (law_needs, {"evaluation/law.py": "import math\nimport chipweave.cores", "cores.py": ""}, [f"{LAW} -> cores.py"]),
    (
        visits,
        {
            "schedulers/scope/a.py": "from chipweave.schedulers import draft\nimport chipweave.schedulers.scar.b",
            "schedulers/scar/b.py": "",
            "schedulers/draft.py": "",
        },
        ["schedulers/scope/a.py -> schedulers/scar/b.py"],
    ),
    (long_functions, {"a.py": "class C:\n    def f(self):\n" + 60 * "        x = 1\n"}, []),
    (long_functions, {"a.py": "class C:\n    def f(self):\n" + 61 * "        x = 1\n"}, ["a.py: C.f"]),
    (wide_functions, {"a.py": "class C:\n    def f(self, b, c, d, e, f, g, h, *, i): ..."}, []),
    (wide_functions, {"a.py": "class C:\n    def f(self, b, /, c, d, e, f, g, h, i): ..."}, ["a.py: C.f"]),
    (unannotated, {"a.py": "class C:\n    def f(self, a: int) -> int:\n        def g(): ..."}, ["a.py: C.f.g"]),
    (unannotated, {"a.py": "async def f(*a, b: int) -> int: ..."}, ["a.py: f"]),
    (callable_modules, {"p/__init__.py": "from chipweave.p.one import f", "p/one.py": "", "p/two.py": ""}, []),
    (callable_modules, {"p/__init__.py": "from chipweave.p import one", "p/one.py": ""}, []),
    (callable_modules, {"p/__init__.py": "from chipweave.p.one import one", "p/one.py": ""}, ["p/one"]),
    (callable_modules, {"__init__.py": "def p(): ...", "p/one.py": ""}, ["p"]),
    (vague_rooms, {"a/words.py": "", "notes/b.py": "", "c/wording.py": ""}, ["a/words.py", "notes/b.py"]),
]
"""Small packages, and what each check finds in them."""


@pytest.mark.parametrize(("check", "modules", "places"), BAD)
def test_checks(check: Check, modules: dict[str, str], places: list[str], tmp_path: Path) -> None:
    house = tmp_path / "chipweave"
    for path, text in {"__init__.py": "", **modules}.items():
        (house / path).parent.mkdir(parents=True, exist_ok=True)
        (house / path).write_text(text, "utf-8")
    assert sorted(check(house)) == places


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _, places in BAD if places} == set(EXCEPTED)
