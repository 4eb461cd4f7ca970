"""The judgement file: every form that people write, and one-line errors with the place of each mistake."""

import random
from pathlib import Path

import pytest

from records.errors import InputError
from review.judgements import load_judgement_files, load_judgements, record_id_of

ROOT = Path(__file__).resolve().parent.parent
SITE = "quay.stackexchange.com/a"


@pytest.fixture
def load(tmp_path):
    """Load judgements given as text."""

    def load(text: str | bytes):
        path = tmp_path / "judgements.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_judgements(path)

    return load


# ----------------------------------------------------------------------------------------------------------------------
# what may be written
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "accepted", "criteria", "note"),
    [
        (f"{SITE}/1: accept", True, (), ""),
        (f"{SITE}/1: reject  # no verb", False, (), ""),
        (f"{SITE}/1:    'accept'", True, (), ""),
        (f'"{SITE}/1": "reject"', False, (), ""),
        (f"'{SITE}/1': accept", True, (), ""),
        (f"? {SITE}/1\n: accept", True, (), ""),
        (f"{{{SITE}/1: accept}}", True, (), ""),
        (f"--- # a comment\n{SITE}/1: accept\n...\n", True, (), ""),
        (f"{SITE}/1: {{judgement: reject, criteria: [4, 6], note: links to a blog}}", False, (4, 6), "links to a blog"),
        (f"{SITE}/1: {{judgement: accept}}", True, (), ""),
        (f"{SITE}/1: {{judgement: reject, criteria: 7}}", False, (7,), ""),
        (f"{SITE}/1: {{judgement: reject, criteria: []}}", False, (), ""),
        (f"{SITE}/1: {{judgement: reject, criteria: ['1', 2]}}", False, (1, 2), ""),
        (
            f"{SITE}/1:\n  note: 'grüße: 🚤'\n  judgement: reject\n  criteria:\n  - 4\n  - 5\n",
            False,
            (4, 5),
            "grüße: 🚤",
        ),
        (f"{SITE}/1:\n  judgement: reject\n  note: |\n    two\n    lines\n", False, (), "two\nlines\n"),
        (f"{SITE}/1: later", None, (), ""),
        (f"{SITE}/1: {{judgement: later, note: ask Ben}}", None, (), "ask Ben"),
        (f"{SITE}/1: {{judgement: reject, later: [unknown, {{field: 1}}]}}", False, (), ""),
        (f"{SITE}/1: {{judgement: reject, reviewer: me, seen: twice, date: 2026-11-20, comment: x}}", False, (), ""),
    ],
)
def test_every_form_is_read(load, text, accepted, criteria, note):
    judgement = load(text)[f"{SITE}/1"]
    assert (judgement.accepted, judgement.criteria, judgement.note) == (accepted, criteria, note)


@pytest.mark.parametrize(
    ("fields", "correction", "corrects"),
    [
        ("{judgement: accept, correction: one word, corrects: 123456789012}", "one word", "123456789012"),
        ('{judgement: accept, correction: "# x\\n\\ny: z"}', "# x\n\ny: z", ""),
        ("\n  judgement: accept\n  correction: |\n    # x\n\n      y\n  corrects: 12e4\n", "# x\n\n  y\n", "12e4"),
        ("{judgement: accept, correction: , corrects: 12e4}", "", ""),
        ("{judgement: reject, correction: '', corrects: ''}", "", ""),
    ],
)
def test_a_correction_is_text_in_any_form(load, fields, correction, corrects):
    judgement = load(f"{SITE}/1: {fields}")[f"{SITE}/1"]
    assert (judgement.correction, judgement.corrects) == (correction, corrects)


@pytest.mark.parametrize(
    ("fields", "line", "message"),
    [
        (
            "  judgement: reject\n  correction: x",
            3,
            "only an accepted answer has a correction; write `judgement: accept`",
        ),
        ("  judgement: later\n  correction: x", 3, "only an accepted answer has a correction"),
        ("  judgement: accept\n  note: x\n  correction: ' '", 4, "the correction is empty"),
        ("  correction: |\n    a: [\n    b", 1, "has no `judgement:`"),
        ("  judgement: accept\n  note: x\n  correction: [x]", 4, "the correction is a list or a mapping"),
        ("  judgement: accept\n  corrected: x", 3, "corrected is not a field; write corrects, or"),
        ("  judgement: accept\n  corection: x", 3, "corection is not a field; write correction, or"),
        ("  judgement: accept\n  correction:\n    x: y", 4, "the correction is a list or a mapping"),
        ("  judgement: latter", 2, "the judgement is 'latter'; write accept, reject or later"),
    ],
)
def test_a_mistake_of_a_correction_has_its_line(load, fields, line, message):
    with pytest.raises(InputError) as error:
        load(f"{SITE}/1:\n{fields}\n{SITE}/2: accept\n")
    assert len(error.value.messages) == 1 and f":{line}: {message}" in str(error.value), error.value.messages


def test_a_missing_colon_before_later_is_found(load):
    with pytest.raises(InputError, match=rf":1: has no `: ` between id and judgement; write `{SITE}/1: later`"):
        load(f"{SITE}/1:later\n{SITE}/2: accept\n")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "\ufeff"])
def test_file_without_judgements_has_none(load, text):
    assert load(text) == {}


def test_order_and_lines_are_those_of_the_file(load):
    judgements = load(f"# head\n{SITE}/9: accept\n\n{SITE}/10:\n  judgement: reject\n{SITE}/2: accept\n")
    assert [(record_id, judgement.line) for record_id, judgement in judgements.items()] == [
        (f"{SITE}/9", 2),
        (f"{SITE}/10", 4),
        (f"{SITE}/2", 6),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_and_line_ends_of_windows_are_read(load, encoding):
    text = f"# é\r\n{SITE}/1: accept\r\n{SITE}/2: reject\r\n"
    assert [judgement.line for judgement in load(text.encode(encoding)).values()] == [2, 3]


def test_ids_are_text_even_if_yaml_has_another_type_for_them(load):
    ids = ["17", "1.0", "yes", "2016-08-02", "~", "0x1"]
    assert list(load("".join(f"{record_id}: accept\n" for record_id in ids))) == ids


def test_judgements_of_the_sample_are_read():
    judgements = load_judgements(ROOT / "sample" / "judgements" / "harbour.yaml")
    lines = (ROOT / "sample" / "judgements" / "harbour.yaml").read_text("utf-8").splitlines()
    assert len(judgements) == sum(line.startswith("harbour.") for line in lines)
    for record_id, judgement in judgements.items():
        line = lines[judgement.line - 1]
        assert line.startswith(f"{record_id}: ") and judgement.accepted == line.endswith(": accept")
    assert judgements["harbour.stackexchange.com/a/23"].criteria == (4, 5, 6)


def test_merge_keys_do_not_copy_a_judgement(load):
    """An alias is replaced by its value; `<<`, from YAML 1.1, is an error: each record has its own judgement."""
    assert load(f"{SITE}/1: &a {{judgement: reject, criteria: [6]}}\n{SITE}/2: *a\n")[f"{SITE}/2"].criteria == (6,)
    with pytest.raises(InputError, match=r"yaml:2: has no `judgement:`"):
        load(f"{SITE}/1: &a {{judgement: reject}}\n{SITE}/2: {{<<: *a, note: x}}\n")


def test_twenty_thousand_entries_are_read(load):
    text = "".join(f"{SITE}/{n}: {{judgement: reject, criteria: [4], note: n{n}}}\n" for n in range(20_000))
    judgements = load(text)
    assert len(judgements) == 20_000
    assert (judgements[f"{SITE}/19999"].line, judgements[f"{SITE}/19999"].note) == (20_000, "n19999")


# ----------------------------------------------------------------------------------------------------------------------
# mistakes
# ----------------------------------------------------------------------------------------------------------------------

A, B = f"{SITE}/1: accept\n", f"{SITE}/2: accept\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (A + B + f"{SITE}/1: reject\n", 3, f"{SITE}/1 is judged twice, first in line 1"),
        (A + B + f'"{SITE}/1": accept\n', 3, "is judged twice, first in line 1"),
        (A + f"{SITE}/2: acept\n", 2, "the judgement is 'acept'; write accept, reject or later"),
        (A + f"{SITE}/2: Accept\n", 2, "the judgement is 'Accept'"),
        (A + f"{SITE}/2: true\n", 2, "the judgement is 'true'"),
        (A + f"{SITE}/2:\n{SITE}/3: accept\n", 2, "the judgement is ''"),
        (A + " it is sure\n" + B, 2, "is a part of the judgement above"),
        (A + f"{SITE}/2: [accept]\n", 2, "a judgement is `accept`, `reject`, `later` or {judgement: reject,"),
        (A + f"{SITE}/2: [[accept]]\n", 2, "a judgement is `accept`"),
        (A + f"{SITE}/2:\n\n  note: x\n\n  judgement: maybe\n", 6, "the judgement is 'maybe'"),
        (A + f"{SITE}/2: {{judgement: [accept]}}\n", 2, "the judgement is a list or a mapping"),
        (A + f"{SITE}/2: {{note: x}}\n", 2, "has no `judgement:`"),
        (A + f"{SITE}/2: {{}}\n", 2, "has no `judgement:`"),
        (A + f"{SITE}/2:\n  judgement: accept\n  judgement: reject\n", 4, "judgement is not a field, or is given"),
        (A + f"{SITE}/2: {{[judgement]: accept}}\n", 2, "a list or a mapping is not a field"),
        (A + f"{SITE}/2:\n  judgement: reject\n  critera: [4]\n", 4, "critera is not a field; write criteria"),
        (A + f"{SITE}/2: {{judgment: reject}}\n", 2, "judgment is not a field; write judgement"),
        (A + f"{SITE}/2: {{judgement: reject, Notes: x}}\n", 2, "Notes is not a field; write note"),
        (A + f"{SITE}/2: {{{{a: b}}: c, judgement: accept}}\n", 2, "a list or a mapping is not a field"),
        (A + f"{SITE}/2:\n  judgement: reject\n  criteria: [0]\n", 4, "criteria must be numbers from 1 to 7"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: [8]}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: [-1]}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: [1.0]}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: [four]}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: '4, 6'}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: ٤}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: ''}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: [4, [6]]}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: {{4: x}}}}\n", 2, "criteria must be"),
        (A + f"{SITE}/2: {{judgement: reject, criteria: {'9' * 5000}}}\n", 2, "criteria must be"),
        (A + f"\t{SITE}/2: accept\n", 2, "is not YAML"),
        (A + f"{SITE}/2: {{judgement: reject\n", 2, "`{` is not closed"),
        (A + f"{SITE}/2: 'accept\n", 2, "the quote ' is not closed"),
        (A + f"{SITE}/2: *accept\n", 2, "is not YAML"),
        (A + "---\n" + B, 2, "divides the file into two documents"),
        (A + f"{SITE}/2: accept: reject\n", 2, "is not YAML"),
        (A + f"  {B}", 2, "is not YAML"),
        (A + "accept\n", 2, "is not a judgement"),
        (A + "? [a, b]\n: accept\n", 2, "an id must be plain text"),
        (A + "? {a: b}\n: accept\n", 2, "an id must be plain text"),
        ("# head\n- a: accept\n", 2, "is not a mapping"),
        ("accept", 1, "is not a judgement"),
        (f"{SITE}/1 accept\n", 1, f"write `{SITE}/1: accept`"),
        ("''", 1, "is not a judgement"),
        (A.encode() + b"# caf\xe9\n" + B.encode(), 2, "is not YAML"),
        (A.encode() + b"\x00", 2, "is not YAML"),
        (A.encode() + b"\x07: accept", 2, "is not YAML"),
        (A + f"{SITE}/2: " + "[" * 9 + "]" * 9, 2, "is nested too deep"),
        (A + f"{SITE}/2: " + "[" * 200_000, 2, "write one `<id>: accept`"),  # some PyYAMLs refuse it before we do
        (A + f"{SITE}/2: " + "[" * 5_000 + "]" * 5_000, 2, "write one `<id>: accept`"),
        (A + f"{SITE}/2: " + "{a: " * 20_000, 2, "is nested too deep"),
        (A + "".join(" " * n + f"{n}:\n" for n in range(2_000)), 10, "is nested too deep"),
    ],
)  # fmt: skip
def test_mistake_is_reported_with_its_line(load, tmp_path, text, line, message):
    with pytest.raises(InputError) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path / 'judgements.yaml'}:{line}: "), caught.value
    assert message in str(caught.value) and "\n" not in str(caught.value)


# ---- the line of a mistake is the line where it is, whatever comes before and after ----------------------------------

BROKEN = {
    "no colon": (f"{SITE}/5 accept", f"write `{SITE}/5: accept`"),
    "no space": (f"{SITE}/5:accept  # sure", f"write `{SITE}/5: accept`"),
    "no space before braces": (f"{SITE}/5:{{judgement: reject}}", f"write `{SITE}/5: {{judgement: reject}}`"),
    "no colon before braces": (
        f"{SITE}/5 {{judgement: reject, criteria: [4]}}",
        f"write `{SITE}/5: {{judgement: reject,",
    ),
    "open brace": (f"{SITE}/5: {{judgement: reject, note: links", "`{` is not closed; write `}`"),
    "open brace after a comma": (f"{SITE}/5: {{judgement: reject,", "`{` is not closed"),
    "open bracket": (f"{SITE}/5: {{judgement: reject, criteria: [4, 6}}", "`[` is not closed; write `]`"),
    "open quote": (f"{SITE}/5: {{judgement: reject, note: 'links}}", "the quote ' is not closed"),
    "open double quote": (f'{SITE}/5: {{judgement: reject, note: "links}}', 'the quote " is not closed'),
    "open quote before the id": (f'"{SITE}/5: accept', 'the quote " is not closed'),
    "two colons": (f"{SITE}/5: {{judgement: reject, note: a: b}}", "is not YAML from `: b}` on"),
    "no comma": (f"{SITE}/5: {{judgement: reject criteria: [4]}}", "is not YAML from `: [4]}` on"),
    "a comment without #": ("read up to here", "begin a comment with #"),
    "an unknown alias": (f"{SITE}/5: *accept", "is not YAML from `*accept` on"),
    "a mark of a conflict": ("=======", "delete this line"),
    "a divided file": ("--- # part 2", "divides the file into two documents"),
    "the end of the file": ("...", "divides the file into two documents"),
    "bytes": (b"# caf\xe9", "bytes that are not UTF-8"),
    "a control character": (f"{SITE}/5: accept \x07", "U+0007"),
}
AROUND = f"""# it's a list
{SITE}/2: {{judgement: reject, note: 'it''s [long'}}
{SITE}/3:
  judgement: reject  # "sure
  note: "too long, and wrong"
"""


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (broken, where)
        for broken in BROKEN
        for where in ("first", "between", "last")
        if where == "between" or broken not in ("a divided file", "the end of the file")  # which are no mistakes there
    ],
)
def test_the_line_of_a_mistake_is_the_line_where_it_is(load, broken, where):
    text, message = BROKEN[broken]
    before = A + AROUND if where != "first" else ""
    after = (AROUND.replace("/a/", "/a/9") + "{}: accept\n".format(f"{SITE}/1000")) if where != "last" else ""
    line = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InputError) as caught:
        load(before.encode() + line + b"\n" + after.encode())
    (told,) = caught.value.messages
    assert f"judgements.yaml:{before.count(chr(10)) + 1}: " in told and message in told, told


BLOCK = f"{SITE}/3:\n  judgement: reject\n  criteria: [4, 6]\n  note: 'it''s \"long'\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("/3:", "/3", 2, f"has no colon; write `{SITE}/3:`"),
        ("judgement: ", "judgement ", 3, "has no `: `"),
        ("criteria: ", "criteria:", 4, "has no `: `"),
        ("6]", "6", 4, "`[` is not closed"),
        ("long'", "long", 5, "the quote ' is not closed"),
        ("  criteria", "   criteria", 4, "is not YAML"),
        ("  criteria", "\tcriteria", 4, "begins with a tab"),
        ("  criteria", "<<<<<<< HEAD\n  criteria", 4, "delete this line"),
    ],
)
def test_the_line_of_a_mistake_in_a_field_is_that_of_the_field(load, old, new, line, message):
    with pytest.raises(InputError) as caught:
        load(A + BLOCK.replace(old, new) + B)
    (told,) = caught.value.messages
    assert f"judgements.yaml:{line}: " in told and message in told, told


def test_two_versions_in_conflict_are_one_mistake(load):
    theirs = f"{SITE}/3: {{judgement: reject, note: 'x'}}\n"
    text = f"{A}<<<<<<< HEAD\n{SITE}/3: accept\n=======\n{theirs}>>>>>>> theirs\n{B}"
    with pytest.raises(InputError) as caught:
        load(text)
    (told,) = caught.value.messages
    assert "judgements.yaml:2: two versions are in conflict up to line 6; keep one of them" in told


def test_an_indented_first_judgement_is_the_mistake_and_not_the_next(load):
    with pytest.raises(InputError, match=r"yaml:2: is indented, unlike what follows"):
        load(f"# head\n  {A}{B}")


def test_a_valid_entry_over_several_lines_is_no_mistake_beside_a_broken_one(load):
    whole = f"{SITE}/3: {{\n  judgement: reject,\n  criteria: [4,\n    6]\n}}\n? {SITE}/4\n: accept\n"
    anchors = f"{SITE}/5: &same {{judgement: reject}}\n{SITE}/6: *same\n"
    text = f"%YAML 1.1\n--- # one\n{whole}{anchors}{SITE}/7 accept\n{SITE}/8: accept\n...\n# end\n"
    assert len(load(text.replace("/7 ", "/7: "))) == 6
    with pytest.raises(InputError) as caught:
        load(text)
    assert len(caught.value.messages) == 1 and ":12: has no `: `" in str(caught.value)


@pytest.mark.parametrize(
    ("braces", "line", "meant"),
    [
        ("{reject, criteria: 4, 6}", 2, "`reject` has no colon; write {judgement: reject, criteria: [4, 6]}"),
        ("{judgement: reject, criteria: 4, 6}", 2, "`6` has no colon; write {judgement: reject, criteria: [4, 6]}"),
        ("{judgement: reject, criteria: [4], 6}", 2, "write {judgement: reject, criteria: [4, 6]}"),
        ("{reject, 4, 6}", 2, "write {judgement: reject, criteria: [4, 6]}"),
        ("{accept}", 2, "write {judgement: accept}"),
        (
            "{judgement: reject, note: too long, and wrong}",
            2,
            '`and wrong` has no colon; write {judgement: reject, note: "too long, and wrong"}',
        ),
        ("{judgement: reject, too long, really}", 2, 'write {judgement: reject, note: "too long, really"}'),
        ("{note: see 5, 6, judgement: reject}", 2, 'write {note: "see 5, 6", judgement: reject}'),
        ("{judgement: reject, seen: twice, by me}", 2, 'write {judgement: reject, seen: "twice, by me"}'),
        ("{\n  judgement: reject,\n  criteria: 4, 6 }", 4, "`6` has no colon"),
        ("{judgement: reject, note: [too long]}", 2, "the note is a list or a mapping"),
    ],
)
def test_half_a_value_in_braces_is_not_taken(load, braces, line, meant):
    for before in (A, f"\ufeff{A}"):
        with pytest.raises(InputError) as caught:
            load(f"{before}{SITE}/2: {braces}\n")
        (told,) = caught.value.messages
        assert (
            f"judgements.yaml:{line}: " in told
            and told.endswith(meant if meant.endswith("}") else told)
            and meant in told
        )


def test_what_a_mistake_says_to_write_can_be_read(load):
    for braces in ("{reject, criteria: 4, 6}", "{judgement: reject, criteria: [4], 6, note: a, b}"):
        with pytest.raises(InputError) as caught:
            load(f"{SITE}/1: {braces}\n")
        judgement = load(f"{SITE}/1: {str(caught.value).partition('write ')[2]}\n")[f"{SITE}/1"]
        assert (judgement.accepted, judgement.criteria) == (False, (4, 6))


def test_an_own_field_may_be_empty_but_for_its_colon(load):
    assert load(f"{SITE}/1: {{judgement: reject, seen: , by : , note: }}\n")[f"{SITE}/1"].note == ""


def test_all_mistakes_of_a_file_are_told_by_line(load):
    text = (
        f"{SITE}/1 accept\n{A}{B}{SITE}/3: acept\n{B}{SITE}/4: 'x\n{SITE}/5: {{judgement: reject, critera: [9]}}\n"
        f"{SITE}/6:\n  judgement: maybe\n  note: it's\n  criteria: [8]\n"
    )
    lines = [1, 4, 5, 6, 7, 7, 9, 11]
    for broken in (text, text.replace("1 accept", "7: acc").replace("'x", "x")):  # as YAML it is broken, or not
        with pytest.raises(InputError) as caught:
            load(broken)
        assert [int(told.split("judgements.yaml:")[1].split(":")[0]) for told in caught.value.messages] == lines


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_are_counted(load):
    with pytest.raises(InputError) as caught:
        load("".join(f"{SITE}/{number}: yes\n" for number in range(2_050)))
    assert len(caught.value.messages) == 51 and ":50: " in caught.value.messages[49]
    assert caught.value.messages[50].endswith("judgements.yaml: has 2,000 more mistakes")


def test_mistakes_of_all_files_are_told(tmp_path):
    paths = [str(tmp_path / name) for name in ("one.yaml", "two.yaml", "three.yaml")]
    for path, text in zip(paths, (A + "x\n" + "y\n", A, f"{SITE}/1:accept\n"), strict=True):
        Path(path).write_text(text)
    with pytest.raises(InputError) as caught:
        load_judgement_files(paths)
    places = [":".join(told.split(":")[:2]) for told in caught.value.messages]
    assert places == [f"{paths[0]}:2", f"{paths[0]}:3", f"{paths[2]}:1"]
    assert list(load_judgement_files(paths[1:2])) == paths[1:2]


# ---- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        f"{SITE}/12",
        f"https://{SITE}/12",
        f"http://{SITE}/12/",
        f"https://{SITE}/12/345",
        f"https://{SITE}/12?noredirect=1#comment3_12",
        "https://quay.stackexchange.com/questions/7/why-not/12#12",
        "https://quay.stackexchange.com/questions/7/why-not/12?noredirect=1#comment3_12",
        "https://quay.stackexchange.com/questions/7/why-not#12",
        "https://quay.stackexchange.com/questions/7#answer-12",
        "quay.stackexchange.com/questions/7/why-not/12#12",
    ],
)
def test_an_answer_s_address_is_the_id_of_its_record(load, key):
    for text in (f"{key}: accept\n", f"'{key}':\n  judgement: accept\n", f"? {key}\n: accept\n"):
        assert list(load(text)) == [f"{SITE}/12"]
    with pytest.raises(InputError, match=rf"yaml:2: {SITE}/12 is judged twice, first in line 1"):
        load(f"{SITE}/12: accept\n{key}: reject\n")
    with pytest.raises(InputError, match=r"yaml:1: has no `: ` between id and judgement"):
        load(f"{key}:accept\n")


@pytest.mark.parametrize(
    "other",
    [
        "https://quay.stackexchange.com/q/7",
        "https://quay.stackexchange.com/questions/7/why-not",
        "https://quay.stackexchange.com/questions/7/why-not#comment3_12",
        "https://quay.stackexchange.com/users/7/ann",
        "https://example.com/texts/7",
        "hh-rlhf/a/12",
        "QUAY.STACKEXCHANGE.COM/A/12",
    ],
)
def test_any_other_text_is_an_id_as_it_stands(other):
    assert record_id_of(other) == other


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_bomb_of_aliases_is_reported_at_once(load):
    """Expanded it would have 9 to the 24th nodes."""
    names = [f"a{n}" for n in range(25)]
    bomb = f"{names[0]}: &{names[0]} [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name in zip(names, names[1:], strict=False)
    )
    with pytest.raises(InputError, match=r"yaml:1: a judgement is `accept`"):
        load(bomb)


def test_python_objects_are_not_created(load):
    with pytest.raises(InputError):
        load(f"{SITE}/1: !!python/object/apply:pathlib.Path.touch [!!python/name:x '']\n")
    assert load(f"{SITE}/1: !!python/object/apply:os.abort accept\n")[f"{SITE}/1"].accepted


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"gone.yaml: no such file; judge records in the viewer"):
        load_judgements(tmp_path / "gone.yaml")


def test_any_damage_gives_judgements_or_a_one_line_error(load):
    """Bytes changed, removed and inserted, at random with fixed seeds; any other exception is a bug."""
    intact = (ROOT / "sample" / "judgements" / "harbour.yaml").read_bytes()[:891]  # up to the end of a line
    pieces = [
        b"",
        b"\n",
        b"\t",
        b": ",
        b"[",
        b"}",
        b"&a ",
        b"*a",
        b"<<: ",
        b"? ",
        b"- ",
        b"!!",
        b"|",
        b"'",
        b"\xff",
        b"\0",
    ]
    pieces += [b"%", b"---\n"]
    errors = 0
    for seed in range(600):
        draw, text = random.Random(seed), bytearray(intact)
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(len(text))
            text[place : place + draw.choice([0, 1, 20])] = draw.choice(pieces)
        try:
            load(bytes(text))
        except InputError as error:
            errors += 1
            assert "judgements.yaml:" in str(error) and "\n" not in str(error)
    assert 0 < errors < 600


def test_a_lost_or_added_character_is_told_in_its_line_or_the_next(load):
    """Of the errors that a character too many or too few causes in a file of every form, with fixed seeds."""
    intact = (
        A
        + AROUND
        + f"{SITE}/10: {{judgement: reject, criteria: [4, 6], note: links}}\n# it's done\n"
        + BLOCK.replace("/3", "/30")
        + f"{SITE}/40: {{\n  judgement: reject,\n  criteria: [4, 6]\n}}\n"
        + f"{SITE}/50: accept\n"
    )
    load(intact)
    errors = near = 0
    for seed in range(600):
        draw = random.Random(seed)
        place = draw.randrange(len(intact))
        added, lost = draw.choice([(draw.choice("'\"{}[]:,#&*!|> \n\tx1"), 0), ("", 1)])
        line = intact.count("\n", 0, place) + 1
        try:
            load(intact[:place] + added + intact[place + lost :])
        except InputError as error:
            errors += 1
            near += all(f"yaml:{line}: " in told or f"yaml:{line + 1}: " in told for told in error.messages)
    assert errors > 200 and near / errors > 0.95, (near, errors)
