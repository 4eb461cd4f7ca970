"""The controls of the review widget and their layout; viewer/widget.py says what they do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets

from review.criteria import CRITERIA
from review.judgements import Judgement
from viewer.queue import AT_RANDOM, BY_FILE, BY_SCORE, LEARNT, SHOW, Standing
from viewer.render import Page

FOLDER = Path(__file__).parent
ANY_FINDING = frozenset(CRITERIA)
KEYS = {  # by key: the button that it presses, or the field that it moves to, as its class without `review-`
    "a": "accept",
    "r": "reject",
    "x": "as-found",
    "s": "skip",
    "l": "later",
    "e": "edit",
    "z": "undo",
    "Z": "redo",
    "b": "recent",
    "q": "others",
    "p": "previous",
    "n": "next",
    "ArrowLeft": "previous",
    "ArrowRight": "next",
    "u": "next-unjudged",
    **{str(number): f"criterion-{number}" for number in CRITERIA},
    "c": "note",
    "g": "goto",
    "/": "search",
    "f": "show",
    "h": "findings-filter",
    "o": "order",
    "d": "seed",
    "m": "raw",
    "i": "images",
    "L": "reload",
    "y": "overwrite",
    "k": "keep",
    "v": "more",
}
HELP = (
    ("a", "accept"),
    ("r", "reject"),
    ("x", "reject with what the machine found"),
    ("e", "correct the answer, and back"),
    ("l", "to be judged later"),
    ("s", "skip"),
    ("z Z", "undo, redo"),
    ("b", "back to a recent judgement"),
    ("q", "judgements of the other answers to this question"),
    ("1-7", "criteria not met"),
    ("c", "note"),
    ("n p", "or ← → next, previous"),
    ("u", "next unjudged"),
    ("g", "go to"),
    ("f", "show"),
    ("h", "findings"),
    ("/", "search"),
    ("o", "order"),
    ("d", "seed"),
    ("m", "Markdown"),
    ("i", "images"),
    ("L", "reload"),
    ("y k", "save mine, keep theirs"),
    ("j", "next finding"),
    ("t", "next hit of the search"),
    ("↑ ↓ Space PgUp PgDn Home End", "scroll the answer, with Shift the question"),
    ("w", "full window"),
    ("v", "filters and keys"),
    ("Enter", "leave a field"),
    ("Esc", "leave the viewer"),
)
LABELS = {  # of the buttons
    "accept": "Accept",
    "reject": "Reject",
    "as-found": "As found",
    "edit": "Correct",
    "later": "Later",
    "previous": "← Previous",
    "next": "Next →",
    "next-unjudged": "Next unjudged",
    "skip": "Skip",
    "undo": "Undo",
    "redo": "Redo",
    "others": "Others",
    "reload": "Reload",
    "overwrite": "Save mine",
    "keep": "Keep theirs",
}
JUDGING = ["accept", "reject", "as-found", "later", "overwrite"]  # the buttons that save a judgement
IN_SHORT = {  # the criteria, as what an answer that does not meet them is
    1: "digresses",
    2: "English",
    3: "Markdown",
    4: "refers / personal",
    5: "incomplete",
    6: "link",
    7: "lost context",
}
RECENT = 10  # judgements in the list of those made last
NONE_CHOSEN = -1  # in this list; of the value None it would show an empty line
STYLES = {"accept": "success", "reject": "danger", "as-found": "danger", "overwrite": "danger"}
NO_ANSWER = (
    "<b>No answer from the kernel:</b> it is busy, restarting or dead, so nothing can be saved. If this message stays, "
    "run the viewer's cell again. Everything that was reported as <b>saved</b> is in the file."
)


class Keyboard(anywidget.AnyWidget):
    """The keys, and the judgements that the browser sends; see keyboard.js."""

    _esm = FOLDER / "keyboard.js"
    actions = traitlets.Dict(KEYS).tag(sync=True)
    buttons = traitlets.List(list(LABELS)).tag(sync=True)
    judging = traitlets.List(JUDGING).tag(sync=True)
    record = traitlets.Int(-1).tag(sync=True)  # the number of the record on show
    shown = traitlets.Int(0).tag(sync=True)  # grows each time that a record, or a conflict, is shown


class Heartbeat(anywidget.AnyWidget):
    """Checks from the browser that the kernel answers; see heartbeat.js."""

    _esm = FOLDER / "heartbeat.js"


# What is entered for a record. The kernel may handle the change of a field after the judgement that was made with it,
# when the next record is shown: without an echo, the browser keeps the field of that record as it is.
class Note(w.Text):  # type: ignore[misc] # ipywidgets has no types
    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


class Criterion(w.ToggleButton):  # type: ignore[misc]
    value = traitlets.Bool(False).tag(sync=True, echo_update=False)


class Editor(w.Textarea):  # type: ignore[misc]
    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


class Controls:
    """All widgets of the viewer: buttons by action, fields and texts; `widget` contains them all."""

    def __init__(self, seed: int):
        """`seed` is the first value of its field."""
        self.quiet = False  # whether a field is being changed by the program, which is not acted on
        self.buttons = {action: _button(action) for action in LABELS}
        self.criteria = {number: _criterion(number) for number in CRITERIA}
        self.note = _text("note", "optional note (c)", Note)
        self.goto = _text("goto", "number or id (g)")
        self.search = _text("search", "search text (/)")
        self.show_only = _dropdown("show", [(f"show: {word}", word) for word in SHOW])
        findings = [("findings: all", frozenset()), ("with findings", ANY_FINDING)]
        findings += [(f"criterion {number}", frozenset([number])) for number in CRITERIA]
        self.with_findings = _dropdown("findings-filter", findings)
        self.order = _dropdown("order", [BY_FILE, AT_RANDOM, BY_SCORE])
        self.seed = w.BoundedIntText(seed, min=0, max=2**31 - 1, tooltip="seed (d)")
        self.seed.add_class("review-seed")
        self.recent = _dropdown("recent", [])
        self.show_recent([])
        self.correction = Editor()
        self.others_corrections = _dropdown("corrections", [])
        self._difference = _html("difference")
        self._more = _toggle("more", "More (v)", "the filters, the orders and the keys")
        self.raw = _toggle("raw", "Markdown (m)", "show the Markdown source")
        self.images = _toggle("images", "Images (i)", "load this post's images from the network")
        self.keyboard = Keyboard()
        self._status, self._progress, self._about = _html("status"), _html("progress"), _html("about")
        self._question, self._answer, self._findings = w.HTML(), w.HTML(), _html("findings")
        self._reviews = _html("reviews")
        self._question_pane = _pane("question", self._question)
        self._editor_pane = _pane("editor", self.correction, self.others_corrections, self._difference)
        self.show_editor(False)
        self._conflict = _html("conflict-text")
        self._conflict_bar = _bar(self._conflict, self.buttons["overwrite"], self.buttons["keep"])
        self._conflict_bar.add_class("review-conflict")
        self.show_conflict(None)
        self.widget = self._layout()

    def _layout(self) -> w.VBox:
        buttons = self.buttons
        judging = _bar(buttons["accept"], buttons["reject"], buttons["as-found"], *self.criteria.values())
        moves = ("previous", "next", "next-unjudged", "skip", "later", "undo", "redo")
        moving = _bar(self.note, *(buttons[name] for name in moves), self._more)
        choosing = _bar(
            self.goto,
            self.recent,
            self.show_only,
            self.with_findings,
            self.search,
            self.order,
            self.seed,
            self.raw,
            self.images,
            buttons["edit"],
            buttons["others"],
            buttons["reload"],
        )
        choosing.add_class("review-choosing")
        divider = w.Box()
        divider.add_class("review-divider")
        answer_pane = _pane("answer", self._reviews, self._findings, self._answer)
        body = w.Box([self._question_pane, self._editor_pane, divider, answer_pane])
        body.add_class("review-body")
        style = w.HTML(f"<style>{(FOLDER / 'style.css').read_text('utf-8')}</style>", layout=w.Layout(display="none"))
        heartbeat = Heartbeat()
        heartbeat.on_msg(lambda *_: self.keyboard.send("here"))
        bars = [judging, moving, choosing, _bar(self._progress, self._status), self._conflict_bar]
        everything = w.VBox(
            [
                style,
                self.keyboard,
                heartbeat,
                _html("no-answer", NO_ANSWER),
                *bars,
                self._about,
                body,
                _html("keys", _help()),
            ]
        )
        everything.add_class("review")
        return everything

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Around changes of fields that are not acted on."""
        self.quiet = True
        try:
            yield
        finally:
            self.quiet = False

    def set(self, field: Any, value: object) -> None:
        """Change a field quietly."""
        with self.quietly():
            field.value = value

    def tell(self, html: str) -> None:
        """Show a message on the status line."""
        self._status.value = html

    def tell_also(self, message: str) -> None:
        """Show a message after the one on the status line, once."""
        if not self._status.value.endswith(message):
            self.tell(" · ".join(filter(None, [self._status.value, message])))

    def tell_error(self, message: str) -> None:
        """Show an error on the status line, as text."""
        self.tell(f'<span class="review-error" title="{escape(message)}">{escape(" ".join(message.split()))}</span>')

    def show_page(self, page: Page) -> None:
        post = "review-post review-source" if self.raw.value else "review-post"
        self._about.value = page.about
        self._question.value = f'<div class="{post}" dir="auto">{page.question}</div>'
        self._answer.value = f'<div class="{post}" dir="auto">{page.answer}</div>'
        self._findings.value = page.findings

    def show_reviews(self, html: str, corrections: Iterable[tuple[str, str]] = ()) -> None:
        """Show the judgements of others above the answer, and below the editor a list of corrections by their names."""
        self._reviews.value = html
        options = [(f"take the correction of {name}", text) for name, text in corrections]
        with self.quietly():
            self.others_corrections.options = [("corrections of others", ""), *options]
            self.others_corrections.value = ""
        self.others_corrections.layout.display = None if options else "none"

    @property
    def editing(self) -> bool:
        """Whether the answer is shown as it is corrected, beside the editor."""
        return bool(self._editor_pane.layout.display != "none")

    def show_editor(self, shown: bool) -> None:
        """Show the editor in the place of the question, or the question."""
        self._editor_pane.layout.display = None if shown else "none"
        self._question_pane.layout.display = "none" if shown else None

    def show_difference(self, html: str) -> None:
        """Show what the correction changes, below it."""
        self._difference.value = f'<div class="review-post">{html}</div>'

    def show_recent(self, judged: Iterable[tuple[str, int]]) -> None:
        """List the last judgements, as (text, number of the record); choosing one has the number as its value."""
        with self.quietly():
            self.recent.options = [("recent judgements", NONE_CHOSEN), *judged]
            self.recent.value = NONE_CHOSEN

    def offer_learnt_orders(self) -> None:
        """Add them to the list of orders, if they are not in it."""
        if LEARNT[0] not in self.order.options:
            chosen = self.order.value
            with self.quietly():
                self.order.options = [*self.order.options, *LEARNT]
                self.order.value = chosen

    def show_conflict(self, html: str | None) -> None:
        """Show a conflict with its two buttons, or none."""
        self._conflict.value = html or ""
        self._conflict_bar.layout.display = "none" if html is None else None

    def show_progress(self, place: int | None, standing: Standing) -> None:
        """Show the place of the record, counted from 1, and how far the review is."""
        accepted, rejected = (
            100 * count / max(standing.records, 1) for count in (standing.accepted, standing.rejected)
        )
        share = 100 * standing.judged / max(standing.records, 1)
        parts = [
            f"record {place:,} of {standing.records:,}" if place is not None else "",
            "all judged" if standing.judged == standing.records else f"{standing.judged:,} judged ({share:.0f} %)",
            f"{standing.accepted:,} accepted",
            f"{standing.rejected:,} rejected",
            f"{standing.later:,} later" if standing.later else "",
        ]
        if standing.pace is not None and standing.seconds_left is not None:
            parts += [f"{standing.pace:.1f} a minute", f"{_duration(standing.seconds_left)} left"]
        self._progress.value = (
            f'<span class="review-meter"><i class="accepted" style="width: {accepted:.1f}%"></i>'
            f'<i class="rejected" style="width: {rejected:.1f}%"></i></span>{" · ".join(filter(None, parts))}'
        )


def judgement_html(judgement: Judgement | None) -> str:
    """A judgement in words, as HTML."""
    return escape(judgement_text(judgement))


def judgement_text(judgement: Judgement | None) -> str:
    """A judgement in words, such as `reject 4, 6: links to a blog`."""
    if judgement is None:
        return "not judged"
    word = f"{judgement.word}{' with a correction' if judgement.correction else ''}"
    criteria = f" {', '.join(map(str, judgement.criteria))}" if judgement.criteria else ""
    return f"{word}{criteria}{f': {judgement.note}' if judgement.note else ''}"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def _button(action: str) -> w.Button:
    key = next(key for key, named in KEYS.items() if named == action)
    label = LABELS[action]
    button = w.Button(description=f"{label} ({key})", button_style=STYLES.get(action, ""), tooltip=label)
    button.add_class(f"review-{action}")
    return button


def _criterion(number: int) -> w.ToggleButton:
    name, label, tooltip = f"criterion-{number}", f"{number} {IN_SHORT[number]}", f"{number}. {CRITERIA[number]}"
    toggle = _toggle(name, label, tooltip, Criterion)
    toggle.add_class("review-criterion")
    return toggle


def _toggle(name: str, label: str, tooltip: str, kind: type[w.ToggleButton] = w.ToggleButton) -> w.ToggleButton:
    toggle = kind(description=label, tooltip=tooltip)
    toggle.add_class(f"review-{name}")
    return toggle


def _html(name: str, value: str = "") -> w.HTML:
    html = w.HTML(value)
    html.add_class(f"review-{name}")
    return html


def _text(name: str, placeholder: str, kind: type[w.Text] = w.Text) -> w.Text:
    text = kind(placeholder=placeholder, continuous_update=False)
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


def _help() -> str:
    """The keys and what they do, as HTML."""
    return " ".join(
        f"<span>{' '.join(f'<kbd>{key}</kbd>' for key in combination.split())} {escape(what)}</span>"
        for combination, what in HELP
    )
