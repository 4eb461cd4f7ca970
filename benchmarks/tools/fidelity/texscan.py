"""Where MathJax, as Stack Exchange configures it, sees TeX in a run of text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEGIN = re.compile(r"\\begin\{([^}]*)\}")
_START = re.compile(r"\$\$?|\\\\\(|\\\[|\\begin\{[^}]*\}|\\.", re.S)
HAS_MATH = re.compile(r"\$|\\begin\{|\\\[|\\\\\(").search


def find_end(text: str, pos: int, closing: str) -> int:
    """Index of `closing` at or after pos, outside braces, not escaped; -1 if none.
    (tex2jax: `\\x` is skipped, the end counts only where braces balance.)"""
    depth, i, n = 0, pos, len(text)
    while i < n:
        if depth == 0 and text.startswith(closing, i):
            return i
        c = text[i]
        if c == "\\":
            i += 2
            continue
        if c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
            if depth < 0:
                depth = 0
        i += 1
    return -1


def match_math(text: str, pos: int, markdown: bool = False) -> tuple[int, str, str] | None:
    """(end, kind, tex) of the formula that starts exactly at pos, or None.
    kind: inline, display, or env (\\begin..\\end outside dollars: tex has both).
    In Markdown \\[ and \\\\( are escapes, so only dollars and environments count."""
    if text.startswith("$$", pos):
        end = find_end(text, pos + 2, "$$")
        if end > 0 and text[pos + 2 : end].strip():
            return end + 2, "display", text[pos + 2 : end]
        return None
    if text[pos : pos + 1] == "$":
        end = find_end(text, pos + 1, "$")
        if end > 0 and text[pos + 1 : end].strip():
            return end + 1, "inline", text[pos + 1 : end]
        return None
    m = _BEGIN.match(text, pos)
    if m:
        closing = f"\\end{{{m[1]}}}"
        end = find_end(text, m.end(), closing)
        if end > 0:
            return end + len(closing), "env", text[pos : end + len(closing)]
        return None
    if not markdown:
        for opening, closing, kind in (("\\[", "\\]", "display"), ("\\\\(", "\\\\)", "inline")):
            if text.startswith(opening, pos):
                end = find_end(text, pos + len(opening), closing)
                if end > 0:
                    return end + len(closing), kind, text[pos + len(opening) : end]
    return None


def math_spans(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield (start, end, kind, tex) over a run of text, left to right."""
    pos = 0
    while True:
        m = _START.search(text, pos)
        if not m:
            return
        found = match_math(text, m.start())
        if found:
            yield (m.start(), *found)
            pos = found[0]
        else:
            pos = m.end()


def normal_tex(tex: str) -> str:
    if re.search(r"(?<!\\)%", tex):  # a newline ends a comment, so it stays
        return "\n".join(filter(None, (" ".join(line.split()) for line in tex.split("\n"))))
    flat = " ".join(tex.split())
    # the space of a final `\\ ` is part of the command
    return flat + " " if re.search(r"(?<!\\)(\\\\)*\\$", flat) and tex[-1:].isspace() else flat


_STRONG = re.compile(r"\$[^$]*(?:\\[A-Za-z]{2,}|[\^_])[^$]*\$|\\begin\{")
_CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.S)


def has_tex(html: str) -> bool:
    """Text that is hardly anything but TeX (used to recognise a MathJax site)."""
    if "math-container" in html:
        return True
    return "$" in html and bool(_STRONG.search(_CODE.sub("", re.sub(r'="[^"]*"', "", html))))
