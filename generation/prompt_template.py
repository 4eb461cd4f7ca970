"""Prompts in files that people can read and replace.

Above the first line of dashes stand the step's settings as YAML, below it the prompt, with {names} for what is put in:

    # comments say what the step is for
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
PLACE = re.compile(r"\{([a-z_]+)\}")
RULE = re.compile(r"^-{3,}[ \t]*\n", re.M)


@dataclass(frozen=True)
class Template:
    """A prompt with places to fill in, and the settings that belong to its form."""

    text: str
    max_tokens: int
    stop: tuple[str, ...]

    def fill(self, **values: str) -> str:
        """The prompt. What is filled in is not looked at for further places."""
        return PLACE.sub(lambda place: values[place[1]], self.text)

    def settings(self, **others: Any) -> Settings:
        return Settings(self.max_tokens, stop=self.stop, **others)


def read_template(path: Path, places: frozenset[str]) -> Template:
    """Read a prompt file. Raises InputError where it is none, or has a place that is not one of `places`."""
    try:
        head, *rest = RULE.split(path.read_text("utf-8"), maxsplit=1)
        settings = yaml.safe_load(head)
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt file; copy the one of generation/prompts and change that") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: is no prompt file ({error}); see generation/prompt_template.py for its form"
        ) from None
    if not rest or not isinstance(settings, dict) or settings.keys() != SETTINGS:
        raise InputError(f"{path}: must have max_tokens and stop, a line of dashes, and the prompt")
    if not (_is_count(settings["max_tokens"]) and _is_texts(settings["stop"])):
        raise InputError(f"{path}: max_tokens must be a number from 1 on, and stop a list of texts")
    text = rest[0].removesuffix("\n")
    if not text.strip():
        raise InputError(f"{path}: the prompt is empty; write it below the line of dashes")
    if unknown := sorted(set(PLACE.findall(text)) - places):
        raise InputError(f"{path}: has {{{unknown[0]}}}; the places to fill in are {', '.join(sorted(places))}")
    return Template(text, settings["max_tokens"], tuple(settings["stop"]))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
