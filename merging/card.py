"""The data set card: README.md with the front matter that the Hugging Face hub reads.

https://huggingface.co/docs/hub/datasets-cards; `configs` tells load_dataset which files are which split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from merging import attribution
from merging.formats import LLAMA_FACTORY, PARQUET, SHAPES, DataFile
from merging.origins import caution_of, origin_of
from merging.statistics import Statistics
from records.licenses import Terms

FILE_NAME = "README.md"
MARK = "<!-- written by merge_datasets.py, which replaces this file when it writes this folder again, unless it was changed -->"
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
         (10**8, "10M<n<100M"))  # fmt: skip
LARGEST = "100M<n<1B"
MOST_SITES = 30  # listed by name

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$#])")


@dataclass(frozen=True)
class Card:
    """Everything that a card tells."""

    title: str
    languages: list[str]
    statistics: Statistics
    terms: Terms
    data_files: list[DataFile]
    digests: dict[str, dict[str, Any]]  # of the files written, by name: bytes, sha256
    inputs: list[dict[str, Any]]  # file, sha256
    dropped: dict[tuple[str, str], int]  # by source and reason
    command: str
    attributed: int  # records in ATTRIBUTION.jsonl
    plots: dict[str, str]  # captions by path

    def text(self) -> str:
        """The card, as Markdown."""
        sections = (
            self._summary(), self._warnings(), self._files(), self._sources(), self._left_out(), self._licence(),
            self._plots(), self._making(),
        )  # fmt: skip
        front = yaml.safe_dump(self.front_matter(), sort_keys=False, allow_unicode=True, width=120)
        return f"---\n{front}---\n{MARK}\n\n" + "\n".join(section for section in sections if section)

    def front_matter(self) -> dict[str, Any]:
        licenses = self.terms.hub_names()
        sources = [source for source, _ in self.statistics.by_source()]
        fields: dict[str, Any] = {
            "pretty_name": self.title,
            "license": licenses[0] if len(licenses) == 1 else licenses,
            "language": self.languages,
            "size_categories": [_size(self._records)],
            "task_categories": ["text-generation", "question-answering"],
            "tags": ["instruction-tuning", *sources, *(["synthetic"] if self._synthetic() else [])],
            "source_datasets": sorted({origin_of(source).hub_source for source in sources}),
        }
        configs = self._configs()
        # without a format that load_dataset reads, the hub shall not guess that the tuple files are one
        return {**fields, "configs": configs} if configs else {**fields, "viewer": False}

    def _configs(self) -> list[dict[str, Any]]:
        configs: list[dict[str, Any]] = []
        for name in SHAPES:
            files = [
                {"split": file.split, "path": file.path.as_posix()}
                for file in self.data_files
                if file.format == name and file.path.suffix == PARQUET and file.records
            ]
            if files:
                first = {} if configs else {"default": True}
                configs.append({"config_name": name, **first, "data_files": files})
        return configs

    @property
    def _records(self) -> int:
        return sum(each.records for _, each in self.statistics.by_source())

    def _synthetic(self) -> list[str]:
        return [source for source, each in self.statistics.by_source() if origin_of(source).synthetic or each.models]

    # ---- sections ----------------------------------------------------------------------------------------------------
    def _summary(self) -> str:
        return (
            f"# {_plain(self.title)}\n\n{self._records:,} pairs of an instruction and a response, to train a language "
            f"model to follow instructions.\n"
        )

    def _warnings(self) -> str:
        lines = [
            f"* **{_plain(source)}**: {caution_of(source)}"
            for source, _ in self.statistics.by_source()
            if caution_of(source)
        ]
        if synthetic := self._synthetic():
            lines.append(
                f"* **Synthetic text** ({_listed(synthetic)}): responses that a language model wrote. They may be wrong, and "
                "made up where they sound sure; nobody has checked each of them."
            )
        if adversarial := [source for source, _ in self.statistics.by_source() if origin_of(source).adversarial]:
            lines.append(
                f"* **Adversarial text** ({_listed(adversarial)}): attempts to make a model say harmful things, and what it said. "
                "It is offensive and upsetting in places, and stands for nobody's views."
            )
        lines += [f"* **The licences**: {_plain(caution)}." for caution in self.terms.cautions()]
        return "## Before you use it\n\n" + "\n".join(lines) + "\n" if lines else ""

    def _files(self) -> str:
        rows = [[f"`{file.path.as_posix()}`", file.format, file.split, f"{file.records:,}"] for file in self.data_files]
        text = "## Files\n\n" + _table(["file", "format", "split", ">records"], rows)
        if configs := self._configs():
            name = configs[0]["config_name"]
            text += (
                "\n```python\nfrom datasets import load_dataset\n\n"
                f'load_dataset("path/of/this/folder", "{name}")\n```\n'
                f"\n`{LLAMA_FACTORY}` is for LLaMA-Factory.\n"
            )
        return text

    def _sources(self) -> str:
        rows = [
            [
                _plain(source), origin_of(source).link if origin_of(source).address else _plain(origin_of(source).title),
                f"{each.records:,}", f"{each.instruction_chars:,}", f"{each.response_chars:,}",
                _plain(", ".join(each.license_names())),
            ]
            for source, each in self.statistics.by_source()
        ]  # fmt: skip
        heads = ["source", "where from", ">records", ">characters of instructions", ">of responses", "licences"]
        text = "## Sources\n\n" + _table(heads, rows)
        for source, each in self.statistics.by_source():
            if each.sites:
                most = sorted(each.sites.items(), key=lambda item: (-item[1], item[0]))
                more = f", and {len(most) - MOST_SITES} more" if len(most) > MOST_SITES else ""
                listed = ", ".join(f"{_plain(site)} ({count:,})" for site, count in most[:MOST_SITES])
                text += f"\nSites of {_plain(source)}: {listed}{more}.\n"
        models = [
            [_plain(source), _plain(model), _plain(revision or "not told"), _plain(license), f"{count:,}"]
            for source, each in self.statistics.by_source()
            for (model, revision, license), count in sorted(each.models.items())
        ]
        return text + (
            "\n" + _table(["source", "model", "revision", "its licence", ">records"], models) if models else ""
        )

    def _left_out(self) -> str:
        rows = [
            [_plain(source or "no source told"), _plain(reason), f"{count:,}"]
            for (source, reason), count in sorted(self.dropped.items())
        ]
        return "## Left out\n\n" + _table(["source", "why", ">records"], rows) if rows else ""

    def _licence(self) -> str:
        names = ", ".join(self.terms.hub_names())
        text = f"## Licence and attribution\n\nThe data set as a whole: `{names}`. Each record tells the licence of its parts.\n"
        if self.attributed:
            text += (
                f"\n`{attribution.FILE_NAME}` tells of {self.attributed:,} records, by their ids, what their licences ask "
                "for: the site, the question's title and address, the authors' names and profiles, the licence, and what was "
                "changed. Who shares these records, or text that is made of them, keeps that file with them, or names and links "
                "the same in another way.\n"
            )
        if any(name == "cc-by-sa-4.0" for name in self.terms.hub_names()):
            text += (
                "\nCC BY-SA is share-alike: what is made of this data set and shared is under "
                "[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/) too, or a later version.\n"
            )
        return text

    def _plots(self) -> str:
        plots = "\n\n".join(f"![{caption}]({path})" for path, caption in self.plots.items())
        return f"## Plots\n\n{plots}\n" if plots else ""

    def _making(self) -> str:
        command = f"## How it was made\n\n```\n{' '.join(self.command.splitlines())}\n```\n"
        inputs = [
            [_plain(each["file"]), f"`{each['sha256']}`" if each["sha256"] else "not told"] for each in self.inputs
        ]
        outputs = [[f"`{name}`", f"{each['bytes']:,}", f"`{each['sha256']}`"] for name, each in self.digests.items()]
        return (
            f"{command}\n{_table(['input', 'SHA-256'], inputs)}\n{_table(['output', '>bytes', 'SHA-256'], outputs)}"
            "\n`report.json` has every number.\n"
        )


def _size(records: int) -> str:
    return next((name for bound, name in SIZES if records < bound), LARGEST)


def _listed(names: list[str]) -> str:
    return ", ".join(map(_plain, names))


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; columns whose head begins with ">" are right-aligned."""
    lines = [[head.removeprefix(">") for head in heads], ["---:" if head.startswith(">") else "---" for head in heads]]
    return "".join(f"| {' | '.join(line)} |\n" for line in [*lines, *rows])
