"""What a post becomes does not depend on later posts, nor on the order of the rows."""

import json
import random

import pytest

from records.errors import InputError
from sample.archive_server import ArchiveServer
from stackdump.posts import Batch, Style
from stackdump.sites import Site
from tests.conftest import run_script
from tests.dumps import answer, noise, pack, question, read_jsonl, table

FORMULA = "<p>a <span class='math-container'>$x_1$</span></p>".replace("'", '"')
LONG = "word_ " * 10_000  # some of these make a batch
NO_MATHJAX = Site("quay.stackexchange.com")


def convert(tmp_path, posts, *flags, name="out"):
    dump = tmp_path / f"{name}-dump" / "quay.stackexchange.com" / "Posts.xml"
    dump.parent.mkdir(parents=True)
    dump.write_bytes(table("posts", posts))
    run = run_script("get_stackexchange.py", "--dump_path", dump.parent, "--destdir", tmp_path / name, *flags)
    assert run.status == 0, run.stderr
    return tmp_path / name / "quay"


@pytest.mark.parametrize(("flags", "space"), [((), " "), (("--keep_nbsp",), "\u00a0")])
def test_no_break_spaces_stay_in_text_only_if_asked_for(tmp_path, flags, space):
    unanswered = question(10, Title="10\u00a0km", Body="<p>a&nbsp;b</p>", AnswerCount=0)  # made Markdown in the join
    answered = question(20, Title="20\u00a0km", Body="<p>c&nbsp;d</p>")
    posts = [unanswered, answer(11, 10, Body="<p>e\u00a0f <code>g&nbsp;h</code></p>"), answered, answer(21, 20)]
    folder = convert(tmp_path, posts, *flags)
    first, second = read_jsonl(folder / "unfiltered.jsonl")
    assert first["instruction"] == f"10{space}km\n\na{space}b"
    assert first["response"] == f"e{space}f `g h`"
    assert second["instruction"] == f"20{space}km\n\nc{space}d"
    assert json.loads((folder / "report.json").read_text())["options"]["keep_nbsp"] is bool(flags)


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


@pytest.mark.slow
def test_a_formula_marked_late_in_a_download_fetches_nothing_twice(tmp_path):
    posts = [question(n, Body=f"<p>{noise(10_000, n)}</p>") for n in range(20, 400)]
    tables = {"Posts": table("Posts", [*posts, question(9000), answer(9001, 9000, Body=FORMULA)])}
    archive = pack(tmp_path / "www" / "item" / "quay.stackexchange.com.7z", tables)
    with ArchiveServer(tmp_path / "www") as server:
        run = run_script(
            "get_stackexchange.py",
            "--base_url",
            server.url,
            "--dump",
            "item",
            "--sites",
            "quay",
            "--destdir",
            tmp_path / "out",
        )
        assert run.status == 0, run.stderr
        assert server.sent("item/quay.stackexchange.com.7z") <= archive.stat().st_size
    assert json.loads((tmp_path / "out" / "quay" / "report.json").read_text())["mathjax"] is True


@pytest.mark.slow
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
        outputs.add((convert(tmp_path, posts, name=f"seed{seed}") / "unfiltered.jsonl").read_bytes())
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == 30


def test_a_question_that_says_to_have_no_answers_is_joined_to_one_all_the_same(tmp_path):
    folder = convert(tmp_path, [question(10, AnswerCount=0, Body="<p><b>Which?</b></p>"), answer(11, 10)])
    [record] = read_jsonl(folder / "unfiltered.jsonl")
    assert record["instruction"] == "Which rope for 10 t?\n\n**Which?**"


@pytest.mark.parametrize(
    "row",
    [
        '<row PostTypeId="1" />',
        '<row Id="1" />',
        '<row Id="x" PostTypeId="1" />',
        '<row Id="2" PostTypeId="2" ParentId="" />',
    ],
)
def test_a_row_without_what_every_post_has_is_named(row):
    with pytest.raises(InputError, match=f"^Posts.xml: the row {row[5:11]}.* is not the Posts.xml of a dump"):
        Batch(f"  {row}\n".encode(), "Posts.xml", Style(NO_MATHJAX, False), False).place()


@pytest.mark.parametrize("score", ["", "ten", "9223372036854775808", "-9223372036854775808"])
def test_a_number_that_does_not_fit_64_bits_is_reported_with_its_post(score):
    row = f'  <row Id="7" PostTypeId="2" ParentId="3" Score="{score}" Body="" />\n'
    with pytest.raises(InputError, match=f"^the post 7 has the Score '{score}', which is not a whole number"):
        Batch(row.encode(), "Posts.xml", Style(NO_MATHJAX, False), False).place()


def test_an_empty_owner_or_accepted_answer_is_none(tmp_path):
    posts = [question(10, OwnerUserId="", AcceptedAnswerId=""), answer(11, 10, OwnerUserId="")]
    [record] = read_jsonl(convert(tmp_path, posts) / "unfiltered.jsonl")
    assert record["meta"]["question_author_url"] is record["meta"]["answer_author_url"] is None
    assert record["meta"]["accepted"] is False


# ---- whose posts -------------------------------------------------------------------------------------------------
def counts_of(folder):
    return json.loads((folder / "report.json").read_text())["counts"]


def test_posts_of_the_answer_bot_are_counted_apart_and_left_out(tmp_path):
    posts = [question(1), answer(2, 1), answer(3, 1, OwnerUserId=-2), question(4, OwnerUserId=-2), answer(5, 4)]
    folder = convert(tmp_path, posts)
    assert [record["meta"]["answer_id"] for record in read_jsonl(folder / "unfiltered.jsonl")] == [2]
    counts = counts_of(folder)
    assert counts["posts of the Answer Bot"] == 2
    assert counts["dropped: orphans"] == 1
    assert counts["rows of Posts.xml"] == counts["questions"] + counts["answers"] + counts["posts of the Answer Bot"]


SUSPECTS = [
    question(2_000_000_000, OwnerUserId=-1),
    answer(2_000_000_001, 2_000_000_000, OwnerUserId=-1),
    answer(900_000_000, 10, OwnerUserId=-1),  # to a real question
]
WIKIS = [answer(60_000, 10, OwnerUserId=-1), answer(90, 20, OwnerUserId=-1)]  # real posts of the community's


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_posts_that_look_planted_are_left_out_and_reported_whatever_the_order_of_the_rows(tmp_path, workers):
    people = [question(10), answer(11, 10), question(20), answer(50_000, 20)]
    expected = None
    for seed in range(3):
        posts = [*people, *WIKIS, *SUSPECTS]
        random.Random(seed).shuffle(posts)
        dump = tmp_path / str(seed) / "quay.stackexchange.com" / "Posts.xml"
        dump.parent.mkdir(parents=True)
        dump.write_bytes(table("posts", posts))
        command = ("get_stackexchange.py", "--dump_path", dump, "--destdir", tmp_path / str(seed), "--workers", workers)
        run = run_script(*command)
        assert run.status == 0, run.stderr
        assert "quay: 3 posts of user -1 are left out, because they look planted" in run.stderr
        assert "no other post's is above 50,000; --keep_suspects keeps them" in run.stderr
        folder = tmp_path / str(seed) / "quay"
        found = (folder / "unfiltered.jsonl").read_bytes()
        assert expected in (None, found)
        expected = found
        assert {record["meta"]["answer_id"] for record in read_jsonl(folder / "unfiltered.jsonl")} == {
            11,
            90,
            50_000,
            60_000,
        }
        counts = counts_of(folder)
        assert (counts["posts that look planted"], counts["questions"], counts["answers"]) == (3, 2, 4)

    assert "is complete" in run_script(*command).stderr
    kept = run_script(*command, "--keep_suspects")
    assert kept.status == 0, kept.stderr
    assert "look planted" not in kept.stderr
    assert len(read_jsonl(folder / "unfiltered.jsonl")) == 6


def test_where_all_posts_are_the_communitys_none_looks_planted(tmp_path):
    folder = convert(tmp_path, [question(10, OwnerUserId=-1), answer(900_000_000, 10, OwnerUserId=-1)])
    assert len(read_jsonl(folder / "unfiltered.jsonl")) == 1
