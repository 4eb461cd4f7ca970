"""Unpacks one packed stream of a 7z archive from stdin to stdout, as a process of its own.

The native decoders of BZip2 (rapidgzip) and PPMd (pyppmd) can end a whole process on damaged data, or wait forever for
threads that wait for a download. Here they end only this process, which `sevenzip` reports as damage, and which can be
killed at any moment. The first line of stdin is JSON: the stream's coders, sizes, and the number of threads.
Started by its path, it imports nothing of the package.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

import rapidgzip

BZIP2 = b"\x04\x02\x02"
CHUNK = 1 << 20  # bytes unpacked at a time
STEP = 1 << 16  # bytes read from stdin at a time
HISTORY = 8 << 20  # packed bytes that rapidgzip may go back, and 1 MiB a thread: it was seen going back 7.7 MB with 16


def describe(coders: list[dict[str, Any]], packed: int, sizes: list[int], wanted: int, threads: int) -> bytes:
    """The line of JSON for a decoder: the coders, the packed size, the unpacked sizes by coder, how many unpacked bytes
    are wanted, and the number of threads."""
    plain = [
        {key: value.hex() if isinstance(value, bytes) else value for key, value in coder.items()} for coder in coders
    ]
    return json.dumps([plain, packed, sizes, wanted, threads]).encode() + b"\n"


class Rewindable(io.RawIOBase):
    """A stream of known size as a seekable file, which remembers only the last `kept` bytes of what it has read."""

    def __init__(self, stream: BinaryIO, size: int, kept: int):
        self._stream, self._size, self._kept = stream, size, kept
        self._bytes, self._first = bytearray(), 0  # what is remembered, and where it begins
        self._position = 0
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        with self._lock:
            end = min(self._position + len(buffer), self._size)
            while self._first + len(self._bytes) < end and (data := self._stream.read(STEP)):
                self._bytes += data
            start = self._position - self._first
            if start < 0:
                fail("goes back too far")  # an exception on one of rapidgzip's threads would abort the process
            found = self._bytes[start : end - self._first]
            buffer[: len(found)] = found
            self._position += len(found)
            if len(self._bytes) > 2 * self._kept:
                self._first += len(self._bytes) - self._kept
                del self._bytes[: -self._kept]
            return len(found)


def unpacked(
    stream: BinaryIO, coders: list[dict[str, Any]], packed: int, sizes: list[int], wanted: int, threads: int
) -> Iterator[bytes]:
    """The wanted bytes in chunks, fewer if the packed ones end early."""
    if [coder["method"] for coder in coders] == [BZIP2]:
        source = Rewindable(stream, packed, HISTORY + (threads << 20))
        file = rapidgzip.IndexedBzip2File(source, parallelization=threads)
        while wanted and (data := file.read(min(wanted, CHUNK))):
            wanted -= len(data)
            yield data
        return
    from py7zr.compressor import SevenZipDecompressor  # takes longer to import than a small BZip2 stream to unpack

    decompressor = SevenZipDecompressor(coders, packed, sizes, None)
    while wanted:
        before = decompressor.consumed
        data = decompressor.decompress(stream, min(wanted, CHUNK))
        if not data and decompressor.consumed == before:
            return
        wanted -= len(data)
        yield data


def main() -> None:
    coders, *numbers = json.loads(sys.stdin.buffer.readline())
    for coder in coders:
        for key in ("method", "properties"):
            coder[key] = bytes.fromhex(coder[key]) if coder[key] is not None else None
    try:
        for chunk in unpacked(sys.stdin.buffer, coders, *numbers):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except Exception as error:  # noqa: BLE001 - each decoder has errors of its own for bad data
        fail(str(error) or type(error).__name__)
    os._exit(0)  # without waiting for rapidgzip's threads


def fail(problem: str) -> None:
    """End this process, whatever its other threads do."""
    print(problem, file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
