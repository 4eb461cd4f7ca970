"""Braces with a part that has no colon: to YAML, `{criteria: 4, 6}` is a field criteria, and an empty field 6."""

from __future__ import annotations

import json
import re

import yaml

from review.judgements.judgement import CRITERIA, WORDS

COLON = re.compile(r"\s*:")


def part_without_colon(braces: yaml.MappingNode, text: str) -> tuple[yaml.Node, str] | None:
    """The first part that has no colon, and what is wrong and what to write; None if all have one.

    `text` is what the nodes were read from. A part belongs to the text before it, as in `note: too long, and wrong`;
    a word or a number is a judgement or a criterion.
    """
    first, changed, last = None, set[str](), ""
    fields: dict[str, list[str]] = {}
    for key, value in braces.value:
        name, part = _source(key, text), _source(value, text)
        if not COLON.match(text, key.end_mark.index):
            first = first or key
            name, part = _field_of(name, last, fields), name
            changed.add(name)
        elif name == "criteria":
            part = part.strip("[ ]")
        fields.setdefault(name, []).append(part)
        last = name
    if first is None:
        return None
    meant = [f"{name}: {_value(name, ', '.join(parts), name in changed)}" for name, parts in fields.items()]
    return first, f"`{_source(first, text)}` has no colon; write {{{', '.join(meant)}}}"


def _field_of(part: str, last: str, fields: dict[str, list[str]]) -> str:
    """The field to which a part without colon belongs, `last` being the one before it."""
    if part in WORDS and "judgement" not in fields:
        return "judgement"
    no_text_before = last in ("", "judgement", "criteria")
    if part in CRITERIA and no_text_before:
        return "criteria"
    return "note" if no_text_before else last


def _value(name: str, value: str, changed: bool) -> str:
    if name == "criteria":
        return f"[{value}]"
    return json.dumps(value, ensure_ascii=False) if changed and name != "judgement" else value


def _source(node: yaml.Node, text: str) -> str:
    return " ".join(text[node.start_mark.index : node.end_mark.index].split())
