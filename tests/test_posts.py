"""What is made of a post as it comes does not depend on what comes later, or on the order of the rows."""

import json
import random

import pytest

from records.errors import InputError
from sample.archive_server import ArchiveServer
from stackdump.posts import Batch, Style
from stackdump.sites import site_of_file
from tests.conftest import run_script
from tests.dumps import answer, noise, pack, question, read_jsonl, table

FORMULA = "<p>a <span class='math-container'>$x_1$</span></p>".replace("'", '"')
LONG = "word_ " * 10_000  # some of these make a batch
NO_MATHJAX = site_of_file("quay.stackexchange.com.7z")


def convert(tmp_path, posts, name="out"):
    dump = tmp_path / f"{name}.stackexchange.com" / "Posts.xml"
    dump.parent.mkdir()
    dump.write_bytes(table("posts", posts))
    run = run_script(
        "get_stackexchange.py", "--dump_path", dump.parent, "--sites", "quay", "--destdir", tmp_path / name
    )
    assert run.status == 0, run.stderr
    return tmp_path / name / "quay"


def test_formulas_before_the_first_marked_one_are_formulas_too(tmp_path):
    plain = [
        question(10, Title="Is $a_b$ it?", Body="<p>$a_b$ and $c_d$</p>"),
        answer(11, 10, Body="<p>$e_f$ g_h_i</p>"),
    ]
    marked = [question(9000), answer(9001, 9000, Body=FORMULA)]
    folder = convert(tmp_path, plain + marked)
    first, last = read_jsonl(folder / "unfiltered.jsonl")
    assert (first["instruction"], first["response"]) == ("Is $a_b$ it?\n\n$a_b$ and $c_d$", "$e_f$ g_h_i")
    assert last["response"] == "a $x_1$"
    assert json.loads((folder / "report.json").read_text())["mathjax"] is True


def test_a_formula_marked_late_in_a_download_fetches_nothing_twice(tmp_path):
    posts = [question(n, Body=f"<p>{noise(10_000, n)}</p>") for n in range(20, 400)]
    tables = {"Posts": table("Posts", [*posts, question(9000), answer(9001, 9000, Body=FORMULA)])}
    archive = pack(tmp_path / "www" / "item" / "quay.stackexchange.com.7z", tables)
    with ArchiveServer(tmp_path / "www") as server:
        run = run_script("get_stackexchange.py", "--base_url", server.url, "--dump", "item", "--sites", "quay",
                         "--destdir", tmp_path / "out")  # fmt: skip
        assert run.status == 0, run.stderr
        assert server.sent("item/quay.stackexchange.com.7z") <= archive.stat().st_size
    assert json.loads((tmp_path / "out" / "quay" / "report.json").read_text())["mathjax"] is True


def test_any_order_of_the_rows_gives_the_same_bytes(tmp_path):
    """Also of posts that share an id, of formulas before and behind the first marked one, and of questions that say
    to have no answers; in several batches."""
    posts = [
        question(n, Title="$t_1$", AnswerCount=n % 2, Body=f"<p>$q_{n}$ \\ {LONG}</p>") for n in range(1, 9000, 300)
    ]
    posts += [answer(10_000 + n, n, Body=f"<p>$a_{n}$ *</p>", Score=n % 7) for n in range(1, 9000, 300)]
    posts += [
        answer(10_001, 1, Body=FORMULA),
        answer(10_001, 1, Body="<p>$another$</p>"),
        question(301, Body="<p>twice</p>"),
    ]
    outputs = set()
    for seed in range(4):
        random.Random(seed).shuffle(posts)
        outputs.add((convert(tmp_path, posts, f"seed{seed}") / "unfiltered.jsonl").read_bytes())
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == 30


def test_a_question_that_says_to_have_no_answers_is_joined_to_one_all_the_same(tmp_path):
    folder = convert(tmp_path, [question(10, AnswerCount=0, Body="<p><b>Which?</b></p>"), answer(11, 10)])
    [record] = read_jsonl(folder / "unfiltered.jsonl")
    assert record["instruction"] == "Which rope for 10 t?\n\n**Which?**"


@pytest.mark.parametrize("row", ['<row PostTypeId="1" />', '<row Id="1" />', '<row Id="x" PostTypeId="1" />',
                                 '<row Id="2" PostTypeId="2" ParentId="" />'])  # fmt: skip
def test_a_row_without_what_every_post_has_is_named(row):
    with pytest.raises(InputError, match=f"^Posts.xml: the row {row[5:11]}.* is no Posts.xml of a dump"):
        Batch(f"  {row}\n".encode(), "Posts.xml", Style(NO_MATHJAX, False), False).place()


@pytest.mark.parametrize("score", ["", "ten", "9223372036854775808", "-9223372036854775808"])
def test_a_number_that_is_none_of_64_bits_is_told_with_its_post(score):
    row = f'  <row Id="7" PostTypeId="2" ParentId="3" Score="{score}" Body="" />\n'
    with pytest.raises(InputError, match=f"^the post 7 has the Score '{score}', which is no whole number"):
        Batch(row.encode(), "Posts.xml", Style(NO_MATHJAX, False), False).place()


def test_an_empty_owner_or_accepted_answer_is_none(tmp_path):
    posts = [question(10, OwnerUserId="", AcceptedAnswerId=""), answer(11, 10, OwnerUserId="")]
    [record] = read_jsonl(convert(tmp_path, posts) / "unfiltered.jsonl")
    assert record["meta"]["question_author_url"] is record["meta"]["answer_author_url"] is None
    assert record["meta"]["accepted"] is False
