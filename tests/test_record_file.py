"""Records by number and by id, from files of any form, without the file in memory."""

import json
import shutil
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.errors import InputError
from records.file_io import open_output
from records.record import read_records
from tests.conftest import ROOT, jsonl, record
from viewer.record_file import RecordFile

SITE = "quay.stackexchange.com/a"


@pytest.fixture
def opened(tmp_path):
    """Open bytes as a file of records."""

    def open_bytes(data: bytes, name: str = "records.jsonl") -> RecordFile:
        (tmp_path / name).write_bytes(data)
        return RecordFile(tmp_path / name)

    return open_bytes


def test_records_are_those_that_every_step_reads(sample_records):
    records = RecordFile(sample_records)
    rows = [row.record for row in read_records(sample_records)]
    assert len(records) == len(rows) == 98
    assert [records[number] for number in range(98)] == [*records] == rows
    assert [records.peek(number) for number in range(98)] == rows
    for number, row in enumerate(rows):
        assert records.number_of(row["id"]) == number
    ids = [row["id"] for row in rows]
    assert records.numbers_of(ids[10:90:7] + ["gone"]) == {ids[number]: number for number in range(10, 90, 7)}


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_files_are_read_like_plain_ones(tmp_path, sample_records, ending):
    path = tmp_path / f"records.jsonl{ending}"
    with open_output(path) as out:
        out.write(sample_records.read_bytes())
    records, plain = RecordFile(path), RecordFile(sample_records)
    assert [*records] == [*plain] and records[97] == plain[97]
    assert [path.name for path in tmp_path.iterdir()] == [path.name]
    with pytest.raises(InputError, match="is truncated or damaged"):
        (tmp_path / f"cut.jsonl{ending}").write_bytes(path.read_bytes()[:-20])
        RecordFile(tmp_path / f"cut.jsonl{ending}")


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \n", b"\xef\xbb\xbf"])
def test_file_without_records_has_none(opened, data):
    records = opened(data)
    assert (len(records), [*records], records.number_of("x")) == (0, [], None)


ids = st.text(min_size=1, max_size=12) | st.sampled_from(["a/1", "a/10", '"', "\\", "\n", "🚤", "id"])


@given(st.lists(ids, unique=True, max_size=8), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_id_is_found_in_any_form_of_json(tmp_path, ids, data):
    """Keys in any order, an `id` in meta too, escapes, spaces, blank lines, any line ends, a byte order mark."""
    lines, numbered = [], []
    for number, record_id in enumerate(ids):
        expected = record(number, id=record_id, meta={"id": "meta"}, own={"id": "own"})
        keys = data.draw(st.permutations(list(expected)))
        separators = data.draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]))
        text = json.dumps(
            {key: expected[key] for key in keys}, ensure_ascii=data.draw(st.booleans()), separators=separators
        )
        lines += data.draw(st.sampled_from([[], [""], [" ", ""]])) + [data.draw(st.sampled_from(["", " "])) + text]
        numbered.append(expected)
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join(lines) + data.draw(st.sampled_from(["", "\n", "\n\n "]))
    path = tmp_path / "any.jsonl"
    path.write_bytes((data.draw(st.sampled_from(["", "\ufeff"])) + text).encode())
    records = RecordFile(path)
    assert [records[number] for number in range(len(records))] == [*records] == numbered
    assert [records.number_of(record_id) for record_id in ids] == list(range(len(ids)))
    assert records.numbers_of(ids) == {record_id: number for number, record_id in enumerate(ids)}


def test_the_first_of_several_records_with_the_same_id_is_found(opened):
    records = opened(jsonl(record(1), record(2), record(1, score=3)))
    assert records.number_of(f"{SITE}/1") == 0 and records.numbers_of([f"{SITE}/1"]) == {f"{SITE}/1": 0}


def test_lines_that_are_not_records_are_reported_when_shown_and_skipped_by_a_search(opened, tmp_path):
    good = jsonl(record(1))
    records = opened(good + b"\n\nnot json\n[1]\n" + b'{"id": 5}\n' + b"\xff\n" + jsonl(record(2)) + b'{"id": "x"')
    place = tmp_path / "records.jsonl"
    for number, message in (
        (1, "4: is not JSON"),
        (2, "5: is not a JSON object"),
        (3, '6: "id" is missing'),
        (4, "7: is not JSON"),
        (6, "9: is not JSON"),
    ):
        with pytest.raises(InputError) as caught:
            records[number]
        assert str(caught.value).startswith(f"{place}:{message}") and "\n" not in str(caught.value)
    assert [row and row["id"] for row in records] == [f"{SITE}/1", None, None, None, None, f"{SITE}/2", None]
    assert records[5]["id"] == f"{SITE}/2" and records.number_of(f"{SITE}/2") == 5


@pytest.mark.parametrize("number", [-1, 2, 10**9])
def test_number_out_of_range_is_an_index_error(opened, number):
    with pytest.raises(IndexError):
        opened(jsonl(record(1), record(2)))[number]


def test_file_that_has_changed_is_reported(opened, tmp_path):
    path = tmp_path / "records.jsonl"
    for change in (
        lambda: path.write_bytes(jsonl(record(3))),
        lambda: path.open("ab").write(b"\n"),
        lambda: shutil.copy2(path, tmp_path / "new").rename(path),  # of the same size and time
        path.unlink,
    ):
        records = opened(jsonl(record(1), record(2)))
        assert records[1] == record(2)
        change()
        with pytest.raises(InputError, match=r"records.jsonl: has changed since it was opened; reload it"):
            records[1]


def test_missing_file_is_reported(tmp_path):
    for path in (tmp_path / "gone.jsonl", tmp_path):
        with pytest.raises(InputError, match="no such file|is a directory"):
            RecordFile(path)


MEMORY = """
import resource, sys
from viewer.record_file import RecordFile
records = RecordFile(sys.argv[1])
assert records[len(records) - 1]["id"] == records.peek(len(records) - 1)["id"]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1))  # kB
"""


def test_memory_does_not_grow_with_the_text(tmp_path):
    """The same number of records, of 1 kB and of 50 kB each."""
    peaks = []
    for size in (1_000, 50_000):
        path = tmp_path / "large.jsonl"
        with open(path, "wb") as out:
            for number in range(2_000):
                out.write(jsonl(record(number, response="rope " * (size // 5))))
        command = [sys.executable, "-c", MEMORY, path]
        peaks.append(int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] - peaks[0] < 20_000, peaks  # KiB, of 98 MB
