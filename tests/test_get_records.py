"""Others' data sets as records: each kind of row, what is left out, and errors that name file and row."""

import importlib
import json
import sys

import pyarrow
import pyarrow.parquet
import pytest

from corpora.chat_rows import Exchange, first_exchange
from records.errors import InputError
from records.json_rows import SkipRow, SourceRow
from tests.conftest import ROOT, assert_one_line_error, run_script

SCRIPT = "get_records.py"
FLAGS = ("--source", "ours", "--license", "MIT", "--address", "https://huggingface.co/datasets/me/ours")
USER, ASSISTANT = {"role": "user", "content": " Why?\n"}, {"role": "assistant", "content": "So."}
SYSTEM = {"role": "system", "content": "Be brief."}
FROM_USER, FROM_MODEL = {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}


def row(value: dict) -> SourceRow:
    return SourceRow(value, 3, "in.jsonl:3")


@pytest.fixture
def convert(monkeypatch, tmp_path):
    """Runs the script on a file of rows, in this process; returns the records and the report."""

    def run(rows: list[dict], *more: str) -> tuple[list[dict], dict]:
        (tmp_path / "in.json").write_text(json.dumps(rows))
        args = ["--inputpath", tmp_path / "in.json", "--destpath", tmp_path / "out.jsonl", *FLAGS, *more]
        monkeypatch.setattr(sys, "argv", [SCRIPT, *map(str, args)])
        importlib.import_module("get_records").main()
        made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        return made, json.loads((tmp_path / "out.jsonl.report.json").read_bytes())

    return run


KINDS = {
    "messages": {"messages": [USER, ASSISTANT]},
    "sharegpt": {"conversations": [FROM_USER, FROM_MODEL]},
    "mixed-names": {"conversation": [{"role": "human", "value": "Why?"}, {"from": "ChatGPT", "content": "So."}]},
    "alpaca": {"instruction": "Why?", "input": "", "output": "So."},
    "dolly": {"instruction": "Why?", "context": None, "response": "So."},
    "completion": {"prompt": "Why?", "completion": "So."},
    "completion-of-messages": {"prompt": [USER], "completion": [ASSISTANT]},
}


@pytest.mark.parametrize("value", KINDS.values(), ids=KINDS)
def test_each_kind_of_row_gives_its_exchange(value):
    assert first_exchange(row(value)) == Exchange("", "Why?", "So.", False)


def test_input_system_and_history_of_an_alpaca_row():
    value = {"instruction": "Add", "input": "1 and 2", "output": "3", "system": "Be brief."}
    assert first_exchange(row(value)) == Exchange("Be brief.", "Add\n\n1 and 2", "3", False)
    value["history"] = [["Say a number", "1"], ["Another", "2"]]
    assert first_exchange(row(value)) == Exchange("Be brief.", "Say a number", "1", True)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"messages": []}, "no instruction"),
        ({"messages": [SYSTEM]}, "no instruction"),
        ({"messages": [{"role": "user", "content": " "}, ASSISTANT]}, "no instruction"),
        ({"messages": [ASSISTANT, USER]}, "the assistant begins"),
        ({"messages": [USER]}, "no response"),
        ({"messages": [USER, USER, ASSISTANT]}, "no response"),
        ({"messages": [USER, {"role": "tool", "content": "{}"}, ASSISTANT]}, "a turn of tool"),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, "a turn that is not text"),
        ({"instruction": "Why?", "output": ""}, "no response"),
    ],
)
def test_rows_without_an_exchange_of_text_are_left_out(value, reason):
    with pytest.raises(SkipRow, match=f"^{reason}$"):
        first_exchange(row(value))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"text": "a", "label": 1}, "has no messages, conversations, or instruction and output, but text, label"),
        ({"instruction": "a"}, "but instruction; rename its fields"),
        ({"messages": ["Why?"]}, "messages has a turn that is not an object"),
        ({"conversations": [{"value": "Why?"}]}, "conversations has a turn without a role"),
        ({"instruction": 4, "output": "a"}, '"instruction" is not text'),
        ({"instruction": "a", "output": "a", "history": ["a"]}, "history is not a list of pairs"),
    ],
)
def test_rows_of_another_kind_are_reported_with_their_place(value, problem):
    with pytest.raises(InputError, match=f"^in.jsonl:3: .*{problem}|^in.jsonl:3: {problem}"):
        first_exchange(row(value))


def test_a_record_names_its_licence_and_where_it_is_from(convert):
    [made], report = convert([{"id": 12345678901234567890123, "messages": [USER, ASSISTANT]}])
    assert made == {
        "id": "ours/in.json/1",
        "source": "ours",
        "instruction": "Why?",
        "response": "So.",
        "meta": {
            "license": "MIT",
            "dataset_url": "https://huggingface.co/datasets/me/ours",
            "dataset_author": None,
            "file": "in.json",
            "row": 1,
            "row_id": "12345678901234567890123",
        },
    }
    assert report["counts"] == {"read": 1, "dropped": {}, "kept": 1} and report["first_exchange_only"] == 0


LONG, WITH_SYSTEM = {"messages": [USER, ASSISTANT] * 2}, {"messages": [SYSTEM, USER, ASSISTANT]}


@pytest.mark.parametrize(
    ("more", "instructions", "dropped", "cut"),
    [
        ((), ["Why?", "Be brief.\n\nWhy?"], {}, 1),
        (("--multi_turn", "drop"), ["Be brief.\n\nWhy?"], {"more than one exchange": 1}, 0),
        (("--system", "ignore"), ["Why?", "Why?"], {}, 1),
        (("--system", "drop"), ["Why?"], {"a system turn": 1}, 1),
    ],
    ids=["default", "multi_turn", "ignore", "drop"],
)
def test_further_exchanges_and_system_turns(convert, more, instructions, dropped, cut):
    made, report = convert([LONG, WITH_SYSTEM], *more)
    assert [record["instruction"] for record in made] == instructions
    assert report["counts"]["dropped"] == dropped and report["first_exchange_only"] == cut


def test_parquet_is_read_and_a_damaged_file_is_reported(tmp_path):
    path, out = tmp_path / "rows.parquet", tmp_path / "out.jsonl"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([WITH_SYSTEM] * 1500), path)
    run = run_script(SCRIPT, "--inputpath", path, "--destpath", out, *FLAGS)
    made = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert run.status == 0 and len(made) == 1500 and made[-1]["id"] == "ours/rows.parquet/1500"
    path.write_bytes(path.read_bytes()[:-50])
    run = run_script(SCRIPT, "--inputpath", path, "--destpath", out, *FLAGS)
    assert_one_line_error(run, SCRIPT, f"{path}: is damaged after row 0")


def test_two_files_of_one_name_and_a_folder_without_any_are_reported(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.jsonl").write_text("")
    (tmp_path / "empty").mkdir()
    run = run_script(SCRIPT, "--inputpath", tmp_path, "--destpath", "-", *FLAGS)
    assert_one_line_error(run, SCRIPT, "b/train.jsonl: has the name of", "ids would repeat")
    run = run_script(SCRIPT, "--inputpath", tmp_path / "empty", "--destpath", "-", *FLAGS)
    assert_one_line_error(run, SCRIPT, "found no file of rows")


def test_a_label_of_another_script_and_a_licence_without_its_author_are_refused():
    common = ("--inputpath", "-", "--destpath", "-", "--address", "https://example.org")
    for more, message in (
        (("--source", "conala", "--license", "MIT"), "is the label of another script's records"),
        (("--source", "ours", "--license", "CC BY 4.0"), "asks to name the author; give --author"),
    ):
        run = run_script(SCRIPT, *common, *more)
        assert run.status == 2 and message in run.stderr.splitlines()[-1]


def test_the_data_set_names_them_in_its_card_and_attribution(tmp_path):
    out, made = tmp_path / "out.jsonl", tmp_path / "made"
    flags = ("--source", "ours", "--license", "CC BY 4.0", "--author", "Anne", *FLAGS[4:])
    run = run_script(SCRIPT, "--inputpath", ROOT / "sample" / "sources" / "chat", "--destpath", out, *flags)
    assert run.status == 0, run
    assert run_script("merge_datasets.py", "--inputpath", out, "--destpath", made).status == 0
    card = (made / "README.md").read_text("utf-8")
    assert "| ours | [ours](https://huggingface.co/datasets/me/ours) | 6 |" in card
    assert "source_datasets:\n- extended|me/ours\n" in card
    [first, *_] = map(json.loads, (made / "ATTRIBUTION.jsonl").read_text("utf-8").splitlines())
    assert (first["dataset_author"], first["dataset_url"]) == ("Anne", FLAGS[-1])
    assert first["changes"].startswith("first exchange of a row;")
