"""How much work a run of step 1 does, in things that can be counted: a change that doubles it is seen here.

Times depend on the machine, these counts do not. They are upper bounds of what is measured, not targets.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SITE = ROOT / "sample" / "harbour.stackexchange.com"
ROWS = {name: (SITE / f"{name}.xml").read_text("utf-8").count("<row ") for name in ("Posts", "Users")}

# Run in a process of its own, with one worker, which is a thread of it: counts what the run does.
COUNTING = """
import builtins, collections, json, runpy, sys
counts = collections.Counter()

def count(module, name, amount):
    function = getattr(module, name)
    def counting(*args, **kwargs):
        result = function(*args, **kwargs)
        counts[name] += amount(result)
        return result
    setattr(module, name, counting)

from stackdump import decoder, lookup, posts, spool, xml_rows
count(xml_rows, "_attributes", len)              # rows parsed
count(xml_rows, "quick_rows", lambda rows: len(rows or ()))  # ... and those that need no parser, if compiled
count(posts, "html_to_markdown", lambda _: 1)    # bodies converted
count(posts, "text_to_markdown", lambda _: 1)    # titles converted
count(spool, "write_posts", lambda _: 1)         # batches put aside
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append((str(args[0]), args[1])))
sys.argv = ["get_stackexchange.py", *sys.argv[2:]]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
destination = sys.argv[sys.argv.index("--destdir") + 1]
written = [path for path, mode in opened if destination in path and mode and set(mode) & set("wax+")]
read = [path for path, mode in opened if "harbour.stackexchange.com" in path and path.endswith(".xml")]
print(json.dumps({**counts, "written": len(written), "read": len(read)}))
"""


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("work")
    site, destdir = folder / SITE.name, folder / "pairs"
    site.mkdir()
    for name in ROWS:  # without formulas: a site that is found to have them is read again from its beginning
        text = (SITE / f"{name}.xml").read_text("utf-8")
        (site / f"{name}.xml").write_text(text.replace("math-container", "another-class"), "utf-8")
    flags = ["--dump_path", site, "--destdir", destdir, "--workers", "1"]
    command = [sys.executable, "-c", COUNTING, "get_stackexchange.py", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    found["pairs"] = sum(1 for path in Path(destdir).glob("*/unfiltered.jsonl") for _ in path.open("rb"))
    return found


def test_each_row_is_parsed_once(counts):
    assert counts.get("_attributes", 0) + counts["quick_rows"] == sum(ROWS.values())


def test_each_post_becomes_markdown_once(counts):
    posts = (SITE / "Posts.xml").read_text("utf-8")
    assert counts["pairs"] < counts["html_to_markdown"] <= posts.count("Body=")
    assert counts["text_to_markdown"] <= posts.count("Title=")


def test_each_table_is_opened_a_few_times(counts):
    assert counts["read"] <= 2 * len(ROWS)  # once to look at, once to read


def test_few_files_are_written(counts):
    """A file a range, the records, the report, the names, locks; 4,096 questions are a range."""
    assert counts["write_posts"] <= 2
    assert counts["written"] <= 8
