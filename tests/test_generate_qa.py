"""generate_qa.py as users run it: with a scripted model at a server, and with tiny models of random weights."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from tests import needs

needs.package("openai", "generate")
needs.package("torch", "torch")
needs.package("transformers", "generate")

import generate_qa
from generation.qa.recipe import CHAT_PROMPTS, PROMPTS, RECIPE, read_prompts
from tests import tiny_models
from tests.conftest import ROOT, Run, assert_one_line_error, jsonl, record, run_script, table
from tests.model_server import KEY, Fault, ModelServer, Reply
from tests.qa_model import ANSWERS, LONG, PASSAGE, Place, Script, good_answer, place_of

pytestmark = pytest.mark.slow

SCRIPT = "generate_qa.py"
NAMES = ("Orrin", "Teld", "Vask")
KINDS = ("who", "what", "where", "when", "why", "how")


@pytest.fixture
def notes(tmp_path) -> Path:
    """Three texts of one passage each."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.txt").write_text(PASSAGE.format(name=name))
    return folder


def flags(server: ModelServer, inputpath, folder: Path, *more) -> list:
    return [
        *("--inputpath", inputpath),
        *("--text_license", "CC BY 4.0"),
        *("--destpath", folder / "qa.jsonl"),
        *("--dropped_path", folder / "dropped.jsonl"),
        *("--model", "scripted"),
        *("--license", "apache-2.0"),
        *("--base_url", server.url),
        *more,
    ]


def generate(server: ModelServer, inputpath, folder: Path, *more) -> Run:
    return run_script(SCRIPT, *flags(server, inputpath, folder, *more))


def run_scripted(script, inputpath, folder: Path, *more) -> tuple[list[dict], list[dict]]:
    """The records and the dropped rows when the model answers like this."""
    with (
        ModelServer(script) as server,
        patch.object(sys, "argv", [SCRIPT, *map(str, flags(server, inputpath, folder, *more))]),
    ):
        generate_qa.main()  # in this process, which has openai imported
    return rows(folder / "qa.jsonl"), rows(folder / "dropped.jsonl")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def for_one(answer, kind: str = "Why", name: str = "Teld"):
    """An answer for one question of one passage; all others are answered well."""
    return lambda place: answer if (place.kind, place.name) == (kind, name) else good_answer(place)


# ----------------------------------------------------------------------------------------------------------------------
# records
# ----------------------------------------------------------------------------------------------------------------------
def test_a_passage_becomes_a_question_of_each_kind(notes, tmp_path):
    records, dropped = run_scripted(Script(), notes, tmp_path)
    assert dropped == []
    assert [(r["meta"]["text_id"], r["meta"]["kind"]) for r in records] == [
        (f"{name}.txt", kind) for name in NAMES for kind in KINDS
    ]
    first = records[0]
    question, answer = (text.format(name="Orrin") for text in ANSWERS["Who"])
    assert first["source"] == "synthetic_qa" and first["id"].startswith("synthetic_qa/")
    assert (first["instruction"], first["response"]) == (question, LONG.format(name="Orrin", answer=answer))
    meta = first["meta"]
    assert (meta["answer"], meta["asked_back"], meta["passage"]) == (answer, question, PASSAGE.format(name="Orrin"))
    assert meta["topics"] == ["the lamp of Orrin", "its keeper", "its end"]
    assert (meta["license"], meta["model"]) == ("CC BY 4.0", "scripted")
    assert (meta["model_revision"], meta["model_license"]) == (None, "apache-2.0")
    logprobs = {f"{step.name}_logprob": -0.1 for step in RECIPE}
    assert meta["scores"] == {
        **logprobs,
        "agreement": 1.0,
        "found": 1.0,
        "covered": 1.0,
        "repetition": 0.0,
        "score": 0.952419,
    }


def test_ids_are_unique_and_depend_on_passage_and_question_alone(notes, tmp_path):
    records, _ = run_scripted(Script(), notes, tmp_path)
    ids = {r["id"] for r in records}
    assert len(ids) == len(records) == 18
    (notes / "Orrin.txt").rename(notes / "other.txt")
    (tmp_path / "qa.jsonl.cache").unlink()
    again, _ = run_scripted(
        Script(long_answer=lambda place: good_answer(place).replace("known", "dear")), notes, tmp_path
    )
    assert {r["id"] for r in again} == ids
    (tmp_path / "qa.jsonl.cache").unlink()
    script = Script(
        question=for_one("Why did the lamp of Teld go dark?"), asked_back=for_one("Why did the lamp of Teld go dark?")
    )
    changed, _ = run_scripted(script, notes, tmp_path)
    assert len({r["id"] for r in changed} - ids) == 1


def test_the_merge_takes_the_records(notes, tmp_path):
    run_scripted(Script(), notes, tmp_path)
    run = run_script("merge_datasets.py", "--inputpath", tmp_path / "qa.jsonl", "--destpath", tmp_path / "data")
    assert run.status == 0, run.stderr
    assert "synthetic_qa  18" in run.stderr


def test_posts_give_their_licence_and_attribution(tmp_path):
    meta = {
        "answer_license": "CC BY-SA 3.0",
        "question_license": "CC BY-SA 4.0",
        "answer_url": "https://quay.stackexchange.com/a/1",
        "question_url": "https://quay.stackexchange.com/q/1",
        "answer_author": "Ada",
        "answer_author_url": None,
    }
    (tmp_path / "in.jsonl").write_bytes(jsonl(record(meta=meta, response=PASSAGE.format(name="Orrin"))))
    records, _ = run_scripted(Script(), tmp_path / "in.jsonl", tmp_path)
    assert len(records) == 6
    found = records[0]["meta"]
    assert (found["license"], found["text_id"]) == ("CC BY-SA 3.0", "quay.stackexchange.com/a/1")
    assert found["site"] == "quay.stackexchange.com" and found["title"] == "Knot 1"
    assert found["question_url"] == meta["question_url"] and found["answer_url"] == meta["answer_url"]
    assert found["answer_author"] == "Ada" and "answer_author_url" not in found


@pytest.mark.parametrize("form", ["lines", "array"])
def test_json_rows_with_a_field(tmp_path, form):
    texts = [{"body": PASSAGE.format(name=name), "id": f"page {name}", "url": f"https://{name}.test"} for name in NAMES]
    texts[1] |= {"license": "CC0-1.0"}
    path = tmp_path / "pages.jsonl"
    path.write_bytes(jsonl(*texts) if form == "lines" else json.dumps(texts).encode())
    records, _ = run_scripted(Script(), path, tmp_path, "--field", "body")
    assert {(r["meta"]["text_id"], r["meta"]["url"], r["meta"]["license"]) for r in records} == {
        ("page Orrin", "https://Orrin.test", "CC BY 4.0"),
        ("page Teld", "https://Teld.test", "CC0-1.0"),
        ("page Vask", "https://Vask.test", "CC BY 4.0"),
    }


def test_a_chat_model_is_asked_in_turns(notes, tmp_path):
    with ModelServer(Script(question=lambda place: f'Sure:\n\n1. "{good_answer(place).strip()}"')) as server:
        run = generate(server, notes, tmp_path, "--chat")
    assert run.status == 0 and len(rows(tmp_path / "qa.jsonl")) == 18, run.stderr
    assert {asked.path for asked in server.asked} == {"/v1/chat/completions"}
    assert rows(tmp_path / "qa.jsonl")[0]["instruction"] == ANSWERS["Who"][0].format(name="Orrin")


def test_users_can_bring_their_own_prompts(notes, tmp_path):
    prompts = shutil.copytree(PROMPTS, tmp_path / "prompts")
    ours = "max_tokens: 99\nstop: []\n---\nOURS {passage}\nFirst word: {kind}\nQuestion:\n"
    (prompts / "question.txt").write_text(ours)
    with ModelServer(Script()) as server:
        assert generate(server, notes, tmp_path, "--prompts", prompts).status == 0
    asked = [asked for asked in server.asked if asked.prompt.startswith("OURS The lamp of ")]
    assert len(asked) == 18
    assert all(request.body["max_tokens"] == 99 and "stop" not in request.body for request in asked)


def test_compressed_and_standard_streams(notes, tmp_path):
    with ModelServer(Script()) as server:
        generate(server, notes, tmp_path)
        stdin = jsonl(*({"text": PASSAGE.format(name=name), "id": f"{name}.txt"} for name in NAMES))
        run = run_script(
            SCRIPT,
            *("--inputpath", "-"),
            *("--field", "text"),
            *("--text_license", "CC BY 4.0"),
            *("--destpath", "-"),
            *("--model", "scripted"),
            *("--license", "apache-2.0"),
            *("--base_url", server.url),
            stdin=stdin,
        )
    assert run.status == 0 and run.stdout == (tmp_path / "qa.jsonl").read_text("utf-8")


# ----------------------------------------------------------------------------------------------------------------------
# every evaluation, with an answer that fails it
# ----------------------------------------------------------------------------------------------------------------------
GERMAN = (
    "Die Lampe stand auf einem Felsen vor dem Hafen, und die Witwe hielt sie elf Winter lang in Ordnung, "
    "bis das Öl zu teuer wurde und niemand mehr die Treppe zu ihr hinaufsteigen wollte, nicht einmal für "
    "Geld oder gute Worte."
)
LOOP = "The oil had grown dear and the lamp was put out. " * 8

REJECTED = {
    "topics: empty": {"topics": " \n"},
    "question: empty": {"question": ""},
    "question: cut at max_tokens": {"question": Reply("Why was the lamp of Teld put out?", -0.1, "length")},
    "question: nothing but a draft": {"question": "Why was the lamp of Teld put out? Wait, that is wrong."},
    "question: prompt too long for the model": {
        "question": Fault(400, '{"error": {"message": "too long", "code": "context_length_exceeded"}}')
    },
    "question: refused by the server": {"question": Fault(400, '{"error": {"message": "filtered"}}')},
    "question: does not begin with its word": {"question": "Was the lamp of Teld put out?"},
    "question: has not one question mark, at its end": {"question": "Why was the lamp of Teld put out? Who did that?"},
    "question: copied from the prompt": {
        "question": "Why did the engineer of the Ellgate bridge hang its deck from steel chains?"
    },
    "question: about an example of the prompt": {"question": "Why was the Ellgate bridge put out for walkers to use?"},
    "question: is a fragment": {"question": "Why the lamp of Teld?"},
    "question: below 4 words": {"question": "Why did Teld?"},
    "question: above 40 words": {"question": f"Why was the lamp of Teld put out {'again and again ' * 12}?"},
    "question: not self-contained": {"question": "Why was it put out in the end?"},
    "answer: empty": {"answer": ""},
    "answer: declined": {"answer": "unanswerable"},
    "answer: above 40 words": {"answer": "oil had grown dear " * 11},
    "answer: repeats the question": {"answer": "because the lamp was put out"},
    "answer: cut at max_tokens": {"answer": Reply("because oil had", -0.1, "length")},
    "answer: below 0.7 found in the passage": {"answer": "because a storm broke the glass"},
    "asked back: empty": {"asked_back": ""},
    "asked back: has not one question mark, at its end": {"asked_back": "Why oil had grown dear."},
    "asked back: contains the answer": {"asked_back": "Why was the lamp of Teld put out because oil had grown dear?"},
    "asked back: below 0.5 agreement with the question": {"asked_back": "Why do people buy less of something?"},
    "answerable: not yes": {"answerable": " no"},
    "long answer: empty": {"long_answer": ""},
    "long answer: below 30 words": {"long_answer": "Because oil had grown dear."},
    "long answer: above 300 words": {"long_answer": LONG + " word" * 300},
    "long answer: cut at max_tokens": {"long_answer": Reply(LONG, -0.1, "length")},
    "long answer: repetition above 0.1": {"long_answer": LOOP},
    "long answer: speaks of the passage": {"long_answer": LONG + " So the passage says, because oil had grown dear."},
    "long answer: not English": {"long_answer": GERMAN},
    "long answer: below 0.5 of the short answer in it": {
        "long_answer": LONG.format(name="Teld", answer="nobody knows")
    },
}


@pytest.fixture(scope="module")
def rejected(tmp_path_factory) -> tuple[list[dict], list[dict], dict[str, str]]:
    """One run with a passage for each reason, where a step fails for "Why" only, and the lamps' names by reason."""
    folder = tmp_path_factory.mktemp("rejected")
    names = {reason: f"N{number}" for number, reason in enumerate(REJECTED)}
    (folder / "notes").mkdir()
    for name in names.values():
        (folder / "notes" / f"{name}.txt").write_text(PASSAGE.format(name=name))
    reasons = {name: reason for reason, name in names.items()}

    def answer(asked):
        place = place_of(asked.prompt)
        bad = REJECTED[reasons[place.name]].get(place.step)
        return good_answer(place) if bad is None or place.kind not in ("Why", "") else bad

    return *run_scripted(answer, folder / "notes", folder, "--per_kind", 99), names


@pytest.mark.parametrize("reason", REJECTED)
def test_what_fails_an_evaluation_is_dropped_with_its_reason(rejected, reason):
    records, dropped, names = rejected
    of_it = [row for row in dropped if row["text_id"] == f"{names[reason]}.txt"]
    wrong = set(KINDS) if reason.startswith("topics") else {"why"}
    assert {(row["kind"], row["reason"]) for row in of_it} == {(kind, reason) for kind in wrong}
    kept = {r["meta"]["kind"] for r in records if r["meta"]["text_id"] == f"{names[reason]}.txt"}
    assert kept == set(KINDS) - wrong


def test_every_reason_of_the_recipe_is_tested():
    """A new evaluation needs a line in REJECTED."""
    source = (ROOT / "generation" / "qa" / "recipe.py").read_text("utf-8")
    evaluations = (ROOT / "generation" / "qa" / "evaluations.py").read_text("utf-8")
    words = (
        "declined",
        "not yes",
        "speaks of the passage",
        "not English",
        "not self-contained",
        "nothing but a draft",
        "copied from the prompt",
        "about an example of the prompt",
        "cut at max_tokens",
        "repeats the question",
        "contains the answer",
        "does not begin with its word",
        "has not one question mark, at its end",
        "is a fragment",
    )
    for word in words:
        assert f'"{word}"' in source + evaluations
        assert any(reason.endswith(f": {word}") for reason in REJECTED)


@pytest.mark.parametrize("folder", [PROMPTS, CHAT_PROMPTS])
def test_each_example_of_a_question_is_about_another_passage(folder):
    """After two about one passage, a small model asks about that passage, whatever it is given."""
    turns = read_prompts(folder, folder == CHAT_PROMPTS)["question"].turns
    passages = re.findall(r"^Passage: (.*)", "\n".join(turns), re.M)
    assert len(set(passages)) == len(passages) == 4 and passages[-1] == "{passage}"


def test_a_dropped_question_skips_the_remaining_steps_and_keeps_its_texts_and_scores(notes, tmp_path):
    with ModelServer(Script(answer=for_one("because a storm broke the glass"))) as server:
        generate(server, notes, tmp_path, "--per_kind", 9)
    places = [place_of(prompt) for prompt in server.prompts]
    assert [place.step for place in places if (place.kind, place.name) == ("Why", "Teld")] == ["question", "answer"]
    [dropped] = rows(tmp_path / "dropped.jsonl")
    assert dropped["answer"] == "because a storm broke the glass" and dropped["kind"] == "why"
    assert dropped["scores"]["found"] == 0.333333 and dropped["question"] == "Why was the lamp of Teld put out?"


@pytest.mark.parametrize(
    ("more", "bad", "kept"),
    [
        (["--drop_unlikely", 0.05], {"question": Reply("Why was the lamp of Teld put out?", -1.9)}, True),
        (["--drop_unlikely", 0.06], {"question": Reply("Why was the lamp of Teld put out?", -1.9)}, False),
        (["--min_found", 0.2, "--min_covered", 0], {"answer": "because a storm broke the glass"}, True),
        (["--min_agreement", 0.2], {"asked_back": "Why was it so?"}, True),
        (["--min_covered", 0], {"long_answer": LONG.format(name="Teld", answer="nobody knows")}, True),
        (["--max_repetition", 1], {"long_answer": LOOP}, True),
        (["--long_answer_words", 1, 9], {"long_answer": "Because oil had grown dear in the land"}, True),
        (["--question_words", 2, 40], {"question": "Why was Teld?", "asked_back": "Why was Teld?"}, True),
        (["--answer_words", 1, 4], {"answer": "because oil had grown dear"}, False),
    ],
)
def test_thresholds_are_flags(notes, tmp_path, more, bad, kept):
    script = Script(**{step: for_one(answer) for step, answer in bad.items()})
    records, dropped = run_scripted(script, notes, tmp_path, *more, "--per_kind", 9)
    questions = {(r["meta"]["kind"], r["meta"]["text_id"]) for r in records}
    assert (("why", "Teld.txt") in questions) == kept, dropped


def test_without_log_probabilities_the_checks_that_need_them_are_skipped(notes, tmp_path):
    records, _ = run_scripted(Script(), notes, tmp_path, "--without_logprobs")
    assert len(records) == 18
    assert records[0]["meta"]["scores"] == {
        "agreement": 1.0,
        "found": 1.0,
        "covered": 1.0,
        "repetition": 0.0,
        "score": 1.0,
    }


# ----------------------------------------------------------------------------------------------------------------------
# duplicates and balance
# ----------------------------------------------------------------------------------------------------------------------
def test_the_best_of_near_duplicates_is_kept(notes, tmp_path):
    question = "Why was the old lamp on the rock outside the harbour put out in the end?"

    def asked(place: Place):
        if place.kind != "Why":
            return good_answer(place)
        if place.name == "Vask":
            return Reply(question.replace("in the end", "in the evening"), -0.2)
        return Reply(question, -0.05 if place.name == "Teld" else -0.2)

    records, dropped = run_scripted(Script(question=asked, asked_back=asked), notes, tmp_path, "--per_kind", 9)
    assert [r["meta"]["text_id"] for r in records if r["meta"]["kind"] == "why"] == ["Teld.txt"]
    assert [row["reason"] for row in dropped] == ["near duplicate of a better question"] * 2
    assert {row["record"]["meta"]["text_id"] for row in dropped} == {"Orrin.txt", "Vask.txt"}


def test_the_best_of_each_kind_are_kept_as_many_as_the_rarest_kind_has(notes, tmp_path):
    def answered(place: Place):
        logprob = {"Orrin": -0.3, "Teld": -0.1, "Vask": -0.2}[place.name]
        text = "unanswerable" if place.kind == "Who" and place.name == "Teld" else good_answer(place)
        return Reply(text, logprob)

    records, dropped = run_scripted(Script(answer=answered), notes, tmp_path)
    kept = Counter((r["meta"]["kind"], r["meta"]["text_id"]) for r in records)
    assert Counter(kind for kind, _ in kept) == dict.fromkeys(KINDS, 2)
    best = {(kind, f"{name}.txt") for kind in KINDS[1:] for name in ("Teld", "Vask")}
    assert set(kept) == best | {("who", "Orrin.txt"), ("who", "Vask.txt")}
    assert Counter(row["reason"] for row in dropped) == {"answer: declined": 1, "beyond the 2 best of its kind": 5}


def test_per_kind_limits_each_kind(notes, tmp_path):
    records, dropped = run_scripted(Script(), notes, tmp_path, "--per_kind", 1)
    assert Counter(r["meta"]["kind"] for r in records) == dict.fromkeys(KINDS, 1)
    assert Counter(row["reason"] for row in dropped) == {"beyond the 1 best of its kind": 12}


def test_a_kind_without_questions_does_not_limit_the_others(notes, tmp_path):
    script = Script(question=lambda place: "no" if place.kind == "Who" else good_answer(place))
    records, _ = run_scripted(script, notes, tmp_path)
    assert Counter(r["meta"]["kind"] for r in records) == dict.fromkeys(KINDS[1:], 3)


# ----------------------------------------------------------------------------------------------------------------------
# the tables
# ----------------------------------------------------------------------------------------------------------------------
def test_the_counts_add_up_and_the_report_has_them(notes, tmp_path):
    (notes / "binary.txt").write_bytes(b"\x7fELF\0\0")
    (notes / "latin.md").write_bytes("Möwe".encode("latin-1"))
    (notes / "empty.txt").write_bytes(b"\n \n")
    (notes / "short.txt").write_text("A lamp.\n\nA boat.")
    (notes / "twice.txt").write_text(PASSAGE.format(name="Teld"))
    with ModelServer(Script(answer=for_one("unanswerable"))) as server:
        run = generate(server, notes, tmp_path)
    assert run.status == 0, run.stderr
    report = json.loads((tmp_path / "qa.jsonl.report.json").read_text())
    assert report["texts"] == {"read": 8, "dropped": {"binary": 1, "empty": 1, "not UTF-8": 1}, "kept": 5}
    assert report["passages"] == {
        "read": 5,
        "dropped": {"below 80 words": 1, "the same as an earlier one": 1},
        "kept": 3,
    }
    assert (
        report["questions"]["read"] == 18 == report["questions"]["kept"] + sum(report["questions"]["dropped"].values())
    )
    assert report["kept_by_kind"] == dict.fromkeys(KINDS, 2)
    assert (report["model"]["name"], report["model"]["license"]) == ("scripted", "apache-2.0")
    shown = table(run.stderr)
    assert shown["texts read"] == 8 and shown["dropped: binary"] == 1 and shown["questions kept"] == 12
    assert len(rows(tmp_path / "dropped.jsonl")) == 3 + 2 + 6
    assert KEY not in run.stderr


def test_the_model_is_asked_in_six_steps_for_any_number_of_passages(notes, tmp_path):
    """31 texts a passage: its topics once, then five steps of six questions. Each step is done for all passages."""
    with ModelServer(Script()) as server:
        run = generate(server, notes, tmp_path, "--connections", 1)
    steps = [place_of(prompt).step for prompt in server.prompts]
    assert Counter(steps) == {"topics": 3, **{step.name: 18 for step in RECIPE[1:]}}
    assert steps == sorted(steps, key=[step.name for step in RECIPE].index)
    assert "the model was asked for 93 texts; 0 were known" in run.stderr


# ----------------------------------------------------------------------------------------------------------------------
# kills
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("at", [1, 40, 92])
def test_a_killed_run_is_resumed_and_writes_the_same_bytes(notes, tmp_path, at):
    right = tmp_path / "right"
    run_scripted(Script(), notes, right)
    process: list[subprocess.Popen] = []

    def answer(asked):
        if len(server.asked) == at and not killed:
            killed.append(at)
            process[0].send_signal(signal.SIGKILL)
            process[0].wait()
        return Script()(asked)

    killed: list[int] = []
    with ModelServer(answer) as server:
        command = [
            sys.executable,
            SCRIPT,
            *("--inputpath", notes),
            *("--text_license", "CC BY 4.0"),
            *("--destpath", tmp_path / "qa.jsonl"),
            *("--dropped_path", tmp_path / "dropped.jsonl"),
            *("--model", "scripted"),
            *("--license", "apache-2.0"),
            *("--base_url", server.url),
            *("--connections", "1"),
        ]
        server.lock.acquire()
        process.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        server.lock.release()
        assert process[0].wait(timeout=60) == -signal.SIGKILL
        assert not (tmp_path / "qa.jsonl").exists()
        before = server.prompts[: at - 1]  # those that were answered
        run = generate(server, notes, tmp_path, "--connections", "1")
        assert run.status == 0, run.stderr
    assert Counter(before + server.prompts[at:]).most_common(1)[0][1] == 1, "no answered prompt is asked again"
    assert len(set(server.prompts)) == 93 and len(server.prompts) == 94, "the pending one is asked again"
    for name in ("qa.jsonl", "dropped.jsonl"):
        assert (tmp_path / name).read_bytes() == (right / name).read_bytes()


def test_the_second_run_asks_nothing_and_writes_the_same(notes, tmp_path):
    run_scripted(Script(answer=for_one("unanswerable")), notes, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.glob("*.json*") if path.suffix != ".cache"}
    with ModelServer(lambda asked: Fault(500)) as server:
        run = generate(server, notes, tmp_path)
    assert run.status == 0 and server.asked == [], run.stderr
    second = {path.name: path.read_bytes() for path in tmp_path.glob("*.json*") if path.suffix != ".cache"}
    first.pop("qa.jsonl.report.json"), second.pop("qa.jsonl.report.json")  # has the server's address
    assert first == second


def test_changed_thresholds_ask_only_for_what_is_new(notes, tmp_path):
    run_scripted(Script(answer=for_one("because the oil was sour")), notes, tmp_path)
    with ModelServer(Script()) as server:
        assert generate(server, notes, tmp_path, "--min_found", "0.3").status == 0
    assert [place_of(prompt)[:2] for prompt in server.prompts] == [
        (step, "Why") for step in ("asked_back", "answerable", "long_answer")
    ]


# ----------------------------------------------------------------------------------------------------------------------
# tiny models
# ----------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def one_core(monkeypatch):
    """More threads do not pay for matrices this small."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {
        "causal": tiny_models.causal(root / "neox", context=4096),
        "encoder-decoder": tiny_models.encoder_decoder(root / "t5"),
    }


def lenient(folder: Path) -> Path:
    """Prompts without examples and with few tokens: tiny models write nonsense anyway."""
    prompts = shutil.copytree(PROMPTS, folder)
    for path in prompts.iterdir():
        head, _, prompt = path.read_text().partition("---\n")
        last = prompt.rpartition("\n\n")[2]
        path.write_text(f"max_tokens: 6\nstop: []\n---\n{last}")
    return prompts


def tiny_flags(notes: Path, folder: Path, model: Path, batch_size: int) -> list:
    return [
        *("--inputpath", notes),
        *("--text_license", "CC BY 4.0"),
        *("--destpath", folder / "qa.jsonl"),
        *("--dropped_path", folder / "dropped.jsonl"),
        *("--model", model),
        *("--device", "cpu"),
        *("--batch_size", batch_size),
    ]


def assert_one_line_error_at_the_end(run: Run) -> None:
    """Nothing that a tiny model writes is kept."""
    assert run.status == 1, run.stderr
    assert "error: none of 18 questions was kept" in run.stderr.splitlines()[-1]


@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize(
    ("kind", "more"),
    [("causal", []), ("causal", ["--temperature", "1.0", "--seed", "5"]), ("encoder-decoder", [])],
    ids=["causal", "causal, sampled", "encoder-decoder"],
)
def test_a_tiny_model_gives_the_same_in_batches_as_one_by_one(notes, tmp_path, tiny, kind, more):
    outputs = []
    for batch_size in (7, 1):
        folder = tmp_path / str(batch_size)
        flags = [*tiny_flags(notes, folder, tiny[kind], batch_size), "--prompts", lenient(folder / "prompts"), *more]
        run = run_script(SCRIPT, *flags)
        assert_one_line_error_at_the_end(run)
        dropped = rows(folder / "dropped.jsonl")
        assert all(row["scores"]["topics_logprob"] < 0 for row in dropped)
        outputs.append([{**row, "scores": None} for row in dropped])
        report = json.loads((folder / "qa.jsonl.report.json").read_text())
        assert report["questions"]["read"] == 18 and report["model"]["license"] == "apache-2.0"
    assert outputs[0] == outputs[1]


DYING = """
import os, runpy, sys
from generation.answer_cache import Cache

real, batches = Cache.put, []

def put(self, answers):
    real(self, answers)
    batches.append(answers)
    if len(batches) == 3:
        os.kill(os.getpid(), 9)

Cache.put = put
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.usefixtures("one_core")
def test_a_run_killed_between_batches_is_resumed_and_writes_the_same_bytes(notes, tmp_path, tiny):
    """Batches are saved as a whole: the rest of a batch would be padded differently, and its numbers rounded."""
    prompts = lenient(tmp_path / "prompts")
    flags = [*map(str, tiny_flags(notes, tmp_path / "killed", tiny["causal"], 5)), "--prompts", str(prompts)]
    script = DYING.replace("sys.argv[0]", repr(SCRIPT))
    killed = subprocess.run([sys.executable, "-c", script, *flags], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run_script(SCRIPT, *flags)
    known = int(re.search(r"texts; (\d+) were known", again.stderr)[1])
    assert_one_line_error_at_the_end(again)
    assert known == 3 + 5 + 5, again.stderr
    right = run_script(SCRIPT, *tiny_flags(notes, tmp_path / "right", tiny["causal"], 5), "--prompts", prompts)
    assert "; 0 were known" in right.stderr
    for name in ("qa.jsonl", "dropped.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "right" / name).read_bytes()


# ----------------------------------------------------------------------------------------------------------------------
# bad input
# ----------------------------------------------------------------------------------------------------------------------
def refused(inputpath, folder: Path, *parts: str, more=(), license=("--text_license", "CC BY 4.0"), status=1):
    run = run_script(
        SCRIPT,
        *("--inputpath", inputpath),
        *("--destpath", folder / "qa.jsonl"),
        *("--model", "m"),
        *("--license", "mit"),
        *("--base_url", "http://127.0.0.1:1/v1"),
        *license,
        *more,
    )
    if status == 1:
        assert_one_line_error(run, SCRIPT, *parts)
    assert run.status == status and all(part in run.stderr for part in parts), run.stderr
    assert not (folder / "qa.jsonl").exists()


def test_bad_input_is_reported_in_one_line_before_the_model_is_asked(notes, tmp_path):
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", tmp_path, "none: contains no .txt or .md file")
    refused(tmp_path / "gone.txt", tmp_path, "gone.txt: no such file")
    refused(tmp_path / "gone.jsonl", tmp_path, "gone.jsonl: no such file")
    refused(notes, tmp_path, "Orrin.txt: no licence for this text; give it with --text_license", license=())
    (tmp_path / "in.jsonl").write_bytes(jsonl({"body": "a"}, {"text": "b"}))
    refused(
        tmp_path / "in.jsonl", tmp_path, 'in.jsonl:1: has no "text"; give the right --field', more=["--field", "text"]
    )
    refused(tmp_path / "in.jsonl", tmp_path, 'in.jsonl:1: "id" is missing')
    (tmp_path / "bad.jsonl").write_bytes(b"no json\n")
    refused(tmp_path / "bad.jsonl", tmp_path, "bad.jsonl:1: is not JSON")
    refused(tmp_path / "bad.jsonl", tmp_path, "bad.jsonl:1: is not JSON", more=["--field", "text"])
    refused(notes, tmp_path, "topics.txt: no such prompt file", more=["--prompts", notes])
    refused(notes, tmp_path, "is written for --destpath too", more=["--dropped_path", tmp_path / "qa.jsonl"])


@pytest.mark.parametrize(
    "more",
    [
        ["--min_words", "9", "--max_words", "8"],
        ["--answer_words", "5", "4"],
        ["--temperature", "-1"],
        ["--per_kind", "0"],
        ["--temperature", "nan"],
    ],
)
def test_wrong_arguments(notes, tmp_path, more):
    refused(notes, tmp_path, "error: ", more=more, status=2)


def test_the_output_must_not_be_an_input(tmp_path):
    path = tmp_path / "qa.jsonl"
    path.write_bytes(jsonl(record()))
    run = run_script(SCRIPT, "--inputpath", path, "--destpath", path, "--model", "m", "--license", "mit")
    assert_one_line_error(run, SCRIPT, "qa.jsonl: is the input too")
    assert path.read_bytes() == jsonl(record())


def test_a_failure_in_the_middle_leaves_the_old_output(notes, tmp_path):
    (tmp_path / "qa.jsonl").write_bytes(jsonl(record()))
    with ModelServer(Script(answer=Fault(400, '{"error": {"message": "out of memory"}}'))) as server:
        run = generate(server, notes, tmp_path)
    assert_one_line_error(run, SCRIPT, "answer: no text for any of 18 prompts: answers 400 (out of memory)")
    assert (tmp_path / "qa.jsonl").read_bytes() == jsonl(record()) and not list(tmp_path.glob(".*"))


def test_texts_without_a_passage_give_an_empty_file_and_ask_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("A lamp.")
    with ModelServer(Script()) as server:
        run = generate(server, tmp_path / "a.txt", tmp_path)
    assert run.status == 0 and server.asked == [] and (tmp_path / "qa.jsonl").read_bytes() == b""
    assert table(run.stderr)["dropped: below 80 words"] == 1


def test_a_run_that_keeps_nothing_says_so_and_leaves_what_it_dropped(notes, tmp_path):
    with ModelServer(Script(answerable=" no")) as server:
        run = generate(server, notes, tmp_path)
    assert run.status == 1 and (tmp_path / "qa.jsonl").read_bytes() == b""
    problem = "error: none of 18 questions was kept, 18 because of: answerable: not yes; look into "
    assert problem in run.stderr.splitlines()[-1] and len(rows(tmp_path / "dropped.jsonl")) == 18


def test_what_a_server_refuses_is_dropped_with_its_words(notes, tmp_path):
    refusal = Fault(403, json.dumps({"error": {"message": f"flagged as violent, {KEY}"}}))
    with ModelServer(Script(answer=for_one(refusal))) as server, patch.dict(os.environ, {"OPENAI_API_KEY": KEY}):
        assert generate(server, notes, tmp_path).status == 0
    [dropped] = [row for row in rows(tmp_path / "dropped.jsonl") if row["reason"] == "answer: refused by the server"]
    assert dropped["detail"] == "answers 403 (flagged as violent, ***)"


def test_two_runs_cannot_share_a_cache(notes, tmp_path):
    from generation.answer_cache import Cache

    with Cache(tmp_path / "qa.jsonl.cache"), ModelServer(Script()) as server:
        assert_one_line_error(generate(server, notes, tmp_path), SCRIPT, "another run uses this cache")


@pytest.mark.parametrize(
    ("missing", "flags", "lock"),
    [
        ("torch", [], "torch"),
        ("transformers", [], "generate"),
        ("openai", ["--base_url", "http://127.0.0.1:1/v1"], "generate"),
    ],
)
def test_without_the_optional_requirements_it_says_what_to_install(notes, tmp_path, monkeypatch, missing, flags, lock):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / f"{missing}.py").write_text(f"raise ModuleNotFoundError('no', name={missing!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    run = run_script(
        SCRIPT,
        *("--inputpath", notes),
        *("--text_license", "CC0-1.0"),
        *("--destpath", tmp_path / "qa.jsonl"),
        *("--model", "m"),
        *("--license", "mit"),
        *flags,
    )
    assert_one_line_error(run, SCRIPT, f"{missing} is missing; pip install -r requirements/{lock}.txt")
    assert os.environ["PYTHONPATH"] and run_script(SCRIPT, "--help").status == 0
