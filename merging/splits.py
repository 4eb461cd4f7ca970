"""Splits of a data set, such as train and validation: drawn by question, so that two answers to one question never part.

The draw is a hash of the question alone. It stays the same from run to run, whatever the seed and the other records, so that
what has been validation once is never trained on later.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from hashlib import blake2b
from typing import Any

DRAW_BYTES = 8
NAME = r"[a-z][a-z0-9]*"  # load_dataset takes word characters; "_" would part the names of tuple files


class Splits:
    """The names of the splits, in order, and which a record belongs to."""

    def __init__(self, shares: dict[str, Fraction]):
        """shares: of each split, 1 in all."""
        self.names = list(shares)
        total = Fraction(0)
        self._ends: list[tuple[int, str]] = []  # a question whose draw is below the number, and of no split before
        for name, share in shares.items():
            total += share
            self._ends.append((int(total * (1 << 8 * DRAW_BYTES)), name))

    def of(self, record: dict[str, Any]) -> str:
        if len(self.names) == 1:
            return self.names[0]
        drawn = blake2b(question_of(record).encode(), digest_size=DRAW_BYTES).digest()
        number = int.from_bytes(drawn, "big")
        return next(name for end, name in self._ends if number < end)


def question_of(record: dict[str, Any]) -> str:
    """The address of a record's question, its site and number, or what a record has of neither, the instruction without
    case and white space."""
    meta = record["meta"]
    if isinstance(url := meta.get("question_url"), str) and url:
        return url
    if isinstance(site := meta.get("site"), str) and isinstance(number := meta.get("question_id"), int):
        return f"https://{site}/q/{number}"
    return "".join(unicodedata.normalize("NFC", record["instruction"]).casefold().split())


def splits_of(shares: list[str]) -> Splits:
    """The splits of `train:0.98 validation:0.02`, say.

    Raises ValueError where one is not so, a name comes twice, or the shares are not 1 in all.
    """
    splits: dict[str, Fraction] = {}
    for text in shares:
        name, _, number = text.partition(":")
        if not re.fullmatch(NAME, name) or not re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", number) or not Fraction(number):
            raise ValueError(f"{text!r} is not a name in small letters and a share, as in train:0.98")
        if name in splits:
            raise ValueError(f"{name} is named twice")
        splits[name] = Fraction(number)
    if sum(splits.values()) != 1:
        raise ValueError(f"the shares are {float(sum(splits.values())):g} in all, and must be 1")
    return Splits(splits)
