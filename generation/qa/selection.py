"""Selects the best questions of each kind, equally many of each, without near duplicates.

Candidates are kept in a temporary file until all are there; memory holds about 300 bytes for each.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from quality.duplicates import NearDuplicates

SIMILAR = 0.8  # Jaccard similarity of word pairs; two questions of ten words that differ in one are below it
NGRAM = 2


class _Entry(NamedTuple):
    score: float  # negated, so that the best sorts first
    id: str
    kind: str
    start: int
    size: int


class Selection:
    """Collects records, then returns each with the reason to drop it, or None.

    Records are compared by meta.kind and meta.scores.score. folder is for temporary files.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> Selection:
        self._file = tempfile.TemporaryFile(dir=self.folder)
        self._near = NearDuplicates(self.folder, SIMILAR, NGRAM)
        self._entries: list[_Entry] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._near.__exit__()
        self._file.close()

    def add(self, record: dict[str, Any]) -> None:
        line, meta = orjson.dumps(record), record["meta"]
        entry = _Entry(-meta["scores"]["score"], record["id"], meta["kind"], self._file.tell(), len(line))
        self._file.write(line)
        self._entries.append(entry)
        self._near.add(record["id"], record["instruction"], entry[:2])

    def choose(self, per_kind: int | None) -> Iterator[tuple[dict[str, Any], str | None]]:
        """The records in the order in which they were added, each with the reason to drop it, or None.

        per_kind: the most to keep of each kind; None for as many as the rarest kind has.
        """
        reasons = {duplicate.id: "near duplicate of a better question" for duplicate in self._near.duplicates()}
        remaining = sorted(entry for entry in self._entries if entry.id not in reasons)
        counts = Counter(entry.kind for entry in remaining)
        limit = min(counts.values(), default=0) if per_kind is None else per_kind
        seen = Counter[str]()
        for entry in remaining:
            seen[entry.kind] += 1
            if seen[entry.kind] > limit:
                reasons[entry.id] = f"beyond the {limit} best of its kind"
        for entry in self._entries:
            self._file.seek(entry.start)
            yield orjson.loads(self._file.read(entry.size)), reasons.get(entry.id)
