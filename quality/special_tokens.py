"""Finds the special tokens of chat templates in a text, such as <|im_end|>, and makes plain text of them.

Most tokenizers turn such a word into the token itself wherever it stands, so a model learns to end a turn in the middle
of an answer that only talks about it. Which words are special depends on the model. These are of the families that are
trained most: Llama and Mistral (<s>, [INST], <<SYS>>), Llama 3, Qwen, Phi and GPT (<|..|>), Gemma (<start_of_turn>),
DeepSeek (with fullwidth bars), and Qwen's marks of thoughts and tool calls. <s> and <mask> may as well be HTML or a
parameter of a type.
"""

from __future__ import annotations

import re

# Two patterns, because one that begins with a fixed character is searched for ten times as fast.
SPECIAL_TOKENS = (
    re.compile(
        r"<(?:[|｜][^\W\d][\w▁-]{0,39}[|｜]"
        r"|/?(?:s|bos|eos|pad|unk|mask|think|tool_call|tool_response|start_of_turn|end_of_turn)"
        r"|</?SYS>)>"
    ),
    re.compile(r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"),
)
_EDGES = re.compile(r"(\A(?:<[|｜]|<</?|</?|\[/?))|([|｜]>|>>|>|\])\Z")


def find_special_tokens(text: str) -> list[str]:
    """The special tokens in a text, each as often as it occurs."""
    return [token for pattern in SPECIAL_TOKENS for token in pattern.findall(text)]


def defuse(text: str) -> str:
    """The text with a space inside both ends of each special token, as in <| im_end |>, which is not one."""
    for pattern in SPECIAL_TOKENS:
        text = pattern.sub(lambda found: _EDGES.sub(r"\1 \2", found[0]), text)
    return text
