"""Rows `  <row Name="value" .. />`, read byte by byte in half of the parser's time, as machine code (`native.py`).

Whatever looks different, and whatever XML forbids, is left to the parser, so that both give the same rows.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_le
from mypy_extensions import i64

ROW_START: Final = b"  <row "
MOST_NAMES: Final = 1000  # kept as strings
LONGEST_NAME: Final = 100  # longer ones are for the parser, which has limits of its own
LONGEST_VALUE: Final = 1_000_000  # bytes, likewise

QUOTE: Final = 0x22
AMPERSAND: Final = 0x26
SEMICOLON: Final = 0x3B
SPACE: Final = 0x20
FIRST_OF_NONCHARACTER: Final = 0xEF  # U+FFFE and U+FFFF are EF BF BE and EF BF BF
# The first four bytes of the common references, as little-endian integers.
LT: Final = 0x3B746C26  # &lt;
GT: Final = 0x3B746726  # &gt;
LINE_END: Final = 0x41782326  # &#xA
QUOT: Final = 0x6F757126  # &quo
AMP: Final = 0x706D6126  # &amp
OTHER_REFERENCES: Final = {
    b"&#xD;": 13,
    b"&#x9;": 9,
    b"&#10;": 10,
    b"&#13;": 13,
    b"&#9;": 9,
    b"&apos;": 39,
    b"&#39;": 39,
}
LONGEST_REFERENCE: Final = 6

_names: Final[dict[bytes, str]] = {}  # of attributes, seen so far


class UnusualError(ValueError):
    """This is for the parser."""


def rows(batch: bytes) -> list[dict[str, str]] | None:
    """The attributes of each row of a batch as `RowReader.batches` yields them; None if any is for the parser."""
    found: list[dict[str, str]] = []
    at: i64 = 0
    end: i64 = len(batch)
    try:
        while at < end:
            row: dict[str, str] = {}
            at = _read_row(batch, at, row)
            found.append(row)
    except (IndexError, KeyError, ValueError):  # the batch ended within a row, or is not UTF-8
        return None
    return found


def _read_row(batch: bytes, at: i64, row: dict[str, str]) -> i64:
    """Add the attributes of the row that begins at `at`, and return where the next one begins."""
    if not batch.startswith(ROW_START, at):
        raise UnusualError
    at += len(ROW_START)
    while batch[at] != ord("/"):
        start = at
        while batch[at] != ord("="):
            at += 1
        name = _name(batch[start:at])
        if name in row or batch[at + 1] != QUOTE:
            raise UnusualError
        at = _read_value(batch, at + 2, row, name) + 1
        if batch[at] == ord(" "):
            at += 1
        elif batch[at] != ord("/"):
            raise UnusualError
    for end in (b"/>\r\n", b"/>\n"):
        if batch.startswith(end, at):
            return at + len(end)
    raise UnusualError


def _name(name: bytes) -> str:
    known = _names.get(name)
    if known is None:
        known = name.decode("ascii")
        # (xmlns is no attribute)
        if not known.isidentifier() or known.startswith("xml") or len(known) > LONGEST_NAME:
            raise UnusualError
        if len(_names) < MOST_NAMES:
            _names[name] = known
    return known


def _read_value(batch: bytes, start: i64, row: dict[str, str], name: str) -> i64:
    """Add the value that begins at `start`, and return where it ends."""
    at = start
    while (byte := batch[at]) != QUOTE and byte != AMPERSAND and byte >= SPACE and byte != FIRST_OF_NONCHARACTER:
        at += 1
    if batch.find(b'"', at, start + LONGEST_VALUE) < 0:
        raise UnusualError
    if byte == QUOTE:
        row[name] = batch[start:at].decode()
        return at
    value = BytesWriter()
    value.write(batch[start:at])
    while (byte := batch[at]) != QUOTE:
        if byte == AMPERSAND:
            at = _read_reference(batch, at, value)
            continue
        if byte < SPACE:
            if byte != ord("\t"):
                raise UnusualError
            byte = SPACE  # as XML wants it in attributes
        elif byte == FIRST_OF_NONCHARACTER and batch[at + 1] == 0xBF and batch[at + 2] >= 0xBE:
            raise UnusualError
        value.append(byte)
        at += 1
    row[name] = value.getvalue().decode()
    return at


def _read_reference(batch: bytes, at: i64, value: BytesWriter) -> i64:
    """Write the character of the reference that begins at `at`, and return where it ends."""
    first = read_i32_le(batch, at)
    if first == LT:
        value.append(ord("<"))
        return at + 4
    if first == GT:
        value.append(ord(">"))
        return at + 4
    if first == LINE_END and batch[at + 4] == SEMICOLON:
        value.append(ord("\n"))
        return at + 5
    if first == QUOT and batch[at + 4] == ord("t") and batch[at + 5] == SEMICOLON:
        value.append(QUOTE)
        return at + 6
    if first == AMP and batch[at + 4] == SEMICOLON:
        value.append(ord("&"))
        return at + 5
    end: i64 = batch.find(b";", at, at + LONGEST_REFERENCE) + 1
    if not end:
        raise UnusualError
    value.append(OTHER_REFERENCES[batch[at:end]])
    return end
