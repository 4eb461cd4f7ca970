"""Texts to ask about: folders of .txt and .md, JSON rows with a field, and records of this project."""

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
LARGEST_FILE = 1 << 26  # bytes; it is read as a whole
BINARY = b"\0"  # no text holds it, and nearly every other kind of file does


# what attribution has to name, by the names that these have in records
OF_ROWS = ("url", "title", "author", "author_url")
OF_RECORDS = ("site", "title", "question_url", "answer_url", "answer_author", "answer_author_url")


@dataclass(frozen=True)
class Text:
    """A text, its licence, which is that of what is derived from it, and what attribution has to name."""

    id: str
    body: str
    license: str
    is_markdown: bool
    attribution: dict[str, str] = field(default_factory=dict)


class Skipped(NamedTuple):
    """A text, or a part of one, that is left out."""

    id: str
    reason: str


def read_texts(paths: Iterable[str], name: str | None, license: str | None) -> Iterator[Text | Skipped]:
    """The texts at `paths`, in a fixed order.

    name: the paths are JSON rows (an array or lines), and the field of this name is the text; the fields id, license, url,
    title, author and author_url are taken where they are there. Without it a path is a folder, read with all below it, a
    .txt or .md file, or records of this project, whose responses are the texts. license: of texts that tell none.

    Raises InputError where a path is none of these, and where a text has no licence.
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
        raise InputError(f"{folder}: holds no {PLAIN} and no {MARKDOWN} file; give another --inputpath")
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
        body, told = row.value[name], _texts_of(row.value, ("id", "license", *OF_ROWS))
        id, license_ = told.pop("id", f"{Path(path).name}:{row.number}"), told.pop("license", license)
        yield _text(row.place, id, body, True, license_, told) if isinstance(body, str) else Skipped(id, "no text")


def _records(path: str, license: str | None) -> Iterator[Text | Skipped]:
    for row in read_with_progress([path]):
        meta = row.record["meta"]
        told = _texts_of(meta, ("license", "answer_license"))
        license_ = told.get("answer_license") or told.get("license") or license
        yield _text(row.place, row.record["id"], row.record["response"], True, license_, _texts_of(meta, OF_RECORDS))


def _texts_of(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: _writable(fields[name]) for name in names if isinstance(fields.get(name), str) and fields[name]}


def _writable(text: str) -> str:
    """A text without half surrogate pairs, as names of files and JSON can have them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(
    place: str, id: str, body: str, is_markdown: bool, license: str | None, attribution: dict[str, str] | None = None
) -> Text | Skipped:
    if not license:
        raise InputError(f"{place}: tells no licence of its text; give it with --text_license")
    if not body.strip():
        return Skipped(id, "empty")
    return Text(id, _writable(body), license, is_markdown, attribution or {})
