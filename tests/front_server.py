"""What stands in front of a server as reported from archive.org: nodes that refuse or are dead, pages, TLS, proxies.

with front(server.url, lambda path, number: Answer(404) if number == 1 else None) as url:
    requests.get(f"{url}/download/...")      # the second time it is redirected to server.url
"""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Item not available</title></head><body>Please log in.</body></html>\n"


@dataclass
class Answer:
    """An answer of the front itself. The default is a web page in place of data, as most servers send it."""

    status: int = 200
    body: bytes = PAGE
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=UTF-8"})
    has_length: bool = True  # otherwise the end of the connection is the end of the body


def redirect(url: str) -> Answer:
    return Answer(302, b"", {"Location": url})


def dead_node() -> str:
    """The host and port of a node that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], certificate: Path | None = None) -> Iterator[str]:
    """Run a handler on loopback, over TLS if there is a certificate, and give its host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that breaks the connection off is expected
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def front(
    url: str, answer: Callable[[str, int], Answer | None] = lambda path, number: None, certificate: Path | None = None
) -> Iterator[str]:
    """A server that answers as `answer` says of a path and the number of its request, and else redirects to `url`."""
    numbers: dict[str, int] = {}
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """No log on stderr."""

        def do_GET(self):
            with lock:
                number = numbers[self.path] = numbers.get(self.path, 0) + 1
            reply = answer(self.path, number) or redirect(url + self.path)
            self.send_response(reply.status)
            length = {"Content-Length": str(len(reply.body))} if reply.has_length else {}
            for name, value in {**reply.headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    with serving(Handler, certificate) as host:
        yield f"{'https' if certificate else 'http'}://{host}"


@contextmanager
def proxy(refuses: bool = False) -> Iterator[tuple[str, list[str]]]:
    """A proxy for HTTPS, and the list of hosts and ports that it was asked for. refuses: it asks for a password."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """No log on stderr."""

        def do_CONNECT(self):
            asked.append(self.path)
            if refuses:
                self.send_error(407)
                return
            host, _, port = self.path.partition(":")
            with socket.create_connection((host, int(port))) as target:
                self.send_response(200)
                self.end_headers()
                threading.Thread(target=pump, args=(target, self.connection), daemon=True).start()
                pump(self.connection, target)
            self.close_connection = True

    with serving(Handler) as host:
        yield host, asked


def pump(source: socket.socket, target: socket.socket) -> None:
    """Copy all that a socket sends to another, until either is closed."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        return


def make_certificate(path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, its key beside it with the ending .key."""
    subject = ("-subj", "/CN=quay", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", path.with_suffix(".key"))
    subprocess.run(["openssl", "req", "-x509", *key, "-out", path, *subject], check=True, capture_output=True)
    return path
