"""archive.org on loopback, as far as this project uses it: search, metadata of items, redirects, ranges of files.

The demo fetches the sample site from it in the same way as a real dump; the tests add faults.

    with ArchiveServer(root) as server:       # root/<item>/<file>
        requests.get(f"{server.url}/metadata/<item>")
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BLOCK = 1 << 14  # bytes sent at a time


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request for a file."""

    status: int | None = None  # answer with this and without the file
    headers: dict[str, str] = field(default_factory=dict)  # added to the answer's own, or replacing them
    drop_after: int | None = None  # close the connection after so many bytes of the body
    flip_bit_at: int | None = None  # of the byte at this offset in the file
    ignore_range: bool = False  # send the whole file with status 200
    cut_by: int = 0  # serve the file as if it ended this many bytes early
    rate: int | None = None  # send at most this many bytes a second


@dataclass
class Request:
    """One request for a file, and what became of it."""

    file: str
    number: int  # among the requests for this file, from 1
    headers: dict[str, str]
    fault: Fault = field(default_factory=Fault)
    status: int = 0  # of the answer, 0 before it is sent
    start: int = 0  # of the body, in the file
    sent: int = 0  # bytes of the body


class ArchiveServer:
    """Serves `root/<item>/...` until the `with` block ends.

    fault: returns what goes wrong with a request for a file, None if nothing does.
    uploaders: by item, for the items whose metadata names one. dark: withdrawn items. searches: whether search works.
    """

    def __init__(
        self,
        root: Path,
        fault: Callable[[Request], Fault | None] = lambda request: None,
        *,
        uploaders: Mapping[str, str] = MappingProxyType({}),
        dark: Collection[str] = (),
        searches: bool = True,
    ):
        self.root, self.fault, self.uploaders, self.dark, self.searches = root, fault, uploaders, dark, searches
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ArchiveServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def metadata(self, item: str) -> dict[str, Any]:
        """An item's files with sizes and digests; an unknown item is {}, as at archive.org."""
        if item in self.dark:
            return {"is_dark": True, "metadata": {"identifier": item}}
        folder = self.root / item
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        listed = [
            {
                "name": path.relative_to(folder).as_posix(),
                "size": str(path.stat().st_size),
                "md5": _md5(path, path.stat().st_mtime_ns),
            }
            for path in files
        ]
        described = {"uploader": self.uploaders[item]} if item in self.uploaders else {}
        return {"files": listed, "metadata": {"identifier": item, **described}} if listed else {}

    def search(self, query: str) -> dict[str, Any]:
        """The items whose identifier matches a query such as `identifier:stackexchange_*`."""
        pattern = query.removeprefix("identifier:")
        names = sorted({folder.name for folder in self.root.iterdir()} | set(self.dark))
        found = [{"identifier": name} for name in names if fnmatch(name, pattern)]
        return {"response": {"numFound": len(found), "start": 0, "docs": found}}

    def note(self, file: str, headers: dict[str, str]) -> Request:
        """Add a request to `requests`, and look up its fault."""
        with self._lock:  # or two simultaneous ones would get the same number
            number = sum(request.file == file for request in self.requests) + 1
            request = Request(file, number, headers)
            self.requests.append(request)
        request.fault = self.fault(request) or request.fault
        return request

    def sent(self, file: str) -> int:
        """Bytes of a file sent so far, over all requests."""
        return sum(request.sent for request in self.requests if request.file == file)


@cache
def _md5(path: Path, changed: int) -> str:
    """The digest of a file as it was when last changed."""
    return hashlib.md5(path.read_bytes()).hexdigest()


def _read(path: Path, start: int, end: int, fault: Fault) -> bytearray:
    """The bytes [start, end), without reading the whole file: a benchmark's is large."""
    with path.open("rb") as file:
        file.seek(start)
        data = bytearray(file.read(end - start))
    if fault.flip_bit_at is not None:
        at = fault.flip_bit_at % path.stat().st_size
        if start <= at < end:
            data[at - start] ^= 1
    return data


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: ArchiveServer

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        kind, _, rest = unquote(self.path).strip("/").partition("/")
        if kind == "metadata":
            self._answer(200, json.dumps(self.service.metadata(rest)).encode())
        elif kind.startswith("advancedsearch.php?") and self.service.searches:
            query = parse_qs(urlsplit(self.path).query)["q"][0]
            self._answer(200, json.dumps(self.service.search(query)).encode())
        elif kind == "download" and self._path(rest).is_file():
            self._answer(302, b"", {"Location": f"{self.service.url}/data/{rest}"})
        elif kind == "data" and self._path(rest).is_file():
            self._send_file(rest)
        else:
            self._answer(404, b"not found")

    def _path(self, name: str) -> Path:
        path = (self.service.root / name).resolve()
        return path if path.is_relative_to(self.service.root.resolve()) else self.service.root

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, name: str) -> None:
        request = self.service.note(name, dict(self.headers))
        fault = request.fault
        if fault.status:
            request.status = fault.status
            return self._answer(fault.status, b"", fault.headers)

        path = self._path(name)
        size = path.stat().st_size - fault.cut_by
        headers = {"ETag": f'"{hashlib.md5(name.encode()).hexdigest()}"', "Accept-Ranges": "bytes", **fault.headers}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end, status = 0, size, 200
        if wanted and not fault.ignore_range and self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            start, end, status = int(wanted[1]), min(int(wanted[2]) + 1, size), 206
            if start >= size:
                request.status = 416
                return self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        request.status, request.start = status, start
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(end - start)}.items():
            self.send_header(key, value)
        self.end_headers()
        self._send_body(memoryview(_read(path, start, end, fault)), request)

    def _send_body(self, body: memoryview, request: Request) -> None:
        fault, began = request.fault, time.monotonic()
        limit = len(body) if fault.drop_after is None else min(fault.drop_after, len(body))
        try:
            while request.sent < limit:
                block = body[request.sent : min(request.sent + BLOCK, limit)]
                self.wfile.write(block)
                request.sent += len(block)
                if fault.rate:
                    time.sleep(max(0.0, began + request.sent / fault.rate - time.monotonic()))
        except OSError:  # the client closed the connection
            self.close_connection = True
        if limit < len(body):
            self.close_connection = True
