"""A published file in a cache folder: fetched once, resumed where it broke off, verified by size and digest.

The size is always verified, the SHA-256 if the caller or the server gives it. The Hugging Face hub does, in
`X-Linked-ETag` next to `X-Linked-Size`, on the redirect to the data (its client library reads them there too:
huggingface_hub/file_download.py). Without a digest, whatever has the right size is accepted.

download.ranges.RemoteFile transfers the file. Next to the file NAME are NAME.source, which identifies it, and during
the download NAME.parts/ and NAME.lock.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from download.http_client import Client
from download.ranges import RemoteFile
from records.errors import ChangedError, DamagedError, InputError

CHUNK = 1 << 16
SHA256 = re.compile(r"[0-9a-f]{64}")
LFS_POINTER = b"version https://git-lfs"  # what a plain git server sends in place of a large file
HINT = "check --base_url, or fetch the file by hand and give it with --inputpath"

Show = Callable[[int, int], object]  # takes the bytes fetched and the bytes in all


@dataclass(frozen=True)
class Fetched:
    """A file in the cache, complete and verified."""

    path: Path
    url: str
    size: int
    sha256: str

    @property
    def note(self) -> dict[str, Any]:
        """What identifies the file in the cache."""
        return {"url": self.url, "size": self.size, "sha256": self.sha256}


def fetch(client: Client, name: str, folder: Path, sha256: str = "", show: Show = lambda done, total: None) -> Fetched:
    """The file `name` below the client's base URL, kept as `folder/name`, and only fetched if it is not there yet.

    Raises InputError if it cannot be fetched, or does not have the right SHA-256 twice in a row.
    """
    url, path = f"{client.base_url}/{name}", folder / name
    kept = _kept(path, url, sha256)
    if kept:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(_beside(path, ".lock"), url):
        if path.exists() and not _beside(path, ".source").exists():
            raise InputError(f"{path}: was not fetched by this script; give it with --inputpath, or move it away")
        return _download(client, url, path, sha256, show)


def named_digest(text: str) -> tuple[str, str]:
    """Parse NAME=HEX, a file's name and its SHA-256 on a command line."""
    name, _, digest = text.rpartition("=")
    if not name or not SHA256.fullmatch(digest.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HEX with the 64 hexadecimal digits of a SHA-256")
    return name, digest.lower()


def _kept(path: Path, url: str, sha256: str) -> Fetched | None:
    """The file of an earlier run, None if there is none, it is another one, or it has been damaged since."""
    try:
        note = json.loads(_beside(path, ".source").read_text("utf-8"))
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
    fetched = Fetched(path, url, path.stat().st_size, digest)
    return fetched if note == fetched.note and digest == (sha256 or digest) else None


def _download(client: Client, url: str, path: Path, sha256: str, show: Show) -> Fetched:
    """Fetch; if the bytes are wrong, or the file changes meanwhile, once more from the beginning."""
    parts = _beside(path, ".parts")
    for last in (False, True):
        size, published = client.ask(url, partial(_published, url), HINT, {"Range": "bytes=0-0"})
        file = RemoteFile(client, url, size, "", parts)
        file.whole, file.hint = True, HINT
        try:
            digest = _follow(file, sha256 or published, show)
            fetched = Fetched(path, url, size, digest)
            _beside(path, ".source").write_text(
                json.dumps(fetched.note), "utf-8"
            )  # first: a file without one is not ours
            file.move_to(path)
            shutil.rmtree(parts)
            return fetched
        except (ChangedError, DamagedError) as error:
            shutil.rmtree(parts)
            if last:
                raise InputError(f"{error}; nothing of it is kept: try again later, or check --sha256") from None
            client.tell(f"{error}; fetching it again")
        finally:
            file.close()
    raise AssertionError("the second time returns or raises")


def _follow(file: RemoteFile, wanted: str, show: Show) -> str:
    """The SHA-256 of the file, read while it is fetched. Raises DamagedError if it is not the wanted one."""
    digest = hashlib.sha256()
    with io.BufferedReader(file.reader(0, file.size), CHUNK) as reader:
        while chunk := reader.read(CHUNK):
            if chunk.startswith(LFS_POINTER) and reader.tell() == len(chunk):
                shutil.rmtree(file.folder)
                raise InputError(f"{file.url}: sends a git LFS pointer, not the data; {HINT}")
            digest.update(chunk)
            show(reader.tell(), file.size)
    if digest.hexdigest() != (wanted or digest.hexdigest()):
        raise DamagedError(f"{file.url}: has the SHA-256 {digest.hexdigest()}, and should have {wanted}")
    return digest.hexdigest()


def _published(url: str, response: requests.Response) -> tuple[int, str]:
    """The size and the SHA-256 in the headers, "" for no digest. Raises InputError if they have no size, or two."""
    linked = {key: value for hop in (*response.history, response) for key, value in _linked(hop).items()}
    total = response.headers.get("Content-Range", "").partition("/")[2] or response.headers.get("Content-Length", "")
    size = linked.get("size", total)
    if not size.isdigit():
        raise InputError(f"{url}: the server does not say its size; fetch it by hand and give it with --inputpath")
    if total.isdigit() and total != size:
        raise InputError(f"{url}: has {size} bytes by its description and {total} on the server; try again later")
    return int(size), linked.get("sha256", "")


def _linked(hop: requests.Response) -> dict[str, str]:
    """The hub's size and SHA-256 of a large file; a small file's tag is not a SHA-256."""
    fields = {}
    if "X-Linked-Size" in hop.headers:
        fields["size"] = hop.headers["X-Linked-Size"]
    digest = hop.headers.get("X-Linked-ETag", "").strip('"').lower()
    if SHA256.fullmatch(digest):
        fields["sha256"] = digest
    return fields


@contextmanager
def _lock(lock: Path, url: str) -> Iterator[None]:
    """Keeps other runs out."""
    with lock.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{url}: another run is fetching it into {lock.parent}; wait for its end") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
