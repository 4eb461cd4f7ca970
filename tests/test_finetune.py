"""examples/finetune.py on tiny models: each method learns the answers and their ends, and what it saved loads again."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from records import script
from tests import needs
from tests.conftest import ROOT, Run, assert_one_line_error, jsonl, record, run_script

pytestmark = pytest.mark.slow

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}

SCRIPT = "examples/finetune.py"
ANSWER = "reef"
LEARNT = {  # of random weights, a few steps at rates that would spoil a trained model
    "full": ("--learning_rate", 0.01, "--max_steps", 60),
    "lora": ("--learning_rate", 0.03, "--max_steps", 60),
    "prompt": ("--learning_rate", 0.3, "--max_steps", 60, "--virtual_tokens", 8),
}


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    """Forty questions with the same answer."""
    folder = tmp_path_factory.mktemp("finetune") / "data"
    rows = [record(number, question=number, instruction=f"Knot {number}?", response=ANSWER) for number in range(40)]
    merge(folder, rows, "--split", "train:0.8", "validation:0.2")
    return folder


def merge(folder: Path, rows: list[dict], *flags: str) -> None:
    formats = ("--formats", "alpha", "chat_prompt_completion", "prompt_completion")
    run = run_script(
        "merge_datasets.py", "--inputpath", "-", "--destpath", folder, *formats, *flags, stdin=jsonl(*rows)
    )
    assert run.status == 0, run


@pytest.fixture(scope="module")
def base_model(tmp_path_factory) -> Path:
    needs.package("torch", "finetune")
    from tests.tiny_models import causal

    return causal(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory) -> Path:
    needs.package("torch", "finetune")
    from benchmarks.trainers.tiny import chat_model
    from tests.tiny_models import TEXTS

    return chat_model(tmp_path_factory.mktemp("chat"), iter(TEXTS))


@pytest.fixture
def finetune(tmp_path, monkeypatch, capsys):
    """The script run in this process, where torch is imported already."""
    for name in ("peft", "trl"):
        needs.package(name, "finetune")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def run(*args: object) -> Run:
        monkeypatch.setattr(sys, "argv", [SCRIPT, *map(str, args)])
        with pytest.raises(SystemExit) as end:
            script.run(runpy.run_path(str(ROOT / SCRIPT))["main"])
        return Run(int(end.value.code or 0), *capsys.readouterr())

    return run


def flags(model: Path, data_set: Path, destdir: Path, *others: object) -> list[str]:
    paths = ("--model", model, "--dataset", data_set, "--destdir", destdir)
    return [str(each) for each in (*paths, "--device", "cpu", "--answer_tokens", 8, *others)]


def report_of(destdir: Path) -> dict:
    return json.loads((destdir / "report.json").read_bytes())


def loaded(folder: Path, method: str):
    """What was saved, as a user loads it."""
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kind = AutoModelForCausalLM if method == "full" else AutoPeftModelForCausalLM
    return kind.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def loss_of(model, tokenizer, pairs: list[tuple[list[int], list[int]]]) -> float:
    """On the tokens of the answers, computed here."""
    import torch

    losses = []
    for prompt, answer in pairs:
        labels = torch.tensor([[-100] * len(prompt) + answer])
        with torch.inference_mode():
            losses.append(model.eval()(input_ids=torch.tensor([prompt + answer]), labels=labels).loss.item())
    return sum(losses) / len(losses)


def validation_rows(data_set: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (data_set / name / "validation.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("method", LEARNT)
def test_a_base_model_learns_the_answers_and_their_ends(finetune, base_model, data_set, tmp_path, method):
    tuned = tmp_path / "tuned"
    run = finetune(*flags(base_model, data_set, tuned, "--method", method, *LEARNT[method]))
    assert run.status == 0, run
    report = report_of(tuned)
    assert report["loss_after"] < report["loss_before"] / 2
    assert f"{report['loss_before']:.3f} before, {report['loss_after']:.3f} after" in run.stdout
    assert not any(each["before"] == {"text": ANSWER, "ended": True} for each in report["answers"])
    if method != "prompt":  # eight vectors in front of random weights do not say that much
        assert [each["after"] for each in report["answers"]] == [{"text": ANSWER, "ended": True}] * 5

    model, tokenizer = loaded(tuned / "model", method)
    pairs = [
        (tokenizer(row["prompt"])["input_ids"], [*tokenizer(row["completion"])["input_ids"], tokenizer.eos_token_id])
        for row in validation_rows(data_set, "prompt_completion")
    ]
    assert loss_of(model, tokenizer, pairs) == pytest.approx(report["loss_after"], rel=1e-3)
    untuned, _ = loaded(base_model, "full")
    assert loss_of(untuned, tokenizer, pairs) == pytest.approx(report["loss_before"], rel=1e-3)
    assert not (tuned / "checkpoints").exists()

    again = finetune(*flags(base_model, data_set, tuned, "--method", method, *LEARNT[method]))
    assert again.status == 0 and "complete; nothing is left to do" in again.stdout
    assert report_of(tuned) == report


def test_a_chat_model_learns_the_answers_and_its_template_s_ends(finetune, chat_model, data_set, tmp_path):
    run = finetune(*flags(chat_model, data_set, tmp_path / "tuned", "--method", "full", *LEARNT["full"]))
    assert run.status == 0, run
    report = report_of(tmp_path / "tuned")
    assert [each["after"] for each in report["answers"]] == [{"text": ANSWER, "ended": True}] * 5
    model, tokenizer = loaded(tmp_path / "tuned" / "model", "full")
    pairs = []
    for row in validation_rows(data_set, "chat_prompt_completion"):
        prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
        whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False)
        assert tokenizer.eos_token_id in whole[len(prompt) :]
        pairs.append((prompt, whole[len(prompt) :]))
    assert loss_of(model, tokenizer, pairs) == pytest.approx(report["loss_after"], rel=1e-3)


def test_a_killed_run_goes_on_with_the_same_result(finetune, base_model, data_set, tmp_path):
    import torch

    others = ("--method", "lora", "--learning_rate", 0.003, "--max_steps", 300)
    assert finetune(*flags(base_model, data_set, tmp_path / "whole", *others)).status == 0
    killed = subprocess.Popen(
        [sys.executable, SCRIPT, *flags(base_model, data_set, tmp_path / "killed", *others)],
        cwd=ROOT,
        env={**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list((tmp_path / "killed" / "checkpoints").glob("checkpoint-*/trainer_state.json")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "report.json").exists()

    other = finetune(*flags(base_model, data_set, tmp_path / "killed", *others, "--seed", 7))
    assert_one_line_error(other, "finetune.py", "other settings", "seed 0, now 7", "give another --destdir")
    resumed = finetune(*flags(base_model, data_set, tmp_path / "killed", *others))
    assert resumed.status == 0 and "going on from" in resumed.stdout, resumed
    whole, again = ({**report_of(tmp_path / name)} for name in ("whole", "killed"))
    assert whole == again
    first, second = (loaded(tmp_path / name / "model", "lora")[0].state_dict() for name in ("whole", "killed"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_an_unfinished_checkpoint_is_not_taken(tmp_path):
    last_checkpoint = runpy.run_path(str(ROOT / SCRIPT))["last_checkpoint"]
    for step, name in ((9, "trainer_state.json"), (10, "trainer_state.json"), (11, "adapter_model.safetensors")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / name).touch()
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert last_checkpoint(tmp_path / "none") is None


def test_rows_that_are_too_long_are_left_out_and_counted(finetune, base_model, tmp_path):
    rows = [
        record(number, question=number, instruction=f"Knot {number}?", response=ANSWER * (1 if number < 20 else 999))
        for number in range(40)
    ]
    merge(tmp_path / "data", rows, "--split", "train:0.5", "validation:0.5")
    limit = ("--max_tokens", 100, "--max_steps", 1)
    run = finetune(*flags(base_model, tmp_path / "data", tmp_path / "tuned", *limit))
    assert run.status == 0, run
    report = report_of(tmp_path / "tuned")["rows"]
    assert report["train"] + report["validation"] == 20
    for split, kept in report.items():
        left = len((tmp_path / "data" / "prompt_completion" / f"{split}.jsonl").read_text().splitlines()) - kept
        assert f"{split}: {kept} rows, {left} left out with more than 100 tokens" in run.stdout
    none = finetune(*flags(base_model, tmp_path / "data", tmp_path / "other", "--max_tokens", 1))
    assert none.status == 1 and none.stderr.count("\n") == 1 and "raise --max_tokens" in none.stderr


@pytest.mark.parametrize(
    "change, parts",
    [
        ("no model", ("transformers cannot load it", "check --model")),
        ("no weights", ("transformers cannot load it", "check --model")),
        ("no data set", ("no such folder", "merge_datasets.py")),
        ("no format", ("has no chat_prompt_completion and no prompt_completion", "merge with --formats")),
        ("other format", ("has no chat template", "merge with --formats prompt_completion")),
        ("chat format", ("has no chat template", "give --format prompt_completion")),
        ("no split", ("has no validation split", "merge with --split train:0.95 validation:0.05")),
        ("damaged", ("cannot be read", "merge again")),
        ("another's folder", ("no run of this script wrote it", "give another --destdir")),
        ("no GPU", ("--device cuda", "give cpu")),
    ],
)
def test_error_is_one_line_and_nothing_is_touched(finetune, base_model, data_set, tmp_path, change, parts):
    model, destdir, others = base_model, tmp_path / "tuned", []
    copy = Path(shutil.copytree(data_set, tmp_path / "data"))
    text, chat = copy / "prompt_completion", copy / "chat_prompt_completion"
    if change == "no model":
        model = tmp_path / "nothing"
    elif change == "no weights":
        model = Path(shutil.copytree(model, tmp_path / "model"))
        (model / "model.safetensors").unlink()
    elif change == "no data set":
        copy = tmp_path / "nothing"
    elif change in ("no format", "other format"):
        shutil.rmtree(text)
        if change == "no format":
            shutil.rmtree(chat)
    elif change == "chat format":
        others = ["--format", "chat_prompt_completion"]
    elif change == "no split":
        (text / "validation.parquet").unlink()
    elif change == "damaged":
        (text / "train.parquet").write_bytes(b"PAR1")
    elif change == "another's folder":
        destdir.mkdir()
        (destdir / "thesis.tex").write_text("mine")
    else:
        others = ["--device", "cuda"]
    assert_one_line_error(finetune(*flags(model, copy, destdir, *others)), "finetune.py", *parts)
    assert [path.name for path in destdir.glob("*")] == (["thesis.tex"] if change == "another's folder" else [])


def test_a_missing_package_is_named_with_what_to_install(finetune, base_model, data_set, tmp_path, monkeypatch):
    from importlib import metadata

    def version(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", version)
    run = finetune(*flags(base_model, data_set, tmp_path / "tuned"))
    assert_one_line_error(run, "finetune.py", "peft is not installed", "pip install -r requirements/finetune.txt")
