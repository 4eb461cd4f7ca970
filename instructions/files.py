"""Files as every step reads and writes them: `.jsonl`, `.jsonl.gz`, `.jsonl.zst` by the name's ending, `-` for the
standard streams, and whole or not at all under their final name."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from instructions.script import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STANDARD_STREAM = "-"
GZIP_LEVEL = 6
ZSTD_LEVEL = 3  # 0.5 s against gzip-6's 4.0 s for 93 MB of records, and smaller
STAGING = ".unfinished-dataset"  # removed with all that is in it: no name that a user's own folder may have
NAMELESS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # errors of reading and writing, which tell no file


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open for reading bytes, decompressed by the name's ending; `-` is stdin.

    Raises InputError where the file is not there or is no whole file of its kind.
    """
    name = str(path)
    if name == STANDARD_STREAM:
        with _named("stdin"):
            yield _standard(sys.stdin, "stdin")
        return
    require_input(name)
    with open(name, "rb") as raw, _named(name):
        try:
            if name.endswith(".gz"):
                if not raw.peek(1):  # GzipFile takes nothing for a whole file
                    raise EOFError("it is empty")
                yield cast(BinaryIO, gzip.GzipFile(fileobj=raw))
            elif name.endswith(".zst"):
                yield cast(BinaryIO, zstd.ZstdFile(raw))
            else:
                yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise InputError(f"{name}: is cut or damaged ({error}); make or fetch it again") from None


def require_input(path: str | Path) -> None:
    """Raise InputError where there is no such input, so that a long run need not come to it first."""
    name = str(path)
    if name == STANDARD_STREAM:
        return
    if not os.path.exists(name):
        raise InputError(f"{name or repr(name)}: no such file; check the path, or run the step that writes it")
    if os.path.isdir(name):
        raise InputError(f"{name}: is a folder; name the files in it")


@contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open for writing bytes, compressed by the name's ending; `-` is stdout.

    The bytes go to a temporary file beside `path`, which takes the final name only when the block ends without an
    exception: an existing file is replaced then, or kept. What a killed run left there is written over. Raises
    InputError where `path` cannot be a file, and while another run writes there.
    """
    name = str(path)
    if name == STANDARD_STREAM:
        with _named("stdout"):
            stream = _standard(sys.stdout, "stdout")
            yield stream
            stream.flush()
        return
    destination = Path(name)
    if destination.exists() and not destination.is_file():  # a device too: /dev/null must not become a file
        raise InputError(f"{destination}: is no file; give the name of one, or - for stdout")
    _make_folder(destination.parent)
    temporary = destination.with_name(f".{destination.name}.tmp")
    with _named(name), open(temporary, "ab") as raw:  # in this order: closing writes too
        _lock(raw, temporary, name)
        try:
            raw.truncate(0)
            with _compressed(raw, name) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
            os.replace(temporary, destination)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _lock(raw: BinaryIO, temporary: Path, name: str) -> None:
    """Lock the temporary file, so that two runs cannot write it; raise InputError where another run has it."""
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(raw.fileno()), os.stat(temporary)):
            return
    # locked by another run, or given its final name by it between our open and our lock: not ours to write
    raise InputError(f"{name}: another run is writing it; wait for its end")


@contextmanager
def open_output_folder(folder: Path, stale: re.Pattern[str]) -> Iterator[Path]:
    """A folder to write several files into, which go to `folder` only when the block ends without an exception.

    They replace files of the same names; others there whose whole name matches `stale`, an earlier run's, are removed.
    What a killed run left is removed. Raises InputError where `folder` cannot be a folder, and while another run
    writes there.
    """
    _make_folder(folder)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another run is writing there; wait for its end") from None
        staging = folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            with _named(str(folder)):
                yield staging
            names = sorted(path.name for path in staging.iterdir())
            for name in names:
                os.replace(staging / name, folder / name)
            for path in folder.iterdir():
                if stale.fullmatch(path.name) and path.name not in names:
                    path.unlink()
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(lock)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder}: is a file or below one, so no folder; give another destination") from None


def _standard(stream: TextIO | None, name: str) -> BinaryIO:
    if stream is None:  # as after `<&-`
        raise InputError(f"{name}: is closed; give a file instead of -")
    return stream.buffer


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Give an error of reading or writing in the block, such as a full disk, the name of the file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NAMELESS:
            error.filename = name
        raise


@contextmanager
def _compressed(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if name.endswith(".gz"):
        # no name and no time in the header: the same records give the same bytes
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif name.endswith(".zst"):
        with zstd.ZstdFile(raw, mode="wb", level=ZSTD_LEVEL) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield raw


def write_report(path: str | Path, report: dict[str, Any]) -> None:
    """Write a report as indented JSON, keys in the order given; values that JSON has not become text."""
    text = json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n"
    with open_output(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))  # bytes of a file's name that are no UTF-8, as \udcff


def report_path(destpath: str | Path) -> Path | None:
    """`<destpath>.report.json`, or None where the records go to stdout."""
    return None if str(destpath) == STANDARD_STREAM else Path(f"{destpath}.report.json")


def refuse_same_file(inputs: Iterable[str | Path], output: str | Path) -> None:
    """Raise InputError where the output is one of the inputs, also by a link."""
    for path in inputs:
        if STANDARD_STREAM not in (str(path), str(output)) and _same(path, output):
            raise InputError(f"{output}: is the input too; give another --destpath")


def _same(a: str | Path, b: str | Path) -> bool:
    return os.path.realpath(a) == os.path.realpath(b) or (
        os.path.exists(a) and os.path.exists(b) and os.path.samefile(a, b)
    )
