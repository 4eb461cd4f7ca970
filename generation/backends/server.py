"""A model at a server that speaks OpenAI's protocol (vLLM, llama.cpp, OpenAI itself, ..), with concurrent requests.

Base models are called at /v1/completions, chat models at /v1/chat/completions. The openai client retries after 408,
409, 429 and 5xx answers, timeouts and broken connections, with pauses, and respects Retry-After up to two minutes.
Whether the same seed gives the same text is up to the server; the cache makes up for it.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from typing import Any

import openai

from generation.backends.base import (
    PROMPT_TOO_LONG,
    Generation,
    ModelInfo,
    OnBatch,
    Request,
    Settings,
    cut_at,
    seed_of,
)
from records.errors import InputError

RETRIES = 6  # about 25 s of waiting in all, more if Retry-After asks for it
ATTEMPTS = 3  # if a server answers 200 with something that is not a completion
NO_KEY = "none"  # the client insists on a key; servers without keys ignore it
HINTS = {
    401: "check OPENAI_API_KEY",
    403: "check OPENAI_API_KEY",
    404: "check --model and --base_url, which usually ends in /v1, and whether --chat is right",
    429: "give fewer --connections, or run the same command again later",
}


class ServerBackend:
    """Asks a server for completions.

    model is the server's name for it; the key is read from OPENAI_API_KEY. Raises InputError without `license`, which
    servers do not report.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        revision: str | None,
        license: str | None,
        chat: bool,
        connections: int,
        timeout: int,
        logprobs: bool,
    ):
        if not license:
            raise InputError(f"{model}: a server does not report a model's licence; give it with --license")
        self.info = ModelInfo(model, revision, license, "chat" if chat else "")
        self.base_url, self.connections, self.timeout = base_url, connections, timeout
        self.chat, self.logprobs = chat, logprobs
        self.key = os.environ.get("OPENAI_API_KEY") or NO_KEY

    def ask(self, requests: Sequence[Request], settings: Settings, on_batch: OnBatch) -> None:
        """Send the requests in their order, as many at once as there are connections."""
        asyncio.run(self._ask_all(requests, settings, on_batch))

    async def _ask_all(self, requests: Sequence[Request], settings: Settings, on_batch: OnBatch) -> None:
        slots, failures = asyncio.Semaphore(self.connections), list[InputError]()

        async def ask(client: openai.AsyncOpenAI, index: int) -> None:
            async with slots:
                if failures:  # start nothing new, but let pending requests finish, so that their answers are saved
                    return
                try:
                    on_batch([(index, await self._ask(client, requests[index], settings))])
                except InputError as failure:
                    failures.append(failure)

        async with openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self.key, timeout=self.timeout, max_retries=RETRIES
        ) as client:
            await asyncio.gather(*(ask(client, index) for index in range(len(requests))))
        if failures:
            raise failures[0]

    async def _ask(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Generation:
        try:
            for _ in range(ATTEMPTS):
                try:
                    return self._generation(await self._completion(client, request, settings), settings)
                except (ValueError, AttributeError, LookupError, TypeError) as error:
                    problem = f"{type(error).__name__}: {error}"
        except openai.BadRequestError as error:
            if error.code == "context_length_exceeded" or "context length" in error.message:
                return Generation("", None, 0, PROMPT_TOO_LONG)
            raise self._failure(f"refuses the request ({error.message})") from None
        except openai.APIStatusError as error:
            raise self._failure(
                f"answers {error.status_code} ({error.message})", HINTS.get(error.status_code, "")
            ) from None
        except openai.APITimeoutError:
            raise self._failure(
                f"no answer within {self.timeout} s", "give a longer --timeout, or fewer --connections"
            ) from None
        except openai.APIConnectionError as error:
            raise self._failure(
                f"cannot be reached ({error.__cause__ or error})", "check --base_url, and that the server is running"
            ) from None
        raise self._failure(f"the answer is not a completion ({problem})", "check --base_url")

    async def _completion(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Any:
        parameters: dict[str, Any] = {
            "model": self.info.name,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "seed": seed_of(request, settings),
        }
        if settings.stop:
            parameters["stop"] = list(settings.stop)
        if self.chat:
            if self.logprobs:
                parameters["logprobs"] = True
            turns = [{"role": "user", "content": request.prompt}]
            return await client.chat.completions.create(messages=turns, **parameters)
        if self.logprobs:
            parameters["logprobs"] = 1  # by the protocol 0 is enough, but some servers take it for none
        return await client.completions.create(prompt=request.prompt, **parameters)

    def _generation(self, completion: Any, settings: Settings) -> Generation:
        """The first choice. Raises ValueError, AttributeError, LookupError or TypeError for a malformed completion."""
        choice = completion.choices[0]
        written = (choice.message.content or "") if self.chat else choice.text
        written = written.encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair, files may not
        text = cut_at(written, settings.stop)
        finish_reason = "stop" if text != written else str(choice.finish_reason)
        if not self.logprobs:
            tokens_used = completion.usage.completion_tokens if completion.usage else 0
            return Generation(text, None, tokens_used, finish_reason)
        if not text:
            return Generation(text, None, 0, finish_reason)
        tokens = self._tokens(choice)
        while len(tokens) > 1 and "".join(token for token, _ in tokens[:-1]).startswith(text):
            tokens.pop()  # of the stop string
        mean = sum(logprob for _, logprob in tokens) / len(tokens)
        if not math.isfinite(mean):
            raise ValueError(f"a log-probability of {mean}")
        return Generation(text, mean, len(tokens), finish_reason)

    def _tokens(self, choice: Any) -> list[tuple[str, float]]:
        logprobs = choice.logprobs
        if self.chat and logprobs and logprobs.content:
            return [(token.token, token.logprob) for token in logprobs.content]
        if not self.chat and logprobs and logprobs.tokens and logprobs.token_logprobs:
            return list(zip(logprobs.tokens, logprobs.token_logprobs, strict=True))
        raise self._failure(
            "returns no log-probabilities",
            "configure it to return them, or give --without_logprobs to skip the checks that need them",
        )

    def _failure(self, problem: str, hint: str = "") -> InputError:
        """An error of one line, without the key, which a server may send back."""
        message = f"{self.base_url}: {problem}{'; ' if hint else ''}{hint}"
        return InputError(message if self.key == NO_KEY else message.replace(self.key, "***"))
