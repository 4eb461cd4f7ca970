"""Fine-tune a causal language model on a data set of merge_datasets.py: all its weights, LoRA, or a soft prompt.

    python merge_datasets.py --inputpath records.jsonl --destpath dataset --formats alpha chat_prompt_completion \\
        prompt_completion --split train:0.95 validation:0.05
    python examples/finetune.py --model HuggingFaceTB/SmolLM2-135M --dataset dataset --destdir tuned --method lora

The model learns the answers, not the questions, and where an answer ends. Printed are the loss on the validation split
and the answers to five of its questions, before and after. What the run writes into --destdir:

    model/         the adapter, or with --method full the model, and the tokenizer: give it to from_pretrained
    report.json    losses, answers, settings, versions
    settings.json  what decides the result
    checkpoints/   while it runs: the same command goes on from the last one, with the same result on the same machine

It needs TRL and PEFT: pip install -r requirements/finetune.txt, then -r requirements/torch.txt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import textwrap
import warnings
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where records/ is

from records import script
from records.errors import InputError
from records.file_io import write_json

# torch and the trainer take seconds to import, so the functions that use them import them
PACKAGES = ("torch", "transformers", "datasets", "accelerate", "trl", "peft")
CHAT, TEXT = "chat_prompt_completion", "prompt_completion"
SPLITS = ("train", "validation")
SETTINGS, REPORT = "settings.json", "report.json"
# The rates, the rank and the soft prompt of PEFT's comparison on MetaMathQA with Llama-3.2-3B
# (huggingface/peft, method_comparison/MetaMathQA/experiments). Correct answers there: full 47 %, LoRA 48 %, prompt
# tuning 34 %, which with PEFT's random start has 23 %, and with a rate of 1e-4 besides 5.7 %.
LEARNING_RATES = {"full": 1e-5, "lora": 1e-4, "prompt": 1e-3}
LORA_RANK, VIRTUAL_TOKENS = 32, 200
QUESTIONS = 5
SHOWN = 300  # characters of a question


@dataclass(frozen=True)
class Settings:
    """What decides the result: a run goes on only with the same."""

    model: str
    dataset: str
    method: str
    format: str | None  # None: by the model's chat template
    learning_rate: float
    epochs: float
    max_steps: int | None
    batch_size: int
    max_tokens: int
    answer_tokens: int
    lora_rank: int
    virtual_tokens: int
    dtype: str
    seed: int


# ----------------------------------------------------------------------------------------------------------------------
# what is asked for
# ----------------------------------------------------------------------------------------------------------------------


def arguments() -> tuple[Settings, Path, str]:
    """The settings, the folder to write, and the device."""
    parser = script.script_parser(__doc__)
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="a folder, or a name at the Hugging Face hub")
    add("--dataset", required=True, metavar="DIR", help="the folder that merge_datasets.py wrote")
    add("--destdir", required=True, metavar="DIR", help="where to write the tuned model, and checkpoints meanwhile")
    add("--method", choices=LEARNING_RATES, default="lora", help="what is trained (default: lora)")
    add(
        "--format",
        choices=(CHAT, TEXT),
        help=f"which rows of the data set (default: {CHAT} if the model has a chat template, else {TEXT})",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if there is one (default)")
    rates = ", ".join(f"{rate:g} for {method}" for method, rate in LEARNING_RATES.items())
    add(
        "--learning_rate",
        type=positive_number,
        metavar="X",
        help=f"at its highest, it falls as a cosine (default: {rates})",
    )
    add("--epochs", type=positive_number, default=3, metavar="X", help="how often each row is learnt (default: 3)")
    add("--max_steps", type=script.positive, metavar="N", help="end after N updates, whatever --epochs says")
    add("--batch_size", type=script.positive, default=4, metavar="N", help="rows an update (default: 4)")
    add(
        "--max_tokens",
        type=script.positive,
        default=2048,
        metavar="N",
        help="leave out rows of more tokens: one that is cut would lose the end of its answer (default: 2048, or what "
        "the model's context holds)",
    )
    add("--answer_tokens", type=script.positive, default=128, metavar="N", help="of the answers shown (default: 128)")
    add(
        "--lora_rank",
        type=script.positive,
        default=LORA_RANK,
        metavar="N",
        help=f"of the adapter (default: {LORA_RANK})",
    )
    add(
        "--virtual_tokens", type=script.positive, default=VIRTUAL_TOKENS, metavar="N", help=f"default: {VIRTUAL_TOKENS}"
    )
    add(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the model's weights: bfloat16 takes half the memory; for full take float32 (default)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of the order of rows and of new weights (default: 0)")
    flags = vars(parser.parse_args())
    destdir, device = Path(flags.pop("destdir")), flags.pop("device")
    if flags["learning_rate"] is None:
        flags["learning_rate"] = LEARNING_RATES[flags["method"]]
    return Settings(**flags), destdir, device


def positive_number(text: str) -> float:
    number = float(text)  # argparse reports the ValueError of what is no number
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def require_packages() -> dict[str, str]:
    """The versions of the packages. Raises InputError with what to install if one is missing."""
    try:
        return {name: version(name) for name in PACKAGES}
    except PackageNotFoundError as error:
        install = "pip install -r requirements/finetune.txt -r requirements/torch.txt"
        raise InputError(f"{error.name} is not installed; {install}, or pip install {' '.join(PACKAGES)}") from None


def find_device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no GPU that torch can use; give cpu, or leave it out")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


# ----------------------------------------------------------------------------------------------------------------------
# what is read
# ----------------------------------------------------------------------------------------------------------------------


def check_dataset(folder: Path, name: str | None) -> None:
    """Raise InputError unless the folder is a data set with splits in a format that can be learnt."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that merge_datasets.py wrote")
    formats = [name] if name else [CHAT, TEXT]
    found = [each for each in formats if (folder / each).is_dir()]
    if not found:
        raise InputError(f"{folder}: has no {' and no '.join(formats)}; merge with --formats {formats[0]}")
    for each in found:
        for split in SPLITS:
            if not (folder / each / f"{split}.parquet").is_file():
                problem = f"{folder / each}: has no {split} split"
                raise InputError(f"{problem}; merge with --split train:0.95 validation:0.05")


def load_model(settings: Settings) -> tuple[Any, Any]:
    """The model and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.model)
        model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=getattr(torch, settings.dtype))
    except (OSError, ValueError, KeyError, ImportError) as error:
        problem = str(error).strip().partition("\n")[0]
        raise InputError(f"{settings.model}: transformers cannot load it ({problem}); check --model") from None
    if tokenizer.eos_token is None:
        raise InputError(f"{settings.model}: its tokenizer has no end-of-text token, so no end can be learnt")
    return model, tokenizer


def load_rows(settings: Settings, tokenizer: Any) -> Any:
    """The rows of each split, in the format that suits the model."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    name = settings.format or (CHAT if tokenizer.chat_template else TEXT)
    if name == CHAT and not tokenizer.chat_template:
        raise InputError(f"{settings.model}: has no chat template; give --format {TEXT}")
    folder = Path(settings.dataset, name)
    if not folder.is_dir():
        kind = "has a" if name == CHAT else "has no"
        other = TEXT if name == CHAT else CHAT
        advice = f"merge with --formats {name}" + (f", or give --format {other}" if name == CHAT else "")
        raise InputError(f"{folder}: not there, and {settings.model} {kind} chat template; {advice}")
    files = {split: str(folder / f"{split}.parquet") for split in SPLITS}
    try:
        rows = load_dataset("parquet", data_files=files).select_columns(["prompt", "completion"])
    except (DatasetGenerationError, ValueError) as error:
        problem = str(error.__cause__ or error).strip().partition("\n")[0]
        raise InputError(f"{folder}: cannot be read ({problem}); merge again") from None
    for split in SPLITS:
        if not len(rows[split]):
            raise InputError(f"{files[split]}: has no rows; give the {split} split a larger share")
    return rows


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that may be read."""
    found = {}
    for path in sorted(folder.glob(f"*{TEXT}/*.parquet")):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


# ----------------------------------------------------------------------------------------------------------------------
# what is written
# ----------------------------------------------------------------------------------------------------------------------


def check_destdir(destdir: Path, decisive: dict[str, Any]) -> None:
    """Raise InputError if the folder holds anything else than a run with these settings."""
    settings = destdir / SETTINGS
    if not settings.is_file():
        if destdir.exists() and (not destdir.is_dir() or any(destdir.iterdir())):
            raise InputError(f"{destdir}: is there, and no run of this script wrote it; give another --destdir")
        return
    try:
        found = json.loads(settings.read_bytes())
        differing = [name for name in decisive if found.get(name) != decisive[name]]
    except (ValueError, AttributeError):
        raise InputError(f"{settings}: is not a file of settings; give another --destdir") from None
    if differing:
        changes = ", ".join(f"{name} {found.get(name)!r}, now {decisive[name]!r}" for name in differing)
        raise InputError(f"{destdir}: its run has other settings ({changes}); give another --destdir, or remove it")


def save_model(trainer: Any, folder: Path) -> None:
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    trainer.save_model(str(unfinished))  # and the tokenizer
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(unfinished, folder)


def last_checkpoint(folder: Path) -> str | None:
    """The newest complete checkpoint: its state is written last."""
    complete = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(complete, key=lambda path: int(path.name.rpartition("-")[2]))) if complete else None


# ----------------------------------------------------------------------------------------------------------------------
# training
# ----------------------------------------------------------------------------------------------------------------------


def adapter(settings: Settings) -> Any:
    """PEFT's configuration of the method, None for full."""
    from peft import LoraConfig, PromptTuningConfig, PromptTuningInit, TaskType

    if settings.method == "lora":
        rank = settings.lora_rank
        return LoraConfig(task_type=TaskType.CAUSAL_LM, r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    if settings.method == "prompt":
        return PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=settings.virtual_tokens,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
    return None


def make_trainer(settings: Settings, model: Any, tokenizer: Any, rows: Any, checkpoints: Path, device: str) -> Any:
    import torch
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        output_dir=str(checkpoints),
        max_length=None,  # nothing is cut; keep_short leaves long rows out
        eos_token=tokenizer.eos_token,  # the model then ends there too, also once it is saved
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        seed=settings.seed,
        use_cpu=device == "cpu",
        bf16=device == "cuda" and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=device == "cuda",  # slower, but far less memory, which a CPU has
        dataloader_pin_memory=device == "cuda",
        save_steps=0.1,  # of all steps
        save_total_limit=1,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
        peft_config=adapter(settings),
    )
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or settings.max_tokens
    if settings.method == "prompt":
        context -= settings.virtual_tokens
    longest = min(context, settings.max_tokens)
    trainer.train_dataset = keep_short(trainer.train_dataset, longest, "train")
    trainer.eval_dataset = keep_short(trainer.eval_dataset, longest, "validation")
    return trainer


def keep_short(rows: Any, longest: int, split: str) -> Any:
    kept = rows.filter(lambda row: len(row["input_ids"]) <= longest)
    print(f"{split}: {len(kept):,} rows, {len(rows) - len(kept):,} left out with more than {longest:,} tokens")
    if not len(kept):
        raise InputError(f"every row of {split} has more than {longest:,} tokens; raise --max_tokens")
    return kept


def loss(trainer: Any, untuned: bool = False) -> float:
    """On the answers of the validation split, a token; that of the model without its adapter if `untuned`."""
    disabled = untuned and hasattr(trainer.model, "disable_adapter")
    with trainer.model.disable_adapter() if disabled else nullcontext():
        return float(trainer.evaluate()["eval_loss"])


def answers(model: Any, tokenizer: Any, prompts: list[Any], max_new_tokens: int) -> list[dict[str, Any]]:
    """The most likely answer to each prompt, and whether the model ended it itself."""
    import torch

    model.eval()
    given = []
    for prompt in prompts:
        if isinstance(prompt, str):
            tokens = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        else:
            tokens = tokenizer.apply_chat_template(
                prompt, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        tokens = {name: tokens[name].to(model.device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            [row] = model.generate(
                **tokens, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
        made = row[tokens["input_ids"].shape[1] :]
        ended = len(made) < max_new_tokens or int(made[-1]) == tokenizer.eos_token_id
        given.append({"text": tokenizer.decode(made, skip_special_tokens=True).strip(), "ended": ended})
    return given


def text_of(turns: Any) -> str:
    return turns if isinstance(turns, str) else "\n\n".join(turn["content"] for turn in turns)


def learn(settings: Settings, decisive: dict[str, Any], destdir: Path, device: str) -> dict[str, Any]:
    """Train, save the model, and return the report."""
    model, tokenizer = load_model(settings)
    rows = load_rows(settings, tokenizer)
    destdir.mkdir(parents=True, exist_ok=True)
    write_json(destdir / SETTINGS, decisive)
    checkpoints = destdir / "checkpoints"
    trainer = make_trainer(settings, model, tokenizer, rows, checkpoints, device)
    asked = rows["validation"].select(range(min(QUESTIONS, len(rows["validation"]))))
    prompts = list(asked["prompt"])
    # a new LoRA changes nothing yet; a new soft prompt does, and is not in the base model
    untuned = trainer.model.get_base_model() if settings.method == "prompt" else trainer.model
    before = answers(untuned, tokenizer, prompts, settings.answer_tokens)
    loss_before = loss(trainer, untuned=True)
    checkpoint = last_checkpoint(checkpoints)
    print(f"validation loss before: {loss_before:.3f}" + (f"; going on from {checkpoint}" if checkpoint else ""))
    trainer.train(resume_from_checkpoint=checkpoint)
    loss_after = loss(trainer)
    after = answers(trainer.model, tokenizer, prompts, settings.answer_tokens)
    save_model(trainer, destdir / "model")
    return {
        "loss_before": loss_before,
        "loss_after": loss_after,
        "rows": {"train": len(trainer.train_dataset), "validation": len(trainer.eval_dataset)},
        "steps": trainer.state.global_step,
        "device": device,
        "answers": [
            {"question": text_of(row["prompt"]), "reference": text_of(row["completion"]), "before": one, "after": other}
            for row, one, other in zip(asked, before, after, strict=True)
        ],
    }


def show(report: dict[str, Any]) -> None:
    for number, asked in enumerate(report["answers"], 1):
        print(f"\n[{number}] {textwrap.shorten(asked['question'], SHOWN)}")
        for when in ("before", "after"):
            end = "" if asked[when]["ended"] else " [no end]"
            print(f"--- {when}: {asked[when]['text']}{end}")
    ended = {when: sum(asked[when]["ended"] for asked in report["answers"]) for when in ("before", "after")}
    print(f"\nanswers that end: {ended['before']} before, {ended['after']} after, of {len(report['answers'])}")
    print(f"validation loss: {report['loss_before']:.3f} before, {report['loss_after']:.3f} after")


def main() -> None:
    settings, destdir, device = arguments()
    versions = require_packages()
    check_dataset(Path(settings.dataset), settings.format)
    decisive = asdict(settings) | {"files": digests(Path(settings.dataset))}
    check_destdir(destdir, decisive)
    finished = destdir / REPORT
    if finished.is_file():
        print(f"{destdir}: complete; nothing is left to do")
    else:
        device = find_device(device)
        quieten()
        report = learn(settings, decisive, destdir, device)
        write_json(finished, {**report, "settings": decisive, "versions": versions})
        shutil.rmtree(destdir / "checkpoints", ignore_errors=True)
    show(json.loads(finished.read_bytes()))
    print(f"saved: {destdir / 'model'}")


def quieten() -> None:
    """No warnings about what is meant so, and no progress bars where nobody watches."""
    import datasets
    import transformers

    transformers.utils.logging.set_verbosity_error()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # errors come as exceptions
    warnings.filterwarnings("ignore", category=FutureWarning)  # for TRL's authors
    warnings.filterwarnings("ignore", "Position ids are not supported")  # PEFT's, of soft prompts
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()


if __name__ == "__main__":
    script.run(main)
