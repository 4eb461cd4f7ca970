"""Verification: whether a function does what its own tests say, tested by running it, and whether they say anything.

A sample is run from the start in two sandboxes, which differ in all that a program may not depend on (see Sandbox.run), and
its mutants in the second. It is verified when both runs came to the end, in both every check that was come to holds, there
was one, the values were the same, and the checks of at least one mutant do not hold.

What that means. What gets out of the sandbox is bounded by generation/sandbox/bubblewrap.py. A verdict does not rest on the program's good
behaviour where it can do without: the kernel tells how it ended, what its checks must hold is known here and not there, lines
that it writes by itself lack the secret word, and who looks for the frames and objects that know the word is ended. It rests
on it in one point: a program could still take over the interpreter that it runs in, with ctypes say, and tell the right values
without computing them. It must have them to do so; and if nothing in its functions matters, its mutants pass too, and it is
rejected. What remains is a function that was made to look like one. Models that write code do not do that; someone who writes
against this file can.

A time limit can part two runs of the same sample only where it needs about as much as it may: a mutant ten times the CPU time
of the program.
"""

from __future__ import annotations

import ast
import platform
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import CodeType
from typing import Any, NamedTuple

from generation.python_code.checks import Holds
from generation.python_code.mutants import mutants
from generation.python_code.samples import Rejected, Sample, extract, make_sample
from generation.sandbox.bubblewrap import Outcome, Program, Sandbox
from generation.sandbox.runner import LOOKED_INTO

CPU_SECONDS = 2.0  # of a run; the functions take milliseconds
MUTANTS = 8  # of a sample: that one is noticed matters, how many of the rest is a measure
MUTANT_SECONDS = 0.1  # at least, for a mutant, which otherwise has ten times the CPU time of the program
MUTANT_FACTOR = 10
# imported once for a sample and its mutants; what only defines things, so that it cannot matter who imports it
SHARED_MODULES = {
    "abc",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "statistics",
    "string",
    "textwrap",
    "typing",
}


class CodeCandidate(NamedTuple):
    """A text with code in it."""

    text: str  # a model's answer, or a record's response
    tests: str = ""  # that are not in the text
    problem: str | None = None  # why there is no text
    about: Any = None  # what the caller wants to find again


class Verified(NamedTuple):
    """A sample, and what was run of it."""

    sample: Sample
    tests_run: int  # checks that were come to, in one run
    mutants: int
    mutants_killed: int  # that the tests have noticed

    @property
    def meta(self) -> dict[str, Any]:
        ran = {"tests_run": self.tests_run, "mutants": self.mutants, "mutants_killed": self.mutants_killed}
        return {**ran, "python": platform.python_version()}


def verify_all(
    candidates: Iterable[CodeCandidate], sandbox: Sandbox, workers: int
) -> Iterator[tuple[CodeCandidate, Verified | Rejected]]:
    """Verify candidates side by side; what became of them, in their order."""

    def verdict(candidate: CodeCandidate) -> Verified | Rejected:
        try:
            if candidate.problem:
                raise Rejected(candidate.problem)
            return verify(make_sample(extract(candidate.text), candidate.tests), sandbox)
        except Rejected as rejected:
            return rejected
        except RecursionError:
            return Rejected("nested too deep")

    waiting: deque[tuple[CodeCandidate, Future[Verified | Rejected]]] = deque()
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        # of the code, such as invalid escapes; what a thread filters by itself ends when another thread's filter does
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            for candidate in candidates:
                waiting.append((candidate, pool.submit(verdict, candidate)))
                if len(waiting) > 4 * workers:
                    candidate, future = waiting.popleft()
                    yield candidate, future.result()
            for candidate, future in waiting:
                yield candidate, future.result()
        except BaseException:  # Ctrl-C: do not wait for what may take long
            sandbox.stop()
            pool.shutdown(cancel_futures=True)
            raise


def verify(sample: Sample, sandbox: Sandbox) -> Verified:
    """Run a sample. Raises Rejected where it is not verified, SandboxError where the sandbox does not start."""
    tests = compiled(sample.tests)
    program = Program(compiled(sample.program), tests, CPU_SECONDS)
    modules = sorted(SHARED_MODULES & set(imported(sample.program)))
    [first] = sandbox.run([program], seed=1, modules=modules)
    require_passed(first, sample.checks)

    seconds = min(CPU_SECONDS, max(MUTANT_SECONDS, MUTANT_FACTOR * first.cpu_seconds))
    changed = [Program(compiled(mutant), tests, seconds) for mutant in mutants(sample.program, MUTANTS)]
    second, *of_mutants = sandbox.run([program, *changed], seed=2, modules=modules)
    require_passed(second, sample.checks)
    if second.reports != first.reports:
        raise Rejected("not deterministic")
    if any(outcome.end == "lost" for outcome in of_mutants):
        raise Rejected(ENDS["lost"])
    killed = sum(why_failed(outcome, sample.checks) is not None for outcome in of_mutants)
    if not killed:
        raise Rejected("no mutant is noticed by the tests")
    return Verified(sample, len(first.reports) - 1, len(changed), killed)


def imported(program: ast.Module) -> Iterator[str]:
    """The modules that a program names."""
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def compiled(tree: ast.Module) -> CodeType:
    """Compiled with its asserts, however this Python was started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(tree, "<sample>", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError, MemoryError) as error:  # what the parser lets pass: `return` outside
            raise Rejected("is no Python", str(error)) from None


def require_passed(outcome: Outcome, checks: list[Holds]) -> None:
    if rejected := why_failed(outcome, checks):
        raise rejected


def why_failed(outcome: Outcome, checks: list[Holds]) -> Rejected | None:
    """Why a run does not pass; None where it does."""
    if outcome.end == f"exit-{LOOKED_INTO}":
        return Rejected("looks into the interpreter")
    if outcome.end != "exit-0":
        return Rejected(ENDS[outcome.end.partition("-")[0]], f"ended with {outcome.end}")
    executed = 0
    for place, report in enumerate(outcome.reports):
        match report:
            case ["check", int(number), list(values)] if 0 <= number < len(checks):
                executed += 1
                if not holds(checks[number], values):
                    return Rejected("a test fails", f"check {number} with {values!r:.200}")
            case ["opaque", int(number), str(kind)]:
                return Rejected("a test compares no plain data", f"check {number}: {kind}")
            case ["raised", _, "SystemExit", _]:
                return Rejected(ENDS["exit"])
            case ["raised", str(stage), str(name), str(message)]:
                reason = "the program raises" if stage == "program" else "a test raises"
                return Rejected(f"{reason} an exception", f"{name}: {message}")
            case ["done"] if place == len(outcome.reports) - 1:
                return None if executed else Rejected("no test was come to")
            case _:
                return Rejected(ENDS["forged"])
    return Rejected(ENDS["exit"])


ENDS = {
    "exit": "ends before its tests are done",
    "killed": "ends before its tests are done",
    "signal": "crashes",
    "cpu": "takes too long",
    "wall": "takes too long",
    "output": "reports too much",
    "forged": "forges its results",
    "lost": "breaks its sandbox",
}
NOT_COMPARABLE = (TypeError, ValueError, RecursionError, OverflowError, StopIteration, IndexError)


def holds(check: Holds, values: list[object]) -> bool:
    try:
        return check(values)
    except NOT_COMPARABLE:
        return False
