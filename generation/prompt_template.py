"""Prompts in text files, which users can read and replace.

Above the first line of dashes are the settings as YAML, below it the prompt, with {placeholders}:

    # comments say what the prompt is for
    max_tokens: 40
    stop: ["\\n"]
    ---
    Passage: {passage}
    Question: {kind}

A base model continues the prompt, and what it may begin with stands at its end: here the question's first word. The
prompt of a chat model may have turns, each below a line that says whose it is; the last one is the user's:

    [user]
    Write one question ..
    [assistant]
    Why ..?
    [user]
    Passage: {passage}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generation.backends.base import Request, Settings
from records.errors import InputError

SETTINGS = {"max_tokens", "stop"}
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
DASHES = re.compile(r"^-{3,}[ \t]*\n", re.M)
TURN = re.compile(r"^\[(user|assistant)\][ \t]*\n", re.M)
BEGUN = re.compile(r"^[^:\n]+: (.*)\Z", re.M)  # what follows the label in the last line


@dataclass(frozen=True)
class Template:
    """A prompt with placeholders, and the settings that suit its format."""

    turns: tuple[str, ...]  # the user's and the assistant's in turn; one for a base model
    max_tokens: int
    stop: tuple[str, ...]
    chat: bool

    def request(self, **values: str) -> Request:
        """The request for the first sample. Placeholders in the values are left as they are."""
        *earlier, prompt = (_fill(turn, values) for turn in self.turns)
        return Request(prompt, earlier=tuple(earlier))

    def beginning(self, **values: str) -> str:
        """The words at the end of the prompt with which a base model's text begins."""
        begun = None if self.chat else BEGUN.search(self.turns[-1])
        return _fill(begun[1], values) if begun else ""

    def settings(self, **others: Any) -> Settings:
        return Settings(self.max_tokens, stop=self.stop, **others)


def _fill(text: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], text)


def read_template(path: Path, placeholders: frozenset[str], chat: bool) -> Template:
    """Read a prompt file.

    Raises InputError if it is malformed, has a placeholder that is not in `placeholders`, or turns although the model
    is not a chat model.
    """
    try:
        head, *rest = DASHES.split(path.read_text("utf-8"), maxsplit=1)
        settings = yaml.safe_load(head)
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; copy one from generation/prompts and edit it") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: not a prompt file ({error}); see generation/prompt_template.py for the format"
        ) from None
    if not rest or not isinstance(settings, dict) or settings.keys() != SETTINGS:
        raise InputError(f"{path}: must have max_tokens and stop, a line of dashes, and the prompt")
    if not (_is_positive(settings["max_tokens"]) and _is_list_of_strings(settings["stop"])):
        raise InputError(f"{path}: max_tokens must be a whole number from 1 on, and stop a list of strings")
    text = rest[0].removesuffix("\n")
    if not text.strip():
        raise InputError(f"{path}: the prompt is empty; write it below the line of dashes")
    if unknown := sorted(set(PLACEHOLDER.findall(text)) - placeholders):
        raise InputError(f"{path}: unknown placeholder {{{unknown[0]}}}; use {', '.join(sorted(placeholders))}")
    turns = _turns_of(text, path)
    if len(turns) > 1 and not chat:
        raise InputError(f"{path}: has turns, which are for chat models; give --chat, or other prompts")
    return Template(turns, settings["max_tokens"], tuple(settings["stop"]), chat)


def _turns_of(text: str, path: Path) -> tuple[str, ...]:
    before, *parts = TURN.split(text)
    if not parts:
        return (text,)
    whose, turns = parts[::2], parts[1::2]
    if before.strip() or len(turns) % 2 == 0 or whose != [("user", "assistant")[at % 2] for at in range(len(turns))]:
        raise InputError(f"{path}: turns must be [user], [assistant], .. in turn, and end with [user]")
    return tuple(turn.removesuffix("\n") for turn in turns)


def _is_positive(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
