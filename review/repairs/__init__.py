"""Repairs: what of a pair can be repaired without a reader, and without a change of what it says.

    >>> repair_text("The [bowline](https://e.org/b) holds under load. Hope this helps!", ["courtesies", "links"])
    TextRepair(text="The bowline holds under load.", made={"courtesies": 1, "links": 1}, left=set())

Each rule has a module, and proposes edits. They are made only if the text then has the same elements but for those that
were taken out (verified_edits.py). What is doubtful is left, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from review.repairs import asides, courtesies, edit_marks, link_text, lost_images, mentions, notices
from review.repairs.verified_edits import Found, MarkdownText

__all__ = ["REPAIRS", "TextRepair", "repair_text"]

MOST_PASSES = 9  # over the rules: one can make room for another, as a wish for luck ends behind "Hope this helps!"


class Repair(NamedTuple):
    """A rule, and the texts that it is for."""

    find: Callable[[MarkdownText], Found]
    may_find: Callable[[str], object]  # false only for texts in which it finds nothing, which are then not parsed
    of_answers: bool = True
    of_questions: bool = False


# By their names in meta.repairs, in the order in which they are made.
REPAIRS = {
    "duplicates": Repair(notices.find_duplicates, notices.may_have_duplicates, of_answers=False, of_questions=True),
    "notices": Repair(notices.find_notices, notices.may_have_notices, of_questions=True),
    "courtesies": Repair(courtesies.find, courtesies.may_find, of_questions=True),
    "mentions": Repair(mentions.find, mentions.may_find),
    "asides": Repair(asides.find, asides.may_find),
    "edits": Repair(edit_marks.find, edit_marks.may_find),
    "images": Repair(lost_images.find, lost_images.may_find),
    "links": Repair(link_text.find, link_text.may_find),
}


class TextRepair(NamedTuple):
    """A text after the repairs."""

    text: str
    made: Counter[str]  # places repaired, by rule
    left: set[str]  # the rules that left something


def repair_text(text: str, names: Collection[str], participants: Sequence[str] = ()) -> TextRepair:
    """Make the repairs of these names in a Markdown text, again until nothing changes any more.

    participants: the names of the thread's other authors, which an answer may mention.
    """
    made: Counter[str] = Counter()
    left: set[str] = set()
    looked_at: dict[str, str] = {}  # the text that a rule was applied to in vain
    parsed: MarkdownText | None = None
    for _ in range(MOST_PASSES):
        before = made.total()
        for name in names:
            rule = REPAIRS[name]
            if looked_at.get(name) == text:
                continue
            left.discard(name)
            looked_at[name] = text
            if not rule.may_find(text):
                continue
            parsed = parsed or MarkdownText(text, participants)
            found = rule.find(parsed)
            after = parsed.edited(edit for place in found.places for edit in place) if found.places else None
            if after is not None and after.text.strip():
                made[name] += len(found.places)
                parsed, text = after, after.text
            elif found.places:
                left.add(name)
            if found.left:
                left.add(name)
        if made.total() == before:
            break
    return TextRepair(text, made, left)
