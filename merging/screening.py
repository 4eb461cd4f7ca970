"""Looks for special tokens, benchmark items and personal data in the text of each record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from merging.inputs import Ledger
from merging.lengths import TokenCounter
from quality.special_tokens import defuse, find_special_tokens
from records.record import RecordLine

if TYPE_CHECKING:
    from quality.contamination import Benchmarks

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


class Screening:
    """Drops records that hold benchmark items or are too long; reports, masks or drops personal data in responses."""

    def __init__(
        self, benchmarks: Benchmarks | None, personal_data: str, token_counter: TokenCounter, max_tokens: int | None
    ):
        """benchmarks: None to look for no items. personal_data: one of PERSONAL_DATA. max_tokens: None for any."""
        self._benchmarks, self._personal_data = benchmarks, personal_data
        self._token_counter, self._max_tokens = token_counter, max_tokens
        self.contaminated = Counter[str]()  # records by benchmark; one with items of two benchmarks counts for both
        self.found = Counter[str]()  # personal data, by kind
        self.records_with_personal_data = 0

    def passed(self, row: RecordLine, ledger: Ledger) -> RecordLine | None:
        """The row, with personal data masked if that was asked for; None if it is dropped, which the ledger records."""
        if self._benchmarks and not self._clean(row, self._benchmarks, ledger):
            return None
        screened = row if self._personal_data == "off" else self._without_personal_data(row, ledger)
        if screened and self._max_tokens and self._token_counter.count(screened.record) > self._max_tokens:
            ledger.drop(row, f"above {self._max_tokens} tokens")
            return None
        return screened

    def _clean(self, row: RecordLine, benchmarks: Benchmarks, ledger: Ledger) -> bool:
        hits = benchmarks.hits(row.record)
        self.contaminated.update({hit.benchmark for hit in hits})
        if hits:
            names = sorted({hit.benchmark for hit in hits})
            ledger.drop(row, f"holds items of {', '.join(names)}", hits=[hit._asdict() for hit in hits])
        return not hits

    def _without_personal_data(self, row: RecordLine, ledger: Ledger) -> RecordLine | None:
        from quality.personal_data import find_personal_data, mask  # its tables of phone numbers load slowly

        response = row.record["response"]
        spans = find_personal_data(response)
        if not spans:
            return row
        self.records_with_personal_data += 1
        self.found.update(span.kind for span in spans)
        if self._personal_data == "drop":
            ledger.drop(row, "personal data", kinds=sorted({span.kind for span in spans}))
            return None
        if self._personal_data == "mask":
            record = {**row.record, "response": mask(response, spans)}
            return RecordLine(record, orjson.dumps(record), row.place)
        return row

    def report(self) -> dict[str, Any]:
        """The counts for the report, of what was looked for."""
        report: dict[str, Any] = {}
        if self._benchmarks:
            report["contamination"] = {
                "items": dict(sorted(self._benchmarks.items.items())),
                "too_short": dict(sorted(self._benchmarks.too_short.items())),
                "records": dict(sorted(self.contaminated.items())),
            }
        if self._personal_data != "off":
            found = dict(sorted(self.found.items()))
            report["personal_data"] = {"records": self.records_with_personal_data, "found": found}
        return report
