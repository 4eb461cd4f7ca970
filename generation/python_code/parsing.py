"""Python's parser, for several threads.

Before Python 3.11.8 the parser counts the depth of a tree for all threads together, so that one of two that parse at
the same time ends in a SystemError (https://github.com/python/cpython/issues/106905): here one waits for the other.
"""

import ast
from threading import Lock
from typing import Any

_ONE_AT_A_TIME = Lock()


def parse_module(source: str) -> ast.Module:
    """Like ast.parse, with the same errors."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)


def literal(source: str | ast.expr) -> Any:
    """The value of a literal, as ast.literal_eval gives it, with the same errors; spaces around it do not matter."""
    with _ONE_AT_A_TIME:
        return ast.literal_eval(source.strip() if isinstance(source, str) else source)
