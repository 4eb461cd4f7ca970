"""What a model can learn of judged answers: the features of a sample, and a classifier over them.

Logistic regression on the words of the response (TF-IDF), a few counts, and the criteria of which the machine finds
something. Words are known by their hashes, so a model holds nobody's text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from records.errors import InputError

FEWEST = 50  # judgements to learn from
MOST_LEARNT = 5_000  # judged records at most
COUNTED = ("\n\n", "`", "$", "://", "@", "?")  # paragraphs, code, math, links, names, questions
FIRST_PERSON = tuple(
    map(re.compile, (r"\bI\b", r"\b(?:my|me|myself|My)\b", r"\bI(?:['’]ve| have|['’]d| had| was| am|['’]m)\b"))
)
CRITERIA = range(1, 8)
WORDS = 2**17  # and pairs of words, identified by their hashes
CHARS = 20_000  # of a response: enough to learn from, and a bound for hostile ones


class Sample(NamedTuple):
    """What the model knows of a record."""

    response: str  # its first CHARS
    findings: int  # the criteria with findings, as bits_of them


def bits_of(criteria: Iterable[int]) -> int:
    """Criteria as bits, of which criterion 1 has the second."""
    bits = 0
    for criterion in criteria:
        bits |= 1 << criterion
    return bits


def classifier() -> Any:
    """An untrained scikit-learn classifier of samples; raises InputError if scikit-learn is missing."""
    with _needing_scikit_learn():
        from sklearn.pipeline import make_pipeline

    return make_pipeline(features(), regression())


def features() -> Any:
    """What turns samples into a matrix, before it is fitted; raises InputError if scikit-learn is missing."""
    with _needing_scikit_learn():
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import FunctionTransformer, StandardScaler
    # hashes need no vocabulary, so memory is bounded and no text is too odd
    words = HashingVectorizer(
        ngram_range=(1, 2), norm=None, alternate_sign=False, n_features=WORDS, token_pattern=r"\b\w+\b"
    )
    counts = make_pipeline(FunctionTransformer(_counts), StandardScaler())
    return make_union(make_pipeline(FunctionTransformer(_responses), words, TfidfTransformer()), counts)


def regression() -> Any:
    """An untrained logistic regression on the matrix of `features`; raises InputError if scikit-learn is missing."""
    with _needing_scikit_learn():
        from sklearn.linear_model import LogisticRegression

    return LogisticRegression(class_weight="balanced", max_iter=1000, solver="liblinear", random_state=0)


@contextmanager
def _needing_scikit_learn() -> Iterator[None]:
    """Around its imports, which come late because they take more than a second."""
    try:
        yield
    except ImportError:
        raise InputError("learning from judgements needs scikit-learn: pip install scikit-learn") from None


def _responses(samples: list[Sample]) -> list[str]:
    return [sample.response for sample in samples]


def _counts(samples: list[Sample]) -> list[list[float]]:
    """Features other than words.

    The length of a response, how often it contains each of COUNTED and FIRST_PERSON, and whether the machine finds
    something against each criterion.
    """
    return [
        [
            math.log1p(len(text)),
            *(math.log1p(text.count(each)) for each in COUNTED),
            *(math.log1p(len(each.findall(text))) for each in FIRST_PERSON),
            *(float(findings >> criterion & 1) for criterion in CRITERIA),
        ]
        for text, findings in samples
    ]
