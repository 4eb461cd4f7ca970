"""How a body is to be read and written."""

from __future__ import annotations

from stackdump.markdown.escape import plain_spaces


class Options:
    """What a writer has to know of its post.

    math: the site uses MathJax. find_math: ... and the formulas of this post are not marked. dollar: the inline
    delimiter. trusted: the tokens come from the HTML parser, and whatever they hold is to be written. keep_nbsp: so
    are invisible spaces inside text. invisible: it may hold some that are not written as character references.
    """

    __slots__ = ("base_url", "dollar", "find_math", "invisible", "keep_nbsp", "math", "trusted")

    def __init__(
        self,
        math: bool,
        find_math: bool,
        dollar: str,
        base_url: str | None,
        trusted: bool,
        keep_nbsp: bool = False,
        invisible: bool = True,
    ):
        self.math, self.find_math, self.dollar, self.base_url = math, find_math, dollar, base_url
        self.trusted, self.keep_nbsp, self.invisible = trusted, keep_nbsp, invisible

    def spaces(self, text: str) -> str:
        """The text with its invisible spaces as they are to be written."""
        return text if self.keep_nbsp else plain_spaces(text)
