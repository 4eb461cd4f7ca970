"""Does the Markdown of one post mean what its HTML meant?

The Markdown is rendered by a reference renderer (reference.py). The result and the original are converted to canonical
form (canonical.py, which lists every leniency) and compared token by token. A post counts as equal only if nothing
differs and the Markdown is Markdown: raw HTML is accepted for what CommonMark cannot write (sup, sub, kbd, ...), not
for what it can, so copying the HTML scores nothing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from benchmarks.tools.fidelity.canonical import COLOURS, Token, canonical
from benchmarks.tools.fidelity.reference import Reference

# Most serious first: a post's class is the first that applies.
CLASSES = {
    "error": "the converter raised an exception or returned no text",
    "math-corrupted": "a formula's TeX, its kind (inline/display) or their order differs",
    "dropped-tag": "sup, sub, kbd, ins, spoiler, dl, embed ... lost or added: silently changes facts",
    "table": "a table's rows, cells or alignment differ",
    "code-changed": "code blocks or spans differ in bytes, language or number",
    "link-changed": "a link's or an image's address, or an image's description differs",
    "list-structure": "lists, their kind, start, items or nesting differ",
    "emphasis-changed": "em, strong or strike-through covers different text",
    "text-changed": "characters lost, added or altered",
    "other/line-break": "hard line breaks differ",
    "other/heading": "headings or their levels differ",
    "other/quote": "block quotes differ",
    "other/rule": "horizontal rules differ",
    "other/paragraph": "paragraphs merged or split",
    "other": "same pieces in a different order or nesting",
    "raw-html": "equal, but written as raw HTML where Markdown has a syntax",
}


@dataclass
class Verdict:
    equal: bool
    classes: list[str] = field(default_factory=list)  # most serious first
    want: str = ""  # around the first difference
    got: str = ""


# ---- judging one post ------------------------------------------------------------------
_references: dict[bool, Reference] = {}


def judge(html: str, markdown: object, math: bool) -> Verdict:
    """Does `markdown` mean what `html` means?"""
    if not isinstance(markdown, str):
        return Verdict(False, ["error"], got=repr(markdown)[:200])
    reference = _references.get(math) or _references.setdefault(math, Reference(math))
    rendered, raw = reference.render(markdown)
    want = canonical(html, math)
    got = canonical(rendered, math, rendered=True)
    if want != got:
        return Verdict(False, classify(want, got), *first_difference(want, got))
    bad = unexcused_raw_html(raw, html, markdown, want, reference, math)
    if bad:
        return Verdict(False, ["raw-html"], got="raw " + " ".join(f"<{t}>" for t in sorted(bad)))
    return Verdict(True)


def classify(want: list[Token], got: list[Token]) -> list[str]:
    """Every class in which the two differ, most serious first."""
    views = {
        "math-corrupted": lambda ts: [t[1:3] for t in ts if t[0] == "math"],
        "table": lambda ts: [t for t in ts if t[0] in "<>" and t[1] in ("table", "tr", "td", "th", "caption")],
        "code-changed": lambda ts: (
            [t[:3] if t[0] == "pre" else t[1] for t in ts if t[0] in ("pre", "code")]
            + [t for t in ts if t[0] == "<" and t[1] in ("pre", "code")]
        ),
        "link-changed": lambda ts: (
            [t[1:3] for t in ts if t[0] == "<" and t[1] == "a"] + [t[1:3] for t in ts if t[0] == "img"]
        ),
        "list-structure": _lists,
        "emphasis-changed": _emphasis,
        "text-changed": _text,
        "other/line-break": lambda ts: sum(t[0] == "br" for t in ts),
        "other/heading": lambda ts: [t[1] for t in ts if t[0] == "<" and re.fullmatch("h[1-6]", t[1])],
        "other/quote": lambda ts: [t for t in ts if t[0] in "<>" and t[1] == "quote"],
        "other/rule": lambda ts: sum(t[0] == "hr" for t in ts),
        "other/paragraph": lambda ts: sum(t[0] == "<" and t[1] == "p" for t in ts),
    }
    found = {c for c, view in views.items() if view(want) != view(got)}
    lost, added = _no_syntax_tags(want) - _no_syntax_tags(got), _no_syntax_tags(got) - _no_syntax_tags(want)
    if lost or set(added) & _KNOWN_TAGS:  # (an added unknown tag is text that became a tag)
        found.add("dropped-tag")
    return [c for c in CLASSES if c in found] or ["other"]


_KNOWN_TAGS = set("sup sub kbd ins u small big dl dt dd ruby rt rp details summary iframe spoiler".split())
_HAS_SYNTAX = set("p h1 h2 h3 h4 h5 h6 ul ol li quote table caption tr td th a pre code em strong del".split())


def _no_syntax_tags(tokens: list[Token]) -> Counter[str]:
    return Counter(
        "spoiler" if t[1] == "quote" else t[1]
        for t in tokens
        if t[0] == "embed" or t[0] == "<" and (t[1] not in _HAS_SYNTAX or t[1:3] == ("quote", "spoiler"))
    )


def _lists(tokens: list[Token]) -> list[Token]:
    """List tags, and the paragraphs between them that are inside a list."""
    out, depth = [], 0
    for t in tokens:
        if t[0] in "<>" and t[1] in ("ul", "ol"):
            depth += 1 if t[0] == "<" else -1
        if t[0] in "<>" and (t[1] in ("ul", "ol", "li") or depth and t[1] == "p"):
            out.append(t)
    return out


def _emphasis(tokens: list[Token]) -> list[tuple[tuple[str, ...], str]]:
    """Each styled run and its text without white space."""
    out: list[tuple[tuple[str, ...], str]] = []
    for t in tokens:
        if t[0] in ("t", "code", "math", "img") and t[-1]:
            text = "".join(t[1:2]) if t[0] != "img" else "[image]"
            if out and out[-1][0] == t[-1]:
                out[-1] = (t[-1], out[-1][1] + text)
            else:
                out.append((t[-1], text))
    return [(style, re.sub(r"[ \t\n\r\f]+", "", text)) for style, text in out]


def _text(tokens: list[Token]) -> list[str]:
    """The words of the visible text; a block boundary or a line break separates words."""
    out = []
    for t in tokens:
        if t[0] == "t":
            out.append(t[1])
        elif t[0] in ("br", "hr", "pre") or t[0] in "<>" and t[1] in _HAS_SYNTAX - {"a", "code"}:
            out.append(" ")
    return re.findall(r"[^ \t\n\r\f]+", "".join(out))


def first_difference(want: list[Token], got: list[Token], around: int = 2) -> tuple[str, str]:
    """Both token lists around the first token that differs, as text."""
    i = next((k for k in range(min(len(want), len(got))) if want[k] != got[k]), min(len(want), len(got)))
    shared = 0
    if i < len(want) and i < len(got) and want[i][0] == got[i][0] and want[i][0] in ("t", "code", "pre", "math"):
        at = 2 if want[i][0] in ("pre", "math") else 1
        shared = len(os.path.commonprefix([want[i][at], got[i][at]]))
    return show(want, i, around, shared), show(got, i, around, shared)


def show(tokens: list[Token], i: int, around: int, shared: int = 0) -> str:
    out = []
    for k in range(max(0, i - around), min(len(tokens), i + around + 1)):
        t = tokens[k]
        if t[0] in "<>":
            out.append("<" + ("/" if t[0] == ">" else "") + " ".join(str(x) for x in t[1:] if x != "") + ">")
        elif t[0] in ("t", "code", "pre", "math"):
            at = 2 if t[0] in ("pre", "math") else 1
            text = t[at]
            if k == i:
                text = ("…" if shared > 40 else "") + text[max(0, shared - 40) : shared + 60]
            elif k < i:
                text = text[-40:]
            else:
                text = text[:40]
            label = "" if t[0] == "t" else t[0] + (":" + t[1] if at == 2 and t[1] else "")
            style = "+".join(t[-1]) if isinstance(t[-1], tuple) and t[-1] else ""
            out.append(f"{label}{'{' + style + '}' if style else ''}{text!r}")
        else:
            out.append(str(t))
    return " ".join(out)


# ---- is it Markdown? ---------------------------------------------------------------------
_SYNTAX_TAGS = set(
    """p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code a img hr table thead tbody tr td th
    em i strong b del s strike span div""".split()
)
_MARKS = {"em": "*", "i": "*", "strong": "**", "b": "**", "del": "~~", "s": "~~", "strike": "~~"}


def unexcused_raw_html(
    raw: Counter[str], html: str, markdown: str, want: list[Token], reference: Reference, math: bool
) -> set[str]:
    """Tags written as raw HTML although Markdown has a syntax for them.

    Excused: everything inside a container that has no Markdown syntax (a table that GFM
    cannot write, dl, pre with markup, spoiler); code with markup inside; em, strong and
    del where `*`, `**`, `~~` in their place would not give the same post."""
    used = set(raw) & _SYNTAX_TAGS
    if not used:
        return set()
    root = LexborHTMLParser(html).body  # (of a whole document: see canonical._text)
    excused = set()
    for node in root.css("dl, details, table, pre, blockquote.spoiler, ol, code"):
        if (
            node.tag == "table"
            and _gfm_can_write(node)
            or node.tag == "pre"
            and all(c.tag == "code" or c.tag in COLOURS for c in node.css("pre *"))
            or node.tag == "ol"
            and not (
                "reversed" in node.attributes
                or node.css_first("li[value]")
                or len(node.attributes.get("start") or "") > 9
            )
            or node.tag == "code"
            and all(c.tag in COLOURS for c in node.css("code *"))
        ):
            continue
        excused |= {node.tag} | {n.tag for n in node.traverse()}
    used -= excused
    if used & set(_MARKS):
        plain = re.sub(r"</?(em|i|strong|b|del|s|strike)\b[^>]*>", lambda m: _MARKS[m[1].lower()], markdown, flags=re.I)
        if canonical(reference.render(plain)[0], math, rendered=True) != want:
            used -= set(_MARKS)
    return used


def _gfm_can_write(table: LexborNode) -> bool:
    rows = table.css("tr")
    return bool(
        rows
        and rows[0].css_first("th")
        and not rows[0].css_first("td")
        and not any(r.css_first("th") for r in rows[1:])
        and not table.css_first(
            "[colspan], [rowspan], ul, ol, pre, blockquote, p + p, hr, table table, h1, h2, h3, caption"
        )
    )


# ---- readability ------------------------------------------------------------------------
_QUIET = re.compile(r"^(`{3,}|~{3,}).*?^\1|(`+)[^`].*?\2|\$\$?[^$]+\$\$?", re.S | re.M)
_NOISE = re.compile(r"\\[!-/:-@\[-`{-~]|&#?\w+;|</?[A-Za-z][^>]*>")


def count_escapes(markdown: str) -> int:
    """Escapes, entities and tags outside code and math: not judged, but fewer are easier to read."""
    return len(_NOISE.findall(_QUIET.sub("", markdown)))
