"""TeX that MathJax accepts and math-core does not, expressed for math-core."""

from __future__ import annotations

import re
from collections.abc import Callable

MACROS = {
    "mbox": r"\text{#1}",
    "hbox": r"\text{#1}",
    "substack": r"\begin{matrix}#1\end{matrix}",
    "matrix": r"\begin{matrix}#1\end{matrix}",
    "pmatrix": r"\begin{pmatrix}#1\end{pmatrix}",
    "cases": r"\begin{cases}#1\end{cases}",
    "eqalign": r"\begin{aligned}#1\end{aligned}",
    "displaylines": r"\begin{gathered}#1\end{gathered}",
    "smallsetminus": r"\setminus",
    "bbox": r"\boxed{#1}",
    "smash": "{#1}",
    "llap": "{#1}",
    "rlap": "{#1}",
    "mathllap": "{#1}",
    "mathrlap": "{#1}",
    "pmb": r"\boldsymbol{#1}",
    "style": "{#2}",
    "class": "{#2}",
    "cssId": "{#2}",
    "href": "{#2}",
    "strut": "",
    "hfill": r"\quad",
    "varliminf": r"\underline{\lim}",
    "varlimsup": r"\overline{\lim}",
    "dotsc": r"\ldots",
    "dotso": r"\ldots",
    "dotsb": r"\cdots",
    "dotsm": r"\cdots",
    "dotsi": r"\cdots",
    "TeX": r"\text{TeX}",
    "LaTeX": r"\text{LaTeX}",
}
NAME = (
    r"\{?\s*\\?([A-Za-z]+)\s*\}?|\{?\s*\\([^A-Za-z\s])\s*\}?"  # of a command; MathJax needs no backslash in the braces
)
Rewrite = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def simplified(tex: str) -> str:
    """A formula that means the same, in words that math-core knows."""
    return _rewritten(tex, _REWRITES)


def without_looks(tex: str) -> str:
    """A formula without colours and sizes, of which math-core knows few, and with signs in its text escaped."""
    return _rewritten(tex, _LOOKS)


def _rewritten(tex: str, rewrites: list[Rewrite]) -> str:
    for pattern, replacement in rewrites:
        tex = pattern.sub(replacement, tex)
    return tex


def _formulas_out_of_text(text: re.Match[str]) -> str:
    r"""`\text{if $x$}` as `\text{if }x\text{}`."""
    return r"\text{" + re.sub(r"\$([^$]*)\$", r"}{\1}\\text{", text[1]) + "}"


def _in_typewriter(verbatim: re.Match[str]) -> str:
    r"""`\verb|a_b|` as `\texttt{a\_b}`."""
    return r"\texttt{" + re.sub(r"([#$%&_{}])", r"\\\1", verbatim[2]) + "}"


def _angle(bracket: re.Match[str]) -> str:
    r"""`\left<`, `\left\lt` as `\left\langle`, and likewise on the right."""
    return rf"\{bracket[1]}\{'l' if bracket[2] in ('<', 'lt') else 'r'}angle "


def _redefined(command: re.Match[str]) -> str:
    """A definition of a new or a known command, which MathJax both accepts."""
    name = rf"\{command[1] or command[2]}"
    return rf"\providecommand{{{name}}}{{}}\renewcommand{{{name}}}"


def _signs_escaped(text: re.Match[str]) -> str:
    return re.sub(r"(?<!\\)([#%])", r"\\\1{}", text[0])


def _diagram(diagram: re.Match[str]) -> str:
    r"""A commutative diagram of AMScd as a matrix: `A @>f>> B \\ @VVV @VVgV \\ C @>>> D`."""
    return r"\begin{matrix}" + r"\\".join(map(_diagram_row, re.split(r"\\\\", diagram[1]))) + r"\end{matrix}"


def _diagram_row(row: str) -> str:
    if not row.strip().startswith("@"):  # objects and the arrows between them
        return _ARROW.sub(lambda arrow: f"&{_arrow(arrow)}&", row)
    return "&&".join(_arrow(arrow) for arrow in _ARROW.finditer(row))  # arrows below the objects


def _arrow(arrow: re.Match[str]) -> str:
    kind, first, second, sign = arrow.groups()
    if sign:
        return {"=": "=", "|": r"\Big\Vert", ".": ""}[sign]
    if kind in "<>":
        return rf"\x{'right' if kind == '>' else 'left'}arrow[{second}]{{\quad {first}\quad}}"
    return rf"{{\scriptstyle {first}}}\Big\{'down' if kind == 'V' else 'up'}arrow{{\scriptstyle {second}}}"


_ARROW = re.compile(r"@(?:([<>VA])((?:(?!\1)[^@])*)\1((?:(?!\1)[^@])*)\1|([=|.]))")
_REWRITES: list[Rewrite] = [
    (re.compile(r"\\(?:text|mbox|hbox|textrm)\s*\{([^{}$]*(?:\$[^$]*\$[^{}$]*)+)\}"), _formulas_out_of_text),
    (re.compile(r"\\(?:label|require)\s*\{[^{}]*\}"), ""),
    (re.compile(r"\\tag\*?\s*\{([^{}]*)\}"), r"\\qquad(\1)"),
    (re.compile(r"\{eqnarray(\*?)\}"), r"{align\1}"),
    (re.compile(r"\{smallmatrix\}"), "{matrix}"),
    (re.compile(r"\\verb(?![A-Za-z])\*?(\S)(.*?)\1"), _in_typewriter),
    (re.compile(r"\\(left|middle|right)\s*(?:\\(?=lt|gt))?(<|>|lt\b|gt\b)"), _angle),
    (re.compile(r"(?<!\\)((?:\\\\)*)\\\n"), r"\1\\ "),  # a space at the end of a line
    (re.compile(r"\\operatorname\*?\s*\{(\\math[a-z]+\s*\{[^{}]*\})\}"), r"\\mathop{\1}"),
    (re.compile(r"\\begin\{CD\}(.*?)\\end\{CD\}", re.S), _diagram),
    (
        re.compile(r"\\DeclareMathOperator\*?\s*\{?(\\[A-Za-z]+)\}?\s*\{([^{}]*)\}"),
        r"\\newcommand{\1}{\\operatorname{\2}}",
    ),
    (re.compile(rf"\\(?:re)?newcommand\s*(?:{NAME})"), _redefined),
    (
        re.compile(r"\\(begin|end)\{(align|equation|gather|alignat|multline)\}"),
        r"\\\1{\2*}",
    ),  # the sites do not number equations
]
_LOOKS: list[Rewrite] = [
    (re.compile(r"\\(?:text)?color\s*\{[^{}]*\}"), ""),
    (re.compile(r"\\(?:tiny|scriptsize|small|normalsize|large|Large|LARGE|huge|Huge)(?![A-Za-z])"), ""),
    (re.compile(r"\\text[a-z]*\s*\{[^{}]*\}"), _signs_escaped),
]
