"""Reading and writing: by the name's ending, whole or not at all, and never over what another run or step has."""

import errno
import fcntl
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from records.errors import InputError
from records.file_io import open_input, open_output, open_output_folder, write_report
from records.version import VERSION
from tests.conftest import ROOT, assert_one_line_error, jsonl, record, run_script

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SCRIPT = "filter_for_score.py"
RECORDS = jsonl(*(record(number, note="grüße 🚤") for number in range(1, 400)))
ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
COMPRESS = {".jsonl": bytes, ".jsonl.gz": gzip.compress, ".jsonl.zst": zstd.compress}
DECOMPRESS = {".jsonl": bytes, ".jsonl.gz": gzip.decompress, ".jsonl.zst": zstd.decompress}


def keep_all(source: str | Path, destination: str | Path, stdin: bytes | None = None):
    return run_script(
        SCRIPT, "--inputpath", source, "--destpath", destination, "--min_answer_votes", "-99", stdin=stdin
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ----------------------------------------------------------------------------------------------------------------------
# by the name's ending
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ENDINGS)
@pytest.mark.parametrize("source", ENDINGS)
def test_every_ending_becomes_every_other(tmp_path, source, target):
    given, made = tmp_path / f"in{source}", tmp_path / f"out{target}"
    given.write_bytes(COMPRESS[source](RECORDS))
    run = keep_all(given, made)
    assert run.status == 0, run
    assert DECOMPRESS[target](made.read_bytes()) == RECORDS


def test_stdin_becomes_stdout():
    run = keep_all("-", "-", stdin=RECORDS)
    assert run.status == 0 and run.stdout.encode() == RECORDS
    assert "records kept" in run.stderr


def test_stdout_makes_no_report(tmp_path):
    script = [sys.executable, ROOT / SCRIPT, "--inputpath", "-", "--destpath", "-", "--min_answer_votes", "1"]
    subprocess.run(script, input=RECORDS, cwd=tmp_path, check=True, capture_output=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_runs_give_the_same_bytes(tmp_path, ending):
    made = []
    for folder in ("a", "b"):
        destination = tmp_path / folder / f"{folder}{ending}"  # of another name too: no name goes into the file
        assert keep_all("-", destination, stdin=RECORDS).status == 0
        made.append(destination.read_bytes())
    assert made[0] == made[1]


def test_gzip_header_has_no_time_and_no_name(tmp_path):
    with open_output(tmp_path / "a.gz") as out:
        out.write(b"x")
    head = (tmp_path / "a.gz").read_bytes()
    assert head[3] == 0 and head[4:8] == bytes(4)


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_that_were_concatenated_are_read_to_the_end(tmp_path, ending):
    path = tmp_path / f"in{ending}"
    path.write_bytes(COMPRESS[ending](b"one\n") + COMPRESS[ending](b"two\n"))
    with open_input(path) as stream:
        assert list(stream) == [b"one\n", b"two\n"]


def test_fifo_is_read(tmp_path):
    """As `--inputpath <(zcat ...)` gives one."""
    command = f"{sys.executable} {SCRIPT} --inputpath <(cat) --destpath {tmp_path / 'out.jsonl'} --min_answer_votes 1"
    subprocess.run(["bash", "-c", command], input=RECORDS, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "out.jsonl").read_bytes() == RECORDS


# ----------------------------------------------------------------------------------------------------------------------
# incomplete and damaged files
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1, 5, 100, -1])
@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_cut_file_is_reported(tmp_path, ending, left):
    path, whole = tmp_path / f"in{ending}", COMPRESS[ending](RECORDS)
    path.write_bytes(whole[:left])
    assert_one_line_error(keep_all(path, tmp_path / "out.jsonl"), SCRIPT, f"{path}: is truncated or damaged")
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_damaged_file_is_reported(tmp_path, ending):
    path, data = tmp_path / f"in{ending}", bytearray(COMPRESS[ending](RECORDS))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    run = keep_all(path, tmp_path / "out.jsonl")
    assert_one_line_error(run, SCRIPT, path)  # what the damage did decides whether decompressing or JSON fails
    assert names(tmp_path) == [path.name]


def test_wrong_checksum_of_gzip_is_reported(tmp_path):
    path, data = tmp_path / "in.jsonl.gz", bytearray(gzip.compress(RECORDS))
    data[-8] ^= 1  # the CRC-32; all records are sound
    path.write_bytes(data)
    assert_one_line_error(keep_all(path, tmp_path / "out.jsonl"), SCRIPT, f"{path}: is truncated or damaged")
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_plain_text_under_a_compressed_name_is_reported(tmp_path, ending):
    path = tmp_path / f"in{ending}"
    path.write_bytes(RECORDS)
    assert_one_line_error(keep_all(path, tmp_path / "out.jsonl"), SCRIPT, f"{path}: is truncated or damaged")


def test_missing_input_is_reported_before_the_others_are_read(tmp_path):
    """A typo in the last name must not show after hours."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text("no record\n")
    run = run_script(
        SCRIPT, "--inputpath", bad, tmp_path / "gone", "--destpath", tmp_path / "o", "--min_answer_votes", "1"
    )
    assert_one_line_error(run, SCRIPT, f"{tmp_path / 'gone'}: no such file; check the path")


def test_folder_as_input_is_reported(tmp_path):
    assert_one_line_error(keep_all(tmp_path, tmp_path / "out.jsonl"), SCRIPT, f"{tmp_path}: is a directory")


def test_empty_name_is_reported(tmp_path):
    """As "$UNSET" gives one."""
    assert_one_line_error(keep_all("", tmp_path / "out.jsonl"), SCRIPT, "'': no such file")
    assert_one_line_error(keep_all("-", ""), SCRIPT, ".: is not a regular file")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc, which Linux has")
def test_failure_of_reading_names_the_file(tmp_path):
    assert_one_line_error(
        keep_all("/proc/self/mem", tmp_path / "out.jsonl"), SCRIPT, "/proc/self/mem: Input/output error"
    )


# ----------------------------------------------------------------------------------------------------------------------
# the destination
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_input_as_destination_is_refused(tmp_path, link):
    path = tmp_path / "records.jsonl"
    path.write_bytes(RECORDS)
    destination = path
    if link:
        destination = tmp_path / "other.jsonl"
        link(destination, path)
    (tmp_path / "folder").mkdir()
    for source in (path, tmp_path / "folder" / ".." / "records.jsonl"):
        assert_one_line_error(
            keep_all(source, destination), SCRIPT, f"{destination}: is the input too; give another --destpath"
        )
    assert path.read_bytes() == RECORDS and destination.read_bytes() == RECORDS


def test_links_in_a_circle_are_reported(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert_one_line_error(keep_all(tmp_path / "a", tmp_path / "out.jsonl"), SCRIPT, f"{tmp_path / 'a'}: no such file")


@pytest.mark.parametrize("name", [".", "..", "folder", "folder/"])
def test_folder_as_destination_is_reported(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is not a regular file; give another name"), open_output(name):
        pytest.fail("was opened")
    assert names(tmp_path) == ["folder"] and names(tmp_path / "folder") == []


def test_what_is_not_a_regular_file_is_refused_as_destination(tmp_path):
    """Renaming onto /dev/null would put a file in its place, for the whole machine; a pipe stands for it here."""
    os.mkfifo(tmp_path / "pipe")
    assert_one_line_error(
        keep_all("-", tmp_path / "pipe", stdin=RECORDS), SCRIPT, f"{tmp_path / 'pipe'}: is not a regular file"
    )
    assert (tmp_path / "pipe").is_fifo() and names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("below", ["out.jsonl", "deeper/out.jsonl"])
def test_destination_below_a_file_is_reported(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    assert_one_line_error(
        keep_all("-", tmp_path / "file" / below, stdin=RECORDS), SCRIPT, tmp_path / "file", "is not a directory"
    )
    assert (tmp_path / "file").read_text() == "mine"


def test_folders_of_the_destination_are_made(tmp_path):
    assert keep_all("-", tmp_path / "new" / "folder" / "out.jsonl", stdin=RECORDS).status == 0
    assert names(tmp_path / "new" / "folder") == ["out.jsonl", "out.jsonl.report.json"]


def test_failing_run_keeps_what_was_there(tmp_path):
    destination, report = tmp_path / "out.jsonl", tmp_path / "out.jsonl.report.json"
    destination.write_bytes(RECORDS)
    report.write_text('{"options": {}}')
    assert_one_line_error(keep_all("-", destination, stdin=RECORDS + b"no record\n"), SCRIPT, "stdin:400: is not JSON")
    assert names(tmp_path) == [destination.name, report.name]
    assert (destination.read_text(), report.read_text()) == (RECORDS.decode(), '{"options": {}}')


def test_report_that_cannot_be_written_keeps_the_records_of_before(tmp_path):
    destination = tmp_path / "out.jsonl"
    destination.write_bytes(RECORDS)
    (tmp_path / "out.jsonl.report.json").mkdir()
    assert_one_line_error(
        keep_all("-", destination, stdin=RECORDS), SCRIPT, "out.jsonl.report.json: is not a regular file"
    )
    assert destination.read_bytes() == RECORDS
    assert names(tmp_path) == [destination.name, "out.jsonl.report.json"]


def test_what_a_killed_run_left_is_written_over(tmp_path):
    (tmp_path / ".out.jsonl.tmp").write_bytes(b"half a rec" * 9999)
    with open_output(tmp_path / "out.jsonl") as out:
        out.write(b"whole")
    assert names(tmp_path) == ["out.jsonl"] and (tmp_path / "out.jsonl").read_bytes() == b"whole"


def test_destination_that_is_being_written_is_refused(tmp_path):
    path = tmp_path / "out.jsonl"
    with open_output(path) as out:
        out.write(b"first")
        with pytest.raises(InputError, match="another run is writing it"), open_output(path):
            pytest.fail("was opened")
    assert path.read_bytes() == b"first" and names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("fate", ["renamed", "removed"])
def test_other_run_that_ends_while_we_lock_loses_nothing(tmp_path, monkeypatch, fate):
    """Its temporary file, which we have open, is the destination by then: to write there would destroy it."""
    path, temporary, lock = tmp_path / "out.jsonl", tmp_path / ".out.jsonl.tmp", fcntl.flock
    path.write_bytes(b"earlier")
    temporary.write_bytes(b"records of the other run")

    def other_run_ends_first(*args):
        os.replace(temporary, path) if fate == "renamed" else temporary.unlink()
        return lock(*args)

    monkeypatch.setattr(fcntl, "flock", other_run_ends_first)
    with pytest.raises(InputError, match="another run is writing it"), open_output(path):
        pytest.fail("was opened")
    assert path.read_bytes() == (b"records of the other run" if fate == "renamed" else b"earlier")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_no_temporary_file(tmp_path, error, ending):
    with pytest.raises(error), open_output(tmp_path / f"out{ending}") as out:
        out.write(RECORDS)
        raise error
    assert names(tmp_path) == []


def test_error_of_writing_is_named_but_not_one_of_another_kind(tmp_path):
    for number, name in ((errno.ENOSPC, str(tmp_path / "out")), (errno.ECONNRESET, None)):
        with pytest.raises(OSError) as caught, open_output(tmp_path / "out"):
            raise OSError(number, os.strerror(number))
        assert caught.value.filename == name


# ----------------------------------------------------------------------------------------------------------------------
# a folder of files, and reports
# ----------------------------------------------------------------------------------------------------------------------


def test_folder_is_filled_only_at_the_end(tmp_path):
    (tmp_path / "part1").write_text("old")
    (tmp_path / "part2").write_text("stale")
    (tmp_path / "part2.mine").write_text("mine")
    with open_output_folder(tmp_path, lambda: {"part1", "part2"}) as staging:
        (staging / "part1").write_text("new")
        assert (tmp_path / "part1").read_text() == "old" and (tmp_path / "part2").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"part1": "new", "part2.mine": "mine"}


def test_folder_is_left_as_it_was_after_an_exception(tmp_path):
    (tmp_path / "part2").write_text("old")
    with pytest.raises(KeyboardInterrupt), open_output_folder(tmp_path, lambda: {"part1", "part2"}) as staging:
        (staging / "part1").write_text("new")
        raise KeyboardInterrupt
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"part2": "old"}


def test_folder_that_is_being_written_is_refused(tmp_path):
    with open_output_folder(tmp_path, set) as staging:
        (staging / "part1").write_text("first")
        with (
            pytest.raises(InputError, match="another run is writing it"),
            open_output_folder(tmp_path, set),
        ):
            pytest.fail("was opened")
    assert (tmp_path / "part1").read_text() == "first"


def test_error_of_the_block_is_not_taken_for_another_run(tmp_path):
    with pytest.raises(BlockingIOError), open_output_folder(tmp_path, set):
        raise BlockingIOError(errno.EAGAIN, "of a pipe, say")


def test_report_takes_names_that_are_no_utf8(tmp_path):
    report = {"inputpath": os.fsdecode(b"caf\xe9.jsonl"), "destpath": Path("é"), "count": 1 << 70}
    write_report(tmp_path / "report.json", report)
    assert json.loads((tmp_path / "report.json").read_bytes()) == {
        "version": VERSION,
        "script": Path(sys.argv[0]).name,
        **report,
        "destpath": "é",
    }


@pytest.mark.parametrize("script", ["filter_for_score.py", "merge_datasets.py"])
def test_file_whose_name_is_not_utf8_goes_through(tmp_path, script):
    path = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    path.write_bytes(RECORDS)
    votes = ["--min_answer_votes", "1"] if script == SCRIPT else ["--formats", "alpha", "messages"]
    run = run_script(script, "--inputpath", path, "--destpath", tmp_path / os.fsdecode(b"o\xff"), *votes)
    assert run.status == 0, run
