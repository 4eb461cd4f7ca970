"""Selects the best questions of each kind, equally many of each, without near duplicates.

Candidates are kept in a temporary file until all are there; memory holds about 300 bytes for each.
"""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

SIMILAR = 0.8  # Jaccard similarity of word pairs; two questions of ten words that differ in one are below it
NGRAM = 2


class _Entry(NamedTuple):
    score: float  # negated, so that the best sorts first
    id: str
    kind: str
    start: int
    size: int
    logprobs: tuple[tuple[str, float], ...]  # by the name of their score


class Selection:
    """Collects records, then returns each with the reason to drop it, or None.

    Records are compared by meta.kind and meta.scores. weighed are the names of the scores that are log-probabilities of
    texts whose least probable are dropped. folder is for temporary files.
    """

    def __init__(self, folder: Path, weighed: Iterable[str] = ()):
        self.folder = folder
        self._logprobs = {name: array("d") for name in weighed}  # of the whole run

    def __enter__(self) -> Selection:
        from quality.near_duplicates import NearDuplicates  # imported late, for it loads numpy

        self._file = tempfile.TemporaryFile(dir=self.folder)
        self._near = NearDuplicates(self.folder, SIMILAR, NGRAM)
        self._entries: list[_Entry] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._near.__exit__()
        self._file.close()

    def weigh(self, scores: Mapping[str, float]) -> None:
        """Count the log-probabilities of a question of this run, whether it becomes a record or not."""
        for name, logprobs in self._logprobs.items():
            if name in scores:
                logprobs.append(scores[name])

    def add(self, record: dict[str, Any]) -> None:
        line, meta = orjson.dumps(record), record["meta"]
        scores = meta["scores"]
        logprobs = tuple((name, scores[name]) for name in self._logprobs if name in scores)
        entry = _Entry(-scores["score"], record["id"], meta["kind"], self._file.tell(), len(line), logprobs)
        self._file.write(line)
        self._entries.append(entry)
        self._near.add(record["id"], record["instruction"], entry[:2])

    def choose(self, per_kind: int | None, unlikely: float = 0.0) -> Iterator[tuple[dict[str, Any], str | None]]:
        """The records in the order in which they were added, each with the reason to drop it, or None.

        per_kind: the most to keep of each kind; None for as many as the rarest kind has. unlikely: the share of the
        run's texts with the least log-probabilities that is dropped, for each of the weighed scores.
        """
        reasons = {duplicate.id: "near duplicate of a better question" for duplicate in self._near.duplicates()}
        least = {name: _quantile(logprobs, unlikely) for name, logprobs in self._logprobs.items() if logprobs}
        for entry in self._entries:
            if below := [name for name, logprob in entry.logprobs if logprob < least[name]]:
                text = below[0].removesuffix("_logprob").replace("_", " ")
                reasons[entry.id] = f"{text}: among the {unlikely * 100:g} % least probable"
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


def _quantile(values: Iterable[float], share: float) -> float:
    """The value below which at most this share of the values is."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
