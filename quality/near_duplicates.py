"""Near duplicates among records, by MinHash and locality-sensitive hashing (LSH).

Two records are near duplicates if the word 5-grams of their responses have a Jaccard similarity of at least a
threshold. Near duplicates of near duplicates form one cluster, and the best record of a cluster by `rank` is kept.
Which records are kept does not depend on their order.

rensa (Rust) makes MinHash signatures of 128 numbers. LSH follows Leskovec, Rajaraman and Ullman, Mining of Massive
Datasets, chapter 3: signatures are divided into bands, and texts that agree in a band are candidates. The similarity of
candidates is then computed from the n-grams themselves, so no pair below the threshold counts. Most candidates are not
that similar, and a bitmap of each text's n-grams is enough to show it.
"""

from __future__ import annotations

import mmap
import pickle
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.ngrams import Hashes, NGrams, Numbers, powers

NGRAM = 5  # words
THRESHOLD = 0.8
PERMUTATIONS = 128
RECALL = 0.99  # the share of pairs exactly at the threshold that become candidates; above it the share is larger
NEIGHBOURS = 50  # compared with each text of a band; a form letter can put very many texts into one band

MIN_WORDS = 20  # in a response. Shorter ones ("You need to install it first.") are similar without being copies
SEED = 1  # of the signatures
BATCH = 1024  # texts whose fingerprints are made at once,
BATCH_CHARS = 1 << 22  # or so many characters of them
BITS = 2048  # of a text's bitmap, ten for each n-gram of an answer of 1,300 characters. With 1,024 twice as many pairs
# of the grown dump had to be compared by their n-grams, with 4,096 two thirds
PAIRS_REMEMBERED = 1 << 17  # of those that are not similar, which other bands have too; 25 MB
PAIRS = 1 << 11  # whose bitmaps are compared at once: reading one brings up to 64 kB of the file into memory
MAPPED_BYTES = 1 << 25  # a file up to this size stays in memory once it was read


def near_duplicate_text(record: dict[str, Any]) -> str | None:
    """The text by which a record is compared: its response, or None if that has fewer than 20 words.

    The instruction is left out, because different answers to one long question share it.
    """
    response: str = record["response"]
    return response if len(response.split(None, MIN_WORDS)) >= MIN_WORDS else None


class Duplicate(NamedTuple):
    """A text to leave out."""

    number: int  # how many texts were added before it
    id: str
    kept: str  # the id of the best of its cluster


class Fingerprints(NamedTuple):
    """What is compared of a batch of texts."""

    sizes: Numbers  # how many n-grams each text has
    hashes: NDArray[np.uint32]  # of all n-grams, text after text: 32 bits are enough to compare two texts
    digests: bytes  # 8 of each text, of its n-grams in their order
    bitmaps: Hashes  # a row for each text: the bits are the last ones of the hashes of its n-grams
    bands: Hashes  # a row for each band of the signatures, with a hash for each text


def fingerprints(
    texts: Sequence[str], threshold: float = THRESHOLD, ngram: int = NGRAM, permutations: int = PERMUTATIONS
) -> Fingerprints:
    """What is compared of some texts, by the arguments of NearDuplicates; the same whatever else is in the batch."""
    from rensa import RMinHash  # type: ignore[import-untyped]  # here, because not every merge looks for near duplicates

    ngrams = NGrams(ngram)
    found = [ngrams.hashes(unicodedata.normalize("NFC", text).lower().split()) for text in texts]
    ends = np.cumsum([0, *map(len, found)], dtype=np.uint64)
    hashes = np.concatenate([np.zeros(0, np.uint64), *found])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, permutations, SEED)
    signatures = np.array(matrix.to_rows(), np.uint64).reshape(len(texts), permutations)
    rows = rows_per_band(threshold, permutations)
    bands = [signatures[:, start : start + rows] @ powers(rows) for start in range(0, permutations - rows + 1, rows)]
    sizes = np.diff(ends).astype(np.int64)
    short = (hashes >> np.uint64(32)).astype(np.uint32)
    digests = b"".join(blake2b(each.tobytes(), digest_size=8).digest() for each in found)
    return Fingerprints(sizes, short, digests, _bitmaps(short, sizes), np.array(bands))


def _bitmaps(hashes: NDArray[np.uint32], sizes: Numbers) -> Hashes:
    bits = np.zeros((len(sizes), BITS), bool)
    bits[np.repeat(np.arange(len(sizes)), sizes), hashes % BITS] = True
    return np.packbits(bits, axis=1).view(np.uint64)


class NearDuplicates:
    """Finds the near duplicates among many texts, with the help of temporary files.

        with NearDuplicates(Path("/tmp")) as near:
            for record in records:
                if (text := near_duplicate_text(record)) is not None:
                    near.add(record["id"], text, rank(record))
            kept_instead = {duplicate.id: duplicate.kept for duplicate in near.duplicates()}

    Words are separated by white space; their case does not count. A text with fewer words than an n-gram has one
    n-gram, all of its words. The files take about 4 bytes a word and 600 bytes a text; `duplicates` takes about 120
    bytes of memory a text.
    """

    def __init__(
        self, folder: Path, threshold: float = THRESHOLD, ngram: int = NGRAM, permutations: int = PERMUTATIONS
    ):
        """folder: for the temporary files. threshold: Jaccard similarity, above 0, up to 1. ngram: words in an n-gram.

        permutations: numbers in a signature; with more of them fewer pairs are compared in vain.
        """
        self.threshold = threshold
        self._options = (threshold, ngram, permutations)
        self._texts: list[str] = []  # those that have no fingerprints yet,
        self._ids: list[tuple[str, Any]] = []  # with their ids and ranks
        self._chars = 0
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".near-duplicates-", dir=folder)))

        def column(name: str) -> BinaryIO:
            return self._stack.enter_context((folder / name).open("w+b"))

        self._bands = [
            column(f"band-{number}") for number in range(permutations // rows_per_band(threshold, permutations))
        ]
        self._sizes, self._hashes, self._digests, self._bitmaps = map(column, ("sizes", "hashes", "digests", "bitmaps"))
        self._ranks = column("ranks")
        self._starts = column("starts")  # of the ranks

    def __enter__(self) -> NearDuplicates:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, id: str, text: str, rank: Any) -> None:
        """Add a text. Of a cluster the lowest rank is kept, and of equal ranks the lowest id."""
        self._texts.append(text)
        self._ids.append((id, rank))
        self._chars += len(text)
        if len(self._texts) == BATCH or self._chars > BATCH_CHARS:
            self._add_batch()

    def _add_batch(self) -> None:
        if self._texts:
            self.add_all(self._ids, fingerprints(self._texts, *self._options))
        self._texts, self._ids, self._chars = [], [], 0

    def add_all(self, ids: Sequence[tuple[str, Any]], found: Fingerprints) -> None:
        """Add texts of which there are fingerprints already, made with the same options.

        ids: the id and the rank of each.
        """
        for id, rank in ids:
            self._starts.write(self._ranks.tell().to_bytes(8, sys.byteorder))
            pickle.dump((rank, id), self._ranks)
        self._sizes.write(found.sizes.tobytes())
        self._hashes.write(found.hashes.tobytes())
        self._digests.write(found.digests)
        self._bitmaps.write(found.bitmaps.tobytes())
        for column, band in zip(self._bands, found.bands, strict=True):
            column.write(band.tobytes())

    def duplicates(self) -> Iterator[Duplicate]:
        """The texts to leave out, in the order in which they were added. Call it once, after all texts were added."""
        self._add_batch()
        starts, sizes = _read(self._starts, np.int64), _read(self._sizes, np.int64)
        digests = _read(self._digests, np.uint64)
        if not len(sizes):
            return
        ends = np.cumsum(sizes)
        files = hashes, bitmap_file = _Mapped(self._hashes, np.uint32), _Mapped(self._bitmaps, np.uint64)
        bitmaps = bitmap_file.array.reshape(len(sizes), -1)

        def ngrams(text: int) -> set[int]:
            return set(hashes.array[ends[text] - sizes[text] : ends[text]].tolist())

        different: set[tuple[int, int]] = set()
        clusters = _Clusters(digests)
        texts = clusters.roots()  # one of those that are the same word for word
        for column in self._bands:
            band = _read(column, np.uint64)[texts]
            for pairs in _candidates(texts, digests[texts], band):
                some, others = clusters.apart(*pairs)
                similar = _may_be_similar(bitmaps, sizes, some, others, self.threshold)
                for pair in zip(some[similar].tolist(), others[similar].tolist(), strict=True):
                    if pair in different or clusters.joined(*pair):
                        continue
                    if jaccard(*map(ngrams, pair)) >= self.threshold:
                        clusters.join(*pair)
                    elif len(different) < PAIRS_REMEMBERED:
                        different.add(pair)
                for file in files:
                    file.let_go()

        kept = np.arange(len(digests))
        for cluster in clusters:
            kept[cluster] = min(cluster, key=lambda text: self._rank(int(starts[text])))
        [left_out] = np.nonzero(kept != np.arange(len(kept)))
        places = zip(left_out.tolist(), starts[left_out].tolist(), starts[kept[left_out]].tolist(), strict=True)
        for number, own, best in places:
            yield Duplicate(number, self._rank(own)[1], self._rank(best)[1])

    def _rank(self, start: int) -> tuple[Any, str]:
        """The rank and the id at an offset of the file."""
        self._ranks.seek(int(start))
        rank, id = pickle.load(self._ranks)
        return rank, id


def rows_per_band(threshold: float, permutations: int) -> int:
    """How many numbers of a signature make a band: as many as possible with a recall of RECALL at the threshold.

    Two texts of Jaccard similarity s agree in one of b bands of r rows with the probability 1 - (1 - s**r)**b.
    """
    fitting = (
        rows for rows in range(permutations, 0, -1) if 1 - (1 - threshold**rows) ** (permutations // rows) >= RECALL
    )
    return next(fitting, 1)


def jaccard(a: set[int], b: set[int]) -> float:
    """The Jaccard similarity of two sets; 0 if one is empty."""
    common = len(a & b)
    return common / (len(a) + len(b) - common) if common else 0.0


def _candidates(texts: Numbers, digests: Hashes, band: Hashes) -> Iterator[tuple[Numbers, Numbers]]:
    """The pairs of texts whose bands are equal, at most NEIGHBOURS for each text: some PAIRS at a time.

    The texts of one band are ordered by their digests, because neighbours must not depend on the order in which texts
    were added.
    """
    order = np.lexsort((digests, band))
    texts, band = texts[order], band[order]
    places = np.arange(len(texts))
    for gap in range(1, NEIGHBOURS + 1):
        places = places[places < len(texts) - gap]
        places = places[band[places + gap] == band[places]]  # those of a wider gap are among those of a narrower one
        for start in range(0, len(places), PAIRS):
            some = places[start : start + PAIRS]
            yield texts[some], texts[some + gap]


def _may_be_similar(
    bitmaps: Hashes, sizes: Numbers, some: Numbers, others: Numbers, threshold: float
) -> NDArray[np.bool_]:
    """For each pair of texts, whether the bitmaps leave it possible that their similarity reaches the threshold.

    A bit that only one text has is an n-gram that the other lacks. So of a text with n n-grams, of which at least m are
    not in a text with k others of its own, the similarity is at most (n - m) / (n + k).
    """
    a, b = bitmaps[some], bitmaps[others]
    only_a, only_b = (np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (a & ~b, b & ~a))
    most = np.minimum(
        (sizes[some] - only_a) / (sizes[some] + only_b), (sizes[others] - only_b) / (sizes[others] + only_a)
    )
    return np.asarray(most >= threshold)


class _Clusters:
    """Disjoint sets of texts: each text points to another of its set, and in the end to the root."""

    def __init__(self, digests: Hashes):
        """Begins with one set for each digest."""
        _, first, number = np.unique(digests, return_index=True, return_inverse=True)
        self._parent: Numbers = first[number]

    def roots(self) -> Numbers:
        return np.flatnonzero(self._parent == np.arange(len(self._parent)))

    def joined(self, a: int, b: int) -> bool:
        return self._root(a) == self._root(b)

    def apart(self, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Those of the pairs that are not joined."""
        a, b = self._roots(some), self._roots(others)
        return some[a != b], others[a != b]

    def join(self, a: int, b: int) -> None:
        a, b = self._root(a), self._root(b)
        self._parent[max(a, b)] = min(a, b)

    def _root(self, text: int) -> int:
        parent = self._parent
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = int(parent[text])
        return text

    def _roots(self, texts: Numbers) -> Numbers:
        while not np.array_equal(further := self._parent[texts], texts):
            texts = further
        return texts

    def __iter__(self) -> Iterator[list[int]]:
        """The sets of more than one text."""
        roots = self._parent
        while not np.array_equal(further := roots[roots], roots):
            roots = further
        [members] = np.nonzero(np.bincount(roots, minlength=len(roots))[roots] > 1)
        members = members[np.argsort(roots[members], kind="stable")]
        if len(members):
            for cluster in np.split(members, np.flatnonzero(np.diff(roots[members])) + 1):
                yield cluster.tolist()


def _read(file: BinaryIO, dtype: type[np.generic]) -> NDArray[Any]:
    file.flush()
    return np.fromfile(file.name, dtype)


class _Mapped:
    """A file as an array of which only the parts in use are in memory."""

    def __init__(self, file: BinaryIO, dtype: type[np.generic]):
        file.flush()
        size = file.tell()
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
        self.array: NDArray[Any] = np.frombuffer(self._map or b"", dtype)
        self._is_large = size > MAPPED_BYTES and hasattr(mmap, "MADV_DONTNEED")

    def let_go(self) -> None:
        """Give back the memory of the parts used so far, if it may be much."""
        if self._map and self._is_large:
            self._map.madvise(mmap.MADV_DONTNEED)
