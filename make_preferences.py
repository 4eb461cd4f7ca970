#!/usr/bin/env python3
"""Optional: make preference data, for DPO, KTO and reward models.

Pairs of a better and a worse answer to one question, by votes and acceptance, of records of get_stackexchange.py; pairs
of replies of HH-RLHF; or, with --judgement_file, answers that reviewers accepted (label true) or rejected (false).
Writes what trainers read, a card (README.md), ATTRIBUTION.jsonl and report.json. The same inputs and seed give the same
bytes.

    python make_preferences.py --inputpath stack-exchange/cstheory/unfiltered.jsonl --split train:0.95 validation:0.05
    python make_preferences.py --hh_rlhf sources/downloads/hh-rlhf --destpath hh-preferences
    python make_preferences.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --judgement_file judgements/cstheory.yaml --destpath labels
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from corpora.hh_rlhf import SPLITS, TRANCHES, preference_part, reply_pair
from merging.card import Subject
from merging.earlier_steps import earlier_steps
from merging.flags import (
    add_folder_flags,
    add_publishing_flags,
    add_split_flag,
    hub_of,
    push,
    refuse_publishing_contradictions,
)
from merging.formats import DataSet
from merging.inputs import Ledger, describe_input, read_checked, shown
from merging.lengths import TokenCounter
from merging.preference_rows import prompt_messages
from merging.publishing import Publication, published_options, show_files, unchanged_files
from merging.screening import TokenScreening
from merging.shuffle import Shuffle
from merging.splits import Splits, splits_of
from merging.tuples import why_no_pair
from preferences.answer_pairs import Pairs, by_question, pair_key
from preferences.labels import label_record
from preferences.votes import Rule
from quality.duplicates import content_key
from records.errors import InputError
from records.file_io import open_output_folder
from records.json_rows import SkipRow, SourceFile, assign, find_files, read_rows
from records.licenses import Terms, licenses_of
from records.output_checks import check_outputs, folder_outputs
from records.record import RecordLine
from records.record_output import encoded
from records.script import Progress, Tally, positive, run, script_parser, show_table, tell
from review.agreement import ACCEPTED, NOT_JUDGED, REJECTED, decide, reviews_of, show_unknown
from review.corrections import NotCorrectedError
from review.joint_review import joint_review
from review.judgements import Judgement, load_judgement_files, record_id_of

SCRIPT = "make_preferences.py"
CARD = "preferences_card.md.jinja"
FORMATS = {"messages": "", "text": "_text", "llama_factory": "_llama_factory"}  # endings of the formats' full names
HINT = "name it as published, <tranche>/<split>.jsonl.gz, and ask for it with --hh_rlhf_tranches and --hh_rlhf_splits"


class Arguments(NamedTuple):
    """The flags, and what follows from them."""

    flags: argparse.Namespace
    splits: Splits
    rule: Rule
    published: dict[str, Any]  # the flags that the card and the report show


def arguments() -> Arguments:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add(
        "--inputpath",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="record files: .jsonl, .jsonl.gz, .jsonl.zst, or - for stdin; for pairs those of get_stackexchange.py, or "
        "what the filters keep of them, in their order (default: none)",
    )
    add(
        "--judgement_file",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="YAML with the accepted and the rejected ids of the inputs: makes labels instead of pairs; with several "
        "files, a single reject makes a label false (default: none)",
    )
    add(
        "--resolved",
        metavar="PATH",
        help="with --judgement_file, YAML with the decisions on what the reviewers differ on, as filter_by_human.py "
        "takes it: where it accepts or rejects a record, it decides alone (default: none)",
    )
    add_folder_flags(parser, "preference-dataset", "pairs")
    add_rule_flags(parser)
    add_hh_rlhf_flags(parser)
    add_output_flags(parser)
    add_publishing_flags(parser, "Preference data")
    flags = parser.parse_args()
    flags.formats = list(dict.fromkeys(flags.formats))
    defaults = {name: parser.get_default(name) for name in vars(flags)}
    refuse_contradictions(flags, defaults, parser)
    refuse_publishing_contradictions(flags, parser)
    try:
        splits = splits_of(flags.split)
    except ValueError as error:
        parser.error(f"--split: {error}")
    rule = Rule(flags.accepted_bonus, flags.negative_score, flags.min_score_gap, flags.max_pairs_per_question)
    return Arguments(flags, splits, rule, published_options(vars(flags), defaults))


def add_rule_flags(parser: argparse.ArgumentParser) -> None:
    rule = Rule()
    add = parser.add_argument_group("pairs of answers: score = round(log2(1 + votes))").add_argument
    add(
        "--accepted_bonus",
        type=int,
        default=rule.accepted_bonus,
        metavar="N",
        help=f"added to the score of an accepted answer (default: {rule.accepted_bonus})",
    )
    add(
        "--negative_score",
        type=int,
        default=rule.negative_score,
        metavar="N",
        help=f"the score of an answer with negative votes (default: {rule.negative_score})",
    )
    add(
        "--min_score_gap",
        type=positive,
        default=rule.min_gap,
        metavar="N",
        help=f"how much the scores of a pair differ at least (default: {rule.min_gap})",
    )
    add(
        "--max_pairs_per_question",
        type=positive,
        default=rule.max_pairs,
        metavar="N",
        help=f"a random N pairs of a question that has more (default: {rule.max_pairs})",
    )


def add_hh_rlhf_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("pairs of replies of HH-RLHF").add_argument
    add(
        "--hh_rlhf",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="the published files of preferences, or the folder in which get_hh_rlhf.py keeps them (default: none)",
    )
    add(
        "--hh_rlhf_tranches",
        nargs="+",
        choices=TRANCHES,
        default=list(TRANCHES),
        metavar="TRANCHE",
        help=f"any of {', '.join(TRANCHES)} (default: all)",
    )
    add(
        "--hh_rlhf_splits",
        nargs="+",
        choices=SPLITS,
        default=["train"],
        metavar="SPLIT",
        help="the publisher's train, test, or both (default: train)",
    )


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add(
        "--formats",
        nargs="+",
        choices=FORMATS,
        default=["messages"],
        metavar="FORMAT",
        help="any of messages (default), text (for models without a chat template), llama_factory",
    )
    add_split_flag(add)


def refuse_contradictions(flags: argparse.Namespace, defaults: dict[str, Any], parser: argparse.ArgumentParser) -> None:
    if not (flags.inputpath or flags.hh_rlhf):
        parser.error("give --inputpath or --hh_rlhf")
    if flags.judgement_file and not flags.inputpath:
        parser.error("--judgement_file needs --inputpath, the records that were judged")
    if flags.judgement_file and flags.hh_rlhf:
        parser.error("--judgement_file makes labels and --hh_rlhf pairs; make two data sets")
    if flags.resolved and not flags.judgement_file:
        parser.error("--resolved decides between the reviewers of --judgement_file")
    rule = ("accepted_bonus", "negative_score", "min_score_gap", "max_pairs_per_question")
    for name in rule if flags.judgement_file or not flags.inputpath else ():
        if getattr(flags, name) != defaults[name]:
            parser.error(f"--{name} does nothing without pairs of --inputpath")
    for name in () if flags.hh_rlhf else ("hh_rlhf_tranches", "hh_rlhf_splits"):
        if getattr(flags, name) != defaults[name]:
            parser.error(f"--{name} does nothing without --hh_rlhf")


# ---- rows ------------------------------------------------------------------------------------------------------------
def with_text(paths: list[str], ledger: Ledger, drop: Callable[[RecordLine, str], object]) -> Iterator[RecordLine]:
    """The records of files that have an instruction and a response."""
    for path in paths:
        for row in read_checked(path, ledger):
            if reason := why_no_pair(row.record, "split"):
                drop(row, reason)
            else:
                yield row


class PairRows:
    """Pairs of the answers in the input files, and of the replies in HH-RLHF."""

    kind, key = "pairs", staticmethod(pair_key)

    def __init__(self, paths: list[str], published: dict[str, SourceFile], rule: Rule, seed: int):
        self._paths, self._published, self._rule = paths, published, rule
        self._pairs, self._replies = Pairs(rule, seed), Tally()

    def made(self, ledger: Ledger) -> Iterator[RecordLine]:
        """The pairs; the ledger counts them as read."""
        for row in chain(self._of_answers(ledger), self._of_replies()):
            ledger.read += 1
            yield row

    def _of_answers(self, ledger: Ledger) -> Iterator[RecordLine]:
        records = with_text(self._paths, Ledger(None, False), lambda row, reason: self._pairs.answers.drop(reason))
        for answers in by_question(records):
            yield from self._pairs.of(answers)
        for source, count in self._pairs.not_drawn.items():
            ledger.read += count
            ledger.dropped[source, f"beyond {self._rule.max_pairs} of a question"] += count

    def _of_replies(self) -> Iterator[RecordLine]:
        for part, file in self._published.items():
            for row in read_rows(file):
                try:
                    record = reply_pair(row, part)
                except SkipRow as reason:
                    self._replies.drop(str(reason))
                else:
                    self._replies.keep()
                    yield RecordLine(record, encoded(record, row).rstrip(b"\n"), row.place)

    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = {}
        if self._paths:
            counts |= {"answers": self._pairs.answers.as_dict(), "questions": dict(self._pairs.questions)}
        if self._published:
            counts["replies"] = self._replies.as_dict()
        return counts

    def card(self) -> dict[str, Any]:
        return {"rule": self._rule if self._paths else None}

    def show(self, ledger: Ledger) -> None:
        if self._paths:
            self._pairs.answers.show("answers", "answers")
            show_table("questions", list(self._pairs.questions.items()))
        if self._published:
            self._replies.show("HH-RLHF", "rows")
        ledger.tally().show("pairs", "pairs")

    def why_none(self, ledger: Ledger) -> str:
        answers = f"no two answers to one question have scores that differ by {self._rule.min_gap} or more"
        return answers if self._paths else "no row of these files makes a pair"


class LabelRows:
    """The judged answers in the input files, with their labels."""

    kind, key = "labels", staticmethod(content_key)

    def __init__(self, paths: list[str], files: Mapping[str, Mapping[str, Judgement]], resolved: str | None):
        """`files` has the judgements of each file by its name, `resolved` that of the one that decides on disputes."""
        self._paths, self._joint = paths, joint_review(files, resolved)
        self._judgements, self._not_found = sum(map(len, files.values())), reviews_of(files)
        self._not_corrected: list[str] = []

    def made(self, ledger: Ledger) -> Iterator[RecordLine]:
        for row in with_text(self._paths, ledger, ledger.drop):
            record_id = record_id_of(row.record["id"])
            self._not_found.pop(record_id, None)
            reviews = self._joint.reviews.get(record_id, [])
            if (verdict := decide(reviews)) not in (ACCEPTED, REJECTED):
                ledger.drop(row, verdict)
                continue
            try:
                yield label_record(row, reviews)
            except NotCorrectedError as error:
                ledger.drop(row, error.reason)
                self._not_corrected.append(str(error))

    def counts(self) -> dict[str, Any]:
        judged = {"judged": len(self._joint.reviews), "ids_not_in_the_data": len(self._not_found)}
        return judged | self._joint.counts()

    def card(self) -> dict[str, Any]:
        return {"rule": None}

    def show(self, ledger: Ledger) -> None:
        show_unknown(self._not_found, self._judgements)
        self._joint.show("labelled false")
        for message in self._not_corrected:
            tell(message)
        ledger.tally().show("answers")

    def why_none(self, ledger: Ledger) -> str:
        if len(self._not_found) == len(self._joint.reviews):
            return "no judgement is of a record of the inputs" if self._judgements else "no record is judged yet"
        dropped = sorted(ledger.tally().dropped.items())
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in dropped if reason != NOT_JUDGED)
        return f"no judged record gets a label ({reasons})"


# ---- the flow --------------------------------------------------------------------------------------------------------
def main() -> None:
    flags, splits, rule, published = arguments()
    files = hh_rlhf_files(flags)
    judgements = [*flags.judgement_file, *([flags.resolved] if flags.resolved else [])]
    inputs = [*flags.inputpath, *judgements, *(file.path for file in files.values())]
    check_outputs(inputs, folder_outputs(flags.destpath, None))
    replaceable = partial(unchanged_files, flags.destpath, inputs, SCRIPT)
    replaceable()  # fails now, rather than only when the folder is replaced
    hub = hub_of(flags)
    described_inputs = [describe_input(path) for path in inputs]
    terms, ledger, labels = Terms(flags.allow_license_conflict), Ledger(None, False), Counter[bool]()
    tokens, token_counter = TokenScreening("keep"), RowTokens(None)
    rows: PairRows | LabelRows = PairRows(flags.inputpath, files, rule, flags.seed)
    if flags.judgement_file:
        rows = LabelRows(flags.inputpath, load_judgement_files(judgements), flags.resolved)

    with ExitStack() as stack:
        folder = stack.enter_context(open_output_folder(flags.destpath, replaceable))
        formats = [rows.kind + FORMATS[name] for name in flags.formats]
        data_set = DataSet(folder, formats, splits, "split", 1, None, stack)
        publication = Publication(folder, data_set, False, token_counter, (), stack)
        with Shuffle(folder, f"{flags.seed}", rows.key) as shuffle:
            for row in rows.made(ledger):
                terms.add(licenses_of(row), row)
                tokens.passed(with_all_texts(row), ledger)
                shuffle.add(row)
            shuffle.leave_out_repeated_ids(ledger.repeated_id)
            for row in kept(shuffle, ledger):
                labels[row.record.get("label", True)] += 1
                publication.write(row)
        if not ledger.kept:
            rows.show(ledger)
            raise InputError(f"{' '.join(inputs)}: {rows.why_none(ledger)}; {flags.destpath} stays as it was")
        by_label = {"true": labels[True], "false": labels[False]} if flags.judgement_file else {}
        subject = Subject(SCRIPT, CARD, "preferences", {**rows.card(), "labels": by_label})
        counts = rows.counts() | tokens.report() | ({"labels": by_label} if by_label else {})
        steps = {shown(path): before for path in flags.inputpath if (before := earlier_steps(path))}
        described = (flags.title, flags.languages, published, described_inputs)
        data_files = publication.finish(*described, ledger, terms, counts, steps, subject)

    tell(f"{len(inputs)} inputs -> {flags.destpath}")
    rows.show(ledger)
    show_table(f"{rows.kind} by source", sorted(ledger.kept.items()))
    if by_label:
        show_table("labels", list(by_label.items()))
    if tokens.found:
        show_table(f"{rows.kind} with special tokens", tokens.most_frequent())
    show_files(rows.kind, data_files, splits.names)
    for caution in terms.cautions():
        tell(f"caution: {caution}")
    push(hub, flags.destpath)


def hh_rlhf_files(flags: argparse.Namespace) -> dict[str, SourceFile]:
    """The published files of the tranches and splits asked for, by part such as "helpful-base/train"."""
    if not flags.hh_rlhf:
        return {}
    tranches, names = flags.hh_rlhf_tranches, [name for name in SPLITS if name in flags.hh_rlhf_splits]
    parts = [f"{tranche}/{name}" for name in names for tranche in dict.fromkeys(tranches)]
    return assign(find_files(flags.hh_rlhf), parts, partial(preference_part, tranches=tranches, splits=names), HINT)


class RowTokens(TokenCounter):
    """Counts the tokens of a row's whole prompt, and of the longer answer of a pair."""

    def count(self, record: dict[str, Any]) -> int:
        longer = max(record["response"], record.get("rejected", ""), key=len)
        return super().count({"instruction": prompt_of(record), "response": longer})


def with_all_texts(row: RecordLine) -> RecordLine:
    """A row with all turns as its instruction and both answers as its response, to look for special tokens in it."""
    answers = [row.record["response"], row.record.get("rejected", "")]
    return row._replace(record=row.record | {"instruction": prompt_of(row.record), "response": "\n".join(answers)})


def prompt_of(record: dict[str, Any]) -> str:
    return "\n\n".join(turn["content"] for turn in prompt_messages(record))


def kept(shuffle: Shuffle, ledger: Ledger) -> Iterator[RecordLine]:
    """The rows of the data set in their final order; exact duplicates go to the ledger."""

    def drop(row: RecordLine, better: RecordLine) -> None:
        ledger.drop(row, "exact duplicate")

    with Progress("writing", shuffle.count, " rows") as progress:
        for row in (drawn.row for drawn in shuffle.drawn(drop)):
            ledger.keep(row)
            yield row
            progress.update(1)


if __name__ == "__main__":
    run(main)
