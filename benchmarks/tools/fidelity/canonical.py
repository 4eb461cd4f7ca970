"""Canonical form of a Stack Exchange post: what it means, and nothing else.

`canonical(html, ...)` turns HTML into a flat list of tokens.  Two pieces of HTML
mean the same exactly when their token lists are equal.  The form is strict: every
difference counts unless LENIENCIES (below) names it.  Adding a leniency is a
decision about what the data set may lose; add it there, with a reason, or not at all.

Tokens (tuples):
    ("<", name, *args)   a block or an inline container opens: p h1..h6 ul ol li quote
                         table tr th td a sup sub kbd ins ... (a carries its URL,
                         ol its start, quote "spoiler" or "", th/td their alignment)
    (">", name)          it closes
    ("t", text, style)   text; style is a sorted tuple out of em, strong, del
    ("code", text, style), ("pre", lang, text), ("math", kind, tex, style)
    ("img", src, alt, style), ("br",), ("hr",), ("embed", name, src)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from benchmarks.tools.fidelity.texscan import HAS_MATH, math_spans, normal_tex, plain_spaces

Token = tuple[Any, ...]
Style = frozenset[str]
Stack = tuple[tuple[Any, ...], ...]  # open inline containers, outermost first
Atom = list[Any]  # kind, payload, style, stack

LENIENCIES = {
    # --- two spellings of one thing -------------------------------------------------
    "L1 b=strong, i=em, s=strike=del": "Markdown has one syntax for each pair and HTML renders them alike.",
    "L2 nesting order of em/strong/del, among themselves and with links":
        "style is compared per character, so only what is styled counts; `***x***` cannot say which is outer.",
    "L3 adjoining or doubled em/strong/del":
        "<em>a</em><em>b</em> shows as <em>ab</em> and em in em as em; follows from comparing per character.",
    "L4 style of white space, and white space at the inner edge of an inline element":
        "`*foo *bar` is not emphasis in Markdown, so the space has to move out; it is invisible there.",
    "L5 white space outside pre/code (runs of space, tab, newline)": "HTML collapses it.",
    "L6 tight and loose lists; bare text and a lone <p> in li/blockquote/td/div/body":
        "the same paragraph; spacing between items is presentation.",
    "L7 <pre>text</pre> = <pre><code>text</code></pre>; one final newline of a block":
        "a Markdown code block always renders as pre+code with a final newline.",
    "L8 newline inside an inline code span = space":
        "CommonMark turns it into a space; nothing else in code is forgiven.",
    "L9 code language lang-none/lang-default/none/default = no language; case": "both say: do not highlight.",
    "L10 percent-encoding of a URL: %41=A for unreserved characters, `é`=%C3%A9, hex case, blanks around it":
        "RFC 3986 says it is the same URL; reserved characters stay distinct.",
    "L11 white space in TeX, <br> included (but a newline that ends a % comment counts)":
        "TeX ignores it; Markdown re-wraps nothing else.",
    "L12 math delimiters: \\[..\\] = $$..$$; \\\\(..\\\\) and, in a math-container, \\$..\\$ = $..$; outside math "
    "on a MathJax site \\$ = $":
        "the same formula; Markdown cannot carry \\[ unescaped; \\$ is MathJax's own escape.",
    # --- things with no meaning for a reader ------------------------------------------
    "L13 attributes other than href, src, alt, start/value/reversed, colspan/rowspan, cell alignment, "
    "class=spoiler, code language":
        "rel, title, class, id, width, height, data-*: not in the text.",
    "L14 div and the like (section, aside, center, ...), span and an <a> without href are transparent (a block one "
    "still ends the paragraph)":
        "wrappers (snippet, s-table-container, tag anchors) show nothing.",
    "L15 HTML comments": "invisible.",
    "L16 inline elements, p, headings, blockquotes, ul/ol, tables, table rows without content":
        "nothing is visible; li, td and pre without content are kept.",
    "L17 <br> at the start or the end of a block, white space around <br>": "no visible effect, or a blank line.",
    "L18 thead/tbody/tfoot and empty cells at the end of a row":
        "th/td already say it; GFM pads short rows with empty cells.",
    "L19 <br> in pre = newline": "what a browser shows; posts of 2008 have it, and a code block has no other line end.",
    "L22 U+00A0 and the other spaces of Unicode = a space; U+200B, U+2060, U+FEFF (with U+200C before U+200B) = "
    "nothing; not in addresses":
        "code with them does not parse, and in text no reader sees them; most came in by copying.",
    "L23 <br><br> in a paragraph = its end":
        "it looks the same, and not every reader of Markdown takes hard breaks on lines of their own.",
    "L24 sub or sup (one of them, however often) around all of a paragraph, not in a table":
        "small print: there is nothing that it could be an index or an exponent of.",
    "L25 adjoining code spans of one style": "they show as one; Markdown cannot separate them.",
    "L26 span and font in code": "how a highlighter coloured it.",
    "L27 a link around an image alone, to the image's own address (http: = https:)":
        "the sites' way to show it large: a reader has the image already.",
    "L28 the description \"enter image description here\" = none": "the editor's placeholder.",
    "L29 lines of a paragraph, or paragraphs side by side or not, that begin `1)`, `2)`.. (lines: or `1.`, `2.`..) = "
    "items of a list":
        "their authors typed a list, which old Markdown took for text; two at least, from 1, without a gap.",
    # --- ill-formed HTML ---------------------------------------------------------------
    "L20 ill-nested HTML is repaired by the HTML5 algorithm; then an inline element around blocks is pushed into "
    "each block":
        "what a browser shows; Markdown has no inline element around blocks.",
    "L21 something other than li directly in ul/ol belongs to the item before it":
        "browsers show it there; Markdown can only write it there.",
}  # fmt: skip

WS = " \t\n\r\f"
STYLES = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "s": "del", "strike": "del", "del": "del"}  # L1
TRANSPARENT_INLINE = {"span"}
COLOURS = {"span", "font"}  # L26
TRANSPARENT_BLOCK = {
    "li",
    "div",
    "section",
    "article",
    "main",
    "body",
    "html",
    "aside",
    "header",
    "footer",
    "nav",
    "center",
    "figure",
    "address",
}
OTHER_BLOCKS = {"dl", "dt", "dd", "details", "summary", "figcaption", "caption", "fieldset"}
EMBEDS = {"iframe", "video", "audio", "object", "embed", "source", "input", "svg"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def canonical(html: str, math: bool = False, rendered: bool = False) -> list[Token]:
    """Tokens of `html`.

    math      the post is from a MathJax site: find TeX in the text
    rendered  html is our renderer's output, in which math is already marked as
              <x-math>; any other `$` in it is a dollar
    """
    root = LexborHTMLParser(html, is_fragment=True, fragment_tag="body").root
    # Newer dumps mark every formula, so a `$` outside the marks is a dollar.
    marked = "math-container" in html
    b = _Builder(math, find_math=math and not rendered and not marked, unescape_dollar=math and not rendered)
    b.children(_siblings(root), frozenset(), ())
    b.flush()
    return _with_typed_lists(_without_empty(b.out))


def canonical_url(url: str) -> str:  # L10
    url = re.sub(r"[\t\n\r]", "", url.strip(WS))

    def fix(m: re.Match[str]) -> str:
        s = m.group()
        if s[0] != "%":
            return "".join(f"%{c:02X}" for c in s.encode("utf-8", "surrogatepass"))
        if len(s) == 1:
            return "%25"
        c = chr(int(s[1:], 16))
        return c if re.match(r"[A-Za-z0-9._~-]", c) else s.upper()

    return re.sub(r"%[0-9A-Fa-f]{2}|%|[^!#$&'()*+,./:;=?@\w~-]|[^\x00-\x7f]", fix, url, flags=re.A)


def code_language(*classes: str) -> str:
    for cls in classes:
        for c in (cls or "").split():
            m = re.fullmatch(r"(?:lang|language)-(.+)", c)
            if m:
                lang = m[1].lower()
                return "" if lang in ("none", "default") else lang  # L9
    return ""


def _siblings(n: LexborNode | None) -> list[LexborNode]:
    out = []
    while n is not None:
        out.append(n)
        n = n.next
    return out


def _kids(node: LexborNode) -> list[LexborNode]:
    return _siblings(node.child)


def _text(node: LexborNode) -> str:
    # (not node.text(): for a top-level node selectolax adds the text of its siblings)
    return "".join(d.text_content for d in _descendants(node) if d.is_text_node)


def _attr(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


class _Builder:
    """Walks the tree; blocks go straight to `out`, inline atoms collect in `line`
    until a block boundary turns them into a paragraph (or a heading)."""

    def __init__(self, math: bool, find_math: bool, unescape_dollar: bool):
        self.math, self.find_math, self.unescape_dollar = math, find_math, unescape_dollar
        self.out: list[Token] = []
        self.line: list[Token] = []  # (kind, payload, style, stack)
        self.para = "p"
        self.serial = 0

    # ---- tree ---------------------------------------------------------------------
    def children(self, nodes: list[LexborNode], style: Style, stack: Stack) -> None:
        i = 0
        while i < len(nodes):
            n = nodes[i]
            if n.is_text_node or (n.tag == "br" and self.find_math):
                # MathJax looks for math in a run of text, <br> and comments
                j, run = i, []
                while j < len(nodes) and (nodes[j].is_text_node or nodes[j].is_comment_node or nodes[j].tag == "br"):
                    if not nodes[j].is_comment_node:
                        run.append(nodes[j])
                    j += 1
                self.text_run(run, style, stack)
                i = j
                continue
            if n.is_element_node:
                self.element(n, style, stack)
            i += 1

    def text_run(self, run: list[LexborNode], style: Style, stack: Stack) -> None:
        text = plain_spaces("".join(n.text_content if n.is_text_node else "\x00" for n in run))  # L22
        pos = 0
        if self.find_math and HAS_MATH(text):
            for start, end, kind, tex in math_spans(text):
                self.plain(text[pos:start], style, stack)
                self.atom("math", (kind, normal_tex(tex.replace("\x00", "\n"))), style, stack)
                pos = end
        self.plain(text[pos:], style, stack)

    def plain(self, text: str, style: Style, stack: Stack) -> None:
        for k, piece in enumerate(text.split("\x00")):
            if k:
                self.atom("br", (), frozenset(), stack)
            if self.unescape_dollar:
                piece = piece.replace("\\$", "$")  # L12
            if piece:
                self.atom("t", piece, style, stack)

    def atom(self, kind: str, payload: Any, style: Style, stack: Stack) -> None:
        self.line.append((kind, payload, style, stack))

    def push(self, stack: Stack, *what: str) -> Stack:
        self.serial += 1
        return stack + ((*what, self.serial),)

    def element(self, n: LexborNode, style: Style, stack: Stack) -> None:
        tag = n.tag
        if tag in STYLES:
            self.children(_kids(n), style | {STYLES[tag]}, stack)
        elif tag == "p" or tag in HEADINGS or tag in TRANSPARENT_BLOCK:
            self.flush()
            outer, self.para = self.para, tag if tag in HEADINGS else self.para
            self.children(_kids(n), style, stack)
            self.flush()
            self.para = outer
        elif tag == "br":
            self.atom("br", (), frozenset(), stack)
        elif tag == "a" and (image := _image_of_itself(n)):
            self.element(image, style, stack)
        elif tag == "a" and n.attributes.get("href") is not None:
            self.children(_kids(n), style, self.push(stack, "a", canonical_url(_attr(n, "href"))))
        elif tag == "img":
            self.atom("img", (canonical_url(_attr(n, "src")), _description(n)), style, stack)
        elif tag == "code":
            self.code(n, style, stack)
        elif tag == "pre":
            self.flush()
            self.pre(n)
        elif tag in ("ul", "ol"):
            self.list_element(n, style, stack)
        elif tag == "blockquote":
            self.block(
                ("<", "quote", "spoiler" if "spoiler" in _attr(n, "class").split() else ""), _kids(n), style, stack
            )
        elif tag == "table":
            self.table(n, style, stack)
        elif tag == "hr":
            self.flush()
            self.out.append(("hr",))
        elif tag == "x-math":
            self.atom("math", (_attr(n, "kind"), normal_tex(_attr(n, "tex"))), style, stack)
        elif tag == "span" and "math-container" in _attr(n, "class").split():
            self.math_container(n, style, stack)
        elif tag in EMBEDS:
            self.atom("embed", (tag, canonical_url(_attr(n, "src"))), style, stack)
        elif tag in OTHER_BLOCKS:
            self.block(("<", tag), _kids(n), style, stack)
        elif tag in TRANSPARENT_INLINE or tag == "a":  # L14
            self.children(_kids(n), style, stack)
        else:  # sup, sub, kbd, ins, u, small, ruby, ... and anything unknown
            self.children(_kids(n), style, self.push(stack, tag))

    def block(self, opening: Token, nodes: list[LexborNode], style: Style, stack: Stack) -> None:
        self.flush()
        outer, self.para = self.para, "p"
        self.out.append(opening)
        self.children(nodes, style, stack)
        self.flush()
        self.out.append((">", opening[1]))
        self.para = outer

    def math_container(self, n: LexborNode, style: Style, stack: Stack) -> None:
        text = _text(n)
        if self.math:  # \\$..\\$ is how electronics, codereview, rpg write $..$
            text = re.sub(r"^\s*\\\$(?!\$)(.*)\\\$\s*$", r"$\1$", text, flags=re.S)
        spans = list(math_spans(text)) if self.math else []
        if len(spans) == 1 and not (text[: spans[0][0]] + text[spans[0][1] :]).strip(WS):
            self.atom("math", (spans[0][2], normal_tex(spans[0][3])), style, stack)
        else:  # broken TeX, which MathJax shows as text: `$h_{ab$`
            self.children(_kids(n), style, stack)

    def code(self, n: LexborNode, style: Style, stack: Stack) -> None:
        kids = _kids(n)
        if all(d.tag in COLOURS or not d.is_element_node for d in _descendants(n)):
            text = plain_spaces(_text(n))  # L22
            if text:
                self.atom("code", text.replace("\n", " "), style, stack)  # L8
            return
        find, self.find_math = self.find_math, False
        unesc, self.unescape_dollar = self.unescape_dollar, False
        self.children(kids, style, self.push(stack, "code"))
        self.find_math, self.unescape_dollar = find, unesc

    def pre(self, n: LexborNode) -> None:
        codes = [k for k in _kids(n) if k.tag == "code"]
        lang = code_language(_attr(n, "class"), *(_attr(c, "class") for c in codes))
        if all(d.tag in {"code", "br"} | COLOURS or not d.is_element_node for d in _descendants(n)):
            text = "".join(
                d.text_content if d.is_text_node else "\n" for d in _descendants(n) if d.is_text_node or d.tag == "br"
            )  # L19
            self.out.append(("pre", lang, _one_newline_less(plain_spaces(text))))
            return

        # markup inside: character data with tags in between, white space kept
        def text_token(characters: str) -> None:
            before = self.out.pop()[1] if self.out[-1][0] == "t" else ""
            self.out.append(("t", before + characters, ()))

        def walk(node: LexborNode) -> None:
            for k in _kids(node):
                if k.is_text_node:
                    text_token(plain_spaces(k.text_content))
                elif k.tag == "br":
                    text_token("\n")
                elif k.tag == "code" or k.tag in COLOURS:
                    walk(k)
                elif k.is_element_node:
                    name = STYLES.get(k.tag, k.tag)
                    self.out.append(("<", name, canonical_url(_attr(k, "href")) if k.tag == "a" else ""))
                    walk(k)
                    self.out.append((">", name))

        self.out.append(("<", "pre", lang))
        walk(n)
        self.out.append((">", "pre"))

    def list_element(self, n: LexborNode, style: Style, stack: Stack) -> None:
        items = []
        for k in _kids(n):
            if k.tag == "li" and k.is_element_node:
                items.append((_attr(k, "value"), _kids(k)))
            elif k.is_element_node or (k.is_text_node and k.text_content.strip(WS)):  # L21
                if not items:
                    items.append(("", []))
                items[-1][1].append(k)
        start = ""
        if n.tag == "ol":
            start = _attr(n, "start").strip()
            start = str(int(start)) if re.fullmatch(r"-?[0-9]+", start) else "1"
            if "reversed" in n.attributes:
                start += " reversed"
        self.flush()
        self.out.append(("<", n.tag, start))
        for value, kids in items:
            self.block(("<", "li", value) if value else ("<", "li"), kids, style, stack)
        self.out.append((">", n.tag))

    def table(self, n: LexborNode, style: Style, stack: Stack) -> None:
        self.flush()
        self.out.append(("<", "table"))
        for d in _descendants(n, into=("thead", "tbody", "tfoot")):
            if d.tag == "caption":
                self.block(("<", "caption"), _kids(d), style, stack)
            elif d.tag == "tr":
                row, self.out = self.out, []
                cells = [("<", "tr")]
                for c in _kids(d):
                    if c.tag in ("td", "th"):
                        size = len(self.out)
                        self.block(("<", c.tag, _alignment(c), *_spans(c)), _kids(c), style, stack)
                        if len(self.out) > size + 2:  # not empty: keep it and all before it (L18)
                            cells += self.out
                            self.out = []
                self.out = row + cells + [(">", "tr")]
        self.out.append((">", "table"))

    # ---- paragraphs -----------------------------------------------------------------
    def flush(self) -> None:
        line, self.line = self.line, []
        if self.para != "p":
            self.out += _wrapped(self.para, line)
            return
        is_cell = bool(self.out) and self.out[-1][:2] in (("<", "td"), ("<", "th"))
        for part in _split_at_double_breaks(line):
            self.out += _wrapped("p", part) if is_cell else _paragraph(part)


def _descendants(node: LexborNode, into: Collection[str] | None = None) -> Iterator[LexborNode]:
    for k in _kids(node):
        yield k
        if into is None or k.tag in into:
            yield from _descendants(k, into)


def _description(image: LexborNode) -> str:
    text = re.sub(r"[ \t\n\r\f]+", " ", plain_spaces(_attr(image, "alt"))).strip(WS)
    return "" if text == "enter image description here" else text  # L28


def _image_of_itself(link: LexborNode) -> LexborNode | None:  # L27
    """The image in a link that holds nothing else and leads to the image; None for other links."""
    inside = [node for node in _descendants(link) if node.tag not in TRANSPARENT_INLINE and _is_shown(node)]
    if [node.tag for node in inside] != ["img"] or link.attributes.get("href") is None:
        return None
    image = inside[0]
    href, src = (re.sub("^https?:", "", canonical_url(url)) for url in (_attr(link, "href"), _attr(image, "src")))
    return image if href == src else None


def _is_shown(node: LexborNode) -> bool:
    return node.is_element_node or node.is_text_node and bool(plain_spaces(node.text_content).strip(WS))


def _alignment(cell: LexborNode) -> str:
    m = re.search(r"text-align:\s*(\w+)", _attr(cell, "style"))
    return (m[1] if m else _attr(cell, "align")).lower()


def _spans(cell: LexborNode) -> list[str]:
    return [f"{a}={_attr(cell, a)}" for a in ("colspan", "rowspan") if _attr(cell, a) not in ("", "1")]


def _one_newline_less(text: str) -> str:  # L7
    return text[:-1] if text.endswith("\n") else text


# ---- paragraphs and lists that their authors typed ----------------------------------
def _wrapped(name: str, line: list[Token]) -> list[Token]:
    tokens = _inline_tokens(line)
    return [("<", name), *tokens, (">", name)] if tokens else []


def _paragraph(line: list[Token]) -> list[Token]:
    line = _without_small_print(line)
    return _list_of_lines(line) or _wrapped("p", line)


def _is_blank(atom: Token) -> bool:
    return atom[0] == "t" and not atom[1].strip(WS)


def _split_at_double_breaks(line: list[Token]) -> list[list[Token]]:  # L23
    parts: list[list[Token]] = [[]]
    breaks = 0
    for atom in line:
        if atom[0] == "br":
            breaks += 1
        elif not _is_blank(atom):
            if breaks > 1:
                parts.append([])
            breaks = 0
        parts[-1].append(atom)
    return parts


def _without_small_print(line: list[Token]) -> list[Token]:  # L24
    while True:
        shown = [atom for atom in line if atom[0] != "br" and not _is_blank(atom)]
        outermost = [next((container for container in atom[3] if container[0] != "a"), ("",)) for atom in shown]
        if {container[0] for container in outermost} not in ({"sub"}, {"sup"}):
            return line
        line = [(*atom[:3], tuple(container for container in atom[3] if container not in outermost)) for atom in line]


_LINE_NUMBER = re.compile(r"(?:^|(?<=\n))[ \t]*(?=[1-9][0-9]{0,8}[.)][ \t]+[^ \t\n\r\f])")
_LATER_NUMBER = re.compile(r"(?<=\n)" + _LINE_NUMBER.pattern)
_NUMBER = re.compile(r"[ \t]*([1-9][0-9]{0,8})([.)])[ \t]+")
_OBJECT = "\ufffc"  # stands for the formula, image ... after a text, which makes a line of a number alone an item


def _split_at_numbers(line: list[Token]) -> list[list[Token]]:
    """The paragraph up to the first line that begins with a number, and from each such line to the next."""
    parts: list[list[Token]] = [[]]
    at_start = True
    for atom, after in zip(line, [*line[1:], ("br",)], strict=False):
        kind, payload, style, stack = atom
        if kind == "t" and not style and not stack:
            ends_line = after[0] == "br" or after[0] == "t" and re.match(r"[ \t\r\f]*(?:\n|$)", after[1])
            shown = payload if ends_line else payload + _OBJECT
            for n, text in enumerate((_LINE_NUMBER if at_start else _LATER_NUMBER).split(shown)):
                if n:
                    parts.append([])
                if text := text.removesuffix(_OBJECT):
                    parts[-1].append((kind, text, style, stack))
        else:
            parts[-1].append(atom)
        if kind == "t":
            at_start = bool(re.search(r"\n[ \t]*$", payload)) or at_start and _is_blank(atom)
        else:
            at_start = kind == "br"
    return parts


def _list_of_lines(line: list[Token]) -> list[Token]:  # L29
    """The tokens of a paragraph with lines that begin 1), 2).. as a list; none if it has no such lines."""
    while line and (line[-1][0] == "br" or _is_blank(line[-1])):
        line = line[:-1]
    before, *items = _split_at_numbers(line)
    marks = [mark for item in items if (mark := _NUMBER.match(item[0][1]))]
    if len(items) < 2 or [mark[1] for mark in marks] != [str(n) for n in range(1, len(items) + 1)]:
        return []
    if len({mark[2] for mark in marks}) > 1 or any(atom[0] == "br" for atom in items[-1]):
        return []
    out = [*_wrapped("p", before), ("<", "ol", "1")]
    for mark, (first, *others) in zip(marks, items, strict=True):
        text = ("t", first[1][mark.end() :], *first[2:])
        paragraph = _wrapped("p", _without_small_print([text, *others]))
        if not paragraph:
            return []
        out += [("<", "li"), *paragraph, (">", "li")]
    return [*out, (">", "ol")]


def _small_print(tokens: list[Token], start: int) -> list[int]:  # L24
    """Places of the tags of sub and sup around all of the rest of a paragraph."""
    end = tokens.index((">", "p"), start) - 1
    places: list[int] = []
    while tokens[start] in (("<", "sub"), ("<", "sup")) and tokens[end] == (">", tokens[start][1]):
        depths = accumulate({"<": 1, ">": -1}.get(token[0], 0) for token in tokens[start + 1 : end])
        if any(depth < 0 for depth in depths):  # the two tags are not a pair
            break
        places += [start, end]
        start, end = start + 1, end - 1
    return places


class _Numbered(NamedTuple):
    """A paragraph that begins with a number: the place of its opening tag, the length of the number and its mark."""

    at: int
    number: int
    length: int


def _numbered(tokens: list[Token], at: int) -> _Numbered | None:
    kind, *rest = tokens[at + 1]
    if kind != "t" or rest[1]:
        return None
    found = re.match(r"([1-9][0-9]{0,8})\)[ \t]+", rest[0])
    if found and (found.end() < len(rest[0]) or tokens[at + 2] != (">", "p")):
        return _Numbered(at, int(found[1]), found.end())
    return None


def _sequences(tokens: list[Token]) -> dict[int, _Numbered]:
    """By place, the paragraphs of one container that number from 1 without a gap, two at least."""
    open_: list[list[_Numbered]] = [[]]  # the latest sequence in each container that is open
    complete: list[list[_Numbered]] = []
    for at, token in enumerate(tokens):
        if token[:2] == ("<", "p"):
            found, run = _numbered(tokens, at), open_[-1]
            if found and found.number == 1:
                complete.append(run)
                open_[-1] = [found]
            elif found and run and run[-1].number == found.number - 1:
                run.append(found)
        elif token[0] == "<":
            open_.append([])
        elif token[0] == ">" and token[1] != "p":
            complete.append(open_.pop())
    return {each.at: each for run in [*complete, *open_] if len(run) > 1 for each in run}


def _with_typed_lists(tokens: list[Token]) -> list[Token]:  # L29
    """Paragraphs of one container that begin 1), 2).. as a list, or as lists of one item if others separate them."""
    typed = _sequences(tokens)
    out: list[Token] = []
    left_out: set[int] = set()
    in_item: _Numbered | None = None
    last_end, last_number = -1, 0  # of the latest typed list
    for at, token in enumerate(tokens):
        if at in typed:
            in_item = typed[at]
            if last_end == len(out) and last_number == in_item.number - 1:
                out.pop()
            else:
                out.append(("<", "ol", str(in_item.number)))
            out += [("<", "li"), token]
            left_out.add(at + 1)
            if rest := tokens[at + 1][1][in_item.length :]:
                out.append(("t", rest, ()))
            else:
                left_out.update(_small_print(tokens, at + 2))
        elif at not in left_out:
            out.append(token)
            if token == (">", "p") and in_item:
                out += [(">", "li"), (">", "ol")]
                last_end, last_number, in_item = len(out), in_item.number, None
    return out


_NOSTYLE: Style = frozenset()


def _inline_tokens(line: list[Token]) -> list[Token]:
    """Atoms -> tokens: white space collapsed and moved into what its neighbours share
    (L4, L5), <br> trimmed (L17), runs of one style joined (L2, L3)."""
    atoms: list[Atom] = []
    for kind, payload, style, stack in line:
        if kind != "t":
            atoms.append([kind, payload, style, stack])
            continue
        keep_ws = any(s[0] == "code" for s in stack)
        for piece in [payload.replace("\n", " ")] if keep_ws else re.split(r"([ \t\n\r\f]+)", payload):
            if not piece:
                continue
            if not keep_ws and piece[0] in WS:
                if atoms and atoms[-1][0] not in ("ws", "br"):
                    atoms.append(["ws", " ", _NOSTYLE, stack])
            else:
                atoms.append(["t", piece, style, stack])
    # no white space before <br>, no <br> or white space at the start or the end
    trimmed: list[Atom] = []
    for a in atoms:
        if a[0] in ("ws", "br") and not trimmed:
            continue
        if a[0] == "br" and trimmed and trimmed[-1][0] == "ws":
            trimmed.pop()
        trimmed.append(a)
    while trimmed and trimmed[-1][0] in ("ws", "br"):
        trimmed.pop()
    # white space and <br> belong to whatever both neighbours belong to
    for i, a in enumerate(trimmed):
        if a[0] in ("ws", "br"):
            before = next((x for x in trimmed[i - 1 :: -1] if x[0] not in ("ws", "br")), None) if i else None
            after = next(x for x in trimmed[i + 1 :] if x[0] not in ("ws", "br"))
            a[3] = _common(before[3], after[3]) if before else ()
            if a[0] == "ws":
                a[0], a[2] = "t", (before[2] & after[2] if before else _NOSTYLE)
    tokens: list[Token] = []
    open_: Stack = ()
    for kind, payload, style, stack in trimmed:
        if stack != open_:
            same = len(_common(open_, stack))
            tokens += [(">", s[0]) for s in reversed(open_[same:])]
            tokens += [("<", *s[:-1]) for s in stack[same:]]
            open_ = stack
        style = tuple(sorted(style))
        if kind == "t":
            if tokens and tokens[-1][0] == "t" and tokens[-1][2] == style:
                tokens[-1] = ("t", tokens[-1][1] + payload, style)
            else:
                tokens.append(("t", payload, style))
        elif kind == "br":
            tokens.append(("br",))
        elif kind == "code" and tokens and tokens[-1][0] == "code" and tokens[-1][2] == style:  # L25
            tokens[-1] = ("code", tokens[-1][1] + payload, style)
        elif kind == "code":
            tokens.append(("code", payload, style))
        else:
            tokens.append((kind, *payload, style))
    return tokens + [(">", s[0]) for s in reversed(open_)]


def _common(a: Stack, b: Stack) -> Stack:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]


def _without_empty(tokens: list[Token]) -> list[Token]:  # L16
    out: list[Token] = []
    for t in tokens:
        if (
            t[0] == ">"
            and t[1] in ("quote", "ul", "ol", "table", "caption", "tr")
            and out
            and out[-1][0] == "<"
            and out[-1][1] == t[1]
        ):
            out.pop()
        else:
            out.append(t)
    return out
