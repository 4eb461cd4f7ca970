#!/usr/bin/env python3
"""Fine-tune a causal language model on the data set that merge_datasets.py wrote, on one CPU or GPU.

    python merge_datasets.py ... --destpath dataset --formats prompt_completion chat_prompt_completion \\
        --split train:0.95 validation:0.05
    pip install -r requirements/finetune.txt        # beside torch
    python examples/finetune.py --model EleutherAI/pythia-160m --dataset dataset --destdir tuned --method lora

Learns the answers and their ends, not the questions. Prints the loss on the validation split and some answers, before
and after, and saves what can be loaded again: all weights (full), or an adapter (lora, prompt). A run that was
interrupted continues at its last checkpoint when the command is repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the project's folder, where records/ is

from records.errors import InputError
from records.file_io import write_json
from records.script import positive, run, script_parser, tell

if TYPE_CHECKING:  # they take seconds to import, and --help needs none of them
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
    from trl import SFTTrainer

# By whether the model has a chat template: these mask right (docs/training.md).
FORMATS = {False: "prompt_completion", True: "chat_prompt_completion"}
SPLITS = ("train", "validation")
SETTINGS, REPORT, CHECKPOINTS, TUNED = "settings.json", "report.json", "checkpoints", "model"


@dataclass(frozen=True)
class Method:
    """What is trained, and its learning rate unless another is given."""

    learning_rate: float
    adapter: dict[str, Any] | None = None  # of PEFT, with its kind


# Prompt tuning: Lester et al. 2021 (arXiv:2104.08691) take 100 tokens, which begin as words of the vocabulary. In the
# comparison of methods that PEFT publishes (MetaMathQA, Llama-3.2-3B) it reaches 5.7 % with the defaults, 23 % with a
# learning rate of 1e-3, and 34 % if it begins so too; LoRA 48 %, all weights 47 %.
METHODS = {
    "full": Method(2e-5),
    "lora": Method(2e-4, {"kind": "LoraConfig", "r": 16, "lora_alpha": 32, "target_modules": "all-linear"}),
    "prompt": Method(
        1e-3,
        {"kind": "PromptTuningConfig", "num_virtual_tokens": 100, "prompt_tuning_init": "SAMPLE_VOCAB"},
    ),
}


@dataclass(frozen=True)
class Settings:
    """What decides the result. A run continues an earlier one only if these are the same."""

    model: str
    dataset: str
    format: str
    method: str
    epochs: float
    max_steps: int  # -1: as many as the epochs have
    batch_size: int
    learning_rate: float
    max_tokens: int
    virtual_tokens: int
    seed: int
    data_digest: str


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="a folder, or a name at the Hugging Face hub")
    add("--dataset", type=Path, required=True, metavar="DIR", help="the folder that merge_datasets.py wrote")
    add("--destdir", type=Path, required=True, metavar="DIR", help="where the tuned model and the report go")
    add("--method", choices=METHODS, default="lora", help="all weights, LoRA, or a soft prompt (default: lora)")
    add("--epochs", type=positive_number, default=1.0, metavar="N", help="times through the data (default: 1)")
    add("--max_steps", type=positive, default=None, metavar="N", help="end after so many steps (default: all)")
    add("--batch_size", type=positive, default=8, metavar="N", help="records a step (default: 8)")
    add(
        "--learning_rate",
        type=positive_number,
        metavar="X",
        help=f"default: {', '.join(f'{name} {method.learning_rate:g}' for name, method in METHODS.items())}",
    )
    add(
        "--max_tokens",
        type=positive,
        default=1024,
        metavar="N",
        help="leave out longer records, which would lose their ends (default: 1024)",
    )
    add(
        "--virtual_tokens",
        type=positive,
        default=100,
        metavar="N",
        help="the length of the soft prompt, for --method prompt (default: 100)",
    )
    add(
        "--checkpoint_steps",
        type=positive,
        default=100,
        metavar="N",
        help="steps between checkpoints, and between lines about the loss (default: 100)",
    )
    add("--answers", type=int, default=5, metavar="N", help="answers shown before and after (default: 5)")
    add("--answer_tokens", type=positive, default=128, metavar="N", help="their greatest length (default: 128)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if there is one")
    add("--seed", type=int, default=0, metavar="N", help="of the order of records and of new weights (default: 0)")
    return parser.parse_args()


def positive_number(text: str) -> float:
    """The type of a flag that takes a number above 0; argparse reports anything else."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def main() -> None:
    args = arguments()
    require_packages()
    device = chosen_device(args.device)
    tokenizer = load_tokenizer(args.model)
    format = FORMATS[bool(tokenizer.chat_template)]
    splits = read_splits(args.dataset, format)
    settings = Settings(
        model=args.model,
        dataset=str(args.dataset),
        format=format,
        method=args.method,
        epochs=args.epochs,
        max_steps=args.max_steps or -1,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate or METHODS[args.method].learning_rate,
        max_tokens=args.max_tokens,
        virtual_tokens=args.virtual_tokens,
        seed=args.seed,
        data_digest=digest_of(splits),
    )
    model = load_model(args.model)
    context = context_of(model, settings)
    longest = min(settings.max_tokens, context)
    train, validation = (short_enough(rows, name, tokenizer, longest) for name, rows in splits.items())
    checkpoint = prepare(args.destdir, settings)
    trainer = make_trainer(settings, args, device, model, tokenizer, train, validation)
    shown = validation.select(range(min(args.answers, len(validation))))

    with without_adapter(trainer.model):
        before = evaluated(trainer, shown, args.answer_tokens, context, soft_prompt=None)
    if checkpoint:
        tell(f"continuing at {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint)
    after = evaluated(trainer, shown, args.answer_tokens, context, soft_prompt_of(trainer.model))

    trainer.save_model(str(args.destdir / TUNED))
    report = {"settings": asdict(settings), "rows": len(train), "validation_rows": len(validation), "device": device}
    write_json(args.destdir / REPORT, {**report, "steps": trainer.state.global_step, "before": before, "after": after})
    shutil.rmtree(args.destdir / CHECKPOINTS, ignore_errors=True)
    show(shown, before, after, args.destdir / TUNED, is_adapter=settings.method != "full")


def require_packages() -> None:
    """Raise InputError if a package is missing."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import datasets
        import huggingface_hub
        import peft  # noqa: F401
        import transformers
        import trl  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"the package {error.name} is missing: pip install -r requirements/finetune.txt, and torch for your "
            f"machine (https://pytorch.org/get-started/locally)"
        ) from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    huggingface_hub.utils.disable_progress_bars()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", "Position ids are not supported")  # of soft prompts
    datasets.disable_progress_bars()


def chosen_device(wanted: str) -> str:
    """ "cpu" or "cuda". Raises InputError if a GPU is wanted and there is none."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here; leave the flag out, or install torch for CUDA")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Raises InputError if the model cannot be loaded, or has no end-of-text token."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        hint = "give a folder with a causal language model, or its name at the hub"
        raise InputError(f"{model}: cannot be loaded; {hint} ({first_line(error)})") from None
    if tokenizer.eos_token is None:
        raise InputError(f"{model}: has no end-of-text token, so no end can be learnt; set eos_token in its tokenizer")
    return tokenizer


def load_model(model: str) -> PreTrainedModel:
    """Raises InputError if it is not a causal language model."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"{model}: is not a causal language model that can be loaded ({first_line(error)})") from None


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def prepare(destdir: Path, settings: Settings) -> str | None:
    """Make the folder of a run, or return the last checkpoint of the run that it holds.

    Raises InputError if the folder has the result of a run, a run with other settings, or other files.
    """
    path, wanted = destdir / SETTINGS, asdict(settings)
    if (destdir / REPORT).exists():
        raise InputError(f"{destdir}: holds a tuned model; give another --destdir")
    if path.exists():
        try:
            earlier = json.loads(path.read_bytes())
        except ValueError:
            raise InputError(f"{path}: is not JSON, so what began here is unknown; give another --destdir") from None
        if earlier.pop("data_digest", None) != wanted.pop("data_digest"):
            raise InputError(
                f"{destdir}: holds a run on other data than {settings.dataset} has now; give another --destdir"
            )
        if other := [name for name, value in wanted.items() if earlier.get(name) != value]:
            values = ", ".join(f"--{name} {earlier.get(name)}" for name in other)
            raise InputError(f"{destdir}: holds a run with {values}; repeat that, or give another --destdir")
        return last_checkpoint(destdir / CHECKPOINTS)
    if destdir.exists() and (not destdir.is_dir() or any(destdir.iterdir())):
        raise InputError(f"{destdir}: is there, and is not a run of this script; give another --destdir")
    destdir.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)
    return None


def last_checkpoint(folder: Path) -> str | None:
    """The newest that is complete: the state of the trainer is written last."""
    complete = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(complete, key=lambda path: int(path.name.rpartition("-")[2]))) if complete else None


def read_splits(folder: Path, format: str) -> dict[str, Dataset]:
    """The rows of the splits train and validation. Raises InputError if the folder lacks them."""
    from datasets import load_dataset

    again = f"merge again with --formats {format} --split train:0.95 validation:0.05"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that merge_datasets.py wrote")
    if not (folder / format).is_dir():
        raise InputError(f"{folder}: has no {format}, which this model needs; {again}")
    paths = {path.stem: str(path) for path in sorted((folder / format).glob("*.parquet"))}
    if missing := [name for name in SPLITS if name not in paths]:
        raise InputError(f"{folder}: has no split {missing[0]}, only {', '.join(paths)}; {again}")
    try:
        # by the files: datasets 5.2 knows a folder by its card alone, and may have other rows of it in its cache
        found = load_dataset("parquet", data_files={name: paths[name] for name in SPLITS})
    except Exception as error:  # noqa: BLE001 - each reader has errors of its own
        raise InputError(f"{folder}: cannot be read ({first_line(error)}); {again}") from None
    return {name: found[name] for name in SPLITS}


def digest_of(splits: dict[str, Dataset]) -> str:
    """What tells other rows from these."""
    digest = hashlib.sha256()
    for rows in splits.values():
        for row in rows.select_columns(["prompt", "completion"]):
            digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def context_of(model: PreTrainedModel, settings: Settings) -> int:
    """How many tokens the model takes beside the soft prompt; without a limit, more than any row has."""
    context: int = getattr(model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize
    return context - (settings.virtual_tokens if settings.method == "prompt" else 0)


def short_enough(rows: Dataset, name: str, tokenizer: PreTrainedTokenizerBase, most: int) -> Dataset:
    """The rows of at most so many tokens. Raises InputError if none is left."""

    def fits(row: dict[str, Any]) -> bool:
        return len(token_ids(row, tokenizer)) <= most

    left = rows.filter(fits, keep_in_memory=True)
    if len(left) < len(rows):
        tell(f"{name}: {len(rows) - len(left):,} of {len(rows):,} records are left out: more than {most:,} tokens")
    if not len(left):
        raise InputError(f"{name}: no record of {len(rows):,} is left; give more --max_tokens, or a longer context")
    return left


def token_ids(row: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """A whole row with its end, as it is trained."""
    if isinstance(row["prompt"], str):
        ids: list[int] = tokenizer(f"{row['prompt']}{row['completion']}{tokenizer.eos_token or ''}")["input_ids"]
        return ids
    text = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def make_trainer(
    settings: Settings,
    args: argparse.Namespace,
    device: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Dataset,
    validation: Dataset,
) -> SFTTrainer:
    import peft
    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    adapter = None
    if options := METHODS[settings.method].adapter:
        options = {**options, "task_type": "CAUSAL_LM"}
        if settings.method == "prompt":
            options["num_virtual_tokens"] = settings.virtual_tokens
        adapter = getattr(peft, options.pop("kind"))(**options)
    torch.manual_seed(settings.seed)  # new weights
    config = SFTConfig(
        output_dir=str(args.destdir / CHECKPOINTS),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        max_length=None,  # no row is cut: those that are too long were left out
        save_steps=args.checkpoint_steps,
        save_total_limit=2,
        logging_steps=args.checkpoint_steps,
        seed=settings.seed,
        use_cpu=device == "cpu",
        bf16=device == "cuda" and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        peft_config=adapter,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(progress_lines())
    return trainer


def progress_lines() -> TrainerCallback:
    """Tells the loss on stderr at each of the logging steps."""
    from transformers import TrainerCallback

    class Lines(TrainerCallback):  # type: ignore[misc]  # transformers is not analyzed
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if logs and "loss" in logs:
                tell(f"step {state.global_step:,} of {state.max_steps:,}: loss {float(logs['loss']):.4f}")

    return Lines()


def without_adapter(model: PreTrainedModel) -> AbstractContextManager[None]:
    """Within it the model is the one that was given, also if its soft prompt is random still."""
    disabled: AbstractContextManager[None] = (
        model.disable_adapter() if hasattr(model, "disable_adapter") else nullcontext()
    )
    return disabled


def soft_prompt_of(model: PreTrainedModel) -> torch.Tensor | None:
    """The vectors that stand before each text, None without a soft prompt."""
    config = getattr(model, "active_peft_config", None)
    return model.get_prompt(batch_size=1) if config and config.is_prompt_learning else None


def evaluated(
    trainer: SFTTrainer, shown: Dataset, answer_tokens: int, context: int, soft_prompt: torch.Tensor | None
) -> dict[str, Any]:
    """The loss on the validation split, and answers to the questions of the rows."""
    loss = trainer.evaluate()["eval_loss"]
    return {"loss": loss, "answers": answers(trainer, shown, answer_tokens, context, soft_prompt)}


def answers(
    trainer: SFTTrainer, rows: Dataset, most: int, context: int, soft_prompt: torch.Tensor | None
) -> list[dict[str, Any]]:
    """The model's most probable answer to each row's question, and whether it ends within so many tokens."""
    import torch

    model, tokenizer = trainer.model, trainer.processing_class
    model = model.get_base_model() if hasattr(model, "get_base_model") else model  # which has LoRA's layers
    ends = end_tokens(model, tokenizer)
    model.eval()
    found = []
    for row in rows:
        prompt = row["prompt"]
        if not isinstance(prompt, str):
            prompt = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        given = tokenizer(prompt, return_tensors="pt", add_special_tokens=isinstance(row["prompt"], str))
        given = {name: given[name].to(model.device) for name in ("input_ids", "attention_mask")}
        ids = given.pop("input_ids")
        room = min(most, context - ids.shape[1])
        with torch.no_grad():
            if soft_prompt is None:
                given |= {"input_ids": ids}
            else:
                # PEFT 0.21 does not find the cache of transformers 5.24, whose name is new, and puts the soft prompt in
                # front of every token again. As vectors it is given once.
                vectors = torch.cat([soft_prompt.to(model.dtype), model.get_input_embeddings()(ids)], dim=1)
                given = {"inputs_embeds": vectors, "attention_mask": torch.ones_like(vectors[..., 0], dtype=torch.long)}
            made = model.generate(
                **given, max_new_tokens=room, do_sample=False, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
            )
        new = made[0, 0 if soft_prompt is not None else ids.shape[1] :].tolist()
        text = tokenizer.decode(new, skip_special_tokens=True)
        found.append({"text": text.strip(), "ended": bool(new) and new[-1] in ends})
    return found


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens at which an answer ends: the tokenizer's, the model's, and the chat template's."""
    own = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
        behind = tokenizer.apply_chat_template(turns, tokenize=False).rpartition("A")[2]
        after = tokenizer(behind, add_special_tokens=False)["input_ids"]
        ends.update(token for token in after[:1] if token in tokenizer.all_special_ids)
    return sorted(token for token in ends if token is not None)


def show(rows: Dataset, before: dict[str, Any], after: dict[str, Any], folder: Path, is_adapter: bool) -> None:
    """Print answers and losses."""
    for row, first, second in zip(rows, before["answers"], after["answers"], strict=True):
        prompt = row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][-1]["content"]
        print(f"QUESTION  {shortened(prompt)}")
        for when, answer in (("before", first), ("after", second)):
            print(f"  {when:<7} {shortened(answer['text'])}{'' if answer['ended'] else ' ... (does not end)'}")
    ended = [f"{sum(answer['ended'] for answer in when['answers'])} of {len(rows)}" for when in (before, after)]
    print(f"answers that end: {ended[0]} before, {ended[1]} after")
    print(f"loss on the validation split: {before['loss']:.4f} before, {after['loss']:.4f} after")
    loader = "peft.AutoPeftModelForCausalLM" if is_adapter else "transformers.AutoModelForCausalLM"
    print(f"saved: {loader}.from_pretrained({str(folder)!r})")


def shortened(text: str, most: int = 300) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[:most]}..."


if __name__ == "__main__":
    run(main)
