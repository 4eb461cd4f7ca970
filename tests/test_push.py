"""--push: the hub's own client uploads the data set, asks first, and replaces only what a merge wrote."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import ROOT, Run, assert_one_line_error, jsonl, record, run_script
from tests.hub_server import TOKEN, HubServer, hub_server

NAME = "ann/knots"
MERGE = "merge_datasets.py"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    needs.package("huggingface_hub", "dev")
    with hub_server() as server:
        for name, value in {
            "HF_ENDPOINT": server.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",  # large files by Git LFS's protocol, which the hub takes too, and our server
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # other tests set it
        yield server


@pytest.fixture
def records(tmp_path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(jsonl(*(record(number, question=number) for number in range(6))))
    return path


def push(records: Path, destpath: Path, *flags: str, script: str = MERGE) -> Run:
    return run_script(script, "--inputpath", records, "--destpath", destpath, "--push", NAME, *flags)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def at_hub(server: HubServer) -> dict[str, bytes]:
    return {name: data for name, data in server.repos[NAME].items() if name != ".gitattributes"}


def test_all_files_of_the_data_set_and_no_others_are_uploaded(hub, records, tmp_path):
    (tmp_path / "made" / ".git").mkdir(parents=True)
    (tmp_path / "made" / ".git" / "config").write_text("mine")
    run = push(records, tmp_path / "made", "--yes", "--formats", "alpha", "messages")
    assert run.status == 0 and run.stderr.endswith(f"uploaded to {hub.url}/datasets/{NAME}\n"), run
    made = contents(tmp_path / "made")
    del made[".git/config"]
    assert at_hub(hub) == made and "messages/train.parquet" in made
    assert hub.private[NAME]
    assert "--push" not in made["README.md"].decode()


def test_second_upload_replaces_the_first(hub, records, tmp_path):
    push(records, tmp_path / "made", "--yes", "--public", "--formats", "messages")
    hub.repos[NAME]["thesis.pdf"] = b"mine"
    run = push(records, tmp_path / "made", "--yes", "--public", "--formats", "alpaca")
    assert run.status == 0, run
    assert at_hub(hub) == contents(tmp_path / "made") | {"thesis.pdf": b"mine"}
    assert not hub.private[NAME]


def test_preferences_are_uploaded_too(hub, records, tmp_path):
    pairs = jsonl(*(record(number, question=1, score=10**number) for number in range(3)))
    records.write_bytes(pairs)
    run = push(records, tmp_path / "made", "--yes", script="make_preferences.py")
    assert run.status == 0, run
    assert at_hub(hub) == contents(tmp_path / "made")


@pytest.mark.parametrize("answer, is_uploaded", [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_the_card_is_shown_and_an_answer_awaited(hub, records, tmp_path, answer, is_uploaded):
    ours, theirs = pty.openpty()
    command = [sys.executable, ROOT / MERGE, "--inputpath", records, "--destpath", tmp_path / "made", "--push", NAME]
    process = subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE)
    threading.Timer(1, os.write, (ours, answer)).start()
    shown = process.communicate(timeout=60)[1].decode()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert "pretty_name: Instruction tuning data" in shown and f"as {NAME}, private? [y/N]" in shown
    assert (NAME in hub.repos) == is_uploaded
    assert ("uploaded to" in shown) == is_uploaded and ("not uploaded" in shown) != is_uploaded


def test_without_a_terminal_nobody_is_asked(hub, records, tmp_path):
    assert_one_line_error(push(records, tmp_path / "made"), MERGE, "there is no terminal", "--yes")
    assert not (tmp_path / "made").exists()


def test_token_is_looked_for_before_the_work(hub, records, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, "nobody is logged in", "hf auth login")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, "hf auth login")
    assert not (tmp_path / "made").exists()


def test_server_that_does_not_answer_is_one_line(hub, records, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, NAME, "does not answer")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("address, problem", [("http://[::1", "HF_ENDPOINT"), ("hub.example", "does not answer")])
def test_address_that_is_none_is_one_line(hub, records, tmp_path, monkeypatch, address, problem):
    monkeypatch.setenv("HF_ENDPOINT", address)
    run = push(records, tmp_path / "made", "--yes")._replace(stdout="")  # huggingface_hub prints to it when imported
    assert_one_line_error(run, MERGE, problem)


def test_page_instead_of_the_hubs_answer_is_one_line(hub, records, tmp_path):
    hub.page = b"<html>Log in to this network</html>"
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, "no data set can be sent to", hub.url)
    assert not (tmp_path / "made").exists()


def test_token_that_only_reads_ends_the_run_before_the_work(hub, records, tmp_path):
    hub.role = "read"
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, "may only read", "hf auth login")
    assert not (tmp_path / "made").exists()


def test_large_file_that_does_not_get_through_is_one_line(hub, records, tmp_path):
    hub.refuse = "/storage/"
    run = push(records, tmp_path / "made", "--yes", "--formats", "messages")
    assert run.status == 1 and "Traceback" not in run.stderr, run
    assert "no data set can be sent" in run.stderr and "the signature has expired" in run.stderr.splitlines()[-1]
    assert "messages/train.jsonl" in contents(tmp_path / "made")


def test_cache_that_cannot_be_written_is_named(hub, records, tmp_path, monkeypatch):
    push(records, tmp_path / "made", "--yes")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, str(tmp_path / "file"))


@pytest.mark.parametrize("where", ["/api/repos/create", "/commit/main", "/preupload/", "/objects/batch"])
def test_refused_upload_leaves_the_data_set_in_its_folder(hub, records, tmp_path, where):
    hub.refuse = where
    run = push(records, tmp_path / "made", "--yes", "--formats", "messages")
    assert run.status == 1 and "Traceback" not in run.stderr, run
    assert f"{MERGE}: error: {NAME}: the hub refuses (" in run.stderr.splitlines()[-1]
    assert "messages/train.jsonl" in contents(tmp_path / "made")
    hub.refuse = ""
    assert push(records, tmp_path / "made", "--yes", "--formats", "messages").status == 0
    assert at_hub(hub) == contents(tmp_path / "made")


def test_files_of_others_at_the_hub_are_not_replaced(hub, records, tmp_path):
    for files, problem in (
        ({"data.csv": b"mine"}, "holds files at the hub that no merge wrote"),
        ({"report.json": b'{"files": []}', "README.md": b"mine"}, "holds files at the hub that no merge wrote"),
        ({"report.json": b"[1]"}, "holds files at the hub that no merge wrote"),
    ):
        hub.repos[NAME], hub.private[NAME] = files, True
        assert_one_line_error(push(records, tmp_path / "made", "--yes"), MERGE, NAME, problem)
        assert hub.repos[NAME] == files


def test_card_that_was_changed_at_the_hub_is_not_replaced(hub, records, tmp_path):
    push(records, tmp_path / "made", "--yes")
    hub.repos[NAME]["README.md"] += b"by hand"
    run = push(records, tmp_path / "made", "--yes")
    assert_one_line_error(run, MERGE, "its README.md was changed at the hub")
    assert hub.repos[NAME]["README.md"].endswith(b"by hand")


def test_public_data_set_is_not_written_to_by_accident(hub, records, tmp_path):
    push(records, tmp_path / "made", "--yes", "--public")
    run = push(records, tmp_path / "made", "--yes")
    assert_one_line_error(run, MERGE, NAME, "is public at the hub; give --public")


def test_private_data_set_is_not_taken_for_a_public_one(hub, records, tmp_path):
    push(records, tmp_path / "made", "--yes")
    run = push(records, tmp_path / "made", "--yes", "--public")
    assert_one_line_error(run, MERGE, NAME, "is private at the hub; leave out --public")
    assert hub.private[NAME]


@pytest.mark.parametrize("name", ["a/b/c", "knots", "..", "ann/kn ots", ""])
def test_wrong_name_is_one_line(hub, records, tmp_path, name):
    run = run_script(MERGE, "--inputpath", records, "--destpath", tmp_path / "made", "--push", name, "--yes")
    assert run.status in (1, 2) and "Traceback" not in run.stderr and "--push" in run.stderr, run
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "flags, problem",
    [
        (("--yes",), "--public and --yes do nothing without --push"),
        (("--public",), "--public and --yes do nothing without --push"),
        (("--push", NAME, "--allow_license_conflict"), "--push publishes"),
    ],
)
def test_contradictions_are_refused(records, tmp_path, flags, problem):
    run = run_script(MERGE, "--inputpath", records, "--destpath", tmp_path / "made", *flags)
    assert run.status == 2 and problem in run.stderr
