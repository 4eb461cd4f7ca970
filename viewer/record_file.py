"""The records of a file by number, without the file in memory: an index of the lines' positions and of the ids.

Opening reads the file once, and the index takes 16 bytes per record.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from records.errors import InputError
from records.file_io import open_input, require_input
from records.record import BYTE_ORDER_MARK, parse_record
from review.judgements import record_id_of

BUFFER = 1 << 20  # bytes
AT_ONCE = 1_000  # records read by one system call
COMPRESSED = (".gz", ".zst")
# an id first in the line and without escapes, as our scripts write it; other lines are parsed
ID_FIRST = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]+)"').match
# of these, the ids that are not addresses for record_id_of, which have `//`, `#`, or four slashes
PLAIN_ID_FIRST = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\/#]+(?:/[^"\\/#]+){0,3})"').match


class RecordFile:
    """A `.jsonl` file of records, numbered from 0 in the file's order; blank lines have no number.

    A `.jsonl.gz` or `.jsonl.zst` is decompressed once, into a temporary file that is deleted with this object. It
    has no `close`, because threads may be reading.
    """

    def __init__(self, path: str | Path):
        """Raises InputError if the file is missing or damaged; a line is checked when it is read."""
        require_input(path)
        self.path = Path(path)
        self.state = self._stat()  # of the file: when it is the same, so are the records
        self._file = _plain_file(self.path)
        self._starts, self._hashes, self._blanks = _index(self._file)

    def __len__(self) -> int:
        return len(self._hashes)

    def __getitem__(self, number: int) -> dict[str, Any]:
        """The record; raises InputError with file and line if it is invalid, and if the file has changed since."""
        if self._stat() != self.state:
            raise InputError(f"{self.path}: has changed since it was opened; reload it")
        line = number + 1 + bisect_right(self._blanks, number)
        return parse_record(self._lines(number, number + 1), f"{self.path}:{line}")

    def peek(self, number: int) -> dict[str, Any] | None:
        """The record, for a search; None if the line is not a record."""
        return _parsed(self._lines(number, number + 1))

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        """The records in the file's order; None for a line that is not a record."""
        for first in range(0, len(self), AT_ONCE):
            last = min(first + AT_ONCE, len(self))
            lines, offset = self._lines(first, last), self._starts[first]
            for number in range(first, last):
                yield _parsed(lines[self._starts[number] - offset : self._starts[number + 1] - offset])

    def number_of(self, record_id: str) -> int | None:
        """The number of the first record with this id, which may be an answer's address; None if there is none."""
        try:
            return self._hashes.index(_hash_of(record_id))
        except ValueError:
            return None

    def numbers_of(self, record_ids: Collection[str]) -> dict[str, int]:
        """The numbers of the ids that are in the file, like `number_of`, in one pass over the index."""
        wanted = {_hash_of(record_id): record_id for record_id in record_ids}
        found: dict[str, int] = {}
        for number, id_hash in enumerate(self._hashes):
            if id_hash in wanted:
                found.setdefault(wanted[id_hash], number)
        return found

    def _lines(self, first: int, last: int) -> bytes:
        if not 0 <= first < last <= len(self):
            raise IndexError(first)
        start = self._starts[first]
        return os.pread(self._file.fileno(), self._starts[last] - start, start)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_size, state.st_mtime_ns


def _plain_file(path: Path) -> BinaryIO:
    if path.suffix not in COMPRESSED:
        return open(path, "rb", buffering=BUFFER)
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115
    with open_input(path) as source:
        shutil.copyfileobj(source, unpacked, BUFFER)
    unpacked.seek(0)
    return cast(BinaryIO, unpacked)


def _index(file: BinaryIO) -> tuple[array[int], array[int], array[int]]:
    """The starts of the records' lines and the file's end; the ids' hashes; the record after each blank line."""
    starts, hashes, blanks = array("Q"), array("q"), array("Q")
    start = len(BYTE_ORDER_MARK) if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    file.seek(start)
    for line in file:
        if line.isspace():
            blanks.append(len(starts))
        else:
            starts.append(start)
            plain = PLAIN_ID_FIRST(line)
            hashes.append(_hash(plain[1]) if plain else _hash_of(_id(line)))
        start += len(line)
    starts.append(start)
    return starts, hashes, blanks


def _hash(record_id: bytes) -> int:
    """64 bits: among a million ids two have the same hash in one of 37 million files. Hashes stay in this process."""
    return hash(record_id)


def _hash_of(record_id: str) -> int:
    return _hash(record_id_of(record_id).encode("utf-8", "replace"))


def _id(line: bytes) -> str:
    if found := ID_FIRST(line):
        return found[1].decode("utf-8", "replace")
    record = _parsed(line)
    return str(record["id"]) if record else ""


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        return parse_record(line, "")
    except InputError:
        return None
