"""A model run here by transformers: causal (GPT-NeoX, OPT, ..) or encoder-decoder (T5, ..), on the CPU or a GPU.

Prompts are sorted by length and padded to batches, with attention masks; what is drawn for one does not depend on the others, but
for the rounding of sums over differently padded rows (below 1e-4 of a log-probability in float32), which can part texts only
where two tokens are as good as equally likely. Sampling is the same for the same seed, whatever the batch.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)
from transformers.utils import cached_file, logging

from generation.backends.base import (
    CUT,
    STOPPED,
    TOO_LONG,
    Generation,
    ModelInfo,
    OnBatch,
    Request,
    Settings,
    cut_at,
    seed_of,
)
from records.errors import InputError

CARD = "README.md"  # a model card: YAML between lines of dashes, then text
CHUNK = 1 << 22


class LocalBackend:
    """The model that --model, --revision, --device and --dtype name. Raises InputError where it cannot be loaded."""

    def __init__(self, args: argparse.Namespace):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.batch_size, self.chat = args.batch_size, args.chat
        self.device = device_of(args.device)
        with _loading(args.model, self.device):
            config = AutoConfig.from_pretrained(args.model, revision=args.revision)
            self.info = _info(args, config)
            self.tokenizer = AutoTokenizer.from_pretrained(args.model, revision=args.revision)
            kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            model = kind.from_pretrained(args.model, revision=args.revision, dtype=getattr(torch, args.dtype))
            self.model: Any = model.to(self.device).eval()
        if self.chat and not self.tokenizer.chat_template:
            raise InputError(f"{args.model}: has no chat template; leave out --chat")
        self.causal = not config.is_encoder_decoder
        self.context = getattr(config, "max_position_embeddings", None)  # T5 has none: its positions are relative
        self.tokenizer.padding_side = "left" if self.causal else "right"
        if self.tokenizer.pad_token is None:  # any will do: padding is masked
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.convert_ids_to_tokens(0)
        own = self.model.generation_config
        ends = own.eos_token_id if own.eos_token_id is not None else self.tokenizer.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends]) - {None}
        # a new one, without the penalties, beams and lengths that the model's own may ask for
        self.model.generation_config = GenerationConfig(
            bos_token_id=own.bos_token_id,
            eos_token_id=sorted(self.ends) or None,
            pad_token_id=self.tokenizer.pad_token_id,
            decoder_start_token_id=own.decoder_start_token_id,
        )

    def ask(self, requests: Sequence[Request], settings: Settings, keep: OnBatch) -> None:
        """Ask for the longest prompts first: if one batch fits into memory, all do."""
        prompts = [self._tokens(request.prompt) for request in requests]
        fitting = list[int]()
        for place, tokens in enumerate(prompts):
            if self._fits(len(tokens), settings.max_tokens):
                fitting.append(place)
            else:
                keep([(place, Generation("", None, 0, TOO_LONG))])
        fitting.sort(key=lambda place: -len(prompts[place]))
        for start in range(0, len(fitting), self.batch_size):
            places = fitting[start : start + self.batch_size]
            seeds = [seed_of(requests[place], settings) for place in places]
            generations = self._batch([prompts[place] for place in places], seeds, settings)
            keep(list(zip(places, generations, strict=True)))

    def _tokens(self, prompt: str) -> list[int]:
        if self.chat:
            turns = [{"role": "user", "content": prompt}]
            prompt = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        tokens: list[int] = self.tokenizer(prompt, add_special_tokens=not self.chat)["input_ids"]
        return tokens

    def _fits(self, prompt_tokens: int, max_tokens: int) -> bool:
        if self.context is None:
            return True
        return bool((prompt_tokens + max_tokens if self.causal else max(prompt_tokens, max_tokens)) <= self.context)

    def _batch(self, prompts: list[list[int]], seeds: list[int], settings: Settings) -> list[Generation]:
        padded = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.device)
        first = (
            padded["input_ids"].shape[1] if self.causal else 1
        )  # an encoder-decoder's text begins after its start token
        choice, stop = _Choice(seeds, settings), _StopStrings(self.tokenizer, settings.stop, first, len(prompts))
        try:
            with torch.inference_mode():
                rows = self.model.generate(
                    input_ids=padded["input_ids"],
                    attention_mask=padded["attention_mask"],
                    max_new_tokens=settings.max_tokens,
                    do_sample=False,  # _Choice leaves one token to choose
                    logits_processor=LogitsProcessorList([choice]),
                    stopping_criteria=StoppingCriteriaList([stop]),
                )
        except torch.OutOfMemoryError:
            raise InputError(f"out of memory on {self.device}; give a --batch_size below {self.batch_size}") from None
        logprobs = torch.stack(choice.logprobs, dim=1)
        if logprobs.isnan().any():
            raise InputError(f"{self.info.name}: its numbers overflow; give --dtype bfloat16 or float32")
        tokens = rows[:, first:].tolist()
        return [
            self._generation(row[:length], told, settings)
            for row, told, length in zip(tokens, logprobs.tolist(), stop.lengths, strict=True)
        ]

    def _generation(self, row: list[int], logprobs: list[float], settings: Settings) -> Generation:
        end = next((n for n, token in enumerate(row) if token in self.ends), None)
        row = row[:end]
        written = self._text(row)
        text = cut_at(written, settings.stop)
        stopped = end is not None or text != written or len(row) < settings.max_tokens
        while row and len(self._text(row[:-1])) >= len(text):  # tokens that hold nothing but the stop string
            row.pop()
        mean = sum(logprobs[: len(row)]) / len(row) if row else None
        return Generation(text, mean, len(row), STOPPED if stopped else CUT)

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class _Choice:
    """A logits processor that chooses each row's next token itself, and notes its log-probability by the raw logits."""

    def __init__(self, seeds: list[int], settings: Settings):
        self.temperature, self.top_p = settings.temperature, settings.top_p
        self.random = [random.Random(seed) for seed in seeds]
        self.logprobs: list[torch.Tensor] = []  # of each step, those of the rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logprobs = scores.float().log_softmax(-1)
        chosen = self._sample(logprobs) if self.temperature else logprobs.argmax(-1, keepdim=True)
        self.logprobs.append(logprobs.gather(1, chosen).squeeze(1))
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0)

    def _sample(self, logprobs: torch.Tensor) -> torch.Tensor:
        """One token a row, from the smallest set of the likeliest that has the probability top_p (Holtzman et al. 2020,
        https://arxiv.org/abs/1904.09751), by a number in [0, 1) from the row's own generator."""
        likely, order = (logprobs / self.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
        inside = likely.cumsum(-1) - likely < self.top_p
        up_to = likely.where(inside, 0).cumsum(-1)
        drawn = torch.tensor([[each.random()] for each in self.random], device=logprobs.device) * up_to[:, -1:]
        place = torch.searchsorted(up_to, drawn, right=True)
        return order.gather(1, torch.minimum(place, inside.sum(-1, keepdim=True) - 1))  # a draw may be rounded up to 1


class _StopStrings:
    """A stopping criterion that ends a row when what it has written, not its prompt, has come to a stop string."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...], first: int, rows: int):
        self.tokenizer, self.stop, self.first = tokenizer, stop, first
        self.tail = max((len(each.encode()) for each in stop), default=0)  # tokens to look at: each has a byte at least
        self.lengths: list[int | None] = [None] * rows  # of the rows ended here, in tokens

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        written = input_ids[:, self.first :]
        if self.stop:
            for row, tokens in enumerate(written[:, -self.tail :].tolist()):
                if self.lengths[row] is None and any(stop in self.tokenizer.decode(tokens) for stop in self.stop):
                    self.lengths[row] = written.shape[1]
        return torch.tensor([length is not None for length in self.lengths], device=input_ids.device)


@contextmanager
def _loading(model: str, device: torch.device) -> Iterator[None]:
    """Tell in one line why a model cannot be loaded."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(f"{model}: does not fit into the memory of {device}; give --dtype bfloat16") from None
    except (OSError, ValueError, KeyError, ImportError) as error:
        problem = str(error).strip().partition("\n")[0]
        raise InputError(f"{model}: transformers cannot load it ({problem}); check --model and --revision") from None


def _info(args: argparse.Namespace, config: Any) -> ModelInfo:
    """Raises InputError where neither --license nor the model's card tells the licence."""
    license_ = args.license or license_of(args.model, args.revision)
    folder, name, revision = Path(args.model), args.model, args.revision
    if folder.is_dir():
        name, revision = folder.resolve().name, revision or digest_of(folder)
    else:
        revision = config._commit_hash or revision  # of a branch or a tag, the commit
    return ModelInfo(name, revision, license_, f"{args.dtype}{' chat' if args.chat else ''}")


def device_of(name: str) -> torch.device:
    """The device that --device names. Raises InputError where this machine has none such."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        problem = str(error).partition("\n")[0]
        raise InputError(f"--device {name}: is not there ({problem}); give cpu, or leave it out") from None
    return device


def license_of(model: str, revision: str | None) -> str:
    """What the model's card tells. Raises InputError where it tells none."""
    path = cached_file(model, CARD, revision=revision, _raise_exceptions_for_missing_entries=False)
    head = Path(path).read_text("utf-8", "replace").split("---\n", 2) if path else []
    try:
        told = yaml.safe_load(head[1]) if len(head) == 3 and not head[0].strip() else None
    except yaml.YAMLError:
        told = None
    told = told if isinstance(told, dict) else {}
    license_ = told.get("license")
    if license_ == "other":
        license_ = told.get("license_name", license_)
    if not isinstance(license_, str):
        raise InputError(f"{model}: no model card tells its licence; give it with --license")
    return license_


def digest_of(folder: Path) -> str:
    """A revision for a model in a folder: a digest of its files, but for texts about it."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix != ".md":
            digest.update(path.name.encode() + b"\0")
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()
