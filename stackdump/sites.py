"""The sites of the network: their names, and how each of them writes mathematics."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from records.errors import InputError

NETWORK = ".stackexchange.com"

# What is fetched where no site is named: the sites on science, technology, engineering and mathematics whose answers
# are in English. Stack Overflow is not among them, for its archive is larger than all others together.
DEFAULT_SITES = (
    "ai", "askubuntu", "astronomy", "aviation", "bioinformatics", "biology", "chemistry", "codereview",
    "computergraphics", "cs", "cseducators", "cstheory", "datascience", "devops", "dsp", "earthscience", "economics",
    "electronics", "engineering", "hsm", "math", "matheducators", "mathematica", "mathoverflow", "mattermodeling",
    "networkengineering", "or", "philosophy", "physics", "proofassistants", "quant", "quantumcomputing", "retrocomputing",
    "reverseengineering", "robotics", "scicomp", "security", "serverfault", "softwareengineering", "space", "stats",
    "superuser", "tex", "unix",
)  # fmt: skip

# The sites that typeset TeX with MathJax. Source: a site that does has a section on LaTeX in its editing help,
# https://<site>/editing-help#latex, which also names the delimiter. The table matters for posts last rendered before
# July 2018 only: since then the site marks every formula, and `join` takes the mark in a dump as proof, so that a site
# that is missing here loses nothing but its oldest formulas.
MATHJAX_SITES = frozenset(
    """
    ai astronomy aviation bioinformatics biology chemistry codegolf codereview cogsci computergraphics crypto cs
    cseducators cstheory datascience dsp earthscience economics electronics engineering gamedev ham hsm
    materials math matheducators mathematica mathoverflow mattermodeling or philosophy physics proofassistants
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
        """By the table; a site that the table does not know may use it all the same."""
        return self._topic in MATHJAX_SITES

    @cached_property
    def dollar(self) -> str:
        """The delimiter of inline formulas, `$` or `\\$`."""
        return r"\$" if self._topic in ESCAPED_DOLLAR_SITES else "$"


def site_of_file(name: str) -> Site:
    """The site that a file or a folder of a dump is named after; the network's domain is added where it lacks one.

    `math.stackexchange.com.7z`, `stackoverflow.com-Posts.7z`, `cs.Posts.xml` and `cs` name a site each.
    """
    stem = re.sub(r"(\.7z|[.-]Posts\.xml|\.xml)$", "", name, flags=re.I)
    stem = re.sub(r"-(Posts|Users|PostHistory)$", "", stem, flags=re.I)
    return Site(stem if re.search(r"\.(com|net|org)$", stem) else stem + NETWORK)


def find_site(name: str, known: Iterable[Site]) -> Site:
    """The one of the known sites that a person means by `name`: its host, its folder name, or its URL.

    Raises InputError naming the nearest names where it is none of them.
    """
    by_name = {}
    for site in known:
        by_name[site.host] = by_name[site.folder] = site
        if site.folder.startswith("meta."):  # math.meta, but meta.askubuntu: both orders are understood
            by_name.setdefault(f"{site.folder.removeprefix('meta.')}.meta", site)
        elif site.folder.endswith(".meta"):
            by_name.setdefault(f"meta.{site.folder.removesuffix('.meta')}", site)
    wanted = re.sub(r"^https?://|/.*$", "", name.strip().lower())
    if wanted in by_name:
        return by_name[wanted]
    folders = sorted({site.folder for site in by_name.values()})
    near = difflib.get_close_matches(wanted, folders, n=3, cutoff=0.6)
    near += [folder for folder in folders if wanted and wanted in folder and folder not in near][:3]
    hint = f"did you mean {', '.join(near)}?" if near else "--list shows the sites"
    raise InputError(f"{name}: no such site in this dump; {hint}")
