"""The judgement file: YAML that people edit by hand.

# filtered-stack-exchange/cstheory.jsonl
cstheory.stackexchange.com/a/17: accept
cstheory.stackexchange.com/a/29: {judgement: reject, criteria: [4, 6], note: links to a blog}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from instructions.script import InputError

WORDS = ("accept", "reject")
CRITERIA = range(1, 8)  # the seven review criteria, by number


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
    try:
        text = Path(path).read_bytes()
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the viewer writes it, or write `<id>: accept` lines by hand") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: is not YAML ({error.problem}); write `<id>: accept` or `reject`") from None
    except yaml.YAMLError as error:  # characters that YAML forbids: the reader's error has no mark
        raise InputError(f"{path}: is not YAML ({error}); save it as plain UTF-8 text") from None
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}:{_line(root)}: is not a mapping; write one `<id>: accept` or `<id>: reject` a line")

    judgements: dict[str, Judgement] = {}
    for key, value in root.value:
        place = f"{path}:{_line(key)}"
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{place}: an id must be plain text, as in `math.stackexchange.com/a/17: accept`")
        if key.value in judgements:
            first = judgements[key.value].line
            raise InputError(f"{place}: {key.value} is judged twice, first in line {first}; keep one of the two")
        judgements[key.value] = _judgement(value, place, _line(key))
    return judgements


def _judgement(node: yaml.Node, place: str, line: int) -> Judgement:
    if isinstance(node, yaml.ScalarNode):
        return Judgement(_accepted(node, place), (), "", line)
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{place}: a judgement is `accept`, `reject` or {{judgement: reject, criteria: [4], note: ..}}"
        )
    fields = {key.value: value for key, value in node.value}
    if "judgement" not in fields:
        raise InputError(f"{place}: has no `judgement:`; write {{judgement: reject, ..}} or just the word")
    note = fields.get("note")
    return Judgement(
        _accepted(fields["judgement"], place),
        _criteria(fields.get("criteria"), place),
        str(note.value) if isinstance(note, yaml.ScalarNode) else "",
        line,
    )


def _accepted(node: yaml.Node, place: str) -> bool:
    if node.value not in WORDS:
        word = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
        raise InputError(f"{place}: the judgement is {word}; write accept or reject")
    return bool(node.value == "accept")


def _criteria(node: yaml.Node | None, place: str) -> tuple[int, ...]:
    if node is None:
        return ()
    numbers = [item.value for item in node.value] if isinstance(node, yaml.SequenceNode) else [node.value]
    if not all(isinstance(n, str) and n.isascii() and n.isdigit() and int(n) in CRITERIA for n in numbers):
        raise InputError(f"{place}: criteria must be numbers from 1 to 7, as in criteria: [4, 6]")
    return tuple(map(int, numbers))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
