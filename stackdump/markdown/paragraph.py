"""The paragraph in progress: its text, emphasis, links, images, code spans and formulas as Markdown."""

from __future__ import annotations

import re
from typing import Final

from stackdump.markdown.body_options import Options
from stackdump.markdown.emphasis import is_clear, misread
from stackdump.markdown.escape import (
    BREAK,
    FORMULA,
    SPACES,
    WS,
    clean_url,
    code_span,
    destination,
    escape,
    escape_all,
    escape_brackets,
    escape_end,
    has_odd_brackets,
    is_autolink,
    plain_code,
    quoted,
    unescape,
    unescape_attribute,
    write_breaks,
)
from stackdump.markdown.raw import raw_code
from stackdump.markdown.relax import relax
from stackdump.markdown.tex import formulas, whole_formula, without_block_lines

MAX_INLINE: Final = 16  # inline elements inside each other; deeper ones are written without their mark
MAX_CODE: Final = 1000  # characters of a code span that is joined to the one before
MAX_REPAIRS: Final = 20  # delimiters tried one by one in a paragraph, and
MAX_PAIRS: Final = 500  # pairs of them: beyond either, all become tags

PLACEHOLDER: Final = "enter image description here"  # what the sites' editor writes for a description
SMALL_PRINT: Final = frozenset(["<sub>", "<sup>", "</sub>", "</sup>"])
TAG_OF_MARK: Final = {"*": "em", "**": "strong", "~~": "del"}
_SPACE: Final = SPACES + BREAK
_SPACES: Final = re.compile(f"[{WS}]+")
_BLANK_LINES: Final = re.compile(r"\n\s*\n")
_CLOSING_HASHES: Final = re.compile(r"(?:^|(?<=[ \t]))(#+)$")


class IllNestedError(Exception):
    """The tokens are not well nested, or hold what the quick look cannot judge."""


class Inline:
    """An open inline element: its opening and closing marks (a link's: "[" and the address), its place in `line`.

    title: a link's. unseen: the first piece after it in which no line end has been looked for yet."""

    __slots__ = ("at", "closing", "opening", "title", "unseen")

    def __init__(self, opening: str, closing: str, at: int, title: str, unseen: int):
        self.opening, self.closing, self.at, self.title, self.unseen = opening, closing, at, title, unseen


class Paragraph:
    """Collects a paragraph (or heading, or table cell) in pieces: `line`; `take` gives its Markdown."""

    def __init__(self, options: Options):
        self.options = options
        self.math, self.trusted = options.math, options.trusted
        self.space = _SPACE if options.keep_nbsp else WS + BREAK  # what a block does not begin or end with
        self.head = ""  # "## " in a heading
        self.cell = False  # in a table cell
        self.line: list[str] = []
        self.special: list[str] = []  # characters that may need care in a text, without those that no text holds
        self.inlines: list[Inline | None] = []  # open elements (None: one that is not written)
        self.styles: set[str] = set()  # the marks among them
        self.in_label = False  # in the text of a link
        # places in `line`:
        self.marks: list[tuple[int, int, str]] = []  # both delimiters of an emphasis, and its mark
        self.links: list[tuple[int, int]] = []  # both ends of a link's text
        self.escaped: list[int] = []  # text with escapes
        self.label_texts: list[int] = []  # text of the open link
        self.doubtful = False  # a delimiter may be misread
        self.small_print = False  # some <sub> or <sup>
        self.wraps = False  # a line ends in some inline element
        self.last_code = (-1, "", "")  # the last code span's place, how it is written, and its code
        self.last_image = (-1, "", "")  # the last image's place, how it is written, and its address
        self.formulas: list[str] = []  # those of several lines, in whose place FORMULA stands

    def take(self) -> str:
        """The Markdown of what was collected, trimmed, with BREAK and FORMULA still in it; starts afresh."""
        line = self.line
        if len(line) == 1 and not self.escaped:  # nearly always: a text and nothing else
            return line.pop().strip(self.space)
        if self.escaped:
            relax(line, self.escaped, self.marks, self.links, bool(self.head) or self.cell)
            self.escaped.clear()
        body = self.with_readable_marks() if self.doubtful else "".join(line)
        line.clear()
        if self.marks or self.links:
            self.marks.clear()
            self.links.clear()
        return body.strip(self.space)

    def drop_small_print(self) -> None:
        """Takes away the <sub> or <sup> that all the paragraph stands in: small print, and no index or exponent."""
        line = self.line
        marks = {n for opening, closing, _ in self.marks for n in (opening, closing)}
        marks |= {n for link in self.links for n in link}
        self.small_print = False
        while True:
            tags: list[int] = []
            depth = 0
            for n, piece in enumerate(line):
                if piece in SMALL_PRINT:
                    if not depth and tags and piece != line[tags[0]]:  # a fraction, perhaps
                        return
                    if depth == (piece[1] == "/"):
                        tags.append(n)
                    depth += -1 if piece[1] == "/" else 1
                elif not depth and n not in marks and piece.strip(_SPACE):
                    return
            if not tags:
                return
            for n in tags:
                line[n] = ""
            self.doubtful = bool(self.marks)

    def with_readable_marks(self) -> str:
        """The paragraph with HTML tags in place of the delimiters that would not be read as meant."""
        line, marks, self.doubtful = self.line, self.marks, False
        attempts = MAX_REPAIRS if len(marks) <= MAX_PAIRS else 0
        while True:
            body = "".join(line)
            offsets, total = [], 0
            for piece in line:
                offsets.append(total)
                total += len(piece)
            # (in headings and cells a hard break is <br>)
            text = body.replace(BREAK, ">") if self.head or self.cell else body
            if attempts:
                for opening, closing, mark in marks:
                    if not is_clear(text, offsets[opening], offsets[closing], mark):
                        break
                else:
                    return body
            pairs = [(offsets[opening], offsets[closing], mark) for opening, closing, mark in marks]
            links = [(offsets[start], offsets[end]) for start, end in self.links]
            culprits = misread(text, pairs, links)[:1] if attempts else list(range(len(pairs)))
            if not culprits:
                return body
            for culprit in reversed(culprits):
                opening, closing, mark = marks.pop(culprit)
                line[opening], line[closing] = f"<{TAG_OF_MARK[mark]}>", f"</{TAG_OF_MARK[mark]}>"
            attempts = max(0, attempts - 1)

    def one_line(self, body: str) -> str:
        """The text of a heading or a cell."""
        body = write_breaks(self.with_formulas(body), "<br>").replace("\n", " ")
        if self.cell:
            return body.replace("|", "\\|")
        return self.head + (_CLOSING_HASHES.sub(r"\\\1", body) if body.endswith("#") else body)

    def with_formulas(self, body: str) -> str:
        parts = body.split(FORMULA)
        body = parts[0] + "".join(f + part for f, part in zip(self.formulas, parts[1:], strict=False))
        self.formulas.clear()
        return body

    # ---- text -------------------------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        """Text as it stands in the HTML, which holds a character that may need care."""
        if "<" in text and not self.trusted:
            raise IllNestedError
        has_references = "&" in text
        if has_references:
            text = unescape(text)
        if (has_references or self.options.invisible) and not text.isascii():
            text = self.options.spaces(text)
        pos = 0
        if self.options.find_math and ("$" in text or "\\" in text):
            for start, end, markdown in formulas(text, self.options.dollar):
                if pos < start:
                    self.beside_formula(text[pos:start], has_references)
                self.formula(markdown)
                pos = end
            text = text[pos:]
            if text and pos:
                self.beside_formula(text, has_references)
                return
        if text:
            self.literal(text)

    def beside_formula(self, text: str, had_references: bool) -> None:
        """Text that may hold nothing that needs care, because a formula did."""
        if not had_references:
            for char in self.special:
                if char in text:
                    break
            else:
                self.line.append(text)
                return
        self.literal(text)

    def literal(self, text: str) -> None:
        """Plain text without formulas."""
        line, markdown = self.line, escape(text, self.math)
        if len(markdown) > len(text):
            self.escaped.append(len(line))
        if self.in_label:
            self.label_texts.append(len(line))
        if markdown[0] == "~" and line and line[-1] == "~~":
            markdown = "\\" + markdown
        line.append(markdown)

    def formula(self, markdown: str) -> None:
        markdown = markdown.replace(BREAK, "\n")
        if "\n" in markdown:
            markdown = without_block_lines(_BLANK_LINES.sub("\n", markdown))
        if "\n" in markdown:
            self.formulas.append(markdown)
            markdown = FORMULA
        self.line.append(markdown)

    def math_container(self, html: str) -> bool:
        """The text of a span.math-container; False if it is not a formula (broken TeX, or no MathJax)."""
        markdown = whole_formula(self.options.spaces(unescape(html.replace(BREAK, "")))) if self.math else None
        if markdown:
            self.formula(markdown)
        return bool(markdown)

    def code(self, html: str) -> None:
        """The text of a code element."""
        line = self.line
        if BREAK in html:
            line.append(raw_code(["<code>", html, "</code>"], self.options))
            return
        code = plain_code(unescape(html) if "&" in html else html)
        if not code:
            return
        at, span, before = self.last_code
        # <code>a</code><code>b</code> shows as one
        if 0 <= at < len(line) and line[at] == span and not any(line[at + 1 :]):
            if len(before) > MAX_CODE:
                line.append("<!-- -->")
            else:
                code = before + code
                del line[at:]
        span = code_span(code)
        self.last_code = (len(line), span, code)
        line.append(span)

    def image(self, source: str, description: str, title: str) -> None:
        alt = self.attribute_text(description)
        alt = "" if alt == PLACEHOLDER else escape_all(alt, self.math)
        if has_odd_brackets(alt):
            alt = escape_brackets(alt)
        url = clean_url(source, self.options.base_url)
        image = f"![{alt}]({self.target(url, title)})"
        self.last_image = (len(self.line), image, url)
        self.line.append(image)

    def attribute_text(self, value: str) -> str:
        """The text of an attribute, as one line."""
        text = self.options.spaces(unescape_attribute(value.replace(BREAK, " ")))
        return " ".join(_SPACES.split(text)).strip(" ")

    def target(self, url: str, title: str) -> str:
        """What stands between the parentheses of a link or an image. title: an attribute."""
        if title and (text := self.attribute_text(title)):
            return f"{destination(url)} {quoted(text, self.math)}"
        return destination(url)

    def guard_end(self) -> None:
        """A tag that is not written ends here: what follows may give the text before it a meaning, as in `<` `b>`."""
        if self.line:
            self.line[-1] = escape_end(self.line[-1], "<&]!")

    # ---- inline elements --------------------------------------------------------------------------------------

    def open_inline(self, opening: str, closing: str, title: str = "") -> None:
        line = self.line
        if len(self.inlines) >= MAX_INLINE or opening in self.styles:
            self.inlines.append(None)
            return
        if opening in TAG_OF_MARK:
            self.styles.add(opening)
            if self.continues_mark(opening):
                line.pop()  # <em>a</em><em>b</em>: one emphasis
                self.inlines.append(Inline(opening, closing, self.marks.pop()[0], title, len(line)))
                self.doubtful = True
                return
        self.before_inline(opening)
        if opening == "[":
            self.in_label = True
            self.label_texts.clear()
        elif opening in SMALL_PRINT:
            self.small_print = True
        line.append("")  # a place for white space that moves out
        line.append(opening)
        self.inlines.append(Inline(opening, closing, len(line) - 1, title, len(line)))

    def continues_mark(self, opening: str) -> bool:
        """Has an emphasis of the same kind just ended?"""
        if not self.marks:
            return False
        _, at, mark = self.marks[-1]
        return at == len(self.line) - 1 and mark == opening

    def before_inline(self, opening: str) -> None:
        """What an opening mark does to the text before it."""
        line = self.line
        if line:
            if opening == "[":
                line[-1] = escape_end(line[-1], "!")
            elif opening == "~~":
                line[-1] = escape_end(line[-1], "~")
            if line[-1].endswith(("*", "~")):
                self.doubtful = True

    def mark_of_text(self, mark: str, text: str) -> None:
        """An emphasis of plain text: as if opened and closed, at a third of the cost."""
        line = self.line
        is_nested = mark in self.styles or len(self.inlines) >= MAX_INLINE
        if is_nested or self.continues_mark(mark) or text != text.strip(WS):
            self.open_inline(mark, mark)
            line.append(text)
            self.close_inline()
            return
        self.before_inline(mark)
        if "\n" in text:
            self.wraps = True
        if not (text[0].isalnum() and text[-1].isalnum()):
            self.doubtful = True
        at = len(line)
        line += (mark, text, mark)
        self.marks.append((at, at + 2, mark))

    def close_inline(self) -> None:
        inline = self.inlines.pop()
        if inline is None:
            return
        opening, closing, at = inline.opening, inline.closing, inline.at
        line, after = self.line, ""
        self.styles.discard(opening)
        if opening == "[":
            self.in_label = False
        for n in range(inline.unseen, len(line)):
            if "\n" in line[n] or BREAK in line[n]:
                self.wraps = True
        is_word = len(line) > at + 1 and line[at + 1][:1].isalnum() and line[-1][-1:].isalnum()
        if opening == "<code>" and len(line) > at + 1:  # (white space counts in code)
            line[at + 1 :] = [piece.replace("\n", " ") for piece in line[at + 1 :]]
        elif not is_word:
            before, after = self.trim(at + 1)
            if len(line) == at + 1:  # nothing in it
                line[at - 1 :] = [before + after]
                return
            line[at - 1] += before
        if opening == "[":
            self.close_link(at, closing, inline.title)
        elif opening in TAG_OF_MARK:
            if opening == "~~":  # a tilde inside would join the delimiter
                line[-1] = escape_end(line[-1], "~")
                if line[at + 1][:1] == "~" and line[at + 1] != "~~":
                    line[at + 1] = "\\" + line[at + 1]
            if not is_word:
                self.doubtful = True
            self.marks.append((at, len(line), opening))
            line.append(closing)
        else:
            line.append(closing)
        if after:
            line.append(after)

    def trim(self, first: int) -> tuple[str, str]:
        """Takes white space and hard breaks off both ends of the pieces from `first` on, and returns them."""
        line, before, after = self.line, [], []
        n = first
        while n < len(line):
            piece = line[n]
            line[n] = piece.lstrip(_SPACE)
            before.append(piece[: len(piece) - len(line[n])])
            if line[n]:
                break
            n += 1
        while len(line) > first:
            piece = line[-1]
            line[-1] = piece.rstrip(_SPACE)
            after.append(piece[len(line[-1]) :])
            if line[-1]:
                break
            line.pop()
        return "".join(before), "".join(reversed(after))

    def close_link(self, at: int, url: str, title: str) -> None:
        line = self.line
        if at < self.last_image[0] < len(line) and not title and self.is_image_of(at + 1, url):
            line[at] = ""
            return
        label = "".join(line[at + 1 :])
        is_itself = label == url or "\\" in label and label.replace("\\", "") == url
        if is_itself and not title and is_autolink(url, self.math):
            line[at:] = [f"<{url}>"]
            while self.escaped and self.escaped[-1] >= at:
                self.escaped.pop()
            return
        texts = [n for n in self.label_texts if n < len(line)]
        if has_odd_brackets("".join([line[n] for n in texts])):
            for n in texts:
                line[n] = escape_brackets(line[n])
        self.links.append((at, len(line)))
        line.append(f"]({self.target(url, title)})")

    def is_image_of(self, first: int, url: str) -> bool:
        """Are the pieces from `first` on the image at this address, and nothing else?"""
        at, image, source = self.last_image
        is_alone = self.line[at] == image and not any(self.line[first:at] + self.line[at + 1 :])
        return is_alone and source.removeprefix("https:").removeprefix("http:") == (
            url.removeprefix("https:").removeprefix("http:")
        )

    def reopen(self, inlines: list[Inline | None]) -> None:
        """Opens the same elements again, in a new paragraph."""
        for inline in inlines:
            if inline:
                self.open_inline(inline.opening, inline.closing, inline.title)
            else:
                self.inlines.append(None)
