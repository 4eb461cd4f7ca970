"""Models run by transformers, and the cache: tiny models of random weights, loaded by the real code."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests import needs

needs.package("torch", "torch")

import torch

from generation.answer_cache import Cache
from generation.backends import local
from generation.backends.base import PROMPT_TOO_LONG, Generation, ModelInfo, Request, Settings, cut_at
from generation.models import Model, ModelOptions, open_model
from records.errors import InputError
from tests import tiny_models
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PROMPTS = [
    "Who",
    "The harbour master lights the lamp at dusk, and counts",
    "A",
    "Dry the ropes, or they rot within a year. Who keeps the lamp of the harbour when the master is away?",
    "How deep is it",
]
CLOSE = 1e-4  # of a log-probability; padding changes the order in which float32 numbers are added


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "causal": tiny_models.causal(root / "tiny-neox", context=256),
        "encoder-decoder": tiny_models.encoder_decoder(root / "tiny-t5"),
    }


@pytest.fixture(params=["causal", "encoder-decoder"])
def folder(folders, request):
    return folders[request.param]


def opened(folder, **options):
    return open_model(ModelOptions(str(folder), **{"device": "cpu", **options}), cache=None)


def generate(folder, requests, settings, **options) -> list[Generation]:
    requests = [request if isinstance(request, Request) else Request(request) for request in requests]
    with opened(folder, **options) as model:
        return model.generate(requests, settings)


def texts(generations) -> list[str]:
    return [generation.text for generation in generations]


# ----------------------------------------------------------------------------------------------------------------------
# batches
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "settings", [Settings(24), Settings(24, temperature=1.0, top_p=0.9, seed=7)], ids=["greedy", "sampled"]
)
def test_a_batch_gives_what_each_prompt_gives_alone(folder, settings):
    together = generate(folder, PROMPTS, settings, batch_size=5)
    alone = generate(folder, PROMPTS, settings, batch_size=1)
    assert texts(together) == texts(alone) and any(texts(alone))
    for one, other in zip(together, alone, strict=True):
        assert (one.tokens, one.finish_reason) == (other.tokens, other.finish_reason)
        assert one.logprob == pytest.approx(other.logprob, abs=CLOSE)


def test_answers_come_in_the_order_of_the_prompts(folder):
    forward = generate(folder, PROMPTS, Settings(8), batch_size=2)
    backward = generate(folder, PROMPTS[::-1], Settings(8), batch_size=2)
    assert texts(forward) == texts(backward)[::-1] and len(set(texts(forward))) > 1


# ----------------------------------------------------------------------------------------------------------------------
# log-probabilities
# ----------------------------------------------------------------------------------------------------------------------
def logprob_of(folder, prompt: str, written: list[int]) -> float:
    """The mean log-probability of tokens after a prompt, by one forward pass over all of them."""
    with opened(folder) as model:
        backend = model._backend
        first = backend.tokenizer(prompt)["input_ids"]
        with torch.no_grad():
            if backend.causal:
                logits = backend.model(input_ids=torch.tensor([first + written])).logits[0, len(first) - 1 : -1]
            else:
                start = backend.model.generation_config.decoder_start_token_id
                decoder = torch.tensor([[start, *written[:-1]]])
                logits = backend.model(input_ids=torch.tensor([first]), decoder_input_ids=decoder).logits[0]
        logprobs = logits.log_softmax(-1)
        return sum(logprobs[at, token].item() for at, token in enumerate(written)) / len(written)


@pytest.fixture
def written(monkeypatch):
    """The tokens of every generated row, the end and stop strings included."""
    rows: list[list[int]] = []
    real = local.LocalBackend._generation

    def recording(self, row, *rest):
        rows.append(list(row))
        return real(self, row, *rest)

    monkeypatch.setattr(local.LocalBackend, "_generation", recording)
    return rows


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
def test_the_log_probability_is_that_of_the_raw_logits_at_any_temperature(folder, written, temperature):
    [generation] = generate(folder, [PROMPTS[1]], Settings(12, temperature=temperature, seed=3))
    assert generation.tokens > 3
    expected = logprob_of(folder, PROMPTS[1], written[0][: generation.tokens])
    assert generation.logprob == pytest.approx(expected, abs=CLOSE)


def test_the_end_of_text_does_not_count(folders, written):
    generations = generate(folders["causal"], PROMPTS, Settings(40), batch_size=1)
    prompts = sorted(PROMPTS, key=len, reverse=True)  # the longest is asked first
    ended = [(prompt, row) for prompt, row in zip(prompts, written, strict=True) if 0 in row]
    assert ended
    for prompt, row in ended:
        generation = generations[PROMPTS.index(prompt)]
        assert generation.tokens == row.index(0) and generation.finish_reason == "stop"
        expected = logprob_of(folders["causal"], prompt, row[: generation.tokens])
        assert generation.logprob == pytest.approx(expected, abs=CLOSE)


def test_the_tokens_of_a_stop_string_do_not_count(folders, written):
    prompt, settings = PROMPTS[1], Settings(24, temperature=1.5, seed=1)
    [uncut] = generate(folders["causal"], [prompt], settings)
    at = next(at for at in range(8, len(uncut.text)) if uncut.text[at].isascii())
    [cut] = generate(folders["causal"], [prompt], replace(settings, stop=(uncut.text[at],)))
    assert 0 < cut.tokens < uncut.tokens
    assert cut.logprob == pytest.approx(logprob_of(folders["causal"], prompt, written[0][: cut.tokens]), abs=CLOSE)


# ----------------------------------------------------------------------------------------------------------------------
# sampling
# ----------------------------------------------------------------------------------------------------------------------
def test_the_seed_and_the_sample_decide_what_is_drawn(folder):
    def drawn(seed, *samples):
        requests = [Request(PROMPTS[0], sample) for sample in samples]
        return texts(generate(folder, requests, Settings(12, temperature=9.0, seed=seed)))

    first = drawn(1, 0, 1, 2)
    assert len(set(first)) == 3
    assert drawn(1, 2, 0) == [first[2], first[0]]
    assert drawn(2, 0) != first[:1]


def test_tokens_are_drawn_as_often_as_they_are_likely(folders):
    """6,000 first tokens against the model's own distribution, at a temperature of 2, and within top_p."""
    prompt, temperature, count = PROMPTS[1], 2.0, 6000
    with opened(folders["causal"]) as model:
        backend = model._backend
        with torch.no_grad():
            logits = backend.model(input_ids=torch.tensor([backend.tokenizer(prompt)["input_ids"]])).logits[0, -1]
        likely = (logits / temperature).softmax(-1)
        choice = local._TokenChoice(list(range(count)), Settings(1, temperature=temperature, top_p=0.6))
        forced = choice(None, logits.repeat(count, 1))
    drawn = Counter(forced.argmax(-1).tolist())
    ordered = likely.sort(descending=True)
    inside = int((ordered.values.cumsum(-1) < 0.6).sum()) + 1
    nucleus = dict(zip(ordered.indices[:inside].tolist(), ordered.values[:inside].tolist(), strict=True))
    assert drawn.keys() <= nucleus.keys() and len(nucleus) > 5
    total = sum(nucleus.values())
    assert sum(abs(drawn[token] / count - share / total) for token, share in nucleus.items()) / 2 < 0.06


@pytest.mark.parametrize("top_p", [0.5, 0.95, 0.9999, 1.0])
def test_tokens_that_are_too_unlikely_to_be_sorted_are_outside_the_nucleus(top_p):
    """Against nucleus sampling with all tokens sorted; many of these are equally likely."""
    logprobs = (torch.randn(64, 3000, generator=torch.Generator().manual_seed(5)) * 3).round(decimals=1).log_softmax(-1)
    drawn = local._TokenChoice(list(range(64)), Settings(1, temperature=0.8, top_p=top_p))._sample(logprobs)
    likely, order = (logprobs / 0.8).softmax(-1).sort(descending=True, stable=True)
    for row in range(64):
        inside = [
            share for share, at in zip(likely[row], likely[row].cumsum(0) - likely[row], strict=True) if at < top_p
        ]
        up_to = torch.stack(inside).cumsum(0)
        rank = int(torch.searchsorted(up_to, random.Random(row).random() * up_to[-1], right=True))
        assert drawn[row].item() == order[row, rank].item()


def test_a_tiny_top_p_is_greedy(folder):
    sampled = generate(folder, PROMPTS, Settings(8, temperature=1.0, top_p=1e-6))
    assert texts(sampled) == texts(generate(folder, PROMPTS, Settings(8)))


# ----------------------------------------------------------------------------------------------------------------------
# how texts end
# ----------------------------------------------------------------------------------------------------------------------
def test_a_text_that_reaches_max_tokens_ends_by_length(folder):
    for generation in generate(folder, PROMPTS, Settings(3)):
        assert generation.finish_reason == "length" and generation.tokens <= 3


def test_a_text_that_repeats_itself_ends_early_and_counts_as_cut_off(folders, monkeypatch):
    folder, settings = folders["encoder-decoder"], Settings(100)
    monkeypatch.setattr(local, "LOOP", 1000)
    whole = generate(folder, PROMPTS, settings)
    monkeypatch.setattr(local, "LOOP", 32)
    ended = generate(folder, PROMPTS, settings)
    for one, uncut in zip(ended, whole, strict=True):
        assert 32 <= one.tokens < 100 and uncut.text.startswith(one.text)
        assert one.finish_reason == uncut.finish_reason == "length"
    assert texts(ended) == texts(generate(folder, PROMPTS, settings, batch_size=1))


@pytest.mark.parametrize(
    ("tokens", "loops"),
    [
        ([5] * 128, True),
        ([9, 8, 7, *range(32), *[*range(32)] * 3], True),
        ([*range(33)] * 4, False),
        ([*[1, 2, 3] * 42, 1, 9], False),
        ([5] * 127, False),
        ([*[5] * 128, 6], False),
    ],
)
def test_a_loop_is_a_short_sequence_over_and_over(tokens, loops):
    assert local._is_loop(tokens) is loops


def test_a_stop_string_ends_a_text_and_is_not_in_it(folder):
    whole = generate(folder, PROMPTS, Settings(24))
    stops = tuple({one.text[5] for one in whole if len(one.text) > 8 and one.text[5].isascii()})
    assert stops
    for one, uncut in zip(generate(folder, PROMPTS, Settings(24, stop=stops)), whole, strict=True):
        assert one.text == cut_at(uncut.text, stops)
        assert one.finish_reason == ("stop" if one.text != uncut.text else uncut.finish_reason)


def test_a_stop_string_at_the_end_of_the_prompt_ends_nothing(folders):
    prompt = "The lamp"
    with_stop = generate(folders["causal"], [prompt], Settings(6, stop=("lamp",)))
    assert with_stop == generate(folders["causal"], [prompt], Settings(6)) and with_stop[0].tokens == 6


def test_the_first_of_several_stop_strings_counts():
    assert cut_at("a lamp and a boat", ("boat", "and")) == "a lamp "
    assert cut_at("a lamp", ("boat",)) == "a lamp"
    assert cut_at("a lamp", ()) == "a lamp"


def test_a_prompt_beyond_the_context_is_reported_and_the_others_are_answered(folders):
    short, long, other = generate(folders["causal"], ["Who", "lamp " * 300, "Where"], Settings(8))
    assert long[:4] == ("", None, 0, PROMPT_TOO_LONG) and "tokens and asks for" in long.problem
    assert short.tokens and other.tokens
    [fits] = generate(folders["encoder-decoder"], ["lamp " * 300], Settings(8))
    assert fits.tokens, "T5 has no maximum prompt length"


# ----------------------------------------------------------------------------------------------------------------------
# which model
# ----------------------------------------------------------------------------------------------------------------------
def test_the_records_name_model_revision_and_licence(folder):
    with opened(folder) as model:
        meta = model.info.meta
    assert meta["model"] == folder.name and meta["model_license"] == "apache-2.0" and len(meta["model_revision"]) == 32
    with opened(folder, license="cc-by-nc-4.0", revision="v1") as model:
        assert model.info.meta == {"model": folder.name, "model_revision": "v1", "model_license": "cc-by-nc-4.0"}


def test_the_revision_of_a_folder_follows_its_weights(folders, tmp_path):
    copy = shutil.copytree(folders["causal"], tmp_path / "copy")
    before = local.digest_of(copy)
    (copy / "README.md").write_text("---\nlicense: mit\n---\n")
    assert local.digest_of(copy) == before == local.digest_of(folders["causal"])
    with (copy / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        weights.write(b"\1")
    assert local.digest_of(copy) != before


@pytest.mark.parametrize(
    "card",
    [
        None,
        "# A model\n",
        "---\nlicense:\n---\n",
        "---\nlicense: [mit\n---\n",
        "---\n- mit\n---\n",
        "---\nlicense: mit\n",
    ],
    ids=["no card", "no front matter", "null", "invalid YAML", "a list", "unclosed front matter"],
)
def test_a_model_without_a_known_licence_is_refused(folders, tmp_path, card):
    copy = shutil.copytree(folders["causal"], tmp_path / "copy", ignore=shutil.ignore_patterns("README.md"))
    if card:
        (copy / "README.md").write_text(card)
    with pytest.raises(InputError, match="no licence in its model card; give it with --license"), opened(copy):
        pass
    with opened(copy, license="mit") as model:
        assert model.info.license == "mit"


def test_a_licence_unknown_to_the_hub_goes_by_its_own_name(folders, tmp_path):
    copy = shutil.copytree(folders["causal"], tmp_path / "copy")
    (copy / "README.md").write_text("---\nlicense: other\nlicense_name: tiny-license\n---\n")
    with opened(copy) as model:
        assert model.info.license == "tiny-license"


def test_the_generation_settings_of_the_model_are_ignored(folders, tmp_path):
    """Many come with a repetition penalty, a temperature, or a length."""
    copy = shutil.copytree(folders["causal"], tmp_path / "copy")
    config = json.loads((copy / "generation_config.json").read_text())
    config |= {"do_sample": True, "temperature": 9.0, "repetition_penalty": 9.0, "max_length": 5, "num_beams": 4}
    (copy / "generation_config.json").write_text(json.dumps(config))
    assert texts(generate(copy, PROMPTS, Settings(12))) == texts(generate(folders["causal"], PROMPTS, Settings(12)))


def test_a_chat_model_gets_its_template(folders, tmp_path):
    copy = shutil.copytree(folders["causal"], tmp_path / "copy")
    template = "{% for turn in messages %}<{{ turn['role'] }}>{{ turn['content'] }}{% endfor %}<answer>"
    (copy / "chat_template.jinja").write_text(template)
    chat = generate(copy, ["Who"], Settings(8), chat=True)
    assert chat == generate(folders["causal"], ["<user>Who<answer>"], Settings(8))
    with pytest.raises(InputError, match="has no chat template; leave out --chat"):
        generate(folders["causal"], ["Who"], Settings(8), chat=True)


def test_weights_that_overflow_are_reported(folders, tmp_path):
    copy = shutil.copytree(folders["causal"], tmp_path / "copy")
    model = local.AutoModelForCausalLM.from_pretrained(copy)
    torch.nn.init.constant_(model.gpt_neox.final_layer_norm.weight, float("nan"))
    model.save_pretrained(copy)
    with pytest.raises(InputError, match="the logits overflow; give --dtype"):
        generate(copy, ["Who"], Settings(4))


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_available_is_refused(folders, device):
    with pytest.raises(InputError, match=f"--device {device}: not available"), opened(folders["causal"], device=device):
        pass


def test_a_model_that_cannot_be_loaded_is_reported_in_one_line(tmp_path):
    for name, content in {"config.json": "{}", "notes.txt": "no model"}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text(content)
        with pytest.raises(InputError, match="transformers cannot load it .*; check --model and --revision") as caught:
            opened(folder).__enter__()
        assert "\n" not in str(caught.value)


# ----------------------------------------------------------------------------------------------------------------------
# the cache
# ----------------------------------------------------------------------------------------------------------------------
class Counting:
    """A backend that answers in batches of two with the number of requests so far, and fails after `fails_after`."""

    def __init__(self, revision="1", variant="", fails_after=None):
        self.info = ModelInfo("counting", revision, "mit", variant)
        self.asked: list[Request] = []
        self.fails_after = fails_after

    def ask(self, requests, settings, on_batch):
        for start in range(0, len(requests), 2):
            batch = list(enumerate(requests))[start : start + 2]
            self.asked += [request for _, request in batch]
            if self.fails_after and len(self.asked) > self.fails_after:
                raise InputError("the model is gone")
            number = len(self.asked)
            on_batch([(index, Generation(f"{request.prompt} {number}", -0.5, 2, "stop")) for index, request in batch])


REQUESTS = [Request(prompt) for prompt in "abcdef"]


def test_nothing_is_asked_twice(tmp_path):
    backend = Counting()
    with Cache(tmp_path / "cache") as cache:
        first = Model(backend, cache).generate(REQUESTS[:4], Settings(9))
    with Cache(tmp_path / "cache") as cache:
        model = Model(backend, cache)
        assert model.generate(REQUESTS, Settings(9))[:4] == first
        assert (model.asked, model.known) == (2, 4)
    assert backend.asked == REQUESTS


def test_equal_requests_are_asked_once():
    backend = Counting()
    with Cache(None) as cache:
        generations = Model(backend, cache).generate([Request("a"), Request("b"), Request("a")], Settings(9))
    assert backend.asked == REQUESTS[:2] and generations[0] == generations[2] != generations[1]


@pytest.mark.parametrize(
    ("request_", "settings", "backend"),
    [
        (Request("a", 1), Settings(9), Counting()),
        (Request("b"), Settings(9), Counting()),
        (Request("a"), Settings(8), Counting()),
        (Request("a"), Settings(9, temperature=0.5), Counting()),
        (Request("a"), Settings(9, top_p=0.5), Counting()),
        (Request("a"), Settings(9, stop=("x",)), Counting()),
        (Request("a"), Settings(9, seed=1), Counting()),
        (Request("a"), Settings(9), Counting(revision="2")),
        (Request("a"), Settings(9), Counting(variant="bfloat16")),
    ],
)
def test_a_different_request_is_asked(tmp_path, request_, settings, backend):
    with Cache(tmp_path / "cache") as cache:
        Model(Counting(), cache).generate([Request("a")], Settings(9))
        Model(backend, cache).generate([request_], settings)
    assert backend.asked == [request_]


def test_answers_before_a_failure_are_saved(tmp_path):
    backend = Counting(fails_after=4)
    with Cache(tmp_path / "cache") as cache, pytest.raises(InputError, match="the model is gone"):
        Model(backend, cache).generate(REQUESTS, Settings(9))
    again = Counting()
    with Cache(tmp_path / "cache") as cache:
        Model(again, cache).generate(REQUESTS, Settings(9))
    assert again.asked == REQUESTS[4:]


def test_prompt_too_long_is_not_saved(tmp_path):
    """A server may have a larger context tomorrow."""

    class Short(Counting):
        def ask(self, requests, settings, on_batch):
            self.asked += requests
            lost = Generation("", None, 0, PROMPT_TOO_LONG, "has 9 tokens")
            on_batch([(index, lost) for index in range(len(requests))])

    backend = Short()
    with Cache(tmp_path / "cache") as cache:
        for _ in range(2):
            with pytest.raises(
                InputError, match="no text for 1 prompt: has 9 tokens; take a model with a longer context"
            ):
                Model(backend, cache).generate(REQUESTS[:1], Settings(9))
    assert backend.asked == REQUESTS[:1] * 2


PUT_AND_DIE = """
import os, sys
from generation.answer_cache import Cache
with Cache(sys.argv[1]) as cache:
    for number in range(50):
        cache.put({b"%d" % number: ("text", -0.5, 1, "stop")})
    os.kill(os.getpid(), 9)
"""


def test_a_kill_loses_nothing_and_a_truncated_log_loses_only_its_end(tmp_path):
    path = tmp_path / "cache"
    subprocess.run([sys.executable, "-c", PUT_AND_DIE, path], cwd=ROOT, check=False)
    log = tmp_path / "cache-wal"
    os.truncate(log, log.stat().st_size - 100)
    with Cache(path) as cache:
        answers = [cache.get(b"%d" % number) for number in range(50)]
    assert answers == [("text", -0.5, 1, "stop")] * 49 + [None]


def test_a_cache_is_used_by_one_run_at_a_time(tmp_path):
    with Cache(tmp_path / "cache"):
        script = "import sys; from generation.answer_cache import Cache; Cache(sys.argv[1]).__enter__()"
        other = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "cache"], cwd=ROOT, capture_output=True, check=False
        )
    assert b"InputError" in other.stderr and b"cache: another run uses this cache; wait until it ends" in other.stderr
    with Cache(tmp_path / "cache"):
        pass


@pytest.mark.parametrize("content", [b"no cache\n" * 1000, b"SQLite format 3\0" + bytes(range(256)) * 50])
def test_a_file_that_is_not_a_cache_is_reported_and_left_unchanged(tmp_path, content):
    (tmp_path / "cache").write_bytes(content)
    with pytest.raises(InputError, match="cache: not a cache of model answers, or damaged"), Cache(tmp_path / "cache"):
        pass
    assert (tmp_path / "cache").read_bytes() == content


def test_another_sqlite_database_is_not_a_cache(tmp_path):
    import sqlite3

    sqlite3.connect(tmp_path / "cache").execute("CREATE TABLE answers(question TEXT)")
    with pytest.raises(InputError, match="not a cache"), Cache(tmp_path / "cache"):
        pass
