"""Measure for what share of real posts the Markdown still means what the HTML meant.

    python -m benchmarks.tools.fidelity --converter module:function --posts Posts.xml
    python -m benchmarks.tools.fidelity --pairs converted.jsonl            (rows with an HTML and a Markdown field)

`module:function` takes (html: str, math: bool) and returns Markdown. judge.py says how a post is judged.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.tools.fidelity.canonical import LENIENCIES
from benchmarks.tools.fidelity.judge import CLASSES, count_escapes, judge
from benchmarks.tools.fidelity.posts import first_of, read_jsonl, read_posts, site_uses_math

Converter = Callable[[str, bool], str]


def load_converter(spec: str) -> Converter:
    sys.path.insert(0, os.getcwd())
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)


def cpu_seconds() -> float:
    a, b = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return a.ru_utime + a.ru_stime + b.ru_utime + b.ru_stime


def convert_all(
    convert: Converter, bodies: list[str], math: bool, rounds: int = 3
) -> tuple[list[str | Exception], float]:
    """The outputs, and the CPU time of the fastest pass over all posts."""
    outputs: list[str | Exception] = []
    best = float("inf")
    for _ in range(rounds):
        started, result = cpu_seconds(), list[str | Exception]()
        for body in bodies:
            try:
                result.append(convert(body, math))
            except Exception as error:  # noqa: BLE001 - a crash is a failed post, not a failed run
                result.append(error)
        best, outputs = min(best, cpu_seconds() - started), outputs or result
    return outputs, best


# ---- report
def report(
    rows: list[tuple[str, str, object]],
    math: bool,
    why: str,
    seconds: float | None = None,
    show_n: int = 0,
    json_out: str | None = None,
    only: str | None = None,
) -> None:
    """Judge rows of (id, HTML, Markdown), print the counts, and write the failures to `json_out`."""
    first, every, failures, size = Counter[str](), Counter[str](), list[dict[str, Any]](), 0
    chars = noise = 0
    for pid, html, markdown in rows:
        size += len(html)
        if isinstance(markdown, str):
            chars += len(markdown)
            noise += count_escapes(markdown)
        v = judge(html, markdown, math)
        if not v.equal:
            first[v.classes[0]] += 1
            every.update(v.classes)
            failures.append(
                {
                    "id": pid,
                    "class": v.classes[0],
                    "classes": v.classes,
                    "want": v.want,
                    "got": v.got,
                    "html": html,
                    "markdown": markdown if isinstance(markdown, str) else repr(markdown),
                }
            )
    n, equal = len(rows), len(rows) - len(failures)
    print(f"posts {n}   math {'on' if math else 'off'} ({why})")
    print(f"equal {equal}   {100 * equal / max(1, n):.2f} %   (failed {len(failures)})")
    if seconds is not None:
        print(
            f"converter {n / max(seconds, 1e-9):.0f} posts/s   "
            f"{size / 1e6 / max(seconds, 1e-9):.2f} MB/s of HTML   "
            "(CPU time, best of 3)"
        )
    print(
        f"escapes, entities and tags: {1000 * noise / max(1, chars):.2f} per 1000 characters of Markdown   "
        "(not judged: fewer are easier to read)"
    )
    if failures:
        print(f"{'class':18} {'first':>6} {'any':>6}")
        for c in CLASSES:
            if every[c]:
                print(f"{c:18} {first[c]:6} {every[c]:6}   {CLASSES[c]}")
    shown = [f for f in failures if not only or only in f["classes"]]
    for f in random.Random(0).sample(shown, min(show_n, len(shown))):
        print(f"\npost {f['id']}   {', '.join(f['classes'])}\n  want {f['want']}\n  got  {f['got']}")
    if json_out:
        with open(json_out, "w", encoding="utf-8") as out:
            json.dump(
                {
                    "posts": n,
                    "equal": equal,
                    "math": math,
                    "by_class": dict(first),
                    "by_any_class": dict(every),
                    "posts_per_second": n / seconds if seconds else None,
                    "noise_per_1000": 1000 * noise / max(1, chars),
                    "failures": failures,
                },
                out,
                ensure_ascii=False,
                indent=1,
            )


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Forgiven differences:\n" + "\n".join(f"  {k}\n      {v}" for k, v in LENIENCIES.items()),
    )
    p.add_argument("--converter", metavar="MODULE:FUNCTION", help="(html, math) -> Markdown")
    p.add_argument("--posts", metavar="FILE", help="Posts.xml, or JSON lines with a body")
    p.add_argument("--pairs", metavar="FILE", help="JSON lines that already contain the Markdown")
    p.add_argument("--html-field", help="default: html, body or Body")
    p.add_argument("--markdown-field", help="default: markdown, md or text")
    p.add_argument("--math", choices=("auto", "on", "off"), default="auto", help="whether the site uses MathJax")
    p.add_argument("--sample", type=int, metavar="N", help="judge N random posts (always the same ones)")
    p.add_argument("--show", type=int, default=0, metavar="K", help="print K random failures")
    p.add_argument("--class", dest="only", choices=CLASSES, help="show only failures of this class")
    p.add_argument("--json", metavar="FILE", help="write all failures to this file")
    a = p.parse_args(argv)
    if bool(a.pairs) == bool(a.converter and a.posts):
        p.error("give either --converter and --posts, or --pairs")

    if a.pairs:
        html_names = [a.html_field] if a.html_field else ["html", "body", "Body"]
        md_names = [a.markdown_field] if a.markdown_field else ["markdown", "md", "text"]
        posts = [
            (str(first_of(r, "Id", "id") or n), first_of(r, *html_names), first_of(r, *md_names))
            for n, r in enumerate(read_jsonl(a.pairs), 1)
        ]
        if any(h is None for _, h, _ in posts):
            p.error("a row has no HTML; name its field with --html-field")
    else:
        posts = list(read_posts(a.posts))
    math, why = site_uses_math(a.pairs or a.posts, [x[1] for x in posts])
    if a.math != "auto":
        math, why = a.math == "on", "--math"
    if a.sample and a.sample < len(posts):
        posts = random.Random(0).sample(posts, a.sample)

    seconds = None
    if not a.pairs:
        outputs, seconds = convert_all(load_converter(a.converter), [b for _, b in posts], math)
        posts = [(i, b, m) for (i, b), m in zip(posts, outputs, strict=True)]
    report(posts, math, why, seconds, a.show, a.json, a.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
