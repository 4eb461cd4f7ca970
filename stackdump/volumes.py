"""An archive split into volumes, `.7z.001`, `.7z.002` and so on, as one source of bytes."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from download.window import Window
from stackdump.archive_files import ArchiveBytes


class Volumes:
    """The bytes of several sources, one after the other."""

    def __init__(self, parts: list[ArchiveBytes]):
        self.parts, self.name = parts, parts[0].name
        self._ends = list(accumulate(part.size for part in parts))
        self.size = self._ends[-1]

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        end = min(end, self.size)
        number, window = -1, None  # of the volume that is being read

        def read_at(offset: int, size: int) -> bytes:
            nonlocal number, window
            if offset >= end or not size:
                return b""
            wanted = bisect_right(self._ends, offset)
            before = self._ends[wanted] - self.parts[wanted].size
            first = max(start - before, 0)
            if wanted != number or window is None:
                close()
                number, window = wanted, self.parts[wanted].reader(first, end - before, ahead)
            window.seek(offset - before - first)
            return window.read(size) or b""

        def close() -> None:
            if window is not None:
                window.close()

        return Window(read_at, start, end, close)
