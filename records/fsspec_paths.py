"""Local paths, and URLs of any file system that fsspec knows (s3://, gs://, memory:// ...)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from records.errors import InputError

if TYPE_CHECKING:
    from upath import UPath

# Here an object appears only when its upload is complete. Source: the documentation of PutObject and
# CompleteMultipartUpload of S3, of uploads to Google Cloud Storage, and of Put Block List of Azure.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}
LOCAL = {"file", "local"}


def location(text: str) -> Path | UPath:
    """A local path, or a URL; file:// is local. Raises InputError if the packages for URLs are not installed."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme in LOCAL:
        return Path(rest if mark else text)
    if not scheme:
        raise InputError(f"{text}: is neither a path nor a URL; give one such as s3://bucket/folder")
    try:
        from upath import UPath
    except ImportError as error:
        raise InputError(
            f"{text}: a URL needs the package {error.name}; pip install -r requirements/cluster.txt"
        ) from None
    with named_errors(text):
        url = UPath(f"{scheme}://{rest.rstrip('/')}")
        url.fs  # noqa: B018 - raises if the URL's own package, such as s3fs, is missing
        return url


@contextmanager
def named_errors(place: str | Path | UPath) -> Iterator[None]:
    """Turn all errors of a remote file system into InputError with its URL."""
    try:
        yield
    except Exception as error:
        if isinstance(place, Path) or isinstance(error, InputError):
            raise
        raise InputError(f"{place}: cannot be read or written ({str(error) or type(error).__name__})") from error


def try_writing(place: Path | UPath) -> None:
    """Raise InputError if a URL cannot be written to: better now than after hours."""
    if not isinstance(place, Path):
        with named_errors(place), tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "trial").touch()
            _upload(Path(folder) / "trial", place / ".trial")
            (place / ".trial").unlink()


@contextmanager
def written_to(place: Path | UPath, work: Path) -> Iterator[Path]:
    """The local file to write for `place`: `place` itself, or for a URL a file in `work`, uploaded when the block ends
    without an exception.

    At any moment the file at the URL is complete, the old one or the new one. On an object store an upload appears only
    when it is complete, so it goes to its final name at once; a rename there would be a copy. On other file systems it
    goes to a temporary name first and is then renamed (as atomic as their rename is). There are no locks: if two
    machines write to one URL, the last wins. Raises InputError if it cannot be uploaded.
    """
    if isinstance(place, Path):
        yield place
        return
    local = work / place.name
    try:
        yield local
        with named_errors(place):
            _upload(local, place)
    finally:
        local.unlink(missing_ok=True)


def _upload(local: Path, url: UPath) -> None:
    if url.protocol in OBJECT_STORES:
        url.fs.put_file(str(local), url.path)
        return
    url.parent.mkdir(parents=True, exist_ok=True)
    temporary = url.with_name(f".{url.name}.tmp")
    try:
        url.fs.put_file(str(local), temporary.path)
        url.fs.mv(temporary.path, url.path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
