"""A response parsed once, for all rules: which of its characters are prose, and which are code, math or markup.

The parser is pulldown-cmark (package pyromark). It gives the position of every element in the source, which
markdown-it-py does not do within a paragraph, and it is seven times as fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import pyromark

OBJECT = "\ufffc"  # U+FFFC, object replacement character: replaces each character of code and math in prose
GONE = " "  # replaces each character of markup in prose

OPTIONS = pyromark.Options.ENABLE_MATH | pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
SURROGATE = re.compile(r"[\ud800-\udfff]")
# Math for MathJax, but not for pulldown-cmark: environments without dollars, and dollars with spaces inside.
_ENVIRONMENT_SIDE = re.compile(r"\\(begin|end)\s*\{([\w*]+)\}")
_FIRST_BYTES = bytes(byte & 0xC0 != 0x80 for byte in range(256))  # 1 for those that begin a character in UTF-8
_ESCAPED_DOLLARS = re.compile(r"\\\$(?:[^$\\\n]|\\.)+?\\\$")
SPACED_DOLLARS = re.compile(r"(\$\$?)(?=[^$]*?\\?[A-Za-z0-9)}][_^\\]|[^$]*?\\[A-Za-z])(?:[^$\n]|\n(?!\s*\n))+\1")


class Finding(NamedTuple):
    """A criterion that a response fails, and the place: response[start:end]."""

    criterion: int
    reason: str  # one of a few fixed texts, so that they can be counted
    start: int
    end: int


class Span(NamedTuple):
    """response[start:end]."""

    start: int
    end: int


class Link(NamedTuple):
    """A link or an image, including its text and brackets."""

    start: int
    end: int
    address: str
    is_image: bool


@dataclass
class ParsedResponse:
    """A question, and its response with the places of its parts."""

    instruction: str
    response: str
    prose: str = ""  # the response with all but its prose replaced by OBJECT, GONE or newlines
    code: list[Span] = field(default_factory=list)  # blocks and spans, with their fences
    math: list[Span] = field(default_factory=list)  # with their dollars
    html: list[Span] = field(default_factory=list)  # tags, and lines of blocks of them
    quotes: list[Span] = field(default_factory=list)  # block quotes, the outermost
    links: list[Link] = field(default_factory=list)  # the outer before the inner
    participants: Sequence[str] = ()  # names of the thread's other authors

    @staticmethod
    def of(instruction: str, response: str, participants: Sequence[str] = ()) -> ParsedResponse:
        """Parse a response; never raises on odd text."""
        parsed = ParsedResponse(instruction, response, participants=participants)
        parsed._read_events()
        parsed._read_math()
        return parsed

    @property
    def whole(self) -> Span:
        return Span(0, len(self.response))

    @cached_property
    def own(self) -> str:
        """The prose without block quotes, which are not the answer's own words."""
        return blanked(self.prose, self.quotes)

    @cached_property
    def own_lower(self) -> str:
        """`own` in lower case, with every character at the same position."""
        lower = self.own.lower()
        return lower if len(lower) == len(self.own) else self.own.replace("İ", "I").lower()  # which becomes two

    @cached_property
    def own_utf8(self) -> bytes:
        return parsable(self.own).encode()

    def _read_events(self) -> None:
        text = parsable(self.response)
        place = characters_by_byte(text)
        pieces, begin, done = [], 0, 0  # of the prose; where the next one begins, and how much of the text was read
        quote_end = 0  # of the outermost quote around the events
        for event, where in pyromark.events_with_range(text, options=OPTIONS):
            if isinstance(event, str) or "End" in event:
                continue
            [(kind, value)] = event.items()
            if value == "Paragraph":
                continue
            start, end = place[where["start"]], place[where["end"]]
            if kind == "Text":
                if (markup := text[done:start]).strip("\n"):
                    pieces += [text[begin:done], _filled(markup, GONE)]
                    begin = start
                done = end
            elif kind == "Start":
                tag, attributes = next(iter(value.items())) if isinstance(value, dict) else (value, {})
                if tag == "CodeBlock":
                    self.code.append(Span(start, end))
                elif tag == "BlockQuote" and start >= quote_end:
                    self.quotes.append(Span(start, end))
                    quote_end = end
                elif tag in ("Link", "Image"):
                    self.links.append(Link(start, end, attributes["dest_url"], tag == "Image"))
            elif kind == "Code":
                self.code.append(Span(start, end))
            elif kind in ("InlineMath", "DisplayMath"):
                self.math.append(Span(start, end))
            elif kind in ("InlineHtml", "Html"):
                self.html.append(Span(start, end))
        pieces += [text[begin:done], _filled(text[done:], GONE)]
        images = [link for link in self.links if link.is_image]  # whose alternative texts are not prose
        self.prose = blanked(blanked("".join(pieces), images), self.code + self.math, OBJECT)

    def _read_math(self) -> None:
        if "\\" not in self.prose:
            return
        found, _ = environments(self.prose)
        self.prose = blanked(self.prose, found, OBJECT)
        found += [Span(*match.span()) for match in SPACED_DOLLARS.finditer(self.prose)]
        self.prose = blanked(self.prose, found, OBJECT)
        self.math += found


def parsable(text: str) -> str:
    """The text without lone surrogates, which UTF-8 and what is not written in Python cannot hold."""
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


def blanked(text: str, spans: Iterable[Span | Link], character: str = GONE) -> str:
    """The text with each character of the spans replaced, except for newlines."""
    pieces, done = [], 0
    for start, end, *_ in sorted(spans):
        if end > done:
            start = max(start, done)
            pieces += [text[done:start], _filled(text[start:end], character)]
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _filled(text: str, character: str) -> str:
    if "\n" not in text:
        return character * len(text)
    return "\n".join([character * len(line) for line in text.split("\n")])


def environments(text: str) -> tuple[list[Span], list[Span]]:
    """The outermost TeX environments in a text, and each unpaired \\begin{..} and \\end{..}."""
    paired: list[Span] = []
    unpaired: list[Span] = []
    opened: list[re.Match[str]] = []
    for match in _ENVIRONMENT_SIDE.finditer(text):
        if match[1] == "begin":
            opened.append(match)
        elif opened and opened[-1][2] == match[2]:
            start = opened.pop().start()
            while paired and paired[-1].start > start:
                paired.pop()
            paired.append(Span(start, match.end()))
        else:
            unpaired.append(Span(*match.span()))
    return paired, sorted(unpaired + [Span(*match.span()) for match in opened])


def math_of_escaped_dollars(text: str) -> list[Span]:
    r"""The formulas of the sites that write \$x\$."""
    return [Span(*match.span()) for match in _ESCAPED_DOLLARS.finditer(text)]


def characters_by_byte(text: str) -> Sequence[int]:
    """The position in a text for each position in its UTF-8 at which a character begins, and for the end."""
    if text.isascii():
        return range(len(text) + 1)
    return list(accumulate(text.encode().translate(_FIRST_BYTES), initial=0))
