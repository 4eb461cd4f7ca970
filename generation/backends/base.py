"""What the backends and their callers share: requests, settings, generations, and the backend's protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

# how a text ended; a server may tell other ways
STOPPED = "stop"  # by itself or at a stop string
CUT = "length"  # at max_tokens
TOO_LONG = "prompt too long"  # there is no text: the prompt and max_tokens do not fit into the model's context


@dataclass(frozen=True)
class ModelInfo:
    """Which model it is. `variant` is what else its texts depend on: the precision, a chat template."""

    name: str
    revision: str | None  # None where a server does not tell it
    license: str
    variant: str = ""

    @property
    def meta(self) -> dict[str, str | None]:
        """What every record that is made with the model has in its meta."""
        return {"model": self.name, "model_revision": self.revision, "model_license": self.license}


@dataclass(frozen=True)
class Settings:
    """How a text is drawn. A temperature of 0 takes the likeliest token each time."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()  # a text ends before the first of these; OpenAI's own servers take at most 4
    seed: int = 0


class Request(NamedTuple):
    """A prompt, and which of several texts that are drawn for it."""

    prompt: str
    sample: int = 0


class Generation(NamedTuple):
    """What a model wrote after a prompt, without the stop string."""

    text: str
    logprob: (
        float | None
    )  # of the text's tokens, their mean, before temperature and top_p; None of no tokens, or not told
    tokens: int  # of the text, without those that hold a stop string or the end alone
    end: str  # STOPPED, CUT or TOO_LONG


OnBatch = Callable[[Sequence[tuple[int, Generation]]], None]  # takes places of requests and their generations


class Backend(Protocol):
    """What asks a model."""

    info: ModelInfo

    def ask(self, requests: Sequence[Request], settings: Settings, keep: OnBatch) -> None:
        """Give `keep` each request's generation as soon as it is there, before anything further is asked; those of a batch
        together. Raises InputError where the model cannot be asked."""


def seed_of(request: Request, settings: Settings) -> int:
    """A request's own seed, 31 bits, so that what is drawn for it does not depend on the requests beside it."""
    told = json.dumps([settings.seed, request.sample, request.prompt]).encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=4).digest()) >> 1


def cut_at(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    return text[: min((at for each in stop if (at := text.find(each)) >= 0), default=len(text))]
