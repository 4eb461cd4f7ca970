"""CoNaLa rows as records: an intent from Stack Overflow, and the Python snippet that implements it.

The data and its fields: https://conala-corpus.github.io, described in Yin et al., "Learning to Mine Aligned Code and
Natural Language Pairs from Stack Overflow", MSR 2018, https://arxiv.org/abs/1805.08949. conala-train and conala-test
are curated (`intent` is the question's title, `rewritten_intent` the annotators' version of it, null in some rows);
conala-mined is mined by a model, with its probability `prob`. The authors converted the code to Python 3 with 2to3 (see
the page's FAQ), so every snippet in the curated files parses. The page asks that systems for its challenge learn
nothing from the test questions.
"""

from __future__ import annotations

import ast
import heapq
import math
import re
import warnings
from typing import Any

from records.code_block import fenced
from records.errors import InputError
from records.file_io import STANDARD_STREAM
from records.json_rows import SkipRow, SourceFile, SourceRow

SOURCE = "conala"  # the label in the tuple files
LICENSE = "CC BY-SA"  # of Stack Overflow posts; the version depends on a post's date, which the corpus does not have
SITE = "stackoverflow.com"
PARTS = ("train", "test", "mined")
ARCHIVE = "conala-corpus-v1.1.zip"

_PART = re.compile(rf"(?<![a-z])({'|'.join(PARTS)})(?![a-z])")


def conala_record(row: SourceRow, part: str, plain: bool, keep_unparsed: bool) -> dict[str, Any]:
    """A row as a record.

    plain: the response is the bare snippet, not a fenced block. keep_unparsed: accept snippets that are not Python 3.
    Raises SkipRow if the row does not make a record, and InputError if it is not a row of CoNaLa.
    """
    if not {"intent", "snippet"} <= row.value.keys():
        raise InputError(f'{row.place}: has no "intent" and "snippet"; give the published files of CoNaLa')
    instruction = _text(row, "rewritten_intent") or _text(row, "intent")
    snippet = _text(row, "snippet")
    if not instruction:
        raise SkipRow("no intent")
    if not snippet:
        raise SkipRow("no snippet")
    parses = parses_as_python3(snippet)
    if not parses and not keep_unparsed:
        raise SkipRow("snippet is not Python 3")
    return {
        "id": record_id(row, part),
        "source": SOURCE,
        "instruction": instruction,
        "response": snippet if plain else fenced(snippet),
        "meta": {
            "license": LICENSE,
            "split": part,
            "line": row.number,
            **_origin(row),
            "rewritten": bool(_text(row, "rewritten_intent")),
            "parses": parses,
        },
    }


def mined_record(
    row: SourceRow, min_probability: float, excluded: set[int | None], plain: bool, keep_unparsed: bool
) -> dict[str, Any]:
    """A row of conala-mined as a record. Raises SkipRow also for a lower probability and for an excluded question."""
    if probability(row) < min_probability:
        raise SkipRow(f"probability below {min_probability}")
    if question_id(row) in excluded:
        raise SkipRow("of a question in conala-test")
    return conala_record(row, "mined", plain, keep_unparsed)


def question_id(row: SourceRow) -> int | None:
    """The id of the Stack Overflow question; not unique, because a question may have several snippets."""
    value = row.value.get("question_id")
    return value if isinstance(value, int) else None


def record_id(row: SourceRow, part: str) -> str:
    """An id such as "conala/train/123", which is stable as long as the published file is."""
    return f"conala/{part}/{row.number}"


def probability(row: SourceRow) -> float:
    """The mining model's probability of a row. Raises SkipRow if it is not a number."""
    value = row.value.get("prob")
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise SkipRow("no probability")
    return float(value)


def parses_as_python3(snippet: str) -> bool:
    """Whether the Python version that runs this can parse a snippet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes such as "\d"
        try:
            ast.parse(snippet)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: a null byte; the last two: nesting
            return False
    return True


def _text(row: SourceRow, name: str) -> str:
    """A field's text without surrounding white space (a snippet's without surrounding line ends); "" if missing."""
    value = row.value.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{row.place}: "{name}" is not text; give the published files of CoNaLa')
    return (value or "").strip("\r\n") if name == "snippet" else (value or "").strip()


def _origin(row: SourceRow) -> dict[str, Any]:
    """The posts that attribution has to link to, and the probability of a mined row."""
    question, answer = question_id(row), row.value.get("parent_answer_post_id")
    meta: dict[str, Any] = {"site": SITE, "title": _text(row, "intent") or None, "question_id": question}
    if question is not None:
        meta["question_url"] = f"https://{SITE}/q/{question}"
    if isinstance(answer, int):
        meta |= {"answer_id": answer, "answer_url": f"https://{SITE}/a/{answer}"}
    if "prob" in row.value:
        meta["probability"] = row.value["prob"]
    return meta


class MostProbable:
    """The `limit` most probable records of a stream, all in memory; of equally probable ones the earlier."""

    def __init__(self, limit: int):
        self.limit = limit
        self._heap: list[tuple[float, int, SourceRow, dict[str, Any]]] = []

    def put(self, row: SourceRow, record: dict[str, Any]) -> SourceRow | None:
        """Add a record; returns the row that is left out for it, which may be the same one."""
        item = (probability(row), -row.number, row, record)
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, item)
            return None
        return heapq.heappushpop(self._heap, item)[2]

    def in_order(self) -> list[tuple[SourceRow, dict[str, Any]]]:
        """The records that are left, in the order of the file."""
        return [(row, record) for _, _, row, record in sorted(self._heap, key=lambda item: item[2].number)]


def part_of(file: SourceFile) -> str | None:
    """The part that a file contains, by its name; "train" for stdin."""
    if file.path == STANDARD_STREAM:
        return "train"
    name = file.last_names.rpartition("/")[2]
    parts = _PART.findall(name) if file.given or name.startswith("conala") else []
    return parts[-1] if parts else None
