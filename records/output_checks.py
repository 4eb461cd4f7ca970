"""What a run may overwrite: files that an earlier run wrote, and none of its own inputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from records.errors import InputError
from records.file_io import STANDARD_STREAM, beside_folder, decompress_zst, open_input, report_path, temporary_path
from records.record import FIELDS

if TYPE_CHECKING:
    from upath import UPath

LONGEST = 1 << 26  # bytes; of a first line or a report; real ones are far shorter


class Kind(NamedTuple):
    """How a file that a run wrote is recognised: by the keys of the JSON object that it begins with."""

    name: str  # for errors
    keys: frozenset[str]
    an_object_a_line: bool


RECORDS = Kind("a file of records", frozenset(FIELDS), True)
DROPPED = Kind("a file of dropped records", frozenset({"reason"}), True)
REPORT = Kind("the report of a run", frozenset({"options"}), False)


class Output(NamedTuple):
    """A file or folder that a run writes."""

    path: Path | UPath
    flag: str  # that names it
    kind: Kind | None = None  # None: what is there is not checked


def check_outputs(inputs: Iterable[str | Path | UPath], outputs: Iterable[Output]) -> None:
    """Raise InputError if an output is an input or another output, also through a link, or a file that no run wrote."""
    read = {str(path) for path in inputs} - {STANDARD_STREAM}
    places, inodes = set(map(os.path.realpath, read)), {_inode(path) for path in read} - {None}
    written: dict[str, Output] = {}
    for output in outputs:
        place = os.path.realpath(str(output.path))
        below = output.kind is None and any(path.startswith(place + os.sep) for path in places)
        if place in places or _inode(output.path) in inodes or below:
            raise InputError(f"{output.path}: is the input too; give another {output.flag}")
        if other := written.get(place):
            raise InputError(f"{output.path}: is written for {other.flag} too; give another {output.flag}")
        if output.kind and not _may_be_replaced(output.path, output.kind):
            problem = f"is there, and is not {output.kind.name}"
            raise InputError(f"{output.path}: {problem}; move it away, or give another {output.flag}")
        if output.kind is RECORDS and output.flag == "--destpath" and _is_of_step_1(output.path):
            raise InputError(f"{output.path}: was written by get_stackexchange.py; give another {output.flag}")
        written[place] = output


def record_outputs(destpath: str, dropped_path: str | None = None, cache: str | None = None) -> list[Output]:
    """All files that a run which writes records writes."""
    outputs = _file(destpath, "--destpath", RECORDS)
    if report := report_path(destpath):
        outputs += _file(report, "--destpath", REPORT)
    if dropped_path:
        outputs += _file(dropped_path, "--dropped_path", DROPPED)
    if cache:
        outputs += [Output(Path(f"{cache}{ending}"), "--cache") for ending in ("", "-wal", "-shm")]  # SQLite's
    return outputs


def folder_outputs(destpath: Path, dropped_path: str | None) -> list[Output]:
    """What a run writes beside a folder that it replaces as a whole, and its file of dropped records."""
    outputs = [Output(path, "--destpath") for path in beside_folder(destpath)]
    return outputs + (_file(dropped_path, "--dropped_path", DROPPED) if dropped_path else [])


def _file(path: str | Path, flag: str, kind: Kind) -> list[Output]:
    if str(path) == STANDARD_STREAM:
        return [Output(Path(path), flag)]  # of two flags only one may be given stdout
    return [Output(Path(path), flag, kind), Output(temporary_path(Path(path)), flag)]


def _is_of_step_1(path: Path | UPath) -> bool:
    """Whether report.json beside the file names it as the output of step 1."""
    try:
        report = json.loads((path.parent / "report.json").read_bytes())
        return bool(report["output"]["file"] == path.name and path.exists())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _has_content(path: Path | UPath) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _inode(path: str | Path | UPath) -> tuple[int, int] | None:
    try:
        stat = os.stat(str(path))
    except OSError:  # it does not exist, or is at a URL
        return None
    return stat.st_dev, stat.st_ino


def _may_be_replaced(path: Path | UPath, kind: Kind) -> bool:
    """Whether the file does not exist, is empty, or is of this kind."""
    if not _has_content(path):
        return True
    try:
        with open_input(path) if isinstance(path, Path) else _open_url(path) as stream:
            text = stream.readline(LONGEST) if kind.an_object_a_line else stream.read(LONGEST)
        found = json.loads(text) if text else None
    except (InputError, ValueError, RecursionError):  # damaged, or not JSON
        return False
    return not text or (isinstance(found, dict) and kind.keys <= found.keys())


@contextmanager
def _open_url(url: UPath) -> Iterator[BinaryIO]:
    with url.open("rb") as raw:
        if url.name.endswith(".zst"):
            with decompress_zst(raw, str(url)) as stream:
                yield stream
        else:
            yield raw
