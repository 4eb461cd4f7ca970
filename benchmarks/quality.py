"""Quality, speed and memory of finding near duplicates, benchmark items and personal data.

    python -m benchmarks.quality duplicates       recall and precision on planted copies; records a second
    python -m benchmarks.quality contamination    memory and rate with as many items as MMLU, GSM8K and HumanEval
    python -m benchmarks.quality personal_data    precision on real posts by benchmarks/labels; recall on invented data

Works on real dumps. Rates are per CPU second of one core.
"""

from __future__ import annotations

import argparse
import gzip
import ipaddress
import json
import random
import re
import string
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
import py7zr
from lxml import etree

from benchmarks.dumps import ROOT, add_dumps, read_dumps
from benchmarks.invented_items import invented_items
from judging.trust import wilson
from quality.contamination import Benchmarks, Item
from quality.duplicates import rank
from quality.near_duplicates import NearDuplicates, near_duplicate_text
from quality.personal_data import KINDS, find_personal_data

SOURCES = ROOT.parent / "shared" / "sources"
LABELS = Path(__file__).with_name("labels") / "personal_data.jsonl"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=("duplicates", "contamination", "personal_data"))
    add_dumps(parser)
    add(
        "--sources",
        type=Path,
        default=SOURCES,
        metavar="DIR",
        help="for personal_data: files of CoNaLa, HH-RLHF and the red team, named as in labels/personal_data.md "
        "(default: ../shared/sources)",
    )
    add("--pairs", type=int, default=3000, metavar="N", help="planted copies (default: 3000)")
    add("--threshold", type=float, default=0.8, metavar="J", help="for near duplicates (default: 0.8)")
    add("--records", type=int, default=100_000, metavar="N", help="for the rate of near duplicates (default: 100000)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        {"duplicates": duplicates, "contamination": contamination, "personal_data": personal_data}[args.what](
            args, Path(folder)
        )


# ---- near duplicates -------------------------------------------------------------------------------------------------
def duplicates(args: argparse.Namespace, folder: Path) -> None:
    answers = [record for record in read_dumps(args.dumps) if near_duplicate_text(record)]
    found_again(answers, args, folder)
    rate_of_near_duplicates(answers, args.records, folder)


def found_again(answers: list[dict[str, Any]], args: argparse.Namespace, folder: Path) -> None:
    """Plant edited copies of answers among all answers, and look for them.

    A positive is a planted pair whose true Jaccard similarity, computed from the sets of 5-grams, is at least the
    threshold. Recall: the share of positives in one cluster. Precision: the share of pairs with at least the threshold
    among all pairs in one cluster, planted or not.
    """
    chance = random.Random(1)
    texts = {record["id"]: record["response"] for record in answers}
    planted = {}  # original -> similarity
    for id in chance.sample(sorted(texts), min(args.pairs, len(texts))):
        texts[f"{id}/copy"], planted[id] = edited(texts[id], chance.uniform(0.5, 1.0), chance)
    with NearDuplicates(folder, args.threshold) as near:
        for id in chance.sample(sorted(texts), len(texts)):
            near.add(id, texts[id], id)
        cluster = {duplicate.id: duplicate.kept for duplicate in near.duplicates()}

    members = defaultdict(list)
    for id in texts:
        members[cluster.get(id, id)].append(id)
    together = [pair for ids in members.values() for pair in combinations(ids, 2)]
    right = sum(similarity(texts[a], texts[b]) >= args.threshold for a, b in together)
    print(f"near duplicates at {args.threshold}: {len(planted):,} planted copies among {len(answers):,} real answers")
    print(f"  {'true similarity':20} {'pairs':>6} {'found':>6}")
    found = {id for id in planted if cluster.get(id, id) == cluster.get(f"{id}/copy", f"{id}/copy")}
    edges = [args.threshold + above for above in (-0.3, -0.1, -0.05, 0, 0.02, 0.05, 0.1, 1)]
    for low, high in pairwise(edges):
        ids = {id for id, true in planted.items() if low <= true < high}
        print(f"  {f'{low:.2f} to {min(high, 1):.2f}':20} {len(ids):6,} {len(ids & found):6,}")
    positives = {id for id, true in planted.items() if true >= args.threshold}
    recalled = len(positives & found)
    print(f"  recall    {recalled:,} of {len(positives):,} positives = {recalled / len(positives):.4f}")
    print(f"  precision {right:,} of {len(together):,} pairs in one cluster = {right / len(together):.4f}")


def edited(text: str, target: float, chance: random.Random) -> tuple[str, float]:
    """A copy with words replaced, added and removed until its similarity is at most the target."""
    words, true = text.split(), 1.0
    while true > target:
        place = chance.randrange(len(words))
        words[place : place + chance.randrange(2)] = [f"word{chance.randrange(10**6)}"] * chance.randrange(2)
        true = similarity(text, " ".join(words))
    return " ".join(words), true


def similarity(a: str, b: str) -> float:
    """The Jaccard similarity of the sets of word 5-grams."""
    one, other = grams(a), grams(b)
    return len(one & other) / len(one | other)


def grams(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def rate_of_near_duplicates(answers: list[dict[str, Any]], count: int, folder: Path) -> None:
    """Add that many records made from real ones.

    A fifth has one more word, so they are near duplicates; in the others every third word is replaced, so they are not.
    """
    chance = random.Random(2)
    vocabulary = [word for record in islice(answers, 500) for word in record["response"].split()]
    seconds, before, size = 0.0, 0.0, 0
    with NearDuplicates(folder) as near:
        for number in range(count):
            record = dict(chance.choice(answers))
            words = record["response"].split()
            if number % 5 == 0:
                words.append(chance.choice(vocabulary))
            else:
                words = [chance.choice(vocabulary) if place % 3 == 0 else word for place, word in enumerate(words)]
            record |= {"id": f"quay.stackexchange.com/a/{number}", "response": " ".join(words)}
            size += len(record["response"])
            began = time.process_time()
            text = near_duplicate_text(record)
            if text is not None:
                near.add(record["id"], text, rank(record))
            seconds += time.process_time() - began
            if number == count // 10:  # from here on memory grows only with the records
                peak_memory(reset=True)
                before = peak_memory()
        began = time.process_time()
        left_out = sum(1 for _ in near.duplicates())
        resolving = time.process_time() - began
        files = sum(path.stat().st_size for path in folder.glob(".near-duplicates-*/*"))
    total = seconds + resolving
    print(f"rate: {count:,} records of {size / count:,.0f} characters, {left_out:,} of them left out")
    print(f"  {count / total:,.0f} records/s, {size / total / 1e6:.1f} MB/s; {resolving / total:.0%} of it to compare")
    grown = peak_memory() - before
    print(f"  peak memory grew by {grown:.0f} MB over the last nine tenths; {files / 1e6:,.0f} MB in files")


def peak_memory(reset: bool = False) -> float:
    """The peak memory of this process since the last reset, in MB; see proc(5)."""
    [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return int(peak) / 1000


# ---- contamination ---------------------------------------------------------------------------------------------------
def contamination(args: argparse.Namespace, folder: Path) -> None:
    records = list(read_dumps(args.dumps))
    chance = random.Random(3)
    items = invented_items(records[:500], chance)
    size = sum(len(record["instruction"]) + len(record["response"]) for record in records) / 1e6
    for n in (13, 8):
        peak_memory(reset=True)
        before, began = peak_memory(), time.process_time()
        benchmarks = Benchmarks(items, n)
        grown, built, began = peak_memory() - before, time.process_time() - began, time.process_time()
        batches = (records[start : start + 100] for start in range(0, len(records), 100))  # as a merge has them
        clean = sum(not hits for batch in batches for hits in benchmarks.hits_of_all(batch))
        seconds = time.process_time() - began
        planted = list(zip(chance.sample(items, 1000), records, strict=False))
        found = sum(is_found(benchmarks, item, n, record, chance) for item, record in planted)
        print(f"{n}-grams of {len(items):,} items: {built:.1f} s to build, memory grew by {grown:.0f} MB")
        print(f"  {size / seconds:.1f} MB/s, {len(records) / seconds:,.0f} records/s; {clean:,} of them without a hit")
        print(f"  found {found:,} of {len(planted):,} planted n-grams")


def is_found(benchmarks: Benchmarks, item: Item, n: int, record: dict[str, Any], chance: random.Random) -> bool:
    """Put n consecutive words of the item, in capitals and with commas, into the record, and look for them."""
    words, lines = item.text.split(), record["response"].split("\n")
    start = chance.randrange(len(words) - n + 1)
    lines.insert(chance.randrange(len(lines) + 1), ", ".join(words[start : start + n]).upper())
    hits = benchmarks.hits({**record, "response": "\n".join(lines)})
    return any((hit.benchmark, hit.item) == (item.benchmark, item.number) for hit in hits)


# ---- personal data ---------------------------------------------------------------------------------------------------
PARTS = {
    "tuning": "answers and CoNaLa, on which the rules were tuned",
    "held out": "questions and HH-RLHF, looked at when the rules were done",
    "profiles": "what users of three sites write about themselves, looked at when the rules were done",
}


class Text(NamedTuple):
    part: str
    id: str
    text: str


def personal_data(args: argparse.Namespace, folder: Path) -> None:
    labels = {
        (row["id"], row["kind"], row["start"], row["end"]): row["right"] for row in map(json.loads, LABELS.open())
    }
    verdicts: dict[tuple[str, str], Counter[bool | None]] = defaultdict(Counter)
    texts, sizes, seconds = Counter[str](), Counter[str](), 0.0
    for part, id, text in real_texts(args.dumps, args.sources, folder):
        began = time.process_time()
        spans = find_personal_data(text)
        seconds += time.process_time() - began
        texts[part] += 1
        sizes[part] += len(text)
        for span in spans:
            verdict = labels.get((id, *span))
            verdicts[part, span.kind][verdict] += 1
            if verdict is None:
                print(f"without a label: {json.dumps({'id': id, **span._asdict()})}")
    for part, what in PARTS.items():
        print(f"{part}: {texts[part]:,} texts, {sizes[part] / 1e6:.1f} million characters: {what}")
        for kind in KINDS:
            print_precision(kind, verdicts[part, kind])
    print("all")
    for kind in KINDS:
        print_precision(kind, sum((verdicts[part, kind] for part in PARTS), Counter()))
    print(f"{sum(sizes.values()) / seconds / 1e6:.0f} million characters/s")
    print_recall()


def real_texts(dumps: Path, sources: Path, folder: Path) -> Iterator[Text]:
    """The texts to search, each once."""
    questions = set()
    for record in read_dumps(dumps):
        yield Text("tuning", record["id"], record["response"])
        question = f"{record['meta']['site']}/q/{record['meta']['question_id']}"
        if question not in questions:
            questions.add(question)
            yield Text("held out", question, record["instruction"])
    if sources.is_dir():
        yield from texts_of_other_sources(sources)
    else:
        print(f"{sources}: not a directory; the texts of other sources are left out", file=sys.stderr)
    for site in ("ai", "avp.meta", "bioinformatics"):
        for archive in sorted(dumps.rglob(f"{site}.stackexchange.com.7z")):
            with py7zr.SevenZipFile(archive) as opened:
                opened.extract(folder / site, ["Users.xml"])
            for _, row in etree.iterparse(folder / site / "Users.xml", tag="row"):
                if row.get("AboutMe"):
                    yield Text("profiles", f"{site}.stackexchange.com/users/{row.get('Id')}", row.get("AboutMe"))


def texts_of_other_sources(folder: Path) -> Iterator[Text]:
    for name in ("conala-train", "conala-test"):
        for number, row in enumerate(json.loads((folder / f"{name}.json").read_bytes()), 1):
            yield Text("tuning", f"{name}/{number}", f"{row['rewritten_intent'] or row['intent']}\n{row['snippet']}")
    with gzip.open(folder / "hh-rlhf.harmless-base.test.jsonl.gz") as stream:
        for number, line in enumerate(stream, 1):
            yield Text("held out", f"harmless-base/test/{number}", json.loads(line)["chosen"])
    with (folder / "red_team_attempts.sample.jsonl").open() as lines:
        for number, line in enumerate(lines, 1):
            yield Text("held out", f"red_team_attempts/{number}", json.loads(line)["transcript"])


def print_precision(kind: str, verdicts: Counter[bool | None]) -> None:
    judged = verdicts[True] + verdicts[False]
    share = "nothing found"
    if judged:
        low, high = wilson(verdicts[True], judged)
        share = (
            f"{verdicts[True]} of {judged} right = {verdicts[True] / judged:.2f}, 95 % interval {low:.2f} to {high:.2f}"
        )
    print(f"  {kind:14} {share}" + (f"; {verdicts[None]} without a label" if verdicts[None] else ""))


def print_recall() -> None:
    """How much invented data in invented sentences is found, exact to the character."""
    chance = random.Random(4)
    print("recall on invented data")
    for kind, values in invented(chance).items():
        found = 0
        for value in values:
            before, after = chance.choice(
                [("Write to ", "."), ("see (", ") there"), ("\n    ", "\n"), ("`", "`, say"), ("", "")]
            )
            if value.partition(": ")[0] in ("phone", "Tel"):
                before, value = f"{before}{value.partition(': ')[0]}: ", value.partition(": ")[2]
            found += (kind, len(before), len(before) + len(value)) in find_personal_data(before + value + after)
        print(f"  {kind:14} {found:,} of {len(values):,} = {found / len(values):.3f}")


def invented(chance: random.Random) -> dict[str, list[str]]:
    def some(alphabet: str, count: int) -> str:
        return "".join(chance.choices(alphabet, k=count))

    letters, word = string.ascii_letters + string.digits, lambda: some(string.ascii_lowercase, chance.randint(3, 10))
    phones = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        for form in ("INTERNATIONAL", "E164", "RFC3966") if number else ():
            written = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
            phones.append(written.removeprefix("tel:"))
        if number and region in ("US", "GB"):
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            phones += [f"phone: {written}", f"Tel: {written}"]
    return {
        "email_address": [
            f"{word()}{chance.choice(['', '.', '_', '-', '+'])}{word()}{chance.choice(['', '7', '1984'])}@{word()}."
            + chance.choice(["com", "org", "net", "edu", "de", "co.uk", "io", "cs.uni-freiburg.de", "com.br"])
            for _ in range(500)
        ],
        "phone_number": phones,
        "ip_address": [
            str(address)
            for address in map(ipaddress.IPv4Address, chance.sample(range(1 << 32), 1000))
            if address.is_global and not address.is_multicast
        ]
        + [":".join(["2a02", *(f"{chance.randrange(1 << 16):x}" for _ in range(7))]) for _ in range(100)],
        "secret": [
            secret
            for _ in range(50)
            for secret in (
                "AKIA" + some(string.ascii_uppercase + "234567", 16),
                "ghp_" + some(letters, 36),
                "github_pat_" + some(letters, 22) + "_" + some(letters, 59),
                "glpat-" + some(letters, 20),
                "xoxb-" + some(string.digits, 12) + "-" + some(string.digits, 12) + "-" + some(letters, 24),
                "sk-" + some(letters, 20) + "T3BlbkFJ" + some(letters, 20),
                "sk-ant-api03-" + some(letters + "-_", 93) + "AA",
                "hf_" + some(letters, 34),
                "AIza" + some(letters, 35),
                "sk_live_" + some(letters, 24),
                "SG." + some(letters, 22) + "." + some(letters, 43),
                "npm_" + some(letters, 36),
                ".".join("eyJ" + some(letters, 30) for _ in range(2)) + "." + some(letters, 43),
                f"-----BEGIN RSA PRIVATE KEY-----\n{some(letters + '+/', 800)}\n-----END RSA PRIVATE KEY-----",
            )
        ],
    }


if __name__ == "__main__":
    main()
