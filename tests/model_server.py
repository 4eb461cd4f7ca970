"""A server on loopback that speaks OpenAI's protocol, answers from a script, and can show the faults of real servers.

with ModelServer(lambda asked: "a text") as server:
    run_script("generate_qa.py", "--base_url", server.url, ..)
assert server.prompts == [..]
"""

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

TOKENS = re.compile(r"\s*\S+|\s+$")
KEY = "key-that-nobody-may-see"


class Reply(NamedTuple):
    """A completion."""

    text: str
    logprob: float | None = -0.1  # of each token; None if the server returns none
    finish: str = "stop"


class Fault(NamedTuple):
    """An answer that is not a completion."""

    status: int = 200
    body: str = '{"error": {"message": "a fault of the script", "type": "fault", "code": null}}'
    headers: dict[str, str] = {}
    seconds: float = 0  # before the answer
    cut: bool = False  # close the connection in the middle of the body
    pause: float = 0  # seconds after each byte of the body


class Asked(NamedTuple):
    """A request, and how often the same one has arrived, counted from 1."""

    path: str
    body: dict[str, Any]
    times: int

    @property
    def prompt(self) -> str:
        return self.body["messages"][-1]["content"] if "messages" in self.body else self.body["prompt"]


class ModelServer:
    """`answer` returns a text, a Reply or a Fault for a request; several threads call it."""

    def __init__(self, answer: Callable[[Asked], str | Reply | Fault]):
        self.answer = answer
        self.asked: list[Asked] = []  # every request
        self.answered: list[str] = []  # the prompts whose completion was sent
        self.together = self.most_together = 0  # concurrent requests
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: TCP would wait 40 ms between two

            def do_POST(self):
                server._post(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    @property
    def prompts(self) -> list[str]:
        return [asked.prompt for asked in self.asked]

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.lock:
            asked = Asked(handler.path, body, 1 + sum(body == earlier.body for earlier in self.asked))
            self.asked.append(asked)
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        try:
            reply = self.answer(asked)
        finally:
            with self.lock:
                self.together -= 1
        if not isinstance(reply, Fault):
            completion = _completion(asked, Reply(reply) if isinstance(reply, str) else reply)
            _send(handler, Fault(200, json.dumps(completion)))
            with self.lock:
                self.answered.append(asked.prompt)
            return
        time.sleep(reply.seconds)
        _send(handler, reply)


def _send(handler: BaseHTTPRequestHandler, fault: Fault) -> None:
    body = fault.body.encode()
    try:
        handler.send_response(fault.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in fault.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if fault.pause:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(fault.pause)
        else:
            handler.wfile.write(body[: len(body) // 2] if fault.cut else body)
    except OSError:
        pass  # the client has left
    if fault.cut:
        handler.close_connection = True


def _completion(asked: Asked, reply: Reply) -> dict[str, Any]:
    tokens = TOKENS.findall(reply.text)
    with_logprobs = reply.logprob is not None and asked.body.get("logprobs")
    choice: dict[str, Any] = {"index": 0, "finish_reason": reply.finish}
    if asked.path == "/v1/chat/completions":
        choice["message"] = {"role": "assistant", "content": reply.text}
        content = [{"token": token, "logprob": reply.logprob, "bytes": None, "top_logprobs": []} for token in tokens]
        choice["logprobs"] = {"content": content} if with_logprobs else None
    else:
        choice["text"] = reply.text
        logprobs = {"tokens": tokens, "token_logprobs": [reply.logprob] * len(tokens)}
        choice["logprobs"] = logprobs if with_logprobs else None
    return {
        "id": "completion",
        "object": "chat.completion" if "message" in choice else "text_completion",
        "created": 0,
        "model": asked.body["model"],
        "choices": [choice],
        "usage": {"prompt_tokens": 1, "completion_tokens": len(tokens), "total_tokens": 1 + len(tokens)},
    }
