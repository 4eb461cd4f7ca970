"""What backends and their callers share: requests, settings, generations, and the protocol of a backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

PROMPT_TOO_LONG = "prompt too long"  # our own finish_reason: prompt and max_tokens exceed the model's context


@dataclass(frozen=True)
class ModelInfo:
    """Identifies a model. `variant` is whatever else its output depends on: the precision, a chat template."""

    name: str
    revision: str | None  # None if the server does not report it
    license: str
    variant: str = ""

    @property
    def meta(self) -> dict[str, str | None]:
        """The fields that every record made with the model has in its meta."""
        return {"model": self.name, "model_revision": self.revision, "model_license": self.license}


@dataclass(frozen=True)
class Settings:
    """Sampling parameters. A temperature of 0 is greedy decoding."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()  # a text ends before the first of these; OpenAI's own servers take at most 4
    seed: int = 0


class Request(NamedTuple):
    """A prompt, and the number of the sample to draw for it."""

    prompt: str
    sample: int = 0


class Generation(NamedTuple):
    """The text generated for a prompt, without the stop string."""

    text: str
    logprob: (
        float | None
    )  # mean of the tokens' own, before temperature and top_p; None without tokens or from the server
    tokens: int  # not counting those that hold only a stop string or the end of the text
    finish_reason: str  # "stop", "length" (reached max_tokens), PROMPT_TOO_LONG (no text), or another of the server's


OnBatch = Callable[[Sequence[tuple[int, Generation]]], None]  # takes generations with the indexes of their requests


class Backend(Protocol):
    """Queries a model."""

    info: ModelInfo

    def ask(self, requests: Sequence[Request], settings: Settings, on_batch: OnBatch) -> None:
        """Generate a text for each request.

        `on_batch` is called with each batch as soon as it is complete, before the next one is asked for. Raises
        InputError if the model cannot be queried.
        """


def seed_of(request: Request, settings: Settings) -> int:
    """A 31-bit seed for one request, which does not depend on the other requests of its batch."""
    key = json.dumps([settings.seed, request.sample, request.prompt]).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) >> 1


def cut_at(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    return text[: min((at for string in stop if (at := text.find(string)) >= 0), default=len(text))]
