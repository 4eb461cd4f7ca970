"""No run writes over one of its inputs, nor over a file that no run wrote."""

import gzip
import importlib
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from download.http_client import Client
from download.published_files import fetch
from generation.answer_cache import Cache
from generation.qa.recipe import PROMPTS
from records.errors import InputError
from records.output_checks import check_outputs, record_outputs
from records.record_output import open_record_output
from sample.archive_server import ArchiveServer
from tests.conftest import ROOT, SAMPLE_DUMP, assert_one_line_error, jsonl, record, run_script

JUDGEMENTS = b"quay.stackexchange.com/a/1: accept\n"
ONE_RECORD = jsonl(record())
PROMPT = (ROOT / "generation" / "prompts" / "python" / "function.txt").read_bytes()
ONE_DROPPED = jsonl({"reason": "no text", "row": {}})


class Script(NamedTuple):
    """How a script is called: the flags of its inputs with what is in them, and what else it needs."""

    inputs: dict[str, bytes]
    more: tuple[str, ...] = ()
    dropped: bool = False
    cache: bool = False


MODEL = ("--model", "m", "--license", "mit")
SCRIPTS = {
    "filter_for_score": Script({"--inputpath": ONE_RECORD}, ("--min_answer_votes", "1")),
    "repair_answers": Script({"--inputpath": ONE_RECORD}),
    "filter_for_criteria": Script({"--inputpath": ONE_RECORD}, ("--drop", "4"), dropped=True),
    "filter_by_human": Script(
        {"--inputpath": ONE_RECORD, "--judgement_file": JUDGEMENTS, "--agreement": JUDGEMENTS},
    ),
    "generate_qa": Script({"--inputpath": ONE_RECORD}, MODEL, dropped=True, cache=True),
    "generate_python": Script(
        {"--exclude": ONE_RECORD, "--prompt": PROMPT, "--topics": b"sorting\n"},
        (*MODEL, "--samples", "1"),
        dropped=True,
        cache=True,
    ),
}
OUTPUTS = ("out.jsonl", "out.jsonl.report.json", ".out.jsonl.tmp", ".out.jsonl.report.json.tmp")
DROPPED = ("dropped.jsonl", ".dropped.jsonl.tmp")
CACHE = ("cache", "cache-wal", "cache-shm")
COLLISIONS = [
    (name, flag, output)
    for name, script in SCRIPTS.items()
    for flag in script.inputs
    for output in (*OUTPUTS, *(DROPPED if script.dropped else ()), *(CACHE if script.cache else ()))
]


def run_main(monkeypatch, name: str, *args: str | Path) -> None:
    """Run a script in this process, for there are many."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, args)])
    importlib.import_module(name).main()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ----------------------------------------------------------------------------------------------------------------------
# inputs
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "flag", "output"), COLLISIONS)
def test_no_output_may_be_an_input(tmp_path, monkeypatch, name, flag, output):
    script, args = SCRIPTS[name], ["--destpath", tmp_path / "out.jsonl", *SCRIPTS[name].more]
    if script.dropped:
        args += ["--dropped_path", tmp_path / "dropped.jsonl"]
    if script.cache:
        args += ["--cache", tmp_path / "cache"]
    for number, (given, data) in enumerate(script.inputs.items()):
        path = tmp_path / (output if given == flag else f"in{number}")
        path.write_bytes(data)
        args += [given, path]
    before = contents(tmp_path)
    with pytest.raises(InputError, match=f"/{output}: is the input too; give another --"):
        run_main(monkeypatch, name, *args)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("flag", ["--destpath", "--dropped_path", "--cache"])
def test_prompts_are_inputs(tmp_path, monkeypatch, flag):
    shutil.copytree(PROMPTS, tmp_path / "prompts")
    (tmp_path / "in.jsonl").write_bytes(ONE_RECORD)
    outputs = {"--destpath": tmp_path / "out.jsonl", flag: tmp_path / "prompts" / "topics.txt"}
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"topics.txt: is the input too"):
        run_main(
            monkeypatch,
            "generate_qa",
            "--inputpath",
            tmp_path / "in.jsonl",
            "--prompts",
            tmp_path / "prompts",
            *MODEL,
            *(word for output in outputs.items() for word in output),
        )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("flag", ["--destpath", "--dropped_path"])
@pytest.mark.parametrize(("name", "more", "file"), [
    ("get_conala", (), "conala-corpus/conala-train.json"),
    ("get_hh_rlhf", ("--subset", "harmless"), "red-team-attempts/red_team_attempts.json"),
])  # fmt: skip
def test_published_files_found_in_a_folder_are_inputs(tmp_path, monkeypatch, name, more, file, flag):
    shutil.copytree(ROOT / "sample" / "sources", tmp_path / "sources")
    outputs = {"--destpath": tmp_path / "out.jsonl", flag: tmp_path / "sources" / file}
    before = contents(tmp_path)
    with pytest.raises(InputError, match=f"{file}: is the input too; give another {flag}"):
        run_main(
            monkeypatch,
            name,
            "--inputpath",
            tmp_path / "sources",
            *more,
            *(word for output in outputs.items() for word in output),
        )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("flag", ["--inputpath", "--mix", "a source of the mix", "--decontaminate"])
@pytest.mark.parametrize("output", [*DROPPED, ".made.unfinished/a", ".made.old/a", ".made.lock"])
def test_nothing_that_a_merge_writes_may_be_an_input(tmp_path, monkeypatch, flag, output):
    path = tmp_path / output
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "in.jsonl").write_bytes(ONE_RECORD)
    args = ["--inputpath", tmp_path / "in.jsonl", flag, path]
    if flag == "--inputpath":
        path.write_bytes(ONE_RECORD)
    elif flag == "--decontaminate":
        path.write_bytes(b'{"text": "one two three"}\n')
    else:
        mix = path if flag == "--mix" else tmp_path / "mix.yaml"
        source = tmp_path / "in.jsonl" if flag == "--mix" else path
        path.write_bytes(ONE_RECORD)
        mix.write_text(f"sources:\n  - path: {source}\n")
        args = ["--mix", mix]
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is the input too; give another --"):
        run_main(
            monkeypatch,
            "merge_datasets",
            *args,
            "--destpath",
            tmp_path / "made",
            "--dropped_path",
            tmp_path / "dropped.jsonl",
        )
    assert contents(tmp_path) == before


def test_any_input_counts_but_for_the_standard_streams(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(ONE_RECORD)
    with pytest.raises(InputError, match="b: is the input too"):
        check_outputs([tmp_path / "a", tmp_path / "b"], record_outputs(str(tmp_path / "b")))
    check_outputs(["-", tmp_path / "a"], record_outputs("-"))
    check_outputs(["-", tmp_path / "a"], record_outputs(str(tmp_path / "b")))


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_link_to_an_input_is_the_input(tmp_path, link):
    (tmp_path / "in.jsonl").write_bytes(ONE_RECORD)
    link(tmp_path / "out.jsonl.report.json", tmp_path / "in.jsonl")
    with pytest.raises(InputError, match="out.jsonl.report.json: is the input too"):
        check_outputs([tmp_path / "in.jsonl"], record_outputs(str(tmp_path / "out.jsonl")))


@pytest.mark.parametrize("twice", ["out.jsonl", "./out.jsonl.report.json", ".out.jsonl.tmp"])
@pytest.mark.parametrize("flag", ["dropped_path", "cache"])
def test_no_file_may_be_two_outputs(tmp_path, monkeypatch, flag, twice):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"is written for --destpath too; give another --{flag}"):
        check_outputs([], record_outputs("out.jsonl", **{flag: twice}))


# ----------------------------------------------------------------------------------------------------------------------
# files of others
# ----------------------------------------------------------------------------------------------------------------------

FOREIGN = {
    "a judgement file": JUDGEMENTS,
    "a script": b"import os\n",
    "an indented object": b'{\n  "a": 1\n}\n',
    "a list": b'[{"id": 1}]\n',
    "other rows": b'{"question": "a", "answer": "b"}\n',
    "a number": b"1\n",
    "blank": b"\n",
    "binary": bytes(range(256)),
    "nested deep": b"[" * 100_000,
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.report.json", "dropped.jsonl"])
def test_file_that_no_run_wrote_is_reported_and_stays(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with (
        pytest.raises(
            InputError,
            match=f"/{name}: is there, and is not .*; move it away, or give another --(destpath|dropped_path)",
        ),
        open_record_output([], str(tmp_path / "out.jsonl"), str(tmp_path / "dropped.jsonl")),
    ):
        pytest.fail("was opened")
    assert contents(tmp_path) == {name: data}


@pytest.mark.parametrize(
    "data", [gzip.compress(b"my notes\n", mtime=0), gzip.compress(ONE_RECORD, mtime=0)[:30], b"no gzip at all"]
)
def test_compressed_file_that_no_run_wrote_is_reported(tmp_path, data):
    (tmp_path / "out.jsonl.gz").write_bytes(data)
    with pytest.raises(InputError, match="out.jsonl.gz: is there, and is not a file of records"):
        check_outputs([], record_outputs(str(tmp_path / "out.jsonl.gz")))


def test_dropped_records_are_no_records_and_the_other_way_round(tmp_path):
    """As when the two flags are exchanged by mistake."""
    (tmp_path / "out.jsonl").write_bytes(ONE_RECORD)
    (tmp_path / "dropped.jsonl").write_bytes(ONE_DROPPED)
    for destpath, dropped_path in (("out.jsonl", "out.jsonl.2"), ("new.jsonl", "dropped.jsonl")):
        check_outputs([], record_outputs(str(tmp_path / destpath), str(tmp_path / dropped_path)))
    for destpath, dropped_path in (("dropped.jsonl", "new"), ("new", "out.jsonl")):
        with pytest.raises(InputError, match="is there, and is not a file of"):
            check_outputs([], record_outputs(str(tmp_path / destpath), str(tmp_path / dropped_path)))


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("empty", [False, True])
def test_run_after_a_run_replaces_what_it_wrote(tmp_path, ending, empty):
    """Also where nothing was kept or dropped, and over a file that `mktemp` has made."""
    out, dropped = tmp_path / f"out.jsonl{ending}", tmp_path / f"dropped.jsonl{ending}"
    out.touch()
    (tmp_path / "in.jsonl").write_bytes(b"" if empty else jsonl(record(1), record(2, response="See @ann's answer.")))
    for _ in range(2):
        run = run_script(
            "filter_for_criteria.py",
            "--inputpath",
            tmp_path / "in.jsonl",
            "--destpath",
            out,
            "--drop",
            "4",
            "--dropped_path",
            dropped,
            "--workers",
            "1",
        )
        assert run.status == 0, run
    assert len(contents(tmp_path)) == 4


# ----------------------------------------------------------------------------------------------------------------------
# step 1
# ----------------------------------------------------------------------------------------------------------------------


def convert(dump: Path, destdir: Path, *more: str | Path):
    return run_script("get_stackexchange.py", "--dump_path", dump, "--destdir", destdir, "--workers", "1", *more)


@pytest.mark.parametrize("name", ["unfiltered.jsonl", "unfiltered.jsonl.zst", "report.json"])
def test_step_1_leaves_files_of_others(tmp_path, name):
    (tmp_path / "harbour").mkdir()
    (tmp_path / "harbour" / name).write_bytes(b"my notes\n")
    for more in ([], ["--force"]):
        run = convert(SAMPLE_DUMP, tmp_path, *more)
        assert_one_line_error(
            run, "get_stackexchange.py", f"harbour/{name}: is there, and is not ", "give another --destdir"
        )
    assert contents(tmp_path) == {f"harbour/{name}": b"my notes\n"}


def test_step_1_leaves_what_others_put_into_its_work_folder(tmp_path):
    (tmp_path / "harbour" / ".work").mkdir(parents=True)
    (tmp_path / "harbour" / ".work" / "notes").write_bytes(b"mine")
    assert convert(SAMPLE_DUMP, tmp_path).status == 0
    assert contents(tmp_path)["harbour/.work/notes"] == b"mine"


@pytest.mark.parametrize("folder", ["spool", "download"])
def test_step_1_does_not_remove_a_dump_that_lies_in_its_work_folder(tmp_path, folder):
    dump = tmp_path / "get_stackexchange-harbour" / folder / "harbour.stackexchange.com"
    shutil.copytree(SAMPLE_DUMP, dump)
    before = contents(tmp_path)
    run = convert(dump, tmp_path / "out", "--tmpdir", tmp_path)
    assert_one_line_error(run, "get_stackexchange.py", f"{folder}: is the input too; give another --tmpdir")
    assert contents(tmp_path) == before


def test_kept_archive_of_another_dump_is_not_replaced(www, tmp_path):
    kept = tmp_path / "quay" / "quay.stackexchange.com.7z"
    kept.parent.mkdir()
    kept.write_bytes(b"an archive of an older dump")
    with ArchiveServer(www) as server:
        run = run_script(
            "get_stackexchange.py",
            "--base_url",
            server.url,
            "--dump",
            "large",
            "--sites",
            "quay",
            "--destdir",
            tmp_path,
            "--keep_archive",
        )
    assert run.status == 1 and f"{kept}: is not the archive of large; move it away" in run.stderr, run
    assert contents(tmp_path) == {"quay/quay.stackexchange.com.7z": b"an archive of an older dump"}


# ----------------------------------------------------------------------------------------------------------------------
# caches
# ----------------------------------------------------------------------------------------------------------------------


def test_database_of_others_is_not_a_cache(tmp_path):
    with sqlite3.connect(tmp_path / "mine.db") as database:
        database.execute("CREATE TABLE boats(name TEXT)")
    database.close()
    before = contents(tmp_path)
    with pytest.raises(InputError, match="mine.db: not a cache of model answers"), Cache(tmp_path / "mine.db"):
        pytest.fail("was opened")
    assert contents(tmp_path) == before


def test_file_that_was_not_fetched_is_not_replaced_by_a_download(tmp_path):
    (tmp_path / "www" / "item").mkdir(parents=True)
    (tmp_path / "www" / "item" / "a.json").write_bytes(b"[]")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.json").write_bytes(b"mine")
    with ArchiveServer(tmp_path / "www") as server:
        client = Client(f"{server.url}/download/item", tell=lambda message: None)
        with pytest.raises(InputError, match="a.json: was not fetched by this script"):
            fetch(client, "a.json", tmp_path / "cache")
        assert contents(tmp_path / "cache") == {"a.json": b"mine"}
        (tmp_path / "cache" / "a.json").unlink()
        assert fetch(client, "a.json", tmp_path / "cache").path.read_bytes() == b"[]"


def test_a_filter_does_not_replace_the_pairs_of_step_1(tmp_path):
    pairs = tmp_path / "unfiltered.jsonl"
    pairs.write_bytes(jsonl(record()))
    (tmp_path / "report.json").write_text('{"options": {}, "output": {"file": "unfiltered.jsonl"}}')
    (tmp_path / "in.jsonl").write_bytes(jsonl(record(2)))
    run = run_script(
        "filter_for_score.py", "--inputpath", tmp_path / "in.jsonl", "--destpath", pairs, "--min_answer_votes", "1"
    )
    assert_one_line_error(run, "filter_for_score.py", f"{pairs}: was written by get_stackexchange.py")
    assert pairs.read_bytes() == jsonl(record())
