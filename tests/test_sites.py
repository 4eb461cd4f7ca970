"""Sites are found by the names that people give them, and known by how they write mathematics."""

import pytest

from records.errors import InputError
from stackdump.archive_org import by_site
from stackdump.sites import DEFAULT_SITES, ESCAPED_DOLLAR_SITES, MATHJAX_SITES, Site, find_site, site_of_file

HOSTS = (
    "cstheory.stackexchange.com math.stackexchange.com math.meta.stackexchange.com stackoverflow.com askubuntu.com "
    "meta.askubuntu.com mathoverflow.net es.stackoverflow.com meta.es.stackoverflow.com stats.stackexchange.com"
).split()
KNOWN = [Site(host) for host in HOSTS]


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("cstheory", "cstheory.stackexchange.com"),
        ("cstheory.stackexchange.com", "cstheory.stackexchange.com"),
        ("stackoverflow", "stackoverflow.com"),
        ("StackOverflow", "stackoverflow.com"),
        ("math.meta", "math.meta.stackexchange.com"),
        ("meta.math", "math.meta.stackexchange.com"),
        ("meta.askubuntu", "meta.askubuntu.com"),
        ("askubuntu.meta", "meta.askubuntu.com"),
        ("mathoverflow.net", "mathoverflow.net"),
        ("mathoverflow", "mathoverflow.net"),
        ("es.stackoverflow", "es.stackoverflow.com"),
        ("https://stats.stackexchange.com/questions", "stats.stackexchange.com"),
    ],
)
def test_a_site_is_found_as_people_name_it(name, host):
    assert find_site(name, KNOWN).host == host


@pytest.mark.parametrize(("name", "near"), [("cstheroy", "cstheory"), ("maths", "math"), ("overflow", "stackoverflow")])
def test_a_near_miss_is_answered_with_the_nearest_names(name, near):
    with pytest.raises(InputError, match=rf"{name}: no such site.*did you mean.*\b{near}\b"):
        find_site(name, KNOWN)


def test_a_name_like_no_other_is_answered_with_the_list():
    with pytest.raises(InputError, match="--list shows the sites"):
        find_site("xyzzy", KNOWN)


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
        ("mathoverflow.net", "mathoverflow.net"),
        ("cs", "cs.stackexchange.com"),
        ("cs.Posts.xml", "cs.stackexchange.com"),
    ],
)
def test_files_are_named_after_their_site(name, host):
    assert site_of_file(name).host == host


def test_an_archive_a_table_and_an_archive_a_site_are_told_apart():
    names = ["a.com-Posts.7z", "a.com-Users.7z", "a.com-Votes.7z", "b.com.7z", "c.com-Users.7z"]
    assert by_site({name: name for name in names}) == {
        Site("a.com"): {"Posts": "a.com-Posts.7z", "Users": "a.com-Users.7z"},
        Site("b.com"): {"Posts": "b.com.7z", "Users": "b.com.7z", "PostHistory": "b.com.7z"},
    }


def test_mathematics_is_known_by_site_and_a_meta_writes_as_its_site():
    assert Site("math.stackexchange.com").uses_mathjax
    assert Site("math.meta.stackexchange.com").uses_mathjax
    assert Site("meta.mathoverflow.net").uses_mathjax
    assert not Site("cooking.stackexchange.com").uses_mathjax
    assert not Site("stackoverflow.com").uses_mathjax
    assert Site("electronics.stackexchange.com").dollar == r"\$"
    assert Site("math.stackexchange.com").dollar == "$"
    assert ESCAPED_DOLLAR_SITES <= MATHJAX_SITES


def test_the_default_sites_are_short_names_with_math_among_them():
    assert "math" in DEFAULT_SITES
    assert len(set(DEFAULT_SITES)) == len(DEFAULT_SITES)
    assert all("." not in name for name in DEFAULT_SITES)
