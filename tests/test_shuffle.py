"""The shuffle: every record once, in an order that only the seed and the contents decide, in bounded memory, and of exact
duplicates the best."""

import json
import tracemalloc

import pytest

from merging import shuffle
from merging.shuffle import Shuffle
from records.record import RecordLine
from tests.conftest import jsonl, record


def row(given: dict, place: str = "in.jsonl:1") -> RecordLine:
    return RecordLine(given, jsonl(given)[:-1], place)


def rows(numbers, name="in.jsonl", **fields) -> list[RecordLine]:
    return [row(record(number, **fields), f"{name}:{line}") for line, number in enumerate(numbers, 1)]


def shuffled(given, seed, folder, on_duplicate=None) -> list[RecordLine]:
    with Shuffle(folder, seed) as made:
        for each in given:
            made.add(each)
        return [drawn.row for drawn in made.drawn(on_duplicate)]


def order(numbers, seed, folder) -> list[int]:
    return [each.record["meta"]["answer_id"] for each in shuffled(rows(numbers), seed, folder)]


@pytest.fixture(params=[None, 10_000, 0], ids=["in memory", "some put aside", "each put aside"])
def buffer(request, monkeypatch):
    """How many bytes are held back; 2,000 records are some 1,000,000."""
    if request.param is not None:
        monkeypatch.setattr(shuffle, "BUFFER", request.param)
    return request.param


@pytest.mark.parametrize("count", [0, 1, 2, 2000])
def test_every_row_comes_once_and_whole(tmp_path, buffer, count):
    given = rows(range(count))
    assert sorted(shuffled(given, "0", tmp_path), key=lambda each: int(each.place.split(":")[1])) == given
    assert list(tmp_path.iterdir()) == []


def test_records_can_be_read_back_twice(tmp_path):
    with Shuffle(tmp_path, "0") as made:
        for each in rows(range(100)):
            made.add(each)
        assert [drawn.row for drawn in made.drawn()] == [drawn.row for drawn in made.drawn()]


def test_order_is_the_same_whatever_is_held_back(tmp_path, monkeypatch):
    orders = []
    for size in (1 << 26, 100_000, 777, 0):
        monkeypatch.setattr(shuffle, "BUFFER", size)
        orders.append(order(range(500), "0", tmp_path))
    assert orders == [orders[0]] * 4
    assert orders[0] != sorted(orders[0])


def test_order_of_the_input_does_not_matter(tmp_path, buffer):
    assert order(range(300), "0", tmp_path) == order(reversed(range(300)), "0", tmp_path)


def test_seeds_differ(tmp_path):
    assert len({tuple(order(range(50), f"{seed}", tmp_path)) for seed in range(20)}) == 20


def test_a_record_more_leaves_the_order_of_the_others(tmp_path):
    longer = order(range(101), "0", tmp_path)
    longer.remove(100)
    assert longer == order(range(100), "0", tmp_path)


def test_every_place_is_equally_likely(tmp_path):
    """Chi-square over 600 fixed seeds: 5 x 5 free counts of 100 each; 60 is passed by chance once in 10,000."""
    counts = [[0] * 6 for _ in range(6)]
    for seed in range(600):
        for place, number in enumerate(order(range(6), f"{seed}", tmp_path)):
            counts[number][place] += 1
    assert sum((count - 100) ** 2 / 100 for line in counts for count in line) < 60


def test_draws_are_even_and_tell_nothing_of_the_order(tmp_path):
    with Shuffle(tmp_path, "0") as made:
        for each in rows(range(4000)):
            made.add(each)
        draws = [drawn.draw for drawn in made.drawn()]
    assert 1900 < sum(draw < 1 << 63 for draw in draws) < 2100
    assert 900 < sum(draw < 1 << 63 for draw in draws[:2000]) < 1100


# ----------------------------------------------------------------------------------------------------------------------
# exact duplicates
# ----------------------------------------------------------------------------------------------------------------------

BEST = [
    ("higher score", {"score": 3}, {"score": 2, "meta": {"accepted": True}}),
    ("then accepted", {"meta": {"accepted": True}}, {}),
    ("a score is better than none", {"score": 1}, {"meta": {"answer_score": None}}),
]


@pytest.mark.parametrize(("why", "better", "worse"), BEST, ids=[each[0] for each in BEST])
def test_of_duplicates_the_better_is_kept(tmp_path, why, better, worse):
    best, other = record(9, response="Same.", **better), record(1, response="Same.", **worse)
    told = []
    for given in ([best, other], [other, best]):
        kept = shuffled(map(row, given), "0", tmp_path, lambda lost, kept: told.append((lost.record, kept.record)))
        assert [each.record for each in kept] == [best]
    assert told == [(other, best)] * 2


def test_of_equally_good_duplicates_the_earlier_id_is_kept_and_numbers_count_as_numbers(tmp_path):
    given = [row(record(number, response="Same.")) for number in (10, 9, 100)]
    assert [each.record["meta"]["answer_id"] for each in shuffled(given, "0", tmp_path)] == [9]


@pytest.mark.parametrize(("a", "b", "same"), [
    ("Tie a bowline.", "Tie  a\n\tbowline. ", True),
    ("caf\u00e9", "cafe\u0301", True),  # NFC
    ("a\u00a0b", "a b", True),
    ("x\u00b2", "x2", False),  # not NFKC
    ("Tie a bowline.", "tie a bowline.", False),
])  # fmt: skip
def test_duplicates_are_so_but_for_white_space_and_the_form_of_characters(tmp_path, a, b, same):
    given = [row(record(number, response=text)) for number, text in enumerate((a, b))]
    assert len(shuffled(given, "0", tmp_path)) == (1 if same else 2)


def test_the_same_text_on_the_other_side_is_no_duplicate(tmp_path):
    given = [row(record(1, instruction="a", response="b c")), row(record(2, instruction="a b", response="c"))]
    assert len(shuffled(given, "0", tmp_path)) == 2


def test_very_many_copies_of_one_record_take_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BUFFER", 1 << 18)
    tracemalloc.start()
    try:
        copies = (row(record(number, response="rope " * 2000)) for number in range(1000))  # 10 MB in one bucket
        assert len(shuffled(copies, "0", tmp_path)) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


# ----------------------------------------------------------------------------------------------------------------------
# the same id twice
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", ["Answer 7: a bowline, tied 7 times.", "Another."])
def test_id_given_twice_is_told_and_the_first_stays(tmp_path, buffer, response):
    told = []
    with Shuffle(tmp_path, "0") as made:
        for each in [*rows(range(10), "a"), *rows([99], "c"), *rows([7], "b", response=response)]:
            made.add(each)
        made.leave_out_repeated_ids(lambda lost, first: told.append((lost.place, first)))
        places = {drawn.row.place for drawn in made.drawn()}
    assert told == [("b:1", "a:8")]
    assert "a:8" in places and "b:1" not in places and len(places) == 11


def test_no_id_twice_is_told_nothing(tmp_path):
    with Shuffle(tmp_path, "0") as made:
        for each in rows(range(1000)):
            made.add(each)
        made.leave_out_repeated_ids(lambda lost, first: pytest.fail(f"{lost} {first}"))


# ----------------------------------------------------------------------------------------------------------------------
# strange input, ends, memory
# ----------------------------------------------------------------------------------------------------------------------


def test_strange_lines_and_places_come_back_as_they_were(tmp_path, buffer):
    given = [
        RecordLine(fields, json.dumps(fields).encode() + b"  ", f"in\t{n}\n\\x\udcff é.jsonl:1")
        for n, text in enumerate(["\t", "\\", "a\tb\r\n\nc", "\u2028\x85é🚤", "x" * 100_000])
        for fields in [record(n, response=text, id=f"\n{n}\t{text}")]
    ]
    assert sorted(shuffled(given, "0", tmp_path), key=lambda each: each.place) == given


def test_exception_of_the_source_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BUFFER", 0)
    with pytest.raises(KeyboardInterrupt), Shuffle(tmp_path, "0") as made:
        for each in rows(range(20)):
            made.add(each)
        assert len(list(tmp_path.rglob("*"))) > 10
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_input(tmp_path, monkeypatch):
    """20 MB of records, of which a bucket takes 80 kB, with 1 MB held back."""
    monkeypatch.setattr(shuffle, "BUFFER", 1 << 20)
    tracemalloc.start()
    try:
        with Shuffle(tmp_path, "0") as made:
            for number in range(2000):
                made.add(row(record(number, response=f"{number} " + "rope " * 2000)))
            total = sum(len(drawn.line) for drawn in made.drawn())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 20_000_000 and peak < total / 2  # tests before leave threads behind, whose memory counts too
