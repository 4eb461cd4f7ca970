"""Step 1 through faults of the server, the disk, the archive and the user's own hand: the same bytes, or one clear line."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import py7zr
import pytest

from sample.archive_server import ArchiveServer, Fault
from tests.conftest import ROOT, run_script
from tests.dumps import (
    BZIP2,
    LZMA2,
    files_in,
    large_tables,
    pack,
    small_posts,
    table,
)

SCRIPT = "get_stackexchange.py"

# ---- faults ------------------------------------------------------------------------------------------------------------------
FAULTS = {
    "drop once": lambda r: Fault(drop_after=50_000) if r.number == 4 else None,
    "drop often": lambda r: Fault(drop_after=400_000),
    "busy": lambda r: Fault(status=503, headers={"Retry-After": "1"}) if r.number == 2 else None,
    "throttled": lambda r: Fault(status=429, headers={"Retry-After": "1"}) if r.number == 4 else None,
    "no range": lambda r: Fault(ignore_range=True),
    "no range and drop": lambda r: Fault(ignore_range=True, drop_after=500_000 if r.number == 2 else None),
    "changed in the middle": lambda r: Fault(headers={"ETag": '"b"'}) if r.number >= 4 else None,
    "a wrong byte once": lambda r: Fault(flip_bit_at=900_000) if r.number == 4 else None,
    "a wrong byte in the header once": lambda r: Fault(flip_bit_at=-10) if r.number == 2 else None,
    "busy, then drop": lambda r: Fault(status=503) if r.number == 1 else Fault(drop_after=700_000),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_pass_leave_the_same_bytes(www, large_output, tmp_path, name):
    with ArchiveServer(www, FAULTS[name]) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path)
    assert run.status == 0, run.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output
    assert files_in(tmp_path) == {"quay/unfiltered.jsonl", "quay/report.json"}


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault(flip_bit_at=900_000), "Posts.xml is damaged"),
        (Fault(cut_by=100), "bytes on the server and"),
        (Fault(status=404), "answers 404"),
    ],
)
def test_faults_that_stay_end_in_one_line_and_leave_nothing(www, tmp_path, fault, problem):
    with ArchiveServer(www, lambda request: fault) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path)
        name = "large/quay.stackexchange.com.7z"
        if problem == "Posts.xml is damaged":  # it was fetched once more, and only the damaged part
            assert 1 < server.sent(name) / (www / name).stat().st_size < 2.01
    assert run.status == 1
    assert problem in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not [name for name in files_in(tmp_path) if "unfiltered" in name or name.endswith("report.json")]


def test_damage_is_told_as_damage_where_it_looks_like_bad_xml(tmp_path):
    xml = table("posts", small_posts())
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": xml}, [{"id": py7zr.FILTER_COPY}])
    archive.write_bytes(
        archive.read_bytes().replace(b"</posts>", b"</pests>")
    )  # stored as it is, so this is one wrong byte
    run = run_script(SCRIPT, "--dump_path", archive, "--destdir", tmp_path / "out")
    assert run.status == 1
    assert "Posts.xml is damaged (has the CRC-32" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("filters", [BZIP2, LZMA2, [{"id": py7zr.FILTER_COPY}]], ids=["BZip2", "LZMA2", "Copy"])
@pytest.mark.parametrize("claimed", [0, 1, 100, 10**6, 2**40, 2**62])
def test_a_header_that_lies_about_the_size_ends_in_one_line(tmp_path, monkeypatch, filters, claimed):
    write = py7zr.archiveinfo.UnpackInfo.write

    def write_lie(info, file):
        for folder in info.folders:
            folder.unpacksizes = [claimed]
        write(info, file)

    monkeypatch.setattr(py7zr.archiveinfo.UnpackInfo, "write", write_lie)
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": table("posts", small_posts())}, filters)
    run = run_script(SCRIPT, "--dump_path", archive, "--destdir", tmp_path / "out")
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert str(archive) in run.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("out/**/*"))


def test_a_bomb_is_not_held_in_memory(tmp_path):
    """300 MB of white space in a few kilobytes; the script may have 300 MB of address space beyond what it starts with."""
    bomb = b"<posts>\n" + b" " * 300_000_000
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": bomb}, LZMA2)
    assert archive.stat().st_size < 200_000
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_DATA, (250_000_000, 250_000_000));"
        f"sys.argv = ['{SCRIPT}', '--dump_path', {str(archive)!r}, '--destdir', {str(tmp_path / 'out')!r}, '--workers', '1'];"
        f"runpy.run_path({str(ROOT / SCRIPT)!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 1
    assert "has a row of more than" in run.stderr.splitlines()[-1]


def test_a_full_disk_is_told_in_one_line_and_the_next_run_goes_on(www, large_output, tmp_path):
    """RLIMIT_FSIZE stands for the full disk: no file may grow beyond it."""
    code = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY));"
        f"sys.argv = ['{SCRIPT}', '--dump_path', {str(www / 'large')!r}, '--destdir', {str(tmp_path)!r}];"
        f"runpy.run_path({str(ROOT / SCRIPT)!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "File too large" in run.stderr.splitlines()[-1]
    assert str(tmp_path) in run.stderr.splitlines()[-1]
    assert not files_in(tmp_path)
    assert run_script(SCRIPT, "--dump_path", www / "large", "--destdir", tmp_path).status == 0
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output


def start(*args: object) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def test_sites_that_need_only_a_part_of_their_archive_leave_their_connections_to_others(www, large_output, tmp_path):
    folder = tmp_path / "www" / "many"
    folder.mkdir(parents=True)
    names = [f"quay{number}" for number in range(5)]
    for name in names:
        shutil.copy(www / "large" / "quay.stackexchange.com.7z", folder / f"{name}.stackexchange.com.7z")
    with ArchiveServer(tmp_path / "www") as server:
        flags = ("--connections", "2", "--workers", "2", "--destdir", tmp_path / "out")
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", "many", "--sites", *names, *flags)
    assert run.status == 0, run.stderr
    for name in names:
        made = (tmp_path / "out" / name / "unfiltered.jsonl").read_bytes()
        assert made.replace(name.encode(), b"quay") == large_output


def test_a_stream_that_is_left_early_leaves_its_connection_to_the_next(www, large_output, tmp_path):
    """As in the archives of large sites, Users.xml shares a stream with what nobody wants, and Posts.xml has its own."""
    tables = large_tables()
    path = tmp_path / "www" / "two" / "quay.stackexchange.com.7z"
    pack(path, {name: tables[name] for name in ("Users", "Votes")})
    with py7zr.SevenZipFile(path, "a", filters=BZIP2) as archive:
        archive.writestr(tables["Posts"], "Posts.xml")
    with ArchiveServer(tmp_path / "www") as server:
        flags = ("--connections", "1", "--destdir", tmp_path / "out")
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", "two", "--sites", "quay", *flags)
    assert run.status == 0, run.stderr
    assert (tmp_path / "out" / "quay" / "unfiltered.jsonl").read_bytes() == large_output


KILLS = int(os.environ.get("KILLS", "6"))  # the more the better, at three seconds each


def fetching_large(server, folder):
    """The flags to fetch the large archive on two workers."""
    return ("--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", folder, "--workers", "2")


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_is_taken_up_by_the_next_and_leaves_no_litter(www, large_output, tmp_path, number):
    draw = random.Random(number)
    with ArchiveServer(www) as server:
        command = fetching_large(server, tmp_path)
        for _ in range(draw.choice([1, 1, 2, 3])):
            process = start(*command)
            time.sleep(draw.uniform(0.05, 1.2))
            process.kill()  # the script alone: its workers and its decoder have to notice
            process.communicate(timeout=20)  # ends when all of them have let go of its pipes
        run = run_script(SCRIPT, *command)
    assert run.status == 0, run.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output
    assert files_in(tmp_path) == {"quay/unfiltered.jsonl", "quay/report.json"}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_ends_as_it_should_and_keeps_its_download(www, large_output, tmp_path, number, status):
    slow = {"paused": True}

    def fault(request):
        while slow["paused"] and request.number == 4:
            time.sleep(0.05)

    with ArchiveServer(www, fault) as server:
        command = fetching_large(server, tmp_path)
        process = start(*command)
        while len(server.requests) < 4:
            time.sleep(0.05)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
        slow["paused"] = False
        assert process.returncode == status, stderr.decode()
        assert b"Traceback" not in stderr
        assert not (tmp_path / "quay" / "unfiltered.jsonl").exists()
        assert not list(tmp_path.rglob("spool"))
        assert run_script(SCRIPT, *command).status == 0
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output


def test_two_runs_on_one_site_do_not_mix(www, tmp_path):
    gate = {"closed": True}

    def fault(request):
        while gate["closed"] and request.number == 4:
            time.sleep(0.05)

    with ArchiveServer(www, fault) as server:
        command = ("--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path)
        first = start(*command)
        while len(server.requests) < 4:
            time.sleep(0.05)
        second = run_script(SCRIPT, *command)
        gate["closed"] = False
        assert first.wait(timeout=60) == 0
    assert second.status == 1
    assert "another run is writing it" in second.stderr


def test_a_destination_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": table("posts", small_posts())})
    run = run_script(SCRIPT, "--dump_path", archive, "--destdir", tmp_path / "file" / "below")
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert str(tmp_path / "file") in run.stderr.splitlines()[-1]


def test_temporary_files_go_where_they_are_told_to(www, large_output, tmp_path):
    with ArchiveServer(www, lambda r: Fault(status=404) if r.number == 4 else None) as server:
        command = ("--base_url", server.url, "--dump", "large", "--sites", "quay", "--destdir", tmp_path / "out",
                   "--tmpdir", tmp_path / "tmp")  # fmt: skip
        assert run_script(SCRIPT, *command).status == 1
        assert files_in(tmp_path / "tmp") and not (tmp_path / "out" / "quay").exists()
        assert run_script(SCRIPT, *command).status == 0
    assert not files_in(tmp_path / "tmp")
    assert (tmp_path / "out" / "quay" / "unfiltered.jsonl").read_bytes() == large_output
