"""How many records of each group go into a data set, and which.

A group has a maximum, or a weight, or neither, which means all. The records of the groups with a weight are in the data set in
the proportion of their weights, as many as the scarcest of them allows, and none twice: of group g, with n_g records and
the weight w_g, floor(w_g * min over all such groups of n / w).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from merging.shuffle import Drawn
from records.record import RecordLine


class Quota(NamedTuple):
    """What is taken of a group."""

    name: str = ""
    maximum: int | None = None
    weight: Fraction | None = None

    @property
    def reason(self) -> str:
        """For which its other records are dropped."""
        return f"beyond {self.maximum} of {self.name}" if self.weight is None else f"beyond the weight of {self.name}"


class Groups:
    """The groups of records: the sources of a mix, or the labels of records where each has the same maximum."""

    def __init__(self, quotas: list[Quota], max_per_source: int | None):
        """quotas: of each source. max_per_source: of each label, in the place of the quotas."""
        self._max_per_label = max_per_source
        self._quotas = [] if max_per_source else list(quotas)
        self._labels: dict[str, int] = {}
        self._last: list[int] = []  # of each group the highest draw that is taken

    def of(self, source: int, row: RecordLine) -> int:
        """The group of a record, by the number of its source."""
        if self._max_per_label is None:
            return source
        label = row.record["source"]
        if label not in self._labels:
            self._labels[label] = len(self._quotas)
            self._quotas.append(Quota(label, self._max_per_label))
        return self._labels[label]

    def decide(self, records: Iterable[Drawn]) -> None:
        """Choose, from all the records that there are. Reads them only if some are to be left out."""
        if any(quota.maximum is not None or quota.weight for quota in self._quotas):
            self._last = last_draws(self._quotas, records)

    def why_dropped(self, record: Drawn) -> str | None:
        """The reason to leave a record out that is not chosen."""
        if self._last and record.draw > self._last[record.group]:
            return self._quotas[record.group].reason
        return None


def sizes(quotas: list[Quota], counts: list[int]) -> list[int]:
    """How many records of each group are taken, of so many that there are."""
    weighted = [Fraction(count) / quota.weight for quota, count in zip(quotas, counts, strict=True) if quota.weight]
    unit = min(weighted, default=Fraction(0))
    return [
        int(quota.weight * unit) if quota.weight else min(count, count if quota.maximum is None else quota.maximum)
        for quota, count in zip(quotas, counts, strict=True)
    ]


def last_draws(quotas: list[Quota], records: Iterable[Drawn]) -> list[int]:
    """Of each group the highest draw that is taken, -1 where nothing is. Memory: 8 bytes a record."""
    draws = [array("Q") for _ in quotas]
    for record in records:
        draws[record.group].append(record.draw)
    taken = sizes(quotas, [len(each) for each in draws])
    return [_smallest(each, size) for each, size in zip(draws, taken, strict=True)]


def _smallest(draws: array[int], number: int) -> int:
    """The number-th smallest draw, -1 for number 0. By the first bits of each, for to sort all would take much memory."""
    if number == 0:
        return -1
    counts = Counter(draw >> 48 for draw in draws)
    for first_bits in sorted(counts):
        if number <= counts[first_bits]:
            return sorted(draw for draw in draws if draw >> 48 == first_bits)[number - 1]
        number -= counts[first_bits]
    raise AssertionError("more are taken than there are")
