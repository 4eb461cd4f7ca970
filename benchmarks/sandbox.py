"""How many functions are verified per second: generation/python_code on a typical answer of a model, and on bad ones.

    python -m benchmarks.sandbox                  one worker, 100 samples of each kind
    python -m benchmarks.sandbox --workers 2      several sandboxes at once
    python -m benchmarks.sandbox --modules 12     samples that import different modules, by turns

A verification takes two runs of the program, and its mutants, in two sandboxes that it shares with other samples which
import the same modules. Without --modules all samples do. Prints rates by the CPU time of all processes, which depends
little on other load, and by wall time; then the cost of each part. Needs bubblewrap (Linux).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from generation.python_code.answers import Rejected, extract
from generation.python_code.candidates import CodeCandidate, verify_all
from generation.python_code.mutants import mutants
from generation.python_code.samples import make_sample
from generation.python_code.verification import MUTANTS, compiled
from generation.sandbox.bubblewrap import PYTHON, Limits, Program, Sandbox, open_sandbox

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
GOOD = '''from collections import Counter


def most_common(words: list[str], n: int = 1) -> list[str]:
    """Return the n most common words, from the most common on.

    Words that are equally common stand in the order of the alphabet. Raise ValueError when n is negative.

    >>> most_common(["sail", "oar", "sail"])
    ['sail']
    """
    if n < 0:
        raise ValueError("n must not be negative")
    counts = Counter(words)
    return sorted(counts, key=lambda word: (-counts[word], word))[:n]


assert most_common(["b", "a", "b"], 2) == ["b", "a"]
assert most_common([], 3) == []
assert len(most_common(["x", "y", "z"], 2)) == 2
```
'''
KINDS = {
    "verified": GOOD,
    "a test fails": GOOD.replace('["b", "a"]\n', '["a", "b"]\n'),
    "no code": "I would rather not.",
}

MODULES = "re math itertools json string functools datetime random heapq bisect typing operator".split()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--samples", type=int, default=100, metavar="N", help="of each kind (default: 100)")
    add("--modules", type=int, default=0, metavar="N", help=f"by turns, up to {len(MODULES)} (default: none more)")
    add("--workers", type=int, default=1, metavar="N", help="sandboxes at once (default: 1)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    adopt_orphans()
    sandbox = open_sandbox(Limits())
    for name, answer in KINDS.items():
        imports = [f"import {module}\nfrom" for module in MODULES[: args.modules]] or ["from"]
        answers = [answer.replace("from", each, 1) for each in imports]
        candidates = [CodeCandidate(answers[index % len(answers)]) for index in range(args.samples)]

        def verify_them(candidates: list[CodeCandidate] = candidates, name: str = name) -> None:
            for _, verdict in verify_all(candidates, sandbox, args.workers):
                assert (str(verdict) if isinstance(verdict, Rejected) else "verified").startswith(name), verdict

        cpu, wall = cost(verify_them)
        print(f"{name:<14} {args.samples / cpu:7.1f} a CPU second {args.samples / wall:7.1f} a second")
    parts(sandbox, args.samples)


def parts(sandbox: Sandbox, times: int) -> None:
    """Print the cost of the parts of a verification, in milliseconds of CPU time."""
    sample = make_sample(extract(GOOD))
    program = Program(compiled(sample.program), compiled(sample.tests), 2.0)
    count = len(list(mutants(sample.program, MUTANTS)))
    print(f"of {count} mutants; in milliseconds of CPU time:")
    python = 1000 * cost(lambda: subprocess.run([PYTHON, "-S", "-c", ""], check=True), times)[0]
    print(f"  starting Python      {python:5.1f}, for scale")

    def in_new_sandbox(runs: int) -> None:
        sandbox.run([program] * runs, 1, ["collections"])
        sandbox.close()

    empty, runs = 1000 * cost(lambda: in_new_sandbox(0), times)[0], 10
    print(f"  a sandbox            {empty:5.1f}, shared by the samples that import the same modules")
    full = 1000 * cost(lambda: in_new_sandbox(runs), times)[0]
    print(f"  a run in it          {(full - empty) / runs:5.1f}")
    print(f"  parsing the answer   {1000 * cost(lambda: make_sample(extract(GOOD)), times)[0]:5.1f}")
    mutating = 1000 * cost(lambda: [compiled(mutant.program) for mutant in mutants(sample.program, MUTANTS)], times)[0]
    print(f"  making the mutants   {mutating:5.1f}")


def cost(work: Callable[[], object], times: int = 1) -> tuple[float, float]:
    """CPU seconds of this process and its children, and wall seconds, per call."""
    before, began = cpu_seconds(), time.perf_counter()
    for _ in range(times):
        work()
    wall = time.perf_counter() - began
    return (cpu_seconds() - before) / times, wall / times


def adopt_orphans() -> None:
    """Become the parent of processes whose parent ends before them: sandboxes, whose time would be counted nowhere."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl failed")


def cpu_seconds() -> float:
    with suppress(ChildProcessError):
        while True:  # until there are no more children
            os.wait()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
