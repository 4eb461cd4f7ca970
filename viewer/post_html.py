"""A post's Markdown as HTML, as a reader sees it on the site, with the findings marked.

CommonMark with tables, `~~strike~~`, `>!` spoilers, formulas between dollars, and raw HTML, like stackdump.markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound
from selectolax.lexbor import LexborHTMLParser, LexborNode

from review.criteria import Finding
from viewer.formulas import Formulas
from viewer.sanitize import sanitize

LONGEST_HIGHLIGHTED = 20_000  # characters of a code block; longer ones stay plain, because some lexers are slow
WIDE = 0.5  # a finding longer than this share of a response, and than WIDE_CHARACTERS, is about all of it: not marked
WIDE_CHARACTERS = 300
DEEPEST_SPOILER = 5  # nested spoilers, of which a hostile post could have thousands

_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
_DOLLARS = re.compile(r"(?<![\\$])\$(?!\s)((?:[^$\\]|\\.){1,400}?)(?<!\s)\$(?!\d)|\$\$[^$]+\$\$|\\begin\{", re.S)
_TEX = re.compile(r"[\\^_{]|\A(?:[^A-Za-z]|[A-Za-z](?![A-Za-z]))*\Z")  # with characters of TeX, or without any word


def post_html(markdown: str, findings: Sequence[Finding] = (), *, math: bool, images: bool = False) -> str:
    """A post as HTML that is safe to show.

    findings  places in `markdown` to mark, if they are visible in the rendered text
    math      dollars enclose formulas
    images    show images, instead of their descriptions with a link
    """
    source = markdown.replace("\r\n", " \n").replace("\r", "\n").replace("\0", "\ufffd")  # without moving any character
    findings = _local(findings, source)
    html: str = _parser(math).render(source, {"findings": findings, "formulas": Formulas()})
    if not images and "<img" in html.lower():
        html = _without_images(html)
    return sanitize(html, images=images)


def source_html(markdown: str, findings: Sequence[Finding] = ()) -> str:
    """A post's Markdown source, with the findings marked."""
    numbered: set[Finding] = set()
    html = []
    for piece, found in _pieces(markdown, 0, _local(findings, markdown)):
        if found:
            attributes = " ".join(
                f'{name}="{escape(str(value))}"' for name, value in _mark_attributes(found, numbered).items()
            )
            html.append(f"<mark {attributes}>{escape(piece)}</mark>")
        else:
            html.append(escape(piece))
    return sanitize(f"<pre>\n{''.join(html)}</pre>")  # browsers ignore the line end after <pre>


def uses_math(*texts: str) -> bool:
    """Whether dollars in the texts of a record enclose formulas, rather than being money or a shell's variables.

    A record does not say whether its site has MathJax. If it does, all other dollars have a backslash in Markdown.
    """
    return any(
        found[1] is None or _TEX.search(found[1])
        for text in texts
        if "$" in text or "\\begin{" in text
        for found in _DOLLARS.finditer(_CODE.sub("", text))
    )


def _local(findings: Iterable[Finding], text: str) -> list[Finding]:
    """The findings that are not about all of the text."""
    longest = max(WIDE_CHARACTERS, WIDE * len(text))
    return [finding for finding in findings if finding.end - finding.start <= longest]


# ---- rendering ---------------------------------------------------------------------------------------------------


@cache
def _parser(math: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.block.ruler.before(
        "blockquote", "spoiler", _spoiler, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.core.ruler.before("text_join", "findings", _mark_findings)
    if math:
        dollarmath_plugin(parser, double_inline=True, allow_labels=False)
        amsmath_plugin(parser)
    for kind in ("math_inline", "math_inline_double", "math_block", "amsmath"):
        parser.add_render_rule(kind, _formula)
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _code)
    for kind in ("th_open", "td_open"):
        parser.add_render_rule(kind, _cell)
    return parser


def _formula(_: object, tokens: Sequence[Token], n: int, options: object, env: dict[str, Any]) -> str:
    token = tokens[n]
    html: str = env["formulas"].html(token.content.strip(), display=token.type != "math_inline")
    return f'<div class="{_classes("formula", token)}">{html}</div>\n' if token.block else html


def _code(_: object, tokens: Sequence[Token], n: int, *__: object) -> str:
    token = tokens[n]
    language = token.info.split()[0].strip("{}.").removeprefix("lang-") if token.info.strip() else ""
    return f'<pre class="{_classes("", token)}"><code>{_highlighted(token.content, language)}</code></pre>\n'


def _highlighted(code: str, language: str) -> str:
    if not language or len(code) > LONGEST_HIGHLIGHTED:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    html: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return html


def _cell(renderer: Any, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
    style = str(tokens[n].attrs.pop("style", ""))
    if style:
        tokens[n].attrs["align"] = style.removeprefix("text-align:")
    html: str = renderer.renderToken(tokens, n, options, env)
    return html


def _classes(first: str, token: Token) -> str:
    return f"{first} finding".strip() if token.meta.get("findings") else first


def _without_images(html: str) -> str:
    """The HTML with each image replaced by its description and address."""
    tree = LexborHTMLParser(html, is_fragment=True)
    for image in tree.css("img"):
        image.replace_with(_placeholder(tree, image))
    return tree.html or ""


def _placeholder(tree: LexborHTMLParser, image: LexborNode) -> LexborNode:
    link, box = tree.create_node("a"), tree.create_node("span")
    address = image.attributes.get("src") or ""
    link.attrs["href"] = address
    link.insert_child(address or "no address")
    box.attrs["class"] = "image"
    box.insert_child(f"image: {image.attributes.get('alt') or 'no description'} ")
    box.insert_child(link)
    return box


# ---- `>!` spoilers -------------------------------------------------------------------------------------------------


def _spoiler(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A block rule: lines that begin with `>!` become a closed <details> element."""
    if not _is_spoiler(state, start) or state.env.get("spoilers", 0) >= DEEPEST_SPOILER:
        return False
    if silent:
        return True
    line = start
    inner = []
    while line < end and _is_spoiler(state, line):
        text = state.src[state.bMarks[line] + state.tShift[line] + 2 : state.eMarks[line]]
        inner.append(text.removeprefix(" "))
        line += 1
    opening = state.push("spoiler_open", "details", 1)
    opening.attrs = {"class": "spoiler"}
    opening.map = [start, line]
    summary = state.push("html_block", "", 0)
    summary.content = "<summary>Spoiler</summary>"
    before = len(state.tokens)
    state.env["spoilers"] = state.env.get("spoilers", 0) + 1
    state.md.block.parse("\n".join(inner), state.md, state.env, state.tokens)
    state.env["spoilers"] -= 1
    for token in state.tokens[before:]:
        if token.map:
            token.map = [token.map[0] + start, token.map[1] + start]
    state.push("spoiler_close", "details", -1)
    state.line = line
    return True


def _is_spoiler(state: StateBlock, line: int) -> bool:
    begin = state.bMarks[line] + state.tShift[line]
    return state.src.startswith(">!", begin) and 0 <= state.sCount[line] - state.blkIndent < 4


# ---- the places of findings ----------------------------------------------------------------------------------------

_VISIBLE = {"text", "text_special", "code_inline", "math_inline", "math_inline_double", "image"}


class _Placed(NamedTuple):
    """An inline token, and the characters of the source that it shows; `start` is -1 if they are not known."""

    token: Token
    start: int
    end: int

    def shows(self, finding: Finding) -> bool:
        return self.token.type in _VISIBLE and self.start < finding.end and finding.start < self.end


class _Block(NamedTuple):
    """A block of text, and the positions of its lines, which the cells of a table row share."""

    token: Token
    placed: list[_Placed]
    start: int
    end: int


def _mark_findings(state: StateCore) -> None:
    """A core rule: marks around the visible part of each finding.

    Inline tokens do not have positions in the source. But each token's text is a slice of the source, in order, as long
    as escapes are separate tokens (which they are before `text_join`), so a search finds it.
    """
    findings: Sequence[Finding] = state.env.get("findings", ())
    if not findings:
        return
    line_starts = [0, *accumulate(len(line) + 1 for line in state.src.split("\n"))]
    blocks: list[_Block] = []
    cursor = 0
    for token in state.tokens:
        if token.map is None:
            continue
        start, end = line_starts[token.map[0]], line_starts[token.map[1]]
        if token.type == "inline" and token.children:
            placed = _placed(token.children, state.src, max(cursor, start), end)
            cursor = max(cursor, *(piece.end for piece in placed))
            blocks.append(_Block(token, placed, start, end))
        elif token.type in ("fence", "code_block", "math_block", "amsmath"):
            token.meta["findings"] = _overlapping(findings, start, end)
    visible = [_visible_part(finding, blocks) for finding in findings]
    numbered: set[Finding] = set()
    for block in blocks:
        if inside := _overlapping(visible, block.start, block.end):
            block.token.children = list(_marked(block.placed, inside, numbered))


def _placed(tokens: Sequence[Token], source: str, cursor: int, end: int) -> list[_Placed]:
    placed = []
    for token in tokens:
        text = token.markup if token.type == "text_special" else token.content
        start = source.find(text, cursor, end) if text else -1
        cursor = max(cursor, start + len(text))
        placed.append(_Placed(token, start, start + len(text) if start >= 0 else -1))
    return placed


def _visible_part(finding: Finding, blocks: Sequence[_Block]) -> Finding:
    """The finding; if it is invisible, like the address of a link, moved to the last visible token before it."""
    around = [block.placed for block in blocks if block.start <= finding.start < block.end]
    if any(piece.shows(finding) for placed in around for piece in placed):
        return finding
    before = [
        piece
        for placed in around
        for piece in placed
        if piece.token.type in _VISIBLE and piece.start >= 0 and piece.end <= finding.start
    ]
    return finding._replace(start=before[-1].start, end=before[-1].end) if before else finding


def _marked(placed: Iterable[_Placed], findings: Sequence[Finding], numbered: set[Finding]) -> Iterator[Token]:
    for token, start, end in placed:
        if token.type == "text" and start >= 0:
            for piece, found in _pieces(token.content, start, findings):
                yield from _in_mark(Token("text", "", 0, content=piece), found, numbered)
        elif token.type in _VISIBLE:
            yield from _in_mark(token, _overlapping(findings, start, end), numbered)
        else:
            yield token


def _in_mark(token: Token, findings: Sequence[Finding], numbered: set[Finding]) -> Iterator[Token]:
    if not findings:
        yield token
        return
    yield Token("mark_open", "mark", 1, attrs=_mark_attributes(findings, numbered))
    yield token
    yield Token("mark_close", "mark", -1)


def _mark_attributes(findings: Sequence[Finding], numbered: set[Finding]) -> dict[str, str | int | float]:
    """The attributes of a mark: the reasons, and the numbers of the criteria whose finding begins here."""
    attributes: dict[str, str | int | float] = {
        "class": "finding",
        "title": "; ".join(f"{finding.criterion}: {finding.reason}" for finding in findings),
    }
    if first := [finding for finding in findings if finding not in numbered]:
        attributes["data-criteria"] = " ".join(map(str, sorted({finding.criterion for finding in first})))
        numbered.update(first)
    return attributes


def _pieces(text: str, offset: int, findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """A slice of the source from `offset`, cut where findings begin and end; each piece comes with its findings."""
    ends = {min(max(place - offset, 0), len(text)) for finding in findings for place in (finding.start, finding.end)}
    for start, end in pairwise(sorted(ends | {0, len(text)})):
        yield text[start:end], _overlapping(findings, offset + start, offset + end)


def _overlapping(findings: Iterable[Finding], start: int, end: int) -> list[Finding]:
    return [finding for finding in findings if finding.start < end and start < finding.end]
