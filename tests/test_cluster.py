"""Beyond one machine: a real Dask cluster, S3 as moto serves it, HTTP, and the errors when one of them is missing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from records.errors import InputError, LostError
from records.file_io import open_input
from records.fsspec_paths import location, written_to
from sample.archive_server import ArchiveServer
from tests import needs
from tests.conftest import ROOT, SAMPLE_DUMP, run_script
from tests.dumps import BZIP2, LZMA2, answer, large_tables, noise, pack, question, small_posts, table

distributed = needs.package("distributed", "cluster")
upath = needs.package("upath", "cluster")
fsspec = needs.package("fsspec", "cluster")
memory = needs.package("fsspec.implementations.memory", "cluster")

from stackdump.archive_files import BLOCK, UrlFile
from stackdump.cluster import PACKAGES, Cluster, OtherCodeError, check, fingerprint
from stackdump.local_dumps import local_dumps
from stackdump.options import Options
from stackdump.run_sites import share_out
from stackdump.sites import Site

pytestmark = pytest.mark.slow

SCRIPT = "get_stackexchange.py"
SITES = ("cooking", "music", "quay")


@contextmanager
def two_workers(**more: object) -> Iterator[distributed.LocalCluster]:
    """Two workers, processes of their own."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        **more,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    with two_workers() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def dumps(tmp_path_factory) -> Path:
    """Archives of three sites, each with many ranges of question ids."""
    folder = tmp_path_factory.mktemp("dumps")
    for number, site in enumerate(SITES):
        posts = [question(n * 97 + number) for n in range(1, 900)]
        posts += [answer(200_000 + n, (n % 899 + 1) * 97 + number, Score=n % 7) for n in range(1, 2700)]
        filters = LZMA2 if number else BZIP2
        pack(folder / f"{site}.stackexchange.com.7z", {"Posts": table("posts", posts)}, filters)
    return folder


@pytest.fixture(scope="module")
def expected(dumps, tmp_path_factory) -> dict[str, bytes]:
    """What the sites become on this machine alone."""
    folder = tmp_path_factory.mktemp("expected")
    run = run_script(SCRIPT, "--dump_path", dumps, "--destdir", folder, "--workers", "1")
    assert run.status == 0, run.stderr
    return {site: (folder / site / "unfiltered.jsonl").read_bytes() for site in SITES}


def start(*args: object) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(run: tuple[int, str], *parts: str) -> None:
    """Assert that a run ended with status 1 and one line that has these parts."""
    status, stderr = run
    assert status == 1, stderr
    [line] = stderr.splitlines()
    assert line.startswith(f"{SCRIPT}: error: ")
    for part in parts:
        assert part in line


# ---- the same bytes ----------------------------------------------------------------------------------------------
def test_a_cluster_writes_the_same_bytes_for_several_sites_side_by_side(cluster, dumps, expected, tmp_path):
    command = ("--dump_path", dumps, "--destdir", tmp_path, "--scheduler", cluster.scheduler_address)
    run = run_script(SCRIPT, *command, "--workers", "3")
    assert run.status == 0, run.stderr
    for site in SITES:
        assert (tmp_path / site / "unfiltered.jsonl").read_bytes() == expected[site]
        assert f"{site}: complete" in run.stderr


def test_the_sample_is_the_same_and_so_is_its_report(cluster, tmp_path):
    for name, flags in (("here", ()), ("there", ("--scheduler", cluster.scheduler_address))):
        run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path / name, *flags)
        assert run.status == 0, run.stderr
    for file in ("unfiltered.jsonl", "report.json"):
        assert (tmp_path / "here" / "harbour" / file).read_bytes() == (
            tmp_path / "there" / "harbour" / file
        ).read_bytes()


def die_once(flag: str) -> str:
    """Kill the worker that this runs on, the first time."""
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "done"
    os.kill(os.getpid(), signal.SIGKILL)
    return "dead"


def wait_for(flag: str) -> str:
    while not os.path.exists(flag):
        time.sleep(0.01)
    return "done"


def has_site(worker: distributed.scheduler.WorkerState) -> bool:
    return any(task.key.startswith("site-") for task in list(worker.processing))


def test_the_batches_of_a_killed_worker_are_done_by_others(cluster, tmp_path):
    with Cluster(cluster.scheduler_address) as pool:
        futures = [pool.submit(pow, n, 2) for n in range(3)] + [pool.submit(die_once, str(tmp_path / "flag"))]
        assert [future.result(timeout=30) for future in futures] == [0, 1, 4, "done"]


def test_a_site_whose_worker_is_killed_in_the_middle_is_the_same(cluster, tmp_path):
    """Long posts, so that the run is known to be in the middle when its first records are written."""
    body = "<p>" + "<em>so</em> <code>it</code> goes, " * 3000 + "</p>"
    posts = [post for n in range(1, 90) for post in (question(n * 5000), answer(n * 5000 + 1, n * 5000, Body=body))]
    dump = tmp_path / "quay.stackexchange.com"
    dump.mkdir()
    (dump / "Posts.xml").write_bytes(table("posts", posts))
    command = ("--dump_path", dump, "--destdir")
    assert run_script(SCRIPT, *command, tmp_path / "here").status == 0

    victim = min(worker.pid for worker in cluster.workers.values())
    process = start(*command, tmp_path / "there", "--scheduler", cluster.scheduler_address)
    with distributed.Client(cluster, set_as_default=False) as client:
        while not any(client.processing().values()) and process.poll() is None:
            time.sleep(0.01)
    assert process.poll() is None
    os.kill(victim, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    here, there = (tmp_path / name / "quay" / "unfiltered.jsonl" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()


# ---- errors of clusters ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers there"),
        ("127.0.0.1:9", "no Dask scheduler answers there"),
        ("no-such-host.invalid:8786", "no Dask scheduler answers there"),
        ("nonsense", "is not the address of a Dask scheduler; give one such as tcp://"),
        ("tcp://127.0.0.1:99999", "is not the address of a Dask scheduler"),
        ("http://127.0.0.1:8787", "is not the address of a Dask scheduler"),
    ],
)
def test_a_scheduler_that_is_missing_is_reported_in_one_line(tmp_path, address, problem):
    run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path / "out", "--scheduler", address)
    ended((run.status, run.stderr), address, problem)
    assert not (tmp_path / "out").exists()


def test_a_server_that_is_not_a_scheduler_is_reported(monkeypatch):
    monkeypatch.setattr("stackdump.cluster.SECONDS_TO_REACH", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))  # as HTTP servers are before a request
    with silent, pytest.raises(InputError, match="no Dask scheduler answers there"):
        Cluster(f"tcp://127.0.0.1:{silent.getsockname()[1]}")


def test_a_scheduler_without_workers_is_reported(monkeypatch):
    monkeypatch.setattr("stackdump.cluster.SECONDS_TO_REACH", 1)
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as empty,
        pytest.raises(InputError, match=r"has no worker; start one .*python -m dask worker tcp://"),
    ):
        Cluster(empty.scheduler_address)


def test_a_worker_with_other_code_is_reported(monkeypatch, cluster):
    with monkeypatch.context() as patch:
        patch.setattr("stackdump.cluster.fingerprint", lambda: fingerprint().replace("Python 3", "Python 2"))
        with pytest.raises(
            InputError, match=r"tcp://.*has Python 3\.\d+, and the machine that starts the run Python 2"
        ):
            Cluster(cluster.scheduler_address)
    check(fingerprint())
    with pytest.raises(OtherCodeError, match="stackdump 0"):
        check(fingerprint().rpartition(" ")[0] + " 0")


def test_a_bug_on_a_worker_stays_what_it_is(cluster):
    with Cluster(cluster.scheduler_address) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result(timeout=30)


@contextmanager
def scheduler_and_worker(folder: Path, worker_in: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """A scheduler and a worker started from the shell, as the README says."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = folder / "scheduler.json"
    flags = ["--scheduler-file", str(file), "--host", "127.0.0.1"]
    dask = [sys.executable, "-m", "dask"]
    with subprocess.Popen(
        [*dask, "scheduler", *flags, "--port", "0", "--no-dashboard"], cwd=folder, **quiet
    ) as scheduler:
        try:
            while not (file.exists() and file.read_text()):
                assert scheduler.poll() is None
                time.sleep(0.01)
            address = json.loads(file.read_text())["address"]
            command = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
            with subprocess.Popen([*command, "--local-directory", folder], cwd=worker_in, **quiet) as worker:
                try:
                    yield address, scheduler
                finally:
                    worker.terminate()
        finally:
            scheduler.kill()


def test_a_client_that_is_closed_already_is_no_error_at_the_end(cluster):
    pool = Cluster(cluster.scheduler_address)
    away = pool.submit(time.sleep, 5)
    pool._client.close()  # as Dask does when it loses the scheduler
    pool.shutdown(wait=False)
    assert isinstance(away.exception(timeout=10), LostError)


def test_workers_started_from_the_shell_work_and_a_lost_scheduler_is_reported(dumps, expected, tmp_path):
    with scheduler_and_worker(tmp_path, ROOT) as (address, scheduler):
        command = ("--dump_path", dumps, "--sites", "quay", "--destdir", tmp_path / "out", "--scheduler", address)
        run = run_script(SCRIPT, *command)
        assert run.status == 0, run.stderr
        assert (tmp_path / "out" / "quay" / "unfiltered.jsonl").read_bytes() == expected["quay"]
        with Cluster(address) as pool:
            future = pool.submit(signal.pause)
            scheduler.kill()
            with pytest.raises(InputError, match="the scheduler was lost; start it and run this again"):
                future.result(timeout=40)


def test_a_worker_that_lacks_the_code_is_reported(dumps, tmp_path):
    with scheduler_and_worker(tmp_path, tmp_path) as (address, _):
        run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path / "out", "--scheduler", address)
    ended(
        (run.status, run.stderr), "has no stackdump; install requirements.txt there", f"python -m dask worker {address}"
    )


def test_workers_need_the_rooms_but_no_script(dumps, expected, tmp_path):
    for room in PACKAGES:
        (tmp_path / room).symlink_to(ROOT / room)
    with scheduler_and_worker(tmp_path, tmp_path) as (address, _):
        command = ("--dump_path", dumps, "--sites", "quay", "--destdir", tmp_path / "out", "--scheduler", address)
        run = run_script(SCRIPT, *command)
    assert run.status == 0, run.stderr
    assert (tmp_path / "out" / "quay" / "unfiltered.jsonl").read_bytes() == expected["quay"]


def test_a_worker_with_another_version_of_a_room_is_reported(tmp_path):
    for room in ("download", "records"):
        (tmp_path / room).symlink_to(ROOT / room)
    shutil.copytree(ROOT / "stackdump", tmp_path / "stackdump")
    (tmp_path / "stackdump" / "join.py").write_text("raise SystemExit  # not to be run")
    with scheduler_and_worker(tmp_path, tmp_path) as (address, _):
        run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", tmp_path / "out", "--scheduler", address)
    ended((run.status, run.stderr), "has stackdump ", "bring both to the same")
    assert "records" not in run.stderr and "download" not in run.stderr  # which are the same


def test_batches_are_sent_past_a_worker_that_has_a_site(cluster, tmp_path):
    with Cluster(cluster.scheduler_address) as pool:
        site = pool.submit_site(wait_for, str(tmp_path / "flag"))
        while not (busy := [worker for worker in cluster.scheduler.workers.values() if has_site(worker)]):
            time.sleep(0.01)
        behind = 0
        for n in range(50):
            batches = [pool.submit(pow, n, 2) for _ in range(3)]
            for batch in batches:
                assert batch.result(timeout=30) == n * n
                behind = max(behind, len(busy[0].processing) - 1)
        (tmp_path / "flag").touch()
        assert site.result(timeout=30) == "done"
    assert behind == 0


def test_a_batch_that_kills_worker_after_worker_is_reported(cluster):
    with Cluster(cluster.scheduler_address) as pool, pytest.raises(InputError, match="several workers were lost"):
        pool.submit(signal.raise_signal, signal.SIGKILL).result(timeout=50)


def test_no_worker_left_is_reported_and_the_run_continues_with_the_next(monkeypatch):
    monkeypatch.setattr("stackdump.cluster.SECONDS_BETWEEN_LOOKS", 0.1)
    lines: list[str] = []
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        Cluster(cluster.scheduler_address, lines.append) as pool,
    ):
        cluster.scale(0)
        while not lines:
            time.sleep(0.01)
        future = pool.submit(pow, 2, 2)
        cluster.scale(1)
        assert future.result(timeout=30) == 4
    assert lines == [f"{cluster.scheduler_address}: has no worker left; waiting for one"]


def test_a_large_batch_is_sent_without_a_warning(cluster, recwarn):
    with Cluster(cluster.scheduler_address) as pool:
        assert pool.submit(len, bytes(12_000_000)).result(timeout=30) == 12_000_000
    assert not [warning for warning in recwarn if "large" in str(warning.message)]


def test_ctrl_c_ends_a_run_on_a_cluster(cluster, dumps, tmp_path):
    process = start("--dump_path", dumps, "--destdir", tmp_path / "out", "--scheduler", cluster.scheduler_address)
    while not list(tmp_path.rglob("*.tmp")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"unfiltered.jsonl", "report.json"}, left  # of sites that were complete by then


def test_ctrl_c_waits_for_no_worker_that_is_busy(cluster, tmp_path):
    with distributed.Client(cluster, set_as_default=False) as client:
        others = client.map(wait_for, [str(tmp_path / "flag")] * 2, pure=False)
        command = ("--dump_path", SAMPLE_DUMP, "--destdir", tmp_path / "out", "--scheduler", cluster.scheduler_address)
        process = start(*command)
        while not any(key.startswith("batch-") for key in list(cluster.scheduler.tasks)) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        (tmp_path / "flag").touch()
        assert client.gather(others) == ["done", "done"]
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("package", "flags"),
    [
        ("distributed", ["--destdir", "out", "--scheduler", "tcp://127.0.0.1:9"]),
        ("upath", ["--destdir", "s3://pairs"]),
        ("fsspec", ["--destdir", "memory://pairs"]),
    ],
)
def test_a_package_that_is_not_installed_is_reported_with_the_command(monkeypatch, tmp_path, package, flags):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('none', name={package!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, *flags)
    ended((run.status, run.stderr), f"the package {package}; pip install -r requirements/cluster.txt")


def test_what_is_local_needs_none_of_the_packages(monkeypatch, tmp_path):
    for package in ("distributed", "upath", "fsspec"):
        (tmp_path / f"{package}.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", f"file://{tmp_path}/out")
    assert run.status == 0, run.stderr
    assert (tmp_path / "out" / "harbour" / "unfiltered.jsonl").stat().st_size > 10_000


# ---- S3 ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, int]]:
    """The address of an S3 server on loopback."""
    needs.package("s3fs", "dev")
    moto = needs.package("moto.server", "dev")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="module")
def s3_variables(s3) -> dict[str, str]:
    """What a client of the server has in its environment."""
    return {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*s3),
    }


@pytest.fixture(scope="module")
def s3_cluster(s3_variables) -> Iterator[distributed.LocalCluster]:
    """Two workers that can reach the server."""
    with two_workers(env=s3_variables) as cluster:
        yield cluster


@pytest.fixture
def bucket(s3_variables, monkeypatch, request) -> "upath.UPath":
    """An empty bucket, which scripts can reach too."""
    for name, value in s3_variables.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    url = upath.UPath(f"s3://{request.node.name.replace('_', '-')[:60]}", use_listings_cache=False)
    url.mkdir()
    return url


def names_in(bucket: "upath.UPath") -> set[str]:
    return {path.path.partition("/")[2] for path in bucket.rglob("*") if path.is_file()}


def test_from_s3_to_s3_on_a_cluster(bucket, s3_cluster, dumps, expected, tmp_path):
    for path in dumps.iterdir():
        (bucket / "dumps" / path.name).write_bytes(path.read_bytes())
    command = (
        "--dump_path",
        bucket / "dumps",
        "--destdir",
        f"{bucket}pairs/",
        "--tmpdir",
        tmp_path,
        "--sites",
        *SITES[:2],
    )
    run = run_script(SCRIPT, *command, "--scheduler", s3_cluster.scheduler_address)
    assert run.status == 0, run.stderr
    for site in SITES[:2]:
        assert (bucket / "pairs" / site / "unfiltered.jsonl").read_bytes() == expected[site]
    written = {f"pairs/{site}/{name}" for site in SITES[:2] for name in ("unfiltered.jsonl", "report.json")}
    assert names_in(bucket) - {f"dumps/{path.name}" for path in dumps.iterdir()} == written
    assert not list(tmp_path.iterdir())

    again = run_script(SCRIPT, *command)
    assert again.status == 0 and again.stderr.count("is complete; --force does it again") == 2
    (bucket / "pairs" / "music" / "unfiltered.jsonl").write_bytes(b"")
    assert run_script(SCRIPT, *command).stderr.count("is complete; --force") == 1
    assert (bucket / "pairs" / "music" / "unfiltered.jsonl").read_bytes() == expected["music"]
    (bucket / "dumps" / "music.stackexchange.com.7z").write_bytes((dumps / "quay.stackexchange.com.7z").read_bytes())
    assert "music: s3://" not in run_script(SCRIPT, *command).stderr  # another archive under the same name


# ---- whole sites on workers --------------------------------------------------------------------------------------
LARGE, SMALL = "quay", ("cooking", "harbour", "knots", "music")


@pytest.fixture
def network(bucket, tmp_path) -> "upath.UPath":
    """Archives of a large site and of small ones in a bucket."""
    for number, site in enumerate((*SMALL, LARGE)):
        pairs = 4000 if site == LARGE else 300 - number
        posts = [question(n * 97, Body=f"<p>{noise(200, n)}</p>") for n in range(1, pairs)]
        posts += [answer(500_000 + n, n * 97, Score=n % 7) for n in range(1, pairs)]
        users = [{"Id": 7, "DisplayName": f"Ada of {site}"}]
        tables = {"Posts": table("posts", posts), "Users": table("users", users)}
        archive = pack(tmp_path / "archives" / f"{site}.stackexchange.com.7z", tables, LZMA2)
        (bucket / "dumps" / archive.name).write_bytes(archive.read_bytes())
    return bucket / "dumps"


def done_on(cluster: distributed.LocalCluster, kind: str) -> int:
    """How many tasks of a kind the workers have done."""
    ends = [entry for entry in cluster.scheduler.transition_log if entry[1:3] == ("processing", "memory")]
    return sum(key.startswith(f"{kind}-") for key, *_ in ends)


def test_small_sites_are_converted_whole_by_workers_and_a_large_one_in_batches(bucket, network, s3_cluster):
    address = s3_cluster.scheduler_address
    sites, batches = done_on(s3_cluster, "site"), done_on(s3_cluster, "batch")
    for name, flags in (("here", ()), ("there", ("--scheduler", address))):
        run = run_script(SCRIPT, "--dump_path", network, "--destdir", bucket / name, *flags)
        assert run.status == 0, run.stderr
    assert done_on(s3_cluster, "site") == sites + len(SMALL)
    assert done_on(s3_cluster, "batch") > batches
    for site in (*SMALL, LARGE):
        assert (f"{site}: sent whole to a worker" in run.stderr.splitlines()) == (site in SMALL)
        assert f"{site}.stackexchange.com -> {bucket / 'there' / site}/unfiltered.jsonl\n  rows of Posts" in run.stderr
        for file in ("unfiltered.jsonl", "report.json"):
            assert (bucket / "there" / site / file).read_bytes() == (bucket / "here" / site / file).read_bytes()
    assert len(names_in(bucket / "there")) == 2 * len((*SMALL, LARGE))
    again = run_script(SCRIPT, "--dump_path", network, "--destdir", bucket / "there", "--scheduler", address)
    assert again.status == 0 and again.stderr.count("is complete; --force does it again") == len((*SMALL, LARGE))


def test_a_damaged_site_on_a_worker_does_not_stop_the_others(bucket, network, s3_cluster):
    archive = bytearray((network / "music.stackexchange.com.7z").read_bytes())
    archive[len(archive) // 2] ^= 0xFF
    (network / "music.stackexchange.com.7z").write_bytes(archive)
    command = ("--dump_path", network, "--destdir", bucket / "out", "--scheduler", s3_cluster.scheduler_address)
    run = run_script(SCRIPT, *command)
    assert run.status == 1
    [error] = [line for line in run.stderr.splitlines() if "error" in line]
    assert error.startswith(f"{SCRIPT}: error: music: tcp://127.0.0.1:")
    assert f"{network / 'music.stackexchange.com.7z'}: Posts.xml is damaged" in error
    for site in (*SMALL, LARGE):
        assert f"{site}: {'failed' if site == 'music' else 'complete'}" in run.stderr.splitlines()
    done = {name.split("/")[1] for name in names_in(bucket / "out")}
    assert done == {*SMALL, LARGE} - {"music"}


@pytest.fixture
def slow_sites(bucket, tmp_path) -> "upath.UPath":
    """Three sites of one size in a bucket, so that each is converted by one of two workers; of long posts."""
    body = "<p>" + "<em>so</em> <code>it</code> goes, " * 3000 + "</p>"
    posts = [post for n in range(1, 150) for post in (question(n * 5000), answer(n * 5000 + 1, n * 5000, Body=body))]
    archive = pack(tmp_path / "slow.7z", {"Posts": table("posts", posts)}, LZMA2).read_bytes()
    for site in SITES:
        (bucket / "dumps" / f"{site}.stackexchange.com.7z").write_bytes(archive)
    return bucket / "dumps"


def posts_on(cluster: distributed.LocalCluster) -> dict[int, list[Path]]:
    """The posts that lie on each worker, by its process."""
    folders = {worker.worker_address: worker.pid for worker in cluster.workers.values()}
    return {
        folders[address]: list(Path(worker.local_directory).rglob("*.posts"))
        for address, worker in list(cluster.scheduler.workers.items())
        if address in folders
    }


def test_a_site_whose_worker_is_killed_is_converted_by_another(bucket, slow_sites, s3_variables, tmp_path):
    command = ("--dump_path", slow_sites, "--destdir")
    assert run_script(SCRIPT, *command, bucket / "here").status == 0
    with two_workers(env=s3_variables, local_directory=str(tmp_path / "scratch")) as cluster:
        process = start(*command, bucket / "there", "--scheduler", cluster.scheduler_address)
        while not any(posts_on(cluster).values()) and process.poll() is None:
            time.sleep(0.01)
        victim = next(pid for pid, posts in posts_on(cluster).items() if posts)
        os.kill(victim, signal.SIGKILL)
        _, stderr = process.communicate(timeout=100)
        assert process.returncode == 0, stderr
        assert done_on(cluster, "site") == len(SITES)
        lost = [entry for entry in cluster.scheduler.transition_log if entry[1:3] == ("processing", "released")]
        assert [key for key, *_ in lost if key.startswith("site-")]  # which was begun anew
        assert not [path for posts in posts_on(cluster).values() for path in posts]
    for site in SITES:
        for file in ("unfiltered.jsonl", "report.json"):
            assert (bucket / "there" / site / file).read_bytes() == (bucket / "here" / site / file).read_bytes()


def test_ctrl_c_ends_sites_on_workers_too(bucket, slow_sites, s3_variables, tmp_path):
    with two_workers(env=s3_variables, local_directory=str(tmp_path / "scratch")) as cluster:
        process = start(
            *("--dump_path", slow_sites, "--destdir", bucket / "out", "--scheduler", cluster.scheduler_address)
        )
        while not any(posts_on(cluster).values()) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        with distributed.Client(cluster, set_as_default=False) as client:
            free = client.map(pow, range(2), range(2), pure=False)
            client.gather(free)
        while any(posts_on(cluster).values()):
            time.sleep(0.01)
    assert not [name for name in names_in(bucket) if name.startswith("out/")]


def test_a_scheduler_lost_while_sites_are_away_ends_the_run(bucket, slow_sites, tmp_path):
    with scheduler_and_worker(tmp_path, ROOT) as (address, scheduler):
        process = start("--dump_path", slow_sites, "--destdir", bucket / "out", "--scheduler", address)
        while not list(tmp_path.rglob("*.posts")) and process.poll() is None:
            time.sleep(0.01)
        scheduler.kill()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    for site in SITES:
        assert f"{site}: {address}: the scheduler was lost; start it and run this again" in stderr


def test_which_sites_are_sent_whole():
    sizes = {"a": 70, "b": 10, "c": 12, "d": 8}
    chosen = {Site(name): SimpleNamespace(size=size) for name, size in sizes.items()}
    s3_ = upath.UPath("memory://a")
    options = Options(scheduler="tcp://x", dump_path=(s3_,), destdir=s3_)

    def whole(threads: int, **more: object) -> tuple[str, int]:
        sites, at_once = share_out(chosen, replace(options, **more), threads)
        return "".join(site.host for site in sites), at_once

    assert whole(1) == ("acbd", 1)  # all of them, large ones first
    assert whole(4) == ("cbd", 1)  # 30 of 100 bytes, and so 1 of 4 threads; the others are for a
    assert whole(8) == ("cbd", 2)
    assert whole(10) == ("bd", 1)
    assert whole(100) == ("", 1)
    for more in ({"scheduler": None}, {"dump_path": (Path("a"),)}, {"dump_path": ()}, {"destdir": Path("a")}):
        assert whole(4, **more) == ("", 4)
    chosen = {Site(name): SimpleNamespace(size=0) for name in sizes}
    assert whole(2) == ("abcd", 1)


# ---- S3 from one machine -----------------------------------------------------------------------------------------
def test_a_folder_of_xml_in_s3_is_a_dump(bucket, tmp_path):
    for path in SAMPLE_DUMP.glob("*.xml"):
        (bucket / SAMPLE_DUMP.name / path.name).write_bytes(path.read_bytes())
    for name, dump in (("here", SAMPLE_DUMP), ("there", bucket / SAMPLE_DUMP.name)):
        run = run_script(SCRIPT, "--dump_path", dump, "--destdir", tmp_path / name)
        assert run.status == 0, run.stderr
    here, there = (tmp_path / name / "harbour" / "unfiltered.jsonl" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()


def test_compressed_records_in_s3_are_ours_to_replace(bucket, expected, dumps, tmp_path):
    command = ("--dump_path", dumps / "quay.stackexchange.com.7z", "--destdir", bucket, "--compress", "zst")
    for flags in ((), ("--force",)):
        run = run_script(SCRIPT, *command, *flags)
        assert run.status == 0, run.stderr
        assert names_in(bucket) == {"quay/unfiltered.jsonl.zst", "quay/report.json"}
    local = tmp_path / "copy.jsonl.zst"
    local.write_bytes((bucket / "quay" / "unfiltered.jsonl.zst").read_bytes())
    with open_input(local) as stream:
        assert stream.read() == expected["quay"]
    assert "is complete; --force" in run_script(SCRIPT, *command).stderr
    assert run_script(SCRIPT, *command[:-2]).status == 0
    assert names_in(bucket) == {"quay/unfiltered.jsonl", "quay/report.json"}


class Gate:
    """A server before S3 that lets everything through but the upload of one object, whose beginning it keeps."""

    def __init__(self, target: tuple[str, int], name: bytes):
        self.target, self.name, self.reached = target, name, threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            inner, outer = self.server.accept()[0], socket.create_connection(self.target)
            threading.Thread(target=self._pass, args=(inner, outer), daemon=True).start()
            threading.Thread(target=self._pass, args=(outer, inner), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with sink, source:
            try:
                while data := source.recv(1 << 16):
                    if data.startswith((b"PUT", b"POST")) and self.name in data.partition(b"\r\n")[0]:
                        self.reached.set()
                        return threading.Event().wait()
                    sink.sendall(data)
            except OSError:
                return None
        return None


def test_a_run_killed_in_its_upload_leaves_nothing_under_the_final_name(
    bucket, s3, dumps, expected, tmp_path, monkeypatch
):
    gate = Gate(s3, b"quay/unfiltered.jsonl")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    command = ("--dump_path", dumps, "--sites", "quay", "--destdir", bucket, "--tmpdir", tmp_path)
    process = start(*command)
    try:
        assert gate.reached.wait(30)
    finally:
        process.kill()
    process.communicate(timeout=10)
    assert names_in(bucket) == set()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*s3))
    run = run_script(SCRIPT, *command)
    assert run.status == 0, run.stderr
    assert (bucket / "quay" / "unfiltered.jsonl").read_bytes() == expected["quay"]
    assert not list(tmp_path.iterdir())


def test_a_bucket_that_is_missing_is_reported_before_the_work(bucket, tmp_path):
    run = run_script(SCRIPT, "--dump_path", SAMPLE_DUMP, "--destdir", "s3://no-such-bucket/out", "--tmpdir", tmp_path)
    ended((run.status, run.stderr), "s3://no-such-bucket/out: cannot be read or written")
    run = run_script(SCRIPT, "--dump_path", bucket / "nothing", "--destdir", tmp_path / "out")
    ended((run.status, run.stderr), f"{bucket}nothing: no such file or folder; check --dump_path")


# ---- other file systems ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("url", ["nix://a/b", "://", "memory:///", "gs://a/b"])
def test_a_url_is_accepted_or_reported(url, tmp_path):
    try:
        assert str(location(url)).startswith("memory://")
    except InputError as error:
        assert url in str(error)
    run = run_script(SCRIPT, "--dump_path", url, "--destdir", tmp_path / "out")
    ended((run.status, run.stderr), url.rstrip("/:"))


def test_file_urls_and_paths_are_local_paths():
    assert location("file:///a/b") == location("local:///a/b") == location("/a/b") == Path("/a/b")


def test_an_archive_over_http_is_read_by_ranges(tmp_path):
    needs.package("aiohttp", "dev")
    path = pack(tmp_path / "www" / "item" / "quay.stackexchange.com.7z", large_tables(), solid=False)
    with ArchiveServer(tmp_path / "www") as server:
        url = f"{server.url}/download/item/{path.name}"
        for name, dump in (("here", path), ("there", url)):
            run = run_script(SCRIPT, "--dump_path", dump, "--destdir", tmp_path / name)
            assert run.status == 0, run.stderr
        sent = sum(request.sent for request in server.requests if "range" in map(str.lower, request.headers))
    here, there = (tmp_path / name / "quay" / "unfiltered.jsonl" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    packed = [member.end - member.start for member in local_members(path) if member.name in ("Posts.xml", "Users.xml")]
    assert sum(packed) <= sent <= 1.02 * sum(packed) < 0.6 * path.stat().st_size


def local_members(path: Path):
    from stackdump.archive_files import LocalFile
    from stackdump.sevenzip import Archive

    return Archive(LocalFile(path)).members


class Counting(memory.MemoryFileSystem):
    """Tells what is read of it, and lets uploads fail halfway."""

    store: dict = {}
    pseudo_dirs = [""]
    reads: list[tuple[int, int]] = []
    failing = False

    def cat_file(self, path, start=None, end=None, **more):
        self.reads.append((start, end))
        return super().cat_file(path, start, end, **more)

    def put_file(self, local, path, **more):
        if self.failing:
            self.pipe_file(path, Path(local).read_bytes()[:3])
            raise RuntimeError("the line is dead")
        super().put_file(local, path, **more)


@pytest.fixture
def counting(monkeypatch) -> Iterator["upath.UPath"]:
    """A folder in memory."""
    for name, value in (("store", {}), ("pseudo_dirs", [""]), ("reads", []), ("failing", False)):
        monkeypatch.setattr(Counting, name, value)
    fsspec.register_implementation("memory", Counting, clobber=True)
    yield upath.UPath("memory://folder")
    fsspec.register_implementation("memory", memory.MemoryFileSystem, clobber=True)


def test_a_failed_upload_leaves_what_was_there(counting, tmp_path):
    url = counting / "quay" / "unfiltered.jsonl"
    with written_to(url, tmp_path) as local:
        local.write_bytes(b"whole")
    assert url.read_bytes() == b"whole"
    Counting.failing = True
    with (
        pytest.raises(InputError, match="quay/unfiltered.jsonl: cannot be read or written"),
        written_to(url, tmp_path) as local,
    ):
        local.write_bytes(b"another")
    assert set(Counting.store) == {url.path}
    assert url.read_bytes() == b"whole"
    assert not list(tmp_path.iterdir())


def test_what_fails_before_its_upload_is_not_uploaded(counting, tmp_path):
    url = counting / "unfiltered.jsonl"
    with pytest.raises(ZeroDivisionError), written_to(url, tmp_path) as local:
        local.write_bytes(b"half")
        local.write_bytes(bytes(1 // 0))
    assert not Counting.store and not list(tmp_path.iterdir())


def test_a_window_of_a_url_reads_each_of_its_bytes_once(counting):
    content = os.urandom(2 * BLOCK + 5000)
    (counting / "file").write_bytes(content)
    Counting.reads.clear()
    start_, end = 1000, 2 * BLOCK + 3000
    with UrlFile(counting / "file").reader(start_, end) as window:
        found = b""
        while data := window.read(100_000):
            found += data
        assert found == content[start_:end]
    blocks = [(start_, start_ + BLOCK), (start_ + BLOCK, start_ + 2 * BLOCK), (start_ + 2 * BLOCK, end)]
    assert sorted(Counting.reads) == blocks


def test_a_file_that_shrinks_under_its_reader_is_reported(counting):
    (counting / "file").write_bytes(bytes(1000))
    source = UrlFile(counting / "file")
    (counting / "file").write_bytes(bytes(10))
    with source.reader(0, 1000) as window, pytest.raises(InputError, match="sends 10 bytes where 1,000 were requested"):
        window.read(10)


def test_memory_holds_a_folder_of_archives(counting):
    for site in SITES:
        url = counting / "dumps" / f"{site}.stackexchange.com.7z"
        url.write_bytes(b"")
    found = local_dumps(counting / "dumps")
    assert set(found) == {Site(f"{site}.stackexchange.com") for site in SITES}
    before = found[Site("quay.stackexchange.com")].describe()
    assert before["files"][0]["name"] == "quay.stackexchange.com.7z"


def test_archives_are_not_kept_at_a_url():
    run = run_script(SCRIPT, "--destdir", "memory://pairs", "--keep_archive")
    assert run.status == 2
    assert "--keep_archive needs a --destdir that is not a URL" in run.stderr


def test_posts_in_memory_are_read(counting, tmp_path):
    (counting / "quay.stackexchange.com" / "Posts.xml").write_bytes(table("posts", small_posts()))
    [(site, dump)] = local_dumps(counting / "quay.stackexchange.com").items()
    assert site.folder == "quay"
    [posts] = dump.tables(("Users", "Posts"), tmp_path, 1)
    assert b"".join(posts.chunks) == table("posts", small_posts())
