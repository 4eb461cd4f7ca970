"""The Hugging Face hub as its own client (huggingface_hub) sees it: data sets, commits, large files, one user.

Only what an upload needs. https://huggingface.co/.well-known/openapi.json describes the real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_ann"
LARGE = (".parquet", ".png")  # files that the real hub's .gitattributes puts into large file storage
REPO = r"/(?:api/)?datasets/([\w.-]+/[\w.-]+)"


class HubServer(ThreadingHTTPServer):
    """`repos` has the files of each data set by name; `private` which of them are."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.stored: dict[str, bytes] = {}  # large files, by SHA-256
        self.requests: list[str] = []
        self.role = "write"  # of the user's token
        self.page = b""  # answers every question, as a network that wants a login does
        self.refuse = ""  # a part of the requests that are answered with 403

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub_server() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def blob(data: bytes) -> str:
    """The id that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self._begin()
        if path is None:
            return
        if self.server.page:
            return self._send(200, self.server.page, {"Content-Type": "text/html"})
        if path == "/api/whoami-v2":
            return self._json({"type": "user", "name": "ann", "auth": {"accessToken": {"role": self.server.role}}})
        if found := re.fullmatch(rf"{REPO}(?:/revision/main)?", path):
            return self._info(found[1])
        if found := re.fullmatch(rf"{REPO}/resolve/\w+/(.+)", path):
            return self._file(found[1], found[2])
        if found := re.fullmatch(rf"{REPO}/tree/main.*", path):
            files = self.server.repos[found[1]].items()
            return self._json(
                [{"type": "file", "path": path, "size": len(data), "oid": blob(data)} for path, data in files]
            )
        self._error(404, "no such page")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        path = self._begin()
        if path is None:
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if re.fullmatch(rf"{REPO}/preupload/main", path):
            return self._preupload(json.loads(body))
        if re.fullmatch(rf"{REPO}\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        if found := re.fullmatch(rf"{REPO}/commit/main", path):
            return self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        self._error(404, "no such page")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refuse and self.server.refuse in self.path:
            return self._error(403, "the signature has expired")
        digest = hashlib.sha256(data).hexdigest()
        if self.path != f"/storage/{digest}":
            return self._error(400, "other bytes than announced")
        self.server.stored[digest] = data
        self._json({})

    def _begin(self) -> str | None:
        """The path of a request that is allowed."""
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._error(401, "Invalid username or password.")
        elif self.server.refuse and self.server.refuse in path:
            self._error(403, "You don't have the rights to create a dataset under this namespace")
        else:
            return path
        return None

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted.get('organization') or 'ann'}/{wanted['name']}"
        url = f"{self.server.url}/datasets/{name}"
        if name in self.server.repos:
            return self._json({"url": url, "error": "You already created this dataset repo"}, 409)
        self.server.repos[name] = {".gitattributes": b"*.parquet filter=lfs\n"}
        self.server.private[name] = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self._json({"url": url, "name": name})

    def _info(self, name: str) -> None:
        if name not in self.server.repos:
            return self._error(404, "Repository not found", {"X-Error-Code": "RepoNotFound"})
        siblings = [{"rfilename": path} for path in self.server.repos[name]]
        self._json({"id": name, "private": self.server.private[name], "siblings": siblings, "sha": "0" * 40})

    def _file(self, name: str, path: str) -> None:
        data = self.server.repos.get(name, {}).get(path)
        if data is None:
            return self._error(404, "Entry not found", {"X-Error-Code": "EntryNotFound"})
        etag = hashlib.sha256(data).hexdigest()
        self._send(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": etag[:40]})

    def _preupload(self, wanted: dict[str, Any]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in wanted["files"]
        ]
        self._json({"files": modes})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.server.url}/storage/{each['oid']}"}}}
            for each in wanted["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repos[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self._json({"success": True, "commitOid": "1" * 40, "commitUrl": f"{self.server.url}/datasets/{name}/commit/1"})

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {"Content-Type": "application/json", "X-Error-Message": message, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
