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
    return merged(tmp_path_factory.mktemp("finetune") / "data", "prompt_completion")


@pytest.fixture(scope="module")
def chat_data_set(tmp_path_factory) -> Path:
    return merged(tmp_path_factory.mktemp("finetune-chat") / "data", "chat_prompt_completion")


def merged(folder: Path, format: str) -> Path:
    flags = ("--formats", format, "--split", "train:0.8", "validation:0.2")
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
    if method != "prompt":  # eight vectors before random weights do not say that much
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


def test_answers_of_a_soft_prompt_are_what_the_model_says_token_by_token(finetune_here, model, data_set, tmp_path):
    """PEFT 0.21 puts the soft prompt in front of every token that it generates, with transformers 5.24."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    flags = ("--method", "prompt", "--virtual_tokens", 8, "--learning_rate", 0.3, "--max_steps", 5)
    finetune_here(*command(model, data_set, tmp_path / "tuned", *flags))
    answers = json.loads((tmp_path / "tuned" / "report.json").read_bytes())["after"]["answers"]
    tuned = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "tuned" / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tuned" / "model")
    rows = (data_set / "prompt_completion" / "validation.jsonl").read_text().splitlines()
    for row, answer in zip(map(json.loads, rows), answers, strict=False):
        ids = tokenizer(row["prompt"], return_tensors="pt")["input_ids"]
        said: list[int] = []
        while len(said) < 8 and tokenizer.eos_token_id not in said:
            with torch.inference_mode():
                logits = tuned(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            said.append(int(logits[0, -1].argmax()))
            ids = torch.cat([ids, torch.tensor([[said[-1]]])], dim=1)
        assert answer["text"] == tokenizer.decode(said, skip_special_tokens=True).strip()


def test_chat_model_learns_the_answer_and_the_end_of_its_template(finetune_here, chat_data_set, tmp_path):
    from benchmarks.trainers.tiny import chat_model
    from tests.tiny_models import TEXTS

    model = chat_model(tmp_path / "model", iter(TEXTS))
    flags = ("--method", "full", "--learning_rate", 0.01, "--epochs", 15)
    run = finetune_here(*command(model, chat_data_set, tmp_path / "tuned", *flags))
    report = json.loads((tmp_path / "tuned" / "report.json").read_bytes())
    assert report["after"]["answers"] == [{"text": "reef", "ended": True}] * 5, run
    assert not any(answer["ended"] and answer["text"] == "reef" for answer in report["before"]["answers"])


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
    reports, adapters = (
        [(tmp_path / name / file).read_bytes() for name in ("whole", "killed")]
        for file in ("report.json", "model/adapter_model.safetensors")
    )
    assert reports[0] == reports[1] and adapters[0] == adapters[1]


def test_checkpoint_that_a_kill_left_unfinished_is_not_taken(tmp_path):
    last_checkpoint = runpy.run_path(str(ROOT / SCRIPT))["last_checkpoint"]
    for step, name in ((9, "trainer_state.json"), (10, "trainer_state.json"), (11, "adapter_model.safetensors")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / name).touch()
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert last_checkpoint(tmp_path / "nothing") is None


def test_run_does_not_continue_on_other_data(finetune_here, model, data_set, tmp_path):
    copy, tuned = Path(shutil.copytree(data_set, tmp_path / "data")), tmp_path / "tuned"
    finetune_here(*command(model, copy, tuned, "--max_steps", 1))
    (tuned / "report.json").unlink()  # as if it had been interrupted
    flags = ("--formats", "prompt_completion", "--split", "train:0.8", "validation:0.2", "--destpath", copy)
    assert run_script("merge_datasets.py", "--inputpath", "-", *flags, stdin=jsonl(*RECORDS[1:])).status == 0
    run = finetune_here(*command(model, copy, tuned, "--max_steps", 1))
    assert_one_line_error(run, "finetune.py", "holds a run on other data", "give another --destdir")


def test_context_of_the_model_is_the_longest_that_a_row_may_be(finetune_here, tmp_path):
    """GPT-2's positions are a table: a row that is longer than it, with the soft prompt, cannot be trained."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from tests.tiny_models import tokenizer

    tokens, virtual = tokenizer(), 8
    rows = [{**each, "instruction": each["instruction"] + " Which?" * (n % 4)} for n, each in enumerate(RECORDS)]
    halves = ("--formats", "prompt_completion", "--split", "train:0.5", "validation:0.5")
    flags = (*halves, "--destpath", tmp_path / "data")
    assert run_script("merge_datasets.py", "--inputpath", "-", *flags, stdin=jsonl(*rows)).status == 0
    lengths = [
        len(tokens(row["prompt"] + row["completion"])["input_ids"]) + 1
        for file in (tmp_path / "data" / "prompt_completion").glob("*.jsonl")
        for row in map(json.loads, file.read_text().splitlines())
    ]
    longest = sorted(lengths)[len(lengths) // 2]
    shape = {"n_positions": longest + virtual, "n_embd": 16, "n_layer": 1, "n_head": 1}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokens), bos_token_id=0, eos_token_id=0, **shape)).save_pretrained(
        tmp_path / "model"
    )
    tokens.save_pretrained(tmp_path / "model")
    flags = ("--method", "prompt", "--virtual_tokens", virtual, "--max_steps", 2)
    run = finetune_here(*command(tmp_path / "model", tmp_path / "data", tmp_path / "tuned", *flags))
    report = json.loads((tmp_path / "tuned" / "report.json").read_bytes())
    fitting = sum(length <= longest for length in lengths)
    assert 0 < fitting < len(lengths), run
    assert report["rows"] + report["validation_rows"] == fitting


@pytest.mark.parametrize(
    "change, problem",
    [
        ("no model", "cannot be loaded"),
        ("no end", "has no end-of-text token"),
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
    elif change == "no end":
        model = shutil.copytree(model, tmp_path / "model")
        settings = json.loads((model / "tokenizer_config.json").read_bytes())
        del settings["eos_token"]
        (model / "tokenizer_config.json").write_text(json.dumps(settings))
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


def test_missing_package_is_named_with_what_to_install(finetune_here, model, data_set, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)  # as Python has it where an import fails
    run = finetune_here(*command(model, data_set, tmp_path / "tuned"))
    assert_one_line_error(run, "finetune.py", "peft is missing", "pip install -r requirements/finetune.txt")
