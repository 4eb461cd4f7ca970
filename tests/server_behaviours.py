"""How real servers and chat models answer, played by a ModelServer, and what generate_qa.py makes of each.

Three passages of the scripted model, 18 questions: `good` ones are kept, or the run ends with a line that says
`line`. Each form was seen in the documentation or the issues of the server that its name gives. Those that are not
`quick` take a minute, or are tested by themselves; `python -m benchmarks.servers` runs all.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import generate_qa
from records.errors import InputError
from tests.model_server import Asked, Fault, ModelServer, Reply
from tests.model_server import _completion as completion
from tests.qa_model import PASSAGE, Script

NAMES = ("Ardel", "Borin", "Cavel")
ALL, WITHOUT_BORIN = 18, 12
good = Script()
Answer = str | Reply | Fault


@dataclass(frozen=True)
class Behaviour:
    answer: Callable[[Asked], Answer]
    good: int
    line: str
    chat: bool
    flags: tuple[str, ...]
    quick: bool


BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(name: str, good=ALL, line="", *, chat=True, flags=(), quick=True):
    def add(answer):
        BEHAVIOURS[name] = Behaviour(answer, 0 if line else good, line, chat, tuple(flags), quick)
        return answer

    return add


def run_against(behaviour: Behaviour, folder: Path, *more: str) -> tuple[int, str, ModelServer]:
    """generate_qa.py against such a server: how many were kept, and the error line or an empty string."""
    notes = folder / "notes"
    notes.mkdir()
    for name in NAMES:
        (notes / f"{name}.txt").write_text(PASSAGE.format(name=name))
    line = ""
    with ModelServer(behaviour.answer) as server:
        flags = [
            *("--inputpath", str(notes)),
            *("--text_license", "CC BY 4.0"),
            *("--destpath", str(folder / "out.jsonl")),
            *("--dropped_path", str(folder / "dropped.jsonl")),
            *("--per_kind", "99"),
            *("--model", "m"),
            *("--license", "mit"),
            *("--base_url", server.url),
            *("--connections", "4"),
            *(["--chat"] if behaviour.chat else []),
            *behaviour.flags,
            *more,
        ]
        with patch.object(sys, "argv", ["generate_qa.py", *flags]):
            try:
                generate_qa.main()
            except InputError as error:
                line = str(error)
    out = folder / "out.jsonl"
    return len(out.read_text().splitlines()) if out.exists() else 0, line, server


# ---- forms -----------------------------------------------------------------------------------------------------------
def error(status: int, message: str, code: Any = None, headers: dict[str, str] | None = None) -> Fault:
    return Fault(status, json.dumps({"error": {"message": message, "type": "t", "code": code}}), headers or {})


def changed(asked: Asked, change: Callable[[dict[str, Any]], None], before: str = "") -> Fault:
    """A good completion after a change, with something before it."""
    whole = completion(asked, Reply(good(asked)))
    change(whole)
    return Fault(200, before + json.dumps(whole))


def choice_with(asked: Asked, **fields: Any) -> Fault:
    return changed(asked, lambda whole: whole["choices"][0].update(fields))


def message_with(asked: Asked, finish: str = "stop", **fields: Any) -> Fault:
    def change(whole):
        whole["choices"][0]["message"].update(fields)
        whole["choices"][0] |= {"finish_reason": finish, "logprobs": None}

    return changed(asked, change)


def until_stop(asked: Asked, text: str) -> str:
    """As a server that applies the stop strings also to what comes before the answer."""
    ends = [at for stop in asked.body.get("stop", []) if (at := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))]


def on_borin(fault: Callable[[Asked], Answer] | Answer) -> Callable[[Asked], Answer]:
    """Only the prompts with the second passage are answered like this."""

    def answer(asked):
        if "Borin" not in asked.prompt:
            return good(asked)
        return fault(asked) if callable(fault) else fault

    return answer


def for_seconds(seconds: float, fault: Fault) -> Callable[[Asked], Answer]:
    began: list[float] = []

    def answer(asked):
        began.append(time.monotonic())
        return good(asked) if began[-1] - began[0] > seconds else fault

    return answer


def around(before: str, after: str = "") -> Callable[[Asked], Answer]:
    """The answer between other text."""
    return lambda asked: until_stop(asked, before + good(asked).strip() + after)


def with_field(field: str, fault: Fault) -> Callable[[Asked], Answer]:
    """A server that does not take a field."""
    return lambda asked: fault if field in asked.body else good(asked)


# ---- what models write -----------------------------------------------------------------------------------------------
WRITTEN = {
    "leading blank lines": around("\n\n"),
    "a preamble": around("Sure! Here is the answer you asked for:\n\n"),
    "a preamble and a remark": around(
        "Certainly.\n\n", "\n\nI hope this helps! Let me know if you need anything else."
    ),
    "a bold label": lambda asked: "**" + asked.prompt.rpartition("\n")[2].strip() + "** " + good(asked).strip(),
    "bold text": around("**", "**"),
    "quotation marks": around('"', '"'),
    "a heading": around("## Answer\n\n"),
    "a fence": around("```\n", "\n```"),
    "a think block": around("<think>\nOkay, the user wants one. Who? Yes or no?\n</think>\n\n"),
    "an empty think block": around("<think>\n\n</think>\n\n"),
    "the end of a think block": around("Okay, the user wants one.\n</think>\n\n"),
    "Mistral's thoughts": around("[THINK]It says no.[/THINK]"),
    "gpt-oss channels": around(
        "<|channel|>analysis<|message|>It: no.<|end|><|start|>assistant<|channel|>final<|message|>", "<|return|>"
    ),
    "gpt-oss channels without special tokens": around("analysisWe need to write it.assistantfinal"),
    "an answer tag": around("<think>no</think><answer>", "</answer>"),
    "a draft that is taken back": around("Why was it so? no\n\nWait, that is wrong. Corrected:\n\n"),
    "a draft and a final version": around("Draft: it is so, no\n\n**Final answer:** "),
    "the end of its turn": around("", "<|im_end|>"),
    "the end of the text": around("", "</s></s>"),
    "several answers": lambda asked: f"1. unanswerable\n2. no\n\n{good(asked).strip()}",
}
END_TO_END = {
    "a bold label",
    "a think block",
    "a draft that is taken back",
    "the end of its turn",
    "the end of the text",
}
for name, answer in WRITTEN.items():
    behaviour(f"the model writes {name}", quick=name in END_TO_END)(answer)


@behaviour("yes with markup", chat=True)
def _(asked):
    return "**Yes**." if asked.prompt.endswith("Answered:") else good(asked)


@behaviour("yes within a sentence", chat=True)
def _(asked):
    return "The passage does answer it: yes" if asked.prompt.endswith("Answered:") else good(asked)


@behaviour("a draft and nothing else", line="a draft")
def _(asked):
    return good(asked) if asked.prompt.endswith("opics:") else f"{good(asked).strip()}\n\nWait, that is wrong."


# ---- reasoning that leaves no answer ---------------------------------------------------------------------------------
@behaviour("reasoning_content, content null, length", line="a reasoning model?", flags=["--without_logprobs"])
def _(asked):
    return message_with(asked, "length", content=None, reasoning_content="Okay, the user")


@behaviour("vLLM: a stop string within the reasoning", line="a reasoning model?")
def _(asked):
    return message_with(asked, content=None, reasoning="Okay")


@behaviour("a think block that does not end", line="a reasoning model?")
def _(asked):
    return Reply("<think>\nOkay, the user wants", finish="length")


@behaviour("Magistral: content as a list of parts", flags=["--without_logprobs"])
def _(asked):
    thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    return message_with(asked, content=[thoughts, {"type": "text", "text": good(asked)}])


# ---- fields that are refused -----------------------------------------------------------------------------------------
O_SERIES = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
NO_STOP = error(400, "Unsupported parameter: 'stop' is not supported with this model.", "unsupported_parameter")
NO_SEED = Fault(
    422,
    '{"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], '
    '"msg": "Extra inputs are not permitted"}]}}',
)
behaviour("OpenAI o-series: max_tokens", line='"max_completion_tokens"')(with_field("max_tokens", error(400, O_SERIES)))
RENAMED = ["--request", '{"max_tokens": null, "max_completion_tokens": 9}']
behaviour("OpenAI o-series: max_tokens, --request", flags=RENAMED)(with_field("max_tokens", error(400, O_SERIES)))
behaviour("OpenAI gpt-5: temperature", line="""--request '{"temperature": null}'""")(
    with_field("temperature", error(400, "Unsupported value: 'temperature' does not support 0.0 with this model."))
)
behaviour("OpenAI o3: stop", line="""--request '{"stop": null}'""", chat=False)(with_field("stop", NO_STOP))
behaviour("OpenAI o3: stop, --request", chat=False, flags=["--request", '{"stop": null}'])(with_field("stop", NO_STOP))
behaviour("Mistral: seed", line="""--request '{"seed": null}'""")(with_field("seed", NO_SEED))
behaviour("OpenAI: logprobs, 403", line="--without_logprobs")(
    with_field("logprobs", error(403, "You are not allowed to request logprobs from this model."))
)
behaviour("Groq: logprobs, 400", line="--without_logprobs")(
    with_field("logprobs", error(400, "`logprobs` is not supported with this model"))
)

# ---- prompts that are refused ----------------------------------------------------------------------------------------
LLAMA_CPP = "request (2381 tokens) exceeds the available context size (2048 tokens), try increasing it"
TOO_LONG = {
    "llama.cpp": error(400, LLAMA_CPP, 400),
    "TGI": Fault(422, '{"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048."}'),
    "vLLM": Fault(400, '{"object": "error", "message": "This model\'s maximum context length is 2048 tokens."}'),
    "vLLM, newer": error(400, "'max_tokens' or 'max_completion_tokens' is too large: 320. It has 1900 input tokens"),
    "Gemini, in a list": Fault(
        400, '[{"error": {"code": 400, "message": "The input token count (40000) exceeds the maximum (32768)."}}]'
    ),
    "Anthropic": error(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "a proxy": Fault(413, "<html>Request Entity Too Large</html>"),
    "llama.cpp with status 500": error(500, "Context size has been exceeded."),
    "llama.cpp with status 200": Fault(200, json.dumps({"error": {"code": 400, "message": LLAMA_CPP}})),
}
FILTERED = {
    "Azure": error(400, "The response was filtered due to the prompt triggering the policy.", "content_filter"),
    "OpenRouter": error(403, "Your chosen model requires moderation and your input was flagged", 403),
    "unknown": Fault(451, "no"),
}
for kind, faults in (("too long for", TOO_LONG), ("filtered by", FILTERED)):
    for server, fault in faults.items():
        behaviour(f"one passage is {kind} {server}", WITHOUT_BORIN, chat=False)(on_borin(fault))


@behaviour("one passage: finish_reason content_filter, content null", WITHOUT_BORIN)
@on_borin
def _(asked):
    return message_with(asked, "content_filter", content=None)


@behaviour("one passage: a refusal", WITHOUT_BORIN)
@on_borin
def _(asked):
    return message_with(asked, content=None, refusal="I can't help with that.")


@behaviour("one passage: an error in the choice", WITHOUT_BORIN)
@on_borin
def _(asked):
    return choice_with(asked, finish_reason="error", error={"code": 502, "message": "upstream"})


BODY = json.dumps({"choices": [{"text": "x" * 99}]})
BROKEN = {
    "status 500": error(500, "CUDA error"),
    "JSON that is nested too deep": Fault(200, "[" * 100_000),
    "an error that is nested too deep": Fault(400, "[" * 100_000),
    "the connection breaks off": Fault(200, BODY, cut=True),
    "gzip that is none": Fault(200, BODY, {"Content-Encoding": "gzip"}),
}
for what, fault in BROKEN.items():
    behaviour(f"one passage: {what}", WITHOUT_BORIN)(on_borin(fault))


def on_one_answer(fault: Fault) -> Callable[[Asked], Answer]:
    """One prompt of a later step is answered like this, when others have been answered."""

    def answer(asked):
        last = asked.prompt.rpartition("\n\n")[2]
        return fault if "Borin" in last and "\nQuestion: Who" in last and "Short" in last else good(asked)

    return answer


REFUSED_ONE = {
    "404 of a proxy": Fault(404, "<html>404 page not found</html>"),
    "401 of a proxy": error(401, "session expired"),
    "402, OpenRouter": error(402, "This request requires more credits, or fewer max_tokens."),
}
for what, fault in REFUSED_ONE.items():
    behaviour(f"one answer: {what}", 17)(on_one_answer(fault))
behaviour("one answer: 503 for ever", 17, flags=["--patience", "0.02"])(
    on_one_answer(error(503, "busy", None, {"Retry-After": "soon"}))
)


def after_answers(count: int, fault: Fault) -> Callable[[Asked], Answer]:
    numbers = itertools.count()
    return lambda asked: good(asked) if next(numbers) < count else fault


behaviour("no credit after 30 answers", line="check what your account may use")(
    after_answers(30, error(402, "Insufficient credits"))
)


@behaviour("one answer without log-probabilities", 17)
def _(asked):
    last = asked.prompt.rpartition("\n\n")[2]
    return Reply(good(asked), None if "Borin" in last and "\nQuestion: Who" in last and "Short" in last else -0.1)


behaviour("every prompt is filtered", line="refused")(lambda asked: error(400, "refused by the content policy"))


# ---- forms of completions --------------------------------------------------------------------------------------------
@behaviour("llama.cpp: logprobs.content for a base model", chat=False)
def _(asked):
    def change(whole):
        given = whole["choices"][0]["logprobs"]
        pairs = zip(given["tokens"], given["token_logprobs"], strict=True)
        content = [{"id": 1, "token": token, "logprob": logprob, "top_logprobs": []} for token, logprob in pairs]
        whole["choices"][0]["logprobs"] = {"content": content}

    return changed(asked, change)


@behaviour("Ollama: log-probabilities in a list")
def _(asked):
    def change(whole):
        whole["logprobs"] = whole["choices"][0].pop("logprobs")["content"]

    return changed(asked, change)


@behaviour("Ollama, older: no log-probabilities", line="--without_logprobs")
def _(asked):
    return changed(asked, lambda whole: whole["choices"][0].pop("logprobs"))


@behaviour("the first log-probability is null", chat=False)
def _(asked):
    def change(whole):
        whole["choices"][0]["logprobs"]["token_logprobs"][0] = None

    return changed(asked, change)


@behaviour("finish_reason eos_token, no usage", chat=False)
def _(asked):
    def change(whole):
        whole["choices"][0]["finish_reason"] = "eos_token"
        del whole["usage"]

    return changed(asked, change)


@behaviour("a log-probability of 400 digits", line="not a completion", flags=["--patience", "0.02"])
def _(asked):
    return changed(asked, lambda whole: whole["choices"][0]["logprobs"]["content"][0].update(logprob=-(10**400)))


@behaviour("a mark of the byte order")
def _(asked):
    return changed(asked, lambda whole: None, before="\ufeff")


@behaviour("OpenRouter: comments while it waits")
def _(asked):
    return changed(asked, lambda whole: None, before=": OPENROUTER PROCESSING\n\n" * 2)


@behaviour("a stream whose events have numbers")
def _(asked):
    stream = streamed(asked, -0.1)
    return stream._replace(body="id: 1\n" + stream.body.replace("\n", "\r\n"))


behaviour("OpenAI: log-probabilities of -9999")(lambda asked: Reply(good(asked), -9999.0))


def streamed(asked: Asked, logprob: float | None) -> Fault:
    words = good(asked).strip().replace(" ", "\n ").split("\n")
    logprobs = [None if logprob is None else {"content": [{"token": word, "logprob": logprob}]} for word in words]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": word}, "logprobs": given}]}
        for word, given in zip(words, logprobs, strict=True)
    ]
    lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return Fault(200, f"{lines}data: [DONE]\n\n", {"Content-Type": "text/event-stream"})


behaviour("a stream that nobody asked for")(lambda asked: streamed(asked, -0.1))
behaviour("a stream without log-probabilities", line="--without_logprobs")(lambda asked: streamed(asked, None))

# ---- rates, loading, accounts ----------------------------------------------------------------------------------------
RATE = error(429, "Rate limit reached for requests per min", "rate_limit_exceeded")
behaviour("busy for 2 s, in an error with status 200")(
    for_seconds(2, Fault(200, '{"error": {"code": 502, "message": "Provider returned error"}}'))
)
behaviour("429 with Retry-After", quick=False)(
    for_seconds(15, error(429, "Rate limit reached", None, {"Retry-After": "16"}))
)
behaviour("429 without Retry-After for 40 s", quick=False)(for_seconds(40, RATE))
behaviour("503 while the model loads for 45 s", quick=False)(for_seconds(45, error(503, "Loading model", 503)))
behaviour("429 with status 200, for ever", line="--patience", flags=["--patience", "0.02"])(
    lambda asked: Fault(200, '{"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-min"}}')
)
behaviour("429 with a Retry-After beyond the patience", line="asks to wait 3600 s")(
    lambda asked: error(429, "Daily limit", None, {"Retry-After": "3600"})
)
behaviour("no credit", line="check what your account may use")(
    lambda asked: error(429, "You exceeded your current quota, please check your plan.", "insufficient_quota")
)
behaviour("a wrong key", line="check OPENAI_API_KEY")(lambda asked: error(401, "Incorrect API key provided"))
behaviour("a page of HTML", line="not a completion", flags=["--patience", "0.02"])(lambda asked: Fault(200, "<html>"))
