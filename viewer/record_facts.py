"""What filters and orders need of every record, computed once and kept: its score, and the criteria of its findings.

A thread computes it while the reviewer reads, and waits while the reviewer is being served: findings take milliseconds
a record, so a filter by findings would otherwise take minutes for a large file. Takes 10 bytes per record.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from review.learner import bits_of
from viewer.record_file import RecordFile

BETWEEN_CALLS = 1_000  # records between two calls of a progress callback
KNOWN = 1  # the bit of a record whose findings are known, which bits_of uses for no criterion

OnProgress = Callable[[int], object]  # called with the number of records done; an exception from it ends the work


class HasCriterion(Protocol):
    """What is needed of a finding of review.criteria."""

    @property
    def criterion(self) -> int: ...


FindProblems = Callable[[dict[str, Any]], Collection[HasCriterion]]


class StoppedError(Exception):
    """The work was stopped."""


class RecordFacts:
    """The facts about the records of a file; without `start` they are computed when they are asked for."""

    def __init__(self, records: RecordFile, find_problems: FindProblems = lambda record: ()):
        self.records = records
        self._find_problems = find_problems
        self._criteria = array("H", bytes(2 * len(records)))  # bits, by the number of the record
        self._scores: array[float] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._served = 0  # blocks of `paused` that are being executed
        self._change = threading.Condition()

    def take_over(self, earlier: RecordFacts) -> None:
        """Begin with what is known of the same records, if the file has not changed since."""
        if earlier.records.state == self.records.state:
            self._criteria, self._scores = earlier._criteria, earlier._scores

    def is_known(self, number: int) -> bool:
        return self._criteria[number] != 0

    def findings(self, number: int) -> int:
        """The criteria of a record's findings as bits_of them; the lowest bit, KNOWN, is set too."""
        return self._criteria[number] or self._find(number)

    def scores(self, on_progress: OnProgress = lambda done: None) -> array[float]:
        """meta.answer_score of each record; minus infinity where there is none. Reads all records the first time."""
        if self._scores is None:
            scores = array("d")
            for number, record in enumerate(self.records):
                if number % BETWEEN_CALLS == 0:
                    on_progress(number)
                scores.append(_score(record))
            self._scores = scores
        return self._scores

    def start(self) -> None:
        """Compute everything on a thread, until `stop`."""
        self._thread = threading.Thread(target=self._compute, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def wait(self) -> None:
        """Wait until the thread has ended."""
        if self._thread:
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the thread wait during a block, because both would share one core."""
        with self._change:
            self._served += 1
        try:
            yield
        finally:
            with self._change:
                self._served -= 1
                self._change.notify_all()

    def _compute(self) -> None:
        try:
            self.scores(self._pause)
            for number in range(len(self.records)):
                self._pause(number)
                if not self.is_known(number):
                    self._find(number)
        except StoppedError:
            pass

    def _pause(self, _: int) -> None:
        with self._change:
            self._change.wait_for(lambda: self._stopped or not self._served)
            if self._stopped:
                raise StoppedError

    def _find(self, number: int) -> int:
        record = self.records.peek(number)
        bits = bits_of(each.criterion for each in self._find_problems(record)) if record else 0
        self._criteria[number] = KNOWN | bits
        return KNOWN | bits


_kept: dict[str, RecordFacts] = {}  # by the file, so that a cell that is run again goes on with what is known


def facts_in_background(records: RecordFile, find_problems: FindProblems) -> RecordFacts:
    """The facts about a file's records, which are being computed; those of an earlier viewer of the file end."""
    facts, path = RecordFacts(records, find_problems), os.path.realpath(records.path)
    if earlier := _kept.get(path):
        earlier.stop()
        facts.take_over(earlier)
    _kept[path] = facts
    facts.start()
    return facts


def _score(record: dict[str, Any] | None) -> float:
    score = record["meta"].get("answer_score") if record else None
    return score if isinstance(score, int) else float("-inf")
