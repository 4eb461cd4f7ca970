"""The mix file: the sources of a data set, how much of each, and which of its records.

# a data set of two sources
sources:
  - path: [filtered-stack-exchange/math.jsonl, filtered-stack-exchange/cstheory.jsonl]
    weight: 3
    min_answer_votes: 10
  - path: sources/conala.jsonl
    weight: 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from merging.sampling import MixSource, Quota
from records.conditions import KINDS, conditions
from records.errors import InputError
from records.yaml_nodes import compose, line_of, place_of

OWN_KEYS = ("path", "weight", "maximum")
EXAMPLE = "write `sources:` and below it `- path: conala.jsonl` for each source"


def load_mix(path: str, hosts: Callable[[list[str]], list[str]]) -> list[MixSource]:
    """The sources of a mix file, in its order; relative paths are relative to its folder.

    hosts: gives the hosts of the sites that a user names; may raise InputError.

    Raises InputError with file and line for bad YAML, for an unknown or repeated key, and for a value of the wrong
    kind.
    """
    return [_source(fields, path, line, hosts) for fields, line in _sources(path)]


def _source(fields: dict[str, yaml.Node], path: str, line: int, hosts: Callable[[list[str]], list[str]]) -> MixSource:
    if "path" not in fields:
        raise InputError(f"{path}:{line}: this source has no path; {EXAMPLE}")
    if "weight" in fields and "maximum" in fields:
        raise InputError(f"{path}:{line}: this source has a weight and a maximum; give one of the two")
    paths = [str(Path(path).parent / name) for name in _texts(fields["path"], "path", path)]
    weight = _weight(fields["weight"], path) if "weight" in fields else None
    maximum = _count(fields["maximum"], "maximum", path) if "maximum" in fields else None
    wanted = {name: _value(node, name, path) for name, node in fields.items() if name not in OWN_KEYS}
    quota = Quota(" ".join(_texts(fields["path"], "path", path)), maximum, weight)
    try:
        wanted |= {name: hosts(wanted[name]) for name in ("sites", "exclude_sites") if name in wanted}
        return MixSource(paths, quota, conditions(wanted))
    except InputError as problem:
        raise InputError(f"{path}:{line}: {problem}") from None


# ---- values ----------------------------------------------------------------------------------------------------------
def _value(node: yaml.Node, name: str, path: str) -> Any:
    if KINDS[name] is list:
        return _texts(node, name, path)
    if KINDS[name] is str:
        return _text(node, name, path)
    if KINDS[name] is bool:
        if not isinstance(node, yaml.ScalarNode) or node.value not in ("true", "false"):
            raise InputError(f"{place_of(node, path)}: {name} must be true or false")
        return node.value == "true"
    return _count(node, name, path, lowest=None)


def _texts(node: yaml.Node, name: str, path: str) -> list[str]:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not items or not all(isinstance(item, yaml.ScalarNode) and item.value for item in items):
        raise InputError(f"{place_of(node, path)}: {name} must be a text or a list of texts")
    return [str(item.value) for item in items]


def _text(node: yaml.Node, name: str, path: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise InputError(f"{place_of(node, path)}: {name} must be a text")
    return str(node.value)


def _count(node: yaml.Node, name: str, path: str, lowest: int | None = 1) -> int:
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19) or (lowest is not None and int(text) < lowest):
        raise InputError(f"{place_of(node, path)}: {name} must be a whole number{' above 0' if lowest else ''}")
    return int(text)


def _weight(node: yaml.Node, path: str) -> Fraction:
    text = node.value if isinstance(node, yaml.ScalarNode) and len(node.value) < 20 else ""
    plain = text.replace(".", "", 1)
    if not (plain.isascii() and plain.isdigit() and plain.strip("0")):
        raise InputError(f"{place_of(node, path)}: weight must be a number above 0, such as 3 or 0.5")
    return Fraction(text)


# ---- YAML ------------------------------------------------------------------------------------------------------------
def _sources(path: str) -> Iterator[tuple[dict[str, yaml.Node], int]]:
    """The fields of each source, and the line where it begins."""
    root = compose(_bytes(path), path, EXAMPLE)
    top = _fields(root, ("sources",), path) if root is not None else {}
    listed = top.get("sources")
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        raise InputError(f"{path}:{line_of(listed or root)}: lists no sources; {EXAMPLE}")
    for node in listed.value:
        yield _fields(node, (*OWN_KEYS, *KINDS), path), line_of(node)


def _fields(node: yaml.Node, keys: tuple[str, ...], path: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{place_of(node, path)}: is not a mapping; {EXAMPLE}")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
        if name not in keys:
            raise InputError(f"{place_of(key, path)}: {name} is not a key here; the keys are {', '.join(keys)}")
        if name in fields:
            raise InputError(f"{place_of(key, path)}: {name} is given twice; keep one of the two")
        fields[name] = value
    return fields


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {EXAMPLE}") from None
