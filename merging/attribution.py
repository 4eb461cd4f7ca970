"""What licences that ask for attribution want told of each record: an object a line in ATTRIBUTION.jsonl.

Stack Exchange asks who re-uses posts to name the site, to link to the question, to show the authors' names, and to link each name
to the author's profile; CC BY-SA asks for the licence and for the changes (3(a)(1) of 4.0, 4(c) of 3.0 and 2.5).
"""

from __future__ import annotations

from typing import Any

from merging.origins import origin_of
from records.licenses import ask_for_attribution, own_licenses
from records.record import RecordLine

FILE_NAME = "ATTRIBUTION.jsonl"
OF_META = (
    "site", "title",
    "question_url", "question_author", "question_author_url", "question_license",
    "answer_url", "answer_author", "answer_author_url", "answer_license",
    "text_url", "text_author", "text_author_url",  # of what a model was asked about
    "license",
)  # fmt: skip


def attribution(row: RecordLine) -> dict[str, Any] | None:
    """A record's attribution, None where its licences ask for none. The same keys for every record, with null for what
    the record does not tell."""
    if not ask_for_attribution(own_licenses(row)):
        return None
    record, meta = row.record, row.record["meta"]
    told = {name: value if isinstance(value := meta.get(name), str) else None for name in OF_META}
    return {
        "id": record["id"],
        "source": record["source"],
        **told,
        "changes": origin_of(record["source"]).changes or None,
    }
