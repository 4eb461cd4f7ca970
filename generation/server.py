"""A model at a server that speaks OpenAI's protocol (vLLM, llama.cpp, OpenAI itself, ..), asked several things at once.

Base models are asked at /v1/completions, chat models at /v1/chat/completions. The openai client asks again after 408, 409, 429 and
5xx answers, time-outs and broken connections, waits between, and heeds Retry-After up to two minutes. Whether the same seed
gives the same text is up to the server; the cache makes up for it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
from collections.abc import Sequence
from typing import Any

import openai

from generation.models import STOPPED, TOO_LONG, Generation, Keep, ModelInfo, Request, Settings, cut_at, seed_of
from instructions.script import InputError

RETRIES = 6  # after which the client has waited about 25 s in all, more where Retry-After asks for more
ASKED_FOR_JSON = 3  # times, where a server answers 200 with something else
NO_KEY = "none"  # the client insists on one; servers without keys pass over it
MEND = {
    401: "check OPENAI_API_KEY",
    403: "check OPENAI_API_KEY",
    404: "check --model and --base_url, which mostly ends in /v1, and whether --chat is right",
    429: "give fewer --connections, or type the same command again later",
}


class ServerBackend:
    """The model that --base_url and --model name. Raises InputError without --license, which a server does not tell."""

    def __init__(self, args: argparse.Namespace):
        if not args.license:
            raise InputError(f"{args.model}: a server does not tell a model's licence; give it with --license")
        self.info = ModelInfo(args.model, args.revision, args.license, "chat" if args.chat else "")
        self.base_url, self.connections, self.timeout = args.base_url, args.connections, args.timeout
        self.chat, self.logprobs = args.chat, not args.without_logprobs
        self.key = os.environ.get("OPENAI_API_KEY") or NO_KEY

    def ask(self, requests: Sequence[Request], settings: Settings, keep: Keep) -> None:
        """Ask in the order of the requests, so many at once as there are connections."""
        asyncio.run(self._ask_all(requests, settings, keep))

    async def _ask_all(self, requests: Sequence[Request], settings: Settings, keep: Keep) -> None:
        slots, failures = asyncio.Semaphore(self.connections), list[InputError]()

        async def ask(client: openai.AsyncOpenAI, place: int) -> None:
            async with slots:
                if failures:  # nothing new is asked for, while what is on its way is waited for and kept
                    return
                try:
                    keep([(place, await self._ask(client, requests[place], settings))])
                except InputError as failure:
                    failures.append(failure)

        async with openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self.key, timeout=self.timeout, max_retries=RETRIES
        ) as client:
            await asyncio.gather(*(ask(client, place) for place in range(len(requests))))
        if failures:
            raise failures[0]

    async def _ask(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Generation:
        try:
            for _ in range(ASKED_FOR_JSON):
                try:
                    return self._generation(await self._completion(client, request, settings), settings)
                except (ValueError, AttributeError, LookupError, TypeError) as error:
                    problem = f"{type(error).__name__}: {error}"
        except openai.BadRequestError as error:
            if error.code == "context_length_exceeded" or "context length" in error.message:
                return Generation("", None, 0, TOO_LONG)
            raise self._failure(f"refuses the request ({error.message})") from None
        except openai.APIStatusError as error:
            raise self._failure(
                f"answers {error.status_code} ({error.message})", MEND.get(error.status_code, "")
            ) from None
        except openai.APITimeoutError:
            raise self._failure(
                f"no answer within {self.timeout} s", "give a longer --timeout, or fewer --connections"
            ) from None
        except openai.APIConnectionError as error:
            raise self._failure(
                f"cannot be reached ({error.__cause__ or error})", "check --base_url, and that the server runs"
            ) from None
        raise self._failure(f"its answer is no completion ({problem})", "check --base_url")

    async def _completion(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Any:
        told: dict[str, Any] = {
            "model": self.info.name,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "seed": seed_of(request, settings),
        }
        if settings.stop:
            told["stop"] = list(settings.stop)
        if self.chat:
            if self.logprobs:
                told["logprobs"] = True
            return await client.chat.completions.create(messages=[{"role": "user", "content": request.prompt}], **told)
        if self.logprobs:
            told["logprobs"] = 1  # 0 is enough by the protocol, but means none to some servers
        return await client.completions.create(prompt=request.prompt, **told)

    def _generation(self, completion: Any, settings: Settings) -> Generation:
        """The first choice of a completion; whatever else comes raises ValueError, AttributeError, LookupError or TypeError."""
        choice = completion.choices[0]
        written = (choice.message.content or "") if self.chat else choice.text
        written = written.encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair, files may not
        text = cut_at(written, settings.stop)
        end = STOPPED if text != written else str(choice.finish_reason)
        if not self.logprobs:
            return Generation(text, None, completion.usage.completion_tokens if completion.usage else 0, end)
        if not text:
            return Generation(text, None, 0, end)
        tokens = self._tokens(choice)
        while len(tokens) > 1 and "".join(token for token, _ in tokens[:-1]).startswith(text):
            tokens.pop()  # those of a stop string
        mean = sum(logprob for _, logprob in tokens) / len(tokens)
        if not math.isfinite(mean):
            raise ValueError(f"a log-probability of {mean}")
        return Generation(text, mean, len(tokens), end)

    def _tokens(self, choice: Any) -> list[tuple[str, float]]:
        told = choice.logprobs
        if self.chat and told and told.content:
            return [(each.token, each.logprob) for each in told.content]
        if not self.chat and told and told.tokens and told.token_logprobs:
            return list(zip(told.tokens, told.token_logprobs, strict=True))
        raise self._failure(
            "tells no log-probabilities", "let it tell them, or give --without_logprobs to do without what needs them"
        )

    def _failure(self, problem: str, mend: str = "") -> InputError:
        """An error in one line, without the key, should a server send it back."""
        told = f"{self.base_url}: {problem}{'; ' if mend else ''}{mend}"
        return InputError(told if self.key == NO_KEY else told.replace(self.key, "***"))
