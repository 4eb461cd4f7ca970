"""The records of a merge's inputs, checked one by one; a bad record ends the run, or is counted and left out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from records.errors import InputError
from records.file_io import STANDARD_STREAM, require_input
from records.record import RecordLine, parse_record, read_lines
from records.script import Progress, Tally

BAD = "bad record"
Notes = list[Callable[[], None]]  # what a ledger has to write down
DEEPEST = 200  # lines with fewer brackets need no closer look; orjson reads 1024 levels, and writes 254


@dataclass
class Ledger:
    """Counts the records kept and dropped, by source and reason, and writes down those that are dropped."""

    dropped_out: BinaryIO | None
    skip_bad: bool
    read: int = 0
    kept: Counter[str] = field(default_factory=Counter)  # by source
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)  # by source and reason

    def keep(self, row: RecordLine) -> None:
        self.kept[row.record["source"]] += 1

    def drop(self, row: RecordLine, reason: str, **more: Any) -> None:
        """Leave a record out. more: further fields for the file of dropped records."""
        self.dropped[row.record["source"], reason] += 1
        self._write({"reason": reason, "place": _writable(row.place), **more, "record": orjson.Fragment(row.raw)})

    def bad(self, problem: InputError, raw: bytes) -> None:
        """Leave out a line that is not a record; raises `problem` unless bad records are skipped."""
        if not self.skip_bad:
            raise problem
        self.dropped["", BAD] += 1
        self._write({"reason": BAD, "problem": _writable(str(problem)), "line": raw.decode(errors="backslashreplace")})

    def repeated_id(self, row: RecordLine, first: str) -> None:
        """Treat a record as bad because another, at `first`, has the same id."""
        problem = f"{row.place}: the id {row.record['id']} is also at {first}; give each record once"
        self.bad(InputError(problem), row.raw)

    def write_down(self, notes: Notes) -> None:
        """Write down what was put off, see LedgerAhead."""
        for note in notes:
            note()

    def require_records(self, destination: Path) -> None:
        """Raises InputError if no record was kept, so that an earlier data set is not replaced by an empty one."""
        if self.kept:
            return
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(self.tally().dropped.items()))
        why = f"all {self.read:,} records were dropped ({reasons})" if reasons else "the inputs hold no records"
        raise InputError(f"{destination}: is not written, because {why}")

    def tally(self) -> Tally:
        reasons = Counter[str]()
        for (_, reason), count in self.dropped.items():
            reasons[reason] += count
        return Tally(self.read, reasons, self.kept.total())

    def _write(self, fields: dict[str, Any]) -> None:
        if self.dropped_out:
            self.dropped_out.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))


class LedgerAhead(Ledger):
    """Takes notes for a ledger while records are read ahead of it, so that it has everything in their order."""

    def __init__(self, ledger: Ledger):
        super().__init__(None, ledger.skip_bad)
        self._ledger = ledger
        self._notes: Notes = []

    def drop(self, row: RecordLine, reason: str, **more: Any) -> None:
        self._notes.append(partial(self._ledger.drop, row, reason, **more))

    def bad(self, problem: InputError, raw: bytes) -> None:
        if not self.skip_bad:
            raise problem
        self._notes.append(partial(self._ledger.bad, problem, raw))

    def notes(self) -> Notes:
        """What the ledger has to write down before the next record; each note is given once."""
        self._ledger.read += self.read
        notes, self._notes, self.read = self._notes, [], 0
        return notes


def _writable(text: str) -> str:
    """Text that can be encoded, though it contains a file name that may not be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_checked(path: str, ledger: Ledger) -> Iterator[RecordLine]:
    """The records of a file, in order, with progress shown on stderr.

    A line that is not a record, or a file that ends early, goes to `ledger.bad`.
    """
    return (row for row in read_each(path, ledger) if row)


def read_each(path: str, ledger: Ledger) -> Iterator[RecordLine | None]:
    """The same, with None in place of what went to `ledger.bad`."""
    name = "stdin" if path == STANDARD_STREAM else path
    with Progress(f"reading {name}") as progress:
        for number, raw in _lines(path, name, progress.update, ledger):
            ledger.read += 1
            place = f"{name}:{number}"
            try:
                record = parse_record(raw, place)
                if raw.count(b"[") + raw.count(b"{") > DEEPEST:
                    _refuse_deep(record, place)
            except InputError as problem:
                ledger.bad(problem, raw)
                yield None
            else:
                yield RecordLine(record, raw, place)


def _refuse_deep(record: dict[str, Any], place: str) -> None:
    try:
        orjson.dumps(record)
    except TypeError as error:  # orjson can read it, but not write it
        raise InputError(f'{place}: is nested too deep ({error}); see "The record" in README.md') from None


def _lines(path: str, name: str, on_bytes: Callable[[int], object], ledger: Ledger) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        for number, raw in read_lines(path, on_bytes):
            yield number, raw
    except InputError as error:
        if number == 0:
            raise
        ledger.read += 1
        ledger.bad(InputError(f"{name}:{number + 1}: the file {str(error).partition(': ')[2]}"), b"")


def can_be_read_again(path: str) -> bool:
    """Whether it is a file, not a pipe."""
    return path != STANDARD_STREAM and os.path.isfile(path)


def describe_input(path: str) -> dict[str, Any]:
    """An input's name and SHA-256 for the report and the card; null for a digest if it can be read only once.

    Raises InputError if there is no such file.
    """
    require_input(path)
    if not can_be_read_again(path):
        return {"file": shown(path), "sha256": None}
    with open(path, "rb") as file:
        return {"file": shown(path), "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def shown(path: str) -> str:
    """A path as it may be published: only the file's name if it is absolute."""
    return os.path.basename(path) if os.path.isabs(path) else path
