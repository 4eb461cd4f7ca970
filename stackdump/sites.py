"""The sites of the network: which one a name means, and how each of them writes mathematics.

All names are looked up here: --sites, files and folders, folders in archives, the files of an item. A host in a record
is in the network's list (`hosts`), or is the whole name of a dump's file or folder, or was named by the user. A guess
would give ids and addresses of pages that do not exist.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import urlsplit

from records.conditions import ALL_METAS
from records.errors import InputError
from stackdump.hosts import HOSTS, NETWORK, RENAMED, SHORT_NAMES, TOPICS

# What is fetched if no site is named: the sites on science, technology, engineering and mathematics whose answers are
# in English. Stack Overflow is not among them, because its archive is larger than all others together.
DEFAULT_SITES = (
    "ai", "askubuntu", "astronomy", "aviation", "bioinformatics", "biology", "chemistry", "codereview",
    "computergraphics", "cs", "cseducators", "cstheory", "datascience", "devops", "dsp", "earthscience", "economics",
    "electronics", "engineering", "hsm", "math", "matheducators", "mathematica", "mathoverflow", "mattermodeling",
    "networkengineering", "or", "philosophy", "physics", "proofassistants", "quant", "quantumcomputing",
    "retrocomputing", "reverseengineering", "robotics", "scicomp", "security", "serverfault", "softwareengineering",
    "space", "stats", "superuser", "tex", "unix",
)  # fmt: skip

# The sites that typeset TeX with MathJax. Source: a site that does has a section on LaTeX in its editing help,
# https://<site>/editing-help#latex, which also names the delimiter. The table matters for posts last rendered before
# July 2018 only: since then the site marks every formula, and `convert` takes the mark in a dump as proof, so a site
# that is missing here loses only its oldest formulas.
MATHJAX_SITES = frozenset(
    """
    ai astronomy aviation bioinformatics biology chemistry codegolf codereview computergraphics crypto cs
    cseducators cstheory datascience dsp earthscience economics electronics engineering gamedev ham hsm
    math matheducators mathematica mathoverflow mattermodeling or philosophy physics proofassistants
    psychology puzzling quant quantumcomputing robotics rpg scicomp space stats worldbuilding
""".split()
)

# Where dollars are common in the text, inline formulas stand between \$ and \$ instead (same source).
ESCAPED_DOLLAR_SITES = frozenset("codegolf codereview electronics rpg".split())


@dataclass(frozen=True)
class Site:
    """A site by its host name, as in `math.stackexchange.com`."""

    host: str

    @cached_property
    def url(self) -> str:
        return f"https://{self.host}"

    @cached_property
    def folder(self) -> str:
        """The short name: the host without .stackexchange.com, .com or .net."""
        return re.sub(r"(\.stackexchange\.com|\.com|\.net)$", "", self.host)

    @cached_property
    def _topic(self) -> str:
        """What a site shares with its meta: `math` for math.meta.stackexchange.com and math.stackexchange.com."""
        return re.sub(r"^meta\.|\.meta$", "", self.folder)

    @property
    def uses_mathjax(self) -> bool:
        """By the table; a site that is not in the table may use it too."""
        return self._topic in MATHJAX_SITES

    @cached_property
    def dollar(self) -> str:
        """The delimiter of inline formulas, `$` or `\\$`."""
        return r"\$" if self._topic in ESCAPED_DOLLAR_SITES else "$"


ALL_TABLES = ("Badges", "Comments", "PostHistory", "PostLinks", "Posts", "Tags", "Users", "Votes")

# What may follow a host in the name of a dump's file: a table, an ending, a browser's " (1)", the number of a volume.
DECORATION = re.compile(
    rf"(?:(?:^|[-._ ])(?:{'|'.join(ALL_TABLES)})|\.(?:7z|tgz|xml|gz|bz2|xz|zst|\d+)| ?\(\d+\))$", re.I
)

UNKNOWN_HOST = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.meta)?{re.escape(NETWORK)}")
SIMILAR = 0.75  # difflib's ratio at which a name counts as mistyped: `maht`, `stackoverfow`; not `quay`


def site_of_name(name: str) -> Site | None:
    """The site that the name of a dump's file or folder means, or None if it means none, or more than one.

    `math.stackexchange.com.7z`, `stackoverflow.com-Posts.7z`, `ai.stackexchange.com (1).7z`, `cs.Posts.xml` and
    `askubuntu` each mean a site. So does a host of the network inside a longer name, if it is the only one.
    """
    stem = _without_decoration(name)
    if host := _known_host(stem):
        return Site(host)
    within = {HOSTS[found] for found in _any_host().findall(stem)}
    if len(within) == 1:
        return Site(within.pop())
    return None if within or _resembles_a_topic(stem) else site_of_host(stem)


def site_of_host(name: str) -> Site | None:
    """The site whose host is `name`, without what may follow in a file's name; also a site that is not in the list."""
    stem = _without_decoration(name)
    if stem in HOSTS:
        return Site(HOSTS[stem])
    return Site(stem) if UNKNOWN_HOST.fullmatch(stem) else None


def site_of_user(word: str) -> Site | None:
    """The site that a user means by a word of --sites: as people name it, its address, or the host of a new site."""
    name = _host_in(word)
    if host := _known_host(name):
        return Site(host)
    return site_of_host(name) or (None if _resembles_a_topic(name) else site_of_host(name + NETWORK))


def hosts_of_user(words: Iterable[str]) -> list[str]:
    """The hosts of the sites that a user names, each once; ALL_METAS stays as it is.

    Raises InputError with the nearest names for a word that names no site.
    """
    return list(dict.fromkeys(_host_of_user(word) for word in split_words(words)))


def _host_of_user(word: str) -> str:
    if word == ALL_METAS:
        return word
    if site := site_of_user(word):
        return site.host
    raise InputError(f"{word}: no such site{nearest_in_network(word)}; get_stackexchange.py --list shows the names")


def split_words(words: Iterable[str]) -> list[str]:
    """The words of --sites, which may also be separated by commas."""
    return [word for text in words for word in re.split(r"[,\s]+", text) if word]


def nearest(name: str, folders: Iterable[str]) -> list[str]:
    """Up to six of the folder names, those most like `name`."""
    folders, wanted = sorted(folders), _without_decoration(name).removesuffix(NETWORK)
    near = difflib.get_close_matches(wanted, folders, n=3, cutoff=0.6)
    return near + [folder for folder in folders if wanted and wanted in folder and folder not in near][:3]


def nearest_in_network(name: str) -> str:
    """The nearest names among all sites in brackets, for messages; "" if none is near."""
    near = nearest(name, {Site(host).folder for host in HOSTS.values()})
    return f" (nearest: {', '.join(near)})" if near else ""


def find_site(name: str, known: Iterable[Site]) -> Site:
    """The one of the known sites that a user means by `name`.

    Raises InputError with the nearest names if it is none of them.
    """
    known = list(known)
    for site in known:
        if is_meant(name, site):
            return site
    near = nearest(_host_in(name), {site.folder for site in known})
    hint = f"did you mean {', '.join(near)}?" if near else "--list shows the sites"
    raise InputError(f"{name}: no such site in this dump; {hint}")


def is_meant(name: str, site: Site) -> bool:
    """Whether a user means this site by `name`."""
    wanted = _host_in(name)
    return site == site_of_user(name) or wanted in (site.host, site.folder)


def names_a_host(name: str) -> bool:
    """Whether a file's name contains a host of the network."""
    return bool(_any_host().search(name.lower()))


def _host_in(word: str) -> str:
    """The host of an address, or the word without a path after it; in lower case."""
    word = word.strip().lower()
    try:
        host = urlsplit(word if "//" in word else f"//{word}").hostname or ""
    except ValueError:  # of brackets, as in IPv6
        host = ""
    return host.removeprefix("www.")


def _known_host(name: str) -> str | None:
    """Today's host of a site that is named in full or in short."""
    return HOSTS.get(name) or SHORT_NAMES.get(name)


def _without_decoration(name: str) -> str:
    name = name.strip().lower()
    while (stem := DECORATION.sub("", name).rstrip(" ")) != name:
        name = stem
    return name


@cache
def _any_host() -> re.Pattern[str]:
    """A host with nothing around it that could be part of another one."""
    hosts = "|".join(re.escape(host) for host in sorted(HOSTS, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?<!\.)(?:{hosts})(?![^\W_])")


def _resembles_a_topic(name: str) -> bool:
    """Whether a name may be a known site's, mistyped, or with something before or after it."""
    label = name.removesuffix(NETWORK).removesuffix(".meta")
    topics = _topics()
    return any(label.startswith(topic) or label.endswith(topic) for topic in topics) or bool(
        difflib.get_close_matches(label, topics, n=1, cutoff=SIMILAR)
    )


@cache
def _topics() -> tuple[str, ...]:
    return (
        *TOPICS,
        *RENAMED,
        "meta",
        "stackoverflow",
        "askubuntu",
        "mathoverflow",
        "serverfault",
        "superuser",
        "stackapps",
    )
