"""The best questions of each kind, as many of one as of the other, without near duplicates.

Candidates wait in a temporary file until all are known; in memory stay some 300 bytes of each.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from quality.duplicates import NearDuplicates

SIMILAR = 0.8  # Jaccard similarity of two questions' word pairs: ten words of which one is another are not yet similar
NGRAM = 2


class _Place(NamedTuple):
    score: float  # below zero, so that the best sorts first
    id: str
    kind: str
    start: int
    size: int


class Selection:
    """Takes in records of meta.kind and meta.scores.score, and gives them back with the reason to drop each, or None."""

    def __init__(self, folder: Path):
        """folder: for the temporary files."""
        self.folder = folder

    def __enter__(self) -> Selection:
        self._file = tempfile.TemporaryFile(dir=self.folder)
        self._near = NearDuplicates(self.folder, SIMILAR, NGRAM)
        self._places: list[_Place] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._near.__exit__()
        self._file.close()

    def add(self, record: dict[str, Any]) -> None:
        line, meta = orjson.dumps(record), record["meta"]
        place = _Place(-meta["scores"]["score"], record["id"], meta["kind"], self._file.tell(), len(line))
        self._file.write(line)
        self._places.append(place)
        self._near.add(record["id"], record["instruction"], place[:2])

    def choose(self, per_kind: int | None) -> Iterator[tuple[dict[str, Any], str | None]]:
        """The records in the order in which they came in. per_kind: how many of each kind are kept at most; None for as
        many as the scarcest kind has, of those that there are at all."""
        reasons = {duplicate.id: "near duplicate of a better question" for duplicate in self._near.duplicates()}
        left = sorted(place for place in self._places if place.id not in reasons)
        counts = Counter(place.kind for place in left)
        limit = min(counts.values(), default=0) if per_kind is None else per_kind
        seen = Counter[str]()
        for place in left:
            seen[place.kind] += 1
            if seen[place.kind] > limit:
                reasons[place.id] = f"beyond the {limit} best of its kind"
        for place in self._places:
            self._file.seek(place.start)
            yield orjson.loads(self._file.read(place.size)), reasons.get(place.id)
