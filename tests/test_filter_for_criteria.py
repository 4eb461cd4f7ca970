"""Step 2b, as a user runs it: records dropped, annotated and kept, the numbers, and errors for wrong arguments."""

import json
import re

import pytest

from tests.conftest import ROOT, assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "filter_for_criteria.py"
GOOD = "Take the bowline, for it holds under load and is easily untied."
RESPONSES = {
    1: GOOD,
    2: f"{GOOD} EDIT: two turns.",
    3: f"{GOOD} See https://example.org/knots.",
    4: f"As [@mary](https://example.org) says: {GOOD}",
    5: f"{GOOD} 🚤 The rest is left as an exercise to the reader.",
    6: GOOD + " Again.",
}
RECORDS = [record(number, response=response, unknown={"kept": number}) for number, response in RESPONSES.items()]


def run(tmp_path, *args, records=RECORDS):
    """Run the step on records; returns the run and the output's records."""
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, *args, stdin=jsonl(*records))
    assert done.status == 0, done
    return done, [json.loads(line) for line in destination.read_bytes().splitlines()]


def ids(records):
    return [row["meta"]["answer_id"] for row in records]


def test_records_with_findings_of_the_criteria_given_are_dropped(tmp_path):
    assert ids(run(tmp_path, "--drop", "4")[1]) == [1, 3, 5, 6]
    assert ids(run(tmp_path, "--drop", "6,4")[1]) == [1, 5, 6]
    assert ids(run(tmp_path, "--drop", "5")[1]) == [1, 2, 3, 4, 6]
    assert ids(run(tmp_path, "--drop", "1, 2,3,7,7")[1]) == [1, 2, 3, 4, 5, 6]


def test_names_of_the_threads_other_authors_count(tmp_path):
    response = "As Michael suggested, take the bowline."
    named = [record(1, response=response, meta={"participants": ["Michael Quay"]}), record(2, response=response)]
    assert ids(run(tmp_path, "--drop", "4", "--workers", "2", records=named)[1]) == [2]


def test_kept_records_without_annotate_are_the_same_bytes(tmp_path):
    line = json.dumps(RECORDS[0], indent=None, separators=(" , ", " : ")).encode() + b"  "
    odd = line.replace(b'"kept" : 1', b'"kept" : 1.50e1, "big": 123456789012345678901234567890')
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, "--drop", "6", stdin=odd + b"\r\n")
    assert done.status == 0 and destination.read_bytes() == odd + b"\n"


def test_annotate_writes_the_findings_into_meta_and_keeps_everything_else(tmp_path):
    _, rows = run(tmp_path, "--annotate")
    assert ids(rows) == ids(RECORDS)
    findings = [row["meta"].pop("findings", []) for row in rows]
    assert [[f["criterion"] for f in of_row] for of_row in findings] == [[], [4], [6], [6, 4], [5], []]
    assert rows == RECORDS


def test_annotated_spans_count_characters_of_the_response(tmp_path):
    _, rows = run(tmp_path, "--annotate")
    [finding] = rows[4]["meta"]["findings"]
    assert rows[4]["response"][finding["start"] : finding["end"]] == "is left as an exercise"
    assert finding == {"criterion": 5, "reason": "left to the reader", "start": finding["start"], "end": finding["end"]}


def test_records_without_findings_are_not_rewritten_but_lose_old_findings(tmp_path):
    old = record(7, response=GOOD, meta={"findings": [{"criterion": 4}]})
    line = b"{ " + jsonl(RECORDS[0])[1:]
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, "--annotate", stdin=line + jsonl(old))
    first, second = destination.read_bytes().splitlines(keepends=True)
    assert done.status == 0 and first == line
    assert json.loads(second)["meta"]["findings"] == []


def test_integers_beyond_64_bits_survive_annotate(tmp_path):
    _, [row] = run(tmp_path, "--annotate", records=[record(1, response=RESPONSES[2], big=1 << 70)])
    assert row["big"] == 1 << 70


def test_annotating_twice_gives_the_same_bytes(tmp_path):
    run(tmp_path, "--annotate")
    once = (tmp_path / "out.jsonl").read_bytes()
    run_script(SCRIPT, "--inputpath", tmp_path / "out.jsonl", "--destpath", tmp_path / "twice.jsonl", "--annotate")
    assert (tmp_path / "twice.jsonl").read_bytes() == once


def test_dropped_and_kept_records_are_all_that_was_read(tmp_path):
    run(tmp_path, "--drop", "4,5", "--dropped_path", str(tmp_path / "dropped.jsonl"))
    kept = (tmp_path / "out.jsonl").read_bytes().splitlines()
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_bytes().splitlines()]
    assert [(row["reason"], ids([row["record"]])) for row in dropped] == [
        ("4, tells of an edit", [2]),
        ("4, names a user", [4]),
        ("5, left to the reader", [5]),
    ]
    assert [[f["criterion"] for f in row["findings"]] for row in dropped] == [[4], [6, 4], [5]]
    records = [*map(json.loads, kept), *(row["record"] for row in dropped)]
    assert sorted(records, key=lambda row: row["id"]) == RECORDS


def test_report_and_tables_add_up_and_count_findings_of_kept_records_too(tmp_path):
    done, rows = run(tmp_path, "--drop", "4")
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    assert report["counts"] == {
        "read": 6,
        "dropped": {"4, names a user": 1, "4, tells of an edit": 1},
        "kept": 4,
        "records_with": {
            "4, names a user": 1,
            "4, tells of an edit": 1,
            "5, left to the reader": 1,
            "6, address": 1,
            "6, link": 1,
        },
    }
    assert report["counts"]["kept"] == len(rows) and report["options"]["drop"] == [4]
    assert table(done.stderr) == {
        "records read": 6,
        "dropped: 4, names a user": 1,
        "dropped: 4, tells of an edit": 1,
        "records kept": 4,
        **report["counts"]["records_with"],
    }


def test_a_record_with_several_findings_counts_once_for_each_reason(tmp_path):
    done, _ = run(tmp_path, "--annotate", records=[record(response="EDIT: a.\n\nEDIT: b.\n\nSee www.example.org.")])
    assert table(done.stderr) == {"records read": 1, "records kept": 1, "4, tells of an edit": 1, "6, address": 1}


@pytest.mark.parametrize("workers", ["2", "3"])
def test_any_number_of_workers_writes_the_same_bytes(tmp_path, workers):
    records = [record(n, response=RESPONSES[n % 6 + 1]) for n in range(350)]
    outputs = []
    for count in ("1", workers):
        paths = ["--dropped_path", str(tmp_path / "d")]
        run(tmp_path, "--drop", "6", "--annotate", *paths, "--workers", count, records=records)
        outputs.append([(tmp_path / name).read_bytes() for name in ("out.jsonl", "d", "out.jsonl.report.json")])
    assert outputs[0] == outputs[1] and outputs[0][0].count(b"\n") + outputs[0][1].count(b"\n") == 350


def test_several_inputs_are_read_in_order_and_compressed_files_are_accepted(tmp_path):
    for name, records in (("a.jsonl", RECORDS[:2]), ("b.jsonl", RECORDS[2:])):
        (tmp_path / name).write_bytes(jsonl(*records))
    inputs = [tmp_path / "b.jsonl", tmp_path / "a.jsonl"]
    done = run_script(SCRIPT, "--inputpath", *inputs, "--destpath", tmp_path / "o.jsonl.zst", "--annotate")
    assert done.status == 0, done
    back = run_script(SCRIPT, "--inputpath", tmp_path / "o.jsonl.zst", "--destpath", "-", "--drop", "7")
    assert ids(map(json.loads, back.stdout.splitlines())) == [3, 4, 5, 6, 1, 2]


def test_empty_input_gives_an_empty_file(tmp_path):
    done, rows = run(tmp_path, "--drop", "4,6", records=[])
    assert rows == [] and table(done.stderr) == {"records read": 0, "records kept": 0}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "give --drop with the criteria"),
        (["--drop", "8"], "'8' is not numbers from 1 to 7"),
        (["--drop", "0"], "'0' is not numbers"),
        (["--drop", ""], "'' is not numbers"),
        (["--drop", "4;6"], "'4;6' is not numbers"),
        (["--drop", "4,"], "'4,' is not numbers"),
        (["--drop", "four"], "'four' is not numbers"),
        (["--annotate", "--dropped_path", "d"], "--dropped_path does nothing without --drop"),
        (["--annotate", "--workers", "0"], "'0' is not a positive integer"),
    ],
)
def test_wrong_arguments_are_reported_with_status_2(tmp_path, args, message):
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", *args, stdin=jsonl(*RECORDS))
    assert done.status == 2 and message in done.stderr and list(tmp_path.iterdir()) == []


def test_one_file_for_two_purposes_is_refused(tmp_path):
    path, other = tmp_path / "in.jsonl", tmp_path / "o"
    path.write_bytes(jsonl(*RECORDS))
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", path, "--destpath", path, "--annotate"), SCRIPT, "is the input too"
    )
    drop = ("--inputpath", path, "--destpath", other, "--drop", "4", "--dropped_path")
    assert_one_line_error(run_script(SCRIPT, *drop, path), SCRIPT, "is the input too")
    assert_one_line_error(run_script(SCRIPT, *drop, f"{tmp_path}/./o"), SCRIPT, "o: is written for --destpath too")
    assert path.read_bytes() == jsonl(*RECORDS) and not other.exists()


def test_a_bad_line_is_reported_and_nothing_is_written(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(jsonl(*RECORDS) + b'{"id": "x"}\n')
    done = run_script(
        SCRIPT, "--inputpath", path, "--destpath", tmp_path / "o", "--drop", "4", "--dropped_path", tmp_path / "d"
    )
    assert_one_line_error(done, SCRIPT, f"{path}:7: ")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_record_nested_too_deep_to_be_rewritten_is_reported(tmp_path):
    deep = jsonl(record(1, response=RESPONSES[2], deep=0)).replace(
        b'"deep": 0', b'"deep": ' + b"[" * 1000 + b"]" * 1000
    )
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", "--annotate", stdin=deep)
    if done.status:  # depends on how deep this Python's json goes
        assert_one_line_error(done, SCRIPT, "stdin:1: cannot be annotated")
    assert done.status in (0, 1)


def test_sample_site_without_its_bad_examples(sample_records, tmp_path):
    readme = (ROOT / "sample" / "README.md").read_text("utf-8")
    broken = {int(each) for ids in re.findall(r"`criterion-[4567]` \| ([\d, ]+) \|", readme) for each in ids.split(",")}
    done = run_script(SCRIPT, "--inputpath", sample_records, "--destpath", tmp_path / "o", "--drop", "4,5,6,7")
    assert done.status == 0, done
    all_ids = ids(map(json.loads, sample_records.open("rb")))
    assert ids(map(json.loads, (tmp_path / "o").open("rb"))) == [each for each in all_ids if each not in broken]
