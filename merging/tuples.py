"""The tuple files: JSON lists of [source, pair], as existing readers of such data sets load them.

Those readers (Open-Assistant's loader, for one) do `question, answer = text.split("\\n\\n", maxsplit=1)` and remove
"<|endoftext|>" from the answer. Pairs are written so that both give back what went in.
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
IDS = "TUPLE_IDS.jsonl"  # which record each tuple is, since their form has no place for it
FILE_NAME_OF_SPLIT = "instruction_tuning_dataset_alpha_{}_part{{}}.json"  # for splits other than train

_LINE_END = re.compile(r"\r\n?")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def make_pair(record: dict[str, Any], convention: str) -> str | list[str]:
    """A record's pair, by a convention of PAIRS:

    alpha     instruction + "\\n\\n" + response + "<|endoftext|>"
    labelled  "User: " + instruction + "\\n\\nAgent: " + response
    split     [instruction, response], both unchanged

    In alpha and labelled the first blank line separates the two: blank lines in the instruction become single
    newlines, and white space around it is removed. The response is kept byte for byte.
    """
    instruction, response = record["instruction"], record["response"]
    if convention == "split":
        return [instruction, response]
    instruction = _BLANK_LINES.sub("\n", _LINE_END.sub("\n", instruction)).strip()
    if convention == "labelled":
        return f"User: {instruction}\n\nAgent: {response}"
    return f"{instruction}\n\n{response}{END_OF_TEXT}"


def why_no_pair(record: dict[str, Any], convention: str) -> str | None:
    """The reason why a record cannot be such a pair, None if it can."""
    instruction, response = record["instruction"], record["response"]
    if not instruction.strip():
        return "no instruction"
    if not response.strip():
        return "no response"
    if convention == "alpha" and (END_OF_TEXT in instruction or END_OF_TEXT in response):
        return f"holds {END_OF_TEXT} itself"  # a reader would end the text there, or remove the mark
    return None


class Parts:
    """Writes JSON entries into parts of a tuple file: `count` of even length, or each of at most `max_bytes`.

    Entries go to the parts in turn, so their number need not be known in advance. An entry larger than `max_bytes` has
    a part of its own. Without entries there is one part, an empty list.
    """

    def __init__(self, name: Path, count: int, max_bytes: int | None, stack: ExitStack):
        """name: the name of the files, with {} for the number. stack: closes them if the run fails."""
        self._name, self._count, self._max_bytes, self._stack = str(name), count, max_bytes, stack
        self._parts: list[JsonList] = []
        self._entries = 0

    def write(self, entry: bytes) -> JsonList:
        """Write an entry; returns its part, whose last entry it is now."""
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
        return part

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
