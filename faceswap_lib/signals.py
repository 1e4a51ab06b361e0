"""Signals: the first one requests a stop at the next safe point, the second one ends the process at once.

The command line catches SIGINT, SIGTERM and SIGHUP, on Windows SIGINT and SIGBREAK, with `catch_signals`. Work that can
save its state runs inside `defer_stop` and checks `is_asked` at the points where it can stop. All other work is
interrupted immediately, as by Ctrl-C. In a notebook or another program only the interrupt is caught, and only inside
`defer_stop`.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import types
import typing

NAMES = ("SIGINT", "SIGBREAK") if os.name == "nt" else ("SIGINT", "SIGTERM", "SIGHUP")

REPEAT = 1.0
"""Seconds within which signals count as one: `timeout` and a closing terminal, for example, send two in a row."""

NOTICE = "faceswap: stopping at the next safe point; a second signal ends the process at once"


class Stopped(KeyboardInterrupt):
    """Interruption of the work by a signal.

    Attributes:
        number: Number of the signal.
        saved: Part of a sentence that states what was saved; empty if nothing had to be saved.
    """

    def __init__(self, number: int, saved: str = ""):
        self.number, self.saved = number, saved
        name = signal.Signals(number).name
        super().__init__(f"stopped by {name}; {saved}" if saved else f"stopped by {name}")

    @property
    def exit_code(self) -> int:
        """Exit code of a process that this signal stopped."""
        return 128 + self.number


class Stop:
    """State of a requested stop; the work inside `defer_stop` reads it.

    Attributes:
        number: Number of the first signal; None before the first signal.
        saved: What was saved, as in `step 120 of run 'default' is saved`; set by the work when it stops.
        depth: Number of active blocks of `defer_stop`.
    """

    def __init__(self):
        self.number: int | None = None
        self.saved = ""
        self.depth = 0

    @property
    def is_asked(self) -> bool:
        """Whether a stop was requested."""
        return self.number is not None


_stop: Stop | None = None
"""State of the command line; None outside of it."""


@contextlib.contextmanager
def catch_signals() -> typing.Iterator[None]:
    """Catches signals on the command line: the first one stops the work, the second one ends the process.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored. Outside of the main thread nothing is caught.

    Raises:
        Stopped: In the block: immediately when the signal arrives, or at the end of the outermost `defer_stop`.
    """
    global _stop
    if threading.current_thread() is not threading.main_thread() or _stop is not None:
        yield
        return
    _stop = Stop()
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(reading, _stop), name="signals", daemon=True)
    watcher.start()
    before, handlers = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False), {}
    try:
        for name in NAMES:
            number = signal.Signals[name]
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, _handle)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        _stop = None
        writing.close()
        watcher.join()
        reading.close()


@contextlib.contextmanager
def defer_stop() -> typing.Iterator[Stop]:
    """Defers the first signal until the block ends; the work checks `is_asked` at the points where it can stop.

    Blocks may be nested; the outermost one raises the error. Outside of the main thread the block only reports whether
    a stop was requested, and raises nothing. In a notebook or another program only the interrupt (Ctrl-C) is deferred,
    and only if the program has not set its own handler. A second interrupt is then raised at once.

    Yields:
        The state of the stop.

    Raises:
        Stopped: At the end of the block, if a stop was requested on the command line.
        KeyboardInterrupt: At the end of the block, if it was requested in a notebook or another program.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _stop or Stop()
    elif _stop is not None:
        stop = _stop
        stop.depth += 1
        try:
            yield stop
        finally:
            stop.depth -= 1
        if stop.number is not None and stop.depth == 0:
            raise Stopped(stop.number, stop.saved)
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        stop = Stop()
        with _interrupt_deferred(stop):
            yield stop
        if stop.is_asked:
            raise KeyboardInterrupt(stop.saved)
    else:
        yield Stop()


@contextlib.contextmanager
def _interrupt_deferred(stop: Stop) -> typing.Iterator[None]:
    """Records the first interrupt in `stop` and raises the second one."""

    def handle(number: int, _: types.FrameType | None) -> None:
        if stop.is_asked:
            raise KeyboardInterrupt
        stop.number = number

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _handle(number: int, _: types.FrameType | None) -> None:
    """Records the first signal, and raises `Stopped` unless the stop is deferred."""
    stop = _stop
    if stop is None or stop.is_asked:
        return  # `_watch` ends the process
    stop.number = number
    if stop.depth == 0:
        raise Stopped(number)


def _watch(signals: socket.socket, stop: Stop) -> None:
    """Ends the process at the second signal, even while the main thread is busy.

    At the first signal a notice is printed if the stop is deferred.
    """
    first = None
    while received := signals.recv(1):
        number = received[0]
        if number not in [signal.Signals[name] for name in NAMES]:
            continue
        if first is None:
            first = time.monotonic()
            if stop.depth:
                with contextlib.suppress(OSError, ValueError, AttributeError):  # the terminal is closed
                    sys.stderr.write(f"\n{NOTICE}\n")
                    sys.stderr.flush()
        elif time.monotonic() - first > REPEAT:
            os._exit(128 + number)
