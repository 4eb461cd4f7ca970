"""A merge in several processes: the same bytes as in one, in the order of the records, and one line for what is bad."""

import json
from pathlib import Path

import pytest

from tests.conftest import assert_one_line_error, jsonl, record, run_script

SCRIPT = "merge_datasets.py"
ITEM = "a benchmark item of a few words that no other text here happens to have"


def response(number: int) -> str:
    """Of 30 words; every fifth holds an address, every seventh an item, every eleventh is nearly the one before it."""
    told = f" Write to ada{number}@harbour-works.org." if number % 5 == 0 else f" {ITEM}." if number % 7 == 0 else ""
    return " ".join(f"word{(number - (number % 11 == 0)) * place % 9973}" for place in range(1, 31)) + told


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """650 records in several batches, with lines that are no records between them, and an item."""
    folder = tmp_path_factory.mktemp("inputs")
    lines = [jsonl(record(n, question=n, score=n % 4, response=response(n))) for n in range(1, 651)]
    for place in range(600, 0, -50):
        lines.insert(place, b'{"id": "not a record"}\n')
    (folder / "in.jsonl").write_bytes(b"".join(lines))
    (folder / "items.txt").write_text(f"{ITEM}\n")
    (folder / "mix.yaml").write_text("sources:\n  - path: in.jsonl\n    min_answer_votes: 1\n")
    return folder


def merged(inputs: Path, destination: Path, workers: int) -> dict[str, bytes]:
    """The files that a merge with all searches writes, and its dropped records."""
    flags = ["--formats", "alpha", "messages", "--near_duplicates", "--pii", "drop", "--decontaminate"]
    flags += [inputs / "items.txt", "--dropped_path", destination / "dropped.jsonl", "--skip_bad"]
    made = destination / "made"
    run = run_script(SCRIPT, "--mix", inputs / "mix.yaml", "--destpath", made, *flags, "--workers", f"{workers}")
    assert run.status == 0, run.stderr
    files = {
        path.relative_to(destination).as_posix(): path.read_bytes()
        for path in destination.rglob("*.*")
        if path.is_file()
    }
    return files | {"told": run.stderr.replace(str(destination), "").encode()}


@pytest.fixture(scope="module")
def in_one(inputs, tmp_path_factory) -> dict[str, bytes]:
    return merged(inputs, tmp_path_factory.mktemp("one"), 1)


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(inputs, in_one, tmp_path, workers):
    assert merged(inputs, tmp_path, workers) == in_one


def test_records_that_are_left_out_are_written_down_in_their_order(in_one):
    dropped = [json.loads(line) for line in in_one["dropped.jsonl"].splitlines()]
    counts = json.loads(in_one["made/report.json"])["counts"]
    assert len(dropped) == sum(counts["dropped"].values()) and counts["read"] == 662
    early = [row for row in dropped if row["reason"] != "near duplicate"]
    assert len({row["reason"] for row in early}) == 4 and len(early) > 200
    places = [int((row.get("place") or row["problem"]).split("in.jsonl:")[1].split(":")[0]) for row in early]
    assert places == sorted(places)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_record_among_many_ends_the_run_with_its_place(inputs, tmp_path, workers):
    flags = ["--inputpath", inputs / "in.jsonl", "--destpath", tmp_path / "made", "--pii", "mask"]
    run = run_script(SCRIPT, *flags, "--near_duplicates", "--workers", workers)
    assert_one_line_error(run, SCRIPT, f'{inputs / "in.jsonl"}:51: "source" is missing')
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_of_benchmarks_is_told_before_the_run(inputs, tmp_path):
    (tmp_path / "items.txt").write_bytes(b"caf\xe9\n")
    flags = ["--inputpath", inputs / "in.jsonl", "--destpath", tmp_path / "made", "--decontaminate"]
    run = run_script(SCRIPT, *flags, tmp_path / "items.txt", "--workers", "2")
    assert_one_line_error(run, SCRIPT, f"{tmp_path / 'items.txt'}:1: is not UTF-8")
