"""The output folder of a merge: it replaces only files that an earlier merge wrote and nobody has changed since."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merging.publishing import NAMES_SHOWN, unchanged_files
from records.errors import InputError
from tests.conftest import ROOT, assert_one_line_error, jsonl, record, run_script

SCRIPT = "merge_datasets.py"
PART = "instruction_tuning_dataset_alpha_part{}.json"
RECORDS = [record(number) for number in range(1, 20)]
MINE = {
    "messages/train.jsonl": b'{"messages":[]}\n',
    "alpaca/train.json": b'[{"instruction":"my own hand work"}]\n',
    "dataset_info.json": b'{"my":{"file_name":"a.json"}}\n',
    "report.json": b"{}\n",
}
NAMES = [
    PART.format(1), "instruction_tuning_dataset_alpha_validation_part2.json", "messages/train.jsonl",
    "messages/test.parquet", "prompt_completion/train.jsonl", "prompt_completion/train.parquet", "alpaca/train.json",
    "alpaca/train.parquet", "README.md", "report.json", "ATTRIBUTION.jsonl", "TUPLE_IDS.jsonl", "NOTICES.txt",
    "dataset_info.json", "croissant.json", "plots/length.png",
    "plots/score.png", "plots/tags.png", "messages", "alpaca", "prompt_completion", "plots",
    "sharegpt/train.jsonl", "chat_prompt_completion/train.parquet", "sharegpt", "chat_prompt_completion",
]  # fmt: skip


def merge(folder: Path, *more: str | Path, records=RECORDS):
    return run_script(SCRIPT, "--inputpath", "-", "--destpath", folder, *more, stdin=jsonl(*records))


def fill(folder: Path, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """A data set in three parts and in formats that trainers read."""
    folder = tmp_path_factory.mktemp("earlier") / "made"
    run = merge(folder, "--parts", "3", "--formats", "alpha", "messages", "alpaca")
    assert run.status == 0, run
    return folder


@pytest.fixture
def made(earlier, tmp_path) -> Path:
    return shutil.copytree(earlier, tmp_path / "made")


# ----------------------------------------------------------------------------------------------------------------------
# other people's files
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formats", ["alpha", "messages"])
def test_users_files_with_names_of_a_merge_are_refused_at_once_and_kept(tmp_path, formats):
    fill(tmp_path / "made", MINE)
    run = merge(tmp_path / "made", "--formats", formats)
    assert_one_line_error(
        run, SCRIPT, f"{tmp_path / 'made'}: would lose {', '.join(sorted(MINE))}: not what a merge wrote", "move them"
    )
    assert contents(tmp_path / "made") == MINE and os.listdir(tmp_path) == ["made"]


@pytest.mark.parametrize("name", NAMES)
def test_anything_else_with_a_name_that_a_merge_writes_is_refused(tmp_path, name):
    fill(tmp_path, {name: b"mine"})
    with pytest.raises(InputError, match=f": would lose {name}: not what a merge wrote"):
        unchanged_files(tmp_path, [])


@pytest.mark.parametrize(
    "name", ["train.jsonl", "messages/notes.md", "plots/mine.png", "deep/README.md", ".git/config"]
)
def test_files_with_other_names_are_kept(tmp_path, name):
    fill(tmp_path / "made", {name: b"mine"})
    for parts in ("2", "1"):
        run = merge(tmp_path / "made", "--formats", "alpha", "messages", "--parts", parts)
        assert run.status == 0, run
        assert contents(tmp_path / "made")[name] == b"mine"


def test_folder_and_link_with_names_of_a_merge_are_refused(tmp_path, earlier):
    (tmp_path / "README.md").mkdir()
    (tmp_path / "messages").symlink_to(earlier / "messages")
    with pytest.raises(InputError, match="would lose README.md, messages: not"):
        unchanged_files(tmp_path, [])


def test_link_to_a_file_that_a_merge_wrote_is_refused(made, tmp_path):
    part = made / PART.format(1)
    part.rename(tmp_path / "moved.json")
    part.symlink_to(tmp_path / "moved.json")
    with pytest.raises(InputError, match=f"would lose {PART.format(1)}"):
        unchanged_files(made, [])


def test_of_many_names_the_first_and_the_number_of_the_others_are_shown(tmp_path):
    fill(tmp_path, {PART.format(number): b"mine" for number in range(1000, 1000 + NAMES_SHOWN + 5)})
    with pytest.raises(InputError, match=f"{PART.format(1000 + NAMES_SHOWN - 1)} and 5 more: not"):
        unchanged_files(tmp_path, [])


@pytest.mark.parametrize("data", [
    b"", b"[]", b"{}", b'{"files": []}', b'{"files": {"README.md": {"bytes": 4}}}', b'{"files": {"README.md": 4}}',
    b'{"files": {"README.md": {"bytes": 4, "sha256": "00"}}}', b'{"files": {"missing": {"bytes": 4, "sha256": ""}}}',
    b"\xff", b"[" * 100_000,
])  # fmt: skip
def test_report_that_is_not_a_merges_does_not_make_files_replaceable(tmp_path, data):
    fill(tmp_path, {"README.md": b"mine", "report.json": data})
    with pytest.raises(InputError, match=r"would lose README.md( \(changed since\))?, report.json: not"):
        unchanged_files(tmp_path, [])


def test_report_without_its_files_is_refused(made, tmp_path):
    """Somebody may have copied it there to keep it."""
    fill(tmp_path, {"other/report.json": (made / "report.json").read_bytes()})
    with pytest.raises(InputError, match="would lose report.json: not"):
        unchanged_files(tmp_path / "other", [])


def test_file_that_appears_during_the_merge_is_refused_at_the_end_and_kept(made, tmp_path):
    before = contents(made)
    command = [sys.executable, SCRIPT, "--inputpath", "-", "--destpath", made]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + 60
        while not (tmp_path / ".made.unfinished").exists():
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        fill(made, {"prompt_completion/train.jsonl": b"mine"})
        _, errors = run.communicate(jsonl(*RECORDS))
    assert run.returncode == 1 and b"would lose prompt_completion/train.jsonl: not" in errors
    assert contents(made) == before | {"prompt_completion/train.jsonl": b"mine"}
    assert os.listdir(tmp_path) == ["made"]


# ----------------------------------------------------------------------------------------------------------------------
# repeated runs
# ----------------------------------------------------------------------------------------------------------------------


def test_second_run_replaces_all_files_of_the_first(made):
    assert merge(made, records=RECORDS[:5]).status == 0
    assert contents(made).keys() == {
        PART.format(1),
        "README.md",
        "report.json",
        "croissant.json",
        "ATTRIBUTION.jsonl",
        "TUPLE_IDS.jsonl",
    }
    assert len(json.loads((made / PART.format(1)).read_bytes())) == 5


@pytest.mark.parametrize("change", [bytes.upper, lambda data: data + b"\nMore.\n", lambda data: b""])
def test_files_that_a_person_changed_are_refused_at_once_and_kept(made, change):
    changed = ("README.md", "dataset_info.json", PART.format(3))
    for name in changed:
        (made / name).write_bytes(change((made / name).read_bytes()))
    before = contents(made)
    names = ", ".join(f"{name} (changed since)" for name in changed)
    assert_one_line_error(merge(made), SCRIPT, f"{made}: would lose {names}: not what a merge wrote", "move them away")
    assert contents(made) == before


def test_merge_works_once_the_changed_file_is_moved_away(made, tmp_path):
    (made / "README.md").write_text("mine")
    (made / "README.md").rename(tmp_path / "mine.md")
    assert merge(made).status == 0 and (made / "README.md").exists()


def test_without_the_report_no_file_is_replaced(made):
    (made / "report.json").unlink()
    before = contents(made)
    assert_one_line_error(
        merge(made),
        SCRIPT,
        "would lose",
        "README.md",
        PART.format(3),
        "not what a merge wrote, according to the report.json there",
    )
    assert contents(made) == before


# ----------------------------------------------------------------------------------------------------------------------
# inputs in the folder
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("flag", ["--inputpath", "--mix", "--decontaminate"])
def test_input_that_would_be_replaced_ends_the_run_before_it_begins(made, tmp_path, flag, link):
    path = made / "messages" / "train.jsonl"
    if flag == "--mix":
        (tmp_path / "mix.yaml").write_text(f"sources:\n  - path: {path}\n")
    if link:
        (tmp_path / "link.jsonl").symlink_to(path)
        path = tmp_path / "link.jsonl"
    before = contents(made)
    if flag == "--mix":
        run = run_script(SCRIPT, "--mix", tmp_path / "mix.yaml", "--destpath", made)
    elif flag == "--inputpath":
        run = run_script(SCRIPT, "--inputpath", path, "--destpath", made)
    else:
        run = merge(made, flag, path)
    assert_one_line_error(
        run, SCRIPT, "train.jsonl" if flag == "--mix" else path, ": is an input and would be replaced"
    )
    assert contents(made) == before


def test_input_with_another_name_may_be_in_the_folder(tmp_path):
    fill(tmp_path / "made", {"in.jsonl": jsonl(*RECORDS)})
    for _ in range(2):
        run = run_script(SCRIPT, "--inputpath", tmp_path / "made" / "in.jsonl", "--destpath", tmp_path / "made")
        assert run.status == 0, run
        assert (tmp_path / "made" / "in.jsonl").read_bytes() == jsonl(*RECORDS)
