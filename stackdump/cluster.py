"""Converts posts on a Dask cluster instead of this machine's processes.

This machine unpacks the dump; each batch of rows goes to a worker through the scheduler, and its posts come back to be
joined here. So workers need neither the dump nor a shared folder, only this code and its libraries in the same
versions, which every batch checks: then the records are the same bytes wherever their Markdown is made.

If workers can reach the dump and the destination themselves, a site may be converted by one of them, on one thread.
That is for sites that are small compared with the others. Batches of the others go to workers without a site if
possible: waiting for one, a batch would delay all that follow, because results are taken in order.

Dask gives the batches and sites of a lost worker to the others, and uses workers that join later. With no worker left a
run waits for one.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import platform
import re
import socket
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from records.errors import InputError, LostError

SECONDS_TO_REACH = 10  # the scheduler, and then a first worker
SECONDS_BETWEEN_LOOKS = 5.0  # at the scheduler and its workers
AHEAD = 2  # tasks for each thread of a worker: one running, one waiting

# What makes the bytes of a record, beside these packages. The minor version of Python is that of the Unicode tables.
LIBRARIES = ("lxml", "markdown-it-py", "mdit-py-plugins", "orjson", "selectolax")

PACKAGES = ("records", "download", "stackdump")  # this room, and what it uses
INSTALL = "pip install -r requirements/cluster.txt"
START = "start one where this code is: `python -m dask worker {} --nworkers=-1 --nthreads=1`"

T = TypeVar("T")


class Cluster(Executor):
    """The workers of the Dask scheduler at `address`, such as tcp://10.0.0.5:8786 or 10.0.0.5:8786.

    workers: threads of all workers when the run begins. tell: takes a line when the last worker is lost.

    Raises InputError if there is no scheduler, it has no worker, a worker has other code than this machine, or
    `distributed` is not installed here. Futures raise InputError if a worker lacks the code, if several workers are
    lost over the same task, and if the scheduler is lost.
    """

    def __init__(self, address: str, tell: Callable[[str], None] = print):
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise InputError(f"--scheduler needs the package {error.name}; {INSTALL}") from None
        _reach(address)
        for name in list(logging.root.manager.loggerDict):  # each of Dask's loggers has a handler of its own
            if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what matters is reported in one line
        # a batch is sent with its rows, and Dask would warn of their size
        import_module("dask").config.set(
            {
                "distributed.admin.large-graph-warning-threshold": "1 GB",
                "distributed.comm.timeouts.connect": SECONDS_TO_REACH,
            }
        )
        self.address = address
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about versions: those that matter are checked below
                self._client = distributed.Client(address, timeout=SECONDS_TO_REACH, set_as_default=False)
        except Exception as error:  # noqa: BLE001 - the transport's, the system's, or the protocol's
            raise InputError(f"{address}: does not answer as a Dask scheduler ({error}); check --scheduler") from None
        try:
            self._check(distributed.__version__)
            self._threads: dict[str, int] = self._client.nthreads()
            self.workers = sum(self._threads.values())
        except BaseException:
            self._client.close()
            raise
        self._executor = self._client.get_executor(pure=False)  # otherwise Dask hashes the rows to find equal tasks
        self._slots = threading.BoundedSemaphore(self.workers * AHEAD)
        self._pending: set[Future[Any]] = set()
        self._sites: Counter[str] = Counter()  # how many are running, by the worker that they were meant for
        self._lock = threading.Lock()
        self._tell, self._ended = tell, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _check(self, ours: str) -> None:
        found = self._client.get_versions()["scheduler"]["packages"]["distributed"]
        if found != ours:
            raise InputError(
                f"{self.address}: runs distributed {found}, and this machine {ours}; install the same on all machines"
            )
        try:
            self._client.wait_for_workers(1, timeout=SECONDS_TO_REACH)
        except TimeoutError:
            raise InputError(f"{self.address}: has no worker; {START.format(self.address)}") from None
        for worker, error in self._client.run(check, fingerprint(), on_error="return").items():
            if error is not None:
                raise self._explained(error, worker)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As any executor does, but wait while the workers have enough to do, over all sites."""
        self._slots.acquire()
        with self._lock:
            preferred = self._without_sites() if self._sites.total() else []
        future = self._send("batch", partial(fn, *args, **kwargs), preferred)
        future.add_done_callback(lambda _: self._slots.release())
        return future

    def submit_site(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """As `submit`, for work of minutes or hours: it does not count as one of the batches, nor wait for them."""
        with self._lock:
            preferred = self._without_sites()[:1]
            self._sites.update(preferred)
        future = self._send("site", partial(fn, *args), preferred)
        future.add_done_callback(lambda _: self._forget_site(preferred))
        return future

    def _forget_site(self, workers: list[str]) -> None:
        with self._lock:
            self._sites.subtract(workers)

    def _without_sites(self) -> list[str]:
        """The workers with threads that convert no sites, those with the most first."""
        spare = Counter(self._threads)
        spare.subtract(self._sites)
        return [worker for worker, threads in spare.most_common() if threads > 0]

    def _send(self, kind: str, call: Callable[[], T], preferred: list[str]) -> Future[T]:
        future: Future[T] = Future()
        task = pickle.dumps((_checked, fingerprint(), pickle.dumps(call)))
        where = {"workers": preferred, "allow_other_workers": True} if preferred else {}
        self._pending.add(future)
        if self._ended.is_set():  # checked only now, or a task added in between would be waited for without end
            self._give_up(future)
            return future
        try:
            submitted = self._executor.submit(_portable(kind), task, **where)
        except Exception:  # noqa: BLE001 - Dask's client has several errors for being closed
            self._give_up(future)
        else:
            submitted.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def _lost(self) -> LostError:
        return LostError(f"{self.address}: the scheduler was lost; start it and run this again")

    def _is_wanted(self, future: Future[Any]) -> bool:
        """Whether a result is waited for. True once: only one of several threads may set it."""
        try:
            self._pending.remove(future)
        except KeyError:
            return False
        return future.set_running_or_notify_cancel()

    def _give_up(self, *futures: Future[Any]) -> None:
        for future in futures:
            if self._is_wanted(future):
                future.set_exception(self._lost())

    def _pass_on(self, done: Future[T], future: Future[T]) -> None:
        if not self._is_wanted(future):
            return
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or (error and self._client.status != "running"):  # then the error is Dask's, about the loss
            future.set_exception(self._lost())
        elif error:
            future.set_exception(self._explained(error, "a worker"))
        else:
            future.set_result(done.result())

    def _explained(self, error: BaseException, worker: str) -> BaseException:
        """A worker's error in our words; a bug stays as it is."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return LostError(
                f"{self.address}: several workers were lost one after the other at the same batch or site, probably "
                f"out of memory; give them more of it, or fewer threads"
            )
        # an ImportError, or a message of Dask's
        if missing := re.search(r"No (?:module named|package metadata was found for) '?([\w.-]+)", str(error)):
            return LostError(
                f"{worker}: has no {missing[1]}; install requirements.txt there, and {START.format(self.address)}"
            )
        if isinstance(error, OtherCodeError):
            return LostError(f"{worker}: {error}")
        return error

    def _watch(self) -> None:
        """Report when the last worker is lost, because Dask waits for another silently; give up what is running when
        the scheduler is lost, because Dask may wait for it without end."""
        had_workers = True
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self._threads = self._client.nthreads()
            except Exception:  # noqa: BLE001 - the transport's, or the client's for being closed
                self._ended.set()
                return self._give_up(*self._pending)
            has_workers = bool(self._threads)
            if had_workers and not has_workers:
                self._tell(f"{self.address}: has no worker left; waiting for one")
            had_workers = has_workers

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which others may use. With `cancel_futures`, cancel what is running."""
        if wait and not cancel_futures:
            wait_for(list(self._pending))  # not by Dask's own means, which wait for a lost scheduler without end
        self._ended.set()
        self._give_up(*self._pending)
        with suppress(Exception):  # Dask's client has several errors for being closed, as after a loss of the scheduler
            self._executor.shutdown(wait=False)
        self._client.close()


def _reach(address: str) -> None:
    """Raise InputError at once if no scheduler is there: Dask's client would try for long.

    Over TCP a scheduler speaks first; over TLS it waits for the client.
    """
    try:
        url = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or not port or url.scheme not in ("tcp", "tls"):
        raise InputError(f"{address}: is not the address of a Dask scheduler; give one such as tcp://10.0.0.5:8786")
    try:
        with socket.create_connection((host, port), timeout=SECONDS_TO_REACH) as connection:
            if url.scheme == "tcp" and not connection.recv(1):
                raise OSError("it closes the connection")
    except OSError as error:
        problem = error.strerror or str(error)
        raise InputError(
            f"{address}: no Dask scheduler answers there ({problem}); check --scheduler, or start one with "
            f"`dask scheduler`"
        ) from None


def _portable(kind: str) -> Callable[[bytes], Any]:
    """A function that Dask sends by value and not by name, so that the scheduler does not need this package.

    Dask measures durations by `kind`, and distributes work by them.
    """

    def call(task: bytes) -> Any:
        import pickle

        fn, *args = pickle.loads(task)
        return fn(*args)

    call.__name__ = kind
    return call


# ---- on the workers --------------------------------------------------------------------------------------------------
class OtherCodeError(Exception):
    """A worker's code would not make the same bytes."""


@cache
def fingerprint() -> str:
    """The code that makes the bytes of a record: versions of LIBRARIES, and a digest of each of PACKAGES.

    Raises ModuleNotFoundError if one is missing here.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {python}", *versions, *(f"{name} {_digest(name)}" for name in PACKAGES)])


def _digest(name: str) -> str:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    folder = Path(spec.origin).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def check(wanted: str) -> None:
    """Raise OtherCodeError if this machine's code is not the wanted one."""
    found = fingerprint()
    if found != wanted:
        ours, theirs = set(found.split(", ")), set(wanted.split(", "))
        raise OtherCodeError(
            f"has {', '.join(sorted(ours - theirs))}, and the machine that starts the run "
            f"{', '.join(sorted(theirs - ours))}; bring both to the same"
        )


def _checked(wanted: str, call: bytes) -> Any:
    """What the pickled `call` returns; it is not loaded by other code."""
    check(wanted)
    return pickle.loads(call)()


class TaskCancelled(threading.Event):
    """Set once Dask no longer wants the task that creates it: the run that sent it was stopped, or is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._worker = this_worker()
        self._key = self._worker.get_current_task()

    def is_set(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        return task is None or task.state == "cancelled"


def this_worker() -> Any:
    """The worker that runs this task, a distributed.Worker."""
    return import_module("distributed").get_worker()


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in the worker's own (`dask worker --local-directory`), which Dask empties after a killed worker."""
    return tempfile.TemporaryDirectory(dir=this_worker().local_directory)
