"""An ONNX file of any size without its weights.

The protobuf wire format is walked over a memory map and copied, field by field, while the data of large tensors is left
behind wherever they stand: initialisers, attributes of nodes, subgraphs, functions. Shapes and types stay, so that a
file of 500 MB is read in a fraction of a second. External data is not opened; even its location is left behind.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto

SMALL_BYTES = 4096
"""Tensors up to this size keep their data: shapes, axes and indices are among them."""

MOST_NODES = 100_000
"""Of a file, subgraphs and functions included; a transformer of 100 blocks, fully decomposed, has some 10,000."""

MOST_FIELDS = 2_000_000
"""Fields that are looked at: a bound on time."""

MOST_KEPT_BYTES = 64 * 2**20
"""Of a file without its weights: a bound on memory."""

MOST_LEVELS = 48
"""Messages within messages; a graph in a graph takes three."""

NAME_SCOPES = b"pkg.torch.onnx.name_scopes"
"""The one kind of metadata that is kept."""

REMEDY = "fetch the file again, or export it again"

_POINTER = b"version https://git-lfs"

_TENSOR_DATA = frozenset(
    ("float_data", "int32_data", "string_data", "int64_data", "raw_data", "double_data", "uint64_data")
)
_LEFT_BEHIND = frozenset(
    (
        "doc_string",
        "metadata_props",
        "training_info",
        "quantization_annotation",
        "external_data",
        "configuration",
        "device_configurations",
    )
)
_TEXTS = frozenset(("s", "strings"))
"""Of attributes: no operator that is costed has a long one, but compiled engines are stored there."""

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5

Fields = dict[int, tuple[str, str]]
"""Of a message: number -> name and, where the field is a message itself, its type's name, or `TEXT`."""

TEXT = "str"


def read_weightless(path: str | Path) -> ModelProto:
    """The model in an ONNX file, without the data of tensors above `SMALL_BYTES` and without comments.

    Raises:
        InputError: no regular file, no ONNX, truncated (with the byte), or larger than the limits above.
    """
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    small = _copy_of_file(Path(path))
    try:
        model: ModelProto = ModelProto.FromString(small)
        return model
    except DecodeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is no ONNX model ({reason}); {REMEDY}") from None


def _copy_of_file(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever, a device may never end
            raise InputError(f"{path}: is no regular file; name an ONNX file")
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise InputError(f"{path}: is empty; {REMEDY}")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return copy_without_weights(data, str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}; check the name and the folder") from None


def copy_without_weights(data: bytes | mmap.mmap, path: str) -> bytes:
    """The wire format of a ModelProto without weights; `path` names the file in messages.

    Raises:
        InputError: as `read_weightless`.
    """
    if data[: len(_POINTER)] == _POINTER:
        raise InputError(f"{path}: holds a Git LFS pointer in place of the model; fetch it with `git lfs pull`")
    return _Copier(data, path).copied(0, len(data), "ModelProto", 0) or b""


@dataclass
class _Copier:
    """A file, and what may still be read of it."""

    data: bytes | mmap.mmap
    path: str
    nodes: int = MOST_NODES
    fields: int = MOST_FIELDS
    kept_bytes: int = MOST_KEPT_BYTES

    def copied(self, start: int, end: int, message: str, level: int) -> bytes | None:
        """The message in `data[start:end]` without weights; None where nothing has to be left behind.

        Runs of fields that stay are copied at once: `kept` is where the present run began.
        """
        if level > MOST_LEVELS:
            raise self.refused(start, f"more than {MOST_LEVELS} levels of graphs within graphs")
        fields = _fields()[message]
        heavy = message == "TensorProto" and self.tensor_bytes(start, end, fields) > SMALL_BYTES
        pieces: list[bytes] = []
        kept = start
        for tag, at, body, after in self.walk(start, end):
            name, child = fields.get(tag >> 3, ("", ""))
            if child == "NodeProto":
                self.nodes -= 1
                if self.nodes < 0:
                    raise self.refused(at, f"more than {MOST_NODES:,} nodes")
            new: bytes | None = None
            long_text = message == "AttributeProto" and name in _TEXTS and after - body > SMALL_BYTES
            if not name or name in _LEFT_BEHIND or (heavy and name in _TENSOR_DATA) or long_text:
                if message == "NodeProto" and self.names_scope(body, after):
                    continue
                new = b""
            elif child == TEXT and tag & 7 == _BYTES:
                self.check_text(body, after)
            elif child and tag & 7 == _BYTES:
                inner = self.copied(body, after, child, level + 1)
                new = None if inner is None else _encoded(tag) + _encoded(len(inner)) + inner
            if new is not None:
                pieces += [self.slice(kept, at), new]
                kept = after
        if level and not pieces:
            return None
        return b"".join([*pieces, self.slice(kept, end)])

    def check_text(self, start: int, end: int) -> None:
        try:
            self.data[start : min(end, start + MOST_KEPT_BYTES)].decode()
        except UnicodeDecodeError:
            raise self.malformed(start, "a name that is no UTF-8 text; the file is damaged or no ONNX model") from None

    def names_scope(self, body: int, after: int) -> bool:
        """Whether a node's metadata is the path of the PyTorch module that it was exported from."""
        return after - body <= SMALL_BYTES and self.data.find(NAME_SCOPES, body, min(after, body + 48)) >= 0

    def tensor_bytes(self, start: int, end: int, fields: Fields) -> int:
        """Bytes of a TensorProto's elements, whatever fields hold them."""
        sizes = ((fields.get(tag >> 3), after - body) for tag, _, body, after in self.walk(start, end))
        return sum(size for field, size in sizes if field and field[0] in _TENSOR_DATA)

    def walk(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Per field of a message: its tag, and the bytes where the field, its body and what comes after it begin."""
        at = start
        while at < end:
            begin = at
            self.fields -= 1
            if self.fields < 0:
                raise self.refused(at, f"more than {MOST_FIELDS:,} fields")
            tag, at = self.varint(at, end)
            body, wire = at, tag & 7
            if wire == _VARINT:
                at = self.varint(at, end)[1]
            elif wire == _BYTES:
                length, body = self.varint(at, end)
                at = body + length
            elif wire in (_FIXED_64, _FIXED_32):
                at += 8 if wire == _FIXED_64 else 4
            else:
                raise self.malformed(begin, f"a field of unknown kind {wire}; this is no ONNX model")
            if at > end:
                cut = f"a field of {at - body:,} bytes, but {end - body:,} are left"
                raise self.malformed(begin, f"{cut}; the file is truncated or no ONNX model")
            yield tag, begin, body, at

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """A number of variable length, and the position after it."""
        data, value = self.data, 0
        for shift in range(0, 64, 7):
            if at >= end:
                raise self.malformed(at, "the file ends inside a number; it is truncated or no ONNX model")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise self.malformed(at, "a number of more than 64 bits; this is no ONNX model")

    def slice(self, start: int, end: int) -> bytes:
        self.kept_bytes -= end - start
        if self.kept_bytes < 0:
            raise self.refused(start, f"more than {MOST_KEPT_BYTES >> 20} MB beside the weights")
        return self.data[start:end]

    def malformed(self, at: int, what: str) -> InputError:
        return InputError(f"{self.path}: byte {at}: {what}, {REMEDY}")

    def refused(self, at: int, what: str) -> InputError:
        remedy = "export a smaller part of the model, or without unrolled loops"
        return InputError(f"{self.path}: byte {at}: {what}; {remedy}")


def _encoded(value: int) -> bytes:
    """A variable-length number."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


@cache
def _fields() -> dict[str, Fields]:
    """The fields of every message that a ModelProto may hold, from ONNX's own description."""
    from onnx import ModelProto

    found: dict[str, Fields] = {}
    waiting: list[Any] = [ModelProto.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.name in found:
            continue
        found[message.name] = {}
        for field in message.fields:
            child = field.message_type
            kind = child.name if child else TEXT if field.type == field.TYPE_STRING else ""
            found[message.name][field.number] = (field.name, kind)
            if child:
                waiting.append(child)
    return found
