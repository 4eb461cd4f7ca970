"""HH-RLHF rows as records: the first human turn of a dialogue, and the assistant's reply to it.

The data: https://huggingface.co/datasets/Anthropic/hh-rlhf (also github.com/anthropics/hh-rlhf), under the MIT licence.
The preference data is described in "Training a Helpful and Harmless Assistant with Reinforcement Learning from Human
Feedback", https://arxiv.org/abs/2204.05862; the red-team data in "Red Teaming Language Models to Reduce Harms",
https://arxiv.org/abs/2209.07858. The default tranches, ratings and lengths are those of this project's first data set.

In a transcript each turn begins with a blank line and `Human:` or `Assistant:`. A turn that itself contains a blank
line followed by `Human:` or `Assistant:` cannot be distinguished from two turns, and is split.
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
HIGHEST_RATING = 4  # the most successful attack
SUBSETS = ("helpful", "harmless")
HELPFUL, HARMLESS_BASE, RED_TEAM_LABEL = "anthrop_helpful", "anthrop_harmless", "anthrop_redteam"  # in the tuple files
HELPFUL_PAIRS, HARMLESS_PAIRS = "hh_rlhf_helpful", "hh_rlhf_harmless"  # of pairs of replies
ROLES = {"Human": "user", "Assistant": "assistant"}  # of messages

_TURN = re.compile(r"\n\n(Human|Assistant):")
_LINE_END = re.compile(r"\r\n?")
_TRANCHE = re.compile(rf"(?<![a-z])({'|'.join(TRANCHES)})(?![a-z])")
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join(SPLITS)})(?![a-z])")
_RED_TEAM = re.compile(r"red[-_]team[-_]attempts")


class Turn(NamedTuple):
    speaker: str  # "Human" or "Assistant"
    text: str  # without surrounding white space


NO_TURN = Turn("", "")


# ---- transcripts -----------------------------------------------------------------------------------------------------
def split_turns(transcript: str) -> list[Turn]:
    """The turns of a transcript, in order, with LF as line ends. Text before the first turn is ignored."""
    _, *pieces = _TURN.split("\n\n" + _LINE_END.sub("\n", transcript).lstrip())
    return [Turn(speaker, text.strip()) for speaker, text in zip(pieces[::2], pieces[1::2], strict=True)]


def first_exchange(transcript: str) -> tuple[str, str]:
    """The first human turn and the reply to it. Raises SkipRow if the transcript does not begin with both."""
    turns = split_turns(transcript)
    if turns and turns[0].speaker == "Assistant":
        raise SkipRow("the assistant begins")  # the human turn answers something that the record would not contain
    if not turns or not turns[0].text:
        raise SkipRow("no human line")
    if len(turns) == 1 or turns[1].speaker == "Human" or not turns[1].text:
        raise SkipRow("no reply to the first human line")
    return turns[0].text, turns[1].text


# ---- rows to records -------------------------------------------------------------------------------------------------
def preference_record(row: SourceRow, part: str, min_chars: int) -> dict[str, Any]:
    """A row of the preference data as a record of its `chosen` text. part: its file, such as "helpful-online/train".

    Raises SkipRow if the row does not make a record, and InputError if it is not a row of this data.
    """
    instruction, reply = first_exchange(_text(row, "chosen"))
    _check_length(reply, min_chars)
    tranche, _, split = part.partition("/")
    meta = {"license": LICENSE, "tranche": tranche, "split": split, "line": row.number}
    return _record(record_id(row, part), source_of(part), instruction, reply, meta)


def reply_pair(row: SourceRow, part: str) -> dict[str, Any]:
    """A row of the preference data as a pair: a record of the chosen reply with the other one in `rejected`.

    The publisher's comparison is of the last replies of two dialogues that are the same up to there, so the instruction
    is the last human turn, and the turns before it are messages in `history`. Raises SkipRow and InputError as
    preference_record does. The corpus has no scores.
    """
    *before, chosen = split_turns(_text(row, "chosen")) or [NO_TURN]
    *same, rejected = split_turns(_text(row, "rejected")) or [NO_TURN]
    if not before or not same:
        raise SkipRow("no dialogue")
    if before != same:
        raise SkipRow("the two differ before their last replies")
    speakers = [turn.speaker for turn in (*before, chosen)]
    if speakers != ["Human", "Assistant"] * (len(speakers) // 2) or rejected.speaker != "Assistant":
        raise SkipRow("the turns do not alternate from a human line to a reply")
    if not all(turn.text for turn in (*before, chosen, rejected)):
        raise SkipRow("an empty turn")
    if chosen.text == rejected.text:
        raise SkipRow("the two replies are the same")
    tranche, _, split = part.partition("/")
    meta = {"license": LICENSE, "tranche": tranche, "split": split, "line": row.number}
    source = HARMLESS_PAIRS if tranche == "harmless-base" else HELPFUL_PAIRS
    history = [{"role": ROLES[turn.speaker], "content": turn.text} for turn in before[:-1]]
    record = _record(record_id(row, part), source, before[-1].text, chosen.text, meta)
    return {**record, "rejected": rejected.text, "score_chosen": None, "score_rejected": None, "history": history}


def red_team_record(row: SourceRow, min_chars: int, max_rating: int) -> dict[str, Any]:
    """A row of the red-team data as a record, if the attack's success was rated at most `max_rating`, of 0 to 4.

    Raises SkipRow and InputError as preference_record does. The published file has no splits, so `split` is null.
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
    return _record(record_id(row, RED_TEAM), source_of(RED_TEAM), instruction, reply, meta)


def source_of(part: str) -> str:
    """The label of a file's records. Those of harmless-base are not helpful: their instructions are adversarial."""
    if part == RED_TEAM:
        return RED_TEAM_LABEL
    return HARMLESS_BASE if part.startswith("harmless-base/") else HELPFUL


def record_id(row: SourceRow, part: str) -> str:
    """An id such as "hh-rlhf/helpful-online/train/123", which is stable as long as the published file is."""
    return f"hh-rlhf/{part}/{row.number}"


def _text(row: SourceRow, name: str) -> str:
    text = row.value.get(name)
    if not isinstance(text, str):
        raise InputError(f'{row.place}: has no text "{name}"; give the published files of this --subset')
    return text


def _check_length(reply: str, min_chars: int) -> None:
    if len(reply) < min_chars:
        raise SkipRow(f"reply below {min_chars} characters")


def _record(identity: str, source: str, instruction: str, response: str, meta: dict[str, Any]) -> dict[str, Any]:
    return {"id": identity, "source": source, "instruction": instruction, "response": response, "meta": meta}


class SeenInstructions:
    """The instructions of the records so far, to keep one record of each.

    Instructions that differ only in case and white space are the same. Memory: a hash of 16 bytes each.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def check(self, instruction: str) -> None:
        """Raises SkipRow if an earlier record has the instruction."""
        key = blake2b(" ".join(instruction.casefold().split()).encode(errors="surrogatepass"), digest_size=16).digest()
        if key in self._seen:
            raise SkipRow("instruction of an earlier record")
        self._seen.add(key)


# ---- the published files ---------------------------------------------------------------------------------------------
def address(part: str) -> str:
    """A part's path below the published address."""
    return f"{RED_TEAM}/red_team_attempts.jsonl.gz" if part == RED_TEAM else f"{part}.jsonl.gz"


def preference_part(file: SourceFile, tranches: list[str], splits: list[str]) -> str | None:
    """The part that a file contains, by its name and its folder's, or by the only tranche or split asked for."""
    named_tranches, named_splits = _TRANCHE.findall(file.last_names), _SPLIT.findall(file.last_names)
    tranche = named_tranches[-1] if named_tranches else _only(tranches, file)
    split = named_splits[-1] if named_splits else _only(splits, file)
    return f"{tranche}/{split}" if tranche and split else None


def red_team_part(file: SourceFile) -> str | None:
    """RED_TEAM for any file that the user gives, and for a file found in a folder or zip if its name says so."""
    return RED_TEAM if file.given or _RED_TEAM.search(file.last_names) else None


def _only(choices: list[str], file: SourceFile) -> str | None:
    return choices[0] if file.given and len(choices) == 1 else None
