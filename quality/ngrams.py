"""Hashes of word n-grams, for near duplicates and contamination: the same on every machine and in every run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]

WORDS_CACHED = 1 << 18  # at most 50 MB
FACTOR = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: Knuth's factor for multiplicative hashing (TAOCP 3, 6.4)


class NGrams:
    """Hashes the n-grams of word sequences."""

    def __init__(self, n: int):
        """n: words in an n-gram, at least 1."""
        self._powers = powers(n)

    def hashes(self, words: Sequence[str]) -> Hashes:
        """The hash of each n-gram, in order; for fewer than n words one hash of all of them, for no words none."""
        if not words:
            return np.zeros(0, np.uint64)
        hashed = np.fromiter(map(_word_hashes.__getitem__, words), np.uint64, len(words))
        return np.correlate(hashed, self._powers[: len(words)], "valid")


@cache
def powers(count: int) -> Hashes:
    """Factors for the sum that hashes a sequence, so that its order counts."""
    return np.array([pow(FACTOR, power, 1 << 64) for power in range(count)], np.uint64)


class _WordHashes(dict[str, int]):
    """64-bit hashes of words, cached: most words are repeated, and a look-up takes a tenth of the time."""

    def __missing__(self, word: str) -> int:
        if len(self) >= WORDS_CACHED:
            self.clear()
        value = int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        self[word] = value
        return value


_word_hashes = _WordHashes()
