"""The order in which a review teaches most: first the records of which a model of the judgements so far is least sure.

Uncertainty sampling (Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994) with logistic
regression on the words of the response (TF-IDF) and a few counts. The model is made anew when the order is asked for,
and only the order leaves this module: a guess that the reviewer saw would become the judgement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from records.errors import InputError
from viewer.record_file import RecordFile

FEWEST = 50  # judgements to learn from
SCORED = 5_000  # unjudged records at most, drawn with the seed: more than a person judges before the next order
LEARNT = 5_000  # judged records at most, drawn likewise
COUNTED = ("\n\n", "`", "$", "://", "@", "?")  # paragraphs, code, math, links, names, questions
WORDS = 2**17  # and pairs of words, told apart by their hashes
CHARS = 20_000  # of a response: what a model may learn stands in them, and hostile ones stay bounded


def why_not(judged: Mapping[int, bool]) -> str | None:
    """Why there is no such order yet, in words; None when there can be one. `judged` is True for accepted."""
    if len(judged) < FEWEST:
        return f"needs {FEWEST} judgements to learn from, and there are {len(judged)}"
    if len(set(judged.values())) < 2:
        return f"needs accepted and rejected records to learn from, and all {len(judged)} are of one kind"
    return None


def least_sure_first(records: RecordFile, judged: Mapping[int, bool], seed: int) -> list[int]:
    """The numbers of unjudged records, at most SCORED, the one whose guessed probability is nearest to 0.5 first.

    The same records, judgements and seed give the same order. Raises InputError where `why_not` gives a reason, and
    where scikit-learn is missing.
    """
    if reason := why_not(judged):
        raise InputError(f"the order by uncertainty {reason}")
    model = _model()
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    draw = random.Random(seed)
    learnt = _sample(sorted(judged), LEARNT, draw)
    unjudged = _sample([number for number in range(len(records)) if number not in judged], SCORED, draw)
    if not unjudged:
        return []
    with threadpool_limits(1):  # more threads take six times the CPU time for so little, and might add up differently
        model.fit([_response(records, number) for number in learnt], [judged[number] for number in learnt])
        guesses = model.predict_proba([_response(records, number) for number in unjudged])[:, 1]
    return [number for _, number in sorted(zip(abs(guesses - 0.5), unjudged, strict=True))]


def _model() -> Any:
    """An untaught scikit-learn classifier of responses; raises InputError where scikit-learn is missing."""
    try:  # here, for importing takes more than a second
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import FunctionTransformer, StandardScaler
    except ImportError:
        raise InputError("the order by uncertainty needs scikit-learn: pip install scikit-learn") from None
    # words by their hashes need no vocabulary: that has bounds, and no answers are too strange for it
    words = HashingVectorizer(ngram_range=(1, 2), norm=None, alternate_sign=False, n_features=WORDS)
    counts = make_pipeline(FunctionTransformer(_counts), StandardScaler())
    features = make_union(make_pipeline(words, TfidfTransformer()), counts)
    return make_pipeline(features, LogisticRegression(class_weight="balanced", max_iter=1000))


def _counts(responses: list[str]) -> list[list[float]]:
    """What words do not tell: how long a response is, and how often it has each of COUNTED."""
    return [[math.log1p(len(text)), *(math.log1p(text.count(each)) for each in COUNTED)] for text in responses]


def _sample(numbers: list[int], most: int, draw: random.Random) -> list[int]:
    return numbers if len(numbers) <= most else sorted(draw.sample(numbers, most))


def _response(records: RecordFile, number: int) -> str:
    record = records.peek(number)
    return str(record["response"])[:CHARS] if record else ""
