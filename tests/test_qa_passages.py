"""Texts, passages and prompt files: what is used, what is skipped, and why."""

import json
import time

import pytest

from generation.prompt_template import read_template
from generation.qa.passages import Passage, find_passages
from generation.qa.recipe import CHAT_PROMPTS, PROMPTS, RECIPE, read_prompts
from generation.qa.texts import LARGEST_FILE, Skipped, Text, read_texts
from records.errors import InputError
from tests.conftest import jsonl, record

PLACEHOLDERS = frozenset({"passage", "kind"})


def words(count: int, word: str = "lamp") -> str:
    return " ".join([word] * count)


def passages(body: str, markdown: bool = True, low: int = 5, high: int = 9) -> list[str]:
    """The bodies of the passages, and the reasons for what is skipped."""
    found = find_passages(Text("t", body, "mit", markdown), low, high)
    return [part.body if isinstance(part, Passage) else part.reason for part in found]


# ----------------------------------------------------------------------------------------------------------------------
# passages
# ----------------------------------------------------------------------------------------------------------------------
def test_paragraphs_of_suitable_length_are_passages():
    assert passages(f"{words(5)}\n\n{words(9, 'boat')}\n") == [words(5), words(9, "boat")]
    assert passages(words(4)) == ["below 5 words"]
    assert passages(words(10)) == ["above 9 words"]


@pytest.mark.parametrize("markdown", [True, False])
def test_short_neighbours_are_joined(markdown):
    assert passages("one two\n\nthree four\n\nfive six", markdown) == ["one two three four five six"]
    assert passages("one two three\n\n" + words(8), markdown) == ["below 5 words", words(8)]


def test_short_paragraphs_are_not_joined_across_other_blocks():
    skipped = "no paragraph, but a heading, list, quotation, table or code"
    assert passages("one two three\n\n# Lamps\n\nfour five six") == ["below 5 words", skipped, "below 5 words"]


@pytest.mark.parametrize(
    "block",
    [
        "# one two three four five",
        "* one two three four five",
        "> one two three four five",
        "    one two three four five",
        "```\none two three four five\n```",
        "<p>one two three four five</p>",
    ],
)
def test_in_markdown_only_paragraphs_are_text(block):
    assert passages(block) == ["no paragraph, but a heading, list, quotation, table or code"]
    assert passages(block, markdown=False) != passages(block)


def test_markup_is_removed_and_lines_are_joined():
    body = "The *lamp* of [Orrin](https://a.test) is\n**red**, and `burns` &amp; shines\\!"
    assert passages(body, high=20) == ["The lamp of Orrin is red, and burns & shines!"]


def test_line_ends_of_every_system():
    for end in ("\n", "\r\n", "\r"):
        assert passages(f"{words(5)}{end}{end}{words(6)}", markdown=False) == [words(5), words(6)]


def test_a_passage_knows_its_place():
    text = Text("t", f"# Title\n\none two three\n\nfour five six\n\n{words(7)}", "mit", True)
    found = [part for part in find_passages(text, 5, 9) if isinstance(part, Passage)]
    assert [(passage.paragraph, passage.id) for passage in found] == [(2, "t#2"), (4, "t#4")]


@pytest.mark.parametrize(
    "body",
    [
        "x" * 5_000_000,
        "[" * 2_000_000,
        "*_" * 1_000_000,
        "lamp " * 1_000_000,
        "\n" * 1_000_000,
        "> " * 500_000,
        "`" * 1_000_001,
    ],
    ids=["one word", "brackets", "marks", "words", "blank lines", "quotations", "backticks"],
)
def test_a_huge_paragraph_is_skipped_quickly(body):
    began = time.process_time()
    assert not any(isinstance(part, Passage) for part in find_passages(Text("t", body, "mit", True)))
    assert time.process_time() - began < 20


# ----------------------------------------------------------------------------------------------------------------------
# texts
# ----------------------------------------------------------------------------------------------------------------------
def texts(path, name=None, license="mit") -> list:
    found = read_texts([str(path)], name, license)
    return [(text.id, text.reason if isinstance(text, Skipped) else text.body) for text in found]


def test_a_folder_is_read_recursively_in_a_fixed_order(tmp_path):
    for name in ("b.txt", "a/z.md", "a/b/c.txt", "a/no.pdf", "c.TXT"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert texts(tmp_path) == [("a/b/c.txt", "a/b/c.txt"), ("a/z.md", "a/z.md"), ("b.txt", "b.txt")]


def test_files_that_are_not_text_are_skipped_with_a_reason(tmp_path):
    (tmp_path / "binary.txt").write_bytes(b"\x89PNG\0")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbflamp")
    (tmp_path / "empty.md").write_bytes(b" \n\n")
    (tmp_path / "latin.txt").write_bytes(b"M\xf6we")
    with (tmp_path / "large.txt").open("wb") as large:
        large.truncate(LARGEST_FILE + 1)
    assert texts(tmp_path) == [
        ("binary.txt", "binary"),
        ("bom.txt", "lamp"),
        ("empty.md", "empty"),
        ("large.txt", "above 64 MB"),
        ("latin.txt", "not UTF-8"),
    ]


def test_a_file_name_that_is_not_utf8_is_escaped(tmp_path):
    (tmp_path / "M\udcf6we.txt").write_text("lamp")
    [(id, body)] = texts(tmp_path)
    assert (id.encode(), body) == (b"M\\udcf6we.txt", "lamp")


def test_rows_without_a_text_are_skipped_and_lone_surrogates_escaped(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"t": "a \\ud800 lamp", "id": "\\udfff"}\n{"t": null}\n{"t": 7, "id": 9}\n{"t": " "}\n')
    assert texts(path, "t") == [
        ("\\udfff", "a \\ud800 lamp"),
        ("in.jsonl:2", "no text"),
        ("in.jsonl:3", "no text"),
        ("in.jsonl:4", "empty"),
    ]


def test_a_text_has_its_own_licence_or_the_one_given(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(
        jsonl(
            record(1),
            record(2, meta={"answer_license": None}),
            record(3, meta={"answer_license": None, "license": "MIT"}),
        )
    )
    assert [text.license for text in read_texts([str(path)], None, "CC0-1.0")] == ["CC BY-SA 4.0", "CC0-1.0", "MIT"]
    with pytest.raises(InputError, match="in.jsonl:2: no licence for this text; give it with --text_license"):
        list(read_texts([str(path)], None, None))


def test_only_attribution_fields_are_used(tmp_path):
    row = {"t": "lamp", "url": "https://a.test", "author": ["Ada"], "title": "", "secret": "x"}
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    [text] = read_texts([str(tmp_path / "in.jsonl")], "t", "mit")
    assert text.attribution == {"url": "https://a.test"}


# ----------------------------------------------------------------------------------------------------------------------
# prompt files
# ----------------------------------------------------------------------------------------------------------------------
def template(tmp_path, text: str, chat: bool = False):
    (tmp_path / "prompt.txt").write_text(text)
    return read_template(tmp_path / "prompt.txt", PLACEHOLDERS, chat)


VALUES = {"passage": "P", "kind": "Why", "topics": "T", "question": "Q", "answer": "A", "asked_back": "B"}


def test_every_step_has_a_prompt_that_a_base_model_can_continue():
    prompts = read_prompts(PROMPTS, chat=False)
    assert list(prompts) == [step.name for step in RECIPE]
    for name, prompt in prompts.items():
        [text, _, earlier] = prompt.request(**VALUES, answerable="C")
        begun = "Why" if name in ("question", "asked_back") else ""
        assert text.endswith(f": {begun}".rstrip()) and prompt.beginning(**VALUES) == begun
        assert "Passage: P\n" in text and "{" not in text and earlier == ()
        assert prompt.stop and prompt.max_tokens


def test_every_step_has_a_prompt_for_chat_models_with_examples_as_turns():
    for prompt in read_prompts(CHAT_PROMPTS, chat=True).values():
        request = prompt.request(**VALUES, answerable="C")
        assert [turn["role"] for turn in request.turns][-3:] == ["user", "assistant", "user"]
        assert "nly" in request.prompt and "Passage: P\n" in request.prompt and "{" not in request.prompt
        assert prompt.stop == () and prompt.beginning(**VALUES) == ""


def test_turns_are_for_chat_models_and_alternate(tmp_path):
    head = "max_tokens: 9\nstop: []\n---\n"
    turns = "[user]\nWho?\n[assistant]\nNobody.\n[user]\n{passage}\n"
    request = template(tmp_path, head + turns, chat=True).request(passage="lamp")
    assert (request.prompt, request.earlier) == ("lamp", ("Who?", "Nobody."))
    with pytest.raises(InputError, match="has turns, which are for chat models"):
        template(tmp_path, head + turns)
    for wrong in ("[user]\na\n[assistant]\nb\n", "[assistant]\na\n", "x\n[user]\na\n", "[user]\na\n[user]\nb\n"):
        with pytest.raises(InputError, match="turns must be"):
            template(tmp_path, head + wrong, chat=True)


def test_the_prompt_is_below_the_line_of_dashes(tmp_path):
    prompt = template(
        tmp_path, "# what for\nmax_tokens: 9\nstop: [\"\\n\", '###']\n-----\n{kind}: {passage}\n---\nend:\n"
    )
    assert prompt.request(kind="Why", passage="lamp").prompt == "Why: lamp\n---\nend:"
    settings = prompt.settings(seed=3)
    assert (settings.max_tokens, settings.stop, settings.seed) == (9, ("\n", "###"), 3)


def test_placeholders_in_values_are_left_alone(tmp_path):
    prompt = template(tmp_path, "max_tokens: 9\nstop: []\n---\n{passage} {kind} {1} {} {Passage}")
    assert prompt.request(passage="{kind}", kind="{passage}").prompt == "{kind} {passage} {1} {} {Passage}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_tokens: 9\nstop: []\n---\n{pasage}", r"unknown placeholder \{pasage\}; use kind, passage"),
        ("max_tokens: 9\nstop: []\n{passage}", "not a prompt file|must have max_tokens and stop"),
        ("{passage}", "must have max_tokens and stop, a line of dashes, and the prompt"),
        ("max_tokens: 9\n---\n{passage}", "must have max_tokens and stop"),
        ("max_tokens: 9\nstop: []\ntop: 1\n---\n{passage}", "must have max_tokens and stop"),
        ("max_tokens: many\nstop: []\n---\n{passage}", "max_tokens must be a whole number from 1 on"),
        ("max_tokens: 0\nstop: []\n---\n{passage}", "max_tokens must be a whole number from 1 on"),
        ("max_tokens: true\nstop: []\n---\n{passage}", "max_tokens must be a whole number from 1 on"),
        ("max_tokens: 9\nstop: ['']\n---\n{passage}", "stop a list of strings"),
        ("max_tokens: 9\nstop: x\n---\n{passage}", "stop a list of strings"),
        ("max_tokens: [9\nstop: []\n---\n{passage}", "not a prompt file"),
        ("max_tokens: 9\nstop: []\n---\n\n", "the prompt is empty"),
    ],
)
def test_a_bad_prompt_file_is_reported(tmp_path, text, problem):
    with pytest.raises(InputError, match=problem):
        template(tmp_path, text)


def test_a_prompt_file_that_is_missing_or_not_text_is_reported(tmp_path):
    with pytest.raises(InputError, match="gone.txt: no such prompt file"):
        read_template(tmp_path / "gone.txt", PLACEHOLDERS, False)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="binary.txt: not a prompt file"):
        read_template(tmp_path / "binary.txt", PLACEHOLDERS, False)
