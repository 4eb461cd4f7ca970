"""A data set and what it needs to be published: card, attribution, plots, and a report with every number."""

from __future__ import annotations

import argparse
import hashlib
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from instructions import attribution, card, plots
from instructions.files import write_report
from instructions.formats import LLAMA_FACTORY, DataFile, DataSet, llama_factory
from instructions.inputs import Ledger, shown
from instructions.licenses import Terms
from instructions.records import Row
from instructions.script import InputError
from instructions.statistics import Statistics
from instructions.writers import JsonLines

REPORT = "report.json"
PATHS = ("inputpath", "mix", "decontaminate")  # options
OF_NO_MATTER = ("destpath", "dropped_path")  # to what is in the data set


class Publication:
    """A folder with a data set and all that is told of it."""

    def __init__(self, folder: Path, data_set: DataSet, with_plots: bool, stack: ExitStack):
        """stack: closes the attribution where the run fails before `finish`."""
        if with_plots:
            plots.require_matplotlib()
        self._folder, self._data_set, self._with_plots = folder, data_set, with_plots
        self._statistics = Statistics()
        self._attribution = JsonLines(folder / attribution.FILE_NAME, stack)

    def write(self, row: Row) -> None:
        self._data_set.write(row.record)
        self._statistics.add(row)
        if told := attribution.attribution(row):
            self._attribution.write(orjson.dumps(told))

    def finish(
        self,
        title: str,
        languages: list[str],
        options: dict[str, Any],
        inputs: list[dict[str, Any]],
        ledger: Ledger,
        terms: Terms,
        found: dict[str, Any],
    ) -> list[DataFile]:
        """Write what is told of the records; returns the data files.

        options: those that are not at their defaults. found: what the screening reports.
        """
        files = self._data_set.close()
        self._attribution.close()
        captions = plots.draw(self._statistics, self._folder) if self._with_plots else {}
        if told := llama_factory(files):
            write_report(self._folder / LLAMA_FACTORY, told)
        digests = self._digests()
        text = card.Card(
            title, languages, self._statistics, terms, files, digests, inputs, ledger.dropped, command(options),
            self._attribution.records, captions,
        ).text()  # fmt: skip
        (self._folder / card.FILE_NAME).write_bytes(text.encode("utf-8", "backslashreplace"))
        report = {
            "options": options,
            "inputs": inputs,
            "counts": ledger.tally().as_dict(),
            "sources": dict(sorted(ledger.kept.items())),
            "dropped": [
                {"source": source, "reason": reason, "records": count}
                for (source, reason), count in sorted(ledger.dropped.items())
            ],
            "statistics": {source: each.as_dict() for source, each in self._statistics.by_source()},
            "licenses": {
                "data_set": terms.hub_names(),
                "conflict": terms.conflict() or None,
                "unknown": terms.unknown(),
            },
            "attributed": self._attribution.records,
            **found,
            "data_files": [{**file._asdict(), "path": file.path.as_posix()} for file in files],
            "files": digests | {card.FILE_NAME: _digest(self._folder / card.FILE_NAME)},
        }
        write_report(self._folder / REPORT, report)
        return files

    def _digests(self) -> dict[str, dict[str, Any]]:
        """Size and SHA-256 of each file that is there, by its name."""
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def refuse_foreign_card(folder: Path) -> None:
    """Raise InputError where a README.md is there that is no card of ours, before it is replaced."""
    path = folder / card.FILE_NAME
    if path.is_file() and card.MARK.encode() not in path.read_bytes():
        raise InputError(
            f"{path}: was not written by a merge, and would be replaced; move it away or give another --destpath"
        )


def told_options(args: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The options that are not at their defaults and matter to what is in the data set, as they may be published."""
    told = {name: value for name, value in vars(args).items() if value != parser.get_default(name)}
    for name in PATHS:
        if name in told:
            told[name] = shown(told[name]) if isinstance(told[name], str) else [shown(path) for path in told[name]]
    return {name: value for name, value in told.items() if name not in OF_NO_MATTER}


def command(options: dict[str, Any]) -> str:
    """The command that has these options."""
    words = ["python", "merge_datasets.py"]
    for name, value in options.items():
        words.append(f"--{name}")
        if value is not True:
            words += map(str, value if isinstance(value, list) else [value])
    return shlex.join(words)
