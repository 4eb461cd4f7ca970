"""Locks that keep two runs from writing the same file. The system releases them however a process ends.

Not the filelock library: it truncates the file that it locks, which here may be another run's unfinished output.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class AlreadyLockedError(Exception):
    """Another run has the lock."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[BinaryIO]:
    """Open `path` for appending, creating it if needed, and lock it until the block ends.

    With `wait`, waits for a run that has the lock. Otherwise raises AlreadyLockedError if another run has it, or has
    renamed or removed the file between our opening and our locking it: what we have open is not ours to write then.
    """
    while True:
        with open(path, "ab") as file:
            if _lock(file, path, wait):
                yield file
                return
        if not wait:
            raise AlreadyLockedError(str(path))


def _lock(file: BinaryIO, path: Path, wait: bool) -> bool:
    """Whether the file is locked now, and still what `path` names."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
