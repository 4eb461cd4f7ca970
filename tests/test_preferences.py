"""make_preferences.py: pairs of answers by their votes, pairs of HH-RLHF's replies, answers with reviewers' labels."""

import gzip
import json
import os
import re
import sys
from collections import Counter
from math import log2
from pathlib import Path

import pytest

import make_preferences
from corpora.hh_rlhf import reply_pair
from merging.formats import FILES, FOLDERS
from merging.preference_rows import ROWS
from preferences.answer_pairs import by_question
from preferences.votes import Answer, Rule, comparisons, drawn
from records.errors import InputError
from records.json_rows import SkipRow, SourceFile, SourceRow, read_rows
from records.record import RecordLine
from review.judgements import digest_of
from tests import needs
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "make_preferences.py"
FORMATS = ("messages", "text", "llama_factory")
REAL = needs.SHARED / "sources" / "hh-rlhf.harmless-base.test.jsonl.gz"
AUTHORS = {
    1: {"answer_author": "Ann", "answer_url": "https://quay.stackexchange.com/a/1"},
    2: {"answer_author": "Ben", "answer_url": "https://quay.stackexchange.com/a/2", "answer_license": "CC BY-SA 3.0"},
}


def answers(question: int, *votes: int, first: int = 1, **meta) -> list[dict]:
    """Answers to a question, one for each number of votes, in the order of step 1."""
    numbers = range(first, first + len(votes))
    made = [
        record(number, question=question, score=score, meta=meta) for number, score in zip(numbers, votes, strict=True)
    ]
    return sorted(made, key=lambda each: -each["meta"]["answer_score"])


def make(folder: Path, *args: str | Path, records: list[dict] | None = None) -> None:
    """Run the script in this process, for there are many runs; the records are in in.jsonl beside the folder."""
    if records is not None:
        path = folder.with_name("in.jsonl")
        path.write_bytes(jsonl(*records))
        args = ("--inputpath", path, *args)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [SCRIPT, "--destpath", str(folder), *map(str, args)])
        make_preferences.main()


def rows(folder: Path, name: str = "pairs", split: str = "train") -> list[dict]:
    return [json.loads(line) for line in (folder / name / f"{split}.jsonl").read_text("utf-8").split("\n") if line]


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_bytes())


def ids(row: dict) -> tuple[str, ...]:
    return tuple(row["id"].replace("quay.stackexchange.com/a/", "").split(">"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def line(fields: dict) -> RecordLine:
    return RecordLine(fields, json.dumps(fields).encode(), "in.jsonl:1")


# ----------------------------------------------------------------------------------------------------------------------
# scores and pairs
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("votes", "accepted", "score"), [
    (0, False, 0), (1, False, 1), (2, False, 2), (4, False, 2), (5, False, 3), (10, False, 3), (11, False, 4),
    (1000, False, 10), (10, True, 4), (0, True, 1), (-1, False, -1), (-50, False, -1), (-3, True, -1),
])  # fmt: skip
def test_score_is_the_rule_of_the_paper(votes, accepted, score):
    assert Rule().score(votes, accepted) == score


def test_score_is_the_nearest_whole_logarithm():
    for votes in range(5000):
        assert abs(Rule().score(votes, False) - log2(1 + votes)) <= 0.5


def test_every_number_of_the_rule_can_be_changed():
    rule = Rule(accepted_bonus=3, negative_score=-7)
    assert (rule.score(1, True), rule.score(-1, True), rule.score(1, False)) == (4, -7, 1)


def scored(*scores: int) -> list[Answer]:
    return [Answer(line(record(number)), score) for number, score in enumerate(scores)]


def test_pairs_are_those_with_the_gap_the_better_one_first():
    possible = comparisons(scored(3, 1, 1, 0), 2)
    assert [(pair.better.score, pair.worse.score) for pair in possible] == [(3, 1), (3, 1), (3, 0)]
    assert comparisons(scored(2, 2), 1) == []


def test_draw_depends_on_the_seed_and_on_nothing_else():
    possible = comparisons(scored(*range(9)), 1)
    first = drawn(possible, 10, 0)
    assert len(first) == 10 and all(pair in possible for pair in first)
    assert drawn(possible[::-1], 10, 0) == first
    assert drawn(possible, 10, 1) != first
    assert drawn(possible, 36, 0) == possible


def test_draw_keeps_gaps_as_they_are():
    """Of all pairs, and of those drawn with many seeds, the same share has each gap."""
    possible = comparisons(scored(*range(9)), 1)
    chosen = [pair for seed in range(200) for pair in drawn(possible, 10, seed)]

    def narrow(pairs):
        return sum(pair.better.score - pair.worse.score == 1 for pair in pairs) / len(pairs)

    assert abs(narrow(chosen) - narrow(possible)) < 0.05


# ----------------------------------------------------------------------------------------------------------------------
# pairs of answers
# ----------------------------------------------------------------------------------------------------------------------

TWO = answers(1, 10, 1, question_author="Quin")
TWO = [{**each, "meta": {**each["meta"], **AUTHORS[number]}} for number, each in enumerate(TWO, 1)]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """Two answers to one question, in all formats."""
    folder = tmp_path_factory.mktemp("two") / "made"
    make(folder, "--formats", *FORMATS, records=TWO)
    return folder


def test_row_holds_prompt_both_answers_and_both_scores(two):
    [row] = rows(two)
    assert row["prompt"] == [{"role": "user", "content": TWO[0]["instruction"]}]
    assert row["chosen"] == [{"role": "assistant", "content": TWO[0]["response"]}]
    assert row["rejected"] == [{"role": "assistant", "content": TWO[1]["response"]}]
    assert (row["score_chosen"], row["score_rejected"], row["source"]) == (3, 1, "stackexchange")
    assert row["id"] == "quay.stackexchange.com/a/1>quay.stackexchange.com/a/2"


def test_meta_holds_the_question_and_both_answers(two):
    meta = json.loads(rows(two)[0]["meta"])
    assert (meta["site"], meta["question_id"], meta["question_author"]) == ("quay.stackexchange.com", 1, "Quin")
    assert (meta["chosen_id"], meta["chosen_score"], meta["chosen_author"]) == (1, 10, "Ann")
    assert (meta["rejected_id"], meta["rejected_score"], meta["rejected_author"]) == (2, 1, "Ben")
    assert not [name for name in meta if name.startswith("answer_")]


def test_other_formats_say_the_same(two):
    [text], [factory] = rows(two, "pairs_text"), rows(two, "pairs_llama_factory")
    assert text["prompt"] == f"{TWO[0]['instruction']}\n\nAnswer:\n"
    assert (text["chosen"], text["rejected"]) == (TWO[0]["response"], TWO[1]["response"])
    assert factory["messages"] == [{"role": "user", "content": TWO[0]["instruction"]}]
    assert factory["chosen"] == {"role": "assistant", "content": TWO[0]["response"]}
    assert factory["rejected"] == {"role": "assistant", "content": TWO[1]["response"]}
    [(name, entry)] = json.loads((two / "dataset_info.json").read_bytes()).items()
    assert (name, entry["ranking"]) == ("pairs_llama_factory_train", True)
    assert set(entry["columns"].values()) <= set(factory)


def test_attribution_names_both_authors_and_all_three_licences(two):
    [line] = (two / "ATTRIBUTION.jsonl").read_text("utf-8").splitlines()
    fields = json.loads(line)
    assert fields["id"] == rows(two)[0]["id"]
    assert (fields["question_author"], fields["chosen_author"], fields["rejected_author"]) == ("Quin", "Ann", "Ben")
    assert (fields["chosen_url"], fields["rejected_url"]) == tuple(AUTHORS[number]["answer_url"] for number in (1, 2))
    assert (fields["chosen_license"], fields["rejected_license"]) == ("CC BY-SA 4.0", "CC BY-SA 3.0")
    assert report(two)["statistics"]["stackexchange"]["licenses"] == {"CC BY-SA 4.0 + CC BY-SA 4.0 + CC BY-SA 3.0": 1}


def test_attribution_names_the_repairs_of_both_answers(tmp_path):
    given = answers(1, 9, 1)
    for each, repairs in zip(given, ({"links": 2, "edits": 1}, {"links": 1, "images": 1}), strict=True):
        each["meta"]["repairs"] = repairs
    make(tmp_path / "made", records=given)
    changes = json.loads((tmp_path / "made" / "ATTRIBUTION.jsonl").read_bytes())["changes"]
    assert [changes.count(words) for words in ("links replaced", '"EDIT:"', "images left out")] == [1, 1, 1]
    meta = json.loads(rows(tmp_path / "made")[0]["meta"])
    assert (meta["chosen_repairs"], meta["rejected_repairs"]) == tuple(each["meta"]["repairs"] for each in given)


def test_card_tells_of_pairs_and_of_the_rule(two):
    card = (two / "README.md").read_text("utf-8")
    assert "pretty_name: Preference data\nlicense: cc-by-sa-4.0\n" in card and "- preferences\n" in card
    assert "1 pairs of a better and a worse answer" in card and "round(log2(1 + votes)), plus 1 if" in card
    assert "python make_preferences.py --inputpath in.jsonl --formats messages text llama_factory\n" in card
    assert "merge_datasets" not in card


def test_card_describes_every_column_also_without_llama_factory(many):
    card = (many / "README.md").read_text("utf-8")
    assert re.findall(r"^\* `(\w+)`: ", card, re.M) == list(ROWS["pairs"][1])
    assert "dataset_info.json" not in card and "| characters of prompts | of chosen answers |" in card


def test_columns_that_llama_factory_calls_otherwise_are_described_as_what_they_are(two):
    card, croissant = ((two / name).read_text("utf-8") for name in ("README.md", "croissant.json"))
    assert "* `messages`: what the model is given" in card.partition("`pairs_llama_factory`:")[2]
    records = next(each for each in json.loads(croissant)["recordSet"] if each["name"] == "pairs_llama_factory/train")
    assert records["field"][0]["description"] == "what the model is given"


def test_special_tokens_in_any_of_the_texts_are_counted(tmp_path, capsys):
    given = answers(1, 9, 1)
    given[1]["response"] += " <|im_end|>"
    make(tmp_path / "made", records=given)
    assert report(tmp_path / "made")["special_tokens"]["records"] == {"<|im_end|>": 1}
    assert table(capsys.readouterr().err)["<|im_end|>"] == 1


def test_tokens_are_those_of_all_turns_and_the_longer_answer(tmp_path):
    (tmp_path / "helpful-base").mkdir()
    given = {
        "chosen": dialogue("a" * 400, "b" * 400, "c", "d"),
        "rejected": dialogue("a" * 400, "b" * 400, "c", "e" * 400),
    }
    (tmp_path / "helpful-base" / "train.jsonl").write_bytes(jsonl(given))
    make(tmp_path / "made", "--hh_rlhf", tmp_path / "helpful-base")
    assert 300 <= report(tmp_path / "made")["statistics"]["hh_rlhf_helpful"]["tokens"] <= 305


def test_large_integers_in_meta_stay_what_they_were(tmp_path):
    make(tmp_path / "made", records=answers(1, 9, 1, big=2**70))
    assert json.loads(rows(tmp_path / "made")[0]["meta"])["rejected_big"] == 2**70


def test_all_files_have_names_that_the_guard_of_the_folder_knows(two):
    assert {f"{name}/train.jsonl" for name in ROWS if name.startswith("pairs")} <= set(contents(two))
    assert [name for name in contents(two) if not FILES.fullmatch(name)] == []
    assert {path.name for path in two.iterdir() if path.is_dir()} <= FOLDERS


def test_at_most_ten_pairs_of_a_question_and_the_counts_add_up(tmp_path, capsys):
    given = answers(1, *range(0, 900, 100)) + answers(2, 5, first=50) + answers(3, 4, 2, first=60)
    make(tmp_path / "made", records=given)
    made = rows(tmp_path / "made")
    possible = 8 + sum(
        abs(round(log2(1 + a)) - round(log2(1 + b))) >= 1 for a in range(100, 900, 100) for b in range(100, a, 100)
    )
    assert len(made) == 10 and {json.loads(row["meta"])["question_id"] for row in made} == {1}
    counts = report(tmp_path / "made")
    assert counts["counts"] == {"read": possible, "dropped": {"beyond 10 of a question": possible - 10}, "kept": 10}
    assert counts["questions"] == {"questions": 3, "with two answers or more": 2, "with pairs": 1}
    used = {name for row in made for name in ids(row)}
    dropped = counts["answers"]["dropped"]
    assert counts["answers"]["read"] == 12 and counts["answers"]["kept"] == len(used)
    assert dropped["the only answer to its question"] == 1 and dropped["no answer with another score"] == 2
    assert dropped.get("in none of the pairs drawn", 0) == 9 - len(used)
    printed = table(capsys.readouterr().err)
    assert printed["pairs kept"] == 10 and printed["pairs/train.jsonl"] == 10 and printed["answers read"] == 12


@pytest.mark.parametrize(("flags", "expected"), [
    ((), {("1", "2"), ("1", "3"), ("2", "3")}),
    (("--min_score_gap", "3"), {("1", "3")}),
    (("--negative_score", "1"), {("1", "2"), ("1", "3")}),
    (("--accepted_bonus", "0", "--min_score_gap", "2"), {("1", "3"), ("2", "3")}),
    (("--max_pairs_per_question", "2"), 2),
], ids=["defaults", "gap", "negative", "bonus", "maximum"])  # fmt: skip
def test_flags_of_the_rule(tmp_path, flags, expected):
    """Scores 2 (accepted, one vote), 1 (one vote) and -1."""
    given = answers(1, 1, 1, -4)
    given[0]["meta"]["accepted"] = True
    make(tmp_path / "made", *flags, records=given)
    made = {ids(row) for row in rows(tmp_path / "made")}
    if isinstance(expected, int):
        assert len(made) == expected
    else:
        assert made == expected


def test_exact_duplicates_make_no_pair_and_the_better_one_stays(tmp_path):
    given = answers(1, 10, 5, 0)
    given[1]["response"] = given[0]["response"].replace(" ", "\n ")
    make(tmp_path / "made", records=given)
    assert [ids(row) for row in rows(tmp_path / "made")] == [("1", "3")]
    assert report(tmp_path / "made")["answers"]["dropped"] == {"exact duplicate of another answer": 1}


def test_the_same_pair_under_two_questions_is_written_once(tmp_path):
    again = answers(2, 10, 1, first=7)
    for first, second in zip(TWO, again, strict=True):
        second |= {"instruction": first["instruction"], "response": first["response"]}
    make(tmp_path / "made", records=TWO + again)
    assert [ids(row) for row in rows(tmp_path / "made")] == [("1", "2")]
    assert report(tmp_path / "made")["counts"] == {"read": 2, "dropped": {"exact duplicate": 1}, "kept": 1}


def test_answers_without_text_are_left_out(tmp_path):
    given = answers(1, 10, 5, 0)
    given[1]["response"] = " \n"
    make(tmp_path / "made", records=given)
    assert report(tmp_path / "made")["answers"]["dropped"] == {"no response": 1}


MANY = [each for question in range(1, 60) for each in answers(question, 20, 3, 0, first=question * 10)]
SPLIT = ("--split", "train:0.6", "validation:0.2", "test:0.2")


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "made"
    make(folder, *SPLIT, records=MANY)
    return folder


def test_a_question_is_in_one_split(many):
    questions = {
        split: {json.loads(row["meta"])["question_id"] for row in rows(many, split=split)}
        for split in ("train", "validation", "test")
    }
    assert all(questions.values()) and sum(map(len, questions.values())) == 59
    assert set().union(*questions.values()) == set(range(1, 60))


def test_a_question_is_in_the_split_in_which_a_merge_has_it(many, tmp_path):
    flags = ("--inputpath", "-", "--destpath", tmp_path / "merged", "--formats", "messages", *SPLIT)
    assert run_script("merge_datasets.py", *flags, stdin=jsonl(*MANY)).status == 0
    for split in ("train", "validation", "test"):
        merged = {json.loads(row["meta"])["question_id"] for row in rows(tmp_path / "merged", "messages", split)}
        assert merged == {json.loads(row["meta"])["question_id"] for row in rows(many, split=split)}


def test_same_seed_same_bytes_and_another_seed_another_order(many, tmp_path):
    make(tmp_path / "again", *SPLIT, records=MANY)
    assert contents(tmp_path / "again") == contents(many)
    make(tmp_path / "other", *SPLIT, "--seed", "1", records=MANY)
    first, other = rows(many), rows(tmp_path / "other")
    assert first != other and sorted(first, key=ids) == sorted(other, key=ids)


def test_several_sites_and_files_are_taken_together(tmp_path):
    other = [
        {**each, "id": each["id"].replace("quay", "pier"), "meta": {**each["meta"], "site": "pier.stackexchange.com"}}
        for each in TWO
    ]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(jsonl(*TWO)))
    (tmp_path / "b.jsonl").write_bytes(jsonl(*other))
    make(tmp_path / "made", "--inputpath", tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl")
    assert len(rows(tmp_path / "made")) == 1, "the texts are the same"
    assert report(tmp_path / "made")["questions"]["with pairs"] == 2


def test_sample_site_as_step_1_writes_it(sample_records, tmp_path):
    make(tmp_path / "made", "--inputpath", sample_records)
    by_id = {each["id"]: each for each in map(json.loads, sample_records.read_bytes().splitlines())}
    made = rows(tmp_path / "made")
    assert len(made) > 30
    for row in made:
        better, worse = (by_id[name] for name in row["id"].split(">"))
        assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == (better["response"], worse["response"])
        assert better["meta"]["question_id"] == worse["meta"]["question_id"]
        assert row["score_chosen"] > row["score_rejected"]


# ----------------------------------------------------------------------------------------------------------------------
# bad input
# ----------------------------------------------------------------------------------------------------------------------


def without(name: str, **more) -> list[dict]:
    given = answers(1, 10, 1)
    del given[1]["meta"][name]
    given[1]["meta"] |= more
    return given


@pytest.mark.parametrize(("given", "message"), [
    (without("answer_score"), "in.jsonl:2: meta.answer_score is not a whole number; pairs are made of the files"),
    (without("answer_score", answer_score=True), "in.jsonl:2: meta.answer_score is not a whole number"),
    (without("answer_score", answer_score=1.5), "in.jsonl:2: meta.answer_score is not a whole number"),
    (without("site"), "in.jsonl:2: meta.site is not a string"),
    (without("question_id"), "in.jsonl:2: meta.question_id is not a whole number"),
    (without("accepted", accepted="yes"), "in.jsonl:2: meta.accepted is not true or false"),
    (without("answer_license"), "has no licence"),
    (answers(2, 3, 1) + answers(1, 3, 1, first=5), "in.jsonl:3: question 1 of quay.stackexchange.com comes after"),
    (TWO + answers(2, 3, 1, first=5) + TWO, "in.jsonl:5: question 1 of quay.stackexchange.com comes after question 2"),
    ([TWO[0], {**TWO[1], "id": TWO[0]["id"]}], "in.jsonl:1; give each record once"),
    (answers(1, 3) + answers(2, 3), "no two answers to one question have scores that differ by 1 or more"),
    ([], "no two answers to one question have scores that differ by 1 or more"),
], ids=["no score", "true as score", "float as score", "no site", "no question", "accepted is text", "no licence",
        "not in order", "a file twice", "an id twice", "no two answers", "no records"])  # fmt: skip
def test_bad_input_is_told_and_nothing_is_written(tmp_path, given, message):
    with pytest.raises(InputError) as caught:
        make(tmp_path / "made", records=given)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_the_shell_sees_one_line_and_status_1(tmp_path):
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "made", stdin=jsonl(*without("site")))
    assert_one_line_error(run, SCRIPT, "stdin:2: meta.site is not a string")


def test_a_data_set_stays_if_the_next_one_would_be_empty(tmp_path):
    make(tmp_path / "made", records=TWO)
    before = contents(tmp_path / "made")
    with pytest.raises(InputError, match="made stays as it was"):
        make(tmp_path / "made", records=[TWO[0]])
    assert contents(tmp_path / "made") == before


def test_the_folder_of_an_earlier_run_is_replaced_and_other_files_stay(tmp_path):
    make(tmp_path / "made", "--formats", *FORMATS, records=TWO)
    (tmp_path / "made" / "mine.txt").write_text("mine")
    make(tmp_path / "made", records=TWO)
    assert (tmp_path / "made" / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "made" / "pairs_text").exists() and len(rows(tmp_path / "made")) == 1
    (tmp_path / "made" / "pairs" / "train.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"would lose pairs/train.jsonl \(changed since\)"):
        make(tmp_path / "made", records=TWO)


def test_neither_data_set_replaces_the_other_kind(two, tmp_path):
    merge = ("merge_datasets.py", "--inputpath", two.with_name("in.jsonl"), "--destpath")
    before = contents(two)
    assert_one_line_error(
        run_script(*merge, two), "merge_datasets.py", "holds a data set that make_preferences.py wrote"
    )
    assert contents(two) == before
    assert run_script(*merge, tmp_path / "merged").status == 0
    with pytest.raises(InputError, match="holds a data set that merge_datasets.py wrote; give another --destpath"):
        make(tmp_path / "merged", records=TWO)


def test_an_input_in_the_folder_is_refused(tmp_path):
    make(tmp_path / "made", records=TWO)
    path = tmp_path / "made" / "pairs" / "train.jsonl"
    with pytest.raises(InputError, match="pairs/train.jsonl: is an input and would be replaced"):
        make(tmp_path / "made", "--inputpath", path)


@pytest.mark.parametrize("args", [
    [], ["--judgement_file", "a"], ["--inputpath", "a", "--judgement_file", "a", "--hh_rlhf", "b"],
    ["--inputpath", "a", "--min_score_gap", "0"], ["--inputpath", "a", "--judgement_file", "b", "--min_score_gap", "2"],
    ["--hh_rlhf", "a", "--accepted_bonus", "2"], ["--inputpath", "a", "--hh_rlhf_splits", "test"],
    ["--inputpath", "a", "--resolved", "b"],
    ["--inputpath", "a", "--formats", "alpha"], ["--inputpath", "a", "--split", "train:0.5"],
], ids=["nothing", "no records", "labels and pairs", "gap 0", "gap of labels", "bonus of replies", "splits of answers",
        "nothing to resolve", "unknown format", "half a split"])  # fmt: skip
def test_wrong_arguments_end_with_2_and_the_usage(tmp_path, capsys, args):
    with pytest.raises(SystemExit) as caught:
        make(tmp_path / "made", *args)
    assert caught.value.code == 2 and capsys.readouterr().err.startswith("usage: ")


def test_memory_is_that_of_the_answers_to_one_question():
    """A question is given out before the next one's records are read."""
    read = []

    def records():
        for each in MANY:
            read.append(each["id"])
            yield line(each)

    for number, group in enumerate(by_question(records()), 1):
        assert len(group) == 3 and len(read) <= 3 * number + 1


# ----------------------------------------------------------------------------------------------------------------------
# HH-RLHF
# ----------------------------------------------------------------------------------------------------------------------


def dialogue(*turns: str) -> str:
    return "".join(f"\n\n{('Human', 'Assistant')[number % 2]}: {turn}" for number, turn in enumerate(turns))


def pair(chosen: str, rejected: str, part: str = "helpful-base/train") -> dict:
    return reply_pair(SourceRow({"chosen": chosen, "rejected": rejected}, 7, "train.jsonl:7"), part)


def test_pair_is_of_the_last_replies_after_the_whole_conversation():
    made = pair(
        dialogue("Hi", "Hello.", "Which\n\nknot?", "A bowline."), dialogue("Hi", "Hello.", "Which\n\nknot?", "No.")
    )
    assert (made["instruction"], made["response"], made["rejected"]) == ("Which\n\nknot?", "A bowline.", "No.")
    assert made["history"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    assert made["id"] == "hh-rlhf/helpful-base/train/7" and made["meta"]["license"] == "MIT"
    assert (made["score_chosen"], made["score_rejected"]) == (None, None)


@pytest.mark.parametrize(("part", "source"), [
    ("helpful-online/train", "hh_rlhf_helpful"), ("harmless-base/test", "hh_rlhf_harmless"),
])  # fmt: skip
def test_harmless_and_helpful_pairs_have_labels_of_their_own(part, source):
    assert pair(dialogue("a", "b"), dialogue("a", "c"), part)["source"] == source


@pytest.mark.parametrize(("chosen", "rejected", "reason"), [
    ("", "", "no dialogue"),
    (dialogue("a"), dialogue("a"), "no dialogue"),
    (dialogue("a", "b"), dialogue("x", "c"), "differ before their last replies"),
    (dialogue("a", "b", "c", "d"), dialogue("a", "c"), "differ before their last replies"),
    (dialogue("a", "b", "c"), dialogue("a", "b", "d"), "do not alternate"),
    ("\n\nHuman: a" + dialogue("b", "c"), "\n\nHuman: a" + dialogue("b", "d"), "do not alternate"),
    ("\n\nAssistant: a" + dialogue("b", "c"), "\n\nAssistant: a" + dialogue("b", "d"), "do not alternate"),
    (dialogue("a", "b"), dialogue("a", ""), "an empty turn"),
    (dialogue("a", "b"), dialogue("a", " b\n"), "the two replies are the same"),
], ids=["empty", "one turn", "another question", "another length", "human last", "human twice", "assistant first",
        "empty reply", "same reply"])  # fmt: skip
def test_rows_that_make_no_pair(chosen, rejected, reason):
    with pytest.raises(SkipRow, match=reason):
        pair(chosen, rejected)


def test_row_without_both_texts_is_bad_input():
    with pytest.raises(InputError, match='train.jsonl:7: has no text "rejected"'):
        reply_pair(SourceRow({"chosen": dialogue("a", "b")}, 7, "train.jsonl:7"), "helpful-base/train")


@needs.shared("sources/hh-rlhf.harmless-base.test.jsonl.gz")
def test_nearly_all_real_rows_make_pairs():
    reasons = Counter[str]()
    for row in read_rows(SourceFile(str(REAL))):
        try:
            made = reply_pair(row, "harmless-base/test")
            reasons["pairs"] += 1
            chosen = row.value["chosen"].rstrip()
            assert chosen.endswith(made["response"]) and made["rejected"] != made["response"]
        except SkipRow as reason:
            reasons[str(reason)] += 1
    assert reasons.total() == 2312 and reasons["pairs"] == 2299


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Files as get_hh_rlhf.py keeps them: conversations that begin the same way, and a test split."""
    folder = tmp_path_factory.mktemp("published")
    shared = [
        {
            "chosen": dialogue(f"Opening {number}", "Yes?", f"More {turn}", "good"),
            "rejected": dialogue(f"Opening {number}", "Yes?", f"More {turn}", "bad"),
        }
        for number in range(30)
        for turn in range(3)
    ]
    for part, given in {
        "helpful-base/train": [*shared, shared[0]],
        "harmless-base/train": [{"chosen": dialogue("Insult me", "No."), "rejected": dialogue("Insult me", "Fool!")}],
        "helpful-base/test": [{"chosen": dialogue("Held out", "a"), "rejected": dialogue("Held out", "b")}],
    }.items():
        path = folder / f"{part}.jsonl.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(jsonl(*given)))
    return folder


@pytest.fixture(scope="module")
def replies(published, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("replies") / "made"
    make(folder, "--hh_rlhf", published, "--formats", *FORMATS, "--split", "train:0.5", "test:0.5")
    return folder


def test_published_training_files_become_rows(replies):
    made = rows(replies) + rows(replies, split="test")
    assert len(made) == 91 and "Held out" not in json.dumps(made)
    assert report(replies)["replies"] == {"read": 92, "dropped": {}, "kept": 92}
    assert report(replies)["counts"]["dropped"] == {"exact duplicate": 1}
    assert Counter(row["source"] for row in made) == {"hh_rlhf_helpful": 90, "hh_rlhf_harmless": 1}
    [insult] = [row for row in made if row["source"] == "hh_rlhf_harmless"]
    assert [message["role"] for message in insult["prompt"]] == ["user"] and insult["score_chosen"] is None
    assert insult["chosen"] == [{"role": "assistant", "content": "No."}]


def test_conversations_that_begin_the_same_way_are_in_one_split(replies):
    begin = [{row["prompt"][0]["content"] for row in rows(replies, split=split)} for split in ("train", "test")]
    assert all(begin) and not begin[0] & begin[1]


def test_text_of_a_conversation_names_the_speakers(replies):
    [text] = [row["prompt"] for row in rows(replies, "pairs_text") + rows(replies, "pairs_text", "test")
              if "Opening 3\n" in row["prompt"] and "More 1" in row["prompt"]]  # fmt: skip
    assert text == "Human: Opening 3\n\nAssistant: Yes?\n\nHuman: More 1\n\nAnswer:\n"


def test_card_cautions_as_the_publisher_does(replies):
    card = (replies / "README.md").read_text("utf-8")
    assert "may be offensive or upsetting" in card and "**Adversarial text** (hh\\_rlhf\\_harmless)" in card
    assert "license: mit\n" in card and "round(log2" not in card
    assert not (replies / "ATTRIBUTION.jsonl").read_bytes()


def test_publishers_test_split_is_taken_if_asked_for(published, tmp_path):
    make(tmp_path / "made", "--hh_rlhf", published, "--hh_rlhf_splits", "test", "--hh_rlhf_tranches", "helpful-base")
    assert [row["prompt"][0]["content"] for row in rows(tmp_path / "made")] == ["Held out"]


def test_answers_and_replies_make_one_data_set(published, tmp_path):
    make(tmp_path / "made", "--hh_rlhf", published / "harmless-base" / "train.jsonl.gz", records=TWO)
    assert {row["source"] for row in rows(tmp_path / "made")} == {"stackexchange", "hh_rlhf_harmless"}


def test_published_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "red_team_attempts.jsonl"
    path.write_bytes(jsonl({"transcript": "x"}))
    with pytest.raises(InputError, match="attempts.jsonl: is not a part of this data set, by its name; name it as"):
        make(tmp_path / "made", "--hh_rlhf", path)


# ----------------------------------------------------------------------------------------------------------------------
# labels
# ----------------------------------------------------------------------------------------------------------------------

SITE = "quay.stackexchange.com"
FIRST = f"{SITE}/a/1: accept\n{SITE}/a/2: {{judgement: reject, criteria: [6, 4], note: links}}\n"
SECOND = f"{SITE}/a/1: accept\n{SITE}/a/2: {{judgement: reject, criteria: [5], note: a hint}}\n{SITE}/a/9: accept\n"


@pytest.fixture(scope="module")
def labels(tmp_path_factory) -> Path:
    """Three answers of which two are judged by two reviewers, in all formats."""
    folder = tmp_path_factory.mktemp("labels")
    (folder / "first.yaml").write_text(FIRST)
    (folder / "second.yaml").write_text(SECOND)
    files = ("--judgement_file", folder / "first.yaml", "--judgement_file", folder / "second.yaml")
    make(folder / "made", *files, "--formats", *FORMATS, records=answers(1, 9, 8, 7))
    return folder / "made"


def test_labelled_row_holds_the_judgement(labels):
    by_label = {row["label"]: row for row in rows(labels, "labels")}
    given = {each["id"]: each for each in answers(1, 9, 8, 7)}
    assert set(by_label) == {True, False} and len(rows(labels, "labels")) == 2
    for row in by_label.values():
        assert row["prompt"] == [{"role": "user", "content": given[row["id"]]["instruction"]}]
        assert row["completion"] == [{"role": "assistant", "content": given[row["id"]]["response"]}]
        assert json.loads(row["meta"]) == given[row["id"]]["meta"]
    assert (by_label[True]["criteria"], by_label[True]["note"]) == ([], "")
    assert (by_label[False]["criteria"], by_label[False]["note"]) == ([4, 5, 6], "links; a hint")


def test_what_resolves_a_dispute_decides_the_label_alone(tmp_path):
    for name, text in (
        ("ann", f"{SITE}/a/1: accept\n{SITE}/a/2: {{judgement: reject, note: no}}\n"),
        ("ben", f"{SITE}/a/1: reject\n{SITE}/a/2: accept\n"),
        ("resolved", f"{SITE}/a/2: {{judgement: accept, note: fine}}\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(text)
    files = ("--judgement_file", tmp_path / "ann.yaml", tmp_path / "ben.yaml", "--resolved", tmp_path / "resolved.yaml")
    make(tmp_path / "made", *files, records=answers(1, 9, 8))
    labels = {row["id"]: (row["label"], row["note"]) for row in rows(tmp_path / "made", "labels")}
    assert labels == {f"{SITE}/a/1": (False, ""), f"{SITE}/a/2": (True, "fine")}


def test_a_corrected_answer_is_labelled_as_corrected_and_later_has_no_label(tmp_path, capfd):
    given = answers(1, 9, 8, 7)
    fields = f"{{judgement: accept, correction: Corrected., corrects: {digest_of(given[0]['response'])}}}"
    stale = "{judgement: accept, correction: x, corrects: 5e1f}"
    lines = [f"{given[0]['id']}: {fields}", f"{given[1]['id']}: later", f"{given[2]['id']}: {stale}"]
    (tmp_path / "ann.yaml").write_text("\n".join(lines))
    make(tmp_path / "made", "--judgement_file", tmp_path / "ann.yaml", records=given)
    [row] = rows(tmp_path / "made", "labels")
    assert (row["label"], row["completion"][0]["content"]) == (True, "Corrected.")
    assert json.loads(row["meta"])["corrected_by"] == "ann"
    dropped = {"to be judged later": 1, "the correction is of another text": 1}
    assert report(tmp_path / "made")["counts"] == {"read": 3, "dropped": dropped, "kept": 1}
    changes = json.loads((tmp_path / "made" / "ATTRIBUTION.jsonl").read_bytes())["changes"]
    assert "the answer corrected by a reviewer" in changes
    assert f"{tmp_path / 'ann.yaml'}:3: the correction is of another text than the answer" in capfd.readouterr().err


def test_other_formats_of_labels_say_the_same(labels):
    for plain, text, factory in zip(
        *(rows(labels, f"labels{end}") for end in ("", "_text", "_llama_factory")), strict=True
    ):
        assert (text["prompt"], text["completion"]) == (
            plain["prompt"][0]["content"] + "\n\nAnswer:\n",
            plain["completion"][0]["content"],
        )
        assert factory["completion"] == plain["prompt"] + plain["completion"]
        assert plain["label"] == text["label"] == factory["label"]
    [entry] = json.loads((labels / "dataset_info.json").read_bytes()).values()
    assert entry["columns"] == {"messages": "completion", "kto_tag": "label"}


def test_labels_are_counted(labels):
    counts = report(labels)
    assert counts["labels"] == {"true": 1, "false": 1} and counts["ids_not_in_the_data"] == 1
    assert counts["counts"] == {"read": 3, "dropped": {"not judged": 1}, "kept": 2}
    assert "accepted (1) or rejected (1)" in (labels / "README.md").read_text("utf-8")


def test_judgements_of_unknown_ids_are_told(tmp_path, capsys):
    (tmp_path / "second.yaml").write_text(SECOND)
    make(tmp_path / "made", "--judgement_file", tmp_path / "second.yaml", records=answers(1, 9, 8))
    printed = capsys.readouterr().err
    assert f"second.yaml:3: {SITE}/a/9 is not in the data\n" in printed
    assert (table(printed)["true"], table(printed)["false"]) == (1, 1)


def test_a_single_reject_makes_a_label_false(tmp_path):
    (tmp_path / "a.yaml").write_text("quay.stackexchange.com/a/1: accept\n")
    (tmp_path / "b.yaml").write_text("quay.stackexchange.com/a/1: {judgement: reject, note: wrong}\n")
    make(tmp_path / "made", "--judgement_file", tmp_path / "a.yaml", tmp_path / "b.yaml", records=[record(1)])
    [row] = rows(tmp_path / "made", "labels")
    assert (row["label"], row["note"]) == (False, "wrong")


def test_judgements_of_other_records_are_an_error(tmp_path):
    (tmp_path / "a.yaml").write_text("elsewhere/a/1: accept\n")
    with pytest.raises(InputError, match="no judgement is of a record of the inputs"):
        make(tmp_path / "made", "--judgement_file", tmp_path / "a.yaml", records=[record(1)])
    assert sorted(os.listdir(tmp_path)) == ["a.yaml", "in.jsonl"]


def test_judgements_that_give_no_label_are_counted_and_the_advice_is_told(tmp_path, capfd):
    given = answers(1, 9, 8, 7)
    stale = "{judgement: accept, correction: x, corrects: 5e1f}"
    path = tmp_path / "a.yaml"
    path.write_text(f"{given[0]['id']}: later\n{given[1]['id']}: {stale}\nelsewhere/a/1: accept\n")
    with pytest.raises(InputError) as error:
        make(tmp_path / "made", "--judgement_file", path, records=given)
    reasons = "the correction is of another text: 1, to be judged later: 1"
    assert f"a.yaml: no judged record gets a label ({reasons}); {tmp_path / 'made'} stays as it was" in str(error.value)
    told = capfd.readouterr().err
    assert f"{path}:2: the correction is of another text than the answer; if it fits" in told
    assert "1 of 3 judgements match no record" in told
    path.write_text("# nothing yet\n")
    with pytest.raises(InputError, match="no record is judged yet"):
        make(tmp_path / "made", "--judgement_file", path, records=given)


def test_an_answer_that_is_corrected_in_two_ways_gets_no_label_until_a_third_file_decides(tmp_path, capfd):
    given = answers(1, 9, 8, 7)
    paths = [tmp_path / f"{name}.yaml" for name in ("ann", "ben")]
    for path in paths:
        fields = f"{{judgement: accept, correction: {path.stem}, corrects: {digest_of(given[0]['response'])}}}"
        word = "reject" if path.stem == "ben" else "accept"
        path.write_text(f"{given[0]['id']}: {fields}\n{given[1]['id']}: {word}\n{given[2]['id']}: accept\n")
    make(tmp_path / "made", "--judgement_file", *paths, records=given)
    labels = {row["id"]: row["label"] for row in rows(tmp_path / "made", "labels")}
    assert labels == {given[1]["id"]: False, given[2]["id"]: True}
    counts, told = report(tmp_path / "made"), capfd.readouterr().err
    assert (counts["ids_in_dispute"], counts["disputes_resolved"]) == (2, 0)
    assert counts["counts"]["dropped"] == {"corrected in two ways": 1}
    both = f"accept with a correction ({paths[0]}:1), accept with a correction ({paths[1]}:1)"
    assert f"{given[0]['id']} is left out, corrected in two ways: {both}\n" in told
    assert f"{given[1]['id']} is labelled false: accept ({paths[0]}:2), reject ({paths[1]}:2)\n" in told

    (tmp_path / "resolved.yaml").write_text(paths[1].read_text().splitlines()[0])
    resolving = ("--judgement_file", *paths, "--resolved", tmp_path / "resolved.yaml")
    make(tmp_path / "again", *resolving, records=given)
    completions = {row["id"]: row["completion"][0]["content"] for row in rows(tmp_path / "again", "labels")}
    assert completions[given[0]["id"]] == "ben" and report(tmp_path / "again")["disputes_resolved"] == 1


@pytest.mark.parametrize("flag", ["--judgement_file", "--resolved"])
def test_a_judgement_file_is_given_once(tmp_path, flag):
    path = tmp_path / "a.yaml"
    path.write_text(f"{SITE}/a/1: accept\n")
    with pytest.raises(InputError, match=r"a.yaml: is given twice \(as .*a.yaml\); give each judgement file once"):
        make(tmp_path / "made", "--judgement_file", path, flag, f"{tmp_path}/./a.yaml", records=[record(1)])


def test_bad_judgement_file_is_told_with_its_line(tmp_path):
    (tmp_path / "a.yaml").write_text("quay.stackexchange.com/a/1: maybe\n")
    with pytest.raises(InputError, match="a.yaml:1: the judgement is 'maybe'"):
        make(tmp_path / "made", "--judgement_file", tmp_path / "a.yaml", records=[record(1)])
