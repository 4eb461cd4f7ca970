"""The dumps at archive.org: which items there are, and which file of an item holds which site's tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from download.http_client import Client
from records.errors import InputError
from stackdump.sites import Site, site_of_file

DEFAULT_URL = "https://archive.org"

# The quarterly dumps, newest first: since mid-2024 the community uploads them, one item a quarter; `stackexchange` is
# the last official one, of April 2024. Source: the items' pages, https://archive.org/details/<item>.
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
ALL_TABLES = ("Badges", "Comments", "PostHistory", "PostLinks", "Posts", "Tags", "Users", "Votes")
TABLES = ("Posts", "Users", "PostHistory")  # those that this package reads


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


def newest_item(client: Client) -> str:
    """The newest known item that the server has. Raises InputError where it has none, or cannot be reached."""
    for item in ITEMS:
        if client.get_json(f"metadata/{item}"):
            return item
    raise InputError(f"{client.base_url}: has none of the known dumps; name one with --dump")


def item_archives(client: Client, item: str) -> list[ItemFile]:
    """The 7z archives of an item, wherever they lie in it. Raises InputError where there is no such item."""
    metadata = client.get_json(f"metadata/{item}")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("files"), list):
        raise InputError(f"{item}: no such item at {client.base_url}; known dumps are {', '.join(ITEMS)}")
    archives = [archive for entry in metadata["files"] if (archive := _archive(item, entry))]
    if not archives:
        raise InputError(f"{item}: holds no 7z archives, so it is no Stack Exchange dump")
    return archives


def _archive(item: str, entry: Any) -> ItemFile | None:
    try:
        name, size = str(entry["name"]), int(entry["size"])
    except (KeyError, TypeError, ValueError):  # the listing itself has no size
        return None
    return ItemFile(item, name, size, str(entry.get("md5", ""))) if name.lower().endswith(".7z") else None


def by_site(names: dict[str, Any]) -> dict[Site, dict[str, Any]]:
    """Sort archives, given by base name, by site and table: {site: {table: archive}}.

    Most sites are one archive with all tables; a very large one may be one archive a table
    (`stackoverflow.com-Posts.7z`).
    """
    sites: dict[Site, dict[str, Any]] = {}
    for name, archive in names.items():
        for table in _tables_in(name):
            sites.setdefault(site_of_file(name), {}).setdefault(table, archive)
    return {site: tables for site, tables in sites.items() if "Posts" in tables}


def _tables_in(name: str) -> tuple[str, ...]:
    """Which of TABLES an archive holds, by its name; none where it is one of another table."""
    split = re.search(rf"-({'|'.join(ALL_TABLES)})\.7z$", name, re.I)
    if not split:
        return TABLES
    return tuple(table for table in TABLES if table.lower() == split[1].lower())


def download_url(client: Client, file: ItemFile) -> str:
    """Where to fetch a file; the server redirects from there to one of its data nodes."""
    return f"{client.base_url}/download/{file.item}/{quote(file.name)}"
