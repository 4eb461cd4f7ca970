"""A data set and what it needs to be published: card, attribution, plots, and a report with every number."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from merging import attribution, card, plots
from merging.formats import FILES, FOLDERS, LLAMA_FACTORY, DataFile, DataSet, llama_factory
from merging.inputs import Ledger, shown
from merging.statistics import Statistics
from merging.writers import JsonLines
from records.errors import InputError
from records.file_io import walk, write_json, write_report
from records.licenses import Terms
from records.record import RecordLine

REPORT = "report.json"
PATHS = ("inputpath", "mix", "decontaminate")  # options
NAMES_SHOWN = 10  # of files that would be replaced
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

    def write(self, row: RecordLine) -> None:
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
            write_json(self._folder / LLAMA_FACTORY, told)
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


def unchanged_files(folder: Path, inputs: Iterable[str]) -> set[str]:
    """The files in a folder that an earlier merge wrote and that are as it wrote them, by their paths in the folder.

    They are those that its report lists with their digests, and the report itself as long as one of them is there. Raises
    InputError where anything else has a name that a merge writes, and where an input is among them.
    """
    listed = _listed(folder / REPORT)
    ours = {name for name, digest in listed.items() if _is_unchanged(folder / name, digest)}
    if ours:
        ours.add(REPORT)
    if taken := sorted(_names_taken(folder) - ours):
        told = [f"{name} (changed since)" if name in listed else name for name in taken[:NAMES_SHOWN]]
        more = f" and {len(taken) - NAMES_SHOWN:,} more" if len(taken) > NAMES_SHOWN else ""
        raise InputError(
            f"{folder}: would lose {', '.join(told)}{more}: not what a merge wrote, by the {REPORT} there; move them away, "
            "or give another --destpath"
        )
    replaced = {os.path.realpath(folder / name) for name in ours}
    for path in inputs:
        if os.path.realpath(path) in replaced:
            raise InputError(f"{path}: is an input, and would be replaced by this run; give another --destpath")
    return ours


def _listed(report: Path) -> dict[str, Any]:
    """The files that a merge's report lists, with size and SHA-256; none where there is no such report."""
    try:
        listed = json.loads(report.read_bytes())["files"]
        return {name: {"bytes": each["bytes"], "sha256": each["sha256"]} for name, each in listed.items()}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        pass
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # it is somebody else's
    return {}


def _is_unchanged(path: Path, digest: dict[str, Any]) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != digest["bytes"]:  # a merge writes no links
        return False
    return _digest(path) == digest


def _names_taken(folder: Path) -> set[str]:
    """What is in a folder under the names of files and folders that a merge writes."""
    taken = set()
    for place, folders, files in walk(folder):
        for path in (Path(place, name) for name in [*files, *folders]):
            name, is_folder = path.relative_to(folder).as_posix(), path.is_dir() and not path.is_symlink()
            if FILES.fullmatch(name) or (name in FOLDERS and not is_folder):
                taken.add(name)
    return taken


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
