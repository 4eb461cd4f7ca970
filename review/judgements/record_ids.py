"""The ids of records, also in the other forms in which people paste them: as the whole address of an answer."""

from __future__ import annotations

import re

# as in the address bar, and as from the "Share" link, which ends with the number of the user who shares it
ADDRESS = re.compile(
    r"(?:https?:)?(?://)?(?P<host>[\w-]+(?:\.[\w-]+)+)/"
    r"(?:a/(?P<shared>\d+)(?:/\d*)?"
    r"|questions/\d+/[^/?#\s]+/(?P<answer>\d+)/?"
    r"|questions/\d+(?:/[^/?#\s]*)?/?(?=(?:\?[^#\s]*)?#(?:answer-)?(?P<anchor>\d+)$))"
    r"(?:\?[^#\s]*)?(?:#\S*)?",
    re.ASCII,
)


def record_id_of(text: str) -> str:
    """The id of the record that a text names: of an answer's address `<host>/a/<number>`, otherwise the text itself.

    https://cstheory.stackexchange.com/a/17, https://cstheory.stackexchange.com/questions/7/title/17#17 and
    cstheory.stackexchange.com/a/17 are the same record.
    """
    if "//" not in text and "/questions/" not in text:  # most ids; saves the time of the pattern
        return text
    found = ADDRESS.fullmatch(text)
    return f"{found['host']}/a/{found['shared'] or found['answer'] or found['anchor']}" if found else text
