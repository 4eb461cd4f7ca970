"""A judgement file's text, split at its entries, so that a judgement costs a join and not a parse.

Parsing 20,000 judgements takes 0.4 s of CPU time. ruamel.yaml, which keeps comments, takes 6 s, and changes other
bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import yaml

from records.errors import InputError
from review.judgements.judgement import Judgement
from review.judgements.judgement_entry import LINE_BREAK, changed_entry, end_of, new_entry
from review.judgements.judgement_reading import Entry, encoding_of, read_entries, without_collection
from review.judgements.record_ids import record_id_of

LINE_END = re.compile("\r\n|" + LINE_BREAK.pattern)
STARTS = ("---", "%")  # of a line that starts a document
MARKER = re.compile(r"^(---|%|\.\.\.)", re.M)  # of a document's start or end


class JudgementText:
    """The text of a judgement file, split at its entries: the parts joined are the file."""

    @without_collection()
    def __init__(self, data: bytes, path: str | Path):
        """Raises InputError if the data is not a judgement file, or an entry cannot be changed without others."""
        self.path = path
        self.mark, self.encoding = encoding_of(data)
        entries = read_entries(data, path)
        text = data[len(self.mark) :].decode(self.encoding)
        self.line_end = "\r\n" if text[: text.find("\n") + 1].endswith("\r\n") else "\n"
        self.indent, self.block_scalars, end = _layout(data, path, len(text))
        self.judgements = {record_id: entry.judgement for record_id, entry in entries.items()}
        self.parts: list[str] = []
        self.place: dict[str, int] = {}  # by id: the number of its part
        last = 0
        for record_id, entry in entries.items():
            start, stop = _lines(text, entry)
            if not _only_comments(text[last:start], () if last else STARTS):
                raise InputError(
                    f"{path}:{entry.judgement.line}: shares a line with something else, so the viewer cannot change "
                    "it alone; put `<id>: ..` on its own line"
                )
            self.place[record_id] = len(self.parts) + 1
            self.parts += [text[last:start], text[start:stop]]
            last = stop
        self.parts.append(text[last:end])
        self.tail = text[end:]

    def encode(self) -> bytes:
        return self.mark + ("".join(self.parts) + self.tail).encode(self.encoding)

    def follow(self, data: bytes) -> bool:
        """Update to a text that others have changed, parsing only the difference; False if that is not possible.

        The difference is parsed together with the entry before it, which may have become longer, up to the next entry
        that is the same: nothing in between depends on the rest of the text.
        """
        if not data.startswith(self.mark):
            return False
        try:
            text = data[len(self.mark) :].decode(self.encoding)
            (first, start, before), (last, stop, behind) = self._difference(text)
            middle = JudgementText(text[start:stop].encode(), self.path)
        except (InputError, LookupError, UnicodeDecodeError):
            return False
        duplicates = any(not first <= self.place.get(record_id, first) < last for record_id in middle.place)
        if duplicates or MARKER.search(text[start:stop]):
            return False

        ids = list(self.judgements)
        lines = self.judgements[ids[before]].line - 1
        longer = _lines_in(text[start:stop]) - _lines_in("".join(self.parts[first:last]))
        more = len(middle.parts) - (last - first)  # parts
        judgements, place = self.judgements, self.place
        self.judgements = dict(islice(judgements.items(), before))
        self.judgements |= {key: _moved(judgement, lines) for key, judgement in middle.judgements.items()}
        self.judgements |= {key: _moved(judgements[key], longer) for key in ids[behind:]}
        self.place = dict(islice(place.items(), before))
        self.place |= {key: number + first for key, number in middle.place.items()}
        self.place |= {key: place[key] + more for key in ids[behind:]}
        self.parts[first:last] = middle.parts
        self.block_scalars |= middle.block_scalars
        return True

    def _difference(self, text: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Where another text starts and ends to differ from this one: part, position in `text`, number of the entry.

        Raises LookupError if no entry before the difference is the same.
        """
        old = "".join(self.parts) + self.tail
        starts, places = list(accumulate(map(len, self.parts), initial=0)), list(self.place.values())
        longer = len(text) - len(old)

        before = bisect_right(places, _common_prefix(old, text), key=lambda place: starts[place + 1]) - 1
        if before < 0:
            raise LookupError
        first = places[before]

        same = min(_common_prefix(old[::-1], text[::-1]), min(len(old), len(text)) - starts[first + 1])
        if same < len(self.tail) or (self.tail and not LINE_BREAK.match(text[-len(self.tail) - 1])):
            raise LookupError
        behind = bisect_left(places, len(old) - same, before + 1, key=lambda place: starts[place])
        while behind < len(places) and not LINE_BREAK.match(text[starts[places[behind]] + longer - 1]):
            behind += 1
        last = places[behind] if behind < len(places) else len(self.parts)
        return (first, starts[first], before), (last, starts[last] + longer, behind)

    def put(self, record_id: str, judgement: Judgement | None) -> None:
        """Change, add or remove an entry; raises InputError if the result would not be read as intended."""
        known = record_id_of(record_id)
        self.block_scalars |= judgement is not None and judgement.correction != ""
        if judgement is None:
            self._remove(known)
        elif known in self.place:
            self._change(known, judgement)
        else:
            self._append(record_id, known, judgement)

    def _append(self, written: str, record_id: str, judgement: Judgement) -> None:
        before = "".join(self.parts)
        if before and not LINE_BREAK.match(before[-1]):
            before += self.line_end
            self.parts.append(self.line_end)
        text = self.indent + new_entry(written, judgement, self.indent, self.line_end) + self.line_end
        self._check(text, record_id, judgement)
        self.place[record_id] = len(self.parts)
        self.parts.append(text)
        self.judgements[record_id] = replace(judgement, line=_lines_in(before) + 1)

    def _change(self, record_id: str, judgement: Judgement) -> None:
        old = self.parts[self.place[record_id]]
        text = changed_entry(old, read_entries(old.encode(), self.path)[record_id], judgement, self.line_end)
        self._check(text, record_id, judgement)
        self.parts[self.place[record_id]] = text
        line = self.judgements[record_id].line
        self.judgements[record_id] = replace(judgement, line=line)
        self._move_lines(line, _lines_in(text) - _lines_in(old))

    def _remove(self, record_id: str) -> None:
        place = self.place.pop(record_id)
        after = next(filter(None, self.parts[place + 1 :]), "")
        # an indented comment or a blank line must not become part of a block text before it, such as `note: |`
        text = f"#{self.line_end}" if self.block_scalars and after[:1].isspace() else ""
        if self.tail and not self.place and not re.search("^---", "".join(self.parts), re.M):
            text = f"---{self.line_end}"  # an empty document that `...` ends needs a start
        line, shift = self.judgements.pop(record_id).line, _lines_in(text) - _lines_in(self.parts[place])
        self.parts[place] = text
        self._move_lines(line, shift)

    def _check(self, text: str, record_id: str, judgement: Judgement) -> None:
        """Raise InputError if an entry's text is not read as this judgement."""
        try:
            entries = read_entries(text.encode(), self.path)
        except InputError:
            entries = {}
        if {key: entry.judgement for key, entry in entries.items()} != {record_id: judgement}:
            place = f"{self.path}:{self.judgements[record_id].line}" if record_id in self.judgements else self.path
            raise InputError(f"{place}: the judgement of {record_id} cannot be written to this file; write it by hand")

    def _move_lines(self, after: int, shift: int) -> None:
        """Correct the line numbers after a change."""
        if shift:
            for record_id, judgement in self.judgements.items():
                if judgement.line > after:
                    self.judgements[record_id] = _moved(judgement, shift)


def _lines_in(text: str) -> int:
    """The number of line breaks, as YAML counts them."""
    return sum(map(text.count, "\n\r\x85\u2028\u2029")) - text.count("\r\n")


def _moved(judgement: Judgement, lines: int) -> Judgement:
    if not lines:
        return judgement
    one = judgement  # written out because dataclasses.replace takes twice the time, of thousands of judgements
    return Judgement(one.accepted, one.criteria, one.note, one.line + lines, one.model, one.correction, one.corrects)


def _common_prefix(one: str, other: str) -> int:
    """The length of the common prefix of two texts."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _only_comments(text: str, also: tuple[str, ...]) -> bool:
    """Whether all lines are blank, comments, or begin with one of `also`."""
    return all(not line.strip() or line.lstrip().startswith(("#", *also)) for line in text.splitlines())


def _layout(data: bytes, path: str | Path, length: int) -> tuple[str, bool, int]:
    """The entries' indentation, whether there are texts in block style, and where the document ends (at `...`).

    Raises InputError if an entry cannot be changed without others.
    """
    indent, block_scalars, end, depth = "", False, length, 0
    event: Any
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        start: Any = event.start_mark  # the stubs say that an event may have no mark
        if isinstance(event, yaml.AliasEvent):
            raise InputError(
                f"{path}:{start.line + 1}: *{event.anchor} is an alias, so the viewer cannot change it alone; "
                "write it out"
            )
        if isinstance(event, yaml.MappingStartEvent) and depth == 0:
            if event.flow_style:
                raise InputError(
                    f"{path}:{start.line + 1}: the viewer cannot change entries in braces; put "
                    "each `<id>: ..` on its own line"
                )
            indent = " " * start.column
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">"):
            block_scalars = True
        if isinstance(event, yaml.DocumentEndEvent) and event.explicit:
            end = start.index
    return indent, block_scalars, end


def _lines(text: str, entry: Entry) -> tuple[int, int]:
    """Where the lines of an entry start and end, including the last line break."""
    start = entry.key.start_mark.index
    while start and not LINE_BREAK.match(text[start - 1]):
        start -= 1
    end = end_of(entry.value, text)
    found = LINE_END.search(text, end)
    return start, found.end() if found else len(text)
