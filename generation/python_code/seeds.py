"""What a sample is asked about: topics from a file, or titles of questions in the records of step 1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from records.errors import InputError
from records.record import read_with_progress

ATTRIBUTION = ("site", "title", "question_url", "question_author", "question_author_url", "question_license")


@dataclass(frozen=True)
class Seed:
    """A topic, and the fields of a record's meta that say where it is from."""

    topic: str
    meta: dict[str, str] = field(default_factory=dict)


def seeds_of(topics: Path, records: list[str]) -> list[Seed]:
    """The titles in `records`, or the topics if there are no records.

    Raises InputError if there is none, or one that cannot be read.
    """
    return list(_titles(records)) if records else [Seed(topic) for topic in _lines(topics)]


def _titles(paths: list[str]) -> Iterator[Seed]:
    """Each title once, in the order of a digest: neighbours in a dump are of the same days and subjects."""
    seeds = dict[str, Seed]()
    for row in read_with_progress(paths):
        meta = row.record["meta"]
        given = {name: meta[name] for name in ATTRIBUTION if isinstance(meta.get(name), str) and meta[name]}
        if not given.get("title") or not given.get("question_license"):
            raise InputError(
                f"{row.place}: has no meta.title with a meta.question_license; --seeds takes records of "
                "get_stackexchange.py"
            )
        topic = " ".join(given["title"].split())
        seeds.setdefault(topic, Seed(topic, given))
    if not seeds:
        raise InputError(f"{paths[0]}: has no records to take titles from; give other --seeds")
    yield from sorted(seeds.values(), key=lambda seed: hashlib.blake2b(seed.topic.encode()).digest())


def _lines(path: Path) -> list[str]:
    try:
        lines = [text.strip() for text in path.read_text("utf-8").splitlines()]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot be read as topics; give a UTF-8 text file with one topic per line") from None
    topics = list(dict.fromkeys(text for text in lines if text and not text.startswith("#")))
    if not topics:
        raise InputError(f"{path}: has no topics; write one per line")
    return topics
