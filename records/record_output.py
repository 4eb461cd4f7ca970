"""The records that a script writes, and the rows that it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from records.errors import InputError
from records.file_io import open_output
from records.json_rows import SourceRow
from records.output_checks import check_outputs, record_outputs
from records.script import Tally


@dataclass
class RecordOutput:
    """The output for records, and for rows that are left out; both are counted."""

    out: BinaryIO
    dropped: BinaryIO | None
    tally: Tally = field(default_factory=Tally)
    kept_by_part: Counter[str] = field(default_factory=Counter)

    def keep(self, part: str, row: SourceRow, record: dict[str, Any]) -> None:
        self.tally.keep()
        self.kept_by_part[part] += 1
        self.out.write(encoded(record, row))

    def drop(self, row: SourceRow, record_id: str, reason: str) -> None:
        self.tally.drop(reason)
        if self.dropped:
            self.dropped.write(encoded({"reason": reason, "id": record_id, "row": row.value}, row))


def encoded(value: dict[str, Any], row: SourceRow) -> bytes:
    """What was made of a row as a line of JSON. Raises InputError if it cannot be written as JSON."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:  # half a surrogate pair, or an integer beyond 64 bits
        raise InputError(f"{row.place}: cannot be written as JSON ({error}); take the row out") from None


@contextmanager
def open_record_output(
    inputs: Iterable[str | Path], destpath: str, dropped_path: str | None, cache: str | None = None
) -> Iterator[RecordOutput]:
    """Both outputs get their final names when the block ends without an exception.

    inputs: all files that the run reads. cache: a further file that it writes. Raises InputError if an output is an
    input or another output, or a file that no run wrote.
    """
    check_outputs(inputs, record_outputs(destpath, dropped_path, cache))
    with ExitStack() as stack:
        out = stack.enter_context(open_output(destpath))
        dropped = stack.enter_context(open_output(dropped_path)) if dropped_path else None
        yield RecordOutput(out, dropped)
