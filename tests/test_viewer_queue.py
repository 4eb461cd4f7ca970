"""Orders, filters, moving, undo and progress: what the viewer shows next, without the viewer."""

import json
import subprocess
import sys
from collections import namedtuple

import pytest

from records.errors import InputError
from review.judgements import ConflictError, Judgement, JudgementFile, load_judgements
from review.learner import FEWEST
from tests.conftest import ROOT, jsonl, record
from viewer.learnt_orders import least_certain_first, most_likely_good_first
from viewer.queue import BREAK, PACE_OVER, SHOW, Filter, Pace, Queue
from viewer.record_facts import RecordFacts
from viewer.record_file import RecordFile

SITE = "quay.stackexchange.com/a"
ACCEPT, REJECT = Judgement(True), Judgement(False, (4,), "why")
Finding = namedtuple("Finding", "criterion")


@pytest.fixture
def queue_of(tmp_path):
    """A queue over records, with `judgements` as the text of their judgement file."""

    def build(*records, judgements: str = "", **options) -> Queue:
        (tmp_path / "records.jsonl").write_bytes(jsonl(*records))
        (tmp_path / "judgements.yaml").write_text(judgements)
        return Queue(RecordFile(tmp_path / "records.jsonl"), JudgementFile(tmp_path / "judgements.yaml"), **options)

    return build


TEN = [record(number) for number in range(10)]


def shown(queue: Queue, step: int = 1) -> list[int]:
    """All records in the order in which the queue shows them, forwards or from the last one back."""
    number, numbers = queue.first(), []
    while number is not None:
        numbers.append(number)
        number = queue.next(number)
    if step < 0 and numbers:
        backwards, number = [], numbers[-1]
        while number is not None:
            backwards.append(number)
            number = queue.next(number, -1)
        return backwards
    return numbers


# ----------------------------------------------------------------------------------------------------------------------
# orders
# ----------------------------------------------------------------------------------------------------------------------


def test_file_order_is_the_first_and_comes_back(queue_of):
    queue = queue_of(*TEN)
    assert shown(queue) == list(range(10)) and shown(queue, -1) == list(range(9, -1, -1))
    queue.order = queue.at_random(1)
    queue.order = queue.by_file()
    assert shown(queue) == list(range(10))


def test_random_order_has_all_records_and_depends_on_the_seed_alone(queue_of):
    queue = queue_of(*TEN)
    orders = []
    for seed in (1, 2, 1):
        queue.order = queue.at_random(seed)
        orders.append(shown(queue))
        assert shown(queue, -1) == orders[-1][::-1]
    assert orders[0] == orders[2] != orders[1] and sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != list(range(10))


def test_order_by_score_has_the_highest_first_and_records_without_a_score_last(queue_of):
    scores = [3, None, 12, -4, 12, "7", 0, 3]
    records = [record(number, meta={"answer_score": score}) for number, score in enumerate(scores)]
    records.append(record(8, score=5) | {"meta": {}})
    queue, progress = queue_of(*records), []
    queue.order = queue.by_score(progress.append)
    assert shown(queue) == [2, 4, 0, 7, 6, 3, 1, 5, 8] and progress == [0]


@pytest.mark.slow
def test_order_by_uncertainty_has_those_between_accepted_and_rejected_first(queue_of):
    """Accepted answers are about knots, rejected ones about a blog: those about both are the least certain."""
    knots, blog = "a bowline holds well when the rope is dry", "my own blog says more about it, see there"
    responses = [knots if number % 2 else blog for number in range(80)] + [f"{knots}, and {blog}"] * 3
    records = [record(number, response=text) for number, text in enumerate(responses)]
    judgements = "".join(f"{SITE}/{number}: {'accept' if number % 2 else 'reject'}\n" for number in range(FEWEST))
    queue = queue_of(*records, judgements=judgements)
    queue.order = queue.by_uncertainty(0)
    order = shown(queue)
    assert set(order[:3]) == {80, 81, 82} and set(order[3:33]) == set(range(FEWEST, 80))
    assert order[33:] == list(range(FEWEST)), "judged records come last, in file order"


@pytest.mark.slow
def test_order_by_likelihood_has_those_like_the_accepted_first(queue_of):
    knots, blog = "a bowline holds well when the rope is dry", "my own blog says more about it, see there"
    records = [record(number, response=knots if number % 2 else blog) for number in range(80)]
    judgements = "".join(f"{SITE}/{number}: {'accept' if number % 2 else 'reject'}\n" for number in range(FEWEST))
    queue = queue_of(*records, judgements=judgements + f"{SITE}/51: later\n")
    queue.order = queue.by_likelihood(0)
    order = shown(queue)
    assert order[:14] == list(range(53, 80, 2)) and order[14:29] == list(range(50, 80, 2))
    assert order[29:] == [*range(FEWEST), 51], "judged records come last, also those to be judged later"


@pytest.mark.slow
def test_the_learnt_orders_know_what_the_machine_finds(queue_of):
    """All answers have the same words; those that are rejected have a finding of criterion 4."""
    queue = queue_of(*(record(number, response="the same") for number in range(60)))
    facts = RecordFacts(queue.records, lambda each: [Finding(4)] * (each["meta"]["answer_id"] % 2))
    calls: list[int] = []
    judged = {number: number % 2 == 0 for number in range(FEWEST)}
    order = most_likely_good_first(facts, judged, range(FEWEST, 60), 0, calls.append)
    assert order == [50, 52, 54, 56, 58, 51, 53, 55, 57, 59]
    assert calls == list(range(60)), "each computation of findings can be ended"


UNCERTAIN = """
import sys
from viewer.record_facts import RecordFacts
from viewer.record_file import RecordFile
from viewer.record_facts import RecordFacts
from viewer.learnt_orders import least_certain_first
facts = RecordFacts(RecordFile(sys.argv[1]))
print(least_certain_first(facts, {number: number % 3 > 0 for number in range(60)}, range(60, 98), 3))
"""


@pytest.mark.slow
def test_order_by_uncertainty_is_the_same_in_every_process(sample_records):
    command = [sys.executable, "-c", UNCERTAIN, sample_records]
    order = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert order == least_certain_first(
        RecordFacts(RecordFile(sample_records)), {number: number % 3 > 0 for number in range(60)}, range(60, 98), 3
    )
    assert sorted(order) == list(range(60, 98)) != order


def test_order_by_uncertainty_draws_from_many_records(queue_of, monkeypatch):
    monkeypatch.setattr("viewer.learnt_orders.SCORED", 20)
    records = [record(number) for number in range(200)]
    judged = {number: number % 2 == 0 for number in range(FEWEST)}
    queue = queue_of(*records)
    first, again, other = (least_certain_first(queue.facts, judged, range(FEWEST, 200), seed) for seed in (1, 1, 2))
    assert first == again and len(set(first)) == 20 and set(first) != set(other)
    assert not set(first) & judged.keys()


def test_the_learnt_orders_draw_from_the_records_to_review_alone(queue_of, monkeypatch):
    """Of 20 that may be drawn, none is wasted on records that are judged, for later too, or not to be reviewed here."""
    monkeypatch.setattr("viewer.learnt_orders.SCORED", 20)
    judgements = "".join(f"{SITE}/{number}: {'accept' if number % 2 else 'reject'}\n" for number in range(FEWEST))
    queue = queue_of(
        *(record(number) for number in range(400)),
        judgements=judgements + "".join(f"{SITE}/{number}: later\n" for number in range(FEWEST, 70)),
        only=[f"{SITE}/{number}" for number in range(90)],
    )
    assert set(queue.by_uncertainty(0)[:20]) == set(queue.by_likelihood(1)[:20]) == set(range(70, 90))
    assert sorted(queue.by_uncertainty(0)) == list(range(400))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "needs 50 judgements to learn from, and there are 0"),
        (["accept", "reject"] * 24 + ["accept"], "needs 50 judgements to learn from, and there are 49"),
        (["accept"] * 60, "needs accepted and rejected records to learn from, and all 60 judgements are the same"),
        (["accept", "reject"] * 25, None),
    ],
)
def test_order_by_uncertainty_needs_accepted_and_rejected_records(queue_of, words, reason):
    judgements = "".join(f"{SITE}/{number}: {word}\n" for number, word in enumerate(words))
    queue = queue_of(*(record(number) for number in range(60)), judgements=judgements)
    if reason is None:
        queue.order = queue.by_uncertainty(0)
    else:
        with pytest.raises(InputError, match=reason):
            queue.order = queue.by_uncertainty(0)
    assert sorted(shown(queue)) == list(range(60))


def test_missing_scikit_learn_is_reported(queue_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)  # as Python marks what cannot be imported
    queue = queue_of(*TEN)
    with pytest.raises(InputError, match="needs scikit-learn: pip install scikit-learn"):
        least_certain_first(queue.facts, {number: number % 2 == 0 for number in range(FEWEST)}, [9], 0)


def test_any_responses_can_be_put_in_order_by_uncertainty(queue_of):
    """Empty ones, ones without a word, equal ones, and lines that are not records."""
    records = [record(number, response=("", "!", "?" * 30_000)[number % 3]) for number in range(60)]
    queue = queue_of(*records, {"no": "record"})
    judged = {number: number % 2 == 0 for number in range(FEWEST)}
    order = least_certain_first(queue.facts, judged, range(FEWEST, 61), 0)
    assert sorted(order) == list(range(FEWEST, 61))
    assert least_certain_first(queue.facts, judged, [], 0) == []


# ----------------------------------------------------------------------------------------------------------------------
# filters and moving
# ----------------------------------------------------------------------------------------------------------------------

JUDGED = f"{SITE}/1: accept\n{SITE}/4: reject\n{SITE}/5: accept\n{SITE}/77: accept\n"


@pytest.mark.parametrize(
    ("show", "numbers"),
    [
        ("all", list(range(10))),
        ("judged", [1, 4, 5]),
        ("unjudged", [0, 2, 3, 6, 7, 8, 9]),
        ("accepted", [1, 5]),
        ("rejected", [4]),
    ],
)
def test_filter_by_judgement(queue_of, show, numbers):
    queue = queue_of(*TEN, judgements=JUDGED)
    queue.filter = Filter(show)
    assert shown(queue) == numbers and shown(queue, -1) == numbers[::-1]
    queue.order = queue.at_random(4)
    assert sorted(shown(queue)) == numbers
    assert show in SHOW


def test_filter_by_text_searches_question_and_answer_and_ignores_case(queue_of):
    records = [
        record(0, response="A BOWLINE\nand"),
        record(1, instruction='say "bowline"'),
        record(2, response="Straße"),
        record(3, meta={"title": "bowline"}, instruction="x", response="y"),
        record(4, instruction="x", response="y"),
    ]
    queue = queue_of(*records, {"no": "record"}, {"response": 5})
    for text, numbers in (("bowline", [0, 1]), ('"Bow', [1]), ("line\nAND", [0]), ("STRASSE", [2]), ("none", [])):
        queue.filter = Filter(text=text)
        assert shown(queue) == numbers, text


def test_filter_by_findings(queue_of):
    queue = queue_of(*TEN)
    queue.facts = RecordFacts(queue.records, lambda record: [Finding(4), Finding(record["meta"]["answer_id"])])
    for criteria, numbers in (({2, 7}, [2, 7]), ({4}, list(range(10))), ({1}, [1])):
        queue.filter = Filter(criteria=frozenset(criteria))
        assert shown(queue) == numbers
    queue.filter = Filter("unjudged", frozenset({2, 7}), "answer 7")
    assert shown(queue) == [7]


def test_next_unjudged_wraps_around_and_stays_only_if_no_other_record_is_left(queue_of):
    queue = queue_of(*TEN[:4], judgements=f"{SITE}/1: accept\n")
    assert [queue.next_unjudged(number) for number in range(4)] == [2, 2, 3, 0]
    queue.filter = Filter("accepted")
    assert queue.next_unjudged(1) == 2, "whatever judgements the filter asks for"
    queue.filter = Filter(text="answer 3")
    assert [queue.next_unjudged(number) for number in range(4)] == [3, 3, 3, 3]
    queue.filter = Filter()
    for number in (0, 2, 3):
        queue.judge(number, ACCEPT, seen=None)
    assert queue.next_unjudged(1) is None


def test_go_to_takes_a_number_counted_from_one_or_an_id(queue_of):
    queue = queue_of(*TEN, record(0, id="7"))
    for text, number in (("1", 0), (" 10 ", 9), (f"{SITE}/3", 3), (f" {SITE}/3\n", 3), ("7", 10)):
        assert queue.go_to(text) == number
    for address in (f"https://{SITE}/3", f"https://{SITE}/3/99", "https://quay.stackexchange.com/questions/1/why/3#3"):
        assert queue.go_to(address) == 3
    for text in ("0", "12", "", "-1", f"{SITE}/33", f"https://{SITE}/33", "٣", "9" * 5000, "²"):
        with pytest.raises(InputError, match=r"is neither an id nor a number from 1 to 11"):
            queue.go_to(text)


def test_judgements_and_records_are_named_by_id_or_by_address(queue_of):
    records = [*TEN, record(0, id="https://docs.example.com/a/7"), record(0, id="docs.example.com/questions/1/why/8")]
    records.append(record(0, id="docs.example.com/questions/1#9"))
    queue = queue_of(*records, judgements=f"https://{SITE}/3: accept\ndocs.example.com/a/7: reject\n")
    assert queue.judgement(3) == Judgement(True) and queue.judgement(10) == Judgement(False)
    for number in (3, 10, 11, 12):
        queue.judge(number, Judgement(False, (6,)), seen=queue.judgement(number))
        assert queue.judgement(number) == Judgement(False, (6,))
        assert queue.go_to(records[number]["id"]) == number


def test_long_search_reports_progress_and_can_be_ended(queue_of):
    queue = queue_of(*(record(number) for number in range(3_500)))
    queue.filter = Filter(text="none")
    progress = []
    assert queue.first(progress.append) is None and progress == [1000, 2000, 3000]

    def end(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.next(0, 1, end)


# ----------------------------------------------------------------------------------------------------------------------
# judging
# ----------------------------------------------------------------------------------------------------------------------


def undone(queue):
    change = queue.undo()
    return change and change.number


def test_redo_repeats_what_undo_reverted_until_there_is_a_new_judgement(queue_of, tmp_path):
    queue = queue_of(*TEN)
    for number in (0, 1, 2):
        queue.judge(number, ACCEPT, seen=None)
    assert [undone(queue), undone(queue)] == [2, 1]
    assert queue.redo().number == 1
    assert set(load_judgements(tmp_path / "judgements.yaml")) == {f"{SITE}/0", f"{SITE}/1"}
    assert [change.number for change in queue.recent(10)] == [1, 0]
    queue.judge(5, ACCEPT, seen=None)
    assert queue.redo() is None
    assert [change.number for change in queue.recent(2)] == [5, 1]


def test_judgements_are_in_the_file_at_once_and_undo_reverts_them_one_by_one(queue_of, tmp_path):
    queue = queue_of(*TEN, judgements=f"# mine\n{SITE}/1: reject  # sure\n")
    path = tmp_path / "judgements.yaml"
    for number, judgement in ((0, ACCEPT), (1, ACCEPT), (0, REJECT), (2, None)):
        queue.judge(number, judgement, seen=queue.judgement(number))
        assert queue.judgement(number) == load_judgements(path).get(f"{SITE}/{number}") == judgement
    assert (
        path.read_text()
        == f"# mine\n{SITE}/1: accept  # sure\n{SITE}/0: {{judgement: reject, criteria: [4], note: why}}\n"
    )
    assert [undone(queue) for _ in range(5)] == [2, 0, 1, 0, None]
    assert path.read_text() == f"# mine\n{SITE}/1: reject  # sure\n"
    assert queue.judgement(0) is None and queue.judgement(1) == Judgement(False)


@pytest.mark.parametrize(
    "by_hand", [f"{SITE}/0: reject\n", f"{SITE}/0: {{judgement: accept, note: sure}}\n", "# none\n"]
)
def test_undo_does_not_revert_what_someone_else_has_changed(queue_of, tmp_path, by_hand):
    queue = queue_of(*TEN)
    queue.judge(1, ACCEPT, seen=None)
    queue.judge(0, ACCEPT, seen=None)
    path = tmp_path / "judgements.yaml"
    path.write_text(f"{SITE}/1: accept\n{by_hand}")
    with pytest.raises(ConflictError) as conflict:
        queue.undo()
    assert path.read_text() == f"{SITE}/1: accept\n{by_hand}"
    assert (conflict.value.record_id, conflict.value.judgement) == (
        f"{SITE}/0",
        load_judgements(path).get(f"{SITE}/0"),
    )
    assert undone(queue) == 1, "the next undo reverts the judgement before"
    assert path.read_text() == by_hand


def test_undo_reverts_only_the_reviewer_s_own_judgement(queue_of, tmp_path):
    """Someone else changes the judgement after the viewer has written it, and before it reads the file again."""
    queue = queue_of(*TEN)
    path = tmp_path / "judgements.yaml"
    read = queue._file.read

    def read_after_another():
        path.write_text(f"{SITE}/0: reject\n")
        return read()

    queue._file.read = read_after_another
    queue.judge(0, ACCEPT, seen=None)
    with pytest.raises(ConflictError):
        queue.undo()
    assert path.read_text() == f"{SITE}/0: reject\n"


def test_undo_waits_until_the_file_can_be_read(queue_of, tmp_path):
    queue = queue_of(*TEN)
    queue.judge(0, ACCEPT, seen=None)
    (tmp_path / "judgements.yaml").write_text(f"{SITE}/0: accept\n{SITE}/1: maybe\n")
    with pytest.raises(InputError, match="the judgement is 'maybe'"):
        queue.undo()
    (tmp_path / "judgements.yaml").write_text(f"{SITE}/0: accept\n{SITE}/1: accept\n")
    assert undone(queue) == 0 and (tmp_path / "judgements.yaml").read_text() == f"{SITE}/1: accept\n"


def test_edits_by_hand_are_seen(queue_of, tmp_path):
    queue = queue_of(*TEN, judgements=f"{SITE}/1: accept\n")
    (tmp_path / "judgements.yaml").write_text(f"{SITE}/1: reject\n{SITE}/3: accept\n")
    queue.refresh()
    assert (queue.judgement(1), queue.judgement(3), queue.standing().judged) == (Judgement(False), ACCEPT, 2)
    (tmp_path / "judgements.yaml").write_text(f"{SITE}/1: maybe\n")
    for attempt in (queue.refresh, lambda: queue.judge(0, ACCEPT, seen=None)):
        with pytest.raises(InputError, match=r"judgements.yaml:1: the judgement is 'maybe'"):
            attempt()


def test_what_is_to_be_judged_later_is_not_shown_again_by_itself(queue_of):
    words = ["accept", "reject"] * (FEWEST // 2) + ["later"] * 5
    lines = "".join(f"{SITE}/{number}: {word}\n" for number, word in enumerate(words))
    queue = queue_of(*map(record, range(FEWEST + 10)), judgements=lines)
    assert queue.next_unjudged(0) == FEWEST + 5
    assert (queue.standing().later, queue.standing().judged) == (5, FEWEST + 5)
    queue.order = queue.by_uncertainty(0)
    assert set(shown(queue)[:5]) == set(range(FEWEST + 5, FEWEST + 10))
    queue.filter = Filter("later")
    assert shown(queue) == list(range(FEWEST, FEWEST + 5))


def test_standing_counts_only_records_of_the_file(queue_of):
    standing = queue_of(*TEN, judgements=JUDGED).standing()
    assert (standing.records, standing.judged, standing.accepted, standing.rejected) == (10, 3, 2, 1)
    assert standing.pace is None and standing.seconds_left is None


def test_time_left_follows_from_the_pace(queue_of):
    times = iter([0, 30, 60, 90])
    queue = queue_of(*TEN, clock=lambda: next(times))
    for number in range(4):
        queue.judge(number, ACCEPT, seen=None)
    assert queue.standing().pace == 2 and queue.standing().seconds_left == 6 * 30


def test_pace_is_that_of_the_last_judgements_without_breaks():
    now = 0.0
    pace = Pace(lambda: now)
    for seconds in [100] * 5 + [BREAK + 1] + [6] * PACE_OVER:
        now += seconds
        pace.count()
    assert pace.per_minute() == pytest.approx(10)
    now += 10 * BREAK
    assert pace.per_minute() == pytest.approx(10), "waiting changes nothing"
    pace.count()
    assert pace.per_minute() == pytest.approx(10)
