"""The shuffle: every record once, in an order that depends only on seed and contents, in bounded memory.

Of exact duplicates only the best is kept.
"""

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
    with Shuffle(folder, seed) as shuffler:
        for line in given:
            shuffler.add(line)
        return [drawn.row for drawn in shuffler.drawn(on_duplicate)]


def order(numbers, seed, folder) -> list[int]:
    return [line.record["meta"]["answer_id"] for line in shuffled(rows(numbers), seed, folder)]


@pytest.fixture(params=[None, 10_000, 0], ids=["in memory", "some written", "each written at once"])
def buffer(request, monkeypatch):
    """The bytes kept in memory; 2,000 records have about 1,000,000."""
    if request.param is not None:
        monkeypatch.setattr(shuffle, "BUFFER", request.param)
    return request.param


@pytest.mark.parametrize("count", [0, 1, 2, 2000])
def test_every_row_comes_once_and_complete(tmp_path, buffer, count):
    given = rows(range(count))
    assert sorted(shuffled(given, "0", tmp_path), key=lambda line: int(line.place.split(":")[1])) == given
    assert list(tmp_path.iterdir()) == []


def test_records_can_be_read_back_twice(tmp_path):
    with Shuffle(tmp_path, "0") as shuffler:
        for line in rows(range(100)):
            shuffler.add(line)
        assert [drawn.row for drawn in shuffler.drawn()] == [drawn.row for drawn in shuffler.drawn()]


def test_order_does_not_depend_on_the_buffer(tmp_path, monkeypatch):
    orders = []
    for size in (1 << 26, 100_000, 777, 0):
        monkeypatch.setattr(shuffle, "BUFFER", size)
        orders.append(order(range(500), "0", tmp_path))
    assert orders == [orders[0]] * 4
    assert orders[0] != sorted(orders[0])


def test_order_of_the_input_does_not_matter(tmp_path, buffer):
    assert order(range(300), "0", tmp_path) == order(reversed(range(300)), "0", tmp_path)


def test_different_seeds_give_different_orders(tmp_path):
    assert len({tuple(order(range(50), f"{seed}", tmp_path)) for seed in range(20)}) == 20


def test_another_record_does_not_change_the_order_of_the_others(tmp_path):
    longer = order(range(101), "0", tmp_path)
    longer.remove(100)
    assert longer == order(range(100), "0", tmp_path)


def test_every_place_is_equally_likely(tmp_path):
    """Chi-square over 600 fixed seeds: 5 x 5 free counts of 100 each; above 60 by chance once in 10,000."""
    counts = [[0] * 6 for _ in range(6)]
    for seed in range(600):
        for place, number in enumerate(order(range(6), f"{seed}", tmp_path)):
            counts[number][place] += 1
    assert sum((count - 100) ** 2 / 100 for line in counts for count in line) < 60


def test_draws_are_even_and_independent_of_the_order(tmp_path):
    with Shuffle(tmp_path, "0") as shuffler:
        for line in rows(range(4000)):
            shuffler.add(line)
        draws = [drawn.draw for drawn in shuffler.drawn()]
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


@pytest.mark.parametrize(("why", "better", "worse"), BEST, ids=[case[0] for case in BEST])
def test_of_duplicates_the_better_is_kept(tmp_path, why, better, worse):
    best, other = record(9, response="Same.", **better), record(1, response="Same.", **worse)
    reported = []
    for given in ([best, other], [other, best]):
        kept = shuffled(map(row, given), "0", tmp_path, lambda lost, kept: reported.append((lost.record, kept.record)))
        assert [line.record for line in kept] == [best]
    assert reported == [(other, best)] * 2


def test_of_equally_good_duplicates_the_earlier_id_is_kept_and_numbers_count_as_numbers(tmp_path):
    given = [row(record(number, response="Same.")) for number in (10, 9, 100)]
    assert [line.record["meta"]["answer_id"] for line in shuffled(given, "0", tmp_path)] == [9]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Tie a bowline.", "Tie  a\n\tbowline. ", True),
        ("caf\u00e9", "cafe\u0301", True),  # NFC
        ("a\u00a0b", "a b", True),
        ("x\u00b2", "x2", False),  # not NFKC
        ("Tie a bowline.", "tie a bowline.", False),
    ],
)
def test_white_space_and_unicode_forms_do_not_distinguish_records(tmp_path, a, b, same):
    given = [row(record(number, response=text)) for number, text in enumerate((a, b))]
    assert len(shuffled(given, "0", tmp_path)) == (1 if same else 2)


def test_text_moved_from_response_to_instruction_is_not_a_duplicate(tmp_path):
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
def test_repeated_id_is_reported_and_the_first_record_kept(tmp_path, buffer, response):
    reported = []
    with Shuffle(tmp_path, "0") as shuffler:
        for line in [*rows(range(10), "a"), *rows([99], "c"), *rows([7], "b", response=response)]:
            shuffler.add(line)
        shuffler.leave_out_repeated_ids(lambda lost, first: reported.append((lost.place, first)))
        places = {drawn.row.place for drawn in shuffler.drawn()}
    assert reported == [("b:1", "a:8")]
    assert "a:8" in places and "b:1" not in places and len(places) == 11


def test_distinct_ids_are_not_reported(tmp_path):
    with Shuffle(tmp_path, "0") as shuffler:
        for line in rows(range(1000)):
            shuffler.add(line)
        shuffler.leave_out_repeated_ids(lambda lost, first: pytest.fail(f"{lost} {first}"))


# ----------------------------------------------------------------------------------------------------------------------
# strange input, ends, memory
# ----------------------------------------------------------------------------------------------------------------------


def test_strange_lines_and_places_come_back_as_they_were(tmp_path, buffer):
    given = [
        RecordLine(fields, json.dumps(fields).encode() + b"  ", f"in\t{n}\n\\x\udcff é.jsonl:1")
        for n, text in enumerate(["\t", "\\", "a\tb\r\n\nc", "\u2028\x85é🚤", "x" * 100_000])
        for fields in [record(n, response=text, id=f"\n{n}\t{text}")]
    ]
    assert sorted(shuffled(given, "0", tmp_path), key=lambda line: line.place) == given


def test_exception_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BUFFER", 0)
    with pytest.raises(KeyboardInterrupt), Shuffle(tmp_path, "0") as shuffler:
        for line in rows(range(20)):
            shuffler.add(line)
        assert len(list(tmp_path.rglob("*"))) > 10
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_input(tmp_path, monkeypatch):
    """20 MB of records, about 80 kB in each bucket, with a buffer of 1 MB."""
    monkeypatch.setattr(shuffle, "BUFFER", 1 << 20)
    tracemalloc.start()
    try:
        with Shuffle(tmp_path, "0") as shuffler:
            for number in range(2000):
                shuffler.add(row(record(number, response=f"{number} " + "rope " * 2000)))
            total = sum(len(drawn.line) for drawn in shuffler.drawn())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 20_000_000 and peak < total / 2  # threads of earlier tests count too
