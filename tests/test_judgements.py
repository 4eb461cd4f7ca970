"""The judgement file: every form that people write, and one-line errors with the place of each mistake."""

import random
from pathlib import Path

import pytest

from records.errors import InputError
from review.judgements import load_judgements

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
        (f"{SITE}/1: {{judgement: reject, later: [unknown, {{field: 1}}]}}", False, (), ""),
        (f"{SITE}/1: {{judgement: reject, reviewer: me, seen: twice, date: 2026-11-20, comment: x}}", False, (), ""),
    ],
)
def test_every_form_is_read(load, text, accepted, criteria, note):
    judgement = load(text)[f"{SITE}/1"]
    assert (judgement.accepted, judgement.criteria, judgement.note) == (accepted, criteria, note)


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
        (A + f"{SITE}/2: acept\n", 2, "the judgement is 'acept'; write accept or reject"),
        (A + f"{SITE}/2: Accept\n", 2, "the judgement is 'Accept'"),
        (A + f"{SITE}/2: true\n", 2, "the judgement is 'true'"),
        (A + f"{SITE}/2:\n{SITE}/3: accept\n", 2, "the judgement is ''"),
        (A + f"{SITE}/2: [accept]\n", 2, "a judgement is `accept`, `reject` or {judgement: reject,"),
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
        (A + f"{SITE}/2: {{judgement: reject\n", 3, "is not YAML"),
        (A + f"{SITE}/2: 'accept\n", 3, "is not YAML"),
        (A + f"{SITE}/2: *accept\n", 2, "is not YAML"),
        (A + "---\n" + B, 2, "is not YAML"),
        (A + f"{SITE}/2: accept: reject\n", 2, "is not YAML"),
        (A + f"  {B}", 2, "is not YAML"),
        (A + "accept\n", 3, "is not YAML"),
        (A + "? [a, b]\n: accept\n", 2, "an id must be plain text"),
        (A + "? {a: b}\n: accept\n", 2, "an id must be plain text"),
        ("# head\n- a: accept\n", 2, "is not a mapping"),
        ("accept", 1, "is not a mapping"),
        (f"{SITE}/1 accept\n", 1, "is not a mapping"),
        ("''", 1, "is not a mapping"),
        (A.encode() + b"# caf\xe9\n" + B.encode(), 2, "is not YAML"),
        (A.encode() + b"\x00", 2, "is not YAML"),
        (A.encode() + b"\x07: accept", 2, "is not YAML"),
        (A + f"{SITE}/2: " + "[" * 8 + "]" * 8, 2, "is nested too deep"),
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
