"""How much work step 1, repairs, criteria and a merge do, in what can be counted: doubling it is seen here.

Times depend on the machine, these counts do not. They are upper bounds of what is measured, not targets.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from records.record import Line
from review.criteria import automaton, find_problems, parsed_response, rules
from review.repairs import REPAIRS, repair_text, repaired_lines, verified_edits
from tests.conftest import ROOT, jsonl, record

SITE = ROOT / "sample" / "harbour.stackexchange.com"
ROWS = {name: (SITE / f"{name}.xml").read_text("utf-8").count("<row ") for name in ("Posts", "Users")}

# Run in a process of its own, with one worker, which is a thread of it: counts what the run does.
COUNTER = """
import collections, json, runpy, sys
counts = collections.Counter()

def count(module, name, amount):
    function = getattr(module, name)
    def counting(*args, **kwargs):
        result = function(*args, **kwargs)
        counts[name] += amount(result)
        return result
    setattr(module, name, counting)

def run_script():
    sys.argv = sys.argv[1:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        assert not end.code, end.code
"""

COUNTING = f"""{COUNTER}
from stackdump import decoder, lookup, posts, spool, xml_rows
count(xml_rows, "_attributes", len)              # rows parsed
count(xml_rows, "quick_rows", lambda rows: len(rows or ()))  # ... and those that need no parser, if compiled
count(posts, "html_to_markdown", lambda _: 1)    # bodies converted
count(posts, "text_to_markdown", lambda _: 1)    # titles converted
count(spool, "write_posts", lambda _: 1)         # batches put aside
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append((str(args[0]), args[1])))
run_script()
destination = sys.argv[sys.argv.index("--destdir") + 1]
written = [path for path, mode in opened if destination in path and mode and set(mode) & set("wax+")]
read = [path for path, mode in opened if "harbour.stackexchange.com" in path and path.endswith(".xml")]
print(json.dumps({{**counts, "written": len(written), "read": len(read)}}))
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


@pytest.fixture
def parsings(monkeypatch) -> list[str]:
    """The texts that are parsed, once for each time."""
    texts: list[str] = []
    parse = parsed_response.pyromark.events_with_range

    def counting(text, **options):
        texts.append(text)
        return parse(text, **options)

    for module in (parsed_response, verified_edits):
        monkeypatch.setattr(module.pyromark, "events_with_range", counting)
    return texts


PLAIN = "I would tie a bowline: the *loop* does not slip, and as the load grows my knot holds."
LINKED = "The [bowline](https://e.org/b) holds under load. Hope this helps!"


def test_an_answer_without_anything_to_repair_is_not_parsed(parsings):
    assert repair_text(PLAIN, list(REPAIRS)).text == PLAIN
    assert parsings == []


def test_a_repaired_answer_is_parsed_once_and_after_each_repair(parsings):
    made = repair_text(LINKED, ["courtesies", "links"]).made
    assert made == {"courtesies": 1, "links": 1}
    assert len(parsings) == 1 + len(made)


def test_the_criteria_parse_an_answer_once_and_search_it_for_no_rule_that_cannot_match(parsings, monkeypatch):
    searched = []
    windows = rules._windows
    monkeypatch.setattr(rules, "_windows", lambda *args: searched.append(args) or windows(*args))
    assert find_problems({"instruction": "Which knot?", "response": PLAIN}) == []
    assert parsings == [PLAIN]
    if automaton.re2:
        assert searched == []
    assert [each.reason for each in find_problems({"instruction": "", "response": f"{PLAIN} See the other answer."})]
    assert searched


def test_a_worker_sends_no_record_back_that_it_leaves_as_it_is():
    records = [{"id": "a", "source": "b", "instruction": "c", "response": text, "meta": {}} for text in (PLAIN, LINKED)]
    lines = [Line(json.dumps(record).encode(), f"in.jsonl:{number}") for number, record in enumerate(records, 1)]
    plain, linked = repaired_lines.repair_lines(lines, list(REPAIRS), "both")
    assert plain is repaired_lines.UNTOUCHED
    assert linked.raw and json.loads(linked.raw)["response"] == "The bowline holds under load."


# ---- a merge ---------------------------------------------------------------------------------------------------------
COUNTING_MERGE = f"""{COUNTER}
import orjson
from quality import contamination, near_duplicates, ngrams, personal_data
from records import record

parse = orjson.loads  # a module that is not Python's cannot be changed, so a stand-in takes its place
class Counted:
    def __getattr__(self, name):
        return getattr(orjson, name)
    def loads(self, raw):
        counts["parsed"] += 1
        return parse(raw)
record.orjson = Counted()
count(contamination, "_hashed_words", lambda each: len(each[0]))  # words hashed to look for items
count(near_duplicates, "fingerprints", lambda each: len(each.sizes))
count(ngrams.NGrams, "hashes", lambda _: 1)                 # texts hashed
count(personal_data, "find_personal_data", lambda _: 1)     # responses searched
run_script()
print(json.dumps(counts))
"""
RECORDS, ITEMS, LOOKED_AT_FIRST = 300, 5, 100


@pytest.fixture(scope="module")
def merge_counts(tmp_path_factory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("merge")
    texts = [" ".join(f"word{number * word % 997}" for word in range(1, 40)) for number in range(RECORDS)]
    records = [record(number, question=number, response=text) for number, text in enumerate(texts)]
    (folder / "in.jsonl").write_bytes(jsonl(*records))
    (folder / "items.txt").write_text(
        "".join(f"an item of its own with the number {n} and more\n" for n in range(ITEMS))
    )
    flags = ["--inputpath", folder / "in.jsonl", "--destpath", folder / "made", "--formats", "alpha", "messages"]
    flags += ["--near_duplicates", "--pii", "mask", "--decontaminate", folder / "items.txt", "--workers", "1"]
    command = [sys.executable, "-c", COUNTING_MERGE, "merge_datasets.py", *map(str, flags)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    texts += [record["instruction"] for record in records]
    found["words"] = sum(len(text.split()) for text in [*texts, (folder / "items.txt").read_text()])
    return found


def test_a_merge_parses_each_record_once_for_each_pass(merge_counts):
    """To check it, to compare it with the others, and to write it; and the first ones of a file for their licences."""
    assert merge_counts["parsed"] == 3 * RECORDS + LOOKED_AT_FIRST


def test_a_merge_makes_the_n_grams_of_each_text_once(merge_counts):
    warming_up = 1
    assert merge_counts["fingerprints"] == RECORDS + warming_up
    assert merge_counts["hashes"] == RECORDS + warming_up + ITEMS


def test_a_merge_hashes_each_word_once_to_look_for_items(merge_counts):
    assert merge_counts["_hashed_words"] == merge_counts["words"]


def test_a_merge_looks_for_personal_data_once(merge_counts):
    assert merge_counts["find_personal_data"] == RECORDS + 1
