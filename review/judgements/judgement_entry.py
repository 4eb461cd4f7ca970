"""One judgement as text: a new entry, or a changed entry that keeps everything else a person has written in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from review.judgements.judgement import FIELDS, Judgement
from review.judgements.judgement_reading import Entry

BLOCK_INDENT = "  "
LINE_BREAK = re.compile("[\n\r\x85\u2028\u2029]")  # as in YAML 1.1
NEXT_FIELD = re.compile(r"[ \t]*(\r\n|\n)[ \t]*[^\s#]")
WHITE_SPACE = " \t\n\r\x85\u2028\u2029"


class _OneLine(yaml.SafeDumper):
    """Writes everything on one line: text with line breaks is quoted and escaped."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if LINE_BREAK.search(text) else None)


_OneLine.add_representer(str, _represent)


def new_entry(record_id: str, judgement: Judgement, indent: str = "", line_end: str = "\n") -> str:
    """An entry: `<id>: accept`, or `<id>: {judgement: reject, criteria: [4], note: ..}`.

    With a correction, it is one field a line, below the id; `indent` is that of the entry.
    """
    if judgement.correction:
        return f"{_yaml(record_id)}:{_block_of(judgement, indent, line_end)}"
    return f"{_yaml(record_id)}: {_yaml(_plain(judgement))}"


def changed_entry(text: str, entry: Entry, judgement: Judgement, line_end: str) -> str:
    """An entry's lines with another judgement; comments and the reviewer's own fields stay unchanged.

    `text` is that of the entry alone, and `entry` is what was read from it.
    """
    if isinstance(entry.value, yaml.MappingNode) and _holds_more(text, entry.value):
        return _with_fields(text, entry.value, _fields(entry.judgement), _fields(judgement), line_end)
    start, end = entry.key.end_mark.index, entry.value.start_mark.index
    between = text[start:end]
    after = text[end_of(entry.value, text) :]
    if re.fullmatch(r":\s+", between):  # even if the value began on its own line
        if judgement.correction:
            return _with_block(text[:start], after, judgement, line_end)
        between = ": "
    return text[:start] + between + _yaml(_plain(judgement)) + after


def _with_block(key: str, after: str, judgement: Judgement, line_end: str) -> str:
    """An entry with a correction; a comment behind the judgement is behind the id then, or it would be text."""
    broken = LINE_BREAK.search(after)
    comment, rest = (after[: broken.start()], after[broken.start() :]) if broken else (after, "")
    indent = key[: len(key) - len(key.lstrip(" "))]
    return f"{key}:{comment.rstrip()}{_block_of(judgement, indent, line_end)}{rest}"


def end_of(node: yaml.Node, text: str) -> int:
    """The end of a node's last character; PyYAML lets a block end where the next token begins."""
    if isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(last[1] if isinstance(node, yaml.MappingNode) else last, text)
    end: int = node.end_mark.index
    while end and text[end - 1] in WHITE_SPACE:
        end -= 1
    return end


def _plain(judgement: Judgement) -> Any:
    """The judgement as a word, or as a mapping if it has criteria or a note."""
    fields = {name: value for name, value in _fields(judgement).items() if value}
    return fields if len(fields) > 1 else fields["judgement"]


def _fields(judgement: Judgement) -> dict[str, Any]:
    return {
        "judgement": judgement.word,
        "criteria": list(judgement.criteria),
        "note": judgement.note,
        "model": judgement.model,
        "correction": judgement.correction,
        "corrects": judgement.corrects,
    }


def _block_of(judgement: Judgement, indent: str, line_end: str) -> str:
    """The judgement below its id, one field a line.

    The last is not a text of several lines, to which blank lines and comments behind the entry could belong.
    """
    deeper = indent + BLOCK_INDENT
    lines = [
        f"{name}: {_lines_of(value, deeper, line_end) if name == 'correction' else _yaml(value)}"
        for name, value in _fields(judgement).items()
        if value or name == "corrects"
    ]
    return "".join(f"{line_end}{deeper}{line}" for line in lines)


def _lines_of(text: str, indent: str, line_end: str) -> str:
    """A text as YAML's literal block, line by line below `indent`; what that cannot hold is quoted, on one line."""
    body = text.removesuffix("\n")
    if body.endswith(tuple(WHITE_SPACE)):  # nobody would see it
        return _yaml(text)
    end = "-" if body == text else ""
    begin = str(len(BLOCK_INDENT)) if body[:1].isspace() else ""  # or the first line would say how deep all are
    lines = [f"{indent}{BLOCK_INDENT}{line}" if line else "" for line in body.split("\n")]
    block = line_end.join([f"|{begin}{end}", *lines])
    return block if _read(f"{indent}text: {block}{line_end}") == text else _yaml(text)


def _read(entry: str) -> Any:
    """The text of an entry's value; None if it is not YAML."""
    try:
        root: Any = yaml.compose(entry, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    return root.value[0][1].value


def _yaml(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    dumped = yaml.dump(
        [value],
        Dumper=_OneLine,
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=float("inf"),
    )
    return str(dumped).strip()[1:-1]


def _holds_more(text: str, value: yaml.MappingNode) -> bool:
    """Whether a judgement contains comments or the reviewer's own fields."""
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
        for part in child if isinstance(node, yaml.MappingNode) else [child]:
            yield from _scalars(part)


def _with_fields(
    text: str, value: yaml.MappingNode, before: dict[str, Any], after: dict[str, Any], line_end: str
) -> str:
    """The text with changed fields replaced in place, and new ones inserted after the word."""
    nodes = {name.value: (name, field) for name, field in value.value}
    edits, missing = [], []  # edits: start, end, new text
    indent = " " * value.start_mark.column

    def written(name: str, before_field: bool) -> str:
        """A field's value; before_field: the next line is another field, so that this one may have several lines."""
        block = name == "correction" and before_field and not value.flow_style and after[name]
        return _lines_of(after[name], indent, line_end) if block else _yaml(after[name])

    for name in FIELDS:
        if after[name] == before[name]:
            continue
        if name in nodes:
            end = end_of(nodes[name][1], text)
            start = min(nodes[name][1].start_mark.index, end)
            space = " " if start == end else ""  # an empty `note:`
            before_field = bool(NEXT_FIELD.match(text, end))
            edits.append((start, end, space + written(name, before_field)))
        else:
            missing.append(f"{name}: {written(name, 'corrects' not in nodes)}")
    if missing:
        name, word = nodes["judgement"]
        place, between = end_of(word, text), ", "
        if not value.flow_style:  # one field a line
            broken = LINE_BREAK.search(text, place)
            place = broken.start() if broken else len(text)
            between = line_end + " " * name.start_mark.column
        edits.append((place, place, "".join(between + field for field in missing)))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
