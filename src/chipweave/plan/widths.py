"""Whether every chiplet computes at the widths that the models ask for."""

from __future__ import annotations

from chipweave.errors import InputError
from chipweave.hardware.package import Package
from chipweave.workload.scenario import Scenario


def require_widths(scenario: Scenario, package: Package) -> None:
    """Check that chiplets that list rates have one for every layer; of others every width is taken for theirs.

    Raises:
        InputError: a width beyond the widest of a chiplet, for each chiplet that lacks one.
    """
    problems = []
    for chiplet in package.classes:
        if not chiplet.rates:
            continue
        widest = chiplet.rates[-1][0]
        lacking = [
            (layer.product_bits, layer.name, task.name)
            for task in scenario.tasks
            for layer in task.model.layers
            if layer.product_bits > widest
        ]
        if lacking:
            bits, layer, model = max(lacking, key=lambda each: each[0])
            place = f"{chiplet.rates_place}: " if chiplet.rates_place else ""
            problems.append(
                f"{place}rates: chiplet '{chiplet.name}' computes with up to {widest} bits, and layer '{layer}' of "
                f"'{model}' has operands of {bits}; list a rate for {bits} bits, or give the model narrower "
                "`activation_bits` and `weight_bits`"
            )
    if problems:
        raise InputError(problems)
