"""Prefetching: a producer works ahead of its consumer in separate threads, by a limited number of items."""

import collections
import concurrent.futures
import contextlib
import os
import queue
import threading
import typing

Item = typing.TypeVar("Item")
Result = typing.TypeVar("Result")

MOST_THREADS = 8
"""Largest number of threads of `map_in_threads`."""

_WAIT = 0.1
"""Seconds after which a producer that waits for a free place checks whether it was stopped."""


class _Failure:
    """Context manager that catches the error of its block, so that the consumer's thread can raise it again."""

    error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> bool:
        self.error = error
        return True


def prefetch(items: typing.Iterable[Item], depth: int = 1) -> typing.Generator[Item, None, None]:
    """Yields items in order while another thread prepares the next ones.

    An error of the producer is raised in place of its item. Closing the generator, even after an error of the consumer,
    stops the producer and closes `items`.

    Args:
        items: The items to prefetch; iterated in the other thread only.
        depth: Maximum number of finished items that wait, in addition to the one in preparation. At least 1.

    Yields:
        The items.

    Raises:
        ValueError: If `depth` is below 1 (when the first item is requested).

    Example:
        >>> list(prefetch(range(3)))
        [0, 1, 2]
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
            if (close := getattr(source, "close", None)) is not None:
                stack.callback(close)
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


def map_in_threads(
    function: typing.Callable[[Item], Result], items: typing.Iterable[Item]
) -> typing.Generator[Result, None, None]:
    """Yields the results of a function in the order of the items, while threads compute the next ones.

    An error of the function is raised in place of its result. There is one thread per processor, but at most
    `MOST_THREADS`. The number of items that are in progress or wait for the consumer is at most one more than that.

    Args:
        function: Called in several threads at the same time.
        items: The items; iterated in the thread of the consumer.

    Yields:
        The results.

    Example:
        >>> list(map_in_threads(abs, [-2, 1]))
        [2, 1]
    """
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    waiting: collections.deque[concurrent.futures.Future[Result]] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
