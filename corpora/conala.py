"""CoNaLa rows as records: a Stack Overflow intent, and the Python snippet that fulfils it.

The data and its fields: https://conala-corpus.github.io, described in Yin et al., "Learning to Mine Aligned Code and
Natural Language Pairs from Stack Overflow", MSR 2018, https://arxiv.org/abs/1805.08949. Curated: conala-train and conala-test
(`intent` is the question's title, `rewritten_intent` what annotators made of it, null in some rows); mined by a model:
conala-mined, with its probability `prob`. The authors turned the code into Python 3 with 2to3 (the page's faq), so that in the
curated files every snippet parses. The page asks that systems for its challenge learn nothing from the test questions.
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
LICENSE = "CC BY-SA"  # of Stack Overflow posts; the version depends on a post's date, which the corpus does not tell
PARTS = ("train", "test", "mined")
ARCHIVE = "conala-corpus-v1.1.zip"

_PART = re.compile(rf"(?<![a-z])({'|'.join(PARTS)})(?![a-z])")


def conala_record(row: SourceRow, part: str, plain: bool, keep_unparsed: bool) -> dict[str, Any]:
    """A row as a record. plain: the response is the bare snippet, not a fenced block.

    Raises SkipRow where it makes no record, as a snippet that is no Python 3 does unless `keep_unparsed`; InputError where the
    row is none of this data.
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
        raise SkipRow("snippet is no Python 3")
    return {
        "id": record_id(row, part),
        "source": SOURCE,
        "instruction": instruction,
        "response": snippet if plain else fenced(snippet),
        "meta": {
            "license": LICENSE,
            "split": part,
            "line": row.number,
            **_where_from(row),
            "rewritten": bool(_text(row, "rewritten_intent")),
            "parses": parses,
        },
    }


def mined_record(
    row: SourceRow, min_probability: float, excluded: set[int | None], plain: bool, keep_unparsed: bool
) -> dict[str, Any]:
    """A row of conala-mined as a record; SkipRow also below the probability, and of the questions excluded."""
    if probability(row) < min_probability:
        raise SkipRow(f"probability below {min_probability}")
    if question_id(row) in excluded:
        raise SkipRow("of a question in conala-test")
    return conala_record(row, "mined", plain, keep_unparsed)


def question_id(row: SourceRow) -> int | None:
    """The Stack Overflow question; not unique, for a question may have several snippets."""
    value = row.value.get("question_id")
    return value if isinstance(value, int) else None


def record_id(row: SourceRow, part: str) -> str:
    """Stable as long as the published file is: "conala/train/123"."""
    return f"conala/{part}/{row.number}"


def probability(row: SourceRow) -> float:
    """What the mining model gives a row. Raises SkipRow where that is no number."""
    value = row.value.get("prob")
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise SkipRow("no probability")
    return float(value)


def parses_as_python3(snippet: str) -> bool:
    """Whether the Python that runs this can parse it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes such as "\d" are told as warnings
        try:
            ast.parse(snippet)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: a null byte; the last two: nesting
            return False
    return True


def _text(row: SourceRow, name: str) -> str:
    """A field's text without outer blank lines and line ends; "" where it has none."""
    value = row.value.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f'{row.place}: "{name}" is no text; give the published files of CoNaLa')
    return (value or "").strip("\r\n") if name == "snippet" else (value or "").strip()


def _where_from(row: SourceRow) -> dict[str, Any]:
    """The posts that attribution has to link to."""
    question, answer = question_id(row), row.value.get("parent_answer_post_id")
    told: dict[str, Any] = {"question_id": question}
    if question is not None:
        told["question_url"] = f"https://stackoverflow.com/q/{question}"
    if isinstance(answer, int):
        told |= {"answer_id": answer, "answer_url": f"https://stackoverflow.com/a/{answer}"}
    if "prob" in row.value:
        told["probability"] = row.value["prob"]
    return told


class MostProbable:
    """The `limit` most probable records of a stream; of equally probable ones, the earlier. Holds so many."""

    def __init__(self, limit: int):
        self.limit = limit
        self._heap: list[tuple[float, int, SourceRow, dict[str, Any]]] = []

    def put(self, row: SourceRow, record: dict[str, Any]) -> SourceRow | None:
        """Take one in; returns the row that has to go for it, which may be itself."""
        item = (probability(row), -row.number, row, record)
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, item)
            return None
        return heapq.heappushpop(self._heap, item)[2]

    def in_order(self) -> list[tuple[SourceRow, dict[str, Any]]]:
        """Those that stayed, in the order of the file."""
        return [(row, record) for _, _, row, record in sorted(self._heap, key=lambda item: item[2].number)]


def part_of(file: SourceFile) -> str | None:
    """The part that a file is, by its own name; "train" for stdin, which has none."""
    if file.path == STANDARD_STREAM:
        return "train"
    name = file.last_names.rpartition("/")[2]
    told = _PART.findall(name) if file.given or name.startswith("conala") else []
    return told[-1] if told else None
