"""Splits of a data set, such as train and validation, drawn by question: answers to one question are in one split.

The draw is a hash of the question alone. It does not depend on the seed or the other records, so a later run never
trains on what an earlier one held out.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from hashlib import blake2b
from typing import Any

DRAW_BYTES = 8
NAME = r"[a-z][a-z0-9]*"  # load_dataset takes word characters; "_" separates the pieces of a tuple file's name


class Splits:
    """The names of the splits, in order, and the split of each record."""

    def __init__(self, shares: dict[str, Fraction]):
        """shares: by split; their sum is 1."""
        self.names = list(shares)
        total = Fraction(0)
        self._ends: list[tuple[int, str]] = []  # a split has the draws below its number that no earlier split has
        for name, share in shares.items():
            total += share
            self._ends.append((int(total * (1 << 8 * DRAW_BYTES)), name))

    def of(self, record: dict[str, Any]) -> str:
        """The split that a record belongs to."""
        if len(self.names) == 1:
            return self.names[0]
        drawn = blake2b(question_of(record).encode(), digest_size=DRAW_BYTES).digest()
        number = int.from_bytes(drawn, "big")
        return next(name for end, name in self._ends if number < end)


def question_of(record: dict[str, Any]) -> str:
    """What identifies a record's question: its address, else its site and number, else its instruction.

    Of a dialogue, whose earlier turns are its `history`, the first turn counts: others may continue it differently. The
    case and white space of a text do not count.
    """
    meta = record["meta"]
    if isinstance(url := meta.get("question_url"), str) and url:
        return url
    if isinstance(site := meta.get("site"), str) and isinstance(number := meta.get("question_id"), int):
        return f"https://{site}/q/{number}"
    match record.get("history"):
        case [{"content": str(text)}, *_]:
            pass
        case _:
            text = record["instruction"]
    return "".join(unicodedata.normalize("NFC", text).casefold().split())


def splits_of(shares: list[str]) -> Splits:
    """The splits of shares such as ["train:0.98", "validation:0.02"].

    Raises ValueError if one is malformed, a name is repeated or misleads readers, or the sum of the shares is not 1.
    """
    splits: dict[str, Fraction] = {}
    for text in shares:
        name, _, number = text.partition(":")
        if not re.fullmatch(NAME, name) or not re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", number) or not Fraction(number):
            raise ValueError(f"{text!r} is not a name in lower case and a share, as in train:0.98")
        if name in splits:
            raise ValueError(f"{name} is given twice")
        splits[name] = Fraction(number)
    for name in splits:
        if problem := _why_misleading(name, [other for other in splits if other != name]):
            raise ValueError(f"{name}: {problem}; give another name")
    if sum(splits.values()) != 1:
        raise ValueError(f"the sum of the shares is {float(sum(splits.values())):g}, and must be 1")
    return Splits(splits)


def _why_misleading(name: str, others: list[str]) -> str | None:
    """Why a reader would take a split for something else, None if none would."""
    if name == "all":
        return "means all splits together in load_dataset"
    if name.startswith("part"):
        return "its tuple files would be among those that readers look for, .._alpha_part*.json"
    for other in others:
        if name.startswith(other):
            return f"begins with {other}, so a pattern such as {other}* reads both"
    return None
