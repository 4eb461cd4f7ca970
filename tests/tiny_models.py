"""Models of a few layers and random weights with a tokenizer of their own, saved as transformers saves them."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

TEXTS = [
    "The harbour master lights the lamp at dusk and counts the boats that come in under sail.",
    "Who keeps the lamp? What does it burn? Where do the boats go? When is high water? "
    "Why do ropes rot? How deep is it?",
    "A bowline holds a boat of three tons; a reef knot does not. Dry the ropes, or they rot within a year.",
    "def double(number):\n    return 2 * number\n\nassert double(4) == 8\n",
]
END, PAD = "<|endoftext|>", "<pad>"


def tokenizer(texts: list[str] = TEXTS, size: int = 400) -> PreTrainedTokenizerFast:
    """Byte-level BPE, so that every text has tokens, trained on `texts`."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, special_tokens=[END, PAD], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, bos_token=END, unk_token=END)


def causal(folder: Path, context: int = 2048, license: str | None = "apache-2.0") -> Path:
    """A GPT-NeoX, as the pythia models are; without a pad token, as theirs."""
    tokens = tokenizer()
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=context,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.3,
    )
    return _save(GPTNeoXForCausalLM(config), tokens, folder, license)


def encoder_decoder(folder: Path, license: str | None = "apache-2.0") -> Path:
    """A T5, as the flan-t5 models are."""
    tokens = tokenizer()
    tokens.pad_token = PAD
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokens),
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        pad_token_id=1,
        eos_token_id=0,
        decoder_start_token_id=1,
        initializer_factor=3.0,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    return _save(T5ForConditionalGeneration(config), tokens, folder, license)


def _save(model, tokens, folder: Path, license: str | None) -> Path:
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    if license:
        (folder / "README.md").write_text(f"---\nlicense: {license}\n---\n# A tiny model\n")
    return folder
