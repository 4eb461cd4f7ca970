"""Verifies many candidates, in processes that a candidate may break.

What a model writes can make Python's own parser and compiler use seconds and gigabytes, or crash. So everything that
reads it happens in worker processes with limits of time and memory. A worker that breaks is replaced, and its
candidate is rejected with the reason.
"""

from __future__ import annotations

import os
import pickle
import queue
import resource
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from generation.python_code.answers import MAX_CODE, Rejected, extract
from generation.python_code.samples import digest, instruction, make_sample, split_tests
from generation.python_code.verification import verify
from generation.sandbox.bubblewrap import Sandbox, SandboxError, open_ways
from records.code_block import fenced

SOURCE = "python_code"  # the label in the tuple files
ROOT = Path(__file__).resolve().parents[2]
START = "from generation.python_code.candidates import serve; serve()"
CPU_SECONDS = 3.0  # of a worker for one candidate; a usual one takes hundredths
MEMORY = 1 << 30  # bytes of a worker's address space; a usual one has 200 MB

Item = TypeVar("Item")
Result = TypeVar("Result")


class CodeCandidate(NamedTuple):
    """A text with code in it."""

    text: str  # a model's answer, or a record's response
    tests: str = ""  # that are not in the text
    problem: str | None = None  # why there is no text
    about: Any = None  # for the caller


class VerifiedCode(NamedTuple):
    """The verified code of a candidate."""

    code: str  # of the program, without its tests
    tests: str
    digest: str  # of the program; names and docstrings do not matter
    instruction: str | None  # None if there is no docstring to take it from
    meta: dict[str, Any]  # how it was tested


def verify_all(
    candidates: Iterable[CodeCandidate], sandbox: Sandbox, workers: int
) -> Iterator[tuple[CodeCandidate, VerifiedCode | Rejected]]:
    """Verify candidates in parallel; yields each with its verdict, in their order.

    Raises SandboxError if there is no sandbox any more.
    """
    work = partial(verify_text, sandbox)
    for candidate, verdict in in_workers(work, candidates, lambda item: (item.text, item.tests, item.problem), workers):
        if isinstance(verdict, SandboxError):
            open_ways(sandbox)  # raises if it is not this candidate's fault
            verdict = Rejected(FAILED, str(verdict))
        yield candidate, verdict


def verify_text(sandbox: Sandbox, given: tuple[str, str, str | None]) -> VerifiedCode:
    """Verify the code in a text. Raises Rejected if it is not verified."""
    text, tests, problem = given
    if problem:
        raise Rejected(problem)
    sample = make_sample(extract(text), tests)
    try:
        task = instruction(sample)
    except Rejected:
        task = None
    return VerifiedCode(sample.code, sample.test_code, sample.digest, task, verify(sample, sandbox).meta)


def digests(texts: Iterable[str], workers: int) -> Iterator[str]:
    """The digests of the programs in texts; texts without one are left out."""
    for _, found in in_workers(digest_of_text, texts, lambda text: text, workers):
        if isinstance(found, str):
            yield found


def digest_of_text(text: str) -> str:
    return digest(split_tests(extract(text))[0])


def make_record(verified: VerifiedCode, meta: dict[str, Any]) -> dict[str, Any]:
    """Verified code as a record: the task in words, and the program as a fenced block.

    Raises Rejected if there is no docstring to take the task from.
    """
    if verified.instruction is None:
        raise Rejected("no docstring")
    return {
        "id": f"{SOURCE}/{verified.digest}",
        "source": SOURCE,
        "instruction": verified.instruction,
        "response": fenced(verified.code),
        "meta": meta,
    }


# ---- workers ---------------------------------------------------------------------------------------------------------
FAILED = "the verifier failed"
TOO_MUCH = "takes too much to compile"


def in_workers(
    work: Callable[[Any], Result], items: Iterable[Item], given: Callable[[Item], Any], workers: int
) -> Iterator[tuple[Item, Result | Rejected | SandboxError]]:
    """Do the same with many items in worker processes; yields each with what became of it, in their order.

    `work` is a function that can be pickled; it gets what `given` takes from an item.
    """
    mine = threading.local()
    started: list[Worker] = []

    def ask(question: Any) -> Result | Rejected | SandboxError:
        if not getattr(mine, "worker", None):
            mine.worker = Worker(work)
            started.append(mine.worker)
        try:
            answer: Result | Rejected | SandboxError = mine.worker.ask(question)
        except (OSError, EOFError, pickle.UnpicklingError):
            status, mine.worker = mine.worker.stop(), None
            if status == -signal.SIGPROF:
                return Rejected(TOO_MUCH, "out of time")
            return Rejected(FAILED, f"its process ended with {status}")
        return answer

    waiting: deque[tuple[Item, Future[Result | Rejected | SandboxError]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append((item, pool.submit(ask, given(item))))
            if len(waiting) > 4 * workers:
                item, future = waiting.popleft()
                yield item, future.result()
        for item, future in waiting:
            yield item, future.result()
    finally:  # also after Ctrl-C: do not wait for running programs
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in started:
            worker.stop()


class Worker:
    """A process that does something with one item after the other."""

    def __init__(self, work: Callable[[Any], Any]):
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the parent, which stops its workers
        )
        self._send(work)

    def ask(self, question: Any) -> Any:
        """What the worker answers. Raises OSError, EOFError or UnpicklingError if it broke."""
        self._send(question)
        assert self._process.stdout
        return pickle.load(self._process.stdout)

    def _send(self, what: Any) -> None:
        assert self._process.stdin
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()

    def stop(self) -> int:
        """Kill the process, if it runs; returns its exit status."""
        self._process.kill()
        return self._process.wait()


def serve() -> None:
    """The worker: answers what comes on stdin, on stdout, until stdin ends. Sandboxes end with their worker."""
    questions: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")  # about the code, such as invalid escapes
    sys.set_int_max_str_digits(2 * MAX_CODE)  # of numbers in the code, which is written out
    work = pickle.load(stdin)
    threading.Thread(target=receive, args=(stdin, questions), daemon=True).start()
    while True:
        question = questions.get()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # the signal kills
        answer = pickle.dumps(outcome_of(work, question))
        signal.setitimer(signal.ITIMER_PROF, 0)
        stdout.write(answer)
        stdout.flush()


def receive(stdin: Any, questions: queue.SimpleQueue[Any]) -> None:
    """Pass on what comes; end the process when its parent has ended."""
    while True:
        try:
            questions.put(pickle.load(stdin))
        except (EOFError, OSError):
            os._exit(0)


def outcome_of(work: Callable[[Any], Any], question: Any) -> Any:
    """What work returns, or the exception that says why it does not."""
    try:
        return work(question)
    except Rejected as rejected:
        return Rejected(str(rejected), rejected.detail)
    except SandboxError as error:
        return error
    except RecursionError:
        return Rejected("nested too deep")
    except MemoryError:
        return Rejected(TOO_MUCH, "out of memory")
    except Exception:  # noqa: BLE001 - one candidate never ends a run
        return Rejected(FAILED, traceback.format_exc())
