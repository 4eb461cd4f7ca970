"""CoNaLa: every row is accounted for, snippets are Python 3, and the benchmark is left out unless it is asked for."""

import ast
import hashlib
import json
import random
import zipfile
from pathlib import Path

import pytest

from corpora.conala import MostProbable, conala_record, mined_record, parses_as_python3, part_of
from records.code_block import fenced
from records.errors import InputError
from records.json_rows import SkipRow, SourceFile, SourceRow
from sample.archive_server import ArchiveServer, Fault
from tests import needs
from tests.conftest import ROOT, assert_one_line_error, run_script

SCRIPT = "get_conala.py"
SAMPLE = ROOT / "sample" / "sources" / "conala-corpus"
REAL = needs.SHARED / "sources"
needs_real = needs.shared("sources")


def row(number: int = 3, **value) -> SourceRow:
    default = {"intent": "how to sort?", "rewritten_intent": "sort `x`", "snippet": "x.sort()", "question_id": 12}
    return SourceRow(default | value, number, f"conala-train.json:{number}")


def convert(value: SourceRow, part: str = "train", *, plain: bool = False, keep_unparsed: bool = False) -> dict:
    return conala_record(value, part, plain, keep_unparsed)


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def report(path: Path) -> dict:
    return json.loads(Path(f"{path}.report.json").read_text("utf-8"))


# ---- rows ------------------------------------------------------------------------------------------------------------
def test_a_row_becomes_a_record():
    assert convert(row()) == {
        "id": "conala/train/3",
        "source": "conala",
        "instruction": "sort `x`",
        "response": "```python\nx.sort()\n```",
        "meta": {
            "license": "CC BY-SA",
            "split": "train",
            "line": 3,
            "site": "stackoverflow.com",
            "title": "how to sort?",
            "question_id": 12,
            "question_url": "https://stackoverflow.com/q/12",
            "rewritten": True,
            "parses": True,
        },
    }
    assert convert(row(), plain=True)["response"] == "x.sort()"


@pytest.mark.parametrize("rewritten", [None, "", "  \n"])
def test_the_title_replaces_a_missing_rewritten_intent(rewritten):
    record = convert(row(rewritten_intent=rewritten))
    assert (record["instruction"], record["meta"]["rewritten"]) == ("how to sort?", False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"intent": "", "rewritten_intent": None}, "no intent"),
        ({"snippet": "\n"}, "no snippet"),
        ({"snippet": None}, "no snippet"),
        ({"snippet": "print x"}, "snippet is not Python 3"),
        ({"snippet": "  x = 1"}, "snippet is not Python 3"),
    ],
)
def test_a_row_without_a_record_is_left_out_with_its_reason(value, reason):
    with pytest.raises(SkipRow, match=f"^{reason}$"):
        convert(row(**value))


def test_snippets_that_do_not_parse_can_be_kept_and_are_marked():
    record = convert(row(snippet="print x"), keep_unparsed=True, plain=True)
    assert (record["response"], record["meta"]["parses"]) == ("print x", False)


@pytest.mark.parametrize("value", [{"chosen": "a"}, {"intent": "a"}, {"snippet": "a"}])
def test_a_row_of_another_data_set_is_bad_input(value):
    with pytest.raises(InputError, match='x.json:1: has no "intent" and "snippet"'):
        convert(SourceRow(value, 1, "x.json:1"))
    with pytest.raises(InputError, match='"snippet" is not text'):
        convert(row(snippet=7))


@pytest.mark.parametrize(
    ("snippet", "parses"),
    [
        ("x = 1", True),
        (r"re.sub('\d', '', s)", True),  # an invalid escape is a warning only
        ("if x:\n    y()", True),
        ("print 'x'", False),
        ("x = (", False),
        ("x\x00y", False),
        ("(" * 100_000, False),
        ("-" * 100_000 + "1", False),
        ("x = '\ud83d'", False),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_parses_is_python_3(snippet, parses):
    assert parses_as_python3(snippet) is parses


@pytest.mark.parametrize("snippet", ["x", "'```'", "````\n```", "`a` and ``b``"])
def test_a_fence_is_longer_than_any_in_the_snippet(snippet):
    first, *body, last = fenced(snippet).split("\n")
    assert "\n".join(body) == snippet
    assert first == f"{last}python"
    assert set(last) == {"`"} and len(last) >= 3 and last not in snippet


@pytest.mark.parametrize(
    ("file", "part"),
    [
        (SourceFile("/x/conala-train.json"), "train"),
        (SourceFile("/x/corpus.zip", "conala-corpus/conala-mined.jsonl"), "mined"),
        (SourceFile("/x/conala-paired-test.json"), "test"),
        (SourceFile("/train/mine.json"), None),
        (SourceFile("/x/train.json"), "train"),
        (SourceFile("/x/helpful-online/train.json", given=False), None),
        (SourceFile("-"), "train"),
    ],
)
def test_a_files_name_gives_its_part(file, part):
    assert part_of(file) == part


# ---- mined rows ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"prob": 0.49}, "probability below 0.5"),
        ({"prob": None}, "no probability"),
        ({"prob": True}, "no probability"),
        ({"prob": "0.9"}, "no probability"),
        ({"prob": float("nan")}, "no probability"),
        ({"prob": 0.9, "question_id": 99}, "of a question in conala-test"),
        ({"prob": 0.9, "snippet": "print x"}, "snippet is not Python 3"),
    ],
)
def test_a_mined_row_is_left_out_with_its_reason(value, reason):
    with pytest.raises(SkipRow, match=f"^{reason}$"):
        mined_record(row(**value), 0.5, {99}, plain=False, keep_unparsed=False)


def test_a_mined_row_links_to_its_answer():
    record = mined_record(row(prob=0.5, parent_answer_post_id=13), 0.5, {99}, plain=False, keep_unparsed=False)
    assert record["id"] == "conala/mined/3"
    assert record["meta"]["answer_url"] == "https://stackoverflow.com/a/13"
    assert record["meta"]["probability"] == 0.5


def test_the_most_probable_rows_are_kept_and_of_equals_the_earlier():
    rng = random.Random(3)
    rows = [row(number, prob=rng.choice([0.5, 0.6, 0.7, 0.8])) for number in range(1, 101)]
    best, displaced = MostProbable(17), []
    for mined in rows:
        displaced.append(best.put(mined, {"number": mined.number}))
    numbers = {mined.number for mined in sorted(rows, key=lambda mined: (-mined.value["prob"], mined.number))[:17]}
    assert [mined.number for mined, _ in best.in_order()] == sorted(numbers)
    assert all(record == {"number": mined.number} for mined, record in best.in_order())
    assert sorted(mined.number for mined in displaced if mined) == sorted({mined.number for mined in rows} - numbers)


# ---- the script ------------------------------------------------------------------------------------------------------
def test_the_samples_rows_are_all_accounted_for(tmp_path):
    out, dropped = tmp_path / "conala.jsonl", tmp_path / "dropped.jsonl"
    run = run_script(SCRIPT, "--inputpath", SAMPLE, "--destpath", out, "--dropped_path", dropped)
    assert run.status == 0, run.stderr
    assert [record["id"] for record in records(out)] == [f"conala/train/{number}" for number in (1, 2, 3, 5)]
    assert [(row["id"], row["reason"]) for row in records(dropped)] == [("conala/train/4", "snippet is not Python 3")]
    assert report(out)["counts"] == {"read": 5, "dropped": {"snippet is not Python 3": 1}, "kept": 4}


def test_test_split_and_mined_rows_are_read_only_if_asked_for(tmp_path):
    out, dropped = tmp_path / "conala.jsonl", tmp_path / "dropped.jsonl"
    paths = ("--inputpath", SAMPLE, "--destpath", out, "--dropped_path", dropped)
    mined = ("--mined", "2", "--min_probability", "0.6")
    run = run_script(SCRIPT, *paths, "--include_test", *mined, "--keep_unparsed", "--plain")
    assert run.status == 0, run.stderr
    assert [record["id"] for record in records(out)] == [
        *(f"conala/train/{number}" for number in range(1, 6)),
        "conala/test/1",
        "conala/mined/1",
        "conala/mined/2",
    ]
    assert {row["id"]: row["reason"] for row in records(dropped)} == {
        "conala/mined/3": "of a question in conala-test",
        "conala/mined/4": "beyond the 2 most probable",
        "conala/mined/5": "probability below 0.6",
        "conala/mined/6": "probability below 0.6",
    }
    assert report(out)["kept_by_file"] == {"train": 5, "test": 1, "mined": 2}
    assert report(out)["counts"]["read"] == 12


def test_mined_rows_without_the_test_file_give_a_warning(tmp_path):
    mined = SAMPLE / "conala-mined.jsonl"
    run = run_script(SCRIPT, "--inputpath", mined, "--mined", "9", "--destpath", tmp_path / "out.jsonl")
    assert run.status == 0, run.stderr
    assert "conala-test: is not among the files, so mined rows of its questions are not left out" in run.stderr
    assert [record["meta"]["line"] for record in records(tmp_path / "out.jsonl")] == [1, 2, 3, 5]


def test_stdin_is_the_training_file():
    data = (SAMPLE / "conala-train.json").read_bytes()
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", "-", stdin=data)
    assert run.status == 0, run.stderr
    assert [json.loads(line)["id"] for line in run.stdout.splitlines()][0] == "conala/train/1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--min_probability", "0.5"),
        ("--mined", "0"),
        ("--mined", "5", "--min_probability", "1.5"),
        ("--mined", "5", "--min_probability", "nan"),
        ("--sha256", "conala-corpus-v1.1.zip=12"),
        ("--sha256", f"other.zip={'0' * 64}"),
    ],
)
def test_contradictory_flags_are_refused(tmp_path, arguments):
    run = run_script(SCRIPT, *arguments, "--destpath", tmp_path / "out.jsonl")
    assert run.status == 2, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_in_one_line_and_writes_nothing(tmp_path):
    out = tmp_path / "out.jsonl"
    test, mine = SAMPLE / "conala-test.json", tmp_path / "train.json"
    mine.write_text('[{"intent": "a", "snippet": "b"}, {"intent"')
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", test, "--destpath", out), SCRIPT, f"{test}: is test", "--include_test"
    )
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", mine, "--destpath", out), SCRIPT, f"{mine}:2: is not JSON, or is cut"
    )
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", mine, "--include_test", "--destpath", out),
        SCRIPT,
        "conala-test: is asked for",
    )
    assert_one_line_error(
        run_script(SCRIPT, "--inputpath", tmp_path / "gone", "--destpath", out), SCRIPT, "gone: no such file or folder"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["train.json"]


# ---- downloads -------------------------------------------------------------------------------------------------------
def test_the_published_zip_is_downloaded_resumed_verified_and_cached(tmp_path):
    archive = tmp_path / "www" / "conala-corpus-v1.1.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as out:
        for path in SAMPLE.iterdir():
            out.write(path, f"conala-corpus/{path.name}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    out = tmp_path / "made" / "conala.jsonl"
    with ArchiveServer(archive.parent, lambda r: Fault(drop_after=500) if r.number == 2 else None) as server:
        command = (SCRIPT, "--destpath", out, "--mined", "2", "--base_url", f"{server.url}/data", "--sha256")
        run = run_script(*command, f"{archive.name}={digest}")
        assert run.status == 0, run.stderr
        assert "the connection broke at byte 500" in run.stderr
        assert server.sent(archive.name) == 1 + archive.stat().st_size  # 1: the request for the headers
        assert [record["meta"]["split"] for record in records(out)] == ["train"] * 4 + ["mined"] * 2
        assert report(out)["inputs"][0]["sha256"] == digest
        made = out.read_bytes()
        wrong = run_script(*command, f"{archive.name}={'0' * 64}")
    assert wrong.status == 1
    assert wrong.stderr.splitlines()[-1].startswith(
        f"{SCRIPT}: error: {server.url}/data/{archive.name}: has the SHA-256"
    )
    assert out.read_bytes() == made
    assert (tmp_path / "made" / "downloads" / "conala" / archive.name).read_bytes() == archive.read_bytes()


def test_an_unreachable_server_is_reported_in_one_line(tmp_path, monkeypatch):
    with ArchiveServer(tmp_path) as server:
        monkeypatch.setenv("CONALA_URL", server.url)
    run = run_script(SCRIPT, "--destpath", tmp_path / "out.jsonl")
    assert run.status == 1
    line = run.stderr.splitlines()[-1]
    assert line.startswith(
        f"{SCRIPT}: error: {server.url}/conala-corpus-v1.1.zip: the server cannot be reached; check --base_url"
    )
    assert "Traceback" not in run.stderr


# ---- real rows -------------------------------------------------------------------------------------------------------
@needs_real
def test_the_real_files_agree_with_an_independent_count(tmp_path):
    rows = json.loads((REAL / "conala-train.json").read_text("utf-8"))
    tests = json.loads((REAL / "conala-test.json").read_text("utf-8"))
    assert (len(rows), len(tests)) == (2378, 500)
    assert sum(row["rewritten_intent"] is None for row in rows) == 79
    assert len({row["question_id"] for row in rows}) < len(rows)

    out = tmp_path / "out.jsonl"
    run = run_script(SCRIPT, "--inputpath", REAL, "--include_test", "--destpath", out)
    assert run.status == 0, run.stderr
    made = records(out)
    assert report(out)["counts"] == {"read": 2878, "dropped": {}, "kept": 2878}
    assert report(out)["kept_by_file"] == {"train": 2378, "test": 500}
    assert len({record["id"] for record in made}) == 2878
    assert sum(not record["meta"]["rewritten"] for record in made if record["meta"]["split"] == "train") == 79
    for record, row in zip(made, rows + tests, strict=True):
        ast.parse(row["snippet"])
        assert record["instruction"] == (row["rewritten_intent"] or row["intent"]).strip()
        assert record["response"].removeprefix("```python\n").removesuffix("\n```") == row["snippet"]
        assert record["meta"]["question_id"] == row["question_id"]
