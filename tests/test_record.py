"""Reading records: what a line may be, the error for one that is not a record; steps pass on what they read."""

import codecs
import json

import pytest

from records.errors import InputError
from records.record import read_records, read_with_progress
from tests.conftest import assert_one_line_error, jsonl, record, run_script

GOOD = jsonl(record(1))[:-1]

# A line that is not a record, and its error.
NO_RECORDS = {
    "no JSON": (b"hello", "is not JSON"),
    "two records": (GOOD + GOOD, "is not JSON"),
    "cut": (GOOD[:-9], "is not JSON"),
    "invalid UTF-8": (GOOD.replace(b"Knot 1", b"Knot \xff"), "is not JSON"),
    "overlong UTF-8": (GOOD.replace(b"Knot 1", b"Knot \xc0\x80"), "is not JSON"),
    "surrogate in UTF-8": (GOOD.replace(b"Knot 1", b"Knot \xed\xa0\x80"), "is not JSON"),
    "lone surrogate": (GOOD.replace(b"Knot 1", b"Knot \\ud800"), "is not JSON"),
    "NaN": (GOOD.replace(b'"answer_score": 10', b'"answer_score": NaN'), "is not JSON"),
    "control character": (GOOD.replace(b"Knot 1", b"Knot \x01"), "is not JSON"),
    "UTF-16": (codecs.BOM_UTF16_LE + GOOD.decode().encode("utf-16-le"), "is not JSON"),
    "deep": (b'{"meta": ' + b"[" * 100_000, "is not JSON"),
    "an array": (b"[" + GOOD + b"]", "is not a JSON object"),
    "a number": (b"7", "is not a JSON object"),
    "null": (b"null", "is not a JSON object"),
    "no fields": (b"{}", '"id" is missing or not a string'),
    "no id": (GOOD.replace(b'"id"', b'"no"'), '"id" is missing'),
    "id is a number": (GOOD.replace(b'"quay.stackexchange.com/a/1"', b"1"), '"id" is missing or not a string'),
    "no source": (GOOD.replace(b'"source"', b'"no"'), '"source" is missing'),
    "no instruction": (GOOD.replace(b'"instruction"', b'"no"'), '"instruction" is missing'),
    "response is null": (jsonl(record(response=None))[:-1], '"response" is missing or not a string'),
    "response is a list": (jsonl(record(response=["x"]))[:-1], '"response" is missing or not a string'),
    "meta is a list": (jsonl({**record(), "meta": []})[:-1], '"meta" is missing or not an object'),
    "empty id": (jsonl(record(id=""))[:-1], '"id" and "source" must not be empty'),
    "empty source": (jsonl(record(source=""))[:-1], '"id" and "source" must not be empty'),
}


def extra(script: str, tmp_path) -> list[str]:
    """The arguments that a script needs beside the paths; all of GOOD's kind is kept."""
    judgements = tmp_path / "judgements.yaml"
    judgements.write_text("quay.stackexchange.com/a/1: accept\n")
    return {
        "filter_for_score.py": ["--min_answer_votes", "-99"],
        "filter_by_human.py": ["--judgement_file", str(judgements)],
        "merge_datasets.py": [],
    }[script]


@pytest.mark.parametrize("name", NO_RECORDS)
def test_line_that_is_not_a_record_is_reported(tmp_path, name):
    line, message = NO_RECORDS[name]
    path = tmp_path / "in.jsonl"
    path.write_bytes(GOOD + b"\n\n" + line + b"\n")
    with pytest.raises(InputError) as caught:
        list(read_records(path))
    assert str(caught.value).startswith(f"{path}:3: {message}"), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("script", ["filter_for_score.py", "filter_by_human.py", "merge_datasets.py"])
@pytest.mark.parametrize("name", ["no JSON", "invalid UTF-8", "deep", "an array", "response is null"])
def test_every_script_tells_it_in_one_line(tmp_path, script, name):
    line, message = NO_RECORDS[name]
    path, destination = tmp_path / "in.jsonl", tmp_path / "made" / "out"
    path.write_bytes(GOOD + b"\n" + line)
    run = run_script(script, "--inputpath", path, "--destpath", destination, *extra(script, tmp_path))
    assert_one_line_error(run, script, f"{path}:2: {message}")
    assert [each for each in (tmp_path / "made").rglob("*") if each.is_file()] == []


def test_blank_lines_and_line_ends_are_passed_over(tmp_path):
    path, lines = tmp_path / "in.jsonl", [jsonl(record(number))[:-1] for number in (1, 2, 3)]
    path.write_bytes(codecs.BOM_UTF8 + lines[0] + b"\r\n\r\n \t\n" + lines[1] + b"\n\n" + lines[2])
    rows = list(read_records(path))
    assert [row.raw for row in rows] == lines
    assert [row.place for row in rows] == [f"{path}:{number}" for number in (1, 4, 6)]
    assert [row.record["meta"]["answer_id"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, b"\n", b"\r\n\r\n", b" \n\t"])
def test_file_without_records_has_none(tmp_path, content):
    (tmp_path / "in.jsonl").write_bytes(content)
    assert list(read_records(tmp_path / "in.jsonl")) == []


def test_progress_is_reported_every_byte(tmp_path):
    data = codecs.BOM_UTF8 + GOOD + b"\r\n\n" + GOOD
    (tmp_path / "in.jsonl").write_bytes(data)
    reported = []
    list(read_records(tmp_path / "in.jsonl", reported.append))
    assert sum(reported) == len(data)


def test_separators_of_unicode_do_not_end_a_line(tmp_path):
    given = record(response="a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")
    (tmp_path / "in.jsonl").write_bytes(jsonl(given))
    assert [row.record for row in read_records(tmp_path / "in.jsonl")] == [given]


def test_files_are_read_one_after_the_other(tmp_path):
    paths = [str(tmp_path / name) for name in "ba"]
    for number, path in enumerate(paths):
        with open(path, "wb") as out:
            out.write(codecs.BOM_UTF8 + jsonl(record(number)))
    assert [row.place for row in read_with_progress(paths)] == [f"{path}:1" for path in paths]


def test_huge_line_goes_through(tmp_path):
    given = jsonl(record(1, response="rope " * 6_000_000))
    run = run_script(
        "filter_for_score.py",
        "--inputpath",
        "-",
        "--destpath",
        tmp_path / "out.jsonl.zst",
        "--min_answer_votes",
        "1",
        stdin=given,
    )
    assert run.status == 0, run
    assert [row.raw for row in read_records(tmp_path / "out.jsonl.zst")] == [given[:-1]]


@pytest.mark.parametrize("script", ["filter_for_score.py", "filter_by_human.py"])
def test_what_a_step_does_not_know_survives_byte_for_byte(tmp_path, script):
    """Order of keys, spaces, escapes, numbers as they are written, unknown and repeated fields."""
    meta = json.dumps(record()["meta"])[1:]
    line = (
        rb'{ "zeta" : 1.10, "meta": {"later": null, '
        + meta.encode()
        + rb',"response":"caf\u00e9 \/ \ud83d\udea4 '
        + "é🚤\u2028".encode()
        + rb'" , "id":"quay.stackexchange.com\/a\/1","instruction":"x","source":"stackexchange",'
        rb'"big":123456789012345678901234567890, "float": 1E+05, "tiny": 1e-400, "again": 1, "again": 2 } '
    )
    path, destination = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(line)
    run = run_script(script, "--inputpath", path, "--destpath", destination, *extra(script, tmp_path))
    assert run.status == 0, run
    assert destination.read_bytes() == line + b"\n"


def test_sample_site_survives_every_filter_byte_for_byte(sample_records, tmp_path):
    ids = [json.loads(line)["id"] for line in sample_records.read_bytes().splitlines()]
    (tmp_path / "judgements.yaml").write_text("".join(f"{each}: accept\n" for each in ids))
    filtered, accepted = tmp_path / "filtered.jsonl.gz", tmp_path / "accepted.jsonl"
    for script, source, destination, *more in (
        ("filter_for_score.py", sample_records, filtered, "--min_answer_votes", "-99"),
        ("filter_by_human.py", filtered, accepted, "--judgement_file", tmp_path / "judgements.yaml"),
    ):
        run = run_script(script, "--inputpath", source, "--destpath", destination, *more)
        assert run.status == 0, run
    assert accepted.read_bytes() == sample_records.read_bytes() != b""
