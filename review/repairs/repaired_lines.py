"""The repairs of records as lines of JSON, for a worker: it parses them, and writes those that it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, NamedTuple

from records.record import Line, RecordLine, rewritten
from records.repair_names import CHANGES, FIELD
from review.criteria import participants
from review.repairs.pairs import Pair, RepairedPair, repair_all


class RepairedLine(NamedTuple):
    """What the repairs did to a record."""

    raw: bytes | None = None  # its line, without its end; None if it stays as it is
    made: tuple[str, ...] = ()  # the repairs that changed it
    left: tuple[str, ...] = ()  # those that left something that is doubtful


UNTOUCHED = RepairedLine()  # the same object for most records, which a worker sends back as a reference


def repair_lines(lines: Iterable[Line], names: Collection[str], prompt: str) -> list[RepairedLine]:
    """The repairs of each of several records. Raises InputError if a line is no record or cannot be rewritten."""
    rows = [line.parsed() for line in lines]
    repaired = repair_all(map(pair_of, rows), names, prompt)
    return [_line(row, pair) if pair.made or pair.left else UNTOUCHED for row, pair in zip(rows, repaired, strict=True)]


def _line(row: RecordLine, pair: RepairedPair) -> RepairedLine:
    raw = rewritten(row, partial(_change, pair=pair), "cannot be repaired", "take the row out") if pair.made else None
    return RepairedLine(raw, tuple(pair.made), tuple(pair.left))


def pair_of(row: RecordLine) -> Pair:
    record = row.record
    title = record["meta"].get("title")
    title = title if isinstance(title, str) else ""
    return Pair(record["instruction"], record["response"], title, participants.names_of(record))


def _change(record: dict[str, Any], pair: RepairedPair) -> None:
    """Put the repaired texts into a record, and add what was repaired to its meta.repairs."""
    record["instruction"], record["response"] = pair.instruction, pair.response
    before = record["meta"].get(FIELD)
    earlier = before.items() if isinstance(before, dict) else ()
    counts = Counter({name: count for name, count in earlier if isinstance(count, int)})
    record["meta"][FIELD] = in_order(counts + Counter(pair.made))


def in_order(counts: Counter[str]) -> dict[str, int]:
    """Counts by repair, in the order in which the repairs are made."""
    order = list(CHANGES)
    return {name: counts[name] for name in sorted(counts, key=lambda name: order.index(name) if name in order else -1)}
