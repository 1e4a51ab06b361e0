"""Stack machine that builds plain values from a pickle, and runs no code.

A pickle is a program for a small stack machine. Python's own machine imports and calls whatever the program names,
which is how a file runs code. This machine knows only the opcodes that plain values need, and only the globals of
`pickle_objects`, for which it builds its own objects. Python's `pickle` is used for the names of the opcodes alone.

Time and memory are proportional to the bytes read: no size is trusted before as many bytes are there, and no list or
dict can be referred to twice, so that a short program cannot build a huge or an endless value.
"""

import pickle
import struct
import typing

from faceswap_lib.facesets.deepfacelab.pickle_objects import (
    MOST_ARRAY_BYTES,
    DtypeDraft,
    Global,
    RestrictedPickleError,
    call_global,
    find_global,
    set_state,
)

MOST_OPCODES = 3_000_000
"""Maximum number of opcodes of a value; with `on_item`, of the items that are added to the outermost list at once. 1000
faces have about 700,000."""

MOST_DEPTH = 10
"""Maximum nesting depth of a value. Landmarks in a list of faces have four levels."""

MOST_TEXT_BYTES = 10_000
MOST_INTEGER_BYTES = 9
"""Maximum size of an integer: 64 bits and a sign."""

MOST_MEMOIZED = 3_000_000
"""Maximum number of texts that may be referred to again: about ten times the largest number of faces."""

SHORT_BYTES = 16
"""Maximum length of bytes that may be referred to again; Python does so for constants of single bytes."""

LONGEST_NAME = 200
"""Maximum length of the name of a global in bytes."""

SCALARS = (str, int, float, bool, bytes, type(None))


def check_depth(value: object) -> None:
    """Checks that a value without repeated containers is nested at most `MOST_DEPTH` levels deep.

    Raises:
        RestrictedPickleError: If it is nested more deeply.
    """
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list | tuple):
                inner += each
        level = [each for each in inner if isinstance(each, dict | list | tuple)]
        if not level:
            return
    raise RestrictedPickleError(f"it is nested deeper than {MOST_DEPTH} levels")


class PickleMachine:
    """Stack machine for one pickle.

    Args:
        view: The pickle.
        on_item: See `load_restricted`.

    Attributes:
        at: Offset of the next byte.
    """

    def __init__(self, view: memoryview, on_item: typing.Callable[[object], object] | None):
        self.at = 0
        self._view, self._on_item = view.cast("B"), on_item
        self._stack: list[typing.Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._memoized = 0
        self._budget = MOST_OPCODES

    def release(self) -> None:
        """Releases the bytes of the pickle, so that a mapped file can be closed."""
        self._view.release()

    def run(self, handlers: "typing.Mapping[int, typing.Callable[[PickleMachine], None]]") -> object:
        """Runs the program.

        Args:
            handlers: What each allowed opcode does.

        Returns:
            The value; see `load_restricted`.

        Raises:
            RestrictedPickleError: If the program is not allowed, or does not end with one value.
        """
        stop = pickle.STOP[0]
        while True:
            if self.at >= len(self._view):
                raise RestrictedPickleError(f"it is cut off after {self.at:,} bytes")
            opcode = self._view[self.at]
            self.at += 1
            if opcode == stop:
                break
            handler = handlers.get(opcode)
            if handler is None:
                raise RestrictedPickleError(f"opcode {bytes([opcode])!r} at byte {self.at - 1:,} is not allowed")
            self._budget -= 1
            if self._budget < 0:
                raise RestrictedPickleError(f"one of its values needs more than {MOST_OPCODES:,} opcodes")
            handler(self)
        if len(self._stack) != 1 or self._marks or self.at != len(self._view):
            raise RestrictedPickleError(f"it does not end with one value at byte {self.at:,} of {len(self._view):,}")
        if self._on_item is None:
            check_depth(self._stack[0])
        return self._stack[0]

    def _take(self, count: int) -> memoryview:
        """Takes the next bytes."""
        if count > len(self._view) - self.at:
            raise RestrictedPickleError(
                f"at byte {self.at:,} it states {count:,} more bytes, {len(self._view) - self.at:,} are there"
            )
        self.at += count
        return self._view[self.at - count : self.at]

    def _unpack(self, form: str) -> typing.Any:
        """Takes one number in the format of the module `struct`."""
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _check_height(self, count: int) -> None:
        """Checks that there are values after the last mark; no opcode may use values before it."""
        if len(self._stack) - (self._marks[-1] if self._marks else 0) < count:
            raise IndexError

    def _pop(self) -> typing.Any:
        """Takes the last value."""
        self._check_height(1)
        return self._stack.pop()

    def _pop_mark(self) -> list[typing.Any]:
        """Takes the last mark and all values after it."""
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def push_bytes(self, form: str) -> None:
        """Pushes bytes whose length precedes them."""
        count = self._unpack(form)
        if count > MOST_ARRAY_BYTES:
            raise RestrictedPickleError(f"it states {count:,} bytes in one piece, {MOST_ARRAY_BYTES:,} are allowed")
        self._stack.append(bytes(self._take(count)))

    def push_text(self, form: str) -> None:
        """Pushes text whose length precedes it."""
        count = self._unpack(form)
        if count > MOST_TEXT_BYTES:
            raise RestrictedPickleError(f"it states a text of {count:,} bytes, {MOST_TEXT_BYTES:,} are allowed")
        self._stack.append(str(self._take(count), "utf-8"))

    def push_number(self, form: str) -> None:
        """Pushes a number of fixed size."""
        self._stack.append(self._unpack(form))

    def push_integer(self) -> None:
        """Pushes an integer whose length precedes it."""
        count = self._unpack("<B")
        if count > MOST_INTEGER_BYTES:
            raise RestrictedPickleError(f"it states an integer of {count} bytes, {MOST_INTEGER_BYTES} are allowed")
        self._stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def push(self, value: object) -> None:
        """Pushes a constant."""
        self._stack.append(value)

    def push_mark(self) -> None:
        """Marks the place after the last value."""
        self._marks.append(len(self._stack))

    def skip(self, count: int) -> None:
        """Skips bytes that are not needed, such as the protocol number."""
        self._take(count)

    def enter_frame(self) -> None:
        """Skips the length of a frame, after it is compared with the bytes that are there."""
        count = self._unpack("<Q")
        if count > len(self._view) - self.at:
            raise RestrictedPickleError(
                f"at byte {self.at:,} it states a frame of {count:,} bytes, which are not there"
            )

    def push_tuple(self, count: int | None = None) -> None:
        """Replaces the last values by a tuple of them: `count` of them, or those after the last mark."""
        if count is None:
            self._stack.append(tuple(self._pop_mark()))
            return
        self._check_height(count)
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def append(self) -> None:
        """Adds the last value to the list before it."""
        self._extend([self._pop()])

    def append_many(self) -> None:
        """Adds the values after the last mark to the list before it."""
        self._extend(self._pop_mark())

    def _extend(self, items: list[typing.Any]) -> None:
        self._check_height(1)
        target = self._stack[-1]
        if not isinstance(target, list):
            raise RestrictedPickleError(f"at byte {self.at:,} it adds to {type(target).__name__}, expected a list")
        if len(self._stack) == 1 and not self._marks and self._on_item is not None:
            for item in items:
                check_depth(item)
                target.append(self._on_item(item))
            self._budget = MOST_OPCODES
        else:
            target += items

    def set_item(self) -> None:
        """Sets a key of the dict before the last two values."""
        value, key = self._pop(), self._pop()
        self._update([key, value])

    def set_items(self) -> None:
        """Sets the keys and values after the last mark in the dict before it."""
        self._update(self._pop_mark())

    def _update(self, items: list[typing.Any]) -> None:
        self._check_height(1)
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2 or any(type(key) is not str for key in items[::2]):
            raise RestrictedPickleError(f"at byte {self.at:,} it sets keys that are not text, or not of a dict")
        target.update(zip(items[::2], items[1::2], strict=True))

    def push_stack_global(self) -> None:
        """Replaces module and name by the global."""
        name, module = self._pop(), self._pop()
        self._stack.append(find_global(module, name))

    def push_global(self) -> None:
        """Pushes the global whose module and name follow, on a line each."""
        module, name = self._take_line(), self._take_line()
        self._stack.append(find_global(module, name))

    def _take_line(self) -> str:
        end = bytes(self._view[self.at : self.at + LONGEST_NAME]).find(b"\n")
        if end < 0:
            raise RestrictedPickleError(f"the name of a global at byte {self.at:,} has no end")
        line = str(self._take(end), "utf-8")
        self.skip(1)
        return line

    def reduce(self) -> None:
        """Replaces a global and its arguments by what the call would return."""
        arguments = self._pop()
        self._check_height(1)
        self._stack[-1] = call_global(self._stack[-1], arguments)

    def build(self) -> None:
        """Completes a draft of an array or dtype by the last value."""
        state = self._pop()
        self._check_height(1)
        self._stack[-1] = set_state(self._stack[-1], state)

    def memoize(self) -> None:
        """Remembers the last value under the next number."""
        self._put(self._memoized)

    def put(self, form: str) -> None:
        """Remembers the last value under the number that follows."""
        self._put(self._unpack(form))

    def _put(self, index: int) -> None:
        """Remembers a value if it may be referred to again: no containers, except for small tuples of scalars."""
        self._check_height(1)
        self._memoized += 1
        if index > len(self._view):
            raise RestrictedPickleError(f"at byte {self.at:,} it remembers a value under the number {index:,}")
        value = self._stack[-1]
        is_leaf = isinstance(value, tuple) and len(value) <= 4 and all(isinstance(each, SCALARS) for each in value)
        is_short = isinstance(value, bytes) and len(value) <= SHORT_BYTES
        if is_leaf or is_short or isinstance(value, str | Global | DtypeDraft | int | float):
            self._memo[index] = value
            if len(self._memo) > MOST_MEMOIZED:
                raise RestrictedPickleError(f"it remembers more than {MOST_MEMOIZED:,} values")
        else:
            self._memo.pop(index, None)

    def get(self, form: str) -> None:
        """Pushes a remembered value."""
        index = self._unpack(form)
        if index not in self._memo:
            raise RestrictedPickleError(
                f"at byte {self.at:,} it refers to value {index:,}, which is a list, a dict, an array or not there"
            )
        self._stack.append(self._memo[index])
