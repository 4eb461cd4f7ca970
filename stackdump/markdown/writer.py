"""Well-nested HTML tokens -> Markdown, in one pass: the blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from stackdump.markdown.body_options import Options
from stackdump.markdown.escape import (
    BREAK,
    INVISIBLE,
    MAY_START_BLOCK,
    PARAGRAPH_END,
    SPACES,
    WS,
    absolute_url,
    clean_url,
    code_block,
    destination,
    escape_line_starts,
    is_autolink,
    join_lines,
    plain_code,
    unescape,
    write_breaks,
)
from stackdump.markdown.numbered import ESCAPED_NUMBER, TypedList, TypedNumber, sequences, typed_list
from stackdump.markdown.paragraph import MAX_INLINE, TAG_OF_MARK, IllNestedError, Paragraph
from stackdump.markdown.raw import MEANINGLESS, HtmlTable, attributes, raw_code, raw_html, read_table, write_table

MAX_DEPTH: Final = 40  # quotes and lists inside each other; deeper ones are written without their mark
MAX_NUMBER: Final = 999_999_999  # of a list item, in CommonMark

_CONTAINERS: Final = frozenset(["", "li", "blockquote", "div", "td"])
_SPACE: Final = WS + BREAK
_SPECIAL: Final = ["\\", "`", "*", "_", "[", "]", "<", "&", "~", BREAK]  # what may need care in a text
_SPECIAL_MATH: Final = [*_SPECIAL, "$"]
_TAG: Final = re.compile(r"<(/?[A-Za-z][^\s/<>]*)([^<>]*)>")
_ATTRIBUTES: Final = re.compile(r'(?:\s+[^\s"\'<>/=]+(?:="[^"]*")?)*+\s*/?')
_ANY_TAG: Final = re.compile(r"<[^<>]*>")
_LINK: Final = re.compile(r'<a href="([^"]*)"(?: rel="[^"]*")?>')
_PRE: Final = re.compile(r'<pre class="([^"]*)"><code>([^<]*)</code></pre>')
_MATH_CONTAINER: Final = '<span class="math-container">'
_LONE_TAG: Final = re.compile(r"\A(<[^\n]*>\s*?)\n")  # as the first line it would start an HTML block

_HEADINGS: Final = "h1 h2 h3 h4 h5 h6".split()
_SECTIONS: Final = "div section article main aside header footer nav center figure address body html".split()
_MARKS: Final = {"em": "*", "i": "*", "strong": "**", "b": "**", "del": "~~", "s": "~~", "strike": "~~"}
_SIMPLE_TAGS: Final = "sup sub kbd ins u small big".split()
_RAW_BLOCKS: Final = "dl dt dd details summary figcaption caption fieldset".split()
_RAW_CONTAINERS: Final = frozenset(["dl", "details"])
_EMBEDS: Final = frozenset("iframe video audio object embed source input svg".split())
_VOID: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_LONG_BLOCKS: Final = frozenset("pre ul ol blockquote table h1 h2 h3 h4 h5 h6 hr dl details".split())
_BLOCKS: Final = _LONG_BLOCKS | {"p", "div"}


class NotInlineError(Exception):
    """A table cell holds more than one paragraph."""


class _List:
    """A list being written: its mark ("-", "*", "." or ")"), the next number, how many items it has so far."""

    __slots__ = ("items", "loose", "mark", "number")

    def __init__(self, mark: str, number: int | None):
        self.mark, self.number, self.items, self.loose = mark, number, 0, False


class Writer(Paragraph):
    """Writes the Markdown of a token list ([text, tag, text, .., tag, text]): `run`, then `result`.

    A block is written as soon as its text is complete: first `lead` (what parts it from the block before, and the marks
    of the quotes and items that start with it), then its lines, each but the first after `prefix` (the marks of the
    open quotes and the indents of the open items). `gap` is the lead of a block that starts nothing.

    A handler gets the element's name, its attributes and the index of its tag; it returns the index of the next tag to
    handle if it has dealt with more than its own."""

    def __init__(self, options: Options):
        super().__init__(options)
        self.tokens: list[str] = []
        self.out: list[str] = []
        self.lead, self.prefix, self.gap = "", "", "\n\n"
        self.stack = [""]  # names of the open elements
        # what lead, prefix, gap, head and numbers were, and how long `out` was, before each open quote and item
        self.containers: list[tuple[str, str, str, str, int, list[TypedNumber]] | None] = []
        self.lists: list[_List | None] = []
        self.numbers: list[TypedNumber] = []  # of the container in progress
        self.last_list = (-1, "", "")  # where `out` ended after a list, its prefix and its mark
        self.has_values = False  # some <li value=..>

    def run(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.has_values = self.trusted and any(tag.startswith("<li value=") for tag in tokens[1::2])
        # Nearly every text lacks most of them, so those that none of the texts has are not looked for in each.
        texts = "".join(tokens[::2])
        special = [char for char in (_SPECIAL_MATH if self.math else _SPECIAL) if char in texts]
        if self.options.invisible:
            special += [char for char in INVISIBLE if char in texts]
        self.special = special
        line, exact = self.line, _EXACT
        text, i, n = tokens[0], 1, len(tokens)
        while True:
            if text and (line or not text.isspace() or text.strip(SPACES)):  # (such as a line separator)
                for char in special:
                    if char in text:
                        self.text(text)
                        break
                else:
                    line.append(text)
            if i >= n:
                break
            tag = tokens[i]
            if tag == "</p>\n\n<p>":  # (called by name, the commonest save compiled code a slow call and a boxed int)
                self.next_p("p", "", i)
                i += 2
            elif tag == "<p>":
                self.open_p("p", "", i)
                i += 2
            elif tag == "</p>":
                self.close_block("p", "", i)
                i += 2
            elif tag == "<li>":
                self.open_li("li", "", i)
                i += 2
            elif tag == "</li>":
                self.close_li("li", "", i)
                i += 2
            else:
                known = exact.get(tag) if len(tag) <= _LONGEST_EXACT else None
                i = (known[0](self, known[1], "", i) if known else self.other_tag(tag, i)) or i + 2
            text = tokens[i - 1]
        if len(self.stack) > 1 and not self.trusted:
            raise IllNestedError
        self.flush()
        self.write_numbers()

    def result(self) -> str:
        return "".join(self.out)

    # ---- blocks -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes the paragraph (or heading, or cell) in progress, if it holds anything."""
        if not self.line:
            return
        if self.inlines:
            self.flush_through_inlines()
            return
        if self.small_print and not self.head and not self.cell:
            self.drop_small_print()
        wraps = self.wraps
        self.wraps = False
        body = self.take()
        if not body:
            return
        if self.head or self.cell:
            body = self.one_line(body)
        else:
            if self.lead.endswith(" ") and body[0] in "-*" and self.lead.endswith(body[0] + " ") and self.is_rule(body):
                body = "\\" + body
            if BREAK in body:
                body = write_breaks(body, "\\\n")
            if "\n" in body:
                body = join_lines(body)
                typed = typed_list(body) if "\n2" in body else None
                if typed and not wraps and self.write_typed_list(typed):
                    return
                body = self.with_line_starts(body)
                if not typed:
                    self.note_number(body)
            elif body[0] in MAY_START_BLOCK:
                body = escape_line_starts(body)
                self.note_number(body)
            if self.formulas:
                body = self.with_formulas(body)
            if self.prefix:
                body = body.replace("\n", "\n" + self.prefix)
        self.write(body)

    def is_rule(self, body: str) -> bool:
        """Would an item that begins with its list's own mark be a rule, such as `- --`?"""
        return not body.partition("\n")[0].strip(body[0] + " ")

    def with_line_starts(self, body: str) -> str:
        body = escape_line_starts(body)
        return _LONE_TAG.sub(r"\1 ", body) if body[0] == "<" else body

    def literal(self, text: str) -> None:
        """Plain text, in which two hard breaks end the paragraph."""
        if BREAK not in text or self.head or self.cell:
            super().literal(text)
            return
        first, *others = PARAGRAPH_END.split(text)
        if first.lstrip(SPACES)[:1] == BREAK and self.ends_with_break():
            others.insert(0, first.lstrip(_SPACE))
        elif first:
            super().literal(first)
        for part in others:
            self.end_paragraph()
            if part:
                super().literal(part)

    def ends_with_break(self) -> bool:
        """Is a hard break the last that was written of the paragraph?"""
        opening = [inline.at for inline in self.inlines if inline]
        for n in range(len(self.line) - 1, -1, -1):
            shown = self.line[n].rstrip(SPACES)
            if shown and n not in opening:
                return shown[-1] == BREAK
        return False

    def end_paragraph(self) -> None:
        if self.stack[-1] == "li" and self.lists and (list_ := self.lists[-1]):
            list_.loose = True
        self.flush()

    def flush_through_inlines(self) -> None:
        """An inline element around blocks is written in each of them."""
        again = self.inlines[:]
        while self.inlines:
            self.close_inline()
        self.flush()
        self.reopen(again)

    def write(self, block: str) -> None:
        """A block whose lines have the prefix already."""
        if self.cell and self.out:
            raise NotInlineError
        self.out.append(self.lead)
        self.out.append(block)
        self.lead = self.gap

    def write_lines(self, block: str) -> None:
        """A block that is not a paragraph."""
        if self.cell:
            raise NotInlineError
        if self.prefix and "\n" in block:
            bare = self.prefix.rstrip()
            block = "\n".join([self.prefix + line if line else bare for line in block.split("\n")])[len(self.prefix) :]
        self.write(block)

    # ---- tags -------------------------------------------------------------------------------------------------

    def other_tag(self, tag: str, i: int) -> int | None:
        """A tag with attributes, or a rare one, or a whole element that the tokenizer took in one piece."""
        if tag.startswith("<a href=") and tag.endswith("</a>"):
            self.link_of_text(tag[9 : tag.find('"', 9)], tag[tag.find(">") + 1 : -4])
            return None
        if tag.startswith("<code>"):
            self.code(tag[6:-7])
            return None
        if tag.startswith("<strong>"):
            self.mark_of_text("**", tag[8:-9])
            return None
        if tag.startswith("<em>"):
            self.mark_of_text("*", tag[4:-5])
            return None
        if tag.startswith("<a ") and (found := _LINK.fullmatch(tag)):
            self.open_link(found[1])
            return None
        if tag.startswith("<pre><code>") and tag.endswith("</code></pre>"):
            self.code_block("", tag[11:-13])
            return None
        if tag.startswith("<pre ") and (found := _PRE.fullmatch(tag)):
            self.code_block(found[1], found[2])
            return None
        if tag.startswith(_MATH_CONTAINER) and tag.endswith("</span>"):
            html = tag[len(_MATH_CONTAINER) : -7]
            if not self.math_container(html):
                self.special = _SPECIAL_MATH  # (it is none of the texts)
                self.guard_end()
                self.text(html)
                self.guard_end()
            return None
        found = _TAG.fullmatch(tag)
        if not found and self.trusted:  # a tag that the repair took out
            return None
        if not found or not (self.trusted or _ATTRIBUTES.fullmatch(found[2])):
            raise IllNestedError
        name = found[1].lower()
        handler = _HANDLERS.get(name)
        if handler:
            return handler(self, name.lstrip("/"), found[2], i)
        if not self.trusted:
            raise IllNestedError
        if name[0] != "/":
            return self.open_other(name, found[2], i)
        self.close_tag(name[1:], "", i)
        return None

    def pop(self, name: str) -> bool:
        """Takes the element that closes off the stack."""
        if self.stack[-1] == name:
            self.stack.pop()
            return True
        if not self.trusted:
            raise IllNestedError
        return False

    def start_block(self) -> None:
        if self.stack[-1] not in _CONTAINERS and not self.trusted:
            raise IllNestedError
        self.flush()

    def end_of(self, name: str, i: int) -> int:
        """Index of the tag that closes the element whose tag is at index i."""
        opening, closing, depth = (f"<{name}>", f"<{name} "), f"</{name}>", 0
        tokens = self.tokens
        for n in range(i, len(tokens), 2):
            tag = tokens[n]
            if tag == closing:
                depth -= 1
                if depth == 0:
                    return n
            elif tag.startswith(opening) and not tag.endswith(closing):
                depth += 1
        if not self.trusted:
            raise IllNestedError
        return len(tokens) - 2

    def open_p(self, name: str, attrs: str, i: int) -> None:
        top = self.stack[-1]
        if top == "li" and self.lists and (list_ := self.lists[-1]):
            list_.loose = True
        elif top not in _CONTAINERS and not self.trusted:
            raise IllNestedError
        if self.line:
            self.flush()
        self.stack.append("p")

    def next_p(self, name: str, attrs: str, i: int) -> None:
        """`</p><p>`"""
        if self.stack[-1] != "p" and not self.trusted:
            raise IllNestedError
        self.flush()

    def open_heading(self, name: str, attrs: str, i: int) -> None:
        self.start_block()
        self.stack.append(name)
        self.head = "#" * int(name[1]) + " "

    def close_heading(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.flush()
            self.head = ""

    def open_section(self, name: str, attrs: str, i: int) -> None:
        self.start_block()
        self.stack.append(name)

    def close_block(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.flush()

    def rule(self, name: str, attrs: str, i: int) -> None:
        self.start_block()
        self.write_lines("***" if self.lead.endswith("- ") else "---")

    # ---- quotes and lists -------------------------------------------------------------------------------------

    def enter(self, mark: str, prefix: str) -> None:
        """Into a quote or an item."""
        self.containers.append((self.lead, self.prefix, self.gap, self.head, len(self.out), self.numbers))
        self.head, self.numbers = "", []
        self.lead += mark
        self.prefix += prefix
        self.gap = f"\n{self.prefix.rstrip()}\n{self.prefix}"

    def leave(self) -> bool:
        """Out of it; False if nothing was written in it."""
        state = self.containers.pop()
        if state is None:
            return True
        if self.numbers:
            self.write_numbers()
        lead, self.prefix, self.gap, self.head, size, self.numbers = state
        if len(self.out) == size:
            self.lead = lead
            return False
        self.lead = self.gap
        return True

    def open_quote(self, name: str, attrs: str, i: int) -> None:
        self.start_block()
        if self.cell:
            raise NotInlineError
        self.stack.append(name)
        if len(self.containers) >= MAX_DEPTH:
            self.containers.append(None)
        elif attrs and "spoiler" in attributes(attrs).get("class", "").split():
            self.enter(">! ", ">! ")
        else:
            self.enter("> ", "> ")

    def close_quote(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.flush()
            self.leave()

    def open_ul(self, name: str, attrs: str, i: int) -> None:
        self.open_list(name, None, i)

    def open_ol(self, name: str, attrs: str, i: int) -> int | None:
        number = 1
        if attrs:
            start = attributes(attrs).get("start", "").strip()
            if re.fullmatch(r"-?[0-9]+", start):
                number = int(start[:12])
            if "reversed" in attributes(attrs) or not 0 <= number <= MAX_NUMBER:
                return self.raw(name, i)
        if self.has_values and any(tag.startswith("<li value=") for tag in self.tokens[i : self.end_of(name, i) : 2]):
            return self.raw(name, i)
        self.open_list(name, number, i)
        return None

    def open_list(self, name: str, number: int | None, i: int) -> None:
        outer = self.lists[-1] if self.lists and self.stack[-1] == "li" else None
        size = len(self.out)
        self.start_block()
        after_text = len(self.out) > size
        if self.cell:
            raise NotInlineError
        self.stack.append(name)
        if len(self.containers) >= MAX_DEPTH:
            self.lists.append(None)
            return
        mark = "-" if number is None else "."
        if self.last_list == (len(self.out), self.prefix, mark):  # a list of the same mark would go on
            mark = "*" if number is None else ")"
        if after_text and outer and not outer.loose and number in (None, 1) and self.starts_with_text(i):
            self.lead = "\n" + self.prefix
        self.lists.append(_List(mark, number))

    def starts_with_text(self, i: int) -> bool:
        """Does the list at index i start with text? Only then may it follow a line of text."""
        tokens = self.tokens
        return i + 3 < len(tokens) and tokens[i + 2] == "<li>" and bool(tokens[i + 3].strip(_SPACE))

    def close_list(self, name: str, attrs: str, i: int) -> None:
        if self.line and not self.trusted:  # text beside the items
            raise IllNestedError
        if self.pop(name):
            list_ = self.lists.pop()
            if list_ and list_.items:
                self.lead = self.gap
                self.last_list = (len(self.out), self.prefix, list_.mark)

    def open_li(self, name: str, attrs: str, i: int) -> None:
        in_list = self.stack[-1] in ("ul", "ol")
        if not self.trusted and (not in_list or self.line or "value" in attrs.lower()):
            raise IllNestedError
        self.flush()
        self.stack.append(name)
        list_ = self.lists[-1] if in_list else None
        if list_ is None:  # without a list, or too deep: a paragraph
            self.containers.append(None)
            return
        if list_.items:
            self.lead = self.gap if list_.loose else "\n" + self.prefix
        list_.items += 1
        if list_.number is None:
            mark = list_.mark + " "
        else:
            mark = f"{list_.number}{list_.mark} "
            list_.number = min(list_.number + 1, MAX_NUMBER)
        self.enter(mark, " " * len(mark))

    def close_li(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.flush()
            lead = self.lead
            if not self.leave():  # an empty item
                self.write(lead[len(self.lead) :].rstrip(" "))

    # ---- numbered lists that are text -------------------------------------------------------------------------

    def write_typed_list(self, found: TypedList) -> bool:
        """Writes a paragraph that is a list; False if a reader would join it to the list before."""
        follows = self.last_list[0] == len(self.out) or self.numbers and self.numbers[-1].at == len(self.out) - 1
        if follows and not found.intro:
            return False
        parts = [self.with_line_starts(part) for part in [found.intro, *found.items] if part]
        parts = self.with_formulas(BREAK.join(parts)).split(BREAK)
        items = parts[-len(found.items) :]
        list_ = "\n".join(
            [
                f"{number}{found.mark} " + item.replace("\n", "\n" + " " * len(f"{number}{found.mark} "))
                for number, item in enumerate(items, 1)
            ]
        )
        self.write_lines(f"{parts[0]}\n\n{list_}" if found.intro else list_)
        self.last_list = (len(self.out), self.prefix, found.mark)
        return True

    def note_number(self, body: str) -> None:
        """Keeps in mind where a paragraph, which is about to be written, begins with a number."""
        if body[0].isdigit() and (number := ESCAPED_NUMBER.match(body)):
            after_list = self.last_list == (len(self.out), self.prefix, ")")
            self.numbers.append(TypedNumber(len(self.out) + 1, int(number[1]), after_list))

    def write_numbers(self) -> None:
        """Makes items of a list of the container's paragraphs that begin with `1)`, `2)` and so on."""
        last = -2
        for run in sequences(self.numbers):
            if run[0].after_list or run[0].at == last + 2:  # that list would go on
                continue
            for each in run:
                self.out[each.at] = self.as_item(self.out[each.at])
            last = run[-1].at
        self.numbers = []

    def as_item(self, paragraph: str) -> str:
        """`1\\) a` as an item of a list."""
        body = paragraph.replace("\n" + self.prefix, "\n")
        number = ESCAPED_NUMBER.match(body)
        assert number
        mark = f"{number[1]}) "
        first, *others = body[number.end() :].split("\n")
        return f"\n{self.prefix}{' ' * len(mark)}".join([mark + escape_line_starts(first), *others])

    # ---- code -------------------------------------------------------------------------------------------------

    def open_code(self, name: str, attrs: str, i: int) -> int:
        """Code with attributes, or with markup inside."""
        if self.tokens[i + 2 : i + 3] and self.tokens[i + 2].lower() == "</code>":
            self.code(self.tokens[i + 1])
            return i + 4
        if not self.trusted:
            raise IllNestedError
        end = self.end_of(name, i)
        names = {_name(tag).lstrip("/") for tag in self.tokens[i + 2 : end : 2]}
        if names <= MEANINGLESS:
            self.code("".join(self.tokens[i + 1 : end : 2]))
            return end + 2
        if _BLOCKS & names:
            self.stack.append(name)
            self.open_inline("<code>", "</code>")
            return i + 2
        self.line.append(raw_code(self.tokens[i : end + 1], self.options))
        return end + 2

    def open_pre(self, name: str, attrs: str, i: int) -> int:
        """A code block that is not simply <pre><code>..</code></pre>."""
        end = self.end_of(name, i)
        classes, text = [attributes(attrs).get("class", "")], [self.tokens[i + 1]]
        if not self.trusted and text[0].startswith("\n"):  # the parser has taken it already
            text[0] = text[0][1:]
        for n in range(i + 2, end, 2):
            tag = self.tokens[n]
            if tag.startswith("<code>") and tag.endswith("</code>"):
                text.append(tag[6:-7])
            elif tag.startswith("<code") and (self.trusted or _ATTRIBUTES.fullmatch(tag[5:-1])):
                classes.append(attributes(tag[5:-1]).get("class", ""))
            elif tag != "</code>" and not (self.trusted and _name(tag).lstrip("/") in MEANINGLESS):
                return self.raw(name, i)
            text.append(self.tokens[n + 1])
        self.code_block(" ".join(classes), "".join(text))
        return end + 2

    def code_block(self, classes: str, html: str) -> None:
        self.start_block()
        code = plain_code(unescape(html) if "&" in html else html)
        self.write_lines(code_block(code.replace(BREAK, "\n"), _language(classes)))

    # ---- inline elements --------------------------------------------------------------------------------------

    def open_mark(self, name: str, attrs: str, i: int) -> None:
        self.stack.append(name)
        self.open_inline(_MARKS[name], _MARKS[name])

    def close_tag(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.close_inline()

    def open_a(self, name: str, attrs: str, i: int) -> None:
        found = attributes(attrs)
        href = found.get("href")
        if href is None:
            self.open_transparent(name, attrs, i)
        elif "tag" in found.get("rel", "").split():  # the title is the site's: "show questions tagged"
            self.open_link(href)
        else:
            self.open_link(href, found.get("title", ""))

    def open_link(self, href: str, title: str = "") -> None:
        if not self.in_label:
            self.stack.append("a")
            self.open_inline("[", clean_url(href, self.options.base_url), title)
        else:
            self.open_transparent("a", "", 0)

    def link_of_text(self, href: str, text: str) -> None:
        """A link of plain text to a plain address: as if opened and closed, at a fourth of the cost."""
        line = self.line
        if self.in_label or len(self.inlines) >= MAX_INLINE or text != text.strip(WS):
            self.open_link(href)
            line.append(text)
            self.close_a("a", "", 0)
            return
        self.before_inline("[")
        url = absolute_url(href, self.options.base_url)
        if text == url and is_autolink(url, self.math):
            line.append(f"<{url}>")
            return
        if "\n" in text:
            self.wraps = True
        at = len(line)
        line += ("[", text, f"]({href if url == href else destination(url)})")
        self.links.append((at, at + 2))

    def open_transparent(self, name: str, attrs: str, i: int) -> None:
        """An inline element of which nothing is written."""
        if not self.trusted:
            raise IllNestedError
        self.guard_end()
        self.stack.append(name)
        self.inlines.append(None)

    def close_a(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.close_inline()
            self.guard_end()

    def open_span(self, name: str, attrs: str, i: int) -> int | None:
        if self.trusted and "math-container" in attributes(attrs).get("class", "").split():
            end = self.end_of(name, i)
            if self.math_container(_ANY_TAG.sub("", "".join(self.tokens[i + 1 : end]))):
                return end + 2
        self.open_transparent(name, attrs, i)
        return None

    def open_image(self, name: str, attrs: str, i: int) -> None:
        found = attributes(attrs)
        self.image(found.get("src", ""), found.get("alt", ""), found.get("title", ""))

    def open_other(self, name: str, attrs: str, i: int) -> int | None:
        """An inline element without a syntax of its own, such as sup: its tags, around Markdown."""
        if name in _EMBEDS:
            src = attributes(attrs).get("src")
            tag = f'<{name} src="{src}">' if src else f"<{name}>"
            if name in _VOID:
                self.line.append(tag)
                return None
            self.line.append(f"{tag}</{name}>")
            return self.end_of(name, i) + 2
        if name not in _VOID:
            self.stack.append(name)
            self.open_inline(f"<{name}>", f"</{name}>")
        return None

    # ---- tables and raw HTML ----------------------------------------------------------------------------------

    def open_table(self, name: str, attrs: str, i: int) -> int:
        self.start_block()
        if self.cell:
            raise NotInlineError
        end = self.end_of(name, i)
        table = read_table(self.tokens[i + 1 : end])
        if table and not any(table.rows):
            return end + 2
        if not table or not (lines := self.pipes(table)):
            return self.raw(name, i)
        self.write_lines(lines)
        return end + 2

    def pipes(self, table: HtmlTable) -> str | None:
        """The table as GFM writes it; None if GFM cannot."""
        if not table.is_simple():
            return None
        rows = []
        for row in table.rows:
            cells = []
            for cell in row:
                writer = Writer(self.options)
                writer.cell, writer.stack = True, ["td"]
                writer.reopen(self.inlines)
                try:
                    writer.run(cell.tokens)
                except NotInlineError:
                    return None
                cells.append(writer.result())
            rows.append(cells)
        return write_table(table, rows)

    def raw(self, name: str, i: int) -> int:
        """The element at index i as HTML, where Markdown has no syntax."""
        if not self.trusted:
            raise IllNestedError
        if self.cell:
            raise NotInlineError
        self.flush()
        end = self.end_of(name, i)
        styles = [TAG_OF_MARK[inline.opening] for inline in self.inlines if inline and inline.opening in TAG_OF_MARK]
        around = "".join(f"<{style}>" for style in styles), "".join(f"</{style}>" for style in reversed(styles))
        html = raw_html(self.tokens[i : end + 1], self.options, around)
        prefix = self.prefix
        if name == "pre":  # (the blank after the mark of a spoiler would be one of the text)
            self.prefix = prefix.replace(">! ", ">!")
        self.write_lines(html)
        self.prefix = prefix
        return end + 2

    def open_raw_block(self, name: str, attrs: str, i: int) -> int | None:
        """dl, details and the like: HTML if all is short, else Markdown between HTML tags."""
        if not self.trusted:
            raise IllNestedError
        if len(self.stack) > MAX_DEPTH:
            self.open_section(name, attrs, i)
            return None
        end = self.end_of(name, i)
        is_inside = name in _RAW_CONTAINERS or not _RAW_CONTAINERS.isdisjoint(self.stack)
        if is_inside and not self.inlines and not _LONG_BLOCKS.intersection(map(_name, self.tokens[i + 2 : end : 2])):
            return self.raw(name, i)
        self.flush()
        self.write_lines(f"<{name}>")
        self.stack.append(name)
        return None

    def close_raw_block(self, name: str, attrs: str, i: int) -> None:
        if self.pop(name):
            self.flush()
            if len(self.stack) <= MAX_DEPTH:
                self.write_lines(f"</{name}>")


def _name(tag: str) -> str:
    return tag[1 : tag.find(">")].split(" ", 1)[0]


def _language(classes: str) -> str:
    """The language that a class such as `lang-py prettyprint-override` names; "" for none."""
    for name in classes.split():
        prefix, _, language = name.partition("-")
        if prefix in ("lang", "language") and language:
            return "" if language.lower() in ("none", "default") else language
    return ""


# ---- dispatch -------------------------------------------------------------------------------------------------

Handler = Callable[[Writer, str, str, int], int | None]
_OPENING: dict[str, Handler] = {
    "p": Writer.open_p,
    "blockquote": Writer.open_quote,
    "ul": Writer.open_ul,
    "ol": Writer.open_ol,
    "li": Writer.open_li,
    "pre": Writer.open_pre,
    "hr": Writer.rule,
    "table": Writer.open_table,
    "a": Writer.open_a,
    "code": Writer.open_code,
    "span": Writer.open_span,
    "img": Writer.open_image,
    **dict.fromkeys(_HEADINGS, Writer.open_heading),
    **dict.fromkeys(_SECTIONS, Writer.open_section),
    **dict.fromkeys(_RAW_BLOCKS, Writer.open_raw_block),
    **dict.fromkeys(_MARKS, Writer.open_mark),
    **dict.fromkeys(_SIMPLE_TAGS, Writer.open_other),
}
_CLOSING: dict[str, Handler] = {
    "p": Writer.close_block,
    "blockquote": Writer.close_quote,
    "ul": Writer.close_list,
    "ol": Writer.close_list,
    "li": Writer.close_li,
    "a": Writer.close_a,
    "span": Writer.close_a,
    "code": Writer.close_tag,
    **dict.fromkeys(_HEADINGS, Writer.close_heading),
    **dict.fromkeys(_SECTIONS, Writer.close_block),
    **dict.fromkeys(_RAW_BLOCKS, Writer.close_raw_block),
    **dict.fromkeys([*_MARKS, *_SIMPLE_TAGS], Writer.close_tag),
}
_HANDLERS: Final = _OPENING | {f"/{name}": handler for name, handler in _CLOSING.items()}
# The tags as they stand nearly always, so that they need no parsing.
_EXACT: Final[dict[str, tuple[Handler, str]]] = {
    **{f"<{name}>": (handler, name) for name, handler in _OPENING.items()},
    **{f"</{name}>": (handler, name) for name, handler in _CLOSING.items()},
    **dict.fromkeys(["</p><p>", "</p>\n<p>", "</p>\n\n<p>"], (Writer.next_p, "p")),
    "<hr />": (Writer.rule, "hr"),
}
_LONGEST_EXACT: Final = len("</figcaption>")  # (longer ones need not be hashed)
