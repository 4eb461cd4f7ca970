"""Benchmark items in records: what is found, what a hit contains, and benchmark files of every kind."""

import gzip
import json
import random
import sys
import time
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quality import contamination, ngrams
from quality.contamination import Benchmarks, Hit, Item, normal_words, read_benchmarks
from records.errors import InputError
from tests.conftest import record

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

QUESTION = "A ferry leaves the quay at noon and sails north at nine knots; when does it reach the island of Hven?"
WORDS = "a ferry leaves the quay at noon and sails north at nine knots when does it reach the island of hven".split()
DETERMINISTIC = settings(derandomize=True, deadline=None, database=None)


def hits(text: str, *items: str, n: int = 13) -> list[Hit]:
    benchmarks = Benchmarks([Item("quiz.jsonl", number, item) for number, item in enumerate(items, 1)], n)
    return benchmarks.hits(record(instruction="Anything", response=text))


# ----------------------------------------------------------------------------------------------------------------------
# what is found
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [13, 8])
def test_n_consecutive_words_are_found_and_fewer_are_not(n):
    for start in range(len(WORDS) - n + 1):
        [hit] = hits(f"Well: {' '.join(WORDS[start : start + n])} - so it was.", QUESTION, n=n)
        assert hit == Hit("quiz.jsonl", 1, "response", " ".join(WORDS[start : start + n]))
    for start in range(len(WORDS) - n + 2):
        assert hits(f"Well: {' '.join(WORDS[start : start + n - 1])} - so it was.", QUESTION, n=n) == []


def test_case_punctuation_and_white_space_do_not_count():
    assert hits(QUESTION.upper().replace(" ", "\n\n").replace(";", "…") + "!?", QUESTION)
    assert hits("“" + QUESTION.replace("ferry", "**ferry**").replace("Hven", "_Hven_") + "”", QUESTION)


def test_order_of_the_words_counts():
    assert hits(" ".join(reversed(WORDS)), QUESTION, n=8) == []


@pytest.mark.parametrize("length", range(8, 13))
def test_shorter_item_is_found_only_complete(length):
    item = " ".join(WORDS[:length])
    [hit] = hits(f"One asks: {item}, thus it went.", item)
    assert hit.ngram == item
    assert hits(f"One asks: {' '.join(WORDS[: length - 1])} thus it went on and on.", item) == []
    assert hits(f"One asks: {' '.join(WORDS[1:length])} thus it went on and on.", item) == []


def test_items_of_fewer_than_8_words_are_counted_and_not_looked_for():
    short = " ".join(WORDS[:7])
    benchmarks = Benchmarks([Item("a", 1, short), Item("a", 2, QUESTION), Item("b", 1, "")])
    assert (benchmarks.items, benchmarks.too_short) == ({"a": 2, "b": 1}, {"a": 1, "b": 1})
    assert benchmarks.hits(record(response=short)) == []
    assert len(benchmarks.hits(record(response=QUESTION))) == 1


def test_hit_has_benchmark_item_field_and_n_gram():
    first, second = " ".join(f"one{n}" for n in range(20)), " ".join(f"two{n}" for n in range(10))
    benchmarks = Benchmarks([Item("a.jsonl", 7, first), Item("b.txt", 2, QUESTION), Item("a.jsonl", 9, second)])
    found = benchmarks.hits(record(instruction=f"x {QUESTION}", response=f"y {second} z {first} {first}"))
    assert found == [
        Hit("b.txt", 2, "instruction", " ".join(WORDS[:13])),
        Hit("a.jsonl", 9, "response", second),
        Hit("a.jsonl", 7, "response", " ".join(first.split()[:13])),
    ]


def test_n_gram_of_several_items_is_reported_once_for_each_benchmark():
    items = [Item(name, number, f"{QUESTION} {number}") for name in ("b", "a") for number in (3, 4)]
    found = Benchmarks(items).hits(record(response=" ".join(WORDS[:13])))
    assert [(hit.benchmark, hit.item) for hit in found] == [("b", 3), ("a", 3)]


@pytest.mark.parametrize("text", ["", "one two", " ".join(WORDS)])
def test_nothing_is_found_without_items_or_in_short_texts(text):
    assert hits(text) == []
    assert hits(text, "", "too short") == []


def test_n_grams_with_the_same_hash_are_distinguished(monkeypatch):
    monkeypatch.setattr(ngrams, "_word_hashes", defaultdict(lambda: 1))
    other = QUESTION.replace("Hven", "Moen")
    assert hits(" ".join(reversed(WORDS)), QUESTION, other) == []
    assert [hit.item for hit in hits(" ".join(WORDS[:13]), QUESTION, other)] == [1]


def naive_grams(text: str, length: int) -> set[tuple[str, ...]]:
    words = normal_words(text)
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


TEXTS = st.lists(st.sampled_from(["a", "b", "c."]), max_size=40).map(" ".join)


@given(st.lists(TEXTS, max_size=4), TEXTS, st.sampled_from([13, 8]))
@example([" ".join("ab" * 20)], " ".join("ba" * 20), 13)
@example(["a b c a b c a b", " ".join("abc" * 8)], " ".join("abc" * 5), 13)
@DETERMINISTIC
def test_result_is_that_of_comparing_all_n_grams(items, text, n):
    found = hits(text, *items, n=n)
    expected = {
        gram
        for item in items
        if len(normal_words(item)) >= 8
        for gram in naive_grams(item, min(n, len(normal_words(item))))
        & naive_grams(text, min(n, len(normal_words(item))))
    }
    assert bool(found) == bool(expected)
    assert {tuple(hit.ngram.split()) for hit in found} <= expected


@given(st.text())
@example("İ x_y ‘z’ 🚤 a\u0301")
@DETERMINISTIC
def test_words_of_any_text_are_in_normal_form(text):
    words = normal_words(text)
    assert words == normal_words(" ".join(words))
    assert all(words) and not any(letter in "_.,;:!?'\"“”‘’*()" for word in words for letter in word)


def test_time_is_linear_in_the_text():
    """Even if each word begins an n-gram of many items."""
    chance = random.Random(0)
    start = " ".join(f"s{n}" for n in range(8))
    benchmarks = Benchmarks([Item("a", n, f"{start} {' '.join(chance.choices('xyz', k=30))}") for n in range(2000)])
    text, times = f"{start} x y z " * 500, []
    for size in (1, 8):
        began = time.process_time()
        benchmarks.hits(record(instruction="a " * 10_000 * size, response=text * size))
        times.append(time.process_time() - began)
    assert times[1] < 30 * times[0]


# ----------------------------------------------------------------------------------------------------------------------
# benchmark files
# ----------------------------------------------------------------------------------------------------------------------


def found_in(benchmarks: Benchmarks) -> list[tuple[str, int]]:
    return [(hit.benchmark, hit.item) for hit in benchmarks.hits(record(response=QUESTION))]


ROWS = [
    {"id": 1, "question": "Which knot?", "answer": "a bowline"},
    {"id": 2, "question": QUESTION, "answer": "at six"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
FILES = {
    "quiz.jsonl": LINES,
    "quiz.jsonl.gz": gzip.compress(LINES),
    "quiz.jsonl.zst": zstd.compress(LINES),
    "quiz.json": json.dumps(ROWS, indent=1).encode(),
    "quiz.txt": f"Which knot?\n{QUESTION}\n \n".encode(),
    "quiz.txt.gz": gzip.compress(f"Which knot?\r\n{QUESTION}\r\n".encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_each_kind(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    benchmarks = read_benchmarks([path], ["question"])
    assert (benchmarks.items, benchmarks.too_short) == ({str(path): 2}, {str(path): 1})
    assert found_in(benchmarks) == [(str(path), 2)]


def test_items_need_not_have_all_fields(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"question": " ".join(WORDS[:5]), "choices": [" ".join(WORDS[5:]), "b"]})
    )
    (tmp_path / "b.jsonl").write_text("\n" + json.dumps({"prompt": QUESTION, "choices": []}))
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert found_in(read_benchmarks(paths, ["question", "choices", "prompt"])) == [
        (str(paths[0]), 1),
        (str(paths[1]), 2),
    ]
    assert found_in(read_benchmarks(paths, ["question", "prompt"])) == [(str(paths[1]), 2)]


def test_a_short_question_is_found_without_its_solution_and_the_solution_without_the_question(tmp_path):
    """A field that is not text, as the number of MMLU's right choice, is ignored."""
    question, solution = " ".join(WORDS[:9]), " ".join(WORDS[9:18])
    (tmp_path / "a.jsonl").write_text(json.dumps({"question": question, "answer": solution, "code": None}))
    (tmp_path / "b.jsonl").write_text(json.dumps({"question": question, "answer": 2}))
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    benchmarks = read_benchmarks(paths, ["question", "answer", "code"])
    assert benchmarks.items == dict.fromkeys(paths, 1) and benchmarks.too_short.total() == 0
    for text, names in ((f"so {question} or", paths), (f"so {solution} or", paths[:1]), (question[:-2], [])):
        assert [hit.benchmark for hit in benchmarks.hits(record(response=text))] == names


@pytest.mark.parametrize(
    ("name", "content", "fields", "parts"),
    [
        ("a.jsonl", LINES, [], [":1: no field was given", "among id, question, answer"]),
        (
            "a.jsonl",
            LINES,
            ["text", "q"],
            [":1: has text in none of the fields text, q;", "among id, question, answer"],
        ),
        ("a.jsonl", LINES + b"{}", ["question"], [":3: has text in none of the fields question;", "among none"]),
        ("a.jsonl", LINES, ["id"], [":1: has text in none of the fields id;"]),
        ("a.jsonl", b'{"c": {"text": ["a"]}}', ["c"], [":1: has text in none of the fields c;"]),
        ("a.jsonl", LINES + b'{"question": ', ["question"], [":3: is not JSON"]),
        ("a.jsonl", b"[1]", ["question"], [":1: is not a JSON object"]),
        ("a.jsonl.gz", gzip.compress(LINES, mtime=0)[:-9], ["question"], ["is truncated or damaged"]),
        ("a.txt", b"fine\nBj\xf8rn\n", [], [":2: is not UTF-8"]),
        ("a.csv", b"question\n", ["question"], ["is not a .json", ".txt"]),
        ("absent.jsonl", None, ["question"], ["no such file"]),
    ],
)
def test_bad_files_are_reported_in_one_line(tmp_path, name, content, fields, parts):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_benchmarks([tmp_path / name], fields)
    for part in (str(tmp_path / name), *parts):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.lists(TEXTS, max_size=4), st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.sampled_from([1, 40, 1 << 16]))
@DETERMINISTIC
def test_many_records_at_once_have_the_hits_that_each_has_alone(items, texts, chunk):
    """Whatever is hashed together: n-grams do not go from one text into the next."""
    benchmarks = Benchmarks([Item("b.jsonl", number, item) for number, item in enumerate(items)], 8)
    records = [record(instruction=instruction, response=response) for instruction, response in texts]
    alone = [benchmarks.hits(each) for each in records]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contamination, "CHUNK", chunk)
        assert benchmarks.hits_of_all(records) == alone


def test_words_have_the_same_hash_wherever_they_are_and_different_ones_different_hashes():
    words = [f"word{number}" for number in range(5000)] + ["café", "日本", "x" * 300_000]
    text = " ".join(words).encode()
    hashes, places = contamination._hashed_words(text)
    assert len(set(hashes.tolist())) == len(words)
    assert [text[place:].split(b" ", 1)[0].decode() for place in places[:: len(places) // 50]] == words[
        :: len(words) // 50
    ]
    again, _ = contamination._hashed_words(b"  " + b"   ".join(word.encode() for word in reversed(words)) + b" ")
    assert again.tolist() == hashes.tolist()[::-1]
    assert [len(array) for array in contamination._hashed_words(b"  ")] == [0, 0]
