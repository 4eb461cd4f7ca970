"""A data set in the formats that trainers read, written record by record.

    alpha                   lists of [source, pair], see merging.tuples: instruction_tuning_dataset_alpha_part1.json, ..
    messages                messages, as axolotl and LLaMA-Factory read chats: messages/train.jsonl, .parquet
    sharegpt                conversations, the older form of a chat: sharegpt/train.jsonl, .parquet
    chat_prompt_completion  prompt, completion, both lists of messages, as TRL learns only the answers of chats
    prompt_completion       prompt, completion, both texts, for models without a chat template
    alpaca                  instruction, input, output, as Stanford Alpaca: alpaca/train.json, .parquet
    pairs.., labels..       preferences, see merging.preference_rows: pairs/train.jsonl, .parquet

docs/training.md has the settings of each trainer for each format.

The card gives load_dataset the Parquet files: it takes one kind of file for all configurations of a folder, and reads a
JSON list into memory at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from merging import preference_rows
from merging.preference_rows import origin
from merging.splits import NAME, Splits
from merging.tuples import FILE_NAME, FILE_NAME_OF_SPLIT, IDS, Parts, entry
from merging.writers import JsonLines, JsonList, Parquet, require_pyarrow

SEPARATOR = preference_rows.TEXT_SEPARATOR
SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}
PARQUET = ".parquet"
SUFFIX = {JsonLines: ".jsonl", JsonList: ".json"}
LLAMA_FACTORY = "dataset_info.json"
# The formats that LLaMA-Factory reads. A prompt with a separator is none: its templates put in separators of their own.
LLAMA_FACTORY_FIELDS: dict[str, dict[str, Any]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
    "sharegpt": {"formatting": "sharegpt"},  # LLaMA-Factory's defaults are the names of ShareGPT
    "alpaca": {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
    **preference_rows.LLAMA_FACTORY_FIELDS,
}


class DataFile(NamedTuple):
    """A complete file of the data set."""

    path: Path
    format: str
    split: str
    records: int


# ---- a format of one split -------------------------------------------------------------------------------------------
class File(Protocol):
    """A complete file."""

    path: Path
    records: int


class Format(Protocol):
    """Writes the records of one split in one format."""

    def write(self, record: dict[str, Any]) -> None: ...
    def close(self) -> Sequence[File]: ...


class Alpha:
    """The tuple files. Those of train have the names that readers know; others have the split in their names."""

    def __init__(
        self,
        folder: Path,
        split: str,
        stack: ExitStack,
        ids: JsonLines,
        pair: str,
        parts: int,
        max_part_bytes: int | None,
    ):
        """ids: takes the file, the index and the id of each tuple."""
        self._ids = ids
        name = FILE_NAME if split == "train" else FILE_NAME_OF_SPLIT.format(split)
        self._parts = Parts(folder / name, parts, max_part_bytes, stack)
        self._pair = pair

    def write(self, record: dict[str, Any]) -> None:
        part = self._parts.write(entry(record, self._pair))
        self._ids.write(orjson.dumps({"file": part.path.name, "index": part.records - 1, "id": record["id"]}))

    def close(self) -> list[JsonList]:
        return self._parts.close()


class Rows:
    """One row for each record, as JSON and as Parquet, with the record's id."""

    def __init__(self, folder: Path, split: str, stack: ExitStack, shape: Shape):
        self._shape = shape
        self._text = shape.text(folder / f"{split}{SUFFIX[shape.text]}", stack)
        self._parquet = Parquet(folder / f"{split}{PARQUET}", {**shape.columns, "id": "text"}, stack)

    def write(self, record: dict[str, Any]) -> None:
        row = self._shape.row(record) | {"id": record["id"]}
        text = orjson.dumps(row)
        self._text.write(text)
        self._parquet.write(row, len(text))

    def close(self) -> Sequence[File]:
        self._text.close()
        self._parquet.close()
        return [self._text, self._parquet]


class Shape(NamedTuple):
    """What the rows of a format look like."""

    row: Callable[[dict[str, Any]], dict[str, Any]]  # makes a row of a record
    columns: dict[str, str]  # types by name, as writers.Parquet takes them
    text: type[JsonLines] | type[JsonList]


def prompt_messages(record: dict[str, Any], system: str | None) -> list[dict[str, str]]:
    """The turns before the answer: the system's, if there is one, and the question."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": record["instruction"]}]


def answer(record: dict[str, Any]) -> dict[str, str]:
    return {"role": "assistant", "content": record["response"]}


def messages(record: dict[str, Any], system: str | None) -> dict[str, Any]:
    """A conversation of one exchange."""
    return {"messages": [*prompt_messages(record, system), answer(record)], **origin(record)}


def chat_prompt_completion(record: dict[str, Any], system: str | None) -> dict[str, Any]:
    """The same conversation, cut where learning begins."""
    return {"prompt": prompt_messages(record, system), "completion": [answer(record)], **origin(record)}


def sharegpt(record: dict[str, Any], system: str | None) -> dict[str, Any]:
    """The same conversation with the names of ShareGPT."""
    turns = [*prompt_messages(record, system), answer(record)]
    named = [{"from": SHAREGPT_ROLES[turn["role"]], "value": turn["content"]} for turn in turns]
    return {"conversations": named, **origin(record)}


def prompt_completion(record: dict[str, Any], separator: str) -> dict[str, Any]:
    """A trainer joins the two into one text and learns the completion."""
    return {"prompt": f"{record['instruction']}{separator}", "completion": record["response"]}


def alpaca(record: dict[str, Any]) -> dict[str, Any]:
    """The fields of Stanford Alpaca; the input is empty, since the instruction contains everything."""
    return {"instruction": record["instruction"], "input": "", "output": record["response"]}


def shapes(system: str | None = None, separator: str = SEPARATOR) -> dict[str, Shape]:
    """The formats that have a row for each record.

    system: the first turn of every chat. separator: between question and answer, at the end of a prompt that is a text.
    """
    origin_columns = {"source": "text", "id": "text", "meta": "text"}
    return {
        "messages": Shape(partial(messages, system=system), {"messages": "messages", **origin_columns}, JsonLines),
        "sharegpt": Shape(partial(sharegpt, system=system), {"conversations": "sharegpt", **origin_columns}, JsonLines),
        "chat_prompt_completion": Shape(
            partial(chat_prompt_completion, system=system),
            {"prompt": "messages", "completion": "messages", **origin_columns},
            JsonLines,
        ),
        "prompt_completion": Shape(
            partial(prompt_completion, separator=separator), {"prompt": "text", "completion": "text"}, JsonLines
        ),
        "alpaca": Shape(alpaca, {"instruction": "text", "input": "text", "output": "text"}, JsonList),
    }


CHATS = ("messages", "sharegpt", "chat_prompt_completion")  # the formats that have a system turn
FORMATS = ("alpha", *shapes())  # of merge_datasets.py
SHAPES = {
    **shapes(),
    **{name: Shape(row, columns, JsonLines) for name, (row, columns) in preference_rows.ROWS.items()},
}

# The files of a data set, and the folders that they are in
FILES = re.compile(
    rf"instruction_tuning_dataset_alpha_(?:{NAME}_)?part\d+\.json"
    rf"|(?:{'|'.join(SHAPES)})/{NAME}\.(?:jsonl?|parquet)"
    r"|README\.md|report\.json|ATTRIBUTION\.jsonl|TUPLE_IDS\.jsonl|NOTICES\.txt|dataset_info\.json|croissant\.json"
    r"|plots/(?:length|score|tags)\.png"
)
FOLDERS = {*SHAPES, "plots"}


# ---- all formats and splits ------------------------------------------------------------------------------------------
class DataSet:
    """Writes every record in each format, into the split of its question.

    A split without records has no files, except that the first split always has a tuple file.
    """

    def __init__(
        self,
        folder: Path,
        formats: list[str],
        splits: Splits,
        pair: str,
        parts: int,
        max_part_bytes: int | None,
        stack: ExitStack,
        shapes: Mapping[str, Shape] = SHAPES,
    ):
        """stack: closes the files if the run fails before `close`."""
        self._folder, self._formats, self._splits, self._stack = folder, formats, splits, stack
        self._shapes = shapes
        self._alpha = (pair, parts, max_part_bytes)
        self._writers: dict[str, list[Format]] = {}
        if set(formats) & set(shapes):
            require_pyarrow()
        if "alpha" in formats:
            self._ids = JsonLines(folder / IDS, stack)
            self._writers[splits.names[0]] = self._begin(splits.names[0])

    def _begin(self, split: str) -> list[Format]:
        return [self._format(name, split) for name in self._formats]

    def _format(self, name: str, split: str) -> Format:
        if name == "alpha":
            return Alpha(self._folder, split, self._stack, self._ids, *self._alpha)
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return Rows(folder, split, self._stack, self._shapes[name])

    def write(self, record: dict[str, Any]) -> None:
        split = self._splits.of(record)
        if split not in self._writers:
            self._writers[split] = self._begin(split)
        for writer in self._writers[split]:
            writer.write(record)

    def close(self) -> list[DataFile]:
        """Complete the files; returns those with data by format, then by split."""
        if "alpha" in self._formats:
            self._ids.close()
        files = [
            DataFile(file.path.relative_to(self._folder), name, split, file.records)
            for split, writers in self._writers.items()
            for name, writer in zip(self._formats, writers, strict=True)
            for file in writer.close()
        ]
        order = self._splits.names
        return sorted(files, key=lambda file: (self._formats.index(file.format), order.index(file.split)))


def llama_factory(files: list[DataFile]) -> dict[str, Any]:
    """LLaMA-Factory's dataset_info.json, with a data set for each format and split, such as messages_train.

    https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
    """
    return {
        f"{file.format}_{file.split}": {"file_name": file.path.as_posix(), **LLAMA_FACTORY_FIELDS[file.format]}
        for file in files
        if file.format in LLAMA_FACTORY_FIELDS and file.path.suffix != PARQUET
    }
