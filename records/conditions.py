"""Conditions on records by their meta and response: votes, acceptance, sites, dates, length, tags, licences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from records.errors import InputError
from records.licenses import License, license_named, own_licenses
from records.record import RecordLine

# The conditions by name, and the type of their value.
KINDS: dict[str, type] = {
    "accepted_only": bool,
    "min_answer_votes": int,
    "min_question_votes": int,
    "sites": list,  # of hosts, or ALL_METAS
    "exclude_sites": list,
    "created_after": str,
    "created_before": str,
    "min_response_chars": int,
    "max_response_chars": int,
    "tags": list,
    "exclude_tags": list,
    "licenses": list,
}
NEEDED = {"min_answer_votes": "answer_score", "min_question_votes": "question_score"}  # whole numbers in meta
DATES = ("created_after", "created_before")
ALL_METAS = "meta"  # stands for the hosts of all meta sites

_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?", re.A)
_CREATED = re.compile(r"\d{4}-\d\d-\d\d", re.A)  # the beginning of 2016-08-02T15:39:14.947


class Condition(NamedTuple):
    name: str
    reason: str  # why a record is dropped
    unmet: Callable[[RecordLine], bool]


def conditions(asked: Mapping[str, Any]) -> list[Condition]:
    """The conditions asked for, by the names of KINDS; None and false ask for nothing.

    Raises InputError for a date that does not exist, and for two dates with no time between them.
    """
    votes, question_votes = asked.get("min_answer_votes"), asked.get("min_question_votes")
    shortest: Any = asked.get("min_response_chars")
    longest: Any = asked.get("max_response_chars")
    sites, excluded_sites = asked.get("sites") or (), asked.get("exclude_sites") or ()
    after, before = _period(asked.get("created_after") or "", asked.get("created_before") or "")
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
        Condition("sites", "another site", lambda row: not _is_of(row, sites)),
        Condition("exclude_sites", "an excluded site", lambda row: _is_of(row, excluded_sites)),
        *(Condition(name, "no date of creation", lambda row: not _created(row)) for name in DATES),
        Condition("created_after", f"created before {after}", lambda row: _created(row) < after),
        Condition("created_before", f"created in or after {before}", lambda row: _created(row) >= before),
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


def _period(after: str, before: str) -> tuple[str, str]:
    """Both dates, checked; "" for none. An ISO date sorts as text, also against its own beginning, a year or month."""
    first_day, end = (_first_day(text, name) for text, name in zip((after, before), DATES, strict=True))
    if first_day and end and first_day >= end:
        raise InputError(f"created_after {after}: is not before created_before {before}; nothing is created between")
    return after, before


def _first_day(text: str, name: str) -> str:
    """The first day of a date such as 2020, 2020-06 or 2020-06-15, as 2020-06-01; "" for ""."""
    day = f"{text}-01-01"[:10] if text else ""
    try:
        if text and not (_DATE.fullmatch(text) and date.fromisoformat(day)):
            raise ValueError
    except ValueError:
        raise InputError(f"{name} {text}: is not a date; write it as 2020, 2020-06 or 2020-06-15") from None
    return day


def _created(row: RecordLine) -> str:
    """When the answer was written; "" if the record does not tell."""
    created = _meta(row).get("answer_created")
    return created if isinstance(created, str) and _CREATED.match(created) else ""


def _is_of(row: RecordLine, hosts: Sequence[str]) -> bool:
    site = _meta(row).get("site")
    return isinstance(site, str) and (site in hosts or (ALL_METAS in hosts and ALL_METAS in site.split(".")))


def _has_any(row: RecordLine, tags: Sequence[str]) -> bool:
    there = _meta(row).get("tags")
    return isinstance(there, list) and any(tag in there for tag in tags)


def _is_under(row: RecordLine, licenses: set[License]) -> bool:
    try:
        return licenses.issuperset(map(license_named, own_licenses(row)))
    except InputError:  # the record has no licence
        return False
