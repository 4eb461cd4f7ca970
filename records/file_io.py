"""Files as every step reads and writes them: `.jsonl`, `.jsonl.gz`, `.jsonl.zst` by the name's ending, `-` for the
standard streams. What has its final name is complete."""

from __future__ import annotations

import ctypes
import errno
import gzip
import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from records.errors import InputError
from records.file_lock import AlreadyLockedError, locked
from records.version import VERSION

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STANDARD_STREAM = "-"
READ_BUFFER = 1 << 18  # bytes; with Python's 8 kB, lines of 3 kB take a fifth longer to merge
GZIP_LEVEL = 6
ZSTD_LEVEL = 3  # 0.5 s against gzip-6's 4.0 s for 93 MB of records, and smaller
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # Linux: fcntl.h, linux/fs.h
RENAME_SWAP = 2  # macOS: sys/stdio.h
NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}  # of file systems and kernels that cannot exchange paths
NAMELESS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # errors of reading and writing, which name no file


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open for reading bytes, decompressed by the name's ending; `-` is stdin.

    Raises InputError if the file does not exist, or is damaged or truncated.
    """
    name = str(path)
    if name == STANDARD_STREAM:
        with _named("stdin"):
            yield _standard(sys.stdin, "stdin")
        return
    require_input(name)
    with cast(BufferedReader, open(name, "rb", buffering=READ_BUFFER)) as raw, _named(name):
        try:
            if name.endswith(".gz"):
                if not raw.peek(1):  # GzipFile accepts an empty file
                    raise EOFError("it is empty")
                yield cast(BinaryIO, gzip.GzipFile(fileobj=raw))
            elif name.endswith(".zst"):
                yield cast(BinaryIO, zstd.ZstdFile(raw))
            else:
                yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise InputError(f"{name}: is truncated or damaged ({error}); make or fetch it again") from None


def require_input(path: str | Path) -> None:
    """Raise InputError if the input does not exist, so that a long run does not find out late."""
    name = str(path)
    if name == STANDARD_STREAM:
        return
    if not os.path.exists(name):
        raise InputError(f"{name or repr(name)}: no such file; check the path, or run the step that writes it")
    if os.path.isdir(name):
        raise InputError(f"{name}: is a directory; name the files in it")


@contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open for writing bytes, compressed by the name's ending; `-` is stdout.

    The bytes go to a temporary file beside `path`, which gets the final name only when the block ends without an
    exception; until then an existing file stays. What a killed run left there is overwritten. Raises InputError if
    `path` cannot be a file, or if another run is writing it.
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
        raise InputError(f"{destination}: is not a regular file; give another name, or - for stdout")
    _make_folder(destination.parent)
    temporary = temporary_path(destination)
    with _named(name), _locked(temporary, name) as raw:  # in this order: closing writes too
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


def temporary_path(destination: Path) -> Path:
    """Where the bytes of an output are until it is complete."""
    return destination.parent / f".{destination.name}.tmp"


@contextmanager
def _locked(path: Path, output: str) -> Iterator[BinaryIO]:
    """Open and lock a temporary file of `output`. Raises InputError if another run has it."""
    try:
        with locked(path) as raw:
            yield raw
    except AlreadyLockedError:
        raise InputError(f"{output}: another run is writing it; wait until it ends") from None


@contextmanager
def open_output_folder(folder: Path, find_ours: Callable[[], Container[str]]) -> Iterator[Path]:
    """A folder to write files into, which replaces `folder` when the block ends without an exception.

    The folders are exchanged in one step, so that a kill at any moment leaves the old one or the new one. At that time
    `find_ours` returns the files of the old one to replace, by their paths in it; all others stay. What a killed run
    left beside `folder` is removed. Raises InputError if `folder` cannot be replaced, or if another run is writing it.
    """
    final = Path(os.path.realpath(folder))  # a link to a folder stays one
    _make_folder(final.parent, folder)
    if final.exists() and not final.is_dir():
        raise InputError(f"{folder}: is not a directory; give another destination")
    if Path.cwd().is_relative_to(final):  # the user's shell would be left in the old one
        raise InputError(f"{folder}: holds the directory that you are in; give another destination")
    staging, old, lock = beside_folder(folder)
    if not lock.exists():  # every run has one, and leaves it only if it is killed
        _refuse_to_remove(staging, old)
    with _named(str(folder)), _locked(lock, str(folder)):
        try:
            if (
                old.exists() and not final.exists()
            ):  # left by a killed run, on a file system that cannot exchange folders
                os.rename(old, final)
            for litter in (staging, old):
                shutil.rmtree(litter, ignore_errors=True)
            staging.mkdir()
            yield staging
            _sync(staging)  # takes long, so it comes before the last check of what is there
            if final.exists():
                _carry_over(final, staging, find_ours(), folder)
                shutil.copymode(final, staging)
            _sync(staging)
            _exchange(staging, final, old)
            _sync_folder(final.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            lock.unlink(missing_ok=True)


def beside_folder(folder: Path) -> tuple[Path, Path, Path]:
    """What is beside an output folder while it is written: the unfinished one, the old one, and the lock."""
    final = Path(os.path.realpath(folder))
    unfinished, old, lock = (final.parent / f".{final.name}.{what}" for what in ("unfinished", "old", "lock"))
    return unfinished, old, lock


def _refuse_to_remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            raise InputError(f"{folder}: is in the way, and was not left by a killed run; move it away")


def _carry_over(final: Path, staging: Path, ours: Container[str], shown: Path) -> None:
    """Link into the new folder everything in the old one that is not `ours`: no kill can lose a file with two links."""
    try:
        for place, folders, files in walk(final):
            below = Path(place).relative_to(final)
            names = [*files, *(name for name in folders if Path(place, name).is_symlink())]
            foreign = [name for name in names if (below / name).as_posix() not in ours]
            if foreign or not (files or folders):  # an empty folder is someone's too
                (staging / below).mkdir(parents=True, exist_ok=True)
            for name in foreign:
                _link(Path(place, name), staging / below / name)
    except FileExistsError as error:
        taken = Path(error.filename2 or error.filename).relative_to(staging)
        raise InputError(f"{shown / taken}: is in the way of an output file; move it away") from None


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Like os.walk, but raises OSError if a folder cannot be read: its files would be lost."""

    def fail(error: OSError) -> None:
        raise error

    if folder.is_dir():
        yield from os.walk(folder, onerror=fail)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        shutil.copy2(source, target, follow_symlinks=False)


def _sync(folder: Path) -> None:
    """Flush everything below a folder to disk."""
    for place, _, files in os.walk(folder):
        for path in (Path(place, name) for name in files):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        _sync_folder(Path(place))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, final: Path, old: Path) -> None:
    """Put `new` in the place of `final`; afterwards the content of `final` is in `new` or gone."""
    if not final.exists() or not any(final.iterdir()):
        os.rename(new, final)  # also over an empty folder
        return
    try:
        _exchange_names(new, final)
    except OSError as error:
        if error.errno not in NO_EXCHANGE:
            problem = f"cannot be replaced as a whole ({error.strerror}); give a folder in it"
            raise OSError(error.errno, problem, str(final)) from None
        os.rename(final, old)  # between these two lines there is no folder; the next run puts the old one back
        os.rename(new, final)
        shutil.rmtree(old)


def _exchange_names(a: Path, b: Path) -> None:
    """Exchange two paths in one step: renameat2(2) of Linux, renamex_np(2) of macOS. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        failed = libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)
    elif hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(os.fsencode(a), os.fsencode(b), RENAME_SWAP)
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _make_folder(folder: Path, shown: Path | None = None) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{shown or folder}: is not a directory; give another destination") from None


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
    """Write a script's report: the version of this project, the script, then `report`, as `write_json` does."""
    write_json(path, {"version": VERSION, "script": Path(sys.argv[0]).name, **report})


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write indented JSON, keys in the order given; values that JSON has not become text."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    with open_output(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))  # bytes of a file name that are not UTF-8, as \udcff


def report_path(destpath: str | Path) -> Path | None:
    """`<destpath>.report.json`, or None if the records go to stdout."""
    return None if str(destpath) == STANDARD_STREAM else Path(f"{destpath}.report.json")


@contextmanager
def decompress_zst(raw: Any, name: str) -> Iterator[BinaryIO]:
    """Decompress an open file of any file system. Raises InputError if it is damaged or truncated."""
    try:
        yield cast(BinaryIO, zstd.ZstdFile(raw))
    except (EOFError, zstd.ZstdError) as error:
        raise InputError(f"{name}: is truncated or damaged ({error}); make or fetch it again") from None
