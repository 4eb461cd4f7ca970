"""torchtune's rows (see benchmarks.trainers.__main__): its own configuration, tokenizers, data sets and collator."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
from omegaconf import OmegaConf
from torchtune import config
from torchtune.data import padded_collate_sft

from benchmarks.trainers.judge import Learnt, learnt, report, settings, texts_of

DATA_SET = Path("demo/dataset")
END_OF_TEXT, END_OF_TURN = "</s>", "<|eot_id|>"  # of Mistral, and of Llama 3
HEADER = "<|start_header_id|>assistant<|end_header_id|>\n\n"  # torchtune learns it with the answer
VOCABULARY = 1000


def mistral_tokenizer(path: Path, texts: Iterator[str]) -> None:
    """A SentencePiece model with the options of Mistral's and Llama 2's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (line for text in texts for line in text.split("\n") if line)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_prefix=str(path.with_suffix("")),
        vocab_size=VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )


def llama_3_tokenizer(path: Path) -> None:
    """A file of Llama 3's form whose tokens are single bytes; torchtune adds the special tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256)))


def run(text: str, end: str) -> Learnt:
    cfg = OmegaConf.create(text)
    tokenizer = config.instantiate(cfg.tokenizer)
    data_set = config.instantiate(cfg.dataset, tokenizer)

    def decode(tokens: list[int]) -> str:
        if end == END_OF_TURN:
            return tokenizer.decode(tokens, truncate_at_eos=False, skip_special_tokens=False)
        # SentencePiece decodes no special tokens
        parts = itertools.groupby(tokens, lambda token: token == tokenizer.eos_id)
        return "".join(END_OF_TEXT if is_end else tokenizer.decode(list(part)) for is_end, part in parts)

    batches = (padded_collate_sft([data_set[number]]) for number in range(len(data_set)))
    rows = ((batch["tokens"][0].tolist(), batch["labels"][0].tolist()) for batch in batches)
    return learnt(DATA_SET, rows, decode, end, HEADER)


def main() -> None:
    mistral_tokenizer(Path("your-base-model/tokenizer.model"), texts_of(DATA_SET))
    llama_3_tokenizer(Path("your-chat-model/original/tokenizer.model"))
    report("base", "prompt_completion", run(settings("torchtune, base model"), END_OF_TEXT))
    chat = settings("torchtune, chat model")
    report("chat", "messages", run(chat, END_OF_TURN))
    sharegpt = chat.replace("messages", "sharegpt", 1).replace("column: messages", "column: conversations")
    report("chat", "sharegpt", run(sharegpt.replace("style: openai", "style: sharegpt"), END_OF_TURN))


if __name__ == "__main__":
    main()
