"""One HTTP server: few connections at once, the pauses that it asks for, and retries with a line about each."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from records.errors import InputError
from records.version import VERSION

USER_AGENT = f"instruction-tuning-data/{VERSION} ({requests.utils.default_user_agent()})"
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
ATTEMPTS_TO_REACH = 3  # for a first answer: nobody waits long for a server that is not there
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more is given up
LONGEST_WAIT = 60.0  # seconds between two attempts, unless the server asks for more
BUSY = frozenset((429, 500, 502, 503, 504))
REFUSED = frozenset((400, 401, 403, 404))  # of a node, these may pass: the server redirects to another one
CERTIFICATE_HINT = (
    "if your network has a certificate authority of its own, set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the file "
    "with its certificate"
)
PROXY_HINT = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
T = TypeVar("T")

# What the transport raises when a connection cannot be made, or breaks.
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, HTTPError)


class RetryError(Exception):
    """A request failed, and may succeed when it is sent again. The message is the problem, without the URL.

    wait: the seconds that the server asks for, 0 if it asks for none.
    hint: what the user can do, "" if that depends on what was asked for.
    """

    attempts = 8  # in a row, before giving up

    def __init__(self, problem: str, wait: float = 0.0, hint: str = ""):
        super().__init__(problem)
        self.wait, self.hint = wait, hint


class RefusedError(RetryError):
    """A server refuses a file that it lists, or sends something else in its place."""

    attempts = 2


def ignore_message(message: str) -> None:
    """A `tell` for callers that show no progress."""


class Client:
    """A server, with at most `connections` requests at once, from any number of threads.

    tell: takes one line about each wait and each retry.
    """

    def __init__(self, base_url: str, connections: int = 4, tell: Callable[[str], None] = ignore_message):
        self.base_url = base_url.rstrip("/")
        self.tell = tell
        self.stopped = threading.Event()  # set it to end all waits and to send no more requests
        self._slots = threading.BoundedSemaphore(connections)
        self._local = threading.local()

    @contextmanager
    def get(self, url: str, headers: dict[str, str] | None = None) -> Iterator[requests.Response]:
        """The response to one request, its body not yet read.

        Raises RetryError if the server is busy, sends a web page or cannot be reached, also while the body is read, and
        InputError if the URL, a certificate or the settings for certificates are wrong.
        """
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
        with self._slots:
            if self.stopped.is_set():
                raise InputError(f"{url}: stopped")
            with self._send(url, headers) as response:
                sender = name_of_sender(url, response.url)
                if response.status_code in BUSY:
                    raise RetryError(f"{sender} answers {response.status_code}", retry_after(response))
                if response.status_code == 407:
                    raise InputError(f"{url}: the proxy asks for a user name and a password; {PROXY_HINT}")
                if response.status_code == 200 and "html" in response.headers.get("Content-Type", "").lower():
                    raise RefusedError(f"{sender} sends a web page in place of the data")
                try:
                    yield response
                except BROKEN:
                    raise RetryError(broken_connection(url, response.url)) from None

    def _send(self, url: str, headers: dict[str, str]) -> requests.Response:
        try:
            return self._session().get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
        except requests.exceptions.SSLError as error:
            raise tls_failure(url, error) from None
        except requests.exceptions.ProxyError as error:
            raise proxy_failure(url, error) from None
        except BROKEN as error:
            raise connection_failure(url, error) from None
        except (requests.RequestException, ValueError) as error:
            raise InputError(f"{url}: cannot be fetched ({error}); check --base_url and HTTPS_PROXY") from None
        except OSError as error:  # the file with certificates is missing
            raise InputError(f"{url}: {error}; check SSL_CERT_FILE and REQUESTS_CA_BUNDLE") from None

    def _session(self) -> requests.Session:
        """This thread's session."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.mount("https://", SystemCertificates())
        session: requests.Session = self._local.session
        return session

    def ask(
        self,
        url: str,
        take: Callable[[requests.Response], T],
        hint: str,
        headers: dict[str, str] | None = None,
    ) -> T:
        """Return `take` of the first good answer, asking again if the server is busy or cannot be reached.

        Raises InputError with the hint if the server refuses, or fails too often."""
        for attempt in count(1):
            try:
                with self.get(url, headers) as response:
                    if response.status_code in (200, 206):
                        return take(response)
                    answer = describe_answer(url, response)
                    if response.status_code not in REFUSED or not response.history:
                        raise InputError(f"{url}: {answer}; {hint}")
                    raise RefusedError(answer)
            except RetryError as error:
                if attempt >= min(ATTEMPTS_TO_REACH, error.attempts) or error.wait > LONGEST_RETRY_AFTER:
                    raise InputError(f"{url}: {error}; {error.hint or hint}") from None
                self.wait(error.wait or backoff(attempt), f"{url}: {error}")
        raise AssertionError("the last attempt returns or raises")

    def get_json(self, path: str) -> Any:
        """The JSON document at `path`. Raises InputError if the server cannot be reached or sends something else."""

        def parse(response: requests.Response) -> Any:
            try:
                return response.json()
            except requests.JSONDecodeError:
                raise RefusedError(f"{name_of_sender(url, response.url)} sends something other than JSON") from None

        url = f"{self.base_url}/{path}"
        return self.ask(url, parse, "check the network and --base_url, or give a local dump with --dump_path")

    def wait(self, seconds: float, reason: str) -> None:
        """Report the reason, and sleep. Raises InputError if the client is stopped meanwhile."""
        self.tell(f"{reason}; trying again in {seconds:.0f} s")
        if self.stopped.wait(seconds):
            raise InputError("stopped")


class SystemCertificates(HTTPAdapter):
    """Trusts the system's certificates and SSL_CERT_FILE, in addition to what requests trusts (REQUESTS_CA_BUNDLE)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=ssl.create_default_context(), **kwargs)


def name_of_sender(url: str, answered: str) -> str:
    """Who answered a request for `url`: a server may redirect to one of its nodes."""
    node = urlsplit(answered).netloc
    return "the server" if node == urlsplit(url).netloc else f"the node {node}"


def describe_answer(url: str, response: requests.Response) -> str:
    return f"{name_of_sender(url, response.url)} answers {response.status_code} {response.reason}"


def broken_connection(url: str, answered: str) -> str:
    sender = name_of_sender(url, answered)
    return "the connection broke" if sender == "the server" else f"the connection to {sender} broke"


def connection_failure(url: str, error: requests.RequestException | HTTPError) -> RetryError:
    """What to raise if no answer came."""
    asked = url_asked_for(url, error)
    if any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in causes(error)):
        return RetryError(f"{name_of_sender(url, asked)} cannot be reached")
    return RetryError(broken_connection(url, asked))


def tls_failure(url: str, error: requests.exceptions.SSLError) -> RetryError | InputError:
    """What to raise if no secure connection could be made: a certificate that is wrong stays so."""
    host, cause = urlsplit(url_asked_for(url, error)).netloc, causes(error)[-1]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return InputError(
            f"{url}: the certificate of {host} cannot be verified ({cause.verify_message}); {CERTIFICATE_HINT}"
        )
    return RetryError(f"no secure connection to {host} ({cause})", hint=CERTIFICATE_HINT)


def proxy_failure(url: str, error: requests.exceptions.ProxyError) -> RetryError:
    """What to raise if a proxy refuses or cannot be reached. Its URL may hold a password, so only the host is named."""
    asked = url_asked_for(url, error)
    proxy = requests.utils.select_proxy(asked, requests.utils.get_environ_proxies(asked)) or ""
    host = urlsplit(proxy).netloc.rpartition("@")[2]
    return RetryError(f"the proxy {host} cannot be used ({causes(error)[-1]})", hint=PROXY_HINT)


def url_asked_for(url: str, error: requests.RequestException | HTTPError) -> str:
    """The URL that a request failed at, after redirects from `url`."""
    request = getattr(error, "request", None)
    return (request.url if request is not None else None) or url


def causes(error: BaseException) -> list[BaseException]:
    """An error, what it was raised in response to, and so on."""
    return [error, *(causes(error.__context__) if error.__context__ else ())]


def backoff(attempt: int) -> float:
    """Seconds to wait after the attempt of that number, from 1: 1, 2, 4, ..."""
    return min(2.0 ** (attempt - 1), LONGEST_WAIT)


def retry_after(response: requests.Response) -> float:
    """The seconds that a busy server asks to wait; 0 if it does not say, or names a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
