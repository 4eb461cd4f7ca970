"""Files of many rows, written one by one: JSON lists, JSON lines, Parquet. None keeps more than a few rows in memory.

`close` completes a file. If a run fails before that, the stack given to each writer closes its file. Otherwise the
garbage collector would try once more to write what cannot be written, on a full disk for example, and show that error
too.
"""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from records.errors import InputError

BUFFER = 1 << 18  # bytes
ROW_GROUP_BYTES = 1 << 24  # of rows, as text


class JsonList:
    """A JSON list, an entry a line."""

    def __init__(self, path: Path, stack: ExitStack):
        self.path, self.records, self.size = path, 0, len(b"[")
        self._out = stack.enter_context(path.open("wb", buffering=BUFFER))
        self._out.write(b"[")

    def size_with(self, entry: bytes) -> int:
        """The size of the complete file with one more entry, in bytes."""
        return self.size + len(entry) + len(b",\n\n]\n")

    def write(self, entry: bytes) -> None:
        between = b",\n" if self.records else b"\n"
        self._out.write(between)
        self._out.write(entry)
        self.size += len(between) + len(entry)
        self.records += 1

    def close(self) -> None:
        if not self._out.closed:
            self._out.write(b"\n]\n")
            self._out.close()


class JsonLines:
    """An entry a line."""

    def __init__(self, path: Path, stack: ExitStack):
        self.path, self.records = path, 0
        self._out = stack.enter_context(path.open("wb", buffering=BUFFER))

    def write(self, entry: bytes) -> None:
        self._out.write(entry)
        self._out.write(b"\n")
        self.records += 1

    def close(self) -> None:
        self._out.close()


class Parquet:
    """Rows with fixed columns, in row groups large enough to read efficiently and small enough for memory."""

    def __init__(self, path: Path, columns: dict[str, str], stack: ExitStack):
        """columns: their types: "text", "number", "flag", "numbers", "message" (role and content), "messages",
        "sharegpt" (a list of from and value)."""
        import pyarrow  # takes a quarter of a second and 60 MB, so only where it is needed
        import pyarrow.parquet

        text, number = pyarrow.string(), pyarrow.int64()
        message = pyarrow.struct([("role", text), ("content", text)])
        types = {"text": text, "number": number, "flag": pyarrow.bool_(), "numbers": pyarrow.list_(number)}
        types |= {"message": message, "messages": pyarrow.list_(message)}
        types["sharegpt"] = pyarrow.list_(pyarrow.struct([("from", text), ("value", text)]))
        self.path, self.records = path, 0
        self._schema = pyarrow.schema([(name, types[type]) for name, type in columns.items()])
        self._rows: list[dict[str, Any]] = []
        self._size = 0
        self._file = stack.enter_context(path.open("wb"))  # by ourselves: pyarrow takes no name that is not UTF-8
        self._out = stack.enter_context(pyarrow.parquet.ParquetWriter(self._file, self._schema, compression="zstd"))

    def write(self, row: dict[str, Any], size: int) -> None:
        """size: roughly that of the row as text."""
        self._rows.append(row)
        self._size += size
        self.records += 1
        if self._size > ROW_GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._out.close()
        self._file.close()

    def _write_group(self) -> None:
        import pyarrow

        if self._rows:
            self._out.write_table(pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()
            self._size = 0


def require_pyarrow() -> None:
    """Raises InputError if pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("Parquet needs pyarrow: pip install -r requirements.txt")
