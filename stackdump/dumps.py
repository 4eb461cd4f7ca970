"""A site's dump, wherever it is: tables as streams out of archives at archive.org or here, or out of XML files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from download.http_client import Client, ignore_message
from download.ranges import RemoteFile
from records.errors import ChangedError, DamagedError, InputError
from stackdump.archive_files import ArchiveBytes, LocalFile, UrlFile
from stackdump.archive_org import ItemFile, by_site, download_url, item_archives
from stackdump.sevenzip import Archive
from stackdump.sites import Site
from stackdump.unpacked import is_packed, xml_chunks
from stackdump.volumes import Volumes

if TYPE_CHECKING:
    from upath import UPath

# Bytes of Posts.xml for each byte that is packed, measured on the dumps that `forecast` names.
POSTS_IN_ARCHIVE = 1.5  # 1.3 to 1.7 with all tables in one archive
POSTS_IN_PACKED_TABLE = 5.0  # 4.2 to 5.8


@dataclass
class DumpTable:
    """A table of a dump: Posts, Users or PostHistory. `chunks` is its XML; `path` names it in errors.

    apart: it may be read on another thread, while the next table is read; but it must be read to its end first.
    """

    name: str
    path: str
    size: int | None  # bytes of XML, if known
    crc: int | None
    chunks: Generator[bytes, None, None]
    apart: bool


class Dump(Protocol):
    """One site's dump."""

    @property
    def size(self) -> int:
        """Bytes, packed if it is packed."""

    @property
    def posts_size(self) -> int:
        """Bytes of Posts.xml; an estimate if it is packed, for nothing is read."""

    def to_fetch(self, wanted: tuple[str, ...]) -> int:
        """The most bytes that the wanted tables may have to download; 0 for a dump that is read where it is."""

    def describe(self) -> dict[str, Any]:
        """Which dump it is: two dumps with the same description are the same dump."""

    def is_kept(self) -> bool:
        """Whether the archives are in `keep_in`, if they are to be kept."""

    def tables(self, wanted: tuple[str, ...], work: Path, threads: int) -> Generator[DumpTable, None, None]:
        """The wanted tables that the dump has, in the order that is fastest.

        Each that is not `apart` must be read to its end before the next is taken. Downloads go to `work`. Close the
        generator to end them, and throw DamagedError or ChangedError into it if reading a table raises it. Raises
        InputError if the dump cannot be read.
        """

    def stop(self) -> None:
        """End running downloads."""


@dataclass
class XmlDump:
    """XML files outside an archive, as they are or compressed one by one (`.gz` and so on)."""

    files: dict[str, Path | UPath]  # by table

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())

    @property
    def posts_size(self) -> int:
        path = self.files["Posts"]
        return int(path.stat().st_size * (POSTS_IN_PACKED_TABLE if is_packed(path.name) else 1))

    def to_fetch(self, wanted: tuple[str, ...]) -> int:
        return 0

    def describe(self) -> dict[str, Any]:
        return {"files": [_describe(path) for path in self.files.values()]}

    def tables(self, wanted: tuple[str, ...], work: Path, threads: int) -> Generator[DumpTable, None, None]:
        found = [name for name in wanted if name in self.files]
        for name in found:
            path = self.files[name]
            size = None if is_packed(path.name) else path.stat().st_size
            yield DumpTable(name, str(path), size, None, _read(path), apart=name != found[-1])

    def is_kept(self) -> bool:
        return True

    def stop(self) -> None:
        pass


def _describe(path: Path | UPath) -> dict[str, Any]:
    stat = path.stat()
    described = {"name": path.name, "size": stat.st_size, "modified": stat.st_mtime_ns}
    return described if isinstance(path, Path) else described | {"etag": path.fs.info(path.path).get("ETag")}


def _source(path: Path | UPath) -> ArchiveBytes:
    return LocalFile(path) if isinstance(path, Path) else UrlFile(path)


def _read(path: Path | UPath) -> Generator[bytes, None, None]:
    source = _source(path)
    with source.reader(0, source.size) as handle:
        yield from xml_chunks(handle, str(path))


PathsOfArchive = tuple["Path | UPath", ...]  # one, or its volumes in order


@dataclass
class ArchiveDump:
    """7z archives on this machine, or at a URL."""

    files: dict[str, PathsOfArchive]  # by table; one archive may hold several

    def _paths(self) -> list[Path | UPath]:
        return [path for paths in dict.fromkeys(self.files.values()) for path in paths]

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self._paths())

    @property
    def posts_size(self) -> int:
        return _posts_size(self.files, sum(path.stat().st_size for path in self.files["Posts"]))

    def to_fetch(self, wanted: tuple[str, ...]) -> int:
        return 0

    def describe(self) -> dict[str, Any]:
        return {"files": [_describe(path) for path in self._paths()]}

    def tables(self, wanted: tuple[str, ...], work: Path, threads: int) -> Generator[DumpTable, None, None]:
        for paths, names in _by_archive(self.files, wanted).items():
            yield from _tables_in(open_archive(paths, threads), names)

    def is_kept(self) -> bool:
        return True

    def stop(self) -> None:
        pass


@dataclass
class ItemDump:
    """7z archives of an item at archive.org, fetched as far as they are needed."""

    client: Client
    files: dict[str, ItemFile]  # by table; one archive may hold several
    keep_in: Path | None = None  # fetch complete archives, and keep them in this folder

    def __post_init__(self) -> None:
        self._open: list[RemoteFile] = []

    @property
    def size(self) -> int:
        return sum(file.size for file in set(self.files.values()))

    @property
    def posts_size(self) -> int:
        return _posts_size(self.files, self.files["Posts"].size)

    def to_fetch(self, wanted: tuple[str, ...]) -> int:
        return sum(file.size for file in _by_archive(self.files, wanted))

    def describe(self) -> dict[str, Any]:
        files = dict.fromkeys(self.files.values())
        return {
            "item": next(iter(files)).item,
            "files": [{"name": file.name, "size": file.size, "md5": file.md5} for file in files],
        }

    def is_kept(self) -> bool:
        return self.keep_in is None or all((self.keep_in / file.base_name).exists() for file in self.files.values())

    def tables(self, wanted: tuple[str, ...], work: Path, threads: int) -> Generator[DumpTable, None, None]:
        """As for any dump. If bytes are damaged, or the file changes on the server, the caller may ask for the tables
        once more: only what is damaged is fetched again."""
        self._refuse_other_archives()
        for file, names in _by_archive(self.files, wanted).items():
            folder = work / file.base_name
            source = RemoteFile(self.client, download_url(self.client, file), file.size, file.md5, folder)
            source.whole |= self.keep_in is not None
            self._open.append(source)
            try:
                yield from _tables_in(Archive(source, threads), names)
                if self.keep_in is not None:
                    source.move_to(self.keep_in / file.base_name)
            except DamagedError as error:
                source.drop(*(error.span or (0, file.size)))
                raise
            except ChangedError:
                source.start_again()
                raise
            finally:
                source.close()

    def _refuse_other_archives(self) -> None:
        """Raise InputError if another archive has the name of one to be kept: it may be of an older dump."""
        if self.keep_in is None:
            return
        for file in dict.fromkeys(self.files.values()):
            path = self.keep_in / file.base_name
            if path.exists() and not _is_file_of_item(path, file):
                raise InputError(
                    f"{path}: is not the archive of {file.item}; move it away, or leave out --keep_archive"
                )

    def stop(self) -> None:
        for source in self._open:
            source.stop()


def _is_file_of_item(path: Path, file: ItemFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as handle:
        return not file.md5 or hashlib.file_digest(handle, "md5").hexdigest() == file.md5


def _posts_size(files: Mapping[str, object], packed: int) -> int:
    """About how large the Posts.xml is that is in an archive of that size."""
    tables_in_archive = sum(archive == files["Posts"] for archive in files.values())
    return int(packed * (POSTS_IN_ARCHIVE if tables_in_archive > 1 else POSTS_IN_PACKED_TABLE))


def _by_archive(files: dict[str, Any], wanted: tuple[str, ...]) -> dict[Any, list[str]]:
    """{archive: tables wanted from it}"""
    archives: dict[Any, list[str]] = {}
    for name in wanted:
        if name in files:
            archives.setdefault(files[name], []).append(name)
    return archives


def open_archive(paths: PathsOfArchive, threads: int = 1) -> Archive:
    """Raises InputError if it is not a 7z archive, or of a kind that cannot be read."""
    sources = [_source(path) for path in paths]
    return Archive(sources[0] if len(sources) == 1 else Volumes(sources), threads)


def check_posts(archive: Archive) -> None:
    """Raise InputError unless an archive holds the posts of one site."""
    unpack = f"unpack it (`7z x {archive.source.name.rpartition('/')[2]}`) and give"
    posts = archive.find_all("Posts")
    if len(posts) > 1:
        names = ", ".join(member.name for member in posts[:5])
        raise InputError(f"{archive.source.name}: holds the posts of {len(posts)} sites ({names}); {unpack} the folder")
    if not posts:
        inside = ", ".join(member.name for member in archive.members[:5]) or "nothing"
        if any(member.name.lower().endswith(".7z") for member in archive.members):
            raise InputError(f"{archive.source.name}: holds other archives ({inside}); {unpack} those with --dump_path")
        raise InputError(f"{archive.source.name}: holds no Posts.xml, but {inside}; it is not a dump of a site")


def _tables_in(archive: Archive, names: list[str]) -> Iterator[DumpTable]:
    if "Posts" in names:
        check_posts(archive)
    tables = {member: name for name in names if (member := archive.find(name))}
    streams = Counter(member.start for member in tables)
    for left, (member, chunks) in zip(reversed(range(len(tables))), archive.stream(list(tables)), strict=True):
        path, apart = f"{archive.source.name}: {member.name}", streams[member.start] == 1 and left > 0
        yield DumpTable(tables[member], path, member.size, member.crc, chunks, apart)


def item_dumps(client: Client, item: str, tell: Callable[[str], None] = ignore_message) -> dict[Site, Dump]:
    """The sites' dumps in an item at archive.org; `tell` takes the archives that are not a site's."""
    sites, unknown = by_site({file.base_name: file for file in item_archives(client, item)})
    if unknown:
        tell(f"{item}: skipped, because their names are not a site's: {', '.join(unknown)}")
    return {site: ItemDump(client, files) for site, files in sites.items()}
