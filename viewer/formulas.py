"""Formulas as MathML, which browsers render without loading any script, font or file.

math-core supports most of the MathJax that is used on Stack Exchange; other formulas are shown as source.
"""

from __future__ import annotations

import re
from html import escape

from math_core import LatexError, LatexToMathML

LONGEST = 5_000  # characters: more than any formula in the dumps that we read, and short enough for safe nesting

# What MathJax accepts and math-core does not, expressed for math-core.
_MACROS = {
    "mbox": r"\text{#1}",
    "hbox": r"\text{#1}",
    "substack": r"\begin{matrix}#1\end{matrix}",
    "smallsetminus": r"\setminus",
    "bbox": r"\boxed{#1}",
    "smash": "{#1}",
    "dotsc": r"\ldots",
    "dotsb": r"\cdots",
    "TeX": r"\text{TeX}",
    "LaTeX": r"\text{LaTeX}",
}
_REWRITES = [
    (re.compile(r"\\(?:label|require)\s*\{[^{}]*\}"), ""),
    (re.compile(r"\\tag\*?\s*\{([^{}]*)\}"), r"\\qquad(\1)"),
    (re.compile(r"\{eqnarray(\*?)\}"), r"{align\1}"),
    (
        re.compile(r"\\DeclareMathOperator\*?\s*\{?(\\[A-Za-z]+)\}?\s*\{([^{}]*)\}"),
        r"\\newcommand{\1}{\\operatorname{\2}}",
    ),
    (  # MathJax accepts either command for new and for known names
        re.compile(r"\\(?:re)?newcommand\s*\{?(\\[A-Za-z]+)\}?"),
        r"\\providecommand{\1}{}\\renewcommand{\1}",
    ),
    (
        re.compile(r"\\(begin|end)\{(align|equation|gather|alignat|multline)\}"),
        r"\\\1{\2*}",
    ),  # the sites do not number equations
]
_TEXT = re.compile(r"\\(?:text|mbox|hbox|textrm)\s*\{([^{}$]*(?:\$[^$]*\$[^{}$]*)+)\}")
_DOLLARS = re.compile(r"\$([^$]*)\$")


class Formulas:
    r"""Converts the formulas of one post in their order, because `\newcommand` is valid up to the post's end."""

    def __init__(self) -> None:
        self._converter = LatexToMathML(
            macros=_MACROS, global_group=True, allow_unreliable_rendering=True, fancy_error=False
        )

    def html(self, tex: str, *, display: bool) -> str:
        """A formula without its dollars, as MathML, or as source marked `unrendered` if it cannot be converted."""
        if len(tex) <= LONGEST:
            rewritten = _TEXT.sub(_formulas_out_of_text, tex)
            for pattern, replacement in _REWRITES:
                rewritten = pattern.sub(replacement, rewritten)
            try:
                return self._converter.convert_with_global_state(rewritten, displaystyle=display)
            except LatexError:
                pass
        return f'<code class="unrendered">{escape(tex)}</code>'


def _formulas_out_of_text(text: re.Match[str]) -> str:
    r"""`\text{if $x$}` as `\text{if }x\text{}`."""
    return r"\text{" + _DOLLARS.sub(r"}{\1}\\text{", text[1]) + "}"
