"""The dumps at paths and URLs: which files belong together, and which site's posts they are.

A dump is a 7z archive, several with a table each, the volumes of one, or a folder of XML files. What looks like a dump
but is not read is reported with the reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from download.http_client import ignore_message
from records.errors import InputError
from stackdump.archive_org import TABLES
from stackdump.dumps import ArchiveDump, Dump, PathsOfArchive, XmlDump, check_posts, open_archive
from stackdump.hosts import HOSTS
from stackdump.sites import (
    ALL_TABLES,
    Site,
    is_meant,
    names_a_host,
    nearest_in_network,
    site_of_host,
    site_of_name,
    site_of_user,
)

if TYPE_CHECKING:
    from upath import UPath

COPY = r"(?: ?\(\d+\))?"  # which a browser adds to a name that is taken
ARCHIVE = rf"(?:7z|tgz)(?:\.\d+)?{COPY}"  # some servers have browsers save a .7z as .tgz; wget adds .1, and 7-Zip .001
XML = r"xml(?:\.(?:gz|bz2|xz|zst))?"
ONE_TABLE = re.compile(
    rf"(?P<stem>|.*[-._ ])(?P<table>{'|'.join(ALL_TABLES)})(?P<copy>{COPY})\.(?P<kind>{XML}|{ARCHIVE})", re.I
)
WHOLE = re.compile(rf"(?P<stem>.*)\.{ARCHIVE}", re.I)
VOLUME = re.compile(r"(?P<name>.*\.7z)\.(?P<number>\d{3,})", re.I)
CREATED = re.compile(rb'\bCreationDate="([^"]{10,30})"')


@dataclass
class Candidate:
    """The files of one dump. name: of the file or folder named after the site. place: the first file, for messages."""

    name: str
    place: Path | UPath
    is_xml: bool
    files: dict[str, PathsOfArchive] = field(default_factory=dict)  # by table

    def add(self, tables: Iterable[str], file: Path | UPath) -> None:
        for table in tables:
            if table not in self.files:
                self.files[table] = (file,)
            elif VOLUME.fullmatch(file.name):
                self.files[table] += (file,)

    def problem(self) -> str:
        """Why it cannot be read; "" if it can."""
        if "Posts" not in self.files:
            return "belongs to a dump whose Posts table is not beside it; add that"
        for volumes in self.files.values():
            numbers = [int(match["number"]) for file in volumes if (match := VOLUME.fullmatch(file.name))]
            if numbers != list(range(1, len(numbers) + 1)):
                found = ", ".join(f"{number:03}" for number in numbers)
                return f"is a volume of an archive of which only {found} are there; put all volumes into one folder"
        return ""

    def dump(self) -> Dump:
        return (
            XmlDump({table: file for table, [file] in self.files.items()}) if self.is_xml else ArchiveDump(self.files)
        )


def local_dumps(
    *places: Path | UPath,
    named: Sequence[str] = (),
    compare: bool = True,
    tell: Callable[[str], None] = ignore_message,
) -> dict[Site, Dump]:
    """The sites' dumps at paths or URLs, each an archive, an XML file, or a folder of them at any depth.

    named: the words of --sites; a single one is the site of a single dump. compare: of several dumps of a site take the
    newest, for which their posts are read, and not the first. tell: takes a line about each dump that is skipped.

    Raises InputError if there is no dump, or none whose site is known.
    """
    candidates: list[Candidate] = []
    skipped: list[str] = []
    for place in places:
        _look_at(place.expanduser() if isinstance(place, Path) else place, candidates, skipped)
    candidates = list({candidate.place: candidate for candidate in candidates}.values())
    skipped += [f"{candidate.place}: {candidate.problem()}" for candidate in candidates if candidate.problem()]
    candidates = [candidate for candidate in candidates if not candidate.problem()]
    if len(candidates) == len(named) == 1:
        return {_named_site(named[0], candidates[0], tell): candidates[0].dump()}
    found: defaultdict[Site, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        try:
            found[_site(candidate, named)].append(candidate)
        except InputError as error:
            skipped.append(str(error))
    if not found:
        raise InputError(
            "; ".join(skipped) or f"{places[0]}: holds neither a Posts.xml nor a 7z archive; check --dump_path"
        )
    for line in skipped:
        tell(f"skipped: {line}")
    for site, copies in found.items():
        if compare and len(copies) > 1 and (not named or any(is_meant(word, site) for word in named)):
            copies.insert(0, _newest(site, copies, tell))
    return {site: copies[0].dump() for site, copies in found.items()}


# ---- which files belong together -------------------------------------------------------------------------------------
def _look_at(place: Path | UPath, candidates: list[Candidate], skipped: list[str]) -> None:
    """Add the dumps at a path to `candidates`, and what only looks like one by its name to `skipped`."""
    if not place.exists():
        raise InputError(f"{place}: no such file or folder; check --dump_path")
    if place.is_file():
        if _has_siblings(place):
            candidates.append(_group(filter(_has_siblings, place.parent.iterdir()))[_key(place)])
            return
        is_xml = place.suffix.lower() == ".xml"
        candidates.append(
            Candidate(place.name, place, is_xml, dict.fromkeys(["Posts"] if is_xml else TABLES, (place,)))
        )
        return
    files: list[Path | UPath] = []
    below: list[Path | UPath] = [*place.rglob("*")]
    for file in sorted(below, key=lambda file: tuple(file.parts)):
        if any(part.startswith(".") for part in file.parts[len(place.parts) :]):
            continue  # temporary files of ours, or of a file manager
        if ONE_TABLE.fullmatch(file.name) or WHOLE.fullmatch(file.name):
            if file.is_file():
                files.append(file)
            else:
                skipped.append(f"{file}: is a folder, not an archive")
        elif names_a_host(file.name) and file.is_file():
            skipped.append(f"{file}: is neither a 7z archive nor a table's XML")
    candidates += _group(files).values()


def _has_siblings(file: Path | UPath) -> bool:
    """Whether a file, by its name, is only part of a dump."""
    return bool(ONE_TABLE.fullmatch(file.name) or VOLUME.fullmatch(file.name))


def _key(file: Path | UPath) -> tuple[object, ...]:
    """A key that is the same for all files of a dump."""
    if match := ONE_TABLE.fullmatch(file.name):
        return str(file.parent), match["stem"], match["copy"], _is_xml(match)
    volume = VOLUME.fullmatch(file.name)
    return str(file.parent), volume["name"] if volume else file.name


def _group(files: Iterable[Path | UPath]) -> dict[tuple[object, ...], Candidate]:
    """The dumps that consist of these files, by key."""
    groups: dict[tuple[object, ...], Candidate] = {}
    by_lower = {table.lower(): table for table in ALL_TABLES}
    for file in sorted(files, key=lambda file: tuple(file.parts)):
        if match := ONE_TABLE.fullmatch(file.name):
            name = match["stem"].rstrip("-._ ") or _folder_of(file)
            group = groups.setdefault(_key(file), Candidate(name, file, _is_xml(match)))
            group.add({by_lower[match["table"].lower()]} & set(TABLES), file)
        else:
            groups.setdefault(_key(file), Candidate(file.name, file, is_xml=False)).add(TABLES, file)
    return groups


def _is_xml(match: re.Match[str]) -> bool:
    return match["kind"].lower().startswith("xml")


def _folder_of(file: Path | UPath) -> str:
    return (file.resolve() if isinstance(file, Path) else file).parent.name


# ---- which site's posts they are -------------------------------------------------------------------------------------
def _site(candidate: Candidate, named: Sequence[str]) -> Site:
    """The site by the name of the dump, or of its folder in an archive. Raises InputError if neither is a site's."""
    if site := site_of_name(candidate.name):
        return site
    unlisted = site_of_host(candidate.name)
    if unlisted and unlisted in map(site_of_host, named):
        return unlisted
    if not candidate.is_xml:
        archive = open_archive(candidate.files["Posts"])
        check_posts(archive)
        [posts] = archive.find_all("Posts")
        if site := site_of_name(posts.name.rpartition("/")[0].rpartition("/")[2]):
            return site
    raise InputError(
        f"{candidate.place}: its name does not say which site it is{nearest_in_network(candidate.name)}; give it "
        f"alone, and name the site with --sites"
    )


def _named_site(word: str, candidate: Candidate, tell: Callable[[str], None]) -> Site:
    """The site that the user names for the only dump. Raises InputError if there is no such site."""
    own = site_of_name(candidate.name) or site_of_host(candidate.name)
    if own and is_meant(word, own):
        return own
    site = site_of_user(word)
    if site is None:
        raise InputError(
            f"{word}: no such site{nearest_in_network(word)}; a site that this program does not know is named by its "
            f"host, as in quay.stackexchange.com"
        )
    if own:
        raise InputError(
            f"{candidate.place}: has the name of {own.host}, and --sites names {site.host}; if its name is wrong, "
            f"rename it"
        )
    if site.host not in HOSTS:
        tell(f"{site.host}: is not in this program's list of sites, but taken as --sites says")
    return site


def _newest(site: Site, copies: list[Candidate], tell: Callable[[str], None]) -> Candidate:
    """The one with the newest post, of several dumps of a site."""
    tell(f"{site.folder}: there are {len(copies)} dumps; looking for the newest post")
    dates = [_last_post(copy.dump()) for copy in copies]
    newest = copies[dates.index(max(dates))]
    described = ", ".join(f"{copy.place} (posts until {date or '?'})" for copy, date in zip(copies, dates, strict=True))
    tell(f"{site.folder}: {described}; taking {newest.place}")
    return newest


def _last_post(dump: Dump) -> str:
    """When the newest post was written, by the rows: dates of files change when they are copied."""
    last = before = b""
    for table in dump.tables(("Posts",), Path(), threads=1):
        for chunk in table.chunks:
            last = max([last, *CREATED.findall(before + chunk)])
            before = chunk[-100:]
    return last.decode("ascii", "replace")
