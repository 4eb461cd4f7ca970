"""Work side by side: results in order, no more in progress than allowed, and none left running at the end."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial

import pytest

from records.errors import LostError
from records.workers import CALLS_PER_WORKER, make_pool, run_ahead
from stackdump.convert import Conversion
from stackdump.dumps import XmlDump
from stackdump.run_sites import WORKER_NICENESS
from stackdump.sites import Site
from tests.conftest import ROOT
from tests.dumps import question, table


def slowly(number: int, folder: str) -> int:
    """Says in the folder when it begins and when it ends."""
    open(f"{folder}/{number}.begun", "w").close()
    time.sleep(0.05 * (number % 3))
    open(f"{folder}/{number}.ended", "w").close()
    return number


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_calls_are_taken_as_they_are_needed(tmp_path, workers):
    taken = 0

    def calls():
        nonlocal taken
        for number in range(30):
            taken += 1
            yield partial(slowly, number, str(tmp_path))

    with make_pool(workers) as pool:
        for expected, result in enumerate(run_ahead(calls(), pool, workers, "Posts.xml")):
            assert result == expected
            assert taken <= expected + workers * CALLS_PER_WORKER
    assert taken == 30


@pytest.mark.parametrize("workers", [1, 3])
def test_no_task_outlives_the_run(tmp_path, workers):
    """Running tasks end first, for they write to a folder that is removed next; waiting ones never begin."""
    with make_pool(workers) as pool:
        results = run_ahead(
            (partial(slowly, number, str(tmp_path)) for number in range(30)), pool, workers, "Posts.xml"
        )
        assert next(results) == 0
        results.close()
        begun, ended = ({path.stem for path in tmp_path.glob(f"*.{what}")} for what in ("begun", "ended"))
        assert begun == ended
        assert len(begun) <= 1 + workers * CALLS_PER_WORKER
        pool.submit(int).result()
        assert {path.stem for path in tmp_path.glob("*.begun")} == begun


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_reported():
    with make_pool(2) as pool, pytest.raises(LostError, match="^Posts.xml: a worker was killed"):
        list(run_ahead([die, die, die], pool, 2, "Posts.xml"))


class Watched(XmlDump):
    """Counts the bytes that are read of it, and kills the pool's workers with the first."""

    bytes_read = 0

    def tables(self, *args):
        for found in super().tables(*args):
            found.chunks = self._watched(found.chunks)
            yield found

    def _watched(self, chunks):
        for chunk in chunks:
            self.bytes_read += len(chunk)
            with suppress(BrokenProcessPool):
                self.pool.submit(die)
            yield chunk


def test_the_rest_of_a_table_is_not_read_when_a_worker_is_lost(tmp_path):
    """As it is where the rows are bad, for damage of the download would explain those."""
    posts = tmp_path / "Posts.xml"
    posts.write_bytes(table("posts", [question(number, Body="x" * 100_000) for number in range(1, 200)]))
    dump = Watched({"Posts": posts})
    with (
        make_pool(2) as dump.pool,
        Conversion(Site("quay.stackexchange.com"), dump, tmp_path / "work", dump.pool, 2) as conversion,
        pytest.raises(LostError, match="a worker was killed"),
    ):
        conversion.read()
    assert 0 < dump.bytes_read < posts.stat().st_size / 2


def test_workers_yield_only_to_what_feeds_them():
    """A filter, whose workers do all the work, would be put behind every other program of the machine."""
    with make_pool(2, WORKER_NICENESS) as pool:
        assert pool.submit(os.nice, 0).result() == min(os.nice(0) + WORKER_NICENESS, 19)
    with make_pool(2) as pool:
        assert pool.submit(os.nice, 0).result() == os.nice(0)
    with make_pool(1, WORKER_NICENESS) as pool:  # a thread of this process, which is not to be slowed down
        assert pool.submit(os.nice, 0).result() == os.nice(0)
        assert pool.submit(threading.get_native_id).result() != threading.get_native_id()


FORKS = """
import sys, threading
from records.workers import make_pool

if __name__ == "__main__":
    sys.setrecursionlimit(4321)  # which forks share, and processes that start anew do not
    if sys.argv[1] == "beside a thread":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    with make_pool(2) as pool:
        print(pool.submit(sys.getrecursionlimit).result() == 4321)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux only")
@pytest.mark.parametrize(("way", "threads", "forks"), [
    ("path", "alone", True), ("-m", "alone", True), ("-c", "alone", True), ("-", "alone", True),
    ("path", "beside a thread", False), ("-m", "beside a thread", False), ("-c", "beside a thread", False),
])  # fmt: skip
def test_workers_are_forks_unless_a_thread_runs_whatever_way_python_is_started(tmp_path, way, threads, forks):
    """Python warns of forks beside threads from 3.12 on: a lock that a thread holds is never released in the fork."""
    (tmp_path / "forks.py").write_text(FORKS)
    program = {"path": [tmp_path / "forks.py"], "-m": ["-m", "forks"], "-c": ["-c", FORKS], "-": ["-"]}[way]
    command = [sys.executable, "-W", "error::DeprecationWarning", *program, threads]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(
        command, env=environment, input=FORKS, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{forks}\n", "")
