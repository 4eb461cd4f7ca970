"""A published file in a cache folder: fetched once, resumed where it broke off, verified by size and digest.

What is verified: the size always, the SHA-256 where the caller gives it or the server tells it. The Hugging Face hub does,
in `X-Linked-ETag` beside `X-Linked-Size`, on the redirect to the data (its client library reads them there too:
huggingface_hub/file_download.py). A server that tells no digest, over plain HTTP, is trusted as it is.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import requests

from stackdump.errors import DumpError
from stackdump.http import ATTEMPTS_TO_REACH, BROKEN, BUSY, Client, backoff, retry_after

ATTEMPTS = 8  # in a row without a byte of progress, once the server has answered
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more is given up
CHUNK = 1 << 16
SHA256 = re.compile(r"[0-9a-f]{64}")
LFS_POINTER = b"version https://git-lfs"  # what a plain git server sends in place of a large file
BY_HAND = "or fetch the file by hand and give it with --inputpath"

Show = Callable[[int, int], object]  # takes the bytes here and the bytes in all


@dataclass(frozen=True)
class Published:
    """A file as its server describes it."""

    url: str
    size: int
    sha256: str  # "" where the server tells none
    validator: str  # for If-Range: the ETag, else the date; "" where there is neither


@dataclass(frozen=True)
class Fetched:
    """A file in the cache, complete and verified."""

    path: Path
    url: str
    size: int
    sha256: str


def fetch(client: Client, name: str, folder: Path, sha256: str = "", show: Show = lambda done, total: None) -> Fetched:
    """The file `name` below the client's base URL, kept as `folder/name`; only fetched where it is not there yet.

    Raises DumpError where it cannot be had, or twice has another SHA-256 than it should have.
    """
    url, path = f"{client.base_url}/{name}", folder / name
    kept = _kept(path, url, sha256)
    if kept:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(_beside(path, ".part"), url) as out:
        download = _Download(client, url, out, _beside(path, ".part.source"), show)
        fetched = _verified(download, path, sha256)
        os.replace(_beside(path, ".part"), path)
        _write_note(_beside(path, ".source"), {"url": url, "size": fetched.size, "sha256": fetched.sha256})
        download.note.unlink()
    return fetched


def named_digest(text: str) -> tuple[str, str]:
    """NAME=HEX of a command line, as a file's name and its SHA-256."""
    name, _, digest = text.rpartition("=")
    if not name or not SHA256.fullmatch(digest.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HEX with the 64 hexadecimal digits of a SHA-256")
    return name, digest.lower()


def _kept(path: Path, url: str, sha256: str) -> Fetched | None:
    """The file of an earlier run, unless it is another one, or has been damaged since."""
    note = _read_note(_beside(path, ".source"))
    if note is None or note.get("url") != url or not path.exists():
        return None
    digest = _sha256(path)
    return (
        Fetched(path, url, path.stat().st_size, digest) if digest == note.get("sha256") == (sha256 or digest) else None
    )


def _verified(download: _Download, path: Path, sha256: str) -> Fetched:
    """Fetch; where the digest is wrong, once more from the beginning."""
    for last in (False, True):
        published = download.run()
        part = _beside(path, ".part")
        with part.open("rb") as handle:
            if handle.read(len(LFS_POINTER)) == LFS_POINTER:
                download.start_again()
                raise DumpError(f"{download.url}: sends a git LFS pointer, not the data; check --base_url, {BY_HAND}")
        digest, wanted = _sha256(part), sha256 or published.sha256
        if digest == (wanted or digest):
            return Fetched(path, download.url, published.size, digest)
        download.start_again()
        problem = f"{download.url}: has the SHA-256 {digest}, and should have {wanted}"
        if last:
            raise DumpError(f"{problem}; nothing of it is kept: try again later, or check --sha256")
        download.client.tell(f"{problem}; fetching it again")
    raise AssertionError("the second time returns or raises")


class _Download:
    """Appends to `out`, a file that an earlier run may have begun, until it is whole.

    note: where the Published of the bytes in `out` stands.
    """

    def __init__(self, client: Client, url: str, out: BinaryIO, note: Path, show: Show):
        self.client, self.url, self.out, self.note, self.show = client, url, out, note, show
        known = _read_note(note)
        self.published = Published(**known) if known and known.get("url") == url else None
        self.have = out.seek(0, os.SEEK_END)
        if self.published is None or not self.published.validator:
            self.start_again()

    def start_again(self) -> None:
        """Throw away what there is."""
        self.out.truncate(0)
        self.have, self.published = 0, None
        self.note.unlink(missing_ok=True)

    def run(self) -> Published:
        """Fetch what is missing. Raises DumpError when the server is given up."""
        attempt, allowed = 0, ATTEMPTS_TO_REACH
        while self.published is None or self.have < self.published.size:
            before = self.have
            problem, asked = self._request()
            if self.published and self.have >= self.published.size:
                break
            if self.published:
                allowed = ATTEMPTS
            attempt = 1 if self.have > before else attempt + 1
            if attempt == allowed or asked > LONGEST_RETRY_AFTER:
                resume = "the same command goes on from here" if self.have else f"check --base_url, {BY_HAND}"
                raise DumpError(f"{self.url}: {problem}; {resume}")
            place = f" at byte {self.have:,}" if self.have else ""
            self.client.wait(asked or backoff(attempt), f"{self.url}: {problem}{place}")
        if self.have > self.published.size:
            problem = f"sends more than the {self.published.size:,} bytes that it tells of"
            self.start_again()
            raise DumpError(f"{self.url}: {problem}; check --base_url, {BY_HAND}")
        return self.published

    def _request(self) -> tuple[str, float]:
        """Ask once. Returns what ended it, and the seconds that the server asks to wait."""
        headers = {}
        if self.published and self.have:
            headers = {"Range": f"bytes={self.have}-{self.published.size - 1}", "If-Range": self.published.validator}
        problem = "cannot be reached"
        try:
            with self.client.get(self.url, headers) as response:
                problem = "the connection broke"
                if response.status_code in BUSY:
                    return f"answers {response.status_code} {response.reason}", retry_after(response)
                if not self._accept(response):
                    self.start_again()
                    return "has changed on the server", 0.0
                while chunk := response.raw.read1(CHUNK):
                    self._append(chunk)
        except BROKEN:
            pass
        return problem, 0.0

    def _accept(self, response: requests.Response) -> bool:
        """Make ready for the response's body; False where it does not go on with the bytes that are here."""
        if response.status_code == 416:
            return False
        if response.status_code not in (200, 206):
            problem = f"answers {response.status_code} {response.reason}"
            raise DumpError(f"{self.url}: {problem}; check --base_url, {BY_HAND}")
        published = _published(self.url, response)
        if response.status_code == 206:
            start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
            return start == str(self.have) and self.published == published
        self.start_again()
        self.published = published
        _write_note(self.note, asdict(published))
        return True

    def _append(self, chunk: bytes) -> None:
        assert self.published
        self.out.write(chunk)
        self.out.flush()
        self.have += len(chunk)
        self.show(self.have, self.published.size)


def _published(url: str, response: requests.Response) -> Published:
    """What the headers tell. Raises DumpError where they tell no size, or two."""
    linked = {key: value for hop in (*response.history, response) for key, value in _linked(hop).items()}
    total = response.headers.get("Content-Range", "").partition("/")[2] or response.headers.get("Content-Length", "")
    size = linked.get("size", total)
    if not size.isdigit():
        raise DumpError(f"{url}: the server does not tell its size; fetch it by hand and give it with --inputpath")
    if total.isdigit() and total != size:
        raise DumpError(f"{url}: has {size} bytes by its description and {total} on the server; try again later")
    tag = response.headers.get("ETag", "")
    validator = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
    return Published(url, int(size), linked.get("sha256", ""), validator)


def _linked(hop: requests.Response) -> dict[str, str]:
    """Size and SHA-256 as the hub tells them of a large file; a small file's tag is no SHA-256."""
    told = {}
    if "X-Linked-Size" in hop.headers:
        told["size"] = hop.headers["X-Linked-Size"]
    digest = hop.headers.get("X-Linked-ETag", "").strip('"').lower()
    if SHA256.fullmatch(digest):
        told["sha256"] = digest
    return told


@contextmanager
def _lock(part: Path, url: str) -> Iterator[BinaryIO]:
    """The part to append to, for this run alone."""
    with part.open("ab") as out:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DumpError(f"{url}: another run is fetching it into {part.parent}; wait for its end") from None
        try:
            yield out
        finally:
            if not out.seek(0, os.SEEK_END):
                part.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def _write_note(path: Path, note: dict[str, Any]) -> None:
    path.write_text(json.dumps(note), "utf-8")
