"""Conditions on records by their meta and response: votes, acceptance, length, tags, licences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from records.errors import InputError
from records.licenses import License, license_named, own_licenses
from records.record import RecordLine

# The conditions by name, and the type of their value.
KINDS: dict[str, type] = {
    "accepted_only": bool,
    "min_answer_votes": int,
    "min_question_votes": int,
    "min_response_chars": int,
    "max_response_chars": int,
    "tags": list,
    "exclude_tags": list,
    "licenses": list,
}
NEEDED = {"min_answer_votes": "answer_score", "min_question_votes": "question_score"}  # whole numbers in meta


class Condition(NamedTuple):
    name: str
    reason: str  # why a record is dropped
    unmet: Callable[[RecordLine], bool]


def conditions(asked: Mapping[str, Any]) -> list[Condition]:
    """The conditions asked for, by the names of KINDS; None and false ask for nothing."""
    votes, question_votes = asked.get("min_answer_votes"), asked.get("min_question_votes")
    shortest: Any = asked.get("min_response_chars")
    longest: Any = asked.get("max_response_chars")
    tags, excluded = asked.get("tags") or (), asked.get("exclude_tags") or ()
    licenses = {license_named(name) for name in asked.get("licenses") or ()}
    every = [
        Condition("min_answer_votes", f"answer below {votes} votes", lambda row: _meta(row)["answer_score"] < votes),
        Condition("accepted_only", "not accepted", lambda row: _meta(row).get("accepted") is not True),
        Condition(
            "min_question_votes",
            f"question below {question_votes} votes",
            lambda row: _meta(row)["question_score"] < question_votes,
        ),
        Condition(
            "min_response_chars",
            f"response below {shortest} characters",
            lambda row: len(row.record["response"]) < shortest,
        ),
        Condition(
            "max_response_chars",
            f"response above {longest} characters",
            lambda row: len(row.record["response"]) > longest,
        ),
        Condition("tags", "none of the tags", lambda row: not _has_any(row, tags)),
        Condition("exclude_tags", "an excluded tag", lambda row: _has_any(row, excluded)),
        Condition("licenses", "another license", lambda row: not _is_under(row, licenses)),
    ]
    return [condition for condition in every if _is_asked(asked.get(condition.name))]


def _is_asked(value: Any) -> bool:
    return value is not None and value is not False and value != []  # 0 asks for something


def why_dropped(row: RecordLine, conditions: Sequence[Condition]) -> str | None:
    """The reason of the first condition that a record does not meet, None if it meets all.

    Raises InputError if the record lacks what a condition looks at.
    """
    for condition in conditions:
        needed = NEEDED.get(condition.name)
        if needed and type(_meta(row).get(needed)) is not int:  # a bool is an int too, but not a score
            raise InputError(f"{row.place}: meta.{needed} is not a whole number, which {condition.name} looks at")
        if condition.unmet(row):
            return condition.reason
    return None


def _meta(row: RecordLine) -> dict[str, Any]:
    meta: dict[str, Any] = row.record["meta"]
    return meta


def _has_any(row: RecordLine, tags: Sequence[str]) -> bool:
    there = _meta(row).get("tags")
    return isinstance(there, list) and any(tag in there for tag in tags)


def _is_under(row: RecordLine, licenses: set[License]) -> bool:
    try:
        return licenses.issuperset(map(license_named, own_licenses(row)))
    except InputError:  # the record has no licence
        return False
