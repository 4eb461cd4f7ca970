"""Preference rows as the data code of LLaMA-Factory and axolotl reads them: which answers are learnt, and their ends.

    python make_preferences.py --inputpath unfiltered.jsonl --destpath pairs --formats messages text llama_factory
    python make_preferences.py --inputpath judged.jsonl --judgement_file judged.yaml --destpath labels \\
        --formats messages text llama_factory
    python -m benchmarks.trainers.preferences_loaders llama_factory pairs labels
    python -m benchmarks.trainers.preferences_loaders axolotl pairs labels

Needs llamafactory 0.9.5 or axolotl 0.19, in an environment of its own. axolotl's settings are those in
docs/preferences.md; the tokenizer has one token for each byte, and ChatML as its template. Prints how many rows are
read, and of how many the prompt and the answers, with the end of the text after each, are those of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "DISABLE_VERSION_CHECK": "1"}
os.environ |= {"TRL_EXPERIMENTAL_SILENCE": "1", "AXOLOTL_DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}

IGNORED = -100  # PyTorch's ignore_index
PAD, TURN, END_OF_TURN, END = "<|pad|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PAGE = Path(__file__).parents[2] / "docs" / "preferences.md"
Example = tuple[str, ...]  # the prompt and the answers, as a model sees them


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loader", choices=("llama_factory", "axolotl"), help="whose data code")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="what make_preferences.py wrote")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as work:
        tokenizer = saved_tokenizer(Path(work, "tokenizer"))
        read = llama_factory if args.loader == "llama_factory" else axolotl
        for folder in args.folders:
            for name, file, examples in read(folder, Path(work), tokenizer):
                compare(name, file, examples)


def saved_tokenizer(folder: Path) -> Any:
    """A tokenizer with bytes as tokens, saved with a configuration as that of a model."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = [PAD, TURN, END_OF_TURN, END]
    alphabet = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, eos_token=END_OF_TURN)
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": len(tokenizer)}))
    return tokenizer


# ---- the loaders -----------------------------------------------------------------------------------------------------
def llama_factory(folder: Path, work: Path, tokenizer: Any) -> Iterator[tuple[str, Path, list[Example]]]:
    """What LLaMA-Factory makes of each data set in dataset_info.json."""
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))  # it imports it, for audio alone
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    for name, entry in json.loads((folder / "dataset_info.json").read_bytes()).items():
        stage = "rm" if entry.get("ranking") else "kto"  # DPO reads its data as reward models do
        data = DataArguments(dataset_dir=str(folder), dataset=name, template="chatml", cutoff_len=1 << 20)
        data.dataset = [name]  # as its command line does
        model = ModelArguments(model_name_or_path=str(work / "tokenizer"), cache_dir=str(work / "cache"))
        training = Seq2SeqTrainingArguments(output_dir=str(work), use_cpu=True)
        template = get_template_and_fix_tokenizer(tokenizer, data)
        with redirect_stdout(sys.stderr):  # it prints the first row
            rows = get_dataset(template, model, data, training, stage=stage, tokenizer=tokenizer, processor=None)
        which = ("chosen_", "rejected_") if stage == "rm" else ("",)
        yield name, folder / entry["file_name"], [learnt(row, which, tokenizer) for row in rows["train_dataset"]]


def learnt(row: dict[str, Any], which: tuple[str, ...], tokenizer: Any) -> Example:
    """The tokens before those that have labels, and those that have, of each answer."""
    tokens, labels = row[f"{which[0]}input_ids"], [row[f"{name}labels"] for name in which]
    prompt = tokens[: next(place for place, label in enumerate(labels[0]) if label != IGNORED)]
    answers = [[label for label in each if label != IGNORED] for each in labels]
    texts = [tokenizer.decode(each).rstrip() for each in (prompt, *answers)]
    return (*texts, *label_of({"label": row["kto_tags"]} if "kto_tags" in row else {}))


def axolotl(folder: Path, work: Path, tokenizer: Any) -> Iterator[tuple[str, Path, list[Example]]]:
    """What axolotl makes of the formats that it reads."""
    from axolotl.utils.data.rl import prepare_preference_datasets
    from axolotl.utils.dict import DictDefault
    from axolotl.utils.schemas.enums import RLType

    model = str(work / "tokenizer")
    for settings in map(yaml.safe_load, re.findall(r"```yaml\n(rl: .*?)```", PAGE.read_text("utf-8"), re.S)):
        [data_set] = settings["datasets"]
        name = Path(data_set["path"]).parent.name
        file = folder / name / "train.jsonl"
        if not file.exists():
            continue
        data_set["path"] = str(file)
        config = DictDefault(
            {
                **settings,
                "base_model": model,
                "base_model_config": model,
                "tokenizer_config": model,
                "chat_template": "tokenizer_default",
                "sequence_len": 1 << 20,
                "dataset_prepared_path": str(work / name),
                "dataset_num_proc": 1,
            }
        )
        config.rl = RLType(settings["rl"])
        rows, _ = prepare_preference_datasets(config, tokenizer)
        columns = ("prompt", "chosen", "rejected") if settings["rl"] == "dpo" else ("prompt", "completion")
        yield name, file, [(*(row[column].rstrip() for column in columns), *label_of(row)) for row in rows]


# ---- what they should give -------------------------------------------------------------------------------------------
def compare(name: str, file: Path, examples: list[Example]) -> None:
    rows = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    right = (Counter(map(expected, rows)) & Counter(examples)).total()
    print(f"{name}: {len(examples)} of {len(rows)} rows read, {right} of {len(rows)} as they should be", flush=True)
    if right < len(rows):
        sys.exit(1)


def expected(row: dict[str, Any]) -> Example:
    """The prompt, and each answer with the end of the text after it; then the label, if there is one."""
    if isinstance(row.get("prompt"), str):
        answers = [row[column] + END for column in ("chosen", "rejected", "completion") if column in row]
        return (row["prompt"].rstrip(), *answers, *label_of(row))
    prompt = row.get("prompt") or row.get("messages") or row["completion"][:-1]
    answers = [message_of(row[column]) for column in ("chosen", "rejected", "completion") if column in row]
    turns = "".join(f"{TURN}{turn['role']}\n{turn['content']}{END_OF_TURN}\n" for turn in prompt)
    return (f"{turns}{TURN}assistant", *(answer["content"] + END_OF_TURN for answer in answers), *label_of(row))


def message_of(answer: Any) -> dict[str, str]:
    return answer if isinstance(answer, dict) else answer[-1]


def label_of(row: dict[str, Any]) -> tuple[str, ...]:
    return (f"{row['label']}",) if "label" in row else ()


if __name__ == "__main__":
    main()
