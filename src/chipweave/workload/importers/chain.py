"""Networks whose files list layers but no edges: each layer reads what the one before it makes."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.view import Shape, View, network_input

NO_EDGES = "the file has no edges: each layer reads the one before it"
BATCH_IN_FILE = "layers with a batch in the file are that many copies in one sample; the batch is the scenario's"


def reading(before: View | None, shape: Shape) -> View:
    """What a layer reads that wants `shape`: all that the layer before it made, or the network's input.

    Sizes need not chain: the edge then carries what was made, and says `reshape`.
    """
    return network_input("input", shape) if before is None else replace(before, shape=shape)
