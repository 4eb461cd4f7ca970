"""A model at a server that speaks OpenAI's protocol (vLLM, llama.cpp, OpenAI itself, ..), with concurrent requests.

Base models are called at /v1/completions, chat models at /v1/chat/completions. What goes wrong is one of these:

    the server is busy, loading or not there    it is asked again, with pauses, until it has answered nothing for the
                                                time of --patience: then the run ends
    it fails on one prompt, or sends no JSON    asked again a few times; then that text is lost, if others are answered
    it refuses a prompt                         that text is lost, with the server's words
    it refuses the key, the model or to be paid the run ends, unless it has answered others

A run also ends after REFUSED_IN_A_ROW lost texts, or DENIED_IN_A_ROW of the last kind. Whether the same seed gives the
same text is up to the server; the cache makes up for it.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import os
import random
import re
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import openai

from generation.backends.base import (
    FAILED,
    NO_LOGPROBS,
    PROMPT_TOO_LONG,
    REFUSED,
    Generation,
    ModelInfo,
    OnBatch,
    Request,
    Settings,
    cut_at,
    seed_of,
)
from generation.backends.completions import NOT_A_COMPLETION, Completion, parse_completion, words_of
from generation.backends.reasoning import answer_span
from records.errors import InputError
from records.script import tell

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds; each is twice the one before
ATTEMPTS = 4  # on a prompt on which the server fails while it answers others
REFUSED_IN_A_ROW = 50  # eight passages with all six kinds of questions; a run that gets nothing ends before
DENIED_IN_A_ROW = 12  # two passages
NO_KEY = "none"  # the client insists on a key; servers without keys ignore it
LONGEST_WORDS = 400  # characters of a server's message

HINTS = {  # statuses with which usually no prompt is answered
    401: "check OPENAI_API_KEY",
    402: "check what your account may use",
    404: "check --model and --base_url, which usually ends in /v1, and whether --chat is right",
    405: "check --base_url, which usually ends in /v1",
}
BUSY = {429, 503, 529}  # whatever the prompt
# what the client's HTTP package, which is httpx or a successor, calls it when the connection stood
BROKEN_OFF = {"RemoteProtocolError", "ReadError", "DecodingError"}
TEMPORARY = {408, 409, 425, *BUSY}  # and 5xx
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance|insufficient (?:credits|balance)", re.I)
_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|too (?:long|large|many tokens)|reduce the (?:length|prompt|input)"
    r"|(?:\bmax(?:imum)?\b|exceed|\blimit|must be <=|longer than)[^.]*\btokens?\b"
    r"|\btokens?\b[^.]*(?:exceed|\blimit|\bmax(?:imum)?\b|must be <=|longer than)",
    re.I,
)


class _TemporaryError(Exception):
    """The server may answer the same request later."""

    def __init__(self, words: str, hint: str = "", *, busy: bool = False, limited: bool = False, wait: float = 0):
        super().__init__(words)
        self.hint, self.busy, self.limited = hint, busy, limited  # by a rate, of all prompts
        self.wait = wait  # seconds for which the server asks


class ServerBackend:
    """Asks a server for completions.

    model is the server's name for it; the key is read from OPENAI_API_KEY. fields are added to every request; null
    leaves a field out. patience is in minutes. Raises InputError without `license`, which servers do not report.
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
        patience: float,
        logprobs: bool,
        fields: Mapping[str, Any],
    ):
        if not license:
            raise InputError(f"{model}: a server does not report a model's licence; give it with --license")
        if not base_url.startswith(("http://", "https://")):
            raise InputError(f"{base_url}: check --base_url, which begins with http:// or https://")
        variant = f"{'chat' if chat else ''}{json.dumps(fields, sort_keys=True) if fields else ''}"
        self.info = ModelInfo(model, revision, license, variant)
        self.base_url, self.connections, self.timeout = base_url, connections, timeout
        self.patience = patience * 60
        self.chat, self.logprobs, self.fields = chat, logprobs, fields
        self.key = os.environ.get("OPENAI_API_KEY") or NO_KEY
        self._answers = self._lost_in_a_row = self._denied_in_a_row = 0
        self._heard = 0.0  # when the server last answered
        self._told = False  # that it does not answer
        self._gave_up = False  # on a prompt, after all patience

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
                    generation = await self._ask(client, requests[index], settings)
                    on_batch([(index, generation)])
                    self._count(generation)
                except InputError as failure:
                    failures.append(failure)

        async with openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self.key, timeout=self.timeout, max_retries=0
        ) as client:
            await asyncio.gather(*(ask(client, index) for index in range(len(requests))))
        if failures:
            raise failures[0]

    def _count(self, generation: Generation) -> None:
        """Count a result. Raises InputError after too many lost texts in a row."""
        if generation.finish_reason == PROMPT_TOO_LONG:  # of a long text, many are in a row
            return
        if not generation.lost:
            self._answers += 1
            self._denied_in_a_row = 0
        self._lost_in_a_row = self._lost_in_a_row + 1 if generation.lost else 0
        if self._lost_in_a_row >= REFUSED_IN_A_ROW:
            raise self._failure(f"no text for {self._lost_in_a_row} prompts in a row, the last: {generation.problem}")

    async def _ask(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Generation:
        """The generation, perhaps after several attempts. Raises InputError if the run has to end."""
        troubled = 0.0  # since when
        for attempt in count(1):
            try:
                generation = await self._attempt(client, request, settings)
                self._heard, self._told = time.monotonic(), False
                return generation
            except _TemporaryError as trouble:
                troubled = troubled or time.monotonic()
                few = not trouble.busy and (self._answers or self._gave_up)
                if few and attempt >= ATTEMPTS:
                    return self._without_text(FAILED, str(trouble))
                if not await self._pause(attempt, troubled, trouble):
                    self._gave_up = True
                    return self._without_text(FAILED, str(trouble))
        raise AssertionError

    async def _pause(self, attempt: int, troubled: float, trouble: _TemporaryError) -> bool:
        """Wait before the next attempt at a prompt that has been in trouble since then.

        False if that would be beyond the patience, or InputError if the server is busy and not only with this prompt.
        """
        pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE) * random.uniform(1, 1.2)
        pause = max(pause, trouble.wait)
        if time.monotonic() + pause > max(troubled, self._heard) + self.patience:
            if not trouble.busy or (self._heard > troubled and not trouble.limited):
                return False
            asks = f", asks to wait {trouble.wait:.0f} s" if trouble.wait else ""
            raise self._failure(f"{trouble}{asks}", trouble.hint or "give a longer --patience")
        if not self._told and pause > 1:
            self._told = True
            tell(self._masked(f"{self.base_url}: {trouble}; asked again for up to {self.patience / 60:g} min"))
        await asyncio.sleep(pause)
        return True

    async def _attempt(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> Generation:
        """Raises _TemporaryError, or InputError if nothing will be answered."""
        try:
            async with asyncio.timeout(self.timeout):  # the client's own begins anew with each byte
                body = await self._send(client, request, settings)
        except openai.APIStatusError as error:
            return self._refused(error.status_code, error.response.text, _wait_asked_for(error.response.headers))
        except (openai.APITimeoutError, TimeoutError):
            raise _TemporaryError(f"no answer within {self.timeout} s (--timeout)") from None
        except openai.APIConnectionError as error:
            if type(error.__cause__).__name__ in BROKEN_OFF:
                raise _TemporaryError(f"breaks off its answer ({error.__cause__})") from None
            hint = "check --base_url, and that the server is running"
            raise _TemporaryError(f"cannot be reached ({error.__cause__ or error})", hint, busy=True) from None
        try:
            completion = parse_completion(body)
        except NOT_A_COMPLETION as error:
            problem = f"the answer is not a completion ({type(error).__name__}: {error})"
            raise _TemporaryError(problem) from None
        if completion.error is not None:
            return self._refused(completion.error.status, completion.error.words, 0)
        if completion.refusal is not None:
            return self._without_text(REFUSED, completion.refusal)
        return self._generation(completion, settings)

    async def _send(self, client: openai.AsyncOpenAI, request: Request, settings: Settings) -> str:
        """The body of the server's answer."""
        fields: dict[str, Any] = {
            "model": self.info.name,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "seed": seed_of(request, settings),
        }
        if settings.stop:
            fields["stop"] = list(settings.stop)
        if self.logprobs:  # for base models: by the protocol 0 is enough, but some servers take it for none
            fields["logprobs"] = True if self.chat else 1
        given = "messages" if self.chat else "prompt"
        fields[given] = request.turns if self.chat else request.prompt
        fields = {name: value for name, value in {**fields, **self.fields}.items() if value is not None}
        create = (client.chat.completions if self.chat else client.completions).with_raw_response.create
        raw = await create(model=fields.pop("model"), **{given: fields.pop(given)}, extra_body=fields)
        return str(raw.http_response.text)

    def _refused(self, status: int, body: str, wait: float) -> Generation:
        """A generation without text, if the prompt is the reason. Raises _TemporaryError or InputError if it is not."""
        words = f"answers {status} ({words_of(body)[:LONGEST_WORDS]})"
        if status in HINTS or (status == 429 and _NO_CREDIT.search(body)):
            self._denied_in_a_row += 1
            if not self._answers or self._denied_in_a_row >= DENIED_IN_A_ROW:
                raise self._failure(words, HINTS.get(status, HINTS[402]))
            return self._without_text(REFUSED, words)
        if status == 413 or (status not in TEMPORARY and _TOO_LONG.search(body)):
            return self._without_text(PROMPT_TOO_LONG, words)
        if status in TEMPORARY or status >= 500:
            hint = "give fewer --connections, or a longer --patience" if status == 429 else ""
            raise _TemporaryError(words, hint, busy=status in BUSY, limited=status == 429, wait=wait)
        return self._without_text(REFUSED, words)

    def _generation(self, completion: Completion, settings: Settings) -> Generation:
        start, end = answer_span(completion.text)
        answer = completion.text[start:end]
        text = cut_at(answer, settings.stop)
        finish_reason = "stop" if text != answer else completion.finish_reason
        if not text:
            why = "reasoning without an answer" if start or completion.reasoned else "an empty text"
            return Generation(text, None, 0, finish_reason, why)
        if not self.logprobs:
            return Generation(text, None, completion.token_count, finish_reason)
        if not completion.tokens:
            return self._without_text(NO_LOGPROBS, "returns no log-probabilities")
        tokens = _logprobs_of(text, completion, start)
        logprobs = [logprob for logprob in tokens if logprob is not None]
        mean = sum(logprobs) / len(logprobs) if logprobs else None
        return Generation(text, mean, len(tokens), finish_reason)

    def _without_text(self, finish_reason: str, problem: str) -> Generation:
        return Generation("", None, 0, finish_reason, self._masked(problem))

    def _failure(self, problem: str, hint: str = "") -> InputError:
        """An error of one line."""
        return InputError(self._masked(f"{self.base_url}: {problem}{'; ' if hint else ''}{hint}"))

    def _masked(self, words: str) -> str:
        """Without the key, which a server may send back."""
        return words if self.key == NO_KEY else words.replace(self.key, "***")


def _logprobs_of(text: str, completion: Completion, start: int) -> list[float | None]:
    """The log-probabilities of the tokens of `text`, which begins at `start` of the completion's.

    The others are those of a stop string, or of reasoning, which some servers take out of the text alone.
    """
    written = "".join(token for token, _ in completion.tokens)
    begin = start if written.startswith(text, start) else max(0, written.rfind(text))
    end = begin + len(text) if written.startswith(text, begin) else len(written)
    found, at = list[float | None](), 0
    for token, logprob in completion.tokens:
        if at < end and at + len(token) > begin:
            found.append(logprob)
        at += len(token)
    return found


def _wait_asked_for(headers: Mapping[str, str]) -> float:
    """The seconds of Retry-After: a number or a date; 0 without it."""
    given = headers.get("retry-after", "")
    try:
        return max(0.0, float(given))
    except ValueError:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            return 0.0
