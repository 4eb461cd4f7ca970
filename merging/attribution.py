"""ATTRIBUTION.jsonl: for each record what a licence with attribution asks for, one JSON object a line.

Stack Exchange asks those who re-use posts to name the site, to link to the question, to show the authors' names, and to
link each name to the author's profile; CC BY-SA asks for the licence and the changes (3(a)(1) of 4.0, 4(c) of 3.0 and
2.5).
"""

from __future__ import annotations

from typing import Any

from merging.origins import origin_of
from records.licenses import ask_for_attribution, own_licenses
from records.record import RecordLine
from records.repair_names import changes_of

FILE_NAME = "ATTRIBUTION.jsonl"
FIELDS_OF_META = (
    "site",
    "title",
    "question_url",
    "question_author",
    "question_author_url",
    "question_license",
    "answer_url",
    "answer_author",
    "answer_author_url",
    "answer_license",
    "text_url",  # of the text that a model was asked about
    "text_author",
    "text_author_url",
    "license",
)


def attribution(row: RecordLine) -> dict[str, Any] | None:
    """A record's attribution, None if its licences ask for none.

    Every record has the same keys, with null for what its meta does not contain.
    """
    if not ask_for_attribution(own_licenses(row)):
        return None
    record, meta = row.record, row.record["meta"]
    texts = {name: value if isinstance(value := meta.get(name), str) else None for name in FIELDS_OF_META}
    changes = filter(None, [origin_of(record["source"]).changes, *changes_of(meta)])
    return {
        "id": record["id"],
        "source": record["source"],
        **texts,
        "changes": "; ".join(changes) or None,
    }
