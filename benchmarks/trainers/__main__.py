"""What each trainer learns from the formats that merge writes, with the settings that docs/training.md gives.

    python -m benchmarks.trainers                        TRL, which the project's own environment has
    python -m benchmarks.trainers --environments DIR     also LLaMA-Factory, axolotl and torchtune, each in its own

Merges real records (from real dumps, else the sample's), and gives each trainer the settings as they are typed, a tiny
model in place of `your-base-model` and `your-chat-model`. A row's tokens and labels come from the trainer's own code:
its reading of the settings, templates and data sets; with TRL a step of training is run too. Prints for
each trainer, model and format whether it started, and in how many of the rows the answer and nothing else is learnt,
something stands between question and answer, and the end of the answer is learnt.

An environment is made so, for NAME in llama_factory, axolotl, torchtune, with Python 3.11 (a CPU is enough):

    python3.11 -m venv DIR/NAME
    DIR/NAME/bin/pip install --no-deps -r benchmarks/trainers/NAME.txt
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.merge import real_records

FORMATS = ("messages", "sharegpt", "chat_prompt_completion", "prompt_completion", "alpaca")
OTHERS = {"llama_factory": "LLaMA-Factory", "axolotl": "axolotl", "torchtune": "torchtune"}
OFFLINE = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "TOKENIZERS_PARALLELISM": "false"}
HEADINGS = ("trainer", "model", "format", "started", "rows", "answer alone", "apart", "end learnt")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--environments", type=Path, metavar="DIR", help="where the other trainers are installed (default: only TRL)")
    add("--records", type=int, default=500, metavar="N", help="records to merge (default: 500)")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    pythons = {"TRL": (Path(sys.executable), "trl")}
    for name, title in OTHERS.items() if args.environments else ():
        pythons[title] = (args.environments.resolve() / name / "bin" / "python", name)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        merge(real_records(args.dumps)[: args.records], folder)
        lines = [line for title, (python, room) in pythons.items() for line in table(title, python, room, folder)]
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    for line in lines:
        print(f"| {' | '.join(line)} |")


def merge(records: list[dict[str, Any]], folder: Path) -> None:
    source = folder / "records.jsonl"
    source.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    command = ["merge_datasets.py", "--inputpath", source, "--destpath", folder / "demo" / "dataset"]
    flags = ("--formats", *FORMATS, "--split", "train:0.9", "validation:0.1")
    subprocess.run([sys.executable, *command, *flags], cwd=ROOT, check=True, capture_output=True)


def table(title: str, python: Path, module: str, folder: Path) -> list[list[str]]:
    """The lines of a trainer. Exits with its words if it fails."""
    results = folder / "results.jsonl"
    results.unlink(missing_ok=True)
    env = {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "cache")}
    command = [python, "-m", f"benchmarks.trainers.{module}_rows"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{title}: {done.stderr[-3000:]}")
    found = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    return [[title, line["model"], line["format"], *cells(line)] for line in found]


def cells(line: dict[str, Any]) -> list[str]:
    if not line["found"]:
        return [f"no: {line['why']}", "", "", "", ""]
    rows, *counts = (line["found"][name] for name in ("rows", "answers", "apart", "ends"))
    return ["yes", f"{rows:,}", *(f"{count:,}" for count in counts)]


if __name__ == "__main__":
    main()
