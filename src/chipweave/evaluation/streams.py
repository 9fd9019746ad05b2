"""How long computing waits for weights that come in blocks (docs/evaluation.md, "Weights in blocks").

Two blocks of weights are in L2, one in use and the next on its way. So a block is hidden by the computing on the block
before it, and by the layers without weights behind that. Written once, as the law is: the evaluator calls it as it is,
searches call it compiled, layer by layer.
"""

from __future__ import annotations

from chipweave.ndarrays import Floats

EXPOSED, ARRIVAL, CAME, FIRST, HEAD, LAST = range(6)
"""Of a stage so far, in seconds: what blocks take beyond the computing that hides them; from the first byte of weights
to the end of the computing; all weights at the DRAM's pace; the first block; the computing before the first weights,
and behind the last block."""


def open_stream(state: Floats) -> None:
    """Begin a stage."""
    for number in range(6):
        state[number] = 0.0


def stream_layer(compute_s: float, weights_s: float, blocks: int, state: Floats) -> None:
    """One more layer of the stage.

    Args:
        compute_s: of its micro-batch; weights_s: its weights at the DRAM's pace, in so many blocks.
    """
    if weights_s == 0.0:
        state[HEAD if state[FIRST] == 0.0 else LAST] += compute_s
        state[ARRIVAL] += compute_s
        return
    block_s, each_s = weights_s / blocks, compute_s / blocks
    state[EXPOSED] += (blocks - 1) * max(0.0, block_s - each_s)
    if state[FIRST] == 0.0:
        state[FIRST] = block_s
    else:
        state[EXPOSED] += max(0.0, block_s - state[LAST])
    begins_s = max(state[ARRIVAL], state[CAME] + block_s)
    state[ARRIVAL] = max(begins_s + compute_s, state[CAME] + weights_s + each_s)
    state[CAME] += weights_s
    state[LAST] = each_s


def exposed_s(state: Floats) -> float:
    """What blocks take beyond the computing that hides them; behind the last layer comes the first one again."""
    return float(state[EXPOSED] + max(0.0, state[FIRST] - state[LAST] - state[HEAD]))
