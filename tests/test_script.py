"""What every script does the same way: one line for an error, signals, pipes, full disks, progress, --help."""

import errno
import hashlib
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from random import Random

import pytest

from records import script as script_module
from records.errors import InputError
from records.script import Progress, Stages, Tally, positive, run, show_table
from tests.conftest import ROOT, assert_one_line_error, jsonl, record, run_script

SCRIPTS = ("filter_for_score.py", "filter_by_human.py", "merge_datasets.py")
FILTERS = SCRIPTS[:2]
NUMBER = 1500
RECORDS = jsonl(*(record(number, question=number, note="x" * 300) for number in range(NUMBER)))  # 1.1 MB
DENSE = jsonl(  # 0.5 MB in gzip
    *(record(number, question=number, response=Random(number).randbytes(300).hex()) for number in range(NUMBER))
)


@pytest.fixture(scope="module")
def extra(tmp_path_factory) -> dict[str, list[str]]:
    """The arguments that each script needs beside its paths; all RECORDS are kept."""
    judgements = tmp_path_factory.mktemp("judgements") / "judgements.yaml"
    judgements.write_text("".join(f"quay.stackexchange.com/a/{number}: accept\n" for number in range(NUMBER)))
    return {
        "filter_for_score.py": ["--min_answer_votes", "1", "--max_answers_per_question", "3"],
        "filter_by_human.py": ["--judgement_file", str(judgements)],
        "merge_datasets.py": [],
    }


PREPARE = """
import os, resource, signal, sys
limit, *command = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a test runner in the background may have ignored
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
os.execv(command[0], command)
"""


def start(name: str, *args: str | Path, stdout=subprocess.PIPE, limit: int | str = "") -> subprocess.Popen:
    """Start a script as a shell in the foreground does, with pipes to it; `limit` is the largest file in bytes. Python
    shows errors of files that are collected, as it does from 3.13 on without being asked."""
    command = [sys.executable, "-c", PREPARE, limit, sys.executable, "-X", "dev", "-W", "ignore", name, *args]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE
    )


def start_in_the_middle(name: str, destination: Path, extra: dict[str, list[str]]) -> subprocess.Popen:
    """A script that has taken all RECORDS from stdin and written some aside, and now waits for more."""
    process = start(name, "--inputpath", "-", "--destpath", destination, *extra[name])
    process.stdin.write(RECORDS)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not begun(name, destination):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def begun(name: str, destination: Path) -> bool:
    if name == "merge_datasets.py":
        return any(destination.parent.glob(f".{destination.name}.unfinished/.shuffle"))
    temporary = destination.with_name(f".{destination.name}.tmp")
    return temporary.exists() and temporary.stat().st_size > 0


def earlier(name: str, folder: Path) -> Path:
    """A destination that exists, with what an earlier run has written."""
    if name == "merge_datasets.py":
        parts = [folder / f"instruction_tuning_dataset_alpha_part{number}.json" for number in (1, 2)]
        for part in parts:
            part.write_text("[]")
        written = {part.name: {"bytes": 2, "sha256": hashlib.sha256(b"[]").hexdigest()} for part in parts}
        (folder / "report.json").write_text(json.dumps({"options": {}, "files": written}))
        return folder
    (folder / "out.jsonl").write_bytes(jsonl(record()))
    return folder / "out.jsonl"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ----------------------------------------------------------------------------------------------------------------------
# signals, and two at once
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status", "message"), [
    (signal.SIGINT, 130, "interrupted; nothing half-written is left under a final name\n"), (signal.SIGTERM, 143, ""),
])  # fmt: skip
@pytest.mark.parametrize("name", SCRIPTS)
def test_signal_leaves_everything_as_it_was(tmp_path, extra, name, number, status, message):
    destination = earlier(name, tmp_path)
    before = contents(tmp_path)
    process = start_in_the_middle(name, destination, extra)
    process.send_signal(number)
    stderr = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, stderr) == (status, message and f"{name}: error: {message}")
    assert contents(tmp_path) == before
    assert not any(path.name.startswith(".") for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_run_after_one_that_was_killed_succeeds_and_clears_up(tmp_path, extra, name):
    destination = earlier(name, tmp_path)
    process = start_in_the_middle(name, destination, extra)
    process.kill()
    process.communicate(timeout=60)
    assert begun(name, destination), "nothing was left to clear up"
    done = run_script(name, "--inputpath", "-", "--destpath", destination, *extra[name], stdin=RECORDS)
    assert done.status == 0, done
    assert not any(path.name.startswith(".") for path in tmp_path.rglob("*"))
    report = tmp_path / ("report.json" if name == "merge_datasets.py" else "out.jsonl.report.json")
    assert json.loads(report.read_bytes())["counts"]["kept"] == NUMBER


@pytest.mark.parametrize("name", SCRIPTS)
def test_of_two_runs_with_one_destination_the_second_is_reported(tmp_path, extra, name):
    destination = earlier(name, tmp_path)
    first = start_in_the_middle(name, destination, extra)
    second = run_script(name, "--inputpath", "-", "--destpath", destination, *extra[name], stdin=RECORDS[:0])
    assert_one_line_error(second, name, f"{destination}: another run is writing")
    stderr = first.communicate(timeout=60)[1].decode()
    assert first.returncode == 0, stderr
    assert re.search(rf"records kept +{NUMBER:,}$", stderr, re.M), stderr


# ----------------------------------------------------------------------------------------------------------------------
# pipes and disks
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILTERS)
def test_reader_that_has_seen_enough_ends_it_in_silence(tmp_path, extra, name):
    (tmp_path / "in.jsonl").write_bytes(RECORDS)  # more than a pipe holds
    process = start(name, "--inputpath", tmp_path / "in.jsonl", "--destpath", "-", *extra[name])
    assert process.stdout.readline() == RECORDS.splitlines(keepends=True)[0]
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 141)
    process.stdin.close()
    process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("lines", [1, NUMBER])
@pytest.mark.parametrize("name", FILTERS)
def test_full_stdout_is_reported_in_one_line(extra, name, lines):
    with open("/dev/full", "wb") as full:
        process = start(name, "--inputpath", "-", "--destpath", "-", *extra[name], stdout=full)
        stderr = process.communicate(b"".join(RECORDS.splitlines(keepends=True)[:lines]), timeout=60)[1].decode()
    assert (process.returncode, stderr) == (1, f"{name}: error: stdout: No space left on device\n")


@pytest.mark.parametrize(("name", "ending", "options", "limit"), [
    ("filter_for_score.py", "", [], 50_000),
    ("filter_for_score.py", ".gz", [], 50_000),
    ("filter_for_score.py", ".zst", [], 50_000),
    ("filter_by_human.py", "", [], 50_000),
    ("merge_datasets.py", "", [], 1_000),  # posts put aside are more
    ("merge_datasets.py", "", [], 50_000),
    ("merge_datasets.py", "", ["--formats", "alpha", "messages", "alpaca", "--split", "train:0.5", "validation:0.5"],
     300_000),
    ("merge_datasets.py", "", ["--near_duplicates"], 20_000),
])  # fmt: skip
def test_full_disk_is_reported_with_the_file_and_keeps_what_was_there(tmp_path, extra, name, ending, options, limit):
    """A limit on the size of files stands for it: writing fails in the same places."""
    destination = earlier(name, tmp_path)
    destination = destination.with_name(destination.name + ending)
    before = contents(tmp_path)
    process = start(name, "--inputpath", "-", "--destpath", destination, *extra[name], *options, limit=limit)
    stderr = process.communicate(DENSE, timeout=60)[1].decode()
    assert (process.returncode, stderr) == (1, f"{name}: error: {destination}: File too large\n")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("closed", "args", "status", "stderr"), [
    ("0<&-", "--inputpath - --destpath o", 1,
     "filter_for_score.py: error: stdin: is closed; give a file instead of -\n"),
    ("1>&-", "--inputpath in --destpath -", 1,
     "filter_for_score.py: error: stdout: is closed; give a file instead of -\n"),
    ("1>&-", "--inputpath in --destpath o", 0, None),
    ("2>&-", "--inputpath in --destpath o", 0, ""),
])  # fmt: skip
def test_closed_standard_streams(tmp_path, closed, args, status, stderr):
    (tmp_path / "in").write_bytes(RECORDS)
    command = f"{sys.executable} {ROOT / FILTERS[0]} {args} --min_answer_votes 1 {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode == status and (stderr is None or done.stderr.decode() == stderr), done
    assert status or (tmp_path / "o").read_bytes() == RECORDS


def test_table_does_not_go_among_the_records_where_stderr_is_closed(tmp_path):
    (tmp_path / "in").write_bytes(RECORDS)
    command = f"{sys.executable} {ROOT / FILTERS[0]} --inputpath in --destpath - --min_answer_votes 1 2>&-"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, RECORDS)


PEAK = """
import resource, subprocess, sys
size, command = int(sys.argv[1]), sys.argv[2:]
line = sys.stdin.buffer.read()
process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(size // len(line)):
    process.stdin.write(line)
process.stdin.close()
assert process.wait() == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))  # kB
"""


@pytest.mark.parametrize("name", FILTERS)
def test_memory_does_not_grow_with_the_input(extra, name):
    """40 MB take no more than 1 MB does, but for noise."""
    command = [sys.executable, name, "--inputpath", "-", "--destpath", "-", *extra[name]]
    line = jsonl(record(1, response="rope " * 200))
    peaks = []
    for size in (1_000_000, 40_000_000):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(size), *command], cwd=ROOT, input=line, capture_output=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 6_000, f"{peaks} kB"


# ----------------------------------------------------------------------------------------------------------------------
# arguments
# ----------------------------------------------------------------------------------------------------------------------

FLAGS = {
    "filter_for_score.py": "inputpath destpath min_answer_votes accepted_only min_question_votes"
    " max_answers_per_question sites exclude_sites created_after created_before min_response_chars max_response_chars"
    " tags exclude_tags licenses",
    "filter_by_human.py": "inputpath destpath judgement_file resolved keep_unjudged agreement",
    "merge_datasets.py": "inputpath mix destpath dropped_path skip_bad seed max_per_source formats split pair parts"
    " system separator max_part_bytes plots title languages allow_license_conflict near_duplicates decontaminate"
    " decontaminate_field ngram max_tokens special_tokens pii tokenizer push public yes workers",
}
DEFAULTS = {
    "filter_for_score.py": ["each off by default"],
    "filter_by_human.py": [],
    "merge_datasets.py": [
        "(default: dataset)",
        "(default: one a core)",
        "<|endoftext|> (default)",
        "(default: 1)",
        "source (default: all)",
        "(default: 0)",
        "(default: alpha",
        "(default: train:1)",
        "(default: en)",
        "(default: 13)",
        "off (default)",
    ],
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_tells_of_every_flag_and_default(name):
    done = run_script(name, "--help")
    assert (done.status, done.stderr) == (0, "")
    listed = dict(re.findall(r"^  --(\w+)(.*(?:\n {8,}.*)*)", done.stdout, re.M))
    assert set(listed) == {"version", *FLAGS[name].split()}
    for flag, text in listed.items():
        assert len(re.sub(r"\[?\b[A-Z]+\b( \.\.\.\])?", "", text).split()) >= 3, f"--{flag} has no help text"
    for default in DEFAULTS[name]:
        assert default in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", SCRIPTS)
def test_command_in_help_is_one_that_works(tmp_path, name):
    """Typed as it stands, in a folder without those files, it fails because of the files, not of the flags."""
    text = run_script(name, "--help").stdout.replace("\\\n", "")
    commands = re.findall(rf"^    python ({name} .+)$", text, re.M)
    assert commands
    for command in commands:
        script, *args = shlex.split(command)
        done = subprocess.run([sys.executable, ROOT / script, *args], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 1 and b": no such file" in done.stderr, done


WRONG = [
    *((name, args) for name in SCRIPTS for args in ([], ["--nonsense"], ["--inputpath"], ["--inputpath", "a"], ["a"])),
    ("filter_for_score.py", ["--inputpath", "a", "--destpath", "b"]),
    *(
        ("filter_for_score.py", ["--inputpath", "a", "--destpath", "b", "--min_answer_votes", *args])
        for args in (["many"], ["1.5"], ["1", "--max_answers_per_question", "0"],
                     ["1", "--max_answers_per_question", "-1"], ["1", "--tags"], ["1", "--min_response_chars", ""],
                     ["1", "--accepted_only", "yes"])
    ),
    ("filter_by_human.py", ["--inputpath", "a", "--destpath", "b"]),
    *(
        ("merge_datasets.py", ["--inputpath", "a", *args])
        for args in (["--parts", "0"], ["--parts", "-1"], ["--parts", "²"], ["--parts", "2", "--max_part_bytes", "9"],
                     ["--parts", "1.5"], ["--max_part_bytes", "1k"], ["--max_per_source", "0"], ["--seed", "x"],
                     ["--pair", "beta"],
                     ["--mix", "b"], ["--parts", "501"], ["--skip_bad"], ["--dropped_path", "dataset/dropped.jsonl"],
                     ["--formats", "csv"], ["--near_duplicates", "0"], ["--near_duplicates", "1.1"], ["--ngram", "9"],
                     ["--pii", "find"], ["--ngram", "8"], ["--formats", "messages", "--parts", "2"],
                     ["--system", "Be brief."], ["--formats", "messages", "--system", " "], ["--separator", "x"],
                     ["--split", "train:0.5"], ["--split", "train:0.5", "train:0.5"],
                     ["--split", "Train:1"], ["--split", "train:1", "validation:0"], ["--split", "train"])
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args"), [case for case in WRONG if case != ("merge_datasets.py", ["--inputpath", "a"])]
)
def test_wrong_arguments_end_with_2_and_the_usage(name, args):
    done = run_script(name, *args)
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: {name} ") and f"{name}: error: " in done.stderr.splitlines()[-1]


def test_positive_takes_numbers_from_1_on():
    assert [positive(text) for text in ("1", "007", "123456")] == [1, 7, 123456]
    for text in ("0", "00", "-1", "+1", "1.0", "1e3", "", " 1", "²", "٣", "x"):
        with pytest.raises(Exception, match="is not a positive integer"):
            positive(text)


# ----------------------------------------------------------------------------------------------------------------------
# run, tally, progress
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ends(monkeypatch, capsys):
    """Run a `main` that raises, and give the status and what was printed."""
    monkeypatch.setattr(sys, "argv", ["/some/where/step.py"])
    handler = signal.getsignal(signal.SIGTERM)

    def ends(error: BaseException) -> tuple[int, str]:
        def main():
            raise error

        with pytest.raises(SystemExit) as caught:
            run(main)
        return caught.value.code, capsys.readouterr().err

    yield ends
    signal.signal(signal.SIGTERM, handler)


class OwnError(InputError):
    pass


@pytest.mark.parametrize(("error", "status", "message"), [
    (InputError("in.jsonl:3: is\n  wrong;\r\nfix it"), 1, "in.jsonl:3: is wrong; fix it"),
    (OwnError("dump: wrong"), 1, "dump: wrong"),
    (OSError(errno.ENOENT, "No such file", "in.jsonl"), 1, "in.jsonl: No such file"),
    (OSError(errno.EISDIR, "Is a directory", ".tmp", None, "out.jsonl"), 1, "out.jsonl: Is a directory"),
    (OSError("of a library"), 1, "of a library"),
    (KeyboardInterrupt(), 130, "interrupted; nothing half-written is left under a final name"),
])  # fmt: skip
def test_error_becomes_one_line_and_a_status(ends, error, status, message):
    assert ends(error) == (status, f"step.py: error: {message}\n")


def test_bug_shows_its_traceback(ends):
    for error in (ValueError("bug"), AssertionError("bug")):
        with pytest.raises(type(error)):
            ends(error)


def test_status_of_main_is_the_status(ends):
    for given, status in ((None, 0), (0, 0), (3, 3)):
        with pytest.raises(SystemExit) as caught:
            run(lambda given=given: given)
        assert caught.value.code == status


def test_tally_that_does_not_add_up_is_a_bug():
    tally = Tally()
    tally.keep()
    tally.drop("b")
    tally.drop("a")
    tally.drop("b")
    assert tally.as_dict() == {"read": 4, "dropped": {"a": 1, "b": 2}, "kept": 1}
    assert list(tally.as_dict()["dropped"]) == ["a", "b"]
    tally.kept += 1
    with pytest.raises(AssertionError):
        tally.as_dict()


def test_table_is_aligned(capsys):
    show_table("title", [("a", 1), ("longer", 1_234_567)])
    show_table("empty", [])
    assert capsys.readouterr().err == "title\n  a               1\n  longer  1,234,567\nempty\n"


def test_progress_is_a_line_every_30_seconds_where_no_terminal_is(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(script_module.time, "monotonic", lambda: now[0])
    with Progress("reading x", total=4_000_000) as progress:
        for now[0] in (1, 29.9, 30, 31, 59, 60.5):
            progress.update(500_000)
    assert capsys.readouterr().err == "reading x: 1.50MB (38%)\nreading x: 3.00MB (75%)\n"


def test_stages_count_from_the_start_of_each(monkeypatch, capsys):
    monkeypatch.setattr(script_module, "SECONDS_BETWEEN_LINES", 0)
    with Stages("harbour") as stages:
        stages.show("rows", 10, 100)
        stages.show("rows", 50, 100)
        stages.show("answers", 30, 60)
    assert (
        capsys.readouterr().err
        == "harbour: rows: 10.0B (10%)\nharbour: rows: 50.0B (50%)\nharbour: answers: 30.0B (50%)\n"
    )


def test_progress_is_a_bar_on_a_terminal(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(RECORDS)
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 200))
    command = [
        sys.executable,
        FILTERS[0],
        "--inputpath",
        tmp_path / "in.jsonl",
        "--destpath",
        tmp_path / "o",
        "--min_answer_votes",
        "1",
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # the other end is closed: how Linux ends a terminal
            pass
    os.close(master)
    assert process.returncode == 0
    assert f"reading {tmp_path / 'in.jsonl'}: ".encode() in shown and b"\r" in shown and b"records kept" in shown
