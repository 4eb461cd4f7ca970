"""The rows of a table's XML as raw bytes, one row a line, from a stream of any size.

Nearly all dumps have one `<row .../>` a line. Such a line is checked to be just that, and passed on as it is. From the
first line that looks otherwise on, an XML parser reads the rest and writes each row in that form. So everything behind
this module may rely on one thing: ` Id="` in a row is the beginning of its Id, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from stackdump.errors import DumpError

# A whole row with every value in double quotes. Possessive quantifiers keep the match linear.
ROW_LINE = re.compile(rb'[ \t]*+<row(?:[ \t]++[A-Za-z_][\w.-]*+="[^"<]*+")*+[ \t]*+/>[ \t\r]*+')
# The same at a fifth of the time for the lines as Stack Exchange writes them: where no value is in single quotes, a
# double quote is the beginning or the end of one.
USUAL_START, USUAL_ENDS = b"  <row ", (b" />\r", b" />", b"/>\r", b"/>")
SINGLE_QUOTES = re.compile(rb"=\s*+'")
PROLOG = re.compile(rb"(?:\s++|<\?xml[^>]*+>|<!--.*?-->)*+", re.S)
LONGEST_PROLOG = 1 << 16  # bytes before the root
LONGEST_ROW = 1 << 26  # bytes; the sites allow 30,000 characters a post

# References to characters, but for the common ones to line ends and tabs. Some are to characters that XML 1.0 forbids
# (section 2.2); the dumps of July 2024 hold such.
REFERENCE = re.compile(rb"&#(?!xA;|xD;|x9;)(?:x([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
REPLACEMENT = "\ufffd".encode()
LONGEST_REFERENCE = 16  # bytes


@dataclass
class RowReader:
    """Reads one table.

    table: the root element's name in lower case, as in `posts`; path: for errors.
    replaced: how many forbidden characters have become U+FFFD so far; count: the rows so far.
    """

    table: str
    path: str
    count: int = 0
    replaced: int = 0

    def rows(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Each row as `<row .../>`, without white space around it. Raises DumpError for what is no such table."""
        lines = _lines(self._without_forbidden(chunks), self.path)
        rest = self._skip_prolog(lines)
        for line in _chain(rest, lines):
            if _is_usual(line) or ROW_LINE.fullmatch(line):
                self.count += 1
                yield line.strip()
            elif line.strip():
                yield from self._parse(line, lines)
                return
        raise self._cut()

    def _without_forbidden(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        held = b""  # the beginning of a reference at the end of a chunk
        for chunk in chunks:
            chunk = held + chunk
            cut = chunk.rfind(b"&", max(0, len(chunk) - LONGEST_REFERENCE))
            held, chunk = (chunk[cut:], chunk[:cut]) if cut >= 0 else (b"", chunk)
            yield REFERENCE.sub(self._replace_forbidden, chunk)
        yield held

    def _replace_forbidden(self, reference: re.Match[bytes]) -> bytes:
        code = int(reference[1], 16) if reference[1] else int(reference[2])
        if code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF:
            return reference[0]
        self.replaced += 1
        return REPLACEMENT

    def _skip_prolog(self, lines: Iterator[bytes]) -> bytes:
        """Read up to and with the root's start tag; returns what follows it on its line."""
        prolog = b""
        for line in lines:
            prolog += line + b"\n"
            begin = PROLOG.match(prolog.removeprefix(b"\xef\xbb\xbf"))
            assert begin
            rest = prolog.removeprefix(b"\xef\xbb\xbf")[begin.end() :]
            if rest.startswith(b"<!--") and len(prolog) < LONGEST_PROLOG:
                continue  # a comment that goes on in the next line
            if rest:
                return self._after_root(rest)
        raise DumpError(f"{self.path}: is empty; fetch the dump again")

    def _after_root(self, rest: bytes) -> bytes:
        root = re.match(rb"<%s\s*>" % self.table.encode(), rest, re.I)
        if root:
            return rest[root.end() :]
        if rest[:10].upper().startswith(b"<!DOCTYPE"):
            raise DumpError(f"{self.path}: declares a DOCTYPE, which no dump does; it is not read, for safety")
        if rest.startswith(b"version https://git-lfs"):
            raise DumpError(f"{self.path}: is a Git LFS pointer, not the file itself; run `git lfs pull`")
        seen = " ".join(rest[:40].decode("utf-8", "replace").split())
        raise DumpError(
            f"{self.path}: has no <{self.table}> element around its rows, it begins with {seen!r}; fetch it again"
        )

    def _parse(self, first: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
        """The rows from the line `first` on, by an XML parser, up to the root's end tag."""
        parser = etree.XMLPullParser(events=("end",), resolve_entities=False, no_network=True, load_dtd=False)
        try:
            parser.feed(b"<%s>" % self.table.encode())
            for line in _chain(first, lines):
                parser.feed(line + b"\n")
                for _, element in parser.read_events():
                    if element.tag == self.table:
                        if any(line.strip() for line in lines):
                            raise DumpError(f"{self.path}: goes on after </{self.table}>; fetch it again")
                        return
                    if element.tag == "row":
                        self.count += 1
                        element.tail = None
                        yield etree.tostring(element, encoding="utf-8").replace(b"\n", b" ")
                    element.getparent().remove(element)
        except etree.XMLSyntaxError as error:
            raise DumpError(f"{self.path}: is not XML after row {self.count:,} ({error.msg}); fetch it again") from None
        raise self._cut()

    def _cut(self) -> DumpError:
        return DumpError(
            f"{self.path}: is cut after row {self.count:,}, its </{self.table}> is missing; fetch it again"
        )


def _is_usual(line: bytes) -> bool:
    row = line.startswith(USUAL_START) and line.endswith(USUAL_ENDS) and line.count(b"<") == 1
    return row and not SINGLE_QUOTES.search(line)


def _lines(chunks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """The lines of a stream, without their line feeds."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        *lines, last = chunk.split(b"\n")
        if lines:
            yield b"".join([*held, lines[0]])
            yield from lines[1:]
            held, size = [], 0
        held.append(last)
        size += len(last)
        if size > LONGEST_ROW:
            raise DumpError(f"{path}: has a row of more than {LONGEST_ROW:,} bytes; it is no Stack Exchange dump")
    yield b"".join(held)


def _chain(first: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from lines


def parse_rows(rows: list[bytes], path: str) -> list[dict[str, str]]:
    """The attributes of raw rows. Raises DumpError naming the row that is not well-formed XML in UTF-8."""
    try:
        return _attributes(rows)
    except etree.XMLSyntaxError:
        for row in rows:
            try:
                _attributes([row])
            except etree.XMLSyntaxError as error:
                seen = row[:60].decode("utf-8", "replace")
                raise DumpError(f"{path}: is not XML in the row {seen}... ({error.msg}); fetch it again") from None
        raise


def _attributes(rows: list[bytes]) -> list[dict[str, str]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False)
    return [dict(row.items()) for row in etree.fromstring(b"<rows>%s</rows>" % b"".join(rows), parser)]
