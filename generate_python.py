#!/usr/bin/env python3
"""Another source: Python functions written by a language model, and verified by running them with their own tests.

The model is asked for a function with a docstring and asserts, by a prompt with examples (generation/prompts/python). What it
answers is run in a sandbox, twice, and with faults put in: kept is what its tests pass, each time the same, as long as they
notice a fault. The instruction is the docstring's task, the response the function.

    python generate_python.py --samples 10000 --model bigcode/starcoder2-3b --license bigcode-openrail-m \\
        --destpath sources/python_code.jsonl
    python generate_python.py --samples 10000 --model my-model --base_url http://localhost:8000/v1 --license apache-2.0 \\
        --destpath sources/python_code.jsonl --exclude sources/earlier.jsonl
    python generate_python.py --verify sources/elsewhere.jsonl --destpath sources/verified.jsonl

--verify runs what records made elsewhere have as their response, with the asserts and examples in it and those in meta.tests.
The sandbox is bubblewrap, on Linux. A run that was ended goes on where it was when the same command is typed again: the
model's answers are kept in --cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from generation.backends.base import TOO_LONG, Request
from generation.models import Model, add_model_flags, open_model
from generation.prompt_template import Template, read_template
from generation.python_code.samples import Rejected, digest, extract, make_record, parted
from generation.python_code.verification import CodeCandidate, Verified, verify_all
from generation.sandbox.bubblewrap import Limits, open_sandbox
from records.errors import InputError
from records.file_io import STANDARD_STREAM, report_path, write_report
from records.record import read_with_progress
from records.record_output import open_record_output
from records.script import Tally, positive, run, script_parser

PLACES = frozenset({"topic"})
PROMPTS = Path(__file__).parent / "generation" / "prompts" / "python"
ASKED_AT_ONCE = 256  # samples, between which their code is run


def arguments() -> argparse.Namespace:
    verify = argparse.ArgumentParser(add_help=False)
    verify.add_argument(
        "--verify",
        metavar="FILE",
        help="verify these records instead of asking a model: .jsonl, .jsonl.gz, "
        ".jsonl.zst, or - for stdin; the flags of sampling and the model do not go with it",
    )
    parser = script_parser(__doc__, verify)
    add = parser.add_argument
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where the rejected samples go, each with its reason (default: beside "
        "--destpath, as in python_code.dropped.jsonl; with -, nowhere)",
    )
    add(
        "--exclude",
        nargs="+",
        default=[],
        metavar="PATH",
        help="records whose functions must not come again, whatever their "
        "names are (default: none; twice in one run they never come)",
    )
    add(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="sandboxes at once (default: one a core)",
    )
    add(
        "--allow_unsandboxed",
        action="store_true",
        help="run the code of the model as you, with your files, network and "
        "processes open to it, where there is no sandbox (default: refuse)",
    )
    if verify.parse_known_args()[0].verify is None:
        add_sampling_flags(parser)
        add_model_flags(parser)
    args = parser.parse_args()

    if args.verify is None:
        if not (args.temperature >= 0 and 0 < args.top_p <= 1):
            parser.error("--temperature must be 0 or above, --top_p above 0 and at most 1")
        if args.cache is None and args.destpath != STANDARD_STREAM:
            args.cache = f"{args.destpath}.cache"
    if args.dropped_path is None and args.destpath != STANDARD_STREAM:
        stem, ending, packed = args.destpath.rpartition(".jsonl")
        args.dropped_path = f"{stem}.dropped{ending}{packed}" if ending else f"{packed}.dropped.jsonl"
    return args


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("samples").add_argument
    add("--samples", type=positive, required=True, metavar="N", help="functions to ask for")
    add(
        "--prompt",
        type=Path,
        default=PROMPTS / "function.txt",
        metavar="FILE",
        help="with {topic} in it (default: generation/prompts/python/function.txt)",
    )
    add(
        "--topics",
        type=Path,
        default=PROMPTS / "topics.txt",
        metavar="FILE",
        help="one a line, asked for in turn (default: generation/prompts/python/topics.txt)",
    )
    add("--temperature", type=float, default=0.8, metavar="T", help="of sampling (default: 0.8)")
    add("--top_p", type=float, default=0.95, metavar="P", help="of sampling (default: 0.95)")
    add("--seed", type=int, default=0, metavar="N", help="of sampling (default: 0)")


def main() -> None:
    args = arguments()
    verifying = args.verify is not None
    prompt, topics = (None, []) if verifying else (read_template(args.prompt, PLACES), read_topics(args.topics))
    inputs = [*args.exclude, *([args.verify] if verifying else [args.prompt, args.topics])]
    cache, tally = None if verifying else args.cache, Tally()
    with ExitStack() as stack:
        files = stack.enter_context(open_record_output(inputs, args.destpath, args.dropped_path, cache))
        sandbox = open_sandbox(Limits(), args.allow_unsandboxed, tell)
        seen = set(known_digests(args.exclude))
        model = stack.enter_context(open_model(args, cache)) if prompt else None
        candidates = ask(model, prompt, topics, args) if model and prompt else of_records(args.verify)
        for candidate, verdict in verify_all(candidates, sandbox, args.workers):
            try:
                record = finished(candidate, verdict, seen)
            except Rejected as rejected:
                tally.drop(str(rejected))
                if files.dropped:
                    files.dropped.write(
                        line({"reason": str(rejected), "detail": rejected.detail, **dropped(candidate)})
                    )
            else:
                tally.keep()
                files.out.write(line(record))

    if report := report_path(args.destpath):
        write_report(
            report,
            {
                "options": vars(args),
                **(asdict(model.info) if model else {}),
                "python": platform.python_version(),
                "sandboxed": sandbox.closed,
                "counts": tally.as_dict(),
            },
        )
    tally.show(f"{args.verify if verifying else args.model} -> {args.destpath}", "records" if verifying else "samples")
    if model:
        tell(f"the model was asked for {model.asked:,} texts; {model.known:,} were known")


def ask(model: Model, prompt: Template, topics: list[str], args: argparse.Namespace) -> Iterator[CodeCandidate]:
    """What the model answers, sample by sample."""
    settings = prompt.settings(temperature=args.temperature, top_p=args.top_p, seed=args.seed)
    prompt_digest = hashlib.sha256(args.prompt.read_bytes()).hexdigest()
    meta = {"license": model.info.license, **model.info.meta, "prompt_sha256": prompt_digest}
    for begin in range(0, args.samples, ASKED_AT_ONCE):
        numbers = range(begin, min(begin + ASKED_AT_ONCE, args.samples))
        asked = [(topics[number % len(topics)], number // len(topics)) for number in numbers]
        requests = [Request(prompt.fill(topic=topic), sample) for topic, sample in asked]
        for (topic, sample), generation in zip(asked, model.generate(requests, settings), strict=True):
            problem = "prompt too long for the model" if generation.end == TOO_LONG else None
            yield CodeCandidate(generation.text, "", problem, {"meta": {**meta, "topic": topic, "sample": sample}})


def of_records(path: str) -> Iterator[CodeCandidate]:
    """The code of records made elsewhere, with the tests that are in their meta: a text, or a list of texts."""
    for row in read_with_progress([path]):
        tests = row.record["meta"].get("tests") or []
        parts = [tests] if isinstance(tests, str) else tests
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise InputError(f"{row.place}: meta.tests is no text and no list of texts; write the asserts there")
        yield CodeCandidate(row.record["response"], "\n".join(parts), None, {"record": row.record})


def finished(candidate: CodeCandidate, verdict: Verified | Rejected, seen: set[str]) -> dict[str, Any]:
    """The record of a verified candidate. Raises Rejected where it is not verified, or was seen before."""
    if isinstance(verdict, Rejected):
        raise verdict
    sample = verdict.sample
    if sample.digest in seen:
        raise Rejected("a function that is there already")
    if "record" in candidate.about:
        given = candidate.about["record"]
        record = {**given, "meta": {**given["meta"], **verdict.meta}}
    else:
        record = make_record(sample, {**candidate.about["meta"], "tests": sample.test_code, **verdict.meta})
    seen.add(sample.digest)
    return record


def dropped(candidate: CodeCandidate) -> dict[str, Any]:
    """What is kept of a rejected candidate."""
    if "record" in candidate.about:
        return {"record": candidate.about["record"]}
    meta = candidate.about["meta"]
    return {"topic": meta["topic"], "sample": meta["sample"], "text": candidate.text}


def known_digests(paths: list[str]) -> Iterator[str]:
    """Those of the functions in records."""
    for row in read_with_progress(paths):
        with suppress(Rejected):
            yield digest(parted(extract(row.record["response"]))[0])


def read_topics(path: Path) -> list[str]:
    try:
        lines = [text.strip() for text in path.read_text("utf-8").splitlines()]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        raise InputError(f"{path}: is no file of topics; give one with a topic a line, in UTF-8") from None
    topics = list(dict.fromkeys(text for text in lines if text and not text.startswith("#")))
    if not topics:
        raise InputError(f"{path}: has no topics; write one a line")
    return topics


def line(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # halves of surrogate pairs, in a model's text or in what its code says
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace") + b"\n"


def tell(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    run(main)
