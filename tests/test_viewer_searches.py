"""Filters and orders over large files: what they need is computed once, in the background, and nobody waits for it."""

import threading
from collections import Counter

import pytest

from records.errors import InputError
from review.criteria import Finding
from review.judgements import JudgementFile
from review.learner import bits_of
from tests.conftest import jsonl, record
from tests.test_viewer import Hands
from viewer.queue import Filter, Queue
from viewer.record_facts import RecordFacts, facts_in_background
from viewer.record_file import RecordFile
from viewer.searches import Searches

MANY = 300


class Finder:
    """Finds something against criterion 4 in every tenth answer, and counts what it is asked for, by thread."""

    def __init__(self):
        self.asked: Counter[str] = Counter()
        self.threads: Counter[threading.Thread] = Counter()
        self.gate = threading.Event()  # for all threads but that of the test
        self.gate.set()
        self.waiting = threading.Semaphore(0)

    def __call__(self, row: dict) -> list[Finding]:
        thread = threading.current_thread()
        if thread is not threading.main_thread():
            if not self.gate.is_set():
                self.waiting.release()
            assert self.gate.wait(60)
        self.asked[row.get("id", "")] += 1
        self.threads[thread] += 1
        return [Finding(4, "why", 0, 1)] if "id" in row and row["meta"]["answer_id"] % 10 == 9 else []


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(jsonl(*(record(number, score=number % 7) for number in range(MANY))))
    return path


# ---- facts -----------------------------------------------------------------------------------------------------------


def test_findings_are_computed_once_in_the_background_and_filters_then_compute_nothing(path, tmp_path, finder):
    facts = facts_in_background(RecordFile(path), finder)
    facts.wait()
    assert len(finder.asked) == MANY and set(finder.asked.values()) == {1}
    queue = Queue(facts.records, JudgementFile(tmp_path / "j.yaml"), facts)
    for criteria, first in (({4}, 9), ({1, 4}, 9), ({2}, None)):
        queue.filter = Filter(criteria=frozenset(criteria))
        assert queue.first() == first
    assert finder.asked.total() == MANY


def test_a_filter_computes_what_is_not_known_yet_and_keeps_it(path, tmp_path, finder):
    records = RecordFile(path)
    queue = Queue(records, JudgementFile(tmp_path / "j.yaml"), RecordFacts(records, finder))
    queue.filter = Filter(criteria=frozenset({4}))
    calls: list[int] = []
    assert queue.first(calls.append) == 9 and calls == list(range(1, 11))
    assert queue.next(9) == 19 and queue.next(19, -1) == 9
    assert finder.asked.total() == 20


def test_scores_are_read_once(path, tmp_path, finder):
    facts = facts_in_background(RecordFile(path), finder)
    facts.wait()
    queue, progress = Queue(facts.records, JudgementFile(tmp_path / "j.yaml"), facts), list[int]()
    assert list(queue.by_score(progress.append)[:3]) == [6, 13, 20] and progress == []


def test_lines_that_are_not_records_have_no_findings(path, finder):
    path.write_bytes(b"{}\n" + jsonl(record(9)))
    facts = facts_in_background(RecordFile(path), finder)
    facts.wait()
    assert [facts.findings(number) for number in (0, 1)] == [bits_of([0]), bits_of([0, 4])]


def test_the_background_waits_while_the_reviewer_is_served(path, finder):
    facts = RecordFacts(RecordFile(path), finder)
    with facts.paused():
        facts.start()
        with facts.paused():
            pass
        assert not facts.is_known(0) and finder.asked == {}
    facts.wait()
    assert len(finder.asked) == MANY


def test_the_background_ends_with_the_record_that_it_works_on(path, finder):
    finder.gate.clear()
    facts = RecordFacts(RecordFile(path), finder)
    facts.start()
    assert finder.waiting.acquire(timeout=60)
    facts.stop()
    finder.gate.set()
    facts.wait()
    assert finder.asked.total() == 1


def test_a_viewer_of_the_same_file_goes_on_with_what_is_known_and_one_of_a_changed_file_begins_again(path, finder):
    first = facts_in_background(RecordFile(path), finder)
    first.wait()
    facts_in_background(RecordFile(path), finder).wait()
    assert finder.asked.total() == MANY
    path.write_bytes(jsonl(record(9)))
    facts_in_background(RecordFile(path), finder).wait()
    assert finder.asked.total() == MANY + 1


# ---- searches in the viewer ------------------------------------------------------------------------------------------


@pytest.fixture
def hands(path, tmp_path, finder, monkeypatch) -> Hands:
    monkeypatch.setattr("viewer.widget.find_problems", finder)
    monkeypatch.setattr("viewer.searches.PATIENCE", 0.01)
    finder.gate.clear()  # until the test opens it, nothing is known in the background
    return Hands(path, tmp_path / "j.yaml")


def choose(hands: Hands, criterion: str) -> None:
    """Choose a filter by findings, and do not wait for what it finds."""
    control = hands.control("findings-filter")
    control.value = dict(control.options)[criterion]


def test_a_search_that_takes_long_shows_its_hit_when_it_comes(hands, finder):
    choose(hands, "criterion 4")
    assert hands.shown.endswith("/a/0"), "the record on show stays"
    finder.gate.set()
    hands.viewer.wait()
    assert hands.shown.endswith("/a/9")


def test_another_filter_ends_a_search(hands, finder):
    choose(hands, "criterion 2")  # which nothing fails
    searching = hands.viewer._searches._thread
    assert finder.waiting.acquire(timeout=60) and finder.waiting.acquire(timeout=60)  # background and search
    hands.type("search", "no such words")
    choose(hands, "findings: all")
    hands.control("search").value = "tied 17 times"
    finder.gate.set()
    hands.viewer.wait()
    assert hands.shown.endswith("/a/17")
    searching.join(60)
    assert finder.threads[searching] <= 1 and not searching.is_alive()


def test_a_judgement_can_be_made_while_a_search_goes_on_and_ends_it(hands, finder):
    choose(hands, "criterion 4")
    hands.button("Accept").click()
    assert (
        list(hands.file) == ["quay.stackexchange.com/a/0"] and hands.status == f"saved accept · {list(hands.file)[0]}"
    )
    finder.gate.set()
    hands.viewer.wait()
    assert hands.shown.endswith("/a/9") and hands.status.startswith("saved accept")


def test_an_order_that_takes_long_is_used_when_it_is_known(path, tmp_path, monkeypatch):
    monkeypatch.setattr("viewer.searches.PATIENCE", 0)
    hands = Hands(path, tmp_path / "j.yaml")
    hands.type("order", "by score")
    assert hands.shown.endswith("/a/6")
    hands.click("Next →")
    assert hands.shown.endswith("/a/13")


def test_a_judgement_does_not_lose_the_order_that_is_being_computed(path, tmp_path, monkeypatch):
    gate, by_score = threading.Event(), Queue.by_score

    def slowly(queue, on_progress):
        if not gate.is_set():
            assert gate.wait(60)
            on_progress(0)
        return by_score(queue, on_progress)

    monkeypatch.setattr(Queue, "by_score", slowly)
    hands = Hands(path, tmp_path / "j.yaml")
    hands.control("order").value = "by score"
    hands.button("Accept").click()
    gate.set()
    hands.viewer.wait()
    assert hands.shown.endswith("/a/7")  # the next one with a score of 0, as the accepted one has


# ---- searches alone --------------------------------------------------------------------------------------------------


@pytest.fixture
def searches(monkeypatch) -> Searches:
    monkeypatch.setattr("viewer.searches.PATIENCE", 0.01)
    monkeypatch.setattr("viewer.searches.BETWEEN_NEWS", 0)
    told: list[object] = []

    def do(act) -> None:
        try:
            act()
        except InputError as error:
            told.append(str(error))

    lock = threading.RLock()
    searches = Searches(lock, do, told.append)
    searches.lock, searches.told = lock, told
    return searches


def test_nothing_comes_of_a_search_that_was_abandoned(searches):
    begun, go_on, found, ended = threading.Event(), threading.Event(), [], []

    def search(on_progress):
        begun.set()
        assert go_on.wait(60)
        try:
            on_progress(5)
        finally:
            ended.append("first")
        return "first"

    with searches.lock:
        searches.run(search, found.append)
        assert begun.wait(60)
        first = searches._thread
        searches.run(lambda on_progress: "second", found.append)
    searches.wait()
    go_on.set()
    first.join(60)
    assert found == ["second"] and ended == ["first"] and searches.told == []


def test_late_news_and_late_errors_are_told(searches):
    go_on = threading.Event()

    def search(on_progress):
        assert go_on.wait(60)
        on_progress(1000)
        raise InputError("no such thing")

    with searches.lock:
        searches.run(search, lambda result: None)
        assert searches.told == []
    go_on.set()
    searches.wait()
    assert searches.told == [1000, "no such thing"]
