"""What questions and answers cost: how often a model is asked, and what batches gain.

    python -m benchmarks.generation_qa                        counts, and a tiny model on the CPU
    python -m benchmarks.generation_qa --parts speed --size 1.4b --device cuda --dtype bfloat16 --batch_sizes 1 8 32 128

counts: generate_qa.py's recipe with a model that answers everything well, so that no question is dropped: the number
of texts and of batches. speed: one batch of each step with the prompts of the script, by a GPT-NeoX of random
weights, which writes every text to max_tokens. Real models stop earlier, so this is the upper limit for a passage.
Times are CPU seconds of one core on the CPU, and seconds on a GPU. speed needs only torch and transformers.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from generation.backends.base import Request, Settings
from generation.model_flags import DTYPES
from generation.models import Model, ModelOptions, open_model
from generation.prompt_template import read_template

PROMPTS = Path(__file__).resolve().parent.parent / "generation" / "prompts" / "qa"
STEPS = ("topics", "question", "answer", "asked_back", "answerable", "long_answer")
PLACEHOLDERS = frozenset({"passage", "kind", *STEPS})
KINDS = 6
BEFORE = 20  # seconds a passage in the first data set, one call after the other

# layers, width, heads: Biderman et al. 2023, https://arxiv.org/abs/2304.01373, table 1
SIZES = {
    "tiny": (2, 64, 2),
    "160m": (12, 768, 12),
    "1.4b": (24, 2048, 16),
    "2.8b": (32, 2560, 32),
    "6.9b": (32, 4096, 32),
}
VOCABULARY, CONTEXT = 50304, 2048
WORDS = (
    "The lamp of the harbour stood on a rock, and the widow of the last pilot kept it for eleven winters. It "
    "burnt rape oil, which was carried up the stairs in cans of two gallons. The lamp was lit at dusk and tended "
    "until the last boat was in. Boats found it by its red glass, for every other light on that coast was white, "
    "and the coast was long and dark. "
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--parts", nargs="+", choices=("counts", "speed"), default=["counts", "speed"], help="(default: both)")
    add("--passages", type=int, default=256, metavar="N", help="passages to count for (default: 256)")
    add("--size", choices=SIZES, default="tiny", help="of the model of random weights (default: tiny)")
    add("--device", default="cpu", help="(default: cpu)")
    add("--dtype", choices=DTYPES, default="float32", help="(default: float32)")
    add("--batch_sizes", type=int, nargs="+", default=[1, 4, 16, 64], metavar="N", help="(default: 1 4 16 64)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if "counts" in args.parts:
        show_counts(args.passages, args.batch_sizes)
    if "speed" in args.parts:
        show_speed(args.size, args.device, args.dtype, args.batch_sizes)


# ---- counts ----------------------------------------------------------------------------------------------------------
def show_counts(number: int, batch_sizes: list[int]) -> None:
    """Print how often a model is asked about a number of passages."""
    from generation.answer_cache import Cache
    from generation.backends.base import Generation, ModelInfo
    from generation.qa.passages import Passage
    from generation.qa.recipe import Thresholds, ask, read_prompts
    from generation.qa.texts import Text
    from tests.qa_model import PASSAGE, good_answer, place_of

    class Good:
        """A backend that gives good answers."""

        info = ModelInfo("good", None, "mit")
        asked: list[int] = []

        def ask(self, requests, settings, on_batch):
            self.asked.append(len(requests))
            texts = [good_answer(place_of(request.prompt)) for request in requests]
            on_batch([(index, Generation(text, -0.1, 9, "stop")) for index, text in enumerate(texts)])

    text = Text("text", "", "mit", False)
    passages = [Passage(text, at, PASSAGE.format(name=f"N{at}")) for at in range(number)]
    with Cache(None) as cache:
        candidates = ask(passages, Model(Good(), cache), read_prompts(PROMPTS, chat=False), Thresholds(), 0.0, 0)
    assert not any(candidate.problem for candidate in candidates)
    calls = sum(Good.asked)
    print(f"{number} passages: {calls:,} texts, {calls / number:.0f} a passage, in {len(Good.asked)} steps")
    for size in batch_sizes:
        batches = sum(math.ceil(asked / size) for asked in Good.asked)
        print(f"  in batches of {size:3}: the model is called {batches:6,} times, {batches / number:6.2f} a passage")


# ---- speed -----------------------------------------------------------------------------------------------------------
def show_speed(size: str, device: str, dtype: str, batch_sizes: list[int]) -> None:
    """Print the time for a passage, by batch size."""
    clock, unit = (time.process_time, "CPU s") if device == "cpu" else (time.perf_counter, "s")
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), size, device, dtype)
        alone = 0.0
        for batch in batch_sizes:
            options = ModelOptions(
                folder, revision="random", license="none", device=device, dtype=dtype, batch_size=batch
            )
            with open_model(options, None) as model:
                seconds, tokens = passage_cost(model, batch, clock)
            alone = alone or seconds
            before = "" if size == "tiny" else f", {BEFORE / seconds:.1f} times the {BEFORE} s of the first data set"
            print(
                f"{size}, {dtype} on {device}, batches of {batch:3}: {seconds:7.3f} {unit} a passage, "
                f"{3600 / seconds:9,.0f} passages an hour, {tokens / seconds:8,.0f} tokens/s, "
                f"{alone / seconds:5.1f} times batches of {batch_sizes[0]}{before}",
                flush=True,
            )


def build(folder: Path, size: str, device: str, dtype: str) -> None:
    """Save a GPT-NeoX of random weights, and a tokenizer that makes about as many tokens of the prompts as pythia's."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    from tests.tiny_models import tokenizer

    if device == "cpu":
        torch.set_num_threads(1)
    layers, width, heads = SIZES[size]
    tokens = tokenizer([WORDS, *(path.read_text("utf-8") for path in sorted(PROMPTS.iterdir()))], 2000)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device(device):
        GPTNeoXForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(folder)
    tokens.save_pretrained(folder)


def passage_cost(model: Model, size: int, clock: Callable[[], float]) -> tuple[float, int]:
    """Seconds and tokens for the texts of one passage, in batches of `size`."""
    model.generate([Request("warm up")], Settings(4))
    seconds, tokens = 0.0, 0
    for step in STEPS:
        template = read_template(PROMPTS / f"{step}.txt", PLACEHOLDERS, chat=False)
        values = dict.fromkeys(PLACEHOLDERS, "the lamp of the harbour")
        requests = [template.request(**{**values, "passage": f"{number}. {WORDS}"}) for number in range(size)]
        began = clock()
        model.generate(requests, Settings(template.max_tokens))
        texts = 1 if step == "topics" else KINDS
        seconds += (clock() - began) * texts / size
        tokens += template.max_tokens * texts
    return seconds, tokens


if __name__ == "__main__":
    main()
