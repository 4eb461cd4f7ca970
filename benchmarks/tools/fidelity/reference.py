"""The reference renderer: CommonMark (markdown-it-py) + GFM tables + ~~strike~~,
with math and Stack Exchange spoilers, set up so that nothing but the Markdown
itself can make a post differ.

Dialect beyond CommonMark:
  math=True   `$..$`, `$$..$$` and `\\begin{x}..\\end{x}` are TeX, taken raw: inside them
              nothing is an escape, emphasis, tag, list or setext underline.  Formulas
              are found by the same scanner as in the Body (texscan), outside code
              spans, link destinations and tags.  `\\$` is a dollar.
  `>! text`   a spoiler, as on Stack Exchange (raw <blockquote class="spoiler"> too)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from html import escape, unescape
from types import FunctionType
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import Ruler
from markdown_it.rules_block import StateBlock, blockquote, heading, lheading, paragraph, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from benchmarks.tools.fidelity.texscan import HAS_MATH, match_math, math_spans

BlockRule = Callable[[StateBlock, int, int, bool], bool]

_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)")


class Reference:
    def __init__(self, math: bool):
        md = MarkdownIt("commonmark", {"html": True, "maxNesting": 1000})
        md.enable(["table", "strikethrough"])
        _trim_as_commonmark_does(md)
        _move(md.block.ruler, "table", before="lheading")  # GFM: a table is tried last
        md.validateLink = lambda url: True  # CommonMark has no forbidden schemes
        md.normalizeLink = lambda url: url  # canonical_url() does it, for both sides
        md.normalizeLinkText = lambda text: text
        alt = ["paragraph", "reference", "blockquote", "list"]
        md.block.ruler.before("blockquote", "spoiler", _spoiler, {"alt": alt})
        md.add_render_rule("image", _image)
        if math:
            md.inline.ruler.before("escape", "math", _math_inline)
            md.add_render_rule("math", _render_math)
            md.add_render_rule("html_block", _html_block_with_math)
            _guard_terminators(md)
        self.md = md

    def render(self, markdown: str) -> tuple[str, Counter[str]]:
        """HTML, and how often each tag was written as raw HTML."""
        env: dict[str, Any] = {}
        tokens = self.md.parse(markdown, env)
        raw = Counter[str]()
        for t in tokens:
            for x in (t, *(t.children or ())):
                if x.type in ("html_block", "html_inline"):
                    raw.update(n.lower() for n in _TAG.findall(_without_comments(x.content)))
        return self.md.renderer.render(tokens, self.md.options, env), raw


def _trim_as_commonmark_does(md: MarkdownIt) -> None:
    """CommonMark strips spaces and tabs; markdown-it strips every Unicode space, so a leading U+00A0 would vanish.

    The rules of this renderer alone are copied with another `mdTrim`: others in this process keep markdown-it's own.
    """
    for rule in md.block.ruler.__rules__:
        if rule.fn in (paragraph, heading, lheading, table):
            names = {**rule.fn.__globals__, "mdTrim": lambda text: text.strip(" \t\n")}
            rule.fn = FunctionType(rule.fn.__code__, names, rule.fn.__name__)


def _move(ruler: Ruler[Any], name: str, before: str) -> None:
    rules = ruler.__rules__
    rule = rules.pop(next(i for i, r in enumerate(rules) if r.name == name))
    rules.insert(next(i for i, r in enumerate(rules) if r.name == before), rule)
    ruler.__cache__ = None


def _without_comments(html: str) -> str:
    return re.sub(r"<!--.*?-->", "", html, flags=re.S)


# ---- spoilers ------------------------------------------------------------------------
def _spoiler(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    def marked(line: int) -> bool:
        pos = state.bMarks[line] + state.tShift[line]
        return not state.is_code_block(line) and state.src.startswith(">!", pos, state.eMarks[line])

    if not marked(start):
        return False
    if silent:
        return True
    line, src = start, state.src
    while line < end and marked(line):  # `>!` -> `> `, same length
        pos = state.bMarks[line] + state.tShift[line]
        src = src[:pos] + "> " + src[pos + 2 :]
        line += 1
    state.src = src
    first = len(state.tokens)
    blockquote(state, start, end, False)
    state.tokens[first].attrSet("class", "spoiler")
    return True


# ---- math ----------------------------------------------------------------------------
def _math_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    found = match_math(state.src, state.pos, markdown=True)
    if not found or found[0] > state.posMax:
        return False
    end, kind, tex = found
    if not silent:
        token = state.push("math", "x-math", 0)
        token.content, token.info = tex, kind
        token.markup = state.src[state.pos : end]
    state.pos = end
    return True


def _math_element(kind: str, tex: str) -> str:
    return f'<x-math kind="{kind}" tex="{escape(tex)}"></x-math>'


def _render_math(self: RendererHTML, tokens: list[Token], idx: int, options: Any, env: Any) -> str:
    return _math_element(tokens[idx].info, tokens[idx].content)


def _html_block_with_math(self: RendererHTML, tokens: list[Token], idx: int, options: Any, env: Any) -> str:
    """MathJax also looks into raw HTML, so mark the formulas of its text."""
    out = []
    for part in re.split(r"(<!--.*?-->|<[^<>]*>)", tokens[idx].content, flags=re.S):
        if part[:1] != "<" and HAS_MATH(part):
            text, pos = unescape(part), 0
            for start, end, kind, tex in math_spans(text):
                out.append(escape(text[pos:start], quote=False))
                out.append(_math_element(kind, tex))
                pos = end
            part = escape(text[pos:], quote=False)
        out.append(part)
    return "".join(out)


_SKIP = re.compile(r"(`+)(?!`)|\\begin\{|\$|\\.|\]\([^)\s]*\)|<[A-Za-z/][^>]*>", re.S)


def _in_formula(text: str, boundary: int) -> bool:
    """Is `boundary` inside a formula of this paragraph?"""
    pos = 0
    while pos < boundary:
        m = _SKIP.search(text, pos)
        if not m or m.start() >= boundary:
            return False
        s, pos = m.group(), m.end()
        if s[0] == "`":
            close = re.compile(r"(?<!`)" + s + r"(?!`)").search(text, pos)
            pos = close.end() if close else pos
        elif s == "$" or s.startswith("\\begin"):
            found = match_math(text, m.start(), markdown=True)
            if found:
                if m.start() < boundary < found[0]:
                    return True
                pos = found[0]
    return False


def _guard_terminators(md: MarkdownIt) -> None:
    """A line inside a formula is not a list item, quote, heading, rule, underline or tag.

    (A formula never spans a blank line, so it always lies in one paragraph.)"""
    for rule in md.block.ruler.__rules__:
        if rule.name in ("paragraph", "lheading"):
            rule.fn = _remember_start(rule.fn, setext=rule.name == "lheading")
        elif "paragraph" in rule.alt:
            rule.fn = _not_in_formula(rule.fn)
    md.block.ruler.__cache__ = None


def _paragraph_text(state: StateBlock, start: int) -> str:
    end = start
    while end < state.lineMax and not state.isEmpty(end):
        end += 1
    return state.getLines(start, end, state.blkIndent, False)


def _not_in_formula(rule: BlockRule) -> BlockRule:
    def guarded(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
        start = state.env.get("paragraph_start")  # None: asked by a list or a quote
        if silent and start is not None:
            text = _paragraph_text(state, start)
            if HAS_MATH(text):
                before = state.getLines(start, start_line, state.blkIndent, False)
                if _in_formula(text, len(before) + 1):
                    return False
        return rule(state, start_line, end_line, silent)

    return guarded


def _remember_start(rule: BlockRule, setext: bool) -> BlockRule:
    def remembering(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
        if setext and _underlined_in_formula(_paragraph_text(state, start_line)):
            return False
        outer = state.env.get("paragraph_start")
        state.env["paragraph_start"] = start_line
        try:
            return rule(state, start_line, end_line, silent)
        finally:
            state.env["paragraph_start"] = outer

    return remembering


def _underlined_in_formula(text: str) -> bool:
    """The first line that looks like a setext underline lies inside a formula."""
    m = HAS_MATH(text) and re.search(r"\n {0,3}(=+|-+)[ \t]*(?=\n|$)", text)
    return bool(m) and _in_formula(text, m.start() + 1)


# ---- images --------------------------------------------------------------------------
def _image(self: RendererHTML, tokens: list[Token], idx: int, options: Any, env: Any) -> str:
    """alt is the plain text of the description (CommonMark), formulas as written."""

    def plain(children: list[Token] | None) -> str:
        out = []
        for t in children or ():
            if t.type == "math":
                out.append(t.markup)
            elif t.type == "image":
                out.append(plain(t.children))
            elif t.type in ("softbreak", "hardbreak"):
                out.append("\n")
            elif t.type in ("text", "text_special", "code_inline"):
                out.append(t.content)
        return "".join(out)

    token = tokens[idx]
    return f'<img src="{escape(str(token.attrs["src"]))}" alt="{escape(plain(token.children))}" />'
