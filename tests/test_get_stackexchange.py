"""Step 1 as a user runs it: every pair of the dump once, in order, with its attribution."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from records.file_io import open_input
from sample.archive_server import ArchiveServer
from sample.demo import HOST, ITEM
from tests.conftest import ROOT, SAMPLE_DUMP, run_script
from tests.dumps import (
    BZIP2,
    LZMA2,
    answer,
    files_in,
    naive_pairs,
    naive_posts,
    pack,
    question,
    read_jsonl,
    small_posts,
    table,
)

SCRIPT = "get_stackexchange.py"


def convert(tmp_path: Path, posts: list[dict], *flags: object, users: list[dict] | None = None) -> list[dict]:
    """The records that step 1 makes of posts, given as a folder of XML."""
    dump = tmp_path / "quay.stackexchange.com"
    dump.mkdir(exist_ok=True)
    (dump / "Posts.xml").write_bytes(table("posts", posts))
    if users is not None:
        (dump / "Users.xml").write_bytes(table("users", users))
    run = run_script(SCRIPT, "--dump_path", dump, "--destdir", tmp_path / "out", "--workers", "1", *map(str, flags))
    assert run.status == 0, run.stderr
    return read_jsonl(tmp_path / "out" / "quay" / "unfiltered.jsonl")


# ---- the records -------------------------------------------------------------------------------------------------
def test_every_pair_of_the_sample_is_there_once_and_in_order(www, tmp_path):
    with ArchiveServer(www) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", ITEM, "--sites", "harbour", "--destdir", tmp_path)
    assert run.status == 0, run.stderr
    records = read_jsonl(tmp_path / "harbour" / "unfiltered.jsonl")
    found = [(r["meta"]["question_id"], r["meta"]["answer_id"], r["meta"]["answer_score"]) for r in records]
    assert found == naive_pairs(naive_posts((SAMPLE_DUMP / "Posts.xml").read_bytes()))
    assert files_in(tmp_path) == {"harbour/unfiltered.jsonl", "harbour/report.json"}


def test_a_record_holds_what_the_design_says(sample_records):
    posts = {post["Id"]: post for post in naive_posts((SAMPLE_DUMP / "Posts.xml").read_bytes())}
    users = {user["Id"]: user["DisplayName"] for user in naive_posts((SAMPLE_DUMP / "Users.xml").read_bytes())}
    for record in read_jsonl(sample_records):
        meta = record["meta"]
        question_, answer_ = posts[str(meta["question_id"])], posts[str(meta["answer_id"])]
        assert record["id"] == f"{HOST}/a/{answer_['Id']}"
        assert record["source"] == "stackexchange"
        assert record["instruction"] and record["response"]
        assert meta["site"] == HOST
        assert meta["title"] == question_["Title"]
        assert meta["tags"] == question_["Tags"].replace("|", " ").replace("<", " ").replace(">", " ").split()
        assert (meta["question_score"], meta["answer_score"]) == (int(question_["Score"]), int(answer_["Score"]))
        assert meta["accepted"] == (question_.get("AcceptedAnswerId") == answer_["Id"])
        for name, post in (("question", question_), ("answer", answer_)):
            owner = post.get("OwnerUserId")
            assert meta[f"{name}_url"] == f"https://{HOST}/{name[0]}/{post['Id']}"
            assert meta[f"{name}_author"] == (users.get(owner) or post.get("OwnerDisplayName"))
            assert meta[f"{name}_author_url"] == (f"https://{HOST}/users/{owner}" if owner else None)
            assert meta[f"{name}_created"] == post["CreationDate"]
            if "ContentLicense" in post:
                assert meta[f"{name}_license"] == post["ContentLicense"]


@pytest.mark.parametrize(
    ("date", "license"),
    [
        ("2011-04-07T23:59:59.999", "CC BY-SA 2.5"),
        ("2011-04-08T00:00:00.000", "CC BY-SA 3.0"),
        ("2018-05-01T23:59:59.999", "CC BY-SA 3.0"),
        ("2018-05-02T00:00:00.000", "CC BY-SA 4.0"),
    ],
)
def test_a_licence_that_the_dump_does_not_tell_follows_from_the_date(tmp_path, date, license):
    [record] = convert(tmp_path, [question(1), answer(2, 1, CreationDate=date)])
    assert record["meta"]["answer_license"] == license
    assert record["meta"]["question_license"] == "CC BY-SA 4.0"


def test_names_come_from_users_and_deleted_users_names_from_their_posts(tmp_path):
    posts = [question(1, OwnerUserId=-1), answer(2, 1, OwnerUserId=7), answer(3, 1, OwnerUserId=8)]
    nameless = {key: value for key, value in answer(4, 1).items() if key != "OwnerUserId"}
    posts += [nameless | {"OwnerDisplayName": "user4 & co"}, nameless | {"Id": 5}]
    users = [{"Id": -1, "DisplayName": "Community"}, {"Id": 7, "DisplayName": 'Ada <of> the "Quay" & Ölsa'}]
    metas = {record["meta"]["answer_id"]: record["meta"] for record in convert(tmp_path, posts, users=users)}
    assert {n: meta["answer_author"] for n, meta in metas.items()} == {
        2: 'Ada <of> the "Quay" & Ölsa',
        3: None,
        4: "user4 & co",
        5: None,
    }
    assert metas[3]["answer_author_url"] == "https://quay.stackexchange.com/users/8"
    assert metas[4]["answer_author_url"] is None
    assert metas[2]["question_author"] == "Community"
    named = convert(tmp_path, posts, "--no_authors", users=users)
    assert {record["meta"]["answer_author"] for record in named} == {None, "user4 & co"}


def test_participants_are_the_other_authors_of_the_thread_asker_first(tmp_path):
    posts = [
        question(1, OwnerUserId=1),
        answer(2, 1, OwnerUserId=2, Score=1),
        answer(3, 1, OwnerUserId=3, Score=5),
        answer(4, 1, OwnerUserId=1, Score=9),  # the asker's own
        answer(5, 1, OwnerUserId=2, Score=0, Body=""),
        answer(6, 1, OwnerUserId=8, Score=2),  # without a name
        question(7, OwnerUserId=4),
        answer(8, 7, OwnerUserId=5),
        answer(9, 99, OwnerUserId=6),  # an orphan
        question(10, OwnerUserId=8),
        answer(11, 10, OwnerUserId=9),
    ]
    users = [{"Id": n, "DisplayName": name} for n, name in enumerate("Ada Bo Cy Di Ed Flo".split(), 1)]
    named = {r["meta"]["answer_id"]: " ".join(r["meta"]["participants"]) for r in convert(tmp_path, posts, users=users)}
    assert named == {4: "Cy Bo", 3: "Ada Bo", 6: "Ada Cy Bo", 2: "Ada Cy", 8: "Di", 11: ""}
    unnamed = convert(tmp_path, posts, "--no_authors", users=users)
    assert {tuple(record["meta"]["participants"]) for record in unnamed} == {()}


def test_a_thread_of_many_names_a_hundred_of_them_in_each_record(tmp_path):
    posts = [question(1), *(answer(n, 1, OwnerUserId=n, Score=-n) for n in range(2, 140))]
    users = [{"Id": n, "DisplayName": f"user{n}"} for n in range(2, 140)]
    records = convert(tmp_path, posts, users=users)
    assert len(records) == 138 and {len(record["meta"]["participants"]) for record in records} == {100}
    assert records[0]["meta"]["participants"] == [f"user{n}" for n in range(3, 103)]


def test_what_makes_no_pair_is_counted_and_left_out(tmp_path):
    posts = [
        question(1),
        answer(2, 1),
        answer(3, 99),  # an orphan
        answer(4, 2),  # a child of an answer
        answer(5, 1, Body=""),
        {key: value for key, value in answer(6, 1).items() if key != "Body"},
        answer(7, 1, Body="<p> </p>"),
        {key: value for key, value in answer(8, 1).items() if key != "ParentId"},
        question(9, Title="", Body=""),
        answer(10, 9),
        answer(2, 1),  # an id that comes twice
        question(1_000_000_001),
        answer(1_000_000_010, 1_000_000_001),
        *({"Id": 100 + n, "PostTypeId": n, "Body": "<p>a wiki</p>", "Title": "t"} for n in range(3, 9)),
    ]
    assert [record["meta"]["answer_id"] for record in convert(tmp_path, posts)] == [2]
    counts = json.loads((tmp_path / "out" / "quay" / "report.json").read_text())["counts"]
    assert counts == {
        "rows of Posts.xml": 19,
        "questions": 2,
        "posts of other types": 6,
        "planted posts": 2,
        "answers": 9,
        "dropped: orphans": 3,
        "dropped: without text": 3,
        "dropped: to a question without text": 1,
        "dropped: repeated ids": 1,
        "pairs written": 1,
    }


def test_a_question_with_only_a_title_or_only_a_body_is_an_instruction(tmp_path):
    posts = [question(1, Title=""), answer(2, 1), question(3, Body=""), answer(4, 3)]
    assert [r["instruction"] for r in convert(tmp_path, posts)] == ["I moor 1 boats.", "Which rope for 3 t?"]


def test_formulas_that_a_site_marks_show_that_it_uses_mathjax(tmp_path):
    formula = "<p>so $a*b*c$</p>"
    marked = '<p><span class="math-container">$x_1$</span></p>'
    plain = convert(tmp_path, [question(1), answer(2, 1, Body=formula)])
    assert plain[0]["response"] != "so $a*b*c$"
    with_mark = convert(tmp_path, [question(1, Body=marked), answer(2, 1, Body=formula)], "--force")
    assert with_mark[0]["response"] == "so $a*b*c$"
    talk = '<p><code>&lt;span class="math-container"&gt;</code></p>'
    about = convert(tmp_path, [question(1, Body=talk), answer(2, 1, Body=formula)], "--force")
    assert about[0]["response"] == plain[0]["response"]


def history(number: int, post: int, kind: int, text: str) -> dict:
    return {"Id": number, "PostHistoryTypeId": kind, "PostId": post, "Text": text}


def test_authors_own_markdown_is_taken_on_request_and_compared_with_the_html(tmp_path):
    posts = [
        question(1, Body="<p>How <em>long</em>?</p>"),
        answer(2, 1, Score=9, Body="<p>Take <strong>10</strong> m.</p>"),
        answer(3, 1, Score=8, Body="<p>No.</p>"),
        answer(4, 1, Score=7, Body="<p>Only <code>html</code>.</p>"),
        answer(5, 1, Score=6, Body='<p>so <span class="math-container">$a_1*b*c &lt; d$</span></p>'),
    ]
    revisions = [
        history(1, 1, 1, "a title"),
        history(2, 1, 2, "How _long_?"),
        history(9, 2, 8, "Take __10__ m.\r\n"),  # rolled back to, after the edit below
        history(3, 2, 2, "Take five."),
        history(4, 2, 5, "Take nine."),
        history(5, 3, 2, "Yes!"),  # not what the site shows
        history(6, 3, 24, "a comment on an edit"),
        history(7, 5, 2, "so $a_1*b*c < d$"),
    ]
    dump = tmp_path / "quay.stackexchange.com"
    dump.mkdir()
    (dump / "PostHistory.xml").write_bytes(table("posthistory", revisions))
    records = convert(tmp_path, posts, "--body_source", "history")
    assert [r["response"] for r in records] == ["Take __10__ m.", "Yes!", "Only `html`.", "so $a_1*b*c < d$"]
    assert {r["instruction"] for r in records} == {"Which rope for 1 t?\n\nHow _long_?"}
    report = json.loads((tmp_path / "out" / "quay" / "report.json").read_text())
    assert report["authors_markdown"] == {"posts": 4, "rendering_to_the_same_document": 3, "share": 0.75}


def test_a_dump_without_history_says_so(tmp_path):
    dump = tmp_path / "quay.stackexchange.com"
    dump.mkdir()
    (dump / "Posts.xml").write_bytes(table("posts", small_posts()))
    run = run_script(SCRIPT, "--dump_path", dump, "--destdir", tmp_path / "out", "--body_source", "history")
    assert run.status == 1
    assert "has no PostHistory.xml beside it; leave out --body_source history" in run.stderr


def test_values_that_are_not_numbers_are_reported_with_their_post(tmp_path):
    posts = tmp_path / "dump" / "Posts.xml"
    posts.parent.mkdir()
    posts.write_bytes(table("posts", [question(1), answer(2, 1, Score="many")]))
    run = run_script(SCRIPT, "--dump_path", posts, "--sites", "cs", "--destdir", tmp_path / "out")
    assert run.status == 1
    [line] = run.stderr.splitlines()
    assert f"cs.stackexchange.com: {posts}: the post 2 has the Score 'many'" in line
    posts.write_bytes(table("posts", small_posts()))
    users = posts.with_name("Users.xml")
    users.write_bytes(table("users", [{"Id": "x", "DisplayName": "Ada"}]))
    run = run_script(SCRIPT, "--dump_path", posts, "--sites", "cs", "--destdir", tmp_path / "out")
    assert run.status == 1
    assert f"cs.stackexchange.com: {users}: the user x has the Id 'x'" in run.stderr.splitlines()[-1]


# ---- the same bytes ----------------------------------------------------------------------------------------------
def many_posts() -> list[dict]:
    """Posts over several ranges of ids, with answers far from their questions and equal scores."""
    draw = random.Random(3)
    questions = [question(n, Score=draw.randrange(20)) for n in draw.sample(range(1, 60_000), 300)]
    ids = iter(draw.sample(range(60_000, 200_000), 900))
    return questions + [answer(next(ids), draw.choice(questions)["Id"], Score=draw.randrange(5)) for _ in range(900)]


@pytest.mark.slow
def test_the_output_is_the_same_for_any_order_workers_and_packing(tmp_path):
    posts = many_posts()
    outputs = []
    for number, (workers, filters) in enumerate([("1", BZIP2), ("3", BZIP2), ("1", LZMA2), ("2", LZMA2)]):
        random.Random(number).shuffle(posts)
        path = pack(tmp_path / str(number) / "quay.stackexchange.com.7z", {"Posts": table("posts", posts)}, filters)
        run = run_script(SCRIPT, "--dump_path", path, "--destdir", tmp_path / f"out{number}", "--workers", workers)
        assert run.status == 0, run.stderr
        outputs.append((tmp_path / f"out{number}" / "quay" / "unfiltered.jsonl").read_bytes())
    assert len(set(outputs)) == 1
    rows = [{key: str(value) for key, value in post.items()} for post in posts]
    records = read_jsonl(tmp_path / "out0" / "quay" / "unfiltered.jsonl")
    assert [
        (r["meta"]["question_id"], r["meta"]["answer_id"], r["meta"]["answer_score"]) for r in records
    ] == naive_pairs(rows)


# ---- which dump, which sites -------------------------------------------------------------------------------------
def test_list_prints_the_sites_with_their_sizes(www):
    with ArchiveServer(www) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", ITEM, "--list")
    size = (www / ITEM / f"{HOST}.7z").stat().st_size
    assert run.status == 0
    assert run.stdout.split() == [f"{size:,}", "harbour"]


def test_the_newest_known_dump_is_taken_and_reported(tmp_path):
    for item in ("stackexchange", "stackexchange_20250331", "stackexchange_20241231"):
        pack(tmp_path / "www" / item / item / "cstheory.stackexchange.com.7z", {"Posts": table("posts", small_posts())})
    with ArchiveServer(tmp_path / "www") as server:
        env = {**os.environ, "ARCHIVE_ORG_URL": server.url}
        command = [sys.executable, SCRIPT, "--destdir", str(tmp_path / "out")]
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"dump: stackexchange_20250331 at {server.url}" in run.stderr
    assert len(read_jsonl(tmp_path / "out" / "cstheory" / "unfiltered.jsonl")) == 3


def test_stack_overflow_split_by_table_is_one_site(tmp_path):
    folder = tmp_path / "www" / "split"
    pack(folder / "stackoverflow.com-Posts.7z", {"Posts": table("posts", small_posts())})
    pack(folder / "stackoverflow.com-Users.7z", {"Users": table("users", [{"Id": 7, "DisplayName": "Ada"}])})
    pack(folder / "stackoverflow.com-Votes.7z", {"Votes": table("votes", [])})
    with ArchiveServer(tmp_path / "www") as server:
        where = ("--base_url", server.url, "--dump", "split", "--destdir", tmp_path / "out")
        run = run_script(SCRIPT, *where, "--sites", "stackoverflow")
        assert run.status == 0, run.stderr
        assert server.sent("split/stackoverflow.com-Votes.7z") == 0
    records = read_jsonl(tmp_path / "out" / "stackoverflow" / "unfiltered.jsonl")
    assert {record["meta"]["answer_author"] for record in records} == {"Ada"}


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--dump", ITEM, "--sites", "harbor"], "harbor: no such site in this dump; did you mean harbour?"),
        (["--dump", "nowhere", "--sites", "harbour"], "nowhere: no such item"),
        (["--dump", ITEM], "none of the default sites is in this dump"),
        (["--dump_path", "/nowhere"], "/nowhere: no such file or folder"),
        (["--dump_path", "tests"], "holds neither a Posts.xml nor a 7z archive"),
    ],
)
def test_what_is_not_there_is_reported_in_one_line(www, tmp_path, flags, problem):
    with ArchiveServer(www) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--destdir", tmp_path / "out", *flags)
    assert run.status == 1
    assert problem in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flags", [["--workers", "0"], ["--connections", "x"], ["--dump", "a", "--dump_path", "b"], ["--nothing"]]
)
def test_wrong_arguments_end_with_status_2(flags):
    assert run_script(SCRIPT, *flags).status == 2


@pytest.mark.slow
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "nonsense", "ftp://127.0.0.1"])
def test_no_server_ends_in_one_clear_line(tmp_path, url):
    run = run_script(SCRIPT, "--sites", "cstheory", "--base_url", url, "--destdir", tmp_path / "out")
    assert run.status == 1
    assert "Traceback" not in run.stderr
    last = run.stderr.splitlines()[-1]
    assert last.startswith("get_stackexchange.py: error: ") and "--base_url" in last


def test_a_server_that_is_not_archive_org_is_reported(tmp_path):
    (tmp_path / "www" / "metadata").mkdir(parents=True)
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path / "www",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = server.stdout.readline().split("port ")[1].split()[0]
        run = run_script(SCRIPT, "--sites", "cstheory", "--base_url", f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()
    assert run.status == 1
    assert "answers 404" in run.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_local_dump_is_taken_in_every_form(tmp_path):
    posts = table("posts", small_posts())
    archive = pack(tmp_path / "archives" / "quay.stackexchange.com.7z", {"Posts": posts})
    folder = tmp_path / "xml" / "quay.stackexchange.com"
    folder.mkdir(parents=True)
    (folder / "posts.XML").write_bytes(posts)
    named = tmp_path / "dump"
    named.mkdir()
    (named / "Posts.xml").write_bytes(posts)
    alone = tmp_path / "quay.stackexchange.com.Posts.xml"
    alone.write_bytes(posts)
    forms = [[archive], [archive.parent], [archive, "--sites", "quay"], [folder], [named, "--sites", "quay"], [alone]]
    outputs = set()
    for number, (path, *flags) in enumerate(forms):
        out = tmp_path / f"out{number}"
        run = run_script(SCRIPT, "--dump_path", path, *flags, "--destdir", out)
        assert run.status == 0, run.stderr
        outputs.add((out / "quay" / "unfiltered.jsonl").read_bytes())
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == 3


# ---- again, and what is complete ---------------------------------------------------------------------------------
@pytest.mark.slow
def test_what_is_complete_is_not_done_again_unless_something_changed(www, tmp_path):
    with ArchiveServer(www) as server:
        command = (SCRIPT, "--base_url", server.url, "--dump", ITEM, "--sites", "harbour", "--destdir", tmp_path)
        assert run_script(*command).status == 0
        requests = len(server.requests)
        again = run_script(*command)
        assert again.status == 0 and "is complete; --force does it again" in again.stderr
        assert len(server.requests) == requests
        for flags in (["--force"], ["--no_authors"]):
            assert "is complete" not in run_script(*command, *flags).stderr
            assert len(server.requests) > requests
            requests = len(server.requests)
        (tmp_path / "harbour" / "unfiltered.jsonl").write_bytes(b"")
        assert "is complete" not in run_script(*command, "--no_authors").stderr
        assert (tmp_path / "harbour" / "unfiltered.jsonl").stat().st_size > 0


# ---- compressed --------------------------------------------------------------------------------------------------
def test_compressed_records_are_the_same_and_the_next_step_reads_them(sample_records, tmp_path):
    command = (SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path, "--compress", "zst")
    run = run_script(*command)
    path = tmp_path / "harbour" / "unfiltered.jsonl.zst"
    assert run.status == 0 and f"-> {path}\n" in run.stderr
    with open_input(path) as stream:
        assert stream.read() == sample_records.read_bytes()
    assert files_in(tmp_path) == {"harbour/unfiltered.jsonl.zst", "harbour/report.json"}
    plain = json.loads(sample_records.with_name("report.json").read_text())
    report = json.loads((tmp_path / "harbour" / "report.json").read_text())
    assert report["output"] == plain["output"] | {"file": path.name, "bytes_compressed": path.stat().st_size}
    assert report | {"output": plain["output"]} == plain
    filtered = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for source, out in zip([path, sample_records], filtered, strict=True):
        assert (
            run_script(
                "filter_for_score.py", "--inputpath", source, "--destpath", out, "--min_answer_votes", "3"
            ).status
            == 0
        )
    assert filtered[0].read_bytes() == filtered[1].read_bytes()


def test_compressed_records_are_complete_by_the_same_rules(tmp_path):
    command = (SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path, "--compress", "zst")
    assert run_script(*command).status == 0
    path = tmp_path / "harbour" / "unfiltered.jsonl.zst"
    complete = path.read_bytes()
    assert f"{path} is complete; --force does it again" in run_script(*command).stderr
    assert "is complete" not in run_script(*command, "--force").stderr
    assert path.read_bytes() == complete
    path.write_bytes(b"")
    assert "is complete" not in run_script(*command).stderr
    assert path.read_bytes() == complete


def test_a_complete_site_in_the_other_compression_is_replaced_by_one_file(tmp_path):
    for flags, name in (
        ([], "unfiltered.jsonl"),
        (["--compress", "zst"], "unfiltered.jsonl.zst"),
        ([], "unfiltered.jsonl"),
    ):
        run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path, *flags)
        assert run.status == 0 and "is complete" not in run.stderr
        assert files_in(tmp_path) == {f"harbour/{name}", "harbour/report.json"}


def test_an_archive_is_kept_on_request(www, tmp_path):
    with ArchiveServer(www) as server:
        command = (SCRIPT, "--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path)
        assert run_script(*command).status == 0
        run = run_script(*command, "--keep_archive")
    assert run.status == 0, run.stderr
    kept = tmp_path / "quay" / "quay.stackexchange.com.7z"
    assert kept.read_bytes() == (www / "large" / "quay.stackexchange.com.7z").read_bytes()
    assert files_in(tmp_path) == {"quay/unfiltered.jsonl", "quay/report.json", "quay/quay.stackexchange.com.7z"}


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs /dev/shm, another file system")
def test_an_archive_is_kept_if_its_download_is_on_another_file_system(www, tmp_path):
    with ArchiveServer(www) as server, TemporaryDirectory(dir="/dev/shm") as tmpdir:
        command = (SCRIPT, "--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path)
        run = run_script(*command, "--keep_archive", "--tmpdir", tmpdir)
    assert run.status == 0, run.stderr
    kept = tmp_path / "quay" / "quay.stackexchange.com.7z"
    assert kept.read_bytes() == (www / "large" / "quay.stackexchange.com.7z").read_bytes()


def test_one_failing_site_does_not_stop_the_others(tmp_path):
    www = tmp_path / "www" / "mixed"
    for name in ("ai", "cs", "math"):
        pack(www / f"{name}.stackexchange.com.7z", {"Posts": table("posts", small_posts())})
    (www / "cs.stackexchange.com.7z").write_bytes(b"no archive at all, but some bytes long")
    with ArchiveServer(tmp_path / "www") as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", "mixed", "--destdir", tmp_path / "out")
    assert run.status == 1
    assert "is not a 7z archive" in run.stderr.splitlines()[-1]
    for line in ("ai: complete", "cs: failed", "math: complete"):
        assert line in run.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"ai", "math"}
    assert not (tmp_path / "out" / "cs" / "unfiltered.jsonl").exists()
