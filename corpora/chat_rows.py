"""Rows of other people's data sets as records; each row says by its fields which kind it is.

    messages               {"messages": [{"role": "user", "content": ..}, {"role": "assistant", "content": ..}]}
    prompt and completion  {"prompt": .., "completion": ..}, two texts or two lists of messages
    ShareGPT               {"conversations": [{"from": "human", "value": ..}, {"from": "gpt", "value": ..}]}
    Alpaca                 {"instruction": .., "input": .., "output": ..}; also Dolly's `context` and `response`, and
                           LLaMA-Factory's `system` and `history`

A record is the first exchange of a conversation: what follows it is not an answer to the instruction alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from records.errors import InputError
from records.json_rows import SkipRow, SourceRow

CONVERSATIONS = ("messages", "conversations", "conversation")  # the fields with a list of turns
ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
INSTRUCTION, INPUT, OUTPUT = ("instruction", "prompt"), ("input", "context"), ("output", "response", "completion")
SYSTEM = ("join", "drop", "ignore")


class Turn(NamedTuple):
    """What one side says."""

    role: str  # "user", "assistant" or "system"
    text: str  # without surrounding blank lines


class Exchange(NamedTuple):
    """The beginning of a conversation."""

    system: str  # "" if there is none
    instruction: str
    response: str
    goes_on: bool  # whether there are further turns


def first_exchange(row: SourceRow) -> Exchange:
    """The first exchange of a row.

    Raises SkipRow if the row has none, and InputError if it is not a row of one of the three kinds.
    """
    turns = [turn for turn in _turns(row) if turn.text or turn.role != "system"]
    system = "\n\n".join(turn.text for turn in turns if turn.role == "system")
    spoken = [turn for turn in turns if turn.role != "system"]
    if not spoken or not spoken[0].text:
        raise SkipRow("no instruction")
    if spoken[0].role == "assistant":
        raise SkipRow("the assistant begins")
    if len(spoken) == 1 or spoken[1].role != "assistant" or not spoken[1].text:
        raise SkipRow("no response")
    return Exchange(system, spoken[0].text, spoken[1].text, len(spoken) > 2)


def chat_record(
    row: SourceRow, exchange: Exchange, part: str, source: str, system: str, meta: dict[str, Any]
) -> dict[str, Any]:
    """The record of an exchange. part: the name of its file. system: one of SYSTEM, what becomes of a system turn.

    meta: the licence, and where the rows are from. Raises SkipRow for a row with a system turn that is to be dropped.
    """
    if exchange.system and system == "drop":
        raise SkipRow("a system turn")
    joined = exchange.system and system == "join"
    own_id = row.value.get("id")
    return {
        "id": record_id(row, part, source),
        "source": source,
        "instruction": f"{exchange.system}\n\n{exchange.instruction}" if joined else exchange.instruction,
        "response": exchange.response,
        "meta": meta | {"file": part, "row": row.number, "row_id": None if own_id is None else str(own_id)},
    }


def record_id(row: SourceRow, part: str, source: str) -> str:
    """An id such as "dolly/train.jsonl/12", which is stable as long as the file is."""
    return f"{source}/{part}/{row.number}"


def _turns(row: SourceRow) -> list[Turn]:
    for field in CONVERSATIONS:
        if isinstance(turns := row.value.get(field), list):
            return [_turn(turn, row, field) for turn in turns]
    asked, answered = (next((name for name in names if name in row.value), None) for names in (INSTRUCTION, OUTPUT))
    if asked and answered:
        lists = [(name, row.value[name]) for name in (asked, answered) if isinstance(row.value[name], list)]
        if len(lists) == 2:
            return [_turn(turn, row, field) for field, turns in lists for turn in turns]
        return _alpaca_turns(row, asked, answered)
    fields = ", ".join(row.value) or "none"
    raise InputError(
        f"{row.place}: has no messages, conversations, or instruction and output, but {fields}; rename its fields"
    )


def _turn(turn: Any, row: SourceRow, field: str) -> Turn:
    if not isinstance(turn, dict):
        raise InputError(f"{row.place}: {field} has a turn that is not an object with role and content")
    name, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if not isinstance(name, str):
        raise InputError(f"{row.place}: {field} has a turn without a role; give it role or from")
    role = ROLES.get(name.lower())
    if role is None:  # a call of a tool, or what it returned
        raise SkipRow(f"a turn of {name}")
    if not isinstance(content, str):  # None, or a list with pictures
        raise SkipRow("a turn that is not text")
    return Turn(role, content.strip())


def _alpaca_turns(row: SourceRow, asked: str, answered: str) -> list[Turn]:
    turns = [Turn("system", _text(row, "system"))]
    history = row.value.get("history") or []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise InputError(f"{row.place}: history is not a list of pairs; take it out")
    for question, answer in history:
        turns += [Turn("user", str(question).strip()), Turn("assistant", str(answer).strip())]
    instruction = "\n\n".join(filter(None, (_text(row, name) for name in (asked, *INPUT))))
    return [*turns, Turn("user", instruction), Turn("assistant", _text(row, answered))]


def _text(row: SourceRow, name: str) -> str:
    value = row.value.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{row.place}: "{name}" is not text; make it a string')
    return (value or "").strip()
