"""A data set and everything that is published with it: card, attribution, plots, and a report with every number."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from merging import attribution, card, plots
from merging.croissant import FILE_NAME as CROISSANT
from merging.croissant import croissant
from merging.earlier_steps import Step
from merging.formats import FILES, FOLDERS, LLAMA_FACTORY, DataFile, DataSet, llama_factory
from merging.inputs import Ledger, shown
from merging.lengths import TokenCounter
from merging.origins import NOTICES, origin_of
from merging.statistics import Statistics
from merging.writers import JsonLines
from records.errors import InputError
from records.file_io import walk, write_json, write_report
from records.licenses import Terms
from records.record import RecordLine
from records.script import show_table, tell

REPORT = "report.json"
NOTICES_FILE = "NOTICES.txt"
PATH_OPTIONS = ("inputpath", "mix", "decontaminate", "tokenizer", "judgement_file", "hh_rlhf")
UNPUBLISHED_OPTIONS = (
    "destpath",
    "dropped_path",
    "workers",
    "push",
    "public",
    "yes",
)  # they do not change the data set
NAMES_SHOWN = 10  # of files that would be lost


class Publication:
    """A folder with a data set and everything that describes it."""

    def __init__(
        self,
        folder: Path,
        data_set: DataSet,
        with_plots: bool,
        token_counter: TokenCounter,
        changes: Sequence[str],
        stack: ExitStack,
    ):
        """changes: made to the texts of all records, for the attribution. stack: closes the attribution file if the run
        fails before `finish`."""
        if with_plots:
            plots.require_matplotlib()
        self._folder, self._data_set, self._with_plots = folder, data_set, with_plots
        self._token_counter, self._changes = token_counter, changes
        self._without_names = Counter[str]()  # attributed records, by source
        self.statistics = Statistics()
        self._attribution = JsonLines(folder / attribution.FILE_NAME, stack)

    def write(self, row: RecordLine) -> None:
        self._data_set.write(row.record)
        self.statistics.add(row, self._token_counter.count(row.record))
        if fields := attribution.attribution(row, self._changes):
            self._attribution.write(orjson.dumps(fields))
            self._without_names[fields["source"]] += attribution.lacks_a_name(fields)

    def finish(
        self,
        title: str,
        languages: list[str],
        options: dict[str, Any],
        inputs: list[dict[str, Any]],
        ledger: Ledger,
        terms: Terms,
        screening: dict[str, Any],
        steps: dict[str, list[Step]],
        subject: card.Subject = card.INSTRUCTIONS,
    ) -> list[DataFile]:
        """Write the plots, the card and the report; returns the data files.

        options: those to publish, as `published_options` gives them. screening: the screening's part of the report.
        steps: those before the merge, by input.
        """
        files = self._data_set.close()
        self._attribution.close()
        captions = plots.draw(self.statistics, self._folder) if self._with_plots else {}
        self._write_notices()
        if dataset_info := llama_factory(files):
            write_json(self._folder / LLAMA_FACTORY, dataset_info)
        digests, tokens = self._digests(), screening["special_tokens"]
        write_json(self._folder / CROISSANT, self._croissant(title, languages, terms, files, digests))
        digests[CROISSANT] = digest_of(self._folder / CROISSANT)
        text = card.Card(
            title=title,
            languages=languages,
            statistics=self.statistics,
            terms=terms,
            data_files=files,
            digests=digests,
            inputs=inputs,
            dropped=ledger.dropped,
            command=command(subject.script, options),
            attributed=self._attribution.records,
            without_names=+self._without_names,
            steps=steps,
            plots=captions,
            token_method=self._token_counter.method,
            special_tokens=tokens["records"] if tokens["action"] == "keep" else {},
            subject=subject,
        ).text()
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
            "statistics": {source: numbers.as_dict() for source, numbers in self.statistics.by_source()},
            "licenses": {
                "data_set": terms.hub_names(),
                "conflict": terms.conflict() or None,
                "unknown": terms.unknown(),
            },
            "tokens": self._token_counter.method,
            "attributed": self._attribution.records,
            "without_names": dict(sorted((+self._without_names).items())),
            "steps_before": {path: [step._asdict() for step in before] for path, before in steps.items()},
            **screening,
            "data_files": [{**file._asdict(), "path": file.path.as_posix()} for file in files],
            "files": digests | {card.FILE_NAME: digest_of(self._folder / card.FILE_NAME)},
        }
        write_report(self._folder / REPORT, report)
        return files

    def _croissant(
        self,
        title: str,
        languages: list[str],
        terms: Terms,
        files: list[DataFile],
        digests: dict[str, dict[str, Any]],
    ) -> dict[str, Any]:
        sources = [f"{numbers.records:,} from {source}" for source, numbers in self.statistics.by_source()]
        licenses = [address or name for name, address in terms.texts()]
        return croissant(title, f"Records: {', '.join(sources)}", licenses, languages, card.meaning, files, digests)

    def _write_notices(self) -> None:
        """Write the notices that have to be in every copy of some sources' records, if there are any."""
        sources: dict[str, list[str]] = {}
        for source, _ in self.statistics.by_source():
            if notice := origin_of(source).notice:
                sources.setdefault(notice, []).append(source)
        texts = [f"{', '.join(names)}\n\n{(NOTICES / notice).read_text('utf-8')}" for notice, names in sources.items()]
        if texts:
            (self._folder / NOTICES_FILE).write_text("\n\n".join(texts), "utf-8")

    def _digests(self) -> dict[str, dict[str, Any]]:
        """Size and SHA-256 of each file written so far, by name."""
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix(): digest_of(path) for path in files}


def digest_of(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, as in the report."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


# ---- what a merge may replace ----------------------------------------------------------------------------------------
def unchanged_files(folder: Path, inputs: Iterable[str], script: str = card.INSTRUCTIONS.script) -> set[str]:
    """The files in a folder that an earlier merge wrote and nobody has changed since, as paths relative to the folder.

    These are the files that the folder's report lists with the digests that they have, and the report itself if there
    is any of them. Raises InputError if anything else has a name that a merge writes, if an input is among them, or if
    another script than `script` wrote the report.
    """
    writer, listed = listed_files(folder / REPORT)
    if listed and writer != script:
        raise InputError(f"{folder}: holds a data set that {writer} wrote; give another --destpath")
    unchanged = {name for name, digest in listed.items() if _is_unchanged(folder / name, digest)}
    if unchanged:
        unchanged.add(REPORT)
    if lost := sorted(_names_taken(folder) - unchanged):
        names = [f"{name} (changed since)" if name in listed else name for name in lost[:NAMES_SHOWN]]
        more = f" and {len(lost) - NAMES_SHOWN:,} more" if len(lost) > NAMES_SHOWN else ""
        raise InputError(
            f"{folder}: would lose {', '.join(names)}{more}: not what a merge wrote, according to the {REPORT} there; "
            "move them away, or give another --destpath"
        )
    replaced = {os.path.realpath(folder / name) for name in unchanged}
    for path in inputs:
        if os.path.realpath(path) in replaced:
            raise InputError(f"{path}: is an input and would be replaced by this run; give another --destpath")
    return unchanged


def listed_files(report: Path) -> tuple[str, dict[str, Any]]:
    """The script that wrote a report, and size and SHA-256 of the files that it lists; none without such a report."""
    try:
        written = json.loads(report.read_bytes())
        files = {name: {"bytes": file["bytes"], "sha256": file["sha256"]} for name, file in written["files"].items()}
        return written.get("script", card.INSTRUCTIONS.script), files  # of an earlier version: only merges had reports
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return "", {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # not the report of a merge
        return "", {}


def _is_unchanged(path: Path, digest: dict[str, Any]) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != digest["bytes"]:  # a merge writes no links
        return False
    return digest_of(path) == digest


def _names_taken(folder: Path) -> set[str]:
    """Everything in a folder that has the name of a file or folder that a merge writes."""
    taken = set()
    for parent, folders, files in walk(folder):
        for path in (Path(parent, name) for name in [*files, *folders]):
            name, is_folder = path.relative_to(folder).as_posix(), path.is_dir() and not path.is_symlink()
            if FILES.fullmatch(name) or (name in FOLDERS and not is_folder):
                taken.add(name)
    return taken


def show_files(records: str, files: list[DataFile], splits: Iterable[str]) -> None:
    """Print how many records each file has, and which splits have none and so no files.

    records: what they are called.
    """
    show_table(f"{records} by file", [(file.path.as_posix(), file.records) for file in files])
    filled = {file.split for file in files if file.records}
    if empty := [split for split in splits if split not in filled]:
        tell(f"caution: no {records} are in {', '.join(empty)}, for questions are drawn at random; give larger shares")


# ---- the command -----------------------------------------------------------------------------------------------------
def published_options(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults and change the data set; of absolute paths only the file's name."""
    published = {
        name: value for name, value in options.items() if value != defaults[name] and name not in UNPUBLISHED_OPTIONS
    }
    for name in PATH_OPTIONS:
        if paths := published.get(name):
            published[name] = shown(paths) if isinstance(paths, str) else [shown(path) for path in paths]
    return published


def command(script: str, options: Mapping[str, Any]) -> str:
    """The script's command with these options."""
    words = ["python", script]
    for name, value in options.items():
        words.append(f"--{name}")
        if value is not True:
            words += map(str, value if isinstance(value, list) else [value])
    return shlex.join(words)
