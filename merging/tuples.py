"""The tuple files: JSON lists of [source, pair], as the readers of the first data set load them.

Those readers do `question, answer = text.split("\\n\\n", maxsplit=1)` and take "<|endoftext|>" off the answer
(Open-Assistant's loader does), so that a pair must be made for both to give back what went in.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from merging.writers import JsonList

END_OF_TEXT = "<|endoftext|>"
PAIRS = ("alpha", "labelled", "split")
MOST_PARTS = 500  # files open at once
FILE_NAME = "instruction_tuning_dataset_alpha_part{}.json"
FILE_NAME_OF_SPLIT = "instruction_tuning_dataset_alpha_{}_part{{}}.json"  # of any split but train

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


class Parts:
    """Writes JSON entries into parts of a tuple file: `count` of even length, or each of at most `max_bytes`.

    Entries are dealt out one by one, so that their number need not be known. An entry that is larger than `max_bytes` has
    a part of its own. Without entries there is one part, an empty list.
    """

    def __init__(self, name: Path, count: int, max_bytes: int | None, stack: ExitStack):
        """name: of the files, with {} for the number. stack: closes them where the run fails."""
        self._name, self._count, self._max_bytes, self._stack = str(name), count, max_bytes, stack
        self._parts: list[JsonList] = []
        self._entries = 0

    def write(self, entry: bytes) -> None:
        if self._max_bytes is not None:
            part = self._parts[-1] if self._parts else self._begin()
            if part.records and part.size_with(entry) > self._max_bytes:
                part.close()
                part = self._begin()
        else:
            turn = self._entries % self._count
            part = self._parts[turn] if turn < len(self._parts) else self._begin()
        part.write(entry)
        self._entries += 1

    def close(self) -> list[JsonList]:
        """The parts, complete."""
        if not self._parts:
            self._begin()
        for part in self._parts:
            part.close()
        return self._parts

    def _begin(self) -> JsonList:
        self._parts.append(JsonList(Path(self._name.format(len(self._parts) + 1)), self._stack))
        return self._parts[-1]


def entry(record: dict[str, Any], convention: str) -> bytes:
    """A record's [source, pair] as JSON."""
    return orjson.dumps([record["source"], make_pair(record, convention)])
