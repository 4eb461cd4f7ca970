"""Step 3b, as a user runs it: accepted records are kept, and mistakes are reported with their lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.agreement import Agreement, Review, joint_agreement
from review.judgements import Judgement, digest_of
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "filter_by_human.py"
SITE = "quay.stackexchange.com/a"
RECORDS = [record(number) for number in range(1, 6)]


def judge(tmp_path, judgements: str | bytes, *args: str, records=RECORDS):
    path = tmp_path / "judgements.yaml"
    path.write_bytes(judgements if isinstance(judgements, bytes) else judgements.encode())
    flags = ["--inputpath", "-", "--destpath", tmp_path / "out.jsonl", "--judgement_file", path]
    return run_script(SCRIPT, *flags, *args, stdin=jsonl(*records))


def kept(tmp_path) -> list[int]:
    return [json.loads(line)["meta"]["answer_id"] for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]


def test_accepted_records_are_kept_in_the_order_of_the_data(tmp_path):
    judgements = (
        f"'{SITE}/5': accept\n{SITE}/2: {{judgement: reject, criteria: [4]}}\n{SITE}/1: {{judgement: accept}}\n"
    )
    run = judge(tmp_path, judgements)
    assert run.status == 0 and kept(tmp_path) == [1, 5]
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert counts == {
        "judgements": 3,
        "ids_not_in_the_data": 0,
        "ids_in_dispute": 0,
        "disputes_resolved": 0,
        "accepted": 2,
        "corrected": 0,
        "corrected_in_two_ways": 0,
        "rejected": 1,
        "to_be_judged_later": 0,
        "not_judged": 2,
        "read": 5,
        "dropped": {"not judged": 2, "rejected": 1},
        "kept": 2,
    }
    assert table(run.stderr) == {
        "records read": 5,
        "dropped: not judged": 2,
        "dropped: rejected": 1,
        "records kept": 2,
    }


def test_records_without_a_judgement_are_kept_on_request(tmp_path):
    run = judge(tmp_path, f"{SITE}/2: reject\n{SITE}/4: accept\n", "--keep_unjudged")
    assert run.status == 0 and kept(tmp_path) == [1, 3, 4, 5]
    assert table(run.stderr) == {
        "records read": 5,
        "dropped: rejected": 1,
        "records kept": 4,
        "accepted": 1,
        "not judged": 3,
    }


def test_empty_judgement_file_keeps_nothing(tmp_path):
    assert judge(tmp_path, "# nothing yet\n").status == 0
    assert kept(tmp_path) == []


def test_ids_that_are_not_in_the_data_are_reported_with_their_lines(tmp_path):
    run = judge(tmp_path, f"# head\n{SITE}/1: accept\n{SITE}/77: accept\n\n{SITE}/78: reject\n")
    path = tmp_path / "judgements.yaml"
    assert run.status == 0 and kept(tmp_path) == [1]
    assert run.stderr.splitlines()[:3] == [
        "2 of 3 judgements match no record:",
        f"{path}:3: {SITE}/77 is not in the data",
        f"{path}:5: {SITE}/78 is not in the data",
    ]
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["judgements"], counts["ids_not_in_the_data"]) == (3, 2)


def test_many_ids_that_are_not_in_the_data_are_counted(tmp_path):
    run = judge(tmp_path, "".join(f"{SITE}/{number}: accept\n" for number in range(5, 2005)))
    lines = run.stderr.splitlines()
    assert run.status == 0 and kept(tmp_path) == [5]
    assert lines[0] == "1,999 of 2,000 judgements match no record, first:"
    path = tmp_path / "judgements.yaml"
    told = [line for line in lines if line.endswith(" is not in the data")]
    assert told == lines[1:6] == [f"{path}:{n}: {SITE}/{n + 4} is not in the data" for n in range(2, 7)]


@pytest.mark.parametrize("more", [[], ["--keep_unjudged"]])
def test_judgements_of_which_none_matches_are_an_error(tmp_path, more):
    (tmp_path / "out.jsonl").write_bytes(jsonl(*RECORDS))
    run = judge(tmp_path, f"# head\nother.example.com/a/1: accept\n{SITE}/77: reject\n", *more)
    place = f"{tmp_path / 'judgements.yaml'}:2: "
    assert_one_line_error(run, SCRIPT, place, "no judgement matches a record of -", "2 in all")
    assert (tmp_path / "out.jsonl").read_bytes() == jsonl(*RECORDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judgements.yaml", "out.jsonl"]


def test_records_are_named_by_id_or_by_address(tmp_path):
    judgements = (
        f"https://{SITE}/1: accept\nhttps://quay.stackexchange.com/questions/1/why-not/2#2: accept\n"
        f"https://quay.stackexchange.com/q/3: accept\n{SITE}/4: accept\n"
    )
    records = [*RECORDS[:3], record(4, id=f"https://{SITE}/4")]
    run = judge(tmp_path, judgements, records=records)
    assert run.status == 0 and kept(tmp_path) == [1, 2, 4]
    assert ":3: https://quay.stackexchange.com/q/3 is not in the data" in run.stderr


def test_ids_must_be_equal(tmp_path):
    run = judge(tmp_path, f"{SITE}/1: accept\n{SITE}/10: accept\n{SITE.upper()}/2: accept\n")
    assert kept(tmp_path) == [1] and run.stderr.count("is not in the data") == 2


def test_strange_ids_are_found(tmp_path):
    ids = ["with: colon", "# comment", "grüße 🚤", "it's", 'say "x"', "- dash", "17", " blank ", "a\nb"]
    records = [record(number, id=record_id) for number, record_id in enumerate(ids)]
    keys = [json.dumps(record_id, ensure_ascii=False) for record_id in ids]
    run = judge(tmp_path, "".join(f"{key}: accept\n" for key in keys), records=records)
    assert run.status == 0 and kept(tmp_path) == list(range(len(ids)))
    assert "is not in the data" not in run.stderr


# ----------------------------------------------------------------------------------------------------------------------
# several reviewers
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def second(tmp_path):
    """Another reviewer's file: agrees on 1 and 2, differs on 3 and 4, and has 5 and an id that is not in the data."""
    path = tmp_path / "second.yaml"
    path.write_text(
        f"{SITE}/1: accept\n{SITE}/2: reject\n{SITE}/3: {{judgement: reject, criteria: [2, 6]}}\n"
        f"{SITE}/4: accept\n{SITE}/5: accept\n{SITE}/9: accept\n"
    )
    return path


FIRST = f"# first\n{SITE}/1: accept\n{SITE}/2: reject\n{SITE}/3: accept\n{SITE}/4: {{judgement: reject, criteria: 4}}\n"


@pytest.mark.parametrize("second_first", [False, True])
def test_with_several_files_one_reject_leaves_a_record_out_and_one_accept_is_enough(tmp_path, second, second_first):
    first = tmp_path / "judgements.yaml"
    run = judge(tmp_path, FIRST, "--judgement_file", str(second))
    if second_first:
        args = ["--destpath", tmp_path / "out.jsonl", "--judgement_file", second, first]
        run = run_script(SCRIPT, "--inputpath", "-", *args, stdin=jsonl(*RECORDS))
    assert run.status == 0 and kept(tmp_path) == [1, 5]
    lines = run.stderr.splitlines()
    assert lines[:2] == ["1 of 10 judgements match no record:", f"{second}:6: {SITE}/9 is not in the data"]
    reviews = [f"accept ({first}:4)", f"reject 2 6 ({second}:3)"], [f"reject 4 ({first}:5)", f"accept ({second}:4)"]
    for line, record_id, pair in zip(lines[2:4], (f"{SITE}/3", f"{SITE}/4"), reviews, strict=True):
        assert line == f"{record_id} is rejected: {', '.join(pair[::-1] if second_first else pair)}"
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["judgements"], counts["ids_in_dispute"], counts["ids_not_in_the_data"]) == (10, 2, 1)
    assert (counts["accepted"], counts["rejected"], counts["not_judged"]) == (2, 3, 0)


def test_agreement_is_reported_and_does_not_affect_the_output(tmp_path, second):
    run = judge(tmp_path, FIRST, "--agreement", str(second))
    first = tmp_path / "judgements.yaml"
    assert run.status == 0 and kept(tmp_path) == [1, 3]
    assert run.stderr.partition("agreement of ")[2].splitlines() == [
        f"{first} and {second}",
        "  judged by both              4",
        "    both accept               1",
        "    both reject               1",
        "    only the first accepts    1",
        "    only the second accepts   1",
        "  judged by the first alone   0",
        "  judged by the second alone  2",
        "Cohen's kappa 0.00: they agree on 50%, and would on 50% by chance",
        f"  {SITE}/3: accept ({first}:4), reject 2 6 ({second}:3)",
        f"  {SITE}/4: reject 4 ({first}:5), accept ({second}:4)",
    ]
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    assert report["agreement"] == {
        "both_accept": 1,
        "only_first_accepts": 1,
        "only_second_accepts": 1,
        "both_reject": 1,
        "observed": 0.5,
        "expected": 0.5,
        "kappa": 0.0,
    }


@pytest.mark.parametrize(
    ("judgements", "why"),
    [
        ("", "no record is judged by both"),
        (f"{SITE}/1: accept\n{SITE}/5: accept\n", "both accept all, or both reject all"),
    ],
)
def test_undefined_kappa_is_explained(tmp_path, second, judgements, why):
    run = judge(tmp_path, judgements, "--agreement", str(second))
    assert run.status == 0 and run.stderr.splitlines()[-1] == f"Cohen's kappa is not defined: {why}"
    assert json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["agreement"]["kappa"] is None


def test_agreement_compares_two_files_or_more(tmp_path, second):
    run = judge(tmp_path, FIRST, "--agreement")
    assert run.status == 2 and "--agreement compares two or more files" in run.stderr
    assert_one_line_error(
        judge(tmp_path, FIRST, "--agreement", str(tmp_path / "gone.yaml")), SCRIPT, "gone.yaml: no such file"
    )


@pytest.mark.parametrize("flag", ["--judgement_file", "--resolved", "--agreement"])
def test_a_judgement_file_is_given_once_under_whatever_name(tmp_path, second, flag):
    (tmp_path / "link.yaml").symlink_to(second)
    for name in (second, tmp_path / "." / ".." / tmp_path.name / second.name, tmp_path / "link.yaml"):
        run = judge(tmp_path, FIRST, "--judgement_file", str(second), flag, str(name))
        other = f" (as {second})" if name != second else ""
        assert_one_line_error(run, SCRIPT, f"{name}: is given twice{other}; give each judgement file once")
        assert not (tmp_path / "out.jsonl").exists()


def test_judgements_are_not_read_from_stdin(tmp_path):
    run = judge(tmp_path, FIRST, "--judgement_file", "-")
    assert_one_line_error(run, SCRIPT, "-: judgements are not read from stdin; give the name of a judgement file")


@pytest.fixture
def third(tmp_path):
    """A third reviewer's file: accepts 1 and 3, rejects 2, and has not judged 4."""
    path = tmp_path / "third.yaml"
    path.write_text(f"{SITE}/1: accept\n{SITE}/2: {{judgement: reject, criteria: [6]}}\n{SITE}/3: accept\n")
    return path


# of 11 judgements of records with several, 6 accept and 5 reject, so two differ in 2 * 6 * 5 / (11 * 10) = 55% by
# chance; in the two disputes, 3 and 4, they differ by 2 * 2 * 1 / 2 + 2 * 1 * 1 / 1 = 4 of 11, which is 36%
THREE = [
    "  judged by two or more  4",
    "    all accept           1",
    "    all reject           1",
    "    in dispute           2",
    "  judged by one alone    2",
    "Krippendorff's alpha 0.33: two judgements of a record differ in 36%, and would in 55% by chance",
]


def test_agreement_of_three_reviewers_is_reported_and_only_judgement_files_decide(tmp_path, second, third):
    run = judge(tmp_path, FIRST, "--agreement", str(second), str(third))
    first = tmp_path / "judgements.yaml"
    assert run.status == 0 and kept(tmp_path) == [1, 3]
    assert run.stderr.partition("agreement of ")[2].splitlines() == [
        f"{first}, {second} and {third}",
        *THREE,
        f"  {SITE}/3: accept ({first}:4), reject 2 6 ({second}:3), accept ({third}:3)",
        f"  {SITE}/4: reject 4 ({first}:5), accept ({second}:4)",
    ]
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["agreement"]
    assert report.pop("alpha") == pytest.approx(1 - (4 / 11) / (60 / 110)) and report == {
        "judged_by_several": 4,
        "all_accept": 1,
        "all_reject": 1,
        "in_dispute": 2,
        "judged_by_one": 2,
        "observed": 4 / 11,
        "expected": 60 / 110,
    }


def test_three_judgement_files_decide_together_and_every_dispute_is_told_once(tmp_path, second, third):
    run = judge(tmp_path, FIRST, "--judgement_file", str(second), str(third), "--agreement")
    first = tmp_path / "judgements.yaml"
    assert run.status == 0 and kept(tmp_path) == [1, 5]
    lines = run.stderr.splitlines()
    assert f"{SITE}/3 is rejected: accept ({first}:4), reject 2 6 ({second}:3), accept ({third}:3)" in lines
    assert f"{SITE}/4 is rejected: reject 4 ({first}:5), accept ({second}:4)" in lines
    assert lines[-6:] == THREE
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["judgements"], counts["ids_in_dispute"], counts["ids_not_in_the_data"]) == (13, 2, 1)


@pytest.mark.parametrize(
    ("third", "why"), [("", "no record is judged by two or more"), ("accept", "all accept, or all reject")]
)
def test_undefined_alpha_is_explained(tmp_path, third, why):
    paths = [tmp_path / f"{number}.yaml" for number in (2, 3)]
    paths[0].write_text(f"{SITE}/2: accept\n")
    paths[1].write_text(f"{SITE}/2: {third}\n" if third else "# nothing yet\n")
    run = judge(tmp_path, f"{SITE}/1: accept\n", "--agreement", *map(str, paths))
    assert run.status == 0 and run.stderr.splitlines()[-1] == f"Krippendorff's alpha is not defined: {why}"


def test_what_resolves_a_dispute_decides_alone_and_the_rest_stays_rejected(tmp_path, second):
    """Of the disputes about 3 and 4, 3 is resolved by a person; later and a model's word resolve nothing."""
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(
        f"{SITE}/3: accept\n{SITE}/4: {{judgement: accept, model: m}}\n{SITE}/1: later\n{SITE}/5: reject\n"
    )
    run = judge(tmp_path, FIRST, "--judgement_file", str(second), "--resolved", str(resolved))
    first = tmp_path / "judgements.yaml"
    assert run.status == 0 and kept(tmp_path) == [1, 3]
    assert run.stderr.splitlines()[2:5] == [
        f"{SITE}/4 is rejected: reject 4 ({first}:5), accept ({second}:4)",
        f"{resolved} decides 1 of 2 records in dispute",
        "1 in dispute: Viewer(.., disputes=[..]) shows them, --resolved decides",
    ]
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["judgements"], counts["ids_in_dispute"], counts["disputes_resolved"]) == (14, 2, 1)


def test_a_correction_that_a_decision_leaves_out_is_reported(tmp_path):
    digest = digest_of(RECORDS[0]["response"])
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(f"{SITE}/1: accept\n")
    corrected = f"{SITE}/1: {{judgement: accept, correction: Better., corrects: {digest}}}\n"
    run = judge(tmp_path, corrected, "--resolved", str(resolved))
    assert f"{resolved} accepts 1 answer as it was, which others corrected: {SITE}/1" in run.stderr
    [line] = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert json.loads(line)["response"] == RECORDS[0]["response"]


def test_a_model_s_word_on_a_dispute_counts_where_nobody_else_has_judged(tmp_path, second):
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(f"{SITE}/5: {{judgement: accept, model: m}}\n{SITE}/2: later\n")
    run = judge(tmp_path, f"{SITE}/1: accept\n", "--resolved", str(resolved), "--keep_unjudged")
    assert run.status == 0 and kept(tmp_path) == [1, 3, 4, 5]
    assert table(run.stderr)["dropped: to be judged later"] == 1


def test_every_dispute_is_told(tmp_path, second):
    second.write_text("".join(f"{SITE}/{number}: reject\n" for number in range(1, 51)))
    first = "".join(f"{SITE}/{number}: accept\n" for number in range(1, 51))
    run = judge(tmp_path, first, "--judgement_file", str(second), records=[record(number) for number in range(1, 51)])
    assert run.stderr.count(" is rejected: accept (") == 50


# ----------------------------------------------------------------------------------------------------------------------
# later, and corrections
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--keep_unjudged"]])
def test_records_to_be_judged_later_are_left_out_and_counted(tmp_path, more):
    run = judge(tmp_path, f"{SITE}/1: accept\n{SITE}/2: {{judgement: later, note: ask Ben}}\n{SITE}/3: later\n", *more)
    assert run.status == 0 and kept(tmp_path) == ([1, 4, 5] if more else [1])
    assert table(run.stderr)["dropped: to be judged later"] == 2
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["judgements"], counts["to_be_judged_later"], counts["rejected"]) == (3, 2, 0)


def test_later_leaves_it_to_other_persons_but_not_to_a_model(tmp_path, second):
    second.write_text(
        f"{SITE}/1: accept\n{SITE}/2: reject\n{SITE}/3: {{judgement: accept, model: m}}\n{SITE}/4: later\n"
    )
    run = judge(tmp_path, "".join(f"{SITE}/{n}: later\n" for n in range(1, 5)), "--judgement_file", str(second))
    assert run.status == 0 and kept(tmp_path) == [1] and "is rejected" not in run.stderr
    assert table(run.stderr)["dropped: to be judged later"] == 2 and table(run.stderr)["dropped: rejected"] == 1


def test_later_does_not_count_for_agreement(tmp_path, second):
    second.write_text(f"{SITE}/1: accept\n{SITE}/2: later\n{SITE}/3: reject\n{SITE}/4: accept\n")
    first = f"{SITE}/1: accept\n{SITE}/2: accept\n{SITE}/3: reject\n{SITE}/4: later\n{SITE}/5: later\n"
    run = judge(tmp_path, first, "--agreement", str(second))
    counts = table(run.stderr.partition("agreement of ")[2])
    assert counts["judged by both"] == 2 and counts["judged by the first alone"] == 1
    assert counts["judged by the second alone"] == 1 and "Cohen's kappa 1.00" in run.stderr
    assert joint_agreement([[Review("f", Judgement(word)) for word in (None, True, None)]]).judged_by_one == 1


def correction(number: int, text: str, answer: str | None = None) -> str:
    """An entry that accepts an answer with a correction, by default of the answer as it is in RECORDS."""
    digest = digest_of(RECORDS[number - 1]["response"] if answer is None else answer)
    return f"{SITE}/{number}:\n  judgement: accept\n  correction: |-\n    {text}\n  corrects: {digest}\n"


def written(tmp_path) -> dict[int, dict]:
    records = map(json.loads, (tmp_path / "out.jsonl").read_bytes().splitlines())
    return {each["meta"]["answer_id"]: each for each in records}


def test_a_corrected_answer_is_written_and_marked(tmp_path):
    records = [*RECORDS[:1], record(2, meta={"findings": [{"start": 0}], "big": 2**70}), *RECORDS[2:]]
    run = judge(tmp_path, f"{SITE}/1: accept\n{correction(2, 'Zwei *ü*.')}", records=records)
    made = written(tmp_path)
    assert run.status == 0 and (tmp_path / "out.jsonl").read_bytes().startswith(jsonl(RECORDS[0]))
    meta = {name: value for name, value in records[1]["meta"].items() if name != "findings"}  # of the answer before
    assert made[2] == {**records[1], "response": "Zwei *ü*.", "meta": {**meta, "corrected_by": "judgements"}}
    assert "1 of the records kept have a corrected answer" in run.stderr
    assert json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]["corrected"] == 1

    again = run_script(
        *(SCRIPT, "--inputpath", tmp_path / "out.jsonl", "--destpath", tmp_path / "again.jsonl"),
        *("--judgement_file", tmp_path / "judgements.yaml"),
    )
    assert again.status == 0
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_a_correction_is_not_put_in_place_of_another_answer(tmp_path):
    by_hand = f"{SITE}/4: {{judgement: accept, correction: x}}\n"
    run = judge(tmp_path, f"{SITE}/1: accept\n{correction(2, 'Two.', 'as it was')}{correction(3, 'Three.')}{by_hand}")
    assert run.status == 0 and {number: each["response"] for number, each in written(tmp_path).items()} == {
        1: RECORDS[0]["response"],
        3: "Three.",
    }
    path, (two, four) = tmp_path / "judgements.yaml", (digest_of(RECORDS[n]["response"]) for n in (1, 3))
    advice = "if it fits the answer in the data, write `corrects: {}`"
    assert f"{path}:2: the correction is of another text than the answer; {advice.format(two)}\n" in run.stderr
    assert f"{path}:12: the correction does not say of what; {advice.format(four)}\n" in run.stderr
    assert table(run.stderr)["dropped: the correction is of another text"] == 2
    path.write_text(path.read_text().replace("correction: x", f"correction: x, corrects: {four}"))  # as it was told
    run_script(
        SCRIPT,
        "--inputpath",
        "-",
        "--destpath",
        tmp_path / "out.jsonl",
        "--judgement_file",
        path,
        stdin=jsonl(*RECORDS),
    )
    assert written(tmp_path)[4]["response"] == "x"


def test_corrections_of_several_reviewers(tmp_path, second):
    second.write_text(
        f"{correction(1, 'One.')}{correction(2, 'Two.')}{correction(3, 'Three!')}{SITE}/4: reject\n{SITE}/5: accept\n"
    )
    first = (
        f"{SITE}/1: accept\n{correction(2, 'Two.')}{correction(3, 'Three.')}{correction(4, 'x')}{correction(5, 'y')}"
    )
    run = judge(tmp_path, first, "--judgement_file", str(second))
    made = {number: (each["response"], each["meta"]["corrected_by"]) for number, each in written(tmp_path).items()}
    assert made == {1: ("One.", "second"), 2: ("Two.", "judgements"), 5: ("y", "judgements")}
    first = tmp_path / "judgements.yaml"
    both = f"accept with a correction ({first}:7), accept with a correction ({second}:11)"
    assert run.stderr.splitlines()[:3] == [
        f"{SITE}/3 is left out, corrected in two ways: {both}",
        f"{SITE}/4 is rejected: accept with a correction ({first}:12), reject ({second}:16)",
        "2 in dispute: Viewer(.., disputes=[..]) shows them, --resolved decides",
    ]
    assert table(run.stderr)["dropped: corrected in two ways"] == table(run.stderr)["dropped: rejected"] == 1
    counts = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())["counts"]
    assert (counts["ids_in_dispute"], counts["accepted"], counts["corrected_in_two_ways"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("decision", "written_as"), [("accept", RECORDS[2]["response"]), ("correction", "Both."), ("reject", None)]
)
def test_two_corrections_of_an_answer_are_a_dispute_that_a_third_file_decides(tmp_path, second, decision, written_as):
    second.write_text(correction(3, "Three!", "another text"))
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(correction(3, "Both.") if decision == "correction" else f"{SITE}/3: {decision}\n")
    run = judge(tmp_path, correction(3, "Three."), "--judgement_file", str(second), "--resolved", str(resolved))
    assert f"{resolved} decides 1 of 1 records in dispute" in run.stderr and "is left out" not in run.stderr
    assert [each["response"] for each in written(tmp_path).values()] == ([written_as] if written_as else [])
    ignored = f"{resolved} accepts 1 answer as it was, which others corrected: {SITE}/3"
    assert (ignored in run.stderr) == (decision == "accept")


def test_a_model_is_in_dispute_with_nobody(tmp_path, second):
    """Neither with a person, who decides, nor with another model; --agreement shows where they differ."""
    second.write_text(
        f"{SITE}/1: {{judgement: reject, model: m}}\n{SITE}/2: {{judgement: accept, model: m}}\n"
        f"{SITE}/3: {{judgement: accept, model: m, correction: x}}\n"
    )
    first = f"{SITE}/1: accept\n{SITE}/2: {{judgement: reject, model: n}}\n{correction(3, 'Three.')}"
    run = judge(tmp_path, first, "--judgement_file", str(second))
    assert kept(tmp_path) == [1, 3] and written(tmp_path)[3]["response"] == "Three."
    assert " in dispute" not in run.stderr and table(run.stderr)["dropped: rejected"] == 1
    run = judge(tmp_path, first, "--judgement_file", str(second), "--agreement")
    assert f"  {SITE}/1: accept ({tmp_path / 'judgements.yaml'}:1), reject ({second}:1)\n" in run.stderr


def reviews(rows: list[str]):
    """The reviews of each record; a row has a reviewer's judgements of all records: 1, 0, or - for none."""
    return [
        [Review("f", Judgement(value == "1")) for value in of_record if value != "-"]
        for of_record in zip(*rows, strict=True)
    ]


# The first is the example of binary data in Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, part A.
# In the others all agree, or two reviewers differ on both records: 1 - (4 / 4) / (2 * 2 * 2 / (4 * 3)).
@pytest.mark.parametrize(
    ("rows", "alpha"),
    [
        (["0100000010", "1110010000"], 0.095),
        (["1010", "1010", "1010"], 1.0),
        (["10", "01"], -0.5),
        (["1100", "1-00", "11--", "----"], 1.0),
    ],
)
def test_alpha_is_krippendorff_s(rows, alpha):
    assert joint_agreement(reviews(rows)).alpha == pytest.approx(alpha, abs=5e-4)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_alpha_of_two_reviewers_is_scott_s_pi_corrected_for_the_number_of_judgements(pairs):
    """Krippendorff 2011: of two reviewers without gaps, 1 - alpha is (1 - pi) * (n - 1) / n, n being 2 a record."""
    joint = joint_agreement([[Review("f", Judgement(word)) for word in pair] for pair in pairs])
    share = sum(map(sum, pairs)) / (2 * len(pairs))
    by_chance = share**2 + (1 - share) ** 2
    if joint.alpha is None:
        assert by_chance == 1
    else:
        pi = (sum(one == other for one, other in pairs) / len(pairs) - by_chance) / (1 - by_chance)
        n = 2 * len(pairs)
        assert 1 - joint.alpha == pytest.approx((1 - pi) * (n - 1) / n)


# the first and the fourth are the examples of Wikipedia's page "Cohen's kappa"; the others follow from the formula
@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),
        ((25, 0, 0, 25), 1.0),
        ((0, 25, 25, 0), -1.0),
        ((45, 15, 25, 15), 0.1304),
        ((9, 1, 0, 0), 0.0),
    ],
)
def test_kappa_is_cohen_s(counts, kappa):
    assert Agreement(*counts).kappa == pytest.approx(kappa, abs=5e-5)


# ----------------------------------------------------------------------------------------------------------------------
# mistakes
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judgements", "line", "message"),
    [
        (f"{SITE}/1: accept\n{SITE}/1: accept\n", 2, f"{SITE}/1 is judged twice, first in line 1"),
        (f"{SITE}/1: yes\n", 1, "the judgement is 'yes'; write accept, reject or later"),
        (f"{SITE}/1:\n\taccept\n", 2, "is not YAML"),
        (f"- {SITE}/1\n", 1, "is not a mapping"),
        (f"{SITE}/1: {{[a]: b}}\n", 1, "is not a field"),
        (f"{SITE}/1: {{judgement: reject, criteria: [{'9' * 5000}]}}\n", 1, "criteria must be numbers from 1 to 7"),
        (b"# caf\xe9\n", 1, "is not YAML"),
        ("a: " + "[" * 5_000, 1, "write one `<id>: accept`"),
    ],
)  # fmt: skip
def test_mistake_in_the_judgement_file_is_reported_in_one_line(tmp_path, judgements, line, message):
    (tmp_path / "out.jsonl").write_bytes(jsonl(*RECORDS))
    assert_one_line_error(judge(tmp_path, judgements), SCRIPT, f"{tmp_path / 'judgements.yaml'}:{line}: ", message)
    assert (tmp_path / "out.jsonl").read_bytes() == jsonl(*RECORDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judgements.yaml", "out.jsonl"]


def test_all_mistakes_of_all_judgement_files_are_told_in_a_line_each(tmp_path, second):
    second.write_text(f"{SITE}/1:accept\n")
    third = tmp_path / "third.yaml"
    third.write_text("<<<<<<< HEAD\n")
    run = judge(
        tmp_path, f"{SITE}/1 accept\n{SITE}/2: acept\n", "--judgement_file", str(second), "--agreement", str(third)
    )
    places = [f"{tmp_path / 'judgements.yaml'}:1", f"{tmp_path / 'judgements.yaml'}:2", f"{second}:1", f"{third}:1"]
    assert run.status == 1 and len(run.stderr.splitlines()) == 4
    for line, place in zip(run.stderr.splitlines(), places, strict=True):
        assert line.startswith(f"{SCRIPT}: error: {place}: ")
    assert not (tmp_path / "out.jsonl").exists()


def test_records_in_the_place_of_judgements_are_one_mistake(tmp_path):
    (tmp_path / "data.jsonl").write_bytes(jsonl(*RECORDS))
    run = judge(tmp_path, f"{SITE}/1: accept\n", "--judgement_file", str(tmp_path / "data.jsonl"))
    assert_one_line_error(run, SCRIPT, f"{tmp_path / 'data.jsonl'}: has records in the place of judgements")
    run = judge(tmp_path, f'{{"{SITE}/1": accept}}\n')
    assert run.status == 0 and kept(tmp_path) == [1]


def test_missing_judgement_file_is_reported(tmp_path):
    for path, message in ((tmp_path / "gone.yaml", "no such file; judge records"), (tmp_path, "Is a directory")):
        run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", "--judgement_file", path)
        assert_one_line_error(run, SCRIPT, f"{path}: {message}")


def test_judgement_file_as_destination_is_refused(tmp_path):
    path = tmp_path / "judgements.yaml"
    path.write_text(f"{SITE}/1: accept\n")
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", path, "--judgement_file", path, stdin=jsonl(*RECORDS))
    assert_one_line_error(run, SCRIPT, f"{path}: is the input too")
    assert path.read_text() == f"{SITE}/1: accept\n"
