#!/usr/bin/env python3
"""Step 3b: keep the records that a person has accepted.

The judgement file is YAML, written by the viewer or by hand: a line `<id>: accept` or `<id>: reject` for each record.

    python filter_by_human.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --destpath filtered-stack-exchange/cstheory.accepted.jsonl --judgement_file judgements/cstheory.yaml
"""

from __future__ import annotations

import argparse
import sys

from instructions.files import open_output, refuse_same_file, report_path, write_report
from instructions.judgements import load_judgements
from instructions.records import read_with_progress
from instructions.script import Tally, run

UNKNOWN_SHOWN = 10  # ids that are not in the data: each is told with its line, up to so many


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--inputpath", nargs="+", action="extend", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, "
        "or - for stdin")  # fmt: skip
    add("--destpath", required=True, metavar="PATH", help="the same endings, or - for stdout")
    add("--judgement_file", required=True, metavar="PATH", help="YAML with the accepted and the rejected ids")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    refuse_same_file([*args.inputpath, args.judgement_file], args.destpath)
    judgements = load_judgements(args.judgement_file)
    tally, unknown = Tally(), dict(judgements)
    with open_output(args.destpath) as out:
        for row in read_with_progress(args.inputpath):
            judgement = judgements.get(row.record["id"])
            unknown.pop(row.record["id"], None)
            if judgement is None:
                tally.drop("not judged")
            elif judgement.accepted:
                tally.keep()
                out.write(row.raw + b"\n")
            else:
                tally.drop("rejected")
        if report := report_path(args.destpath):
            counts = {"judgements": len(judgements), "ids_not_in_the_data": len(unknown), **tally.as_dict()}
            write_report(report, {"options": vars(args), "counts": counts})

    for record_id, judgement in list(unknown.items())[:UNKNOWN_SHOWN]:
        print(f"{args.judgement_file}:{judgement.line}: {record_id} is not in the data", file=sys.stderr)
    if len(unknown) > UNKNOWN_SHOWN:
        print(f"{args.judgement_file}: {len(unknown) - UNKNOWN_SHOWN:,} more ids are not in the data", file=sys.stderr)
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")


if __name__ == "__main__":
    run(main)
