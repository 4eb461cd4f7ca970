"""What a merge refuses or leaves out so that a data set is whole: empty results, misleading splits, large numbers."""

import importlib
import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

from merging.earlier_steps import earlier_steps
from merging.splits import splits_of
from quality.special_tokens import defuse, find_special_tokens
from records.errors import InputError
from records.record import decode
from records.repair_names import CHANGES
from tests import needs
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "merge_datasets.py"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def merge(monkeypatch, tmp_path):
    """Merges records into `made`, in this process, and returns the report."""

    def run(*given: dict, more: tuple = ()) -> dict:
        (tmp_path / "in.jsonl").write_bytes(jsonl(*given))
        args = ["--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "made", *more]
        monkeypatch.setattr(sys, "argv", [SCRIPT, *map(str, args)])
        importlib.import_module("merge_datasets").main()
        return json.loads((tmp_path / "made" / "report.json").read_bytes())

    return run


# ----------------------------------------------------------------------------------------------------------------------
# nothing is left
# ----------------------------------------------------------------------------------------------------------------------


def test_a_merge_without_records_is_an_error_and_leaves_the_earlier_data_set(tmp_path):
    made = tmp_path / "made"
    assert run_script(SCRIPT, "--inputpath", "-", "--destpath", made, stdin=jsonl(record())).status == 0
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    run = run_script(SCRIPT, "--inputpath", "-", "-", "--destpath", made)
    assert_one_line_error(run, SCRIPT, f"{made}: is not written, because the inputs hold no records")
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_a_split_that_no_record_is_in_is_told(merge, tmp_path, capsys):
    merge(record(1), more=("--split", "train:0.998", "validation:0.001", "test:0.001"))
    assert "caution: no records are in validation, test, for" in capsys.readouterr().err
    merge(record(1))
    assert "caution" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["made[1]", "ma*de", "made?"])
def test_folder_whose_name_load_dataset_takes_for_a_pattern_is_refused(tmp_path, name):
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / name, stdin=jsonl(record()))
    assert run.status == 2 and "load_dataset takes *, ? and [ for patterns" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["--title", "--languages", "--system", "--separator"])
def test_text_of_flags_that_is_not_utf8_is_refused(tmp_path, flag):
    formats = ["--formats", "messages", "prompt_completion"]
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "made", *formats, flag, "\udcff", stdin=b"")
    assert run.status == 2 and f"argument {flag}" in run.stderr and "is not UTF-8" in run.stderr


def test_a_merge_that_drops_every_record_says_why(merge, tmp_path):
    with pytest.raises(InputError, match=r"because all 3 records were dropped \(no instruction: 1, no response: 2\)$"):
        merge(record(1, response=""), record(2, response=" "), record(3, instruction=""))
    assert not (tmp_path / "made").exists()


# ----------------------------------------------------------------------------------------------------------------------
# names of splits
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (["all:1"], "all: means all splits together"),
        (["train:0.5", "part1:0.5"], "part1: its tuple files would be among those"),
        (["train:0.5", "train2:0.5"], "train2: begins with train, so a pattern such as train\\* reads both"),
        (["testing:0.5", "test:0.5"], "testing: begins with test"),
    ],
)
def test_names_that_mislead_readers_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        splits_of(shares)


# ----------------------------------------------------------------------------------------------------------------------
# numbers
# ----------------------------------------------------------------------------------------------------------------------

LARGE = 123456789012345678901234567890


def test_integers_beyond_64_bits_stay_what_they_are_in_every_format(merge, tmp_path):
    """Also where the record is written anew because something in it is masked."""
    meta = {"license": "MIT", "n": LARGE, "deep": [{"m": -LARGE}], "small": 7, "ratio": 1e300}
    given = [record(1, meta=meta), record(2, meta=meta, response="Write to anne.bosun@harbourmail.org.")]
    merge(*given, more=("--formats", "messages", "--pii", "mask"))
    made = tmp_path / "made" / "messages"
    for rows in (lines(made / "train.jsonl"), pyarrow.parquet.read_table(made / "train.parquet").to_pylist()):
        metas = sorted((json.loads(row["meta"]) for row in rows), key=lambda meta: meta["answer_id"])
        assert metas == [each["meta"] for each in given]


def test_the_thread_s_other_authors_are_not_published(merge, tmp_path):
    merge(record(1, meta={"participants": ["Ann Anchor"]}), more=("--formats", "messages", "alpaca"))
    files = [path for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"Ann Anchor" in path.read_bytes()]


@pytest.mark.parametrize("number", [0, -1, 1 << 63, (1 << 64) - 1, -(1 << 63), 1.5, 1e300, -1e300])
def test_other_numbers_are_decoded_as_such(number):
    decoded = decode(json.dumps({"a": [number]}).encode())["a"][0]
    assert decoded == number and type(decoded) is type(number)


# ----------------------------------------------------------------------------------------------------------------------
# special tokens
# ----------------------------------------------------------------------------------------------------------------------

TOKENS = [
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<s>", "</s>", "<bos>", "[INST]", "[/INST]",
    "<<SYS>>", "<</SYS>>", "<start_of_turn>", "<end_of_turn>", "<think>", "</tool_call>", "<｜end▁of▁sentence｜>",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_a_special_token_is_found_and_defused_readably(token):
    assert find_special_tokens(f"a{token}b {token}") == [token, token]
    defused = defuse(f"a{token}b")
    assert find_special_tokens(defused) == [] and defuse(defused) == defused
    assert defused.replace(" ", "") == f"a{token}b" and defused.count(" ") == 2


@pytest.mark.parametrize(
    "text", ["a <| b |> c", "if a <s and s> b", "x[i]", "<sub>2</sub>", "<S>", "Vec<str>", "<|>", "f <|x", "[INSTALL]"]
)
def test_what_only_resembles_a_special_token_is_left_alone(text):
    assert find_special_tokens(text) == [] and defuse(text) == text


SPECIAL = [
    record(1, response="Use <|endoftext|> to end."),
    record(2, instruction="Is <|im_end|> a token, or <s>?", response="<|im_end|> is."),
    record(3, response="A bowline."),
]


@pytest.mark.parametrize(
    ("action", "kept", "dropped"),
    [
        ("keep", ["<|im_end|> is.", "A bowline."], {"holds <|endoftext|> itself": 1}),
        ("defuse", ["<| im_end |> is.", "A bowline.", "Use <| endoftext |> to end."], {}),
        ("drop", ["A bowline."], {"special token": 2}),
    ],
)
def test_special_tokens_are_counted_and_kept_defused_or_dropped(merge, tmp_path, capsys, action, kept, dropped):
    report = merge(*SPECIAL, more=("--special_tokens", action))
    found = {"<s>": 1, "<|endoftext|>": 1, "<|im_end|>": 1}
    assert report["special_tokens"] == {"action": action, "records": found}
    assert table(capsys.readouterr().err).items() >= found.items()
    assert report["counts"]["dropped"] == dropped
    pairs = json.loads((tmp_path / "made" / "instruction_tuning_dataset_alpha_part1.json").read_bytes())
    assert sorted(text.split("\n\n", 1)[1].removesuffix("<|endoftext|>") for _, text in pairs) == kept
    card = (tmp_path / "made" / "README.md").read_text("utf-8")
    assert ("**Special tokens**" in card) == (action == "keep")


# ----------------------------------------------------------------------------------------------------------------------
# lengths
# ----------------------------------------------------------------------------------------------------------------------

WORDY = [record(n, instruction="Why?", response="a " * n) for n in (510, 511, 1100, 2100)]  # and 2 tokens of "Why?"


@pytest.fixture
def tokenizer(tmp_path):
    """A folder with a tokenizer whose tokens are words and punctuation, and which would cut and pad if it were let."""
    needs.package("tokenizers", "tokenizer")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.enable_truncation(5)
    words.enable_padding(length=5000)
    (tmp_path / "words").mkdir()
    words.save(str(tmp_path / "words" / "tokenizer.json"))
    return tmp_path / "words"


def test_lengths_are_counted_by_a_tokenizer_and_told(merge, tmp_path, capsys, tokenizer):
    report = merge(*WORDY, more=("--tokenizer", tokenizer))
    numbers = report["statistics"]["stackexchange"]
    assert numbers["tokens"] == 512 + 513 + 1102 + 2102
    assert numbers["longer_than"] == {"512": 3, "1024": 2, "2048": 1} and report["tokens"] == "counted by words"
    shown = table(capsys.readouterr().err)
    assert shown["more than 1,024: TRL cuts it"] == 2 and shown["more than 512: axolotl leaves it out"] == 3
    card = (tmp_path / "made" / "README.md").read_text("utf-8")
    assert "| stackexchange | 4,229 | 3 | 2 | 1 |" in card and "counted by words" in card
    assert str(tmp_path) not in card + json.dumps(report)


def test_lengths_are_estimated_without_a_tokenizer_and_short_ones_need_no_table(merge, tmp_path, capsys):
    report = merge(record(1, instruction="abcd", response="ab"))
    assert report["statistics"]["stackexchange"]["tokens"] == 2  # of 4 + 2 + 2 characters
    assert "estimated as characters / 4" in (tmp_path / "made" / "README.md").read_text("utf-8")
    assert "TRL" not in capsys.readouterr().err


def test_longer_records_are_left_out_on_request(merge, tokenizer):
    report = merge(*WORDY, more=("--tokenizer", tokenizer, "--max_tokens", "513"))
    assert report["counts"] == {"read": 4, "dropped": {"above 513 tokens": 2}, "kept": 2}
    report = merge(*WORDY, more=("--max_tokens", "600"))
    assert report["counts"]["dropped"] == {"above 600 tokens": 1}


@pytest.mark.slow
def test_a_tokenizer_that_cannot_be_read_is_reported_before_the_work(merge, tmp_path, monkeypatch):
    needs.package("tokenizers", "tokenizer")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text("{}")
    for name, message in (
        (tmp_path / "empty", "empty/tokenizer.json: no such file"),
        (tmp_path / "none.json", "none.json: no such file"),
        (tmp_path / "broken.json", "broken.json: is not a tokenizer that can be read"),
        ("nobody/no-such-model", "nobody/no-such-model: is not a tokenizer that can be read"),
    ):
        with pytest.raises(InputError, match=message):
            merge(record(), more=("--tokenizer", name))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match="--tokenizer needs tokenizers: pip install -r requirements/tokenizer.txt"):
        merge(record(), more=("--tokenizer", tmp_path / "empty"))
    assert not (tmp_path / "made").exists()


# ----------------------------------------------------------------------------------------------------------------------
# attribution of every row, and what the card tells
# ----------------------------------------------------------------------------------------------------------------------

ANSWERS = {
    "messages": lambda row: row["messages"][1]["content"],
    "prompt_completion": lambda row: row["completion"],
    "alpaca": lambda row: row["output"],
}


def test_every_row_of_every_format_is_joined_to_its_attribution(merge, tmp_path):
    given = [record(n, question=n) for n in range(30)]
    merge(*given, more=("--formats", "alpha", *ANSWERS, "--split", "train:0.6", "test:0.4", "--parts", "3"))
    made = tmp_path / "made"
    attributed = {each["id"]: each for each in lines(made / "ATTRIBUTION.jsonl")}
    response_of = {each["id"]: each["response"] for each in given}
    assert attributed.keys() == response_of.keys()
    places = {each["id"]: (each["file"], each["index"]) for each in lines(made / "TUPLE_IDS.jsonl")}
    assert places.keys() == response_of.keys()
    for id, (file, index) in places.items():
        assert json.loads((made / file).read_bytes())[index][1].endswith(f"\n\n{response_of[id]}<|endoftext|>")
    for name, answer in ANSWERS.items():
        rows = [row for path in (made / name).glob("*.parquet") for row in pyarrow.parquet.read_table(path).to_pylist()]
        assert {row["id"]: answer(row) for row in rows} == response_of and len(rows) == 30


def test_attribution_tells_what_the_run_changed_and_where_the_licences_are(merge, tmp_path):
    merge(record(1), record(2, meta={"question_license": "CC BY-SA 3.0"}), more=("--pii", "mask"))
    first, second = sorted(lines(tmp_path / "made" / "ATTRIBUTION.jsonl"), key=lambda each: each["id"])
    assert "personal data in the response" in first["changes"] and "blank lines in the instruction" in first["changes"]
    assert first["license_urls"] == ["https://creativecommons.org/licenses/by-sa/4.0/"]
    assert len(second["license_urls"]) == 2
    merge(record(1), more=("--formats", "messages", "--special_tokens", "defuse"))
    [only] = lines(tmp_path / "made" / "ATTRIBUTION.jsonl")
    assert "special tokens" in only["changes"] and "blank lines" not in only["changes"]


def test_the_card_counts_records_without_names_and_says_why(merge, tmp_path):
    url = {"question_url": "https://quay.stackexchange.com/q/1", "answer_url": "https://quay.stackexchange.com/a/1"}
    named = {**url, "question_author": "Anne", "answer_author": "Ben"}
    report = merge(record(1, meta=url), record(2, meta=named), record(3, meta={**named, "answer_author": None}))
    assert report["without_names"] == {"stackexchange": 2}
    card = (tmp_path / "made" / "README.md").read_text("utf-8")
    assert "Of these, 2 of stackexchange name no author: the account was deleted" in card


def test_notices_are_in_the_folder_of_sources_that_need_them(merge, tmp_path):
    merge(record(1, source="anthrop_harmless", meta={"license": "MIT"}), record(2, source="anthrop_redteam"))
    notices = (tmp_path / "made" / "NOTICES.txt").read_text("utf-8")
    assert notices.startswith("anthrop_harmless, anthrop_redteam\n") and "Copyright (c) 2022 Anthropic" in notices
    assert "NOTICES.txt" in (tmp_path / "made" / "README.md").read_text("utf-8")
    merge(record(1))
    assert not (tmp_path / "made" / "NOTICES.txt").exists()


def test_a_licence_that_the_hub_does_not_list_is_named_with_its_address(merge, tmp_path):
    merge(record(1, meta={"license": "CC BY-ND 3.0"}))
    _, front, _ = (tmp_path / "made" / "README.md").read_text("utf-8").split("---\n", 2)
    assert (
        yaml.safe_load(front).items()
        >= {
            "license": "other",
            "license_name": "cc-by-nd-3.0",
            "license_link": "https://creativecommons.org/licenses/by-nd/3.0/",
        }.items()
    )


def test_the_card_tells_the_steps_before_without_paths(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(*(record(n, score=n) for n in range(5))))
    votes, checked = tmp_path / "votes.jsonl", tmp_path / "checked.jsonl"
    for script, *args in (
        ("filter_for_score.py", "--inputpath", tmp_path / "in.jsonl", "--destpath", votes, "--min_answer_votes", "3"),
        ("filter_for_criteria.py", "--inputpath", votes, "--destpath", checked, "--drop", "4,6", "--workers", "1"),
        (SCRIPT, "--inputpath", checked, "--destpath", tmp_path / "made"),
    ):
        assert run_script(script, *args).status == 0
    report = json.loads((tmp_path / "made" / "report.json").read_bytes())
    [(name, (first, second))] = report["steps_before"].items()
    assert name == "checked.jsonl"
    assert first == {"command": "filter_for_score.py --min_answer_votes 3", "read": 5, "kept": 2}
    assert second["command"].startswith("filter_for_criteria.py --drop 4 6") and second["kept"] == 2
    card = (tmp_path / "made" / "README.md").read_text("utf-8")
    assert "| checked.jsonl | `filter_for_score.py --min_answer_votes 3` | 5 | 2 |" in card
    assert str(tmp_path) not in card + json.dumps(report)


def test_the_card_counts_repairs_by_what_they_changed(merge, tmp_path):
    report = merge(record(1, meta={"repairs": {"links": 2}}), record(2, meta={"repairs": {"links": 1, "edits": 1}}))
    counts = {CHANGES["edits"]: 1, CHANGES["links"]: 2}
    assert report["statistics"]["stackexchange"]["repairs"] == dict(sorted(counts.items()))
    assert f"* {CHANGES['links']} (2)\n" in (tmp_path / "made" / "README.md").read_text("utf-8")
    changed = [each["changes"] for each in lines(tmp_path / "made" / "ATTRIBUTION.jsonl")]
    assert all(CHANGES["links"] in text and "blank lines" in text for text in changed)


def test_the_card_and_the_attribution_tell_of_corrections(merge, tmp_path):
    report = merge(record(1, meta={"corrected_by": "ann", "repairs": {"links": 1}}), record(2))
    words = "the answer corrected by a reviewer"
    assert report["statistics"]["stackexchange"]["repairs"] == {CHANGES["links"]: 1, words: 1}
    assert f"* {words} (1)\n" in (tmp_path / "made" / "README.md").read_text("utf-8")
    changed = {each["id"][-1]: each["changes"] for each in lines(tmp_path / "made" / "ATTRIBUTION.jsonl")}
    assert f"{CHANGES['links']}; {words}" in changed["1"] and words not in changed["2"]


OPTIONS = {"repairs": ["links"], "least": 0, "all": True, "off": False, "none": None, "where": "a/b", "workers": 2}


def test_a_step_that_keeps_every_record_need_not_count_them(tmp_path):
    report = {"script": "repair_answers.py", "options": OPTIONS, "counts": {"read": 5, "repaired": 2}}
    (tmp_path / "in.jsonl.report.json").write_text(json.dumps(report))
    assert earlier_steps(str(tmp_path / "in.jsonl")) == [("repair_answers.py --repairs links --least 0 --all", 5, 5)]


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"script": 1, "options": {}, "counts": {}}', b'{"options": []}'])
def test_a_report_that_is_none_is_ignored(tmp_path, data):
    (tmp_path / "in.jsonl.report.json").write_bytes(data)
    assert earlier_steps(str(tmp_path / "in.jsonl")) == []


def test_reports_that_name_each_other_end(tmp_path):
    for name, other in ("ab", "ba"):
        report = {"script": name, "options": {"inputpath": [str(tmp_path / other)]}, "counts": {"read": 1, "kept": 1}}
        (tmp_path / f"{name}.report.json").write_text(json.dumps(report))
    assert [step.command for step in earlier_steps(str(tmp_path / "a"))] == ["b", "a"]
