"""The review widget without a browser: what its controls do to the judgement file, and what it shows."""

import html
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import ipywidgets
import pytest

from review.judgements import Judgement, digest_of, load_judgements
from review.learner import FEWEST
from tests.conftest import ROOT, jsonl, record
from viewer import Viewer
from viewer.controls import HELP, KEYS
from viewer.queue import BY_LIKELIHOOD, BY_SCORE, BY_UNCERTAINTY

IDS = [f"quay.stackexchange.com/a/{number}" for number in range(1, 6)]


class Hands:
    """A reviewer: finds controls by their labels, and reads what is shown."""

    def __init__(self, data: Path, judgements: Path, **options):
        self.viewer = Viewer(data, judgements, **options)
        self.viewer.wait()
        self.judgements = judgements

    def controls(self) -> list[ipywidgets.Widget]:
        found, left = [], [self.viewer.widget]
        while left:
            widget = left.pop(0)
            found.append(widget)
            left += getattr(widget, "children", ())
        return found

    def control(self, css_class: str) -> ipywidgets.Widget:
        [found] = [each for each in self.controls() if f"review-{css_class}" in getattr(each, "_dom_classes", ())]
        return found

    def button(self, label: str) -> ipywidgets.Widget:
        [found] = [each for each in self.controls() if getattr(each, "description", "").startswith(label)]
        return found

    def click(self, *labels: str) -> None:
        for label in labels:
            button = self.button(label)
            if isinstance(button, ipywidgets.ToggleButton):
                button.value = not button.value
            else:
                button.click()
            self.viewer.wait()

    def send(self, action: str, *, note: str = "", criteria: tuple[int, ...] = (), shown: int | None = None) -> None:
        """What keyboard.js sends for a key or a click."""
        [keyboard] = [each for each in self.controls() if hasattr(each, "shown")]
        editor = self.control("editor")
        correction = editor.children[0].value if editor.layout.display != "none" else None
        message = {"action": action, "note": note, "criteria": list(criteria), "correction": correction}
        keyboard._handle_custom_msg(message | {"shown": keyboard.shown if shown is None else shown}, [])
        self.viewer.wait()

    def type(self, field: str, value: object) -> None:
        self.control(field).value = value
        self.viewer.wait()

    def text(self, part: str) -> str:
        return html.unescape(re.sub("<[^>]*>", "", self.control(part).value))

    @property
    def status(self) -> str:
        return self.text("status")

    @property
    def shown(self) -> str:
        """The id of the record shown."""
        return self.text("about").split(" · ")[1]

    @property
    def page(self) -> str:
        parts = [part for pane in self.control("body").children for part in pane.children]
        return "".join(part.value for part in parts if isinstance(part, ipywidgets.HTML))

    @property
    def editor(self) -> ipywidgets.Textarea | None:
        """Where the answer is corrected; None if it is not shown."""
        pane = self.control("editor")
        return None if pane.layout.display == "none" else pane.children[0]

    @property
    def file(self) -> dict[str, Judgement]:
        return load_judgements(self.judgements)


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "data.jsonl"
    scores = [3, 30, 7, 9, 1]
    path.write_bytes(jsonl(*(record(n, question=n, score=score) for n, score in enumerate(scores, 1))))
    return path


@pytest.fixture
def hands(data, tmp_path) -> Hands:
    return Hands(data, tmp_path / "judgements" / "quay.yaml")


# ---- judging ---------------------------------------------------------------------------------------------------------


def test_the_viewer_opens_at_the_first_record_and_writes_nothing(hands):
    assert hands.shown == IDS[0]
    assert not hands.judgements.exists()
    assert "record 1 of 5 · 0 judged (0 %) · 0 accepted · 0 rejected" in hands.text("progress")


def test_accept_is_in_the_file_and_the_next_record_shows(hands):
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(True)}
    assert hands.status == f"saved accept · {IDS[0]}"
    assert hands.shown == IDS[1]
    assert "1 judged (20 %) · 1 accepted · 0 rejected" in hands.text("progress")


def test_reject_takes_criteria_and_note(hands):
    hands.click("4", "6")
    hands.type("note", "  links to a blog: see #3 ")
    hands.click("Reject")
    assert hands.file == {IDS[0]: Judgement(False, (4, 6), "links to a blog: see #3")}
    assert hands.status == f"saved reject 4, 6: links to a blog: see #3 · {IDS[0]}"


def test_criteria_and_note_belong_to_one_record(hands):
    hands.click("4")
    hands.type("note", "n")
    hands.click("Reject", "Reject")
    assert hands.file[IDS[1]] == Judgement(False)


def test_a_judged_record_shows_its_judgement_and_can_be_judged_again(hands):
    hands.click("2")
    hands.type("note", "clumsy <b>")
    hands.click("Reject", "← Previous")
    assert hands.status == "judged: reject 2: clumsy <b>"
    assert hands.button("2").value
    assert hands.control("note").value == "clumsy <b>"
    hands.click("3", "Reject")
    assert hands.file[IDS[0]] == Judgement(False, (2, 3), "clumsy <b>")


def test_a_correction_by_hand_stays_when_the_record_is_accepted_once_more(data, tmp_path):
    path = tmp_path / "quay.yaml"
    path.write_text(f"{IDS[0]}: {{judgement: accept, correction: x, corrects: 5e1f}}\n{IDS[1]}: later\n")
    hands = Hands(data, path)
    assert hands.shown == IDS[2] and "2 judged (40 %) · 1 accepted · 0 rejected · 1 later" in hands.text("progress")
    hands.type("show", "later")
    assert hands.shown == IDS[1] and hands.status == "judged: later"
    hands.type("show", "accepted")
    stale = ", but the correction is of another answer than this"
    assert hands.shown == IDS[0] and hands.status == f"judged: accept with a correction{stale}"
    assert hands.editor.value == "x"
    hands.type("note", "a slip")
    hands.click("Accept")
    assert "once more to accept it for this one" in hands.status
    hands.click("Accept")
    answer = digest_of(record(1)["response"])  # the reviewer saw the correction of this answer
    assert hands.file[IDS[0]] == Judgement(True, note="a slip", correction="x", corrects=answer)
    hands.click("Undo")
    assert hands.file[IDS[0]] == Judgement(True, correction="x", corrects="5e1f")


def test_later_is_saved_with_its_note_and_undone(hands):
    hands.type("note", "ask Ben")
    hands.click("Later")
    assert hands.file[IDS[0]] == Judgement(None, note="ask Ben") and hands.shown == IDS[1]
    hands.click("Undo")
    assert hands.file == {} and hands.control("note").value == "ask Ben"


def test_an_answer_is_accepted_as_corrected_and_shown_so(hands):
    answer = record(1)["response"]
    hands.click("Correct")
    assert hands.editor.value == answer
    hands.editor.value = f"{answer}\n\nIt is **seven**, see [here](https://example.org)."
    assert "<strong>seven</strong>" in hands.page
    assert "It is **seven**" in hands.text("difference") and "<ins>" in hands.control("difference").value
    assert "link" in hands.text("findings")  # of the answer as it is corrected
    corrected = hands.editor.value
    hands.send("accept")
    expected = Judgement(True, correction=corrected, corrects=digest_of(answer))
    assert hands.file[IDS[0]] == expected
    assert hands.shown == IDS[1] and hands.editor is None
    hands.click("Undo")
    assert hands.file == {} and hands.editor.value == corrected
    hands.click("Accept")
    assert hands.file[IDS[0]] == expected


def test_what_is_typed_in_the_editor_stays_with_its_record(hands):
    hands.click("Correct")
    hands.editor.value = "better"
    hands.click("Next →")
    assert hands.editor is None
    hands.click("← Previous")
    assert hands.editor.value == "better"
    hands.click("Correct")
    assert hands.editor is None and "opens your correction again" in hands.status
    hands.click("Next →", "← Previous")
    assert hands.editor is None
    hands.click("Correct")
    assert hands.editor.value == "better"
    hands.click("Correct", "Accept")  # as it is shown, without the correction
    assert hands.file[IDS[0]] == Judgement(True)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_correction_is_not_saved(hands, text):
    hands.click("Correct")
    hands.editor.value = text
    hands.click("Accept")
    assert "the corrected answer is empty" in hands.status and not hands.judgements.exists()


@pytest.mark.parametrize(("verdict", "accepted"), [("Reject", False), ("Later", None)])
def test_a_correction_is_dropped_only_when_asked_twice(hands, verdict, accepted):
    hands.click("Correct")
    hands.editor.value = "better"
    hands.click(verdict)
    assert "once more" in hands.status and not hands.judgements.exists()
    hands.click(verdict)
    assert hands.file[IDS[0]] == Judgement(accepted)
    hands.click("← Previous")
    assert hands.editor is None
    hands.click("Undo")
    assert hands.file == {} and hands.editor.value == "better"


def test_an_unchanged_correction_is_none(hands):
    hands.click("Correct", "Accept")
    assert hands.file[IDS[0]] == Judgement(True)


def test_a_verdict_that_was_sent_before_the_editor_was_seen_is_dropped(hands):
    [keyboard] = [each for each in hands.controls() if hasattr(each, "shown")]
    before = keyboard.shown
    hands.click("Correct")
    hands.send("accept", shown=before)
    assert not hands.judgements.exists()
    assert hands.status == "pressed before this was on show, so nothing is saved: press again"


def test_undo_reverts_one_judgement_after_the_other(hands):
    hands.click("Accept", "Reject", "Undo")
    assert hands.shown == IDS[1]
    assert hands.file == {IDS[0]: Judgement(True)}
    assert hands.status == f"undone {IDS[1]}"
    hands.click("Undo")
    assert hands.file == {}
    hands.click("Undo")
    assert hands.status == "nothing to undo: no judgement was made since the viewer was opened"


def test_undo_restores_the_judgement_before(hands):
    hands.click("Accept", "← Previous", "1", "Reject", "Undo")
    assert hands.file == {IDS[0]: Judgement(True)}


def test_the_browser_sends_a_judgement_with_the_values_of_its_fields(hands):
    hands.type("note", "older")
    hands.send("reject", note="newer", criteria=(4, 6))
    hands.send("accept")
    assert hands.file == {IDS[0]: Judgement(False, (4, 6), "newer"), IDS[1]: Judgement(True)}


@pytest.mark.parametrize("action", ["accept", "reject"])
def test_a_judgement_sent_before_its_record_was_seen_does_nothing(hands, action):
    hands.send(action, shown=0)
    assert not hands.judgements.exists()
    assert hands.shown == IDS[0]


def test_a_reload_that_fails_keeps_the_record_and_what_was_entered(hands):
    hands.click("Next →")
    hands.type("note", "why")
    hands.judgements.parent.mkdir(exist_ok=True)
    hands.judgements.write_text(f"{IDS[0]}: acept\n")
    hands.click("Reload")
    assert "acept" in hands.status
    hands.type("note", "why not")
    hands.judgements.write_text("")
    hands.click("Next →")  # opens the files
    assert hands.shown == IDS[1] and hands.control("note").value == "why not"


def test_controls_may_act_in_several_threads(hands):
    threads = [threading.Thread(target=hands.click, args=("Accept",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(hands.file) == set(IDS)
    assert "all judged · 5 accepted" in hands.text("progress")


def test_every_key_is_explained_and_has_a_control(hands):
    explained = {key for keys, _ in HELP for key in keys.split()}
    assert {
        "1-7" if key.isdigit() else {"ArrowLeft": "n", "ArrowRight": "p"}.get(key, key) for key in KEYS
    } <= explained
    for action in KEYS.values():
        hands.control(action)


def test_the_buttons_say_what_the_criteria_are(hands):
    assert hands.control("criterion-4").description == "4 refers / personal"


def test_one_key_rejects_with_what_the_machine_found(data, tmp_path):
    data.write_bytes(
        jsonl(record(1, response="As @bob said in his answer, see [this](https://e.org). Ropes hold."), record(2))
    )
    hands = Hands(data, tmp_path / "j.yaml")
    hands.click("As found")
    assert hands.file == {IDS[0]: Judgement(False, (4, 6))}
    hands.click("As found")
    assert hands.status == "not saved: the machine found nothing in this answer"
    assert set(hands.file) == {IDS[0]}


def test_what_was_entered_stays_with_its_record(hands):
    hands.click("4", "6")
    hands.type("note", "half a thou")
    hands.click("Next →")
    assert not hands.button("4").value and hands.control("note").value == ""
    hands.click("← Previous")
    assert hands.button("4").value and hands.button("6").value
    assert hands.control("note").value == "half a thou"
    assert not hands.judgements.exists()


def test_the_browser_sends_what_was_entered_with_every_button(hands):
    hands.send("next", note="typed", criteria=(2,))
    assert hands.shown == IDS[1] and hands.control("note").value == ""
    hands.send("previous")
    assert hands.button("2").value and hands.control("note").value == "typed"


def test_undo_brings_back_what_was_entered_and_redo_the_judgement(hands):
    hands.click("4")
    hands.type("note", "why")
    hands.click("Reject", "Undo")
    assert hands.file == {} and hands.button("4").value and hands.control("note").value == "why"
    hands.click("Redo")
    assert hands.file == {IDS[0]: Judgement(False, (4,), "why")}
    assert hands.status == f"done again {IDS[0]}"
    hands.click("Redo")
    assert hands.status == "nothing to redo: no judgement was undone since the last one"


def test_accept_with_criteria_asks_once(hands):
    hands.click("4", "Accept")
    assert not hands.judgements.exists()
    assert hands.status == "not saved: criteria 4 are chosen; once more to accept anyway"
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(True)}


@pytest.mark.parametrize("note", ["a blog", "but it is fine"])
def test_accepting_a_rejected_record_drops_the_note_of_the_reject_only(hands, note):
    hands.type("note", "a blog")
    hands.click("Reject", "← Previous")
    hands.type("note", note)
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(True, (), "" if note == "a blog" else note)}


def test_a_filter_without_hits_shows_no_record_to_judge(hands):
    hands.type("search", "no such words")
    hands.click("Accept")
    assert "no record is shown" in hands.status and not hands.judgements.exists()
    hands.type("search", "")
    assert hands.shown == IDS[0]


def test_after_the_last_judgement_the_counts_are_shown(hands):
    hands.click(*["Accept"] * 4, "Reject")
    assert hands.status.endswith("all judged: 4 accepted, 1 rejected")


def test_the_last_ten_judgements_are_a_list_to_choose_from(hands):
    hands.click("Accept", "4", "Reject")
    recent = hands.control("recent")
    assert [text for text, _ in recent.options[1:]] == [f"reject 4 · {IDS[1]}", f"accept · {IDS[0]}"]
    assert recent.label == "recent judgements"
    recent.value = 0
    assert hands.shown == IDS[0] and recent.label == "recent judgements"
    assert hands.status == "judged: accept"


def test_the_other_answers_to_a_question_and_their_judgements(data, tmp_path):
    same = {"instruction": "Which knot?", "meta": {"question_url": "https://e.org/q/1"}}
    data.write_bytes(jsonl(record(1), *(record(n, **same) for n in (2, 3, 4)), record(5)))
    hands = Hands(data, tmp_path / "j.yaml")
    hands.click("Others")
    assert hands.status == "this is the only answer to its question here"
    hands.click("Next →", "2", "Reject")
    assert "answer 2 of 3 to this question" in hands.text("about")
    hands.click("Others")
    assert hands.status == "answer 1: reject 2; answer 3: not judged"


def test_findings_of_a_kind_are_one_line(data, tmp_path):
    data.write_bytes(jsonl(record(1, response="A [a](https://e.org/a), [b](https://e.org/b), [c](https://e.org/c).")))
    hands = Hands(data, tmp_path / "j.yaml")
    assert "6 link ×3" in hands.text("findings")


# ---- moving ----------------------------------------------------------------------------------------------------------


def test_previous_and_next_stop_at_the_ends(hands):
    hands.click("← Previous")
    assert (hands.shown, hands.status) == (IDS[0], "this is the first record")
    hands.click(*["Next →"] * 6)
    assert (hands.shown, hands.status) == (IDS[4], "this is the last record")


def test_the_viewer_resumes_where_the_reviewer_stopped(data, tmp_path):
    path = tmp_path / "j.yaml"
    path.write_text(f"{IDS[0]}: accept\n{IDS[1]}: reject\n")
    assert Hands(data, path).shown == IDS[2]


def test_next_unjudged_skips_judged_records(hands):
    hands.judgements.parent.mkdir()
    hands.judgements.write_text(f"{IDS[1]}: accept\n{IDS[2]}: reject\n")
    hands.click("Next unjudged")
    assert hands.shown == IDS[3]


def test_skipped_records_come_last(hands):
    hands.click("Skip", "Accept", "Skip", "Accept", "Accept")
    assert set(hands.file) == {IDS[1], IDS[3], IDS[4]}
    assert hands.shown == IDS[0]
    hands.click("Accept", "Accept")
    assert set(hands.file) == set(IDS)
    assert "all judged · 5 accepted" in hands.text("progress")


def test_the_viewer_says_when_everything_is_judged(hands):
    hands.click(*["Accept"] * 5)
    assert set(hands.file) == set(IDS)
    hands.click("Next unjudged")
    assert hands.status == "all judged: 5 accepted, 0 rejected"


@pytest.mark.parametrize("wanted", ["4", IDS[3], f" {IDS[3]} "])
def test_go_to_takes_a_number_and_an_id(hands, wanted):
    hands.type("goto", wanted)
    assert hands.shown == IDS[3]
    assert hands.control("goto").value == ""


@pytest.mark.parametrize("wanted", ["0", "6", "no-such-id", "-1", "4.5", "9" * 50])
def test_go_to_an_unknown_record_is_an_error_and_stays(hands, wanted):
    hands.type("goto", wanted)
    assert "is neither an id nor a number from 1 to 5" in hands.status
    assert hands.shown == IDS[0]


def test_the_filters_by_judgement(hands):
    hands.click("Accept", "Reject", "Accept")
    for show, first in (("accepted", 0), ("rejected", 1), ("judged", 0), ("unjudged", 3), ("all", 0)):
        hands.type("show", show)
        assert hands.shown == IDS[first], show
    hands.type("show", "accepted")
    hands.click("Next →")
    assert hands.shown == IDS[2]
    hands.click("Next →")
    assert hands.status == "this is the last record that matches the filter"


def test_going_through_the_rejected_goes_on_to_the_next_rejected(hands):
    hands.click("Reject", "Accept", "Reject")
    hands.type("show", "rejected")
    hands.click("Accept")
    assert hands.shown == IDS[2]


def test_the_filter_by_text(hands):
    hands.type("search", "TIED 3 times")
    assert hands.shown == IDS[2]
    hands.type("search", "no such words")
    assert hands.status == "no record that matches the filter"


def test_the_filter_by_findings(data, tmp_path):
    data.write_bytes(
        jsonl(record(1), record(2, response="As @bob said in his answer, a bowline holds well."), record(3))
    )
    hands = Hands(data, tmp_path / "j.yaml")
    options = dict(hands.control("findings-filter").options)
    hands.type("findings-filter", options["criterion 4"])
    assert hands.shown == IDS[1]
    assert '<mark class="finding"' in hands.page


def test_the_orders(hands):
    hands.type("order", BY_SCORE)
    seen = [hands.shown]
    for _ in range(4):
        hands.click("Next →")
        seen.append(hands.shown)
    assert seen == [IDS[1], IDS[3], IDS[2], IDS[0], IDS[4]]


def test_the_same_seed_gives_the_same_random_order(hands):
    def order(seed: int) -> list[str]:
        hands.type("seed", seed)
        seen = [hands.shown]
        for _ in range(4):
            hands.click("Next →")
            seen.append(hands.shown)
        return seen

    hands.type("order", "random")
    orders = {seed: order(seed) for seed in (1, 2, 3)}
    assert orders[1] == order(1)
    assert len({tuple(each) for each in orders.values()}) > 1
    assert all(sorted(each) == IDS for each in orders.values())


@pytest.mark.slow
def test_the_learnt_orders_are_offered_when_there_is_enough_to_learn_from(tmp_path):
    data, path = tmp_path / "data.jsonl", tmp_path / "j.yaml"
    data.write_bytes(jsonl(*(record(n, question=n) for n in range(FEWEST + 10))))
    path.write_text(
        "".join(f"quay.stackexchange.com/a/{n}: {'reject' if n % 2 else 'accept'}\n" for n in range(FEWEST - 1))
    )
    hands = Hands(data, path)
    assert BY_UNCERTAINTY not in hands.control("order").options
    shown = hands.shown
    hands.click("Accept")
    assert BY_UNCERTAINTY in hands.control("order").options
    assert hands.control("order").value == "file order"
    assert hands.status == f"saved accept · {shown}"
    for order in (BY_UNCERTAINTY, BY_LIKELIHOOD):
        hands.type("order", order)
        assert hands.status == ""
        assert hands.shown not in hands.file


def test_progress_shows_pace_and_time_left(hands):
    hands.click("Accept", "Accept", "Accept")
    assert re.search(
        r"3 judged \(60 %\) · 3 accepted · 0 rejected · [\d.]+ a minute · 0 min left", hands.text("progress")
    )


def test_at_the_last_record_what_was_entered_is_kept(hands):
    hands.type("goto", "5")
    hands.click("4", "Next →")
    assert hands.status == "this is the last record"
    assert hands.button("4").value


def test_reload_without_the_shown_record_continues_with_an_unjudged_one(data, tmp_path):
    for seed in range(6):
        path = tmp_path / f"{seed}.yaml"
        data.write_bytes(jsonl(*(record(n) for n in range(1, 6))))
        hands = Hands(data, path)
        hands.type("seed", seed)
        hands.type("order", "random")
        left = [n for n in range(1, 6) if IDS[n - 1] != hands.shown]
        data.write_bytes(jsonl(*(record(n) for n in left)))
        path.write_text("".join(f"{IDS[n - 1]}: accept\n" for n in left[1:]))
        hands.click("Reload")
        assert hands.shown == IDS[left[0] - 1]


# ---- showing ---------------------------------------------------------------------------------------------------------


def test_raw_shows_the_markdown_source(hands):
    assert "<h2>Knot 1</h2>" in hands.page
    hands.click("Markdown")
    assert "Knot 1\n\nWhich" in hands.page
    hands.click("Next →")
    assert "Knot 2\n\nWhich" in hands.page


def test_images_are_loaded_for_one_post_only(data, tmp_path):
    data.write_bytes(jsonl(*(record(n, response=f"![k](https://i.example/{n}.png)") for n in (1, 2))))
    hands = Hands(data, tmp_path / "j.yaml")
    assert "<img" not in hands.page
    hands.click("Images")
    assert '<img src="https://i.example/1.png"' in hands.page
    hands.click("Next →")
    assert "<img" not in hands.page


# ---- bad files -------------------------------------------------------------------------------------------------------

BAD_YAML = {
    "unknown word": (f"{IDS[1]}: accept\n{IDS[0]}: maybe\n", ":2: "),
    "no yaml": (f"{IDS[1]}: accept\n{IDS[0]}: [accept\n", "quay.yaml:"),
    "a tab": (f"{IDS[1]}:\n\t- accept\n", "quay.yaml:"),
    "twice": (f"{IDS[1]}: accept\n\n{IDS[1]}: reject\n", ":3: "),
    "bomb": ("a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{b}, *{b}]\n" for b, c in pairwise("abcdefghijklm")), ":1: "),
}


@pytest.mark.parametrize("bad", BAD_YAML)
def test_a_bad_judgement_file_is_reported_in_one_line_and_kept(hands, bad):
    text, place = BAD_YAML[bad]
    hands.judgements.parent.mkdir()
    hands.judgements.write_text(text)
    hands.click("6")
    hands.type("note", "kept")
    hands.click("Reject")
    assert str(hands.judgements) in hands.status and place in hands.status
    assert "\n" not in hands.status
    assert hands.judgements.read_text() == text
    assert hands.shown == IDS[0]
    hands.judgements.write_text(f"{IDS[1]}: accept\n")
    hands.click("Reject")
    assert hands.file == {IDS[1]: Judgement(True), IDS[0]: Judgement(False, (6,), "kept")}


def test_a_viewer_opened_on_a_bad_judgement_file_works_once_it_is_corrected(data, tmp_path):
    path = tmp_path / "j.yaml"
    path.write_text(f"{IDS[0]}: perhaps\n")
    hands = Hands(data, path)
    assert f"{path}:1: " in hands.status
    hands.click("Accept")
    assert f"{path}:1: " in hands.status
    path.write_text(f"{IDS[0]}: accept\n")
    hands.click("Reload")
    assert hands.shown == IDS[1]
    hands.click("Accept")
    assert set(hands.file) == {IDS[0], IDS[1]}


@pytest.mark.parametrize(
    "button", ["Accept", "Reject", "Skip", "Undo", "← Previous", "Next →", "Next unjudged", "Reload", "Markdown"]
)
def test_every_button_reports_what_is_wrong_with_the_files(tmp_path, button):
    hands = Hands(tmp_path / "absent.jsonl", tmp_path / "j.yaml")
    hands.click(button)
    assert "absent.jsonl: no such file" in hands.status
    assert not (tmp_path / "j.yaml").exists()


def test_an_accept_that_first_opens_the_files_judges_nothing(data, tmp_path):
    away = data.rename(tmp_path / "away")
    hands = Hands(data, tmp_path / "j.yaml")
    away.rename(data)
    hands.click("Accept")
    assert not hands.judgements.exists()
    assert hands.shown == IDS[0]


def test_an_empty_data_file_is_reported(tmp_path):
    (tmp_path / "data.jsonl").touch()
    assert "has no records" in Hands(tmp_path / "data.jsonl", tmp_path / "j.yaml").status


def test_a_bad_line_of_the_data_is_reported_and_can_be_skipped(data, tmp_path):
    data.write_bytes(jsonl(record(1)) + b'{"id": "x"}\n' + jsonl(record(3)))
    hands = Hands(data, tmp_path / "j.yaml")
    hands.click("Next →")
    assert f"{data}:2: " in hands.status
    hands.click("Accept")
    assert not hands.judgements.exists()
    hands.click("Next →")
    assert hands.shown == IDS[2]
    hands.click("Accept")
    assert set(hands.file) == {IDS[2]}


def test_data_that_changes_meanwhile_is_reported_and_can_be_reloaded(hands, data):
    hands.click("Next →")
    data.write_bytes(jsonl(record(7), record(2)))
    hands.click("Next →")
    assert "has changed" in hands.status
    hands.click("Reload")
    assert hands.text("progress").startswith("record 1 of 2")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_reported(data, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    hands = Hands(data, tmp_path / "locked" / "j.yaml")
    hands.click("Accept")
    assert "saved" not in hands.status and "locked" in hands.status


def test_hand_edits_made_while_it_is_open_are_kept_and_shown(hands):
    hands.click("Accept")
    hands.judgements.write_text(hands.judgements.read_text() + f"# by hand\n{IDS[3]}: reject  # mine\n")
    hands.click("Accept")
    assert f"# by hand\n{IDS[3]}: reject  # mine\n" in hands.judgements.read_text()
    assert "1 rejected" in hands.text("progress")
    hands.type("show", "rejected")
    assert hands.shown == IDS[3]


def test_a_judgement_that_someone_else_has_written_is_shown(hands):
    hands.judgements.parent.mkdir()
    hands.judgements.write_text(f"{IDS[1]}: {{judgement: reject, criteria: [3]}}\n")
    hands.click("Next →")
    assert hands.status == "judged: reject 3"
    assert hands.button("3").value


def test_a_judgement_file_of_other_records_is_noticed_before_one_judges_into_it(data, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text("other.stackexchange.com/a/1: accept\nother.stackexchange.com/a/2: reject\n")
    hands = Hands(data, path)
    assert hands.shown == IDS[0] and hands.status == f"none of the 2 judgements in {path} is of a record here"
    hands.click("Accept")
    assert hands.status == f"saved accept · {IDS[0]}"
    hands.click("Reload")
    assert hands.status == ""


def test_two_viewers_on_one_file_lose_nothing(data, tmp_path):
    one, two = Hands(data, tmp_path / "j.yaml"), Hands(data, tmp_path / "j.yaml")
    two.type("goto", "4")
    one.click("Accept")
    two.click("Reject")
    one.click("Accept")
    assert set(one.file) == {IDS[0], IDS[1], IDS[3]}
    assert "3 judged" in one.text("progress")


# ---- conflicts -------------------------------------------------------------------------------------------------------


def asked(hands: Hands) -> str:
    """The text of the conflict that is shown, or nothing."""
    [bar] = [each for each in hands.controls() if "review-conflict" in getattr(each, "_dom_classes", ())]
    return "" if bar.layout.display == "none" else hands.text("conflict-text")


@pytest.fixture
def late(data, tmp_path) -> Hands:
    """A reviewer who saw the first record as accepted before someone else rejected it."""
    path = tmp_path / "j.yaml"
    path.write_text(f"{IDS[0]}: accept\n")
    hands = Hands(data, path)
    hands.type("goto", "1")
    path.write_text(f"{IDS[0]}: {{judgement: reject, criteria: [4], note: their <i>}}\n")
    return hands


THEIRS = Judgement(False, (4,), "their <i>")


def test_what_someone_else_has_judged_meanwhile_is_shown_and_not_overwritten(late):
    late.click("6")
    late.type("note", "mine")
    late.click("Reject")
    assert late.file == {IDS[0]: THEIRS}
    assert "someone else judged this record reject 4: their <i>. Save your reject anyway?" in asked(late)
    assert "not saved" in late.status and "1 rejected" in late.text("progress")
    assert late.shown == IDS[0]
    assert (late.control("note").value, late.button("6").value) == ("mine", True), "what was entered is kept"


def test_the_correction_of_someone_else_is_shown_with_the_conflict(late):
    late.judgements.write_text(f"{IDS[0]}: {{judgement: accept, correction: A <i>knot</i>., corrects: 0}}\n")
    late.click("Reject")
    assert "accept with a correction" in asked(late) and "<i>knot</i>" in asked(late)
    assert "<i>" not in late.control("conflict-text").value


def test_judging_again_asks_again(late):
    late.click("Accept", "Accept", "Reject", "Accept")
    assert late.file == {IDS[0]: THEIRS}
    assert "Save your accept" in asked(late)


def test_save_mine_overwrites_theirs_and_undo_restores_theirs(late):
    late.click("Reject", "6", "Save mine")
    assert late.file == {IDS[0]: Judgement(False, (6,))}
    assert late.status == f"saved reject 6 · {IDS[0]}" and late.shown == IDS[1] and not asked(late)
    late.click("Undo")
    assert late.file == {IDS[0]: THEIRS}


def test_keep_theirs_changes_nothing_and_moves_on(late):
    late.click("Accept", "Keep theirs")
    assert late.file == {IDS[0]: THEIRS}
    assert late.status == "left unchanged: reject 4: their <i>" and late.shown == IDS[1] and not asked(late)


def test_moving_on_keeps_theirs(late):
    late.click("Accept", "Next →")
    assert late.file == {IDS[0]: THEIRS} and not asked(late)
    late.click("Save mine")
    assert late.status == "there is no conflict to resolve"
    late.click("← Previous", "Accept")
    assert late.file == {IDS[0]: Judgement(True)}, "which has been seen by now"


def test_a_click_resolves_only_the_conflict_that_was_shown(late):
    late.click("Accept")
    late.judgements.write_text(f"{IDS[0]}: {{judgement: reject, note: theirs again}}\n")
    late.send("overwrite")
    assert late.file == {IDS[0]: Judgement(False, (), "theirs again")}
    assert "someone else judged this record reject: theirs again" in asked(late)
    [keyboard] = [each for each in late.controls() if hasattr(each, "shown")]
    late.send("overwrite", shown=keyboard.shown - 1)
    assert late.file == {IDS[0]: Judgement(False, (), "theirs again")}
    late.send("overwrite", note="mine")
    assert late.file == {IDS[0]: Judgement(True, (), "mine")}


def test_a_judgement_removed_meanwhile_is_not_restored_without_asking(late):
    late.judgements.write_text("# none\n")
    late.click("Reject")
    assert late.file == {} and "someone else removed the judgement that you saw" in asked(late)
    late.click("Keep theirs")
    assert late.file == {} and late.status == "left unchanged: not judged"
    late.click("← Previous", "Reject")
    assert late.file == {IDS[0]: Judgement(False)}


def test_a_note_that_someone_else_has_added_is_a_conflict(late):
    late.judgements.write_text(f"{IDS[0]}: {{judgement: accept, note: only just}}\n")
    late.click("Accept")
    assert late.file == {IDS[0]: Judgement(True, (), "only just")} and "accept: only just" in asked(late)


def test_the_same_judgement_of_both_is_not_a_conflict_and_there_is_nothing_to_undo(late):
    late.judgements.write_text(f"{IDS[0]}: reject\n")
    late.click("Reject")
    assert not asked(late) and late.shown == IDS[1]
    assert late.status == f"already saved by someone else: reject · {IDS[0]}"
    late.click("Undo")
    assert late.file == {IDS[0]: Judgement(False)}


def test_undo_shows_what_someone_else_has_judged_since(hands):
    hands.click("Accept")
    hands.judgements.write_text(f"{IDS[0]}: {{judgement: reject, note: theirs}}\n")
    hands.click("Undo")
    assert hands.file == {IDS[0]: Judgement(False, (), "theirs")}
    assert hands.status == f"not undone, changed by someone else: reject: theirs · {IDS[0]}"
    assert hands.shown == IDS[0] and hands.control("note").value == "theirs"
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(True)}, "which has been seen by now"


def test_the_last_record_may_be_judged_again_and_again(data, tmp_path):
    data.write_bytes(jsonl(record(1)))
    hands = Hands(data, tmp_path / "j.yaml")
    hands.click("Accept", "4", "Reject", "Accept")
    assert hands.file == {IDS[0]: Judgement(True)}
    assert hands.status == f"saved accept · {IDS[0]} · all judged: 1 accepted, 0 rejected"
    hands.judgements.write_text(f"{IDS[0]}: reject\n")
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(False)} and asked(hands)


REVIEWER = """
import random, sys
from tests.test_viewer import Hands, asked
name, draw = sys.argv[3], random.Random(sys.argv[3])
hands, mine = Hands(sys.argv[1], sys.argv[2]), []

def log(record, before, after):
    print(record, before, after, sep="\\t", flush=True)

for number in range(500):
    hands.type("goto", str(draw.randint(1, 5)))
    record, seen = hands.shown, hands.status.removeprefix("judged: ")
    hands.type("note", f"{name}{number}")
    hands.click(draw.choice(["Accept", "Reject"]))
    while question := asked(hands):
        log(record, "asked", question)
        seen = question.partition("someone else judged this record ")[2].partition(". Save your")[0]
        hands.click(draw.choice(["Save mine", "Keep theirs"]))
    if hands.status.startswith("saved "):
        mine.append((record, seen, hands.status.removeprefix("saved ").partition(" · ")[0]))
        log(*mine[-1])
    if mine and draw.random() < 0.2:
        hands.click("Undo")
        record, seen, saved = mine.pop()
        if hands.status.startswith("undone "):
            log(record, saved, seen)
"""


@pytest.mark.slow
def test_two_reviewers_overwrite_only_what_they_have_seen(data, tmp_path):
    """Each logs what it wrote over what it saw. One after the other these steps lead from the empty file to its final
    state: a judgement that was overwritten unseen would be left twice, but reached once."""
    path = tmp_path / "j.yaml"
    command = [sys.executable, "-c", REVIEWER, str(data), str(path)]
    reviewers = [
        subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in ("ann", "bob")
    ]
    steps_taken = [
        line.rstrip("\n").split("\t") for reviewer in reviewers for line in reviewer.communicate()[0].splitlines()
    ]
    assert [reviewer.returncode for reviewer in reviewers] == [0, 0]

    steps = {record_id: Counter() for record_id in IDS}
    for record_id, before, after in steps_taken:
        if before != "asked":
            steps[record_id][before] -= 1
            steps[record_id][after] += 1
    for record_id, judgement in load_judgements(path).items():
        word = "accept" if judgement.accepted else "reject"
        steps[record_id][f"{word}: {judgement.note}"] -= 1
        steps[record_id][""] += 1
    assert {record_id: {what for what, count in each.items() if count} for record_id, each in steps.items()} == {
        record_id: set() for record_id in IDS
    }
    assert sum(before == "asked" for _, before, _ in steps_taken) > 20, "too few conflicts to test anything"


# ---- several reviewers, and models -----------------------------------------------------------------------------------


def test_a_reviewer_has_a_file_of_her_own(data, tmp_path):
    shared = tmp_path / "quay.yaml"
    shared.write_text(f"{IDS[0]}: reject\n")
    hands = Hands(data, shared, reviewer="ann")
    assert hands.shown == IDS[0] and hands.status == ""
    hands.click("Accept")
    assert load_judgements(tmp_path / "quay.ann.yaml") == {IDS[0]: Judgement(True)}
    assert shared.read_text() == f"{IDS[0]}: reject\n"


@pytest.mark.parametrize("name", ["", "../ann", "a b", "-", ".", 3, ["ann"]])
def test_a_reviewer_whose_name_cannot_name_a_file_is_told_so(data, tmp_path, name):
    hands = Hands(data, tmp_path / "quay.yaml", reviewer=name)
    assert hands.status == f"reviewer={name!r}: give a name of letters, digits, `-` and `_`, such as ann"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "x"}, "seed='x': give a whole number from 0 to 2147483647"),
        ({"seed": -1}, "seed=-1: give a whole number"),
        ({"seed": None}, "seed=None: give a whole number"),
        ({"seed": 2**31}, "seed=2147483648: give a whole number"),
        ({"models": 3}, "models=3: give the path of a file"),
        ({"models": ["model.yaml", None]}, "models=None: give the path of a file"),
        ({"models": b"model.yaml"}, "models=b'model.yaml': give the path of a file"),
        ({"models": ""}, "models='': give the path of a file"),
        ({"disputes": True}, "disputes=True: give the path of a file"),
        ({"disputes": "ann.yaml, ben.yaml"}, "disputes: ann.yaml, ben.yaml alone differs from nobody; give two"),
        ({"suggest": "no"}, "suggest='no': give True or False"),
    ],
)
def test_an_argument_of_another_kind_is_told_in_one_line(data, tmp_path, options, message):
    hands = Hands(data, tmp_path / "quay.yaml", **options)
    assert hands.status.startswith(message)
    hands.click("Accept")
    assert hands.status.startswith(message) and not hands.judgements.exists()


@pytest.mark.parametrize("wrong", [None, 3, "", "a\0b", ["a.jsonl", "b.jsonl"]])
def test_a_file_that_is_no_path_is_told_in_one_line(data, tmp_path, wrong):
    assert Hands(wrong, tmp_path / "quay.yaml").status == f"data_path={wrong!r}: give the path of a file"
    assert Hands(data, wrong).status == f"judgement_path={wrong!r}: give the path of a file"


@pytest.mark.parametrize("reviewer", [None, "ann"])
@pytest.mark.parametrize("name", ["data.jsonl", "new.yaml.gz", ".", "folder/"])
def test_judgements_are_not_written_to_what_is_no_yaml_file(data, tmp_path, monkeypatch, name, reviewer):
    """Such as when the two paths are in the wrong order, or only the folder is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    hands = Hands(data, name, reviewer=reviewer)
    hands.click("Accept")
    assert hands.status == f"judgement_path={name!r}: give the path of a YAML file"
    assert sorted(os.listdir()) == ["data.jsonl", "folder"]


def test_none_and_generators_are_lists_of_files_too(data, tmp_path, two_files):
    hands = Hands(data, tmp_path / "third.yaml", disputes=(path for path in two_files), models=None)
    hands.click("Reload")
    assert hands.text("progress").startswith("record 1 of 2")


@pytest.fixture
def two_files(tmp_path) -> list[Path]:
    """Ann and Ben agree on 1 and 2, differ on 3 and 5, and each has one of the others alone."""
    ann, ben = tmp_path / "ann.yaml", tmp_path / "ben.yaml"
    ann.write_text(f"{IDS[0]}: accept\n{IDS[1]}: reject\n{IDS[2]}: accept\n{IDS[3]}: accept\n{IDS[4]}: reject\n")
    ben.write_text(
        f"{IDS[0]}: accept\n{IDS[1]}: {{judgement: reject, criteria: [2]}}\nhttps://{IDS[4]}: accept\n"
        f"{IDS[2]}: {{judgement: reject, criteria: [4], note: names <Bob>}}\n"
    )
    return [ann, ben]


def test_disputes_shows_what_reviewers_differ_on_and_writes_a_third_file(data, tmp_path, two_files):
    before = [path.read_bytes() for path in two_files]
    hands = Hands(data, tmp_path / "third.yaml", disputes=two_files)
    assert hands.shown == IDS[2]
    assert hands.text("reviews") == "ann acceptben reject 4: names <Bob>"
    assert hands.text("progress").startswith("record 1 of 2 · 0 judged (0 %)")
    hands.click("Accept")
    assert hands.shown == IDS[4]
    hands.click("Reject")
    assert hands.status.endswith("all judged: 1 accepted, 1 rejected")
    assert hands.file == {IDS[2]: Judgement(True), IDS[4]: Judgement(False)}
    assert [path.read_bytes() for path in two_files] == before
    hands.type("goto", "1")
    assert hands.shown == IDS[2]
    hands.type("goto", IDS[0])
    assert hands.status == f"{IDS[0]}: is not one of the 2 records to review here" and hands.shown == IDS[2]


def test_two_corrections_of_an_answer_are_a_dispute(data, tmp_path, two_files):
    for path, text in zip(two_files, "xy", strict=True):
        path.write_text(f"{IDS[1]}: {{judgement: accept, correction: {text}, corrects: 0}}\n{IDS[0]}: accept\n")
    assert Hands(data, tmp_path / "third.yaml", disputes=two_files).shown == IDS[1]


def test_corrections_of_others_are_shown_as_what_they_change(data, tmp_path, two_files):
    """Never as HTML of their own; of another text with a warning; folded if much is changed."""
    answer, digest = record(2)["response"], digest_of(record(2)["response"])
    corrections = (answer.replace("bowline", "<b onclick=x>sheet bend</b>"), "\n".join(map(str, range(900))))
    for path, correction, corrects in zip(two_files, corrections, (digest, "0"), strict=True):
        fields = {"judgement": "accept", "correction": correction, "corrects": corrects}
        path.write_text(f"{IDS[1]}: {json.dumps(fields)}\n")
    hands = Hands(data, tmp_path / "third.yaml", disputes=two_files)
    shown = hands.control("reviews").value
    assert re.findall("<(?:del|ins)>.*?</(?:del|ins)>", shown)[:2] == [
        "<del>bowline</del>",
        "<ins>&lt;b onclick=x&gt;sheet bend&lt;/b&gt;</ins>",
    ]
    assert re.findall("<details.*?</summary>", shown) == [
        '<details class="review-correction" open><summary>the correction</summary>',
        '<details class="review-correction"><summary>the correction, which was made of another text than this answer'
        "</summary>",
    ]


def test_one_of_the_corrections_is_taken_from_a_list(data, tmp_path, two_files):
    answer = record(2)["response"]
    for path, knot in zip(two_files, ("sheet bend", "reef knot"), strict=True):
        fields = {"judgement": "accept", "correction": answer.replace("bowline", knot), "corrects": digest_of(answer)}
        path.write_text(f"{IDS[1]}: {json.dumps(fields)}\n")
    hands = Hands(data, tmp_path / "third.yaml", disputes=two_files)
    hands.click("Correct")
    labels = [label for label, _ in hands.control("corrections").options]
    assert labels == ["corrections of others", "take the correction of ann", "take the correction of ben"]
    assert hands.control("corrections").label == labels[0]
    for knot in ("sheet bend", "reef knot"):
        hands.type("corrections", answer.replace("bowline", knot))
        assert hands.editor.value == answer.replace("bowline", knot)
        assert f"<ins>{knot}</ins>" in hands.control("difference").value
    hands.click("Accept")
    [judgement] = hands.file.values()
    assert judgement == Judgement(True, correction=hands.editor.value, corrects=digest_of(answer))


def test_without_corrections_of_others_there_is_no_list_of_them(hands):
    hands.click("Correct")
    assert hands.control("corrections").layout.display == "none"


def test_reviewers_who_agree_have_no_disputes(data, tmp_path, two_files):
    two_files[1].write_bytes(two_files[0].read_bytes())
    hands = Hands(data, tmp_path / "third.yaml", disputes=two_files)
    assert hands.status == "no record is in dispute" and hands.text("about") == ""
    hands.click("Accept")
    assert not hands.judgements.exists()
    two_files[0].write_text("other.stackexchange.com/a/1: accept\n")
    two_files[1].write_text("other.stackexchange.com/a/1: reject\n")
    hands.click("Reload")
    assert hands.status == "the 1 records in dispute are not here"


def test_disputes_needs_two_files_besides_the_one_to_write_to(data, tmp_path, two_files):
    ann, ben = two_files
    assert "alone differs from nobody" in Hands(data, tmp_path / "third.yaml", disputes=ann).status
    assert f"{ann}: is the file to write to as well" in Hands(data, ann, disputes=[ann, ben]).status
    assert "gone.yaml: no such file" in Hands(data, tmp_path / "t.yaml", disputes=[ann, tmp_path / "gone.yaml"]).status
    (tmp_path / "link.yaml").symlink_to(ann)
    twice = f"{tmp_path / 'link.yaml'}: is given twice (as {ann}); give each judgement file once"
    assert Hands(data, tmp_path / "third.yaml", disputes=[ann, tmp_path / "link.yaml"]).status == twice
    assert Hands(data, tmp_path / "third.yaml", disputes=two_files, models=tmp_path / "link.yaml").status == twice
    assert Hands(data, tmp_path / "third.yaml", disputes=[ann, ann]).status.startswith(f"{ann}: is given twice; ")


@pytest.fixture
def by_model(tmp_path) -> Path:
    path = tmp_path / "model.yaml"
    path.write_text(f"{IDS[0]}: {{judgement: reject, criteria: [6], note: links, model: tiny}}\n")
    return path


def test_a_model_is_shown_only_after_the_reviewer(data, tmp_path, by_model):
    hands = Hands(data, tmp_path / "mine.yaml", models=by_model)
    assert hands.shown == IDS[0] and "links" not in hands.text("reviews") + hands.status
    hands.click("Accept")
    assert hands.status == f"saved accept · {IDS[0]} · tiny reject 6: links"
    assert hands.text("reviews") == ""
    hands.click("← Previous")
    assert hands.text("reviews") == "model reject 6: links"
    assert hands.file == {IDS[0]: Judgement(True)}


def test_suggestions_of_a_model_are_shown_before_on_request_and_fill_in_nothing(data, tmp_path, by_model):
    hands = Hands(data, tmp_path / "mine.yaml", models=[by_model], suggest=True)
    assert hands.text("reviews") == "model reject 6: links"
    assert not hands.button("6").value and hands.control("note").value == ""


def test_what_a_model_says_is_in_dispute_with_nobody_and_shown_after_the_reviewer(data, tmp_path, two_files, by_model):
    """Also in the file of a reviewer, such as one that begins as a model's."""
    ann, ben = two_files
    ann.write_text(f"{IDS[0]}: {{judgement: accept, model: tiny}}\n{IDS[2]}: {{judgement: reject, model: tiny}}\n")
    ben.write_text(f"{IDS[0]}: reject\n{IDS[2]}: accept\n")
    cid = tmp_path / "cid.yaml"
    cid.write_text(f"{IDS[2]}: reject\n")
    hands = Hands(data, tmp_path / "third.yaml", disputes=[ann, ben, cid])
    assert f"disputes: {ann} has judgements by models alone; give it as models={str(ann)!r}" == hands.status
    ann.write_text(ann.read_text() + f"{IDS[1]}: accept\n")
    hands = Hands(data, tmp_path / "third.yaml", disputes=[ann, ben, cid])
    assert hands.shown == IDS[2] and hands.text("reviews") == "ben acceptcid reject"
    assert hands.text("progress").startswith("record 1 of 1")
    hands.click("Accept")
    assert "tiny reject" in hands.status
    hands.type("goto", "1")
    assert hands.text("reviews") == "ben acceptcid rejecttiny reject"


@pytest.mark.parametrize("suggest", [False, True])
def test_what_a_model_says_in_the_reviewer_s_own_file_is_not_judged_yet(data, by_model, suggest):
    text = by_model.read_text()
    hands = Hands(data, by_model, suggest=suggest)
    assert hands.shown == IDS[0] and "0 judged" in hands.text("progress")
    assert hands.text("reviews") == ("tiny reject 6: links" if suggest else "") and not hands.button("6").value
    hands.click("Accept")
    assert hands.file == {IDS[0]: Judgement(True)}
    assert hands.status == f"saved accept · {IDS[0]} · tiny reject 6: links"
    hands.click("Undo")
    assert by_model.read_text() == text
