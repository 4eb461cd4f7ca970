"""Tiny models of random weights whose tokenizers cut text as real ones do.

Imports only what every trainer has: torch, transformers, tokenizers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.trainers.pretokenizers import PRE_TOKENIZERS, alphabet

END_OF_TEXT, START, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VOCABULARY = 4096
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKED_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ message['content'] + '<|im_end|>' + '\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def base_model(folder: Path, texts: Iterator[str]) -> Path:
    """A model without a chat template, with the tokenizer of GPT-2, GPT-NeoX and Pythia."""
    return _save(folder, _tokenizer("gpt2", texts), eos=END_OF_TEXT, template=None)


def chat_model(folder: Path, texts: Iterator[str], template: str = CHATML) -> Path:
    """A model with ChatML, with the tokenizer of Qwen."""
    return _save(folder, _tokenizer("qwen2", texts), eos=END_OF_TURN, template=template)


def _tokenizer(kind: str, texts: Iterator[str]) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = PRE_TOKENIZERS[kind], decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT, START, END_OF_TURN],
        initial_alphabet=alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def _save(folder: Path, tokens: Tokenizer, eos: str, template: str | None) -> Path:
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token=eos, pad_token=END_OF_TEXT)
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        bos_token_id=None,
        eos_token_id=wrapped.eos_token_id,
        pad_token_id=wrapped.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
