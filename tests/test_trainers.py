"""The formats, read by the trainers' own libraries: load_dataset, TRL's SFTTrainer, the hub's cards, LLaMA-Factory.

Nothing is downloaded: the tokenizer and the model are tiny and created by the tests.
"""

import json
import os
from pathlib import Path

import pytest
import yaml

from merging.formats import SEPARATOR
from tests import needs
from tests.conftest import jsonl, record, run_script
from tests.dumps import read_jsonl

pytestmark = pytest.mark.slow

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "WANDB_MODE": "disabled", "CUDA_VISIBLE_DEVICES": ""}

FORMATS = ("messages", "sharegpt", "chat_prompt_completion", "prompt_completion", "alpaca")
FOR_LLAMA_FACTORY = ("messages", "sharegpt", "alpaca")
STRANGE = ["a\n\nb", "```python\nx = 1\n```", "$\\alpha$ | é 🚤\u2028", '"quoted" \\ <b>', "\t lead", "x" * 5000]


def records() -> list[dict]:
    """Forty questions with two answers each, and another source with other fields in meta."""
    made = [
        record(number, question=number // 2, response=f"{text} {number}")
        for number, text in zip(range(80), STRANGE * 14, strict=False)
    ]
    for number in range(10):
        meta = {
            "license": "MIT",
            "line": number,
            "rating": 0.5,
            "tags": None,
            "answer_score": "none",
            "nested": [{"a": number}],
        }
        made.append(
            {
                **record(number),
                "id": f"hh/{number}",
                "source": "anthrop_helpful",
                "response": f"{number}!",
                "meta": meta,
            }
        )
    return made


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trainers")
    flags = ("--formats", "alpha", *FORMATS, "--split", "train:0.8", "validation:0.2")
    paths = ("--inputpath", "-", "--destpath", folder / "data")
    run = run_script("merge_datasets.py", *paths, *flags, stdin=jsonl(*records()))
    assert run.status == 0, run
    return folder / "data"


@pytest.fixture(scope="module")
def loaded(data_set, tmp_path_factory) -> dict:
    """Each format as load_dataset gives it when it is given only the folder."""
    needs.package("datasets", "dev")
    from datasets import load_dataset

    cache = str(tmp_path_factory.mktemp("cache"))
    return {name: load_dataset(str(data_set), name, cache_dir=cache) for name in FORMATS}


EXPECTED = sorted((record["instruction"], record["response"]) for record in records())


def test_load_dataset_gives_every_record_of_every_format_in_its_split(loaded):
    pairs = {
        "messages": lambda row: tuple(message["content"] for message in row["messages"]),
        "sharegpt": lambda row: tuple(turn["value"] for turn in row["conversations"]),
        "chat_prompt_completion": lambda row: tuple(turn["content"] for turn in row["prompt"] + row["completion"]),
        "prompt_completion": lambda row: (row["prompt"].removesuffix(SEPARATOR), row["completion"]),
        "alpaca": lambda row: (row["instruction"], row["output"]),
    }
    sizes = set()
    for name, pair in pairs.items():
        splits = loaded[name]
        assert set(splits) == {"train", "validation"}
        assert sorted(pair(row) for split in splits.values() for row in split) == EXPECTED
        sizes.add((len(splits["train"]), len(splits["validation"])))
    assert len(sizes) == 1 and min(min(sizes)) > 0


def test_messages_have_the_same_schema_for_all_sources(loaded):
    needs.package("datasets", "dev")
    from datasets import Features, List, Value

    text = Value("string")
    features = Features({"messages": List({"role": text, "content": text}), "source": text, "id": text, "meta": text})
    given = {record["id"]: record for record in records()}
    for split in loaded["messages"].values():
        assert split.features == features
        for row in split:
            assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
            assert json.loads(row["meta"]) == given[row["id"]]["meta"] and row["source"] == given[row["id"]]["source"]


def test_messages_are_the_same_as_lines_and_as_parquet(loaded, data_set):
    for name, split in loaded["messages"].items():
        lines = (data_set / "messages" / f"{name}.jsonl").read_text("utf-8").split("\n")[:-1]
        assert [json.loads(line) for line in lines] == list(split)


def test_load_dataset_gives_the_first_format_by_default(data_set, loaded, tmp_path):
    needs.package("datasets", "dev")
    from datasets import load_dataset

    assert list(load_dataset(str(data_set), split="train", cache_dir=str(tmp_path))) == list(
        loaded["messages"]["train"]
    )


def test_load_dataset_gives_the_rows_of_the_last_merge(tmp_path):
    """It keeps rows in a cache; a fault there trained on those of the merge before."""
    needs.package("datasets", "dev")
    from datasets import load_dataset

    paths = ("--inputpath", "-", "--destpath", tmp_path / "data", "--formats", "messages")
    for answer in ("first", "other"):
        assert run_script("merge_datasets.py", *paths, stdin=jsonl(record(response=answer))).status == 0
        [row] = load_dataset(str(tmp_path / "data"), "messages", split="train", cache_dir=str(tmp_path / "cache"))
        assert row["messages"][-1]["content"] == answer


def test_answers_to_one_question_are_in_one_split(loaded):
    questions = {
        name: {json.loads(row["meta"]).get("question_id") for row in split if row["source"] == "stackexchange"}
        for name, split in loaded["messages"].items()
    }
    assert questions["train"] | questions["validation"] == set(range(40))
    assert questions["train"] & questions["validation"] == set()


def test_croissant_metadata_is_valid_and_reads_every_row(data_set):
    """As its publisher's own library sees it."""
    needs.package("mlcroissant", "dev")
    import mlcroissant

    described = mlcroissant.Dataset(data_set / "croissant.json")
    assert not described.metadata.issues.errors
    for name in FORMATS:
        for split in ("train", "validation"):
            rows = [plain(row) for row in described.records(f"{name}/{split}")]
            file = "alpaca/{}.json" if name == "alpaca" else f"{name}/{{}}.jsonl"
            text = (data_set / file.format(split)).read_text("utf-8")
            wanted = json.loads(text) if name == "alpaca" else [json.loads(line) for line in text.split("\n")[:-1]]
            assert rows == wanted


def plain(value: object) -> object:
    """A value as mlcroissant reads it: bytes as text, and columns without the name of their record set."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_the_hub_reads_the_card(data_set):
    needs.package("datasets", "dev")
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(data_set / "README.md", ignore_metadata_errors=False)
    assert card.data.license == "cc-by-sa-4.0" and card.data.size_categories == ["n<1K"]
    assert (card.data.pretty_name, card.data.language) == ("Instruction tuning data", ["en"])
    assert "text-generation" in card.data.task_categories
    configs = MetadataConfigs.from_dataset_card_data(card.data)
    assert list(configs) == list(FORMATS) and configs.get_default_config_name() == "messages"
    for config in configs.values():
        for files in config["data_files"]:
            assert (data_set / files["path"]).is_file()


# ----------------------------------------------------------------------------------------------------------------------
# trainers
# ----------------------------------------------------------------------------------------------------------------------


def test_dataset_info_names_the_fields_of_the_files(data_set):
    """As LLaMA-Factory's data/README.md describes it: file_name, `columns` by formatting, and `tags` for roles."""
    data_sets = json.loads((data_set / "dataset_info.json").read_bytes())
    assert set(data_sets) == {f"{name}_{split}" for name in FOR_LLAMA_FACTORY for split in ("train", "validation")}
    defaults = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    for entry in data_sets.values():
        text = (data_set / entry["file_name"]).read_text("utf-8")
        row = json.loads(text)[0] if entry["file_name"].endswith(".json") else json.loads(text.split("\n")[0])
        if entry.get("formatting") == "sharegpt":
            tags = entry.get("tags", defaults | {"system_tag": "system"})
            turns = row[entry.get("columns", {"messages": "conversations"})["messages"]]
            assert [turn[tags["role_tag"]] for turn in turns] == [tags["user_tag"], tags["assistant_tag"]]
            assert all(tags["content_tag"] in turn for turn in turns) and tags["system_tag"] == "system"
        else:
            assert set(entry["columns"]) == {"prompt", "query", "response"}
            assert set(entry["columns"].values()) <= set(row)


# ----------------------------------------------------------------------------------------------------------------------
# the settings of docs/training.md
# ----------------------------------------------------------------------------------------------------------------------


def test_trl_as_typed_learns_the_answers_and_their_ends(data_set, tmp_path, monkeypatch):
    trl = needs.package("trl", "dev")
    from benchmarks.trainers import trl_rows
    from benchmarks.trainers.judge import RESULTS

    for name in ("SFTTrainer", "SFTConfig"):  # which trl_rows replaces
        monkeypatch.setattr(trl, name, getattr(trl, name))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "dataset").symlink_to(data_set)
    monkeypatch.chdir(tmp_path)
    trl_rows.main()
    results = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    started = {(line["model"], line["format"]): line["found"] for line in results if line["found"]}
    answers = [row["output"] for row in json.loads((data_set / "alpaca" / "train.json").read_bytes())]
    right = dict.fromkeys(("rows", "kept", "answers", "apart", "ends"), len(answers))
    flush = sum(not answer[0].isspace() for answer in answers)  # white space joins to the line end before it
    assert started == {
        ("base", "prompt_completion"): right | {"answers": flush, "apart": flush},
        ("chat", "chat_prompt_completion"): right,
        ("chat, marked", "messages"): right,
    }
    assert [(line["model"], line["format"]) for line in results if not line["found"]] == [("chat", "messages")]


def test_the_table_counts_what_goes_wrong(data_set):
    """Tokens are characters here, and answers end with two dollar signs."""
    from benchmarks.trainers.judge import IGNORED, learnt

    [row, *_] = json.loads((data_set / "alpaca" / "train.json").read_bytes())
    question, answer = row["instruction"], row["output"]

    def counts(prompt: str, text: str, ignored: int) -> tuple[int, int, int]:
        tokens = [ord(letter) for letter in prompt + text]
        labels = [IGNORED] * ignored + tokens[ignored:]
        found = learnt(data_set, [(tokens, labels)], lambda some: "".join(map(chr, some)), "$$")
        return found.answers, found.apart, found.ends

    prompt = f"{question}\n"
    assert counts(prompt, f"{answer}$$", len(prompt)) == (1, 1, 1)
    assert counts(prompt, f"{answer}$$", 0) == (0, 0, 1)  # the question is learnt too
    assert counts(prompt, f"{answer}$$", len(prompt) + 1) == (0, 0, 1)  # the first token is not
    assert counts(prompt, answer, len(prompt)) == (1, 1, 0)  # the end is not
    assert counts(question, f"{answer}$$", len(question)) == (1, 0, 1)  # glued together


def test_no_tokenizer_joins_the_separator_and_the_answer(sample_records):
    needs.package("tokenizers", "dev")
    from benchmarks.separators import broken, tokenizer
    from benchmarks.trainers.pretokenizers import PRE_TOKENIZERS

    pairs = [(row["instruction"], row["response"]) for row in read_jsonl(sample_records)]
    for kind in PRE_TOKENIZERS:
        tokens = tokenizer(kind, ["\n\n".join(pair) for pair in pairs])
        assert broken(tokens, pairs, SEPARATOR) == 0, kind
        assert bool(broken(tokens, pairs, "\n\n")) == (kind == "gpt2")


@pytest.mark.parametrize("name", ["LLaMA-Factory", "axolotl", "torchtune"])
def test_settings_are_typed_for_base_and_for_chat_models(name):
    from benchmarks.trainers.judge import settings

    for model in ("base", "chat"):
        assert f"your-{model}-model" in str(yaml.safe_load(settings(f"{name}, {model} model")))
