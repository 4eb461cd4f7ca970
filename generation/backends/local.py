"""A model run by transformers: causal (GPT-NeoX, OPT, ..) or encoder-decoder (T5, ..), on the CPU or a GPU.

Prompts are sorted by length and padded to batches with attention masks. What is sampled for one prompt does not
depend on the others of its batch, except for rounding: sums over rows that are padded differently differ by up to
1e-4 in a float32 log-probability, which changes a text only where two tokens are about equally likely.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_left, bisect_right
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
    PROMPT_TOO_LONG,
    Generation,
    ModelInfo,
    OnBatch,
    Request,
    Settings,
    cut_at,
    seed_of,
)
from generation.backends.reasoning import answer_span
from records.errors import InputError

CARD = "README.md"  # a model card: YAML between lines of dashes, then text
CHUNK = 1 << 22
LOOP = 128  # tokens of which the last three quarters repeat what is before them: such a text goes on to its limit


class LocalBackend:
    """Runs a model.

    model is a folder or a name at the Hugging Face hub; without `license` the model card's is taken. Raises
    InputError if the model cannot be loaded, has no known licence, or has no chat template although `chat` is set.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        license: str | None,
        chat: bool,
        device: str,
        dtype: str,
        batch_size: int,
    ):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.batch_size, self.chat = batch_size, chat
        self.device = find_device(device)
        with _load_errors(model, self.device):
            config = AutoConfig.from_pretrained(model, revision=revision)
            license = license or license_of(model, revision)
            name, found_revision = _name_and_revision(model, revision, config)
            self.info = ModelInfo(name, found_revision, license, variant=f"{dtype} chat" if chat else dtype)
            self.tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
            architecture = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
            loaded = architecture.from_pretrained(model, revision=revision, dtype=getattr(torch, dtype))
            self.model: Any = loaded.to(self.device).eval()
        if self.chat and not self.tokenizer.chat_template:
            raise InputError(f"{model}: has no chat template; leave out --chat")
        self.causal = not config.is_encoder_decoder
        self.context = getattr(config, "max_position_embeddings", None)  # T5 has none: its positions are relative
        self.tokenizer.padding_side = "left" if self.causal else "right"
        if self.tokenizer.pad_token is None:  # any token will do: padding is masked
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

    def ask(self, requests: Sequence[Request], settings: Settings, on_batch: OnBatch) -> None:
        """Generate a text for each request, the longest prompts first: if one batch fits into memory, all do."""
        prompts = [self._tokens(request) for request in requests]
        fitting = list[int]()
        for index, tokens in enumerate(prompts):
            if self._fits(len(tokens), settings.max_tokens):
                fitting.append(index)
            else:
                problem = f"has {len(tokens)} tokens and asks for {settings.max_tokens}, of {self.context} in all"
                on_batch([(index, Generation("", None, 0, PROMPT_TOO_LONG, problem))])
        fitting.sort(key=lambda index: -len(prompts[index]))
        for start in range(0, len(fitting), self.batch_size):
            batch = fitting[start : start + self.batch_size]
            seeds = [seed_of(requests[index], settings) for index in batch]
            generations = self._generate_batch([prompts[index] for index in batch], seeds, settings)
            on_batch(list(zip(batch, generations, strict=True)))

    def _tokens(self, request: Request) -> list[int]:
        prompt = request.prompt
        if self.chat:
            prompt = self.tokenizer.apply_chat_template(request.turns, add_generation_prompt=True, tokenize=False)
        tokens: list[int] = self.tokenizer(prompt, add_special_tokens=not self.chat)["input_ids"]
        return tokens

    def _fits(self, prompt_tokens: int, max_tokens: int) -> bool:
        if self.context is None:
            return True
        return bool((prompt_tokens + max_tokens if self.causal else max(prompt_tokens, max_tokens)) <= self.context)

    def _generate_batch(self, prompts: list[list[int]], seeds: list[int], settings: Settings) -> list[Generation]:
        padded = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.device)
        # the text begins after the prompt; an encoder-decoder's after its start token
        first = padded["input_ids"].shape[1] if self.causal else 1
        choice = _TokenChoice(seeds, settings)
        endings = _Endings(self.tokenizer, settings.stop, first, len(prompts))
        try:
            with torch.inference_mode():
                rows = self.model.generate(
                    input_ids=padded["input_ids"],
                    attention_mask=padded["attention_mask"],
                    max_new_tokens=settings.max_tokens,
                    do_sample=False,  # _TokenChoice leaves one token to choose
                    logits_processor=LogitsProcessorList([choice]),
                    stopping_criteria=StoppingCriteriaList([endings]),
                )
        except torch.OutOfMemoryError:
            raise InputError(f"out of memory on {self.device}; give a --batch_size below {self.batch_size}") from None
        logprobs = torch.stack(choice.logprobs, dim=1)
        if logprobs.isnan().any():
            raise InputError(f"{self.info.name}: the logits overflow; give --dtype bfloat16 or float32")
        tokens = rows[:, first:].tolist()
        return [
            self._generation(row[:length], row_logprobs, settings)
            for row, row_logprobs, length in zip(tokens, logprobs.tolist(), endings.lengths, strict=True)
        ]

    def _generation(self, row: list[int], logprobs: list[float], settings: Settings) -> Generation:
        end = next((n for n, token in enumerate(row) if token in self.ends), None)
        row = row[:end]
        written = self._text(row)
        begin, finish = answer_span(written)
        text = cut_at(written[begin:finish], settings.stop)
        endless = len(row) == settings.max_tokens or _is_loop(row)
        stopped = end is not None or text != written[begin:finish] or not endless
        # the tokens of the text: not those of reasoning before it, nor those of the stop string only
        counts = range(len(row) + 1)
        last = bisect_left(counts, begin + len(text), key=lambda count: len(self._text(row[:count])))
        first = bisect_right(counts, begin, key=lambda count: len(self._text(row[:count]))) - 1 if begin else 0
        counted = logprobs[first:last] if text else []
        mean = sum(counted) / len(counted) if counted else None
        return Generation(text, mean, len(counted), "stop" if stopped else "length")

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class _TokenChoice:
    """A logits processor that chooses each row's next token itself, and records its untempered log-probability."""

    def __init__(self, seeds: list[int], settings: Settings):
        self.temperature, self.top_p = settings.temperature, settings.top_p
        self.random = [random.Random(seed) for seed in seeds]
        self.logprobs: list[torch.Tensor] = []  # for each step, one of each row

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logprobs = scores.float().log_softmax(-1)
        chosen = self._sample(logprobs) if self.temperature else logprobs.argmax(-1, keepdim=True)
        self.logprobs.append(logprobs.gather(1, chosen).squeeze(1))
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0)

    def _sample(self, logprobs: torch.Tensor) -> torch.Tensor:
        """Draw one token for each row by nucleus sampling (Holtzman et al. 2020, https://arxiv.org/abs/1904.09751),
        with a number in [0, 1) from the row's own random generator."""
        likely = (logprobs / self.temperature).softmax(-1)
        # those below this are not among the first that have top_p, even if all of them are together: not worth sorting
        least = (1 - self.top_p) / likely.shape[-1]
        order = likely.topk(int((likely >= least).sum(-1).max())).indices.sort(dim=-1).values
        likely, at = likely.gather(1, order).sort(dim=-1, descending=True, stable=True)
        order = order.gather(1, at)
        inside = likely.cumsum(-1) - likely < self.top_p
        up_to = likely.where(inside, 0).cumsum(-1)
        drawn = torch.tensor([[row.random()] for row in self.random], device=logprobs.device) * up_to[:, -1:]
        rank = torch.searchsorted(up_to, drawn, right=True)
        return order.gather(1, torch.minimum(rank, inside.sum(-1, keepdim=True) - 1))  # a draw may be rounded up to 1


class _Endings:
    """A stopping criterion that ends a row once its text, without the prompt, contains a stop string or is a loop."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...], first: int, rows: int):
        self.tokenizer, self.stop, self.first = tokenizer, stop, first
        # how many tokens to search: each has at least a byte
        self.tail = max((len(string.encode()) for string in stop), default=0)
        self.lengths: list[int | None] = [None] * rows  # in tokens, of the rows that were stopped here

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        written = input_ids[:, self.first :]
        if self.stop:
            for row, tokens in enumerate(written[:, -self.tail :].tolist()):
                if self.lengths[row] is None and any(string in self.tokenizer.decode(tokens) for string in self.stop):
                    self.lengths[row] = written.shape[1]
        if written.shape[1] % (LOOP // 8) == 0:
            for row, tokens in enumerate(written[:, -LOOP:].tolist()):
                if self.lengths[row] is None and _is_loop(tokens):
                    self.lengths[row] = written.shape[1]
        return torch.tensor([length is not None for length in self.lengths], device=input_ids.device)


def _is_loop(tokens: list[int]) -> bool:
    """Whether the last LOOP tokens are a sequence of at most a quarter of them, over and over."""
    tail = tokens[-LOOP:]
    return len(tail) == LOOP and any(tail[period:] == tail[:-period] for period in range(1, LOOP // 4 + 1))


@contextmanager
def _load_errors(model: str, device: torch.device) -> Iterator[None]:
    """Turn what transformers raises into an InputError of one line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(f"{model}: does not fit into the memory of {device}; give --dtype bfloat16") from None
    except (OSError, ValueError, KeyError, ImportError) as error:
        problem = str(error).strip().partition("\n")[0]
        raise InputError(f"{model}: transformers cannot load it ({problem}); check --model and --revision") from None


def _name_and_revision(model: str, revision: str | None, config: Any) -> tuple[str, str | None]:
    folder = Path(model)
    if folder.is_dir():
        return folder.resolve().name, revision or digest_of(folder)
    return model, config._commit_hash or revision  # the commit of a branch or tag


def find_device(name: str) -> torch.device:
    """The device that --device names. Raises InputError if this machine does not have it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        problem = str(error).partition("\n")[0]
        raise InputError(f"--device {name}: not available ({problem}); give cpu, or leave it out") from None
    return device


def license_of(model: str, revision: str | None) -> str:
    """The licence in the model card. Raises InputError if there is none."""
    path = cached_file(model, CARD, revision=revision, _raise_exceptions_for_missing_entries=False)
    head = Path(path).read_text("utf-8", "replace").split("---\n", 2) if path else []
    try:
        fields = yaml.safe_load(head[1]) if len(head) == 3 and not head[0].strip() else None
    except yaml.YAMLError:
        fields = None
    fields = fields if isinstance(fields, dict) else {}
    license = fields.get("license")
    if license == "other":
        license = fields.get("license_name", license)
    if not isinstance(license, str):
        raise InputError(f"{model}: no licence in its model card; give it with --license")
    return license


def digest_of(folder: Path) -> str:
    """A digest of a folder's files except Markdown, which serves as the revision of the model in it."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix != ".md":
            digest.update(path.name.encode() + b"\0")
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()
