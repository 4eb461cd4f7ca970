"""A post's body and its title as Markdown."""

import re

from stackdump.markdown.body_options import Options
from stackdump.markdown.escape import (
    BREAK,
    MAY_START_BLOCK,
    SPACES,
    escape,
    escape_line_starts,
    has_invisible,
    plain_spaces,
)
from stackdump.markdown.paragraph import IllNestedError
from stackdump.markdown.relax import relax
from stackdump.markdown.repair import TOKEN, repaired
from stackdump.markdown.tex import formulas
from stackdump.markdown.writer import Writer

_BR = re.compile(r"<br ?/?>", re.I)
_BR_OR_COMMENT = re.compile("<br|<BR|<!--")
_COMMENT = re.compile(r"<!--(?!-?>)[^<>]*?-->")
_LINE_SPACE = re.compile("[ \t\n\v\f\x1c-\x1e\x85\u2028\u2029]+")  # white space but for spaces of other widths
_ASCII = bytes(range(128))
_NOT_TEXT = re.compile("[\0\x01]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def html_to_markdown(
    html: str, math: bool, *, base_url: str | None = None, dollar: str = "$", keep_nbsp: bool = False
) -> str:
    """A post's body as Markdown.

    html       any text; broken HTML is read as a browser reads it
    math       the site uses MathJax: `$..$`, `$$..$$`, `\\begin..\\end` and span.math-container are formulas
    base_url   makes relative links absolute, e.g. "https://math.stackexchange.com"
    dollar     the site's inline delimiter, "$" or "\\\\$"; the result has `$..$` either way
    keep_nbsp  keeps no-break and other invisible spaces inside of text, which become plain ones otherwise; in code
               they always do

    Never raises; time and memory are linear in the length of the body. A `#..` link stays as it is."""
    html, invisible = _cleaned(html)
    may_hold_math = "$" in html or "\\" in html or "&" in html
    find_math = math and may_hold_math and "math-container" not in html
    try:
        writer = Writer(Options(math, find_math, dollar, base_url, False, keep_nbsp, invisible))
        text = html
        if _BR_OR_COMMENT.search(text):  # (the regex goes from `<` to `<`: a third of the time of three `in`)
            text = _COMMENT.sub("", _BR.sub(BREAK, text))
        writer.run(TOKEN.split(text))
    except IllNestedError:
        writer = Writer(Options(math, find_math, dollar, base_url, True, keep_nbsp))
        writer.run(repaired(html))
    return writer.result()


def text_to_markdown(text: str, math: bool, *, dollar: str = "$", keep_nbsp: bool = False) -> str:
    """A title, which is plain text, as one line of Markdown that renders as it; formulas stay as they are."""
    text, invisible = _cleaned(text)
    if "  " in text or not text.isprintable():
        text = _LINE_SPACE.sub(" ", text)
    text = text.strip(SPACES)
    if invisible and not keep_nbsp:
        text = plain_spaces(text)
    pieces, pos = [], 0  # text and formulas in turn
    if math and ("$" in text or "\\" in text):
        for start, end, markdown in formulas(text, dollar):
            pieces += [escape(text[pos:start], math), markdown]
            pos = end
    pieces.append(escape(text[pos:], math))
    if any("\\" in piece for piece in pieces):
        relax(pieces, range(0, len(pieces), 2), [], [], one_line=True)
    line = "".join(pieces)
    return escape_line_starts(line) if line[:1] in MAY_START_BLOCK else line


def _cleaned(text: str) -> tuple[str, bool]:
    """Without what HTML does not allow: NUL, lone surrogates, carriage returns; and whether it has invisible spaces."""
    if "\0" in text or "\x01" in text:
        text = _NOT_TEXT.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text, False
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\ufffd", text)
        encoded = text.encode()
    # Looked for only among the characters beyond ASCII, which are few: a fifth of the time.
    return text, bool(has_invisible(encoded.translate(None, _ASCII).decode()))
