"""The tuple files: JSON lists of [source, pair], as the readers of the first data set load them.

Those readers do `question, answer = text.split("\\n\\n", maxsplit=1)` and take "<|endoftext|>" off the answer
(Open-Assistant's loader does), so that a pair must be made for both to give back what went in.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

END_OF_TEXT = "<|endoftext|>"
PAIRS = ("alpha", "labelled", "split")
FILE_NAME = "instruction_tuning_dataset_alpha_part{}.json"
FILE_NAMES = re.compile(r"instruction_tuning_dataset_alpha_part\d+\.json")

_LINE_END = re.compile(r"\r\n?")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def make_pair(record: dict[str, Any], convention: str) -> str | list[str]:
    """A record's pair, by one of PAIRS:

    alpha     instruction + "\\n\\n" + response + "<|endoftext|>"
    labelled  "User: " + instruction + "\\n\\nAgent: " + response
    split     [instruction, response], both as they are

    In alpha and labelled the first blank line parts the two: blank lines inside the instruction become single
    newlines, and outer white space of it goes. The response is kept byte for byte.
    """
    instruction, response = record["instruction"], record["response"]
    if convention == "split":
        return [instruction, response]
    instruction = _BLANK_LINES.sub("\n", _LINE_END.sub("\n", instruction)).strip()
    if convention == "labelled":
        return f"User: {instruction}\n\nAgent: {response}"
    return f"{instruction}\n\n{response}{END_OF_TEXT}"


def why_no_pair(record: dict[str, Any], convention: str) -> str | None:
    """Why a record cannot be such a pair, None where it can."""
    instruction, response = record["instruction"], record["response"]
    if not instruction.strip():
        return "no instruction"
    if not response.strip():
        return "no response"
    if convention == "alpha" and (END_OF_TEXT in instruction or END_OF_TEXT in response):
        return f"holds {END_OF_TEXT} itself"  # a reader would end, or cut, the text there
    return None


@dataclass(frozen=True)
class Part:
    """One tuple file, complete."""

    name: str
    records: int
    size: int  # bytes
    sha256: str


def write_parts(
    entries: Iterable[bytes], folder: Path, counts: Iterator[int] | None, max_bytes: int | None
) -> list[Part]:
    """Write JSON entries to `instruction_tuning_dataset_alpha_part1.json`, ... in `folder`, one entry a line.

    counts: how many entries each part takes. max_bytes: a part is full when the next entry would make it larger;
    an entry that is larger alone has a part of its own. Without both there is one part, and with no entries an empty one.
    """
    parts: list[Part] = []
    writer = _PartWriter(folder / FILE_NAME.format(1))
    left = next(counts) if counts else None
    for entry in entries:
        full = left == 0 or (max_bytes is not None and writer.records > 0 and writer.size_with(entry) > max_bytes)
        if full:
            parts.append(writer.close())
            writer = _PartWriter(folder / FILE_NAME.format(len(parts) + 1))
            left = next(counts) if counts else None
        writer.write(entry)
        left = None if left is None else left - 1
    return [*parts, writer.close()]


class _PartWriter:
    def __init__(self, path: Path):
        self.path, self.records, self.size = path, 0, 0
        self._digest = hashlib.sha256()
        self._out = path.open("wb")
        self._put(b"[")

    def size_with(self, entry: bytes) -> int:
        return self.size + len(entry) + len(b",\n\n]\n")

    def write(self, entry: bytes) -> None:
        self._put(b",\n" if self.records else b"\n")
        self._put(entry)
        self.records += 1

    def close(self) -> Part:
        self._put(b"\n]\n")
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        return Part(self.path.name, self.records, self.size, self._digest.hexdigest())

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.size += len(data)


def entry(record: dict[str, Any], convention: str) -> bytes:
    """A record's [source, pair] as JSON."""
    return orjson.dumps([record["source"], make_pair(record, convention)])


def even_counts(total: int, parts: int) -> Iterator[int]:
    """How many of `total` entries each of `parts` takes: the first ones take one more where they do not divide."""
    for number in range(parts):
        yield total // parts + (number < total % parts)
