"""Where the bytes of an archive come from: a local file, or parts of a file on a server, fetched as they are asked for.

A part is a range of the remote file. It is kept on disk in a file named after its range, whose length is the progress
made: a killed download goes on where that file ends, and no byte is fetched twice. Readers follow the download.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stackdump.errors import ChangedError, DamagedError, DumpError
from stackdump.http import BROKEN, BUSY, LONGEST_RETRY_AFTER, Client, backoff, retry_after

if TYPE_CHECKING:
    from upath import UPath

ATTEMPTS = 8  # in a row without a byte of progress, before a download is given up
CHUNK = 1 << 16
WHOLE = 1 << 20  # bytes; a file up to this size is fetched whole
BLOCK = 1 << 22  # bytes of a file at a URL asked for at once: a tenth of a second's worth, several times the latency


class Source(Protocol):
    """An archive's bytes, wherever they are."""

    name: str  # for errors
    size: int

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        """The bytes [start, end) as a seekable binary file. `ahead` bounds how far a download runs ahead of its
        reader, in bytes, where the reader may stop before the end; None lets it run."""


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
            raise DumpError(f"{self.name}: cannot be read ({str(error) or type(error).__name__}); try again") from None
        if len(data) != end - start:
            raise DumpError(f"{self.name}: sends {len(data):,} bytes where {end - start:,} were asked for; its server "
                            f"knows no ranges, or the file has changed")  # fmt: skip
        return data


class RemoteFile:
    """A file on a server, of which parts are fetched into `folder`.

    url, size and digest (the MD5) are as the item's metadata has them; parts of another file in `folder`, or of the same one
    before it changed, are thrown away. A server without Range, and a small file, are fetched whole.
    """

    def __init__(self, client: Client, url: str, size: int, digest: str, folder: Path):
        self.client, self.url, self.name, self.size, self.digest, self.folder = client, url, url, size, digest, folder
        self.whole = size <= WHOLE
        self.mend = "try another --dump"  # where the server's file is another than the metadata's
        self.etag = ""  # or the date, as `validator` has it
        self._identity = {"url": url, "size": size, "digest": digest}
        self._note = folder / "source.json"
        self._parts: dict[tuple[int, int], Part] = {}
        self._stopped = False
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._recall()

    def _recall(self) -> None:
        """Go on with what an earlier run has fetched, if it is of this file."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):
            note = {}
        self.etag = note.pop("etag", "")
        if note != self._identity:
            self.start_again()

    def saw_etag(self, etag: str) -> None:
        """Note the version that the server sends. Raises ChangedError where it is another than before."""
        with self._lock:
            if etag and self.etag and etag != self.etag:
                raise ChangedError(f"{self.url}: has changed on the server since its download began")
            if etag and not self.etag:
                self.etag = etag
                self._note.write_text(json.dumps({**self._identity, "etag": etag}), "utf-8")

    def reader(self, start: int, end: int, ahead: int | None = None) -> Window:
        part = self._part(start, end, ahead)

        def read_at(offset: int, size: int) -> bytes:
            nonlocal part
            try:
                return part.read_at(offset, size)
            except NoRangeError:
                self.whole = True
                part = self._part(start, end, ahead)
                return part.read_at(offset, size)

        def close() -> None:
            if part.ahead is not None:  # the rest is not wanted, and the download waits for a reader of it
                part.stop()

        return Window(read_at, start, min(end, self.size), close)

    def _part(self, start: int, end: int, ahead: int | None) -> Part:
        if self.whole:
            start, end, ahead = 0, self.size, None
        with self._lock:
            if self._stopped:
                raise DumpError(f"{self.url}: the download was stopped")
            for part in self._parts.values():
                if part.start <= start and end <= part.end and part.ahead is None:
                    return part
            part = self._parts[start, end] = Part(self, start, end, ahead)
            return part

    def drop(self, start: int, end: int) -> None:
        """Throw away the parts that overlap [start, end), for they turned out damaged."""
        with self._lock:
            for key, part in list(self._parts.items()):
                if part.start < end and start < part.end:
                    part.close()
                    part.path.unlink(missing_ok=True)  # its thread, if it still runs, writes to no name
                    del self._parts[key]

    def move_to(self, path: Path) -> None:
        """Wait for the whole file, check its digest, and give it a place of its own.

        Raises DamagedError where the MD5 is not the one in the metadata."""
        part = self._part(0, self.size, None)
        part.read_at(max(0, self.size - 1), 1)
        if self.digest:
            with part.path.open("rb") as handle:
                digest = hashlib.file_digest(handle, "md5").hexdigest()
            if digest != self.digest:
                raise DamagedError(f"{self.url}: has the MD5 {digest}, and should have {self.digest}; fetch it again")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part.path, path)

    def start_again(self) -> None:
        """Throw everything away: the file is another now."""
        self.close()
        self.etag = ""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def stop(self) -> None:
        """End the downloads under way, from any thread, and begin no others; what they have fetched stays on disk."""
        with self._lock:  # a part that begins just now is among them
            self._stopped = True
            for part in self._parts.values():
                part.stop()

    def close(self) -> None:
        """Give back connections and file handles: a download whose rest nobody wants would keep them."""
        with self._lock:
            for part in self._parts.values():
                part.close()
            self._parts.clear()


def validator(headers: Mapping[str, str]) -> str:
    """What tells a file's version, for If-Range: the ETag, else the date, for a weak ETag is not fit for it; "" where
    there is neither."""
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


class NoRangeError(DumpError):
    """The server ignores Range: it sends whole files only."""


class Part:
    """The bytes [start, end) of a remote file: written by a thread of its own, read by any number."""

    def __init__(self, file: RemoteFile, start: int, end: int, ahead: int | None):
        self.file, self.start, self.end, self.ahead = file, start, end, ahead
        self.path = file.folder / f"{start}-{end}.part"
        self._out = self.path.open("ab", buffering=0)  # so that closing writes nothing, which could fail
        self._in = self.path.open("rb", buffering=0)
        self.position = start + min(self._in.seek(0, os.SEEK_END), end - start)  # up to here the bytes are on disk
        self._wanted = start  # up to here some reader has asked
        self._failure: Exception | None = None
        self._stopped = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"fetch {self.path.name}", daemon=True)
        self._ended = self.position >= end  # nothing is left to fetch
        if not self._ended:
            self._thread.start()

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset` of the file, waiting for the first of them; b"" at the part's end."""
        with self._news:
            self._wanted = max(self._wanted, offset + size)
            self._news.notify_all()
            while self.position <= offset < self.end and self._failure is None:
                self._news.wait()
            if self._failure is not None and (self._stopped or self.position <= offset < self.end):
                raise self._failure
            size = min(size, self.position - offset)
            return os.pread(self._in.fileno(), size, offset - self.start) if size > 0 else b""

    def stop(self) -> None:
        """End the download, and wake the readers that wait for it."""
        with self._news:
            self._stopped = True
            self._failure = self._failure or DumpError(f"{self.file.url}: the download was stopped")
            self._news.notify_all()

    def close(self) -> None:
        """End the download, and close the files once no thread uses them."""
        self.stop()
        with self._news:
            self._in.close()
            if self._ended:
                self._out.close()

    # ---- the downloading thread ----------------------------------------------------------------------------------
    def _run(self) -> None:
        failure: Exception | None = None
        try:
            self._download()
        except Exception as error:  # noqa: BLE001 - the readers raise it
            failure = error
        with self._news:
            self._failure = self._failure or failure
            self._news.notify_all()
            self._ended = True
            if self._in.closed:  # nobody reads any more
                self._out.close()

    def _download(self) -> None:
        attempt = 0
        while self.position < self.end and not self._stopped:
            before = self.position
            problem, asked = self._request()
            if self._stopped or self.position == self.end:
                return
            attempt = 1 if self.position > before else attempt + 1
            if attempt == ATTEMPTS or asked > LONGEST_RETRY_AFTER:
                raise DumpError(f"{self.file.url}: {problem}; the same command goes on from here when you run it again")
            self.file.client.wait(asked or backoff(attempt), f"{self.file.url}: {problem} at byte {self.position:,}")

    def _request(self) -> tuple[str, float]:
        """Ask once for what is missing. Returns what ended it, and the seconds that the server asks to wait."""
        headers = {}
        if (self.position, self.end) != (0, self.file.size):  # the whole file, any server sends
            headers["Range"] = f"bytes={self.position}-{self.end - 1}"
            if self.file.etag:
                headers["If-Range"] = self.file.etag
        try:
            with self.file.client.get(self.file.url, headers) as response:
                if response.status_code in BUSY:
                    return f"the server answers {response.status_code}", retry_after(response)
                self._check(response)
                skip = self.position if response.status_code == 200 else 0
                while not self._stopped and (chunk := response.raw.read1(CHUNK)):
                    self._append(chunk[skip:])
                    skip = max(0, skip - len(chunk))
        except BROKEN:
            pass
        return "the connection broke", 0.0

    def _check(self, response: Any) -> None:
        """Raise unless the body is the range that was asked for, or the whole file where that was asked for."""
        url, size, mend = self.file.url, self.file.size, self.file.mend
        if response.status_code == 416:
            raise DumpError(f"{url}: is shorter on the server than the {size:,} bytes in its metadata; {mend}")
        if response.status_code not in (200, 206):
            raise DumpError(f"{url}: answers {response.status_code} {response.reason}; try again later")
        self.file.saw_etag(validator(response.headers))
        if response.status_code == 206:
            range_, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if not range_.startswith(f"{self.position}-"):
                raise DumpError(
                    f"{url}: sends the range {range_} where {self.position}- was asked for; try again later"
                )
        else:
            if (self.start, self.end) != (0, size):
                raise NoRangeError(f"{url}: comes from a server without Range")
            total = response.headers.get("Content-Length", str(size))
        if total != str(size):
            raise DumpError(f"{url}: has {total} bytes on the server and {size} in its metadata; {mend}")

    def _append(self, data: bytes) -> None:
        if self.position + len(data) > self.file.size:
            raise DamagedError(f"{self.file.url}: sends more than the {self.file.size:,} bytes that it should have")
        data = data[: self.end - self.position]
        with self._news:
            if self._stopped:  # another part may go on with the file from here
                return
            written = 0
            while written < len(data):  # a disk that is nearly full takes a part first, and then raises
                written += self._out.write(data[written:])
            self.position += written
            self._news.notify_all()
            while self.ahead is not None and self.position > self._wanted + self.ahead and not self._stopped:
                self._news.wait()
