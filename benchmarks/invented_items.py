"""Invented items, as many and as long as those of common benchmarks, of the words of real records."""

from __future__ import annotations

import random
from typing import Any

from quality.contamination import Item, normal_words

# items and words an item: MMLU's test questions with their choices, GSM8K's test questions, HumanEval's prompts
BENCHMARK_SIZES = {"mmlu": (14_042, 80), "gsm8k": (1_319, 46), "humaneval": (164, 70)}


def invented_items(records: list[dict[str, Any]], chance: random.Random) -> list[Item]:
    """Items whose words are drawn from the responses of records."""
    vocabulary = [word for record in records for word in normal_words(record["response"])]
    return [
        Item(name, number, " ".join(chance.choices(vocabulary, k=words)))
        for name, (count, words) in BENCHMARK_SIZES.items()
        for number in range(count)
    ]
