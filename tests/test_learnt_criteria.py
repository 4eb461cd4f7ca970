"""What filter_for_criteria.py learns of a person's judgements: thresholds from held-out ones, findings, hints."""

import json

import pytest

from review.criteria import find_problems
from review.judgements import Judgement
from review.learnt_criteria import (
    DROPPING,
    FEWEST_FOUND,
    HINT,
    SURE,
    CurvePoint,
    Judged,
    Threshold,
    curve_of,
    learn,
    lowest_threshold,
)
from tests.conftest import assert_one_line_error, jsonl, record, run_script

SCRIPT = "filter_for_criteria.py"
OTHER = "On any old {} boat it will hold."
PERSONAL = "On my own {} boat it held for us all."  # which no rule finds
COLOURS = "blue red green black white grey pink".split()


def answer(number, fails=False, **meta):
    """An invented answer to a question of its own."""
    text = (PERSONAL if fails else OTHER).format(COLOURS[number % 7])
    return record(number, question=number, response=f"{text} Take knot {number}.", meta=meta)


def judged(number, fails, judgement=None, record=None):
    return Judged(record or answer(number, fails), judgement or Judgement(not fails, (4,) if fails else ()))


JUDGED = [judged(number, number % 2 == 0) for number in range(100)]
NEW = [answer(1000, True), answer(1001), answer(1002, True), answer(1003)]


def findings(learnt, *records):
    return [
        [(each.criterion, each.reason) for each in said.findings]
        for said in learnt.predict(records, [[]] * len(records))
    ]


# ---- the model -------------------------------------------------------------------------------------------------------
def test_what_no_rule_finds_is_found_once_it_has_been_learnt():
    learnt = learn(JUDGED, [4])
    assert learnt.judged == 100 and learnt.thresholds[DROPPING, SURE].right == 50
    assert findings(learnt, *NEW) == [[(4, SURE)], [], [(4, SURE)], []]
    [said, _, _, _] = learnt.predict(NEW, [[]] * 4)
    assert (said.findings[0].start, said.findings[0].end) == (0, len(NEW[0]["response"]))


def test_judgements_that_words_do_not_predict_teach_nothing_that_drops():
    noise = [judged(n, n % 2 == 0, record=answer(n, fails=n % 3 == 0)) for n in range(100)]
    learnt = learn(noise, [4])
    assert (DROPPING, SURE) not in learnt.thresholds
    assert next(iter(learnt.describe())).startswith("4: at no threshold are there 20 findings of which 95% are right")
    assert not any((4, SURE) in found for found in findings(learnt, *NEW))


def test_answers_to_one_question_are_not_predicted_from_each_other():
    """Each of 20 questions has five answers with a word of its own that tells all; between questions nothing does."""
    rows = []
    for number in range(100):
        text = f"On any old boat it will hold, by knot{number // 5} alone."
        row = record(number, response=text, meta={"question_url": f"https://quay.example/q/{number // 5}"})
        rows.append(judged(number, number // 5 % 2 == 0, record=row))
    learnt = learn(rows, [4])
    assert (DROPPING, SURE) not in learnt.thresholds


@pytest.mark.parametrize("criterion", [1, 2, 5])
def test_of_other_criteria_there_are_hints_alone(criterion):
    rows = [judged(n, n % 2 == 0, Judgement(n % 2 != 0, (criterion,) if n % 2 == 0 else ())) for n in range(100)]
    learnt = learn(rows, [criterion])
    assert {reason for _, reason in learnt.thresholds} == {HINT}
    assert findings(learnt, *NEW) == [[(criterion, HINT)], [], [(criterion, HINT)], []]


def test_rejects_without_criteria_later_and_corrected_answers_are_not_learnt_as_what_they_may_not_be():
    odd = [Judgement(False), Judgement(None), Judgement(True, correction="x", corrects="y")] * 30
    rows = [judged(200 + n, True, judgement) for n, judgement in enumerate(odd)]
    learnt = learn(JUDGED + rows, [4])
    assert learnt.judged == 130  # the rejects are known not to be accepted
    assert learnt.thresholds[4, SURE][1:] == (50, 50)


def test_a_rule_and_a_model_do_not_find_the_same_twice():
    learnt = learn(JUDGED, [4])
    row = record(1, response=f"{PERSONAL} I am a teacher.")
    [said] = learnt.predict([row], [find_problems(row)])
    assert said.findings == []


def test_the_same_judgements_give_the_same_model():
    first, second = (learn(JUDGED, [4]) for _ in range(2))
    assert first.as_dict() == second.as_dict() and first.predict(NEW, [[]] * 4) == second.predict(NEW, [[]] * 4)


def test_the_lowest_threshold_with_the_precision_counts_equal_probabilities_together():
    scored = [(0.9, True)] * (FEWEST_FOUND - 1) + [(0.8, False)] + [(0.7, True)] * 5 + [(0.6, False)] * 20
    assert lowest_threshold(scored, 0.95) == Threshold(0.7, FEWEST_FOUND + 4, FEWEST_FOUND + 5)
    assert lowest_threshold(scored[: FEWEST_FOUND - 1], 0.5) is None
    assert lowest_threshold([(0.9, True)] * 20 + [(0.9, False)] * 20, 0.95) is None
    assert lowest_threshold([], 0.5) is None


def test_the_curve_has_what_each_threshold_keeps_as_people_type_it():
    scored = [(0.9, True), (0.819, True), (0.811, False), (0.3, False)]
    assert curve_of(scored)[0] == CurvePoint(0.0, 4, 2)
    assert CurvePoint(0.81, 3, 2) in curve_of(scored) and curve_of([]) == []


# ---- the script ------------------------------------------------------------------------------------------------------
def judgement_file(tmp_path, rows=JUDGED):
    lines = [
        f"{each.record['id']}: " + ("accept" if each.judgement.accepted else "{judgement: reject, criteria: [4]}")
        for each in rows
    ]
    path = tmp_path / "judgements.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(tmp_path, *args, rows=JUDGED):
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(each.record for each in rows), *NEW))
    paths = ("--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "out.jsonl")
    return run_script(SCRIPT, *paths, "--learn_from", judgement_file(tmp_path, rows), *args)


def kept(tmp_path):
    return [json.loads(line)["meta"]["answer_id"] for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]


def test_the_script_drops_by_what_it_learnt_and_says_that_a_model_did(tmp_path):
    done = run(tmp_path, "--drop", "4", "--dropped_path", tmp_path / "dropped.jsonl", "--workers", "2")
    assert done.status == 0, done
    assert kept(tmp_path) == [*range(100), 1001, 1003]  # what a person has judged is left to filter_by_human.py
    assert "learnt from 100 judgements" in done.stderr and "4, a model is sure: 50 of 50 right" in done.stderr
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_bytes().splitlines()]
    assert [row["reason"] for row in dropped] == ["4, a model is sure"] * 2
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    assert report["counts"]["dropped"] == {"4, a model is sure": 2} and report["learnt"]["judgements"] == 100


def test_hints_are_written_but_drop_nothing(tmp_path):
    path = judgement_file(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(each.record for each in JUDGED), *NEW))
    path.write_text(path.read_text().replace("[4]", "[1]"))
    done = run_script(
        SCRIPT, "--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "out.jsonl",
        "--drop", "1,4", "--annotate", "--learn_from", path,
    )  # fmt: skip
    assert done.status == 0, done
    rows = [json.loads(line)["meta"].get("findings", []) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert len(rows) == 104 and not any(rows[:100])
    assert [[each["reason"] for each in found] for found in rows[100:]] == [[HINT], [], [HINT], []]


def test_unlikely_records_are_dropped_at_the_threshold_that_is_chosen(tmp_path):
    done = run(tmp_path, "--keep_likely", "0.5")
    assert done.status == 0 and "--keep_likely 0." in done.stderr, done
    assert kept(tmp_path) == [*range(100), 1001, 1003]
    report = json.loads((tmp_path / "out.jsonl.report.json").read_bytes())
    assert report["counts"]["dropped"] == {"unlikely to be accepted": 2}
    assert run(tmp_path, "--keep_likely", "0").status == 0 and len(kept(tmp_path)) == 104


def test_each_threshold_is_told_once(tmp_path):
    """Without --drop many answers are unlikely, and several shares of them have the same threshold, such as 0.00."""
    assert [point.threshold for point in curve_of([(0.9, True), (0.5, True), *[(0.001, False)] * 8])] == [0.0, 0.5, 0.9]
    done = run(tmp_path, "--keep_likely", "0")
    lines = [line for line in done.stderr.splitlines() if line.startswith("  --keep_likely")]
    assert lines and len({line.split()[1] for line in lines}) == len(lines)


def test_judgements_to_learn_from_are_not_read_from_stdin(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(*NEW))
    paths = ("--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "o")
    done = run_script(SCRIPT, *paths, "--drop", "4", "--learn_from", "-", stdin=judgement_file(tmp_path).read_bytes())
    assert_one_line_error(done, SCRIPT, "-: judgements are not read from stdin; give the name of a judgement file")


def test_judged_records_may_be_in_another_file(tmp_path):
    (tmp_path / "other.jsonl").write_bytes(jsonl(*(each.record for each in JUDGED)))
    (tmp_path / "in.jsonl").write_bytes(jsonl(*NEW))
    command = ("--inputpath", "-", "--destpath", tmp_path / "out.jsonl", "--learn_from", judgement_file(tmp_path))
    done = run_script(SCRIPT, *command, "--drop", "4", "--learn_records", tmp_path / "other.jsonl", stdin=jsonl(*NEW))
    assert done.status == 0 and kept(tmp_path) == [1001, 1003], done


def test_too_few_judgements_and_those_of_other_records_are_reported(tmp_path):
    error = ("judgements.yaml with ", "in.jsonl: needs 50 judgements of the records to learn from, and has 49")
    assert_one_line_error(run(tmp_path, "--drop", "4", rows=JUDGED[:49]), SCRIPT, *error)
    same = [judged(number, False) for number in range(60)]
    assert_one_line_error(run(tmp_path, "--keep_likely", "0.5", rows=same), SCRIPT, "--keep_likely needs 10 questions")
    assert not (tmp_path / "out.jsonl").exists()


def test_why_there_is_nothing_to_learn_from_is_told(tmp_path):
    path = judgement_file(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(jsonl(*NEW))
    command = ("--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "o.jsonl", "--drop", "4")
    done = run_script(SCRIPT, *command, "--learn_from", path)
    error = f"{path}: none of its 100 judgements is of a record of {tmp_path / 'in.jsonl'}; give the judged records"
    assert_one_line_error(done, SCRIPT, error)
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(each.record for each in JUDGED)))
    path.write_text(
        path.read_text()
        .replace(": accept", ": later", 30)
        .replace(": accept", ": {judgement: accept, correction: x}")
        .replace("{judgement: reject, criteria: [4]}", "later", 1)
    )
    done = run_script(SCRIPT, *command, "--learn_from", path)
    error = "needs 50 judgements of the records to learn from, and has 49, beside 51 for later or with a correction"
    assert_one_line_error(done, SCRIPT, f"{path} with {tmp_path / 'in.jsonl'}: {error}")


def test_nothing_is_learnt_from_a_models_judgements(tmp_path):
    path = judgement_file(tmp_path)
    path.write_text(path.read_text().replace("accept", "{judgement: accept, model: m}", 51))
    command = ("--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "o.jsonl", "--drop", "4")
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(each.record for each in JUDGED)))
    text = path.read_text().replace("judgement: reject", "judgement: reject, model: m", 1)
    path.write_text(text)
    assert_one_line_error(run_script(SCRIPT, *command, "--learn_from", path), SCRIPT, "and has 49")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--drop", "4", "--keep_likely", "0.5"], "--keep_likely and --learn_records need --learn_from"),
        (["--drop", "4", "--learn_records", "a"], "--keep_likely and --learn_records need --learn_from"),
        (["--drop", "4", "--learn_from", "j.yaml"], "--learn_from reads the records twice"),
        (["--keep_likely", "1.1"], "'1.1' is not a number from 0 to 1"),
        (["--keep_likely", "nan"], "'nan' is not a number from 0 to 1"),
    ],
)
def test_wrong_arguments_are_reported_with_status_2(tmp_path, args, message):
    done = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "o", *args)
    assert done.status == 2 and message in done.stderr
