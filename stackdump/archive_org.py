"""The dumps at archive.org: which items there are, and which file of an item holds which site's tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from download.http_client import Client
from records.errors import InputError
from stackdump.sites import ALL_TABLES, Site, site_of_host, site_of_name

# The quarterly dumps, newest first: since mid-2024 the community uploads them, one item a quarter; `stackexchange` is
# the last official one, of April 2024. Source: the items' pages, https://archive.org/details/<item>. Later ones are
# found by the search; these show whose uploads can be trusted, and are tried where the search does not answer.
ITEMS = (
    "stackexchange_20260630",
    "stackexchange_20260331",
    "stackexchange_20251231",
    "stackexchange_20250930",
    "stackexchange_20250630_rev2",
    "stackexchange_20250630",
    "stackexchange_20250331",
    "stackexchange_20241231",
    "stackexchange_20240930",
    "stackexchange_20240829",
    "stackexchange",
)
ITEM_NAME = re.compile(r"stackexchange_(\d{8})(?:_rev(\d+))?")
TABLES = ("Posts", "Users", "PostHistory")  # those that this package reads

COMPARED = 3  # older items that one is compared with: one of them may be half uploaded too
LEAST_SITES = 0.9  # of the sites of an older item: some are closed between two dumps, never many


@dataclass(frozen=True)
class ItemFile:
    """A file of an item, as the item's metadata has it."""

    item: str
    name: str  # its path in the item
    size: int
    md5: str

    @property
    def base_name(self) -> str:
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Item:
    """An item as its metadata has it. problem: why it is not a dump, "" if it is one."""

    archives: list[ItemFile]
    uploader: str | None
    problem: str

    def sites(self) -> int:
        return len(by_site({file.base_name: file for file in self.archives})[0])


Look = Callable[[str], Item | None]


def newest_item(client: Client, tell: Callable[[str], None]) -> str:
    """The newest item that is a complete dump by a known uploader; `tell` takes why newer ones are passed over.

    Raises InputError if there is none, or the server cannot be reached.
    """

    @cache
    def look(name: str) -> Item | None:
        return _look_up(client, name)

    names = _candidates(client, tell)
    for number, name in enumerate(names):
        if item := look(name):
            older = filter(None, map(look, names[number + 1 :]))
            problem = item.problem or _unknown_uploader(name, item, look) or _half_uploaded(item, older)
            if not problem:
                return name
            tell(f"{name}: {problem}; passed over")
    raise InputError(f"{client.base_url}: has none of the known dumps; name one with --dump")


def _candidates(client: Client, tell: Callable[[str], None]) -> list[str]:
    """The names of items that may be dumps, newest first: from the search, or if it does not answer, each quarter's."""
    query = {"q": "identifier:stackexchange_*", "fl[]": "identifier", "rows": 1000, "output": "json"}
    try:
        answer = client.get_json(f"advancedsearch.php?{urlencode(query)}")
        found = [str(document["identifier"]) for document in answer["response"]["docs"]]
    except (InputError, KeyError, TypeError) as error:
        reason = error if isinstance(error, InputError) else "its answer is not a list of items"
        tell(f"the search for dumps at {client.base_url} does not answer, trying known names ({reason})")
        found = list(_quarters(ITEMS[0], date.today()))
    dated = {name: ITEM_NAME.fullmatch(name) for name in (*ITEMS, *found)}
    by_date = {name: (match[1], int(match[2] or 0)) for name, match in dated.items() if match}
    return [*sorted(by_date, key=lambda name: by_date[name], reverse=True), ITEMS[-1]]


def _quarters(last: str, today: date) -> Iterator[str]:
    """The names of items of the quarters that have ended since `last`."""
    for year in range(int(last[-8:-4]), today.year + 1):
        for day in ("0331", "0630", "0930", "1231"):
            name = f"stackexchange_{year}{day}"
            if last < name <= f"stackexchange_{today:%Y%m%d}":
                yield name


def _unknown_uploader(name: str, item: Item, look: Look) -> str:
    """What is wrong with an item's uploader, for anyone can upload an item of that name; "" if nothing is."""
    if name in ITEMS:
        return ""
    known = [other.uploader for other in map(look, ITEMS) if other]
    if not known or item.uploader in known:
        return ""
    return (
        f"uploaded by {item.uploader or 'nobody named'}, who uploaded none of the dumps known here "
        f"(`--dump {name}` takes it)"
    )


def _half_uploaded(item: Item, older: Iterator[Item]) -> str:
    """How many sites are missing compared with older items; "" if about as many are there."""
    usual = max((other.sites() for other in islice(older, COMPARED)), default=0)
    if item.sites() >= LEAST_SITES * usual:
        return ""
    return f"has {item.sites()} of the usual {usual} sites, so its upload may not be complete"


def item_archives(client: Client, item: str) -> list[ItemFile]:
    """The 7z archives of an item, wherever they lie in it. Raises InputError if there is no such item."""
    found = _look_up(client, item)
    if found is None:
        raise InputError(f"{item}: no such item at {client.base_url}; known dumps are {', '.join(ITEMS)}")
    if found.problem:
        raise InputError(f"{item}: {found.problem}; choose another --dump, or leave it out for the newest complete one")
    return found.archives


def _look_up(client: Client, name: str) -> Item | None:
    """The item, or None if there is none with that name."""
    metadata = client.get_json(f"metadata/{quote(name)}")
    if not isinstance(metadata, dict) or not (metadata.get("is_dark") or isinstance(metadata.get("files"), list)):
        return None
    archives = [archive for entry in metadata.get("files", ()) if (archive := _archive(name, entry))]
    fields = metadata.get("metadata")
    uploader = fields.get("uploader") if isinstance(fields, dict) else None
    if metadata.get("is_dark"):
        problem = "was withdrawn from archive.org (it is dark)"
    else:
        problem = "" if archives else "holds no 7z archives, so it is not a Stack Exchange dump"
    return Item(archives, uploader, problem)


def _archive(item: str, entry: Any) -> ItemFile | None:
    try:
        name, size = str(entry["name"]), int(entry["size"])
    except (KeyError, TypeError, ValueError):  # the listing itself has no size
        return None
    return ItemFile(item, name, size, str(entry.get("md5", ""))) if name.lower().endswith(".7z") else None


def by_site(names: dict[str, ItemFile]) -> tuple[dict[Site, dict[str, ItemFile]], list[str]]:
    """Sort archives, given by base name, by site and table: {site: {table: archive}}, and the names of no site.

    Most sites are one archive with all tables; a very large one may be one archive a table
    (`stackoverflow.com-Posts.7z`).
    """
    sites: dict[Site, dict[str, ItemFile]] = {}
    unknown: list[str] = []
    for name, archive in names.items():
        site = site_of_name(name) or site_of_host(name)
        if site is None:
            unknown.append(name)
        else:
            for table in _tables_in(name):
                sites.setdefault(site, {}).setdefault(table, archive)
    return {site: tables for site, tables in sites.items() if "Posts" in tables}, unknown


def _tables_in(name: str) -> tuple[str, ...]:
    """Which of TABLES an archive holds, by its name; none if it is another table's."""
    split = re.search(rf"-({'|'.join(ALL_TABLES)})\.7z$", name, re.I)
    if not split:
        return TABLES
    return tuple(table for table in TABLES if table.lower() == split[1].lower())


def download_url(client: Client, file: ItemFile) -> str:
    """Where to fetch a file; the server redirects from there to one of its data nodes."""
    return f"{client.base_url}/download/{file.item}/{quote(file.name)}"
