"""A Dask cluster in place of this machine's processes, for posts to be converted on.

This machine unpacks the dump; each batch of rows travels to a worker through the scheduler, and its posts come back, to
be put aside and joined here. So workers need neither the dump nor a shared folder, only this code and its libraries in
the same versions, which every batch checks: then the records are the same bytes wherever their Markdown is made.

Dask gives the batches of a lost worker to the others, and takes in workers that come later. With no worker left a run
waits for one.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import platform
import re
import socket
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from stackdump.errors import DumpError

SECONDS_TO_REACH = 10  # the scheduler, and then a first worker
SECONDS_BETWEEN_LOOKS = 5.0  # at the scheduler and its workers
AHEAD = 2  # a thread of a worker: what it works on, and what waits for it

# What makes the bytes of a record, beside this package. The minor version of Python is that of the Unicode tables.
LIBRARIES = ("lxml", "markdown-it-py", "mdit-py-plugins", "orjson", "selectolax")

INSTALL = "pip install -r requirements-cluster.txt"
START = "start one where this code is: `python -m dask worker {} --nworkers=-1 --nthreads=1`"

T = TypeVar("T")


class Cluster(Executor):
    """The workers of the Dask scheduler at `address`, such as tcp://10.0.0.5:8786 or 10.0.0.5:8786.

    workers: threads of all workers when the run begins. Raises DumpError where there is no scheduler, none of its workers
    comes, one of them has other code than this machine, or `distributed` is not installed here. What is submitted raises
    DumpError for a worker that lacks the code, for a batch that its workers do not survive, and for a lost scheduler.
    tell: takes a line when the last worker is lost.
    """

    def __init__(self, address: str, tell: Callable[[str], None] = print):
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise DumpError(f"--scheduler needs the package {error.name}; {INSTALL}") from None
        _reach(address)
        for name in list(logging.root.manager.loggerDict):  # each of Dask's has a handler of its own
            if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what matters is told here, in one line
        # a batch travels with its rows, of which Dask would warn
        import_module("dask").config.set({
            "distributed.admin.large-graph-warning-threshold": "1 GB",
            "distributed.comm.timeouts.connect": SECONDS_TO_REACH,
        })  # fmt: skip
        self.address = address
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions: those that matter are checked below
                self._client = distributed.Client(address, timeout=SECONDS_TO_REACH, set_as_default=False)
        except Exception as error:  # noqa: BLE001 - of the transport, the operating system, or the protocol
            raise DumpError(f"{address}: does not answer as a Dask scheduler ({error}); check --scheduler") from None
        try:
            self._check(distributed.__version__)
            self.workers = sum(self._client.nthreads().values())
        except BaseException:
            self._client.close()
            raise
        self._executor = self._client.get_executor(pure=False)  # or Dask would hash the rows, to find the same task
        self._slots = threading.BoundedSemaphore(self.workers * AHEAD)
        self._pending: set[Future[Any]] = set()
        self._tell, self._ended = tell, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _check(self, ours: str) -> None:
        found = self._client.get_versions()["scheduler"]["packages"]["distributed"]
        if found != ours:
            raise DumpError(
                f"{self.address}: runs distributed {found}, and this machine {ours}; install the same on all machines"
            )
        try:
            self._client.wait_for_workers(1, timeout=SECONDS_TO_REACH)
        except TimeoutError:
            raise DumpError(f"{self.address}: has no worker; {START.format(self.address)}") from None
        for worker, error in self._client.run(check, fingerprint(), on_error="return").items():
            if error is not None:
                raise self._told(error, worker)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As of any executor, but that it waits while the workers have enough to do, over all sites."""
        self._slots.acquire()
        future: Future[T] = Future()
        task = pickle.dumps((_checked, (fingerprint(), fn, *args), kwargs))
        try:
            submitted = self._executor.submit(_portable(), task)
        except Exception:  # noqa: BLE001 - Dask's client has several for being closed
            raise self._lost() from None
        self._pending.add(future)
        submitted.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def _lost(self) -> DumpError:
        return DumpError(f"{self.address}: the scheduler was lost; start it and run this again")

    def _pass_on(self, done: Future[T], future: Future[T]) -> None:
        self._slots.release()
        if future not in self._pending:  # given up by `_watch`
            return
        self._pending.remove(future)
        if not future.set_running_or_notify_cancel():
            return
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or (error and self._client.status != "running"):  # then the error is Dask's, of its loss
            future.set_exception(self._lost())
        elif error:
            future.set_exception(self._told(error, "a worker"))
        else:
            future.set_result(done.result())

    def _told(self, error: BaseException, worker: str) -> BaseException:
        """The error of a worker in words of ours; a bug stays what it is."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return DumpError(f"{self.address}: several workers were lost one after the other at the same batch, perhaps "
                             f"for want of memory; give them more of it, or fewer threads")  # fmt: skip
        if missing := re.search("No module named '([^']+)'", str(error)):  # as ImportError, or as a text of Dask's
            return DumpError(f"{worker}: has no {missing[1]}; install requirements.txt there, and "
                             f"{START.format(self.address)}")  # fmt: skip
        if isinstance(error, OtherCodeError):
            return DumpError(f"{worker}: {error}")
        return error

    def _watch(self) -> None:
        """Tell when the last worker is lost, for Dask waits for another in silence; give up what is under way when the
        scheduler is lost, for Dask may wait for it without end."""
        had_workers = True
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            try:
                has_workers = bool(self._client.nthreads())
            except Exception:  # noqa: BLE001 - of the transport, or the client's for being closed
                while self._pending:
                    future = self._pending.pop()
                    if future.set_running_or_notify_cancel():
                        future.set_exception(self._lost())
                return
            if had_workers and not has_workers:
                self._tell(f"{self.address}: has no worker left; waiting for one")
            had_workers = has_workers

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster to others. What is under way is cancelled if `cancel_futures`."""
        self._ended.set()
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()


def _reach(address: str) -> None:
    """Raise DumpError at once where nobody is there, or somebody else: Dask's client would try for long.

    Over TCP a scheduler speaks first; over TLS it waits for the client."""
    try:
        url = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or not port or url.scheme not in ("tcp", "tls"):
        raise DumpError(f"{address}: is no address of a Dask scheduler; give one such as tcp://10.0.0.5:8786")
    try:
        with socket.create_connection((host, port), timeout=SECONDS_TO_REACH) as connection:
            if url.scheme == "tcp" and not connection.recv(1):
                raise OSError("it closes the connection")
    except OSError as error:
        problem = error.strerror or str(error)
        raise DumpError(f"{address}: no Dask scheduler answers there ({problem}); check --scheduler, or start one with "
                        f"`dask scheduler`") from None  # fmt: skip


def _portable() -> Callable[[bytes], Any]:
    """A function that Dask sends whole and not by its name, so that the scheduler needs nothing of this package."""

    def call(task: bytes) -> Any:
        import pickle

        fn, args, kwargs = pickle.loads(task)
        return fn(*args, **kwargs)

    return call


# ---- on the workers ----------------------------------------------------------------------------------------------------
class OtherCodeError(Exception):
    """A worker would not make the same bytes."""


@cache
def fingerprint() -> str:
    """The code that makes the bytes of a record: versions, and a digest of this package."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {python}", *versions, f"stackdump {digest.hexdigest()[:12]}"])


def check(wanted: str) -> None:
    """Raise OtherCodeError where this machine's code is not the wanted one."""
    if fingerprint() != wanted:
        ours, theirs = set(fingerprint().split(", ")), set(wanted.split(", "))
        raise OtherCodeError(f"has {', '.join(sorted(ours - theirs))}, and the machine that starts the run "
                             f"{', '.join(sorted(theirs - ours))}; bring both to the same")  # fmt: skip


def _checked(wanted: str, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    check(wanted)
    return fn(*args, **kwargs)
