"""Parts of a file on a server, fetched as they are asked for, each of which goes on where it broke off.

A part is a range of the remote file. It is kept on disk in a file named after its range, whose length is the progress
made: a killed download goes on where that file ends, and no byte is fetched twice. Readers follow the download.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from download.http_client import BROKEN, BUSY, LONGEST_RETRY_AFTER, Client, backoff, retry_after
from download.window import Window
from records.errors import ChangedError, DamagedError, InputError

ATTEMPTS = 8  # in a row without a byte of progress, before a download is given up
CHUNK = 1 << 16
WHOLE = 1 << 20  # bytes; a file up to this size is fetched whole


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
                raise InputError(f"{self.url}: the download was stopped")
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


class NoRangeError(InputError):
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
            self._failure = self._failure or InputError(f"{self.file.url}: the download was stopped")
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
                raise InputError(
                    f"{self.file.url}: {problem}; the same command goes on from here when you run it again"
                )
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
            raise InputError(f"{url}: is shorter on the server than the {size:,} bytes in its metadata; {mend}")
        if response.status_code not in (200, 206):
            raise InputError(f"{url}: answers {response.status_code} {response.reason}; try again later")
        self.file.saw_etag(validator(response.headers))
        if response.status_code == 206:
            range_, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if not range_.startswith(f"{self.position}-"):
                raise InputError(
                    f"{url}: sends the range {range_} where {self.position}- was asked for; try again later"
                )
        else:
            if (self.start, self.end) != (0, size):
                raise NoRangeError(f"{url}: comes from a server without Range")
            total = response.headers.get("Content-Length", str(size))
        if total != str(size):
            raise InputError(f"{url}: has {total} bytes on the server and {size} in its metadata; {mend}")

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
