"""Step 1 through faults of the server, the disk, the archive and the user: the same bytes, or one clear line."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

import py7zr
import pytest

from download.ranges import SMALL_FILE
from sample.archive_server import ArchiveServer, Fault, Request
from tests import needs
from tests.conftest import ROOT, Run, run_script
from tests.dumps import (
    BZIP2,
    LZMA2,
    apart_tables,
    files_in,
    large_tables,
    noise,
    pack,
    packed_streams,
    small_posts,
    table,
)

pytestmark = pytest.mark.slow

SCRIPT = "get_stackexchange.py"


def run_prepared(preparation: str, *args: object) -> Run:
    """Run step 1 in a Python that has done `preparation` first."""
    code = (
        f"import runpy, sys; {preparation}; sys.argv = {[SCRIPT, *map(str, args)]!r};"
        f"runpy.run_path({str(ROOT / SCRIPT)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return Run(done.returncode, done.stdout, done.stderr)


# The preparation for waits that are short, but for those that the server asks for.
HASTY = (
    "import download.http_client, download.ranges;"
    "download.http_client.backoff = download.ranges.backoff = lambda attempt: 0.05"
)


def full_disk(size: int) -> str:
    """The preparation for a disk that is full: no file may grow beyond `size`."""
    return (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))"
    )


def assert_one_line(run: Run, problem: str, folder: Path) -> None:
    """Assert that a run reports the problem in its last line, and leaves nothing under a final name in `folder`."""
    assert run.status == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert problem in run.stderr.splitlines()[-1], run.stderr
    assert not [name for name in files_in(folder) if "unfiltered" in name or name.endswith("report.json")]


def fetching(url: str, item: str, folder: Path, site: str = "quay") -> tuple[object, ...]:
    """The flags to fetch a site of an item on two workers."""
    return ("--base_url", url, "--dump", item, "--sites", site, "--destdir", folder, "--workers", "2")


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait, but not forever: then a test's own assertions have to fail."""
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)


# ---- faults --------------------------------------------------------------------------------------
FAULTS = {
    "drop once": lambda r: Fault(drop_after=50_000) if r.number == 4 else None,
    "drop often": lambda r: Fault(drop_after=400_000),
    "busy": lambda r: Fault(status=503, headers={"Retry-After": "1"}) if r.number == 2 else None,
    "throttled": lambda r: Fault(status=429, headers={"Retry-After": "1"}) if r.number == 4 else None,
    "no range": lambda r: Fault(ignore_range=True),
    "no range and drop": lambda r: Fault(ignore_range=True, drop_after=500_000 if r.number == 2 else None),
    "nodes with other ETags": lambda r: Fault(headers={"ETag": f'"{r.number}"'}, drop_after=400_000),
    "a wrong byte once": lambda r: Fault(flip_bit_at=900_000) if r.number == 4 else None,
    "a wrong byte in the header once": lambda r: Fault(flip_bit_at=-10) if r.number == 2 else None,
    "busy, then drop": lambda r: Fault(status=503) if r.number == 1 else Fault(drop_after=700_000),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_pass_leave_the_same_bytes(www, large_output, tmp_path, name):
    with ArchiveServer(www, FAULTS[name]) as server:
        run = run_prepared(HASTY, *fetching(server.url, "large", tmp_path))
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
        run = run_script(SCRIPT, *fetching(server.url, "large", tmp_path))
        name = "large/quay.stackexchange.com.7z"
        if problem == "Posts.xml is damaged":  # it was fetched once more, and only the damaged part
            assert 1 < server.sent(name) / (www / name).stat().st_size < 2.01
    assert_one_line(run, problem, tmp_path)


def test_damage_that_looks_like_bad_xml_is_reported_as_damage(tmp_path):
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
    """300 MB of white space in a few kilobytes, for a script that may allocate 250 MB."""
    bomb = b"<posts>\n" + b" " * 300_000_000
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": bomb}, LZMA2)
    assert archive.stat().st_size < 200_000
    limit = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (250_000_000, 250_000_000))"
    run = run_prepared(limit, "--dump_path", archive, "--destdir", tmp_path / "out", "--workers", "1")
    assert run.status == 1
    assert "has a row of more than" in run.stderr.splitlines()[-1]


def test_a_full_disk_is_reported_in_one_line_and_the_next_run_goes_on(www, large_output, tmp_path):
    run = run_prepared(full_disk(600_000), "--dump_path", www / "large", "--destdir", tmp_path)
    assert_one_line(run, "File too large", tmp_path)
    assert "quay/.work" in run.stderr.splitlines()[-1]  # whichever disk that is on
    assert not files_in(tmp_path)
    assert run_script(SCRIPT, "--dump_path", www / "large", "--destdir", tmp_path).status == 0
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output


def test_posts_that_the_disk_takes_a_part_of_are_an_error(tmp_path):
    """The system writes what fits, and reports an error only to the next write, which need not come."""
    code = (
        "from collections import Counter; from pathlib import Path; from stackdump.posts import Placed;"
        f"from stackdump.spool import write_posts; {full_disk(1000)};"
        f"write_posts(Placed({{0: b'x' * 3000}}, Counter(), 0, 0), Path({str(tmp_path)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1 and "File too large" in done.stderr, done


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
    """As in archives of large sites, Users.xml shares a stream with an unwanted table, and Posts.xml has its own."""
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


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_is_taken_up_by_the_next_and_leaves_no_litter(www, large_output, tmp_path, number):
    draw = random.Random(number)
    with ArchiveServer(www) as server:
        command = fetching(server.url, "large", tmp_path)
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
        command = fetching(server.url, "large", tmp_path)
        process = start(*command)
        wait_until(lambda: len(server.requests) >= 4)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
        slow["paused"] = False
        assert process.returncode == status, stderr.decode()
        assert b"Traceback" not in stderr
        assert not (tmp_path / "quay" / "unfiltered.jsonl").exists()
        assert not list(tmp_path.rglob("spool"))
        assert run_script(SCRIPT, *command).status == 0
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output


@pytest.mark.parametrize(
    ("compress", "problem"), [((), "another run is writing it"), (("--compress", "zst"), "another run is using it")]
)
def test_two_runs_on_one_site_do_not_mix(www, large_output, tmp_path, compress, problem):
    gate = {"closed": True}

    def fault(request):
        while gate["closed"] and request.number == 4:
            time.sleep(0.05)

    with ArchiveServer(www, fault) as server:
        command = fetching(server.url, "large", tmp_path)
        first = start(*command)
        wait_until(lambda: len(server.requests) >= 4)
        second = run_script(SCRIPT, *command, *compress)
        gate["closed"] = False
        assert first.wait(timeout=60) == 0
    assert second.status == 1
    assert problem in second.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == large_output
    assert files_in(tmp_path) == {"quay/unfiltered.jsonl", "quay/report.json"}


def test_a_destination_that_cannot_be_written_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    archive = pack(tmp_path / "quay.stackexchange.com.7z", {"Posts": table("posts", small_posts())})
    run = run_script(SCRIPT, "--dump_path", archive, "--destdir", tmp_path / "file" / "below")
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert str(tmp_path / "file") in run.stderr.splitlines()[-1]


def test_temporary_files_go_to_tmpdir(www, large_output, tmp_path):
    with ArchiveServer(www, lambda r: Fault(status=410) if r.number == 4 else None) as server:
        command = (*fetching(server.url, "large", tmp_path / "out"), "--tmpdir", tmp_path / "tmp")
        assert run_script(SCRIPT, *command).status == 1
        assert files_in(tmp_path / "tmp") and not (tmp_path / "out" / "quay").exists()
        assert run_script(SCRIPT, *command).status == 0
    assert not files_in(tmp_path / "tmp")
    assert (tmp_path / "out" / "quay" / "unfiltered.jsonl").read_bytes() == large_output


# ---- tables that have packed streams of their own, as in the archives of large sites -------------
NAME = "apart/quay.stackexchange.com.7z"


class Apart(NamedTuple):
    """An item `apart` of one archive, in which each table has a packed stream of its own."""

    root: Path  # of the server
    streams: dict[str, range]  # by table

    def sent(self, server: ArchiveServer, table: str) -> int:
        """How many bytes of a table's stream a server has sent."""
        stream = self.streams[table]
        parts = (range(max(stream.start, r.start), min(stream.stop, r.start + r.sent)) for r in server.requests)
        return sum(map(len, parts))

    def begun(self, server: ArchiveServer, table: str) -> int:
        """How often a table's stream was fetched from its first byte."""
        return sum(request.start == self.streams[table].start for request in server.requests)

    def asked(self, request: Request, table: str) -> bool:
        """Whether a request is for bytes of the middle of a table's stream."""
        stream = self.streams[table]
        return asks_for(request, stream[len(stream) // 2])


def asks_for(request: Request, byte: int) -> bool:
    """Whether a request is for the byte at this offset, among others."""
    start, _, end = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
    return int(start) <= byte and (not end or byte <= int(end))


def make_apart(root: Path, tables: dict[str, bytes]) -> Apart:
    archive = pack(root / NAME, tables, solid=False)
    assert archive.stat().st_size > SMALL_FILE, "it would be fetched whole"
    return Apart(root, packed_streams(archive))


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> Apart:
    return make_apart(tmp_path_factory.mktemp("apart"), apart_tables(900, 500))


@pytest.fixture(scope="module")
def apart_output(apart, tmp_path_factory) -> bytes:
    """What the archive becomes when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("right")
    assert run_script(SCRIPT, "--dump_path", apart.root / NAME, "--destdir", folder).status == 0
    made = (folder / "quay" / "unfiltered.jsonl").read_bytes()
    assert b"Ada of the Quay" in made
    return made


@pytest.fixture(scope="module")
def large_apart(tmp_path_factory) -> Apart:
    return make_apart(tmp_path_factory.mktemp("large_apart"), apart_tables(3000, 2500))


def held_until_sent(server: ArchiveServer, apart: Apart, table: str, fault: Callable[[Request], Fault | None]):
    """`fault`, whose requests wait until the server has sent all of another table."""

    def held(request: Request) -> Fault | None:
        found = fault(request)
        if found:
            wait_until(lambda: apart.sent(server, table) >= len(apart.streams[table]))
        return found

    return held


@pytest.mark.parametrize(("table", "other"), [("Posts", "Users"), ("Users", "Posts")])
@pytest.mark.parametrize("times", [1, 2])
def test_of_tables_with_streams_of_their_own_only_the_damaged_one_is_fetched_once_more(
    apart, apart_output, tmp_path, table, other, times
):
    flip = Fault(flip_bit_at=apart.streams[table][1000])
    left = [flip] * times
    with ArchiveServer(apart.root) as server:
        server.fault = held_until_sent(
            server, apart, other, lambda r: left.pop() if left and apart.asked(r, table) else None
        )
        run = run_script(SCRIPT, *fetching(server.url, "apart", tmp_path))
        assert not left
        assert apart.begun(server, table) == 2 and apart.begun(server, other) == 1
        assert apart.sent(server, table) <= 2 * len(apart.streams[table])
        assert apart.sent(server, other) < 1.1 * len(apart.streams[other])  # less is in sockets that were closed
        if times == 2:
            assert_one_line(run, f"{table}.xml is damaged", tmp_path)
            run = run_script(SCRIPT, *fetching(server.url, "apart", tmp_path))
            assert apart.begun(server, table) == 3 and apart.begun(server, other) == 1
    assert run.status == 0, run.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == apart_output


def test_damage_once_in_each_of_two_tables_is_repaired(apart, apart_output, tmp_path):
    left = {name: Fault(flip_bit_at=apart.streams[name][1000]) for name in ("Users", "Posts")}

    def fault(request):
        return next((left.pop(name) for name in list(left) if apart.asked(request, name)), None)

    with ArchiveServer(apart.root) as server:
        server.fault = fault
        run = run_script(SCRIPT, *fetching(server.url, "apart", tmp_path))
        assert not left
        assert (apart.begun(server, "Users"), apart.begun(server, "Posts")) == (2, 2)
    assert run.status == 0, run.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == apart_output


SLOW = 50_000  # bytes a second: all of the slow table would take more than half a minute, which no test waits for


def slowed(server: ArchiveServer, apart: Apart, slow: str, quick: str, fault: Fault | None = None):
    """One table comes slowly, and only when all of another is there, to which `fault` happens."""
    held = held_until_sent(server, apart, quick, lambda r: Fault(rate=SLOW) if apart.asked(r, slow) else None)
    return lambda request: held(request) or (fault if apart.asked(request, quick) else None)


def test_damage_in_users_ends_the_reading_of_posts(large_apart, tmp_path):
    fault = Fault(flip_bit_at=large_apart.streams["Users"][1000])
    with ArchiveServer(large_apart.root) as server:
        server.fault = slowed(server, large_apart, "Posts", "Users", fault)
        run = run_script(SCRIPT, *fetching(server.url, "apart", tmp_path))
        assert large_apart.begun(server, "Users") == 2
        assert 0 < large_apart.sent(server, "Posts") < 0.7 * len(large_apart.streams["Posts"])
    assert_one_line(run, "Users.xml is damaged", tmp_path)


def test_a_disk_that_users_fill_ends_the_reading_of_posts(large_apart, tmp_path):
    with ArchiveServer(large_apart.root) as server:
        server.fault = slowed(server, large_apart, "Posts", "Users")
        run = run_prepared(full_disk(2_000_000), *fetching(server.url, "apart", tmp_path))
        assert 0 < large_apart.sent(server, "Posts") < 0.7 * len(large_apart.streams["Posts"])
    assert_one_line(run, "quay/.work: cannot be written", tmp_path)


@pytest.mark.parametrize(("bad", "other"), [("Users", "Posts"), ("Posts", "Users")])
def test_a_bad_row_in_one_table_ends_the_reading_of_the_other(tmp_path, bad, other):
    tables = apart_tables(3000, 5000)
    tables[bad] = table(bad, [{"Id": "seven", "PostTypeId": 1, "DisplayName": noise(300_000, 1), "Body": "x"}])
    made = make_apart(tmp_path / "www", tables)
    with ArchiveServer(made.root) as server:
        server.fault = slowed(server, made, other, bad)
        run = run_script(SCRIPT, *fetching(server.url, "apart", tmp_path / "out"))
        assert made.begun(server, bad) == 1
        assert 0 < made.sent(server, other) < 0.7 * len(made.streams[other])
    assert_one_line(run, "seven", tmp_path / "out")


# ---- faults alone and in pairs -------------------------------------------------------------------
# Bytes of the archive `apart`. The fixture `layout` asserts that they are there, so that each fault hits fetched bytes.
IN_USERS, EARLY_IN_POSTS, LATE_IN_POSTS = 50_000, 300_000, 800_000
OTHER_ETAG = {"ETag": '"b"'}


class Trouble(NamedTuple):
    """A kind of fault: what it makes of a request after the requests before it, and whether it happened to one."""

    fault: Callable[[Request, list[Request]], Fault | None]
    happened: Callable[[Request], bool]
    line: str = ""  # that the user sees


class Lasting(NamedTuple):
    """A kind of fault that stays."""

    trouble: Trouble
    problem: str  # that the user sees
    at_once: bool = False  # or from when what passes has happened, which would not happen any more


def once(byte: int, fault: Fault, happened: Callable[[Request], bool], line: str = "") -> Trouble:
    """What happens once, to a request that asks for this byte."""

    def fault_of(request: Request, before: list[Request]) -> Fault | None:
        return fault if asks_for(request, byte) and not any(map(happened, before)) else None

    return Trouble(fault_of, happened, line)


def answered(status: int, line: str = "", **headers: str) -> Trouble:
    return once(EARLY_IN_POSTS, Fault(status=status, headers=headers), lambda r: r.status == status, line)


def cut_at(size: int) -> Callable[[Request], bool]:
    return lambda r: r.sent == r.fault.drop_after == size


def flipped(byte: int) -> Callable[[Request], bool]:
    return lambda r: r.fault.flip_bit_at == byte and r.start <= byte < r.start + r.sent


def other_node(request: Request, before: list[Request]) -> Fault | None:
    """A connection breaks, and the download is resumed at nodes that have another ETag for the same bytes.

    The first of them breaks off as well, so that a request follows whatever came in between.
    """
    cuts = sum(map(cut_at(50_000), before))
    breaks = asks_for(request, LATE_IN_POSTS if cuts else EARLY_IN_POSTS) and cuts < 2
    if not cuts and not breaks:
        return None
    return Fault(headers=OTHER_ETAG if cuts else {}, drop_after=50_000 if breaks else None)


PASSING = {
    "no Range": Trouble(lambda r, _: Fault(ignore_range=True), lambda r: r.fault.ignore_range and "Range" in r.headers),
    "drops": Trouble(lambda r, _: Fault(drop_after=350_000), cut_at(350_000), "the connection broke at byte"),
    "a drop": once(IN_USERS, Fault(drop_after=100_000), cut_at(100_000), "the connection broke at byte"),
    "503": answered(503, "the server answers 503"),
    "429": answered(429, "the server answers 429"),
    "another redirect": answered(302, Location=f"/data/{NAME}"),
    "slow": Trouble(lambda r, _: Fault(rate=2_000_000), lambda r: r.fault.rate is not None and r.sent > 0),
    "another node": Trouble(other_node, lambda r: r.fault.headers == OTHER_ETAG and r.sent > 0),
    "a wrong byte": once(EARLY_IN_POSTS, Fault(flip_bit_at=EARLY_IN_POSTS), flipped(EARLY_IN_POSTS)),
}
LASTING = {
    "wrong byte": Lasting(
        Trouble(lambda r, _: Fault(flip_bit_at=LATE_IN_POSTS), flipped(LATE_IN_POSTS)), "Posts.xml is damaged", True
    ),
    "cut file": Lasting(
        Trouble(lambda r, _: Fault(cut_by=100), lambda r: r.fault.cut_by > 0 and r.status > 0), "in its metadata"
    ),
    "no file": Lasting(Trouble(lambda r, _: Fault(status=404), lambda r: r.status == 404), "answers 404"),
}
SENSELESS = {("no Range", "drops")}  # nobody gets the second half
PAIRS = [pair for pair in combinations(PASSING, 2) if pair not in SENSELESS]
PASSES_AND_STAYS = [pair for pair in product(["nothing", *PASSING], LASTING) if pair not in SENSELESS]


@pytest.fixture
def layout(apart):
    assert IN_USERS in apart.streams["Users"]
    assert all(byte in apart.streams["Posts"] for byte in (EARLY_IN_POSTS, LATE_IN_POSTS))
    assert apart.streams["Posts"].start + 350_000 < LATE_IN_POSTS
    return apart


def troubled(server: ArchiveServer, passing: list[Trouble], lasting: Lasting | None = None):
    """A server's `fault`: the passing troubles, and with them or after them the lasting one."""

    def fault(request: Request) -> Fault:
        before = [other for other in server.requests if other is not request]
        troubles = [*passing]
        if lasting and (lasting.at_once or all(any(map(trouble.happened, before)) for trouble in passing)):
            troubles.insert(0, lasting.trouble)
        return merged([found for trouble in troubles if (found := trouble.fault(request, before))])

    return fault


def merged(faults: list[Fault]) -> Fault:
    """All of the faults at once, the last of each kind; an answer without the file excludes all others."""
    both = Fault()
    for fault in faults:
        if fault.status:
            return fault
        cuts = [each.drop_after for each in (both, fault) if each.drop_after]
        both = replace(both, **{name: value for name, value in vars(fault).items() if value})
        both = replace(both, drop_after=min(cuts, default=None))
    return both


def happened(trouble: Trouble, server: ArchiveServer, run: Run) -> bool:
    return any(map(trouble.happened, server.requests)) and trouble.line in run.stderr


@pytest.mark.parametrize("names", [*((name,) for name in PASSING), *PAIRS], ids=" and ".join)
def test_troubles_that_pass_leave_the_same_bytes(layout, apart_output, tmp_path, names):
    troubles = [PASSING[name] for name in names]
    with ArchiveServer(layout.root) as server:
        server.fault = troubled(server, troubles)
        run = run_prepared(HASTY, *fetching(server.url, "apart", tmp_path))
    assert all(happened(trouble, server, run) for trouble in troubles), run.stderr
    assert run.status == 0, run.stderr
    assert (tmp_path / "quay" / "unfiltered.jsonl").read_bytes() == apart_output
    assert files_in(tmp_path) == {"quay/unfiltered.jsonl", "quay/report.json"}


@pytest.mark.parametrize(("passes", "stays"), PASSES_AND_STAYS)
def test_a_trouble_that_stays_ends_in_one_line_whatever_passes(layout, tmp_path, passes, stays):
    passing = [PASSING[name] for name in PASSING if name == passes]
    trouble, problem, _ = lasting = LASTING[stays]
    with ArchiveServer(layout.root) as server:
        server.fault = troubled(server, passing, lasting)
        run = run_prepared(HASTY, *fetching(server.url, "apart", tmp_path))
    assert all(happened(each, server, run) for each in [*passing, trouble]), run.stderr
    assert_one_line(run, problem, tmp_path)


# ---- real dumps ----------------------------------------------------------------------------------
LARGE, SMALL = "ai", "genai"  # one stream, fetched in parts; a stream for each table, but fetched whole
REAL = {LARGE: "stackexchange", SMALL: "stackexchange_20251231"}
WAIT = {"Retry-After": "1"}
FAULTS_OF_REAL = {
    "drop": lambda r: Fault(drop_after=100_000),
    "drop early": lambda r: Fault(drop_after=20 if r.number == 1 else None),
    "drop once": lambda r: Fault(drop_after=100_000 if r.number == 1 else None),
    "busy": lambda r: Fault(status=503, headers=WAIT) if r.number == 1 else Fault(),
    "throttled": lambda r: Fault(status=429, headers=WAIT) if r.number == 1 else Fault(),
    "no range": lambda r: Fault(ignore_range=True),
    "slow": lambda r: Fault(rate=2_000_000),
    "other ETags": lambda r: Fault(headers={"ETag": f'"{r.number}"'}),
    "damage": lambda r: Fault(flip_bit_at=100_000),
    "damage late": lambda r: Fault(flip_bit_at=1_000_000),
    "damage of Users": lambda r: Fault(flip_bit_at=173_000),
    "cut": lambda r: Fault(cut_by=50),
}
LINES = {
    "drop": "the connection broke at byte",
    "drop early": "the connection broke at byte",
    "drop once": "the connection broke at byte",
    "busy": "the server answers 503",
    "throttled": "the server answers 429",
}
REAL_PASSING = [
    *((LARGE, (name,)) for name in ("drop", "drop early", "busy", "throttled", "no range", "slow", "other ETags")),
    (SMALL, ("drop",)),
    (SMALL, ("drop once", "no range")),
    (SMALL, ("drop", "other ETags")),
    (LARGE, ("drop", "throttled")),
    (LARGE, ("busy", "other ETags")),
    (LARGE, ("no range", "other ETags")),
    (LARGE, ("throttled", "slow")),
]
REAL_LASTING = [
    (LARGE, ("damage",), "Posts.xml is damaged"),
    (SMALL, ("damage of Users",), "Users.xml is damaged"),
    (LARGE, ("cut",), "bytes on the server and"),
    (LARGE, ("damage late", "drop"), "Posts.xml is damaged"),
    (LARGE, ("damage", "no range"), "Posts.xml is damaged"),
    (SMALL, ("damage of Users", "drop once"), "Users.xml is damaged"),
    (SMALL, ("cut", "throttled"), "bytes on the server and"),
]
needs_real_dumps = needs.shared("archive.org")


def real_archive(site: str) -> Path:
    [archive] = (needs.SHARED / "archive.org" / REAL[site]).rglob(f"{site}.stackexchange.com.7z")
    return archive


@pytest.fixture(scope="module")
def real_output(tmp_path_factory) -> dict[str, bytes]:
    """What the real dumps become when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("real")
    for site in REAL:
        assert run_script(SCRIPT, "--dump_path", real_archive(site), "--destdir", folder).status == 0
    return {site: (folder / site / "unfiltered.jsonl").read_bytes() for site in REAL}


def fetch_real(site: str, names: tuple[str, ...], folder: Path) -> Run:
    """Fetch a real dump through faults; assert that those that step 1 reports did happen."""
    with ArchiveServer(
        needs.SHARED / "archive.org", lambda r: merged([FAULTS_OF_REAL[name](r) for name in names])
    ) as server:
        run = run_prepared(HASTY, *fetching(server.url, REAL[site], folder, site))
    for name in names:
        assert LINES.get(name, "") in run.stderr
    if "no range" in names:  # the first answer was of no use
        assert sum(request.sent for request in server.requests) > real_archive(site).stat().st_size
    return run


@needs_real_dumps
@pytest.mark.parametrize(("site", "names"), REAL_PASSING, ids=str)
def test_a_real_dump_is_the_same_through_faults_that_pass(real_output, tmp_path, site, names):
    run = fetch_real(site, names, tmp_path)
    assert run.status == 0, run.stderr
    assert (tmp_path / site / "unfiltered.jsonl").read_bytes() == real_output[site]
    assert files_in(tmp_path) == {f"{site}/unfiltered.jsonl", f"{site}/report.json"}


@needs_real_dumps
@pytest.mark.parametrize(("site", "names", "problem"), REAL_LASTING, ids=str)
def test_a_real_dump_that_cannot_be_had_ends_in_one_line(tmp_path, site, names, problem):
    assert_one_line(fetch_real(site, names, tmp_path), problem, tmp_path)
