"""Rows of published data sets: JSON arrays, JSON lines and Parquet, streamed; JSON also compressed and in a zip.

Of JSON, the first byte decides which of the two a file is, not its name: `red_team_attempts.jsonl.gz` is an array.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from records.errors import InputError
from records.file_io import STANDARD_STREAM, open_input
from records.script import Progress

PARQUET = ".parquet"
JSON_ENDINGS = tuple(kind + packed for kind in (".json", ".jsonl") for packed in ("", ".gz", ".zst"))
ENDINGS = (*JSON_ENDINGS, PARQUET)
BATCH = 1000  # rows of Parquet in memory
NAMES_SHOWN = 3  # of files that are not wanted
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LFS_POINTER = b"version https://git-lfs"
CHUNK = 1 << 20
LONGEST_ROW = (
    1 << 24
)  # characters; published rows have fewer than 100,000. The end of a row is not looked for beyond this

_BETWEEN_ROWS = re.compile(r"[\s,]*")


class SkipRow(Exception):  # noqa: N818 - not an error: a row that is left out
    """A row does not become a record. The message is the reason, to be counted."""


class SourceRow(NamedTuple):
    """A row and its position."""

    value: dict[str, Any]
    number: int  # its line, or its position in an array, from 1
    place: str  # "file:number", to begin an error with


class SourceFile(NamedTuple):
    """A file of rows."""

    path: str
    member: str = ""  # in a zip
    given: bool = True  # named by the user, not found in a folder or a zip

    @property
    def name(self) -> str:
        return f"{self.path}:{self.member}" if self.member else self.path

    @property
    def last_names(self) -> str:
        """The file's own name and its folder's, which together say what is in it: "helpful-online/train.jsonl"."""
        if self.path == STANDARD_STREAM:
            return self.path
        return "/".join(Path(self.path).absolute().joinpath(self.member).parts[-2:])


# ---- finding the files -----------------------------------------------------------------------------------------------
def find_files(paths: Iterable[str | Path]) -> list[SourceFile]:
    """The files of rows that `paths` name, in a fixed order: files, `-`, zips, and folders with what is below them.

    Raises InputError if a path does not exist or is none of these.
    """
    return [file for path in map(str, paths) for file in _files_at(path)]


def _files_at(path: str) -> Iterator[SourceFile]:
    if path != STANDARD_STREAM and not Path(path).exists():
        raise InputError(f"{path}: no such file or folder; check --inputpath")
    if Path(path).is_dir():
        for below in sorted(Path(path).rglob("*")):
            if below.suffix == ".zip":
                yield from _members(str(below))
            elif below.name.endswith(ENDINGS) and below.is_file():
                yield SourceFile(str(below), given=False)
    elif path.endswith(".zip"):
        yield from _members(path)
    elif path == STANDARD_STREAM or path.endswith(ENDINGS):
        yield SourceFile(path)
    else:
        raise InputError(f"{path}: is not a {', '.join(ENDINGS)} or .zip file or a folder; give such a file")


def _members(path: str) -> Iterator[SourceFile]:
    with _open_zip(path) as archive:
        names = [name for name in archive.namelist() if name.endswith((".json", ".jsonl"))]
    for name in names:
        if not name.startswith("__MACOSX/"):  # copies of file attributes, under the files' names
            yield SourceFile(path, name, given=False)


def assign(
    files: Sequence[SourceFile], wanted: Sequence[str], part_of: Callable[[SourceFile], str | None], hint: str
) -> dict[str, SourceFile]:
    """Each wanted part's file, in the order of `wanted`; a part without a file is left out.

    part_of: the part that a file's name indicates, None if it indicates none. Unwanted files that were found in a
    folder are skipped. hint: what to do about an unwanted file that the user named. Raises InputError for such a file,
    for two files of one part, and if no file is left.
    """
    found: dict[str, SourceFile] = {}
    for file in files:
        part = part_of(file)
        if part is not None and part in wanted:
            if part in found:
                twice = f"is {part}, as {found[part].name} is"
                raise InputError(f"{file.name}: {twice}, and ids would repeat; give one of the two")
            found[part] = file
        elif file.given:
            raise InputError(f"{file.name}: is {part or 'not a part of this data set, by its name'}; {hint}")
    if not found:
        seen = ", ".join(file.name for file in files[:NAMES_SHOWN]) or "no other file"
        raise InputError(f"found no file of {', '.join(wanted)}, but {seen}; {hint}")
    return {part: found[part] for part in wanted if part in found}


# ---- reading the rows ------------------------------------------------------------------------------------------------
def read_rows(file: SourceFile) -> Iterator[SourceRow]:
    """A file's rows in order, with progress on stderr; blank lines are skipped.

    Raises InputError, naming file and row, if it is damaged or does not consist of JSON objects.
    """
    if file.path.endswith(PARQUET):
        yield from _parquet_rows(file)
        return
    with Progress(f"reading {file.name}") as progress, _open(file) as stream:
        counted = io.BufferedReader(_Counted(stream, progress.update), CHUNK)
        head = counted.peek(1)
        if head.startswith(BYTE_ORDER_MARK):
            counted.read(len(BYTE_ORDER_MARK))
            head = counted.peek(1)
        first = head.lstrip()[:1]
        if first not in (b"", b"[", b"{"):
            what = "a git LFS pointer; run git lfs pull, or" if head.startswith(LFS_POINTER) else "not JSON;"
            raise InputError(f"{file.name}:1: is {what} fetch the published file again")
        for number, value in _array(counted, file) if first == b"[" else _lines(counted, file):
            place = f"{file.name}:{number}"
            if not isinstance(value, dict):
                raise InputError(f"{place}: is not a JSON object; fetch the published file again")
            yield SourceRow(value, number, place)


def _parquet_rows(file: SourceFile) -> Iterator[SourceRow]:
    import pyarrow  # takes a quarter of a second and 60 MB, so only where it is needed
    import pyarrow.parquet

    number = 0
    try:
        with (
            pyarrow.parquet.ParquetFile(file.path) as table,
            Progress(f"reading {file.name}", table.metadata.num_rows, " rows") as progress,
        ):
            for batch in table.iter_batches(BATCH):
                for value in batch.to_pylist():
                    number += 1
                    yield SourceRow(value, number, f"{file.name}:{number}")
                progress.update(batch.num_rows)
    except pyarrow.ArrowException as error:
        raise InputError(f"{file.name}: is damaged after row {number} ({error}); fetch it again") from None


class _Counted(io.RawIOBase):
    """Calls `on_bytes` with the size of each read of a stream."""

    def __init__(self, stream: BinaryIO, on_bytes: Callable[[int], object]):
        self._stream, self._on_bytes = stream, on_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._on_bytes(len(data))
        return len(data)


def _array(stream: BinaryIO, file: SourceFile) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON array and their positions. Extra or missing commas are ignored."""
    decode, chunks = json.JSONDecoder().raw_decode, _text(stream, file)
    text, number = next(chunks), 1
    at = text.index("[") + 1
    while True:
        at = _BETWEEN_ROWS.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
        try:
            value, end = decode(text, at) if not text.startswith("]", at) else (None, at)
        except (ValueError, RecursionError) as error:
            more = next(chunks, "") if len(text) - at < LONGEST_ROW else ""
            if not more:
                raise _not_json(file, number, error) from None
            text, at = text[at:] + more, 0
            continue
        if end == at:
            if any(map(str.strip, chain([text[at + 1 :]], chunks))):
                raise _not_json(file, number, "text after the array")
            return
        yield number, value
        at, number = end, number + 1


def _text(stream: BinaryIO, file: SourceFile) -> Iterator[str]:
    try:
        yield from codecs.iterdecode(iter(partial(stream.read, CHUNK), b""), "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name}: is not UTF-8 ({error}); fetch the published file again") from None


def _lines(stream: BinaryIO, file: SourceFile) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                value = json.loads(line)  # not orjson's, which refuses the NaN that Python itself writes
            except (ValueError, RecursionError) as error:
                raise _not_json(file, number, error) from None
            yield number, value


def _not_json(file: SourceFile, number: int, problem: object) -> InputError:
    return InputError(f"{file.name}:{number}: is not JSON, or is cut ({problem}); fetch the published file again")


@contextmanager
def _open(file: SourceFile) -> Iterator[BinaryIO]:
    if not file.member:
        with open_input(file.path) as stream:
            yield stream
        return
    with _open_zip(file.path) as archive, archive.open(file.member) as member:
        yield cast(BinaryIO, member)


@contextmanager
def _open_zip(path: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: is not a complete zip file ({error}); fetch it again") from None
