"""Reading a judgement file: the judgement of each id, and one-line errors with the place of a mistake."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

from records.errors import InputError
from records.yaml_nodes import compose, line_of, place_of

WORDS = ("accept", "reject")
FIELDS = ("judgement", "criteria", "note")
CRITERIA = tuple("1234567")  # the seven review criteria, by number
EXAMPLE = "write one `<id>: accept` or `<id>: reject` a line"
NEAR = 0.8  # difflib's ratio, from which on a field is misspelt: "critera" 0.93, "judgment" 0.94, "notes" 0.89


@dataclass(frozen=True)
class Judgement:
    """A reviewer's judgement of one record."""

    accepted: bool
    criteria: tuple[int, ...] = ()  # the numbers of the criteria that it fails
    note: str = ""
    line: int = field(default=0, compare=False)  # in the file, counted from 1; 0 if it is not in a file


class Entry(NamedTuple):
    """A judgement and its nodes in the text of the file."""

    judgement: Judgement
    key: yaml.ScalarNode
    value: yaml.Node


@contextmanager
def without_collection() -> Iterator[None]:
    """Turn off Python's cyclic garbage collector, which would visit the many nodes of a large file again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load_judgements(path: str | Path) -> dict[str, Judgement]:
    """The judgements of a file by record id, in the file's order; an empty file has none.

    Raises InputError with file and line for invalid YAML, a word that is neither accept nor reject, a duplicate id,
    criteria other than 1 to 7, and a misspelt field. Fields other than FIELDS are the reviewer's own.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; judge records in the viewer, or write `<id>: accept` lines by hand"
        ) from None
    return {record_id: entry.judgement for record_id, entry in read_entries(data, path).items()}


@without_collection()  # 20,000 judgements in half the time
def read_entries(data: bytes, path: str | Path) -> dict[str, Entry]:
    """The entries of a judgement file's bytes by record id; raises like load_judgements, with `path` in the message."""
    root = compose(data, path, EXAMPLE)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value and not root.style):  # nothing, or `---`
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{place_of(root, path)}: is not a mapping; {EXAMPLE}")

    entries: dict[str, Entry] = {}
    for key, value in root.value:
        place = place_of(key, path)
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{place}: an id must be plain text, as in `math.stackexchange.com/a/17: accept`")
        if key.value in entries:
            first = entries[key.value].judgement.line
            raise InputError(f"{place}: {key.value} is judged twice, first in line {first}; keep one of the two")
        entries[key.value] = Entry(_judgement(value, path, line_of(key)), key, value)
    return entries


def _judgement(node: yaml.Node, path: str | Path, line: int) -> Judgement:
    if isinstance(node, yaml.ScalarNode):
        return Judgement(_accepted(node, path), line=line)
    place = f"{path}:{line}"
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{place}: a judgement is `accept`, `reject` or {{judgement: reject, criteria: [4], note: ..}}"
        )
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in fields:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            raise InputError(
                f"{place_of(key, path)}: {name} is not a field, or is given twice; write judgement, criteria, note"
            )
        if meant := _misspelt(key.value):
            raise InputError(
                f"{place_of(key, path)}: {key.value} is not a field; write {meant}, or choose a less similar name"
            )
        fields[key.value] = value
    if "judgement" not in fields:
        raise InputError(f"{place}: has no `judgement:`; write {{judgement: reject, ..}} or just the word")
    note = fields.get("note")
    return Judgement(
        _accepted(fields["judgement"], path),
        _criteria(fields.get("criteria"), path),
        str(note.value) if isinstance(note, yaml.ScalarNode) else "",
        line,
    )


@lru_cache
def _misspelt(name: str) -> str | None:
    """The field that a name misspells, as critera misspells criteria; None for any other name."""
    near = get_close_matches(name.lower(), FIELDS, n=1, cutoff=NEAR)
    return near[0] if near and name not in FIELDS else None


def _accepted(node: yaml.Node, path: str | Path) -> bool:
    if node.value not in WORDS:
        word = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
        raise InputError(f"{place_of(node, path)}: the judgement is {word}; write accept or reject")
    return bool(node.value == "accept")


def _criteria(node: yaml.Node | None, path: str | Path) -> tuple[int, ...]:
    if node is None:
        return ()
    numbers = [item.value for item in node.value] if isinstance(node, yaml.SequenceNode) else [node.value]
    if not all(number in CRITERIA for number in numbers):
        raise InputError(f"{place_of(node, path)}: criteria must be numbers from 1 to 7, as in criteria: [4, 6]")
    return tuple(map(int, numbers))
