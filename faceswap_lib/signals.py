"""Signals: the first asks the work to stop where nothing is lost, the second ends the process at once.

The command line catches SIGINT, SIGTERM and SIGHUP, on Windows SIGINT and SIGBREAK, with `catch_signals`. Work that
can save what it has done wraps itself in `defer_stop` and asks `is_asked` where it may stop; all other work ends where
the signal finds it, as by Ctrl-C. In a notebook or a program nothing is caught but the interrupt while `defer_stop`
is in force.
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
"""Seconds within which signals count as one: `timeout`, a terminal that closes and others send two in a row."""

NOTICE = "faceswap: stopping where nothing is lost; a second signal ends it at once"


class Stopped(KeyboardInterrupt):
    """The work was stopped by a signal.

    Attributes:
        number: Of the signal.
        saved: What was saved, as a sentence's part; empty where nothing had to be.
    """

    def __init__(self, number: int, saved: str = ""):
        self.number, self.saved = number, saved
        name = signal.Signals(number).name
        super().__init__(f"stopped by {name}; {saved}" if saved else f"stopped by {name}")

    @property
    def exit_code(self) -> int:
        """What a process stopped by this signal exits with."""
        return 128 + self.number


class Stop:
    """What is known of a stop that was asked for; the work in `defer_stop` looks at it.

    Attributes:
        number: Of the first signal; None as long as there was none.
        saved: Set by the work, when it stops: what was saved, as in `step 120 of run 'default' is saved`.
    """

    def __init__(self):
        self.number: int | None = None
        self.saved = ""
        self.depth = 0  # blocks of `defer_stop` that are in force

    @property
    def is_asked(self) -> bool:
        """Whether the work should stop."""
        return self.number is not None


_stop: Stop | None = None
"""Of the command line; None outside of it."""


@contextlib.contextmanager
def catch_signals() -> typing.Iterator[None]:
    """Lets the first signal stop the work and the second end the process; for the command line's main thread.

    A signal that is ignored, as SIGHUP is under nohup, stays so. In another thread than the main one nothing is caught.

    Raises:
        Stopped: In the block, where the signal finds it or at the end of the outermost `defer_stop`.
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
    """Lets the first signal only ask, until the block ends; the work looks at `is_asked` where it may stop.

    May be nested; the outermost block raises. In another thread than the main one it tells whether a stop was asked
    for, and raises nothing. In a notebook or a program of one's own it defers the interrupt (Ctrl-C) alone, unless a
    handler of its own is set.

    Yields:
        What is known of the stop.

    Raises:
        Stopped: At the end, if the command line was asked to stop.
        KeyboardInterrupt: At the end, if a notebook or program was.
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
        if stop.is_asked and stop.depth == 0:
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
    """The first interrupt is remembered, the second raised."""

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
    """Remembers the first signal, and raises it unless that is deferred."""
    stop = _stop
    if stop is None or stop.is_asked:
        return  # `_watch` ends the process
    stop.number = number
    if stop.depth == 0:
        raise Stopped(number)


def _watch(signals: socket.socket, stop: Stop) -> None:
    """Says that a first signal has come, and ends the process at a second one, even while the main thread computes."""
    first = None
    while received := signals.recv(1):
        number = received[0]
        if number not in [signal.Signals[name] for name in NAMES]:
            continue
        if first is None:
            first = time.monotonic()
            if stop.depth:
                with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody looks any more
                    sys.stderr.write(f"\n{NOTICE}\n")
                    sys.stderr.flush()
        elif time.monotonic() - first > REPEAT:
            os._exit(128 + number)
