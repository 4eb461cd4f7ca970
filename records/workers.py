"""Work side by side, with its results in order."""

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
from itertools import islice
from multiprocessing.connection import wait
from typing import TypeVar

from records.errors import LostError

AHEAD = 2  # calls a worker: what it works on, and what waits for it
# Workers yield to what feeds them: where they took turns with a decoder on its core, it needed half again its CPU time,
# for its tables leave the caches at every turn, and all wait for it.
BEHIND = 10  # as in nice(1)
# Freed memory is kept for the next batch up to this: a twentieth of the CPU time went into giving it back to the system
# and asking for it anew.
KEPT = 1 << 24  # bytes a process
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)

T = TypeVar("T")


def make_pool(workers: int) -> Executor:
    """Where work is done: processes, or for one worker a thread of this one. Best called before any thread is started:
    see `_start_method`."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(threshold, KEPT)
    gc.freeze()  # what is imported stays: the collector need not look at it, and workers share it
    if workers == 1:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context(_start_method())
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    pool.submit(int).result()  # forks now, before the caller starts a thread
    return pool


def _start_method() -> str:
    """Forks share what is imported: half the memory, and 0.3 s of CPU time less than two workers that start anew. But a
    lock that another thread holds while a process forks is never released in the fork; so beside threads, as in a
    notebook, workers start anew. They then import __main__, which cannot be read from a stdin that is used up."""
    if sys.platform != "linux":
        return "spawn"
    threads = len(os.listdir("/proc/self/task"))  # also those that `threading` does not know
    return "fork" if threads == 1 else "spawn"


def _begin_worker() -> None:
    os.nice(BEHIND)
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
    """The results of the calls in order. So many are under way that `workers` always have some; `calls` is asked for
    no more. Raises LostError where a worker is lost. None of the calls goes on behind the iterator's end."""
    calls = iter(calls)
    waiting: deque[Future[T]] = deque()
    try:
        while True:
            waiting.extend(map(pool.submit, islice(calls, workers * AHEAD - len(waiting))))
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise LostError(f"{table}: a worker was killed, perhaps for want of memory; try fewer --workers") from None
    finally:
        wait_for([future for future in waiting if not future.cancel()])
