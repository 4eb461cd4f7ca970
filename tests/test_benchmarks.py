"""The benchmarks' dumps: got through step 1, read again, and grown; and every benchmark starts."""

import os
import shutil
import subprocess
import sys

import pytest

from benchmarks.__main__ import COMMANDS
from benchmarks.dumps import find_archive, read_dumps
from benchmarks.tools.grow_dump import SEEDS, grow_dump
from sample.archive_server import ArchiveServer
from sample.demo import HOST, ITEM
from tests import needs
from tests.conftest import ROOT
from tests.dumps import answer, pack, question, read_jsonl, table

MODULES = sorted(
    {module for module, *_ in COMMANDS}
    | {
        "benchmarks.finetune",
        "benchmarks.get_dumps",
        "benchmarks.trainers.preferences_loaders",
        "benchmarks.tools.grow_dump",
        "benchmarks.tools.gguf_to_folder",
        "benchmarks.tools.fidelity",
    }
)


def run_module(name, *args, **environment):
    command = [sys.executable, "-m", name, *map(str, args)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_benchmark_shows_its_help(module):
    if module == "benchmarks.cluster":
        needs.package("distributed", "cluster")
    done = run_module(module, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.slow
def test_dumps_are_got_once_and_their_records_are_those_of_step_1(www, sample_records, tmp_path):
    with ArchiveServer(www) as server:
        for _ in range(2):
            done = run_module(
                "benchmarks.get_dumps",
                "--dump",
                ITEM,
                "--sites",
                "harbour",
                "--dumps",
                tmp_path,
                ARCHIVE_ORG_URL=server.url,
            )
            assert done.returncode == 0, done.stderr
        assert server.sent(f"{ITEM}/{HOST}.7z") == (www / ITEM / f"{HOST}.7z").stat().st_size
    assert find_archive(tmp_path, HOST).read_bytes() == (www / ITEM / f"{HOST}.7z").read_bytes()
    assert list(read_dumps(tmp_path)) == read_jsonl(sample_records)


def test_without_dumps_a_benchmark_says_how_to_get_them(tmp_path):
    done = run_module("benchmarks.criteria", "--dumps", tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert f"get some with: python -m benchmarks.get_dumps --dumps {tmp_path}" in line


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Archives of the three sites that grown dumps are made of, each with a question and two answers."""
    folder = tmp_path_factory.mktemp("seeds")
    posts = table(
        "posts", [question(10, OwnerUserId=7), answer(11, 10), answer(12, 10, Body="<p>That would make it.</p>")]
    )
    users = table("users", [{"Id": 7, "DisplayName": "Ada"}])
    for host in SEEDS:
        pack(folder / f"{host}.7z", {"Posts": posts, "Users": users})
    return folder


@pytest.mark.skipif(not shutil.which("7zz"), reason="needs 7zz, Debian package 7zip")
@pytest.mark.parametrize("method", ["bzip2", "lzma2"])
def test_a_grown_dump_is_a_large_one_in_which_every_answer_has_its_question(seeds, tmp_path, method):
    archive = tmp_path / "large" / "grown.stackexchange.com.7z"
    archive.parent.mkdir()
    grow_dump(archive, seeds, megabytes=1, method=method, order="random")
    records = list(read_dumps(archive.parent))
    assert sum(len(record["response"]) for record in records) > 10_000
    assert len({record["id"] for record in records}) == len(records) > 500
    assert {record["meta"]["answer_id"] - record["meta"]["question_id"] for record in records} == {1, 2}
    named = {record["meta"]["answer_author"] for record in records} - {None}  # the table of users ends before the posts
    assert named == {"Ada"}
