"""Writing to a judgement file: judgements survive whatever happens, and not a byte of anything else changes."""

import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.errors import InputError
from review.judgements import ConflictError, Judgement, JudgementFile, load_judgements
from tests.conftest import ROOT

SITE = "quay.stackexchange.com/a"
A, B, C = (f"{SITE}/{number}" for number in (1, 2, 3))
ACCEPT = Judgement(True)


def reject(*criteria: int, note: str = "") -> Judgement:
    return Judgement(False, criteria, note)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "judgements" / "quay.yaml"


def written(path: Path, text: str | bytes) -> JudgementFile:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return JudgementFile(path)


def judge(file: JudgementFile, record_id: str, judgement: Judgement | None) -> Judgement | None:
    """Judge with the current judgement as the one seen, and return that one."""
    seen = file.read().get(record_id)
    file.judge(record_id, judgement, seen=seen)
    return seen


# ----------------------------------------------------------------------------------------------------------------------
# the text after a judgement
# ----------------------------------------------------------------------------------------------------------------------


def test_missing_file_is_created_with_the_first_judgement(path):
    file = JudgementFile(path)
    assert file.read() == {} and not path.parent.exists()
    assert judge(file, A, ACCEPT) is None
    judge(file, B, reject(4, 6, note="links to a blog"))
    assert path.read_text() == f"{A}: accept\n{B}: {{judgement: reject, criteria: [4, 6], note: links to a blog}}\n"


def test_none_removes_a_judgement(path):
    file = written(path, f"# head\n{A}: accept\n{B}: reject\n")
    assert judge(file, A, reject(2)) == ACCEPT
    assert judge(file, A, None) == reject(2)
    assert judge(file, C, None) is None
    assert path.read_text() == f"# head\n{B}: reject\n"


@pytest.mark.parametrize(
    ("before", "judgement", "after"),
    [
        (" accept", reject(), " reject"),
        (" accept  # sure", reject(4), " {judgement: reject, criteria: [4]}  # sure"),
        ("   'accept'", reject(), " reject"),
        (" {judgement: reject, criteria: [4], note: see above}  # 2", ACCEPT, " accept  # 2"),
        (" {judgement: reject, criteria: [4]}", reject(4, 5), " {judgement: reject, criteria: [4, 5]}"),
        ("\n  judgement: reject\n  criteria:\n  - 4\n  - 6  # both", ACCEPT, " accept  # both"),
        ("\n  judgement: reject\n  note: |\n    two\n    lines", reject(1), " {judgement: reject, criteria: [1]}"),
        ("  # why\n  {judgement: reject, note: 'no #1'}", ACCEPT, "  # why\n  accept"),
        # the reviewer's own fields, and comments between fields, stay in place
        (" {judgement: reject, seen: [1, 2]}", ACCEPT, " {judgement: accept, seen: [1, 2]}"),
        (" {seen: x, judgement: accept}", reject(4, note="a"), " {seen: x, judgement: reject, criteria: [4], note: a}"),
        (" {judgement: reject, criteria: [4], seen: x}", ACCEPT, " {judgement: accept, criteria: [], seen: x}"),
        (" {seen: x, judgement: reject, note: }", reject(note="a"), " {seen: x, judgement: reject, note: a }"),
        (
            "\n  judgement: reject  # sure\n  seen: |\n    a # b\n\n    c",
            reject(5, note="d"),
            "\n  judgement: reject  # sure\n  criteria: [5]\n  note: d\n  seen: |\n    a # b\n\n    c",
        ),
        (
            "\n  # by the seven\n  note: |\n    two\n    lines\n  judgement: reject",
            reject(6),
            "\n  # by the seven\n  {judgement: reject, criteria: [6]}",
        ),
        ("\n  seen: x\n  note:\n  judgement: reject", reject(note="a"), "\n  seen: x\n  note: a\n  judgement: reject"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_changed_entry_keeps_everything_else_in_it(path, before, judgement, after, line_end):
    text = f"# head\n{A}:{{}}\n{B}: accept\n\n  # end\n".replace("\n", line_end)
    file = written(path, text.format(before.replace("\n", line_end)))
    judge(file, A, judgement)
    assert path.read_bytes().decode() == text.format(after.replace("\n", line_end))
    assert file.read() == load_judgements(path) == {A: judgement, B: ACCEPT}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "{}\n"),
        ("# nothing yet", "# nothing yet\n{}\n"),
        ("---", "---\n{}\n"),
        ("--- # start\n...\n# end", "--- # start\n{}\n...\n# end"),
        (f"{A}: accept", f"{A}: accept\n{{}}\n"),
        (f"\ufeff{A}: accept\r\n# end\r\n", f"\ufeff{A}: accept\r\n# end\r\n{{}}\r\n"),
        (f"%YAML 1.1\n---\n  {A}: accept\n...\n", f"%YAML 1.1\n---\n  {A}: accept\n  {{}}\n...\n"),
    ],
)
def test_a_new_judgement_is_appended(path, before, after):
    judge(written(path, before), C, ACCEPT)
    assert path.read_bytes().decode() == after.replace("{}", f"{C}: accept")
    assert load_judgements(path)[C] == ACCEPT


def test_the_last_judgement_of_a_document_with_an_end_mark_can_be_removed(path):
    for start in ("", "--- # start\n"):
        file = written(path, f"# head\n{start}{A}: accept\n...\n# end\n")
        judge(file, A, None)
        assert load_judgements(path) == {} and path.read_text().endswith("...\n# end\n")
        judge(file, B, ACCEPT)
        assert load_judgements(path) == {B: ACCEPT}


def test_utf_16_stays_utf_16(path):
    for encoding in ("utf-16-le", "utf-16-be"):
        judge(written(path, f"\ufeff# é\n{A}: accept\n".encode(encoding)), A, reject(note="🚤"))
        assert path.read_bytes() == f"\ufeff# é\n{A}: {{judgement: reject, note: 🚤}}\n".encode(encoding)


def test_the_same_judgement_again_leaves_the_file_alone(path):
    file = written(path, f'{A}:   "accept"\n')
    before = path.stat()
    assert judge(file, A, ACCEPT) == ACCEPT
    assert path.stat() == before


def test_removing_an_entry_does_not_make_a_comment_part_of_the_note_before_it(path):
    text = f"{A}:\n  judgement: reject\n  note: |+\n    text\n{B}: accept\n\n    # a comment\n{C}: accept\n"
    file = written(path, text)
    judge(file, B, None)
    assert file.read() == load_judgements(path) == {A: reject(note="text\n"), C: ACCEPT}
    assert path.read_text() == text.replace(f"{B}: accept", "#")


@given(st.text(), st.text(min_size=1, max_size=300))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_note_and_id_come_back(tmp_path, note, record_id):
    path = tmp_path / "any.yaml"
    path.unlink(missing_ok=True)
    judge(JudgementFile(path), record_id, reject(note=note))
    assert load_judgements(path) == {record_id: reject(note=note)}
    assert path.read_bytes().count(b"\n") == 1


CORRECTED = f"""{A}:
  judgement: accept
  note: a slip
  correction: |-
    # A bowline

        one
    two: \U0001f6a4
  corrects: 5e1f
"""


def correction(text: str, note: str = "") -> Judgement:
    return Judgement(True, note=note, correction=text, corrects="5e1f")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_correction_is_text_that_a_person_can_edit(path, line_end):
    file = written(path, f"# head{line_end}")
    judge(file, A, correction("# A bowline\n\n    one\ntwo: \U0001f6a4", "a slip"))
    judge(file, B, ACCEPT)
    expected = f"# head\n{CORRECTED}{B}: accept\n"
    assert path.read_bytes().decode() == expected.replace("\n", line_end)

    path.write_bytes(path.read_bytes().replace(b"two", b"  three"))
    assert (
        file.read()[A].correction
        == load_judgements(path)[A].correction
        == "# A bowline\n\n    one\n  three: \U0001f6a4"
    )
    judge(file, A, reject(4))
    assert path.read_bytes().decode().splitlines()[1:] == [f"{A}: {{judgement: reject, criteria: [4]}}", f"{B}: accept"]


def test_a_comment_does_not_become_part_of_a_correction(path):
    file = written(path, f"{A}: accept  # sure\n{B}: accept\n")
    judge(file, A, correction("x"))
    text = f"{A}:  # sure\n  judgement: accept\n  correction: |-\n    x\n  corrects: 5e1f\n{B}: accept\n"
    assert path.read_text() == text and file.read() == {A: correction("x"), B: ACCEPT}


def test_a_correction_is_put_between_the_fields_of_a_reviewer(path):
    file = written(path, f"{A}:\n  judgement: accept  # sure\n  seen: twice\n")
    judge(file, A, correction("one\ntwo"))
    fields = "  judgement: accept  # sure\n  correction: |-\n    one\n    two\n  corrects: 5e1f\n  seen: twice\n"
    assert path.read_text() == f"{A}:\n{fields}"
    judge(file, A, correction("three\nfour"))
    assert path.read_text() == f"{A}:\n{fields.replace('one', 'three').replace('two', 'four')}"


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_correction_comes_back(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_text(f"{B}: {{judgement: accept, seen: x}}\n")
    file = JudgementFile(path)
    for record_id in (A, B, C):
        judge(file, record_id, correction(text))
    judge(file, A, ACCEPT)
    assert load_judgements(path) == file.read() == {A: ACCEPT, B: correction(text), C: correction(text)}


def test_entries_below_an_edit_keep_all_that_they_say(path):
    texts = [f"{A}: accept\n", f"{B}: {{judgement: reject, model: m}}\n", CORRECTED.replace(A, C)]
    file = written(path, "".join(texts))
    before = file.read()
    path.write_text("".join([texts[0], "# new\n", *texts[1:]]))
    assert file.read() == before == load_judgements(path)
    assert [each.line for each in file.read().values()] == [1, 3, 4]
    judge(file, A, correction("x"))
    assert file.read() == load_judgements(path) == {**before, A: correction("x")}


def test_half_a_character_from_a_browser_is_replaced(path):
    file = JudgementFile(path)
    assert file.judge(A, reject(note="\ud83d!"), seen=None) == reject(note="\ufffd!")
    assert file.read() == load_judgements(path) == {A: reject(note="\ufffd!")}


# ----------------------------------------------------------------------------------------------------------------------
# any file in the documented form, any judgements
# ----------------------------------------------------------------------------------------------------------------------

IDS = [A, B, C, "with: colon", "# hash", "grüße 🚤", "it's", 'say "x"', "- dash", "17", " blank ", "a\nb", "yes"]
NOTES = ["plain", "see #4: no", "two\nlines\n", "it's", 'a "b"', "🚤 grüße", "  pad ", "x: y", "[", "\\", "%a", "'"]
judgements = st.builds(
    Judgement,
    st.booleans(),
    st.lists(st.integers(1, 7), max_size=3, unique=True).map(tuple),
    st.sampled_from(["", *NOTES]),
)
TEXTS = [
    "Answer.",
    "two\n\n    indented\nlines",
    "  pad\nx",
    "\n\nx",
    "end  \nof line  ",
    "x\n\n",
    "# h\n\n- a: b",
    "a\tb",
]
TEXTS += ["- x\n---\n...\n%a", "<<<<<<< x", "🚤 {[", "a\u2028 \x85", "a\r\nb", "\x00", '"', "\tx", "a\n \n  "]
changes = judgements | st.builds(
    lambda word, note, text: Judgement(word, note=note, **({"correction": text, "corrects": "5e1f"} if word else {})),
    st.sampled_from([True, True, None]),
    st.sampled_from(["", *NOTES]),
    st.sampled_from(TEXTS),
)


class Hand:
    """A person who writes entries in many styles; every comment and every field of their own has a number."""

    def __init__(self, draw):
        self.draw = draw
        self.marks = 0

    def choose(self, *options):
        return self.draw(st.sampled_from(options))

    def mark(self) -> str:
        self.marks += 1
        return f"mark{self.marks}_"

    def comment(self, indents: list[str]) -> str:
        return f"{self.choose(*indents)}# {self.mark()}: [a 'note\n"

    def between(self, above: str = "") -> str:
        indents = ["", "  "] if "|" in above or ">-" in above else ["", "  ", "        "]  # deeper ones are text
        return "".join(
            self.comment(indents) if self.draw(st.booleans()) else "\n" for _ in range(self.choose(0, 0, 1, 2))
        )

    def end_of_line(self) -> str:
        return self.choose("", "", f"  # {self.mark()}", " ") + "\n"

    def scalar(self, text: str) -> str:
        styles = ['"'] if "\n" in text else ['"', "'"]
        plain = re.fullmatch(r"[a-z]\w*(/\w+|[ .]\w+)*", text)
        style = self.choose(*styles, *(["plain"] if plain else []))
        if style == "plain":
            return text
        return json.dumps(text, ensure_ascii=False) if style == '"' else f"'{text.replace(chr(39), chr(39) * 2)}'"

    def fields(self, judgement: Judgement, block: bool) -> list[str]:
        fields = [f"judgement: {self.scalar('accept' if judgement.accepted else 'reject')}"]
        if judgement.criteria or self.choose(False, True):
            fields.append(f"criteria: {self.choose('[{}]', '[ {} ]').format(', '.join(map(str, judgement.criteria)))}")
        if judgement.note:
            fields.append(f"note: {self.scalar(judgement.note)}")
        own = ["{}: kept", "{}: [a, {{b: 'c # d'}}]", '{}: "e, f"']
        own += ["{}: |\n      g # h\n\n      i", "{}:\n    - j\n    - k: l"] if block else []
        fields += [self.choose(*own).format(self.mark()) for _ in range(self.choose(0, 0, 1, 2))]
        return self.draw(st.permutations(fields))

    def block_note(self, judgement: Judgement) -> tuple[str, Judgement]:
        style, note = self.choose(("|", "two\n\nlines # x\n"), ("|-", "two\n\nlines # x"), (">-", "two\nlines # x"))
        judgement = Judgement(judgement.accepted, judgement.criteria, note)
        return f"note: {style}\n      two\n\n      lines # x", judgement

    def entry(self, record_id: str, judgement: Judgement) -> tuple[str, Judgement]:
        key, end = self.scalar(record_id), self.end_of_line()
        if not judgement.criteria and not judgement.note and self.draw(st.booleans()):
            word = self.scalar("accept" if judgement.accepted else "reject")
            return self.choose("{}: {}", "{}:   {}", "{}:\n    {}", "? {}\n: {}").format(key, word) + end, judgement
        form = self.choose("flow", "flow over lines", "block", "block", "block with a block note")
        if form == "flow":
            return f"{key}: {{{', '.join(self.fields(judgement, False))}}}{end}", judgement
        if form == "flow over lines":
            fields = self.fields(judgement, False)
            lines = [
                f"    {field}{',' if number < len(fields) else ''}{self.end_of_line()}"
                for number, field in enumerate(fields, 1)
            ]
            return f"{key}: {{{self.end_of_line()}{''.join(lines)}    }}{end}", judgement
        fields = self.fields(Judgement(judgement.accepted, judgement.criteria) if "note" in form else judgement, True)
        if "note" in form:
            note, judgement = self.block_note(judgement)
            fields.append(note)
        lines = ""
        for field in fields:
            lines += f"  {field}" + ("\n" if "\n" in field else self.end_of_line())
            lines += self.choose("", "", self.comment(["  "]), "\n")
        return f"{key}:{self.end_of_line()}{lines}", judgement


@st.composite
def hand_written(draw):
    """A file as pieces (id or None, text), and its judgements."""
    hand = Hand(draw)
    pieces, expected = (
        [(None, hand.choose("", "\ufeff") + hand.choose("", "---\n", "--- # x\n", "%YAML 1.1\n---\n"))],
        {},
    )
    for record_id in draw(st.lists(st.sampled_from(IDS), max_size=5, unique=True)):
        text, judgement = hand.entry(record_id, draw(judgements))
        pieces += [(None, hand.between(pieces[-1][1])), (record_id, text)]
        expected[record_id] = judgement
    pieces.append((None, hand.between(pieces[-1][1])))
    pieces.append(
        (None, hand.choose("", "", *(["...\n", "...\n# end\n"] if expected or "---" in pieces[0][1] else [])))
    )
    line_end, indent = hand.choose("\n", "\r\n"), hand.choose("", "", "  ")
    pieces = [
        (record_id, re.sub(r"^(?=.)", indent, text, flags=re.M) if record_id else text) for record_id, text in pieces
    ]
    return [(record_id, text.replace("\n", line_end)) for record_id, text in pieces], expected


@given(hand_written(), st.lists(st.tuples(st.sampled_from(IDS), st.none() | changes), max_size=8), st.booleans())
@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_only_the_lines_of_judged_ids_differ(tmp_path, file, sequence, one_session):
    pieces, expected = file
    path = tmp_path / "hand.yaml"
    path.write_bytes("".join(text for _, text in pieces).encode())
    assert load_judgements(path) == expected

    session, changed, removed = JudgementFile(path), set(), set()
    for record_id, judgement in sequence:
        session = session if one_session else JudgementFile(path)
        assert judge(session, record_id, judgement) == expected.get(record_id)
        if judgement != expected.get(record_id):
            changed.add(record_id)
        if judgement is None:
            removed.add(record_id)
            expected.pop(record_id, None)
        else:
            expected[record_id] = judgement
        read = load_judgements(path)
        assert session.read() == read == expected
        assert [entry.line for entry in session.read().values()] == [entry.line for entry in read.values()]

    new = path.read_bytes().decode()
    same = "".join("(?s:.*?)" if record_id in changed else re.escape(text) for record_id, text in pieces[:-1])
    assert re.fullmatch(f"{same}(?s:.*){re.escape(pieces[-1][1])}", new), new
    for record_id, text in pieces:
        if record_id in changed - removed:
            assert set(re.findall(r"mark\d+_", text)) <= set(re.findall(r"mark\d+_", new)), (text, new)


@pytest.mark.parametrize(
    "after",
    [
        "{A}{B}{C}{D}{A}",  # twice
        "{A}{B}{B}{C}{D}",
        "{A}{B}...\n{C}{D}",  # the end
        "{A}{B}---\n{C}{D}",
        "{A}{B} {C}{D}",  # deeper
        "{A}{B}x{C}{D}",
        "{A}{B}  {C}{D}",
        "{A}{B}'{C}{D}",  # open to the end
        "{A}{B}x: [{C}{D}",
        "{A}  {B}{C}{D}",
        "\ufeff{A}{B}{C}{D}",
        "#x\n{A}{B}{C}{D}",  # as long as a byte order mark
        "{D}{C}{B}{A}",
        "{A}{D}",
        "{B}",
        "",
    ],
)
@pytest.mark.parametrize("tail", ["", "...\n", " ...\n"])
def test_an_open_session_reads_an_edit_like_a_new_one(path, after, tail):
    entries = {
        "A": f"{A}: accept\n",
        "B": f"{B}:\n  judgement: reject\n  note: |\n    text\n",
        "C": f"{C}: reject\n",
        "D": f"{SITE}/4: accept\n",
    }
    for start, end in (("", ""), ("", "...\n"), ("\ufeff", "")):
        session = written(path, start + "{A}{B}{C}{D}".format(**entries) + end)
        session.read()
        path.write_text(after.format(**entries) + tail)
        assert outcome(session.read) == outcome(JudgementFile(path).read)


@given(hand_written(), hand_written(), st.data())
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_an_open_session_reads_any_edit_by_hand_like_a_new_one(tmp_path, file, other, data):
    """Whatever is removed or inserted: the same judgements, lines and next text, or the same error."""
    path = tmp_path / "hand.yaml"
    current, others = ["".join(text for _, text in pieces).encode() for pieces, _ in (file, other)]
    path.write_bytes(current)
    session = JudgementFile(path)
    session.read()
    for _ in range(3):
        cuts = (
            [match.end() for match in re.finditer(rb"\n|$", current)]
            if data.draw(st.booleans())
            else range(len(current) + 1)
        )
        start, stop = sorted((data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))))
        new = data.draw(
            st.sampled_from(
                [b"", b" ", b"\n", b"x", b"  y\n", b"- z\n", b"---\n", b"...\n", b"'", b"{", others, current[:start]]
            )
        )
        current = current[:start] + new + current[stop if data.draw(st.booleans()) else start :]
        path.write_bytes(current)
        assert outcome(session.read) == outcome(JudgementFile(path).read)
    outcomes = []
    for file in (session, JudgementFile(path)):
        path.write_bytes(current)
        outcomes.append((outcome(lambda file=file: judge(file, A, reject(7))), path.read_bytes()))
    assert outcomes[0] == outcomes[1]


def outcome(action):
    """What an action returns, with the line numbers, or its error."""
    try:
        result = action()
    except InputError as error:
        return str(error)
    return [(*entry, entry[1].line) for entry in result.items()] if isinstance(result, dict) else result


# ----------------------------------------------------------------------------------------------------------------------
# several writers, and a sudden end
# ----------------------------------------------------------------------------------------------------------------------

WRITER = f"""
import sys
from review.judgements import Judgement, JudgementFile
path, first, last, step = sys.argv[1], *map(int, sys.argv[2:])
file = JudgementFile(path)
for number in range(first, last, step):
    judgement = Judgement(number % 2 == 0, (number % 7 + 1,), f"the {{number}}th: # 🚤")
    file.judge(f"{SITE}/{{number}}", judgement, seen=None)
    print(number, flush=True)
"""


def writer(path: Path, first: int, last: int, step: int = 1) -> subprocess.Popen[str]:
    """A process that judges these numbers, one after the other, and prints each once it is saved."""
    command = [sys.executable, "-c", WRITER, *map(str, (path, first, last, step))]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def numbers_in(path: Path) -> list[int]:
    numbers = []
    for record_id, judgement in load_judgements(path).items():
        number = int(record_id.removeprefix(f"{SITE}/"))
        assert judgement == Judgement(number % 2 == 0, (number % 7 + 1,), f"the {number}th: # 🚤")
        numbers.append(number)
    return numbers


@pytest.mark.slow
def test_killed_at_any_moment_no_judgement_that_was_shown_as_saved_is_lost(path):
    """1,000 judgements, the writer killed some twenty times."""
    draw, saved, kills = random.Random(5), 0, 0
    while saved < 1000:
        with writer(path, saved, 1000) as process:
            for _ in range(draw.randint(1, 100)):
                saved += bool(process.stdout.readline())
            for _ in range(draw.randint(0, 50_000)):  # up to some milliseconds, so into the next judgement
                pass
            process.send_signal(signal.SIGKILL)
            saved += len(process.stdout.readlines())
            kills += process.wait() == -signal.SIGKILL
        numbers = numbers_in(path)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) - saved in (0, 1)  # one may be saved, but not yet printed
        saved = len(numbers)
    assert kills >= 5


def test_two_viewers_on_one_file_lose_nothing(path):
    written(path, f"# by hand\n{SITE}/1000: {{judgement: accept, criteria: [7], note: 'the 1000th: # 🚤'}}  # kept\n")
    viewers = [writer(path, first, 1000, 2) for first in (0, 1)]
    printed = [[int(line) for line in viewer.stdout] for viewer in viewers]
    assert [viewer.wait() for viewer in viewers] == [0, 0]
    assert printed == [list(range(0, 1000, 2)), list(range(1, 1000, 2))]
    numbers = numbers_in(path)
    assert sorted(numbers) == list(range(1001)) and numbers[0] == 1000
    assert path.read_text().startswith(
        f"# by hand\n{SITE}/1000: {{judgement: accept, criteria: [7], note: 'the 1000th: # 🚤'}}  # kept\n"
    )
    turns = sum(first % 2 != second % 2 for first, second in pairwise(numbers))
    assert turns > 2, "the two did not write at the same time"


@pytest.mark.parametrize("one_session", [True, False])
def test_two_threads_lose_nothing(path, one_session):
    file = JudgementFile(path)

    def judge(session: JudgementFile, first: int) -> None:
        for number in range(first, 200, 2):
            session.judge(f"{SITE}/{number}", ACCEPT, seen=None)

    threads = [
        threading.Thread(target=judge, args=(file if one_session else JudgementFile(path), first)) for first in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load_judgements(path)) == len(file.read()) == 200


def test_edits_by_hand_are_read_before_the_next_judgement(path):
    file = written(path, f"{A}: accept\n")
    assert file.read() == {A: ACCEPT}
    path.write_text(f"# mine\n{A}: reject\n\n{B}: accept  # by hand\n")
    assert file.read() == {A: reject(), B: ACCEPT}
    path.write_text(f"# mine\n{B}: accept  # by hand\n{A}: accept\n")
    assert judge(file, C, ACCEPT) is None
    assert path.read_text() == f"# mine\n{B}: accept  # by hand\n{A}: accept\n{C}: accept\n"
    path.unlink()
    assert judge(file, A, ACCEPT) is None
    assert path.read_text() == f"{A}: accept\n"


# ----------------------------------------------------------------------------------------------------------------------
# what cannot be written
# ----------------------------------------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"{A}: accept\n{B}: [\n{C}: accept\n", 2, "`[` is not closed"),
        (f"{A}: accept\n{B}: maybe\n", 2, "the judgement is 'maybe'"),
        (f"{A}: accept\n{A}: accept\n", 2, "is judged twice, first in line 1"),
        (f"{A}: accept\n\t{B}: accept\n", 2, "is not YAML"),
        (f"{A}: {{judgement: reject, critera: [4]}}\n", 1, "critera is not a field; write criteria"),
        (BOMB, 1, "a judgement is `accept`"),
        (f"{A}: {'[' * 100_000}", 1, "write one `<id>: accept`"),
        # can be read, but an entry cannot be changed without others
        (f"{A}: &a {{judgement: reject}}\n{B}: *a\n", 2, "*a is an alias, so the viewer cannot change it alone"),
        (f"# head\n{{{A}: accept}}\n", 2, "the viewer cannot change entries in braces"),
        (f"{A}: accept\n?\n  {B}\n: accept\n", 3, "put `<id>: ..` on its own line"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_changed_is_reported_and_left_alone(path, text, line, message):
    file = written(path, f"{A}: accept\n")
    file.read()
    path.write_text(text)
    for attempt in (file.read, lambda: judge(file, C, ACCEPT), lambda: judge(file, A, None)):
        with pytest.raises(InputError) as caught:
            attempt()
        assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)
        assert "\n" not in str(caught.value)
    assert path.read_text() == text
    path.write_text(f"{A}: accept\n")
    assert judge(file, C, ACCEPT) is None, "it continues once the file is corrected"


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (None, f"{A}: reject\n"),
        (ACCEPT, f"{A}: reject\n"),
        (ACCEPT, "# nothing more\n"),
        (ACCEPT, f"{A}: {{judgement: accept, note: but see the comments}}\n"),
        (reject(4), f"{A}: {{judgement: reject, criteria: [4, 6]}}\n"),
    ],
    ids=["judged", "changed", "removed", "a note added", "a criterion added"],
)
@pytest.mark.parametrize("judgement", [reject(2), None], ids=["judging", "removing"])
def test_a_judgement_that_the_reviewer_has_not_seen_is_not_changed(path, seen, text, judgement):
    file = written(path, "# head\n")
    file.read()
    path.write_text(text)
    with pytest.raises(ConflictError) as conflict:
        file.judge(A, judgement, seen=seen)
    assert path.read_text() == text
    assert conflict.value.judgement == load_judgements(path).get(A)
    file.judge(A, judgement, seen=conflict.value.judgement)
    assert load_judgements(path).get(A) == judgement


@pytest.mark.parametrize("address", [f"https://{A}", "http://quay.stackexchange.com/questions/7/why/1#1"])
def test_an_entry_under_the_address_of_an_answer_is_that_of_its_record(path, address):
    file = written(path, f"{address}: accept  # pasted\n")
    assert judge(file, A, reject(4)) == ACCEPT
    assert path.read_text() == f"{address}: {{judgement: reject, criteria: [4]}}  # pasted\n"
    assert judge(file, A, None) == reject(4) and path.read_text() == ""


def test_a_record_whose_id_is_an_address_keeps_it_in_the_file(path):
    file, address = JudgementFile(path), f"https://{A}"
    file.judge(address, ACCEPT, seen=None)
    assert path.read_text().replace("'", "") == f"{address}: accept\n" and file.read() == {A: ACCEPT}
    file.judge(address, reject(4), seen=ACCEPT)
    assert path.read_text().replace("'", "") == f"{address}: {{judgement: reject, criteria: [4]}}\n"


def test_a_comment_or_an_own_field_does_not_make_another_judgement(path):
    file = written(path, f"{A}: accept\n")
    path.write_text(f"{A}: {{judgement: accept, seen: twice}}  # mine\n")
    file.judge(A, reject(), seen=ACCEPT)
    assert path.read_text() == f"{A}: {{judgement: reject, seen: twice}}  # mine\n"


def test_id_too_long_for_yaml_is_reported(path):
    file = written(path, f"{A}: accept\n")
    with pytest.raises(InputError, match="cannot be written to this file"):
        judge(file, "x" * 2000, ACCEPT)
    assert path.read_text() == f"{A}: accept\n" and file.read() == {A: ACCEPT}


def test_failed_write_leaves_file_and_session_as_they_were(path):
    file = written(path, f"{A}: accept\n")
    file.read()
    (path.parent / f".{path.name}.tmp").mkdir()  # in the place of the temporary file
    with pytest.raises(OSError):
        judge(file, B, ACCEPT)
    assert path.read_text() == f"{A}: accept\n" and file.read() == {A: ACCEPT}
    (path.parent / f".{path.name}.tmp").rmdir()
    assert judge(file, B, ACCEPT) is None and file.read() == {A: ACCEPT, B: ACCEPT}


def test_link_and_permissions_stay(path, tmp_path):
    written(path, f"{A}: accept\n")
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    judge(JudgementFile(link), B, ACCEPT)
    assert link.is_symlink() and path.read_text() == f"{A}: accept\n{B}: accept\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["judgements", "link.yaml"]
