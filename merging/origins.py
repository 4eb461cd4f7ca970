"""Where the sources come from, by label: for the card and for attribution."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

NOTICES = Path(__file__).with_name("notices")
PREFERENCES = (
    "The publisher says of the HH-RLHF preference data that it is meant to train preference models, is not meant for "
    "supervised training of dialogue agents, and that training on it is likely to lead to harmful models."
)

_ADDRESS = re.compile(r"https?://[^\s()<>|\[\]`]+")
_HUB_DATA_SET = re.compile(r"https://huggingface\.co/datasets/([\w.-]+/[\w.-]+)/?")


class Origin(NamedTuple):
    """Where a source's records come from."""

    title: str
    address: str
    changes: str  # made to the original works
    hub_source: str = "original"  # in the card's source_datasets
    synthetic: bool = False  # written by a model
    adversarial: bool = False  # contains attempts to make a model do harm
    caution: str = ""  # what the publisher says against this use, shortened from the data set's card on the hub
    notice: str = ""  # the file in NOTICES with the notice that has to be in every copy
    without_names: str = ""  # why records may name no author


HH_RLHF_PREFERENCES = (
    "The publisher says of the HH-RLHF preference data that it is intended for research, especially such that makes "
    "models less harmful, and that it contains content that may be offensive or upsetting."
)
ORIGINS = {
    "stackexchange": Origin(
        "Stack Exchange, by its dumps at archive.org",
        "https://archive.org/details/stackexchange",
        "HTML changed to Markdown; title and question joined",
        without_names="the account was deleted, or the dump has no table of users",
    ),
    "anthrop_helpful": Origin(
        "HH-RLHF, helpful",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "first exchange of a dialogue",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        caution=PREFERENCES,
        notice="hh_rlhf.txt",
    ),
    "anthrop_harmless": Origin(
        "HH-RLHF, harmless-base",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "first exchange of a dialogue",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        adversarial=True,
        caution=f"{PREFERENCES} The instructions of harmless-base try to make the assistant do harm, and the preferred "
        "reply is the less harmful of two: of 12 that were read, 8 were harmful. It is not labelled helpful.",
        notice="hh_rlhf.txt",
    ),
    "anthrop_redteam": Origin(
        "HH-RLHF, red-team attempts",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "first exchange of a dialogue",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        adversarial=True,
        caution="The publisher says of the red-team data that it is meant to understand how crowdworkers attack "
        "models, and is not meant for fine-tuning or preference modelling. It holds offensive and upsetting text.",
        notice="hh_rlhf.txt",
    ),
    "hh_rlhf_helpful": Origin(
        "HH-RLHF, pairs of helpful replies",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "dialogues divided into turns",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        caution=HH_RLHF_PREFERENCES,
        notice="hh_rlhf.txt",
    ),
    "hh_rlhf_harmless": Origin(
        "HH-RLHF, pairs of harmless replies",
        "https://huggingface.co/datasets/Anthropic/hh-rlhf",
        "dialogues divided into turns",
        hub_source="extended|Anthropic/hh-rlhf",
        synthetic=True,
        adversarial=True,
        caution=HH_RLHF_PREFERENCES,
        notice="hh_rlhf.txt",
    ),
    "conala": Origin(
        "CoNaLa",
        "https://conala-corpus.github.io",
        "by the authors of CoNaLa: question reworded, code taken out of the answer; here: code fenced",
        hub_source="extended|neulab/conala",
        without_names="the corpus does not have them",
    ),
    "python_code": Origin("Python functions, written by a model", "", "", synthetic=True),
    "synthetic_qa": Origin(
        "questions and answers on paragraphs of text, written by a model",
        "",
        "question and answer that a model wrote about a paragraph of the text",
        synthetic=True,
    ),
}


def origin_of(source: str, address: str = "") -> Origin:
    """The origin of a source. For an unknown label: the label as its title, and the address that its records give, as
    those of get_records.py do."""
    if source in ORIGINS:
        return ORIGINS[source]
    on_hub = _HUB_DATA_SET.fullmatch(address)
    return Origin(
        source,
        address if _ADDRESS.fullmatch(address) else "",
        "first exchange of a row" if address else "",
        hub_source=f"extended|{on_hub[1]}" if on_hub else "original",
    )
