#!/usr/bin/env python3
"""Step 3, a language model as one more reviewer: it judges each answer by the seven criteria.

It is asked once about each answer, or once by each criterion (--calls each), and writes accept or reject, the
criteria, and a quote for each. A verdict that is not the JSON asked for, or quotes what is not in the answer, is
dropped and counted. The judgement file is that of any reviewer, with the model's name in each entry; a person's
judgement always comes before a model's.

    python judge_with_model.py --inputpath filtered-stack-exchange/cstheory.jsonl --destpath judgements/model.yaml \\
        --model my-model --base_url http://localhost:8000/v1 --license apache-2.0 --chat \\
        --calibrate judgements/cstheory.yaml

An interrupted run is resumed by the same command: the model's answers are saved in --cache. Memory holds all records
and prompts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from generation.model_flags import add_model_flags, find_cache_path, model_options
from generation.models import Model, open_model
from generation.prompt_template import Template
from judging.signed_file import require_replaceable, write_signed
from judging.trust import ACCEPT, Trust, agreement_by_claim, as_it_is, trust_by_claim, trusted_part
from judging.verdicts import PROMPTS, Dropped, Verdict, put_together, read_prompt, read_verdict, request_for
from records.errors import InputError
from records.file_io import report_path, write_report
from records.output_checks import RECORDS, check_outputs, record_outputs
from records.record import read_with_progress
from records.script import Tally, add_paths, run, script_parser, tell
from review.agreement import Agreement
from review.criteria import CRITERIA
from review.judgements import Judgement, load_persons_judgements, record_id_of

CHARACTERS_PER_TOKEN = 4  # of English, roughly
Criteria = tuple[int, ...]
CALLS: dict[str, list[Criteria]] = {"all": [tuple(CRITERIA)], "each": [(number,) for number in CRITERIA]}
PROMPT_OF = {"all": PROMPTS / "all_criteria.txt", "each": PROMPTS / "one_criterion.txt"}


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    add(
        "--calls",
        choices=CALLS,
        default="all",
        help="what a call asks about an answer: all criteria, or each of the seven in a call of its own (default: all)",
    )
    add(
        "--prompt",
        type=Path,
        metavar="PATH",
        help="prompt file (default: judging/prompts/all_criteria.txt, with --calls each one_criterion.txt)",
    )
    person = parser.add_argument_group("compared with a person").add_argument
    person(
        "--agreement",
        metavar="PATH",
        help="a person's judgement file: report Cohen's kappa, overall and for each criterion (default: none)",
    )
    person(
        "--calibrate",
        metavar="PATH",
        help="a person's judgement file: write only what the model may be trusted with by it, of the records that the "
        "person has not judged (default: write all)",
    )
    person(
        "--min_precision",
        type=float,
        default=0.8,
        metavar="X",
        help="with --calibrate, trust what is right more often than this by the lower bound of its 95 %% interval "
        "(default: 0.8)",
    )
    add_model_flags(parser, logprobs=False)
    args = parser.parse_args()
    if args.destpath != "-" and not args.destpath.endswith((".yaml", ".yml")):
        parser.error("--destpath must end with .yaml or .yml, or be - for stdout")
    if not 0 <= args.min_precision < 1:
        parser.error("--min_precision must be from 0 to below 1")
    if args.min_precision != parser.get_default("min_precision") and not args.calibrate:
        parser.error("--min_precision does nothing without --calibrate")
    return args


def main() -> None:
    args = arguments()
    persons = {path: load_persons_judgements(path) for path in (args.agreement, args.calibrate) if path}
    cache = find_cache_path(args.cache, args.destpath)
    prompt_path = args.prompt or PROMPT_OF[args.calls]
    inputs = [*args.inputpath, prompt_path, *persons]
    outputs = record_outputs(args.destpath, cache=cache)
    check_outputs(inputs, [each._replace(kind=None) if each.kind is RECORDS else each for each in outputs])
    require_replaceable(args.destpath)
    needed = {"answer"} if args.calls == "all" else {"answer", "criteria"}
    prompt, tally, started = read_prompt(prompt_path, args.chat, needed), Tally(), time.monotonic()
    records = read_unique(args.inputpath, tally)
    if args.calibrate:
        require_common(args.calibrate, persons[args.calibrate], records, f"is a record of {' '.join(args.inputpath)}")
    with open_model(model_options(args), cache) as model:
        verdicts, tokens = ask(records, CALLS[args.calls], prompt, model)
    seconds = time.monotonic() - started

    counted = count(verdicts)
    judgements = judge(verdicts, model.info.name, tally)
    agreed = agreement_by_claim(persons[args.agreement], judgements) if args.agreement else {}
    trust = trust_by_claim(persons[args.calibrate], judgements) if args.calibrate else {}
    trusted = {claim for claim, each in trust.items() if each.said and each.low >= args.min_precision}
    written = choose(judgements, persons[args.calibrate], trusted, tally) if args.calibrate else judgements
    for _ in written:
        tally.keep()
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    if args.calls == "each":
        counted.show("verdicts on these records, one for each criterion", "verdicts")
    tell(
        f"{model.asked:,} calls and {model.known:,} known answers, {tokens:,} tokens of answers, {seconds:,.1f} seconds"
    )
    show_agreement(agreed)
    show_trust(trust, trusted)
    counted.require_kept("verdicts", "give a model that can write the JSON asked for, or another --prompt")
    if args.calibrate:
        require_common(args.calibrate, persons[args.calibrate], judgements, "has a judgement of the model")
    write_signed(args.destpath, written)
    if report := report_path(args.destpath):
        figures = {
            "calls": model.asked,
            "known": model.known,
            "tokens_of_answers": tokens,
            "verdicts": counted.as_dict(),
            "agreement": {claim: each.as_dict() for claim, each in agreed.items()},
            "trust": {claim: {**asdict(each), "trusted": claim in trusted} for claim, each in trust.items()},
        }
        options = {**vars(args), "prompt": prompt_path, "cache": cache}
        write_report(report, {"options": options, "model": asdict(model.info), **tally.as_dict(), **figures})


def require_common(path: str, person: dict[str, Judgement], judged: Mapping[str, object], what: str) -> None:
    """Raise InputError if the model cannot be compared with a person, whose file is at `path`, on any of `judged`."""
    usable = as_it_is(person)
    if not usable.keys() & judged.keys():
        raise InputError(
            f"{path}: accepts as they are, or rejects, {len(usable):,} answers, of which none {what}; --calibrate "
            "needs some that both the person and the model have judged"
        )


def read_unique(paths: list[str], tally: Tally) -> dict[str, dict[str, Any]]:
    """The records by id; those with the id of an earlier one are counted as dropped."""
    records: dict[str, dict[str, Any]] = {}
    for row in read_with_progress(paths):
        record_id = record_id_of(row.record["id"])
        if record_id in records:
            tally.drop("the id of an earlier record")
        else:
            records[record_id] = row.record
    return records


def ask(
    records: dict[str, dict[str, Any]], calls: list[Criteria], prompt: Template, model: Model
) -> tuple[dict[str, list[Verdict]], int]:
    """The model's verdicts on each record, one a call, and the number of tokens that it wrote."""
    asked = [(record_id, criteria) for record_id in records for criteria in calls]
    requests = [request_for(records[record_id], criteria, prompt) for record_id, criteria in asked]
    unknown = model.unknown(requests, prompt.settings())
    read = sum(len(turn) for each in unknown for turn in [*each.earlier, each.prompt]) // CHARACTERS_PER_TOKEN
    tell(
        f"to judge: {len(records):,} answers in {len(requests):,} calls, {len(unknown):,} of them not in the cache; "
        f"about {read:,} tokens of prompts, and at most {len(unknown) * prompt.max_tokens:,} of answers"
    )
    generations = model.generate(requests, prompt.settings(), "judging")
    verdicts: dict[str, list[Verdict]] = {record_id: [] for record_id in records}
    for (record_id, criteria), generation in zip(asked, generations, strict=True):
        verdicts[record_id].append(read_verdict(generation, records[record_id]["response"], criteria))
    return verdicts, sum(generation.tokens for generation in generations)


def count(verdicts: dict[str, list[Verdict]]) -> Tally:
    """How many verdicts can be used, and why the others cannot."""
    tally = Tally()
    for verdict in chain.from_iterable(verdicts.values()):
        if isinstance(verdict, Dropped):
            tally.drop(verdict.reason)
        else:
            tally.keep()
    return tally


def judge(verdicts: dict[str, list[Verdict]], model: str, tally: Tally) -> dict[str, Judgement]:
    """The judgements that the verdicts make; records without one are counted as dropped."""
    judgements = {}
    for record_id, of_record in verdicts.items():
        judgement = put_together(of_record, model)
        if isinstance(judgement, Dropped):
            tally.drop(judgement.reason)
        else:
            judgements[record_id] = judgement
    return judgements


def choose(
    judgements: dict[str, Judgement], person: dict[str, Judgement], trusted: set[str], tally: Tally
) -> dict[str, Judgement]:
    """What the model may be trusted with, of the records that the person has not judged."""
    chosen = {}
    for record_id, judgement in judgements.items():
        if record_id in person:
            tally.drop("judged by the person")
        elif part := trusted_part(judgement, trusted):
            chosen[record_id] = part
        else:
            tally.drop("not trusted")
    return chosen


def show_agreement(agreed: dict[str, Agreement]) -> None:
    """Print Cohen's kappa for each claim."""
    if agreed and not agreed[ACCEPT].judged_by_both:
        tell("no agreement to report: the person and the model have judged none of the same records")
        return
    for claim, each in agreed.items():
        kappa = "not defined" if each.kappa is None else f"{each.kappa:.2f}"
        tell(
            f"{name_of(claim)}: Cohen's kappa {kappa}, they agree on {each.observed:.0%} of {each.judged_by_both:,} "
            "records"
        )


def show_trust(trust: dict[str, Trust], trusted: set[str]) -> None:
    """Print what the model may be trusted with."""
    for claim, each in trust.items():
        verdict = "trusted" if claim in trusted else "not trusted"
        tell(
            f"{name_of(claim)}: {verdict}, right in {each.right:,} of {each.said:,} "
            f"(95 % interval {each.low:.2f} to {each.high:.2f})"
        )


def name_of(claim: str) -> str:
    return "accept or reject" if claim == ACCEPT else f"criterion {claim}"


if __name__ == "__main__":
    run(main)
