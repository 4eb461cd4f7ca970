"""Reads what servers send as a completion: the forms of OpenAI, vLLM, llama.cpp, Ollama, Mistral, and of proxies.

Not with the openai package's types: they drop what is not in OpenAI's protocol, such as an error with status 200.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_CUT = {"length", "max_tokens", "max_output_tokens"}
_FILTERED = {"content_filter", "content-filter", "safety", "recitation", "prohibited_content", "blocklist", "refusal"}
_REASONING = ("reasoning_content", "reasoning", "thinking")
_COMMENTS = re.compile(r"\A\ufeff?\s*(?::[^\n]*\s*)*")  # what proxies send while the model is at work
_EVENTS = ("data:", "event:", "id:", "retry:")  # the fields of server-sent events
NOT_A_COMPLETION = (ValueError, AttributeError, LookupError, TypeError, OverflowError, RecursionError)
_WORDS = ("message", "msg", "detail", "error", "error_message")


@dataclass(frozen=True)
class ServerError:
    """An error that comes with status 200, and the status that it names or that fits."""

    status: int
    words: str


@dataclass(frozen=True)
class Completion:
    """The first choice of a completion, or why there is none."""

    text: str = ""
    finish_reason: str = "stop"
    tokens: list[tuple[str, float | None]] = field(default_factory=list)  # with their log-probabilities
    token_count: int = 0
    reasoned: bool = False  # the server has taken the model's reasoning out of the text
    error: ServerError | None = None
    refusal: str | None = None  # of the model or of a filter


def parse_completion(body: str) -> Completion:
    """Raises one of NOT_A_COMPLETION if the body is none."""
    body = _COMMENTS.sub("", body)
    read = _joined_stream(body) if body.startswith(_EVENTS) else json.loads(body)
    if error := read.get("error"):
        return Completion(error=_error(error))
    choice = read["choices"][0]
    finish_reason = str(choice.get("finish_reason") or "stop")
    if choice.get("error") or finish_reason == "error":
        return Completion(error=_error(choice.get("error") or finish_reason))
    message = choice["message"] if "message" in choice else {"content": choice["text"]}
    if refusal := message.get("refusal") or (finish_reason.lower() in _FILTERED and f"finish_reason {finish_reason}"):
        return Completion(refusal=str(refusal))
    logprobs = choice.get("logprobs") or message.get("logprobs") or read.get("logprobs")
    return Completion(
        text=_text(message.get("content")).encode("utf-8", "replace").decode(),  # half a surrogate pair
        finish_reason="length" if finish_reason.lower() in _CUT else finish_reason,
        tokens=list(_tokens(logprobs)),
        token_count=(read.get("usage") or {}).get("completion_tokens") or 0,
        reasoned=any(message.get(name) for name in _REASONING),
    )


def words_of(body: str) -> str:
    """What an error says, in one line."""
    try:
        words = _words_in(json.loads(body))
    except (ValueError, RecursionError):
        words = ""
    return " ".join((words or body).split())


def _words_in(value: Any) -> str:
    if isinstance(value, list):
        return next(filter(None, map(_words_in, value)), "")
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ""
    words = next(filter(None, (_words_in(value.get(name)) for name in _WORDS)), "")
    place = value.get("loc")  # of the field that is wrong
    return f"{'.'.join(map(str, place))}: {words}" if isinstance(place, list) else words


def _error(error: Any) -> ServerError:
    code: Any = error.get("code") or error.get("status") if isinstance(error, dict) else None
    status = int(code) if str(code).isdecimal() else 500  # it does not say whether another attempt may help
    return ServerError(status, json.dumps(error, ensure_ascii=False))


def _text(content: Any) -> str:
    """A message's content: a string, null, or a list of parts, of which those of reasoning are left out.

    Raises TypeError if it is something else.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise TypeError("a text is not a string")
    parts = (part if isinstance(part, dict) else {"text": part} for part in content)
    return "".join(part["text"] for part in parts if part.get("type", "text") in ("text", "output_text"))


def _tokens(logprobs: Any) -> Iterator[tuple[str, float | None]]:
    """The tokens with their log-probabilities, None where it is null or no number.

    `content` has one object a token (OpenAI's chat, llama.cpp), a list is the same (Ollama); `tokens` and
    `token_logprobs` are lists of equal length (OpenAI's completions, vLLM).
    """
    if isinstance(logprobs, dict) and logprobs.get("tokens"):
        pairs = list(zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True))
    else:
        listed = logprobs.get("content") if isinstance(logprobs, dict) else logprobs
        pairs = [(each["token"], each["logprob"]) for each in listed or []]
    for token, logprob in pairs:
        yield token, float(logprob) if logprob is not None and math.isfinite(logprob) else None


def _joined_stream(body: str) -> dict[str, Any]:
    """Server-sent events, which proxies send although nobody asked for a stream, as one completion."""
    events = [line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:")]
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    if failed := next((chunk for chunk in chunks if chunk.get("error")), None):
        return dict(failed)
    text, tokens, finish_reason, usage = "", list[dict[str, Any]](), None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices", [])[:1]:
            text += _text((choice.get("delta") or {}).get("content") or choice.get("text"))
            tokens += [{"token": token, "logprob": logprob} for token, logprob in _tokens(choice.get("logprobs"))]
            finish_reason = choice.get("finish_reason") or finish_reason
    if not finish_reason and "[DONE]" not in events:
        raise ValueError("the stream ends in the middle")
    return {"choices": [{"text": text, "finish_reason": finish_reason, "logprobs": tokens}], "usage": usage}
