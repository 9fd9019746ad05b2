"""What an import made: saved where asked, and said."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.cli.console import inert, program, result_console, say

if TYPE_CHECKING:
    from chipweave.cost.maestro.importer import ImportedScenario
    from chipweave.workload.importers.assembly import Imported


def hand_over(made: Imported, out: Path | None, json: bool) -> None:
    """Save the model where asked, and say what it is: JSON on stdout, or a table."""
    from chipweave.files.model_file import dump_model

    if out is not None:
        _save(out, dump_model(made.model))
    if json:
        from json import dumps

        print(dumps(_data(made), indent=1))
    else:
        _print(made)
    _say_next(out, json, "model")


def hand_over_scenario(made: ImportedScenario, out: Path | None, json: bool) -> None:
    """As `hand_over`, of several models and the scenario that they make."""
    from chipweave.files.scenario_file import dump_scenario

    if out is not None:
        _save(out, dump_scenario(made.scenario))
    batches = {task.name: task.batch for task in made.scenario.tasks}
    if json:
        from json import dumps

        models = [_data(each) | {"batch": batches[each.model.name]} for each in made.networks]
        print(dumps({"name": made.scenario.name, "models": models, "notes": made.notes}, indent=1))
    else:
        for each in made.networks:
            _print(each)
            result_console().print(f"batch: {batches[each.model.name]}\n")
        for note in made.notes:
            result_console().print(inert(f"note: {note}"), soft_wrap=True)
    _say_next(out, json, "scenario")


def _save(out: Path, text: str) -> None:
    from chipweave.files.atomic import make_folder, write_text

    make_folder(out.parent)
    write_text(out, text)


def _say_next(out: Path | None, json: bool, what: str) -> None:
    if out is not None:
        say(f"saved {out}; next: {program()} schedule {shlex.quote(str(out))} --package het-2x2 --out results")
    elif not json:
        say(f"the {what} was not saved; the same with --out {what.upper()}.yaml saves it for 'schedule'")


def _data(made: Imported) -> dict[str, Any]:
    model = made.model
    parameters = {} if made.parameters is None else {"parameters": made.parameters}
    return {
        "name": model.name,
        "macs": model.macs,
        "weights": model.weight_elements,
        **parameters,
        "layers": len(model.layers),
        "bytes_per_element": model.bytes_per_element,
        "element_types": made.element_types,
        "unsupported": made.unsupported,
        "folded": made.folded,
        "notes": made.notes,
    }


def _print(made: Imported) -> None:
    from rich.table import Table

    from chipweave.workload.importers.assembly import counted, elements_in_words

    model = made.model
    table = Table(box=None, padding=(0, 1, 0, 1), header_style="dim")
    table.add_column("layers of")
    for title in ("count", "MACs", "weights"):
        table.add_column(title, justify="right", no_wrap=True)
    for op in dict.fromkeys(layer.op for layer in model.layers):
        layers = [layer for layer in model.layers if layer.op is op]
        macs, weights = sum(layer.macs for layer in layers), sum(layer.weight_elements for layer in layers)
        table.add_row(str(op), f"{len(layers):,}", f"{macs:,}", f"{weights:,}")
    table.add_row("all", f"{len(model.layers):,}", f"{model.macs:,}", f"{model.weight_elements:,}")
    console = result_console()
    console.print(inert(f"{model.name}, from: {model.source}"), soft_wrap=True)
    console.print(table)
    if made.parameters is not None:
        whole = f"parameters: {made.parameters:,}, with embeddings, norms and biases, which no layer has"
        console.print(inert(whole), soft_wrap=True)
    console.print(inert(elements_in_words(made)), soft_wrap=True)
    if made.folded:
        console.print(inert(f"without cost: {counted(made.folded)}"), soft_wrap=True)
    if made.unsupported:
        listed = counted(made.unsupported)
        console.print(inert(f"NOT COSTED (what they make counts as made of their inputs): {listed}"), soft_wrap=True)
    else:
        console.print("not costed: nothing")
    for note in made.notes:
        console.print(inert(f"note: {note}"), soft_wrap=True)
