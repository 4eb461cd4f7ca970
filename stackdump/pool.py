"""Work side by side, with its results in order."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait
from os import _exit
from typing import TypeVar

from stackdump.errors import DumpError

AHEAD = 2  # calls a worker: what it works on, and what waits for it

T = TypeVar("T")


def make_pool(workers: int) -> Executor:
    """Where work is done: processes, or for one worker a thread of this one. To be called before any thread
    is started."""
    if workers == 1:
        return ThreadPoolExecutor(1)
    # On Linux workers are forks, which share what is imported: half the memory, and no second start-up.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    pool.submit(int).result()  # forks now, while there are no threads
    return pool


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, so they watch it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _exit(1)


def run_ahead(calls: Iterable[Callable[[], T]], pool: Executor, workers: int, table: str) -> Iterator[T]:
    """The results of the calls in order. So many are under way that `workers` always have some; `calls` is asked for
    no more. Raises DumpError where a worker is lost."""
    calls = iter(calls)
    waiting: deque[Future[T]] = deque()
    try:
        while True:
            waiting.extend(map(pool.submit, islice(calls, workers * AHEAD - len(waiting))))
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise DumpError(f"{table}: a worker was killed, perhaps for want of memory; try fewer --workers") from None
    finally:
        for future in waiting:
            future.cancel()
