"""Step 2a, as a user runs it: records repaired and passed on, the numbers, and errors for wrong arguments."""

import json

import pytest

from merging.attribution import attribution
from records.record import RecordLine
from records.repair_names import CHANGES, DEFAULT_REPAIRS
from review.repairs import REPAIRS
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "repair_answers.py"
GOOD = "Take the bowline, for it holds under load."
RESPONSES = {
    1: GOOD,
    2: "The [bowline](https://e.org/b) holds, and so does the [sheet bend](https://e.org/s).",
    3: f"{GOOD} Hope this helps!",
    4: f"{GOOD} Look [here](https://e.org).",
    5: "The [bowline](https://e.org/b) holds under load.\n\nEDIT: It holds when wet.\n\nCheers!",
}
RECORDS = [record(number, response=response, unknown={"kept": number}) for number, response in RESPONSES.items()]
OLD = record(6, response=RESPONSES[2], meta={"repairs": {"links": 3, "notices": 1}})


def run(tmp_path, *args, records=RECORDS):
    """Run the step on records; returns the run and the output's records."""
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, *args, stdin=jsonl(*records))
    assert done.status == 0, done
    return done, [json.loads(line) for line in destination.read_bytes().splitlines()]


def test_the_names_of_the_thread_are_those_of_meta(tmp_path):
    text = f"As Benedikt says, {GOOD[0].lower()}{GOOD[1:]}"
    names = [["Benedikt Rope"], ["Ada"], [7, None], "Benedikt", None]
    records = [record(number, response=text, meta={"participants": each}) for number, each in enumerate(names)]
    _, rows = run(tmp_path, records=records)
    assert [row["response"] for row in rows] == [GOOD, *4 * [text]]
    assert rows[0]["meta"]["repairs"] == {"mentions": 1}


def test_records_are_repaired_and_meta_tells_what_was_done(tmp_path):
    done, rows = run(tmp_path, records=[*RECORDS, OLD])
    assert [row["response"] for row in rows[:5]] == [
        GOOD,
        "The bowline holds, and so does the sheet bend.",
        GOOD,
        RESPONSES[4],
        "The bowline holds under load.\n\nIt holds when wet.",
    ]
    assert [row["meta"].pop("repairs", None) for row in rows] == [
        None,
        {"links": 2},
        {"courtesies": 1},
        None,
        {"courtesies": 1, "edits": 1, "links": 1},
        {"notices": 1, "links": 5},  # with those of an earlier run
    ]
    for before, after in zip(RECORDS, rows, strict=False):  # and nothing else is changed
        assert {**after, "response": ""} == {**before, "response": ""}
    assert table(done.stderr) == {
        "records read": 6,
        "records repaired": 4,
        "courtesies": 2,
        "edits": 1,
        "links": 1,  # the last table: the records in which links were left
    }
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    assert report["counts"] == {
        "read": 6,
        "repaired": 4,
        "repaired_by": {"courtesies": 2, "edits": 1, "links": 3},
        "left_by": {"links": 1},
    }
    assert report["options"]["repairs"] == list(DEFAULT_REPAIRS) and "workers" not in report["options"]


@pytest.mark.parametrize("earlier", ["x", ["links"], {"links": "3"}, {"links": None}, {"links": {}}, {"links": 1.5}])
def test_what_is_no_count_in_meta_is_replaced(tmp_path, earlier):
    _, rows = run(tmp_path, records=[record(2, response=RESPONSES[2], meta={"repairs": earlier})])
    assert rows[0]["meta"]["repairs"] == {"links": 2}


def test_a_record_without_repairs_is_the_same_bytes(tmp_path):
    line = json.dumps(RECORDS[0], separators=(" , ", " : ")).encode() + b"  "
    odd = line.replace(b'"kept" : 1', b'"kept" : 1.50e1, "big": 123456789012345678901234567890')
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, stdin=odd + b"\r\n")
    assert done.status == 0 and destination.read_bytes() == odd + b"\n"


def test_large_numbers_of_a_repaired_record_stay(tmp_path):
    odd = jsonl(RECORDS[1]).replace(b'"kept": 2', b'"kept": 123456789012345678901234567890')
    destination = tmp_path / "out.jsonl"
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, stdin=odd)
    assert done.status == 0 and b"123456789012345678901234567890" in destination.read_bytes()


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        (["--repairs", "links"], [2, 5]),
        (["--repairs", "courtesies, edits"], [3, 5]),
        (["--skip", "links"], [3, 5]),
        (["--repairs", "all", "--skip", "links,edits,courtesies"], []),
        (["--repairs", "links,edits", "--skip", "links"], [5]),
    ],
    ids=["one", "two", "all but one", "others", "both flags"],
)
def test_the_user_chooses_repairs(tmp_path, flags, changed):
    _, rows = run(tmp_path, *flags)
    assert [row["meta"]["answer_id"] for row in rows if "repairs" in row["meta"]] == changed


def test_the_bytes_are_the_same_for_any_number_of_workers_and_of_runs(tmp_path):
    outputs = []
    for name, source, workers in (("1", "-", 1), ("2", "-", 2), ("again", tmp_path / "1.jsonl", 1)):
        destination = tmp_path / f"{name}.jsonl"
        flags = ["--inputpath", source, "--destpath", destination, "--workers", str(workers)]
        assert run_script(SCRIPT, *flags, stdin=jsonl(*RECORDS * 300)).status == 0
        outputs.append(destination.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2] and outputs[0].count(b"\n") == 1500


def test_the_prompt_can_be_the_title(tmp_path):
    asks = record(1, question=2, instruction="Which knot?\n\nIt slips.", meta={"title": "Which knot?"})
    done, rows = run(tmp_path, "--repairs", "none", "--prompt", "title", records=[asks, record(2)])
    assert [row["instruction"] for row in rows] == ["Which knot?", record(2)["instruction"]]
    assert rows[0]["meta"]["repairs"] == {"prompt_title": 1}
    assert table(done.stderr)["prompt_title"] == 1


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--repairs", "lnks"], ["'lnks' is not a repair", "links"]),
        (["--skip", "title"], ["'title' is not a repair"]),
        (["--repairs", "links", "--skip", "links"], ["no repair is left", "--prompt"]),
        (["--prompt", "tags"], ["--prompt", "'tags'"]),
    ],
    ids=["unknown", "unknown to skip", "none left", "prompt"],
)
def test_wrong_arguments_are_told(tmp_path, flags, parts):
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "out.jsonl", *flags)
    assert (done.status, list(tmp_path.iterdir())) == (2, [])
    assert all(part in done.stderr for part in parts), done.stderr


def test_bad_lines_and_outputs_are_told_in_one_line(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(*RECORDS) + b"{}\n")
    done = run_script(SCRIPT, "--inputpath", source, "--destpath", tmp_path / "out.jsonl")
    assert_one_line_error(done, SCRIPT, f"{source}:6", '"id" is missing')
    assert list(tmp_path.iterdir()) == [source]
    assert_one_line_error(run_script(SCRIPT, "--inputpath", source, "--destpath", source), SCRIPT, "is the input too")


def test_the_help_describes_every_repair():
    text = " ".join(run_script(SCRIPT, "--help").stdout.split())
    assert all(CHANGES[name] in text for name in REPAIRS)


def test_attribution_tells_the_changes():
    def changes(row):
        return attribution(RecordLine(row, b"", ""), ())["changes"]

    assert changes(OLD) == f"{changes(RECORDS[0])}; {CHANGES['links']}; {CHANGES['notices']}"
