"""Letting a producer work ahead of its consumer in a thread of its own, by so much and no more."""

import contextlib
import queue
import threading
import typing

Item = typing.TypeVar("Item")

_WAIT = 0.1
"""Seconds after which a producer that finds no room looks whether it is still wanted."""


class _Failure:
    """Holds what was raised in its block, so that it can be raised again where the consumer stands."""

    error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> bool:
        self.error = error
        return True


def ahead(items: typing.Iterable[Item], depth: int = 1) -> typing.Generator[Item, None, None]:
    """Yields items in order while the next ones are made in another thread.

    An error of the producer is raised where its item was due. Closing the generator, or leaving it for an error, stops
    the producer and closes it.

    Args:
        items: What to work ahead on; read in the other thread only.
        depth: Finished items that may wait, besides the one being made.

    Yields:
        The items.
    """
    if depth < 1:
        raise ValueError(f"expected a depth of at least 1, got {depth}")
    ready: queue.Queue[tuple[bool, typing.Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(is_item: bool, value: typing.Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put((is_item, value), timeout=_WAIT)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        failure = _Failure()
        with failure, contextlib.ExitStack() as stack:
            source = iter(items)
            if hasattr(source, "close"):
                stack.callback(source.close)
            for item in source:
                if not put(True, item):
                    break
        put(False, failure.error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            is_item, value = ready.get()
            if is_item:
                yield value
            elif value is not None:
                raise value
            else:
                return
    finally:
        stopped.set()
        thread.join()
