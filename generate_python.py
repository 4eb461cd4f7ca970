#!/usr/bin/env python3
"""Another source: Python functions written by a language model, verified by running them with their own tests.

The prompt (generation/prompts/python) asks for a function with a docstring and asserts. Each answer is run in a
sandbox, several times, and with faults put in. It is kept if its tests pass each time with the same values, and
notice at least one fault. The docstring's task becomes the instruction, the function the response.

    python generate_python.py --samples 10000 --model bigcode/starcoder2-3b --license bigcode-openrail-m \\
        --destpath sources/python_code.jsonl
    python generate_python.py --samples 10000 --model my-model --base_url http://localhost:8000/v1 \\
        --license apache-2.0 --destpath sources/python_code.jsonl --exclude sources/earlier.jsonl
    python generate_python.py --samples 40000 --attempts 4 --seeds filtered-stack-exchange/stackoverflow.python.jsonl \\
        --model my-model --base_url http://localhost:8000/v1 --license apache-2.0 --destpath sources/python_code.jsonl
    python generate_python.py --verify sources/elsewhere.jsonl --destpath sources/verified.jsonl

--verify runs the code in the responses of records made elsewhere, with the asserts and examples in it and those in
meta.tests. The sandbox is bubblewrap, on Linux. An interrupted run is resumed by the same command: the model's
answers are saved in --cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from generation.backends.base import Settings
from generation.model_flags import add_model_flags, find_cache_path, model_options
from generation.models import Model, open_model
from generation.prompt_template import Template, read_template
from generation.python_code.answers import Rejected
from generation.python_code.candidates import CodeCandidate, VerifiedCode, digests, make_record, verify_all
from generation.python_code.seeds import Seed, seeds_of
from generation.sandbox.bubblewrap import Limits, open_sandbox
from records.errors import InputError
from records.file_io import STANDARD_STREAM, report_path, write_report
from records.record import read_with_progress
from records.record_output import RecordOutput, open_record_output
from records.script import Tally, positive, run, script_parser, tell

PLACEHOLDERS = frozenset({"topic"})
PROMPTS = Path(__file__).parent / "generation" / "prompts" / "python"
ASKED_AT_ONCE = 256  # samples; their code is run before more are asked for


def arguments() -> argparse.Namespace:
    verify = argparse.ArgumentParser(add_help=False)
    verify.add_argument(
        "--verify",
        metavar="FILE",
        help="verify these records instead of asking a model: .jsonl, .jsonl.gz, .jsonl.zst, or - for stdin; cannot be "
        "combined with the flags for samples and the model",
    )
    parser = script_parser(__doc__, verify)
    add = parser.add_argument
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write rejected samples with the reasons (default: next to --destpath, for example "
        "python_code.dropped.jsonl; with -, nowhere)",
    )
    add(
        "--exclude",
        nargs="+",
        default=[],
        metavar="PATH",
        help="drop functions that are in these records, even under other names (default: none; duplicates within a run "
        "are always dropped)",
    )
    add(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="sandboxes in parallel (default: one per core)",
    )
    add(
        "--allow_unsandboxed",
        action="store_true",
        help="if there is no sandbox, run the model's code as you, with access to your files, network and processes "
        "(default: refuse)",
    )
    if verify.parse_known_args()[0].verify is None:
        add_sampling_flags(parser)
        add_model_flags(parser)
    args = parser.parse_args()

    if args.verify is None and not (args.temperature >= 0 and 0 < args.top_p <= 1):
        parser.error("--temperature must be 0 or above, --top_p above 0 and at most 1")
    return args


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("samples").add_argument
    add("--samples", type=positive, required=True, metavar="N", help="number of functions to ask for")
    add(
        "--prompt",
        type=Path,
        metavar="FILE",
        help="a prompt that contains {topic} (default: function.txt in generation/prompts/python, with --chat "
        "function_chat.txt)",
    )
    add(
        "--topics",
        type=Path,
        default=PROMPTS / "topics.txt",
        metavar="FILE",
        help="topics, one per line, asked for in turn (default: generation/prompts/python/topics.txt)",
    )
    add(
        "--seeds",
        nargs="+",
        default=[],
        metavar="PATH",
        help="in place of the topics, the titles of the questions in these records of get_stackexchange.py, each once; "
        "the records made of them have the questions' attribution and licence (default: none)",
    )
    add(
        "--attempts",
        type=positive,
        default=1,
        metavar="N",
        help="samples in a row for the same topic or title; the share that is verified is in meta (default: 1)",
    )
    add("--temperature", type=float, default=0.8, metavar="T", help="sampling temperature (default: 0.8)")
    add("--top_p", type=float, default=0.95, metavar="P", help="sampling nucleus (default: 0.95)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the sampling (default: 0)")


def main() -> None:
    args = arguments()
    verifying = args.verify is not None
    dropped_path = find_dropped_path(args.dropped_path, args.destpath)
    cache = None if verifying else find_cache_path(args.cache, args.destpath)
    path = None if verifying else args.prompt or PROMPTS / ("function_chat.txt" if args.chat else "function.txt")
    prompt = path and read_template(path, PLACEHOLDERS, args.chat)
    inputs = [*args.exclude, *([path, args.topics, *args.seeds] if path else [args.verify])]
    with ExitStack() as stack:
        files = stack.enter_context(open_record_output(inputs, args.destpath, dropped_path, cache))
        seeds = [] if verifying else seeds_of(args.topics, args.seeds)
        sandbox = open_sandbox(Limits(), args.allow_unsandboxed, tell)
        seen = set(known_digests(args.exclude, args.workers))
        model = stack.enter_context(open_model(model_options(args), cache)) if prompt else None
        if model and path and prompt:
            settings = prompt.settings(temperature=args.temperature, top_p=args.top_p, seed=args.seed)
            prompt_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            candidates = ask(model, prompt, seeds, args.samples, args.attempts, settings, prompt_sha256)
        else:
            candidates = read_candidates(args.verify)
        verdicts = verify_all(candidates, sandbox, args.workers)
        if model and args.attempts > 1:
            verdicts = with_shares(verdicts, args.attempts)
        tally = write_verified(verdicts, seen, files)

    if report := report_path(args.destpath):
        options = {
            **vars(args),
            "dropped_path": dropped_path,
            **({} if verifying else {"prompt": path, "cache": cache}),
        }
        write_report(
            report,
            {
                "options": options,
                **(asdict(model.info) if model else {}),
                "python": platform.python_version(),
                "sandboxed": sandbox.closed,
                "counts": tally.as_dict(),
            },
        )
    tally.show(f"{args.verify if verifying else args.model} -> {args.destpath}", "records" if verifying else "samples")
    if model:
        tell(f"the model was asked for {model.asked:,} texts; {model.known:,} were known")
        tally.require_kept("samples", f"look into {dropped_path}" if dropped_path else "give --dropped_path")


def find_dropped_path(given: str | None, destpath: str) -> str | None:
    """The file for rejected samples: the one given, or one next to `destpath`; None if the records go to stdout."""
    if given is not None or destpath == STANDARD_STREAM:
        return given
    stem, ending, packed = destpath.rpartition(".jsonl")
    return f"{stem}.dropped{ending}{packed}" if ending else f"{packed}.dropped.jsonl"


def ask(
    model: Model,
    prompt: Template,
    seeds: list[Seed],
    samples: int,
    attempts: int,
    settings: Settings,
    prompt_sha256: str,
) -> Iterator[CodeCandidate]:
    """Ask the model for samples, some attempts in a row about each seed, and about all again when they are used up."""
    meta = {"license": model.info.license, **model.info.meta, "prompt_sha256": prompt_sha256}
    opens_fence = prompt.turns[-1].rpartition("\n")[2].startswith("```")
    for begin in range(0, samples, ASKED_AT_ONCE):
        asked = list[tuple[Seed, int]]()
        for number in range(begin, min(begin + ASKED_AT_ONCE, samples)):
            task, attempt = divmod(number, attempts)
            asked.append((seeds[task % len(seeds)], task // len(seeds) * attempts + attempt))
        requests = [prompt.request(topic=seed.topic)._replace(sample=sample) for seed, sample in asked]
        for (seed, sample), generation in zip(asked, model.generate(requests, settings), strict=True):
            text = generation.text
            if opens_fence and generation.finish_reason == "stop":
                text = f"{text.removesuffix(chr(10))}\n```"  # with which it was stopped
            about: dict[str, Any] = {"meta": {**meta, **license_of(seed), "topic": seed.topic, "sample": sample}}
            if generation.problem:
                about["detail"] = generation.problem
            yield CodeCandidate(text, "", generation.lost, about)


def license_of(seed: Seed) -> dict[str, str]:
    """The attribution of a seed, and the licence of what is made of it: the question's."""
    return {**seed.meta, "license": seed.meta["question_license"]} if seed.meta else {}


def with_shares(
    verdicts: Iterable[tuple[CodeCandidate, VerifiedCode | Rejected]], attempts: int
) -> Iterator[tuple[CodeCandidate, VerifiedCode | Rejected]]:
    """Add to the meta of each candidate how many attempts there were at its task, and how many are verified."""
    verdicts = iter(verdicts)
    while together := list(islice(verdicts, attempts)):
        verified = sum(not isinstance(verdict, Rejected) for _, verdict in together)
        for candidate, verdict in together:
            candidate.about["meta"] |= {"attempts": len(together), "attempts_verified": verified}
            yield candidate, verdict


def read_candidates(path: str) -> Iterator[CodeCandidate]:
    """The code of records made elsewhere. The tests in meta.tests are a string or a list of strings."""
    for row in read_with_progress([path]):
        tests = row.record["meta"].get("tests") or []
        parts = [tests] if isinstance(tests, str) else tests
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise InputError(f"{row.place}: meta.tests must be a string or a list of strings; put the asserts there")
        yield CodeCandidate(row.record["response"], "\n".join(parts), None, {"record": row.record})


def write_verified(
    verdicts: Iterable[tuple[CodeCandidate, VerifiedCode | Rejected]], seen: set[str], files: RecordOutput
) -> Tally:
    """Write the verified candidates as records, and the others with their reasons. Adds to the digests in `seen`."""
    tally = Tally()
    for candidate, verdict in verdicts:
        try:
            record = make_verified_record(candidate, verdict, seen)
        except Rejected as rejected:
            tally.drop(str(rejected))
            if files.dropped:
                row = {"reason": str(rejected), "detail": rejected.detail, **describe_dropped(candidate)}
                files.dropped.write(json_line(row))
        else:
            tally.keep()
            files.out.write(json_line(record))
    return tally


def make_verified_record(candidate: CodeCandidate, verdict: VerifiedCode | Rejected, seen: set[str]) -> dict[str, Any]:
    """The record of a verified candidate. Raises Rejected if it is not verified, or its digest is in `seen`."""
    if isinstance(verdict, Rejected):
        raise verdict
    if verdict.digest in seen:
        raise Rejected("a function that is there already")
    record: dict[str, Any]
    if "record" in candidate.about:
        record = candidate.about["record"]
        record = {**record, "meta": {**record["meta"], **verdict.meta}}
    else:
        record = make_record(verdict, {**candidate.about["meta"], "tests": verdict.tests, **verdict.meta})
    seen.add(verdict.digest)
    return record


def describe_dropped(candidate: CodeCandidate) -> dict[str, Any]:
    """The fields that identify a rejected candidate in --dropped_path."""
    if "record" in candidate.about:
        return {"record": candidate.about["record"]}
    meta = candidate.about["meta"]
    detail = {"detail": candidate.about["detail"]} if "detail" in candidate.about else {}
    return {**detail, "topic": meta["topic"], "sample": meta["sample"], "text": candidate.text}


def known_digests(paths: list[str], workers: int) -> Iterator[str]:
    """The digests of the functions in records."""
    return digests((row.record["response"] for row in read_with_progress(paths)), workers)


def json_line(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # lone surrogates, in a model's text or in a message of its code
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace") + b"\n"


if __name__ == "__main__":
    run(main)
