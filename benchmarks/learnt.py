"""What does a model of the judgements add to the rules, and how much of what is kept would a reader accept?

    python -m benchmarks.learnt                    the labelled answers of labels/ that were drawn at random
    python -m benchmarks.learnt --dumps ~/dumps    in other dumps

The model of `filter_for_criteria.py --learn_from` learns from the labels of `dev`, `held_out` and `tune`, as if a
person had judged so. First what it says of itself, by cross-validation. Then `test`, which it has not seen: criterion 4
by the rules, with what the model is sure of, and with its hints; and what the thresholds of --keep_likely keep of what
`--drop 4,6` leaves. Usable is what a reader accepts by all seven criteria; intervals are of 95 % (Wilson 1927).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.dumps import add_dumps, distinct_records
from benchmarks.recipe import Answer, read_labelled
from judging.trust import wilson
from review.criteria import find_problems
from review.judgements import Judgement
from review.learnt_criteria import HINT, SURE, Judged, LearntCriteria, Prediction, learn

DROP = {4, 6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    args = parser.parse_args()
    labelled, _ = read_labelled(distinct_records(args.dumps))
    for name in ("before", "after"):
        known = [getattr(each, name) for each in labelled if each.split != "test"]
        new = [getattr(each, name) for each in labelled if each.split == "test"]
        learnt = learn(map(as_judged, known), DROP)
        title = {"before": "as they are", "after": "repaired"}[name]
        show_curve(f"{title}, cross-validated: {len(known)} answers", learnt, len(known))
        print(*(line for line in learnt.describe() if not line.startswith("--")), sep="\n")
        said = learnt.predict([each.record for each in new], [find_problems(each.record) for each in new])
        if name == "before":
            show_criterion(new, said)
        show_test(f"{title}, test: {len(new)} answers", learnt, new, said)


def as_judged(answer: Answer) -> Judged:
    return Judged(answer.record, Judgement(answer.usable, tuple(answer.fails)))


def show_curve(title: str, learnt: LearntCriteria, total: int) -> None:
    print(f"\n{title}\n{'--keep_likely':<15}{'kept of all':>16}{'usable of kept':>27}")
    for point in learnt.curve:
        show_point(point.threshold, point.kept, point.accepted, total)


def show_test(title: str, learnt: LearntCriteria, answers: Sequence[Answer], said: Sequence[Prediction]) -> None:
    """The thresholds of the curve, which test had no part in."""
    left = [
        (answer, one.accepted or 0) for answer, one in zip(answers, said, strict=True) if not answer.findings & DROP
    ]
    print(f"\n{title}\n{'--keep_likely':<15}{'kept of all':>16}{'usable of kept':>27}")
    for point in learnt.curve:
        kept = [answer for answer, likely in left if likely >= point.threshold]
        show_point(point.threshold, len(kept), sum(answer.usable for answer in kept), len(answers))


def show_point(threshold: float, kept: int, usable: int, total: int) -> None:
    low, high = wilson(usable, kept)
    share = f"{usable / max(kept, 1):.2f} ({low:.2f}-{high:.2f})"
    print(f"{threshold:<15.2f}{kept:>9} {kept / total:>6.2f}{usable:>10} {share}")


def show_criterion(answers: Sequence[Answer], said: Sequence[Prediction]) -> None:
    print(f"\ncriterion 4 on test{'found':>16}{'right':>7}{'precision':>22}{'recall':>8}")
    failing = sum(4 in answer.fails for answer in answers)
    for name, reasons in (("rules", set[str]()), (f"and {SURE}", {SURE}), (f"and {HINT}", {SURE, HINT})):
        found = [
            answer
            for answer, one in zip(answers, said, strict=True)
            if 4 in answer.findings or any(each.criterion == 4 and each.reason in reasons for each in one.findings)
        ]
        right = sum(4 in answer.fails for answer in found)
        low, high = wilson(right, len(found))
        precision = f"{right / max(len(found), 1):.2f} ({low:.2f}-{high:.2f})"
        print(f"{name:<26}{len(found):>9}{right:>7}{precision:>22}{right / max(failing, 1):>8.2f}")


if __name__ == "__main__":
    main()
