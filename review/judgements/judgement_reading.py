"""Reading a judgement file: what each id is judged, and one line with the place for what is mistyped."""

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
NEAR = 0.8  # of difflib's ratio: "critera" (0.93), "judgment" (0.94) and "notes" (0.89) are slips, "criterion" too


@dataclass(frozen=True)
class Judgement:
    """A reviewer's word on one record."""

    accepted: bool
    criteria: tuple[int, ...] = ()  # the numbers of the criteria that it fails
    note: str = ""
    line: int = field(default=0, compare=False)  # in the file, counted from 1; 0 before it is in one


class Entry(NamedTuple):
    """A judgement and where it stands in the text of the file."""

    judgement: Judgement
    key: yaml.ScalarNode
    value: yaml.Node


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep Python's cyclic garbage collector off, which would walk the many nodes of a large file again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load_judgements(path: str | Path) -> dict[str, Judgement]:
    """The judgements of a file by record id, in the file's order; an empty file has none.

    Raises InputError with file and line for bad YAML, a word that is neither accept nor reject, an id given twice,
    criteria that are not 1 to 7, and a misspelt field. Other fields than FIELDS are the reviewer's own.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the viewer writes it, or write `<id>: accept` lines by hand") from None
    return {record_id: entry.judgement for record_id, entry in read_entries(data, path).items()}


@without_collection()  # 20,000 judgements in half the time
def read_entries(data: bytes, path: str | Path) -> dict[str, Entry]:
    """The entries of a judgement file's bytes by record id; raises as load_judgements does, `path` for the message."""
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
                f"{place_of(key, path)}: {name} is no field, or given twice; write judgement, criteria, note"
            )
        if near := _near_miss(key.value):
            raise InputError(
                f"{place_of(key, path)}: {key.value} is no field; write {near}, or give it a name less like it"
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
def _near_miss(name: str) -> str | None:
    """The field that a name is a slip of, as critera is of criteria."""
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
