"""What was changed in a record after step 1, for attributions.

The repairs of repair_answers.py by their names in meta.repairs, and the corrections of reviewers.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

FIELD = "repairs"  # of meta: {name: count}

CORRECTED_BY = "corrected_by"  # of meta: the reviewer
SUBJECTS = ("", "chosen_", "rejected_")  # before these names: a record, and the two answers of a pair

PROMPTS = ("title", "body", "both")  # what repair_answers.py can make the instruction
CHANGES = {
    "duplicates": 'the note "Possible Duplicate" left out',
    "notices": "notices of the site left out",
    "courtesies": "greetings, thanks, wishes and signatures left out",
    "mentions": "words left out that credit other authors of the thread",
    "asides": "what authors say of themselves and of their post left out",
    "edits": 'marks such as "EDIT:" and notes about edits left out',
    "images": "images left out that the text does not need",
    "links": "links replaced by their text, and pointers to further reading left out",
    "prompt_title": "the title alone is the question",
    "prompt_body": "the question without its title",
}

REPAIRS = tuple(name for name in CHANGES if not name.startswith("prompt_"))  # in the order in which they are made
# Those whose results were read on real answers (benchmarks/labels/repairs.md); the others are too rare there.
DEFAULT_REPAIRS = ("courtesies", "mentions", "asides", "edits", "links")


def changes_of(meta: dict[str, Any]) -> list[str]:
    """What repairs and reviewers changed in a record, or in the two answers of a pair, in words."""
    found = [repairs for which in SUBJECTS if isinstance(repairs := meta.get(which + FIELD), dict)]
    repairs = [CHANGES.get(name, f"repaired: {name}") for name in dict.fromkeys(chain(*found))]
    corrected = any(meta.get(which + CORRECTED_BY) for which in SUBJECTS)
    return [*repairs, *(["the answer corrected by a reviewer"] if corrected else [])]
