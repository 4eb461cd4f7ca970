"""Pairs of a better and a worse answer to one question, made of records in the order of get_stackexchange.py.

A pair is a record whose `response` is the better answer, with the other one in `rejected`. In its meta are the fields
of the question, and those of each answer with `chosen_` or `rejected_` before their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from types import NoneType
from typing import Any

import orjson

from preferences.votes import Answer, Comparison, Rule, comparisons, drawn
from quality.duplicates import content_key, rank
from records.errors import InputError
from records.licenses import own_licenses
from records.record import RecordLine
from records.script import Tally

MUST_HAVE = {"site": str, "question_id": int, "answer_score": int}  # in a record's meta
KINDS = {str: "a string", int: "a whole number", bool: "true or false"}
FIELDS_OF_QUESTION = ("site", "title", "tags")  # and those that begin with `question_`
DUPLICATE, ALONE, EQUAL, NOT_DRAWN = (
    "exact duplicate of another answer",
    "the only answer to its question",
    "no answer with another score",
    "in none of the pairs drawn",
)


def by_question(rows: Iterable[RecordLine]) -> Iterator[list[RecordLine]]:
    """The answers to each question. Memory: the answers to one question, and a number for each site.

    Raises InputError if a record lacks what the pairs need, or if the answers to a question are not together.
    """
    last: dict[str, int] = {}  # question id by site

    def question(row: RecordLine) -> tuple[str, int]:
        _check_meta(row)
        return row.record["meta"]["site"], row.record["meta"]["question_id"]

    for (site, number), answers in groupby(rows, question):
        group = list(answers)
        if number <= last.get(site, number - 1):
            raise InputError(
                f"{group[0].place}: question {number} of {site} comes after question {last[site]}, not in the order of "
                "get_stackexchange.py; give its files or what the filters keep of them, each once, not shuffled"
            )
        last[site] = number
        yield group


def _check_meta(row: RecordLine) -> None:
    meta = row.record["meta"]
    for name, kind in MUST_HAVE.items():
        if type(meta.get(name)) is not kind:  # a bool is an int too, but not a score
            raise InputError(
                f"{row.place}: meta.{name} is not {KINDS[kind]}; pairs are made of the files of get_stackexchange.py"
            )
    if type(meta.get("accepted")) not in (bool, NoneType):
        raise InputError(f"{row.place}: meta.accepted is not true or false; write it as get_stackexchange.py does")


class Pairs:
    """Makes pairs of the answers to each question, and counts."""

    def __init__(self, rule: Rule, seed: int):
        self._rule, self._seed = rule, seed
        self.answers = Tally()
        self.questions = Counter[str]()
        self.not_drawn = Counter[str]()  # pairs beyond the maximum of their questions, by source

    def of(self, answers: list[RecordLine]) -> Iterator[RecordLine]:
        """The pairs of one question, as records."""
        self.questions["questions"] += 1
        scored = [self._scored(row) for row in self._distinct(answers)]
        possible = comparisons(scored, self._rule.min_gap)
        chosen = drawn(possible, self._rule.max_pairs, self._seed)
        self._count(scored, possible, chosen)
        for pair in chosen:
            yield pair_record(pair)

    def _distinct(self, answers: list[RecordLine]) -> list[RecordLine]:
        """The answers, of exact duplicates only the best."""
        best: dict[bytes, RecordLine] = {}
        places: dict[str, str] = {}
        for row in sorted(answers, key=lambda row: rank(row.record)):
            record = row.record
            if first := places.get(record["id"]):
                raise InputError(f"{row.place}: the id {record['id']} is also at {first}; give each record once")
            places[record["id"]] = row.place
            if best.setdefault(content_key(record), row) is not row:
                self.answers.drop(DUPLICATE)
        return list(best.values())

    def _scored(self, row: RecordLine) -> Answer:
        meta = row.record["meta"]
        return Answer(row, self._rule.score(meta["answer_score"], meta.get("accepted") is True))

    def _count(self, scored: list[Answer], possible: list[Comparison], chosen: list[Comparison]) -> None:
        self.questions["with two answers or more"] += len(scored) > 1
        self.questions["with pairs"] += bool(chosen)
        if beyond := len(possible) - len(chosen):
            self.not_drawn[scored[0].row.record["source"]] += beyond
        could, used = _ids(possible), _ids(chosen)
        for answer in scored:
            record_id = answer.row.record["id"]
            if record_id in used:
                self.answers.keep()
            else:
                self.answers.drop(ALONE if len(scored) == 1 else NOT_DRAWN if record_id in could else EQUAL)


def _ids(pairs: list[Comparison]) -> set[str]:
    return {answer.row.record["id"] for pair in pairs for answer in pair}


def pair_record(pair: Comparison) -> RecordLine:
    """A pair as a record. Raises InputError if an answer has no licence."""
    better, worse = pair.better.row, pair.worse.row
    record = {
        "id": f"{better.record['id']}>{worse.record['id']}",
        "source": better.record["source"],
        "instruction": better.record["instruction"],
        "response": better.record["response"],
        "rejected": worse.record["response"],
        "score_chosen": pair.better.score,
        "score_rejected": pair.worse.score,
        "meta": {**_of_question(better), **_of_answer(better, "chosen"), **_of_answer(worse, "rejected")},
    }
    return RecordLine(record, orjson.dumps(record), better.place)


def _of_question(row: RecordLine) -> dict[str, Any]:
    fields = {name: value for name, value in row.record["meta"].items() if _is_of_question(name)}
    return fields | {"question_license": own_licenses(row)[0]}


def _of_answer(row: RecordLine, which: str) -> dict[str, Any]:
    fields = {
        _name_in_pair(name, which): value
        for name, value in row.record["meta"].items()
        if not _is_of_question(name) and name != "license"
    }
    return fields | {f"{which}_license": own_licenses(row)[-1]}


@lru_cache
def _name_in_pair(name: str, which: str) -> str:
    return f"{which}_{name.removeprefix('answer_')}"


@lru_cache
def _is_of_question(name: str) -> bool:
    return name in FIELDS_OF_QUESTION or name.startswith("question_")


def pair_key(record: dict[str, Any]) -> bytes:
    """16 bytes, the same for pairs that are exact duplicates, as duplicates.content_key says."""
    before = "\n".join(turn["content"] for turn in record.get("history", ()))
    return content_key(
        {
            "instruction": f"{before}\n{record['instruction']}",
            "response": f"{record['response']}\0{record['rejected']}",
        }
    )
