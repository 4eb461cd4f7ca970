"""Preference rows in TRL's own trainers: which answer is learnt as the better one, and that training steps run."""

import json
import os
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import jsonl, record, run_script

pytestmark = pytest.mark.slow

os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "WANDB_MODE": "disabled"}

SITE = "quay.stackexchange.com"
TURN, END = "<|im_start|>", "<|im_end|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pairs and labels of four questions, as messages and as texts; pairs of a dialogue beside them."""
    folder = tmp_path_factory.mktemp("preferences")
    records = [record(2 * number + better, question=number, score=better) for number in range(4) for better in (1, 0)]
    (folder / "judged.yaml").write_text("".join(
        f"{each['id']}: {'accept' if each['meta']['answer_score'] else 'reject'}\n" for each in records
    ))  # fmt: skip
    dialogue = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Which knot?\n\nAssistant:"
    (folder / "helpful-base").mkdir()
    (folder / "helpful-base" / "train.jsonl").write_bytes(
        jsonl({"chosen": f"{dialogue} A bowline.", "rejected": f"{dialogue} No."})
    )
    for name, flags in (
        ("pairs", ("--hh_rlhf", folder / "helpful-base")),
        ("labels", ("--judgement_file", folder / "judged.yaml")),
    ):
        paths = ("--inputpath", "-", "--destpath", folder / name, "--formats", "messages", "text")
        run = run_script("make_preferences.py", *paths, *flags, stdin=jsonl(*records))
        assert run.status == 0, run
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    needs.package("trl", "dev")
    from benchmarks.trainers.preferences_loaders import saved_tokenizer

    return saved_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def trained(folder: Path, name: str, tokenizer, kind: str, tmp_path: Path):
    """The rows as the trainer has prepared them, after two steps on a model of one layer."""
    import trl
    from datasets import load_dataset
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = getattr(trl, f"{kind}Config")(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=2,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )
    data = load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "cache"))
    model, reference = LlamaForCausalLM(shape), LlamaForCausalLM(shape)
    trainer = getattr(trl, f"{kind}Trainer")(
        model=model, ref_model=reference, args=config, train_dataset=data, processing_class=tokenizer
    )
    assert trainer.train().global_step == 2
    return trainer.train_dataset


def chat(messages: list[dict]) -> str:
    return "".join(f"{TURN}{message['role']}\n{message['content']}{END}\n" for message in messages)


@pytest.mark.parametrize("name", ["pairs", "pairs_text"])
def test_dpo_learns_the_better_answer_and_not_the_worse_one(folder, tokenizer, tmp_path, name):
    rows = trained(folder / "pairs", name, tokenizer, "DPO", tmp_path)
    assert len(rows) == 5
    for row in rows:
        prompt, chosen, rejected = (tokenizer.decode(row[f"{part}_ids"]) for part in ("prompt", "chosen", "rejected"))
        if name == "pairs":
            assert prompt == f"{chat(row['prompt'])}{TURN}assistant\n"
            assert chosen == f"{row['chosen'][0]['content']}{END}\n"
            assert rejected == f"{row['rejected'][0]['content']}{END}\n"
        else:
            assert (prompt, chosen, rejected) == (row["prompt"], row["chosen"], row["rejected"])
            assert chosen.endswith(END) and rejected.endswith(END)
        if row["source"] == "stackexchange":
            meta = json.loads(row["meta"])
            assert f"Answer {meta['chosen_id']}:" in chosen and f"Answer {meta['rejected_id']}:" in rejected
            assert meta["chosen_score"] > meta["rejected_score"]
        else:
            assert "A bowline." in chosen and "No." in rejected and "Yes?" in prompt


@pytest.mark.parametrize("name", ["labels", "labels_text"])
def test_kto_learns_what_was_accepted_as_desirable(folder, tokenizer, tmp_path, name):
    rows = trained(folder / "labels", name, tokenizer, "KTO", tmp_path)
    assert len(rows) == 8
    for row in rows:
        answer = tokenizer.decode(row["completion_ids"])
        assert answer.rstrip().endswith(END) and f"Answer {json.loads(row['meta'])['answer_id']}:" in answer
        assert row["label"] is (json.loads(row["meta"])["answer_score"] == 1)
