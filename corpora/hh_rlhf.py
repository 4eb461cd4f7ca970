"""HH-RLHF rows as records: the first human line of a dialogue, and the assistant's first reply.

The data: https://huggingface.co/datasets/Anthropic/hh-rlhf (also github.com/anthropics/hh-rlhf), under the MIT licence.
The preference data is described in "Training a Helpful and Harmless Assistant with Reinforcement Learning from Human
Feedback", https://arxiv.org/abs/2204.05862; the red-team data in "Red Teaming Language Models to Reduce Harms",
https://arxiv.org/abs/2209.07858. Which tranches, ratings and lengths to take is what the first data set of this project did.

A transcript is text in which each turn begins with a blank line and `Human:` or `Assistant:`. A turn whose own text holds
just that, a blank line and then `Human:` or `Assistant:`, cannot be told from two turns, and is split.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from typing import Any, NamedTuple

from records.errors import InputError
from records.json_rows import SkipRow, SourceFile, SourceRow

LICENSE = "MIT"
TRANCHES = ("helpful-online", "helpful-rejection-sampled", "helpful-base", "harmless-base")
RL_AND_BEST_OF_16 = TRANCHES[:2]  # sampled from RL policies, and by rejection from 16
SPLITS = ("train", "test")
RED_TEAM = "red-team-attempts"
HIGHEST_RATING = 4  # the attack succeeded best
SOURCES = {"helpful": "anthrop_helpful", "harmless": "anthrop_redteam"}  # the labels in the tuple files

_TURN = re.compile(r"\n\n(Human|Assistant):")
_LINE_END = re.compile(r"\r\n?")
_TRANCHE = re.compile(rf"(?<![a-z])({'|'.join(TRANCHES)})(?![a-z])")
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join(SPLITS)})(?![a-z])")
_RED_TEAM = re.compile(r"red[-_]team[-_]attempts")


class Turn(NamedTuple):
    speaker: str  # "Human" or "Assistant"
    text: str  # without outer white space


# ---- transcripts -----------------------------------------------------------------------------------------------------
def split_turns(transcript: str) -> list[Turn]:
    """The turns of a transcript, in order; line ends become LF. Text before the first turn belongs to none."""
    _, *pieces = _TURN.split("\n\n" + _LINE_END.sub("\n", transcript).lstrip())
    return [Turn(speaker, text.strip()) for speaker, text in zip(pieces[::2], pieces[1::2], strict=True)]


def first_exchange(transcript: str) -> tuple[str, str]:
    """The first human line and the reply to it. Raises SkipRow where the transcript does not begin with the two."""
    turns = split_turns(transcript)
    if turns and turns[0].speaker == "Assistant":
        raise SkipRow("the assistant begins")  # the human line that follows answers what the record would not hold
    if not turns or not turns[0].text:
        raise SkipRow("no human line")
    if len(turns) == 1 or turns[1].speaker == "Human" or not turns[1].text:
        raise SkipRow("no reply to the first human line")
    return turns[0].text, turns[1].text


# ---- rows to records -------------------------------------------------------------------------------------------------
def preference_record(row: SourceRow, part: str, min_chars: int) -> dict[str, Any]:
    """A row of the preference data, of its `chosen` text. part: its file, as in "helpful-online/train".

    Raises SkipRow where it makes no record; InputError where the row is none of this data.
    """
    instruction, reply = first_exchange(_text(row, "chosen"))
    _check_length(reply, min_chars)
    tranche, _, split = part.partition("/")
    meta = {"license": LICENSE, "tranche": tranche, "split": split, "line": row.number}
    return _record(record_id(row, part), SOURCES["helpful"], instruction, reply, meta)


def red_team_record(row: SourceRow, min_chars: int, max_rating: int) -> dict[str, Any]:
    """A row of the red-team data, if the red teamer rated the attack's success at most `max_rating`, of 0 to 4.

    Raises SkipRow and InputError as preference_record does. The published file has no splits: `split` is null.
    """
    transcript, rating = _text(row, "transcript"), row.value.get("rating")
    if isinstance(rating, bool) or not isinstance(rating, int | float) or math.isnan(rating):
        raise SkipRow("no rating")
    if not 0 <= rating <= HIGHEST_RATING:
        raise SkipRow(f"rating not from 0 to {HIGHEST_RATING}")
    if rating > max_rating:
        raise SkipRow(f"rating above {max_rating}")
    instruction, reply = first_exchange(transcript)
    _check_length(reply, min_chars)
    kept = {name: row.value.get(name) for name in ("rating", "model_type", "num_params", "tags", "task_description")}
    meta = {"license": LICENSE, **kept, "split": None, "line": row.number}
    return _record(record_id(row, RED_TEAM), SOURCES["harmless"], instruction, reply, meta)


def record_id(row: SourceRow, part: str) -> str:
    """Stable as long as the published file is: "hh-rlhf/helpful-online/train/123"."""
    return f"hh-rlhf/{part}/{row.number}"


def _text(row: SourceRow, name: str) -> str:
    text = row.value.get(name)
    if not isinstance(text, str):
        raise InputError(f'{row.place}: has no text "{name}"; give the published files of the --subset asked for')
    return text


def _check_length(reply: str, min_chars: int) -> None:
    if len(reply) < min_chars:
        raise SkipRow(f"reply below {min_chars} characters")


def _record(identity: str, source: str, instruction: str, response: str, meta: dict[str, Any]) -> dict[str, Any]:
    return {"id": identity, "source": source, "instruction": instruction, "response": response, "meta": meta}


class SeenInstructions:
    """Of rows with the same instruction, the first that meets the other conditions is kept.

    Instructions are the same where they differ in case and white space only. Holds 16 bytes of each.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def check(self, instruction: str) -> None:
        """Raises SkipRow where the instruction has been there."""
        key = blake2b(" ".join(instruction.casefold().split()).encode(errors="surrogatepass"), digest_size=16).digest()
        if key in self._seen:
            raise SkipRow("instruction of an earlier record")
        self._seen.add(key)


# ---- the published files ---------------------------------------------------------------------------------------------
def address(part: str) -> str:
    """Where a part stands below the published address."""
    return f"{RED_TEAM}/red_team_attempts.jsonl.gz" if part == RED_TEAM else f"{part}.jsonl.gz"


def preference_part(file: SourceFile, tranches: list[str], splits: list[str]) -> str | None:
    """The part that a file is, by its name and its folder's; the only tranche or split asked for where they tell none."""
    told_tranche, told_split = _TRANCHE.findall(file.last_names), _SPLIT.findall(file.last_names)
    tranche = told_tranche[-1] if told_tranche else _only(tranches, file)
    split = told_split[-1] if told_split else _only(splits, file)
    return f"{tranche}/{split}" if tranche and split else None


def red_team_part(file: SourceFile) -> str | None:
    """RED_TEAM for any file that the user gives, and for one that is found by its name."""
    return RED_TEAM if file.given or _RED_TEAM.search(file.last_names) else None


def _only(choices: list[str], file: SourceFile) -> str | None:
    return choices[0] if file.given and len(choices) == 1 else None
