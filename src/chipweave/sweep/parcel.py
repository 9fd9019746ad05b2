"""Cases on their way to other processes: what many of them share is packed once, and unpacked once where it arrives."""

from __future__ import annotations

import pickle
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

from chipweave.api.answer import run
from chipweave.results.case import Case
from chipweave.store.answer import Answer, Failure, answer_of, failure_of, this_worker

SHARED = ("scenario", "package", "cost_model")
"""Fields of a case that many have in common."""

KEPT = 256
"""Shared objects that a process keeps."""


@dataclass(frozen=True)
class Parcel:
    """A case, packed.

    Args:
        key: its name by content.
        shared: by field, the digest of the object and the object, packed.
        rest: the other fields.
    """

    key: str
    shared: tuple[tuple[str, bytes], ...]
    rest: bytes


def parcel_of(key: str, case: Case) -> Parcel:
    """A case to be sent."""
    rest = {field.name: getattr(case, field.name) for field in fields(case) if field.name not in SHARED}
    return Parcel(key, tuple(_packed(getattr(case, name)) for name in SHARED), pickle.dumps(rest))


def case_of(parcel: Parcel) -> Case:
    """The case that was sent. Cases that share a scenario, a package or a cost model have the same object, and with a
    cost model what it has worked out so far."""
    shared = {name: _unpacked(*part) for name, part in zip(SHARED, parcel.shared, strict=True)}
    rest: dict[str, Any] = pickle.loads(parcel.rest)
    return Case(**shared, **rest)


def answered(parcel: Parcel) -> Answer | Failure:
    """What comes of a case, in this process and on one thread."""
    started_s = time.perf_counter()
    try:
        result = run(case_of(parcel), jobs=1)
        return answer_of(parcel.key, result, time.perf_counter() - started_s, this_worker())
    except Exception as error:
        return failure_of(parcel.key, error, time.perf_counter() - started_s, this_worker())


_sent: OrderedDict[int, tuple[Any, tuple[str, bytes]]] = OrderedDict()
_arrived: OrderedDict[str, Any] = OrderedDict()


def _packed(value: Any) -> tuple[str, bytes]:
    found = _sent.get(id(value))
    if found is None:
        packed = zlib.compress(pickle.dumps(value), level=1)
        found = value, (blake2b(packed, digest_size=16).hexdigest(), packed)  # the object stays, and so its identity
        _keep(_sent, id(value), found)
    return found[1]


def _unpacked(digest: str, packed: bytes) -> Any:
    if digest not in _arrived:
        _keep(_arrived, digest, pickle.loads(zlib.decompress(packed)))
    return _arrived[digest]


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)


Answering = Callable[[Parcel], Answer | Failure]
