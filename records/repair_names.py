"""The repairs of repair_answers.py by their names in meta.repairs, and what each does to a text, for attributions."""

from __future__ import annotations

from typing import Any

FIELD = "repairs"  # of meta: {name: count}

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
    """What repairs changed in a record, in words."""
    repairs = meta.get(FIELD)
    return [CHANGES.get(name, f"repaired: {name}") for name in repairs] if isinstance(repairs, dict) else []
