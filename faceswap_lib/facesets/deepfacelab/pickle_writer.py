"""Writes pickles that DeepFaceLab can read: protocol 4, with names of modules that its versions of Python know.

`pickle.dumps` cannot do this: it writes the module names of the installed numpy, and only classes that can be imported.
"""

import pickle
import struct
import typing

import numpy as np

BATCH = 1000
"""Number of items of a list or dict that are written at a time, as Python's pickler does."""


class EnumMember(typing.NamedTuple):
    """Member of an enumeration of DeepFaceLab, written as a call of its class.

    Attributes:
        module: Name of the module of the class.
        name: Name of the class.
        value: Number of the member.
    """

    module: str
    name: str
    value: int


def dump_pickle(value: object) -> bytes:
    """Pickles a value.

    Args:
        value: None, bool, int, float, str, bytes, list, tuple, dict, numpy array of numbers, or `EnumMember`.

    Returns:
        A pickle of protocol 4.

    Raises:
        TypeError: If the value contains an object of another type.
    """
    writer = _Writer()
    writer.write(value)
    return b"".join([pickle.PROTO, b"\x04", *writer.parts, pickle.STOP])


class _Writer:
    """Writer of the opcodes of one pickle.

    Attributes:
        parts: The opcodes and their arguments.
    """

    def __init__(self):
        self.parts: list[bytes] = []
        self._globals: dict[tuple[str, str], int] = {}

    def write(self, value: object) -> None:
        """Writes the opcodes that build a value."""
        if value is None or isinstance(value, bool):
            self.parts.append({None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value])
        elif isinstance(value, EnumMember):
            self._write_call(value.module, value.name, (value.value,))
        elif isinstance(value, int):
            self.parts.append(_encode_integer(value))
        elif isinstance(value, float):
            self.parts.append(pickle.BINFLOAT + struct.pack(">d", value))
        elif isinstance(value, str):
            self._write_sized(value.encode("utf-8"), pickle.SHORT_BINUNICODE, pickle.BINUNICODE)
        elif isinstance(value, bytes):
            self._write_sized(value, pickle.SHORT_BINBYTES, pickle.BINBYTES)
        elif isinstance(value, list):
            self.parts.append(pickle.EMPTY_LIST)
            self._write_batches([(item,) for item in value], pickle.APPENDS)
        elif isinstance(value, dict):
            self.parts.append(pickle.EMPTY_DICT)
            self._write_batches(list(value.items()), pickle.SETITEMS)
        elif isinstance(value, tuple):
            self._write_tuple(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            self._write_array(value)
        else:
            raise TypeError(f"expected a plain value or an array of numbers, got {type(value).__name__}")

    def _write_sized(self, data: bytes, short: bytes, long: bytes) -> None:
        """Writes text or bytes after their length."""
        is_short = len(data) < 256
        self.parts += [short if is_short else long, struct.pack("<B" if is_short else "<I", len(data)), data]

    def _write_batches(self, items: list[tuple], opcode: bytes) -> None:
        """Writes the items of a container."""
        for begin in range(0, len(items), BATCH):
            self.parts.append(pickle.MARK)
            for item in items[begin : begin + BATCH]:
                for value in item:
                    self.write(value)
            self.parts.append(opcode)

    def _write_tuple(self, values: tuple) -> None:
        """Writes a tuple."""
        if not values:
            self.parts.append(pickle.EMPTY_TUPLE)
            return
        self.parts.append(pickle.MARK)
        for value in values:
            self.write(value)
        self.parts.append(pickle.TUPLE)

    def _write_global(self, module: str, name: str) -> None:
        """Writes a global, or a reference to it if it was written before."""
        if (module, name) in self._globals:
            self.parts.append(pickle.BINGET + bytes([self._globals[module, name]]))
            return
        self.write(module)
        self.write(name)
        self.parts += [pickle.STACK_GLOBAL, pickle.MEMOIZE]
        self._globals[module, name] = len(self._globals)

    def _write_call(self, module: str, name: str, arguments: tuple) -> None:
        """Writes a call of a global."""
        self._write_global(module, name)
        self._write_tuple(arguments)
        self.parts.append(pickle.REDUCE)

    def _write_array(self, array: np.ndarray) -> None:
        """Writes an array under the module name that numpy had before version 2."""
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        self._write_global("numpy.core.multiarray", "_reconstruct")
        self.parts.append(pickle.MARK)
        self._write_global("numpy", "ndarray")
        self.write((0,))
        self.write(b"b")
        self.parts += [pickle.TUPLE, pickle.REDUCE, pickle.MARK]
        self.write(1)
        self.write(tuple(map(int, plain.shape)))
        self._write_call("numpy", "dtype", (plain.dtype.str[1:], False, True))
        self.write((3, plain.dtype.str[0], None, None, None, -1, -1, 0))
        self.parts.append(pickle.BUILD)
        self.write(False)
        self.write(plain.tobytes())
        self.parts += [pickle.TUPLE, pickle.BUILD]


def _encode_integer(value: int) -> bytes:
    """Encodes an integer of at most 64 bits and a sign."""
    if -(1 << 31) <= value < 1 << 31:
        return pickle.BININT + struct.pack("<i", value)
    return pickle.LONG1 + b"\x09" + value.to_bytes(9, "little", signed=True)
