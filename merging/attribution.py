"""ATTRIBUTION.jsonl: for each record what a licence with attribution asks for, one JSON object a line.

Stack Exchange asks those who re-use posts to name the site, to link to the question, to show the authors' names, and to
link each name to the author's profile; CC BY-SA asks for the licence and the changes (3(a)(1) of 4.0, 4(c) of 3.0 and
2.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from merging.origins import origin_of
from records.licenses import ask_for_attribution, license_named, own_licenses
from records.record import RecordLine
from records.repair_names import changes_of

FILE_NAME = "ATTRIBUTION.jsonl"
FIELDS_OF_QUESTION = (
    "site",
    "title",
    "question_url",
    "question_author",
    "question_author_url",
    "question_license",
)
FIELDS_OF_ANSWER = ("url", "author", "author_url", "license")
FIELDS_OF_META = (
    *FIELDS_OF_QUESTION,
    *(f"answer_{name}" for name in FIELDS_OF_ANSWER),
    "text_url",  # of the text that a model was asked about
    "text_author",
    "text_author_url",
    "dataset_url",  # of another person's data set
    "dataset_author",
    "license",
)
FIELDS_OF_PAIR = (
    *FIELDS_OF_QUESTION,
    *(f"{which}_{name}" for which in ("chosen", "rejected") for name in FIELDS_OF_ANSWER),
)


AUTHORS = {  # the field with the author's name of each work, by one that is there if the work is
    "question_url": "question_author",
    "answer_url": "answer_author",
    "chosen_url": "chosen_author",
    "rejected_url": "rejected_author",
    "text_url": "text_author",
    "dataset_url": "dataset_author",
}


def attribution(row: RecordLine, changes: Sequence[str]) -> dict[str, Any] | None:
    """A record's attribution, None if its licences ask for none.

    changes: made to all records by this run. Every record has the same keys, with null for what its meta does not
    contain; a pair has those of both answers.
    """
    licenses = own_licenses(row)
    if not ask_for_attribution(licenses):
        return None
    record, meta = row.record, row.record["meta"]
    fields = FIELDS_OF_PAIR if "rejected_license" in meta else FIELDS_OF_META
    texts = {name: value if isinstance(value := meta.get(name), str) else None for name in fields}
    origin = origin_of(record["source"], texts.get("dataset_url") or "")
    return {
        "id": record["id"],
        "source": record["source"],
        **texts,
        "license_urls": sorted({license_named(name).address for name in licenses} - {""}),
        "changes": "; ".join(filter(None, (origin.changes, *changes_of(meta), *changes))) or None,
    }


def lacks_a_name(fields: dict[str, Any]) -> bool:
    """Whether an attribution does not name the author of one of its works."""
    return any(fields.get(work) and not fields[author] for work, author in AUTHORS.items())
