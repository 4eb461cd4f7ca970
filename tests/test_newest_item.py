"""Without --dump the newest complete dump of a known uploader is taken; the run says why others are passed over."""

from datetime import date
from pathlib import Path

import pytest

from sample.archive_server import ArchiveServer
from stackdump.archive_org import ITEMS, _quarters
from tests import needs
from tests.conftest import Run, run_script
from tests.dumps import pack, read_jsonl, small_posts, table

pytestmark = pytest.mark.slow

SCRIPT = "get_stackexchange.py"
SITES = ("ai", "cs", "math", "materials")  # mattermodeling under its old name


def put(root: Path, item: str, *sites: str) -> None:
    """An item of these sites' archives; without any it holds another file."""
    for site in sites:
        pack(root / item / item / f"{site}.stackexchange.com.7z", {"Posts": table("posts", small_posts(1))})
    if not sites:
        (root / item).mkdir(parents=True)
        (root / item / f"{item}_meta.xml").write_text("<metadata/>")


def newest(server: ArchiveServer, tmp_path: Path, *flags: str) -> Run:
    return run_script(SCRIPT, "--base_url", server.url, "--destdir", tmp_path / "out", "--workers", "1", *flags)


def made(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out").iterdir()}


def test_a_dark_a_half_uploaded_and_an_empty_item_are_passed_over_for_a_complete_one(tmp_path):
    root = tmp_path / "www"
    put(root, "stackexchange_20261231")
    put(root, "stackexchange_20260630", "ai")
    put(root, "stackexchange_20260331", *SITES)
    put(root, "stackexchange_20251231", *SITES)
    with ArchiveServer(root, dark={"stackexchange_20260930"}) as server:
        run = newest(server, tmp_path)
    assert run.status == 0, run.stderr
    assert f"dump: stackexchange_20260331 at {server.url}" in run.stderr
    for line in (
        "stackexchange_20261231: holds no 7z archives",
        "stackexchange_20260930: was withdrawn from archive.org",
        "stackexchange_20260630: has 1 of the usual 4 sites",
    ):
        assert line in run.stderr
    assert made(tmp_path) == {"ai", "cs", "math", "mattermodeling"}


def test_two_half_uploaded_items_in_a_row_do_not_vouch_for_each_other(tmp_path):
    root = tmp_path / "www"
    put(root, "stackexchange_20260630", "ai")
    put(root, "stackexchange_20260331", "ai")
    put(root, "stackexchange_20251231", *SITES)
    with ArchiveServer(root) as server:
        assert "dump: stackexchange_20251231 at" in newest(server, tmp_path).stderr


def test_an_item_that_is_newer_than_the_code_is_found_by_the_search(tmp_path):
    root = tmp_path / "www"
    for item in ("stackexchange", "stackexchange_20250630", "stackexchange_20290331_rev2", "stackexchange_20290331"):
        put(root, item, "cs")
    put(root, "stackexchange_20290331_mine", "cs")  # not a name of the known form
    with ArchiveServer(root) as server:
        run = newest(server, tmp_path)
    assert "dump: stackexchange_20290331_rev2 at" in run.stderr
    assert "default sites that the dump lacks: ai, askubuntu," in run.stderr


def test_an_item_of_an_unknown_uploader_is_passed_over_and_reported_with_the_command_that_takes_it(tmp_path):
    root = tmp_path / "www"
    for item in ("stackexchange_20290331", "stackexchange_20260930", "stackexchange_20260630"):
        put(root, item, *SITES)
    known = dict.fromkeys(("stackexchange_20260930", "stackexchange_20260630"), "known@example.org")
    with ArchiveServer(root, uploaders={**known, "stackexchange_20290331": "who@example.org"}) as server:
        run = newest(server, tmp_path)
        assert "stackexchange_20290331: uploaded by who@example.org" in run.stderr
        assert "`--dump stackexchange_20290331` takes it" in run.stderr
        assert "dump: stackexchange_20260930 at" in run.stderr
        named = newest(server, tmp_path, "--dump", "stackexchange_20290331", "--force")
    assert named.status == 0, named.stderr
    assert "dump: stackexchange_20290331 at" in named.stderr


def test_where_the_search_does_not_answer_known_names_are_tried(tmp_path):
    put(tmp_path / "www", "stackexchange_20251231", "cs")
    with ArchiveServer(tmp_path / "www", searches=False) as server:
        run = newest(server, tmp_path)
    assert run.status == 0, run.stderr
    assert "the search for dumps" in run.stderr and "answers 404" in run.stderr
    assert "dump: stackexchange_20251231 at" in run.stderr


def test_known_names_are_also_those_of_the_quarters_since():
    assert list(_quarters("stackexchange_20260630", date(2027, 1, 1))) == [
        "stackexchange_20260930",
        "stackexchange_20261231",
    ]
    assert list(_quarters("stackexchange_20260630", date(2026, 9, 29))) == []


@pytest.mark.parametrize(
    ("item", "problem"), [("dark", "was withdrawn"), ("empty", "holds no 7z archives"), ("nowhere", "no such item")]
)
def test_a_named_item_that_is_not_a_dump_is_reported(tmp_path, item, problem):
    put(tmp_path / "www", "empty")
    with ArchiveServer(tmp_path / "www", dark={"dark"}) as server:
        run = newest(server, tmp_path, "--dump", item)
    assert run.status == 1
    assert f"{item}: {problem}" in run.stderr.splitlines()[-1]


def test_an_archive_in_an_item_whose_name_means_no_site_is_reported(tmp_path):
    put(tmp_path / "www", "mixed", "cs")
    (tmp_path / "www" / "mixed" / "everything.7z").write_bytes(b"7z")
    with ArchiveServer(tmp_path / "www") as server:
        run = newest(server, tmp_path, "--dump", "mixed")
    assert run.status == 0, run.stderr
    assert "mixed: skipped, because their names are not a site's: everything.7z" in run.stderr


def test_a_renamed_site_is_found_by_both_names_and_is_called_by_that_of_today(tmp_path):
    put(tmp_path / "www", "old", *SITES)
    with ArchiveServer(tmp_path / "www") as server:
        for name in ("materials", "mattermodeling", "https://materials.stackexchange.com/"):
            run = newest(server, tmp_path, "--dump", "old", "--sites", name, "--force")
            assert run.status == 0, run.stderr
    [record] = read_jsonl(tmp_path / "out" / "mattermodeling" / "unfiltered.jsonl")
    assert record["id"] == "mattermodeling.stackexchange.com/a/11"
    assert record["meta"]["question_url"] == "https://mattermodeling.stackexchange.com/q/10"


# ---- the cases of ../shared --------------------------------------------------------------------------------
CASES = needs.SHARED / "cases" / "dumps"


@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
@pytest.mark.parametrize("searches", [True, False])
@pytest.mark.parametrize(
    ("case", "dark", "taken", "reported"),
    [
        ("partial", (), "stackexchange_20260331", "stackexchange_20260630: has 1 of the usual 4 sites"),
        ("partial", ITEMS[:1], "stackexchange_20260331", "stackexchange_20260630: was withdrawn"),
        ("meta-only", (), "stackexchange_20260331", "stackexchange_20260630: holds no 7z archives"),
        ("future", (), "stackexchange_20260930", "default sites that the dump lacks"),
    ],
)
def test_each_case_of_the_newest_item_ends_with_the_complete_one(tmp_path, case, dark, taken, reported, searches):
    if date.today() < date(2026, 9, 30) and case == "future" and not searches:
        pytest.skip("that item is of a quarter to come")
    with ArchiveServer(CASES / "newest-item" / case, dark=dark, searches=searches) as server:
        run = newest(server, tmp_path)
    assert run.status == 0, run.stderr
    assert f"dump: {taken} at" in run.stderr and reported in run.stderr
    assert made(tmp_path) == {"ai", "cs", "math", "mattermodeling"}


@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
def test_the_sites_of_an_item_with_old_names_are_found_by_those_of_today(tmp_path):
    names = (
        "alcohol",
        "psychology",
        "medicalsciences",
        "writing",
        "video",
        "communitybuilding",
        "meta.es.stackoverflow",
        "mattermodeling",
    )
    with ArchiveServer(CASES / "renamed-sites" / "www") as server:
        listed = newest(server, tmp_path, "--list")
        run = newest(server, tmp_path, "--sites", *names)
    assert set(names) <= {line.split()[-1] for line in listed.stdout.splitlines()}
    assert run.status == 0, run.stderr
    for name in names:
        [record] = read_jsonl(tmp_path / "out" / name / "unfiltered.jsonl")
        assert record["id"].startswith(f"{name}.")
