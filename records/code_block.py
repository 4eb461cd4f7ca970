"""A snippet of Python as a Markdown code block."""

from __future__ import annotations

import re

_BACKTICKS = re.compile("`+")


def fenced(snippet: str) -> str:
    """A Markdown code block, whose fence is longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(snippet)), default=0))
    return f"{fence}python\n{snippet}\n{fence}"
