"""A member of a 7z archive as a stream, without unpacking the archive or having all of it.

A 7z file is a short head, packed streams, and a header at the end that says where each stream is, how it is packed,
and the size and CRC-32 of each member (format: 7zFormat.txt of the LZMA SDK). Several members may share one packed
stream ("solid"): to reach the last, those before it are decoded too. py7zr reads
the header and decodes most methods; BZip2, that of the dumps up to 2025, is decoded by rapidgzip, on several cores.
"""

from __future__ import annotations

import io
import lzma
import re
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from subprocess import PIPE
from typing import Any, BinaryIO, Protocol, cast

import py7zr
from py7zr.archiveinfo import Folder
from py7zr.compressor import SevenZipDecompressor, SupportedMethods

from download.window import Window
from records.errors import DamagedError, InputError
from stackdump import decoder
from stackdump.archive_files import ArchiveBytes

MAGIC = b"7z\xbc\xaf\x27\x1c"
HEAD = 32  # bytes
VOLUME = re.compile(r"\.\d{3,}$")  # the end of the name of an archive's volume, as in .7z.001
LARGEST_HEADER = 1 << 26  # bytes; that would be millions of members
ENCRYPTION = b"\x06\xf1"  # AES, whichever
METHODS_OF_LIBLZMA = frozenset(
    map(bytes.fromhex, ("00", "030101", "21", "03", "03030103", "04", "0303030b"))
)  # and Copy
# Names of methods that py7zr has no decoder for. Source: Methods.txt of the LZMA SDK.
UNSUPPORTED = {
    "04": "BCJ",
    "0a": "ARM64",
    "0b": "RISCV",
    "020302": "Swap2",
    "020304": "Swap4",
    "0303011b": "BCJ2",
    "04f71104": "LZ4",
    "04f71105": "LZ5",
    "04f71106": "Lizard",
}
UNPACK = "unpack the archive with 7-Zip, and give the folder"
CHUNK = 1 << 20  # bytes decoded at a time
AHEAD = 1 << 16  # bytes that a download may run ahead if the rest of a stream is not needed


@dataclass(frozen=True)
class Member:
    """A file in an archive: where its packed stream is, and where it is in what that stream unpacks to."""

    name: str
    size: int  # unpacked
    crc: int | None  # None if the archive does not say
    start: int  # of the packed stream, in the archive
    end: int
    offset: int  # in the unpacked stream
    last: bool  # nothing follows in the packed stream
    folder: Folder


class Archive:
    """A 7z archive. Raises InputError if it is not one, or of a kind that cannot be read."""

    def __init__(self, source: ArchiveBytes, threads: int = 1):
        self.source, self.threads = source, threads
        self.members = _read_members(source)

    def find(self, table: str) -> Member | None:
        """The member `<table>.xml`, in any case and folder, or None."""
        return next(iter(self.find_all(table)), None)

    def find_all(self, table: str) -> list[Member]:
        """The members `<table>.xml`: several if the archive holds several sites."""
        wanted = f"{table}.xml".lower()
        return [member for member in self.members if member.name.lower().rpartition("/")[2] == wanted]

    def stream(self, wanted: list[Member]) -> Iterator[tuple[Member, Generator[bytes, None, None]]]:
        """The wanted members, each with its bytes in chunks; a solid stream is decoded once for all of its members.

        If several are in one packed stream, the chunks of one must be read to the end before the next member is taken;
        any other's may be read at any time. At the end of a member its size and CRC-32 are checked. Raises DamagedError
        if they are wrong.
        """
        by_stream: dict[int, list[Member]] = {}
        for member in wanted:
            by_stream.setdefault(member.start, []).append(member)
        for members in by_stream.values():
            if len(members) == 1:
                yield members[0], self._chunks_of_one(members[0])
            else:
                yield from self._members_of_one_stream(sorted(members, key=lambda member: member.offset))

    def _chunks_of_one(self, member: Member) -> Generator[bytes, None, None]:
        for _, chunks in self._members_of_one_stream([member]):
            yield from chunks

    def _members_of_one_stream(self, members: list[Member]) -> Iterator[tuple[Member, Generator[bytes, None, None]]]:
        first, last = members[0], members[-1]
        for coder in first.folder.coders:  # before anything is fetched
            if problem := _unreadable(coder["method"]):
                raise InputError(f"{self.source.name}: {first.name} {problem}")
        ahead = None if last.last else AHEAD
        wanted = last.offset + last.size
        with self.source.reader(first.start, first.end, ahead) as packed, self._decoder(first, packed, wanted) as take:
            position = 0
            for member in members:
                for _ in self._chunks(member, take, member.offset - position):
                    pass  # what is before it in the solid stream
                yield member, self._checked(member, self._chunks(member, take, member.size))
                position = member.offset + member.size

    def _chunks(self, member: Member, take: Callable[[int], bytes], size: int) -> Iterator[bytes]:
        while size > 0:
            try:
                data = take(min(size, CHUNK))
            except InputError:
                raise
            except OSError as error:
                if error.errno is not None:  # the disk's or the network's error, not the data's
                    raise
                raise self._damaged(member, str(error)) from None
            except Exception as error:  # noqa: BLE001 - each decoder has errors of its own for bad data
                raise self._damaged(member, str(error) or type(error).__name__) from None
            if not data:
                raise self._damaged(member, f"ends {size:,} bytes early")
            size -= len(data)
            yield data

    def _checked(self, member: Member, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
        crc = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if member.crc is not None and crc != member.crc:
            raise self._damaged(member, f"has the CRC-32 {crc:08x}, and should have {member.crc:08x}")

    def _damaged(self, member: Member, problem: str) -> DamagedError:
        message = f"{self.source.name}: {member.name} is damaged ({problem}); fetch the archive again"
        return DamagedError(message, (member.start, member.end))

    @contextmanager
    def _decoder(self, member: Member, packed: Window, wanted: int) -> Iterator[Callable[[int], bytes]]:
        """A function that returns at most so many of the next unpacked bytes, b"" at the end; `wanted` in all."""
        coders = member.folder.coders
        if not {coder["method"] for coder in coders} <= METHODS_OF_LIBLZMA:
            with _decoder_process(member, packed, wanted, self.threads) as read:
                yield read
            return
        try:
            sizes = member.end - member.start, member.folder.unpacksizes
            decompressor = SevenZipDecompressor(coders, *sizes, member.folder.crc)
        except (py7zr.exceptions.ArchiveError, lzma.LZMAError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{self.source.name}: {member.name} is packed in a way that cannot be read ({error})"
            ) from None
        yield lambda size: _take(decompressor, packed, size)


@contextmanager
def _decoder_process(member: Member, packed: Window, wanted: int, threads: int) -> Iterator[Callable[[int], bytes]]:
    """Run `decoder` in a process of its own, fed by a thread."""
    command = [sys.executable, "-P", decoder.__file__]
    process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdin and process.stdout and process.stderr
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if sys.platform == "linux":
        from fcntl import F_SETPIPE_SZ, fcntl

        with suppress(OSError):  # the memory of a user's pipes is limited
            fcntl(stdout, F_SETPIPE_SZ, CHUNK)  # otherwise the decoder waits for us sixteen times a chunk
    failures: list[Exception] = []

    def feed() -> None:
        with suppress(BrokenPipeError), stdin:  # the decoder may be done, or dead
            folder, size = member.folder, member.end - member.start
            stdin.write(decoder.describe(folder.coders, size, folder.unpacksizes, wanted, threads))
            try:
                while data := packed.read(decoder.STEP):
                    stdin.write(data)
            except (InputError, OSError) as error:  # the disk's or the network's
                if not isinstance(error, BrokenPipeError):
                    failures.append(error)
                    process.kill()  # at an early end, rapidgzip might wait for more
            except ValueError:  # `packed` is closed: no more is wanted
                pass

    def read(size: int) -> bytes:
        data = stdout.read(size)
        if not data:
            feeder.join()
            if failures:
                raise failures[0]
            problem = stderr.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise ValueError(problem or f"its decoder ended with status {process.wait()}")
        return data

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield read
    finally:  # stdin is the feeder's to close
        process.kill()
        process.wait()
        stdout.close()
        stderr.close()


class _Decompressor(Protocol):
    consumed: int

    def decompress(self, fp: Any, max_length: int) -> bytes: ...


def _take(decompressor: _Decompressor, packed: Window, size: int) -> bytes:
    """The next unpacked bytes; b"" only at the end of the packed stream."""
    while True:
        before = decompressor.consumed
        data = decompressor.decompress(packed, size)
        if data or decompressor.consumed == before:
            return bytes(data)


def _read_members(source: ArchiveBytes) -> list[Member]:
    start = _header_start(source)
    try:
        with py7zr.SevenZipFile(_header_view(source, start), "r") as archive:
            header: Any = archive.header
            return _members(header) if header.main_streams is not None else []
    except (InputError, MemoryError):
        raise
    except py7zr.exceptions.PasswordRequired:
        raise InputError(f"{source.name}: the header {_unreadable(ENCRYPTION)}") from None
    except py7zr.exceptions.UnsupportedCompressionMethodError:
        raise InputError(f"{source.name}: the header is packed with a method that is not supported; {UNPACK}") from None
    except OSError as error:
        if error.errno is not None:  # the disk's or the network's error, not the data's
            raise
        raise _bad_header(source, str(error)) from None
    except Exception as error:  # noqa: BLE001 - py7zr has errors of many kinds for damage
        raise _bad_header(source, str(error) or type(error).__name__) from None


def _unreadable(method: bytes) -> str:
    """Why data packed with this method cannot be read; "" if it can."""
    if method.startswith(ENCRYPTION):
        return "is encrypted, which dumps never are; give another archive"
    if any(known["id"] == method for known in SupportedMethods.methods):
        return ""
    name = UNSUPPORTED.get(method.hex(), f"the method {method.hex()}")
    return f"is packed with {name}, which is not supported; {UNPACK}"


def _header_start(source: ArchiveBytes) -> int:
    """Where the header begins. Raises InputError unless the head is that of a complete 7z archive."""
    with source.reader(0, HEAD) as reader:
        head = io.BufferedReader(reader).read()
    if not head.startswith(MAGIC):
        seen = "is empty" if not head else f"is not a 7z archive, it begins with {head[:16]!r}"
        raise InputError(f"{source.name}: {seen}; fetch it again, or give the right path")
    if len(head) < HEAD:
        raise InputError(f"{source.name}: is cut after {source.size} bytes; fetch it again")
    offset, size = struct.unpack_from("<QQ", head, 12)
    if HEAD + offset + size > source.size:
        hint = "put its other volumes beside it" if VOLUME.search(source.name) else "fetch it again"
        raise InputError(f"{source.name}: is cut, it has {source.size:,} bytes of {HEAD + offset + size:,}; {hint}")
    if size > LARGEST_HEADER:
        raise _bad_header(source, f"it claims to be {size:,} bytes long")
    return HEAD + int(offset)


def _bad_header(source: ArchiveBytes, problem: str) -> DamagedError:
    return DamagedError(f"{source.name}: is damaged, its 7z header cannot be read ({problem}); fetch it again")


def _header_view(source: ArchiveBytes, start: int) -> BinaryIO:
    """The archive as a seekable file. Of a remote one only the head, the header at `start`, and what else py7zr reads
    are fetched: if the header is packed, that is one piece right before it."""
    pieces = (0, HEAD), (start, source.size)

    def read_at(offset: int, size: int) -> bytes:
        piece = next((piece for piece in pieces if piece[0] <= offset < piece[1]), (offset, min(offset + size, start)))
        with source.reader(*piece) as reader:
            reader.seek(offset - piece[0])
            return reader.read(size) or b""

    return cast(BinaryIO, Window(read_at, 0, source.size, lambda: None))


def _members(header: Any) -> list[Member]:
    """One Member for each file with content, from the header's parallel lists."""
    packs, substreams = header.main_streams.packinfo, header.main_streams.substreamsinfo
    folders = header.main_streams.unpackinfo.folders
    counts = substreams.num_unpackstreams_folders
    sizes = substreams.unpacksizes or [folder.get_unpack_size() for folder in folders]
    crcs = [
        crc if defined else None for crc, defined in zip(substreams.digests, substreams.digestsdefined, strict=True)
    ]
    names = [entry["filename"] for entry in header.files_info.files if not entry["emptystream"]]
    numbers = iter(range(len(names)))
    packed_sizes = iter(packs.packsizes)

    members: list[Member] = []
    start = HEAD + packs.packpos
    for folder, count in zip(folders, counts, strict=True):
        end = start + sum(next(packed_sizes) for _ in folder.packed_indices)
        offset = 0
        for left in reversed(range(count)):
            n = next(numbers)
            members.append(Member(names[n], sizes[n], crcs[n], start, end, offset, left == 0, folder))
            offset += sizes[n]
        start = end
    return members
