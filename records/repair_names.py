"""The repairs of repair_answers.py by their names in meta.repairs, and what each does to a text, for attributions."""

from __future__ import annotations

from itertools import chain
from typing import Any

FIELD = "repairs"  # of meta: {name: count}

FIELDS_OF_PAIR = (f"chosen_{FIELD}", f"rejected_{FIELD}")

CHANGES = {
    "duplicates": 'the note "Possible Duplicate" left out',
    "notices": "notices of the site left out",
    "courtesies": "greetings, thanks, wishes and signatures left out",
    "edits": 'marks such as "EDIT:" left out',
    "images": "images left out that the text does not need",
    "links": "links replaced by their text, and pointers to further reading left out",
    "prompt_title": "the title alone is the question",
    "prompt_body": "the question without its title",
}


def changes_of(meta: dict[str, Any]) -> list[str]:
    """What repairs changed in a record, or in the two answers of a pair, in words."""
    found = [repairs for field in (FIELD, *FIELDS_OF_PAIR) if isinstance(repairs := meta.get(field), dict)]
    return [CHANGES.get(name, f"repaired: {name}") for name in dict.fromkeys(chain(*found))]
