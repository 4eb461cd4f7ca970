"""axolotl's rows (see benchmarks.trainers.__main__): its own check of the settings, and its data sets."""

from __future__ import annotations

import os
from pathlib import Path

os.environ |= {"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1"}

from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets
from axolotl.loaders import load_tokenizer

from benchmarks.trainers import tiny
from benchmarks.trainers.judge import Learnt, learnt, report, settings, texts_of

DATA_SET = Path("demo/dataset")


def run(text: str, end: str) -> Learnt:
    Path("settings.yaml").write_text(text)
    cfg = load_cfg("settings.yaml")
    rows = load_datasets(cfg=cfg).train_dataset
    return learnt(DATA_SET, zip(rows["input_ids"], rows["labels"], strict=True), load_tokenizer(cfg).decode, end)


def main() -> None:
    tiny.base_model(Path("your-base-model"), texts_of(DATA_SET))
    tiny.chat_model(Path("your-chat-model"), texts_of(DATA_SET))
    report("base", "prompt_completion", run(settings("axolotl, base model"), tiny.END_OF_TEXT))
    report("chat", "messages", run(settings("axolotl, chat model"), tiny.END_OF_TURN))
    report("chat", "sharegpt", run(settings("axolotl, ShareGPT"), tiny.END_OF_TURN))


if __name__ == "__main__":
    main()
