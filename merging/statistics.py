"""The numbers in a data set's card and plots, counted while the records are written."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from merging.lengths import DEFAULT_LENGTHS
from records.licenses import license_named, licenses_of
from records.record import RecordLine
from records.repair_names import changes_of


@dataclass
class SourceStatistics:
    """The records of one source."""

    records: int = 0
    instruction_chars: int = 0
    response_chars: int = 0
    tokens: int = 0
    longer: Counter[int] = field(default_factory=Counter)  # records with more tokens than each of DEFAULT_LENGTHS
    licenses: Counter[tuple[str, ...]] = field(default_factory=Counter)  # as the records spell them
    sites: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)  # records by what a repair changed in them, in words
    dataset_urls: Counter[str] = field(default_factory=Counter)  # of rows of other people's data sets
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # name, revision, licence
    lengths: Counter[int] = field(default_factory=Counter)  # responses by octave: 8 counts 256 to 511 characters

    def add(self, row: RecordLine, tokens: int) -> None:
        record, meta = row.record, row.record["meta"]
        self.tokens += tokens
        self.longer.update(limit for limit in DEFAULT_LENGTHS if tokens > limit)
        chars = len(record["response"])
        self.records += 1
        self.instruction_chars += len(record["instruction"])
        self.response_chars += chars
        self.lengths[chars.bit_length() - 1] += 1
        self.licenses[licenses_of(row)] += 1
        if isinstance(site := meta.get("site"), str):
            self.sites[site] += 1
        self.repairs.update(changes_of(meta))
        if url := _text(meta, "dataset_url"):
            self.dataset_urls[url] += 1
        if "model" in meta:
            self.models[_text(meta, "model"), _text(meta, "model_revision"), _text(meta, "model_license")] += 1

    def license_names(self) -> list[str]:
        """The SPDX names, sorted."""
        return sorted({license_named(name).name for names in self.licenses for name in names})

    def dataset_url(self) -> str:
        """The address that most records give as that of their data set, "" if none does."""
        return max(sorted(self.dataset_urls), key=self.dataset_urls.__getitem__, default="")

    def largest_sites(self, number: int) -> list[tuple[str, int]]:
        """The sites with the most records, and how many each has."""
        return sorted(self.sites.items(), key=lambda item: (-item[1], item[0]))[:number]

    def as_dict(self) -> dict[str, Any]:
        """The numbers for the report."""
        return {
            "records": self.records,
            "instruction_chars": self.instruction_chars,
            "response_chars": self.response_chars,
            "tokens": self.tokens,
            "longer_than": {str(limit): self.longer[limit] for limit in DEFAULT_LENGTHS},
            "licenses": {" + ".join(names): count for names, count in sorted(self.licenses.items())},
            "sites": dict(sorted(self.sites.items())),
            "repairs": dict(sorted(self.repairs.items())),
            "dataset_urls": dict(sorted(self.dataset_urls.items())),
            "models": [
                {"model": model, "revision": revision, "license": license, "records": count}
                for (model, revision, license), count in sorted(self.models.items())
            ],
        }


@dataclass
class Statistics:
    """All records by source; scores and tags of all sources together."""

    sources: defaultdict[str, SourceStatistics] = field(default_factory=lambda: defaultdict(SourceStatistics))
    scores: Counter[int] = field(default_factory=Counter)  # of answers
    tags: Counter[str] = field(default_factory=Counter)

    def add(self, row: RecordLine, tokens: int) -> None:
        """Count a record, which has so many tokens."""
        self.sources[row.record["source"]].add(row, tokens)
        meta = row.record["meta"]
        if isinstance(score := meta.get("answer_score"), int):
            self.scores[score] += 1
        if isinstance(tags := meta.get("tags"), list):
            self.tags.update(tag for tag in tags if isinstance(tag, str))

    def longer(self, limit: int) -> int:
        """How many records have more tokens than `limit`, one of DEFAULT_LENGTHS."""
        return sum(numbers.longer[limit] for numbers in self.sources.values())

    def by_source(self) -> list[tuple[str, SourceStatistics]]:
        """Each source's label and numbers, ordered by label."""
        return sorted(self.sources.items())


def _text(meta: dict[str, Any], name: str) -> str:
    value = meta.get(name)
    return value if isinstance(value, str) else ""
