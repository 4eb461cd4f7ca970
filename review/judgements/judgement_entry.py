"""One judgement as text: a new entry, and an entry judged anew that keeps what else a person has written into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from review.judgements.judgement_reading import FIELDS, Entry, Judgement

LINE_BREAK = re.compile("[\n\r\x85\u2028\u2029]")  # as YAML 1.1 has them
WHITE_SPACE = " \t\n\r\x85\u2028\u2029"


class _OneLine(yaml.SafeDumper):
    """Writes everything in one line: text with line breaks in it is quoted with escapes."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if LINE_BREAK.search(text) else None)


_OneLine.add_representer(str, _represent)


def new_entry(record_id: str, judgement: Judgement) -> str:
    """An entry: `<id>: accept`, or `<id>: {judgement: reject, criteria: [4], note: ..}`."""
    return f"{_yaml(record_id)}: {_yaml(_plain(judgement))}"


def judged_anew(text: str, entry: Entry, judgement: Judgement, line_end: str) -> str:
    """An entry's lines with another judgement; comments and fields of the reviewer's own stay as they are.

    `text` is that of the entry alone, and `entry` what was read in it.
    """
    if isinstance(entry.value, yaml.MappingNode) and _holds_more(text, entry.value):
        return _with_fields(text, entry.value, _fields(entry.judgement), _fields(judgement), line_end)
    start, end = entry.key.end_mark.index, entry.value.start_mark.index
    between = text[start:end]
    if re.fullmatch(r":\s+", between):  # also where the value began on a line of its own
        between = ": "
    return text[:start] + between + _yaml(_plain(judgement)) + text[end_of(entry.value, text) :]


def end_of(node: yaml.Node, text: str) -> int:
    """Where a node's last character stands; YAML lets a block end where the next thing begins."""
    if isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(last[1] if isinstance(node, yaml.MappingNode) else last, text)
    end: int = node.end_mark.index
    while end and text[end - 1] in WHITE_SPACE:
        end -= 1
    return end


def _plain(judgement: Judgement) -> Any:
    """The judgement as its word, or as a mapping where there is more to say."""
    said = {name: value for name, value in _fields(judgement).items() if value}
    return said if len(said) > 1 else said["judgement"]


def _fields(judgement: Judgement) -> dict[str, Any]:
    word = "accept" if judgement.accepted else "reject"
    return {"judgement": word, "criteria": list(judgement.criteria), "note": judgement.note}


def _yaml(value: Any) -> str:
    """A value in YAML's flow style, in one line."""
    dumped = yaml.dump([value], Dumper=_OneLine, default_flow_style=True, allow_unicode=True, sort_keys=False,
                       width=float("inf"))  # fmt: skip
    return str(dumped).strip()[1:-1]


def _holds_more(text: str, value: yaml.MappingNode) -> bool:
    """Whether a judgement has fields of the reviewer's own or comments in it."""
    if {key.value for key, _ in value.value} - set(FIELDS):
        return True
    rest, last = "", value.start_mark.index
    for scalar in _scalars(value):
        rest += text[last : scalar.start_mark.index]
        last = end_of(scalar, text)
    return "#" in rest + text[last : end_of(value, text)]


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
        return
    for child in node.value:
        for each in child if isinstance(node, yaml.MappingNode) else [child]:
            yield from _scalars(each)


def _with_fields(
    text: str, value: yaml.MappingNode, before: dict[str, Any], after: dict[str, Any], line_end: str
) -> str:
    """The text with the fields that differ changed where they stand, and those that it has not put after the word."""
    nodes = {name.value: (name, field) for name, field in value.value}
    edits, missing = [], []  # edits: from, to, new text
    for name in FIELDS:
        if after[name] == before[name]:
            continue
        if name in nodes:
            end = end_of(nodes[name][1], text)
            start = min(nodes[name][1].start_mark.index, end)
            space = " " if start == end else ""  # `note:` may have nothing yet
            edits.append((start, end, space + _yaml(after[name])))
        else:
            missing.append(f"{name}: {_yaml(after[name])}")
    if missing:
        name, word = nodes["judgement"]
        place, between = end_of(word, text), ", "
        if not value.flow_style:  # on lines of their own
            broken = LINE_BREAK.search(text, place)
            place = broken.start() if broken else len(text)
            between = line_end + " " * name.start_mark.column
        edits.append((place, place, "".join(between + each for each in missing)))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
