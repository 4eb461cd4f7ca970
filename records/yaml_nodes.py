"""YAML that people write by hand, as nodes with line numbers. What could crash or fill the memory is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from records.errors import InputError

DEEPEST = 9  # nested nodes; a judgement file has 4, a mix file 5


class NotYamlError(Exception):
    """A text cannot be read as YAML.

    start: the place where what could not be read begins, such as an open brace, as an index into the text; None if
    there is no such place. stop: the place where the parser gave up, None if it could not even read the characters.
    unknown_alias: an alias such as `*a` has no anchor. `str()` has no line.
    """

    def __init__(
        self,
        message: str,
        line: int,
        *,
        start: int | None = None,
        stop: int | None = None,
        unknown_alias: bool = False,
    ):
        super().__init__(message)
        self.line, self.start, self.stop, self.unknown_alias = line, start, stop, unknown_alias


class TooDeepError(NotYamlError):
    """Nodes are nested deeper than DEEPEST."""


def compose(data: bytes, path: str | Path, hint: str) -> yaml.Node | None:
    """Like `parse`, but raises InputError with file, line and `hint`."""
    try:
        return parse(data)
    except NotYamlError as error:
        hint = hint if error.stop is not None else "save it as plain UTF-8 text"
        raise InputError(f"{path}:{error.line}: {error}; {hint}") from None


def parse(text: bytes | str) -> yaml.Node | None:
    """The one YAML document, None if it is empty. Aliases are the same nodes as their anchors, so they take no memory.

    Raises NotYamlError if it is not YAML or is nested too deep.
    """
    try:
        return yaml.compose(text, Loader=_ShallowLoader)
    except yaml.MarkedYAMLError as error:
        at, start = error.problem_mark, error.context_mark
        raise NotYamlError(
            f"is not YAML ({error.problem})",
            at.line + 1 if at else 1,
            start=start.index if start else None,
            stop=at.index if at else 0,
            unknown_alias=isinstance(error, yaml.composer.ComposerError),
        ) from None
    except yaml.reader.ReaderError as error:  # characters that YAML forbids, and bytes that are not characters
        data = text.encode() if isinstance(text, str) else text
        line = data.count(b"\n", 0, error.position) + 1
        raise NotYamlError(f"is not YAML ({error.reason})", line) from None


class _ShallowLoader(yaml.CSafeLoader):
    """Refuses deep nodes before it composes them, because composing them could crash.

    The composer calls these two methods of PyYAML's Resolver before and after each node; what they do there is for
    `add_path_resolver`, which nothing uses.
    """

    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        self._depth += 1
        if parent is not None and self._depth > DEEPEST:
            raise TooDeepError("is nested too deep", line_of(parent), stop=parent.start_mark.index)

    def ascend_resolver(self) -> None:
        self._depth -= 1


def place_of(node: yaml.Node, path: str | Path) -> str:
    """`file:line`, to begin an error with."""
    return f"{path}:{line_of(node)}"


def line_of(node: yaml.Node | None) -> int:
    """The line where a node begins, counted from 1; 1 for no node."""
    return int(node.start_mark.line) + 1 if node is not None else 1
