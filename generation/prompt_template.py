"""Prompts in text files, which users can read and replace.

Above the first line of dashes are the settings as YAML, below it the prompt, with {placeholders}:

    # comments say what the prompt is for
    max_tokens: 40
    stop: ["\\n"]
    ---
    Passage: {passage}
    Question:
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generation.backends.base import Settings
from records.errors import InputError

SETTINGS = {"max_tokens", "stop"}
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
DASHES = re.compile(r"^-{3,}[ \t]*\n", re.M)


@dataclass(frozen=True)
class Template:
    """A prompt with placeholders, and the settings that suit its format."""

    text: str
    max_tokens: int
    stop: tuple[str, ...]

    def fill(self, **values: str) -> str:
        """The prompt. Placeholders in the values are left as they are."""
        return PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], self.text)

    def settings(self, **others: Any) -> Settings:
        return Settings(self.max_tokens, stop=self.stop, **others)


def read_template(path: Path, placeholders: frozenset[str]) -> Template:
    """Read a prompt file. Raises InputError if it is malformed, or has a placeholder that is not in `placeholders`."""
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
    return Template(text, settings["max_tokens"], tuple(settings["stop"]))


def _is_positive(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
