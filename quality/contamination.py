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
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.ngrams import FACTOR, Hashes, NGrams, Numbers, powers
from records.errors import InputError
from records.file_io import open_input, require_input
from records.json_rows import ENDINGS, SourceFile, read_rows

Numbers32 = NDArray[np.int32]

NGRAM = 13  # words
MIN_WORDS = 8  # items with fewer are not looked for
FIELDS = ("instruction", "response")
SPACE = ord(" ")
TEXT_ENDINGS = (".txt", ".txt.gz", ".txt.zst")

WITHIN, STRIDE = 5, 4  # whatever MIN_WORDS words a text shares with an item, 5 of them begin at a multiple of 4
FILTER_BITS = 27  # 16 MB; a million n-grams fill a hundredth, so few places have to be looked at
CHUNK = 1 << 16  # bytes of texts that are hashed at once: the numbers for them stay in a core's cache
LARGEST = np.array([-1]).astype(np.uint64)  # no hash is above it, so a search ends within the array

_ASCII_PUNCTUATION = string.punctuation.encode()
_NORMAL = bytes(32 if chr(code).isspace() else code for code in range(128)).lower() + bytes(128)
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
        hashes = [np.zeros(0, np.uint64)]
        owners, starts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]  # an n-gram's item, and its place in the item
        for item in items:
            self.items[item.benchmark] += 1
            texts = _texts_to_find(item, n)
            self.too_short[item.benchmark] += not texts
            for words in texts:
                length = min(n, len(words))
                found = self._ngrams.setdefault(length, NGrams(length)).hashes(words)
                hashes.append(found)
                owners.append(np.full(len(found), len(self._items), np.int32))
                starts.append(np.arange(len(found), dtype=np.int32))
                self._items.append((item.benchmark, item.number, words))
        self._find_by_beginning(np.concatenate(owners), np.concatenate(starts))
        self._sort(np.concatenate(hashes), np.concatenate(owners), np.concatenate(starts))

    def _find_by_beginning(self, owners: Numbers32, starts: Numbers32) -> None:
        """Collect the beginnings of n-grams of every length, so that one pass over a text finds them all."""
        texts = [words for _, _, words in self._items]
        words, _ = _hashed_words(b" ".join(" ".join(text).encode("utf-8", "surrogatepass") for text in texts))
        first = np.cumsum([0, *map(len, texts)])  # word of each text
        self._beginnings = np.unique(np.append(_word_ngrams(words, MIN_WORDS)[first[owners] + starts], LARGEST))
        self._filter = np.zeros(1 << FILTER_BITS - 3, np.uint8)  # bits, by the first ones of a hash
        np.bitwise_or.at(self._filter, *_bits(_word_ngrams(words, WITHIN)))

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
        return self.hits_of_all([record])[0]

    def hits_of_all(self, records: Sequence[dict[str, Any]]) -> list[list[Hit]]:
        """The same for each of some records, which takes less time than one by one."""
        hits: list[list[Hit]] = [[] for _ in records]
        texts = [(number, field) for number in range(len(records)) for field in FIELDS]
        words = [_normal_bytes(records[number][field]) for number, field in texts]
        begin = 0
        while begin < len(texts):
            end, size = begin + 1, len(words[begin])
            while end < len(texts) and (size := size + len(words[end])) < CHUNK:
                end += 1
            for text, places in self._places(words[begin:end]):
                number, field = texts[begin + text]
                hits[number] += self._hits(normal_words(records[number][field]), places, field)
            begin = end
        return hits

    def _hits(self, words: list[str], places: list[int], field: str) -> Iterator[Hit]:
        seen = set()
        for place in places:
            for length, ngrams in self._ngrams.items():
                ngram = words[place : place + length]
                for benchmark, number in self._holders(ngrams.hashes(ngram)[0], ngram):
                    if (benchmark, number) not in seen:
                        seen.add((benchmark, number))
                        yield Hit(benchmark, number, field, " ".join(ngram))

    def _places(self, texts: list[bytes]) -> Iterator[tuple[int, list[int]]]:
        """The texts in which n-grams may begin, by number, each with the places, counted in words."""
        hashes, at = _hashed_words(b" ".join(texts))
        ngrams = _word_ngrams(hashes, WITHIN)[::STRIDE]
        places, bits = _bits(ngrams)
        [found] = np.nonzero(self._filter[places] & bits)
        if not len(found):
            return
        beginnings = _word_ngrams(hashes, MIN_WORDS)
        places = np.unique(found[:, None] * STRIDE - np.arange(STRIDE))
        places = places[(places >= 0) & (places < len(beginnings))]
        places = places[self._beginnings[np.searchsorted(self._beginnings, beginnings[places])] == beginnings[places]]
        starts = np.searchsorted(at, np.cumsum([0, *(len(text) + 1 for text in texts)]))  # of each text, in words
        for text in np.unique(np.searchsorted(starts, places, "right") - 1).tolist():
            inside = places[(places >= starts[text]) & (places < starts[text + 1])]
            yield text, (inside - starts[text]).tolist()

    def _holders(self, hash: np.uint64, ngram: list[str]) -> Iterator[tuple[str, int]]:
        """The benchmarks that contain an n-gram, each with its first item that does."""
        begin, end = (int(np.searchsorted(self._hashes, hash, side)) for side in ("left", "right"))
        for index in range(begin, end):
            benchmark, number, words = self._items[self._owners[index]]
            start = self._starts[index]
            if words[start : start + len(ngram)] == ngram:  # different n-grams may have the same hash
                yield benchmark, number


def _bits(hashes: Hashes) -> tuple[Numbers, NDArray[np.uint8]]:
    """Where in the filter each hash is: the byte, and the bit in it."""
    first = hashes >> np.uint64(64 - FILTER_BITS)
    return (first >> np.uint64(3)).astype(np.int64), np.uint8(1) << (first & np.uint64(7)).astype(np.uint8)


def _texts_to_find(item: Item, n: int) -> list[list[str]]:
    """The words of all of an item's text, and of those fields that have no n-gram of their own in it."""
    whole, *fields = ([sys.intern(word) for word in normal_words(text)] for text in (item.text, *item.fields))
    return [words for words in (whole, *(words for words in fields if len(words) < n)) if len(words) >= MIN_WORDS]


def normal_words(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation."""
    if text.isascii():
        return _normal_bytes(text).decode().split()
    return _PUNCTUATION.sub("", text.lower()).split()


def _normal_bytes(text: str) -> bytes:
    """The same words with spaces between them."""
    if text.isascii():
        return text.encode().translate(_NORMAL, _ASCII_PUNCTUATION)
    return " ".join(normal_words(text)).encode("utf-8", "surrogatepass")


# ---- hashes of many words --------------------------------------------------------------------------------------------
# A word's hash is a sum over its bytes, each times a power of FACTOR, modulo 2**64: with sums from the beginning of a
# text, numpy computes those of all words at once, in a third of the time of looking each word up in a dictionary.
def _hashed_words(text: bytes) -> tuple[Hashes, Numbers]:
    """The hash of each word of a text, in which words have spaces between them, and the byte at which it begins."""
    hashes, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    begin = 0
    while begin < len(text):
        end = text.find(b" ", begin + CHUNK) if len(text) > begin + CHUNK else -1
        end = end if end >= 0 else len(text)
        found, at = _hashed_piece(text[begin:end])
        hashes.append(found)
        places.append(at + begin)
        begin = end
    return np.concatenate(hashes), np.concatenate(places)


def _hashed_piece(text: bytes) -> tuple[Hashes, Numbers]:
    codes = np.frombuffer(b" %b " % text, np.uint8)
    edges = np.flatnonzero(np.diff(codes != SPACE))  # before the first byte of a word, and at its last
    begin, end = edges[::2], edges[1::2]
    size = 1 << max(17, len(codes).bit_length())
    sums = np.cumsum(codes * _powers_of(FACTOR, size)[: len(codes)])
    return (sums[end] - sums[begin]) * _powers_of(pow(FACTOR, -1, 1 << 64), size)[begin], begin


@lru_cache(maxsize=2)
def _powers_of(factor: int, count: int) -> Hashes:
    return np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(count - 1, factor, np.uint64)]))


def _word_ngrams(words: Hashes, n: int) -> Hashes:
    return np.correlate(words, powers(n), "valid") if len(words) >= n else np.zeros(0, np.uint64)


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
