"""Models at a server: OpenAI's protocol on loopback, and what real servers do wrong."""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import needs

needs.package("openai", "generate")

from generation.answer_cache import Cache
from generation.backends import server as server_module
from generation.backends.base import CUT, STOPPED, TOO_LONG, Generation, Request, Settings
from generation.backends.server import ServerBackend
from generation.models import Model, add_model_flags, open_model
from records.errors import InputError
from tests.model_server import KEY, Fault, ModelServer, Reply

pytestmark = pytest.mark.slow

REQUESTS = [Request(prompt) for prompt in ("one", "two", "three", "four")]
SOON = {"Retry-After": "0.01"}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def flags(url: str, *more) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_model_flags(parser)
    return parser.parse_args(["--model", "tiny", "--license", "mit", "--base_url", url, *map(str, more)])


def generate(answer, requests=REQUESTS, settings=None, more=(), cache=None):
    """What the model gives when the server answers so, and the server."""
    with ModelServer(answer) as server, open_model(flags(server.url, *more), cache) as model:
        return model.generate(requests, settings or Settings(9)), server


def failure(answer, requests=REQUESTS[:1], more=()) -> str:
    with pytest.raises(InputError) as told:
        generate(answer, requests, more=more)
    message = str(told.value)
    assert message.startswith("http://127.0.0.1:") and "\n" not in message and KEY not in message
    return message


def answered_after(*faults: Fault):
    """An answer that comes after these faults, in their order."""
    return lambda asked: faults[asked.times - 1] if asked.times <= len(faults) else "a lamp"


# ----------------------------------------------------------------------------------------------------------------------
# what is asked, and what comes
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("more", "path"), [([], "/v1/completions"), (["--chat"], "/v1/chat/completions")])
def test_texts_come_with_their_log_probability(more, path):
    replies = {"one": Reply(" a lamp", -0.25), "two": Reply("cut off", -1.0, "length"), "three": "", "four": " now"}
    generations, server = generate(lambda asked: replies[asked.prompt], more=more)
    assert generations == [
        Generation(" a lamp", -0.25, 2, STOPPED),
        Generation("cut off", -1.0, 2, CUT),
        Generation("", None, 0, STOPPED),
        Generation(" now", -0.1, 1, STOPPED),
    ]
    assert {asked.path for asked in server.asked} == {path}


@pytest.mark.parametrize("more", [[], ["--chat"]])
def test_every_setting_reaches_the_server(more):
    settings = Settings(17, temperature=0.5, top_p=0.8, stop=("\n", "###"), seed=4)
    _, server = generate(lambda asked: "a lamp", settings=settings, more=more)
    for asked in server.asked:
        told = {name: asked.body[name] for name in ("model", "max_tokens", "temperature", "top_p", "stop")}
        assert told == {"model": "tiny", "max_tokens": 17, "temperature": 0.5, "top_p": 0.8, "stop": ["\n", "###"]}
        assert asked.body["logprobs"] is True if more else asked.body["logprobs"] == 1
    assert sorted(server.prompts) == sorted(request.prompt for request in REQUESTS)


def test_seeds_differ_by_prompt_sample_and_seed_and_are_the_same_again():
    requests = [Request("one"), Request("one", 1), Request("two")]

    def seeds(seed):
        _, server = generate(lambda asked: "a lamp", requests, Settings(9, seed=seed), ["--connections", 1])
        return [asked.body["seed"] for asked in server.asked]

    assert len({*seeds(0), *seeds(1)}) == 6
    assert seeds(0) == seeds(0)


def test_a_server_that_does_not_stop_is_cut_and_the_rest_does_not_count():
    [one], _ = generate(lambda asked: "a lamp ### and more", REQUESTS[:1], Settings(9, stop=("###",)))
    assert (one.text, one.tokens, one.end) == ("a lamp ", 3, STOPPED), "the space before ### is of the third token"


def test_half_a_surrogate_pair_does_not_end_the_run(tmp_path):
    [one], _ = generate(lambda asked: "a \ud800 lamp", REQUESTS[:1], cache=tmp_path / "cache")
    assert one.text == "a ? lamp"


def test_as_many_requests_at_once_as_there_are_connections():
    gate = threading.Barrier(4, timeout=20)

    def answer(asked):
        gate.wait()  # opens when four are there
        time.sleep(0.2)  # in which a fifth would come
        return "a lamp"

    _, server = generate(answer, [Request(str(number)) for number in range(12)], more=["--connections", 4])
    assert server.most_together == 4


# ----------------------------------------------------------------------------------------------------------------------
# faults that pass
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, headers=SOON),
        Fault(500, headers=SOON),
        Fault(503, "<html>busy</html>", headers=SOON),
        Fault(cut=True),
        Fault(body="<html>a proxy's page</html>"),
        Fault(body='{"choices": []}'),
        Fault(body='{"object": "list"}'),
        Fault(body='{"choices": [{"text": "a la'),
        Fault(body="[]"),
        Fault(body="null"),
        Fault(body=""),
    ],
    ids=lambda fault: f"{fault.status} {'cut' if fault.cut else fault.body[:20]}",
)
def test_a_fault_that_passes_is_passed_over(fault):
    generations, server = generate(answered_after(fault))
    assert [one.text for one in generations] == ["a lamp"] * 4
    assert len(server.asked) == 8


def test_an_answer_that_does_not_come_in_time_is_asked_for_again():
    generations, server = generate(answered_after(Fault(seconds=2)), REQUESTS[:1], more=["--timeout", 1])
    assert generations[0].text == "a lamp" and len(server.asked) == 2


def test_retry_after_is_heeded():
    times = []

    def answer(asked):
        times.append(time.monotonic())
        return answered_after(Fault(429, headers={"Retry-After": "1.5"}))(asked)

    generate(answer, REQUESTS[:1])
    assert times[1] - times[0] >= 1.5


# ----------------------------------------------------------------------------------------------------------------------
# faults that stay
# ----------------------------------------------------------------------------------------------------------------------
def error(message: str, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "fault", "code": code}})


NAN = '{"choices": [{"text": "a", "finish_reason": "stop", "logprobs": {"tokens": ["a"], "token_logprobs": [NaN]}}]}'


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault(429, headers=SOON), "give fewer --connections"),
        (Fault(500, headers=SOON), "a fault of the script"),
        (Fault(401, error(f"Incorrect API key provided: {KEY}")), "check OPENAI_API_KEY"),
        (Fault(404, error("The model `tiny` does not exist")), "check --model and --base_url"),
        (Fault(400, error("top_p must be above 0")), "top_p must be above 0"),
        (Fault(422, "no\njson"), "answers 422"),
        (Fault(body="<html>"), "its answer is no completion"),
        (Fault(body='{"choices": [{"text": 7, "finish_reason": "stop"}]}'), "its answer is no completion"),
        (Fault(body=NAN), "a log-probability of nan"),
        (Fault(cut=True), "check --base_url, and that the server runs"),
        (Fault(seconds=1.5), "no answer within 1 s"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Fault) else "",
)
def test_a_fault_that_stays_is_told_in_one_line_without_the_key(monkeypatch, fault, problem):
    monkeypatch.setattr(server_module, "RETRIES", 1)
    assert problem in failure(lambda asked: fault, more=["--timeout", 1])


def test_a_server_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(server_module, "RETRIES", 0)
    with ModelServer(lambda asked: "") as server:
        gone = server.url
    for url in (gone, "127.0.0.1", "gopher://127.0.0.1"):
        with pytest.raises(InputError) as told, open_model(flags(url), None) as model:
            model.generate(REQUESTS[:1], Settings(9))
        assert "check --base_url" in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("more", [[], ["--chat"]])
def test_missing_log_probabilities_are_told_unless_none_are_asked_for(more):
    def silent(asked):
        return Reply("a lamp", None)

    assert "tells no log-probabilities; let it tell them, or give --without_logprobs" in failure(silent, more=more)
    generations, server = generate(silent, REQUESTS[:1], more=[*more, "--without_logprobs"])
    assert generations == [Generation("a lamp", None, 2, STOPPED)]
    assert "logprobs" not in server.asked[0].body


@pytest.mark.parametrize(
    "told", [error("too long", "context_length_exceeded"), error("This model's maximum context length is 2048 tokens.")]
)
def test_a_prompt_beyond_the_context_is_told_and_the_others_are_answered(told):
    generations, _ = generate(lambda asked: Fault(400, told) if asked.prompt == "two" else "a lamp")
    assert generations[1] == Generation("", None, 0, TOO_LONG)
    assert [one.text for one in generations] == ["a lamp", "", "a lamp", "a lamp"]


def test_after_a_failure_what_is_on_its_way_is_kept_and_nothing_new_is_asked(tmp_path):
    others = threading.Barrier(3, timeout=20)

    def answer(asked):
        if asked.prompt == "one":
            others.wait()
            return Fault(400, error("one is one too many"))
        others.wait()
        time.sleep(0.2)  # until the failure is there
        return "a lamp"

    with ModelServer(answer) as server:
        with pytest.raises(InputError, match="one is one too many"):  # noqa: SIM117
            with open_model(flags(server.url, "--connections", 3), tmp_path / "cache") as model:
                model.generate(REQUESTS, Settings(9))
        assert sorted(server.prompts) == ["one", "three", "two"]
        server.answer = lambda asked: "a lamp"
        with open_model(flags(server.url), tmp_path / "cache") as model:
            model.generate(REQUESTS, Settings(9))
        assert sorted(server.prompts) == ["four", "one", "one", "three", "two"]


# ----------------------------------------------------------------------------------------------------------------------
# licence and key
# ----------------------------------------------------------------------------------------------------------------------
def test_the_licence_has_to_be_given():
    args = flags("http://127.0.0.1:1/v1")
    args.license = None
    with pytest.raises(InputError, match="tiny: a server does not tell a model's licence; give it with --license"):
        ServerBackend(args)


def test_the_key_is_sent_and_is_in_no_file(tmp_path):
    keys = []

    class Noting(ModelServer):
        def _post(self, handler):
            keys.append(handler.headers["Authorization"])
            super()._post(handler)

    with Noting(lambda asked: "a lamp") as server, Cache(tmp_path / "cache") as cache:
        Model(ServerBackend(flags(server.url)), cache).generate(REQUESTS, Settings(9))
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert set(keys) == {f"Bearer {KEY}"}
    assert b"a lamp" in files and KEY.encode() not in files


# ----------------------------------------------------------------------------------------------------------------------
# a real server
# ----------------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    needs.package("torch", "torch")
    from tests import tiny_models

    folder = tiny_models.causal(tmp_path_factory.mktemp("served") / "tiny")
    (folder / "chat_template.jinja").write_text("{% for turn in messages %}{{ turn['content'] }}{% endfor %}")
    return folder


@pytest.fixture(scope="module")
def served(tiny, tmp_path_factory):
    """The address of `transformers serve` with a tiny model."""
    for module in ("fastapi", "uvicorn"):
        needs.package(module, "dev")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", tiny, "--port", str(port), "--device", "cpu"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path_factory.mktemp("hf"))}
    log = tmp_path_factory.mktemp("log") / "log"
    with log.open("wb") as out, subprocess.Popen(command, env=env, stdout=out, stderr=out) as server:
        try:
            for _ in range(600):
                assert server.poll() is None, log.read_text()
                with suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


@pytest.mark.parametrize("more", [[], ["--chat"]])
def test_a_real_server_gives_what_the_model_gives_here(tiny, served, more):
    requests = [Request(prompt) for prompt in ("Who", "The harbour master lights", "How deep is")]
    settings = Settings(12, stop=("e",))
    args = flags(served, "--without_logprobs", "--connections", 1, *more)
    args.model = str(tiny)
    with open_model(args, None) as model:
        there = model.generate(requests, settings)
    here = argparse.ArgumentParser()
    add_model_flags(here)
    with open_model(here.parse_args(["--model", str(tiny), "--device", "cpu", *more]), None) as model:
        assert [one.text for one in there] == [one.text for one in model.generate(requests, settings)]
    assert any(one.text for one in there) and all(one.tokens for one in there)


def test_a_real_server_that_tells_no_log_probabilities(tiny, served):
    args = flags(served)
    args.model = str(tiny)
    with (
        pytest.raises(InputError, match="tells no log-probabilities; .* give --without_logprobs"),
        open_model(args, None) as model,
    ):
        model.generate(REQUESTS, Settings(4))
