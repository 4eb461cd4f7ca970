"""How three kinds of tokenizers cut text before they look for tokens, as their own tokenizer.json files define it.

gpt2    GPT-2, GPT-NeoX, Pythia, OLMo: https://huggingface.co/EleutherAI/pythia-70m
llama3  Llama 3: https://huggingface.co/meta-llama/Meta-Llama-3-8B
qwen2   Qwen 1.5 to 3: https://huggingface.co/Qwen/Qwen2.5-0.5B
"""

from __future__ import annotations

from tokenizers import Regex, pre_tokenizers

_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    by_pattern = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([by_pattern, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


PRE_TOKENIZERS = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "llama3": _split(_LLAMA_3),
    "qwen2": _split(_QWEN_2),
}


def alphabet() -> list[str]:
    """All bytes, so that every text has tokens."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())
