"""Step 4 as a user runs it: every record once in the tuple files, the same bytes for the same records and seed."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from tests.conftest import assert_one_line_error, jsonl, record, run_script, table

SCRIPT = "merge_datasets.py"
NAME = "instruction_tuning_dataset_alpha_part{}.json"


def of(source: str, numbers) -> list[dict]:
    return [
        record(number, id=f"{source}/{number}", source=source, response=f"Answer {number}: a bowline of {source}.")
        for number in numbers
    ]


RECORDS = of("stackexchange", range(40)) + of("conala", range(30)) + of("synthetic_qa", range(5))


def write(path: Path, records) -> Path:
    path.write_bytes(jsonl(*records))
    return path


def merge(*args, stdin=None):
    run = run_script(SCRIPT, *args, stdin=stdin)
    assert run.status == 0, run
    return run


def parts(folder: Path) -> list[list]:
    """The entries of each part, the parts numbered without a gap."""
    count = len(list(folder.glob(NAME.format("*"))))
    return [json.loads((folder / NAME.format(number + 1)).read_bytes()) for number in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files but the report and the card, which contain the names of the inputs."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("report.json", "README.md")}


def pair(given: dict) -> list[str]:
    instruction = given["instruction"].replace("\n\n", "\n")
    return [given["source"], f"{instruction}\n\n{given['response']}<|endoftext|>"]


# ----------------------------------------------------------------------------------------------------------------------
# what is written
# ----------------------------------------------------------------------------------------------------------------------


def test_every_record_of_every_input_is_written_once(tmp_path):
    inputs = [write(tmp_path / name, RECORDS[at : at + 25]) for name, at in (("a", 0), ("b", 25), ("c", 50))]
    run = merge("--inputpath", *inputs, "--destpath", tmp_path / "made", "--parts", "4")
    made = parts(tmp_path / "made")
    assert [len(part) for part in made] == [19, 19, 19, 18]
    assert sorted(sum(made, [])) == sorted(map(pair, RECORDS))
    assert sum(made, []) != list(map(pair, RECORDS)), "not shuffled"
    report = json.loads((tmp_path / "made" / "report.json").read_bytes())
    assert report["counts"] == {"read": 75, "dropped": {}, "kept": 75}
    assert report["sources"] == {"conala": 30, "stackexchange": 40, "synthetic_qa": 5}
    assert [(file["path"], file["records"]) for file in report["data_files"]] == [
        (NAME.format(number + 1), len(part)) for number, part in enumerate(made)
    ]
    assert set(report["files"]) == {path.name for path in (tmp_path / "made").iterdir()} - {"report.json"}
    for name, digest in report["files"].items():
        data = (tmp_path / "made" / name).read_bytes()
        assert digest == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    by_file = {file["path"]: file["records"] for file in report["data_files"]}
    assert table(run.stderr) == {"records read": 75, "records kept": 75, **report["sources"], **by_file}


def test_existing_readers_get_the_sample_site_back(sample_records, tmp_path):
    merge("--inputpath", sample_records, "--destpath", tmp_path, "--parts", "3")
    responses = []
    for source, text in sum(parts(tmp_path), []):
        question, answer = text.split("\n\n", maxsplit=1)
        assert source == "stackexchange" and question.strip()
        responses.append(answer.replace("<|endoftext|>", "").strip())
    records = [json.loads(line) for line in sample_records.read_bytes().splitlines()]
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["counts"] == {"read": len(records), "dropped": {}, "kept": len(records)}
    assert sorted(responses) == sorted(record["response"].strip() for record in records)


@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        ("alpha", "Knot 1\nWhich knot?\n\n A bowline.\n\nTied. \n<|endoftext|>"),
        ("labelled", "User: Knot 1\nWhich knot?\n\nAgent:  A bowline.\n\nTied. \n"),
        ("split", ["Knot 1\n\nWhich knot?", " A bowline.\n\nTied. \n"]),
    ],
)
def test_conventions_of_pairs(tmp_path, convention, expected):
    given = record(instruction="Knot 1\n\nWhich knot?", response=" A bowline.\n\nTied. \n")
    merge("--inputpath", "-", "--destpath", tmp_path, "--pair", convention, stdin=jsonl(given))
    assert parts(tmp_path) == [[["stackexchange", expected]]]


def test_records_that_make_no_pair_are_counted(tmp_path):
    records = [record(1), record(2, response=" \n"), record(3, instruction=""), record(4, response="a<|endoftext|>b")]
    run = merge("--inputpath", "-", "--destpath", tmp_path, stdin=jsonl(*records))
    counts = json.loads((tmp_path / "report.json").read_bytes())["counts"]
    dropped = {"holds <|endoftext|> itself": 1, "no instruction": 1, "no response": 1}
    assert counts == {"read": 4, "dropped": dropped, "kept": 1}
    assert table(run.stderr).items() >= {f"dropped: {reason}": 1 for reason in dropped}.items()


def test_more_parts_than_records_makes_no_empty_ones(tmp_path):
    merge("--inputpath", "-", "--destpath", tmp_path, "--parts", "9", stdin=jsonl(*RECORDS[:2]))
    assert [len(part) for part in parts(tmp_path)] == [1, 1]


def test_a_part_exceeds_max_part_bytes_only_for_a_single_larger_entry(tmp_path):
    records = [*RECORDS, record(1000, response="rope " * 1000)]
    merge("--inputpath", "-", "--destpath", tmp_path, "--max_part_bytes", "1500", stdin=jsonl(*records))
    made = parts(tmp_path)
    sizes = [(tmp_path / NAME.format(number + 1)).stat().st_size for number in range(len(made))]
    large = [number for number, size in enumerate(sizes) if size > 1500]
    assert len(large) == 1 and len(made[large[0]]) == 1 and "rope rope" in made[large[0]][0][1]
    assert len(made) > 5 and sorted(sum(made, [])) == sorted(map(pair, records))


def test_only_parts_of_an_earlier_run_are_removed(tmp_path):
    mine = [tmp_path / name for name in ("notes.txt", NAME.format("1.backup"), NAME.format("2-cleaned"))]
    for path in mine:
        path.write_text("mine")
    (tmp_path / ".tmp").mkdir()
    (tmp_path / ".tmp" / "file").write_text("mine")
    merge("--inputpath", "-", "--destpath", tmp_path, "--parts", "12", stdin=jsonl(*RECORDS))
    assert (tmp_path / NAME.format(12)).exists()
    merge("--inputpath", "-", "--destpath", tmp_path, "--parts", "2", stdin=jsonl(*RECORDS))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            ".tmp",
            "README.md",
            "ATTRIBUTION.jsonl",
            "TUPLE_IDS.jsonl",
            "croissant.json",
            "report.json",
            NAME.format(1),
            NAME.format(2),
            *(path.name for path in mine),
        ]
    )
    assert [path.read_text() for path in [*mine, tmp_path / ".tmp" / "file"]] == ["mine"] * 4


# ----------------------------------------------------------------------------------------------------------------------
# the same and other bytes
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [("--parts", "3"), ("--max_part_bytes", "2000"), ("--max_per_source", "7")])
def test_same_records_and_seed_give_the_same_bytes(tmp_path, more):
    """The order of the files and of the records in them does not matter."""
    shuffled = random.Random(1).sample(RECORDS, len(RECORDS))
    a, b = write(tmp_path / "a", RECORDS[:30]), write(tmp_path / "b", RECORDS[30:])
    c, d = write(tmp_path / "c", shuffled[:50]), write(tmp_path / "d", shuffled[50:])
    outputs = []
    for number, inputs in enumerate([(a, b), (a, b), (b, a), (c, d)]):
        merge("--inputpath", *inputs, "--destpath", tmp_path / str(number), "--seed", "5", *more)
        outputs.append(contents(tmp_path / str(number)))
    assert outputs == [outputs[0]] * 4


@pytest.mark.slow
def test_different_seeds_give_different_orders_and_choices(tmp_path):
    path = write(tmp_path / "in", RECORDS)
    orders, choices = set(), set()
    for seed in ("0", "1", "-1"):
        merge("--inputpath", path, "--destpath", tmp_path / seed, "--seed", seed)
        merge("--inputpath", path, "--destpath", tmp_path / f"some{seed}", "--seed", seed, "--max_per_source", "10")
        orders.add(str(parts(tmp_path / seed)))
        choices.add(str(sorted(parts(tmp_path / f"some{seed}")[0])))
    assert len(orders) == len(choices) == 3


def test_max_per_source_takes_n_of_each_source_and_counts_the_rest(tmp_path):
    run = merge("--inputpath", "-", "--destpath", tmp_path, "--max_per_source", "10", stdin=jsonl(*RECORDS))
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["sources"] == {"conala": 10, "stackexchange": 10, "synthetic_qa": 5}
    dropped = {"beyond 10 of conala": 20, "beyond 10 of stackexchange": 30}
    assert report["counts"] == {"read": 75, "dropped": dropped, "kept": 25}
    assert table(run.stderr)["records kept"] == 25
    made = sum(parts(tmp_path), [])
    assert len(made) == 25 and all(entry in list(map(pair, RECORDS)) for entry in made)


def test_sources_are_mixed_after_max_per_source_too(tmp_path):
    """Records of a large source are chosen by a draw of their own, so they are not all at the beginning."""
    records = of("stackexchange", range(400)) + of("conala", range(10))
    merge("--inputpath", "-", "--destpath", tmp_path, "--max_per_source", "10", stdin=jsonl(*records))
    sources = [source for source, _ in parts(tmp_path)[0]]
    assert 2 <= sources[:10].count("conala") <= 8, sources


@pytest.mark.slow
def test_max_per_source_chooses_every_record_equally_often(tmp_path):
    """Over 12 seeds, 10 of 40: each is chosen 3 times on average, and no first ten are favoured."""
    path, times = write(tmp_path / "in", of("stackexchange", range(40))), dict.fromkeys(range(40), 0)
    for seed in range(12):
        merge("--inputpath", path, "--destpath", tmp_path / "made", "--seed", str(seed), "--max_per_source", "10")
        for _, text in parts(tmp_path / "made")[0]:
            times[int(text.split("Answer ")[1].split(":")[0])] += 1
    assert sum(times.values()) == 120
    assert (
        max(times.values()) <= 8
        and sum(times[number] for number in range(10)) < 50
        and list(times.values()).count(0) < 6
    )


# ----------------------------------------------------------------------------------------------------------------------
# errors
# ----------------------------------------------------------------------------------------------------------------------


def test_repeated_id_is_reported_with_both_places(tmp_path):
    a, b = write(tmp_path / "a", RECORDS[:9]), write(tmp_path / "b", [*RECORDS[20:22], RECORDS[3]])
    run = run_script(SCRIPT, "--inputpath", a, b, "--destpath", tmp_path / "made")
    assert_one_line_error(run, SCRIPT, "the id stackexchange/3 is", f"{a}:4", f"{b}:3", "give each record once")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_failed_run_keeps_the_earlier_parts(tmp_path):
    merge("--inputpath", "-", "--destpath", tmp_path, "--parts", "3", stdin=jsonl(*RECORDS))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path, stdin=jsonl(*RECORDS[:9]) + b"no record\n")
    assert_one_line_error(run, SCRIPT, "stdin:10: is not JSON")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_tuple_file_as_input_is_refused_and_kept(tmp_path):
    merge("--inputpath", "-", "--destpath", tmp_path, stdin=jsonl(*RECORDS))
    part = tmp_path / NAME.format(1)
    before = part.read_bytes()
    run = run_script(SCRIPT, "--inputpath", part, "--destpath", tmp_path)
    assert_one_line_error(run, SCRIPT, f"{part}: is an input and would be replaced")
    assert part.read_bytes() == before


def test_destination_that_is_a_file_or_below_one_is_reported(tmp_path):
    path = write(tmp_path / "file", RECORDS)
    for destination in (path, path / "below", path / "below" / "deeper"):
        run = run_script(SCRIPT, "--inputpath", path, "--destpath", destination)
        assert_one_line_error(run, SCRIPT, f"{destination}: is not a directory")
    assert path.read_bytes() == jsonl(*RECORDS)


def test_folder_with_the_name_of_a_part_is_refused(tmp_path):
    (tmp_path / NAME.format(1)).mkdir()
    run = run_script(SCRIPT, "--inputpath", "-", "--destpath", tmp_path, stdin=jsonl(*RECORDS))
    assert_one_line_error(run, SCRIPT, f"{tmp_path}: would lose {NAME.format(1)}: not what a merge wrote")
    assert [path.name for path in tmp_path.iterdir()] == [NAME.format(1)]
