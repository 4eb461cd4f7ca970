"""Tables as pipes, and raw HTML for what Markdown has no syntax for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape as escape_html
from typing import Final

from stackdump.markdown.body_options import Options
from stackdump.markdown.escape import (
    BREAK,
    WS,
    clean_url,
    escape_all,
    escape_brackets,
    join_lines,
    plain_code,
    unescape,
)
from stackdump.markdown.tex import formulas, whole_formula

_ALIGN: Final = re.compile(r"text-align:\s*(\w+)")
_ATTRIBUTE: Final = re.compile(r'\s+([^\s"\'<>/=]+)(?:="([^"]*)")?')
_DASHES: Final = {"": "---", "left": ":--", "center": ":-:", "right": "--:"}
_SECTIONS: Final = frozenset(["thead", "/thead", "tbody", "/tbody", "tfoot", "/tfoot", "tr", "/tr"])
_BLANK_LINE_IN_PRE: Final = re.compile(r"\n(?=[ \t]*+(?:\n|\Z))")
_PRE_LINE: Final = "\x01"
_OPENS_FORMULA: Final = re.compile(r"\$|\\(?=begin\{|\[|\\\()")
_TAG: Final = re.compile("(</?[A-Za-z][^<>]*>)")
MEANINGLESS: Final = frozenset(["span", "font"])  # but for how they look, in code
_NOTHING: Final = MEANINGLESS | frozenset(["tbody", "thead", "tfoot", "colgroup", "col", "wbr"])
# The attributes that mean something to a reader.
_KEPT: Final = {
    "a": ("href", "title"),
    "img": ("src", "alt", "title"),
    "td": ("colspan", "rowspan"),
    "th": ("colspan", "rowspan"),
    "ol": ("start", "reversed"),
    "li": ("value",),
    "iframe": ("src",),
    "video": ("src",),
    "audio": ("src",),
    "embed": ("src",),
    "source": ("src",),
    "object": ("src",),
    "input": ("src",),
    "svg": ("src",),
}


def attributes(attrs: str) -> dict[str, str]:
    """A tag's attributes: names in lower case, values as they stand (with character references)."""
    return {name.lower(): value for name, value in reversed(_ATTRIBUTE.findall(attrs))}


@dataclass
class Cell:
    heading: bool
    alignment: str
    spans: bool  # over several rows or columns
    tokens: list[str]

    def is_empty(self) -> bool:
        return len(self.tokens) == 1 and not self.tokens[0].strip(WS + BREAK)


@dataclass
class HtmlTable:
    rows: list[list[Cell]]

    def is_simple(self) -> bool:
        """Can GFM write it, if it can write each cell?"""
        rows = [row for row in self.rows if row]
        if not rows or any(cell.spans for row in rows for cell in row):
            return False
        head = rows[0]
        if not all(cell.heading for cell in head) or any(cell.heading for row in rows[1:] for cell in row):
            return False
        if any(cell.alignment not in _DASHES for cell in head):
            return False
        for row in rows[1:]:
            while len(row) > len(head) and row[-1].is_empty():
                row.pop()
            if len(row) > len(head) or any(
                cell.alignment != top.alignment for cell, top in zip(row[: _filled(row)], head, strict=False)
            ):
                return False
        return True


def _filled(row: list[Cell]) -> int:
    """How many cells of a row are left without the empty ones at its end."""
    return next((n for n in range(len(row), 0, -1) if not row[n - 1].is_empty()), 0)


def read_table(tokens: list[str]) -> HtmlTable | None:
    """The table between its tags ([text, tag, .., text]); None if it holds anything but rows of cells."""
    rows: list[list[Cell]] = []
    n = 1
    while n < len(tokens):
        if tokens[n - 1].strip(WS):
            return None
        tag = tokens[n]
        name, _, attrs = tag[1:-1].partition(" ")
        if name in ("td", "th"):
            end = _cell_end(tokens, n, name)
            if end is None or not rows:
                return None
            found = attributes(" " + attrs)
            align = _ALIGN.search(found.get("style", ""))
            rows[-1].append(
                Cell(
                    name == "th",
                    (align[1] if align else found.get("align", "")).lower(),
                    any(found.get(a, "") not in ("", "1") for a in ("colspan", "rowspan")),
                    tokens[n + 1 : end],
                )
            )
            n = end
        elif name not in _SECTIONS:
            return None
        elif name == "tr":
            rows.append([])
        n += 2
    return HtmlTable(rows) if not tokens[-1].strip(WS) else None


def _cell_end(tokens: list[str], n: int, name: str) -> int | None:
    depth = 0
    for end in range(n, len(tokens), 2):
        tag = tokens[end]
        if tag.startswith(("<td", "<th>", "<th ")):
            depth += 1
        elif tag in ("</td>", "</th>"):
            depth -= 1
            if depth == 0:
                return end if tag == f"</{name}>" else None
    return None


def write_table(table: HtmlTable, rows: list[list[str]]) -> str:
    """Pipes and dashes around the cells' Markdown."""
    head = next(row for row in table.rows if row)
    lines = [f"| {' | '.join(cells)} |" for cells in rows if cells]
    lines.insert(1, f"| {' | '.join(_DASHES[cell.alignment] for cell in head)} |")
    return "\n".join(lines)


def raw_html(tokens: list[str], options: Options, around: tuple[str, str] = ("", "")) -> str:
    """[tag, text, .., tag] as HTML of the same meaning, free of blank lines and of what no reader sees.

    around: tags of the emphasis that the element stands in, to be written around its text."""
    out: list[str] = []
    tokens = _TAG.split("".join(tokens))[1:-1]
    whole_pre = in_pre = tokens[0].startswith("<pre")
    code = 0
    container = False
    for n, token in enumerate(tokens):
        if n % 2:
            text = unescape(token)
            text = plain_code(text) if in_pre or code else options.spaces(text)
            html = _raw_text(text, options, container, in_pre=whole_pre, in_code=code > 0)
            if in_pre:  # its lines wait until blank lines are taken out
                html = (html if whole_pre else _BLANK_LINE_IN_PRE.sub("&#10;", html)).replace("\n", _PRE_LINE)
            elif code:
                html = html.replace("\n", " ")
            if around[0] and not in_pre and not code and html.strip(WS):
                html = around[0] + html + around[1]
            out.append(html)
            container = False
        else:
            name, _, attrs = token[1:-1].partition(" ")
            bare = name.lstrip("/")
            if bare == "pre":
                in_pre = name == "pre"
            elif bare == "code":
                code += 1 if name == "code" else -1
            if bare not in _NOTHING or options.math and bare == "span" and not whole_pre:
                tag = _raw_tag(name, attrs, options.base_url)
                if around[0] and not in_pre and name in ("code", "img"):
                    tag = around[0] + tag
                out.append(tag + around[1] if around[1] and not in_pre and name in ("/code", "img") else tag)
            container = name == "span" and "math-container" in attrs
    return join_lines("".join(out)).replace(_PRE_LINE, "\n")


def raw_code(tokens: list[str], options: Options) -> str:
    """[<code>, text, tag, .., </code>]: inline code with markup inside, which a code span cannot hold."""
    out = []
    for n, token in enumerate(_TAG.split("".join(tokens))[1:-1]):
        if n % 2:
            text = escape_all(plain_code(unescape(token)).replace("\n", " "), options.math)
            out.append(escape_brackets(text).replace(BREAK, "<br>"))
        else:
            name, _, attrs = token[1:-1].partition(" ")
            out.append(_raw_tag(name, attrs, options.base_url))
    return "".join(out)


def _raw_text(text: str, options: Options, container: bool, in_pre: bool, in_code: bool) -> str:
    if not options.math or in_pre:
        return _escape_html(text)
    if container and (whole := whole_formula(text.replace(BREAK, ""))):
        return _escape_html(whole)
    out, pos = [], 0
    if options.find_math and not in_code:
        for start, end, markdown in formulas(text, options.dollar):
            out += [_literal(text[pos:start], True), _escape_html(markdown)]
            pos = end
    return "".join(out) + _literal(text[pos:], bool(out))


def _escape_html(text: str) -> str:
    return escape_html(text, quote=False).replace(BREAK, "<br>")


def _literal(text: str, beside_formula: bool) -> str:
    """Text of a MathJax site that holds no formula; a comment keeps MathJax from seeing one."""
    text = _escape_html(text.replace("\\$", "$"))
    return _OPENS_FORMULA.sub(r"\g<0><!-- -->", text) if beside_formula or formulas(text) else text


def _raw_tag(name: str, attrs: str, base_url: str | None) -> str:
    if not attrs or name[0] == "/":
        return f"<{name}>"
    found = attributes(" " + attrs)
    kept = {a: found[a] for a in _KEPT.get(name, ()) if a in found}
    if name in ("td", "th"):
        align = _ALIGN.search(found.get("style", ""))
        alignment = align[1] if align else found.get("align", "")
        if alignment:
            kept["align"] = alignment
    if name == "blockquote" and "spoiler" in found.get("class", "").split():
        kept["class"] = "spoiler"
    if name in ("pre", "code") and (lang := re.search(r"(?<!\S)lang(?:uage)?-\S+", found.get("class", ""))):
        kept["class"] = lang[0]
    for a in ("href", "src"):
        if a in kept:
            kept[a] = escape_html(clean_url(kept[a], base_url))
    return f"<{name}" + "".join(f' {a}="{v}"' if v or a != "reversed" else f" {a}" for a, v in kept.items()) + ">"
