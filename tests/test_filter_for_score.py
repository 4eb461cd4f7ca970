"""Step 2, as a user runs it: each condition, their order, and the errors for records that it cannot judge."""

import json

import pytest

from records.conditions import conditions
from records.errors import InputError
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "filter_for_score.py"


def kept(records, *args: str, votes: int | str = -99) -> list[int]:
    """The ids of the answers that are kept."""
    run = run_script(
        SCRIPT, "--inputpath", "-", "--destpath", "-", "--min_answer_votes", str(votes), *args, stdin=jsonl(*records)
    )
    assert run.status == 0, run
    return [json.loads(line)["meta"]["answer_id"] for line in run.stdout.splitlines()]


SCORES = [record(number, score=score) for number, score in enumerate((9, 10, 11, 0, -1))]


@pytest.mark.parametrize(
    ("votes", "ids"), [(10, [1, 2]), (9, [0, 1, 2]), (11, [2]), (12, []), (0, [0, 1, 2, 3]), (-1, [0, 1, 2, 3, 4])]
)
def test_as_many_votes_as_asked_are_enough(votes, ids):
    assert kept(SCORES, votes=votes) == ids


def test_accepted_only():
    records = [record(n, meta={"accepted": accepted}) for n, accepted in enumerate((True, False, None))]
    del records[2]["meta"]["accepted"]
    assert kept(records, "--accepted_only") == [0]
    assert kept(records) == [0, 1, 2]


def test_min_question_votes():
    records = [record(n, meta={"question_score": score}) for n, score in enumerate((4, 5, 6, -3))]
    assert kept(records, "--min_question_votes", "5") == [1, 2]
    assert kept(records, "--min_question_votes", "0") == [0, 1, 2]


def test_lengths_are_those_of_characters_and_both_bounds_belong_to_them():
    records = [record(n, response="🚤" * n) for n in range(1, 6)]
    assert kept(records, "--min_response_chars", "3") == [3, 4, 5]
    assert kept(records, "--max_response_chars", "3") == [1, 2, 3]
    assert kept(records, "--min_response_chars", "2", "--max_response_chars", "4") == [2, 3, 4]


def test_tags():
    tags = (["knots"], ["rope", "knots"], ["sails"], [], None, ["knot"])
    records = [record(n, meta={"tags": each}) for n, each in enumerate(tags)]
    assert kept(records, "--tags", "knots") == [0, 1]
    assert kept(records, "--tags", "sails", "rope") == [1, 2]
    assert kept(records, "--exclude_tags", "rope", "sails") == [0, 3, 4, 5]
    assert kept(records, "--tags", "knots", "--exclude_tags", "rope") == [0]


HOSTS = ("math.stackexchange.com", "math.meta.stackexchange.com", "askubuntu.com", "meta.askubuntu.com",
         "meta.stackexchange.com", "metaphors.stackexchange.com")  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--sites", "math", "askubuntu.com"), [0, 2]),
        (("--sites", "meta.math,https://meta.askubuntu.com/questions"), [1, 3]),
        (("--sites", "meta"), [1, 3, 4]),
        (("--sites", "meta.stackexchange.com"), [4]),
        (("--sites", "math", "meta", "--exclude_sites", "askubuntu.meta"), [0, 1, 4]),
        (("--exclude_sites", "meta", "--exclude_sites", "math"), [2, 5]),
    ],
)  # fmt: skip
def test_sites_are_named_as_for_step_1(flags, ids):
    records = [record(n, meta={"site": host}) for n, host in enumerate(HOSTS)]
    assert kept(records, *flags) == ids


def test_a_name_that_is_no_site_is_refused_and_a_site_without_records_is_reported(tmp_path):
    common = ("--inputpath", "-", "--destpath", tmp_path / "o", "--min_answer_votes", "1")
    for flag in ("--sites", "--exclude_sites"):
        run = run_script(SCRIPT, *common, flag, "quay", "maht", stdin=jsonl(record()))
        assert_one_line_error(run, SCRIPT, "maht: no such site (nearest: math")
    run = run_script(SCRIPT, *common, "--sites", "quay", "cstheory", stdin=jsonl(record()))
    assert run.status == 0 and table(run.stderr) == {"records read": 1, "records kept": 1}
    assert run.stderr.endswith("\ncstheory.stackexchange.com: no record is from this site\n")


CREATED = ("2019-12-31T23:59:59.999", "2020-01-01T00:00:00.000", "2020-06-30T12:00:00.000", "2020-07-01", None, "soon")


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--created_after", "2020"), [1, 2, 3]),
        (("--created_before", "2020"), [0]),
        (("--created_after", "2020-07"), [3]),
        (("--created_after", "2020-01-01", "--created_before", "2020-06-30"), [1]),
        (("--created_after", "2020", "--created_before", "2020-07"), [1, 2]),
    ],
)
def test_dates_are_the_first_day_and_the_day_after_the_last(flags, ids):
    records = [record(n, meta={"answer_created": created}) for n, created in enumerate(CREATED)]
    assert kept(records, *flags) == ids


def test_records_without_a_date_are_counted_apart(tmp_path):
    records = [record(n, meta={"answer_created": created}) for n, created in enumerate(CREATED)]
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", "--min_answer_votes", "1",
                     "--created_after", "2020", "--created_before", "2020-07", stdin=jsonl(*records))  # fmt: skip
    assert table(run.stderr) == {
        "records read": 6,
        "dropped: created before 2020": 1,
        "dropped: created in or after 2020-07": 1,
        "dropped: no date of creation": 2,
        "records kept": 2,
    }


@pytest.mark.parametrize(
    ("after", "before", "message"),
    [
        ("2020-13", None, "created_after 2020-13: is not a date; write it as 2020, 2020-06"),
        (None, "2021-02-29", "created_before 2021-02-29: is not a date"),
        (None, "20210201", "created_before 20210201: is not a date"),
        ("2021-01-01", "2021", "created_after 2021-01-01: is not before created_before 2021"),
    ],
)
def test_impossible_dates_are_refused(after, before, message):
    with pytest.raises(InputError, match=message):
        conditions({"created_after": after, "created_before": before})


def test_impossible_dates_end_the_run_in_one_line(tmp_path):
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", "--min_answer_votes", "1",
                     "--created_after", "2021", "--created_before", "2020")  # fmt: skip
    assert_one_line_error(run, SCRIPT, "created_after 2021: is not before created_before 2020")
    assert not list(tmp_path.iterdir())


def test_both_licenses_have_to_be_among_those_given():
    pairs = [("CC BY-SA 4.0", "CC BY-SA 4.0"), ("CC BY-SA 3.0", "CC BY-SA 4.0"), ("CC BY-SA 4.0", "CC BY-SA 2.5"),
             (None, "CC BY-SA 4.0")]  # fmt: skip
    records = [record(n, meta={"question_license": q, "answer_license": a}) for n, (q, a) in enumerate(pairs)]
    assert kept(records, "--licenses", "CC BY-SA 4.0") == [0]
    assert kept(records, "--licenses", "CC BY-SA 4.0", "CC BY-SA 3.0") == [0, 1]


def test_a_flag_given_again_adds():
    records = [record(n, meta={"tags": [tag]}) for n, tag in enumerate("abc")]
    assert kept(records, "--tags", "a", "--tags", "b") == [0, 1]


def test_every_input_of_a_repeated_flag_is_read(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(jsonl(record(ord(name))))
    run = run_script(
        SCRIPT,
        "--inputpath",
        tmp_path / "a",
        "--inputpath",
        tmp_path / "b",
        "--destpath",
        "-",
        "--min_answer_votes",
        "1",
    )
    assert [json.loads(line)["meta"]["answer_id"] for line in run.stdout.splitlines()] == [97, 98]


# ----------------------------------------------------------------------------------------------------------------------
# the best answers
# ----------------------------------------------------------------------------------------------------------------------


def answers(*triples: tuple[int, int, int], site: str = "quay.stackexchange.com"):
    """(answer, question, score) as records."""
    return [record(n, question=question, score=score, meta={"site": site}) for n, question, score in triples]


def test_the_best_answers_of_each_question_are_kept():
    records = answers((1, 1, 9), (2, 1, 9), (3, 1, 5), (4, 2, 1), (5, 7, 8), (6, 7, 7), (7, 7, -2))
    assert kept(records, "--max_answers_per_question", "1") == [1, 4, 5]
    assert kept(records, "--max_answers_per_question", "2") == [1, 2, 4, 5, 6]
    assert kept(records, "--max_answers_per_question", "9") == [1, 2, 3, 4, 5, 6, 7]


def test_the_best_are_those_of_the_answers_that_meet_the_rest():
    records = answers((1, 1, 9), (2, 1, 8), (3, 1, 7))
    records[0]["meta"]["tags"] = ["motors"]
    assert kept(records, "--max_answers_per_question", "1", "--exclude_tags", "motors") == [2]


def test_the_same_question_number_at_another_site_is_another_question():
    records = answers((1, 5, 9), (2, 5, 8)) + answers((3, 1, 4), (4, 5, 3), (5, 5, 2), site="pier.stackexchange.com")
    assert kept(records, "--max_answers_per_question", "1") == [1, 3, 4]


def test_sites_that_take_turns_are_counted_apart():
    """A question that goes on after another site's must not get its N answers again."""
    here, there = answers((1, 1, 9), (2, 1, 8), (3, 2, 7)), answers((4, 1, 9), (5, 1, 8), site="pier.stackexchange.com")
    mixed = [here[0], there[0], here[1], there[1], here[2]]
    assert kept(mixed, "--max_answers_per_question", "1") == [1, 4, 3]


@pytest.mark.parametrize(
    "records", [answers((1, 2, 9), (2, 1, 9)), answers((1, 1, 8), (2, 1, 9))], ids=["question", "score"]
)
def test_records_out_of_order_are_reported(tmp_path, records):
    path = tmp_path / "in.jsonl"
    path.write_bytes(jsonl(*records))
    run = run_script(
        SCRIPT,
        "--inputpath",
        path,
        "--destpath",
        tmp_path / "o",
        "--min_answer_votes",
        "1",
        "--max_answers_per_question",
        "3",
    )
    assert_one_line_error(
        run, SCRIPT, f"{path}:2: is not in the order of get_stackexchange.py", "filter before you shuffle"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["in.jsonl"]
    assert kept(records) == [1, 2]  # without that flag any order will do


def test_sample_site_has_as_many_answers_kept_as_questions(sample_records):
    records = [json.loads(line) for line in sample_records.read_bytes().splitlines()]
    best = {}
    for each in records:
        best.setdefault(each["meta"]["question_id"], []).append(each["meta"]["answer_id"])
    run = run_script(
        SCRIPT,
        "--inputpath",
        sample_records,
        "--destpath",
        "-",
        "--min_answer_votes",
        "-99",
        "--max_answers_per_question",
        "2",
    )
    made = [json.loads(line)["meta"]["answer_id"] for line in run.stdout.splitlines()]
    assert made == [number for numbers in best.values() for number in numbers[:2]] and len(made) < len(records)


# ----------------------------------------------------------------------------------------------------------------------
# the report, and the table
# ----------------------------------------------------------------------------------------------------------------------


def test_report_adds_up_is_the_table_and_names_the_first_unmet_condition(tmp_path):
    full = {"accepted": True, "question_score": 9, "tags": ["a"], "answer_created": "2020-06-01"}
    records = [
        record(1, score=1, meta={"accepted": False, "tags": []}),  # fails all: counted where the first fails
        record(2, meta={"accepted": False, "question_score": 0}),
        record(3, meta={**full, "question_score": 0}, response=""),
        record(4, meta={**full, "tags": []}, response=""),
        record(5, meta={**full, "tags": []}, response="x" * 99),
        record(6, meta={**full, "tags": ["b"]}),
        record(7, meta={**full, "tags": ["a", "z"], "answer_license": "other"}),
        record(8, meta={**full, "answer_license": "other"}),
        record(9, meta=full),
        record(10, meta=full),
        record(11, meta={**full, "site": "cs.stackexchange.com"}),
        record(12, meta={**full, "site": "cs.meta.stackexchange.com"}),
        record(13, meta={**full, "answer_created": None}),
        record(14, meta={**full, "answer_created": "2019-06-01"}),
        record(15, meta={**full, "answer_created": "2021-06-01"}),
    ]
    destination = tmp_path / "out.jsonl"
    options = {
        "min_answer_votes": 10,
        "accepted_only": True,
        "min_question_votes": 9,
        "sites": ["quay.stackexchange.com", "meta"],
        "exclude_sites": ["cs.meta.stackexchange.com"],
        "created_after": "2020",
        "created_before": "2021",
        "max_answers_per_question": 1,
        "min_response_chars": 5,
        "max_response_chars": 60,
        "tags": ["a"],
        "exclude_tags": ["z"],
        "licenses": ["CC BY-SA 4.0"],
    }
    flags = [
        text
        for name, value in options.items()
        for text in (
            [f"--{name}"] if value is True else [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
        )
    ]
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", destination, *flags, stdin=jsonl(*records))
    assert run.status == 0, run
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    counts = report["counts"]
    assert counts["dropped"] == {
        "answer below 10 votes": 1,
        "not accepted": 1,
        "question below 9 votes": 1,
        "another site": 1,
        "an excluded site": 1,
        "no date of creation": 1,
        "created before 2020": 1,
        "created in or after 2021": 1,
        "response below 5 characters": 1,
        "response above 60 characters": 1,
        "none of the tags": 1,
        "an excluded tag": 1,
        "another license": 1,
        "beyond the 1 best answers": 1,
    }
    assert counts["read"] == len(records) == counts["kept"] + sum(counts["dropped"].values())
    assert destination.read_bytes().count(b"\n") == counts["kept"] == 1
    assert table(run.stderr) == {
        "records read": 15,
        **{f"dropped: {reason}": n for reason, n in counts["dropped"].items()},
        "records kept": 1,
    }
    assert report["options"] == {"inputpath": ["-"], "destpath": str(destination), **options}


def test_empty_input_makes_an_empty_file(tmp_path):
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "out.jsonl", "--min_answer_votes", "1")
    assert run.status == 0 and (tmp_path / "out.jsonl").read_bytes() == b""
    assert table(run.stderr) == {"records read": 0, "records kept": 0}


def test_records_of_other_sources_are_reported(tmp_path):
    path = tmp_path / "conala.jsonl"
    path.write_bytes(jsonl({**record(), "meta": {"license": "MIT"}}))
    run = run_script(SCRIPT, "--inputpath", path, "--destpath", tmp_path / "o", "--min_answer_votes", "1")
    assert_one_line_error(
        run, SCRIPT, f"{path}:1: meta.site is not a string; this step reads the files of get_stackexchange.py"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("answer_score", "10"), ("answer_score", 10.5), ("answer_score", True), ("answer_score", None),
        ("answer_score", 1 << 70),
        ("question_score", []), ("question_id", "7"), ("site", 7), ("accepted", "false"), ("accepted", 1),
        ("tags", "knots"), ("tags", 5), ("tags", {"knots": 1}), ("question_license", ["CC BY-SA 4.0"]),
        ("answer_license", 4), ("answer_created", 2020),
    ],
)  # fmt: skip
def test_field_of_another_type_is_reported(tmp_path, field, value):
    """Each once was taken for something else, or ended in a traceback."""
    run = run_script(
        SCRIPT,
        "--inputpath",
        "-",
        "--destpath",
        tmp_path / "o",
        "--min_answer_votes",
        "1",
        "--tags",
        "k",
        "--licenses",
        "CC",
        stdin=jsonl(record(1), record(2, meta={field: value})),
    )
    assert_one_line_error(run, SCRIPT, f"stdin:2: meta.{field} is not ")


def test_tags_that_are_no_text_match_nothing():
    assert kept([record(1, meta={"tags": [["knots"], None, {"a": 1}]})], "--tags", "knots") == []
