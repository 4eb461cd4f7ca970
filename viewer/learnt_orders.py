"""Orders by a model of the judgements so far: first what it is least certain about, or first what is most likely good.

Uncertainty sampling and relevance sampling (Lewis and Gale, "A sequential algorithm for training text classifiers",
SIGIR 1994) with logistic regression on the words of the response (TF-IDF), a few counts, and the criteria of which the
machine finds something. The model is trained each time the order is chosen. Only the order leaves this module: a
prediction that the reviewer saw would influence the judgement. benchmarks/orders.py measures what the orders save.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from records.errors import InputError
from viewer.record_facts import BETWEEN_CALLS, OnProgress, RecordFacts

FEWEST = 50  # judgements to learn from
SCORED = 5_000  # unjudged records at most, drawn with the seed: more than a person judges before asking again
LEARNT = 5_000  # judged records at most, drawn with the seed too
COUNTED = ("\n\n", "`", "$", "://", "@", "?")  # paragraphs, code, math, links, names, questions
CRITERIA = range(1, 8)
WORDS = 2**17  # and pairs of words, identified by their hashes
CHARS = 20_000  # of a response: enough to learn from, and a bound for hostile ones


class Sample(NamedTuple):
    """What the model knows of a record."""

    response: str
    findings: int  # bits, as of RecordFacts


def least_certain_first(
    facts: RecordFacts, judged: Mapping[int, bool], seed: int, on_progress: OnProgress = lambda done: None
) -> list[int]:
    """The numbers of unjudged records, at most SCORED, the one whose predicted probability is nearest to 0.5 first.

    `judged` is True for accepted records; `on_progress` may raise to end the work. The same records, judgements and
    seed give the same order. Raises InputError if there are too few judgements to learn from, or all are the same, and
    if scikit-learn is missing.
    """
    return [number for _, number in sorted((abs(p - 0.5), n) for n, p in _predicted(facts, judged, seed, on_progress))]


def most_likely_good_first(
    facts: RecordFacts, judged: Mapping[int, bool], seed: int, on_progress: OnProgress = lambda done: None
) -> list[int]:
    """The same records, the one with the highest predicted probability of being accepted first."""
    return [number for _, number in sorted((-p, n) for n, p in _predicted(facts, judged, seed, on_progress))]


def _predicted(
    facts: RecordFacts, judged: Mapping[int, bool], seed: int, on_progress: OnProgress
) -> list[tuple[int, float]]:
    """Unjudged records, and the predicted probabilities that they are accepted."""
    if len(judged) < FEWEST:
        raise InputError(f"this order needs {FEWEST} judgements to learn from, and there are {len(judged)}")
    if len(set(judged.values())) < 2:
        raise InputError(
            f"this order needs accepted and rejected records to learn from, and all {len(judged)} judgements are the "
            "same"
        )
    model = _model()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    draw = random.Random(seed)
    learnt = _drawn(sorted(judged), LEARNT, draw)
    unjudged = _drawn([number for number in range(len(facts.records)) if number not in judged], SCORED, draw)
    if not unjudged:
        return []
    samples = []
    for done, number in enumerate([*learnt, *unjudged]):
        if done % BETWEEN_CALLS == 0 or not facts.is_known(number):
            on_progress(done)
        samples.append(_sample(facts, number))
    with threadpool_limits(1):  # more would use six times the CPU time, and could give other sums
        model.fit(samples[: len(learnt)], [judged[number] for number in learnt])
        predictions = model.predict_proba(samples[len(learnt) :])[:, 1]
    return list(zip(unjudged, map(float, predictions), strict=True))


def _model() -> Any:
    """An untrained scikit-learn classifier of samples; raises InputError if scikit-learn is missing."""
    try:  # imported late, because it takes more than a second
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import FunctionTransformer, StandardScaler
    except ImportError:
        raise InputError("this order needs scikit-learn: pip install scikit-learn") from None
    # hashes need no vocabulary, so memory is bounded and no text is too odd
    words = HashingVectorizer(ngram_range=(1, 2), norm=None, alternate_sign=False, n_features=WORDS)
    counts = make_pipeline(FunctionTransformer(_counts), StandardScaler())
    features = make_union(make_pipeline(FunctionTransformer(_responses), words, TfidfTransformer()), counts)
    return make_pipeline(features, LogisticRegression(class_weight="balanced", max_iter=1000))


def _responses(samples: list[Sample]) -> list[str]:
    return [sample.response for sample in samples]


def _counts(samples: list[Sample]) -> list[list[float]]:
    """Features other than words.

    The length of a response, how often it contains each of COUNTED, and whether the machine finds something against
    each criterion.
    """
    return [
        [
            math.log1p(len(text)),
            *(math.log1p(text.count(each)) for each in COUNTED),
            *(float(findings >> criterion & 1) for criterion in CRITERIA),
        ]
        for text, findings in samples
    ]


def _drawn(numbers: list[int], most: int, draw: random.Random) -> list[int]:
    return numbers if len(numbers) <= most else sorted(draw.sample(numbers, most))


def _sample(facts: RecordFacts, number: int) -> Sample:
    record = facts.records.peek(number)
    return Sample(str(record["response"])[:CHARS] if record else "", facts.findings(number))
