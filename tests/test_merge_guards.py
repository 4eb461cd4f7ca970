"""What a merge refuses or leaves out so that a data set is whole: empty results, misleading splits, large numbers."""

import importlib
import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from merging.splits import splits_of
from quality.special_tokens import defuse, find_special_tokens
from records.errors import InputError
from records.record import decode
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
