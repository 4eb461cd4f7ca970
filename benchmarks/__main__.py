"""`make bench`: every measurement with its defaults, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMANDS = (
    ("benchmarks.markdown",),
    ("benchmarks.markdown", "--linear"),
    ("benchmarks.step1",),
    ("benchmarks.step1", "--method", "lzma2"),
    ("benchmarks.step1", "--order", "random"),
    ("benchmarks.pipeline", "--megabytes", "4000"),
    ("benchmarks.slow_server",),
    ("benchmarks.cluster",),
    ("benchmarks.sources",),
    ("benchmarks.sources", "--form", "lines"),
    ("benchmarks.repairs",),
    ("benchmarks.criteria",),
    ("benchmarks.recipe",),
    ("benchmarks.learnt",),
    ("benchmarks.quality", "duplicates"),
    ("benchmarks.quality", "contamination"),
    ("benchmarks.quality", "personal_data"),
    ("benchmarks.merge",),
    ("benchmarks.merge", "--flags", "--formats", "messages"),
    ("benchmarks.attribution",),
    ("benchmarks.separators",),
    ("benchmarks.trainers",),
    ("benchmarks.preferences",),
    ("benchmarks.review",),
    ("benchmarks.viewer",),
    ("benchmarks.orders",),
    ("benchmarks.sandbox",),
    ("benchmarks.programs",),
    ("benchmarks.generation_qa",),
    ("benchmarks.servers",),
)


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    for module, *flags in COMMANDS:
        print(f"\n$ python -m {' '.join([module, *flags])}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *flags], cwd=root, check=False)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
