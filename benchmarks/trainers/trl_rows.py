"""TRL's rows, and a step of training (see benchmarks.trainers.__main__).

The code in docs/training.md is run as it is, except that `train` takes one step.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
import trl

from benchmarks.trainers import tiny
from benchmarks.trainers.judge import Learnt, learnt, report, settings, texts_of

DATA_SET = Path("demo/dataset")
made: list[Any] = []  # the trainers that the code made


class OneStep(trl.SFTTrainer):
    def train(self, *args: Any, **kwargs: Any) -> Any:
        made.append(self)
        self.args.max_steps = 1
        return super().train(*args, **kwargs)


def run(code: str, end: str) -> Learnt:
    exec(compile(code, "docs/training.md", "exec"), {})
    trainer = made.pop()
    batches = (trainer.data_collator([row]) for row in trainer.train_dataset)
    rows = ((batch["input_ids"][0].tolist(), batch["labels"][0].tolist()) for batch in batches)
    return learnt(DATA_SET, rows, trainer.processing_class.decode, end)


def main() -> None:
    trl.SFTTrainer = OneStep
    if not torch.cuda.is_available():  # TRL's default precision needs a GPU
        trl.SFTConfig = partial(trl.SFTConfig, use_cpu=True, bf16=False)
    tiny.base_model(Path("your-base-model"), texts_of(DATA_SET))
    tiny.chat_model(Path("your-chat-model"), texts_of(DATA_SET))
    report("base", "prompt_completion", run(settings("TRL, base model"), tiny.END_OF_TEXT))
    report("chat", "chat_prompt_completion", run(settings("TRL, chat model"), tiny.END_OF_TURN))
    try:
        report("chat", "messages", run(settings("TRL, messages"), tiny.END_OF_TURN))
    except (RuntimeError, ValueError) as error:
        report("chat", "messages", None, str(error).splitlines()[0])
    tiny.chat_model(Path("your-chat-model"), texts_of(DATA_SET), tiny.MARKED_CHATML)
    report("chat, marked", "messages", run(settings("TRL, messages"), tiny.END_OF_TURN))


if __name__ == "__main__":
    main()
