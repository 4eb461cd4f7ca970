"""Duplicates: what counts as the same, which record of a cluster is kept, and independence of the records' order."""

import random
import unicodedata
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quality import near_duplicates, ngrams
from quality.duplicates import content_key, rank
from quality.near_duplicates import NearDuplicates, jaccard, near_duplicate_text, rows_per_band
from quality.ngrams import NGrams
from tests.conftest import record

SPACES = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2028\u3000"
DETERMINISTIC = settings(derandomize=True, deadline=None, database=None)


# ----------------------------------------------------------------------------------------------------------------------
# exact duplicates
# ----------------------------------------------------------------------------------------------------------------------


def key(instruction: str, response: str) -> bytes:
    return content_key(record(instruction=instruction, response=response))


@pytest.mark.parametrize(
    "same",
    [
        ("a b", "c  d\n"),
        ("a\n\nb", "c\td"),
        ("  a b", "c\xa0d"),
        ("a b", "c\u2028d"),
        ("ab", "cd"),
    ],
)
def test_white_space_does_not_count(same):
    assert key(*same) == key("a b", "c d")


@given(st.text(), st.text(alphabet=SPACES, min_size=1), st.integers(0, 50))
@DETERMINISTIC
def test_white_space_anywhere_does_not_count(text, space, place):
    spaced = unicodedata.normalize("NFC", text)
    place = min(place, len(spaced))
    while place < len(spaced) and unicodedata.combining(spaced[place]):  # a space would separate it from its letter
        place += 1
    assert key("q", spaced[:place] + space + spaced[place:]) == key("q", text)
    assert key(spaced[:place] + space + spaced[place:], "r") == key(text, "r")


@pytest.mark.parametrize(
    "other",
    [
        ("a", "bc d"),
        ("a b c", "d"),
        ("a b", "c D"),
        ("a b", "c d."),
        ("c d", "a b"),
        ("", "a b c d"),
    ],
)
def test_any_other_difference_counts(other):
    assert key(*other) != key("a b", "c d")


def test_unicode_forms_of_the_same_characters_are_the_same_and_others_are_not():
    assert key("café", "Å") == key("cafe\u0301", "\u212b")
    assert key("x²", "ﬁ") != key("x2", "fi")


def test_only_instruction_and_response_distinguish_records():
    assert len(content_key(record())) == 16
    assert content_key(record(1, response="r", source="a", meta={"accepted": True})) == content_key(
        record(2, response="r", source="b")
    )


# ----------------------------------------------------------------------------------------------------------------------
# the best record
# ----------------------------------------------------------------------------------------------------------------------

BETTER_TO_WORSE = [
    record(5, score=12),
    record(6, score=11, meta={"accepted": True}),
    record(4, score=11),
    record(99, score=3, meta={"accepted": True}),
    record(9, score=3),
    record(10, score=3),
    record(100, score=3),
    record(7, score=0.5),
    record(8, meta={"answer_score": None}),
    record(11, meta={"answer_score": "12"}),
    record(12, score=0),
    record(1, score=-1, meta={"accepted": True}),
]


def test_rank_is_by_score_then_accepted_then_the_earlier_id():
    shuffled = random.Random(0).sample(BETTER_TO_WORSE, len(BETTER_TO_WORSE))
    assert sorted(shuffled, key=rank) == BETTER_TO_WORSE


def test_a_record_without_a_score_ranks_like_score_0():
    bare = {**record(3), "meta": {}}
    assert rank(record(9, score=1)) < rank(bare) < rank(record(9, score=0)) < rank(record(2, score=-1))


@given(st.text(max_size=30), st.text(max_size=30))
@example("a/1", "a/01")
@example("1" * 5000, "1" * 5001)
@DETERMINISTIC
def test_no_two_ids_have_the_same_rank(a, b):
    assert (rank(record(id=a)) == rank(record(id=b))) == (a == b)


# ----------------------------------------------------------------------------------------------------------------------
# near duplicates
# ----------------------------------------------------------------------------------------------------------------------


def words(count: int, seed: int = 0) -> list[str]:
    return [f"w{number}" for number in random.Random(seed).sample(range(10**6), count)]


def edited(text: list[str], edits: int, seed: int = 0) -> list[str]:
    """The text with that many words replaced, far from each other; each edit replaces 5 of its 5-grams."""
    chosen = random.Random(seed)
    text = list(text)
    for place in chosen.sample(range(5, len(text) - 5, 10), edits):
        text[place] = f"edit{chosen.randrange(10**6)}"
    return text


def five_grams(text: list[str]) -> set[tuple[str, ...]]:
    return {tuple(text[at : at + 5]) for at in range(len(text) - 4)} or {tuple(text)}


def similarity(a: list[str], b: list[str]) -> float:
    return len(five_grams(a) & five_grams(b)) / len(five_grams(a) | five_grams(b))


def duplicates_of(folder, texts: dict[str, list[str] | str], ranks=None, **options) -> dict[str, str]:
    """The ids left out, each with the id kept instead; without ranks the lowest id is the best."""
    with NearDuplicates(folder, **options) as near:
        for id, text in texts.items():
            near.add(id, text if isinstance(text, str) else " ".join(text), ranks[id] if ranks else id)
        return {duplicate.id: duplicate.kept for duplicate in near.duplicates()}


def test_only_long_responses_are_compared():
    assert near_duplicate_text(record(response=" ".join(words(19)))) is None
    assert near_duplicate_text(record(response="")) is None
    long = " ".join(words(20))
    assert near_duplicate_text(record(response=long, instruction="any")) == long


def test_only_copies_with_few_edits_are_duplicates(tmp_path):
    text = words(300)
    texts = {"1": text, "2": edited(text, 3), "3": edited(text, 20), "4": words(300, seed=1)}
    assert similarity(text, texts["2"]) > 0.89 and similarity(text, texts["3"]) < 0.55
    assert duplicates_of(tmp_path, texts) == {"2": "1"}


@pytest.mark.parametrize("text", ["", "word", "one two three four", "one two three four five", " ".join(words(100))])
def test_texts_that_are_the_same_word_for_word_are_duplicates_at_any_length(tmp_path, text):
    texts = {"1": text, "2": f" {text.upper()}\n", "3": "another text", "4": "  ".join(text.split())}
    assert duplicates_of(tmp_path, texts, threshold=1.0) == {"2": "1", "4": "1"}


def test_short_texts_that_differ_in_a_word_are_not_duplicates(tmp_path):
    assert duplicates_of(tmp_path, {"1": "yes it does", "2": "no it does", "3": "yes it", "4": ""}, threshold=0.1) == {}


def test_unicode_forms_do_not_matter(tmp_path):
    text = "Où est le bâtiment où l'on répare les câbles"
    assert duplicates_of(tmp_path, {"1": text, "2": unicodedata.normalize("NFD", text)}) == {"2": "1"}


def test_a_similarity_equal_to_the_threshold_makes_a_duplicate(tmp_path):
    text = words(40)  # 36 5-grams; with four words more, 40
    longer = text + words(4, seed=9)
    assert similarity(text, longer) == 0.9
    found = {
        threshold: duplicates_of(tmp_path, {"1": text, "2": longer}, threshold=threshold) for threshold in (0.9, 0.901)
    }
    assert found == {0.9: {"2": "1"}, 0.901: {}}


def test_near_duplicates_of_near_duplicates_are_one_cluster(tmp_path):
    a = words(200)
    b = edited(a, 3, seed=1)
    c = edited(b, 3, seed=2)
    assert similarity(a, b) > 0.8 and similarity(b, c) > 0.8 and similarity(a, c) < 0.8
    assert duplicates_of(tmp_path, {"c": c, "a": a, "b": b}) == {"b": "a", "c": "a"}
    assert duplicates_of(tmp_path, {"c": c, "a": a}) == {}


def test_the_best_record_of_all_sources_is_kept(tmp_path):
    text = " ".join(words(60))
    given = [record(1, score=1), record(2, score=7, source="conala"), record(3, score=7), record(4, score=9)]
    given[3]["response"] = "another answer"
    with NearDuplicates(tmp_path) as near:
        for row in given:
            near.add(row["id"], row["response"] if row is given[3] else text, rank(row))
        found = list(near.duplicates())
    assert [(duplicate.number, duplicate.id, duplicate.kept) for duplicate in found] == [
        (0, given[0]["id"], given[1]["id"]),
        (2, given[2]["id"], given[1]["id"]),
    ]


@st.composite
def corpora(draw) -> dict[str, list[str]]:
    """Texts by id, some of them edited copies of others."""
    texts = [words(draw(st.integers(1, 60)), seed) for seed in range(draw(st.integers(1, 4)))]
    for seed in range(draw(st.integers(0, 8))):
        text = texts[draw(st.integers(0, len(texts) - 1))]
        texts.append(edited(text, draw(st.integers(0, min(2, len(range(5, len(text) - 5, 10))))), seed))
    return {f"{number:02}": text for number, text in enumerate(texts)}


@given(corpora(), st.randoms(use_true_random=False), st.sampled_from([0.3, 0.5, 0.8]))
@settings(DETERMINISTIC, max_examples=40)
def test_order_does_not_matter_and_each_duplicate_is_chained_to_a_better_text(
    tmp_path_factory, texts, chance, threshold
):
    folder = tmp_path_factory.mktemp("near")
    ranks = {id: chance.random() for id in texts}
    found = duplicates_of(folder, texts, ranks, threshold=threshold)
    for _ in range(2):
        order = list(texts)
        chance.shuffle(order)
        assert duplicates_of(folder, {id: texts[id] for id in order}, ranks, threshold=threshold) == found

    cluster = {id: id for id in texts}  # by all pairs
    for a, b in combinations(texts, 2):
        if similarity(texts[a], texts[b]) >= threshold:
            cluster = {id: cluster[a] if of == cluster[b] else of for id, of in cluster.items()}
    for duplicate, kept in found.items():
        assert cluster[duplicate] == cluster[kept] and kept not in found
        assert (ranks[kept], kept) < (ranks[duplicate], duplicate)
    for a, b in combinations(texts, 2):
        if texts[a] == texts[b]:
            assert found.get(a, a) == found.get(b, b), "texts that are the same are in one cluster"


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_recall_of_pairs_just_above_the_threshold(tmp_path, threshold):
    """Words are added at the end until the similarity is the threshold and not more than 0.02 above it."""
    texts, pairs = {}, 300
    for number in range(pairs):
        text = words(104, seed=number)
        added = int(100 / threshold) - 100
        texts[f"a{number:03}"], texts[f"b{number:03}"] = text, text + words(added, seed=1000 + number)
        assert threshold <= similarity(text, texts[f"b{number:03}"]) < threshold + 0.02
    found = duplicates_of(tmp_path, texts, threshold=threshold)
    assert all(duplicate[1:] == kept[1:] for duplicate, kept in found.items())
    assert len(found) >= 0.97 * pairs


def test_many_texts_of_one_form_letter_are_one_cluster(tmp_path, monkeypatch):
    """More texts in a band than are compared with each other."""
    monkeypatch.setattr(near_duplicates, "NEIGHBOURS", 3)
    form = words(200)
    texts = {f"{number:03}": [*form, f"name{number}"] for number in range(400)}
    assert duplicates_of(tmp_path, texts) == dict.fromkeys(list(texts)[1:], "000")


def test_order_does_not_matter_if_only_neighbours_in_a_band_are_compared(tmp_path, monkeypatch):
    """All texts share most bands; those edited at the same place are near duplicates."""
    monkeypatch.setattr(near_duplicates, "NEIGHBOURS", 1)
    texts = {f"{number:02}": edited(words(120), 1, seed=number) for number in range(60)}
    found = duplicates_of(tmp_path, texts, threshold=0.85)
    for seed in range(3):
        order = random.Random(seed).sample(sorted(texts), len(texts))
        assert duplicates_of(tmp_path, {id: texts[id] for id in order}, threshold=0.85) == found
    assert 10 < len(found) < 60


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_the_batch_size_does_not_matter(tmp_path, monkeypatch, batch):
    texts = {f"{number:02}": edited(words(80, seed=number % 20), number // 20, seed=number) for number in range(60)}
    expected = duplicates_of(tmp_path, texts)
    assert len(expected) > 15
    monkeypatch.setattr(near_duplicates, "BATCH", batch)
    assert duplicates_of(tmp_path, texts) == expected


def test_no_texts_have_no_duplicates(tmp_path):
    assert duplicates_of(tmp_path, {}) == {}
    assert duplicates_of(tmp_path, {"1": ""}) == {}


def test_no_files_are_left(tmp_path):
    with pytest.raises(ZeroDivisionError), NearDuplicates(tmp_path) as near:
        near.add("1", "some text", 1)
        assert list(tmp_path.iterdir()) != []
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_miss_at_most_one_in_a_hundred_pairs_at_the_threshold(threshold):
    rows = rows_per_band(threshold, 128)
    assert 1 - (1 - threshold**rows) ** (128 // rows) >= 0.99
    wider = rows + 1
    assert rows == 128 or 1 - (1 - threshold**wider) ** (128 // wider) < 0.99


def test_jaccard_similarity():
    assert jaccard({1, 2, 3}, {2, 3, 4, 5}) == 2 / 5
    assert jaccard({1}, {1}) == 1
    assert jaccard(set(), set()) == jaccard(set(), {1}) == 0


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=300), st.lists(st.integers(0, 5000), max_size=60), st.data())
@DETERMINISTIC
def test_bitmaps_rule_out_no_pair_of_texts_that_are_similar(text, more, data):
    """Also where n-grams are repeated, and where different ones have the same bit."""
    kept = data.draw(st.integers(0, len(text)))
    a, b = (np.array(numbers, np.uint32) for numbers in (text, text[:kept] + more or text))
    sizes = np.array([len(a), len(b)])
    bitmaps = near_duplicates._bitmaps(np.concatenate([a, b]), sizes)
    similarity = jaccard(set(a.tolist()), set(b.tolist()))
    for threshold in (similarity, 0.8, 0.3):
        [possible] = near_duplicates._may_be_similar(bitmaps, sizes, np.array([0]), np.array([1]), threshold)
        assert possible or similarity < threshold


def test_bitmaps_rule_out_texts_that_differ_in_half_of_their_n_grams():
    numbers = np.random.default_rng(1).integers(0, 1 << 32, 300, np.uint32)
    bitmaps = near_duplicates._bitmaps(numbers[np.r_[0:200, 100:300]], np.array([200, 200]))
    pair = np.array([0]), np.array([1])
    assert not near_duplicates._may_be_similar(bitmaps, np.array([200, 200]), *pair, 0.8)


# ----------------------------------------------------------------------------------------------------------------------
# n-grams
# ----------------------------------------------------------------------------------------------------------------------


def test_hashes_are_the_same_in_every_run():
    assert NGrams(2).hashes(["quay", "harbour", "quay"]).tolist() == [13956275051001781888, 4896299164542400928]


def test_hash_of_an_n_gram_does_not_depend_on_its_context():
    text = words(30)
    hashes = NGrams(4).hashes(text)
    assert len(hashes) == 27
    for at, expected in enumerate(hashes):
        assert NGrams(4).hashes(text[at : at + 4]) == [expected]


def test_order_of_words_counts():
    assert len({int(NGrams(3).hashes(order)[0]) for order in (["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"])}) == 3


def test_fewer_words_than_n_have_one_hash_and_no_words_have_none():
    assert len(NGrams(5).hashes(["a"])) == len(NGrams(5).hashes(["a", "b", "c", "d"])) == 1
    assert len(NGrams(5).hashes([])) == 0


def test_words_dropped_from_the_cache_get_the_same_hash_again(monkeypatch):
    text = words(100)
    expected = NGrams(3).hashes(text).tolist()
    monkeypatch.setattr(ngrams, "WORDS_CACHED", 7)
    ngrams._word_hashes.clear()
    assert NGrams(3).hashes(text).tolist() == expected
    assert len(ngrams._word_hashes) <= 7


def test_hashes_of_many_n_grams_do_not_collide():
    hashes = np.concatenate([NGrams(3).hashes([f"{a}", f"{b}", "x"]) for a, b in pairwise(range(20_000))])
    assert len(np.unique(hashes)) == len(hashes)
