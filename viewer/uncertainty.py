"""An order that puts first the records that a model of the judgements so far is least certain about.

Uncertainty sampling (Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994) with logistic
regression on the words of the response (TF-IDF) and a few counts. The model is trained each time the order is chosen.
Only the order leaves this module: a prediction that the reviewer saw would influence the judgement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from records.errors import InputError
from viewer.record_file import RecordFile

FEWEST = 50  # judgements to learn from
SCORED = 5_000  # unjudged records at most, drawn with the seed: more than a person judges before asking again
LEARNT = 5_000  # judged records at most, drawn with the seed too
COUNTED = ("\n\n", "`", "$", "://", "@", "?")  # paragraphs, code, math, links, names, questions
WORDS = 2**17  # and pairs of words, identified by their hashes
CHARS = 20_000  # of a response: enough to learn from, and a bound for hostile ones


def least_sure_first(records: RecordFile, judged: Mapping[int, bool], seed: int) -> list[int]:
    """The numbers of unjudged records, at most SCORED, the one whose predicted probability is nearest to 0.5 first.

    `judged` is True for accepted records. The same records, judgements and seed give the same order. Raises InputError
    if there are too few judgements to learn from, or all are the same, and if scikit-learn is missing.
    """
    if len(judged) < FEWEST:
        raise InputError(
            f"the order by uncertainty needs {FEWEST} judgements to learn from, and there are {len(judged)}"
        )
    if len(set(judged.values())) < 2:
        raise InputError(
            "the order by uncertainty needs accepted and rejected records to learn from, and all "
            f"{len(judged)} judgements are the same"
        )
    model = _model()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    draw = random.Random(seed)
    learnt = _sample(sorted(judged), LEARNT, draw)
    unjudged = _sample([number for number in range(len(records)) if number not in judged], SCORED, draw)
    if not unjudged:
        return []
    with threadpool_limits(1):  # more would use six times the CPU time, and could give other sums
        model.fit([_response(records, number) for number in learnt], [judged[number] for number in learnt])
        predictions = model.predict_proba([_response(records, number) for number in unjudged])[:, 1]
    return [number for _, number in sorted(zip(abs(predictions - 0.5), unjudged, strict=True))]


def _model() -> Any:
    """An untrained scikit-learn classifier of responses; raises InputError if scikit-learn is missing."""
    try:  # imported late, because it takes more than a second
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import FunctionTransformer, StandardScaler
    except ImportError:
        raise InputError("the order by uncertainty needs scikit-learn: pip install scikit-learn") from None
    # hashes need no vocabulary, so memory is bounded and no text is too odd
    words = HashingVectorizer(ngram_range=(1, 2), norm=None, alternate_sign=False, n_features=WORDS)
    counts = make_pipeline(FunctionTransformer(_counts), StandardScaler())
    features = make_union(make_pipeline(words, TfidfTransformer()), counts)
    return make_pipeline(features, LogisticRegression(class_weight="balanced", max_iter=1000))


def _counts(responses: list[str]) -> list[list[float]]:
    """Features other than words: the length of a response, and how often it contains each of COUNTED."""
    return [[math.log1p(len(text)), *(math.log1p(text.count(each)) for each in COUNTED)] for text in responses]


def _sample(numbers: list[int], most: int, draw: random.Random) -> list[int]:
    return numbers if len(numbers) <= most else sorted(draw.sample(numbers, most))


def _response(records: RecordFile, number: int) -> str:
    record = records.peek(number)
    return str(record["response"])[:CHARS] if record else ""
