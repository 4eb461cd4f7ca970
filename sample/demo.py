"""The complete pipeline on the invented sample site, offline: from a 7z dump, over HTTP on loopback, to tuple files.

make demo          (or: python -m sample.demo, where the requirements are installed)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import py7zr

from sample.archive_server import ArchiveServer

SAMPLE = Path(__file__).parent
ROOT = SAMPLE.parent
HOST = "harbour.stackexchange.com"
ITEM = "stackexchange_sample"
DEMO = Path("demo")  # the demo's outputs, below the project's folder; each step replaces its own files


def build_item(root: Path) -> Path:
    """Pack the sample's XML files as a dump of up to 2025 is, one solid BZip2 stream; returns the archive."""
    archive = root / ITEM / f"{HOST}.7z"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with py7zr.SevenZipFile(archive, "w", filters=[{"id": py7zr.FILTER_BZIP2}]) as out:
        for path in sorted((SAMPLE / HOST).iterdir()):
            out.write(path, path.name)
    return archive


def step(title: str, *command: str) -> None:
    """Show a command and run it; end the demo if it fails."""
    print(f"\n== {title}\n$ python {' '.join(command)}", flush=True)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"demo: the last command ended with status {done.returncode}")


def main() -> None:
    archive = build_item(ROOT / DEMO / "archive.org")
    print(f"The sample site is packed as {archive.relative_to(ROOT)} and served on loopback as an archive.org item.")

    unfiltered = DEMO / "stack-exchange" / "harbour" / "unfiltered.jsonl"
    filtered = DEMO / "filtered-stack-exchange" / "harbour.jsonl"
    checked = DEMO / "filtered-stack-exchange" / "harbour.checked.jsonl"
    accepted = DEMO / "filtered-stack-exchange" / "harbour.accepted.jsonl"
    judgements = Path("sample/judgements/harbour.yaml")
    dataset = DEMO / "dataset"

    with ArchiveServer(ROOT / DEMO / "archive.org") as server:
        step(
            "1. Fetch the dump, join answers to questions, write Markdown",
            "get_stackexchange.py",
            *("--base_url", server.url, "--dump", ITEM, "--sites", "harbour"),
            *("--destdir", str(unfiltered.parent.parent), "--force"),
        )
    step(
        "2. Keep the answers with at least 10 votes",
        "filter_for_score.py",
        *("--inputpath", str(unfiltered), "--destpath", str(filtered), "--min_answer_votes", "10"),
    )
    step(
        "2b. Find what a machine can check of the review criteria, and drop links and references to others",
        "filter_for_criteria.py",
        *("--inputpath", str(filtered), "--destpath", str(checked), "--drop", "4,6"),
    )
    step(
        "3. Keep what a person has accepted",
        "filter_by_human.py",
        *("--inputpath", str(filtered), "--destpath", str(accepted), "--judgement_file", str(judgements)),
    )
    sources = {name: DEMO / "sources" / f"{name}.jsonl" for name in ("anthrop_helpful", "anthrop_redteam", "conala")}
    for script, name in (
        (("get_hh_rlhf.py", "--subset", "helpful"), "anthrop_helpful"),
        (("get_hh_rlhf.py", "--subset", "harmless"), "anthrop_redteam"),
        (("get_conala.py",), "conala"),
    ):
        step(f"Another source: {name}", *script, "--inputpath", "sample/sources", "--destpath", str(sources[name]))
    step(
        "4. Merge all sources into the tuple files, what trainers read, and a card",
        "merge_datasets.py",
        *("--inputpath", str(accepted), *map(str, sources.values()), "--destpath", str(dataset)),
        *("--formats", "alpha", "messages", "--split", "train:0.9", "validation:0.1"),
    )
    summary(unfiltered, filtered, accepted, sources["conala"].parent, dataset, judgements)


def summary(unfiltered: Path, filtered: Path, accepted: Path, sources: Path, dataset: Path, judgements: Path) -> None:
    """Print one pair as readers of the tuple files see it, where the files are, and what to type next."""
    part = dataset / "instruction_tuning_dataset_alpha_part1.json"
    source, text = json.loads((ROOT / part).read_text("utf-8"))[0]
    question, answer = text.split("\n\n", maxsplit=1)
    print(f"\n== One of the pairs ({source}), split at its first blank line")
    for name, value in (("question", question), ("answer", answer.replace("<|endoftext|>", "").strip())):
        short = " ".join(value.split())
        print(f"{name:>10}: {short[:200]}{' ...' if len(short) > 200 else ''}")
    print("\n== Where the files are")
    for path, what in (
        (unfiltered, "every question/answer pair of the site, a record a line"),
        (filtered, "those with at least 10 votes"),
        (judgements, "a person's judgements, YAML that can be edited by hand"),
        (accepted, "the accepted answers"),
        (sources, "records of HH-RLHF and CoNaLa, here invented ones"),
        (part, "the tuple files, and report.json with every number"),
        (dataset / "messages", 'what trainers read: load_dataset("demo/dataset", "messages")'),
        (dataset / "README.md", "the data set card, as the Hugging Face hub shows it"),
    ):
        print(f"  {path!s:<62} {what}")
    print(
        "\n== What to type next\n"
        "  make review                                          review the records yourself, in JupyterLab\n"
        "  . .venv/bin/activate\n"
        "  python get_stackexchange.py --list                   the sites of the newest dump at archive.org\n"
        "  python get_stackexchange.py --sites cstheory         a real site (some 20 MB)\n"
        "  less README.md                                       the steps, the record, the terms of the data"
    )


if __name__ == "__main__":
    main()
