"""Packed sequences while a module is traced: their lengths are values, so layers get them as long as the longest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sequences_left_padded() -> Iterator[list[str]]:
    """Pack and unpack nothing, by whatever name a module has PyTorch's functions. Yields a list that gets an entry for
    each time that sequences were to be packed."""
    from torch.nn.utils import rnn

    asked: list[str] = []

    def pack_padded_sequence(input: Any, *_: Any, **__: Any) -> Any:  # the name that callers may use
        asked.append("pack_padded_sequence")
        return input

    def pad_packed_sequence(sequence: Any, batch_first: bool = False, *_: Any, **__: Any) -> tuple[Any, Any]:
        import torch

        steps, rows = sequence.shape[1::-1] if batch_first else sequence.shape[:2]
        return sequence, torch.full((rows,), steps)

    instead: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
        (own.__name__, getattr(rnn, own.__name__), own) for own in (pack_padded_sequence, pad_packed_sequence)
    ]
    replaced: list[tuple[dict[str, Any], str, Callable[..., Any]]] = []
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        replaced += [(names, name, theirs) for name, theirs, _ in instead if names.get(name) is theirs]
    try:
        for names, name, _ in replaced:
            names[name] = next(own for known, _, own in instead if known == name)
        yield asked
    finally:
        for names, name, theirs in replaced:
            names[name] = theirs
