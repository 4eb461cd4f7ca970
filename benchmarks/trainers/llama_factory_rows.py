"""LLaMA-Factory's rows (see benchmarks.trainers.__main__): its own check of the settings, template and data sets."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import yaml

# LLaMA-Factory imports torchaudio, of which there is no build for this torch; rows of text need nothing of it
sys.modules["torchaudio"] = ModuleType("torchaudio")
sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer

from benchmarks.trainers import tiny
from benchmarks.trainers.judge import Learnt, learnt, report, settings, texts_of

DATA_SET = Path("demo/dataset")


def run(text: str, end: str) -> Learnt:
    model_args, data_args, training_args, _, _ = get_train_args(yaml.safe_load(text))
    loaded = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
    rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
    return learnt(DATA_SET, zip(rows["input_ids"], rows["labels"], strict=True), loaded["tokenizer"].decode, end)


def main() -> None:
    tiny.base_model(Path("your-base-model"), texts_of(DATA_SET))
    tiny.chat_model(Path("your-chat-model"), texts_of(DATA_SET))
    report("base", "alpaca", run(settings("LLaMA-Factory, base model"), tiny.END_OF_TEXT))
    chat = settings("LLaMA-Factory, chat model")
    report("chat", "messages", run(chat, tiny.END_OF_TURN))
    report("chat", "sharegpt", run(chat.replace("messages_", "sharegpt_"), tiny.END_OF_TURN))


if __name__ == "__main__":
    main()
