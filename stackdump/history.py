"""Posts in their authors' own Markdown, and whether it renders to what the site shows."""

from __future__ import annotations

from functools import cache
from html import escape

from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from stackdump.posts import Style


@cache
def _renderer(math: bool) -> MarkdownIt:
    """CommonMark with tables and strike-through, and with formulas marked as Stack Exchange marks them."""
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    if math:
        dollarmath_plugin(renderer, double_inline=True, allow_labels=False, renderer=_formula)
        amsmath_plugin(renderer, renderer=lambda tex: f'<p><span class="math-container">{escape(tex)}</span></p>')
    return renderer


def _formula(tex: str, options: dict[str, bool]) -> str:
    dollars = "$$" if options["display_mode"] else "$"
    return f'<span class="math-container">{dollars}{escape(tex)}{dollars}</span>'


def clean(markdown: str) -> str:
    """The Markdown with line feeds as its only line ends, and no blank lines around it."""
    return markdown.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()


def renders_to(markdown: str, html: str, style: Style) -> bool:
    """Whether the Markdown, rendered as CommonMark, is the same document as `html`.

    They are compared in a normal form: the Markdown that we write for both.
    """
    return style.markdown(_renderer(style.math).render(markdown)) == style.markdown(html)
