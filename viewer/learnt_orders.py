"""Orders by a model of the judgements so far: first what it is least certain about, or first what is most likely good.

Uncertainty sampling and relevance sampling (Lewis and Gale, "A sequential algorithm for training text classifiers",
SIGIR 1994) with the classifier of review/learner.py. The model is trained each time the order is chosen. Only the order
leaves this module: a prediction that the reviewer saw would influence the judgement. benchmarks/orders.py measures what
the orders save.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from records.errors import InputError
from review.learner import CHARS, FEWEST, MOST_LEARNT, Sample, classifier
from viewer.record_facts import BETWEEN_CALLS, OnProgress, RecordFacts

SCORED = 5_000  # unjudged records at most, drawn with the seed: more than a person judges before asking again


def least_certain_first(
    facts: RecordFacts,
    judged: Mapping[int, bool],
    unjudged: Sequence[int],
    seed: int,
    on_progress: OnProgress = lambda done: None,
) -> list[int]:
    """The numbers of the unjudged records, at most SCORED, the one whose predicted probability is nearest to 0.5 first.

    `judged` is True for accepted records; `on_progress` may raise to end the work. The same records, judgements and
    seed give the same order. Raises InputError if there are too few judgements to learn from, or all are the same, and
    if scikit-learn is missing.
    """
    predicted = _predicted(facts, judged, unjudged, seed, on_progress)
    return [number for _, number in sorted((abs(p - 0.5), number) for number, p in predicted)]


def most_likely_good_first(
    facts: RecordFacts,
    judged: Mapping[int, bool],
    unjudged: Sequence[int],
    seed: int,
    on_progress: OnProgress = lambda done: None,
) -> list[int]:
    """The same records, the one with the highest predicted probability of being accepted first."""
    predicted = _predicted(facts, judged, unjudged, seed, on_progress)
    return [number for _, number in sorted((-p, number) for number, p in predicted)]


def _predicted(
    facts: RecordFacts, judged: Mapping[int, bool], unjudged: Sequence[int], seed: int, on_progress: OnProgress
) -> list[tuple[int, float]]:
    """Unjudged records, and the predicted probabilities that they are accepted."""
    if len(judged) < FEWEST:
        raise InputError(f"this order needs {FEWEST} judgements to learn from, and there are {len(judged)}")
    if len(set(judged.values())) < 2:
        raise InputError(
            f"this order needs accepted and rejected records to learn from, and all {len(judged)} judgements are the "
            "same"
        )
    model = classifier()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    draw = random.Random(seed)
    learnt = _drawn(sorted(judged), MOST_LEARNT, draw)
    drawn = _drawn(unjudged, SCORED, draw)
    if not drawn:
        return []
    samples = []
    for done, number in enumerate([*learnt, *drawn]):
        if done % BETWEEN_CALLS == 0 or not facts.is_known(number):
            on_progress(done)
        samples.append(_sample(facts, number))
    with threadpool_limits(1):  # more would use six times the CPU time, and could give other sums
        model.fit(samples[: len(learnt)], [judged[number] for number in learnt])
        predictions = model.predict_proba(samples[len(learnt) :])[:, 1]
    return list(zip(drawn, map(float, predictions), strict=True))


def _drawn(numbers: Sequence[int], most: int, draw: random.Random) -> Sequence[int]:
    return numbers if len(numbers) <= most else sorted(draw.sample(numbers, most))


def _sample(facts: RecordFacts, number: int) -> Sample:
    record = facts.records.peek(number)
    return Sample(str(record["response"])[:CHARS] if record else "", facts.findings(number))
