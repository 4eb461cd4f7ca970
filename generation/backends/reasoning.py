"""Where the answer is in what a reasoning model wrote. Servers with a reasoning parser leave the rest out themselves.

The marks are those of DeepSeek-R1, Qwen3, Magistral, Command A, gpt-oss, Gemma, Granite and Kimi, with what is left of
them when a tokenizer skips its special tokens.
"""

from __future__ import annotations

import re

_NAME = r"(?:\w+:)?(?:think|thinking|thoughts?|reason|reasoning|analysis|reflection)"
_FINAL_CHANNEL = r"<\|channel\|>final\b.*?<\|message\|>"
_OPENING = re.compile(
    rf"\s*(?:<{_NAME}>|\[THINK\]|<\|START_THINKING\|>|◁think▷|<\|channel\|>(?!final)|<\|channel>thought"
    r"|(?-i:analysis(?=[A-Z])))",
    re.I,
)
_CLOSING = re.compile(
    rf"</{_NAME}>|\[/THINK\]|<\|END_THINKING\|>|◁/think▷|{_FINAL_CHANNEL}|<channel\|>|(?-i:assistantfinal)", re.I | re.S
)
_ANSWER = re.compile(r"\s*(?:<(answer|response|output)>|<\|START_RESPONSE\|>)", re.I)
_END_OF_TURN = r"<\|(?:END_RESPONSE|return|end|im_end|eot_id|end_of_text|endoftext)\|>|<end_of_turn>|(?:\s*</s>)+\s*\Z"
_END = re.compile(rf"</(?:answer|response|output)>|{_END_OF_TURN}", re.I)


def answer_span(text: str) -> tuple[int, int]:
    """Where the answer begins and ends: the whole turn if there is no reasoning before it.

    Empty if the reasoning does not end.
    """
    opened = _OPENING.match(text)
    closings = list(_CLOSING.finditer(text))
    if opened and not closings:
        return len(text), len(text)
    start = closings[-1].end() if closings else 0
    wrapped = _ANSWER.match(text, start)
    if not closings and not wrapped:
        end = re.search(_END_OF_TURN, text)
        return 0, end.start() if end else len(text)
    start = wrapped.end() if wrapped else start
    end = _END.search(text, start)
    start += len(text[start:]) - len(text[start:].lstrip())
    return start, max(start, end.start() if end else len(text))
