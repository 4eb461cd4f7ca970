"""Looks for special tokens, benchmark items and personal data in the text of each record.

Items and personal data are looked for in worker processes: `Search.find` is what these do.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from merging.inputs import Ledger
from merging.lengths import TokenCounter
from quality.special_tokens import defuse, find_special_tokens
from records.record import RecordLine

if TYPE_CHECKING:
    from quality.contamination import Benchmarks, Hit
    from quality.personal_data import PersonalData as Span

PERSONAL_DATA = ("off", "report", "mask", "drop")
SPECIAL_TOKENS = {
    "keep": "kept; --special_tokens defuses or drops them",
    "defuse": "defused",
    "drop": "dropped",
}
TEXTS = ("instruction", "response")
MOST_TOKENS = 20  # shown by name


class TokenScreening:
    """Keeps, defuses or drops records that hold special tokens of chat templates, and counts the tokens."""

    def __init__(self, action: str):
        """action: one of SPECIAL_TOKENS."""
        self.action = action
        self.found = Counter[str]()  # records by token

    def passed(self, row: RecordLine, ledger: Ledger) -> RecordLine | None:
        """The row, with tokens defused if that was asked for; None if it is dropped, which the ledger records."""
        record = row.record
        tokens = {token for name in TEXTS for token in find_special_tokens(record[name])}
        if not tokens:
            return row
        self.found.update(tokens)
        if self.action == "drop":
            ledger.drop(row, "special token", tokens=sorted(tokens))
            return None
        if self.action == "defuse":
            record = record | {name: defuse(record[name]) for name in TEXTS}
            return RecordLine(record, orjson.dumps(record), row.place)
        return row

    @property
    def outcome(self) -> str:
        """What became of the records, for the table of them."""
        return SPECIAL_TOKENS[self.action]

    def most_frequent(self) -> list[tuple[str, int]]:
        """The tokens that most records hold, and in how many."""
        return sorted(self.found.items(), key=lambda item: (-item[1], item[0]))[:MOST_TOKENS]

    def report(self) -> dict[str, Any]:
        """The counts for the report, by token."""
        return {"special_tokens": {"action": self.action, "records": dict(sorted(self.found.items()))}}


class Findings(NamedTuple):
    """What was found in a record."""

    hits: list[Hit] = []
    personal_data: list[Span] = []  # in the response


class Search(NamedTuple):
    """What is looked for in records."""

    benchmarks: tuple[str, ...] = ()  # their files
    benchmark_fields: tuple[str, ...] = ()
    ngram: int = 0
    personal_data: bool = False

    def find(self, texts: list[dict[str, Any]]) -> list[Findings]:
        """The findings in each of some records. texts: their instructions and responses."""
        items = self.items()
        hits = items.hits_of_all(texts) if items else [[] for _ in texts]
        return [self._findings(*each) for each in zip(texts, hits, strict=True)]

    def _findings(self, texts: dict[str, Any], hits: list[Hit]) -> Findings:
        if hits:
            return Findings(hits)  # enough to drop it
        if self.personal_data:
            from quality.personal_data import find_personal_data  # its tables of phone numbers load slowly

            return Findings(personal_data=find_personal_data(texts["response"]))
        return Findings()

    @property
    def looks_for_anything(self) -> bool:
        return bool(self.benchmarks) or self.personal_data

    def prepare(self) -> None:
        """Load what it takes, before the workers are forked, which share it then.

        Raises InputError for a bad file of benchmarks.
        """
        self.find([{"instruction": "", "response": ""}])

    def items(self) -> Benchmarks | None:
        """The items of the benchmarks, None without any."""
        return _read_items(self.benchmarks, self.benchmark_fields, self.ngram) if self.benchmarks else None


@cache
def _read_items(paths: tuple[str, ...], fields: tuple[str, ...], ngram: int) -> Benchmarks:
    from quality.contamination import read_benchmarks

    return read_benchmarks(paths, fields, ngram)


def texts_of(row: RecordLine | None) -> dict[str, Any]:
    """What a search needs of a record; without one, texts in which nothing is found."""
    return {name: row.record[name] if row else "" for name in TEXTS}


class Screening:
    """Drops records that hold benchmark items or are too long; reports, masks or drops personal data in responses."""

    def __init__(self, search: Search, personal_data: str, token_counter: TokenCounter, max_tokens: int | None):
        """search: finds what this acts on. personal_data: one of PERSONAL_DATA. max_tokens: None for any."""
        self._search, self._personal_data = search, personal_data
        self._token_counter, self._max_tokens = token_counter, max_tokens
        self.contaminated = Counter[str]()  # records by benchmark; one with items of two benchmarks counts for both
        self.found = Counter[str]()  # personal data, by kind
        self.records_with_personal_data = 0

    def passed(self, row: RecordLine, found: Findings, ledger: Ledger) -> RecordLine | None:
        """The row, with personal data masked if that was asked for; None if it is dropped, which the ledger records."""
        if found.hits:
            names = sorted({hit.benchmark for hit in found.hits})
            self.contaminated.update(names)
            ledger.drop(row, f"holds items of {', '.join(names)}", hits=[hit._asdict() for hit in found.hits])
            return None
        screened = self._without_personal_data(row, found.personal_data, ledger) if found.personal_data else row
        if screened and self._max_tokens and self._token_counter.count(screened.record) > self._max_tokens:
            ledger.drop(row, f"above {self._max_tokens} tokens")
            return None
        return screened

    def _without_personal_data(self, row: RecordLine, spans: list[Span], ledger: Ledger) -> RecordLine | None:
        self.records_with_personal_data += 1
        self.found.update(span.kind for span in spans)
        if self._personal_data == "drop":
            ledger.drop(row, "personal data", kinds=sorted({span.kind for span in spans}))
            return None
        if self._personal_data == "mask":
            from quality.personal_data import mask

            record = {**row.record, "response": mask(row.record["response"], spans)}
            return RecordLine(record, orjson.dumps(record), row.place)
        return row

    def report(self) -> dict[str, Any]:
        """The counts for the report, of what was looked for."""
        report: dict[str, Any] = {}
        if items := self._search.items():
            report["contamination"] = {
                "items": dict(sorted(items.items.items())),
                "too_short": dict(sorted(items.too_short.items())),
                "records": dict(sorted(self.contaminated.items())),
            }
        if self._personal_data != "off":
            found = dict(sorted(self.found.items()))
            report["personal_data"] = {"records": self.records_with_personal_data, "found": found}
        return report
