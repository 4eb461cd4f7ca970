"""generate_python.py as users run it: with a scripted model at a server, a tiny model, and records made elsewhere."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
from test_sandbox import sandbox_or_skip

import generate_python
from generation.python_code.answers import extract
from generation.python_code.samples import make_sample
from generation.sandbox.bubblewrap import START
from records.errors import InputError
from tests import needs
from tests.conftest import ROOT, assert_one_line_error, jsonl, record, run_script, table
from tests.model_server import Fault, ModelServer, Reply

SCRIPT = "generate_python.py"
GOOD = '''def {name}({arg}: int) -> int:
    """Return {word} {arg}, raised by one.

    >>> {name}(1)
    {shown}
    """
    return {factor} * {arg} + 1


assert {name}(0) == 1
assert {name}(5) == {factor} * 5 + 1
```
'''
DOUBLE = GOOD.format(name="double", arg="x", word="twice", shown=3, factor=2)
TRIPLE = GOOD.format(name="triple", arg="number", word="thrice", shown=4, factor=3)
RENAMED = GOOD.format(name="zweimal", arg="zahl", word="two times", shown=3, factor=2)

BAD = {  # for each reason, an answer that is dropped for it
    "no code in the answer": "I cannot write that.",
    "is not Python": "```python\ndef f(x)\n    return x\n```",
    "too long": f"```python\ndef f(x):\n    return '{'x' * 20_000}'\nassert f(1)\n```",
    "no function or class": "```python\nx = 1\nassert x == 1\n```",
    "defines a function twice": "def f(x):\n    return x\ndef f(x):\n    return x + 1\nassert f(1) == 2\n```",
    "its tests redefine the program": DOUBLE.replace("```", "def double(x):\n    return x\n```"),
    "its tests are a table in the program": "def f(x):\n    return {1: 8}[x]\nassert f(1) == 8\n```",
    "no test tells what a value is": "def f(x):\n    return x + 7\nassert f(1) is not None\n```",
    "takes too much to compile": "def f(x):\n    return x\n"
    + "".join(f"{'  ' * depth}try:\n{'  ' * depth}  f(1)\n{'  ' * depth}finally:\n" for depth in range(19))
    + f"{'  ' * 19}assert f(1) == 1\n```",
    "no docstring": "def f(x):\n    return x + 7\nassert f(1) == 8\n```",
    "no test": 'def f(x):\n    """Do."""\n    return x\n```',
    "an example in a docstring cannot be read": 'def f(x):\n    """Do.\n\n    >>>f(1)\n    """\n    return x\n```',
    "the program raises an exception": DOUBLE.replace("def double", "import numpy\ndef double"),
    "a test raises an exception": DOUBLE.replace("double(0)", "double('x') - 1"),
    "a test fails": DOUBLE.replace("2 * 5", "3 * 5"),
    "a test compares no plain data": "class A:\n    __eq__ = lambda *both: True\nassert A() == 3\n```",
    "no test was reached": "def f(x):\n    return x\nif f(1) > 1:\n    assert f(1) == 3\n```",
    "ends before its tests are done": DOUBLE.replace("\n\n\nassert", "\n\nexit = __import__('os')._exit(0)\nassert"),
    "takes too long": DOUBLE.replace("    return", "    while True: pass\n    return"),
    "crashes": DOUBLE.replace("    return", "    __import__('os').abort()\n    return"),
    "reports too much": DOUBLE.replace("assert double(0)", "while True: assert double(0)"),
    "forges its results": DOUBLE.replace("    return", "    __import__('os').write(3, b'[\"done\"]\\n')\n    return"),
    "looks into the interpreter": DOUBLE.replace("    return", "    __import__('gc').get_objects()\n    return"),
    "not deterministic": DOUBLE.replace("== 1\n", "== 1 and hash('x') != 2\n"),
    "no mutant is noticed by the tests": "def f(xs):\n    return xs[0]\nassert f([3]) == 3\n```",
    "all its tests have the same answer": "def even(n):\n    return n != 3\nassert even(4)\nassert even(6)\n```",
    "a function that is there already": RENAMED,
}
IN_ORDER = {"doubling": DOUBLE, "tripling": TRIPLE, **{f"bad: {reason}": answer for reason, answer in BAD.items()}}


@pytest.fixture(scope="module", autouse=True)
def sandboxed():
    sandbox_or_skip()


@pytest.fixture(scope="module")
def openai():
    needs.package("openai", "generate")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def topics_of(folder: Path, topics) -> Path:
    path = folder / "topics.txt"
    path.write_text("# topics\n\n" + "\n".join(topics) + "\n")
    return path


def run_main(*flags) -> None:
    with patch.object(sys, "argv", [SCRIPT, *map(str, flags)]):
        generate_python.main()  # in this process, which has openai imported


def generate(folder: Path, answers: dict[str, str | Reply | Fault], *flags, samples: int | None = None) -> ModelServer:
    """Ask for `samples` samples, by default one for each topic."""

    def answer(asked):
        topic = asked.prompt.rpartition("\nTopic: ")[2].partition("\n")[0]
        return answers[topic]

    with ModelServer(answer) as server:
        run_main(
            *("--samples", samples or len(answers)),
            *("--topics", topics_of(folder, answers)),
            *("--destpath", folder / "out.jsonl"),
            *("--model", "scripted"),
            *("--license", "apache-2.0"),
            *("--base_url", server.url),
            *flags,
        )
    return server


@pytest.fixture(scope="module")
def generated(tmp_path_factory, openai):
    """The folder of a run over IN_ORDER."""
    folder = tmp_path_factory.mktemp("generated")
    generate(folder, IN_ORDER)
    return folder


# ---- generating ------------------------------------------------------------------------------------------------------
def test_a_good_answer_becomes_a_record(generated):
    first = rows(generated / "out.jsonl")[0]
    sample = make_sample(extract(DOUBLE))
    meta = first.pop("meta")
    assert first == {
        "id": f"python_code/{sample.digest}",
        "source": "python_code",
        "instruction": "Write a Python function `double(x: int) -> int` that does the following:\n\n"
        "Return twice x, raised by one.",
        "response": f"```python\n{sample.code}\n```",
    }
    assert meta.pop("prompt_sha256") and meta.pop("python").startswith("3.")
    assert meta == {
        "license": "apache-2.0",
        "model": "scripted",
        "model_revision": None,
        "model_license": "apache-2.0",
        "topic": "doubling",
        "sample": 0,
        "tests": "assert double(0) == 1\nassert double(5) == 2 * 5 + 1",
        "tests_run": 3,
        "mutants": 5,
        "mutants_killed": 5,
    }


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_answer_is_kept_with_its_reason(generated, reason):
    [row] = [row for row in rows(generated / "out.dropped.jsonl") if row["topic"] == f"bad: {reason}"]
    assert (row["reason"], row["sample"]) == (reason, 0)
    assert row["text"].startswith(BAD[reason].partition("\n```\n")[0].removesuffix("\n```"))


def test_every_reason_in_the_code_has_a_bad_answer():
    package = ROOT / "generation" / "python_code"
    code = "".join(path.read_text("utf-8") for path in [ROOT / SCRIPT, *package.glob("*.py")])
    reasons = set(re.findall(r'Rejected\("([^"]+)"', code)) | set(re.findall(r'^    "\w+": "([a-z ]+)",$', code, re.M))
    assert reasons - set(BAD) == {"breaks its sandbox", "nested too deep"}


def test_only_good_answers_are_kept_and_the_counts_add_up(generated):
    assert [row["meta"]["topic"] for row in rows(generated / "out.jsonl")] == ["doubling", "tripling"]
    report = json.loads((generated / "out.jsonl.report.json").read_text())
    assert report["counts"] == {"read": len(IN_ORDER), "dropped": dict.fromkeys(sorted(BAD), 1), "kept": 2}
    assert (report["name"], report["license"], report["sandboxed"]) == ("scripted", "apache-2.0", True)


def test_the_details_say_what_went_wrong(generated):
    detail = {row["reason"]: row["detail"] for row in rows(generated / "out.dropped.jsonl")}
    assert detail["the program raises an exception"].startswith("ModuleNotFoundError: ")
    assert detail["a test fails"] == "check 2 with [11, 16]"


def test_a_second_run_asks_nothing_and_writes_the_same_with_any_number_of_workers(tmp_path, openai):
    few = {topic: IN_ORDER[topic] for topic in ("doubling", "tripling", "bad: a test fails")}
    server = generate(tmp_path, few, "--workers", "1", samples=7)
    before = {name: (tmp_path / name).read_bytes() for name in ("out.jsonl", "out.dropped.jsonl")}
    assert len(server.asked) == 7
    assert [row["meta"]["sample"] for row in rows(tmp_path / "out.jsonl")] == [0, 0]
    server = generate(tmp_path, few, "--workers", "3", samples=7)
    assert server.asked == []
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_topic_is_asked_for_again_with_another_seed(tmp_path, openai):
    server = generate(tmp_path, {"doubling": DOUBLE}, samples=3)
    assert len({asked.body["seed"] for asked in server.asked}) == 3
    assert {asked.body["temperature"] for asked in server.asked} == {0.8}


def test_a_chat_model_gets_the_prompt_as_a_turn_and_may_add_prose(tmp_path, openai):
    answer = f"Of course!\n\n```python\n{DOUBLE}\nI hope that helps."
    server = generate(tmp_path, {"doubling": answer}, "--chat")
    assert server.asked[0].path == "/v1/chat/completions" and len(server.asked[0].body["messages"]) == 7
    assert len(rows(tmp_path / "out.jsonl")) == 1


def test_what_a_server_refuses_is_dropped_with_its_words(tmp_path, openai):
    refusal = Fault(400, '{"error": {"message": "filtered by the policy"}}')
    generate(tmp_path, {"doubling": DOUBLE, "tripling": refusal})
    [row] = rows(tmp_path / "out.dropped.jsonl")
    assert (row["reason"], row["detail"]) == ("refused by the server", "answers 400 (filtered by the policy)")


def test_a_run_that_keeps_nothing_says_so(tmp_path, openai):
    with pytest.raises(InputError, match="none of 1 samples was kept, 1 because of: no code in the answer; look into"):
        generate(tmp_path, {"doubling": "I cannot write that."})
    assert len(rows(tmp_path / "out.dropped.jsonl")) == 1


def test_the_share_of_attempts_that_are_verified_is_in_the_record(tmp_path, openai):
    replies = {("doubling", 1): DOUBLE, ("doubling", 2): BAD["a test fails"], ("tripling", 1): TRIPLE}
    numbers = Counter()

    def answer(asked):
        topic = asked.prompt.rpartition("\nTopic: ")[2].partition("\n")[0]
        numbers[topic] += 1
        return replies.get((topic, numbers[topic]), TRIPLE)

    with ModelServer(answer) as server:
        run_main(
            *("--samples", 4),
            *("--attempts", 2),
            *("--topics", topics_of(tmp_path, ["doubling", "tripling"])),
            *("--destpath", tmp_path / "out.jsonl"),
            *("--model", "scripted"),
            *("--license", "apache-2.0"),
            *("--base_url", server.url),
            *("--connections", 1),
        )
    found = [(row["meta"]["topic"], row["meta"]["attempts_verified"]) for row in rows(tmp_path / "out.jsonl")]
    assert found == [("doubling", 1), ("tripling", 2)]
    assert [row["reason"] for row in rows(tmp_path / "out.dropped.jsonl")] == [
        "a test fails",
        "a function that is there already",
    ]


def test_titles_of_questions_are_seeds_and_give_their_licence_and_attribution(tmp_path, openai):
    (tmp_path / "seeds.jsonl").write_bytes(
        jsonl(record(1), record(2, question=2, meta={"question_url": "https://quay.test/q/2"}), record(3, question=2))
    )
    titles = [row["meta"]["title"] for row in rows(tmp_path / "seeds.jsonl")]
    answers = dict(zip(dict.fromkeys(titles), (DOUBLE, TRIPLE), strict=False))
    server = generate(tmp_path, answers, "--seeds", tmp_path / "seeds.jsonl")
    assert len(server.asked) == 2
    for row in rows(tmp_path / "out.jsonl"):
        meta = row["meta"]
        assert meta["topic"] == meta["title"] and meta["title"] in titles
        assert meta["license"] == meta["question_license"] == "CC BY-SA 4.0" and meta["model_license"] == "apache-2.0"
        assert meta.get("question_url") == ("https://quay.test/q/2" if meta["title"] == "Knot 2" else None)


def test_users_can_bring_their_own_prompt(tmp_path, openai):
    prompt = tmp_path / "mine.txt"
    prompt.write_text("max_tokens: 9\nstop: [END]\n---\nWrite code.\nTopic: {topic}\n")
    server = generate(tmp_path, {"doubling": DOUBLE}, "--prompt", prompt)
    assert server.prompts == ["Write code.\nTopic: doubling"]
    assert (server.asked[0].body["max_tokens"], server.asked[0].body["stop"]) == (9, ["END"])


def test_functions_of_excluded_records_are_dropped(tmp_path, openai):
    other = record(response=f"Try this:\n\n```python\n{RENAMED}")
    (tmp_path / "other.jsonl").write_bytes(jsonl(other, record(2, response="no code")))
    generate(tmp_path, {"doubling": DOUBLE, "tripling": TRIPLE}, "--exclude", tmp_path / "other.jsonl")
    assert [row["meta"]["topic"] for row in rows(tmp_path / "out.jsonl")] == ["tripling"]
    assert [row["reason"] for row in rows(tmp_path / "out.dropped.jsonl")] == ["a function that is there already"]


def test_lone_surrogates_in_a_text_are_replaced(tmp_path, openai):
    generate(tmp_path, {"doubling": "no code \ud800 here", "tripling": TRIPLE})
    assert rows(tmp_path / "out.dropped.jsonl")[0]["text"].startswith("no code ? here")


def test_a_model_that_fails_leaves_the_old_output(tmp_path, openai):
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(InputError):
        generate(tmp_path, {"doubling": DOUBLE, "tripling": Fault(status=401)})
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert not (tmp_path / "out.dropped.jsonl").exists()


def test_the_merge_takes_the_records(generated, tmp_path):
    run = run_script("merge_datasets.py", "--inputpath", generated / "out.jsonl", "--destpath", tmp_path / "data")
    assert run.status == 0, run.stderr
    assert "python_code  2" in run.stderr


@pytest.mark.slow
def test_a_tiny_model_goes_through_the_script(tmp_path, openai):
    needs.package("torch", "torch")
    needs.package("transformers", "generate")
    from tests import tiny_models

    model = tiny_models.causal(tmp_path / "model", context=8192)
    prompt = tmp_path / "short.txt"
    prompt.write_text("max_tokens: 30\nstop: [Topic]\n---\nTopic: {topic}\n```python\n")
    flags = ["--samples", 5, "--prompt", prompt, "--model", model, "--destpath", tmp_path / "out.jsonl"]
    with pytest.raises(InputError, match="none of 5 samples was kept"):
        run_main(*flags)
    dropped = rows(tmp_path / "out.dropped.jsonl")
    assert rows(tmp_path / "out.jsonl") == [] and len(dropped) == 5
    assert len({row["text"] for row in dropped}) == 5
    assert json.loads((tmp_path / "out.jsonl.report.json").read_text())["license"] == "apache-2.0"


# ---- verifying -------------------------------------------------------------------------------------------------------
def verify(folder: Path, *records):
    (folder / "in.jsonl").write_bytes(jsonl(*records))
    return run_script(SCRIPT, "--verify", folder / "in.jsonl", "--destpath", folder / "out.jsonl")


def test_its_own_records_are_verified_again(generated, tmp_path):
    run = run_script(SCRIPT, "--verify", generated / "out.jsonl", "--destpath", tmp_path / "again.jsonl")
    assert run.status == 0, run.stderr
    assert (tmp_path / "again.jsonl").read_bytes() == (generated / "out.jsonl").read_bytes()
    assert table(run.stderr) == {"records read": 2, "records kept": 2}


def test_records_made_elsewhere(tmp_path):
    plain = "def f(x):\n    return x ** 2\n"
    run = verify(
        tmp_path,
        record(1, response=plain, meta={"tests": ["assert f(2) == 4", "assert f(3) == 9"]}, extra=[1]),
        record(2, response=f"```python\n{plain}assert f(2) == 5\n```"),
        record(3, response="x.sort()"),
        record(4, response=plain),
    )
    assert run.status == 0, run.stderr
    [kept] = rows(tmp_path / "out.jsonl")
    assert (kept["id"], kept["response"], kept["extra"]) == ("quay.stackexchange.com/a/1", plain, [1])
    assert (kept["meta"]["tests_run"], kept["meta"]["site"]) == (2, "quay.stackexchange.com")
    dropped = rows(tmp_path / "out.dropped.jsonl")
    assert [(row["reason"], row["record"]["meta"]["answer_id"]) for row in dropped] == [
        ("a test fails", 2),
        ("no code in the answer", 3),
        ("no test", 4),
    ]
    assert table(run.stderr) == {
        "records read": 4,
        "dropped: a test fails": 1,
        "dropped: no code in the answer": 1,
        "dropped: no test": 1,
        "records kept": 1,
    }


def test_asserts_count_under_python_optimize(tmp_path):
    wrong = "def f(x):\n    assert x < 3\n    return x\n"
    (tmp_path / "in.jsonl").write_bytes(
        jsonl(record(1, response=wrong + "assert f(2) == 5"), record(2, response=wrong + "f(4)\nassert f(2) == 2"))
    )
    with patch.dict(os.environ, {"PYTHONOPTIMIZE": "2"}):
        run = run_script(SCRIPT, "--verify", tmp_path / "in.jsonl", "--destpath", tmp_path / "out.jsonl")
    assert run.status == 0, run.stderr
    assert [row["reason"] for row in rows(tmp_path / "out.dropped.jsonl")] == [
        "a test fails",
        "a test raises an exception",
    ]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_keeps_running_after_a_signal(sent, tmp_path):
    sleeping = "import time\ndef f():\n    return time.sleep(1000)\nassert f()"
    (tmp_path / "in.jsonl").write_bytes(jsonl(*[record(number, response=sleeping) for number in range(50)]))
    command = [SCRIPT, "--verify", tmp_path / "in.jsonl", "--destpath", tmp_path / "out.jsonl", "--workers", "2"]
    script = subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, stderr=subprocess.PIPE)
    below: list[psutil.Process] = []
    while sum(is_sandbox(process) for process in below) < 2:
        assert script.poll() is None
        below = psutil.Process(script.pid).children(recursive=True)
        time.sleep(0.01)
    script.send_signal(sent)
    status = script.wait(60)
    assert status == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[sent], script.stderr.read()
    assert psutil.wait_procs(below, timeout=60)[1] == []
    assert not (tmp_path / "out.jsonl").exists()


def is_sandbox(process: psutil.Process) -> bool:
    """Whether a process is a sandbox, judging by its command."""
    try:
        return START in process.cmdline()
    except psutil.Error:
        return False


def test_standard_streams():
    run = run_script(
        SCRIPT, "--verify", "-", "--destpath", "-", stdin=jsonl(record(response=DOUBLE), record(2, response="no"))
    )
    assert run.status == 0, run.stderr
    assert [json.loads(line)["meta"]["tests_run"] for line in run.stdout.splitlines()] == [3]


# ---- errors ----------------------------------------------------------------------------------------------------------
def test_without_a_sandbox_it_refuses_unless_allowed(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(jsonl(record(response=DOUBLE)))
    flags = ["--verify", tmp_path / "in.jsonl", "--destpath", tmp_path / "out.jsonl"]
    with patch.dict(os.environ, {"PATH": str(tmp_path)}):
        assert_one_line_error(
            run_script(SCRIPT, *flags), SCRIPT, "no sandbox for untrusted code", "--allow_unsandboxed"
        )
        assert not (tmp_path / "out.jsonl").exists()
        run = run_script(SCRIPT, *flags, "--allow_unsandboxed")
    assert run.status == 0 and len(rows(tmp_path / "out.jsonl")) == 1
    assert run.stderr.startswith("caution: no sandbox (")
    assert json.loads((tmp_path / "out.jsonl.report.json").read_text())["sandboxed"] is False


def test_bad_input_is_reported_in_one_line(tmp_path):
    def asked(*flags):
        return run_script(SCRIPT, "--samples", "1", "--model", "m", "--destpath", tmp_path / "out.jsonl", *flags)

    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert_one_line_error(asked("--topics", tmp_path / "none.txt"), SCRIPT, "none.txt", "cannot be read as topics")
    assert_one_line_error(asked("--topics", tmp_path / "empty.txt"), SCRIPT, "empty.txt", "has no topics")
    (tmp_path / "seeds.jsonl").write_bytes(jsonl(record(meta={"title": None})))
    assert_one_line_error(asked("--seeds", tmp_path / "seeds.jsonl"), SCRIPT, "seeds.jsonl:1", "has no meta.title")
    assert_one_line_error(asked("--prompt", tmp_path / "none.txt"), SCRIPT, "none.txt", "no such prompt file")
    assert_one_line_error(verify(tmp_path, record(meta={"tests": 3})), SCRIPT, "in.jsonl:1", "meta.tests")
    assert_one_line_error(
        run_script(SCRIPT, "--verify", "", "--destpath", tmp_path / "out.jsonl"), SCRIPT, "no such file"
    )
    assert_one_line_error(
        run_script(SCRIPT, "--verify", tmp_path / "none.jsonl", "--destpath", tmp_path / "out.jsonl"),
        SCRIPT,
        "no such file",
    )
    assert_one_line_error(
        run_script(SCRIPT, "--verify", tmp_path / "in.jsonl", "--destpath", tmp_path / "in.jsonl"),
        SCRIPT,
        "is the input too",
    )
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--verify", "in.jsonl", "--samples", "3"),
        ("--verify", "in.jsonl", "--model", "m"),
        ("--model", "m"),
        ("--samples", "3"),
        ("--samples", "0", "--model", "m"),
        ("--samples", "3", "--model", "m", "--temperature", "-1"),
        ("--samples", "3", "--model", "m", "--top_p", "0"),
    ],
)
def test_wrong_arguments(flags):
    assert run_script(SCRIPT, "--destpath", "out.jsonl", *flags).status == 2


def test_without_the_optional_requirements_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "generation.backends.server", raising=False)
    with pytest.raises(InputError, match="pip install -r requirements/generate.txt"):
        run_main(
            *("--samples", 1),
            *("--model", "m"),
            *("--base_url", "http://127.0.0.1:1"),
            *("--license", "x"),
            *("--destpath", tmp_path / "o"),
        )
