"""A model of a person's judgements beside the rules: what it finds, and how far it may be relied on.

One logistic regression for each criterion of LEARNT_CRITERIA, and one for whether an answer is accepted
(review/learner.py). How often each is right is measured by cross-validation: every judged answer is predicted by a
model that has seen no answer to its question. A finding needs a probability from which on the model is right often
enough, among the answers in which the rules find nothing against the criterion; where there is none, it finds nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from records.errors import InputError
from review.criteria import Finding, find_problems
from review.judgements import Judgement
from review.learner import CHARS, FEWEST, MOST_LEARNT, Sample, bits_of, features, regression

ACCEPTED = 0  # among the numbers of criteria: whether an answer is accepted
LEARNT_CRITERIA = (1, 2, 4, 5)  # of the others, rules find nearly all that there is
DROPPING = 4  # the one criterion of which a model may drop
SURE, HINT = "a model is sure", "a model's hint"  # reasons of findings
PRECISION = {SURE: 0.95, HINT: 0.5}  # of the findings, in cross-validation
LEAST = 0.5  # probability of a finding: the model itself takes it for more likely than not
FEWEST_FOUND = 20  # in cross-validation; of these one may be wrong
FOLDS = 5
FEWEST_QUESTIONS = 10  # with answers that fail, and with answers that do not
KEPT_SHARES = tuple(share / 10 for share in range(10, 0, -1))  # of the curve


class Judged(NamedTuple):
    """A record with a person's judgement."""

    record: Mapping[str, Any]
    judgement: Judgement


class Threshold(NamedTuple):
    """A probability from which on an answer is found to fail, and how often that was right in cross-validation."""

    probability: float
    right: int
    found: int


class CurvePoint(NamedTuple):
    """In cross-validation: how many judged answers a threshold keeps, and how many of these a person accepts."""

    threshold: float
    kept: int
    accepted: int


class Prediction(NamedTuple):
    """The probability that a record is accepted, None if that was not learnt; findings beside those of the rules."""

    accepted: float | None
    findings: list[Finding]


class _Trained(NamedTuple):
    """A model of one of the numbers, and its cross-validation on the judged records at `places`."""

    model: Any
    places: list[int]
    likely: list[float]
    truth: list[bool]

    def scored(self, places: Collection[int]) -> list[tuple[float, bool]]:
        """The probabilities at these places, highest first, and whether they are right."""
        rows = zip(self.places, self.likely, self.truth, strict=True)
        return sorted(((likely, truth) for place, likely, truth in rows if place in places), reverse=True)


@dataclass(frozen=True)
class LearntCriteria:
    """Models of judgements.

    judged: how many were learnt from. thresholds: by criterion and reason, where there is one. curve: of the answers in
    which the rules find nothing that drops them, by the probability that they are accepted; empty if not learnt.
    """

    judged: int
    thresholds: Mapping[tuple[int, str], Threshold]
    curve: Sequence[CurvePoint]
    _features: Any
    _models: Mapping[int, Any]

    def predict(self, records: Sequence[Mapping[str, Any]], findings: Sequence[Sequence[Finding]]) -> list[Prediction]:
        """What the models say of records, given what the rules find in them."""
        if not records:
            return []
        matrix = self._features.transform(list(map(sample_of, records, findings)))
        columns = {number: model.predict_proba(matrix)[:, 1].tolist() for number, model in self._models.items()}
        predictions = []
        for place, (record, by_rules) in enumerate(zip(records, findings, strict=True)):
            likely = {number: column[place] for number, column in columns.items()}
            reasons = self._reasons(likely, {finding.criterion for finding in by_rules})
            found = [Finding(number, reason, 0, len(record["response"])) for number, reason in reasons]
            predictions.append(Prediction(likely.get(ACCEPTED), found))
        return predictions

    def _reasons(self, likely: Mapping[int, float], by_rules: Collection[int]) -> Iterator[tuple[int, str]]:
        """Criteria that an answer fails for a model, beside those of the rules; of two reasons the stronger."""
        found: set[int] = set(by_rules)
        for number, reason in sorted(self.thresholds, key=lambda each: -PRECISION[each[1]]):
            if number not in found and likely[number] >= self.thresholds[number, reason].probability:
                found.add(number)
                yield number, reason

    def describe(self) -> Iterator[str]:
        """What was learnt, in lines."""
        if (DROPPING, SURE) not in self.thresholds:
            yield (
                f"{DROPPING}: at no threshold are there {FEWEST_FOUND} findings of which {PRECISION[SURE]:.0%} are "
                "right, so the model drops nothing by it"
            )
        for (number, reason), threshold in self.thresholds.items():
            yield f"{number}, {reason}: {threshold.right} of {threshold.found} right, of what the rules do not find"
        for point in self.curve:
            yield (
                f"--keep_likely {point.threshold:.2f} keeps {point.kept:,} of the {self.curve[0].kept:,} that the "
                f"rules leave, and you accept {point.accepted / point.kept:.0%} of them"
            )

    def as_dict(self) -> dict[str, Any]:
        """The same for a report."""
        return {
            "judgements": self.judged,
            "thresholds": {f"{number}, {reason}": each._asdict() for (number, reason), each in self.thresholds.items()},
            "keep_likely": [point._asdict() for point in self.curve],
        }


def learn(judged: Iterable[Judged], drop: Iterable[int]) -> LearntCriteria:
    """Learn from a person's judgements, the first MOST_LEARNT of them; raises InputError if there are too few.

    drop: the criteria whose findings by the rules drop an answer before the model decides.
    """
    judged = list(judged)
    known = [each for each in judged if each.judgement.accepted is not None and not each.judgement.correction]
    if len(known) < FEWEST:
        others = len(judged) - len(known)
        beside = f", beside {others:,} for later or with a correction" if others else ""
        raise InputError(f"needs {FEWEST} judgements of the records to learn from, and has {len(known)}{beside}")
    known = known[:MOST_LEARNT]
    found = [find_problems(dict(each.record)) for each in known]
    fitted = features()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):  # more would use more CPU time, and could give other sums
        matrix = fitted.fit_transform([sample_of(each.record, of_it) for each, of_it in zip(known, found, strict=True)])
        numbers = (ACCEPTED, *LEARNT_CRITERIA)
        trained = {number: one for number in numbers if (one := _train(number, known, matrix))}
    by_rules = [{finding.criterion for finding in of_it} for of_it in found]
    thresholds = {}
    for number in trained.keys() - {ACCEPTED}:
        scored = trained[number].scored({place for place, of_it in enumerate(by_rules) if number not in of_it})
        for reason in (SURE, HINT) if number == DROPPING else (HINT,):
            if threshold := lowest_threshold(scored, PRECISION[reason]):
                thresholds[number, reason] = threshold
    left = {place for place, of_it in enumerate(by_rules) if not of_it & set(drop)}
    curve = curve_of(trained[ACCEPTED].scored(left)) if ACCEPTED in trained else []
    models = {number: one.model for number, one in trained.items()}
    return LearntCriteria(len(known), dict(sorted(thresholds.items())), curve, fitted, models)


def lowest_threshold(scored: Sequence[tuple[float, bool]], precision: float) -> Threshold | None:
    """The lowest probability from which on so many are right, of pairs in falling order; None if too few are."""
    lowest, right = None, 0
    for found, (probability, is_right) in enumerate(scored, 1):
        right += is_right
        is_last_of_equal = found == len(scored) or scored[found][0] < probability
        if is_last_of_equal and probability >= LEAST and found >= FEWEST_FOUND and right >= precision * found:
            lowest = Threshold(probability, right, found)
    return lowest


def curve_of(scored: Sequence[tuple[float, bool]]) -> list[CurvePoint]:
    """What thresholds keep that keep each of KEPT_SHARES, of pairs in falling order; each threshold once."""
    points: dict[float, CurvePoint] = {}
    for share in KEPT_SHARES if scored else ():
        lowest = scored[max(1, round(share * len(scored))) - 1][0] if share < 1 else 0.0
        threshold = math.floor(100 * lowest) / 100  # as people type it
        kept = [is_accepted for probability, is_accepted in scored if probability >= threshold]
        points[threshold] = CurvePoint(threshold, len(kept), sum(kept))
    return list(points.values())


def sample_of(record: Mapping[str, Any], findings: Iterable[Finding]) -> Sample:
    """What a model knows of a record, given what the rules find in it."""
    return Sample(record["response"][:CHARS], bits_of(finding.criterion for finding in findings))


def _train(number: int, judged: Sequence[Judged], matrix: Any) -> _Trained | None:
    """A model of whether an answer fails a criterion, or is accepted; None if there are too few of a kind."""
    answers = [_answer(each.judgement, number) for each in judged]
    places = [place for place, answer in enumerate(answers) if answer is not None]
    truth = [bool(answers[place]) for place in places]
    questions = [_question(judged[place].record) for place in places]
    kinds = Counter(kind for _, kind in set(zip(questions, truth, strict=True)))
    if min(kinds[True], kinds[False]) < FEWEST_QUESTIONS:
        return None
    likely = _cross_validated(matrix[places], truth, questions)
    return _Trained(regression().fit(matrix[places], truth), places, likely, truth)


def _answer(judgement: Judgement, number: int) -> bool | None:
    """What a judgement says of it; None if a reject does not name its criteria."""
    if number == ACCEPTED:
        return judgement.accepted
    if not judgement.accepted and not judgement.criteria:
        return None
    return number in judgement.criteria


def _question(record: Mapping[str, Any]) -> str:
    return str(record["meta"].get("question_url") or record["instruction"])


def _cross_validated(matrix: Any, truth: list[bool], questions: list[str]) -> list[float]:
    """The probability of each row, by a model of rows with other questions."""
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    likely = cross_val_predict(regression(), matrix, truth, groups=questions, cv=folds, method="predict_proba")
    return [float(each) for each in likely[:, 1]]
