"""YAML that people write by hand, as nodes with line numbers. What could crash or fill the memory is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from records.errors import InputError

DEEPEST = 8  # nested nodes; a judgement file has 3, a mix file 4


def compose(data: bytes, path: str | Path, hint: str) -> yaml.Node | None:
    """The one YAML document, None if it is empty. Aliases are the same nodes as their anchors, so they take no memory.

    Raises InputError with file, line and `hint` if it is not YAML or is nested too deep.
    """
    try:
        _refuse_deep(data, path, hint)
        return yaml.compose(data, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: is not YAML ({error.problem}); {hint}") from None
    except yaml.reader.ReaderError as error:  # characters that YAML forbids, and bytes that are not characters
        line = data.count(b"\n", 0, error.position) + 1
        raise InputError(f"{path}:{line}: is not YAML ({error.reason}); save it as plain UTF-8 text") from None


def _refuse_deep(data: bytes, path: str | Path, hint: str) -> None:
    """Composing deep nodes could crash."""
    depth = 0
    event: Any  # the stubs say that an event may have no mark
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(f"{place_of(event, path)}: is nested too deep; {hint}")


def place_of(node: yaml.Node, path: str | Path) -> str:
    """`file:line`, to begin an error with."""
    return f"{path}:{line_of(node)}"


def line_of(node: yaml.Node | None) -> int:
    """The line where a node begins, counted from 1; 1 for no node."""
    return int(node.start_mark.line) + 1 if node is not None else 1
