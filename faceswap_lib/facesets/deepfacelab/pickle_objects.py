"""Builds the few objects that pickles of DeepFaceLab contain, without importing or calling what the pickle names.

A pickle names functions and classes by module and name ("globals"). The names below stand for own constructors, which
check every argument. All other names are refused.
"""

import enum
import math
import reprlib
import typing

import numpy as np

MOST_DIMENSIONS = 4
"""Maximum number of dimensions of an array. An image has three."""

MOST_ARRAY_BYTES = 64_000_000
"""Maximum size of one array: a mask of 4096 x 4096 float32 pixels."""

DTYPES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
"""Names of the element types of numpy that may be used: truth values, integers and floating point numbers."""

FACE_TYPE_CODES = frozenset({0, 1, 2, 3, 4, 10, 20, 100})
SAMPLE_TYPE_CODES = frozenset({0, 1, 2, 3})


class RestrictedPickleError(ValueError):
    """Pickle that is damaged, or that contains something that facesets do not need."""


class Global(enum.Enum):
    """Functions and classes that a pickle may name."""

    RECONSTRUCT = "_reconstruct"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    SAMPLE_TYPE = "SampleType"
    FACE_TYPE = "FaceType"


GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): Global.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): Global.RECONSTRUCT,
    ("numpy", "ndarray"): Global.NDARRAY,
    ("numpy", "dtype"): Global.DTYPE,
    ("samplelib.Sample", "SampleType"): Global.SAMPLE_TYPE,
    ("facelib.FaceType", "FaceType"): Global.FACE_TYPE,
}
"""Allowed globals by module and name. The module of `_reconstruct` was renamed in numpy 2."""

CODES = {Global.FACE_TYPE: FACE_TYPE_CODES, Global.SAMPLE_TYPE: SAMPLE_TYPE_CODES}
"""Members of the enumerations, by their numbers."""


class ArrayDraft:
    """Array whose shape and bytes follow later in the pickle."""


class DtypeDraft:
    """Element type of an array; its byte order follows later in the pickle.

    Args:
        code: One of `DTYPES`.
    """

    def __init__(self, code: str):
        self.code = code
        self.order: typing.Literal["<", ">", "=", "|"] = "="

    def to_numpy(self) -> np.dtype:
        """Returns the numpy dtype."""
        return np.dtype(self.code).newbyteorder(self.order)


def find_global(module: object, name: object) -> Global:
    """Finds an allowed global.

    Raises:
        RestrictedPickleError: If the pickle may not use it; the message contains its name.
    """
    if not (isinstance(module, str) and isinstance(name, str)):
        raise RestrictedPickleError("it names a global by something other than text")
    if (found := GLOBALS.get((module, name))) is None:
        shown = f"{module}.{name}"
        raise RestrictedPickleError(f"it wants to use {shown!r:.120}, which no faceset needs; it may be an attack")
    return found


def call_global(function: object, arguments: object) -> object:
    """Builds what a call of an allowed global would return; nothing is called.

    Args:
        function: A member of `Global`.
        arguments: The positional arguments of the call.

    Returns:
        A draft of an array or of a dtype, or the number of an enumeration member.

    Raises:
        RestrictedPickleError: If the function cannot be called, or the arguments are not those that are usual for it.
    """
    values = list(arguments) if isinstance(arguments, tuple) else []
    kinds = [type(value) for value in values]
    if function is Global.RECONSTRUCT and kinds == [Global, tuple, bytes]:
        if values[0] is Global.NDARRAY and len(values[1]) == 1 and _is_equal(values[1][0], 0) and values[2] == b"b":
            return ArrayDraft()
    elif function is Global.DTYPE and kinds in ([str, bool, bool], [str, int, int]):
        if (code := values[0].lstrip("<>=|")) in DTYPES:
            return DtypeDraft(code)
        raise RestrictedPickleError(f"expected an array of numbers, got one of {values[0]!r:.40}")
    elif isinstance(function, Global) and kinds == [int] and values[0] in CODES.get(function, ()):
        return values[0]
    named = function.name if isinstance(function, Global) else type(function).__name__
    raise RestrictedPickleError(f"it calls {named} with unusual arguments, {reprlib.repr(arguments)}")


def set_state(draft: object, state: object) -> object:
    """Completes a draft with the values that a pickle states for it.

    Args:
        draft: What `call_global` returned.
        state: The tuple of the pickle.

    Returns:
        The array, which is read-only; or the dtype draft itself.

    Raises:
        RestrictedPickleError: If the state is not that of an array of numbers, or its size differs from its shape.
    """
    if isinstance(draft, DtypeDraft) and isinstance(state, tuple) and len(state) == 8:
        version, order, *rest = state
        is_plain = rest[0] is rest[1] is rest[2] is None  # no fields, no arrays as elements
        if _is_equal(version, 3) and isinstance(order, str) and order in ("<", ">", "=", "|") and is_plain:
            draft.order = order
            return draft
    if isinstance(draft, ArrayDraft) and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, is_fortran, data = state
        if isinstance(dtype, DtypeDraft) and isinstance(data, bytes) and isinstance(is_fortran, bool | int):
            return _build_array(shape, dtype.to_numpy(), data, "F" if is_fortran else "C")
    raise RestrictedPickleError(f"it sets the state of {type(draft).__name__} in an unusual way")


def _is_equal(value: object, number: int) -> bool:
    """Checks that a value is this integer. Comparing an array with `==` would give an array."""
    return type(value) is int and value == number


def _build_array(shape: object, dtype: np.dtype, data: bytes, order: str) -> np.ndarray:
    """Builds an array on the bytes of the pickle, without copying them."""
    sides = [side for side in shape if type(side) is int] if isinstance(shape, tuple) else []
    is_shape = isinstance(shape, tuple) and len(sides) == len(shape) <= MOST_DIMENSIONS
    if not is_shape or not all(0 <= side <= MOST_ARRAY_BYTES for side in sides):
        raise RestrictedPickleError(f"expected the shape of an array, got {reprlib.repr(shape)}")
    size = math.prod(sides) * dtype.itemsize
    if size != len(data):
        raise RestrictedPickleError(f"an array of shape {shape} needs {size:,} bytes, its data has {len(data):,}")
    array = np.frombuffer(data, dtype)
    return array.reshape(sides) if order == "C" else array.reshape(sides, order="F")
