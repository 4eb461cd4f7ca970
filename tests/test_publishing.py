"""What is published with a data set (card, attribution, plots, report), and which records are left out."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from tests import needs
from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "merge_datasets.py"
AUTHORS = {
    "question_url": "https://quay.stackexchange.com/q/1",
    "question_author": "Anne",
    "answer_url": "https://quay.stackexchange.com/a/1",
    "question_author_url": "https://quay.stackexchange.com/users/4",
    "answer_author": None,
    "answer_author_url": None,
}
RED_TEAM = record(1, id="hh/1", source="anthrop_redteam", response="I would not.", meta={"license": "MIT"})
CONALA = record(
    1,
    id="conala/1",
    source="conala",
    response="sorted(x)",
    meta={
        "license": "CC BY-SA",
        "question_license": None,
        "answer_license": None,
        "question_url": "https://stackoverflow.com/q/9",
    },
)
MODEL = record(
    1,
    id="code/1",
    source="python_code",
    response="def f(): ...",
    meta={"license": "MIT", "model": "tiny|coder", "model_revision": "abc", "model_license": "apache-2.0"},
)


def merge(folder: Path, *records: dict, options: tuple = (), data: bytes = b"") -> dict:
    """Merge records from stdin into `folder`, and return the report."""
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", folder, *options, stdin=data or jsonl(*records))
    assert run.status == 0, run
    return json.loads((folder / "report.json").read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def card(folder: Path) -> tuple[dict, str]:
    """The front matter, and the rest as HTML."""
    _, front, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(front), MarkdownIt("commonmark").enable("table").render(text)


def cells(html: str) -> list[list[str]]:
    return [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in re.findall(r"<tr>(.*?)</tr>", html, re.S)]


# ----------------------------------------------------------------------------------------------------------------------
# the card
# ----------------------------------------------------------------------------------------------------------------------


def test_card_describes_each_source_and_the_records_left_out(tmp_path):
    twice = record(2, response=record(1)["response"])
    merge(
        tmp_path / "made",
        record(1),
        twice,
        record(3, response=" "),
        RED_TEAM,
        CONALA,
        MODEL,
        options=("--title", "Knots"),
    )
    front, html = card(tmp_path / "made")
    assert (front["license"], front["pretty_name"], front["viewer"]) == ("cc-by-sa-4.0", "Knots", False)
    assert "synthetic" in front["tags"] and "<h1>Knots</h1>" in html
    rows = {row[0]: row[1:] for row in cells(html) if row}
    instruction, response = len(record(1)["instruction"]), len(record(1)["response"])
    assert rows["stackexchange"][-1] == "1" and ["exact duplicate", "1"] in [row[1:] for row in cells(html)]
    assert ["stackexchange", "no response", "1"] in cells(html)
    sources = [row for row in cells(html) if len(row) == 6]
    assert [row[0] for row in sources] == ["anthrop_redteam", "conala", "python_code", "stackexchange"]
    assert sources[3][2:] == ["1", str(instruction), str(response), "CC-BY-SA-4.0"]
    assert ["python_code", "tiny|coder", "abc", "apache-2.0", "1"] in cells(html)
    for part in (
        "is not meant for fine-tuning",
        "<strong>Synthetic text</strong> (anthrop_redteam, python_code)",
        "<strong>Adversarial text</strong> (anthrop_redteam)",
        "share-alike",
        "quay.stackexchange.com (1)",
    ):
        assert part in html


def test_card_lists_the_largest_sites_and_counts_the_others(tmp_path):
    records = [record(n, response=f"{n}", meta={"site": f"{min(n, 31)}.example"}) for n in range(33)]
    merge(tmp_path, *records)
    _, html = card(tmp_path)
    assert "Sites of stackexchange: 31.example (2), 0.example (1), " in html and ", and 2 more." in html


def test_card_has_the_digests_of_inputs_and_outputs(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(record(1)))
    run = run_script(SCRIPT, "--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "made", "--seed", "7")
    assert run.status == 0
    text = (tmp_path / "made" / "README.md").read_text()
    report = json.loads((tmp_path / "made" / "report.json").read_bytes())
    assert "python merge_datasets.py --inputpath in.jsonl --seed 7\n" in text and str(tmp_path) not in text
    assert str(tmp_path) not in json.dumps(report)
    digests = [file["sha256"] for name, file in report["files"].items() if name != "README.md"]
    assert all(digest in text for digest in [*digests, report["inputs"][0]["sha256"]]) and len(digests) == 4


def test_text_of_sources_is_escaped_in_the_card(tmp_path):
    name = "a|b\n\n<script>alert(1)</script> [x](y) `z` *w*"
    given = record(1, source=name, meta={"site": "<b>|\n", "license": "MIT"})
    merge(tmp_path, given)
    _, html = card(tmp_path)
    assert "<script>" not in html and '<a href="y"' not in html
    assert any(
        row[0].startswith("a|b &lt;script&gt;alert(1)&lt;/script&gt; [x](y) `z` *w*") for row in cells(html) if row
    )


def test_users_readme_is_not_replaced(tmp_path):
    (tmp_path / "README.md").write_text("# My notes")
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path, stdin=jsonl(record(1)))
    assert_one_line_error(run, SCRIPT, f"{tmp_path}: would lose README.md: not what a merge wrote")
    assert contents(tmp_path) == {"README.md": b"# My notes"}


# ----------------------------------------------------------------------------------------------------------------------
# attribution
# ----------------------------------------------------------------------------------------------------------------------


def test_attribution_lists_the_records_whose_licences_ask_for_it(tmp_path):
    merge(tmp_path, record(1, meta=AUTHORS), CONALA, RED_TEAM, MODEL)
    entries = {entry["id"]: entry for entry in lines(tmp_path / "ATTRIBUTION.jsonl")}
    post, snippet = entries.pop("quay.stackexchange.com/a/1"), entries.pop("conala/1")
    assert entries == {}
    assert {name: post[name] for name in AUTHORS} == AUTHORS
    assert (post["site"], post["title"]) == ("quay.stackexchange.com", "Knot 1")
    assert (post["question_license"], post["answer_license"]) == ("CC BY-SA 4.0", "CC BY-SA 4.0")
    assert "Markdown" in post["changes"] and "reworded" in snippet["changes"]
    assert snippet["question_url"] == "https://stackoverflow.com/q/9" and snippet["license"] == "CC BY-SA"
    assert list(post) == list(snippet)


# ----------------------------------------------------------------------------------------------------------------------
# splits, and the same bytes
# ----------------------------------------------------------------------------------------------------------------------

ALL = [
    *("--formats", "alpha", "messages", "sharegpt", "chat_prompt_completion", "prompt_completion", "alpaca"),
    *("--split", "train:0.7", "validation:0.2", "test:0.1"),
]


@pytest.mark.slow
def test_splits_have_the_sizes_asked_for_and_do_not_depend_on_the_seed(tmp_path):
    given = [record(number, question=number // 2, response=f"{number}") for number in range(2000)]
    splits = []
    for seed in ("0", "1"):
        report = merge(tmp_path / seed, *given, options=(*ALL, "--seed", seed))
        sizes = {file["split"]: file["records"] for file in report["data_files"] if file["path"].endswith(".parquet")}
        assert 640 < sizes["train"] / 2 < 760 and 160 < sizes["validation"] / 2 < 240 and 70 < sizes["test"] / 2 < 130
        ids = {name: {row["id"] for row in lines(tmp_path / seed / "messages" / f"{name}.jsonl")} for name in sizes}
        splits.append(ids)
    assert splits[0] == splits[1]
    plain = json.loads((tmp_path / "0" / "instruction_tuning_dataset_alpha_part1.json").read_bytes())
    held_out = json.loads((tmp_path / "0" / "instruction_tuning_dataset_alpha_test_part1.json").read_bytes())
    assert (len(plain), len(held_out)) == (len(splits[0]["train"]), len(splits[0]["test"]))


def test_the_system_turn_and_the_separator_are_in_every_row(tmp_path):
    options = ("--formats", "messages", "sharegpt", "chat_prompt_completion", "prompt_completion")
    report = merge(tmp_path, record(1), options=(*options, "--system", "Be brief.\nBe kind.", "--separator", r"\n=>\n"))
    row = {name: lines(tmp_path / name / "train.jsonl")[0] for name in options[1:]}
    system = {"role": "system", "content": "Be brief.\nBe kind."}
    user = {"role": "user", "content": record(1)["instruction"]}
    answer = {"role": "assistant", "content": record(1)["response"]}
    assert row["messages"]["messages"] == [system, user, answer]
    assert (row["chat_prompt_completion"]["prompt"], row["chat_prompt_completion"]["completion"]) == (
        [system, user],
        [answer],
    )
    assert row["sharegpt"]["conversations"] == [
        {"from": name, "value": turn["content"]}
        for name, turn in zip(("system", "human", "gpt"), (system, user, answer), strict=True)
    ]
    assert row["prompt_completion"]["prompt"] == f"{user['content']}\n=>\n"
    assert report["options"]["system"] == r"Be brief.\nBe kind."  # so that the card's command is one line


def test_answers_to_one_question_are_in_one_split_however_it_is_identified(tmp_path):
    kinds = {
        "url": lambda n: {"question_url": f"https://x/q/{n}"},
        "number": lambda n: {"question_id": n},
        "text": lambda n: {"site": None, "question_id": None},
    }
    for kind, meta in kinds.items():
        edit = " " if kind == "text" else "edited"
        given = [
            record(
                10 * n + answer,
                id=f"{n}/{answer}",
                instruction=f"Question {n}?{edit * answer}",
                response=f"{n} {answer}",
                meta=meta(n),
            )
            for n in range(60)
            for answer in range(3)
        ]
        merge(tmp_path / kind, *given, options=("--formats", "messages", "--split", "train:0.5", "test:0.5"))
        of = {
            name: {row["id"].split("/")[0] for row in lines(tmp_path / kind / "messages" / f"{name}.jsonl")}
            for name in ("train", "test")
        }
        assert of["train"] & of["test"] == set() and len(of["train"]) > 15 and len(of["test"]) > 15


@pytest.mark.slow
def test_same_inputs_and_seed_give_the_same_bytes_in_every_file(tmp_path):
    needs.package("matplotlib", "plots")
    given = [
        record(number, question=number, score=number % 50, response=f"{number} " * number) for number in range(1, 200)
    ]
    (tmp_path / "in.jsonl").write_bytes(jsonl(*given, RED_TEAM, CONALA, MODEL))
    made = []
    for name in ("a", "b"):
        outputs = ("--destpath", tmp_path / name, "--dropped_path", tmp_path / f"{name}.dropped.jsonl")
        run = run_script(SCRIPT, "--inputpath", tmp_path / "in.jsonl", *outputs, *ALL, "--plots")
        assert run.status == 0, run
        made.append(contents(tmp_path / name))
    assert made[0] == made[1] and len(made[0]) > 15
    for name in ("length", "score", "tags"):
        png = made[0][f"plots/{name}.png"]
        assert png.startswith(b"\x89PNG") and b"atplotlib" not in png
        assert f"(plots/{name}.png)" in made[0]["README.md"].decode()


@pytest.mark.slow
def test_plots_have_fonts_for_their_labels(tmp_path):
    """For a tag in letters that matplotlib's own font lacks but another one has, and for one that no font has."""
    needs.package("matplotlib", "plots")
    from matplotlib import font_manager, ft2font

    from merging import plots

    installed = [font for font in font_manager.fontManager.ttflist if not font.name.startswith(plots.LAST_RESORT)]
    charmaps = {font.name: set(ft2font.FT2Font(font.fname).get_charmap()) for font in installed}
    others = set.union(*charmaps.values()) - charmaps[plots.OWN_FONT]
    letter = next(chr(code) for code in sorted(others) if chr(code).isprintable())
    names = plots.fonts(f"knots {letter}")
    assert names[0] == plots.OWN_FONT and any(ord(letter) in charmaps[name] for name in names[1:])
    assert plots.fonts("knots, Ж") == [plots.OWN_FONT]
    assert not set(map(ord, "\U00030abc")) & set.union(*charmaps.values())
    (tmp_path / "in.jsonl").write_bytes(jsonl(record(1, meta={"tags": [f"a{letter}", "\U00030abc"]})))
    run = run_script(SCRIPT, "--inputpath", tmp_path / "in.jsonl", "--destpath", tmp_path / "made", "--plots")
    assert run.status == 0 and "no installed font has \U00030abc" in run.stderr
    assert "Glyph" not in run.stderr.replace("\U00030abc", "")


# ----------------------------------------------------------------------------------------------------------------------
# quality
# ----------------------------------------------------------------------------------------------------------------------

MOORING = (
    "To tie up a boat in a harbour with tide, lead two lines from the bow and two from the stern, "
    "and leave enough slack for low water. "
)
LONG = 2 * MOORING


def test_exact_duplicates_across_files_are_dropped_with_the_id_kept_instead(tmp_path):
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_bytes(jsonl(record(1, score=1)))
    b.write_bytes(jsonl({**record(2, score=9), "response": record(1)["response"].replace(" ", "  ")}))
    run = run_script(
        SCRIPT, "--inputpath", a, b, "--destpath", tmp_path / "made", "--dropped_path", tmp_path / "dropped.jsonl.gz"
    )
    assert run.status == 0 and table(run.stderr)["dropped: exact duplicate"] == 1
    (dropped,) = map(json.loads, gzip.decompress((tmp_path / "dropped.jsonl.gz").read_bytes()).splitlines())
    assert dropped == {
        "reason": "exact duplicate",
        "place": f"{a}:1",
        "kept": "quay.stackexchange.com/a/2",
        "record": record(1, score=1),
    }


def test_near_duplicates_are_dropped_on_request(tmp_path):
    given = [
        record(1, response=LONG),
        record(2, response=f"{LONG} Good luck!", score=20),
        record(3, response=LONG[:60]),
    ]
    assert merge(tmp_path / "off", *given)["counts"]["kept"] == 3
    report = merge(tmp_path / "on", *given, options=("--near_duplicates", "--dropped_path", str(tmp_path / "dropped")))
    assert report["counts"] == {"read": 3, "dropped": {"near duplicate": 1}, "kept": 2}
    (dropped,) = lines(tmp_path / "dropped")
    assert (dropped["record"]["id"], dropped["kept"]) == ("quay.stackexchange.com/a/1", "quay.stackexchange.com/a/2")


def test_items_of_benchmarks_are_dropped_and_listed(tmp_path):
    item = "A boat is moored with four lines; how much slack does each of them need at a tide of three metres?"
    (tmp_path / "moorings.jsonl").write_bytes(json.dumps({"question": item}).encode() + b"\n")
    given = [record(1, response=f"{LONG} {item} That much."), record(2)]
    flags = ("--decontaminate", tmp_path / "moorings.jsonl", "--decontaminate_field", "question")
    report = merge(tmp_path / "made", *given, options=(*flags, "--dropped_path", tmp_path / "dropped"))
    assert report["counts"]["kept"] == 1 and sum(report["contamination"]["records"].values()) == 1
    (dropped,) = lines(tmp_path / "dropped")
    assert "moorings" in dropped["reason"] and dropped["hits"][0]["field"] == "response"


@pytest.mark.parametrize(
    ("mode", "kept", "in_output"), [("off", 2, True), ("report", 2, True), ("mask", 2, False), ("drop", 1, False)]
)
def test_personal_data_is_reported_masked_or_dropped(tmp_path, mode, kept, in_output):
    address = "anne.bosun@harbourmail.org"
    report = merge(tmp_path, record(1, response=f"Write to {address} at once."), record(2), options=("--pii", mode))
    assert report["counts"]["kept"] == kept
    assert report.get("personal_data", {}).get("found") == (None if mode == "off" else {"email_address": 1})
    text = (tmp_path / "instruction_tuning_dataset_alpha_part1.json").read_text()
    assert (address in text) == in_output and ("<EMAIL_ADDRESS>" in text) == (mode == "mask")


# ----------------------------------------------------------------------------------------------------------------------
# licences and bad records
# ----------------------------------------------------------------------------------------------------------------------


def test_conflicting_licences_are_refused_before_the_work(tmp_path):
    galactica = record(1, id="q/1", source="synthetic_qa", meta={"license": "MIT", "model_license": "CC BY-NC 4.0"})
    (tmp_path / "a.jsonl").write_bytes(
        jsonl(*(record(number, response=f"{number}") for number in range(500))) + b"no record\n"
    )
    (tmp_path / "b.jsonl").write_bytes(jsonl(galactica))
    inputs = ("--inputpath", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--destpath", tmp_path / "made")
    assert_one_line_error(
        run_script(SCRIPT, *inputs),
        SCRIPT,
        "b.jsonl:1: CC-BY-NC-4.0 of synthetic_qa is for non-commercial use only",
        "CC-BY-SA-4.0 of stackexchange",
        "--allow_license_conflict",
    )
    assert not (tmp_path / "made").exists()


def test_conflicting_licences_deep_in_the_files_are_refused(tmp_path):
    given = [record(number, response=f"{number}") for number in range(500)] + [
        record(999, meta={"license": "CC BY-NC 4.0"})
    ]
    (tmp_path / "a.jsonl").write_bytes(jsonl(*given))
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", tmp_path / "a.jsonl", "--destpath", tmp_path / "made"),
        SCRIPT,
        "a.jsonl:501: CC-BY-NC-4.0",
    )


def test_allowed_licence_conflict_is_in_the_card(tmp_path):
    given = [record(1), record(2, meta={"license": "CC BY-NC 4.0"})]
    merge(tmp_path, *given, options=("--allow_license_conflict",))
    front, html = card(tmp_path)
    assert front["license"] == "other" and "<strong>The licences</strong>: CC-BY-NC-4.0" in html
    assert "this data set is not to be published" in html


DEEP = b'{"a":' * 400 + b"1" + b"}" * 400
BAD = [
    (b"no record", "is not JSON"),
    (jsonl({**record(7), "id": ""})[:-1], '"id" and "source" must not be empty'),
    (jsonl({key: value for key, value in record(7).items() if key != "id"})[:-1], '"id" is missing'),
    (jsonl(record(7, response=4))[:-1], '"response" is missing or not a string'),
    (jsonl(record(7))[:-1].replace(b"bowline", b"\xff\xfe"), "is not JSON"),
    (jsonl(record(7, meta={"question_license": None}))[:-1], "has no licence"),
    (jsonl(record(1, response="Another."))[:-1], "the id quay.stackexchange.com/a/1 is also at stdin:1"),
    (jsonl(record(7))[:-2] + b',"more":' + DEEP + b"}", "is nested too deep"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_record_is_reported_in_one_line_or_left_out(tmp_path, line, message):
    data = jsonl(record(1)) + line + b"\n" + jsonl(record(3))
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path / "made", stdin=data)
    assert_one_line_error(run, SCRIPT, "stdin:2: ", message)
    assert not (tmp_path / "made").exists()
    report = merge(tmp_path / "made", data=data, options=("--skip_bad", "--dropped_path", str(tmp_path / "dropped")))
    assert report["counts"] == {"read": 3, "dropped": {"bad record": 1}, "kept": 2}
    (dropped,) = lines(tmp_path / "dropped")
    assert (
        dropped["reason"] == "bad record"
        and dropped["problem"].startswith("stdin:2: ")
        and message in dropped["problem"]
    )
    assert dropped["line"][:20] == line.decode(errors="backslashreplace")[:20]


def test_truncated_file_is_reported_with_its_line_or_read_up_to_it(tmp_path):
    whole = gzip.compress(jsonl(*(record(number, response=f"{number}" * 50) for number in range(3000))))
    (tmp_path / "in.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.jsonl").write_bytes(jsonl(RED_TEAM))
    inputs = ("--inputpath", tmp_path / "in.jsonl.gz", tmp_path / "other.jsonl", "--destpath", tmp_path / "made")
    run = run_script(SCRIPT, *inputs)
    assert_one_line_error(run, SCRIPT, "the file is truncated or damaged")
    assert re.search(r"in\.jsonl\.gz:\d+: ", run.stderr)
    run = run_script(SCRIPT, *inputs, "--skip_bad", "--dropped_path", tmp_path / "dropped")
    counts = json.loads((tmp_path / "made" / "report.json").read_bytes())
    assert run.status == 0 and counts["counts"]["dropped"] == {"bad record": 1}
    assert counts["sources"]["anthrop_redteam"] == 1 and counts["sources"]["stackexchange"] > 500


def test_file_name_that_is_not_utf8_is_escaped_everywhere(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    path.write_bytes(jsonl(record(1), record(2, response=record(1)["response"])) + b"no record\n")
    outputs = ("--destpath", tmp_path / "made", "--dropped_path", tmp_path / "dropped")
    run = run_script(SCRIPT, "--inputpath", path, *outputs, "--skip_bad")
    assert run.status == 0, run
    assert [row["reason"] for row in lines(tmp_path / "dropped")] == ["bad record", "exact duplicate"]
    assert "caf\\udce9.jsonl" in (tmp_path / "made" / "README.md").read_text("utf-8").replace("\\\\", "\\")
