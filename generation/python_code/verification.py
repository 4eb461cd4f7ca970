"""Verification: runs a function with its own tests, and with faults put in, to see whether the tests mean anything.

A sample is run from scratch in two sandboxes that differ in everything a program must not depend on (see
Sandbox.run); its mutants run in the second. It is verified if both runs reach the end, at least one check is reached
and every one that is holds, both runs report the same values, and the tests fail for at least one mutant.

What a verdict is worth: generation/sandbox/bubblewrap.py limits what a program can reach. Wherever possible, a
verdict does not depend on the program's cooperation: the kernel reports how it ended, the expected values of its
checks are known only here, lines that it writes itself lack the secret word, and looking for the frames and objects
that hold the word ends it. One way remains: a program could take over its own interpreter, with ctypes for example,
and report the right values without computing them. It would have to contain these values, and unless its functions
matter for them, its mutants pass too and it is rejected. What remains are programs that were written to deceive this
verification. Models that write code do not do that; a person could.

A time limit can make two runs of the same sample differ only if it needs about as much time as it is allowed; for a
mutant that is ten times the CPU time of the program.
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

CPU_SECONDS = 2.0  # limit of a run; the functions take milliseconds
MUTANTS = 8  # at most, per sample: one that is noticed is required, the number of the others is a measure of the tests
MUTANT_FACTOR = 10  # a mutant may take this many times the CPU time of the program
MIN_MUTANT_SECONDS = 0.1
# Imported once for a sample and its mutants. These modules only define things, so it does not matter who imports them.
SHARED_MODULES = set(
    "abc bisect calendar collections contextlib copy dataclasses datetime decimal enum fractions functools heapq "
    "itertools json math operator re statistics string textwrap typing".split()
)


class CodeCandidate(NamedTuple):
    """A text with code in it."""

    text: str  # a model's answer, or a record's response
    tests: str = ""  # that are not in the text
    problem: str | None = None  # why there is no text
    about: Any = None  # for the caller


class Verified(NamedTuple):
    """A verified sample, and how it was tested."""

    sample: Sample
    tests_run: int  # checks that were reached in one run
    mutants: int
    mutants_killed: int  # for which the tests failed

    @property
    def meta(self) -> dict[str, Any]:
        return {
            "tests_run": self.tests_run,
            "mutants": self.mutants,
            "mutants_killed": self.mutants_killed,
            "python": platform.python_version(),
        }


def verify_all(
    candidates: Iterable[CodeCandidate], sandbox: Sandbox, workers: int
) -> Iterator[tuple[CodeCandidate, Verified | Rejected]]:
    """Verify candidates in parallel; yields each with its verdict, in their order."""

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
        # about the code, such as invalid escapes; set here because threads would undo each other's filters
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
        except BaseException:  # Ctrl-C: do not wait for running programs
            sandbox.stop()
            pool.shutdown(cancel_futures=True)
            raise


def verify(sample: Sample, sandbox: Sandbox) -> Verified:
    """Run a sample. Raises Rejected if it is not verified, SandboxError if the sandbox does not start."""
    tests = compiled(sample.tests)
    program = Program(compiled(sample.program), tests, CPU_SECONDS)
    modules = sorted(SHARED_MODULES & set(imported(sample.program)))
    [first] = sandbox.run([program], seed=1, modules=modules)
    require_passed(first, sample.checks)

    seconds = min(CPU_SECONDS, max(MIN_MUTANT_SECONDS, MUTANT_FACTOR * first.cpu_seconds))
    changed = [Program(compiled(mutant), tests, seconds) for mutant in mutants(sample.program, MUTANTS)]
    second, *mutated = sandbox.run([program, *changed], seed=2, modules=modules)
    require_passed(second, sample.checks)
    if second.reports != first.reports:
        raise Rejected("not deterministic")
    if any(outcome.end == "lost" for outcome in mutated):
        raise Rejected(ENDS["lost"])
    killed = sum(why_failed(outcome, sample.checks) is not None for outcome in mutated)
    if not killed:
        raise Rejected("no mutant is noticed by the tests")
    return Verified(sample, len(first.reports) - 1, len(changed), killed)


def imported(program: ast.Module) -> Iterator[str]:
    """The modules that a program imports."""
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def compiled(tree: ast.Module) -> CodeType:
    """Compile with asserts, even under python -O. Raises Rejected if the code is not valid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(tree, "<sample>", "exec", dont_inherit=True, optimize=0)
        except (
            SyntaxError,
            ValueError,
            MemoryError,
        ) as error:  # errors that the parser does not find, such as `return` outside a function
            raise Rejected("is no Python", str(error)) from None


def require_passed(outcome: Outcome, checks: list[Holds]) -> None:
    if rejected := why_failed(outcome, checks):
        raise rejected


def why_failed(outcome: Outcome, checks: list[Holds]) -> Rejected | None:
    """Why a run does not pass, or None if it does."""
    if outcome.end == f"exit-{LOOKED_INTO}":
        return Rejected("looks into the interpreter")
    if outcome.end != "exit-0":
        return Rejected(ENDS[outcome.end.partition("-")[0]], f"ended with {outcome.end}")
    executed = 0
    for index, report in enumerate(outcome.reports):
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
            case ["done"] if index == len(outcome.reports) - 1:
                return None if executed else Rejected("no test was reached")
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
