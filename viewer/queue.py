"""Which record comes next: the order, the filters, and the progress of the review."""

from __future__ import annotations

import random
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple, get_args

from records.errors import InputError
from review.judgements import ConflictError, Judgement, JudgementFile
from review.learner import bits_of
from viewer.learnt_orders import least_certain_first, most_likely_good_first
from viewer.record_facts import BETWEEN_CALLS, OnProgress, RecordFacts
from viewer.record_file import RecordFile

TEXT = ("instruction", "response")  # the fields that the filter by text searches
MOST_ANSWERS = 200  # before and after a record that are looked through for answers to its question
PACE_OVER = 20  # judgements
BREAK = 300  # seconds without a judgement that do not count as work
BY_FILE, AT_RANDOM, BY_SCORE = "file order", "random", "by score"
BY_LIKELIHOOD, BY_UNCERTAINTY = LEARNT = "most likely good", "least certain"  # once there are judgements to learn from
Show = Literal["all", "judged", "unjudged", "accepted", "rejected", "later"]
SHOW: tuple[Show, ...] = get_args(Show)
LearntOrder = Callable[[RecordFacts, Mapping[int, bool], Sequence[int], int, OnProgress], list[int]]
SHOWN_AS: dict[bool | None, Show] = {True: "accepted", False: "rejected", None: "later"}


@dataclass(frozen=True)
class Filter:
    """Conditions on the records to show, all of which must hold."""

    show: Show = "all"
    criteria: frozenset[int] = frozenset()  # with a finding of any of these; empty: no condition
    text: str = ""  # in question or answer, ignoring case


@dataclass(frozen=True)
class Standing:
    """The progress of the review; `pace`, in judgements a minute, and `seconds_left` are None until there is a pace."""

    records: int
    accepted: int
    rejected: int
    later: int
    pace: float | None
    seconds_left: float | None

    @property
    def judged(self) -> int:
        return self.accepted + self.rejected + self.later


class Change(NamedTuple):
    """A judgement that was made in this session."""

    number: int
    record_id: str
    before: Judgement | None
    after: Judgement | None


class Queue:
    """The records in an order, with their judgements. Records are identified by their number in the file, from 0."""

    def __init__(
        self,
        records: RecordFile,
        judgements: JudgementFile,
        facts: RecordFacts | None = None,
        clock: Callable[[], float] = time.monotonic,
        only: Collection[str] | None = None,
    ):
        """`facts` are those of the records, which have no findings without them; `clock` is in seconds, for the pace.

        `only` has the ids of the records to review, None for all. Raises InputError if the judgement file is invalid.
        """
        self.records = records
        self.filter = Filter()
        self._file = judgements
        self.facts = facts or RecordFacts(records)
        self._pace = Pace(clock)
        self.order: Sequence[int] = range(len(records))  # in which the records are shown
        self._chosen: Callable[[OnProgress], Sequence[int]] | None = None  # the order to put them in
        self._numbers: dict[str, int | None] = {}  # by judged id; None for ids that are not in the data
        self._numbered: Sequence[int] = range(len(records))  # the records to review, by their place
        self._is_wanted: Container[int] = self._numbered
        if only is not None:
            self._numbered = sorted(set(records.numbers_of(only).values()))
            self._is_wanted = frozenset(self._numbered)
        self._judged: dict[int, Judgement] = {}  # by persons
        self._by_model: dict[int, Judgement] = {}  # in the same file, which a person's judgements replace
        self._done: list[Change] = []  # what undo reverts
        self._undone: list[Change] = []  # what redo repeats
        self.refresh()

    # ------------------------------------------------------------------------------------------------------------------
    # judging
    # ------------------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the judgement file again if it has changed; raises InputError if it is invalid."""
        judgements = self._file.read()
        if new := judgements.keys() - self._numbers.keys():
            self._numbers |= dict.fromkeys(new) | self.records.numbers_of(new)
        judged, by_model = dict[int, Judgement](), dict[int, Judgement]()
        for record_id, judgement in judgements.items():
            number = self._numbers[record_id]
            if number is not None and number in self._is_wanted:
                (by_model if judgement.model else judged)[number] = judgement
        self._judged, self._by_model = judged, by_model  # at once, because a search may read them on its own thread

    def judgement(self, number: int) -> Judgement | None:
        """A person's judgement."""
        return self._judged.get(number)

    def by_model(self, number: int) -> Judgement | None:
        """A model's judgement in the same file, where no person has judged."""
        return self._by_model.get(number)

    def judge(self, number: int, judgement: Judgement | None, *, seen: Judgement | None) -> Judgement | None:
        """Write a judgement, or remove it with None; the file has it on return.

        `seen` is a person's judgement of it as the reviewer saw it. Returns and raises like JudgementFile.judge.
        """
        record_id = self.records[number]["id"]
        seen = seen or self._by_model.get(number)
        written = self._file.judge(record_id, judgement, seen=seen)
        if judgement is not None:
            self._pace.count()
        self._numbers.setdefault(record_id, number)
        self._done.append(Change(number, record_id, seen, written))
        self._undone.clear()
        self.refresh()
        return written

    def strangers(self) -> int:
        """The number of judgements in the file if none of them is of a record of the data, otherwise 0."""
        return len(self._numbers) if all(number is None for number in self._numbers.values()) else 0

    def answers_beside(self, number: int) -> list[int]:
        """The records with the same question that stand together with this one in the file, itself included."""
        question = _question(self.records.peek(number))
        found = [number]
        for step in (-1, 1):
            beside = number + step
            while 0 <= beside < len(self.records) and abs(beside - number) <= MOST_ANSWERS:
                if question is None or _question(self.records.peek(beside)) != question:
                    break
                found.append(beside)
                beside += step
        return sorted(found)

    def recent(self, most: int) -> list[Change]:
        """The last judgements of this session that were not undone, the latest first, one for each record."""
        latest: dict[int, Change] = {}
        for change in reversed(self._done):
            if change.after is not None and len(latest) < most:
                latest.setdefault(change.number, change)
        return list(latest.values())

    def undo(self) -> Change | None:
        """Revert the last judgement of this session and return it; None when there is none left.

        Raises ConflictError if someone else has changed it since. It is left as it is then, and the next undo reverts
        the judgement before it.
        """
        return self._turn(self._done, self._undone, lambda change: (change.before, change.after))

    def redo(self) -> Change | None:
        """Make the judgement again that was undone last; None if there is none. Raises like undo."""
        return self._turn(self._undone, self._done, lambda change: (change.after, change.before))

    def _turn(
        self,
        source: list[Change],
        target: list[Change],
        wanted_and_seen: Callable[[Change], tuple[Judgement | None, Judgement | None]],
    ) -> Change | None:
        """Write what the last change of `source` wants, and move it to `target`."""
        if not source:
            return None
        last = source[-1]  # removed only once it is written
        wanted, seen = wanted_and_seen(last)
        try:
            self._file.judge(last.record_id, wanted, seen=seen)
        except ConflictError:
            source.pop()
            raise
        target.append(source.pop())
        self.refresh()
        return last

    def standing(self) -> Standing:
        words = Counter(judgement.accepted for judgement in self._judged.values())
        total = len(self._numbered)
        pace, left = self._pace.per_minute(), total - len(self._judged)
        seconds_left = 60 * left / pace if pace else None
        return Standing(total, words[True], words[False], words[None], pace, seconds_left)

    # ------------------------------------------------------------------------------------------------------------------
    # orders
    # ------------------------------------------------------------------------------------------------------------------

    def choose(self, order: str, seed: int) -> None:
        """Choose the order for `put_in_order`; `seed` is for those that draw at random."""
        orders: dict[str, Callable[[OnProgress], Sequence[int]]] = {
            BY_FILE: lambda on_progress: self.by_file(),
            AT_RANDOM: lambda on_progress: self.at_random(seed),
            BY_SCORE: self.by_score,
            BY_UNCERTAINTY: partial(self.by_uncertainty, seed),
            BY_LIKELIHOOD: partial(self.by_likelihood, seed),
        }
        self._chosen = orders[order]

    def put_in_order(self, on_progress: OnProgress = lambda done: None) -> None:
        """Put the records in the order that was chosen; if `on_progress` ends this, the next call begins again.

        Raises InputError if the order has too little to learn from: the records stay in the order before.
        """
        chosen = self._chosen
        if chosen is None:
            return
        try:
            found = chosen(on_progress)
        except InputError:
            self._chosen = None
            raise
        if self._chosen is chosen:  # no other has been chosen meanwhile, on another thread
            self.order, self._chosen = found, None

    # Each returns the numbers of all records, for `order`.

    def by_file(self) -> Sequence[int]:
        return range(len(self.records))

    def at_random(self, seed: int) -> Sequence[int]:
        """The order depends on the seed and on the number of records."""
        order = array("Q", range(len(self.records)))
        random.Random(seed).shuffle(order)
        return order

    def by_score(self, on_progress: OnProgress = lambda done: None) -> Sequence[int]:
        """Highest meta.answer_score first, equal ones in file order, records without one last."""
        scores = self.facts.scores(on_progress)
        return array("Q", sorted(range(len(scores)), key=lambda number: -scores[number]))

    def by_uncertainty(self, seed: int, on_progress: OnProgress = lambda done: None) -> Sequence[int]:
        """First the unjudged records that a model is least certain about (viewer/learnt_orders.py), then the rest.

        Raises InputError like least_certain_first.
        """
        return self._learnt(least_certain_first, seed, on_progress)

    def by_likelihood(self, seed: int, on_progress: OnProgress = lambda done: None) -> Sequence[int]:
        """First the unjudged records that are most likely good by the same model, then the rest; raises likewise."""
        return self._learnt(most_likely_good_first, seed, on_progress)

    def _learnt(self, ordered_by: LearntOrder, seed: int, on_progress: OnProgress) -> Sequence[int]:
        judged = self._judged
        accepted = {number: each.accepted for number, each in judged.items() if each.accepted is not None}
        unjudged = [number for number in self._numbered if number not in judged]
        first = ordered_by(self.facts, accepted, unjudged, seed, on_progress)
        ordered = set(first)
        return array("Q", first + [number for number in range(len(self.records)) if number not in ordered])

    # ------------------------------------------------------------------------------------------------------------------
    # moving
    # ------------------------------------------------------------------------------------------------------------------

    def first(self, on_progress: OnProgress = lambda done: None) -> int | None:
        """The first record that matches the filter."""
        return self._search(range(len(self.order)), self.filter, on_progress)

    def next(self, number: int, step: int = 1, on_progress: OnProgress = lambda done: None) -> int | None:
        """The next record (`step` 1) or the previous one (-1) that matches the filter; None if there is none.

        `on_progress` is called for every thousand records searched, and for each whose findings have to be computed; it
        may raise to end a long search.
        """
        return self._search(self._onward(number, step), self.filter, on_progress)

    def next_unjudged(
        self, number: int, on_progress: OnProgress = lambda done: None, skipped: Collection[int] = ()
    ) -> int | None:
        """The next record without a judgement that matches the rest of the filter; wraps around at the end.

        Of the skipped ones, the first if there is no other.
        """
        place = self.order.index(number)
        places = chain(range(place + 1, len(self.order)), range(place + 1))
        wanted, first_skipped = replace(self.filter, show="unjudged"), None
        while (found := self._search(places, wanted, on_progress)) in skipped and found is not None:
            first_skipped = found if first_skipped is None else first_skipped
        return first_skipped if found is None else found

    def place(self, number: int) -> int:
        """The place of a record among those to review, in the file's order, from 1."""
        return self._numbered.index(number) + 1

    def go_to(self, text: str) -> int:
        """The record with this id or address, or with this place; raises InputError if there is none to review."""
        wanted, total = text.strip(), len(self._numbered)
        number = self.records.number_of(wanted)
        if number is None and wanted.isascii() and wanted.isdigit() and len(wanted) < 20 and 0 < int(wanted) <= total:
            number = self._numbered[int(wanted) - 1]
        if number is None:
            raise InputError(f"{wanted or 'nothing'}: is neither an id nor a number from 1 to {total:,}")
        if number not in self._is_wanted:
            raise InputError(f"{wanted}: is not one of the {total:,} records to review here")
        return number

    def _onward(self, number: int, step: int) -> range:
        place = self.order.index(number)
        return range(place + step, len(self.order) if step > 0 else -1, step)

    def _search(self, places: Iterable[int], wanted: Filter, on_progress: OnProgress) -> int | None:
        order, bits = self.order, bits_of(wanted.criteria)
        for done, place in enumerate(places, 1):
            if done % BETWEEN_CALLS == 0:
                on_progress(done)
            number = order[place]
            is_known = self.facts.is_known(number)
            if bits and is_known and not self.facts.findings(number) & bits:
                continue
            if not self._matches(number, wanted):
                continue
            if not bits or is_known:
                return number
            on_progress(done)
            if self.facts.findings(number) & bits:
                return number
        return None

    def _matches(self, number: int, wanted: Filter) -> bool:
        """Whether a record matches all of a filter but its criteria."""
        if number not in self._is_wanted:
            return False
        judgement = self._judged.get(number)
        if wanted.show != "all":
            word = SHOWN_AS[judgement.accepted] if judgement else "unjudged"
            if word != wanted.show and (wanted.show != "judged" or judgement is None):
                return False
        if not wanted.text:
            return True
        record = self.records.peek(number)
        return record is not None and any(wanted.text.casefold() in record[part].casefold() for part in TEXT)


class Pace:
    """Judgements per minute of work: over the last PACE_OVER, without breaks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        """`clock` returns the time in seconds."""
        self._clock = clock
        self._last: float | None = None
        self._between: deque[float] = deque(maxlen=PACE_OVER)

    def count(self) -> None:
        """Count a judgement made now."""
        now = self._clock()
        if self._last is not None and now - self._last <= BREAK:
            self._between.append(now - self._last)
        self._last = now

    def per_minute(self) -> float | None:
        """None until there are two judgements without a break between them."""
        seconds = sum(self._between)
        return 60 * len(self._between) / seconds if seconds else None


def _question(record: dict[str, Any] | None) -> tuple[Any, str] | None:
    return (record["meta"].get("question_url"), record["instruction"]) if record else None
