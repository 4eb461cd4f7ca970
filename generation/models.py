"""A language model behind a cache: prompts in, texts with log-probabilities out, and nothing is asked twice.

A backend queries the model: generation/backends/local.py runs it with transformers, generation/backends/server.py
calls an OpenAI-compatible server. generation/model_flags.py has the scripts' flags for ModelOptions.

    options = ModelOptions("EleutherAI/pythia-160m")
    with open_model(options, cache="names.cache") as model:
        [generation] = model.generate([Request("Once upon a time")], Settings(max_tokens=20))
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from generation.answer_cache import Cache
from generation.backends.base import PROMPT_TOO_LONG, Backend, Generation, Request, Settings
from records.errors import InputError
from records.script import Progress


@dataclass(frozen=True)
class ModelOptions:
    """Which model to use, and how to query it."""

    model: str  # a folder or a name at the Hugging Face hub; with base_url, the server's name for it
    revision: str | None = None
    license: str | None = None
    chat: bool = False
    # run by transformers
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int = 16
    # at an OpenAI-compatible server
    base_url: str | None = None
    connections: int = 8
    timeout: int = 300  # seconds
    logprobs: bool = True


class Model:
    """A backend behind a cache. Counts the texts that were `asked` of the backend, and those that were `known`."""

    def __init__(self, backend: Backend, cache: Cache):
        self.info = backend.info
        self.asked = self.known = 0
        self._backend, self._cache = backend, cache

    def generate(self, requests: Sequence[Request], settings: Settings, label: str = "generating") -> list[Generation]:
        """The generations of `requests`, in the same order; equal requests get the same one.

        Each answer is saved as it arrives: a run that is killed and started again asks only for the missing ones.
        Raises InputError if the model cannot be queried.
        """
        keys = [self._key(request, settings) for request in requests]
        found = {key: Generation(*answer) for key in keys if (answer := self._cache.get(key))}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in found}
        self.asked += len(missing)
        self.known += len(found)
        missing_keys = list(missing)
        with Progress(label, len(missing), unit=" texts") as progress:

            def save(batch: Sequence[tuple[int, Generation]]) -> None:
                new = {missing_keys[index]: generation for index, generation in batch}
                # not PROMPT_TOO_LONG: the server's limit may be higher next time
                self._cache.put({key: made for key, made in new.items() if made.finish_reason != PROMPT_TOO_LONG})
                found.update(new)
                progress.update(len(new))

            if missing:
                self._backend.ask(list(missing.values()), settings, save)
        return [found[key] for key in keys]

    def _key(self, request: Request, settings: Settings) -> bytes:
        info = self.info
        parts = [info.name, info.revision, info.variant, request.prompt, request.sample, asdict(settings)]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


@contextmanager
def open_model(options: ModelOptions, cache: str | Path | None) -> Iterator[Model]:
    """Load the model; `cache` is a file, or None to keep the answers in memory.

    Raises InputError if the model cannot be loaded, its licence is unknown, or another run uses the cache.
    """
    try:
        load = _import_backend(options)
    except ImportError as error:
        lock = "torch" if error.name == "torch" else "generate"
        raise InputError(f"{error.name} is missing; pip install -r requirements/{lock}.txt") from None
    with Cache(cache) as answers:
        yield Model(load(), answers)


def _import_backend(options: ModelOptions) -> Callable[[], Backend]:
    """A function that loads the model. Each backend needs packages that the other does without."""
    if options.base_url:
        from generation.backends.server import ServerBackend

        return partial(
            ServerBackend,
            options.model,
            base_url=options.base_url,
            revision=options.revision,
            license=options.license,
            chat=options.chat,
            connections=options.connections,
            timeout=options.timeout,
            logprobs=options.logprobs,
        )
    from generation.backends.local import LocalBackend

    return partial(
        LocalBackend,
        options.model,
        revision=options.revision,
        license=options.license,
        chat=options.chat,
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
    )
