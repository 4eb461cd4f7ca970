"""Which programs are verified: honest, weak and hostile ones, and the reference solutions of HumanEval and MBPP.

    python -m benchmarks.programs                            the programs in ../shared/cases/generation
    python -m benchmarks.programs --human_eval HumanEval.jsonl.gz --mbpp mbpp.jsonl

In the folder of programs, honest/ and shapes/ (forms of answers) ought to be verified; cheat/ (weak tests: w_*, forged
results: h_*) and harm/ (what a program can do to its sandbox) ought to be rejected, all within their limits of time.
Lists those that are not, with the reason. The two published sets are not in this repository: HumanEval.jsonl.gz is in
the package human-eval, mbpp.jsonl in google-research/google-research on GitHub, under mbpp/. Needs bubblewrap (Linux).
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generation.python_code.answers import Rejected
from generation.python_code.candidates import CodeCandidate, verify_all
from generation.sandbox.bubblewrap import Limits, Sandbox, open_sandbox

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {  # files below the folder of programs, and whether they ought to be verified
    "honest": ("honest/*.py", True),
    "forms of answers": ("shapes/*.py", True),
    "weak tests": ("cheat/w_*.py", False),
    "forged results": ("cheat/h_*.py", False),
    "harm": ("harm/*.py", False),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--programs", type=Path, default=ROOT.parent / "shared" / "cases" / "generation", metavar="FOLDER")
    add("--human_eval", type=Path, metavar="FILE", help="HumanEval.jsonl.gz (default: left out)")
    add("--mbpp", type=Path, metavar="FILE", help="mbpp.jsonl (default: left out)")
    add("--workers", type=int, default=2, metavar="N", help="sandboxes at once (default: 2)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    sandbox = open_sandbox(Limits())
    print(f"{'':<18} programs verified rejected seconds")
    for name, (pattern, good) in GROUPS.items():
        paths = sorted(args.programs.glob(pattern))
        count(name, [CodeCandidate(path.read_text("utf-8"), about=path.stem) for path in paths], good, sandbox, args)
    if args.human_eval:
        count("HumanEval", list(human_eval(args.human_eval)), True, sandbox, args)
    if args.mbpp:
        count("MBPP", list(mbpp(args.mbpp)), True, sandbox, args)


def count(name: str, candidates: list[CodeCandidate], good: bool, sandbox: Sandbox, args: argparse.Namespace) -> None:
    """Print how many candidates are verified, and those that are not as they ought to be."""
    began = time.monotonic()
    verdicts = list(verify_all(candidates, sandbox, args.workers))
    seconds = time.monotonic() - began
    found = Counter(isinstance(verdict, Rejected) for _, verdict in verdicts)
    print(f"{name:<18} {len(verdicts):8} {found[False]:8} {found[True]:8} {seconds:7.1f}")
    for candidate, verdict in verdicts:
        if isinstance(verdict, Rejected) is good:
            why = f"{verdict}: {verdict.detail}" if isinstance(verdict, Rejected) else "verified"
            print(f"    {candidate.about}  {' '.join(why.split())[:100]}")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def human_eval(path: Path) -> Iterator[CodeCandidate]:
    for row in rows(path):
        tests = f"{row['test']}\ncheck({row['entry_point']})\n"
        yield CodeCandidate(row["prompt"] + row["canonical_solution"], tests, about=row["task_id"])


def mbpp(path: Path) -> Iterator[CodeCandidate]:
    for row in rows(path):
        tests = "\n".join([row["test_setup_code"], *row["test_list"], *row["challenge_test_list"]])
        yield CodeCandidate(row["code"], tests, about=f"MBPP/{row['task_id']}")


if __name__ == "__main__":
    main()
