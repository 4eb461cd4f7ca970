"""Where MathJax, as Stack Exchange sets it up, sees a formula in a run of text.

The rules are those of MathJax 2's tex2jax preprocessor with the site's delimiters: `$..$`, `$$..$$`, `\\[..\\]`,
`\\\\(..\\\\)` and `\\begin{x}..\\end{x}`; an end counts only where braces balance, and `\\` hides the character
after it.
https://docs.mathjax.org/en/v2.7-latest/options/preprocessors/tex2jax.html
"""

import re
from typing import Final

from stackdump.markdown.escape import BREAK

_BRACES: Final = r"\{(?:[^\\{}]|\\.|\{(?:[^\\{}]|\\.|\{(?:[^\\{}]|\\.)*+\})*+\})*+\}"
# One formula and nothing else; three levels of braces are enough for nearly all, `formulas` judges the rest.
_WHOLE: Final = re.compile(
    rf"\s*+(?:\$\$((?:[^$\\{{}}]|\\.|\$(?!\$)|{_BRACES})++)\$\$|\$((?:[^$\\{{}}]|\\.|{_BRACES})++)\$)\s*+", re.S
)
# Text up to any of these is not a formula; a pair of a backslash and a character is passed over. The first two are
# whole formulas that are not blank, as nearly all are, and have a group: one search finds them. (Every alternative
# begins with a character of its own, and not with a group, so that the search can skip to it: a third of the time.)
_START: Final = re.compile(
    rf"\$(?![\s{BREAK}]*+\$)[^$\\{{}}]*+(?:(?:\\.|{_BRACES})[^$\\{{}}]*+)*+\$()"
    rf"|\$\$(?![\s{BREAK}]*+\$\$)[^$\\{{}}]*+(?:(?:\\.|\$(?!\$)|{_BRACES})[^$\\{{}}]*+)*+\$\$()"
    r"|\$\$?|\\\\\(|\\\[|\\begin\{[^{}]*\}|\\.",
    re.S,
)
# ... and where `\$..\$` is the inline delimiter and a lone dollar is none.
_START_ESCAPED: Final = re.compile(r"\$\$|\\\$|\\\\\(|\\\[|\\begin\{[^{}]*\}|\\.", re.S)
_EVENT: Final = re.compile(r"\\.|[{}$]", re.S)

# A line that would begin a list, a quote, a heading, a fence, HTML or be an underline, outside of a formula.
_BLOCK_LINE: Final = re.compile(
    r"""[ \t]*+ (?:
        (?: [-+*] | [0-9]{1,9}[.)] ) (?: [ \t] | \Z )
      | > | \#{1,6} (?: [ \t] | \Z ) | ``` | ~~~ | <[A-Za-z/!?]
      | (?: =++ | -++ | _{3,}+ | \*{3,}+ | \|? [ \t]*+ :?-++ [-|: \t]*+ ) [ \t]*+ \Z )""",
    re.X,
)
_COMMENT: Final = re.compile(r"(?<!\\)(?:\\\\)*%")

# How much text, per character of the run and at least, the search for missing ends may pass over. A run that
# needs more has thousands of unclosed braces; what follows is taken as text, and the time stays linear.
_PATIENCE, _MIN_PATIENCE = 8, 50_000


def formulas(text: str, dollar: str = "$") -> list[tuple[int, int, str]]:
    """The formulas in a run of plain text, left to right: start, end, and the formula as Markdown has it (`$..$`,
    `$$..$$`, `\\begin..`)."""
    found_ones: list[tuple[int, int, str]] = []
    start_of = _START if dollar == "$" else _START_ESCAPED
    patience = max(_MIN_PATIENCE, _PATIENCE * len(text))
    pos = 0
    while found := start_of.search(text, pos):
        start, pos = found.span()
        if found.lastindex:
            found_ones.append((start, pos, found[0]))
            continue
        before, closing, after = _delimiters(found[0], dollar)
        if not closing or patience < 0:
            continue
        end = _find_end(text, pos, closing)
        if end < 0:
            patience -= len(text) - pos
            continue
        tex = text[pos:end]
        if before and _is_blank(tex):
            continue
        pos = end + len(closing)
        found_ones.append((start, pos, f"{before}{tex}{after}" if before else text[start:pos]))
    return found_ones


def without_block_lines(tex: str) -> str:
    """A formula whose lines such as `- b` are joined to the line before, so that no reader of Markdown sees a list.

    After a comment, which ends with its line, they stay."""
    before, *lines = tex.split("\n")
    out = [before]
    for line in lines:
        if _BLOCK_LINE.match(line) and not _COMMENT.search(before):
            out += ["" if before[-1:] in " \t" else " ", line.lstrip(" \t")]
        else:
            out += ["\n", line]
        before = line
    return "".join(out)


def whole_formula(text: str) -> str | None:
    """The formula that `text` consists of, as Markdown writes it; None if it is not exactly one.

    For a `span.math-container`, in which some sites have `\\$..\\$`, whatever their inline delimiter elsewhere."""
    text = text.strip(" \t\n\r\f")
    if whole := _WHOLE.fullmatch(text):
        return text if (whole[1] or whole[2]).strip() else None
    if text.startswith("\\$") and not text.startswith("\\$$") and text.endswith("\\$") and len(text) > 4:
        text = f"${text[2:-2]}$"
    for start, end, markdown in formulas(text)[:1]:
        if start == 0 and end == len(text):
            return markdown
    return None


def _is_blank(tex: str) -> bool:
    return not tex.replace(BREAK, "").strip()


def _delimiters(opening: str, dollar: str) -> tuple[str, str, str]:
    """(Markdown's opening, the source's closing, Markdown's closing); no closing: it opens nothing."""
    if opening == "$$":
        return "$$", "$$", "$$"
    if opening == dollar:
        return "$", dollar, "$"
    if opening == "\\[":
        return "$$", "\\]", "$$"
    if opening == "\\\\(":
        return "$", "\\\\)", "$"
    if opening.startswith("\\begin{"):
        return "", "\\end" + opening[6:], ""
    return "", "", ""


def _find_end(text: str, pos: int, closing: str) -> int:
    """Index of `closing` at or after `pos`, outside braces and not escaped; -1 if there is none."""
    if text.find(closing, pos) < 0:
        return -1
    depth = 0
    for event in _EVENT.finditer(text, pos):
        found = event[0]
        if found == "{":
            depth += 1
        elif found == "}":
            depth = max(0, depth - 1)
        elif depth == 0 and text.startswith(closing, event.start()):
            return event.start()
    return -1
