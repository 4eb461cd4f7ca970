"""Searches that may take long, on a thread of their own, so that the kernel goes on serving the reviewer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from viewer.record_facts import OnProgress

PATIENCE = 0.15  # seconds that the reviewer's action waits for the result before it ends, and the search goes on alone
BETWEEN_NEWS = 0.3  # seconds

Result = TypeVar("Result")


class AbandonedError(Exception):
    """The reviewer has asked for something else."""


class Searches:
    """Runs one search at a time: the next one ends it, and nothing comes of it."""

    def __init__(
        self,
        lock: AbstractContextManager[object],
        do: Callable[[Callable[[], None]], None],
        on_news: Callable[[int], None],
    ):
        """lock     is held by the caller of each method, and while `do` or `on_news` is called
        do       does what is to be done with a result that comes late, and reports its errors
        on_news  shows how many records have been searched
        """
        self._lock, self._do, self._on_news = lock, do, on_news
        self._current: object = None
        self._thread: threading.Thread | None = None

    def run(self, search: Callable[[OnProgress], Result], then: Callable[[Result], None]) -> None:
        """Search, and do something with the result: at once if it comes at once, otherwise when it comes.

        `search` gets a callback, which raises AbandonedError if there is another search meanwhile. What it raises else
        is raised where the result would have been used.
        """
        self._current = mine = object()
        found = threading.Event()
        late, told, outcome = False, time.monotonic(), None

        def on_progress(done: int) -> None:
            nonlocal told
            if self._current is not mine:
                raise AbandonedError
            if late and time.monotonic() - told > BETWEEN_NEWS:
                told = time.monotonic()
                with self._lock:
                    if self._current is mine:
                        self._on_news(done)

        def work() -> None:
            nonlocal outcome
            try:
                outcome = partial(then, search(on_progress))
            except Exception as error:  # noqa: BLE001
                outcome = partial(_raise, error)
            found.set()
            with self._lock:
                if self._current is mine:
                    self._current = None
                    self._do(outcome)

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        if found.wait(PATIENCE) and outcome:
            self._current = None
            outcome()
        late = True

    @property
    def going_on(self) -> bool:
        return self._current is not None

    def abandon(self) -> None:
        """End the search that is going on."""
        self._current = None

    def wait(self) -> None:
        """Wait until no search is going on; without the lock."""
        while self._thread and self._thread.is_alive():
            self._thread.join()


def _raise(error: Exception) -> None:
    raise error
