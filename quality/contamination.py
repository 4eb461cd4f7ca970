"""Finds benchmark items in records, by the word n-grams that both contain.

As in the GPT-3 paper (Brown et al. 2020, arXiv 2005.14165, appendix C), n is 13, and words are separated by white
space, in lower case and without punctuation. 8, the default of open-r1's scripts/decontaminate.py, finds more items,
and more by chance. An item of fewer than n words, but at least 8 (the paper's smallest n), is found if a text contains
all of it; shorter items are not looked for. A paraphrased item is not found with any n.
"""

from __future__ import annotations

import re
import string
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.ngrams import Hashes, NGrams, powers
from records.errors import InputError
from records.file_io import open_input, require_input
from records.json_rows import ENDINGS, SourceFile, read_rows

Numbers32 = NDArray[np.int32]

NGRAM = 13  # words
MIN_WORDS = 8  # items with fewer are not looked for
FIELDS = ("instruction", "response")
TEXT_ENDINGS = (".txt", ".txt.gz", ".txt.zst")

FILTER_BITS = 24  # 16 MB; a million n-grams fill a sixteenth, so few hashes have to be searched for
LARGEST = np.array([-1]).astype(np.uint64)  # no hash is above it, so a search ends within the array

_LOWER_CASE, _ASCII_PUNCTUATION = bytes(range(256)).lower(), string.punctuation.encode()
_PUNCTUATION = re.compile(r"[^\w\s]+|_+")


class Item(NamedTuple):
    """An item of a benchmark."""

    benchmark: str  # its file
    number: int  # its line, or its place in a JSON array, from 1
    text: str  # all of its fields
    fields: Sequence[str] = ()  # each of them, if there are several: a short question is also looked for by itself


class Hit(NamedTuple):
    """An n-gram that a record shares with a benchmark."""

    benchmark: str
    item: int  # the number of the first item with this n-gram
    field: str  # of the record: "instruction" or "response"
    ngram: str  # its words


class Benchmarks:
    """The n-grams of benchmark items. Memory: 24 bytes an n-gram, 8 bytes a word, the distinct words, and 16 MB."""

    def __init__(self, items: Iterable[Item], n: int = NGRAM):
        """n: words in an n-gram, at least MIN_WORDS."""
        self.items = Counter[str]()  # by benchmark
        self.too_short = Counter[str]()  # those of them that are not looked for
        self._items: list[tuple[str, int, list[str]]] = []
        self._ngrams: dict[int, NGrams] = {}  # by length
        beginning = NGrams(MIN_WORDS)
        hashes, beginnings = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        owners, starts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]  # an n-gram's item, and its place in the item
        for item in items:
            self.items[item.benchmark] += 1
            texts = _texts_to_find(item, n)
            self.too_short[item.benchmark] += not texts
            for words in texts:
                length = min(n, len(words))
                found = self._ngrams.setdefault(length, NGrams(length)).hashes(words)
                hashes.append(found)
                beginnings.append(beginning.hashes(words)[: len(found)])
                owners.append(np.full(len(found), len(self._items), np.int32))
                starts.append(np.arange(len(found), dtype=np.int32))
                self._items.append((item.benchmark, item.number, words))
        # the beginnings of n-grams of every length, so that one pass over a text finds them all
        self._beginnings = np.unique(np.concatenate([*beginnings, LARGEST]))
        self._may_begin = np.zeros(1 << FILTER_BITS, bool)  # by the first bits of a hash
        self._may_begin[_first_bits(self._beginnings)] = True
        # the items' words by number, so that other words need no hash: number 0 stands for all of these
        words_of_items = dict.fromkeys(word for _, _, words in self._items for word in words)
        self._numbers = {word: number for number, word in enumerate(words_of_items, 1)}
        self._words = np.concatenate([np.zeros(1, np.uint64), NGrams(1).hashes(list(words_of_items))])
        self._sort(np.concatenate(hashes), np.concatenate(owners), np.concatenate(starts))

    def _sort(self, hashes: Hashes, owners: Numbers32, starts: Numbers32) -> None:
        """Order the n-grams by hash; of equal ones in a benchmark only the first is kept."""
        numbers = {name: number for number, name in enumerate(self.items)}
        benchmarks = np.array([numbers[name] for name, _, _ in self._items], np.int32)[owners]
        order = np.lexsort((benchmarks, hashes))
        same = (np.diff(hashes[order]) == 0) & (np.diff(benchmarks[order]) == 0)
        order = np.delete(order, np.flatnonzero(same) + 1)
        self._hashes, self._owners, self._starts = hashes[order], owners[order], starts[order]

    def hits(self, record: dict[str, Any]) -> list[Hit]:
        """One n-gram for each item that shares any with the record, in the order of the text."""
        return [hit for field in FIELDS for hit in self._hits(normal_words(record[field]), field)]

    def _hits(self, words: list[str], field: str) -> Iterator[Hit]:
        seen = set()
        for place in self._places(words):
            for length, ngrams in self._ngrams.items():
                ngram = words[place : place + length]
                for benchmark, number in self._holders(ngrams.hashes(ngram)[0], ngram):
                    if (benchmark, number) not in seen:
                        seen.add((benchmark, number))
                        yield Hit(benchmark, number, field, " ".join(ngram))

    def _places(self, words: list[str]) -> list[int]:
        """Where n-grams may begin."""
        if len(words) < MIN_WORDS:
            return []
        numbers = np.fromiter(map(self._numbers.get, words, repeat(0)), np.int64, len(words))
        if np.count_nonzero(numbers) < MIN_WORDS:
            return []
        hashes = np.correlate(self._words[numbers], powers(MIN_WORDS), "valid")
        [places] = np.nonzero(self._may_begin[_first_bits(hashes)])
        hashes = hashes[places]
        found = self._beginnings[np.searchsorted(self._beginnings, hashes)] == hashes
        return [int(place) for place in places[found]]

    def _holders(self, hash: np.uint64, ngram: list[str]) -> Iterator[tuple[str, int]]:
        """The benchmarks that contain an n-gram, each with its first item that does."""
        begin, end = (int(np.searchsorted(self._hashes, hash, side)) for side in ("left", "right"))
        for index in range(begin, end):
            benchmark, number, words = self._items[self._owners[index]]
            start = self._starts[index]
            if words[start : start + len(ngram)] == ngram:  # different n-grams may have the same hash
                yield benchmark, number


def _first_bits(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - FILTER_BITS)


def _texts_to_find(item: Item, n: int) -> list[list[str]]:
    """The words of all of an item's text, and of those fields that have no n-gram of their own in it."""
    whole, *fields = ([sys.intern(word) for word in normal_words(text)] for text in (item.text, *item.fields))
    return [words for words in (whole, *(words for words in fields if len(words) < n)) if len(words) >= MIN_WORDS]


def normal_words(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation."""
    if text.isascii():
        return text.encode().translate(_LOWER_CASE, _ASCII_PUNCTUATION).decode().split()
    return _PUNCTUATION.sub("", text.lower()).split()


# ---- reading benchmark files -----------------------------------------------------------------------------------------
def read_benchmarks(paths: Iterable[str | Path], fields: Sequence[str], n: int = NGRAM) -> Benchmarks:
    """Read benchmark files: JSON lines or an array (.jsonl, .json), or text with an item a line (.txt); also .gz, .zst.

    fields: the fields of a JSON item with its text, strings or lists of strings; others, such as a number, are ignored.
    Raises InputError for a file of another kind, and for an item with text in none of the fields.
    """
    return Benchmarks((item for path in paths for item in _items(str(path), fields)), n)


def _items(name: str, fields: Sequence[str]) -> Iterator[Item]:
    require_input(name)
    if name.endswith(TEXT_ENDINGS):
        with open_input(name) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield Item(name, number, _decode(line, f"{name}:{number}"))
    elif name.endswith(ENDINGS):
        for row in read_rows(SourceFile(name)):
            texts = _texts(row.value, fields, row.place)
            yield Item(name, row.number, "\n".join(texts), texts if len(texts) > 1 else ())
    else:
        raise InputError(f"{name}: is not a {', '.join(ENDINGS + TEXT_ENDINGS)} file; convert it to one of these")


def _decode(line: bytes, place: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: is not UTF-8 ({error}); save it as UTF-8") from None


def _texts(item: dict[str, Any], fields: Sequence[str], place: str) -> list[str]:
    """The text of each field that has one; the strings of a list are lines of one text."""
    texts = []
    for name in fields:
        value = item.get(name)
        lines: list[Any] = value if isinstance(value, list) else [value]
        if all(isinstance(line, str) for line in lines):
            texts.append("\n".join(lines))
    if not texts:
        problem = f"has text in none of the fields {', '.join(fields)}" if fields else "no field was given"
        raise InputError(f"{place}: {problem}; name those with the item's text, among {', '.join(item) or 'none'}")
    return texts
