"""The review widget, for JupyterLab 4 and Notebook 7.

    from viewer import Viewer
    Viewer("filtered-stack-exchange/cstheory.jsonl", "judgements/cstheory.yaml")

Each judgement is in its file before the widget says so. The widget holds nothing else that could be lost: what it shows is
read from the two files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from html import escape
from pathlib import Path
from threading import RLock, Thread
from typing import Any, NamedTuple

import anywidget
import ipywidgets as w
import traitlets

from records.errors import InputError
from review.criteria import CRITERIA, Finding, find_problems
from review.judgements import ConflictError, Judgement, JudgementFile
from viewer.queue import SHOW, Filter, Queue
from viewer.record_file import RecordFile
from viewer.render import Page, has_images, render
from viewer.uncertainty import FEWEST

FOLDER = Path(__file__).parent
ANY_FINDING = frozenset(CRITERIA)
BY_FILE, AT_RANDOM, BY_SCORE, BY_UNCERTAINTY = "file order", "random", "by score", "least certain"
KEYS = {  # the button that each key presses, or the field that it leads to, by its class without `review-`
    "a": "accept", "r": "reject", "s": "skip", "z": "undo",
    "p": "previous", "n": "next", "ArrowLeft": "previous", "ArrowRight": "next", "u": "next-unjudged",
    **{str(number): f"criterion-{number}" for number in CRITERIA},
    "c": "note", "g": "goto", "/": "search", "f": "show", "h": "findings-filter", "o": "order", "d": "seed",
    "m": "raw", "i": "images", "l": "reload", "y": "overwrite", "k": "keep",
}  # fmt: skip
HELP = (
    ("a", "accept"), ("r", "reject"), ("s", "skip"), ("z", "undo"), ("1-7", "criteria not met"), ("c", "comment"),
    ("n p", "or ← → next, previous"), ("u", "next unjudged"), ("g", "go to"), ("f", "show"), ("h", "findings"),
    ("/", "search"), ("o", "order"), ("d", "seed"), ("m", "Markdown"), ("i", "images"), ("l", "reload"),
    ("y k", "write mine, keep theirs"),
    ("↑ ↓ Space", "scroll"), ("Enter", "leave a field"), ("Esc", "leave the viewer"),
)  # fmt: skip
NO_ANSWER = (
    "<b>No answer from the kernel:</b> it is busy, was restarted, or has died, and nothing can be saved. If this does not go"
    " away, run the viewer's cell again. All that was called <b>saved</b> is in the file."
)


class Keyboard(anywidget.AnyWidget):
    """The keys, and the judgements as the browser sends them; see keyboard.js."""

    _esm = FOLDER / "keyboard.js"
    actions = traitlets.Dict(KEYS).tag(sync=True)
    record = traitlets.Int(-1).tag(sync=True)  # the number of the one shown
    shown = traitlets.Int(0).tag(sync=True)  # grows with each showing of a record, and with each question


class Heartbeat(anywidget.AnyWidget):
    """Asks from the browser whether the kernel is there; see heartbeat.js."""

    _esm = FOLDER / "heartbeat.js"


class Dispute(NamedTuple):
    """A judgement that was not written: the record is not judged any more as the reviewer saw it."""

    accepted: bool  # what the reviewer wants to write
    theirs: Judgement | None  # what the file has


class Viewer:
    """Shows records one by one, and writes what the reviewer judges of them.

    data_path       records, `.jsonl`, `.jsonl.gz` or `.jsonl.zst`
    judgement_path  YAML; it and its folder need not exist yet
    seed            of the order `random`

    Bad files are told in the widget in one line, with what to do; it goes on when they are mended.
    """

    def __init__(self, data_path: str | Path, judgement_path: str | Path, *, seed: int = 0):
        self._data_path, self._judgement_path = Path(data_path), Path(judgement_path)
        self._opened: Queue | None = None  # None while the files are not open
        self._number: int | None = None  # of the record shown
        self._skipped: set[int] = set()
        self._record: dict[str, Any] | None = None
        self._seen: Judgement | None = None  # what the reviewer knows as the record's judgement
        self._dispute: Dispute | None = None  # while the reviewer is asked what to do about it
        self._findings: list[Finding] = []
        self._setting = False  # while this, not the reviewer, changes a field
        self._lock = RLock()  # JupyterLab lets the kernel take messages of different controls in different threads
        self._build(seed)
        self._try(self._open)
        Thread(target=_load_what_criteria_need, daemon=True).start()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    # ---- the controls ------------------------------------------------------------------------------------------------

    def _build(self, seed: int) -> None:
        self._criteria = {
            number: w.ToggleButton(description=str(number), tooltip=f"{number}. {what}")
            for number, what in CRITERIA.items()
        }
        for number, toggle in self._criteria.items():
            toggle.add_class("review-criterion")
            toggle.add_class(f"review-criterion-{number}")
        self._note = _text("note", "a note, if you like (c)")
        self._goto = _text("goto", "number or id (g)")
        self._show_only = _dropdown("show", [(f"show: {word}", word) for word in SHOW])
        self._with_findings = _dropdown(
            "findings-filter",
            [("findings: all", frozenset()), ("with findings", ANY_FINDING)]
            + [(f"finding of {number}", frozenset([number])) for number in CRITERIA],
        )
        self._search = _text("search", "text to find (/)")
        self._order = _dropdown("order", [BY_FILE, AT_RANDOM, BY_SCORE])
        self._seed = w.BoundedIntText(seed, min=0, max=2**31 - 1, tooltip="seed (d)")
        self._seed.add_class("review-seed")
        self._raw = self._toggle("raw", "Markdown (m)", "the Markdown itself")
        self._images = self._toggle("images", "Images (i)", "load this post's images from the network")
        self._status, self._progress, self._about = _html("status"), _html("progress"), _html("about")
        self._question, self._answer, self._found = w.HTML(), w.HTML(), _html("findings")
        self._keyboard = Keyboard()
        self._keyboard.on_msg(self._on_judgement)
        for field in (self._show_only, self._with_findings, self._search):
            field.observe(self._on_change(self._filter_changed), "value")
        for field in (self._order, self._seed):
            field.observe(self._on_change(self._order_changed), "value")
        self._goto.observe(self._on_change(self._go_to), "value")

        judging = _bar(
            self._button("accept", "Accept", "a", self._accept, style="success"),
            self._button("reject", "Reject", "r", self._reject, style="danger"),
            *self._criteria.values(),
            self._note,
        )
        moving = _bar(
            self._button("previous", "← Previous", "p", partial(self._move, -1)),
            self._button("next", "Next →", "n", partial(self._move, 1)),
            self._button("next-unjudged", "Next unjudged", "u", self._next_unjudged),
            self._button("skip", "Skip", "s", self._skip),
            self._button("undo", "Undo", "z", self._undo),
            self._goto,
        )
        choosing = _bar(
            self._show_only, self._with_findings, self._search, self._order, self._seed, self._raw, self._images,
            self._button("reload", "Reload", "l", self._reload),
        )  # fmt: skip
        self._about_dispute = _html("dispute-text")
        self._asking = _bar(
            self._about_dispute,
            self._button("overwrite", "Write mine", "y", self._overwrite, style="danger"),
            self._button("keep", "Keep theirs", "k", self._keep),
        )
        self._asking.add_class("review-dispute")
        self._asking.layout.display = "none"
        telling = _bar(self._progress, self._status)
        body = w.Box([_pane("question", self._question), _pane("answer", self._found, self._answer)])
        body.add_class("review-body")
        style = w.HTML(f"<style>{(FOLDER / 'style.css').read_text('utf-8')}</style>", layout=w.Layout(display="none"))
        heartbeat, no_answer = Heartbeat(), _html("no-answer")
        heartbeat.on_msg(lambda *_: self._keyboard.send("here"))
        no_answer.value = NO_ANSWER
        scripts = [style, self._keyboard, heartbeat]
        bars = [no_answer, judging, moving, choosing, telling, self._asking]
        self.widget = w.VBox([*scripts, *bars, self._about, body, _help()])
        self.widget.add_class("review")

    def _button(self, action: str, label: str, key: str, do: Callable[[], None], style: str = "") -> w.Button:
        button = w.Button(description=f"{label} ({key})", button_style=style, tooltip=label)
        button.on_click(lambda _: self._try(do))
        button.add_class(f"review-{action}")
        return button

    def _toggle(self, action: str, label: str, tooltip: str) -> w.ToggleButton:
        toggle = w.ToggleButton(description=label, tooltip=tooltip)
        toggle.add_class(f"review-{action}")
        toggle.observe(self._on_change(self._render), "value")
        return toggle

    def _on_change(self, do: Callable[[], None]) -> Callable[[object], None]:
        """An observer that acts when the reviewer has changed a field."""

        def act() -> None:
            if not self._setting:
                do()

        return lambda _: self._try(act)

    def _on_judgement(self, _: object, message: dict[str, Any], __: object) -> None:
        """Accept, reject or overwrite with the note and the criteria as they are in the browser."""

        def judge() -> None:
            if message["shown"] != self._keyboard.shown:
                return  # pressed before the browser has shown this record, or this question
            self._fill(message["note"], message["criteria"])
            {"accept": self._accept, "reject": self._reject, "overwrite": self._overwrite}[message["action"]]()

        self._try(judge)

    def _try(self, do: Callable[[], None]) -> None:
        """Do what the reviewer asks for, and tell in one line why it cannot be done.

        While the files are not open, opening them is all that is done: what is asked for was not meant for what shows then.
        """
        with self._lock:
            try:
                if self._opened is None:
                    self._open()
                else:
                    do()
            except InputError as error:
                self._tell_error(str(error))
            except OSError as error:
                self._tell_error(f"{error.filename or self._judgement_path}: {error.strerror or error}")
            except Exception as error:
                self._tell_error(f"this is a bug, {type(error).__name__}: {error}")
                raise

    # ---- opening -----------------------------------------------------------------------------------------------------

    @property
    def _queue(self) -> Queue:
        assert self._opened is not None
        return self._opened

    def _open(self, record_id: str | None = None) -> None:
        """Open the files, and show the record with this id, or the first without a judgement."""
        records = RecordFile(self._data_path)
        if not len(records):
            raise InputError(f"{self._data_path}: has no records; run the step that writes it")
        queue = Queue(records, JudgementFile(self._judgement_path), find_problems)
        self._put_in_order(queue)
        queue.filter = self._filter()
        number = queue.records.number_of(record_id) if record_id else None
        if number is None:
            number = queue.first()
            if number is not None and queue.judgement(number) is not None:
                unjudged = queue.next_unjudged(number)
                number = number if unjudged is None else unjudged
        self._opened = queue
        self._show(number)

    def _reload(self) -> None:
        """Open both files anew, and show the same record where it still is."""
        self._queue.records.close()
        self._opened = None
        self._open(self._record["id"] if self._record else None)

    # ---- judging -----------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        self._judge(True, self._seen)

    def _reject(self) -> None:
        self._judge(False, self._seen)

    def _judge(self, accepted: bool, seen: Judgement | None) -> None:
        """Write a judgement with what the fields hold; ask where the record is not judged as `seen` any more."""
        if self._number is None or self._record is None:
            raise InputError("no record is shown that could be judged")
        criteria = () if accepted else tuple(number for number, toggle in self._criteria.items() if toggle.value)
        judgement = Judgement(accepted, criteria, self._note.value.strip())
        outcome = "saved"
        try:
            self._seen = self._queue.judge(self._number, judgement, seen=seen)
        except ConflictError as conflict:
            if conflict.judgement != judgement:
                self._ask(Dispute(accepted, conflict.judgement))
                return
            self._seen, outcome = judgement, "judged alike by another:"
        self._ask(None)
        self._show_progress()
        record_id = self._record["id"]
        self._advance()
        self._tell(f'<b class="review-saved">{outcome}</b> {_word(judgement)} · {escape(record_id)}')

    def _ask(self, dispute: Dispute | None) -> None:
        """Show what another has judged meanwhile, and ask whether to overwrite it; with None, ask no more."""
        self._dispute = dispute
        self._asking.layout.display = "none" if dispute is None else None
        if dispute is None:
            return
        mine = "accept" if dispute.accepted else "reject"
        if dispute.theirs is None:
            news = "the judgement that you saw has been taken out of the file"
        else:
            news = f"another has judged <b>{_word(dispute.theirs)}</b>"
        self._about_dispute.value = f"Not saved: meanwhile {news}. Write your <b>{mine}</b> all the same?"
        self._keyboard.shown += 1
        self._queue.refresh()
        self._show_progress()
        self._tell_error("not saved: judged by another meanwhile")

    def _disputed(self) -> Dispute:
        if self._dispute is None:
            raise InputError("there is no question to answer")
        return self._dispute

    def _overwrite(self) -> None:
        dispute = self._disputed()
        self._judge(dispute.accepted, dispute.theirs)

    def _keep(self) -> None:
        dispute = self._disputed()
        self._show(self._number)
        self._advance()
        self._tell(f"left as it is: {_word(dispute.theirs)}")

    def _advance(self) -> None:
        """Show the record to be judged next: an unjudged one, unless the reviewer looks through judged ones."""
        if self._show_only.value in ("all", "unjudged"):
            self._next_unjudged()
        else:
            self._move(1)

    def _undo(self) -> None:
        try:
            number = self._queue.undo()
        except ConflictError as conflict:
            self._show(self._queue.records.number_of(conflict.record_id))
            now = f"{_word(conflict.judgement)} · {escape(conflict.record_id)}"
            self._tell(f'<b class="review-error">not taken back</b>, changed meanwhile: {now}')
            return
        if number is None:
            raise InputError("nothing has been judged since the viewer was opened")
        self._show(number)
        self._tell(f'<b class="review-saved">taken back</b> {escape(self._record["id"] if self._record else "")}')

    # ---- moving ------------------------------------------------------------------------------------------------------

    def _skip(self) -> None:
        if self._number is not None:
            self._skipped.add(self._number)
        self._next_unjudged()

    def _move(self, step: int) -> None:
        if self._number is None:
            number = self._queue.first(self._searching)
        else:
            number = self._queue.next(self._number, step, self._searching)
        self._show_found(number, "the last" if step > 0 else "the first")

    def _next_unjudged(self) -> None:
        """Show the next record without a judgement; those skipped only when there are no others."""
        self._queue.refresh()
        if self._number is None:
            self._move(1)
            return
        first = number = self._queue.next_unjudged(self._number, self._searching)
        while number is not None and number in self._skipped:
            number = self._queue.next_unjudged(number, self._searching)
            if number == first:
                self._skipped.clear()
        self._show_found(number, "no other unjudged record")

    def _show_found(self, number: int | None, otherwise: str) -> None:
        if number is None:
            self._tell(otherwise if self._filter() == Filter() else f"{otherwise} that the filter lets through")
        else:
            self._show(number)

    def _go_to(self) -> None:
        wanted = self._goto.value
        if wanted.strip():
            self._set(self._goto, "")
            self._show(self._queue.go_to(wanted))

    def _filter(self) -> Filter:
        return Filter(self._show_only.value, self._with_findings.value, self._search.value.strip())

    def _filter_changed(self) -> None:
        self._queue.filter = self._filter()
        self._queue.refresh()
        number = self._queue.first(self._searching)
        if number is None:
            self._tell("no record meets this filter")
        else:
            self._show(number)

    def _order_changed(self) -> None:
        self._put_in_order(self._queue)
        self._show_found(self._queue.first(self._searching), "no record")

    def _put_in_order(self, queue: Queue) -> None:
        if self._order.value == AT_RANDOM:
            queue.order_at_random(self._seed.value)
        elif self._order.value == BY_SCORE:
            queue.order_by_score(self._searching)
        elif self._order.value == BY_UNCERTAINTY:
            queue.order_by_uncertainty(self._seed.value)
        else:
            queue.order_by_file()

    def _searching(self, done: int) -> None:
        self._tell(f"{done:,} records looked at …")

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _show(self, number: int | None) -> None:
        """Show a record, with what it is judged; raises InputError where one of the files is not readable."""
        self._number, self._record, self._findings = number, None, []
        self._set(self._images, False)
        self._ask(None)
        self._tell("")
        try:
            if number is not None:
                self._record = self._queue.records[number]
                self._findings = find_problems(self._record)
            self._queue.refresh()
        finally:
            self._render()
            self._show_judgement()
            self._show_progress()
            self._keyboard.record = -1 if number is None else number
            self._keyboard.shown += 1

    def _render(self) -> None:
        page = Page("", "", "", "")
        if self._record is not None:
            page = render(self._record, self._findings, raw=self._raw.value, images=self._images.value)
            self._images.disabled = not has_images(self._record)
        kind = "review-post review-source" if self._raw.value else "review-post"
        self._about.value = page.about
        self._question.value = f'<div class="{kind}">{page.question}</div>'
        self._answer.value = f'<div class="{kind}">{page.answer}</div>'
        self._found.value = page.findings

    def _show_judgement(self) -> None:
        self._seen = self._queue.judgement(self._number) if self._number is not None else None
        self._fill(self._seen.note if self._seen else "", self._seen.criteria if self._seen else ())
        if self._seen:
            self._tell(f"judged: <b>{_word(self._seen)}</b>")

    def _fill(self, note: str, criteria: Collection[int]) -> None:
        self._set(self._note, note)
        for number, toggle in self._criteria.items():
            self._set(toggle, number in criteria)

    def _show_progress(self) -> None:
        standing = self._queue.standing()
        place = f"no. {self._number + 1:,} of {standing.records:,}" if self._number is not None else ""
        shares = [100 * count / max(standing.records, 1) for count in (standing.accepted, standing.rejected)]
        parts = [
            place,
            f"{standing.judged:,} judged ({sum(shares):.0f} %)",
            f"{standing.accepted:,} accepted",
            f"{standing.rejected:,} rejected",
        ]
        if standing.pace is not None and standing.seconds_left is not None:
            parts += [f"{standing.pace:.1f} a minute", f"{_duration(standing.seconds_left)} left"]
        self._progress.value = (
            f'<span class="review-meter"><i class="accepted" style="width: {shares[0]:.1f}%"></i>'
            f'<i class="rejected" style="width: {shares[1]:.1f}%"></i></span>{" · ".join(filter(None, parts))}'
        )
        can_learn = standing.judged >= FEWEST and standing.accepted and standing.rejected
        if can_learn and BY_UNCERTAINTY not in self._order.options:
            self._setting = True
            kept = self._order.value
            self._order.options = [*self._order.options, BY_UNCERTAINTY]
            self._order.value = kept
            self._setting = False

    def _tell(self, html: str) -> None:
        self._status.value = html

    def _tell_error(self, message: str) -> None:
        self._tell(f'<span class="review-error" title="{escape(message)}">{escape(" ".join(message.split()))}</span>')

    def _set(self, field: Any, value: object) -> None:
        """Change a field without acting on it."""
        self._setting = True
        field.value = value
        self._setting = False


def _load_what_criteria_need() -> None:
    """Let the criteria load what they need for a text that they doubt: half a second, in which the first record is read."""
    find_problems({"instruction": "", "response": "word " * 50})


def _word(judgement: Judgement | None) -> str:
    """A judgement in words, as HTML."""
    if judgement is None:
        return "not judged"
    word = "accept" if judgement.accepted else "reject"
    criteria = f" {', '.join(map(str, judgement.criteria))}" if judgement.criteria else ""
    return escape(f"{word}{criteria}{f': {judgement.note}' if judgement.note else ''}")


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def _html(name: str) -> w.HTML:
    html = w.HTML()
    html.add_class(f"review-{name}")
    return html


def _text(name: str, placeholder: str) -> w.Text:
    text = w.Text(placeholder=placeholder, continuous_update=False)
    text.add_class(f"review-{name}")
    return text


def _dropdown(name: str, options: list[Any]) -> w.Dropdown:
    dropdown = w.Dropdown(options=options)
    dropdown.add_class(f"review-{name}")
    return dropdown


def _bar(*controls: w.Widget) -> w.HBox:
    bar = w.HBox(list(controls))
    bar.add_class("review-bar")
    return bar


def _pane(name: str, *parts: w.Widget) -> w.Box:
    pane = w.Box(list(parts))
    pane.add_class("review-pane")
    pane.add_class(f"review-{name}")
    return pane


def _help() -> w.HTML:
    keys = _html("keys")
    keys.value = " ".join(
        f"<span>{' '.join(f'<kbd>{key}</kbd>' for key in combination.split())} {escape(what)}</span>"
        for combination, what in HELP
    )
    return keys
