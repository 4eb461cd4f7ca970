"""The mix file: how much is taken of each source, and one line with the place of a mistake."""

import json
from collections import Counter
from fractions import Fraction

import pytest

from merging.mix import load_mix
from merging.sampling import Quota, sizes
from records.errors import InputError
from stackdump.sites import hosts_of_user
from tests.conftest import assert_one_line_error, jsonl, record, run_script

SCRIPT = "merge_datasets.py"


def of(source: str, count: int, **fields) -> bytes:
    records = (
        record(number, score=number, id=f"{source}/{number}", source=source, response=f"{source} {number}", **fields)
        for number in range(count)
    )
    return jsonl(*records)


def write(path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.fixture
def sources(tmp_path):
    for name, count in (("large", 600), ("small", 30), ("other", 50)):
        (tmp_path / f"{name}.jsonl").write_bytes(of(name, count))
    return tmp_path


def merged(folder, text: str, *more: str) -> tuple[Counter, dict]:
    """How many records of each source are in the data set, and what was dropped."""
    run = run_script(SCRIPT, "--mix", write(folder / "mix.yaml", text), "--destpath", folder / "made", *more)
    assert run.status == 0, run
    report = json.loads((folder / "made" / "report.json").read_bytes())
    entries = json.loads((folder / "made" / "instruction_tuning_dataset_alpha_part1.json").read_bytes())
    assert Counter(source for source, _ in entries) == Counter(report["sources"])
    return Counter(report["sources"]), report["counts"]["dropped"]


def test_weights_give_proportions_limited_by_the_scarcest_source(sources):
    kept, dropped = merged(
        sources,
        """
        # comments are welcome
        sources:
          - path: large.jsonl  # ten times as much
            weight: 10
          - path: small.jsonl
            weight: 1
          - path: other.jsonl
        """,
    )
    assert kept == {"large": 300, "small": 30, "other": 50}
    assert dropped == {"beyond the weight of large.jsonl": 300}


def test_maximum_limits_a_source_of_several_files(sources):
    kept, dropped = merged(
        sources, "sources: [{path: [large.jsonl, small.jsonl], maximum: 100}, {path: other.jsonl, maximum: 70}]"
    )
    assert kept["large"] + kept["small"] == 100 and kept["other"] == 50
    assert dropped == {"beyond 100 of large.jsonl small.jsonl": 530}


def test_conditions_apply_to_their_own_source_and_before_the_weights(sources):
    kept, dropped = merged(
        sources,
        """
        sources:
          - {path: large.jsonl, min_answer_votes: 590, weight: 1}
          - {path: small.jsonl, weight: 2}
          - {path: other.jsonl, max_response_chars: 7}
        """,
    )
    assert kept == {"large": 10, "small": 20, "other": 10}
    assert dropped["answer below 590 votes"] == 590 and dropped["response above 7 characters"] == 40


def test_zero_is_a_condition(sources):
    (sources / "disliked.jsonl").write_bytes(
        jsonl(record(1, score=-1), record(2, score=0, response=""), record(3, score=0))
    )
    kept, dropped = merged(sources, "sources: [{path: disliked.jsonl, min_answer_votes: 0, min_response_chars: 0}]")
    assert kept.total() == 1 and dropped == {"answer below 0 votes": 1, "no response": 1}


def test_the_seed_decides_the_choice(sources):
    text, chosen = "sources: [{path: large.jsonl, maximum: 20}]", []
    for seed in ("1", "1", "2"):
        merged(sources, text, "--seed", seed)
        chosen.append((sources / "made" / "instruction_tuning_dataset_alpha_part1.json").read_bytes())
    assert chosen[0] == chosen[1] != chosen[2]


def test_duplicates_do_not_count_for_the_weights(sources):
    (sources / "twice.jsonl").write_bytes(of("small", 30).replace(b'"small/', b'"twice/'))
    kept, _ = merged(
        sources, "sources: [{path: [small.jsonl, twice.jsonl], weight: 1}, {path: other.jsonl, weight: 1}]"
    )
    assert kept.total() == 60 and kept["other"] == 30


def test_sizes_are_exact():
    third = Fraction("0.1")
    assert sizes(
        [Quota(weight=third), Quota(weight=3 * third), Quota(), Quota(maximum=5), Quota(maximum=50)], [7, 30, 9, 9, 9]
    ) == [7, 21, 9, 5, 9]
    assert sizes([Quota(weight=Fraction(1)), Quota(weight=Fraction(1))], [0, 10]) == [0, 0]


def test_conditions_of_every_kind(tmp_path):
    mix = write(
        tmp_path / "mix.yaml",
        """
        sources:
          - path: a.jsonl
            accepted_only: true
            min_answer_votes: -3
            min_question_votes: 1
            sites: [math, meta]
            exclude_sites: math.meta
            created_after: 2020
            created_before: 2021-07-01
            min_response_chars: 2
            max_response_chars: 3
            tags: [a, b]
            exclude_tags: c
            licenses: [CC BY-SA 4.0]
        """,
    )
    (source,) = load_mix(mix, hosts_of_user)
    assert source.paths == [str(tmp_path / "a.jsonl")]
    assert [condition.name for condition in source.conditions] == [
        "min_answer_votes",
        "accepted_only",
        "min_question_votes",
        "sites",
        "exclude_sites",
        *(2 * ["created_after", "created_before"]),
        "min_response_chars",
        "max_response_chars",
        "tags",
        "exclude_tags",
        "licenses",
    ]


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\nsources: [{path: *d}]"
WRONG = [
    ("", 1, "lists no sources"),
    ("sources: []", 1, "lists no sources"),
    ("- path: a", 1, "is not a mapping"),
    ("sources:\n  - a.jsonl", 2, "is not a mapping"),
    ("sources:\n  - weight: 1", 2, "has no path"),
    ("sources:\n  - path: a\n    weights: 1", 3, "weights is not a key here; the keys are path, weight, maximum"),
    ("source:\n  - path: a", 1, "source is not a key here; the keys are sources"),
    ("sources:\n  - path: a\n    path: b", 3, "path is given twice"),
    ("sources:\n  - path: a\n    weight: 1\n    maximum: 2", 2, "a weight and a maximum"),
    ("sources:\n  - path: a\n    weight: 0", 3, "weight must be a number above 0"),
    ("sources:\n  - path: a\n    weight: -1", 3, "weight must be a number above 0"),
    ("sources:\n  - path: a\n    weight: 1e400", 3, "weight must be a number above 0"),
    ("sources:\n  - path: a\n    weight: .", 3, "weight must be a number above 0"),
    ("sources:\n  - path: a\n    maximum: 0", 3, "maximum must be a whole number above 0"),
    ("sources:\n  - path: a\n    maximum: 1.5", 3, "maximum must be a whole number"),
    ("sources:\n  - path: a\n    min_answer_votes: many", 3, "min_answer_votes must be a whole number"),
    ("sources:\n  - path: a\n    accepted_only: yes", 3, "accepted_only must be true or false"),
    ("sources:\n  - path: a\n    tags: {a: b}", 3, "tags must be a text or a list of texts"),
    ("sources:\n  - path: []", 2, "path must be a text or a list of texts"),
    ("sources:\n  - path: a\n    created_after: [2020]", 3, "created_after must be a text"),
    ("sources:\n  - path: a\n    created_after: 2020-31-01", 2, "created_after 2020-31-01: is not a date"),
    ("sources:\n  - path: a\n    sites: maht", 2, "maht: no such site (nearest: math"),
    ("sources:\n\t- path: a", 2, "is not YAML"),
    ("sources: [", 2, "is not YAML"),
    ("sources:\n  - path: \x07", 2, "is not YAML"),
    ("[" * 10, 1, "is nested too deep"),
    ("[" * 5000, 1, "write `sources:`"),  # some versions of PyYAML refuse it themselves
    (BOMB, 1, "a is not a key here"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_mistake_is_reported_with_its_line(tmp_path, text, line, message):
    path = write(tmp_path / "mix.yaml", text)
    with pytest.raises(InputError) as caught:
        load_mix(path, hosts_of_user)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_script_reports_a_mistake_in_one_line(tmp_path):
    mix = write(tmp_path / "mix.yaml", "sources:\n  - path: a.jsonl\n    weigth: 2\n")
    assert_one_line_error(
        run_script(SCRIPT, "--mix", mix, "--destpath", tmp_path / "made"), SCRIPT, f"{mix}:3: weigth is not a key here"
    )
    assert_one_line_error(run_script(SCRIPT, "--mix", tmp_path / "no.yaml"), SCRIPT, "no.yaml: no such file")


def test_condition_on_a_missing_field_is_reported(tmp_path):
    given = record(1, source="conala", meta={"answer_score": None})
    (tmp_path / "conala.jsonl").write_bytes(jsonl(given))
    mix = write(tmp_path / "mix.yaml", "sources:\n  - {path: conala.jsonl, min_answer_votes: 1}\n")
    run = run_script(SCRIPT, "--mix", mix, "--destpath", tmp_path / "made")
    assert_one_line_error(
        run,
        SCRIPT,
        f"{tmp_path / 'conala.jsonl'}:1: meta.answer_score is not a whole number, which min_answer_votes looks at",
    )
