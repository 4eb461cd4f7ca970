"""The review widget, for JupyterLab 4 and Notebook 7.

    from viewer import Viewer
    Viewer("filtered-stack-exchange/cstheory.jsonl", "judgements/cstheory.yaml")

Each judgement is in its file before the widget says so. The widget has no other state that could be lost: all that it
shows is read from the two files.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from html import escape
from pathlib import Path
from threading import RLock, Thread
from typing import Any, NamedTuple, TypeVar

from records.errors import InputError
from review.criteria import Finding, find_problems
from review.judgements import ConflictError, Judgement, JudgementFile, digest_of
from review.learner import FEWEST
from viewer.arguments import Arguments, Paths, is_seed, paths_of
from viewer.controls import (
    JUDGING,
    NONE_CHOSEN,
    RECENT,
    Controls,
    judgement_html,
    judgement_text,
)
from viewer.difference import correction_html, difference_html
from viewer.entry import Entry
from viewer.other_reviews import OtherReviews, Said, reviews_html
from viewer.queue import Change, Filter, Queue
from viewer.record_facts import OnProgress, facts_in_background
from viewer.record_file import RecordFile
from viewer.render import Page, has_images, render
from viewer.searches import Searches

Result = TypeVar("Result")


class Conflict(NamedTuple):
    """A judgement that was not saved, because the record's judgement has changed since it was shown."""

    accepted: bool | None  # the reviewer's judgement
    theirs: Judgement | None  # the one in the file


class Viewer:
    """Shows records one by one, and saves the reviewer's judgements.

    data_path       records, `.jsonl`, `.jsonl.gz` or `.jsonl.zst`
    judgement_path  YAML; neither it nor its folder need exist
    seed            for the order `random`
    reviewer        the name of one of several reviewers, who judges into a file of her own: cstheory.ann.yaml
                    beside cstheory.yaml
    disputes        judgement files of two or more reviewers: only the records on which they differ are shown, with
                    their judgements and notes
    models          judgement files of models, whose judgements are shown once the reviewer has judged
    suggest         show the judgements of models before that, although they influence the reviewer's

    The widget reports a bad file in one line, with what to do, and continues when it is corrected.
    """

    def __init__(
        self,
        data_path: str | Path,
        judgement_path: str | Path,
        *,
        seed: int = 0,
        reviewer: str | None = None,
        disputes: Paths = (),
        models: Paths = (),
        suggest: bool = False,
    ):
        several = paths_of(disputes), paths_of(models)
        self._given = Arguments(data_path, judgement_path, seed, reviewer, *several, suggest)
        self._opened: Queue | None = None  # None until both files are open
        self._number: int | None = None  # of the record on show
        self._skipped: set[int] = set()
        self._record: dict[str, Any] | None = None
        self._seen: Judgement | None = None  # the record's judgement as it was shown
        self._conflict: Conflict | None = None  # the one that the reviewer has to resolve
        self._findings: list[Finding] = []
        self._asked = False  # whether to accept the record on show in spite of its chosen criteria
        self._lock = RLock()  # JupyterLab lets the kernel handle messages of different controls in different threads
        self._news = ""  # that is told while a search goes on
        self._searches = Searches(self._lock, self._try, self._tell_searched)
        self._controls = Controls(seed if is_seed(seed) else 0)  # another is reported when the files are opened
        self._entry = Entry(self._controls)
        self.widget = self._controls.widget
        self._connect()
        self._try(self._open)
        Thread(target=_load_language_model, daemon=True).start()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def wait(self, *, for_background: bool = False) -> None:
        """Wait until the record is shown that was asked for last, or until all findings are known; for programs."""
        self._searches.wait()
        if for_background:
            self._queue.facts.wait()

    # ---- the controls ------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Let the controls call the methods below."""
        controls = self._controls
        actions: dict[str, Callable[[], None]] = {
            "accept": self._accept,
            "reject": self._reject,
            "previous": partial(self._move, -1),
            "next": partial(self._move, 1),
            "next-unjudged": self._next_unjudged,
            "skip": self._skip,
            "undo": self._undo,
            "redo": self._redo,
            "as-found": self._reject_as_found,
            "later": self._later,
            "edit": self._edit,
            "others": self._show_others,
            "reload": self._reload,
            "overwrite": self._overwrite,
            "keep": self._keep,
        }
        for name, button in controls.buttons.items():
            button.on_click(partial(self._on_click, actions[name]))
        self._actions = actions
        for field, action in (
            (controls.show_only, self._filter_changed),
            (controls.with_findings, self._filter_changed),
            (controls.search, self._filter_changed),
            (controls.order, self._order_changed),
            (controls.seed, self._order_changed),
            (controls.goto, self._go_to),
            (controls.recent, self._go_to_recent),
            (controls.correction, self._render),
            (controls.others_corrections, self._take_correction),
            (controls.raw, self._render),
            (controls.images, self._render),
        ):
            field.observe(partial(self._on_change, action), "value")
        controls.keyboard.on_msg(self._on_message)

    def _on_click(self, action: Callable[[], None], _: object) -> None:
        self._try(action)

    def _on_change(self, action: Callable[[], None], _: object) -> None:
        def act() -> None:
            if not self._controls.quiet:
                action()

        self._try(act)

    def _on_message(self, _: object, message: dict[str, Any], __: object) -> None:
        """Do what a button does, with the note and the criteria as they are in the browser."""

        def act() -> None:
            if message["shown"] == self._controls.keyboard.shown:
                self._entry.fill(message["note"], message["criteria"])
                if message["correction"] is not None:  # the editor is open
                    self._controls.set(self._controls.correction, message["correction"])
            elif message["action"] in JUDGING:  # sent before the browser showed this record, or this conflict
                self._controls.tell_also("pressed before this was on show, so nothing is saved: press again")
                return
            self._actions[message["action"]]()

        self._try(act)

    def _try(self, action: Callable[[], None]) -> None:
        """Do what the reviewer asks for, and report in one line why it cannot be done.

        If the files are not open yet, this only opens them: the action was not meant for the record that then appears.
        """
        with self._lock, self._opened.facts.paused() if self._opened else nullcontext():
            try:
                if self._opened is None:
                    self._open()
                else:
                    action()
            except InputError as error:
                self._controls.tell_error(str(error))
            except OSError as error:
                name = error.filename or self._given.judgement_path
                self._controls.tell_error(f"{name}: {error.strerror or error}")
            except Exception as error:
                self._controls.tell_error(f"this is a bug, {type(error).__name__}: {error}")
                raise

    # ---- opening -----------------------------------------------------------------------------------------------------

    @property
    def _queue(self) -> Queue:
        assert self._opened is not None
        return self._opened

    def _open(self) -> None:
        """Open the files, and show the same record as before, or the first one without a judgement."""
        self._entry.keep()
        record_id = self._record["id"] if self._record else None
        self._searches.abandon()
        given = self._given
        given.check()
        records = RecordFile(given.data_path)
        if not len(records):
            raise InputError(f"{given.data_path}: has no records; run the step that writes it")
        others = OtherReviews(given.disputes, given.models, given.own_path)
        facts = facts_in_background(records, find_problems)
        only = others.in_dispute if given.disputes else None
        queue = Queue(records, JudgementFile(given.own_path), facts, only=only)
        queue.filter = self._filter()
        self._opened, self._others, self._number, self._record = queue, others, None, None
        strangers = queue.strangers()
        news = f"none of the {strangers:,} judgements in {given.own_path} is of a record here" if strangers else ""
        self._choose_order()
        self._show_first(record_id, unjudged=True, news=news)

    def _reload(self) -> None:
        """Open both files again, and show the same record if it is still there."""
        self._opened = None
        self._open()

    # ---- judging -----------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        chosen = self._entry.entered.criteria
        if chosen and (self._seen is None or chosen != self._seen.criteria):
            self._ask_once(f"criteria {', '.join(map(str, chosen))} are chosen; once more to accept anyway")
        if self._is_stale() and self._entry.correction == self._entry.judged.correction:
            self._ask_once("the correction was made of another answer than this; once more to accept it for this one")
        if self._seen and self._seen.accepted is False and self._entry.entered.note == self._seen.note:
            self._controls.set(self._controls.note, "")  # it says why the record was rejected
        self._judge(True, self._seen)

    def _is_stale(self) -> bool:
        """Whether the correction in the file is of another answer than the one on show."""
        if not self._seen or not self._seen.correction or self._record is None:
            return False
        return self._seen.corrects != digest_of(self._record["response"])

    def _reject(self) -> None:
        self._drop_correction("reject")
        self._judge(False, self._seen)

    def _later(self) -> None:
        self._drop_correction("leave it for later")
        self._judge(None, self._seen)

    def _drop_correction(self, verdict: str) -> None:
        """Ask before a correction is lost, because only accepted answers have one."""
        if self._entry.correction and self._entry.entered.correction != self._entry.judged.correction:
            self._ask_once(f"the answer is being corrected; once more to {verdict} without the correction")

    def _ask_once(self, message: str) -> None:
        """Raise InputError with the message, unless it was raised for the record on show before."""
        if not self._asked:
            self._asked = True
            raise InputError(f"not saved: {message}")

    def _reject_as_found(self) -> None:
        found = {finding.criterion for finding in self._findings}
        if not found:
            raise InputError("not saved: the machine found nothing in this answer")
        self._entry.fill(self._controls.note.value, found)
        self._reject()

    def _judge(self, accepted: bool | None, seen: Judgement | None) -> None:
        """Save a judgement with the note and the criteria of the fields; show a conflict if the file has not `seen`."""
        if self._number is None or self._record is None:
            raise InputError("no record is shown, so there is nothing to judge")
        note, criteria, *_ = self._entry.entered
        correction = self._entry.correction if accepted else ""
        corrects = digest_of(self._record["response"]) if correction else ""
        judgement = Judgement(accepted, () if accepted else criteria, note, correction=correction, corrects=corrects)
        outcome, models = "saved", self._said_by_models(self._number)
        try:
            self._seen = self._queue.judge(self._number, judgement, seen=seen)
        except ConflictError as error:
            if error.judgement != judgement:
                self._ask(Conflict(accepted, error.judgement))
                return
            self._seen, outcome = judgement, "already saved by someone else:"
        self._end_conflict()
        self._show_progress()
        record_id = self._record["id"]
        self._entry.saved(judgement)
        saved = f'<b class="review-saved">{outcome}</b> {judgement_html(judgement)} · {escape(record_id)}'
        said = [f"<b>{escape(each.model or name)}</b> {judgement_html(each)}" for name, each in models]
        self._advance(" · ".join(filter(None, [saved, *said, self._all_judged()])))

    def _ask(self, conflict: Conflict) -> None:
        """Show what someone else has done meanwhile, and ask whether to overwrite it."""
        self._conflict = conflict
        mine = Judgement(conflict.accepted).word
        if conflict.theirs is None:
            news = "someone else removed the judgement that you saw"
        else:
            news = f"someone else judged this record <b>{judgement_html(conflict.theirs)}</b>"
        shown = correction_html(conflict.theirs, self._record["response"]) if conflict.theirs and self._record else ""
        self._controls.show_conflict(f"Not saved: meanwhile {news}. Save your <b>{mine}</b> anyway?{shown}")
        self._controls.keyboard.shown += 1
        self._queue.refresh()
        self._show_progress()
        self._controls.tell_error("not saved: changed by someone else")

    def _end_conflict(self) -> None:
        self._conflict = None
        self._controls.show_conflict(None)

    def _current_conflict(self) -> Conflict:
        if self._conflict is None:
            raise InputError("there is no conflict to resolve")
        return self._conflict

    def _overwrite(self) -> None:
        conflict = self._current_conflict()
        self._judge(conflict.accepted, conflict.theirs)

    def _keep(self) -> None:
        conflict = self._current_conflict()
        if self._record is not None:
            self._entry.forget(self._record["id"])
        self._show(self._number, keep_draft=False)
        self._advance(f"left unchanged: {judgement_html(conflict.theirs)}")

    def _advance(self, news: str) -> None:
        """Tell the news, and show the next record to judge: unjudged, unless the reviewer goes through judged ones."""
        if self._controls.show_only.value in ("all", "unjudged"):
            self._next_unjudged(news)
        else:
            self._move(1, news)
        if self._searches.going_on:  # otherwise it is told already, with the next record
            self._news = news
            self._controls.tell(news)

    def _undo(self) -> None:
        self._turn(self._queue.undo, "undone", "nothing to undo: no judgement was made since the viewer was opened")

    def _redo(self) -> None:
        self._turn(self._queue.redo, "done again", "nothing to redo: no judgement was undone since the last one")

    def _turn(self, turn: Callable[[], Change | None], done: str, otherwise: str) -> None:
        """Undo or redo a judgement, and show its record, with what was entered for the judgement that is undone."""
        try:
            change = turn()
        except ConflictError as error:
            self._show(self._queue.records.number_of(error.record_id))
            now = f"{judgement_html(error.judgement)} · {escape(error.record_id)}"
            self._controls.tell(f'<b class="review-error">not {done}</b>, changed by someone else: {now}')
            return
        if change is None:
            raise InputError(otherwise)
        self._entry.keep()
        self._entry.forget(change.record_id)
        if turn == self._queue.undo and (change.before is None or change.before.model) and change.after is not None:
            self._entry.bring_back(change.record_id, change.after)
        self._show(change.number, keep_draft=False)
        self._controls.tell(f'<b class="review-saved">{done}</b> {escape(change.record_id)}')

    def _edit(self) -> None:
        """Open the editor for the answer, or close it, which shows the answer as it is; what was typed stays in it."""
        if self._record is None:
            raise InputError("no record is shown, so there is nothing to correct")
        self._controls.show_editor(not self._controls.editing)
        self._asked = False
        self._render()
        self._controls.keyboard.shown += 1
        if self._controls.editing:
            self._controls.keyboard.send("edit")
        elif self._controls.correction.value != self._record["response"]:
            self._controls.tell("the answer as it is; `e` opens your correction again")

    def _take_correction(self) -> None:
        """Put the correction of someone else, which was chosen, into the editor."""
        text = self._controls.others_corrections.value
        if text:
            self._controls.set(self._controls.correction, text)
            self._render()

    # ---- moving ------------------------------------------------------------------------------------------------------

    def _skip(self) -> None:
        if self._number is not None:
            self._skipped.add(self._number)
        self._next_unjudged()

    def _move(self, step: int, news: str = "") -> None:
        """Show the next record or the previous one; `news` is told with it."""
        queue, number = self._queue, self._number
        otherwise = news or ("this is the last record" if step > 0 else "this is the first record")
        if number is None:
            self._find(queue.first, lambda found: self._show_found(found, otherwise, news))
        else:
            search = partial(queue.next, number, step)
            self._find(search, lambda found: self._show_found(found, otherwise, news))

    def _next_unjudged(self, news: str = "") -> None:
        """Show the next record without a judgement; skipped ones only when there are no others."""
        queue, number = self._queue, self._number
        queue.refresh()
        if number is None:
            self._move(1, news)
            return

        def show(found: int | None) -> None:
            if found in self._skipped:
                self._skipped.clear()
            self._show_found(found, news or self._all_judged() or "no other unjudged record", news)

        self._find(partial(queue.next_unjudged, number, skipped=frozenset(self._skipped)), show)

    def _all_judged(self) -> str:
        """The counts, once there is nothing left to judge; empty before."""
        standing = self._queue.standing()
        if standing.judged < standing.records:
            return ""
        later = f", {standing.later:,} later" if standing.later else ""
        return f"all judged: {standing.accepted:,} accepted, {standing.rejected:,} rejected{later}"

    def _find(self, search: Callable[[OnProgress], Result], then: Callable[[Result], None]) -> None:
        """Search, which another search ends, and do something with the result."""
        queue, self._news = self._queue, ""

        def alone(on_progress: OnProgress) -> Result:
            with queue.facts.paused():
                queue.put_in_order(on_progress)
                return search(on_progress)

        self._searches.run(alone, then)

    def _show_found(self, number: int | None, otherwise: str, news: str = "") -> None:
        """Show a record, and tell the news with it; tell something else if none was found."""
        if number is not None:
            self._show(number)
            if news:
                self._controls.tell(news)
        elif otherwise == news or self._filter() == Filter():
            self._controls.tell(otherwise)
        else:
            self._controls.tell(f"{otherwise} that matches the filter")

    def _go_to(self) -> None:
        wanted = self._controls.goto.value
        if wanted.strip():
            self._controls.set(self._controls.goto, "")
            self._show(self._queue.go_to(wanted))

    def _go_to_recent(self) -> None:
        number = self._controls.recent.value
        if number != NONE_CHOSEN:
            self._show(number)

    def _show_first(self, record_id: str | None = None, *, unjudged: bool = False, news: str = "") -> None:
        """Show the first record that matches the filter, and none if none does.

        record_id  show this one instead if it is there
        unjudged   show the first one without a judgement if there is any
        news       is told with it
        """
        queue = self._queue

        def search(on_progress: OnProgress) -> int | None:
            number = queue.records.number_of(record_id) if record_id else None
            if number is None:
                number = queue.first(on_progress)
                if unjudged and number is not None and queue.judgement(number) is not None:
                    left = queue.next_unjudged(number, on_progress)
                    return number if left is None else left
            return number

        def show(number: int | None) -> None:
            if number is None:
                self._show(None)
            nothing, disputes = "no record", len(self._others.in_dispute)
            if not queue.standing().records:
                nothing = f"the {disputes:,} records in dispute are not here" if disputes else "no record is in dispute"
            self._show_found(number, nothing, news)

        self._find(search, show)

    def _filter(self) -> Filter:
        controls = self._controls
        return Filter(controls.show_only.value, controls.with_findings.value, controls.search.value.strip())

    def _filter_changed(self) -> None:
        self._queue.filter = self._filter()
        self._queue.refresh()
        self._show_first()

    def _order_changed(self) -> None:
        self._choose_order()
        self._show_first()

    def _choose_order(self) -> None:
        self._queue.choose(self._controls.order.value, self._controls.seed.value)

    def _tell_searched(self, done: int) -> None:
        self._controls.tell(" · ".join(filter(None, [self._news, f"{done:,} records searched …"])))

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _show(self, number: int | None, *, keep_draft: bool = True) -> None:
        """Show a record with its judgement, or with what was entered and not saved when it was shown before.

        What is entered for the record on show so far is kept. Raises InputError if one of the files cannot be read.
        """
        self._searches.abandon()
        if keep_draft:
            self._entry.keep()
        self._asked = False
        self._number, self._record, self._findings = number, None, []
        self._controls.set(self._controls.images, False)
        self._end_conflict()
        self._controls.tell("")
        try:
            if number is not None:
                self._record = self._queue.records[number]
                self._findings = find_problems(self._record)
            self._queue.refresh()
        finally:
            self._show_judgement()
            self._render()
            self._show_progress()
            self._controls.keyboard.record = -1 if number is None else number
            self._controls.keyboard.shown += 1

    def _render(self) -> None:
        page = Page("", "", "", "")
        if self._record is not None:
            raw, images = self._controls.raw.value, self._controls.images
            page = render(*self._as_edited(), raw=raw, images=images.value)
            page = page._replace(about=" · ".join(filter(None, [page.about, self._place_among_answers()])))
            images.disabled = not has_images(self._record)
        self._controls.show_page(page)

    def _show_reviews(self) -> None:
        """Show what others say of the record: models only after the reviewer, unless their suggestions are wanted."""
        if self._record is None or self._number is None:
            self._controls.show_reviews("")
            return
        said = self._others.of_reviewers(self._record["id"])
        if self._given.suggest or self._seen is not None:
            said = said + self._said_by_models(self._number)
        corrections = [(name, judgement.correction) for name, judgement in said if judgement.correction]
        self._controls.show_reviews(reviews_html(said, self._record), corrections)

    def _said_by_models(self, number: int) -> list[Said]:
        said = self._others.of_models(self._queue.records[number]["id"])
        judgement = self._queue.by_model(number)
        return [*said, Said(judgement.model, judgement)] if judgement else said

    def _as_edited(self) -> tuple[dict[str, Any], list[Finding]]:
        """The record as it is being corrected, and what the machine finds in it; the record itself if it is not."""
        assert self._record is not None
        if not self._controls.editing:
            return self._record, self._findings
        text = self._controls.correction.value
        self._controls.show_difference(difference_html(self._record["response"], text))
        edited = {**self._record, "response": text}
        return edited, find_problems(edited)

    def _place_among_answers(self) -> str:
        assert self._number is not None
        answers = self._queue.answers_beside(self._number)
        place = answers.index(self._number) + 1
        return f"answer {place} of {len(answers)} to this question" if len(answers) > 1 else ""

    def _show_others(self) -> None:
        """Say how the other answers to this question are judged."""
        self._queue.refresh()
        answers = self._queue.answers_beside(self._number) if self._number is not None else []
        others = [
            f"answer {place}: {judgement_html(self._queue.judgement(number))}"
            for place, number in enumerate(answers, 1)
            if number != self._number
        ]
        self._controls.tell("; ".join(others) or "this is the only answer to its question here")

    def _show_judgement(self) -> None:
        self._seen = self._queue.judgement(self._number) if self._number is not None else None
        record = self._record or {"id": "", "response": ""}
        self._entry.show(record["id"], record["response"], self._seen)
        if self._seen:
            stale = ", but the correction is of another answer than this" if self._is_stale() else ""
            self._controls.tell(f"judged: <b>{judgement_html(self._seen)}</b>{stale}")
        self._show_reviews()

    def _show_progress(self) -> None:
        standing = self._queue.standing()
        place = None if self._number is None else self._queue.place(self._number)
        self._controls.show_progress(place, standing)
        self._controls.show_recent(
            (f"{judgement_text(change.after)} · {change.record_id}", change.number)
            for change in self._queue.recent(RECENT)
        )
        if standing.accepted + standing.rejected >= FEWEST and standing.accepted and standing.rejected:
            self._controls.offer_learnt_orders()


def _load_language_model() -> None:
    """Let the criteria load the model of the languages, which takes half a second, while the first record is read."""
    find_problems({"instruction": "", "response": "word " * 50})
