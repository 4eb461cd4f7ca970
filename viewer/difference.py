"""What a reviewer changed in an answer, as HTML: whole lines of it, with the words that went and that came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from html import escape

from review.judgements import Judgement, digest_of

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
MOST_WORDS = 1_000  # in changed lines: the time for words grows with the square of their number

LONG = 1_000  # characters of HTML: a longer difference is folded until it is asked for


def correction_html(judgement: Judgement, answer: str) -> str:
    """What a judgement's correction changes in an answer, under a line that folds it; empty without a correction."""
    if not judgement.correction:
        return ""
    changes = difference_html(answer, judgement.correction)
    if not changes:
        return "<div>the answer is so already</div>"
    stale = "" if judgement.corrects == digest_of(answer) else ", which was made of another text than this answer"
    return (
        f'<details class="review-correction"{"" if len(changes) > LONG else " open"}>'
        f'<summary>the correction{stale}</summary><div class="review-post">{changes}</div></details>'
    )


def difference_html(before: str, after: str) -> str:
    """The changed lines, each group in a paragraph; empty if nothing is changed."""
    lines = [[f"{line}\n" for line in text.split("\n")] for text in (before, after)]
    return "".join(f"<p>{changed}</p>" for changed in _changed_lines(*lines))


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for what, left, left_end, right, right_end in SequenceMatcher(None, before, after, False).get_opcodes():
        if what != "equal":
            yield _changed_words("".join(before[left:left_end]), "".join(after[right:right_end]))


def _changed_words(before: str, after: str) -> str:
    old, new = WORDS.findall(before), WORDS.findall(after)
    if len(old) + len(new) > MOST_WORDS:
        return _marked("del", before) + _marked("ins", after)
    return "".join(
        escape("".join(old[left:left_end]))
        if what == "equal"
        else _marked("del", "".join(old[left:left_end])) + _marked("ins", "".join(new[right:right_end]))
        for what, left, left_end, right, right_end in SequenceMatcher(None, old, new, False).get_opcodes()
    )


def _marked(tag: str, text: str) -> str:
    """Text that went or came; the ends of lines can be seen."""
    shown = escape(text).replace("\n", "¶\n")
    return f"<{tag}>{shown}</{tag}>" if text else ""
