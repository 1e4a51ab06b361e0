"""Reader of the binary format in which dlib's `serialize` functions write values.

A file is a sequence of values without names or types, so a reader must know their order:

- An integer is a control byte, followed by 1 to 8 bytes of its absolute value, the lowest first. The lower half of the
  control byte is the number of these bytes; its highest bit is set for negative values.
- A floating-point number is two integers, mantissa and exponent: mantissa * 2^exponent.
- A text is an integer, its length, and its bytes.
- A truth value is the character 1 or 0.
- A tensor is the integer 2 (the version of this format), four integers (numbers of samples, channels, rows and
  columns), and its values as little-endian float32.
"""

import math

import numpy as np

from faceswap_lib.errors import CheckpointError

TENSOR_VERSION = 2

LONGEST_TEXT = 100
"""Largest length of a text in bytes; the names of layers have up to 21 characters."""

LARGEST_EXPONENT = 900
"""Largest absolute exponent of a number. dlib writes infinity and NaN as numbers with an exponent above 32,000."""


class DlibReader:
    """Reader that takes one value after the other from the bytes of a file.

    Nothing in the file determines how much memory is allocated: the caller passes the size of every tensor, and a text
    has at most `LONGEST_TEXT` bytes.

    Args:
        data: The bytes of the file.
        origin: What they are, for error messages; usually a path.
        remedy: What the user can do about a file that is refused, for error messages.

    Raises:
        CheckpointError: By every method, if the file ends too early or contains something else at this position.
    """

    def __init__(self, data: bytes, origin: object, *, remedy: str):
        self._data = memoryview(data)
        self._origin = origin
        self._remedy = remedy
        self._position = 0

    def integer(self) -> int:
        """Reads an integer of up to 64 bits."""
        start = self._position
        (control,) = self._take(1)
        count = control & 0x0F
        if control & 0x70 or not 1 <= count <= 8:
            raise self.refusal("an integer", f"the control byte {control:#04x}", start)
        value = int.from_bytes(self._take(count), "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        """Reads a finite floating-point number."""
        start = self._position
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > LARGEST_EXPONENT:
            raise self.refusal("a finite number", f"{mantissa} * 2^{exponent}", start)
        return math.ldexp(mantissa, exponent)

    def flag(self) -> bool:
        """Reads a truth value."""
        start = self._position
        value = bytes(self._take(1))
        if value not in (b"0", b"1"):
            raise self.refusal("0 or 1", repr(value)[1:], start)
        return value == b"1"

    def text(self) -> str:
        """Reads a text of at most `LONGEST_TEXT` ASCII characters."""
        start = self._position
        length = self.integer()
        if not 0 <= length <= LONGEST_TEXT:
            raise self.refusal(f"a text of at most {LONGEST_TEXT} bytes", f"a length of {length}", start)
        value = bytes(self._take(length))
        if not value.isascii():
            raise self.refusal("a text in ASCII", repr(value)[1:], start)
        return value.decode("ascii")

    def tensor(self, *sizes: int) -> np.ndarray:
        """Reads a tensor of a known size.

        Args:
            sizes: Numbers of samples, channels, rows and columns that it must have.

        Returns:
            A read-only float32 array of this shape with finite values, which shares the memory of the file's bytes.
        """
        self.expect_integers("a tensor of version", TENSOR_VERSION)
        self.expect_integers("a tensor of size", *sizes)
        start = self._position
        values = np.frombuffer(self._take(4 * math.prod(sizes)), "<f4")
        if not np.isfinite(values).all():
            raise self.refusal("finite values", "NaN or infinity", start)
        return values.reshape(sizes)

    def expect_integers(self, what: str, *wanted: int) -> None:
        """Reads integers and checks their values.

        Args:
            what: What they are, for the error message.
            wanted: The values that they must have.
        """
        start = self._position
        found = tuple(self.integer() for _ in wanted)
        if found != wanted:
            shown = (" x ".join(map(str, values)) for values in (wanted, found))
            raise self.refusal(f"{what} {next(shown)}", next(shown), start)

    def expect_text(self, wanted: str) -> None:
        """Reads a text and checks that it is the expected one."""
        start = self._position
        found = self.text()
        if found != wanted:
            raise self.refusal(repr(wanted), repr(found), start)

    def expect_end(self) -> None:
        """Checks that nothing follows."""
        left = len(self._data) - self._position
        if left:
            raise self.refusal("the end of the file", f"{left:,} more bytes")

    def _take(self, count: int) -> memoryview:
        """Takes the next bytes."""
        start, left = self._position, len(self._data) - self._position
        if count > left:
            raise self.refusal(f"{count:,} more bytes", f"{left:,} up to the end of the file", start)
        self._position = start + count
        return self._data[start : self._position]

    def refusal(self, wanted: str, found: str, position: int | None = None) -> CheckpointError:
        """Creates the error for something unexpected in the file.

        Args:
            wanted: What was expected.
            found: What is there.
            position: The byte at which it begins; None for the current position.
        """
        position = self._position if position is None else position
        return CheckpointError(f"{self._origin}: byte {position:,}: expected {wanted}, got {found}; {self._remedy}")
