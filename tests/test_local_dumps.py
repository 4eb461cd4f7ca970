"""Dumps as people have them: which site they are, which files belong to them, and what is refused with which hint."""

import bz2
import gzip
import lzma
import shutil
from pathlib import Path

import py7zr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.errors import DamagedError, InputError
from stackdump.archive_files import LocalFile
from stackdump.hosts import HOSTS
from stackdump.local_dumps import local_dumps
from stackdump.unpacked import _zstd
from stackdump.volumes import Volumes
from tests import needs
from tests.conftest import Run, run_script
from tests.dumps import BZIP2, files_in, pack, question, read_jsonl, small_posts, table

SCRIPT = "get_stackexchange.py"
POSTS = table("posts", small_posts())
USERS = table("users", [{"Id": 7, "DisplayName": "Ada"}])
CASES = needs.SHARED / "cases" / "dumps"
PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": lambda data: _zstd().compress(data)}

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def convert(tmp_path: Path, *flags: str | Path) -> Run:
    return run_script(SCRIPT, "--destdir", tmp_path / "out", "--workers", "1", *flags)


def records(tmp_path: Path, site: str) -> list[dict]:
    return read_jsonl(tmp_path / "out" / site / "unfiltered.jsonl")


def sites_made(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out").glob("*")}


def authors(tmp_path: Path, site: str) -> set[str | None]:
    return {record["meta"]["answer_author"] for record in records(tmp_path, site)}


def put(path: Path, data: bytes = POSTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def refused(run: Run, *parts: str) -> None:
    assert run.status == 1, run.stderr
    [line] = run.stderr.splitlines()
    for part in parts:
        assert part in line
    assert "damaged" not in line and "fetch" not in line


# ---- which site it is --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("folder", "host"),
    [
        ("stackoverflow", "stackoverflow.com"),
        ("askubuntu", "askubuntu.com"),
        ("mathoverflow", "mathoverflow.net"),
        ("math.stackexchange", "math.stackexchange.com"),
        ("math", "math.stackexchange.com"),
        ("materials.stackexchange.com", "mattermodeling.stackexchange.com"),
        ("es.stackoverflow", "es.stackoverflow.com"),
    ],
)
def test_a_folder_is_of_the_site_that_it_is_named_after(tmp_path, folder, host):
    put(tmp_path / folder / "Posts.xml")
    assert [site.host for site in local_dumps(tmp_path / folder)] == [host]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ai.stackexchange.com (1).7z",
        "ai.stackexchange.com.7z.1",
        "ai.stackexchange.com.tgz",
        "ai.7z",
        "dump of ai.stackexchange.com [2026].7z",
        "AI.stackexchange.com.7Z",
    ],
)
@pytest.mark.parametrize("given_as", ["file", "folder"])
def test_an_archive_under_a_name_that_browsers_and_people_give_it_is_read(tmp_path, name, given_as):
    path = tmp_path / "dumps" / name
    shutil.move(pack(tmp_path / "a.7z", {"Posts": POSTS}), put(path))
    run = convert(tmp_path, "--dump_path", path if given_as == "file" else path.parent)
    assert run.status == 0, run.stderr
    assert {record["meta"]["site"] for record in records(tmp_path, "ai")} == {"ai.stackexchange.com"}


def test_an_archive_is_of_the_site_that_the_folder_in_it_is_named_after(tmp_path):
    path = pack(tmp_path / "everything.7z", {"writers.stackexchange.com/Posts": POSTS})
    assert [site.host for site in local_dumps(path)] == ["writing.stackexchange.com"]


@pytest.mark.parametrize("word", ["stackoverflow", "https://stackoverflow.com/", "stackoverflow.com"])
@pytest.mark.parametrize("name", ["posts/Posts.xml", "dump.7z", "maths.7z"])
def test_one_dump_is_of_the_one_site_that_is_named(tmp_path, word, name):
    path = pack(tmp_path / "d" / name, {"Posts": POSTS}) if name.endswith("7z") else put(tmp_path / "d" / name)
    run = convert(tmp_path, "--dump_path", path, "--sites", word)
    assert run.status == 0, run.stderr
    assert {record["meta"]["site"] for record in records(tmp_path, "stackoverflow")} == {"stackoverflow.com"}


def test_a_site_named_against_the_name_of_the_file_is_refused(tmp_path):
    """Records of one site with the addresses of another would be false attribution."""
    path = pack(tmp_path / "cs.stackexchange.com.7z", {"Posts": POSTS})
    run = convert(tmp_path, "--dump_path", path, "--sites", "ai")
    refused(run, f"{path}: has the name of cs.stackexchange.com, and --sites names ai.stackexchange.com")


def test_a_site_that_is_not_in_the_list_is_reported_if_only_the_user_names_it(tmp_path):
    run = convert(tmp_path, "--dump_path", put(tmp_path / "d" / "Posts.xml"), "--sites", "quay.stackexchange.com")
    assert run.status == 0, run.stderr
    assert "quay.stackexchange.com: is not in this program's list of sites" in run.stderr


@pytest.mark.parametrize(
    "name", ["posts/Posts.xml", "dump.7z", "xmath.stackexchange.com.7z", "fr.stackoverflow.com.7z"]
)
def test_a_dump_whose_name_means_no_site_is_refused(tmp_path, name):
    path = pack(tmp_path / "d" / name, {"Posts": POSTS}) if name.endswith("7z") else put(tmp_path / "d" / name)
    refused(convert(tmp_path, "--dump_path", path), str(path), "does not say which site it is", "--sites")


@pytest.mark.parametrize(
    ("word", "near"), [("stackoverfow", "stackoverflow"), ("../../evil", ""), ("mattermodelling", "mattermodeling")]
)
def test_a_word_that_is_no_site_is_refused_with_the_nearest_names(tmp_path, word, near):
    run = convert(tmp_path, "--dump_path", put(tmp_path / "d" / "Posts.xml"), "--sites", word)
    refused(run, f"{word}: no such site", near)
    assert files_in(tmp_path) == {"d/Posts.xml"}


def test_a_dump_in_a_folder_whose_name_means_no_site_is_skipped_and_reported(tmp_path):
    for name in ("cs.stackexchange.com", "posts"):
        put(tmp_path / "dumps" / name / "Posts.xml")
    pack(tmp_path / "dumps" / "xmath.stackexchange.com.7z", {"Posts": POSTS})
    run = convert(tmp_path, "--dump_path", tmp_path / "dumps")
    assert run.status == 0, run.stderr
    assert sites_made(tmp_path) == {"cs"}
    for name in ("posts/Posts.xml", "xmath.stackexchange.com.7z"):
        assert f"skipped: {tmp_path / 'dumps' / name}: its name does not say" in run.stderr


@given(
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), max_size=8),
    st.sampled_from(sorted(HOSTS)),
    st.sampled_from(["", " ", "(1)", ".", "x", ".com", "é", "[", "-Posts", ".7z"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_name_of_a_folder_or_file_gives_a_host_that_is_not_in_the_network(tmp_path, before, host, behind, is_folder):
    name = before + host + behind
    root = tmp_path / "fuzz"
    shutil.rmtree(root, ignore_errors=True)
    put(root / name / "Posts.xml" if is_folder else root / f"{name}.Posts.xml")
    for place in (root, next(root.iterdir())):
        try:
            found = {site.host for site in local_dumps(place)}
        except InputError:
            continue
        assert found <= set(HOSTS.values())


# ---- what is beside it -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("given_as", ["Posts", "Users", "folder", "glob"])
@pytest.mark.parametrize("kind", ["7z", "xml", "xml.gz"])
@pytest.mark.slow
def test_the_tables_beside_one_belong_to_it(tmp_path, given_as, kind):
    folder = tmp_path / "dumps"
    for name, data in {"Posts": POSTS, "Users": USERS, "Votes": table("votes", [])}.items():
        path = folder / f"stackoverflow.com-{name}.{kind}"
        if kind == "7z":
            pack(path, {name: data})
        else:
            put(path, gzip.compress(data) if kind == "xml.gz" else data)
    put(folder / "cs.stackexchange.com-Users.xml", table("users", [{"Id": 7, "DisplayName": "another"}]))
    paths = {"folder": [folder], "glob": sorted(folder.glob("stack*"))}
    run = convert(tmp_path, "--dump_path", *paths.get(given_as, [folder / f"stackoverflow.com-{given_as}.{kind}"]))
    assert run.status == 0, run.stderr
    assert authors(tmp_path, "stackoverflow") == {"Ada"}
    assert ("skipped: " in run.stderr) == (given_as == "folder")  # the users of another site


def test_users_beside_posts_that_are_given_as_a_file_are_read(tmp_path):
    path = put(tmp_path / "cs" / "Posts.xml")
    put(path.with_name("Users.xml"), USERS)
    assert convert(tmp_path, "--dump_path", path).status == 0
    assert authors(tmp_path, "cs") == {"Ada"}


@pytest.mark.parametrize("flags", [[], ["--no_authors"]])
def test_a_dump_without_users_says_that_records_name_no_authors(tmp_path, flags):
    run = convert(tmp_path, "--dump_path", pack(tmp_path / "cs.7z", {"Posts": POSTS}), *flags)
    assert run.status == 0
    assert ("cs: the dump has no Users.xml" in run.stderr) == (not flags)


def test_a_dump_below_the_home_folder_is_found(tmp_path, monkeypatch):
    put(tmp_path / "dumps" / "cs" / "Posts.xml")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [site.folder for site in local_dumps(Path("~/dumps"))] == ["cs"]


def test_a_folder_of_folders_and_archives_is_read_past_what_is_no_dump(tmp_path):
    folder = tmp_path / "dumps"
    put(folder / "a" / "cs.stackexchange.com" / "Posts.xml")
    pack(folder / "ai.stackexchange.com.7z", {"Posts": POSTS})
    put(folder / "math" / ".work" / "download" / "math.stackexchange.com.7z" / "0-9.part", b"")
    put(folder / "or" / "download" / "or.stackexchange.com.7z" / "0-9.part", b"")
    for name in (
        "pm.stackexchange.com.7z.part",
        "gis.stackexchange.com.zip",
        "license.txt",
        "notes/readme.md",
        "Sites.xml",
    ):
        put(folder / name, b"")
    run = convert(tmp_path, "--dump_path", folder)
    assert run.status == 0, run.stderr
    assert sites_made(tmp_path) == {"ai", "cs"}
    skipped = [line for line in run.stderr.splitlines() if line.startswith("skipped: ")]
    assert [line.partition(str(folder))[2].partition(": ")[0] for line in skipped] == [
        "/gis.stackexchange.com.zip",
        "/or/download/or.stackexchange.com.7z",
        "/pm.stackexchange.com.7z.part",
    ]


@pytest.mark.parametrize("packer", PACKERS)
def test_a_table_that_is_packed_by_itself_is_read(tmp_path, packer):
    for name, data in {"Posts": POSTS, "Users": USERS}.items():
        put(tmp_path / "cs" / f"{name}.xml.{packer}", PACKERS[packer](data))
    run = convert(tmp_path, "--dump_path", tmp_path / "cs")
    assert run.status == 0, run.stderr
    assert len(records(tmp_path, "cs")) == 3
    assert authors(tmp_path, "cs") == {"Ada"}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_packed_table_that_is_cut_or_no_such_thing_is_reported(tmp_path, packer):
    data = PACKERS[packer](POSTS)
    for bad in (data[:-20], b"<posts></posts>"):
        path = put(tmp_path / "cs" / f"Posts.xml.{packer}", bad)
        run = convert(tmp_path, "--dump_path", path)
        assert run.status == 1
        [line] = run.stderr.splitlines()
        assert f"{path}: is damaged" in line


# ---- volumes -----------------------------------------------------------------------------------------------------
def cut(archive: Path, folder: Path, size: int) -> list[Path]:
    data = archive.read_bytes()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [put(folder / f"{archive.name}.{n:03}", piece) for n, piece in enumerate(pieces, 1)]


@pytest.mark.parametrize("filters", [None, BZIP2], ids=["LZMA2", "BZip2"])
def test_volumes_are_read_as_one_archive(tmp_path, filters):
    tables = {"Posts": table("posts", small_posts(200)), "Users": USERS}
    archive = pack(tmp_path / "cs.stackexchange.com.7z", tables, *([filters] if filters else []))
    volumes = cut(archive, tmp_path / "volumes", 100)
    assert len(volumes) > 3
    for number, place in enumerate([volumes[0].parent, volumes[0], volumes[2]]):
        run = convert(tmp_path / str(number), "--dump_path", place)
        assert run.status == 0, run.stderr
        assert len(records(tmp_path / str(number), "cs")) == 200
        assert authors(tmp_path / str(number), "cs") == {"Ada"}


@pytest.mark.parametrize("missing", [0, 1, -1])
def test_a_missing_volume_is_reported(tmp_path, missing):
    volumes = cut(pack(tmp_path / "cs.stackexchange.com.7z", {"Posts": POSTS}), tmp_path / "volumes", 100)
    volumes.pop(missing).unlink()
    run = convert(tmp_path, "--dump_path", volumes[0])
    assert run.status == 1
    [line] = run.stderr.splitlines()
    assert "volume" in line and "damaged" not in line and "fetch" not in line


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=5), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window_of_volumes_reads_as_of_one_file(tmp_path, parts, data):
    whole = b"".join(parts)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    sources = [LocalFile(put(tmp_path / f"{number:03}", part)) for number, part in enumerate(parts)]
    with Volumes(sources).reader(start, end) as window:
        assert window.readall() == whole[start:end]
        offset = data.draw(st.integers(0, end - start))
        window.seek(offset)
        assert window.readall() == whole[start:end][offset:]


# ---- what cannot be read -----------------------------------------------------------------------------------------
def test_two_sites_in_one_archive_are_refused(tmp_path):
    names = [f"{site}.stackexchange.com/Posts" for site in ("ai", "cs")]
    for name in ("ai.stackexchange.com.7z", "dumps.7z"):
        path = pack(tmp_path / name, dict.fromkeys(names, POSTS))
        refused(convert(tmp_path, "--dump_path", path), str(path), "holds the posts of 2 sites", f"7z x {name}")


def test_an_archive_of_archives_is_refused(tmp_path):
    inner = pack(tmp_path / "in" / "cs.stackexchange.com-Posts.7z", {"Posts": POSTS})
    path = tmp_path / "cs.stackexchange.com.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.write(inner, inner.name)
    refused(convert(tmp_path, "--dump_path", path), str(path), "holds other archives", inner.name, "unpack it")


def test_a_folder_with_tables_but_no_posts_is_refused(tmp_path):
    pack(tmp_path / "d" / "stackoverflow.com-Users.7z", {"Users": USERS})
    pack(tmp_path / "d" / "stackoverflow.com-Votes.7z", {"Votes": table("votes", [])})
    refused(
        convert(tmp_path, "--dump_path", tmp_path / "d"), "stackoverflow.com-Users.7z", "Posts table is not beside it"
    )


# ---- two copies --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("newer", ["a", "b"])
@pytest.mark.parametrize("kind", ["7z", "xml"])
def test_of_two_dumps_of_a_site_that_with_the_newer_posts_is_taken(tmp_path, newer, kind):
    for name in ("a", "b"):
        posts = [*small_posts(), question(99, CreationDate=f"202{'6' if name == newer else '5'}-12-31T10:00:00.000")]
        posts = [*posts, {**small_posts()[1], "Id": 100, "ParentId": 99, "Body": f"<p>of {name}</p>"}]
        if kind == "7z":
            pack(tmp_path / "dumps" / name / "cs.stackexchange.com.7z", {"Posts": table("posts", posts)})
        else:
            put(tmp_path / "dumps" / name / "cs" / "Posts.xml", table("posts", posts))
    run = convert(tmp_path, "--dump_path", tmp_path / "dumps")
    assert run.status == 0, run.stderr
    assert records(tmp_path, "cs")[-1]["response"] == f"of {newer}"
    assert "cs: there are 2 dumps;" in run.stderr
    assert f"taking {tmp_path / 'dumps' / newer}" in run.stderr
    listed = convert(tmp_path, "--dump_path", tmp_path / "dumps", "--list")
    assert listed.stdout.split()[-1] == "cs" and listed.stderr == ""


def test_a_dump_that_was_unpacked_beside_its_archive_is_one_site(tmp_path):
    folder = tmp_path / "cs.stackexchange.com"
    put(folder / "Posts.xml")
    pack(folder / "cs.stackexchange.com.7z", {"Posts": POSTS})
    run = convert(tmp_path, "--dump_path", folder)
    assert run.status == 0, run.stderr
    assert len(records(tmp_path, "cs")) == 3


def test_only_the_dumps_of_sites_that_are_asked_for_are_compared(tmp_path):
    for name in ("a", "b"):
        pack(tmp_path / "dumps" / name / "cs.stackexchange.com.7z", {"Posts": POSTS})
        pack(tmp_path / "dumps" / name / "ai.stackexchange.com.7z", {"Posts": POSTS})
    run = convert(tmp_path, "--dump_path", tmp_path / "dumps", "--sites", "cs")
    assert run.status == 0, run.stderr
    assert "cs: there are 2 dumps;" in run.stderr and "ai: " not in run.stderr


# ---- the cases of ../shared --------------------------------------------------------------------------------
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")


@pytest.mark.slow
@needs_cases
@pytest.mark.parametrize(
    ("case", "sites", "reported"),
    [
        ("volumes", {"ai"}, ""),
        ("volumes/ai.stackexchange.com.7z.001", {"ai"}, ""),
        ("split-official", {"stackoverflow"}, ""),
        ("split-official/stackoverflow.com-Posts.7z", {"stackoverflow"}, ""),
        ("split-official/stackoverflow.com-Users.7z", {"stackoverflow"}, ""),
        ("doctype/history.meta.stackexchange.com", {"history.meta"}, "no Users.xml"),
        ("nested-xml", {"ai", "cs"}, ""),
        (
            "extracted-by-other-tools/dumps",
            {"askubuntu", "math", "mathoverflow", "stackoverflow"},
            "dumps/posts/Posts.xml",
        ),
        ("rows/answer-bot/ai.stackexchange.com", {"ai"}, "posts of the Answer Bot  1"),
        ("rows/root-empty/ai.stackexchange.com", {"ai"}, "rows of Posts.xml       0"),
        ("rows/users-empty-root/ai.stackexchange.com", {"ai"}, ""),
    ],
)
def test_each_case_that_can_be_read_is(tmp_path, case, sites, reported):
    run = convert(tmp_path, "--dump_path", CASES / case)
    assert run.status == 0, run.stderr
    assert sites_made(tmp_path) == sites
    assert reported in run.stderr
    for site in sites:
        for record in records(tmp_path, site):
            assert record["meta"]["site"] in HOSTS.values()
            assert case.startswith("doctype") or record["meta"]["answer_author"] in ("Ada", None)


@pytest.mark.slow
@needs_cases
@pytest.mark.parametrize(
    ("case", "parts"),
    [
        ("7z-methods/arm64", ["ARM64", "not supported"]),
        ("7z-methods/bcj2", ["BCJ2", "not supported"]),
        ("7z-methods/swap4", ["Swap4", "not supported"]),
        ("7z-methods/enc-header", ["encrypted"]),
        ("7z-methods/nested", ["holds other archives", "unpack it"]),
        ("only-users/d", ["Posts table is not beside it"]),
        ("extracted-by-other-tools/dumps/posts", ["does not say which site", "--sites"]),
        ("rows/empty-score/ai.stackexchange.com", ["ai.stackexchange.com/Posts.xml: the post 3 has the Score ''"]),
    ],
)
def test_each_case_that_cannot_be_read_is_refused_with_its_hint(tmp_path, case, parts):
    refused(convert(tmp_path, "--dump_path", CASES / case), *parts)


@needs_cases
def test_each_case_of_a_wrong_number_is_reported_with_its_site_and_file(tmp_path):
    run = convert(tmp_path, "--dump_path", CASES / "error-without-site")
    assert run.status == 1
    line = run.stderr.splitlines()[-1]
    assert "ai.stackexchange.com.7z: Posts.xml: the post 2 has the Score ''" in line
    assert "math.stackexchange.com.7z: Users.xml: the user x has the Id 'x'" in line
    assert len(records(tmp_path, "cs")) == 1


def test_a_packed_table_says_which_file_is_damaged(tmp_path):
    path = put(tmp_path / "cs" / "Posts.xml.gz", gzip.compress(POSTS)[:-20])
    [dump] = local_dumps(path).values()
    [posts] = dump.tables(("Posts",), tmp_path, 1)
    with pytest.raises(DamagedError, match=str(path)):
        list(posts.chunks)
