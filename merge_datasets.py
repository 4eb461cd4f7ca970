#!/usr/bin/env python3
"""Step 4: merge all sources into one data set, as existing readers of such data sets load it and as trainers read it.

Checks the records of all inputs, leaves out duplicates, shuffles, and writes the chosen formats, a card (README.md),
ATTRIBUTION.jsonl and report.json. The same inputs and seed give the same bytes.

    python merge_datasets.py --inputpath filtered-stack-exchange/*.jsonl conala.jsonl --destpath dataset --parts 4
    python merge_datasets.py --mix mix.yaml --formats messages --split train:0.98 validation:0.02 --near_duplicates
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from merging.earlier_steps import earlier_steps
from merging.flags import (
    add_folder_flags,
    add_publishing_flags,
    add_split_flag,
    hub_of,
    push,
    refuse_publishing_contradictions,
    valid_text,
)
from merging.formats import CHATS, FORMATS, SEPARATOR, DataSet, shapes
from merging.inputs import Ledger, LedgerAhead, Notes, can_be_read_again, describe_input, read_each, shown
from merging.lengths import DEFAULT_LENGTHS, TokenCounter
from merging.publishing import Publication, published_options, show_files, unchanged_files
from merging.sampling import Groups, MixSource
from merging.screening import PERSONAL_DATA, SPECIAL_TOKENS, Findings, Screening, Search, TokenScreening, texts_of
from merging.shuffle import Shuffle
from merging.splits import Splits, splits_of
from merging.statistics import Statistics
from merging.tuples import MOST_PARTS, PAIRS, why_no_pair
from records.conditions import why_dropped
from records.errors import InputError
from records.file_io import open_output, open_output_folder
from records.licenses import Terms, licenses_of
from records.output_checks import check_outputs, folder_outputs
from records.record import RecordLine
from records.script import Progress, positive, run, script_parser, show_table
from stackdump.sites import hosts_of_user

if TYPE_CHECKING:
    from concurrent.futures import Executor

BATCH = 100  # records a worker is given at once
NGRAMS = (13, 8)  # words; the first is the default
LOOK_AHEAD = 100  # records of each file whose licences are compared before the work begins


class Ahead(NamedTuple):
    """What was read while earlier records are still examined."""

    row: RecordLine | None  # None: left out already
    source: int  # its number
    notes: Notes  # for the ledger, to be written down in this place


class Arguments(NamedTuple):
    """The flags, and what follows from them."""

    flags: argparse.Namespace
    splits: Splits
    published: dict[str, Any]  # the flags that the card and the report show


def arguments() -> Arguments:
    parser = script_parser(__doc__)
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument(
        "--inputpath",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="record files of any source: .jsonl, .jsonl.gz, .jsonl.zst, or - for stdin",
    )
    inputs.add_argument("--mix", metavar="PATH", help="a YAML file: the sources, how much of each, and which records")
    add = parser.add_argument
    add_folder_flags(parser, "dataset", "records")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write the records left out, each with its reason (default: nowhere)",
    )
    add("--skip_bad", action="store_true", help="leave out bad records and go on; needs --dropped_path")
    add("--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)")
    add("--max_per_source", type=positive, metavar="N", help="a random N records of each source (default: all)")
    add_output_flags(parser)
    add_quality_flags(parser)
    add_publishing_flags(parser, "Instruction tuning data")
    flags = parser.parse_args()
    refuse_contradictions(flags, parser)
    refuse_publishing_contradictions(flags, parser)
    try:
        splits = splits_of(flags.split)
    except ValueError as error:
        parser.error(f"--split: {error}")
    defaults = {name: parser.get_default(name) for name in vars(flags)}
    return Arguments(flags, splits, published_options(vars(flags), defaults))


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add(
        "--formats",
        nargs="+",
        action=Unique,
        choices=FORMATS,
        default=["alpha"],
        metavar="FORMAT",
        help=f"any of {', '.join(FORMATS)} (default: alpha, the tuple files)",
    )
    add_split_flag(add)
    add(
        "--pair",
        choices=PAIRS,
        default="alpha",
        help="alpha: instruction, blank line, response, <|endoftext|> (default); labelled: User: .. Agent: ..; "
        "split: [instruction, response]",
    )
    add(
        "--system",
        type=on_one_line,
        metavar="TEXT",
        help=rf"a system turn at the beginning of every chat, in {', '.join(CHATS)}; \n is a line end",
    )
    add(
        "--separator",
        type=on_one_line,
        default=on_one_line(SEPARATOR),
        metavar="TEXT",
        help=r"the end of every prompt in prompt_completion; \n is a line end, and one at the end is right for all "
        "tokenizers (default: %(default)s)",
    )
    add("--parts", type=positive, metavar="N", help=f"tuple files of equal length, up to {MOST_PARTS} (default: 1)")
    add("--max_part_bytes", type=positive, metavar="N", help="as many tuple files as needed, each of at most N bytes")
    add(
        "--tokenizer",
        metavar="NAME",
        help="counts tokens, for the card and --max_tokens: a folder with tokenizer.json, or a model at the Hugging "
        "Face hub; needs requirements/tokenizer.txt (default: an estimate, characters / 4)",
    )
    add("--plots", action="store_true", help="draw lengths, scores and tags; needs requirements/plots.txt")


def add_quality_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("quality, each off by default").add_argument
    add(
        "--near_duplicates",
        type=similarity,
        nargs="?",
        const=0.8,
        metavar="SIMILARITY",
        help="leave out responses whose word 5-grams are at least so similar to a better one's (Jaccard; 0.8 without "
        "a number)",
    )
    add(
        "--decontaminate",
        nargs="+",
        metavar="PATH",
        help="leave out records that contain items of these benchmark files: .jsonl, .json, .txt",
    )
    add("--decontaminate_field", nargs="+", metavar="NAME", help="the fields of .jsonl items with their text")
    add("--ngram", type=int, choices=NGRAMS, help="words that a record and an item share (default: 13)")
    add("--max_tokens", type=positive, metavar="N", help="leave out records of more than N tokens (see --tokenizer)")
    add(
        "--special_tokens",
        choices=SPECIAL_TOKENS,
        default="keep",
        help="words that tokenizers take for special tokens, such as <|im_end|> and <s>; they are counted, and kept "
        "(default), defused to <| im_end |>, or the record is dropped",
    )
    add(
        "--pii",
        choices=PERSONAL_DATA,
        default="off",
        help="e-mail addresses, phone numbers, IP addresses, keys and tokens in responses: off (default), report, "
        "mask, drop",
    )


class Unique(argparse.Action):
    """Takes a flag's values, each once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, list(dict.fromkeys(values or ())))


def refuse_contradictions(flags: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if flags.parts and flags.max_part_bytes:
        parser.error("give --parts or --max_part_bytes, not both")
    if "alpha" not in flags.formats and (flags.parts or flags.max_part_bytes or flags.pair != "alpha"):
        parser.error("--parts, --max_part_bytes and --pair do nothing without alpha among the --formats")
    if flags.system is not None and not flags.system.strip():
        parser.error("--system is blank; leave it out")
    if flags.system and not set(flags.formats) & set(CHATS):
        parser.error(f"--system does nothing without one of these --formats: {', '.join(CHATS)}")
    if flags.separator != parser.get_default("separator") and "prompt_completion" not in flags.formats:
        parser.error("--separator does nothing without prompt_completion among the --formats")
    if not flags.decontaminate and (flags.decontaminate_field or flags.ngram):
        parser.error("--decontaminate_field and --ngram do nothing without --decontaminate")
    if (flags.parts or 0) > MOST_PARTS:
        parser.error(f"--parts: at most {MOST_PARTS}; --max_part_bytes makes any number")
    if flags.mix and flags.max_per_source:
        parser.error("--max_per_source does nothing with --mix; give the sources a maximum there")
    if flags.skip_bad and not flags.dropped_path:
        parser.error("--skip_bad needs --dropped_path, where the bad records go")
    if flags.dropped_path and Path(flags.dropped_path).resolve().is_relative_to(flags.destpath.resolve()):
        parser.error("--dropped_path is in --destpath, which is replaced as a whole; give another")


def similarity(text: str) -> float:
    """The type of a flag that takes a similarity above 0, up to 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to 1")
    return value


def on_one_line(text: str) -> str:
    r"""The type of a flag in whose text \n may stand for a line end; in the card's command it always does."""
    return valid_text(text).replace("\n", r"\n")


def with_line_ends(text: str) -> str:
    """The text that `on_one_line` was given, or that was meant."""
    return text.replace(r"\n", "\n")


def main() -> None:
    flags, splits, published = arguments()
    sources = sources_of(flags)
    paths = [path for source in sources for path in source.paths]
    inputs = [*paths, *filter(None, [flags.mix]), *(flags.decontaminate or [])]
    check_outputs(inputs, folder_outputs(flags.destpath, flags.dropped_path))
    replaceable = partial(unchanged_files, flags.destpath, inputs)
    replaceable()  # fails now, rather than only when the folder is replaced
    hub = hub_of(flags)
    token_counter = TokenCounter(flags.tokenizer)
    pair = flags.pair if "alpha" in flags.formats else "split"  # for the other formats only blank texts make no pair
    terms = Terms(flags.allow_license_conflict)
    compare_first_licenses(sources, pair, terms, flags.special_tokens)
    described_inputs = [describe_input(path) for path in inputs]
    tokens = TokenScreening(flags.special_tokens)
    search = Search(
        tuple(flags.decontaminate or ()),
        tuple(flags.decontaminate_field or ()),
        flags.ngram or NGRAMS[0],
        flags.pii != "off",
    )
    screening = Screening(search, flags.pii, token_counter, flags.max_tokens)

    with ExitStack() as stack:
        pool = pool_for(search, flags.near_duplicates, flags.workers, stack)
        dropped = stack.enter_context(open_output(flags.dropped_path)) if flags.dropped_path else None
        folder = stack.enter_context(open_output_folder(flags.destpath, replaceable))
        ledger = Ledger(dropped, flags.skip_bad)
        groups = Groups([source.quota for source in sources], flags.max_per_source)
        system = with_line_ends(flags.system) if flags.system else None
        data_set = DataSet(
            folder,
            flags.formats,
            splits,
            flags.pair,
            flags.parts or 1,
            flags.max_part_bytes,
            stack,
            shapes(system, with_line_ends(flags.separator)),
        )
        publication = Publication(folder, data_set, flags.plots, token_counter, changes(flags), stack)
        with Shuffle(folder, f"{flags.seed}") as shuffle:
            ahead = LedgerAhead(ledger)
            rows = (
                Ahead(row, number, ahead.notes())
                for number, source in enumerate(sources)
                for row in usable(source, source.paths, pair, terms, tokens, ahead)
            )
            for (row, number, notes), found in examined(rows, search, pool, flags.workers):
                ledger.write_down(notes)
                if row and (screened := screening.passed(row, found, ledger)):
                    shuffle.add(screened, groups.of(number, row))
            ledger.write_down(ahead.notes())
            shuffle.leave_out_repeated_ids(ledger.repeated_id)
            kept_instead = near_duplicates(shuffle, flags.near_duplicates, folder, pool, flags.workers)
            groups.decide(
                drawn for drawn in shuffle.drawn() if not kept_instead or drawn.row.record["id"] not in kept_instead
            )
            for row in kept(shuffle, kept_instead, groups, ledger):
                publication.write(row)
        ledger.require_records(flags.destpath)
        counted = screening.report() | tokens.report()
        steps = {shown(path): before for path in paths if (before := earlier_steps(path))}
        files = publication.finish(
            flags.title, flags.languages, published, described_inputs, ledger, terms, counted, steps
        )

    ledger.tally().show(f"{len(paths)} inputs -> {flags.destpath}")
    show_table("records by source", sorted(ledger.kept.items()))
    show_files("records", files, splits.names)
    show_lengths(publication.statistics, token_counter.method)
    if tokens.found:
        show_table(f"records with special tokens ({tokens.outcome})", tokens.most_frequent())
    if screening.found:
        show_table("personal data found", sorted(screening.found.items()))
    for caution in terms.cautions():
        print(f"caution: {caution}", file=sys.stderr)
    push(hub, flags.destpath)


def sources_of(flags: argparse.Namespace) -> list[MixSource]:
    if not flags.mix:
        return [MixSource(flags.inputpath)]
    from merging.mix import load_mix  # late, because it needs yaml, and --help does not

    return load_mix(flags.mix, hosts_of_user)


def changes(flags: argparse.Namespace) -> list[str]:
    """What this run does to the texts of records, for their attribution."""
    done = {
        "personal data in the response, if there was any, replaced by its kind": flags.pii == "mask",
        "special tokens, if there were any, broken by spaces": flags.special_tokens == "defuse",
        "in the tuple files: blank lines in the instruction removed": "alpha" in flags.formats
        and flags.pair != "split",
    }
    return [change for change, is_done in done.items() if is_done]


def show_lengths(statistics: Statistics, method: str) -> None:
    """Print how many records a trainer would cut or leave out by default, if it would any."""
    rows = [
        (f"more than {limit:,}: {outcome}", count)
        for limit, outcome in DEFAULT_LENGTHS.items()
        if (count := statistics.longer(limit))
    ]
    if rows:
        show_table(f"records longer than trainers take by default (tokens {method})", rows)


def compare_first_licenses(sources: list[MixSource], pair: str, terms: Terms, special_tokens: str) -> None:
    """Raises InputError if licences among the first records of the files forbid each other, before a long run."""
    for source in sources:
        for path in filter(can_be_read_again, source.paths):
            tokens, unrecorded = TokenScreening(special_tokens), Ledger(None, skip_bad=True)
            for _ in islice(filter(None, usable(source, [path], pair, terms, tokens, unrecorded)), LOOK_AHEAD):
                pass


def pool_for(search: Search, similarity: float | None, workers: int, stack: ExitStack) -> Executor | None:
    """Processes for what is looked for, None if that is nothing. Raises InputError for a bad file of benchmarks."""
    if not (search.looks_for_anything or similarity):
        return None
    from merging.near_copies import prepare_near_copies  # late, as what follows: it takes a tenth of a second
    from records.workers import make_pool

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads have no work here, and would forbid forks
    search.prepare()
    if similarity:
        prepare_near_copies()
    return stack.enter_context(make_pool(workers))


def examined(
    rows: Iterator[Ahead], search: Search, pool: Executor | None, workers: int
) -> Iterator[tuple[Ahead, Findings]]:
    """The records, each with what was found in it."""
    if pool is None or not search.looks_for_anything:
        return ((row, Findings()) for row in rows)
    from records.workers import map_batches

    return map_batches(rows, lambda ahead: texts_of(ahead.row), search.find, pool, workers, BATCH)


def near_duplicates(
    shuffle: Shuffle, similarity: float | None, folder: Path, pool: Executor | None, workers: int
) -> dict[str, str]:
    """The ids of near duplicates, each with the id of the better record that is kept instead."""
    if pool is None or similarity is None:
        return {}
    from merging.near_copies import near_copies

    return near_copies(shuffle, similarity, folder, pool, workers)


def usable(
    source: MixSource, paths: list[str], pair: str, terms: Terms, tokens: TokenScreening, ledger: Ledger
) -> Iterator[RecordLine | None]:
    """The records of files that have a licence, meet the source's conditions, pass for their tokens, and make pairs.

    The others go to the ledger, and None comes in their place.
    """
    for row in (row for path in paths for row in read_each(path, ledger)):
        yield checked(row, source, pair, terms, tokens, ledger) if row else None


def checked(
    row: RecordLine, source: MixSource, pair: str, terms: Terms, tokens: TokenScreening, ledger: Ledger
) -> RecordLine | None:
    """A record if it is usable."""
    try:
        licenses = licenses_of(row)
        reason = why_dropped(row, source.conditions)
    except InputError as problem:
        ledger.bad(problem, row.raw)
        return None
    if reason:
        ledger.drop(row, reason)
    elif screened := tokens.passed(row, ledger):
        if reason := why_no_pair(screened.record, pair):
            ledger.drop(row, reason)
        else:
            terms.add(licenses, row)
            return screened
    return None


def kept(shuffle: Shuffle, kept_instead: dict[str, str], groups: Groups, ledger: Ledger) -> Iterator[RecordLine]:
    """The records of the data set in their final order; the others go to the ledger."""

    def drop_exact_duplicate(row: RecordLine, better: RecordLine) -> None:
        ledger.drop(row, "exact duplicate", kept=better.record["id"])

    with Progress("writing", shuffle.count, " records") as progress:
        for drawn in shuffle.drawn(drop_exact_duplicate):
            row = drawn.row
            if better := kept_instead.get(row.record["id"]):
                ledger.drop(row, "near duplicate", kept=better)
            elif reason := groups.why_dropped(drawn):
                ledger.drop(row, reason)
            else:
                ledger.keep(row)
                yield row
            progress.update(1)


if __name__ == "__main__":
    run(main)
