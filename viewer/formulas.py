"""Formulas as MathML, which browsers render without loading any script, font or file.

math-core supports most of the MathJax that is used on Stack Exchange, and viewer/tex_equivalents.py expresses some of
the rest for it; other formulas are shown as source.
"""

from __future__ import annotations

from contextlib import suppress
from html import escape

from math_core import LatexError, LatexToMathML

from viewer.tex_equivalents import MACROS, simplified, without_looks

LONGEST = 5_000  # characters: more than any formula in the dumps that we read, and short enough for safe nesting


class Formulas:
    r"""Converts the formulas of one post in their order, because `\newcommand` is valid up to the post's end."""

    def __init__(self) -> None:
        self._converter = LatexToMathML(
            macros=MACROS, global_group=True, allow_unreliable_rendering=True, fancy_error=False
        )

    def html(self, tex: str, *, display: bool) -> str:
        """A formula without its dollars, as MathML, or as source marked `unrendered` if it cannot be converted."""
        if len(tex) <= LONGEST:
            simple = simplified(tex)
            for attempt in (simple, without_looks(simple)):
                with suppress(LatexError):
                    return self._converter.convert_with_global_state(attempt, displaystyle=display)
        return f'<code class="unrendered">{escape(tex)}</code>'
