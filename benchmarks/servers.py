"""What generate_qa.py makes of the answers of real servers: the questions kept, or the line with which the run ends.

    python -m benchmarks.servers                    all behaviours of tests/server_behaviours.py, two minutes
    python -m benchmarks.servers "llama.cpp" 429    those with such a name

Exits with 1 if an outcome is not the one that is expected.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

from tests.server_behaviours import ALL, BEHAVIOURS, run_against


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a behaviour's name (default: all)")
    names = parser.parse_args().names
    wrong = 0
    for name, behaviour in BEHAVIOURS.items():
        if names and not any(part in name for part in names):
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            kept, line, server = run_against(behaviour, Path(folder))
        as_expected = kept == behaviour.good and (behaviour.line in line if behaviour.line else not line)
        wrong += not as_expected
        outcome = line.replace(server.url, "URL") or f"{kept} of {ALL} kept"
        print(f"{'' if as_expected else 'WRONG '}{name}: {outcome}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
