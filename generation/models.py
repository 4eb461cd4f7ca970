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
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from generation.answer_cache import Cache
from generation.backends.base import (
    FAILED,
    NO_LOGPROBS,
    PROMPT_TOO_LONG,
    REFUSED,
    Backend,
    Generation,
    Request,
    Settings,
)
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
    patience: float = 2.0  # minutes in which the server may answer nothing
    logprobs: bool = True
    fields: dict[str, Any] = field(default_factory=dict)  # of each request; None leaves one out


class Model:
    """A backend behind a cache. Counts the texts that were `asked` of the backend, and those that were `known`."""

    def __init__(self, backend: Backend, cache: Cache):
        self.info = backend.info
        self.asked = self.known = 0
        self._backend, self._cache = backend, cache
        self._got_text = set[str]()  # the labels for which there was one

    def generate(self, requests: Sequence[Request], settings: Settings, label: str = "generating") -> list[Generation]:
        """The generations of `requests`, in the same order; equal requests get the same one.

        Each answer is saved as it arrives: a run that is killed and started again asks only for the missing ones.
        Raises InputError if the model cannot be queried, or if no request with this label ever got a text.
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
                # what is without a text for a reason may have one next time
                self._cache.put({key: made[:4] for key, made in new.items() if not made.problem})
                found.update(new)
                progress.update(len(new))

            if missing:
                self._backend.ask(list(missing.values()), settings, save)
        if any(generation.text.strip() for generation in found.values()):
            self._got_text.add(label)
        elif requests and label not in self._got_text:
            raise InputError(f"{self.info.name}: {label}: {_why_no_text(list(found.values()))}")
        return [found[key] for key in keys]

    def unknown(self, requests: Sequence[Request], settings: Settings) -> list[Request]:
        """Those of the requests that `generate` would ask the backend, equal ones once."""
        keys = {self._key(request, settings): request for request in requests}
        return [request for key, request in keys.items() if not self._cache.get(key)]

    def _key(self, request: Request, settings: Settings) -> bytes:
        info = self.info
        prompt = [*request.earlier, request.prompt] if request.earlier else request.prompt
        parts = [info.name, info.revision, info.variant, prompt, request.sample, asdict(settings)]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


_REASONING = (
    'a reasoning model? Let it think less, --request \'{"chat_template_kwargs": {"enable_thinking": false}}\', or '
    "longer, --request '{\"max_tokens\": 4000}'; see docs/generation.md"
)
_HINTS = {
    PROMPT_TOO_LONG: "take a model with a longer context, or shorter prompts",
    NO_LOGPROBS: "configure it to return them, or give --without_logprobs to skip the checks that need them",
    REFUSED: "a field that it does not take can be changed or left out with --request",
    FAILED: "check --base_url, and see the server's log",
    "length": _REASONING,
}
_FIELD = re.compile(r"\b(max_tokens|temperature|top_p|seed|stop|logprobs)\b")


def _why_no_text(generations: Sequence[Generation]) -> str:
    """What happened to texts that are all lost or empty, by the first of them, and what may help."""
    first = generations[0]
    problem, count = first.problem or "an empty text", len(generations)
    hint = _HINTS.get(first.finish_reason, "is --chat given for a chat model, and only for one?")
    if "reasoning" in problem:
        hint = _REASONING
    elif first.finish_reason == REFUSED and (field := _FIELD.search(problem)):
        changed = '{"max_tokens": null, "max_completion_tokens": 1000}'
        changed = changed if "max_completion_tokens" in problem else f'{{"{field[1]}": null}}'
        hint = "give --without_logprobs" if field[1] == "logprobs" else f"give --request '{changed}'"
    elif first.finish_reason == REFUSED and "403" in problem:
        hint = "check OPENAI_API_KEY, and what it may ask for"
    return f"no text for {'any of ' if count > 1 else ''}{count} prompt{'s' * (count > 1)}: {problem}; {hint}"


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
            patience=options.patience,
            logprobs=options.logprobs,
            fields=options.fields,
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
