"""Models at a server: OpenAI's protocol on loopback, and the faults of real servers."""

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

from generation.backends import server as server_module
from generation.backends.base import FAILED, LOST, NO_LOGPROBS, PROMPT_TOO_LONG, REFUSED, Generation, Request, Settings
from generation.models import ModelOptions, open_model
from records.errors import InputError
from tests.model_server import KEY, Fault, ModelServer, Reply
from tests.server_behaviours import BEHAVIOURS, run_against

pytestmark = pytest.mark.slow

REQUESTS = [Request(prompt) for prompt in ("one", "two", "three", "four")]
SOON = {"Retry-After": "0.01"}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def at_server(url: str, **options) -> ModelOptions:
    return ModelOptions(**{"model": "tiny", "license": "mit", "base_url": url, **options})


def generate(answer, requests=REQUESTS, settings=None, cache=None, **options):
    """The generations when the server answers like this, and the server."""
    with ModelServer(answer) as server, open_model(at_server(server.url, **options), cache) as model:
        return model.generate(requests, settings or Settings(9)), server


def failure(answer, requests=REQUESTS[:1], **options) -> str:
    with pytest.raises(InputError) as caught:
        generate(answer, requests, **options)
    message = str(caught.value)
    assert (
        message.startswith(("http://127.0.0.1:", "tiny: generating: ")) and "\n" not in message and KEY not in message
    )
    return message


def answered_after(*faults: Fault):
    """An answer after these faults, in their order."""
    return lambda asked: faults[asked.times - 1] if asked.times <= len(faults) else "a lamp"


# ----------------------------------------------------------------------------------------------------------------------
# requests and answers
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("chat", "path"), [(False, "/v1/completions"), (True, "/v1/chat/completions")])
def test_texts_come_with_their_log_probability(chat, path):
    replies = {"one": Reply(" a lamp", -0.25), "two": Reply("cut off", -1.0, "length"), "three": "", "four": " now"}
    generations, server = generate(lambda asked: replies[asked.prompt], chat=chat)
    assert generations == [
        Generation(" a lamp", -0.25, 2, "stop"),
        Generation("cut off", -1.0, 2, "length"),
        Generation("", None, 0, "stop", "an empty text"),
        Generation(" now", -0.1, 1, "stop"),
    ]
    assert {asked.path for asked in server.asked} == {path}


@pytest.mark.parametrize("chat", [False, True])
def test_every_setting_reaches_the_server(chat):
    settings = Settings(17, temperature=0.5, top_p=0.8, stop=("\n", "###"), seed=4)
    _, server = generate(lambda asked: "a lamp", settings=settings, chat=chat)
    for asked in server.asked:
        sent = {name: asked.body[name] for name in ("model", "max_tokens", "temperature", "top_p", "stop")}
        assert sent == {"model": "tiny", "max_tokens": 17, "temperature": 0.5, "top_p": 0.8, "stop": ["\n", "###"]}
        assert asked.body["logprobs"] is True if chat else asked.body["logprobs"] == 1
    assert sorted(server.prompts) == sorted(request.prompt for request in REQUESTS)


def test_seeds_depend_on_prompt_sample_and_seed_alone():
    requests = [Request("one"), Request("one", 1), Request("two")]

    def seeds(seed):
        _, server = generate(lambda asked: "a lamp", requests, Settings(9, seed=seed), connections=1)
        return [asked.body["seed"] for asked in server.asked]

    assert len({*seeds(0), *seeds(1)}) == 6
    assert seeds(0) == seeds(0)


def test_a_text_beyond_a_stop_string_is_cut_and_the_rest_does_not_count():
    [one], _ = generate(lambda asked: "a lamp ### and more", REQUESTS[:1], Settings(9, stop=("###",)))
    assert (one.text, one.tokens, one.finish_reason) == ("a lamp ", 3, "stop"), (
        "the space before ### belongs to the third token"
    )


def test_a_lone_surrogate_does_not_end_the_run(tmp_path):
    [one], _ = generate(lambda asked: "a \ud800 lamp", REQUESTS[:1], cache=tmp_path / "cache")
    assert one.text == "a ? lamp"


def test_there_are_as_many_concurrent_requests_as_connections():
    gate = threading.Barrier(4, timeout=20)

    def answer(asked):
        gate.wait()  # opens when four have arrived
        time.sleep(0.2)  # a fifth would arrive meanwhile
        return "a lamp"

    _, server = generate(answer, [Request(str(number)) for number in range(12)], connections=4)
    assert server.most_together == 4


# ----------------------------------------------------------------------------------------------------------------------
# temporary faults
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
        Fault(body='{"error": {"code": 502, "message": "Provider returned error"}}'),
        Fault(body='{"choices": [{"finish_reason": "error", "message": {"content": ""}}]}'),
        Fault(body='data: {"choices": [{"delta": {"content": "a la"}}]}\n\n'),
    ],
    ids=lambda fault: f"{fault.status} {'cut' if fault.cut else fault.body[:20]}",
)
def test_a_temporary_fault_is_retried(fault):
    generations, server = generate(answered_after(fault))
    assert [one.text for one in generations] == ["a lamp"] * 4
    assert len(server.asked) == 8


@pytest.mark.parametrize(
    "fault",
    [Fault(seconds=2), Fault(body='{"choices": [{"text": "late"}]}', pause=0.2)],
    ids=["nothing comes", "a byte now and then"],
)
def test_a_timeout_is_retried(fault):
    generations, server = generate(answered_after(fault), REQUESTS[:1], timeout=1)
    assert generations[0].text == "a lamp" and len(server.asked) == 2


def test_retry_after_is_respected():
    times = []

    def answer(asked):
        times.append(time.monotonic())
        return answered_after(Fault(429, headers={"Retry-After": "1.5"}))(asked)

    generate(answer, REQUESTS[:1])
    assert times[1] - times[0] >= 1.5


# ----------------------------------------------------------------------------------------------------------------------
# permanent faults
# ----------------------------------------------------------------------------------------------------------------------
def error(message: str, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "fault", "code": code}})


SHORT = 0.02  # minutes: two or three attempts


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault(429, headers=SOON), "give fewer --connections"),
        (Fault(429, headers={"Retry-After": "3600"}), "asks to wait 3600 s"),
        (Fault(429, error("You exceeded your current quota", "insufficient_quota")), "what your account may use"),
        (Fault(500, headers=SOON), "a fault of the script"),
        (Fault(503, error("Loading model")), "Loading model); give a longer --patience"),
        (Fault(401, error(f"Incorrect API key provided: {KEY}")), "check OPENAI_API_KEY"),
        (Fault(404, error("The model `tiny` does not exist")), "check --model and --base_url"),
        (Fault(400, error("top_p must be above 0")), """give --request '{"top_p": null}'"""),
        (Fault(422, "no\njson"), "answers 422 (no json)"),
        (Fault(body="<html>"), "the answer is not a completion"),
        (Fault(body='{"choices": [{"text": 7, "finish_reason": "stop"}]}'), "the answer is not a completion"),
        (Fault(cut=True), "breaks off its answer"),
        (Fault(seconds=1.5), "no answer within 1 s"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Fault) else "",
)
def test_a_permanent_fault_is_reported_in_one_line_without_the_key(fault, problem):
    assert problem in failure(lambda asked: fault, timeout=1, patience=SHORT)


def test_a_server_that_cannot_be_reached_is_reported():
    with ModelServer(lambda asked: "") as server:
        gone = server.url
    for url in (gone, "127.0.0.1", "gopher://127.0.0.1"):
        options = at_server(url, patience=0)
        with pytest.raises(InputError) as caught, open_model(options, None) as model:
            model.generate(REQUESTS[:1], Settings(9))
        assert "check --base_url" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("chat", [False, True])
def test_missing_log_probabilities_are_reported_unless_none_are_asked_for(chat):
    def silent(asked):
        return Reply("a lamp", None)

    problem = "returns no log-probabilities; configure it to return them, or give --without_logprobs"
    assert problem in failure(silent, chat=chat)
    generations, server = generate(silent, REQUESTS[:1], chat=chat, logprobs=False)
    assert generations == [Generation("a lamp", None, 2, "stop")]
    assert "logprobs" not in server.asked[0].body


def test_a_log_probability_that_is_no_number_does_not_count():
    body = {"choices": [{"text": "a b", "logprobs": {"tokens": ["a", " b"], "token_logprobs": [float("nan"), -0.5]}}]}
    [one], _ = generate(lambda asked: Fault(body=json.dumps(body)), REQUESTS[:1])
    assert one == Generation("a b", -0.5, 2, "stop")


def test_log_probabilities_of_reasoning_that_the_server_took_out_do_not_count():
    tokens = [("Is", -3.0), (" it", -3.0), (" yes", -3.0), ("?", -3.0), (" yes", -0.25)]
    content = [{"token": token, "logprob": logprob} for token, logprob in tokens]
    body = {"choices": [{"message": {"content": " yes", "reasoning": "Is it yes?"}, "logprobs": {"content": content}}]}
    [one], _ = generate(lambda asked: Fault(body=json.dumps(body)), REQUESTS[:1], chat=True)
    assert one == Generation(" yes", -0.25, 1, "stop")


# ----------------------------------------------------------------------------------------------------------------------
# texts that are lost
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (Fault(400, error("too long", "context_length_exceeded")), PROMPT_TOO_LONG, "answers 400 (too long)"),
        (Fault(413, "<html>"), PROMPT_TOO_LONG, "answers 413 (<html>)"),
        (Fault(400, error("filtered by the policy")), REFUSED, "filtered by the policy"),
        (Fault(403, error(f"flagged {KEY}")), REFUSED, "flagged ***"),
        (Fault(500, error("an assertion failed"), SOON), FAILED, "an assertion failed"),
        (Reply("a lamp", None), NO_LOGPROBS, "returns no log-probabilities"),
    ],
    ids=["too long", "413", "filtered", "403", "500", "no log-probabilities"],
)
def test_a_prompt_that_is_refused_is_lost_and_the_others_are_answered(tmp_path, monkeypatch, fault, reason, words):
    monkeypatch.setattr(server_module, "FIRST_PAUSE", 0.01)
    [one, two, *_], server = generate(
        lambda asked: fault if asked.prompt == "two" else "a lamp", cache=tmp_path / "cache", connections=1
    )
    assert (one.text, two.text, two.finish_reason, two.lost) == ("a lamp", "", reason, LOST[reason])
    assert words in two.problem
    assert len(server.asked) == 4 + (server_module.ATTEMPTS - 1 if reason == FAILED else 0)
    with open_model(at_server(server.url, patience=0), tmp_path / "cache") as model, suppress(InputError):
        model.generate(REQUESTS[:2], Settings(9))
    assert (model.known, model.asked) == (1, 1), "what is lost is asked for again"


def test_many_lost_prompts_in_a_row_end_the_run(monkeypatch):
    monkeypatch.setattr(server_module, "REFUSED_IN_A_ROW", 3)
    requests = [Request(str(number)) for number in range(9)]

    def answer(asked):
        return "a lamp" if asked.prompt in "01" else Fault(400, error("filtered"))

    problem = failure(answer, requests, connections=1)
    assert "no text for 3 prompts in a row, the last: answers 400 (filtered)" in problem


def test_after_a_failure_pending_answers_are_saved_and_nothing_new_is_asked(tmp_path):
    others = threading.Barrier(3, timeout=20)

    def answer(asked):
        if asked.prompt == "one":
            others.wait()
            return Fault(401, error("one is one too many"))
        others.wait()
        time.sleep(0.2)  # until the failure has arrived
        return "a lamp"

    with ModelServer(answer) as server:
        with pytest.raises(InputError, match="one is one too many"):  # noqa: SIM117
            with open_model(at_server(server.url, connections=3), tmp_path / "cache") as model:
                model.generate(REQUESTS, Settings(9))
        assert sorted(server.prompts) == ["one", "three", "two"]
        server.answer = lambda asked: "a lamp"
        with open_model(at_server(server.url), tmp_path / "cache") as model:
            model.generate(REQUESTS, Settings(9))
        assert sorted(server.prompts) == ["four", "one", "one", "three", "two"]


def test_fields_of_the_request_can_be_set_and_left_out():
    fields = {
        "max_tokens": None,
        "max_completion_tokens": 99,
        "seed": None,
        "chat_template_kwargs": {"thinking": False},
    }
    _, server = generate(lambda asked: "a lamp", REQUESTS[:1], chat=True, fields=fields)
    [asked] = server.asked
    assert not asked.body.keys() & {"max_tokens", "seed"} and asked.body["max_completion_tokens"] == 99
    assert asked.body["chat_template_kwargs"] == {"thinking": False} and asked.body["top_p"] == 1.0


def test_examples_are_sent_as_turns():
    _, server = generate(lambda asked: "a lamp", [Request("two", 0, ("one", "answer"))], chat=True)
    assert server.asked[0].body["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "two"},
    ]


# ----------------------------------------------------------------------------------------------------------------------
# behaviours of real servers and chat models, in generate_qa.py
# ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name, behaviour in BEHAVIOURS.items() if behaviour.quick])
def test_a_run_keeps_what_is_good_or_ends_with_one_true_line(tmp_path, name):
    behaviour = BEHAVIOURS[name]
    kept, line, _ = run_against(behaviour, tmp_path)
    assert kept == behaviour.good and (behaviour.line in line if behaviour.line else not line), line


# ----------------------------------------------------------------------------------------------------------------------
# licence and key
# ----------------------------------------------------------------------------------------------------------------------
def test_the_licence_has_to_be_given():
    options = at_server("http://127.0.0.1:1/v1", license=None)
    problem = "tiny: a server does not report a model's licence; give it with --license"
    with pytest.raises(InputError, match=problem), open_model(options, None):
        pass


def test_the_key_is_sent_and_is_in_no_file(tmp_path):
    keys = []

    class KeyRecorder(ModelServer):
        def _post(self, handler):
            keys.append(handler.headers["Authorization"])
            super()._post(handler)

    with (
        KeyRecorder(lambda asked: "a lamp") as server,
        open_model(at_server(server.url), tmp_path / "cache") as model,
    ):
        model.generate(REQUESTS, Settings(9))
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


@pytest.mark.parametrize("chat", [False, True])
def test_a_real_server_gives_the_same_as_transformers(tiny, served, chat):
    requests = [Request(prompt) for prompt in ("Who", "The harbour master lights", "How deep is")]
    settings = Settings(12, stop=("e",))
    options = at_server(served, model=str(tiny), logprobs=False, connections=1, chat=chat)
    with open_model(options, None) as model:
        from_server = model.generate(requests, settings)
    with open_model(ModelOptions(str(tiny), device="cpu", chat=chat), None) as model:
        assert [one.text for one in from_server] == [one.text for one in model.generate(requests, settings)]
    assert any(one.text for one in from_server) and all(one.tokens for one in from_server)


def test_a_real_server_that_returns_no_log_probabilities(tiny, served):
    with (
        pytest.raises(InputError, match="returns no log-probabilities; .* give --without_logprobs"),
        open_model(at_server(served, model=str(tiny)), None) as model,
    ):
        model.generate(REQUESTS, Settings(4))
