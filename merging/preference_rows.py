"""Rows of preference data, in three forms each: as TRL reads messages and texts, and as LLaMA-Factory reads messages.

    pairs                 prompt, chosen, rejected: lists of messages
    pairs_text            the same as texts, for models without a chat template
    pairs_llama_factory   messages (the prompt); chosen and rejected, one message each
    labels                prompt, completion: lists of messages; label, criteria, note
    labels_text           the same as texts
    labels_llama_factory  completion (the whole conversation); label, criteria, note

A pair of answers is a record whose `response` is the better one and that has the other one as `rejected`; a labelled
answer is a record with `label`, `criteria` and `note`. Earlier turns of a dialogue are messages in `history`.

TRL: https://huggingface.co/docs/trl/dataset_formats (preference, unpaired preference); the scores have the names of
HuggingFaceH4/ultrafeedback_binarized. LLaMA-Factory: its data/README.md; the whole conversation is called `completion`
because axolotl's chatml.argilla_chat reads it by that name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

TEXT_SEPARATOR = "\n\nAnswer:\n"  # ends with one line end, right for all tokenizers: python -m benchmarks.separators
SPEAKERS = {"user": "Human", "assistant": "Assistant"}  # in the text of a dialogue, as HH-RLHF writes them

Row = dict[str, Any]
Message = dict[str, str]


# ---- parts of a row --------------------------------------------------------------------------------------------------
def prompt_messages(record: Row) -> list[Message]:
    return [*record.get("history", ()), {"role": "user", "content": record["instruction"]}]


def prompt_text(record: Row) -> str:
    """The instruction and the separator; the turns of a dialogue with their speakers before them."""
    turns = prompt_messages(record)
    if len(turns) == 1:
        return f"{record['instruction']}{TEXT_SEPARATOR}"
    return "\n\n".join(f"{SPEAKERS[turn['role']]}: {turn['content']}" for turn in turns) + TEXT_SEPARATOR


def message(text: str) -> Message:
    return {"role": "assistant", "content": text}


def messages(text: str) -> list[Message]:
    return [message(text)]


def origin(record: Row) -> Row:
    """Where a row of any format comes from.

    `meta` is a JSON string: each source has its own fields, so the type of a struct would depend on the sources. The
    thread's other authors are left out: they wrote nothing of the row, and step 2b, which needs them, is over.
    """
    meta = {name: value for name, value in record["meta"].items() if not name.endswith("participants")}
    return {"source": record["source"], "id": record["id"], "meta": orjson.dumps(meta).decode()}


# ---- rows ------------------------------------------------------------------------------------------------------------
def pair(record: Row, prompt_name: str, prompt: Callable[[Row], Any], answer: Callable[[str], Any]) -> Row:
    """A pair; the scores are null where the source has none."""
    return {
        prompt_name: prompt(record),
        "chosen": answer(record["response"]),
        "rejected": answer(record["rejected"]),
        "score_chosen": record["score_chosen"],
        "score_rejected": record["score_rejected"],
        **origin(record),
    }


def labelled(record: Row, prompt: Callable[[Row], Any], answer: Callable[[str], Any]) -> Row:
    return {"prompt": prompt(record), "completion": answer(record["response"]), **judged(record)}


def labelled_conversation(record: Row) -> Row:
    return {"completion": [*prompt_messages(record), message(record["response"])], **judged(record)}


def judged(record: Row) -> Row:
    return {name: record[name] for name in ("label", "criteria", "note")} | origin(record)


# ---- tables ----------------------------------------------------------------------------------------------------------
ORIGIN = {"source": "text", "id": "text", "meta": "text"}
SCORES = {"score_chosen": "number", "score_rejected": "number", **ORIGIN}
JUDGEMENT = {"label": "flag", "criteria": "numbers", "note": "text", **ORIGIN}

# By format: what makes a row of a record, and the columns' types, as writers.Parquet takes them
ROWS: dict[str, tuple[Callable[[Row], Row], dict[str, str]]] = {
    "pairs": (
        partial(pair, prompt_name="prompt", prompt=prompt_messages, answer=messages),
        {"prompt": "messages", "chosen": "messages", "rejected": "messages", **SCORES},
    ),
    "pairs_text": (
        partial(pair, prompt_name="prompt", prompt=prompt_text, answer=str),
        {"prompt": "text", "chosen": "text", "rejected": "text", **SCORES},
    ),
    "pairs_llama_factory": (
        partial(pair, prompt_name="messages", prompt=prompt_messages, answer=message),
        {"messages": "messages", "chosen": "message", "rejected": "message", **SCORES},
    ),
    "labels": (
        partial(labelled, prompt=prompt_messages, answer=messages),
        {"prompt": "messages", "completion": "messages", **JUDGEMENT},
    ),
    "labels_text": (
        partial(labelled, prompt=prompt_text, answer=str),
        {"prompt": "text", "completion": "text", **JUDGEMENT},
    ),
    "labels_llama_factory": (labelled_conversation, {"completion": "messages", **JUDGEMENT}),
}

_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
LLAMA_FACTORY_FIELDS: dict[str, Row] = {
    "pairs_llama_factory": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "messages", "chosen": "chosen", "rejected": "rejected"},
        "tags": _TAGS,
    },
    "labels_llama_factory": {
        "formatting": "sharegpt",
        "columns": {"messages": "completion", "kto_tag": "label"},
        "tags": _TAGS,
    },
}
