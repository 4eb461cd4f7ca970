"""Which of several patterns may match a text, by one pass over it for all of them.

RE2 (https://github.com/google/re2) makes one automaton of many patterns: a pass takes about as long as the search for
one of them in Python. It knows no lookaround, and its classes are ASCII's. So each pattern is loosened: the automaton
finds it wherever Python does, and in a few more texts, in which the search for it then finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

try:
    from re import _constants as ops  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]

    import re2
except ImportError:  # no wheel for this Python, or other inner modules: then all patterns are searched for
    re2 = None

ANYTHING = "(?s:.*)"
_NOT_ASCII = r"\x{80}-\x{10ffff}"  # in any class, and excluded from none
# Of each class that Python's patterns name, the characters within ASCII.
_ASCII = {
    "CATEGORY_SPACE": r"\t-\r\x1c-\x1f ",
    "CATEGORY_WORD": "0-9A-Za-z_",
    "CATEGORY_DIGIT": "0-9",
    "CATEGORY_NOT_SPACE": r"\x00-\x08\x0e-\x1b!-\x7f",
    "CATEGORY_NOT_WORD": r"\x00-/:-@\[-^`{-\x7f",
    "CATEGORY_NOT_DIGIT": r"\x00-/:-\x7f",
}


class Automaton:
    """Finds out which of several patterns may match a text."""

    def __init__(self, patterns: Sequence[re.Pattern[str]]):
        self.all = range(len(patterns))
        if re2:
            self.set = re2.Set.SearchSet()
            for pattern in patterns:
                self.set.Add(loosened(pattern))
            self.set.Compile()

    def possible(self, text: bytes) -> Collection[int]:
        """The indices of the patterns that may match a text, in order; `text` is in UTF-8."""
        return sorted(self.set.Match(text) or ()) if re2 else self.all


def loosened(pattern: re.Pattern[str]) -> str:
    """A pattern for RE2 that matches in all texts in which this one does. Raises ValueError if it ignores case."""
    if pattern.flags & re.IGNORECASE:
        raise ValueError(f"{pattern.pattern!r} ignores case, which RE2 and Python understand in different ways")
    return _sequence(parser.parse(pattern.pattern, pattern.flags))


def _sequence(items: Iterable[tuple[Any, Any]]) -> str:
    return "".join(_loosened(op, value) for op, value in items)


def _loosened(op: Any, value: Any) -> str:
    if op is ops.LITERAL:
        return _literal(value)
    if op is ops.NOT_LITERAL:
        return f"[^{_literal(value)}]"
    if op is ops.IN:
        return _class(value)
    if op is ops.BRANCH:
        return f"(?:{'|'.join(map(_sequence, value[1]))})"
    if op is ops.SUBPATTERN and not value[1]:  # without flags of its own
        return f"(?:{_sequence(value[3])})"
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):  # any number of times, for fewer states
        least, most, items = value
        return f"(?:{_sequence(items)}){'?' if (least, most) == (0, 1) else '+' if least else '*'}"
    if op in (ops.AT, ops.ASSERT, ops.ASSERT_NOT):  # they match no character
        return ""
    return ANYTHING


def _class(items: list[tuple[Any, Any]]) -> str:
    excludes = items[0][0] is ops.NEGATE
    members = []
    for op, value in items[excludes:]:
        if op is ops.CATEGORY:
            members.append(_ASCII[repr(value)] + ("" if excludes else _NOT_ASCII))
        else:
            members.append("-".join(map(_literal, value if op is ops.RANGE else [value])))
    return f"[{'^' if excludes else ''}{''.join(members)}]"


def _literal(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"
