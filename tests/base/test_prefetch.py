"""Working ahead in a thread: order, errors, ends, and no further than allowed."""

import itertools
import threading
import time

import pytest

from faceswap_lib.prefetch import prefetch


def test_items_come_in_order_and_end():
    assert list(prefetch(iter(range(50)), 3)) == list(range(50))
    assert list(prefetch([])) == []


def test_the_producer_works_in_another_thread_and_no_further_than_allowed():
    made, threads = [], set()

    def produce():
        for number in range(20):
            made.append(number)
            threads.add(threading.get_ident())
            yield number

    for number in prefetch(produce(), 2):
        time.sleep(0.01)
        assert len(made) - 1 - number <= 4  # two wait, one is in hand, and one is being put
    assert threads and threading.get_ident() not in threads


def test_both_work_at_the_same_time():
    def produce():
        for number in range(10):
            time.sleep(0.03)
            yield number

    began = time.monotonic()
    for _ in prefetch(produce()):
        time.sleep(0.03)
    assert time.monotonic() - began < 0.5  # one after the other takes 0.6


def test_an_error_is_raised_where_the_item_was_due():
    def produce():
        yield 1
        yield 2
        raise KeyError("broken")

    found = []
    with pytest.raises(KeyError, match="broken"):
        for number in prefetch(produce(), 5):
            found.append(number)
    assert found == [1, 2]


def test_closing_stops_and_closes_the_producer():
    closed = threading.Event()

    def produce():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    before = threading.active_count()
    items = prefetch(produce())
    assert next(items) == 0
    items.close()
    assert closed.is_set() and threading.active_count() == before


def test_nothing_starts_before_the_first_item_is_asked_for():
    before = threading.active_count()
    items = prefetch(itertools.count())
    assert threading.active_count() == before
    items.close()


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        next(prefetch([1], 0))
