"""Where the sources come from, by their labels: what a card tells of them, and what attribution needs."""

from __future__ import annotations

from typing import NamedTuple

# By source label, in the words of the data set's card at the hub, shortened.
CAUTIONS = {
    "anthrop_helpful": "The publisher says of the HH-RLHF preference data that it is meant to train preference models, "
    "is not meant for supervised training of dialogue agents, and that training on it is likely to lead to harmful "
    "models.",
    "anthrop_redteam": "The publisher says of the red-team data that it is meant to understand how crowdworkers attack "
    "models, and is not meant for fine-tuning or preference modelling. It holds offensive and upsetting text.",
}


class Origin(NamedTuple):
    """A source of records."""

    title: str
    address: str
    changes: str  # to the works that it is made of
    hub_source: str = "original"  # of the card's source_datasets
    synthetic: bool = False  # written by a model
    adversarial: bool = False  # holds attempts to make a model do harm

    @property
    def link(self) -> str:
        return f"[{self.title}]({self.address})" if self.address else self.title


ORIGINS = {
    "stackexchange": Origin(
        "Stack Exchange, by its dumps at archive.org",
        "https://archive.org/details/stackexchange",
        "HTML changed to Markdown; title and question joined",
    ),
    "anthrop_helpful": Origin(
        "HH-RLHF, helpful",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "first exchange of a dialogue",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
    ),
    "anthrop_redteam": Origin(
        "HH-RLHF, red-team attempts",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "first exchange of a dialogue",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        adversarial=True,
    ),
    "conala": Origin(
        "CoNaLa",
        "https://conala-corpus.github.io",
        "by the authors of CoNaLa: question reworded, code taken out of the answer; here: code fenced",
        hub_source="extended|neulab/conala",
    ),
    "python_code": Origin("Python functions, written by a model", "", "", synthetic=True),
    "synthetic_qa": Origin(
        "questions and answers on paragraphs of text, written by a model",
        "",
        "question and answer that a model wrote about a paragraph of the text",
        synthetic=True,
    ),
}


def origin_of(source: str) -> Origin:
    """The origin of a source; of a label that is not known here, nothing but the label."""
    return ORIGINS.get(source, Origin(source, "", ""))


def caution_of(source: str) -> str:
    """What the publisher says against such a use, "" where nothing."""
    return CAUTIONS.get(source, "")
