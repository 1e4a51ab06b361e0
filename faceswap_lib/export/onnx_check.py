"""Checks of untrusted ONNX files before ONNX Runtime opens them.

The file is parsed as a protocol buffer without decoding the weights. The checks cover the number of nodes, the nesting
depth, the files with external weights, and whether the size of each weight matches its shape.

Source: onnx.proto of ONNX 1.17 for the numbers of the fields; protobuf.dev, "Encoding".
"""

import dataclasses
import math
import os
import pathlib
import typing

from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.facesets.file_names import check_file_name, check_inside
from faceswap_lib.limits import MODEL_BYTES

DEEPEST = 8
"""Maximum nesting depth of graphs (branches of control flow); real networks have at most two or three levels."""

MOST_PARTS = 1_000_000
"""Maximum number of protocol-buffer fields that are read from a file."""

MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
NODE_OF_GRAPH, NODE_OF_FUNCTION, ATTRIBUTE = 1, 7, 5
WEIGHTS, SPARSE_WEIGHTS = 5, 15
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
SPARSE_TENSORS = (1, 2)
DIMS, TYPE, RAW, EXTERNAL, LOCATION = 1, 2, 9, 13, 14

BYTES_OF_TYPE = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
"""Bytes per element by ONNX data type number; strings (8) and newer types are not included."""

Field = tuple[int, int, int, int]
"""Field number, wire type, and start and end offset of the content; for wire type 0 the start is the value itself."""


def check_onnx_file(path: pathlib.Path) -> None:
    """Checks an ONNX file.

    Args:
        path: The file; its weights may be stored in other files of the same folder, as for large networks.

    Raises:
        CheckpointError: If the file cannot be read, is not a valid ONNX file, refers to files outside of its folder, or
            claims more data than it contains or than a network needs.
    """
    try:
        MODEL_BYTES.check(path.stat().st_size, path, CheckpointError)
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); check the path and the permissions"
        ) from error
    try:
        _Parser(data, path.parent).check_model()
    except (ValueError, IndexError, UnicodeDecodeError, WorkspaceError) as error:
        reason = f"expected a network in ONNX; it cannot be read ({error})"
        raise CheckpointError(f"{path}: {reason}; export it again") from error


@dataclasses.dataclass
class _Parser:
    """Parser of the protocol buffer messages of an ONNX file.

    Attributes:
        data: Content of the file.
        folder: Folder of the file, in which external weights must be.
        parts: Number of fields read so far.
        claimed: Bytes of all weights read so far, by their shapes.
    """

    data: bytes
    folder: pathlib.Path
    parts: int = 0
    claimed: int = 0

    def check_model(self) -> None:
        """Checks the whole model; raises `ValueError` if it is not accepted."""
        graphs = 0
        for number, wire, begin, end in self._fields(0, len(self.data)):
            if wire != 2:
                continue
            if number == MODEL_GRAPH:
                graphs += 1
                self._check_graph(begin, end, 1)
            elif number == MODEL_FUNCTIONS:
                self._check_nodes(begin, end, 1, NODE_OF_FUNCTION)
            elif number == MODEL_TRAINING:
                raise ValueError("it contains training information")
        if graphs != 1:
            raise ValueError(f"it has {graphs} graphs instead of one")

    def _check_graph(self, begin: int, end: int, depth: int) -> None:
        """Checks a graph with its nodes and weights."""
        if depth > DEEPEST:
            raise ValueError(f"its graphs are nested deeper than {DEEPEST} levels")
        self._check_nodes(begin, end, depth, NODE_OF_GRAPH)
        for number, wire, first, last in self._fields(begin, end):
            if wire == 2 and number == WEIGHTS:
                self._check_tensor(first, last)
            elif wire == 2 and number == SPARSE_WEIGHTS:
                self._check_sparse(first, last)

    def _check_nodes(self, begin: int, end: int, depth: int, node: int) -> None:
        """Checks the attributes of all nodes; `node` is the field number of a node."""
        for number, wire, first, last in self._fields(begin, end):
            if wire == 2 and number == node:
                for kind, wire_inside, start, stop in self._fields(first, last):
                    if wire_inside == 2 and kind == ATTRIBUTE:
                        self._check_attribute(start, stop, depth)

    def _check_attribute(self, begin: int, end: int, depth: int) -> None:
        """Checks the tensors and graphs of an attribute."""
        for number, wire, first, last in self._fields(begin, end):
            if wire == 2 and number in ATTRIBUTE_TENSORS:
                self._check_tensor(first, last)
            elif wire == 2 and number in ATTRIBUTE_GRAPHS:
                self._check_graph(first, last, depth + 1)
            elif wire == 2 and number in ATTRIBUTE_SPARSE:
                self._check_sparse(first, last)

    def _check_sparse(self, begin: int, end: int) -> None:
        """Checks the tensors of a sparse tensor."""
        for number, wire, first, last in self._fields(begin, end):
            if wire == 2 and number in SPARSE_TENSORS:
                self._check_tensor(first, last)

    def _check_tensor(self, begin: int, end: int) -> None:
        """Checks the size of a tensor against its shape and type."""
        dims: list[int] = []
        kind, raw, external, is_external = 0, None, {}, False
        for number, wire, first, last in self._fields(begin, end):
            if number == DIMS:
                dims += [first] if wire == 0 else self._packed(first, last)
            elif number == TYPE and wire == 0:
                kind = first
            elif number == RAW and wire == 2:
                raw = last - first
            elif number == EXTERNAL and wire == 2:
                external |= self._read_entry(first, last)
            elif number == LOCATION and wire == 0:
                is_external = first != 0
        if any(side >= 1 << 63 for side in dims):
            raise ValueError("an array has a negative side")
        size = math.prod(dims) * BYTES_OF_TYPE.get(kind, 1)
        self.claimed += size
        if self.claimed > MODEL_BYTES.value:
            raise ValueError(f"its weights claim {self.claimed:,} bytes; the limit is {MODEL_BYTES.value:,}")
        if is_external or external:
            self._check_external(external, size)
        elif raw is not None and kind in BYTES_OF_TYPE and raw != size:
            raise ValueError(f"an array of the shape {tuple(dims)} has {raw:,} bytes instead of {size:,}"[:300])

    def _check_external(self, external: dict[str, str], size: int) -> None:
        """Checks that external weights are inside a file of the same folder."""
        name = check_file_name(external.get("location", ""))
        check_inside(self.folder / name, self.folder)
        if not (self.folder / name).is_file():
            raise ValueError(f"its weights are in {name}, which is not in the same folder")
        offset = external.get("offset", "0")
        if not (offset.isascii() and offset.isdecimal() and len(offset) < 19):
            raise ValueError(f"its weights are at {offset!r:.40} in {name}")
        if int(offset) + size > os.path.getsize(self.folder / name):
            raise ValueError(f"its weights are beyond the end of {name}")

    def _read_entry(self, begin: int, end: int) -> dict[str, str]:
        """Reads a key and a value."""
        texts = {n: self.data[first:last].decode() for n, wire, first, last in self._fields(begin, end) if wire == 2}
        return {texts.get(1, ""): texts.get(2, "")}

    def _packed(self, at: int, end: int) -> list[int]:
        """Reads a packed list of integers."""
        values = []
        while at < end:
            value, at = self._varint(at, end)
            values.append(value)
        return values

    def _fields(self, at: int, end: int) -> typing.Iterator[Field]:
        """Yields the fields of a message."""
        while at < end:
            self.parts += 1
            if self.parts > MOST_PARTS:
                raise ValueError(f"it has more than {MOST_PARTS:,} parts")
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = self._varint(at, end)
                yield number, wire, value, at
                continue
            length = {1: 8, 5: 4}.get(wire)
            if wire == 2:
                length, at = self._varint(at, end)
            if length is None or number == 0 or at + length > end:
                raise ValueError("it is damaged or another kind of file")
            yield number, wire, at, at + length
            at += length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Reads a variable-length integer; returns its value and the offset after it."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise ValueError("it is cut short, or another kind of file")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (1 << 64) - 1, at
        raise ValueError("it is damaged or another kind of file")
