#!/usr/bin/env python3
"""Another source: questions of six kinds - who, what, where, when, why, how - made from text by a language model.

The texts are a folder of .txt and .md files, JSON rows with --field, or the answers in records of
get_stackexchange.py. For each passage the model writes its topics, a question of each kind, a short answer from the
passage, the question again from that answer, whether the passage answers it, and a long answer, which becomes the
response. Each step has a prompt in generation/prompts/qa; its text is evaluated, and questions that fail are dropped
with the reason. At the end the best are selected, equally many of each kind.

    python generate_qa.py --inputpath notes --text_license "CC BY 4.0" --model EleutherAI/pythia-1.4b \\
        --destpath sources/synthetic_qa.jsonl --dropped_path sources/synthetic_qa.dropped.jsonl
    python generate_qa.py --inputpath stack-exchange/cstheory/unfiltered.jsonl --destpath sources/synthetic_qa.jsonl \\
        --model my-model --base_url http://localhost:8000/v1 --license apache-2.0

An interrupted run is resumed by the same command: the model's answers are saved in --cache.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from generation.model_flags import add_model_flags, find_cache_path, model_options
from generation.models import open_model
from generation.qa.evaluations import KINDS, is_english
from generation.qa.passages import MAX_WORDS, MIN_WORDS, Passage, find_passages
from generation.qa.recipe import CHAT_PROMPTS, PROMPTS, WEIGHED, Thresholds, ask, read_prompts
from generation.qa.selection import Selection
from generation.qa.texts import Skipped, Text, read_texts
from records.file_io import report_path, write_report
from records.record_output import open_record_output
from records.script import Tally, positive, run, script_parser, show_table, tell

PASSAGES_AT_ONCE = 256  # 1,536 questions, so that the partly filled last batch of a step matters little


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add(
        "--inputpath",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help="folders of .txt and .md files, such files, or records (.jsonl, .jsonl.gz, .jsonl.zst, - for stdin)",
    )
    add("--field", metavar="NAME", help="the inputs are JSON rows with the text in this field")
    add("--text_license", metavar="LICENSE", help='for texts that do not state their own, for example "CC BY-SA 4.0"')
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add("--dropped_path", metavar="PATH", help="where to write what is dropped, with the reasons (default: nowhere)")
    add(
        "--per_kind",
        type=positive,
        metavar="N",
        help="keep the best N questions of each kind (default: as many as there are of the rarest kind)",
    )
    add(
        "--prompts",
        type=Path,
        metavar="DIR",
        help="folder of prompt files (default: generation/prompts/qa, with --chat generation/prompts/qa_chat)",
    )
    add("--temperature", type=float, default=0.0, metavar="T", help="sampling temperature (default: 0, greedy)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the sampling (default: 0)")
    add(
        "--min_words",
        type=positive,
        default=MIN_WORDS,
        metavar="N",
        help=f"fewest words in a passage (default: {MIN_WORDS})",
    )
    add(
        "--max_words",
        type=positive,
        default=MAX_WORDS,
        metavar="N",
        help=f"most words in a passage (default: {MAX_WORDS})",
    )
    add_limit_flags(parser, Thresholds())
    add_model_flags(parser)
    args = parser.parse_args()

    bounds = {name: getattr(args, name) for name in ("question_words", "answer_words", "long_answer_words")}
    for name, (low, high) in {"min_words": (args.min_words, args.max_words), **bounds}.items():
        if low > high:
            parser.error(f"--{name}: {low} is above {high}")
    if not args.temperature >= 0:
        parser.error("--temperature must be 0 or above")
    if not 0 <= args.drop_unlikely < 1:
        parser.error("--drop_unlikely must be from 0 to below 1")
    return args


def add_limit_flags(parser: argparse.ArgumentParser, default: Thresholds) -> None:
    add = parser.add_argument_group("evaluations").add_argument
    add(
        "--drop_unlikely",
        type=float,
        default=default.drop_unlikely,
        metavar="SHARE",
        help="drop this share of the questions, of the answers and of the long answers: those with the lowest mean "
        f"log-probability of all in the run (default: {default.drop_unlikely})",
    )
    add(
        "--min_agreement",
        type=float,
        default=default.min_agreement,
        metavar="X",
        help="F1 of the words of the question and of the one asked back from its answer "
        f"(default: {default.min_agreement})",
    )
    add(
        "--min_found",
        type=float,
        default=default.min_found,
        metavar="X",
        help=f"share of the short answer's words that are in the passage (default: {default.min_found})",
    )
    add(
        "--min_covered",
        type=float,
        default=default.min_covered,
        metavar="X",
        help=f"share of the short answer's words that are in the long answer (default: {default.min_covered})",
    )
    add(
        "--max_repetition",
        type=float,
        default=default.max_repetition,
        metavar="X",
        help=f"share of repeated four-word sequences in the long answer (default: {default.max_repetition})",
    )
    between = ("MIN", "MAX")
    add(
        "--question_words",
        type=positive,
        nargs=2,
        default=default.question_words,
        metavar=between,
        help="words in the question (default: 4 40)",
    )
    add(
        "--answer_words",
        type=positive,
        nargs=2,
        default=default.answer_words,
        metavar=between,
        help="words in the short answer (default: 1 40)",
    )
    add(
        "--long_answer_words",
        type=positive,
        nargs=2,
        default=default.long_answer_words,
        metavar=between,
        help="words in the long answer (default: 30 300)",
    )


def main() -> None:
    args = arguments()
    limits = Thresholds(**{limit.name: getattr(args, limit.name) for limit in fields(Thresholds)})
    folder = args.prompts or (CHAT_PROMPTS if args.chat else PROMPTS)
    prompts = read_prompts(folder, args.chat)
    cache = find_cache_path(args.cache, args.destpath)
    with ExitStack() as stack:
        inputs = [*args.inputpath, *folder.iterdir()]
        files = stack.enter_context(open_record_output(inputs, args.destpath, args.dropped_path, cache))
        results = Results(files.out, files.dropped)
        texts = read_texts(args.inputpath, args.field, args.text_license)
        passages = select_passages(texts, args.min_words, args.max_words, results)
        first = list(islice(passages, 1))  # bad input is reported before the model is loaded
        model = stack.enter_context(open_model(model_options(args), cache))
        weighed = [f"{step}_logprob" for step in WEIGHED]
        selection = stack.enter_context(Selection(Path(args.destpath).parent, weighed))

        passages = chain(first, passages)
        while batch := list(islice(passages, PASSAGES_AT_ONCE)):
            for candidate in ask(batch, model, prompts, limits, args.temperature, args.seed):
                selection.weigh(candidate.rounded_scores)
                if candidate.problem:
                    results.drop(results.questions, candidate.dropped(candidate.problem))
                else:
                    selection.add(candidate.record(model.info.meta))
        for record, problem in selection.choose(args.per_kind, limits.drop_unlikely):
            if problem:
                results.drop(results.questions, {"reason": problem, "record": record})
            else:
                results.keep(record)

    if report := report_path(args.destpath):
        write_report(
            report,
            {
                "options": {**vars(args), "prompts": folder, "cache": cache},
                "model": asdict(model.info),
                **results.as_dict(),
            },
        )
    results.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    tell(f"the model was asked for {model.asked:,} texts; {model.known:,} were known")
    look = f"look into {args.dropped_path}" if args.dropped_path else "give --dropped_path to see them"
    results.questions.require_kept("questions", look)


def select_passages(
    texts: Iterable[Text | Skipped], min_words: int, max_words: int, results: Results
) -> Iterator[Passage]:
    """The passages of all texts, without duplicates; the others are counted in `results`."""
    seen = set[bytes]()
    for text in texts:
        if isinstance(text, Skipped):
            results.drop(results.texts, {"reason": text.reason, "id": text.id})
            continue
        results.texts.keep()
        for passage in find_passages(text, min_words, max_words):
            if problem := why_unusable(passage, seen):
                results.drop(results.passages, {"reason": problem, "id": passage.id})
            elif isinstance(passage, Passage):
                results.passages.keep()
                yield passage


def why_unusable(passage: Passage | Skipped, seen: set[bytes]) -> str | None:
    """Why nothing is asked about a passage, or None; adds its digest to `seen`."""
    if isinstance(passage, Skipped):
        return passage.reason
    if not is_english(passage.body):
        return "not English"
    digest = blake2b(passage.body.encode(), digest_size=16).digest()
    if digest in seen:
        return "the same as an earlier one"
    seen.add(digest)
    return None


@dataclass
class Results:
    """Writes records and what is dropped, and counts both."""

    out: BinaryIO
    dropped: BinaryIO | None
    texts: Tally = field(default_factory=Tally)
    passages: Tally = field(default_factory=Tally)
    questions: Tally = field(default_factory=Tally)
    kinds: Counter[str] = field(default_factory=lambda: Counter({kind.lower(): 0 for kind in KINDS}))

    def keep(self, record: dict[str, Any]) -> None:
        self.questions.keep()
        self.kinds[record["meta"]["kind"]] += 1
        self.out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def drop(self, tally: Tally, row: dict[str, Any]) -> None:
        tally.drop(row["reason"])
        if self.dropped:
            self.dropped.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def as_dict(self) -> dict[str, Any]:
        tallies = {"texts": self.texts, "passages": self.passages, "questions": self.questions}
        return {**{name: tally.as_dict() for name, tally in tallies.items()}, "kept_by_kind": self.kinds}

    def show(self, title: str) -> None:
        self.texts.show(title, "texts")
        self.passages.show("passages of these texts", "passages")
        self.questions.show("questions about these passages", "questions")
        show_table("questions by kind", list(self.kinds.items()))


if __name__ == "__main__":
    run(main)
