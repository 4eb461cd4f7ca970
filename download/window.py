"""A part of something larger, as a file of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any


class Window(io.RawIOBase):
    """The bytes [start, end) of something larger, as a read-only file of their own.

    read_at: takes an offset in the larger thing and a size, and returns some bytes, b"" only at its end.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], start: int, end: int, close: Callable[[], None]):
        self._read_at, self._start, self._end, self._close = read_at, start, end, close
        self._position = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = max(self._start, base + offset)
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._read_at(self._position, max(0, min(len(buffer), self._end - self._position)))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()
