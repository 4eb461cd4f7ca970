"""Exact duplicates among records, and which of several is the best.

Two records are exact duplicates if instruction and response are the same apart from white space and the Unicode form of
characters. Near ones are found by near_duplicates.py.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Any

_DIGITS = re.compile(r"[0-9]+")


def content_key(record: dict[str, Any]) -> bytes:
    """16 bytes, the same for records that are exact duplicates.

    White space is removed, which is four times as fast as collapsing it. Unicode is normalised to NFC, not to NFKC, for
    which x² and x2 are the same.
    """
    key = blake2b(_without_space(record["instruction"]), digest_size=16)
    key.update(b" ")  # the boundary between the two counts
    key.update(_without_space(record["response"]))
    return key.digest()


def _without_space(text: str) -> bytes:
    if text.isascii():
        return text.encode().translate(None, b" \t\n\v\f\r\x1c\x1d\x1e\x1f")  # the white space of str.split()
    return "".join(unicodedata.normalize("NFC", text).split()).encode("utf-8", "surrogatepass")


def rank(record: dict[str, Any]) -> tuple[float, bool, str, str]:
    """A sort key, lowest for the best of several records: higher score, then accepted, then the earlier id.

    The score is meta.answer_score, or 0. Numbers in ids are compared as numbers: a/99 comes before a/123.
    """
    score, accepted = record["meta"].get("answer_score"), record["meta"].get("accepted")
    score = score if isinstance(score, (int, float)) else 0
    by_number = _DIGITS.sub(lambda digits: digits[0].zfill(20), record["id"])
    return (-score, accepted is not True, by_number, record["id"])
