"""Reading a judgement file: the judgement of each id, and one-line errors with the place of a mistake."""

from __future__ import annotations

import codecs
import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson
import yaml

from records.errors import InputError, MistakesError
from records.file_io import STANDARD_STREAM
from records.record import FIELDS as FIELDS_OF_RECORDS
from records.yaml_nodes import NotYamlError, line_of, parse
from review.judgements.braces import part_without_colon
from review.judgements.broken_text import (
    Mistake,
    missing_colon,
    read_pieces,
    without_strange_characters,
)
from review.judgements.judgement import CRITERIA, EXAMPLE, FIELDS, WORDS, Judgement
from review.judgements.record_ids import record_id_of

FORM = "a judgement is `accept`, `reject`, `later` or {judgement: reject, criteria: [4], note: ..}"
ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
MOST = 50  # mistakes reported of a file
MISSPELT = tuple(name for name in FIELDS if name != "model")  # which is too short to tell
NEAR = 0.8  # difflib's ratio, from which on a field is misspelt: "critera" 0.93, "judgment" 0.94, "notes" 0.89


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


def load_judgement_files(paths: Iterable[str]) -> dict[str, dict[str, Judgement]]:
    """The judgements of several files by path, as load_judgements gives them; raises with the mistakes of all files.

    A file that is given twice is one of the mistakes, also under another name for it.
    """
    files, mistakes, places = {}, list[str](), dict[str, str]()
    for path in paths:
        place = os.path.realpath(path)
        if place in places:
            other = f" (as {places[place]})" if places[place] != path else ""
            mistakes.append(f"{path}: is given twice{other}; give each judgement file once")
            continue
        places[place] = path
        try:
            files[path] = load_judgements(path)
        except InputError as error:
            mistakes += error.messages
    if mistakes:
        raise MistakesError(*mistakes)
    return files


def load_judgements(path: str | Path) -> dict[str, Judgement]:
    """The judgements of a file by record id, in the file's order; an empty file has none.

    Raises MistakesError with file and line of each mistake: text that is not YAML, a word that is not accept, reject
    or later, a record that is judged twice, criteria other than 1 to 7, a misspelt field or one without a value, a
    correction of an answer that is not accepted. Other fields than FIELDS are the reviewer's own. Raises InputError if
    there is no file, or "-" in its place.
    """
    if path == STANDARD_STREAM:
        raise InputError("-: judgements are not read from stdin; give the name of a judgement file")
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; judge records in the viewer, or write `<id>: accept` lines by hand"
        ) from None
    return {record_id: entry.judgement for record_id, entry in read_entries(data, path).items()}


def load_persons_judgements(path: str | Path) -> dict[str, Judgement]:
    """The judgements by persons in a file. Raises InputError like load_judgements, and if all in it are models'."""
    judgements = load_judgements(path)
    by_person = {record_id: judgement for record_id, judgement in judgements.items() if not judgement.model}
    if judgements and not by_person:
        raise InputError(f"{path}: has judgements by models alone; give a person's file")
    return by_person


def encoding_of(data: bytes) -> tuple[bytes, str]:
    """A file's byte order mark, which may be empty, and the encoding of what follows."""
    mark = next((mark for mark in ENCODINGS if data.startswith(mark)), b"")
    return mark, ENCODINGS.get(mark, "utf-8")


@without_collection()  # 20,000 judgements in half the time
def read_entries(data: bytes, path: str | Path) -> dict[str, Entry]:
    """The entries of a judgement file's bytes by record id; raises like load_judgements, with `path` in the message."""
    if _has_records(data):
        raise InputError(f"{path}: has records in the place of judgements; give the judgement file")
    reader = _Reader(data)
    reader.read()
    if not reader.mistakes:
        return reader.entries
    told = [f"{path}:{line}: {message}" for line, message in sorted(set(reader.mistakes))]
    if len(told) > MOST:
        told[MOST:] = [f"{path}: has {len(told) - MOST:,} more mistakes"]
    raise MistakesError(*told)


def _has_records(data: bytes) -> bool:
    """Whether the first line is a record, which is YAML too."""
    try:
        first = orjson.loads(data.partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and first.keys() >= FIELDS_OF_RECORDS.keys()


class _Reader:
    """Reads the entries of a file, and goes on after a mistake."""

    def __init__(self, data: bytes):
        self.entries: dict[str, Entry] = {}
        self.mistakes: list[Mistake] = []
        self._data = data
        self._before = 0  # lines before the text in which a node's line is counted
        self._piece = ""  # this text, if it is not the whole file

    def read(self) -> None:
        root, broken = None, None
        try:
            root = parse(self._data)
        except NotYamlError as error:
            broken = Mistake(error.line, f"{error}; {EXAMPLE}")
        if broken or (isinstance(root, yaml.ScalarNode) and (root.value or root.style)):
            self._read_pieces()
            if broken and not self.mistakes:
                self.mistakes.append(broken)
        elif root is not None and not isinstance(root, yaml.ScalarNode):  # a scalar is the nothing after `---`
            self._read_entries(root)

    def _read_pieces(self) -> None:
        mark, encoding = encoding_of(self._data)
        text = self._data[len(mark) :].decode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
        text, strange = without_strange_characters(text)
        for piece, root in read_pieces(text, self.mistakes):
            self._before, self._piece = piece
            self._read_entries(root)
        lines = {mistake.line for mistake in strange}
        self.mistakes = strange + [mistake for mistake in self.mistakes if mistake.line not in lines]

    def _read_entries(self, root: yaml.Node) -> None:
        if not isinstance(root, yaml.MappingNode):
            self._mistake(root, f"is not a mapping; {EXAMPLE}")
            return
        for key, value in root.value:
            if not isinstance(key, yaml.ScalarNode):
                self._mistake(key, "an id must be plain text, as in `math.stackexchange.com/a/17: accept`")
                continue
            record_id, line = record_id_of(key.value), key.start_mark.line + 1 + self._before
            if record_id in self.entries:
                first = self.entries[record_id].judgement.line
                self._mistake(key, f"{record_id} is judged twice, first in line {first}; keep one of the two")
            else:
                self.entries[record_id] = Entry(self._judgement(key, value, line), key, value)

    def _judgement(self, id_node: yaml.ScalarNode, node: yaml.Node, line: int) -> Judgement:
        if isinstance(node, yaml.ScalarNode):
            return Judgement(self._accepted(node, id_node), line=line)
        if not isinstance(node, yaml.MappingNode):
            self._mistake(id_node, FORM)
            return Judgement(False, line=line)
        if _may_lack_a_colon(node) and (found := part_without_colon(node, self._text)):
            self._mistake(*found)
            return Judgement(False, line=line)
        mistakes = len(self.mistakes)
        fields = self._fields(node)
        if "judgement" not in fields:
            if len(self.mistakes) == mistakes:
                self._mistake(id_node, "has no `judgement:`; write {judgement: reject, ..} or just the word")
            return Judgement(False, line=line)
        accepted = self._accepted(fields["judgement"])
        criteria = self._criteria(fields["criteria"]) if "criteria" in fields else ()
        note, model, correction, corrects = (
            self._note(fields[name], name) if name in fields else ""
            for name in ("note", "model", "correction", "corrects")
        )
        if correction and not correction.strip():
            self._mistake(fields["correction"], "the correction is empty; write the corrected answer, or leave it out")
        if correction and not accepted and len(self.mistakes) == mistakes:
            self._mistake(fields["correction"], "only an accepted answer has a correction; write `judgement: accept`")
        return Judgement(accepted, criteria, note, line, model, correction, corrects if correction else "")

    def _fields(self, node: yaml.MappingNode) -> dict[str, yaml.Node]:
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in fields:
                name = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
                self._mistake(key, f"{name} is not a field, or is given twice; write judgement, criteria, note")
                continue
            meant = _misspelt(key.value)
            if meant:
                self._mistake(key, f"{key.value} is not a field; write {meant}, or choose a less similar name")
            fields[meant or key.value] = value
        return fields

    def _accepted(self, node: yaml.Node, id_node: yaml.Node | None = None) -> bool | None:
        if not isinstance(node, yaml.ScalarNode) or node.value not in WORDS:
            if _goes_on(node):
                self._mistake(node, "is a part of the judgement above, being indented; begin a comment with #", below=1)
                return False
            word = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
            no_colon = missing_colon(self._text, id_node.start_mark.index) if id_node else None
            self._mistake(node, no_colon or f"the judgement is {word}; write accept, reject or later")
            return False
        return WORDS[node.value]

    def _criteria(self, node: yaml.Node) -> tuple[int, ...]:
        numbers = [item.value for item in node.value] if isinstance(node, yaml.SequenceNode) else [node.value]
        if all(number in CRITERIA for number in numbers):
            return tuple(map(int, numbers))
        self._mistake(node, "criteria must be numbers from 1 to 7, as in criteria: [4, 6]")
        return ()

    def _note(self, node: yaml.Node, name: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self._mistake(node, f'the {name} is a list or a mapping; write text with brackets or braces in "double quotes"')
        return ""

    @property
    def _text(self) -> str:
        """The text that nodes are read from."""
        if not self._piece:
            mark, encoding = encoding_of(self._data)
            self._piece = self._data[len(mark) :].decode(encoding)
        return self._piece

    def _mistake(self, node: yaml.Node, message: str, below: int = 0) -> None:
        self.mistakes.append(Mistake(line_of(node) + below + self._before, message))


def _may_lack_a_colon(node: yaml.MappingNode) -> bool:
    """Whether braces have a part with nothing in it: a cheap test before the text is looked at."""
    return bool(node.flow_style) and any(
        isinstance(value, yaml.ScalarNode) and not value.value and not value.style for _, value in node.value
    )


def _goes_on(node: yaml.Node) -> bool:
    """Whether a judgement has its word in one line, and more in the next."""
    plain = isinstance(node, yaml.ScalarNode) and not node.style
    return plain and node.end_mark.line > node.start_mark.line and node.value.split()[0] in WORDS


@lru_cache
def _misspelt(name: str) -> str | None:
    """The field that a name misspells, as critera misspells criteria; None for any other name."""
    near = get_close_matches(name.lower(), MISSPELT, n=1, cutoff=NEAR)
    return near[0] if near and name not in FIELDS else None
