"""The complete pipeline on real dumps, served by the stand-in for archive.org.

These tests need ../shared and are skipped where it is absent; what they show on real data, the other tests show on the
sample and on made dumps.
"""

import json
from pathlib import Path

import py7zr
import pytest

from sample.archive_server import ArchiveServer
from tests import needs
from tests.conftest import run_script
from tests.dumps import naive_pairs, naive_posts, read_jsonl

ARCHIVES = sorted((needs.SHARED / "archive.org").rglob("*.7z"))
MALFORMED = {
    "bit-flipped.7z": "Posts.xml is damaged",
    "cut-mid-row.Posts.xml": "is cut after row 26",
    "empty.7z": "is empty",
    "entity-bomb.Posts.xml": "declares a DOCTYPE",
    "lfs-pointer.Posts.xml": "is a Git LFS pointer",
    "no-posts.7z": "holds no Posts.xml",
    "no-root.Posts.xml": "has no <posts> element",
    "not-an-archive.7z": "is not a 7z archive",
    "truncated.7z": "is cut",
}

pytestmark = [pytest.mark.slow, needs.shared("archive.org")]


@pytest.fixture(scope="module")
def archive_org():
    with ArchiveServer(needs.SHARED / "archive.org") as server:
        yield server.url


def posts_of(archive: Path) -> list[dict[str, str]]:
    factory = py7zr.io.BytesIOFactory(1 << 30)
    with py7zr.SevenZipFile(archive) as opened:
        [name] = [name for name in opened.namelist() if name.lower() == "posts.xml"]
        opened.extract(targets=[name], factory=factory)
    return naive_posts(factory.products[name].read())


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_a_real_dump_goes_through_every_step(archive_org, archive, tmp_path):
    item = archive.relative_to(needs.SHARED / "archive.org").parts[0]
    site = archive.name.removesuffix(".7z").removesuffix("-Posts")
    run = run_script(
        "get_stackexchange.py", "--base_url", archive_org, "--dump", item, "--sites", site, "--destdir", tmp_path
    )
    assert run.status == 0, run.stderr
    [unfiltered] = tmp_path.glob("*/unfiltered.jsonl")
    records = read_jsonl(unfiltered)
    pairs = naive_pairs(posts_of(archive))
    assert [(r["meta"]["question_id"], r["meta"]["answer_id"], r["meta"]["answer_score"]) for r in records] == pairs
    counts = json.loads(unfiltered.with_name("report.json").read_text())["counts"]
    assert counts["pairs written"] == len(pairs)
    assert counts["answers"] == len(pairs) + sum(n for reason, n in counts.items() if reason.startswith("dropped"))

    votes = sorted(score for _, _, score in pairs)[len(pairs) // 2]
    voted = tmp_path / "voted.jsonl"
    run = run_script("filter_for_score.py", "--inputpath", unfiltered, "--destpath", voted, "--min_answer_votes", votes)
    assert run.status == 0, run.stderr
    kept = [record for record in records if record["meta"]["answer_score"] >= votes]
    assert read_jsonl(voted) == kept and kept

    judged = kept[:40]
    lines = [f"# by hand, on {site}"]
    lines += [
        f"{r['id']}: {'accept' if n % 4 else '{judgement: reject, criteria: [4, 6]}'}" for n, r in enumerate(judged)
    ]
    (tmp_path / "judged.yaml").write_text("\n".join(lines))
    accepted = tmp_path / "accepted.jsonl"
    run = run_script(
        "filter_by_human.py", "--inputpath", voted, "--destpath", accepted, "--judgement_file", tmp_path / "judged.yaml"
    )
    assert run.status == 0, run.stderr
    chosen = [record for n, record in enumerate(judged) if n % 4]
    assert read_jsonl(accepted) == chosen

    run = run_script("merge_datasets.py", "--inputpath", voted, "--destpath", tmp_path / "data", "--parts", "2")
    assert run.status == 0, run.stderr
    responses = []
    for part in sorted((tmp_path / "data").glob("instruction_tuning_dataset_alpha_part*.json")):
        for source, text in json.loads(part.read_text("utf-8")):
            question, answer = text.split("\n\n", maxsplit=1)
            assert source == "stackexchange" and question.strip()
            responses.append(answer.replace("<|endoftext|>", "").strip())
    assert sorted(responses) == sorted(record["response"].strip() for record in kept)


def test_the_dump_of_july_2024_is_read_in_full_and_what_was_replaced_is_counted(archive_org, tmp_path):
    command = (
        "--base_url",
        archive_org,
        "--dump",
        "stackexchange_20251231",
        "--sites",
        "july2024",
        "--destdir",
        tmp_path,
    )
    run = run_script("get_stackexchange.py", *command)
    assert run.status == 0, run.stderr
    assert "2 characters that XML forbids became U+FFFD" in run.stderr
    report = json.loads((tmp_path / "july2024" / "report.json").read_text())
    assert report["forbidden_characters_replaced"] == 2


def test_every_malformed_file_is_known():
    assert {path.name for path in (needs.SHARED / "malformed").iterdir()} == set(MALFORMED)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_dump_ends_in_one_line_and_leaves_nothing(name, tmp_path):
    path = needs.SHARED / "malformed" / name
    run = run_script("get_stackexchange.py", "--dump_path", path, "--sites", "ai", "--destdir", tmp_path / "out")
    assert run.status == 1
    [line] = run.stderr.splitlines()
    assert f"malformed/{name}: " in line
    assert MALFORMED[name] in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
