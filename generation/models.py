"""A language model as prompts -> texts with log-probabilities: batched, seeded, and never asked twice for the same thing.

A backend asks the model: generation/backends/local.py runs it here with transformers, generation/backends/server.py asks an
OpenAI-compatible server. Model puts the cache of generation/answer_cache.py before either:

    add_model_flags(parser)
    args = parser.parse_args()
    with open_model(args, cache="names.cache") as model:
        [generation] = model.generate([Request("Once upon a time")], Settings(max_tokens=20))
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from generation.answer_cache import Cache
from generation.backends.base import TOO_LONG, Backend, Generation, Request, Settings
from records.errors import InputError
from records.script import Progress, positive

DTYPES = ("float32", "bfloat16", "float16")


class Model:
    """A backend behind a cache. Counts the texts that were `asked` of the backend, and those that were `known`."""

    def __init__(self, backend: Backend, cache: Cache):
        self.info = backend.info
        self.asked = self.known = 0
        self._backend, self._cache = backend, cache

    def generate(self, requests: Sequence[Request], settings: Settings, label: str = "generating") -> list[Generation]:
        """The generations of `requests`, in their order; equal requests have the same one.

        Each answer is kept as it comes: a run that is killed and started again asks only for what had not come. Raises
        InputError where the model cannot be asked.
        """
        keys = [self._key(request, settings) for request in requests]
        found = {key: Generation(*kept) for key in keys if (kept := self._cache.get(key))}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in found}
        self.asked += len(missing)
        self.known += len(found)
        missing_keys = list(missing)
        with Progress(label, len(missing), unit=" texts") as progress:

            def keep(answered: Sequence[tuple[int, Generation]]) -> None:
                new = {missing_keys[place]: generation for place, generation in answered}
                # a server's limit may be another next time
                self._cache.put({key: each for key, each in new.items() if each.end != TOO_LONG})
                found.update(new)
                progress.update(len(new))

            if missing:
                self._backend.ask(list(missing.values()), settings, keep)
        return [found[key] for key in keys]

    def _key(self, request: Request, settings: Settings) -> bytes:
        info = self.info
        told = [info.name, info.revision, info.variant, request.prompt, request.sample, asdict(settings)]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).digest()


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that open_model reads."""
    add = parser.add_argument_group("the model").add_argument
    add(
        "--model",
        required=True,
        metavar="NAME",
        help="a folder with a transformers model, or its name at the Hugging Face "
        "hub; with --base_url, the server's name for it",
    )
    add(
        "--revision",
        metavar="REV",
        help="of the model (default: the newest at the hub; of a folder, its files' digest)",
    )
    add("--license", metavar="LICENSE", help="of the model, for the records' meta (default: what its model card tells)")
    add(
        "--chat",
        action="store_true",
        help="a chat model: each prompt is a user's turn, by its chat template or at "
        "/v1/chat/completions (default: texts go on where the prompt ends)",
    )
    add(
        "--cache",
        metavar="PATH",
        help="keeps the model's answers, so that a run goes on where another was ended "
        "(default: <destpath>.cache; none with -)",
    )
    here = parser.add_argument_group("the model, run here by transformers").add_argument
    here("--device", default="auto", metavar="DEVICE", help="cpu, cuda, cuda:1, .. (default: cuda where there is one)")
    here(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="numbers of the weights (default: float32; on a GPU bfloat16 is several times as fast)",
    )
    here("--batch_size", type=positive, default=16, metavar="N", help="prompts at once (default: 16)")
    server = parser.add_argument_group("the model, at an OpenAI-compatible server").add_argument
    server("--base_url", metavar="URL", help="as in http://localhost:8000/v1; its key is taken from OPENAI_API_KEY")
    server("--connections", type=positive, default=8, metavar="N", help="requests at once (default: 8)")
    server("--timeout", type=positive, default=300, metavar="SECONDS", help="for an answer (default: 300)")
    server("--without_logprobs", action="store_true", help="do not ask for log-probabilities, which some do not tell")


@contextmanager
def open_model(args: argparse.Namespace, cache: str | Path | None) -> Iterator[Model]:
    """The model that the flags of add_model_flags name; `cache` is a file, None for none.

    Raises InputError where it cannot be had, has no licence, or where another run uses the cache.
    """
    try:
        if args.base_url:
            from generation.backends.server import ServerBackend as Chosen
        else:
            from generation.backends.local import LocalBackend as Chosen  # type: ignore[assignment]
    except ImportError as error:
        lock = "torch" if error.name == "torch" else "generate"
        raise InputError(f"{error.name} is missing; pip install -r requirements/{lock}.txt") from None
    with Cache(cache) as kept:
        yield Model(Chosen(args), kept)
