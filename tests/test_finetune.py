"""examples/finetune.py: each method learns, what is saved loads again, and an interrupted run continues."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from records import script
from tests import needs
from tests.conftest import ROOT, Run, assert_one_line_error, jsonl, record, run_script

pytestmark = pytest.mark.slow

SCRIPT = "examples/finetune.py"
os.environ["OMP_NUM_THREADS"] = "1"  # for models this small, waiting for other threads takes longer than the work
# Every question has the same short answer, so that a model of two layers learns it, and its end, in some steps.
RECORDS = [
    record(number, question=number, instruction=f"Which knot is {number}?", response="reef") for number in range(40)
]
RATES = {"full": 0.01, "lora": 0.03, "prompt": 0.3}


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finetune") / "data"
    flags = ("--formats", "prompt_completion", "--split", "train:0.8", "validation:0.2")
    run = run_script("merge_datasets.py", "--inputpath", "-", "--destpath", folder, *flags, stdin=jsonl(*RECORDS))
    assert run.status == 0, run
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    needs.package("peft", "dev")
    from tests.tiny_models import causal

    return causal(tmp_path_factory.mktemp("model"))


def command(model: Path, data_set: Path, destdir: Path, *flags: object) -> tuple[object, ...]:
    paths = ("--model", model, "--dataset", data_set, "--destdir", destdir)
    return (*paths, "--device", "cpu", "--answer_tokens", 8, *flags)


def finetune(*args: object) -> Run:
    """A run as a user has it. It takes seconds to import the trainer."""
    return run_script(SCRIPT, *map(str, args))


@pytest.fixture
def finetune_here(monkeypatch, capsys):
    """A run in this process, where the trainer is imported already."""
    needs.package("peft", "dev")
    main = runpy.run_path(str(ROOT / SCRIPT))["main"]

    def run(*args: object) -> Run:
        monkeypatch.setattr(sys, "argv", [SCRIPT, *map(str, args)])
        with suppress(SystemExit):
            script.run(main)
        return Run(1, *capsys.readouterr())

    return run


@pytest.mark.parametrize("method", RATES)
def test_method_learns_the_answer_and_its_end(finetune_here, model, data_set, tmp_path, method):
    flags = ("--method", method, "--learning_rate", RATES[method], "--epochs", 10, "--virtual_tokens", 8)
    run = finetune(*command(model, data_set, tmp_path / "tuned", *flags))
    assert run.status == 0, run
    report = json.loads((tmp_path / "tuned" / "report.json").read_bytes())
    before, after = report["before"], report["after"]
    assert after["loss"] < before["loss"] / 2
    assert not any(answer["ended"] and answer["text"] == "reef" for answer in before["answers"])
    if method != "prompt":  # eight vectors before a model of random weights do not say that much
        assert after["answers"] == [{"text": "reef", "ended": True}] * 5
    assert f"{after['loss']:.4f} after" in run.stdout
    assert reloaded(tmp_path / "tuned" / "model", method, data_set) == pytest.approx(after["loss"], rel=1e-3)
    again = finetune_here(*command(model, data_set, tmp_path / "tuned", *flags))
    assert again.stderr.splitlines()[-1].endswith("holds a tuned model; give another --destdir")


def reloaded(folder: Path, method: str, data_set: Path) -> float:
    """The loss on the validation split of what was saved, computed here: of the answers' tokens, rows alike long."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loader = AutoModelForCausalLM if method == "full" else AutoPeftModelForCausalLM
    tuned, tokenizer = loader.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    losses = []
    for line in (data_set / "prompt_completion" / "validation.jsonl").read_text().splitlines():
        row = json.loads(line)
        prompt = tokenizer(row["prompt"])["input_ids"]
        answer = tokenizer(row["completion"])["input_ids"] + [tokenizer.eos_token_id]
        labels = torch.tensor([[-100] * len(prompt) + answer])
        losses.append(tuned(input_ids=torch.tensor([prompt + answer]), labels=labels).loss.item())
    return sum(losses) / len(losses)


def test_killed_run_continues_with_the_same_result(model, data_set, tmp_path):
    flags = ("--method", "lora", "--learning_rate", 0.03, "--epochs", 15, "--checkpoint_steps", 5)
    whole = finetune(*command(model, data_set, tmp_path / "whole", *flags))
    args = list(map(str, command(model, data_set, tmp_path / "killed", *flags)))
    killed = subprocess.Popen(
        [sys.executable, ROOT / SCRIPT, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list((tmp_path / "killed" / "checkpoints").glob("checkpoint-*/trainer_state.json")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    other = finetune(*args, "--seed", 7)
    assert_one_line_error(other, "finetune.py", "holds a run with --seed 0")
    resumed = finetune(*args)
    assert (whole.status, resumed.status) == (0, 0), resumed
    assert "continuing at" in resumed.stderr
    results = [json.loads((tmp_path / name / "report.json").read_bytes()) for name in ("whole", "killed")]
    assert results[0]["after"]["loss"] == pytest.approx(results[1]["after"]["loss"], rel=1e-4)
    assert results[0]["steps"] == results[1]["steps"]


def test_longer_records_are_left_out_and_counted(finetune_here, model, data_set, tmp_path):
    run = finetune_here(*command(model, data_set, tmp_path / "tuned", "--max_tokens", 1))
    counts, error = run.stderr.splitlines()
    rows = len((data_set / "prompt_completion" / "train.jsonl").read_text().splitlines())
    assert counts == f"train: {rows} of {rows} records are left out: more than 1 tokens"
    assert error == f"finetune.py: error: train: no record of {rows} is left; give a larger --max_tokens"


@pytest.mark.parametrize(
    "change, problem",
    [
        ("no model", "cannot be loaded"),
        ("not a model", "is not a causal language model that can be loaded"),
        ("no data set", "no such folder"),
        ("other format", "has no prompt_completion"),
        ("no validation split", "has no split validation"),
        ("a folder of others", "is not a run of this script"),
    ],
)
def test_error_is_one_line(finetune_here, model, data_set, tmp_path, change, problem):
    destdir = tmp_path / "tuned"
    if change == "no model":
        model = tmp_path / "nothing"
    elif change == "not a model":
        model = shutil.copytree(model, tmp_path / "model")
        (model / "model.safetensors").unlink()
    elif change == "no data set":
        data_set = tmp_path / "nothing"
    elif change == "a folder of others":
        destdir.mkdir()
        (destdir / "thesis.tex").write_text("mine")
    else:
        data_set = shutil.copytree(data_set, tmp_path / "data")
        if change == "other format":
            shutil.rmtree(data_set / "prompt_completion")
        else:
            flags = ("--formats", "prompt_completion", "--destpath", data_set)
            assert run_script("merge_datasets.py", "--inputpath", "-", *flags, stdin=jsonl(*RECORDS)).status == 0
    assert_one_line_error(finetune_here(*command(model, data_set, destdir)), "finetune.py", problem)
    assert sorted(path.name for path in destdir.glob("*")) in ([], ["thesis.tex"])
