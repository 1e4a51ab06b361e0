"""Stack machine for the pickles inside PyTorch's files of weights; it builds descriptions of tensors, and runs no code.

It is the machine of `facesets.deepfacelab.pickle_machine` with other globals: dictionaries, tensors and storages.
"""

import dataclasses
import enum
import math
import pickle
import pickletools
import reprlib
import typing

import numpy as np

from faceswap_lib.facesets.deepfacelab.pickle_machine import PickleMachine
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.facesets.deepfacelab.pickle_opcodes import HANDLERS

MOST_DIMENSIONS = 8
"""Maximum number of dimensions of a tensor; weights of convolutions have up to five."""

MOST_ELEMENTS = 1 << 40


class TorchGlobal(enum.Enum):
    """Functions and classes that a file of weights may name, apart from the types of storages."""

    ORDERED_DICT = "OrderedDict"
    REBUILD_TENSOR = "_rebuild_tensor_v2"
    REBUILD_PARAMETER = "_rebuild_parameter"


GLOBALS: dict[tuple[str, str], "TorchGlobal | np.dtype"] = {
    ("collections", "OrderedDict"): TorchGlobal.ORDERED_DICT,
    ("torch._utils", "_rebuild_tensor_v2"): TorchGlobal.REBUILD_TENSOR,
    ("torch._utils", "_rebuild_parameter"): TorchGlobal.REBUILD_PARAMETER,
    **{
        ("torch", f"{name}Storage"): np.dtype(code)
        for name, code in {
            **{"Double": "<f8", "Float": "<f4", "Half": "<f2"},
            **{"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"},
        }.items()
    },
}
"""Allowed globals by module and name; storages stand for the type of their elements."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StorageRef:
    """Reference to a block of numbers elsewhere in the file.

    Attributes:
        key: Its name in the file.
        dtype: Type of the elements.
        elements: Number of elements.
    """

    key: str
    dtype: np.dtype
    elements: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorRef:
    """Description of a tensor.

    Attributes:
        storage: The block with its numbers.
        offset: Index of its first element in the block.
        shape: Its shape.
        strides: Distance in elements of neighbors along each axis.
    """

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchMachine(PickleMachine):
    """Stack machine for one pickle of a file of weights."""

    def __init__(self, view: memoryview):
        super().__init__(view, None)

    def push_global(self) -> None:
        """Pushes the global whose module and name follow, on a line each."""
        module, name = self._take_line(), self._take_line()
        if (found := GLOBALS.get((module, name))) is None:
            shown = f"{module}.{name}"
            raise RestrictedPickleError(f"it wants to use {shown!r:.120}, which no weights need; it may be an attack")
        self._stack.append(found)

    def push_storage(self) -> None:
        """Replaces the tuple that names a storage by a reference to it."""
        named = self._pop()
        parts = list(named) if isinstance(named, tuple) else []
        if len(parts) == 6 and parts[5] is None:  # files before PyTorch 1.6 add a view, which weights have not
            parts.pop()
        is_usual = (
            len(parts) == 5
            and _is_text(parts[0], "storage")
            and isinstance(parts[1], np.dtype)
            and isinstance(parts[2], str)
            and _is_count(parts[4])
        )
        if not is_usual:
            raise RestrictedPickleError(f"it refers to something outside that is no storage, {reprlib.repr(named)}")
        self._stack.append(StorageRef(key=parts[2], dtype=parts[1], elements=parts[4]))

    def reduce(self) -> None:
        """Replaces a global and its arguments by a description of what the call would return."""
        arguments = self._pop()
        self._check_height(1)
        self._stack[-1] = _call(self._stack[-1], arguments)

    def build(self) -> None:
        """Drops what is set on a dict beside its items: the versions of the layers."""
        self._pop()
        self._check_height(1)
        if not isinstance(self._stack[-1], dict):
            raise RestrictedPickleError(f"it sets the state of {type(self._stack[-1]).__name__}, expected a dict")

    def _put(self, index: int) -> None:
        """Remembers a value if it may be referred to again; also tensors and types, which cannot be changed."""
        self._check_height(1)
        if 0 <= index <= len(self._view) and isinstance(
            self._stack[-1], TorchGlobal | TensorRef | StorageRef | np.dtype
        ):
            self._memo[index] = self._stack[-1]
        else:
            super()._put(index)


_OWN: dict[int, typing.Callable[[TorchMachine], None]] = {
    pickle.GLOBAL[0]: TorchMachine.push_global,
    pickle.BINPERSID[0]: TorchMachine.push_storage,
    pickle.REDUCE[0]: TorchMachine.reduce,
    pickle.BUILD[0]: TorchMachine.build,
}
_FORBIDDEN = (pickle.STACK_GLOBAL[0],)
_HANDLERS = {opcode: handler for opcode, handler in HANDLERS.items() if opcode not in _FORBIDDEN} | _OWN


def load_torch_pickle(data: bytes) -> object:
    """Reads one pickle of a file of weights.

    Args:
        data: The pickle, and nothing after it.

    Returns:
        None, bool, int, float, str, list, tuple, dict with str keys, or `TensorRef`.

    Raises:
        RestrictedPickleError: If the pickle is damaged or cut off, or contains an opcode or a global that weights do
            not need.
    """
    with memoryview(data) as view:
        machine = TorchMachine(view)
        try:
            return machine.run(typing.cast(typing.Any, _HANDLERS))
        except IndexError as error:  # the stack or the marks are empty
            raise RestrictedPickleError(f"an opcode before byte {machine.at:,} finds no value") from error
        except UnicodeDecodeError as error:
            raise RestrictedPickleError(f"a text before byte {machine.at:,} is not UTF-8") from error
        finally:
            machine.release()


def measure_pickle(file: typing.BinaryIO, most: int) -> bytes:
    """Reads the bytes of one pickle from a file in which more follows, without running it.

    Args:
        file: The file, at the first byte of the pickle; afterwards at the first byte behind it.
        most: Largest accepted size in bytes.

    Raises:
        RestrictedPickleError: If there is no complete pickle of this size.
    """
    start = file.tell()
    head = file.read(most)
    reader = _Counting(head)
    try:
        for opcode, _, _ in pickletools.genops(typing.cast(typing.Any, reader)):
            if opcode.name == "STOP":
                break
    except (ValueError, IndexError, OverflowError) as error:
        raise RestrictedPickleError(f"no complete pickle of at most {most:,} bytes at byte {start:,}") from error
    file.seek(start + reader.at)
    return head[: reader.at]


class _Counting:
    """Reader of bytes for `pickletools`, which never returns more than is there.

    Attributes:
        at: Number of bytes that were read.
    """

    def __init__(self, data: bytes):
        self._data, self.at = data, 0

    def read(self, count: int) -> bytes:
        """Reads at most `count` bytes."""
        part = self._data[self.at : self.at + count]
        self.at += len(part)
        return part

    def readline(self) -> bytes:
        """Reads up to the end of a line."""
        end = self._data.find(b"\n", self.at) + 1
        return self.read((end or len(self._data)) - self.at)

    def tell(self) -> int:
        """Returns the number of bytes that were read."""
        return self.at


def _call(function: object, arguments: object) -> object:
    """Describes what a call of an allowed global would return; nothing is called."""
    values = list(arguments) if isinstance(arguments, tuple) else []
    if function is TorchGlobal.ORDERED_DICT and arguments == ():
        return {}
    if function is TorchGlobal.REBUILD_PARAMETER and len(values) == 3 and isinstance(values[0], TensorRef):
        return values[0]
    if function is TorchGlobal.REBUILD_TENSOR and len(values) in (6, 7) and isinstance(values[0], StorageRef):
        return _build_tensor(*values[:4])
    named = function.name if isinstance(function, TorchGlobal) else type(function).__name__
    raise RestrictedPickleError(f"it calls {named} with unusual arguments, {reprlib.repr(arguments)}")


def _build_tensor(storage: StorageRef, offset: object, shape: object, strides: object) -> TensorRef:
    """Checks that a tensor lies inside its storage and shows no element twice."""
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= MOST_DIMENSIONS):
        raise RestrictedPickleError(f"expected shape and strides of a tensor, got {reprlib.repr((shape, strides))}")
    if not (_is_count(offset) and all(map(_is_count, (*shape, *strides)))):
        raise RestrictedPickleError(f"expected whole numbers from 0, got {reprlib.repr((offset, shape, strides))}")
    last = typing.cast(int, offset) + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > storage.elements or (math.prod(shape) and last >= storage.elements):
        raise RestrictedPickleError(
            f"a tensor of shape {shape} does not fit into its storage of {storage.elements:,} elements"
        )
    return TensorRef(storage=storage, offset=typing.cast(int, offset), shape=shape, strides=strides)


def _is_count(value: object) -> bool:
    """Checks that a value is a whole number from 0 to `MOST_ELEMENTS`."""
    return type(value) is int and 0 <= value <= MOST_ELEMENTS


def _is_text(value: object, text: str) -> bool:
    return isinstance(value, str) and value == text
