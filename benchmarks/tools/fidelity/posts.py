"""The posts of a file, and whether their site renders TeX."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from lxml import etree

from benchmarks.tools.fidelity.texscan import has_tex

# Sites whose posts MathJax renders (the dump's folder name is the site's).
MATHJAX_SITES = set(
    """math mathoverflow stats physics cs cstheory dsp crypto quant
    scicomp astronomy chemistry biology engineering economics hsm matheducators aviation space
    earthscience puzzling codegolf worldbuilding philosophy ai datascience quantumcomputing or
    mathematica proofassistants mattermodeling bioinformatics psychology cogsci gamedev
    computergraphics robotics materials cseducators electronics codereview rpg ham""".split()
)
MATH_SHARE = 0.01  # of posts with unmistakable TeX, where the site is not known


def read_posts(path: str, types: tuple[str, ...] = ("1", "2")) -> Iterator[tuple[str, str]]:
    """(id, body) of the questions and answers of a Posts.xml, or of a JSON lines file."""
    if path.endswith((".jsonl", ".json")):
        for n, row in enumerate(read_jsonl(path)):
            body = first_of(row, "Body", "body", "html")
            if body:
                yield str(first_of(row, "Id", "id") or n), body
        return
    for _, el in etree.iterparse(path, tag="row", huge_tree=True):
        body = el.get("Body")
        if body and (el.get("PostTypeId") or "1") in types:
            yield el.get("Id"), body
        el.clear()
        while el.getprevious() is not None:
            del el.getparent()[0]


def read_jsonl(path: str) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip():
                yield json.loads(line)


def first_of(row: dict[str, Any], *names: str) -> Any:
    return next((row[n] for n in names if n in row), None)


def site_uses_math(path: str, bodies: Collection[str]) -> tuple[bool, str]:
    """Whether the posts are from a MathJax site, and why we think so: by the site's name where the path tells
    it, else by the share of posts with TeX."""
    for part in re.split(r"[/\\]", os.path.abspath(path))[::-1]:
        m = re.fullmatch(r"(?:meta\.)?([\w-]+)(?:\.meta)?(?:\.stackexchange\.com|\.(?:net|com))", part)
        if m:  # a site's meta has what the site has
            return m[1] in MATHJAX_SITES, f"site {m[1]}"
    share = sum(map(has_tex, bodies)) / max(1, len(bodies))
    return share >= MATH_SHARE, f"{share:.1%} of posts have TeX"
