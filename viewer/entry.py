"""What the reviewer enters for a record, which stays with the record until it is judged with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from records.errors import InputError
from review.judgements import Judgement
from viewer.controls import Controls


class Draft(NamedTuple):
    """What was entered for a record."""

    note: str = ""
    criteria: tuple[int, ...] = ()
    correction: str | None = None  # the answer as it was changed in the editor
    editing: bool = False  # whether the editor is open


class Entry:
    """The fields for the record on show, and what was entered for others that are not judged with it yet."""

    def __init__(self, controls: Controls):
        self._controls = controls
        self._record_id, self._answer, self.judged = "", "", Draft()  # of the record on show; an empty id: of none
        self._drafts: dict[str, Draft] = {}  # by record id
        self._judged_with: dict[tuple[str, Judgement], Draft] = {}  # all that was entered, for undo

    def show(self, record_id: str, answer: str, judgement: Judgement | None) -> None:
        """Show what was entered for a record, or what its judgement says; with an empty id nothing."""
        self._record_id, self._answer, self.judged = record_id, answer, _draft_of(judgement)
        self._fill_from(self._drafts.get(record_id, self.judged))

    def fill(self, note: str, criteria: Collection[int]) -> None:
        self._controls.set(self._controls.note, note)
        for number, toggle in self._controls.criteria.items():
            self._controls.set(toggle, number in criteria)

    @property
    def entered(self) -> Draft:
        """What the fields have."""
        controls = self._controls
        criteria = tuple(number for number, toggle in controls.criteria.items() if toggle.value)
        text = controls.correction.value
        return Draft(controls.note.value.strip(), criteria, None if text == self._answer else text, controls.editing)

    @property
    def correction(self) -> str:
        """The answer as it is corrected; empty if it is not. Raises InputError if nothing is left of it."""
        entered = self.entered
        if not entered.editing or entered.correction is None:
            return ""
        if not entered.correction.strip():
            raise InputError("not saved: the corrected answer is empty; `e` shows the answer as it is")
        return entered.correction

    def keep(self) -> None:
        """Keep what was entered for the record on show, if it is not what its judgement says."""
        if self.entered == self.judged:
            self.forget(self._record_id)
        elif self._record_id:
            self._drafts[self._record_id] = self.entered

    def forget(self, record_id: str) -> None:
        self._drafts.pop(record_id, None)

    def saved(self, judgement: Judgement) -> None:
        """The record on show was judged with what was entered: the fields have what the judgement says."""
        self._judged_with[self._record_id, judgement] = self.entered
        self.forget(self._record_id)
        self.judged = _draft_of(judgement)
        self._fill_from(self.judged)

    def bring_back(self, record_id: str, judgement: Judgement) -> None:
        """Make what a record was judged with its draft, once the judgement is undone."""
        self._drafts[record_id] = self._judged_with.get((record_id, judgement)) or _draft_of(judgement)

    def _fill_from(self, draft: Draft) -> None:
        self.fill(draft.note, draft.criteria)
        self._controls.set(self._controls.correction, self._answer if draft.correction is None else draft.correction)
        self._controls.show_editor(draft.editing)


def _draft_of(judgement: Judgement | None) -> Draft:
    """What the fields have for a judgement."""
    if judgement is None:
        return Draft()
    return Draft(judgement.note, judgement.criteria, judgement.correction or None, bool(judgement.correction))
