"""The judgement file: YAML that people edit by hand.

# filtered-stack-exchange/cstheory.jsonl
cstheory.stackexchange.com/a/17: accept
cstheory.stackexchange.com/a/29: {judgement: reject, criteria: [4, 6], note: links to a blog}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from instructions.script import InputError

WORDS = ("accept", "reject")
CRITERIA = tuple("1234567")  # the seven review criteria, by number
DEEPEST = 8  # file, judgement and criteria take 3


@dataclass(frozen=True)
class Judgement:
    """A reviewer's word on one record."""

    accepted: bool
    criteria: tuple[int, ...]  # the numbers of the criteria that it fails
    note: str
    line: int  # in the file, counted from 1


def load_judgements(path: str | Path) -> dict[str, Judgement]:
    """The judgements of a file by record id, in the file's order; an empty file has none.

    Raises InputError with file and line for bad YAML, a word that is neither accept nor reject, an id given
    twice, and criteria that are not 1 to 7.
    """
    root = _compose(path)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):  # nothing, or `---` alone
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{_place(path, root)}: is not a mapping; write one `<id>: accept` or `<id>: reject` a line")

    judgements: dict[str, Judgement] = {}
    for key, value in root.value:
        place = _place(path, key)
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{place}: an id must be plain text, as in `math.stackexchange.com/a/17: accept`")
        if key.value in judgements:
            first = judgements[key.value].line
            raise InputError(f"{place}: {key.value} is judged twice, first in line {first}; keep one of the two")
        judgements[key.value] = _judgement(value, path, _line(key))
    return judgements


def _compose(path: str | Path) -> yaml.Node | None:
    """The file's one YAML document; aliases are the nodes that they stand for, so they take no room."""
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the viewer writes it, or write `<id>: accept` lines by hand") from None
    try:
        _refuse_deep(text, path)
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: is not YAML ({error.problem}); write `<id>: accept` or `reject`") from None
    except yaml.reader.ReaderError as error:  # characters that YAML forbids, and bytes that are no characters
        line = text.count(b"\n", 0, error.position) + 1
        raise InputError(f"{path}:{line}: is not YAML ({error.reason}); save it as plain UTF-8 text") from None


def _refuse_deep(text: bytes, path: str | Path) -> None:
    """Raise InputError where nodes stand deeper in each other than a judgement can; composing them could crash."""
    depth = 0
    event: Any  # the stubs say that an event may have no mark
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(
                f"{_place(path, event)}: is nested too deep; write `<id>: accept` or `<id>: reject` a line"
            )


def _judgement(node: yaml.Node, path: str | Path, line: int) -> Judgement:
    if isinstance(node, yaml.ScalarNode):
        return Judgement(_accepted(node, path), (), "", line)
    place = f"{path}:{line}"
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{place}: a judgement is `accept`, `reject` or {{judgement: reject, criteria: [4], note: ..}}"
        )
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in fields:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            raise InputError(
                f"{_place(path, key)}: {name} is no field, or given twice; write judgement, criteria, note"
            )
        fields[key.value] = value
    if "judgement" not in fields:
        raise InputError(f"{place}: has no `judgement:`; write {{judgement: reject, ..}} or just the word")
    note = fields.get("note")
    return Judgement(
        _accepted(fields["judgement"], path),
        _criteria(fields.get("criteria"), path),
        str(note.value) if isinstance(note, yaml.ScalarNode) else "",
        line,
    )


def _accepted(node: yaml.Node, path: str | Path) -> bool:
    if node.value not in WORDS:
        word = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
        raise InputError(f"{_place(path, node)}: the judgement is {word}; write accept or reject")
    return bool(node.value == "accept")


def _criteria(node: yaml.Node | None, path: str | Path) -> tuple[int, ...]:
    if node is None:
        return ()
    numbers = [item.value for item in node.value] if isinstance(node, yaml.SequenceNode) else [node.value]
    if not all(number in CRITERIA for number in numbers):
        raise InputError(f"{_place(path, node)}: criteria must be numbers from 1 to 7, as in criteria: [4, 6]")
    return tuple(map(int, numbers))


def _place(path: str | Path, node: yaml.Node) -> str:
    return f"{path}:{_line(node)}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
