"""Sites are found by the names that people give them, and known by how they write mathematics."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from records.errors import InputError
from stackdump.archive_org import ItemFile, by_site
from stackdump.hosts import HOSTS, RENAMED, TOPICS
from stackdump.sites import (
    DEFAULT_SITES,
    ESCAPED_DOLLAR_SITES,
    MATHJAX_SITES,
    Site,
    find_site,
    site_of_name,
    site_of_user,
    split_words,
)
from tests import needs

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

KNOWN = [
    Site(host)
    for host in (
        "cstheory.stackexchange.com math.stackexchange.com math.meta.stackexchange.com stackoverflow.com askubuntu.com "
        "meta.askubuntu.com mathoverflow.net es.stackoverflow.com meta.es.stackoverflow.com stats.stackexchange.com "
        "psychology.stackexchange.com quay.stackexchange.com"
    ).split()
]
TODAY = set(HOSTS.values())


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("cstheory", "cstheory.stackexchange.com"),
        ("cstheory.stackexchange.com", "cstheory.stackexchange.com"),
        ("stackoverflow", "stackoverflow.com"),
        ("StackOverflow", "stackoverflow.com"),
        ("math.meta", "math.meta.stackexchange.com"),
        ("meta.math", "math.meta.stackexchange.com"),
        ("math.stackexchange", "math.stackexchange.com"),
        ("meta.askubuntu", "meta.askubuntu.com"),
        ("askubuntu.meta", "meta.askubuntu.com"),
        ("mathoverflow.net", "mathoverflow.net"),
        ("mathoverflow", "mathoverflow.net"),
        ("es.stackoverflow", "es.stackoverflow.com"),
        ("es.meta.stackoverflow", "meta.es.stackoverflow.com"),
        ("https://stats.stackexchange.com/questions", "stats.stackexchange.com"),
        ("https://www.stackoverflow.com:443/?tab=hot#top", "stackoverflow.com"),
        ("stats.stackexchange.com/q/7", "stats.stackexchange.com"),
        ("cogsci", "psychology.stackexchange.com"),
        ("psychology", "psychology.stackexchange.com"),
        ("quay", "quay.stackexchange.com"),
    ],
)
def test_a_site_is_found_as_people_name_it(name, host):
    assert find_site(name, KNOWN).host == host


@pytest.mark.parametrize(("name", "near"), [("cstheroy", "cstheory"), ("maths", "math"), ("overflow", "stackoverflow")])
def test_a_near_miss_is_answered_with_the_nearest_names(name, near):
    with pytest.raises(InputError, match=rf"{name}: no such site.*did you mean.*\b{near}\b"):
        find_site(name, KNOWN)


@pytest.mark.parametrize("name", ["xyzzy", "../../evil", "[", "https://", ".", "", "stackoverflow.com.evil.org"])
def test_a_name_like_no_other_is_refused(name):
    with pytest.raises(InputError, match="no such site"):
        find_site(name, KNOWN)


def test_words_may_be_separated_by_commas_too():
    assert split_words(["cs,math", "https://stackoverflow.com/,", " ai , or"]) == [
        "cs", "math", "https://stackoverflow.com/", "ai", "or",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "folder"),
    [
        ("math.stackexchange.com", "math"),
        ("math.meta.stackexchange.com", "math.meta"),
        ("stackoverflow.com", "stackoverflow"),
        ("meta.es.stackoverflow.com", "meta.es.stackoverflow"),
        ("mathoverflow.net", "mathoverflow"),
    ],
)
def test_folder_names_are_the_host_without_its_domain(host, folder):
    assert Site(host).folder == folder


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("math.stackexchange.com.7z", "math.stackexchange.com"),
        ("stackoverflow.com-Posts.7z", "stackoverflow.com"),
        ("stackoverflow.7z", "stackoverflow.com"),
        ("stackoverflow", "stackoverflow.com"),
        ("math.stackexchange", "math.stackexchange.com"),
        ("mathoverflow.net", "mathoverflow.net"),
        ("Mathoverflow", "mathoverflow.net"),
        ("cs", "cs.stackexchange.com"),
        ("cs.Posts.xml", "cs.stackexchange.com"),
        ("cs_posts.xml.gz", "cs.stackexchange.com"),
        ("ai.stackexchange.com (1).7z", "ai.stackexchange.com"),
        ("ai.stackexchange.com.7z (2)", "ai.stackexchange.com"),
        ("ai.stackexchange.com.7z.1", "ai.stackexchange.com"),
        ("ai.stackexchange.com.7z.001", "ai.stackexchange.com"),
        ("ai.stackexchange.com.tgz", "ai.stackexchange.com"),
        ("[2026-06] ai.stackexchange.com [old]", "ai.stackexchange.com"),
        ("2026-06_es.stackoverflow.com.bak", "es.stackoverflow.com"),
        ("writers.meta.stackexchange.com.7z", "writing.meta.stackexchange.com"),
        ("meta.gaming.stackexchange.com.7z", "gaming.meta.stackexchange.com"),
        ("es.meta.stackoverflow.com.7z", "meta.es.stackoverflow.com"),
        (
            "quay.stackexchange.com.7z",
            "quay.stackexchange.com",
        ),  # of which the list does not know, but it is all a host
        ("quay.meta.stackexchange.com", "quay.meta.stackexchange.com"),
    ],
)
def test_files_and_folders_are_named_after_their_site(name, host):
    assert site_of_name(name) == Site(host)


@pytest.mark.parametrize(
    "name",
    [
        "posts", "dump.7z", "Posts.xml", "", ".", "..", "quay", "quay.stackexchange.com-new",
        "old quay.stackexchange.com",
        "stackoverflow.stackexchange.com", "xmath.stackexchange.com", "mathx.stackexchange.com",
        "maht.stackexchange.com",
        "x.math.stackexchange.com", "fr.stackoverflow.com", "stackoverflow.comx", "stackexchange.com",
        "émath.stackexchange.com",
        "math.stackexchange.com and cs.stackexchange.com", "math.meta.meta.stackexchange.com", "math.stackexchange.org",
    ],
)  # fmt: skip
def test_a_name_that_does_not_tell_a_site_is_of_none(name):
    assert site_of_name(name) is None


PIECES = st.sampled_from(
    [*TOPICS, *RENAMED, *sorted(HOSTS), ".stackexchange.com", "stackexchange", ".com", "meta", ".meta", ".", "-", "_",
     " ",
     "(1)", "[", "]", "é", "０", "\u0301", "x", "2026", "-Posts", ".7z", ".001", ".xml", "/", "..", "www.", "https://"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=6).map("".join))
@example("a" + "math.stackexchange.com")
@example("math.stackexchange.com" + ".com")
def test_no_name_gives_a_host_that_neither_the_network_nor_the_name_has(name):
    site = site_of_name(name)
    if site and site.host not in TODAY:  # then the name is that host, and like none that is known
        assert re.fullmatch(r"[a-z0-9-]+(\.meta)?\.stackexchange\.com", site.host)
        assert name.strip().lower().startswith(site.host)
        label = site.host.split(".")[0]
        assert not any(label.startswith(topic) or label.endswith(topic) for topic in TOPICS)


@given(st.text(max_size=8), st.sampled_from(sorted(HOSTS)), st.text(max_size=8))
def test_a_known_host_with_anything_around_it_gives_no_other_host(before, host, behind):
    site = site_of_name(before + host + behind)
    assert site is None or site.host in TODAY


@pytest.mark.parametrize(("word", "host"), [
    ("xmath.stackexchange.com", "xmath.stackexchange.com"),  # new, or mistyped: all of it is what the user says
    ("quay", "quay.stackexchange.com"),
    ("maht", None), ("xmath", None), ("stackoverfow", None), ("math.stackexchange.co", None), ("a b", None),
])  # fmt: skip
def test_a_user_may_name_a_site_that_the_list_lacks_unless_it_looks_mistyped(word, host):
    assert site_of_user(word) == (host and Site(host))


def test_an_archive_a_table_and_an_archive_a_site_are_distinguished():
    names = ["stackoverflow.com-Posts.7z", "stackoverflow.com-Users.7z", "stackoverflow.com-Votes.7z",
             "beer.stackexchange.com.7z", "xmath.stackexchange.com.7z", "cs.stackexchange.com-Users.7z",
             "dump.7z"]  # fmt: skip
    files = {name: ItemFile("item", name, 1, "") for name in names}
    sites, unknown = by_site(files)
    assert {site.host: {table: file.name for table, file in tables.items()} for site, tables in sites.items()} == {
        "stackoverflow.com": {"Posts": "stackoverflow.com-Posts.7z", "Users": "stackoverflow.com-Users.7z"},
        "alcohol.stackexchange.com": dict.fromkeys(("Posts", "Users", "PostHistory"), "beer.stackexchange.com.7z"),
        "xmath.stackexchange.com": dict.fromkeys(("Posts", "Users", "PostHistory"), "xmath.stackexchange.com.7z"),
    }
    assert unknown == ["dump.7z"]


@pytest.mark.parametrize(("old", "today"), RENAMED.items())
def test_a_renamed_site_is_one_site_under_both_names(old, today):
    host = f"{today}.stackexchange.com"
    for name in (old, today, f"{old}.stackexchange.com", f"https://{old}.stackexchange.com/"):
        assert find_site(name, [Site(host)]).host == host
    assert site_of_name(f"{old}.stackexchange.com.7z") == Site(host)
    assert site_of_name(f"{old}.meta.stackexchange.com.7z") == Site(f"{today}.meta.stackexchange.com")
    assert old not in TOPICS and today in TOPICS


def test_mathematics_is_known_by_site_and_a_meta_writes_as_its_site():
    assert Site("math.stackexchange.com").uses_mathjax
    assert Site("math.meta.stackexchange.com").uses_mathjax
    assert Site("meta.mathoverflow.net").uses_mathjax
    assert site_of_name("materials.stackexchange.com.7z").uses_mathjax
    assert site_of_name("cogsci.meta.stackexchange.com.7z").uses_mathjax
    assert not Site("cooking.stackexchange.com").uses_mathjax
    assert not Site("stackoverflow.com").uses_mathjax
    assert Site("electronics.stackexchange.com").dollar == r"\$"
    assert Site("math.stackexchange.com").dollar == "$"
    assert ESCAPED_DOLLAR_SITES <= MATHJAX_SITES


@pytest.mark.parametrize("sites", [DEFAULT_SITES, MATHJAX_SITES], ids=["the default sites", "the sites with MathJax"])
def test_sites_in_tables_are_short_names_of_today(sites):
    assert len(set(sites)) == len(sites)
    assert {site_of_name(name).folder for name in sites} == set(sites)


def test_math_is_a_default_site():
    assert "math" in DEFAULT_SITES


@needs.shared("archive.org")
def test_every_site_of_a_real_item_is_known_and_the_default_sites_are_among_them():
    text = (needs.SHARED / "archive.org" / "stackexchange" / "Sites.xml").read_text("utf-8-sig")
    hosts = re.findall(r' Url="https://([^"/]+)"', text)
    assert len(hosts) == 344
    assert [host for host in hosts if host not in HOSTS] == []
    launched_later = {"mattermodeling", "or", "proofassistants"}
    assert set(DEFAULT_SITES) - {site_of_name(host).folder for host in hosts} == launched_later
