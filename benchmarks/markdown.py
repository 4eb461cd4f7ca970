"""How faithful and how fast is the Markdown converter, beside others?

    python -m benchmarks.markdown                     converter x dump
    python -m benchmarks.markdown --linear            time against size, adversarial bodies

Faithful: the share of posts whose Markdown means what the HTML meant, by the fidelity measure (tools/fidelity/README.md
says how it judges). Fast: posts a second of CPU time on one core; the converters take turns, dump by dump, and the best
of the rounds counts, so that noise hits all alike. Escapes: escapes, entities and tags in 1000 characters of Markdown,
as fidelity counts them. markdownify and html-to-markdown run with their defaults, as others use them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.dumps import add_dumps
from benchmarks.tools.fidelity.judge import count_escapes, judge
from benchmarks.tools.fidelity.posts import read_posts, site_uses_math
from stackdump.markdown import html_to_markdown

Converter = Callable[[str, bool], str]
Posts = list[tuple[str, str]]  # id, HTML

SHAPES: dict[str, Callable[[int], str]] = {  # of about n characters
    "plain": lambda n: "<p>some words here and there.</p>\n" * (n // 33),
    "one long paragraph": lambda n: "<p>" + "word " * (n // 5) + "</p>",
    "nested quotes": lambda n: "<blockquote>" * (n // 25) + "x" + "</blockquote>" * (n // 25),
    "nested lists": lambda n: "<ul><li>" * (n // 18) + "x" + "</li></ul>" * (n // 18),
    "nested spans": lambda n: "<span>" * (n // 13) + "x" + "</span>" * (n // 13),
    "unclosed tags": lambda n: "<p><b>x" * (n // 7),
    "tags without end": lambda n: "<a " * (n // 3),
    "many *": lambda n: "<p>" + "*a " * (n // 3) + "</p>",
    "a run of *": lambda n: "<p>" + "*" * n + "</p>",
    "many <": lambda n: "<" * n,
    "many $": lambda n: "$" * n,
    "many ${": lambda n: "${" * (n // 2),
    "a long run of backticks": lambda n: "<p><code>" + "`" * n + "</code></p>",
    "doubtful emphasis": lambda n: "<p>" + "<em>a.</em>b " * (n // 13) + "</p>",
    "white space": lambda n: "<p>a" + " \n" * (n // 2) + "b</p>",
    "a huge table": lambda n: (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>"
        + "<tr><td>1</td><td>2</td></tr>" * (n // 30)
        + "</tbody></table>"
    ),
    "a huge code block": lambda n: "<pre><code>" + "x &lt; y\n" * (n // 9) + "</code></pre>",
}


def converters() -> dict[str, Converter]:
    """Ours, and those of the others that are installed."""
    found: dict[str, Converter] = {"stackdump": lambda html, math: html_to_markdown(html, math)}
    try:
        from markdownify import markdownify

        found["markdownify"] = lambda html, math: markdownify(html)
    except ImportError:
        print("markdownify is not installed: no ratio to it", file=sys.stderr)
    try:
        from html_to_markdown import convert

        found["html-to-markdown"] = lambda html, math: convert(html).content or ""
    except ImportError:
        print("html-to-markdown is not installed", file=sys.stderr)
    return found


# ---- dumps -------------------------------------------------------------------------------------------------------


def posts_files(paths: list[Path], unpacked: Path) -> Iterator[Path]:
    """The Posts.xml files under the paths; those in 7z archives are unpacked to `unpacked`."""
    for path in paths:
        if path.is_dir():
            names = (p for p in sorted(path.rglob("*")) if p.suffix == ".7z" or p.name.lower() == "posts.xml")
            yield from posts_files(list(names), unpacked)
        elif path.suffix == ".7z":
            yield from unpack(path, unpacked / path.stem)
        else:
            yield path


def unpack(archive: Path, folder: Path) -> list[Path]:
    import py7zr

    try:
        with py7zr.SevenZipFile(archive) as file:
            names = [name for name in file.getnames() if name.lower() == "posts.xml"]
            if names:
                file.extract(folder, names)
    except (py7zr.exceptions.ArchiveError, OSError, EOFError) as error:
        print(f"{archive}: {error}: left out", file=sys.stderr)
        return []
    return [folder / name for name in names]


def compare(paths: list[Path], rounds: int) -> None:
    """Prints the table converter x dump."""
    from lxml.etree import XMLSyntaxError

    totals: dict[str, list[float]] = {}
    print(f"{'dump':34} {'posts':>6} {'converter':17} {'equal %':>8} {'posts/s':>8} {'ratio':>6} {'escapes':>8}")
    with tempfile.TemporaryDirectory() as unpacked:
        for path in posts_files(paths, Path(unpacked)):
            try:
                posts: Posts = list(read_posts(str(path)))
            except XMLSyntaxError as error:
                print(f"{path}: {error}: left out", file=sys.stderr)
                continue
            if posts:
                math, _ = site_uses_math(str(path), [body for _, body in posts])
                measured = measure(posts, math, rounds)
                print_rows(path.parent.name, len(posts), measured)
                for name, row in measured.items():
                    sums = totals.setdefault(name, [0.0] * 5)
                    totals[name] = [a + b for a, b in zip(sums, [*row, len(posts)], strict=True)]
    if totals:
        counts = {name: int(row.pop()) for name, row in totals.items()}
        print_rows("all", counts["stackdump"], {name: (row[0], row[1], row[2], row[3]) for name, row in totals.items()})


Total = tuple[float, float, float, float]  # posts equal, CPU seconds, escapes, characters


def measure(posts: Posts, math: bool, rounds: int) -> dict[str, Total]:
    best: dict[str, float] = {}
    outputs: dict[str, list[str]] = {}
    for _ in range(rounds):
        for name, convert in converters().items():
            results = []
            started = time.process_time()
            for _, body in posts:
                try:
                    results.append(convert(body, math))
                except Exception as error:  # noqa: BLE001 - a failed post, not a failed run
                    results.append(repr(error))
            best[name] = min(best.get(name, 1e9), time.process_time() - started)
            outputs[name] = results
    rows = {}
    for name, results in outputs.items():
        equal = sum(judge(body, out, math).equal for (_, body), out in zip(posts, results, strict=True))
        escapes = sum(map(count_escapes, results))
        rows[name] = (equal, best[name], escapes, sum(map(len, results)))
    return rows


def print_rows(dump: str, count: int, rows: dict[str, Total]) -> None:
    base = rows.get("markdownify")
    for name, (equal, seconds, escapes, characters) in rows.items():
        ratio = f"{base[1] / seconds:.1f}x" if base else ""
        print(
            f"{dump:34} {count:6} {name:17} {100 * equal / count:8.2f} {count / seconds:8.0f} {ratio:>6}"
            f" {1000 * escapes / max(1, characters):8.3f}"
        )


# ---- linear time -------------------------------------------------------------------------------------------------


def linear(largest: int) -> None:
    """Prints, for each shape, the seconds at doubling sizes and the ratio of each to the one before."""
    sizes = [largest >> n for n in (3, 2, 1, 0)]
    print(f"{'body':26}" + "".join(f"{size / 1e6:>14.2f} MB" for size in sizes))
    for name, shape in SHAPES.items():
        row, before = f"{name:26}", 0.0
        for size in sizes:
            html = shape(size)
            started = time.process_time()
            html_to_markdown(html, True)
            seconds = time.process_time() - started
            row += f"{seconds:9.3f} s" + (f" {seconds / before:4.1f}x" if before else " " * 6)
            before = seconds
        print(row, flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--posts",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="Posts.xml files, 7z archives, or folders of them (default: all of --dumps)",
    )
    add_dumps(parser)
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="rounds, of which the best counts (default: 3)"
    )
    parser.add_argument("--linear", action="store_true", help="measure adversarial bodies of doubling sizes instead")
    parser.add_argument(
        "--largest", type=int, default=4_000_000, metavar="CHARS", help="the largest of them (default: 4000000)"
    )
    args = parser.parse_args(argv)
    if args.linear:
        linear(args.largest)
    else:
        compare(args.posts or [args.dumps], args.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
