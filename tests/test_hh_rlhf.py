"""HH-RLHF: transcripts are split correctly, and every row is accounted for, as an independent count confirms."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from corpora.hh_rlhf import (
    SeenInstructions,
    first_exchange,
    preference_part,
    preference_record,
    red_team_part,
    red_team_record,
    split_turns,
)
from merging.origins import ORIGINS
from records.errors import InputError
from records.json_rows import SkipRow, SourceFile, SourceRow
from sample.archive_server import ArchiveServer, Fault
from tests import needs
from tests.conftest import ROOT, assert_one_line_error, run_script

SCRIPT = "get_hh_rlhf.py"
SAMPLE = ROOT / "sample" / "sources"
REAL = needs.SHARED / "sources"
PREFERENCES, RED_TEAM = REAL / "hh-rlhf.harmless-base.test.jsonl.gz", REAL / "red_team_attempts.sample.jsonl"
needs_real = needs.shared("sources")
REPLY = (
    "Come up slowly against the wind, with fenders out and lines ready on both sides, and look again before going in."
)


def dialogue(*texts: str) -> str:
    """A transcript that begins with the human."""
    return "".join(f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(texts))


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def report(path: Path) -> dict:
    return json.loads(Path(f"{path}.report.json").read_text("utf-8"))


def write_rows(path: Path, *rows: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


# ---- transcripts -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("transcript", "exchange"),
    [
        (dialogue("Ahoy?", "Ahoy!"), ("Ahoy?", "Ahoy!")),
        (dialogue("Ahoy?", "Ahoy!", "More?", "No."), ("Ahoy?", "Ahoy!")),
        (
            dialogue('Why is "Human: keep out" there?', 'Ask "Assistant: why?"'),
            ('Why is "Human: keep out" there?', 'Ask "Assistant: why?"'),
        ),
        (
            dialogue("A sign:\nHuman: no\nAssistant: yes", "Odd.\nHuman: indeed"),
            ("A sign:\nHuman: no\nAssistant: yes", "Odd.\nHuman: indeed"),
        ),
        (
            dialogue("Two paragraphs.\n\nHumans: many.", "The Human: one"),
            ("Two paragraphs.\n\nHumans: many.", "The Human: one"),
        ),
        (dialogue("Ahoy?", "Human: insists"), ("Ahoy?", "Human: insists")),
        ("\n\nHuman:Ahoy?\n\nAssistant:Ahoy!", ("Ahoy?", "Ahoy!")),
        ("Human: Ahoy?\n\nAssistant: Ahoy!", ("Ahoy?", "Ahoy!")),
        ("\r\n\r\nHuman: a\r\nb\r\n\r\nAssistant: c\r\n\r\nd\r\n", ("a\nb", "c\n\nd")),
        ("\r\rHuman: a\r\rAssistant: b", ("a", "b")),
        (dialogue("Ahoy?", "Ahoy!") + "\n\nHuman:", ("Ahoy?", "Ahoy!")),
        (dialogue("Ahoy?", "Ahoy! I was just go"), ("Ahoy?", "Ahoy! I was just go")),
        (dialogue("Ahoy?", "Ahoy!") + "\n\nAssistant: And more.", ("Ahoy?", "Ahoy!")),
        ("\n\n\n\nHuman: a\n\n\n\nAssistant: b", ("a", "b")),
    ],
)
def test_the_first_exchange_is_the_first_human_line_and_its_reply(transcript, exchange):
    assert first_exchange(transcript) == exchange


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        ("", "no human line"),
        (" \r\n\r\n", "no human line"),
        ("Ahoy, said the gull.", "no human line"),
        ("\n\nHuman:", "no human line"),
        ("\n\nHuman:  \n\nAssistant: Ahoy!", "no human line"),
        ("\n\nAssistant: Welcome!\n\nHuman: Thanks.\n\nAssistant: Ahoy!", "the assistant begins"),
        ("\n\nAssistant:", "the assistant begins"),
        (dialogue("Ahoy?"), "no reply to the first human line"),
        (dialogue("Ahoy?", ""), "no reply to the first human line"),
        (dialogue("Ahoy?", " \n "), "no reply to the first human line"),
        (dialogue("Ahoy?", "", "Hello?", "Ahoy!"), "no reply to the first human line"),
        ("\n\nHuman: Ahoy?\n\nHuman: Hello?\n\nAssistant: Ahoy!", "no reply to the first human line"),
    ],
)
def test_a_transcript_without_a_first_exchange_is_left_out_with_its_reason(transcript, reason):
    with pytest.raises(SkipRow, match=f"^{reason}$"):
        first_exchange(transcript)


PIECES = st.sampled_from(["Human:", "Assistant:", "Human", ":", "\n", "\n\n", " ", "a", "é", "boat", "\u2028", "\x00"])
TEXTS = (
    st.lists(PIECES, max_size=8)
    .map("".join)
    .map(str.strip)
    .filter(lambda text: text and "\n\nHuman:" not in text and "\n\nAssistant:" not in text)
)
PROPERTY = settings(derandomize=True, max_examples=200, deadline=None)


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_transcript_is_split_into_the_turns_that_it_was_made_of(texts):
    turns = split_turns(dialogue(*texts))
    assert [turn.text for turn in turns] == texts
    assert [turn.speaker for turn in turns] == [("Human", "Assistant")[number % 2] for number in range(len(texts))]


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(["\r\n", "\r"]))
def test_line_ends_do_not_matter(texts, line_end):
    assert split_turns(dialogue(*texts).replace("\n", line_end)) == split_turns(dialogue(*texts))


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=4), st.data())
def test_a_truncated_transcript_keeps_the_turns_before_the_cut(texts, data):
    transcript = dialogue(*texts)
    end = data.draw(st.integers(0, len(transcript)))
    turns, cut = split_turns(transcript), split_turns(transcript[:end])
    assert cut[:-1] == turns[: len(cut)][:-1]
    if cut:  # the last one ends early, or with the beginning of the next one
        last = turns[len(cut) - 1]
        assert cut[-1].speaker == last.speaker
        assert any(f"{last.text}\n\n{speaker}".startswith(cut[-1].text) for speaker in ("Human", "Assistant"))


@PROPERTY
@given(st.text() | st.lists(PIECES, max_size=20).map("".join))
def test_any_text_gives_an_exchange_or_a_reason(text):
    try:
        instruction, reply = first_exchange(text)
    except SkipRow as reason:
        assert str(reason)
        return
    assert instruction.strip() == instruction != ""
    assert reply.strip() == reply != ""
    assert instruction in text.replace("\r\n", "\n").replace("\r", "\n")
    assert not instruction.startswith("\n\nAssistant:")


@PROPERTY
@given(TEXTS, TEXTS)
def test_case_and_white_space_do_not_distinguish_instructions(one, other):
    assume(" ".join(one.casefold().split()) != " ".join(other.casefold().split()))
    seen = SeenInstructions()
    seen.check(one)
    seen.check(other)
    for text in (one, f"  {one.upper()}\n", one.replace(" ", "\n ")):
        if " ".join(text.casefold().split()) == " ".join(one.casefold().split()):
            with pytest.raises(SkipRow, match="instruction of an earlier record"):
                seen.check(text)


# ---- rows ------------------------------------------------------------------------------------------------------------
def row(number: int = 7, **value) -> SourceRow:
    return SourceRow(value, number, f"train.jsonl:{number}")


def attempt(rating, **more) -> SourceRow:
    return row(transcript=dialogue("Is it deep?", "Yes."), rating=rating, **more)


def test_a_preference_row_becomes_a_record_of_its_chosen_text():
    value = row(chosen=dialogue("How?", "So."), rejected=dialogue("How?", "No."))
    assert preference_record(value, "helpful-online/train", 3) == {
        "id": "hh-rlhf/helpful-online/train/7",
        "source": "anthrop_helpful",
        "instruction": "How?",
        "response": "So.",
        "meta": {"license": "MIT", "tranche": "helpful-online", "split": "train", "line": 7},
    }
    with pytest.raises(SkipRow, match="reply below 4 characters"):
        preference_record(value, "helpful-online/train", 4)


def test_replies_to_adversarial_instructions_are_not_labelled_helpful():
    value = row(chosen=dialogue("How?", "So."), rejected=dialogue("How?", "No."))
    made = preference_record(value, "harmless-base/train", 1)
    assert (made["source"], made["meta"]["tranche"]) == ("anthrop_harmless", "harmless-base")
    assert "8 were harmful" in ORIGINS["anthrop_harmless"].caution and ORIGINS["anthrop_harmless"].adversarial


def test_a_red_team_row_keeps_the_fields_of_the_attempt():
    value = attempt(1.0, model_type="rlhf", num_params="2B", tags=["Other"], task_description="Ask", is_upworker=True)
    assert red_team_record(value, 1, 2) == {
        "id": "hh-rlhf/red-team-attempts/7",
        "source": "anthrop_redteam",
        "instruction": "Is it deep?",
        "response": "Yes.",
        "meta": {
            "license": "MIT",
            "rating": 1.0,
            "model_type": "rlhf",
            "num_params": "2B",
            "tags": ["Other"],
            "task_description": "Ask",
            "split": None,
            "line": 7,
        },
    }


@pytest.mark.parametrize("rating", [0, 0.0, 1, 2, 2.0])
def test_ratings_up_to_max_rating_are_kept(rating):
    assert red_team_record(attempt(rating), 1, 2)["meta"]["rating"] == rating


@pytest.mark.parametrize(
    ("rating", "reason"),
    [
        (3, "rating above 2"), (2.5, "rating above 2"), (4.0, "rating above 2"),
        (None, "no rating"), ("1", "no rating"), (True, "no rating"), ([1], "no rating"), (float("nan"), "no rating"),
        (-1, "rating not from 0 to 4"), (5, "rating not from 0 to 4"), (float("inf"), "rating not from 0 to 4"),
    ],
)  # fmt: skip
def test_other_ratings_are_left_out_with_a_reason(rating, reason):
    with pytest.raises(SkipRow, match=f"^{reason}$"):
        red_team_record(attempt(rating), 1, 2)


def test_a_missing_rating_is_left_out():
    with pytest.raises(SkipRow, match="^no rating$"):
        red_team_record(row(transcript=dialogue("Is it deep?", "Yes.")), 1, 2)


@pytest.mark.parametrize("value", [{}, {"chosen": None}, {"chosen": ["a"]}, {"transcript": "a"}])
def test_a_row_of_another_data_set_is_bad_input(value):
    with pytest.raises(InputError, match='train.jsonl:7: has no text "chosen"'):
        preference_record(row(**value), "helpful-online/train", 1)


BOTH, ONE = (["helpful-online", "helpful-base"], ["train", "test"]), (["helpful-base"], ["test"])


@pytest.mark.parametrize(
    ("path", "asked", "part"),
    [
        ("/x/helpful-online/train.jsonl.gz", BOTH, "helpful-online/train"),
        ("/x/hh-rlhf.harmless-base.test.jsonl.gz", BOTH, "harmless-base/test"),
        ("/test/helpful-online/train.jsonl", BOTH, "helpful-online/train"),
        ("/x/latest-helpful-online/trainer.jsonl", BOTH, None),
        ("/x/train.jsonl", BOTH, None),
        ("/x/train.jsonl", ONE, "helpful-base/train"),
        ("/x/mine.jsonl", ONE, "helpful-base/test"),
        ("-", ONE, "helpful-base/test"),
        ("-", BOTH, None),
    ],
)
def test_a_files_name_or_the_flags_give_its_part(path, asked, part):
    assert preference_part(SourceFile(path), *asked) == part


def test_files_in_folders_are_recognised_only_by_name():
    assert preference_part(SourceFile("/x/mine.jsonl", given=False), *ONE) is None
    assert red_team_part(SourceFile("/x/mine.jsonl", given=False)) is None
    assert red_team_part(SourceFile("/x/mine.jsonl")) == "red-team-attempts"
    assert red_team_part(SourceFile("/x/red_team_attempts.jsonl.gz", given=False)) == "red-team-attempts"


# ---- the script ------------------------------------------------------------------------------------------------------
def test_the_samples_rows_are_all_accounted_for(tmp_path):
    out, dropped = tmp_path / "helpful.jsonl", tmp_path / "dropped.jsonl"
    run = run_script(SCRIPT, "--subset", "helpful", "--inputpath", SAMPLE, "--destpath", out, "--dropped_path", dropped)
    assert run.status == 0, run.stderr
    assert [record["id"] for record in records(out)] == [
        "hh-rlhf/helpful-online/train/1",
        "hh-rlhf/helpful-online/train/2",
        "hh-rlhf/helpful-online/train/4",
        "hh-rlhf/helpful-rejection-sampled/train/1",
    ]
    assert [(row["id"], row["reason"]) for row in records(dropped)] == [
        ("hh-rlhf/helpful-online/train/3", "reply below 100 characters"),
        ("hh-rlhf/helpful-online/train/5", "the assistant begins"),
        ("hh-rlhf/helpful-rejection-sampled/train/2", "instruction of an earlier record"),
        ("hh-rlhf/helpful-rejection-sampled/train/3", "no reply to the first human line"),
    ]
    source = (SAMPLE / "helpful-online" / "train.jsonl").read_text("utf-8").splitlines()
    assert records(dropped)[0]["row"] == json.loads(source[2])
    assert report(out)["counts"]["read"] == 8
    assert report(out)["kept_by_file"] == {"helpful-online/train": 3, "helpful-rejection-sampled/train": 1}
    assert report(out)["caution"] == ORIGINS["anthrop_helpful"].caution
    assert "not meant for supervised training of dialogue agents" in run.stderr


def test_train_and_test_are_kept_apart(tmp_path):
    long = f"{REPLY} And then some more."
    for name, question in (("train", "Deep?"), ("test", "deep?"), ("test", "Wide?")):
        path = tmp_path / "in" / "helpful-online" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        write_rows(path, *rows, {"chosen": dialogue(question, long), "rejected": ""})
    kept = {}
    for splits in ("train", "test", "test train"):
        out = tmp_path / f"{splits}.jsonl"
        flags = ("--subset", "helpful", "--tranches", "helpful-online", "--splits", *splits.split())
        run = run_script(SCRIPT, *flags, "--inputpath", tmp_path / "in", "--destpath", out)
        assert run.status == 0, run.stderr
        kept[splits] = [(record["meta"]["split"], record["instruction"]) for record in records(out)]
    assert kept == {
        "train": [("train", "Deep?")],
        "test": [("test", "deep?"), ("test", "Wide?")],
        "test train": [("train", "Deep?"), ("test", "Wide?")],  # no test record repeats one of train
    }


def test_the_published_array_and_lines_give_the_same_records(tmp_path):
    array = json.loads((SAMPLE / "red-team-attempts" / "red_team_attempts.json").read_text("utf-8"))
    packed = tmp_path / "red_team_attempts.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(array).encode()))
    lines = write_rows(tmp_path / "lines.jsonl", *array)
    for source in (packed, lines):
        run = run_script(SCRIPT, "--subset", "harmless", "--inputpath", source, "--destpath", f"{source}.out.jsonl")
        assert run.status == 0, run.stderr
    assert Path(f"{packed}.out.jsonl").read_bytes() == Path(f"{lines}.out.jsonl").read_bytes()
    assert report(Path(f"{packed}.out.jsonl"))["counts"] == {
        "read": 5,
        "dropped": {"no rating": 1, "rating above 2": 1},
        "kept": 3,
    }


def test_stdin_and_stdout():
    text = json.dumps({"chosen": dialogue("Deep?", REPLY), "rejected": ""})
    run = run_script(
        SCRIPT, "--subset", "helpful", "--tranches", "helpful-base", "--inputpath", "-", "--destpath", "-", stdin=text
    )
    assert run.status == 0, run.stderr
    assert json.loads(run.stdout)["id"] == "hh-rlhf/helpful-base/train/1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--subset", "helpful", "--max_rating", "1"),
        ("--subset", "harmless", "--tranches", "helpful-base"),
        ("--subset", "harmless", "--splits", "test"),
        ("--subset", "harmless", "--max_rating", "5"),
        ("--subset", "helpful", "--min_response_chars", "0"),
        ("--subset", "helpful", "--sha256", "helpful-online/train.jsonl.gz=abc"),
        ("--subset", "helpful", "--sha256", f"helpful-base/train.jsonl.gz={'0' * 64}"),
        ("--subset", "harmful"),
        (),
    ],
)
def test_contradictory_flags_are_refused(tmp_path, arguments):
    run = run_script(SCRIPT, *arguments, "--destpath", tmp_path / "out.jsonl")
    assert run.status == 2, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_in_one_line_and_writes_nothing(tmp_path):
    wrong = write_rows(
        tmp_path / "helpful-online" / "train.jsonl", {"chosen": dialogue("a", REPLY)}, {"intent": "sort"}
    )
    out = tmp_path / "out" / "x.jsonl"
    assert_one_line_error(
        run_script(SCRIPT, "--subset", "helpful", "--inputpath", wrong, "--destpath", out),
        SCRIPT,
        f"{wrong}:2",
        "chosen",
    )
    assert_one_line_error(
        run_script(SCRIPT, "--subset", "harmless", "--inputpath", wrong, "--destpath", out),
        SCRIPT,
        f"{wrong}:1",
        "transcript",
    )
    assert_one_line_error(
        run_script(SCRIPT, "--subset", "helpful", "--splits", "test", "--inputpath", wrong, "--destpath", out),
        SCRIPT,
        f"{wrong}: is helpful-online/train",
        "--splits",
    )
    assert_one_line_error(
        run_script(SCRIPT, "--subset", "helpful", "--inputpath", wrong, "--destpath", wrong), SCRIPT, "give another"
    )
    assert not out.parent.exists() or list(out.parent.iterdir()) == []


# ---- downloads -------------------------------------------------------------------------------------------------------
def test_the_published_files_are_downloaded_resumed_and_verified(tmp_path):
    root, digests = tmp_path / "www", {}
    for part in ("helpful-online/train", "helpful-rejection-sampled/train"):
        rows = [{"chosen": dialogue(f"{part} {number}?", REPLY)} for number in range(300)]
        data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
        path = root / "hh" / f"{part}.jsonl.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        digests[f"hh/{part}.jsonl.gz"] = hashlib.sha256(data).hexdigest()

    def fault(request):
        drop = 1_000 if request.number == 2 else None  # the first asks for the headers, with one byte
        return Fault(drop_after=drop, headers={"X-Linked-ETag": f'"{digests[request.file]}"'})

    out = tmp_path / "made" / "helpful.jsonl"
    with ArchiveServer(root, fault) as server:
        command = (SCRIPT, "--subset", "helpful", "--destpath", out, "--base_url", f"{server.url}/data/hh")
        first = run_script(*command)
        assert first.status == 0, first.stderr
        assert first.stderr.count("the connection broke at byte 1,000; trying again") == 2
        assert [server.sent(name) for name in digests] == [1 + (root / name).stat().st_size for name in digests]
        requests = len(server.requests)
        made = out.read_bytes()
        assert run_script(*command).status == 0
        assert len(server.requests) == requests
        assert out.read_bytes() == made
    assert len(records(out)) == 600
    assert [file["sha256"] for file in report(out)["inputs"]] == list(digests.values())
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "downloads",
        "helpful.jsonl",
        "helpful.jsonl.report.json",
    ]


def test_a_wrong_digest_is_reported_in_one_line(tmp_path):
    root, out, wrong = tmp_path / "www", tmp_path / "red.jsonl", "0" * 64
    path = root / "red-team-attempts" / "red_team_attempts.jsonl.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"[]"))
    with ArchiveServer(root, lambda request: Fault(headers={"X-Linked-ETag": f'"{wrong}"'})) as server:
        run = run_script(SCRIPT, "--subset", "harmless", "--destpath", out, "--base_url", f"{server.url}/data")
    assert run.status == 1
    assert run.stderr.splitlines()[-1].startswith(f"{SCRIPT}: error: {server.url}/data/red-team-attempts/")
    assert f"should have {wrong}" in run.stderr
    assert not out.exists()


# ---- with the other sources ------------------------------------------------------------------------------------------
def test_all_sources_merge_into_one_mix(tmp_path, sample_records):
    inputs = [sample_records]
    for script, name, flags in (
        (SCRIPT, "helpful", ["--subset", "helpful"]),
        (SCRIPT, "harmless", ["--subset", "harmless"]),
        ("get_conala.py", "conala", ["--mined", "2"]),
    ):
        inputs.append(tmp_path / f"{name}.jsonl")
        run = run_script(script, *flags, "--inputpath", SAMPLE, "--destpath", inputs[-1])
        assert run.status == 0, run.stderr
    run = run_script("merge_datasets.py", "--inputpath", *inputs, "--destpath", tmp_path / "dataset")
    assert run.status == 0, run.stderr
    (part,) = (tmp_path / "dataset").glob("instruction_tuning_dataset_alpha_part*.json")
    entries = json.loads(part.read_text("utf-8"))
    assert Counter(source for source, _ in entries) == {
        "stackexchange": len(records(sample_records)),
        "anthrop_helpful": 4,
        "anthrop_redteam": 3,
        "conala": 6,
    }
    question, answer = next(text for source, text in entries if "alongside a pontoon" in text).split("\n\n", maxsplit=1)
    assert question == "How do I bring a small boat alongside a pontoon?"
    assert answer.startswith("Come up slowly") and answer.endswith("<|endoftext|>")


# ---- real rows -------------------------------------------------------------------------------------------------------
def by_hand(transcript: str) -> tuple[str, str]:
    """The first two turns, found in another way than in the package; "" for a missing one."""
    human, assistant = "\n\nHuman:", "\n\nAssistant:"
    assert transcript.startswith(human)
    ends = [at for at in (transcript.find(mark, len(human)) for mark in (human, assistant)) if at >= 0]
    at = min(ends)
    question, rest = transcript[len(human) : at].strip(), transcript[at:]
    if not rest.startswith(assistant):
        return question, ""
    ends = [at for at in (rest.find(mark, len(assistant)) for mark in (human, assistant)) if at >= 0]
    return question, rest[len(assistant) : min(ends, default=len(rest))].strip()


@needs_real
def test_the_real_preference_file_agrees_with_an_independent_count(tmp_path):
    expected, reasons, seen = {}, Counter(), set()
    for number, line in enumerate(gzip.decompress(PREFERENCES.read_bytes()).split(b"\n")[:-1], 1):
        question, reply = by_hand(json.loads(line)["chosen"])
        key = " ".join(question.casefold().split())
        if not reply:
            reasons["no reply to the first human line"] += 1
        elif len(reply) < 100:
            reasons["reply below 100 characters"] += 1
        elif key in seen:
            reasons["instruction of an earlier record"] += 1
        else:
            seen.add(key)
            expected[f"hh-rlhf/harmless-base/test/{number}"] = (question, reply)
    out, dropped = tmp_path / "out.jsonl", tmp_path / "dropped.jsonl"
    flags = ("--subset", "helpful", "--tranches", "harmless-base", "--splits", "test")
    run = run_script(SCRIPT, *flags, "--inputpath", PREFERENCES, "--destpath", out, "--dropped_path", dropped)
    assert run.status == 0, run.stderr
    assert {record["id"]: (record["instruction"], record["response"]) for record in records(out)} == expected
    assert Counter(row["reason"] for row in records(dropped)) == reasons
    assert report(out)["counts"] == {"read": 2312, "dropped": dict(reasons), "kept": len(expected)}
    assert len(expected) + reasons.total() == 2312


@needs_real
@pytest.mark.parametrize("max_rating", range(5))
def test_the_real_red_team_rows_agree_with_an_independent_count(tmp_path, max_rating):
    rows = [json.loads(line) for line in RED_TEAM.read_text("utf-8").splitlines()]
    out = tmp_path / "out.jsonl"
    run = run_script(
        SCRIPT, "--subset", "harmless", "--max_rating", str(max_rating), "--inputpath", RED_TEAM, "--destpath", out
    )
    assert run.status == 0, run.stderr
    expected = {
        f"hh-rlhf/red-team-attempts/{number}": (*by_hand(row["transcript"]), row["rating"], row["task_description"])
        for number, row in enumerate(rows, 1)
        if row["rating"] <= max_rating
    }
    made = {}
    for record in records(out):
        meta = record["meta"]
        made[record["id"]] = (record["instruction"], record["response"], meta["rating"], meta["task_description"])
    assert made == expected
    assert report(out)["counts"]["read"] == len(rows) == 10
    assert report(out)["counts"]["kept"] == len(expected)
