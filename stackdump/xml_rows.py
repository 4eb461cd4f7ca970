"""The rows of a table's XML, from a stream of any size: in batches of complete rows, and parsed.

Nearly all dumps have one `  <row .../>` a line. A batch of lines in which every `<` begins such a line ends where a
row ends, and is passed on as it is, to be parsed on any core. From the first batch that looks different on, one parser
reads the rest and writes each row in that form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree

import stackdump
from records.errors import InputError
from stackdump import native

if native.is_compiled():
    native.use("stackdump", stackdump.__path__)
    from stackdump.quick_rows import rows as quick_rows
else:  # it would take longer than the parser

    def quick_rows(batch: bytes) -> list[Row] | None:
        return None


Row = dict[str, str]  # a row's attributes

ROW_START = b"  <row "
BATCH = 1 << 19  # bytes at least
QUOTED = rb"""(?:"[^"]*+"|'[^']*+')"""
# A DOCTYPE that only names a DTD, which is not fetched: two dumps that people share have one.
DOCTYPE = rb"<!DOCTYPE\s++[\w.:-]++(?:\s++(?:SYSTEM|PUBLIC\s++%s)\s++%s)?+\s*+>" % (QUOTED, QUOTED)
PROLOG = re.compile(rb"(?:\s++|<\?xml[^>]*+>|<!--.*?-->|%s)*+" % DOCTYPE, re.S)
LONGEST_PROLOG = 1 << 16  # bytes before the root
LONGEST_ROW = 1 << 26  # bytes; the sites allow 30,000 characters a post

# References to characters, except the common ones to line ends and tabs. The dumps of July 2024 have some to characters
# that XML 1.0 forbids (section 2.2).
REFERENCE = re.compile(rb"&#(?!xA;|xD;|x9;)(?:x([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
REPLACEMENT = "\ufffd".encode()


@dataclass
class RowReader:
    """Reads one table.

    table: the root element's name in lower case, as in `posts`; path: for errors.
    count: the rows so far; replaced: how many forbidden characters have become U+FFFD here so far.
    """

    table: str
    path: str
    count: int = 0
    replaced: int = 0

    def rows(self, chunks: Iterable[bytes]) -> Iterator[Row]:
        """The attributes of each row. Raises InputError if this is not such a table."""
        for batch in self.batches(chunks):
            rows, replaced = parse_rows(batch, self.path)
            self.replaced += replaced
            yield from rows

    def batches(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The table as batches of complete rows, for `parse_rows`. Raises InputError."""
        batches = _line_batches(chunks, self.path)
        rest = self._skip_prolog(batches).lstrip(b"\r\n")
        for batch in _chain(rest, batches):
            rows = _count_usual(batch)
            if not rows:
                yield from self._parse(batch, batches)
                return
            self.count += rows
            yield batch
        raise self._cut()

    def _skip_prolog(self, batches: Iterator[bytes]) -> bytes:
        """Read up to the end of the root's start tag, and return what follows it in its batch."""
        prolog = b""
        for batch in batches:
            prolog = (prolog + batch).removeprefix(b"\xef\xbb\xbf")
            begin = PROLOG.match(prolog)
            assert begin
            rest = prolog[begin.end() :]
            is_open = rest.startswith(b"<!--") or (rest.startswith(b"<!DOCTYPE") and b">" not in rest)
            if is_open and len(prolog) < LONGEST_PROLOG:
                continue  # it continues in the next batch
            if rest:
                return self._after_root(rest)
        raise InputError(f"{self.path}: is empty; fetch the dump again")

    def _after_root(self, rest: bytes) -> bytes:
        root = re.match(rb"<%s\s*(/?)>" % self.table.encode(), rest, re.I)
        if root:
            end = b"</%s>" % self.table.encode() if root[1] else b""  # the element is empty
            return end + rest[root.end() :]
        if rest[:10].upper().startswith(b"<!DOCTYPE"):
            raise InputError(
                f"{self.path}: declares a DOCTYPE with definitions, which dumps never do; it is not read, for safety"
            )
        if rest.startswith(b"version https://git-lfs"):
            raise InputError(f"{self.path}: is a Git LFS pointer, not the file itself; run `git lfs pull`")
        seen = " ".join(rest[:40].decode("utf-8", "replace").split())
        raise InputError(
            f"{self.path}: has no <{self.table}> element around its rows, it begins with {seen!r}; fetch it again"
        )

    def _parse(self, first: bytes, batches: Iterator[bytes]) -> Iterator[bytes]:
        """The batches from `first` on, by one XML parser, up to the root's end tag."""
        parser = etree.XMLPullParser(events=("end",), resolve_entities=False, no_network=True, load_dtd=False)
        lines = (line for batch in _chain(first, batches) for line in batch.splitlines(keepends=True))
        held: list[bytes] = []
        size = 0
        try:
            parser.feed(b"<%s>" % self.table.encode())
            for line in lines:
                parser.feed(self._without_forbidden(line))
                for _, element in parser.read_events():
                    if element.tag == self.table:
                        if any(map(bytes.strip, lines)):
                            raise InputError(f"{self.path}: goes on after </{self.table}>; fetch it again")
                        yield b"".join(held)
                        return
                    if element.tag == "row":
                        self.count += 1
                        held.append(_row_line(element))
                        size += len(held[-1])
                    element.getparent().remove(element)
                if size > BATCH:
                    yield b"".join(held)
                    held, size = [], 0
        except etree.XMLSyntaxError as error:
            raise InputError(
                f"{self.path}: is not XML after row {self.count:,} ({error.msg}); fetch it again"
            ) from None
        raise self._cut()

    def _without_forbidden(self, xml: bytes) -> bytes:
        allowed, replaced = replace_forbidden(xml)
        self.replaced += replaced
        return allowed

    def _cut(self) -> InputError:
        return InputError(
            f"{self.path}: is cut after row {self.count:,}, its </{self.table}> is missing; fetch it again"
        )


def _line_batches(chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """The stream in pieces of complete lines; only the last may end within one."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        cut = chunk.rfind(b"\n") + 1
        if cut and size >= BATCH:
            held[-1] = chunk[:cut]
            yield b"".join(held)
            held, size = [chunk[cut:]], len(chunk) - cut
        elif size > LONGEST_ROW:
            raise InputError(f"{path}: has a row of more than {LONGEST_ROW:,} bytes; it is not a Stack Exchange dump")
    yield b"".join(held)


def _chain(first: bytes, batches: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from batches


def _count_usual(batch: bytes) -> int:
    """The number of rows in a batch in which each line, and each `<`, begins a row, and the last row ends; else 0."""
    rows, at = 0, -1
    while (at := batch.find(b"<", at + 1)) >= 0:  # (a fifth of the time of counting)
        if not (batch.startswith(b"\n" + ROW_START, at - 3) or at == 2 and batch.startswith(ROW_START)):
            return 0
        rows += 1
    return rows if rows == batch.count(b"\n") and batch.endswith((b"/>\n", b"/>\r\n")) else 0


def _row_line(element: etree._Element) -> bytes:
    element.tail = None
    xml: bytes = etree.tostring(element, encoding="utf-8")
    return b"  " + xml.replace(b"\n", b" ") + b"\n"


def parse_rows(batch: bytes, path: str) -> tuple[list[Row], int]:
    """The attributes of each row of a batch, and how many characters that XML forbids became U+FFFD.

    Raises InputError, naming the row, if one is not well-formed XML in UTF-8.
    """
    if (rows := quick_rows(batch)) is not None:
        return rows, 0
    with suppress(etree.XMLSyntaxError):
        return _attributes(batch), 0
    allowed, replaced = replace_forbidden(batch)
    with suppress(etree.XMLSyntaxError):
        return _attributes(allowed), replaced
    for line in allowed.split(b"\n"):
        try:
            _attributes(line)
        except etree.XMLSyntaxError as error:
            seen = line.strip()[:60].decode("utf-8", "replace")
            raise InputError(f"{path}: is not XML in the row {seen}... ({error.msg}); fetch it again") from None
    raise InputError(f"{path}: is not XML; fetch it again")


class _Rows:
    """A parser's target: a tree of elements would take 1.5 times as long."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def start(self, tag: str, attributes: Row) -> None:
        self.rows.append(attributes)

    def close(self) -> list[Row]:
        rows, self.rows = self.rows, []  # parser and target, which hold each other, live until they are collected
        return rows[1:]  # without the element around them


def _attributes(batch: bytes) -> list[Row]:
    parser = etree.XMLParser(target=_Rows(), no_network=True)
    rows: list[Row] = etree.fromstring(b"<rows>%s</rows>" % batch, parser)
    return rows


def replace_forbidden(xml: bytes) -> tuple[bytes, int]:
    """XML with U+FFFD in place of references to characters that it forbids, and how many there were."""
    replaced = 0

    def replace(reference: re.Match[bytes]) -> bytes:
        nonlocal replaced
        code = int(reference[1], 16) if reference[1] else int(reference[2])
        if code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF:
            return reference[0]
        replaced += 1
        return REPLACEMENT

    return REFERENCE.sub(replace, xml), replaced
