"""The shuffle: every record once, in an order that only the seed and the ids decide, in bounded memory."""

import json
import tracemalloc

import pytest
from conftest import jsonl, record

from instructions import shuffle
from instructions.records import Row
from instructions.script import InputError
from instructions.shuffle import shuffled


def rows(numbers, name="in.jsonl", **fields):
    for line, number in enumerate(numbers, 1):
        given = record(number, **fields)
        yield Row(given, jsonl(given)[:-1], f"{name}:{line}")


def order(numbers, seed, folder, **fields) -> list[int]:
    return [row.record["meta"]["answer_id"] for row in shuffled(rows(numbers, **fields), seed, folder)]


@pytest.fixture(params=[None, 10_000, 0], ids=["in memory", "some put aside", "each put aside"])
def buffer(request, monkeypatch):
    """How many bytes are held back; 2,000 records are some 1,000,000."""
    if request.param is not None:
        monkeypatch.setattr(shuffle, "BUFFER", request.param)
    return request.param


@pytest.mark.parametrize("count", [0, 1, 2, 2000])
def test_every_row_comes_once_and_whole(tmp_path, buffer, count):
    given = {row.place: row for row in rows(range(count))}
    made = {row.place: row for row in shuffled(iter(given.values()), "0", tmp_path)}
    assert made == given
    assert list(tmp_path.iterdir()) == []


def test_order_is_the_same_whatever_is_held_back(tmp_path, monkeypatch):
    orders = []
    for buffer in (1 << 26, 100_000, 777, 0):
        monkeypatch.setattr(shuffle, "BUFFER", buffer)
        orders.append(order(range(500), "0", tmp_path))
    assert orders == [orders[0]] * 4
    assert orders[0] != sorted(orders[0])


def test_order_of_the_input_does_not_matter(tmp_path, buffer):
    assert order(range(300), "0", tmp_path) == order(reversed(range(300)), "0", tmp_path)


def test_seeds_differ(tmp_path):
    orders = {tuple(order(range(50), str(seed), tmp_path)) for seed in range(20)}
    assert len(orders) == 20


def test_a_record_more_leaves_the_order_of_the_others(tmp_path):
    longer = order(range(101), "0", tmp_path)
    longer.remove(100)
    assert longer == order(range(100), "0", tmp_path)


def test_every_place_is_equally_likely(tmp_path):
    """Chi-square over 600 fixed seeds: 5 x 5 free counts of 100 each; 60 is passed by chance once in 10,000."""
    counts = [[0] * 6 for _ in range(6)]
    for seed in range(600):
        for place, number in enumerate(order(range(6), str(seed), tmp_path)):
            counts[number][place] += 1
    assert sum((count - 100) ** 2 / 100 for row in counts for count in row) < 60


@pytest.mark.parametrize("names", [("a.jsonl", "b.jsonl"), ("a.jsonl", "a.jsonl")])
def test_id_given_twice_is_told_with_both_places(tmp_path, buffer, names):
    twice = [*rows(range(10), names[0]), *rows([99, 7], names[1])]
    with pytest.raises(InputError) as caught:
        list(shuffled(twice, "0", tmp_path))
    for part in ("quay.stackexchange.com/a/7", f"{names[0]}:8", f"{names[1]}:2", "give each record once"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_strange_lines_and_places_come_back_as_they_were(tmp_path, buffer):
    given = [
        Row(fields, json.dumps(fields).encode() + b"  ", f"in\t{n}\n\\x\udcff é.jsonl:1")
        for n, text in enumerate(["\t", "\\", "a\tb\r\n\nc", "\u2028\x85é🚤", "x" * 100_000])
        for fields in [record(n, response=text, id=f"\n{n}\t{text}")]
    ]
    assert sorted(shuffled(given, "0", tmp_path), key=lambda row: row.place) == given


def test_exception_of_the_source_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BUFFER", 0)
    seen = []

    def broken():
        yield from rows(range(20))
        seen.extend(tmp_path.rglob("*"))
        raise InputError("in.jsonl:21: is not JSON")

    with pytest.raises(InputError, match="in.jsonl:21"):
        list(shuffled(broken(), "0", tmp_path))
    assert len(seen) > 10 and list(tmp_path.iterdir()) == []


def test_reader_that_stops_early_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BUFFER", 0)
    made = shuffled(rows(range(20)), "0", tmp_path)
    next(made)
    assert list(tmp_path.iterdir()) != []
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_input(tmp_path, monkeypatch):
    """20 MB of records, of which a bucket takes 80 kB, with 1 MB held back."""
    monkeypatch.setattr(shuffle, "BUFFER", 1 << 20)
    tracemalloc.start()
    try:
        total = sum(len(row.raw) for row in shuffled(rows(range(2000), response="rope " * 2000), "0", tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 20_000_000 and peak < total / 2  # tests before leave threads behind, whose memory counts too
