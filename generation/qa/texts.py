"""The texts to ask questions about: folders of .txt and .md, fields of JSON rows, and records of this project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from records.errors import InputError
from records.file_io import require_input
from records.json_rows import SourceFile, read_rows
from records.record import read_with_progress

MARKDOWN, PLAIN = ".md", ".txt"
LARGEST_FILE = 1 << 26  # bytes; files are read into memory
BINARY = b"\0"  # in nearly every binary file, and in no text

# the fields that attribution needs
ATTRIBUTION_OF_ROWS = ("url", "title", "author", "author_url")
ATTRIBUTION_OF_RECORDS = ("site", "title", "question_url", "answer_url", "answer_author", "answer_author_url")


@dataclass(frozen=True)
class Text:
    """A text, its licence, which questions made from it inherit, and the fields that attribution needs."""

    id: str
    body: str
    license: str
    is_markdown: bool
    attribution: dict[str, str] = field(default_factory=dict)


class Skipped(NamedTuple):
    """A text or a part of one that is not used."""

    id: str
    reason: str


def read_texts(paths: Iterable[str], name: str | None, license: str | None) -> Iterator[Text | Skipped]:
    """The texts at `paths`, in a fixed order.

    If name is given, the paths are JSON rows (an array or lines), this field is the text, and the fields id, license,
    url, title, author and author_url are used if present. Otherwise a path is a folder, searched recursively for .txt
    and .md, such a file, or records of this project, whose responses are the texts. license is for texts that do not
    state their own.

    Raises InputError if a path is none of these, or if a text has no licence.
    """
    for path in paths:
        if name is not None:
            yield from _rows(path, name, license)
        elif Path(path).is_dir():
            yield from _folder(Path(path), license)
        elif path.endswith((MARKDOWN, PLAIN)):
            require_input(path)
            yield _file(Path(path), path, license)
        else:
            yield from _records(path, license)


def _folder(folder: Path, license: str | None) -> Iterator[Text | Skipped]:
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (MARKDOWN, PLAIN) and path.is_file()]
    if not files:
        raise InputError(f"{folder}: contains no {PLAIN} or {MARKDOWN} file; give another --inputpath")
    for path in files:
        yield _file(path, path.relative_to(folder).as_posix(), license)


def _file(path: Path, id: str, license: str | None) -> Text | Skipped:
    id = _writable(id)
    if path.stat().st_size > LARGEST_FILE:
        return Skipped(id, f"above {LARGEST_FILE >> 20} MB")
    data = path.read_bytes()
    if BINARY in data:
        return Skipped(id, "binary")
    try:
        body = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(id, "not UTF-8")
    return _text(str(path), id, body, path.suffix == MARKDOWN, license)


def _rows(path: str, name: str, license: str | None) -> Iterator[Text | Skipped]:
    for row in read_rows(SourceFile(path)):
        if name not in row.value:
            raise InputError(f'{row.place}: has no "{name}"; give the right --field')
        body, fields = row.value[name], _strings_of(row.value, ("id", "license", *ATTRIBUTION_OF_ROWS))
        id, own_license = fields.pop("id", f"{Path(path).name}:{row.number}"), fields.pop("license", license)
        if isinstance(body, str):
            yield _text(row.place, id, body, True, own_license, attribution=fields)
        else:
            yield Skipped(id, "no text")


def _records(path: str, license: str | None) -> Iterator[Text | Skipped]:
    for row in read_with_progress([path]):
        meta = row.record["meta"]
        licenses = _strings_of(meta, ("license", "answer_license"))
        own_license = licenses.get("answer_license") or licenses.get("license") or license
        attribution = _strings_of(meta, ATTRIBUTION_OF_RECORDS)
        yield _text(row.place, row.record["id"], row.record["response"], True, own_license, attribution)


def _strings_of(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The fields of these names that are strings and not empty."""
    return {name: _writable(fields[name]) for name in names if isinstance(fields.get(name), str) and fields[name]}


def _writable(text: str) -> str:
    """A text that UTF-8 can encode: lone surrogates, which file names and JSON can have, become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(
    place: str, id: str, body: str, is_markdown: bool, license: str | None, attribution: dict[str, str] | None = None
) -> Text | Skipped:
    if not license:
        raise InputError(f"{place}: no licence for this text; give it with --text_license")
    if not body.strip():
        return Skipped(id, "empty")
    return Text(id, _writable(body), license, is_markdown, attribution or {})
