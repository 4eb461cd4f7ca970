"""How many records of each group go into a data set, and which.

A group has a maximum, a weight, or neither, which means all of its records. Groups with weights appear in the
proportion of their weights, as large as the scarcest of them allows, without repeating a record: group g, with n_g
records and weight w_g, has floor(w_g * min(n / w)) of them, the minimum over all groups with weights.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from merging.shuffle import Drawn
from records.conditions import Condition
from records.record import RecordLine


class Quota(NamedTuple):
    """How much of a group is taken."""

    name: str = ""
    maximum: int | None = None
    weight: Fraction | None = None

    @property
    def reason(self) -> str:
        """The reason for which the group's other records are dropped."""
        return f"beyond {self.maximum} of {self.name}" if self.weight is None else f"beyond the weight of {self.name}"


@dataclass(frozen=True)
class MixSource:
    """Some input files, and what is taken from them."""

    paths: list[str]
    quota: Quota = Quota()
    conditions: list[Condition] = field(default_factory=list)


class Groups:
    """The groups of records: the sources of a mix, or the labels of records if each label has the same maximum."""

    def __init__(self, quotas: list[Quota], max_per_source: int | None):
        """quotas: one for each source. max_per_source: the maximum of each label, in place of the quotas."""
        self._max_per_label = max_per_source
        self._quotas = [] if max_per_source else list(quotas)
        self._labels: dict[str, int] = {}
        self._last: list[int] = []  # the highest draw taken of each group

    def of(self, source: int, row: RecordLine) -> int:
        """The group of a record; `source` is the number of its source."""
        if self._max_per_label is None:
            return source
        label = row.record["source"]
        if label not in self._labels:
            self._labels[label] = len(self._quotas)
            self._quotas.append(Quota(label, self._max_per_label))
        return self._labels[label]

    def decide(self, records: Iterable[Drawn]) -> None:
        """Choose among all records. Reads them only if some have to be left out."""
        if any(quota.maximum is not None or quota.weight for quota in self._quotas):
            self._last = last_draws(self._quotas, records)

    def why_dropped(self, record: Drawn) -> str | None:
        """The reason to leave out a record that was not chosen, None for one that was."""
        if self._last and record.draw > self._last[record.group]:
            return self._quotas[record.group].reason
        return None


def sizes(quotas: list[Quota], counts: list[int]) -> list[int]:
    """How many records are taken of each group. counts: how many each has."""
    weighted = [Fraction(count) / quota.weight for quota, count in zip(quotas, counts, strict=True) if quota.weight]
    unit = min(weighted, default=Fraction(0))
    return [
        int(quota.weight * unit) if quota.weight else min(count, count if quota.maximum is None else quota.maximum)
        for quota, count in zip(quotas, counts, strict=True)
    ]


def last_draws(quotas: list[Quota], records: Iterable[Drawn]) -> list[int]:
    """The highest draw taken of each group, -1 if nothing is. Memory: 8 bytes a record."""
    draws = [array("Q") for _ in quotas]
    for record in records:
        draws[record.group].append(record.draw)
    taken = sizes(quotas, [len(group) for group in draws])
    return [_smallest(group, size) for group, size in zip(draws, taken, strict=True)]


def _smallest(draws: array[int], number: int) -> int:
    """The number-th smallest draw, -1 for number 0. Sorts only draws with the same first bits, to save memory."""
    if number == 0:
        return -1
    counts = Counter(draw >> 48 for draw in draws)
    for first_bits in sorted(counts):
        if number <= counts[first_bits]:
            return sorted(draw for draw in draws if draw >> 48 == first_bits)[number - 1]
        number -= counts[first_bits]
    raise AssertionError("number is larger than the number of draws")
