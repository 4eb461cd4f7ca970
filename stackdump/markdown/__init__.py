"""Stack Exchange's HTML -> Markdown that means the same.

    html_to_markdown("<p>10<sup>2</sup> is <em>not</em> $x_1$</p>", math=True)  ->  "10<sup>2</sup> is *not* $x_1$"

CommonMark 0.31 with GFM tables and `~~strike~~`, `>!` spoilers, formulas byte for byte, raw HTML only for what has no
syntax. The tokens of a well-nested body, as the sites write them, go straight to the writer (`writer.py` for blocks,
`paragraph.py` for what is in them); any other body is first repaired by a browser's parser (`repair.py`), and then
written by the same writer.
"""

from stackdump.native import use

use(__name__, __path__)

from stackdump.markdown.bodies import html_to_markdown, text_to_markdown  # noqa: E402 - out of the compiled modules

__all__ = ["html_to_markdown", "text_to_markdown"]
