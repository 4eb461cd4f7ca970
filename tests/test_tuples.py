"""The tuple files: what readers get from a pair, and how entries are divided into parts."""

import json
from contextlib import ExitStack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merging.tuples import END_OF_TEXT, FILE_NAME, Parts, entry, make_pair, why_no_pair
from tests.conftest import record

# Text that has broken such readers and writers: all line ends and blanks, the separator, pieces of the end mark.
NASTY = [
    "\n", "\r", "\r\n", "\n\n", "\n \n", "\n\t\r\n", " ", "\t", "\u2028", "\u2029", "\x85", "\xa0", "\x0b", "\x0c",
    "\x1c", "\x1d", "\u3000", "\u200b", "\ufeff", "\0", END_OF_TEXT, "<|endof", "text|>", "<", "User: ", "Agent: ",
    "a", "é", "🚤", "$x$", "\\", '"',
]  # fmt: skip
TEXT = st.lists(st.sampled_from(NASTY), max_size=12).map("".join) | st.text(max_size=20)
DETERMINISTIC = settings(derandomize=True, max_examples=600, deadline=None, database=None)


def read(entry: bytes) -> tuple[str, str]:
    """Reads an entry as Open-Assistant's loader does."""
    source, text = json.loads(entry)
    assert source == "stackexchange"
    question, answer = text.split("\n\n", maxsplit=1)
    return question, answer.replace("<|endoftext|>", "").strip()


@DETERMINISTIC
@given(TEXT, TEXT)
@example("a\n \n\nb", "\n\nc")
@example("\r\ra\r\r\nb\r", "\r\n\r\nc\n\n")
@example("a\n\u2028\n\x85\nb\n\n\n", "<|endoftext|")
@example("<|endof", "text|>")
def test_readers_get_each_response_back(instruction, response):
    given = record(instruction=instruction, response=response)
    reason = why_no_pair(given, "alpha")
    if reason is None:
        question, answer = read(entry(given, "alpha"))
        assert answer == response.strip()
        assert question.strip() != "" and "\n\n" not in question
        assert "".join(question.split()) == "".join(instruction.split())  # only white space is lost
    else:
        blank = "no instruction" if not instruction.strip() else "no response" if not response.strip() else None
        assert reason == (blank or f"holds {END_OF_TEXT} itself")
        assert not (instruction.strip() and response.strip()) or END_OF_TEXT in (instruction + "\n" + response)


@DETERMINISTIC
@given(TEXT, TEXT)
def test_response_is_kept_byte_for_byte(instruction, response):
    given = record(instruction=instruction, response=response)
    if why_no_pair(given, "alpha") is None:
        assert make_pair(given, "alpha").split("\n\n", maxsplit=1)[1] == response + END_OF_TEXT
    if why_no_pair(given, "labelled") is None:
        question, answer = make_pair(given, "labelled").split("\n\n", maxsplit=1)
        assert question.startswith("User: ") and question != "User: "
        assert answer == f"Agent: {response}"
    if why_no_pair(given, "split") is None:
        assert json.loads(entry(given, "split")) == ["stackexchange", [instruction, response]]


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Title\n\nbody", "Title\nbody"),
        ("\n\n Title \n\n\n\nbody\n\n", "Title \nbody"),
        ("a\r\n\r\nb\rc\r\rd", "a\nb\nc\nd"),
        ("a\n \t\n\xa0\nb", "a\nb"),
        ("a\n\n    indented code\n  kept", "a\n    indented code\n  kept"),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_blank_lines_of_the_instruction_become_newlines(instruction, expected):
    given = record(instruction=instruction, response="\n\nr\n\n")
    assert make_pair(given, "alpha") == f"{expected}\n\n\n\nr\n\n<|endoftext|>"
    assert make_pair(given, "labelled") == f"User: {expected}\n\nAgent: \n\nr\n\n"
    assert make_pair(given, "split") == [instruction, "\n\nr\n\n"]


@pytest.mark.parametrize("convention", ["alpha", "labelled", "split"])
@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\r\n\t", "\u2028\xa0\x85"])
def test_blank_texts_make_no_pair(convention, blank):
    assert why_no_pair(record(instruction=blank), convention) == "no instruction"
    assert why_no_pair(record(response=blank), convention) == "no response"
    assert why_no_pair(record(), convention) is None


def test_end_mark_makes_no_pair_only_if_readers_remove_it():
    for name in ("instruction", "response"):
        given = record(**{name: f"a {END_OF_TEXT} b"})
        assert why_no_pair(given, "alpha") == f"holds {END_OF_TEXT} itself"
        assert why_no_pair(given, "labelled") is why_no_pair(given, "split") is None
    assert why_no_pair(record(instruction="<|endof", response="text|>"), "alpha") is None


# ----------------------------------------------------------------------------------------------------------------------
# parts
# ----------------------------------------------------------------------------------------------------------------------


def write_parts(entries, folder, count=1, max_bytes=None) -> list[list]:
    """The content of each part, in order; checks their numbers and counts."""
    with ExitStack() as stack:
        parts = Parts(folder / FILE_NAME, count, max_bytes, stack)
        for data in entries:
            parts.write(data)
        written = parts.close()
    contents = [json.loads((folder / FILE_NAME.format(n + 1)).read_bytes()) for n in range(len(list(folder.iterdir())))]
    assert [part.records for part in written] == list(map(len, contents))
    return contents


@pytest.mark.parametrize(
    ("total", "parts", "lengths"),
    [(10, 1, [10]), (10, 2, [5, 5]), (10, 3, [4, 3, 3]), (11, 4, [3, 3, 3, 2]), (3, 3, [1, 1, 1])],
)
def test_parts_are_even(tmp_path, total, parts, lengths):
    made = write_parts((b"%d" % n for n in range(total)), tmp_path, parts)
    assert list(map(len, made)) == lengths
    assert sorted(sum(made, [])) == list(range(total))


def test_more_parts_than_entries_makes_no_empty_ones(tmp_path):
    assert write_parts([b"1", b"2"], tmp_path, 5) == [[1], [2]]


@pytest.mark.parametrize(("count", "max_bytes"), [(1, None), (3, None), (1, 1), (1, 1000)])
def test_no_entries_make_one_empty_list(tmp_path, count, max_bytes):
    assert write_parts([], tmp_path, count, max_bytes) == [[]]


@settings(DETERMINISTIC, max_examples=150)
@given(st.lists(st.integers(0, 60), max_size=20), st.integers(1, 120))
@example([10, 10, 10], 17)  # "[\n", 12 bytes, "\n]\n" make 17
@example([10, 10, 10], 16)
def test_parts_are_as_large_as_max_bytes_allows(tmp_path_factory, lengths, bound):
    folder = tmp_path_factory.mktemp("parts")
    entries = [b'"%s"' % (b"x" * length) for length in lengths]
    contents = write_parts(entries, folder, max_bytes=bound)
    assert sum(contents, []) == ["x" * length for length in lengths]
    assert [] not in contents or contents == [[]] and not lengths, "an empty part"
    sizes = [(folder / FILE_NAME.format(number + 1)).stat().st_size for number in range(len(contents))]
    for size, content in zip(sizes, contents, strict=True):
        assert size <= bound or len(content) <= 1  # a single larger entry
    for size, after in zip(sizes, contents[1:], strict=False):  # no part ends too early
        assert size + len(json.dumps(after[0])) + len(",\n") > bound
