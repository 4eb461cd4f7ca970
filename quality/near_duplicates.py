"""Near duplicates among records, by MinHash and locality-sensitive hashing (LSH).

Two records are near duplicates if the word 5-grams of their responses have a Jaccard similarity of at least a
threshold. Near duplicates of near duplicates form one cluster, and the best record of a cluster by `rank` is kept.
Which records are kept does not depend on their order.

rensa (Rust) makes MinHash signatures of 128 numbers. LSH follows Leskovec, Rajaraman and Ullman, Mining of Massive
Datasets, chapter 3: signatures are divided into bands, and texts that agree in a band are candidates. The similarity of
candidates is then computed from the n-grams themselves, so no pair below the threshold counts.
"""

from __future__ import annotations

import pickle
import tempfile
import unicodedata
from collections.abc import Iterator
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
BATCH = 1024  # texts whose signatures are made at once


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


class NearDuplicates:
    """Finds the near duplicates among many texts, with the help of temporary files.

        with NearDuplicates(Path("/tmp")) as near:
            for record in records:
                if (text := near_duplicate_text(record)) is not None:
                    near.add(record["id"], text, rank(record))
            kept_instead = {duplicate.id: duplicate.kept for duplicate in near.duplicates()}

    Words are separated by white space; their case does not count. A text with fewer words than an n-gram has one
    n-gram, all of its words. The files take about 4 bytes a word and 350 bytes a text; `duplicates` takes about 120
    bytes of memory a text.
    """

    def __init__(
        self, folder: Path, threshold: float = THRESHOLD, ngram: int = NGRAM, permutations: int = PERMUTATIONS
    ):
        """folder: for the temporary files. threshold: Jaccard similarity, above 0, up to 1. ngram: words in an n-gram.

        permutations: numbers in a signature; with more of them fewer pairs are compared in vain.
        """
        self.threshold = threshold
        self._rows = rows_per_band(threshold, permutations)
        self._ngrams = NGrams(ngram)
        self._permutations = permutations
        self._batch: list[Hashes] = []  # n-grams of the texts that have no signature yet
        self._size = 0  # n-grams of all texts
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".near-duplicates-", dir=folder)))

        def column(name: str) -> BinaryIO:
            return self._stack.enter_context((folder / name).open("w+b"))

        self._bands = [column(f"band-{number}") for number in range(permutations // self._rows)]
        self._digests = column("digests")  # of the n-grams of a text in their order
        self._hashes = column("hashes")  # of all n-grams, text after text
        self._ranks = column("ranks")
        self._starts = column("starts")  # where a text's n-grams begin, and its rank

    def __enter__(self) -> NearDuplicates:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, id: str, text: str, rank: Any) -> None:
        """Add a text. Of a cluster the lowest rank is kept, and of equal ranks the lowest id."""
        hashes = self._ngrams.hashes(unicodedata.normalize("NFC", text).lower().split())
        self._starts.write(np.array([self._size, self._ranks.tell()]).tobytes())
        self._digests.write(blake2b(hashes.tobytes(), digest_size=8).digest())
        self._hashes.write(
            (hashes >> np.uint64(32)).astype(np.uint32).tobytes()
        )  # 32 bits are enough to compare two texts
        pickle.dump((rank, id), self._ranks)
        self._size += len(hashes)
        self._batch.append(hashes)
        if len(self._batch) == BATCH:
            self._sign()

    def _sign(self) -> None:
        """Write the bands of the batch's signatures to the files."""
        from rensa import RMinHash  # type: ignore[import-untyped]  # here, because not every merge looks for near duplicates

        if not self._batch:
            return
        starts = np.cumsum([0, *map(len, self._batch)], dtype=np.uint64)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            np.concatenate(self._batch), starts, self._permutations, SEED
        )
        signatures = np.array(matrix.to_rows(), np.uint64)
        for number, column in enumerate(self._bands):
            band = signatures[:, number * self._rows : (number + 1) * self._rows]
            column.write((band @ powers(self._rows)).tobytes())
        self._batch.clear()

    def duplicates(self) -> Iterator[Duplicate]:
        """The texts to leave out, in the order in which they were added. Call it once, after all texts were added."""
        self._sign()
        self._hashes.flush()
        starts = _read(self._starts, np.int64).reshape(-1, 2)
        digests = _read(self._digests, np.uint64)
        hashes = np.asarray(np.memmap(self._hashes, np.uint32, "r")) if self._size else np.zeros(0, np.uint32)
        ends = np.append(starts[1:, 0], self._size)

        def ngrams(text: int) -> NDArray[np.uint32]:
            return np.unique(hashes[starts[text, 0] : ends[text]])

        clusters = _Clusters(digests)
        texts = clusters.roots()  # one of those that are the same word for word
        for column in self._bands:
            for a, b in _candidates(texts, digests[texts], _read(column, np.uint64)[texts]):
                if not clusters.joined(a, b) and jaccard(ngrams(a), ngrams(b)) >= self.threshold:
                    clusters.join(a, b)

        kept = np.arange(len(digests))
        for cluster in clusters:
            kept[cluster] = min(cluster, key=lambda text: self._rank(starts[text, 1]))
        for number in np.flatnonzero(kept != np.arange(len(kept))).tolist():
            yield Duplicate(number, self._rank(starts[number, 1])[1], self._rank(starts[kept[number], 1])[1])

    def _rank(self, start: int) -> tuple[Any, str]:
        """The rank and the id at an offset of the file."""
        self._ranks.seek(start)
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


def jaccard(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The Jaccard similarity of two sets, given as arrays without repetitions; 0 if one is empty."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common) if common else 0.0


def _candidates(texts: Numbers, digests: Hashes, band: Hashes) -> Iterator[tuple[int, int]]:
    """The pairs of texts whose bands are equal, at most NEIGHBOURS for each text.

    The texts of one band are ordered by their digests, because neighbours must not depend on the order in which texts
    were added.
    """
    order = np.lexsort((digests, band))
    texts, band = texts[order], band[order]
    for gap in range(1, NEIGHBOURS + 1):
        [places] = np.nonzero(band[gap:] == band[:-gap])
        if not len(places):
            return
        yield from zip(texts[places].tolist(), texts[places + gap].tolist(), strict=True)


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

    def join(self, a: int, b: int) -> None:
        a, b = self._root(a), self._root(b)
        self._parent[max(a, b)] = min(a, b)

    def _root(self, text: int) -> int:
        parent = self._parent
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = int(parent[text])
        return text

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
