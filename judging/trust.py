"""How far a model's judgements may be trusted, by a person's of the same records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from review.agreement import Agreement, decided
from review.criteria import CRITERIA
from review.judgements import Judgement

ACCEPT = "accept"
Z = 1.959964  # of a 95 % interval
CLAIMS = (ACCEPT, *map(str, CRITERIA))  # what a judgement may say: that it accepts, or that a criterion is not met


@dataclass(frozen=True)
class Trust:
    """How often a person says what a model says: `right` of `said`, with the bounds of the share's interval."""

    right: int
    said: int
    low: float
    high: float


def says(judgement: Judgement, claim: str) -> bool:
    return judgement.accepted is True if claim == ACCEPT else int(claim) in judgement.criteria


def agreement_by_claim(person: Mapping[str, Judgement], model: Mapping[str, Judgement]) -> dict[str, Agreement]:
    """How well the two agree on accept, and on each criterion: there "accepts" stands for an answer that meets it."""
    person = as_it_is(person)
    both = [(person[record_id], judgement) for record_id, judgement in model.items() if record_id in person]
    found = {}
    for claim in CLAIMS:
        meets = [tuple(says(each, claim) == (claim == ACCEPT) for each in pair) for pair in both]
        found[claim] = Agreement(*map(meets.count, [(True, True), (True, False), (False, True), (False, False)]))
    return found


def trust_by_claim(person: Mapping[str, Judgement], model: Mapping[str, Judgement]) -> dict[str, Trust]:
    """The precision of what a model says, accept and each criterion, on the records that both have judged."""
    person, trust = as_it_is(person), {}
    for claim in CLAIMS:
        said = [record_id for record_id, judgement in model.items() if record_id in person and says(judgement, claim)]
        right = sum(says(person[record_id], claim) for record_id in said)
        trust[claim] = Trust(right, len(said), *wilson(right, len(said)))
    return trust


def as_it_is(person: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """The judgements of answers as a model sees them: accepted or rejected, and not accepted as somebody corrected."""
    return {record_id: judgement for record_id, judgement in decided(person).items() if not judgement.correction}


def trusted_part(judgement: Judgement, trusted: set[str]) -> Judgement | None:
    """The judgement with the criteria that are trusted; None if nothing is left of it."""
    if judgement.accepted:
        return judgement if ACCEPT in trusted else None
    criteria = tuple(number for number in judgement.criteria if str(number) in trusted)
    return replace(judgement, criteria=criteria) if criteria else None


def wilson(part: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, valid for small numbers and for shares near 1 too.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927).
    """
    if not total:
        return 0.0, 1.0
    middle = (part + Z**2 / 2) / (total + Z**2)
    half = Z / (total + Z**2) * math.sqrt(part * (total - part) / total + Z**2 / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
