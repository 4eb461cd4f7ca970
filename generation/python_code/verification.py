"""Verification: runs a function with its own tests, and with faults put in, to see whether the tests mean anything.

A sample is run in two sandboxes, in a new process and folder each time. They differ in everything a program must not
depend on (see Sandbox.run). Its mutants run in the second, and the program itself again with other random numbers and
at other times if it asks for these. It is verified if all runs reach the end and report the same values, at least one
check that tells what a value is is reached, every check that is reached holds, and such a check fails for at least one
mutant of each function and class whose values the tests use, or all mutants of some of these crash: a mutant that
crashes says nothing about the tests.

What a verdict is worth: generation/sandbox/bubblewrap.py limits what a program can reach. The tests run in the
program's process, so what a verdict rests on is that the values that this process reports are those of its functions:

* The kernel reports how it ended.
* Expected values that are literals, and the examples in docstrings, are known only here, and are compared here with
  Python's own comparisons.
* What a program puts in the place of a comparison, such as another math.isclose, does not depend on its functions, so
  their faults are not noticed.
* Reports are signed with a key that is not in the program's reach, unless it inspects frames, objects or the code of
  its tests, which ends it (generation/sandbox/runner.py).

A program that takes over its interpreter nevertheless, with ctypes for example, can report values that it does not
compute. Like one whose functions know the arguments and results of the tests, or take them from the variables of the
tests, it would have to contain these values; and one that finds out that it was changed, by a value of its own, can
fail tests that notice nothing. Both would have been written to deceive this verification. Models that write code do
not do that; a person could.

A time limit can make two runs of the same sample differ only if it needs about as much time as it is allowed; for a
mutant that is ten times the CPU time of the program.
"""

from __future__ import annotations

import ast
import platform
import warnings
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType
from typing import Any, NamedTuple

from generation.python_code.answers import Rejected
from generation.python_code.checks import Check
from generation.python_code.mutants import Mutant, mutants
from generation.python_code.samples import Sample, used_definitions
from generation.sandbox.bubblewrap import Fields, NotPlain, Outcome, Program, Sandbox
from generation.sandbox.runner import LOOKED_INTO

CPU_SECONDS = 2.0  # limit of a run; the functions take milliseconds
MUTANTS = 5  # at most, per sample: one that is noticed is required, the share of all is a measure of the tests
MORE_MUTANTS = 24  # at most, if none of these is noticed
MUTANT_FACTOR = 10  # a mutant may take this many times the CPU time of the program
MIN_MUTANT_SECONDS = 0.1
# Imported once for a sample and its mutants. These modules only define things, so it does not matter who imports them.
SHARED_MODULES = set(
    "abc argparse asyncio base64 bisect calendar collections contextlib copy csv dataclasses datetime decimal difflib "
    "enum fractions functools hashlib heapq html inspect io ipaddress itertools json logging math numbers operator os "
    "pathlib pprint queue random re secrets shutil statistics string struct tempfile textwrap threading time traceback "
    "types typing unicodedata unittest urllib uuid warnings weakref zoneinfo".split()
)
# A program that uses these runs again with other random numbers, or at other times.
RANDOM_MODULES = {"random", "secrets", "uuid"}
CLOCK_MODULES = {"time", "datetime", "calendar"}
SEEDS = 50  # a die with a seventh side is found out with a probability of 1 - (6/7)^50 = 0.9996, if it is rolled once
YEAR = 365.25 * 24 * 3600  # seconds
LATER, EARLIER = 33.3 * YEAR, -22.2 * YEAR  # clock errors


class Verified(NamedTuple):
    """How a verified sample was tested."""

    tests_run: int  # checks that were reached in one run
    mutants: int
    mutants_killed: int  # for which a test failed

    @property
    def meta(self) -> dict[str, Any]:
        return {
            "tests_run": self.tests_run,
            "mutants": self.mutants,
            "mutants_killed": self.mutants_killed,
            "python": platform.python_version(),
        }


def verify(sample: Sample, sandbox: Sandbox) -> Verified:
    """Run a sample. Raises Rejected if it is not verified, SandboxError if the sandbox does not start."""
    tests = compiled(sample.tests)
    program = Program(compiled(sample.program), tests, CPU_SECONDS)
    used = set(imported(sample.program)) | set(imported(sample.tests))
    modules = sorted(SHARED_MODULES & used | ({"random"} if used & RANDOM_MODULES else set()))
    [first] = sandbox.run([program], seed=1, modules=modules)
    require_passed(first, sample.checks)
    telling = list(tests_of(first, sample.checks))
    if not telling:
        raise Rejected("no test tells what a value is")
    answers = {value for _, values in telling for value in values if type(value) is bool}
    if all(check.asks for check, _ in telling) and len(answers) == 1:
        raise Rejected("all its tests have the same answer")  # a function that always says so would pass them

    # One repetition has the limits of the mutants, and all have other process numbers than the first run, because the
    # mutants come before them: a program that depends on these is not verified.
    limited = program._replace(cpu_seconds=min(CPU_SECONDS, max(MIN_MUTANT_SECONDS, MUTANT_FACTOR * first.cpu_seconds)))
    repeated = [limited._replace(seed=1, clock_error=EARLIER), *variants(program, used)]
    changed = changed_programs(sample, limited, MUTANTS)
    outcomes = sandbox.run([*(each for each, _ in changed), *repeated], seed=2, modules=modules)
    for outcome in outcomes[len(changed) :]:
        require_same(outcome, first, sample.checks)
    # that a result is missing is noticed by a test that compares it with anything, so that has to be several things
    crude_counts = len(atoms_of(first, sample.checks)) > 1
    trials = judge_mutants(changed, outcomes, sample.checks, crude_counts)
    noticed = 0
    for name in sorted(used_definitions(sample)):
        if len(changed) == MUTANTS and not any(trial.counts for trial in trials_in(name, trials)):
            more = changed_programs(sample, limited, MORE_MUTANTS, name)
            outcomes = sandbox.run([each for each, _ in more], seed=2, modules=modules)
            trials |= judge_mutants(more, outcomes, sample.checks, crude_counts)
        own = trials_in(name, trials)
        noticed += any(trial.counts for trial in own)
        if any(trial.survives for trial in own) and not any(trial.counts for trial in own):
            raise Rejected("no mutant is noticed by the tests", f"none of {name}")
    if not noticed:
        raise Rejected("no mutant is noticed by the tests")
    return Verified(len(first.reports) - 1, len(trials), sum(trial.noticed for trial in trials.values()))


class Trial(NamedTuple):
    """What became of a mutant."""

    definition: str  # the function or class of the program that has the fault
    noticed: bool  # by a test
    counts: bool  # noticed, and not by every test that compares anything
    survives: bool  # passes all tests, instead of crashing


def changed_programs(sample: Sample, program: Program, most: int, *within: str) -> list[tuple[Program, Mutant]]:
    """The mutants of a program that can be compiled, or of some of its functions and classes."""
    changed = []
    for mutant in mutants(sample.program, most, within):
        with suppress(Rejected):
            changed.append((program._replace(code=compiled(mutant.program)), mutant))
    return changed


def judge_mutants(
    changed: list[tuple[Program, Mutant]], outcomes: list[Outcome], checks: list[Check], crude_counts: bool
) -> dict[CodeType, Trial]:
    """The trials of mutants, by their code: the same mutant may be run twice. There may be more outcomes."""
    if any(outcome.end == "lost" for outcome in outcomes):
        raise Rejected(ENDS["lost"])
    trials = {}
    for (program, mutant), outcome in zip(changed, outcomes, strict=False):
        noticed = is_noticed(outcome, checks)
        counts = noticed and (crude_counts or not mutant.crude)
        survives = outcome.reports[-1:] == [["done"]] and not noticed
        trials[program.code] = Trial(mutant.definition, noticed, counts, survives)
    return trials


def trials_in(name: str, trials: dict[CodeType, Trial]) -> list[Trial]:
    return [trial for trial in trials.values() if trial.definition == name]


def variants(program: Program, used: set[str]) -> list[Program]:
    """The program with other random numbers and at another time, if it uses modules for these."""
    later = [program._replace(clock_error=LATER)] if used & CLOCK_MODULES else []
    seeds = range(2, SEEDS + 2) if used & RANDOM_MODULES else ()
    return [*later, *(program._replace(seed=seed) for seed in seeds)]


def imported(program: ast.Module) -> Iterator[str]:
    """The modules that a program imports, packages by their first name."""
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Attribute) and node.attr == "urandom":
            yield "random"


def compiled(tree: ast.Module) -> CodeType:
    """Compile with asserts, even under python -O. Raises Rejected if the code is not valid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(tree, "<sample>", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError) as error:  # what the parser does not find: `return` outside a function
            raise Rejected("is not Python", str(error)) from None


# ---- judging ---------------------------------------------------------------------------------------------------------
def require_passed(outcome: Outcome, checks: list[Check]) -> None:
    if rejected := why_failed(outcome, checks):
        raise rejected


def require_same(outcome: Outcome, first: Outcome, checks: list[Check]) -> None:
    """Raise Rejected if a repetition of a run does not pass as the first did."""
    rejected = why_failed(outcome, checks)
    if outcome.end in ("wall", "cpu", "lost"):
        require_passed(outcome, checks)
    if rejected:
        raise Rejected("not deterministic", f"in another run: {rejected}")
    if outcome.reports != first.reports:
        raise Rejected("not deterministic")


def why_failed(outcome: Outcome, checks: list[Check]) -> Rejected | None:
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
                try:
                    if not holds(checks[number], values):
                        return Rejected("a test fails", f"check {number} with {shown(values)}")
                except NotPlain as kind:
                    return Rejected("a test compares no plain data", f"check {number}: {kind}")
            case ["opaque", int(number), str(problem)]:
                return Rejected("a test compares no plain data", f"check {number}: {problem}")
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
NOT_COMPARABLE = (TypeError, ValueError, ArithmeticError, RecursionError, StopIteration, IndexError, AttributeError)


def holds(check: Check, values: list[object]) -> bool:
    try:
        return check.holds(values)
    except NOT_COMPARABLE:
        return False


def shown(values: list[object]) -> str:
    try:
        return f"{values!r:.200}"
    except ValueError:  # an integer of more digits than Python prints
        return "values that are too long to show"


def tests_of(outcome: Outcome, checks: list[Check]) -> Iterator[tuple[Check, list[Any]]]:
    """The checks of a passed run that tell what a value is, with their values."""
    for report in outcome.reports:
        match report:
            case ["check", int(number), list(values)] if is_test(checks[number], values):
                yield checks[number], values


def atoms_of(outcome: Outcome, checks: list[Check]) -> set[str]:
    """The different simple values that tests compare in a passed run."""
    return {atom for _, values in tests_of(outcome, checks) for atom in atoms(values)}


def atoms(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [part for item in value.items() for part in item]
    if isinstance(value, Fields):
        value = value.items
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from atoms(item)
    else:
        yield hex(value) if type(value) is int else repr(value)  # Python refuses to print integers of many digits


def is_noticed(outcome: Outcome, checks: list[Check]) -> bool:
    """Whether a test fails for a mutant before it crashes, if it does."""
    if outcome.end != "exit-0":
        return False
    for report in outcome.reports:
        match report:
            case ["check", int(number), list(values)] if 0 <= number < len(checks):
                with suppress(NotPlain):
                    if not holds(checks[number], values) and is_test(checks[number], values):
                        return True
            case _:
                return False
    return False


def is_test(check: Check, values: list[object]) -> bool:
    try:
        return check.is_test(values)
    except (*NOT_COMPARABLE, NotPlain):
        return True  # a comparison that fails compares
