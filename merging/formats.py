"""A data set in the formats that trainers read, written record by record.

    alpha              lists of [source, pair], see merging.tuples: instruction_tuning_dataset_alpha_part1.json, ..
    messages           messages, source, id, meta, as TRL and axolotl read chats: messages/train.jsonl, .parquet
    prompt_completion  prompt, completion, for models without a chat template: prompt_completion/train.jsonl, .parquet
    alpaca             instruction, input, output, as Stanford Alpaca: alpaca/train.json, .parquet
    pairs.., labels..  preferences, see merging.preference_rows: pairs/train.jsonl, .parquet

The card gives load_dataset the Parquet files: it takes one kind of file for all configurations of a folder, and reads a
JSON list into memory at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from merging import preference_rows
from merging.splits import NAME, Splits
from merging.tuples import FILE_NAME, FILE_NAME_OF_SPLIT, IDS, Parts, entry
from merging.writers import JsonLines, JsonList, Parquet, require_pyarrow

FORMATS = ("alpha", "messages", "prompt_completion", "alpaca")
PARQUET = ".parquet"
SUFFIX = {JsonLines: ".jsonl", JsonList: ".json"}
LLAMA_FACTORY = "dataset_info.json"
LLAMA_FACTORY_FIELDS: dict[str, dict[str, Any]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    },
    "prompt_completion": {"columns": {"prompt": "prompt", "response": "completion"}},
    "alpaca": {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
    **preference_rows.LLAMA_FACTORY_FIELDS,
}

# The files of a data set, and the folders that they are in
FOLDERS_OF_ROWS = ("messages", "prompt_completion", "alpaca", *preference_rows.ROWS)
FILES = re.compile(
    rf"instruction_tuning_dataset_alpha_(?:{NAME}_)?part\d+\.json"
    rf"|(?:{'|'.join(FOLDERS_OF_ROWS)})/{NAME}\.(?:jsonl?|parquet)"
    r"|README\.md|report\.json|ATTRIBUTION\.jsonl|TUPLE_IDS\.jsonl|NOTICES\.txt|dataset_info\.json"
    r"|plots/(?:length|score|tags)\.png"
)
FOLDERS = {*FOLDERS_OF_ROWS, "plots"}


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


def messages(record: dict[str, Any]) -> dict[str, Any]:
    """A conversation of one exchange.

    `meta` is a JSON string: each source has its own fields, so the type of a struct would depend on the sources.
    """
    return {
        "messages": [
            {"role": "user", "content": record["instruction"]},
            {"role": "assistant", "content": record["response"]},
        ],
        "source": record["source"],
        "id": record["id"],
        "meta": orjson.dumps(record["meta"]).decode(),
    }


def prompt_completion(record: dict[str, Any]) -> dict[str, Any]:
    """A trainer joins the two into one text and learns the completion, so the prompt ends with a blank line."""
    return {"prompt": f"{record['instruction']}\n\n", "completion": record["response"]}


def alpaca(record: dict[str, Any]) -> dict[str, Any]:
    """The fields of Stanford Alpaca; the input is empty, since the instruction contains everything."""
    return {"instruction": record["instruction"], "input": "", "output": record["response"]}


SHAPES = {
    "messages": Shape(messages, {"messages": "messages", "source": "text", "id": "text", "meta": "text"}, JsonLines),
    "prompt_completion": Shape(prompt_completion, {"prompt": "text", "completion": "text"}, JsonLines),
    "alpaca": Shape(alpaca, {"instruction": "text", "input": "text", "output": "text"}, JsonList),
    **{name: Shape(row, columns, JsonLines) for name, (row, columns) in preference_rows.ROWS.items()},
}


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
    ):
        """stack: closes the files if the run fails before `close`."""
        self._folder, self._formats, self._splits, self._stack = folder, formats, splits, stack
        self._alpha = (pair, parts, max_part_bytes)
        self._writers: dict[str, list[Format]] = {}
        if set(formats) & set(SHAPES):
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
        return Rows(folder, split, self._stack, SHAPES[name])

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
