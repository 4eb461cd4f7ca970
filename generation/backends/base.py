"""What backends and their callers share: requests, settings, generations, and the protocol of a backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

# our own finish_reasons, of generations without a text
PROMPT_TOO_LONG = "prompt too long"  # prompt and max_tokens exceed the model's context
REFUSED = "refused"  # by the server: a content filter, a field that it does not take
FAILED = "failed"  # the server, several times, on a prompt of which it answers others
NO_LOGPROBS = "no log-probabilities"  # although they were asked for
LOST = {  # what tables of counts call them
    PROMPT_TOO_LONG: "prompt too long for the model",
    REFUSED: "refused by the server",
    FAILED: "the server failed",
    NO_LOGPROBS: "no log-probabilities",
}


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
    earlier: tuple[str, ...] = ()  # turns of a conversation before the prompt: the user's and the assistant's in turn

    @property
    def turns(self) -> list[dict[str, str]]:
        """The messages for a chat model."""
        texts = (*self.earlier, self.prompt)
        return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


class Generation(NamedTuple):
    """The text generated for a prompt, without a model's reasoning before it and without the stop string."""

    text: str
    logprob: (
        float | None
    )  # mean of the tokens' own, before temperature and top_p; None without tokens or from the server
    tokens: int  # not counting those that hold only a stop string or the end of the text
    finish_reason: str  # "stop", "length" (max_tokens, or a loop), one of LOST (no text), or another of the server's
    problem: str = ""  # why there is no text, in the server's words

    @property
    def lost(self) -> str | None:
        """What tables of counts call the reason why there is no text, or None."""
        return LOST.get(self.finish_reason)


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
    key = json.dumps([settings.seed, request.sample, *request.earlier, request.prompt]).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) >> 1


def cut_at(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    return text[: min((at for string in stop if (at := text.find(string)) >= 0), default=len(text))]
