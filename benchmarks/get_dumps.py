"""Get real dumps for the benchmarks, through step 1: archives from archive.org, kept whole, and their records.

    python -m benchmarks.get_dumps                                     the sites that the benchmarks name
    python -m benchmarks.get_dumps --dump stackexchange --sites genai cstheory

They come into benchmarks/dumps/<item>/<site>, which git ignores: they are other people's work, under CC BY-SA. A site
that is there is not fetched again, and an interrupted download goes on. $ARCHIVE_ORG_URL names another server.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.dumps import FETCHED, ROOT

ITEM = "stackexchange_20251231"  # one for everybody, so that figures can be compared
SITES = ("ai", "bioinformatics", "matheducators", "datascience.meta", "diy.meta", "genai")  # small ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--dump", default=ITEM, metavar="ITEM", help=f"an item at archive.org (default: {ITEM})")
    add("--sites", nargs="+", default=SITES, metavar="SITE", help=f"default: {' '.join(SITES)}")
    add("--dumps", type=Path, default=FETCHED, metavar="DIR", help="where they go (default: benchmarks/dumps)")
    args = parser.parse_args()
    command = [sys.executable, ROOT / "get_stackexchange.py", "--keep_archive", "--dump", args.dump]
    command += ["--destdir", args.dumps / args.dump, "--sites", *args.sites]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
