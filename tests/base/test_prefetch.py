"""Working ahead in a thread: order, errors, ends, and no further than allowed."""

import itertools
import os
import threading
import time

import pytest

from faceswap_lib.prefetch import map_in_threads, prefetch


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


def test_results_of_threads_come_in_order_while_several_are_computed():
    running, most, lock = 0, 0, threading.Lock()

    def square(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02 if number % 2 else 0.002)
        with lock:
            running -= 1
        return number * number

    assert list(map_in_threads(square, range(20))) == [number * number for number in range(20)]
    assert most <= os.cpu_count() and (most > 1 or os.cpu_count() == 1)
    assert list(map_in_threads(square, [])) == []


def test_threads_do_not_run_far_ahead_of_a_slow_consumer():
    taken = []

    def numbers():
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_threads(lambda number: number, numbers())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) <= 3 + os.cpu_count()
    results.close()
    assert len(taken) < 100


def test_an_error_in_a_thread_takes_the_place_of_its_result():
    def reciprocal(number):
        return 6 // number

    results = map_in_threads(reciprocal, [3, 2, 0, 1])
    assert next(results) == 2 and next(results) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)
