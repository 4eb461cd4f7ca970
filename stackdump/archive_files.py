"""Where the bytes of an archive come from: a local file, or a file at a URL that fsspec knows. Parts of a file on
an HTTP server are download.ranges.RemoteFile's.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from download.window import Window
from records.errors import InputError

if TYPE_CHECKING:
    from upath import UPath


BLOCK = 1 << 22  # bytes of a file at a URL requested at once: a tenth of a second's worth, several times the latency


class ArchiveBytes(Protocol):
    """An archive's bytes, wherever they are."""

    name: str  # for errors
    size: int

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        """The bytes [start, end) as a seekable binary file. `ahead` bounds how far a download runs ahead of its
        reader, in bytes, where the reader may stop before the end; None lets it run."""


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path):
        self.path, self.name, self.size = path, str(path), path.stat().st_size

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        handle = self.path.open("rb", buffering=0)

        def read_at(offset: int, size: int) -> bytes:
            return os.pread(handle.fileno(), size, offset)

        return Window(read_at, start, min(end, self.size), handle.close)


class UrlFile:
    """A file at a URL that fsspec knows. It is read in blocks, and the one that follows is fetched meanwhile."""

    def __init__(self, url: UPath):
        self.url, self.name, self.size = url, str(url), url.stat().st_size

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        end = min(end, self.size)
        fetcher = ThreadPoolExecutor(1)
        blocks: dict[int, Future[bytes]] = {}

        def read_at(offset: int, size: int) -> bytes:
            if not size:
                return b""
            number = (offset - start) // BLOCK
            for first in (start + number * BLOCK, start + (number + 1) * BLOCK):
                if first < end and first not in blocks:
                    blocks[first] = fetcher.submit(self._fetch, first, min(first + BLOCK, end))
            first = start + number * BLOCK
            for gone in [other for other in blocks if not first <= other <= first + BLOCK]:
                blocks.pop(gone).cancel()
            return blocks[first].result()[offset - first :][:size]

        return Window(read_at, start, end, lambda: fetcher.shutdown(wait=False, cancel_futures=True))

    def _fetch(self, start: int, end: int) -> bytes:
        try:
            data: bytes = self.url.fs.cat_file(self.url.path, start=start, end=end)
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            raise InputError(f"{self.name}: cannot be read ({str(error) or type(error).__name__}); try again") from None
        if len(data) != end - start:
            raise InputError(
                f"{self.name}: sends {len(data):,} bytes where {end - start:,} were requested; its server does not "
                f"support ranges, or the file has changed"
            )
        return data
