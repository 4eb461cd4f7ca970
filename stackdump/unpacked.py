"""Tables compressed one by one, such as `Posts.xml.gz`, as streams of XML."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Generator
from typing import IO, Any, cast

from records.errors import DamagedError, InputError

ENDINGS = (".gz", ".bz2", ".xz", ".zst")
CHUNK = 1 << 20  # bytes


def is_packed(name: str) -> bool:
    return name.lower().endswith(ENDINGS)


def xml_chunks(stream: Any, name: str) -> Generator[bytes, None, None]:
    """The XML in the binary file `stream`, decompressed by the ending of its `name`. Raises DamagedError."""
    reader = _opened(stream, name.lower())
    while chunk := _read(reader, name):
        yield chunk


def _opened(stream: Any, name: str) -> IO[bytes]:
    if name.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if name.endswith(".bz2"):
        return bz2.BZ2File(stream)
    if name.endswith(".xz"):
        return lzma.LZMAFile(stream)
    if name.endswith(".zst"):
        return cast(IO[bytes], _zstd().ZstdFile(stream))
    return cast(IO[bytes], stream)


def _read(reader: IO[bytes], name: str) -> bytes:
    try:
        return reader.read(CHUNK)
    except OSError as error:
        if error.errno is not None:  # the disk's or the network's error, not the data's
            raise
        problem = str(error)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - each decoder has errors of its own for bad data
        problem = str(error) or type(error).__name__
    raise DamagedError(f"{name}: is damaged ({problem}); fetch it again")


def _zstd() -> Any:
    """The module for Zstandard, loaded only if a dump needs it."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
