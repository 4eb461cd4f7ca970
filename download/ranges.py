"""Parts of a file on a server, fetched when they are asked for, and resumed where they broke off.

A part is a range of the remote file. It is kept on disk in a file named after its range, whose length is the progress:
a killed download continues at the end of that file, and no byte is fetched twice. Readers follow the download.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import requests

from download.http_client import (
    LONGEST_RETRY_AFTER,
    REFUSED,
    Client,
    RefusedError,
    RetryError,
    backoff,
    broken_connection,
    describe_answer,
    name_of_sender,
)
from download.window import Window
from records.errors import ChangedError, DamagedError, InputError

CHUNK = 1 << 16
SMALL_FILE = 1 << 20  # bytes; a file up to this size is fetched completely
PAGE_STARTS = (b"<!doctype html", b"<html")  # of a web page, in lower case


class RemoteFile:
    """A file on a server, of which parts are fetched into `folder`.

    url, size and digest (the MD5, or "") are from the item's metadata. Parts in `folder` of another file, or of this
    one before it changed, are deleted. A small file is fetched completely, as is any file of a server without Range.
    """

    def __init__(self, client: Client, url: str, size: int, digest: str, folder: Path):
        self.client, self.url, self.name, self.size, self.digest, self.folder = client, url, url, size, digest, folder
        self.whole = size <= SMALL_FILE
        self.hint = "try another --dump"  # if the server's file is not the one in the metadata
        self.etag = ""  # or the date, see `validator`
        self._identity = {"url": url, "size": size, "digest": digest}
        self._note = folder / "source.json"
        self._parts: dict[tuple[int, int], Part] = {}
        self._stopped = False
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._recall()

    def _recall(self) -> None:
        """Continue with what an earlier run has fetched, if it is of this file."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):
            note = {}
        etag = note.pop("etag", "")
        if note != self._identity:
            self.start_again()
        elif not self.digest:
            self.etag = etag

    def _write_note(self) -> None:
        self._note.write_text(json.dumps({**self._identity, "etag": self.etag}), "utf-8")

    def check_version(self, etag: str) -> None:
        """Record the version that the server sends. Raises ChangedError if it is not the one from before.

        A digest identifies the file better: a server's nodes may have different ETags for the same bytes."""
        if self.digest:
            return
        with self._lock:
            if etag and self.etag and etag != self.etag:
                raise ChangedError(f"{self.url}: has changed on the server since its download began")
            if etag and not self.etag:
                self.etag = etag
                self._write_note()

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
            if part.ahead is not None:  # nobody wants the rest, and the download waits for a reader of it
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
        """Delete the parts that overlap [start, end), which turned out damaged."""
        with self._lock:
            for key, part in list(self._parts.items()):
                if part.start < end and start < part.end:
                    part.close()
                    part.path.unlink(missing_ok=True)  # if its thread still runs, it writes to the deleted file
                    del self._parts[key]

    def move_to(self, path: Path) -> None:
        """Wait for the complete file, check its digest, and move it to `path`.

        Raises DamagedError if the MD5 is not the one in the metadata."""
        part = self._part(0, self.size, None)
        part.read_at(max(0, self.size - 1), 1)
        if self.digest:
            with part.path.open("rb") as handle:
                digest = hashlib.file_digest(handle, "md5").hexdigest()
            if digest != self.digest:
                raise DamagedError(f"{self.url}: has the MD5 {digest}, and should have {self.digest}; fetch it again")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(part.path, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = path.with_name(f".{path.name}.part")  # the download is on another file system
            shutil.copyfile(part.path, beside)
            os.replace(beside, path)

    def start_again(self) -> None:
        """Delete everything: the file has changed."""
        self.close()
        self.etag = ""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.digest:  # otherwise nothing can be resumed before the server has sent an ETag
            self._write_note()

    def stop(self) -> None:
        """Stop all downloads, from any thread, and start no others; what they have fetched stays on disk."""
        with self._lock:  # a part that starts just now is among them
            self._stopped = True
            for part in self._parts.values():
                part.stop()

    def close(self) -> None:
        """Release connections and file handles, which a download that nobody reads to its end would keep."""
        with self._lock:
            for part in self._parts.values():
                part.close()
            self._parts.clear()


def validator(headers: Mapping[str, str]) -> str:
    """What identifies a file's version in If-Range: a strong ETag, else the date, else ""."""
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


class NoRangeError(InputError):
    """The server ignores Range: it sends complete files only."""


class Part:
    """The bytes [start, end) of a remote file, written by a thread of their own and read by any number of others.

    ahead: how many bytes the download may be ahead of its readers, None for any number.
    """

    def __init__(self, file: RemoteFile, start: int, end: int, ahead: int | None):
        self.file, self.start, self.end, self.ahead = file, start, end, ahead
        self.path = file.folder / f"{start}-{end}.part"
        self._out = self.path.open("ab", buffering=0)  # unbuffered: closing it writes nothing, so it cannot fail
        self._in = self.path.open("rb", buffering=0)
        self.position = start + min(self._in.seek(0, os.SEEK_END), end - start)  # up to here the bytes are on disk
        self._wanted = start  # readers have asked for the bytes up to here
        self._failure: Exception | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"fetch {self.path.name}", daemon=True)
        self._ended = self.position >= end
        if not self._ended:
            self._thread.start()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset` of the file, waiting for the first of them; b"" at the part's end."""
        with self._changed:
            self._wanted = max(self._wanted, offset + size)
            self._changed.notify_all()
            while self.position <= offset < self.end and self._failure is None:
                self._changed.wait()
            if self._failure is not None and (self._stopped or self.position <= offset < self.end):
                raise self._failure
            size = min(size, self.position - offset)
            return os.pread(self._in.fileno(), size, offset - self.start) if size > 0 else b""

    def stop(self) -> None:
        """Stop the download, and wake the readers that wait for it."""
        with self._changed:
            self._stopped = True
            self._failure = self._failure or InputError(f"{self.file.url}: the download was stopped")
            self._changed.notify_all()

    def close(self) -> None:
        """Stop the download, and close the files as soon as no thread uses them."""
        self.stop()
        with self._changed:
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
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()
            self._ended = True
            if self._in.closed:  # there are no readers any more
                self._out.close()

    def _download(self) -> None:
        failures: Counter[type[RetryError]] = Counter()  # since the last byte of progress
        while self.position < self.end and not self._stopped:
            before = self.position
            try:
                self._request()
            except RetryError as error:
                if self._stopped or self.position == self.end:
                    return
                if self.position > before:
                    failures.clear()
                failures[type(error)] += 1
                if failures[type(error)] == error.attempts or error.wait > LONGEST_RETRY_AFTER:
                    hint = error.hint or "the same command goes on from here when you run it again"
                    raise InputError(f"{self.file.url}: {error}; {hint}") from None
                reason = f"{self.file.url}: {error} at byte {self.position:,}"
                self.file.client.wait(error.wait or backoff(failures.total()), reason)

    def _request(self) -> None:
        """Ask once for what is missing. Raises RetryError if some of it is still missing then."""
        headers = {}
        if (self.position, self.end) != (0, self.file.size):  # any server sends the complete file
            headers["Range"] = f"bytes={self.position}-{self.end - 1}"
            if self.file.etag:
                headers["If-Range"] = self.file.etag
        url = self.file.url
        with self.file.client.get(url, headers) as response:
            self._check_status(response)
            chunk = response.raw.read1(CHUNK)
            if response.status_code == 200 and chunk.lstrip().lower().startswith(PAGE_STARTS):
                raise RefusedError(f"{name_of_sender(url, response.url)} sends a web page in place of the data")
            self.file.check_version(validator(response.headers))
            skip = self._check_range(response)
            while chunk and not self._stopped:
                self._append(chunk[skip:])
                skip = max(0, skip - len(chunk))
                chunk = response.raw.read1(CHUNK)
            if self.position < self.end and not self._stopped:
                raise RetryError(broken_connection(url, response.url))

    def _check_status(self, response: requests.Response) -> None:
        url = self.file.url
        if response.status_code in REFUSED:
            raise RefusedError(describe_answer(url, response))
        if response.status_code == 416:
            size = self.file.size
            raise InputError(
                f"{url}: is shorter on the server than the {size:,} bytes in its metadata; {self.file.hint}"
            )
        if response.status_code not in (200, 206):
            raise InputError(f"{url}: {describe_answer(url, response)}; try again later")

    def _check_range(self, response: requests.Response) -> int:
        """Return how many of the bytes that follow are on disk already.

        Raises an error unless they are the range that was asked for, or the complete file if that was asked for."""
        url, size = self.file.url, self.file.size
        if response.status_code == 206:
            range_, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if not range_.startswith(f"{self.position}-"):
                raise InputError(f"{url}: sends the range {range_} instead of {self.position}-; try again later")
        else:
            total = response.headers.get("Content-Length", str(size))
        if total != str(size):
            problem = f"has {total} bytes on the server and {size} in its metadata"
            if response.status_code == 200:  # perhaps an error message
                raise RefusedError(problem, hint=self.file.hint)
            raise InputError(f"{url}: {problem}; {self.file.hint}")
        if response.status_code == 206:
            return 0
        if (self.start, self.end) != (0, size):
            raise NoRangeError(f"{url}: comes from a server without Range")
        return self.position

    def _append(self, data: bytes) -> None:
        if self.position + len(data) > self.file.size:
            raise DamagedError(f"{self.file.url}: sends more than the {self.file.size:,} bytes that it should have")
        data = data[: self.end - self.position]
        with self._changed:
            if self._stopped:  # another part may continue the file from here
                return
            written = 0
            while written < len(data):  # an almost full disk takes some bytes, and raises at the next write
                written += self._out.write(data[written:])
            self.position += written
            self._changed.notify_all()
            while self.ahead is not None and self.position > self._wanted + self.ahead and not self._stopped:
                self._changed.wait()
