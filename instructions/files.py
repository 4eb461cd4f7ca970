"""Files as every step reads and writes them: `.jsonl`, `.jsonl.gz`, `.jsonl.zst` by the name's ending, `-` for the
standard streams, and whole or not at all under their final name."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from instructions.script import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STANDARD_STREAM = "-"
GZIP_LEVEL = 6
ZSTD_LEVEL = 3  # 0.5 s against gzip-6's 4.0 s for 93 MB of records, and smaller


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open for reading bytes, decompressed by the name's ending; `-` is stdin.

    Raises InputError where the file is not there or is no whole file of its kind.
    """
    name = str(path)
    if name == STANDARD_STREAM:
        yield sys.stdin.buffer
        return
    if not Path(name).exists():
        raise InputError(f"{name}: no such file; check the path, or run the step that writes it")
    with open(name, "rb") as raw:
        try:
            if name.endswith(".gz"):
                yield cast(BinaryIO, gzip.GzipFile(fileobj=raw))
            elif name.endswith(".zst"):
                yield cast(BinaryIO, zstd.ZstdFile(raw))
            else:
                yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise InputError(f"{name}: is cut or damaged ({error}); make or fetch it again") from None


@contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open for writing bytes, compressed by the name's ending; `-` is stdout.

    The bytes go to a temporary file beside `path`, which takes the final name only when the block ends without an
    exception: an existing file is replaced then, or kept. What a killed run left there is written over; while
    another run writes there, InputError is raised.
    """
    name = str(path)
    if name == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    destination = Path(name)
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = destination.with_name(f".{destination.name}.tmp")
    with open(temporary, "ab") as raw:
        try:
            fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{name}: another run is writing it; wait for its end") from None
        raw.truncate(0)
        try:
            with _compressed(raw, name) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
            os.replace(temporary, destination)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def open_output_folder(folder: Path, stale: str) -> Iterator[Path]:
    """A folder to write several files into, which go to `folder` only when the block ends without an exception.

    They replace files of the same names; others there that match `stale`, an earlier run's, are removed. What a
    killed run left is removed; while another run writes there, InputError is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        staging = folder / ".tmp"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            files = sorted(path.name for path in staging.iterdir())
            for path in folder.glob(stale):
                if path.name not in files:
                    path.unlink()
            for name in files:
                os.replace(staging / name, folder / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except BlockingIOError:
        raise InputError(f"{folder}: another run is writing there; wait for its end") from None
    finally:
        os.close(lock)


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
    """Write a report as indented JSON, keys in the order given."""
    with open_output(path) as stream:
        stream.write(orjson.dumps(report, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def report_path(destpath: str | Path) -> Path | None:
    """`<destpath>.report.json`, or None where the records go to stdout."""
    return None if str(destpath) == STANDARD_STREAM else Path(f"{destpath}.report.json")


def refuse_same_file(inputs: Iterable[str | Path], output: str | Path) -> None:
    """Raise InputError where the output is one of the inputs."""
    for path in inputs:
        if STANDARD_STREAM not in (str(path), str(output)) and _same(Path(path), Path(output)):
            raise InputError(f"{output}: is the input too; give another --destpath")


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve() or (a.exists() and b.exists() and a.samefile(b))
