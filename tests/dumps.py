"""Dumps made for tests: tables of invented rows, packed as the archives are, and a naive reading to check against."""

import json
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

import py7zr

from stackdump.archive_files import LocalFile
from stackdump.sevenzip import Archive

BZIP2 = [{"id": py7zr.FILTER_BZIP2}]
LZMA2 = [{"id": py7zr.FILTER_LZMA2, "preset": 1}]


def table(name: str, rows: Iterable[dict[str, object]]) -> bytes:
    """A table's XML as a dump has it: byte order mark, CRLF, one row a line."""
    lines = ['\ufeff<?xml version="1.0" encoding="utf-8"?>', f"<{name.lower()}>"]
    lines += [
        "  <row " + " ".join(f"{key}={quoteattr(str(value))}" for key, value in row.items()) + " />" for row in rows
    ]
    return "\r\n".join([*lines, f"</{name.lower()}>", ""]).encode()


def question(number: int, **more: object) -> dict[str, object]:
    row = {"Id": number, "PostTypeId": 1, "CreationDate": "2024-05-01T10:00:00.000", "Score": 3,
           "Title": f"Which rope for {number} t?", "Body": f"<p>I moor {number} boats.</p>", "Tags":
               "<rope>"}  # fmt: skip
    return row | more


def answer(number: int, parent: int, **more: object) -> dict[str, object]:
    row = {"Id": number, "PostTypeId": 2, "ParentId": parent, "CreationDate": "2024-05-02T10:00:00.000", "Score": 5,
           "Body": f"<p>Take {number} mm.</p>", "OwnerUserId": 7}  # fmt: skip
    return row | more


def small_posts(pairs: int = 3) -> list[dict[str, object]]:
    return [post for n in range(1, pairs + 1) for post in (question(10 * n), answer(10 * n + 1, 10 * n))]


def noise(size: int, seed: int) -> str:
    """Text that hardly packs, so that a small table makes a large archive."""
    return random.Random(seed).randbytes(size // 2).hex()


def large_tables(posts: int = 1500) -> dict[str, bytes]:
    """Tables whose archive is several megabytes large, with others before and after Posts and Users."""
    rows = []
    for n in range(1, posts, 2):
        rows.append(question(n, Body=f"<p>{noise(1000, n)}</p>"))
        rows.append(answer(n + 1, n, Body=f"<p>{noise(2000, n + 1)}</p>"))
    return {
        "PostHistory": table("PostHistory", [{"Id": n, "Text": noise(2000, -n)} for n in range(1, 700)]),
        "Posts": table("Posts", rows),
        "Users": table("Users", [{"Id": 7, "DisplayName": "Ada of the Quay"}]),
        "Votes": table("Votes", [{"Id": n, "Text": noise(2000, 9000 + n)} for n in range(1, 3000)]),
    }


def pack(path: Path, tables: dict[str, bytes], filters: list[dict] = BZIP2, solid: bool = True) -> Path:
    """Write a 7z archive of `<table>.xml` members: one packed stream for all, or one for each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, group in enumerate([tables] if solid else [{name: tables[name]} for name in tables]):
        with py7zr.SevenZipFile(path, "a" if number else "w", filters=filters) as archive:
            for name, xml in group.items():
                archive.writestr(xml, f"{name}.xml")
    return path


def apart_tables(posts: int, users: int) -> dict[str, bytes]:
    """Tables as `large_tables` has them, but for the history; of many users, of which the last has answered."""
    names = [{"Id": n, "DisplayName": noise(1000, -n)} for n in range(8, users + 8)]
    return {
        "Users": table("Users", [*names, {"Id": 7, "DisplayName": "Ada of the Quay"}]),
        "Posts": large_tables(posts)["Posts"],
        "Votes": table("Votes", [{"Id": n, "Text": noise(2000, 9000 + n)} for n in range(1, 300)]),
    }


def packed_streams(archive: Path) -> dict[str, range]:
    """Where the packed stream of each table lies in an archive: {"Posts": range(32, 900)}"""
    members = Archive(LocalFile(archive)).members
    return {member.name.removesuffix(".xml"): range(member.start, member.end) for member in members}


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def naive_posts(xml: bytes) -> list[dict[str, str]]:
    """All posts, by a reader that has nothing in common with stackdump's."""
    text = re.sub(r"&#x(0|1E);", "\ufffd", xml.decode("utf-8-sig"))
    return [row.attrib for row in ET.fromstring(text)]


def naive_pairs(posts: list[dict[str, str]]) -> list[tuple[int, int, int]]:
    """(question id, answer id, score) of every pair, in the order in which they are to be written."""
    posts = [post for post in posts if int(post["Id"]) < 10**9]
    questions = {post["Id"] for post in posts if post["PostTypeId"] == "1"}
    pairs = [
        (int(post["ParentId"]), int(post["Id"]), int(post.get("Score", 0)))
        for post in posts
        if post["PostTypeId"] == "2" and post.get("ParentId") in questions and post.get("Body")
    ]
    return sorted(pairs, key=lambda pair: (pair[0], -pair[2], pair[1]))


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
