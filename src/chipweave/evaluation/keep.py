"""What an L2 keeps while a stage runs (docs/evaluation.md, "What L2 holds"): one pass over the stage's layers.

Like the law, this is written once and knows no model: numbers in arrays. The evaluator runs it as it is; the tables of
searches run the same source compiled, and go on where a shorter stage of the same first layer ended.

Layers run one after another, each over all samples of the micro-batch. Beside two blocks of weights and two pieces of
activations in flight, L2 keeps tensors between their uses, as much of each as there is room for in all layers between.
What is not kept goes to DRAM once, and comes back whenever it is used. Uses are served in order of time, so of two
tensors the one whose next use is farther off goes first (Belady's rule at the grain of bytes).

Sizes are in bytes of one micro-batch, on the chiplet that holds most.
"""

from __future__ import annotations

from typing import NamedTuple

from chipweave.ndarrays import Bools, Floats, Ints

SLACK, BACK, WROTE, AGAIN = range(4)
"""Of a stage so far: the least room that is left; bytes that came back, that went, and that are read once more."""

NOT_MET = -2
"""Of a tensor that no layer of the stage has made or read yet."""


class Uses(NamedTuple):
    """What layers read: uses start[l] to end[l] are layer l's, each tensor once.

    Args:
        tensor: the layer that makes it, -1 for the network's input.
        size: what must be held of it for this use and later ones; read: what this layer reads.
        fused: it is the tensor's only use, and takes it piece by piece as it is made.
    """

    start: Ints
    end: Ints
    tensor: Ints
    size: Floats
    read: Floats
    fused: Bools


class Layers(NamedTuple):
    """Per layer: bytes of its weights, of a block of them, and of the piece of activations that is in flight."""

    weights: Floats
    block: Floats
    grain: Floats


class Around(NamedTuple):
    """The stage in its window.

    Args:
        begin: first layer of the stage; window: of the window.
        l2_bytes: of the chiplet.
        in_dram: [tensor + 1] it is stored anyway, for later windows or as an output of the network.
    """

    begin: int
    window: int
    l2_bytes: float
    in_dram: Bools


class Books(NamedTuple):
    """The state of the pass.

    Args:
        room: per layer, what is left while it runs.
        since, had, gone: [tensor + 1] the layer that made it or used it last (`NOT_MET`), how much of it stayed then,
            and the most that was not kept; of one that is loaded, how much of it was.
        sums: see `SLACK`.
    """

    room: Floats
    since: Ints
    had: Floats
    gone: Floats
    sums: Floats


def open_books(books: Books) -> None:
    """Begin a stage."""
    for tensor in range(len(books.since)):
        books.since[tensor], books.had[tensor], books.gone[tensor] = NOT_MET, 0.0, 0.0
    for number in range(4):
        books.sums[number] = 0.0
    books.sums[SLACK] = 1e300


def run_layer(layer: int, uses: Uses, layers: Layers, around: Around, books: Books) -> None:
    """One more layer of the stage."""
    room, sums = books.room, books.sums
    room[layer] = max(0.0, around.l2_bytes - 2 * layers.block[layer] - 2 * layers.grain[layer])
    sums[SLACK] = min(sums[SLACK], room[layer])
    missing = 0.0
    for use in range(uses.start[layer], uses.end[layer]):
        missing += use_tensor(layer, use, uses, around, books)
    weights = layers.weights[layer]
    if missing > 0.0 and weights > 0.0:
        # One of the two waits in L2 while the other streams past it. Where neither fits, both go in blocks: for each
        # block of the one, the other is read again.
        left = room[layer]
        smaller = min(missing, weights)
        if smaller > left:
            outer = -(-missing // max(left, layers.grain[layer]))
            inner = -(-weights // max(left, layers.block[layer]))
            sums[AGAIN] += min((outer - 1.0) * weights, (inner - 1.0) * missing)
            smaller = left
        take(layer - 1, layer, smaller, books)
    books.since[layer + 1] = layer


def use_tensor(layer: int, use: int, uses: Uses, around: Around, books: Books) -> float:
    """A layer reads a tensor; the bytes of it that are not in L2 then."""
    tensor = uses.tensor[use]
    since, had, size, read = books.since[tensor + 1], books.had[tensor + 1], uses.size[use], uses.read[use]
    if since == NOT_MET and tensor < around.window:
        # The stage loads it, when it is first needed; it streams past and is not kept for this use.
        books.since[tensor + 1], books.gone[tensor + 1] = layer, read
        return float(read)
    if since == NOT_MET:
        since = around.begin - 1  # an earlier stage of the window sent it: it waits from the start
    elif uses.fused[use]:
        return 0.0
    kept = size
    for other in range(since + 1, layer + 1):
        kept = min(kept, books.room[other])
    if since >= around.begin and kept > had:
        more = min(kept - had, books.room[since])
        take(since - 1, since, more, books)
        kept = had + more
    take(since, layer, kept, books)
    gone = size - kept
    if tensor < around.window:
        # Another slice of what the stage loads counts as loaded, not as come back.
        first = max(0.0, min(size, books.gone[tensor + 1] + read) - books.gone[tensor + 1])
        books.gone[tensor + 1] += first
        books.sums[BACK] += min(gone, read - first)
    elif gone > 0.0:
        books.sums[BACK] += min(gone, read)
        if not around.in_dram[tensor + 1] and gone > books.gone[tensor + 1]:
            books.sums[WROTE] += gone - books.gone[tensor + 1]
            books.gone[tensor + 1] = gone
    books.since[tensor + 1], books.had[tensor + 1] = layer, kept
    return float(min(gone, read))


def take(after: int, until: int, bytes_: float, books: Books) -> None:
    """So much less room while the layers behind `after` up to `until` run."""
    for other in range(after + 1, until + 1):
        books.room[other] -= bytes_
        books.sums[SLACK] = min(books.sums[SLACK], books.room[other])
