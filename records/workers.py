"""Worker processes, and their results in order."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import wait
from typing import TypeVar

from records.errors import LostError

CALLS_PER_WORKER = 2  # submitted ahead: the one that it works on, and the next
# Up to this much freed memory is kept for the next batch: returning it to the system and asking for it again took a
# twentieth of the CPU time.
KEPT_FREE_BYTES = 1 << 24  # per process
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)

T = TypeVar("T")
Given = TypeVar("Given")
Result = TypeVar("Result")


def make_pool(workers: int, niceness: int = 0) -> Executor:
    """A pool of worker processes, or for one worker a thread of this process.

    niceness: as in nice(1), added to that of this process, for workers that something more urgent feeds.
    Best called before any thread is started: see `_start_method`.
    """
    with suppress(OSError, AttributeError):  # another C library than glibc
        for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(threshold, KEPT_FREE_BYTES)
    gc.freeze()  # imported modules stay: the collector need not scan them, and forks share them
    if workers == 1:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context(_start_method())
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(niceness,))
    pool.submit(int).result()  # starts the workers now, before the caller starts a thread
    return pool


def _start_method() -> str:
    """How workers are started.

    Forks share what is imported: half the memory, and 0.3 s of CPU time less than two spawned workers. But a lock that
    another thread holds during a fork is never released in the child. So if there are other threads, as in a notebook,
    workers are spawned. These import __main__, which cannot be read again from stdin.
    """
    if sys.platform != "linux":
        return "spawn"
    threads = len(os.listdir("/proc/self/task"))  # also those that `threading` does not know
    return "fork" if threads == 1 else "spawn"


def _begin_worker(niceness: int) -> None:
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, so they watch it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def run_ahead(calls: Iterable[Callable[[], T]], pool: Executor, workers: int, table: str) -> Iterator[T]:
    """The results of the calls, in order.

    Enough are submitted ahead to keep `workers` busy, and no more are taken from `calls`. When the iterator ends, none
    of the calls is still running. Raises LostError if a worker is lost.
    """
    calls = iter(calls)
    waiting: deque[Future[T]] = deque()
    try:
        while True:
            waiting.extend(map(pool.submit, islice(calls, workers * CALLS_PER_WORKER - len(waiting))))
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise LostError(f"{table}: a worker was killed, probably out of memory; try fewer --workers") from None
    finally:
        wait_for([future for future in waiting if not future.cancel()])


def map_batches(
    items: Iterator[T],
    given: Callable[[T], Given],
    work: Callable[[list[Given]], list[Result]],
    pool: Executor,
    workers: int,
    size: int,
) -> Iterator[tuple[T, Result]]:
    """Each record with its result, in order; a few batches are worked on at a time.

    given: what a worker needs of a record. work: the results of a batch of `size` of these, one for each; it is called
    in a worker. Raises LostError if a worker is lost.
    """
    waiting: deque[list[T]] = deque()

    def batches() -> Iterator[Callable[[], list[Result]]]:
        while batch := list(islice(items, size)):
            waiting.append(batch)
            yield partial(work, list(map(given, batch)))

    for results in run_ahead(batches(), pool, workers, "the records"):
        yield from zip(waiting.popleft(), results, strict=True)
