"""The formats, read by the trainers' own libraries: load_dataset, TRL's SFTTrainer, the hub's cards, LLaMA-Factory.

Nothing is downloaded: the tokenizer and the model are tiny and created by the tests.
"""

import json
import os
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import jsonl, record, run_script

pytestmark = pytest.mark.slow

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "WANDB_MODE": "disabled", "CUDA_VISIBLE_DEVICES": ""}

FORMATS = ("messages", "prompt_completion", "alpaca")
IGNORED = -100  # PyTorch's ignore_index
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
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
        "prompt_completion": lambda row: (row["prompt"].removesuffix("\n\n"), row["completion"]),
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


def test_answers_to_one_question_are_in_one_split(loaded):
    questions = {
        name: {json.loads(row["meta"]).get("question_id") for row in split if row["source"] == "stackexchange"}
        for name, split in loaded["messages"].items()
    }
    assert questions["train"] | questions["validation"] == set(range(40))
    assert questions["train"] & questions["validation"] == set()


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


@pytest.fixture(scope="module")
def tokenizer():
    """A tokenizer with bytes as tokens, and a chat template."""
    needs.package("trl", "dev")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer, inner.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        decoders.ByteLevel(),
    )
    inner.add_special_tokens(special)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|end|>")
    made.chat_template = CHAT_TEMPLATE
    return made


def trainer(data, tokenizer, folder: Path, **options):
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=8192,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = SFTConfig(
        output_dir=str(folder),
        max_length=None,
        max_steps=1,
        per_device_train_batch_size=1,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        gradient_checkpointing=False,
        **options,
    )
    return SFTTrainer(model=LlamaForCausalLM(shape), args=config, train_dataset=data, processing_class=tokenizer)


def test_trl_takes_messages(loaded, tokenizer, tmp_path):
    data = loaded["messages"]["train"].select(range(8))
    made = trainer(data, tokenizer, tmp_path)
    for row, prepared in zip(data, made.train_dataset, strict=True):
        instruction, response = (message["content"] for message in row["messages"])
        assert tokenizer.decode(prepared["input_ids"]) == f"<|user|>{instruction}<|end|><|assistant|>{response}<|end|>"
    assert made.train().global_step == 1


def test_trl_takes_prompts_and_completions_and_learns_the_completion(loaded, tokenizer, tmp_path):
    data = loaded["prompt_completion"]["train"].select(range(8))
    made = trainer(data, tokenizer, tmp_path)
    for row, prepared in zip(data, made.train_dataset, strict=True):
        learned = [label for label in prepared["labels"] if label != IGNORED]
        assert tokenizer.decode(prepared["input_ids"]) == f"{row['prompt']}{row['completion']}<|end|>"
        assert tokenizer.decode(learned) == f"{row['completion']}<|end|>"
    assert made.train().global_step == 1


def test_dataset_info_names_the_fields_of_the_files(data_set):
    """As LLaMA-Factory's data/README.md describes it: file_name, `columns` by formatting, and `tags` for roles."""
    data_sets = json.loads((data_set / "dataset_info.json").read_bytes())
    assert set(data_sets) == {f"{name}_{split}" for name in FORMATS for split in ("train", "validation")}
    for entry in data_sets.values():
        text = (data_set / entry["file_name"]).read_text("utf-8")
        row = json.loads(text)[0] if entry["file_name"].endswith(".json") else json.loads(text.split("\n")[0])
        assert set(entry["columns"].values()) <= set(row)
        if entry.get("formatting") == "sharegpt":
            tags = entry["tags"]
            roles = [message[tags["role_tag"]] for message in row[entry["columns"]["messages"]]]
            assert roles == [tags["user_tag"], tags["assistant_tag"]]
            assert all(tags["content_tag"] in message for message in row["messages"])
        else:
            assert {"prompt", "response"} <= set(entry["columns"]) <= {"prompt", "query", "response"}
