"""How long a reviewer waits: opening a large file, the next example, a judgement.

    python -m benchmarks.review                          a million records of 2 kB, 20,000 judgements
    python -m benchmarks.review --records 100000 --judgements 2000

Needs 2 kB of temporary disk per record. Prints milliseconds of wall time (the median and the longest) and of CPU time
(the mean), and the memory used.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from review.judgements import Judgement, JudgementFile
from viewer.queue import Filter, Queue
from viewer.record_file import RecordFile

SITE = "quay.stackexchange.com/a"
WORDS = "The harbour master watches boats come in under sail and asks whether they need a berth for the night. "
TIMES = 100
REJECT = Judgement(False, (4, 6), "links to a blog")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--records", type=int, default=1_000_000, metavar="N", help="in the file (default: 1000000)")
    add("--judgements", type=int, default=20_000, metavar="N", help="in the judgement file (default: 20000)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        data, judged = Path(folder, "records.jsonl"), Path(folder, "judgements.yaml")
        write_records(data, args.records)
        write_judgements(judged, args.judgements)
        print(f"{args.records:,} records, {data.stat().st_size / 1e6:,.0f} MB; {args.judgements:,} judgements")
        print(f"{'':<34}{'median':>9}{'longest':>9}{'CPU':>9}  ms")
        review_records(data, judged)
        write_judgements(judged, args.judgements)
        review_judgements(judged)


def review_records(data: Path, judged: Path) -> None:
    before = peak()
    records = timed("open the records", lambda: RecordFile(data))
    queue = timed("open the judgements", lambda: Queue(records, JudgementFile(judged)))
    draw = random.Random(0)
    numbers = iter(lambda: draw.randrange(len(records) - 1), None)
    timed("the next example", lambda: records[queue.next(next(numbers))], TIMES)
    timed("go to an id", lambda: records[queue.go_to(f"{SITE}/{next(numbers)}")], TIMES)
    timed("judge, seen in the queue", lambda: judge_in(queue, next(numbers)), TIMES)
    timed("undo", queue.undo, TIMES)
    timed("put in random order", lambda: put_in(queue, queue.at_random(1)))
    timed("the next example, random order", lambda: records[queue.next_unjudged(next(numbers))], TIMES)
    timed("put in order of score", lambda: put_in(queue, queue.by_score()))
    timed("put in an order that is learnt", lambda: put_in(queue, queue.by_uncertainty(1)))
    queue.filter = Filter(text="not in any")
    timed("search all text in vain", queue.first)
    print(f"{'memory of all this':<34}{peak() - before:>9.0f}  MiB")


def review_judgements(judged: Path) -> None:
    first, second = JudgementFile(judged), JudgementFile(judged)
    for session in (first, second):
        session.read()
    turns = iter(range(1_000_000))
    timed("save a new judgement", lambda: first.judge(f"{SITE}/new{next(turns)}", REJECT, seen=None), TIMES)
    timed("save a changed judgement", lambda: judge_again(first, next(turns)), TIMES)
    timed("remove a judgement", lambda: first.judge(f"{SITE}/{next(turns) - TIMES}", None, seen=REJECT), TIMES)
    second.read()
    in_turn = iter([first, second] * TIMES)
    timed(
        "save, two viewers in turn", lambda: next(in_turn).judge(f"{SITE}/new{next(turns)}", REJECT, seen=None), TIMES
    )
    first.read()
    lines = judged.read_text().splitlines(keepends=True)
    judged.write_text("".join([*lines[: len(lines) // 2], "# by hand\n", *lines[len(lines) // 2 :]]))
    timed("read after an edit by hand", first.read)
    timed("parse the file", lambda: JudgementFile(judged).read())


def put_in(queue: Queue, order: Sequence[int]) -> None:
    queue.order = order


def judge_in(queue: Queue, number: int) -> None:
    queue.judge(number, REJECT, seen=queue.judgement(number))


def judge_again(file: JudgementFile, number: int) -> None:
    """Reject a record that `write_judgements` has judged."""
    file.judge(f"{SITE}/{number}", REJECT, seen=REJECT if number % 3 == 0 else Judgement(True))


def timed(what: str, action: Callable[[], Any], times: int = 1) -> Any:
    """Call an action `times` times, print how long it took, and return its last result."""
    walls, cpu = [], time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        result = action()
        walls.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (time.process_time() - cpu) / times
    print(f"{what:<34}{statistics.median(walls):>9.1f}{max(walls):>9.1f}{cpu:>9.1f}", flush=True)
    return result


def peak() -> float:
    """The peak memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_records(path: Path, count: int) -> None:
    with open(path, "w") as out:
        for number in range(count):
            meta = {"site": "quay.stackexchange.com", "answer_id": number, "answer_score": number * 7919 % 1000}
            row = {
                "id": f"{SITE}/{number}",
                "source": "stackexchange",
                "instruction": f"Boat {number}\n\n{WORDS * 9}",
                "response": f"Answer {number}: {WORDS * 9}",
                "meta": meta,
            }
            out.write(json.dumps(row) + "\n")


def write_judgements(path: Path, count: int) -> None:
    """Write judgements like a reviewer's: one in three rejected, with a note."""
    rejected = "{judgement: reject, criteria: [4, 6], note: links to a blog}  # read twice"
    path.write_text("".join(f"{SITE}/{number}: {'accept' if number % 3 else rejected}\n" for number in range(count)))


if __name__ == "__main__":
    main()
