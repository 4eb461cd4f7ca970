"""The record: one JSON object a line, the same in every step and from every source.

    {"id": "math.stackexchange.com/a/123", "source": "stackexchange",
     "instruction": "..", "response": "..", "meta": {..}}

`id` is unique over all sources, `source` is the label in the tuple files, `meta` belongs to
the source. Fields that a step does not know survive it: steps pass on the line that they read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from records.errors import InputError
from records.file_io import STANDARD_STREAM, open_input, require_input
from records.script import Progress

FIELDS = {"id": str, "source": str, "instruction": str, "response": str, "meta": dict}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RecordLine(NamedTuple):
    """A record and the line that it was read from."""

    record: dict[str, Any]
    raw: bytes  # the line as it was read, without its line end
    place: str  # "file:line", to begin an error with


class Line(NamedTuple):
    """A line of a file of records that is not parsed yet, which a worker can do."""

    raw: bytes
    place: str

    def parsed(self) -> RecordLine:
        """Raises InputError if the line is not a record."""
        return RecordLine(parse_record(self.raw, self.place), self.raw, self.place)


def read_records(path: str | Path, on_bytes: Callable[[int], object] = lambda amount: None) -> Iterator[RecordLine]:
    """The records of a `.jsonl` file (`.gz`, `.zst`, `-`), in order; blank lines are skipped.

    `on_bytes` is called with the decompressed size of each line, for a progress bar.
    Raises InputError, naming file and line, if a line is not a record.
    """
    return (line.parsed() for line in _placed_lines(path, on_bytes))


def _placed_lines(path: str | Path, on_bytes: Callable[[int], object]) -> Iterator[Line]:
    name = "stdin" if str(path) == STANDARD_STREAM else path
    for number, raw in read_lines(path, on_bytes):
        yield Line(raw, f"{name}:{number}")


def read_lines(path: str | Path, on_bytes: Callable[[int], object]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, without their line ends, each with its number from 1; otherwise as
    read_records. Raises InputError if the file does not exist or is truncated."""
    with open_input(path) as stream:
        for number, line in enumerate(stream, 1):
            on_bytes(len(line))
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            raw = line.rstrip(b"\r\n")
            if raw.strip():
                yield number, raw


def read_with_progress(paths: list[str]) -> Iterator[RecordLine]:
    """The records of several files, one after the other, with progress on stderr.

    Raises InputError immediately if one of them does not exist.
    """
    return (line.parsed() for line in lines_with_progress(paths))


def lines_with_progress(paths: list[str]) -> Iterator[Line]:
    """Their lines, likewise."""
    for path in paths:
        require_input(path)
    for path in paths:
        with Progress(f"reading {path}") as progress:
            yield from _placed_lines(path, progress.update)


def parse_record(raw: bytes, place: str) -> dict[str, Any]:
    """The record in one line of JSON; `place` ("file:line") begins the error. Raises InputError if it is not one."""
    try:
        record = decode(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{place}: is not JSON ({error.msg}, column {error.colno}); each line must be one record"
        ) from None
    if not isinstance(record, dict):
        raise InputError(f"{place}: is not a JSON object; each line must be one record")
    for name, kind in FIELDS.items():
        if not isinstance(record.get(name), kind):
            wanted = "a string" if kind is str else "an object"
            raise InputError(f'{place}: "{name}" is missing or not {wanted}; see "The record" in README.md')
    if not record["id"] or not record["source"]:
        raise InputError(f'{place}: "id" and "source" must not be empty; see "The record" in README.md')
    return record


def decode(raw: bytes) -> Any:
    """The value of a JSON text. An integer beyond 64 bits, which orjson takes for a float and cannot write, becomes an
    orjson.Fragment, which it writes as it was. Raises orjson.JSONDecodeError."""
    value = orjson.loads(raw)
    if not _has_large_number(value):
        return value
    try:
        return json.loads(raw, parse_int=_integer)
    except RecursionError:
        return value


def _has_large_number(value: Any) -> bool:
    values = [value]
    for each in values:  # which grows
        kind = type(each)
        if kind is dict:
            values.extend(each.values())
        elif kind is list:
            values.extend(each)
        elif kind is float and abs(each) >= 1 << 63:
            return True
    return False


def _integer(digits: str) -> int | orjson.Fragment:
    if len(digits) <= 20 and -(1 << 63) <= int(digits) < 1 << 64:
        return int(digits)
    return orjson.Fragment(digits)


def rewritten(row: RecordLine, change: Callable[[dict[str, Any]], object], problem: str, advice: str) -> bytes:
    """The line of a record after `change` was applied to it, without a line end.

    Raises InputError with the problem and the advice if the line cannot be rewritten without loss.
    """
    try:
        record = json.loads(row.raw)  # not orjson, which makes floats of integers beyond 64 bits
        change(record)
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{row.place}: {problem} ({error}); {advice}") from None
