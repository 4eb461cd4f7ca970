"""Does every row of every format have its attribution? Merges the records of real dumps, and joins each row.

    python -m benchmarks.attribution
    python -m benchmarks.attribution --dumps ~/dumps

A row is attributed if ATTRIBUTION.jsonl has its id, with the addresses of question and answer, and a licence. Tuples
have no id: TUPLE_IDS.jsonl gives it by file and index. Deleted authors have no name, nor has anyone in
a dump without Users.xml, so names are counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet

from benchmarks.dumps import ROOT, add_dumps, write_distinct_records
from merging.formats import FORMATS

NEEDED = ("question_url", "answer_url", "question_license", "answer_license")
NAMES = ("question_author", "answer_author")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        write_distinct_records(work / "records.jsonl", args.dumps)
        command = [sys.executable, ROOT / "merge_datasets.py", "--inputpath", work / "records.jsonl"]
        flags = ("--destpath", work / "made", "--formats", *FORMATS, "--split", "train:0.9", "validation:0.1")
        subprocess.run([*command, *flags], check=True, capture_output=True)
        show(work / "made")


def show(folder: Path) -> None:
    given = {row["id"]: row for row in json_lines(folder / "ATTRIBUTION.jsonl")}
    print(f"{'file':<58}{'rows':>8}{'attributed':>12}{'both names':>12}")
    for file, ids in [*tuples(folder), *rows(folder)]:
        found = [given[id_] for id_ in ids if id_ in given and all(given[id_].get(name) for name in NEEDED)]
        named = sum(all(row.get(name) for name in NAMES) for row in found)
        print(f"{file:<58}{len(ids):>8,}{len(found):>12,}{named:>12,}")


def tuples(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each file of tuples with the ids of its tuples, in their order; a tuple without one has the id ""."""
    ids = {(row["file"], row["index"]): row["id"] for row in json_lines(folder / "TUPLE_IDS.jsonl")}
    for path in sorted(folder.glob("*.json")):
        if any(file == path.name for file, _ in ids):
            count = len(json.loads(path.read_bytes()))
            yield path.name, [ids.get((path.name, index), "") for index in range(count)]


def rows(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(folder.glob("*/*")):
        if path.suffix == ".parquet":
            found = pyarrow.parquet.read_table(path, columns=["id"]).to_pylist()
        else:
            found = json.loads(path.read_bytes()) if path.suffix == ".json" else json_lines(path)
        yield path.relative_to(folder).as_posix(), [row["id"] for row in found]


def json_lines(path: Path) -> list[dict]:
    with path.open("rb") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
