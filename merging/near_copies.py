"""The near duplicates among the records of a merge, compared in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merging.shuffle import Drawn, Shuffle
from quality.duplicates import rank
from records.record import decode
from records.script import Progress
from records.workers import run_ahead

if TYPE_CHECKING:
    from quality.near_duplicates import Fingerprints

BATCH = 256  # records


def prepare_near_copies() -> None:
    """Load what it takes, before the workers are forked, which share it then."""
    from quality.near_duplicates import fingerprints

    fingerprints([""])


def near_copies(shuffle: Shuffle, similarity: float, folder: Path, pool: Executor, workers: int) -> dict[str, str]:
    """The ids of near duplicates, each with the id of the better record that is kept instead.

    similarity: of their responses, see NearDuplicates. folder: for temporary files.
    """
    from quality.near_duplicates import NearDuplicates  # imported late, for it loads numpy

    calls = (partial(_fingerprints, lines, similarity) for lines in _batches(shuffle.drawn()))
    with NearDuplicates(folder, similarity) as near, Progress("near duplicates", shuffle.count, " records") as progress:
        for records, ids, found in run_ahead(calls, pool, workers, "the records"):
            near.add_all(ids, found)
            progress.update(records)
        return {duplicate.id: duplicate.kept for duplicate in near.duplicates()}


def _batches(drawn: Iterator[Drawn]) -> Iterator[list[bytes]]:
    while lines := [each.raw for each in islice(drawn, BATCH)]:
        yield lines


def _fingerprints(lines: list[bytes], similarity: float) -> tuple[int, list[tuple[str, Any]], Fingerprints]:
    """How many records there are, and the ids, ranks and fingerprints of those that are compared."""
    from quality.near_duplicates import fingerprints, near_duplicate_text

    compared = [(record, text) for record in map(decode, lines) if (text := near_duplicate_text(record)) is not None]
    ids = [(record["id"], rank(record)) for record, _ in compared]
    return len(lines), ids, fingerprints([text for _, text in compared], similarity)
