"""The data set card: README.md with the front matter that the Hugging Face hub reads.

The text is in card.md.jinja. https://huggingface.co/docs/hub/datasets-cards describes the front matter; `configs` lists
the files of each split for load_dataset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merging.earlier_steps import Step
from merging.formats import PARQUET, SHAPES, DataFile
from merging.lengths import DEFAULT_LENGTHS
from merging.origins import Origin, origin_of
from merging.statistics import SourceStatistics, Statistics
from records.licenses import Terms

if TYPE_CHECKING:
    from jinja2 import Template

FILE_NAME = "README.md"
FOLDER_OF_TEMPLATES = Path(__file__).parent
SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
}
LARGEST = "100M<n<1B"
MOST_SITES = 30  # listed by name
MOST_TOKENS = 10

COLUMNS = {
    "messages": "the conversation, a list of role and content",
    "conversations": "the conversation, a list of from and value",
    "prompt": "what the model is given",
    "completion": "what it learns to write",
    "instruction": "the question or task",
    "input": "empty: the instruction has everything",
    "output": "the response",
    "chosen": "the better answer",
    "rejected": "the worse answer",
    "score_chosen": "the better answer's score, null where the source has none",
    "score_rejected": "the worse answer's score",
    "label": "true if all reviewers of the answer accepted it",
    "criteria": "the numbers of the review criteria that reviewers found not met",
    "note": "what reviewers wrote",
    "source": "the label in the table of sources",
    "id": "the record's id, as in ATTRIBUTION.jsonl; for Stack Exchange, the answer's address",
    "meta": "JSON: the licence, and what else the source tells of the record",
}
COLUMNS_OF_FORMATS = {
    ("pairs_llama_factory", "messages"): COLUMNS["prompt"],
    ("labels_llama_factory", "completion"): "the whole conversation; the model learns to write its last message",
}

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$#])")


@dataclass(frozen=True)
class Subject:
    """What kind of data set a card describes."""

    script: str  # that wrote it
    template: str
    tag: str  # for the hub
    details: dict[str, Any] = field(default_factory=dict)  # what the template needs besides


INSTRUCTIONS = Subject("merge_datasets.py", "card.md.jinja", "instruction-tuning")


@dataclass(frozen=True)
class Card:
    """Everything that a card describes."""

    title: str
    languages: list[str]
    statistics: Statistics
    terms: Terms
    data_files: list[DataFile]
    digests: dict[str, dict[str, Any]]  # bytes and sha256 of each file written, by name
    inputs: list[dict[str, Any]]  # file and sha256
    dropped: dict[tuple[str, str], int]  # records by source and reason
    command: str
    attributed: int  # records in ATTRIBUTION.jsonl
    without_names: dict[str, int]  # how many of them name no author, by source
    steps: dict[str, list[Step]]  # before the merge, by input
    plots: dict[str, str]  # captions by path
    token_method: str  # how tokens were counted
    special_tokens: dict[str, int]  # records that hold one and were kept as they are, by token
    subject: Subject = INSTRUCTIONS

    def text(self) -> str:
        """The card, as Markdown."""
        import yaml  # this and jinja2 late, because --help does without

        front_matter = yaml.safe_dump(self.front_matter(), sort_keys=False, allow_unicode=True, width=120)
        sources, configs = self._sources(), self._configs()
        return _template(self.subject.template).render(
            front_matter=front_matter,
            title=self.title,
            records=self._records(),
            publisher_cautions=[(source, origin.caution) for source, origin, _ in sources if origin.caution],
            synthetic=self._synthetic(),
            adversarial=[source for source, origin, _ in sources if origin.adversarial],
            license_cautions=self.terms.cautions(),
            special_tokens=sorted(self.special_tokens.items(), key=lambda item: (-item[1], item[0])),
            data_files=self.data_files,
            default_config=configs[0]["config_name"] if configs else None,
            sources=sources,
            token_method=self.token_method,
            default_lengths=DEFAULT_LENGTHS,
            models=[
                (source, *model, count)
                for source, _, numbers in sources
                for model, count in sorted(numbers.models.items())
            ],
            dropped=sorted(self.dropped.items()),
            licenses=self.terms.hub_names(),
            license_texts=self.terms.texts(),
            attributed=self.attributed,
            without_names=[
                (source, origin_of(source).without_names, count) for source, count in sorted(self.without_names.items())
            ],
            has_notices=any(origin.notice for _, origin, _ in sources),
            columns=self._columns(),
            has_tuples=any(file.format == "alpha" for file in self.data_files),
            steps=self.steps,
            plots=self.plots,
            command=" ".join(self.command.splitlines()),
            inputs=self.inputs,
            digests=self.digests,
            script=self.subject.script,
            **self.subject.details,
        )

    def front_matter(self) -> dict[str, Any]:
        """What the hub reads: licence, languages, size, and which files belong to which split."""
        licenses = self.terms.hub_names()
        sources = self._sources()
        fields: dict[str, Any] = {
            "pretty_name": self.title,
            "license": licenses[0] if len(licenses) == 1 else licenses,
            **self._license_at_no_hub(),
            "language": self.languages,
            "size_categories": [_size(self._records())],
            "task_categories": ["text-generation", "question-answering"],
            "tags": [
                self.subject.tag,
                *(source for source, _, _ in sources),
                *(["synthetic"] if self._synthetic() else []),
            ],
            "source_datasets": sorted({origin.hub_source for _, origin, _ in sources}),
        }
        configs = self._configs()
        # without a format that load_dataset reads, the hub must not take the tuple files for one
        return {**fields, "configs": configs} if configs else {**fields, "viewer": False}

    def _license_at_no_hub(self) -> dict[str, str]:
        """Name and address of licences for which the hub has no identifier."""
        licenses = self.terms.not_at_hub()
        if not licenses:
            return {}
        fields = {"license_name": "-and-".join(_identifier(license.name) for license in licenses)}
        if len(licenses) == 1 and licenses[0].address:
            fields["license_link"] = licenses[0].address
        return fields

    def _columns(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The columns of each format that is there, with what they hold."""
        formats = dict.fromkeys(file.format for file in self.data_files if file.format in SHAPES)
        return [
            (name, [(column, meaning(name, column)) for column in dict.fromkeys((*SHAPES[name].columns, "id"))])
            for name in formats
        ]

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
                configs.append({"config_name": name, "description": self._digests(files), **first, "data_files": files})
        return configs

    def _digests(self, files: list[dict[str, str]]) -> str:
        """What changes with the files: load_dataset keeps rows in a cache, and knows a local folder by these fields."""
        return "SHA-256: " + ", ".join(f"{file['split']} {self.digests[file['path']]['sha256'][:16]}" for file in files)

    def _sources(self) -> list[tuple[str, Origin, SourceStatistics]]:
        return [
            (source, origin_of(source, numbers.dataset_url()), numbers)
            for source, numbers in self.statistics.by_source()
        ]

    def _records(self) -> int:
        return sum(numbers.records for _, _, numbers in self._sources())

    def _synthetic(self) -> list[str]:
        return [source for source, origin, numbers in self._sources() if origin.synthetic or numbers.models]


def meaning(format: str, column: str) -> str:
    """What a column of a format holds."""
    return COLUMNS_OF_FORMATS.get((format, column)) or COLUMNS[column]


def _identifier(name: str) -> str:
    """A licence's name in the form of the hub's identifiers."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.casefold()).strip("-")


def _size(records: int) -> str:
    return next((name for bound, name in SIZES.items() if records < bound), LARGEST)


def _plain(text: str) -> str:
    """Text on one line, with everything escaped that Markdown would take for markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER_OF_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"plain": _plain, "number": "{:,}".format}
    environment.globals |= {"MOST_SITES": MOST_SITES, "MOST_TOKENS": MOST_TOKENS}
    return environment.get_template(name)
