"""What several test files share: running a script as a user does, an invented record, the sample site's records."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sample.demo import build_item
from tests.dumps import large_tables, pack

ROOT = Path(__file__).resolve().parent.parent
# The files that take longest begin first, so that no core waits for another at the end.
LONGEST = (
    "test_generate_qa",
    "test_faults",
    "test_cluster",
    "test_viewer_browser",
    "test_local_dumps",
    "test_markdown_fuzz",
)
SAMPLE_DUMP = ROOT / "sample" / "harbour.stackexchange.com"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


class Run(NamedTuple):
    """How a script ended and what it printed, line ends as they were."""

    status: int
    stdout: str
    stderr: str


def run_script(name: str, *args: str | Path, stdin: str | bytes | None = None) -> Run:
    """Run a script of the repository to its end; without `stdin` it reads an empty stream."""
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    command = [sys.executable, name, *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, check=False, timeout=120)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def table(text: str) -> dict[str, int]:
    """The table on stderr: a name and its count a line."""
    return {name: int(count.replace(",", "")) for name, count in re.findall(r"^ +(.+?) {2,}([\d,]+)$", text, re.M)}


def assert_one_line_error(run: Run, script: str, *parts: str | Path, status: int = 1) -> None:
    """Assert that a run ended as bad input has to: one line with these parts, this status, nothing on stdout."""
    assert (run.status, run.stdout) == (status, ""), run
    assert run.stderr.count("\n") == 1 and run.stderr.startswith(f"{script}: error: "), run.stderr
    for part in parts:
        assert str(part) in run.stderr, run.stderr


def record(number: int = 1, *, question: int = 1, score: int = 10, meta: dict[str, Any] | None = None, **fields: Any):
    """A record as get_stackexchange.py writes it, of invented text; `meta` and `fields` change or add fields."""
    site = "quay.stackexchange.com"
    return {
        "id": f"{site}/a/{number}",
        "source": "stackexchange",
        "instruction": f"Knot {question}\n\nWhich knot holds a boat of {question} t?",
        "response": f"Answer {number}: a bowline, tied {number} times.",
        "meta": {
            "site": site,
            "question_id": question,
            "answer_id": number,
            "title": f"Knot {question}",
            "tags": ["knots", "rope"],
            "question_score": 5,
            "answer_score": score,
            "accepted": False,
            "question_license": "CC BY-SA 4.0",
            "answer_license": "CC BY-SA 4.0",
            **(meta or {}),
        },
        **fields,
    }


def jsonl(*records: dict[str, Any]) -> bytes:
    """Records as the bytes of a .jsonl file."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records).encode()


@pytest.fixture(scope="session")
def sample_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """unfiltered.jsonl of the sample site, made by get_stackexchange.py."""
    folder = tmp_path_factory.mktemp("stack-exchange")
    run = run_script("get_stackexchange.py", "--dump_path", SAMPLE_DUMP, "--destdir", folder)
    assert run.status == 0, run.stderr
    return folder / "harbour" / "unfiltered.jsonl"


@pytest.fixture(scope="session")
def www(tmp_path_factory) -> Path:
    """A server's folder with the sample's item, and an item with a large archive."""
    root = tmp_path_factory.mktemp("www")
    build_item(root)
    pack(root / "large" / "quay.stackexchange.com.7z", large_tables())
    return root


@pytest.fixture(scope="session")
def large_output(www, tmp_path_factory) -> bytes:
    """What the large archive becomes when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("right")
    run = run_script("get_stackexchange.py", "--dump_path", www / "large", "--destdir", folder)
    assert run.status == 0, run.stderr
    return (folder / "quay" / "unfiltered.jsonl").read_bytes()
