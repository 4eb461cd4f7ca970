"""One HTTP server, asked politely: few connections at once, waits that it asks for, retries that are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from records.errors import InputError

USER_AGENT = "instruction-tuning-data/1 (reads Stack Exchange dumps)"
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
ATTEMPTS_TO_REACH = 3  # for a first answer: nobody waits long for a server that is not there
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more is given up
LONGEST_WAIT = 60.0  # seconds between two attempts, unless the server asks for more
BUSY = frozenset((429, 500, 502, 503, 504))
T = TypeVar("T")

# What the transport raises when a connection cannot be made, or breaks.
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, HTTPError)


def tell_nobody(message: str) -> None:
    """A `tell` for callers that want no news."""


class Client:
    """A server, with at most `connections` requests under way at once, from any number of threads.

    tell: takes one line about each wait and each retry.
    """

    def __init__(self, base_url: str, connections: int = 4, tell: Callable[[str], None] = tell_nobody):
        self.base_url = base_url.rstrip("/")
        self.tell = tell
        self.stopped = threading.Event()  # set it to end all waits, and to begin no request
        self._slots = threading.BoundedSemaphore(connections)
        self._local = threading.local()

    @contextmanager
    def get(self, url: str, headers: dict[str, str] | None = None) -> Iterator[requests.Response]:
        """The response to one request, its body not yet read. Raises one of BROKEN, or InputError for a bad URL."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        with self._slots:
            if self.stopped.is_set():
                raise InputError(f"{url}: stopped")
            try:
                response = self._local.session.get(url, headers=headers, stream=True, timeout=timeout)
            except BROKEN:
                raise
            except (requests.RequestException, ValueError) as error:
                raise InputError(f"{url}: cannot be fetched ({error}); check --base_url") from None
            with response:
                yield response

    def ask(
        self, url: str, take: Callable[[requests.Response], T], mend: str, headers: dict[str, str] | None = None
    ) -> T:
        """What `take` makes of the first good answer, asking again where the server is busy or cannot be reached.

        Raises InputError with the mend where the server refuses, or is given up."""
        for attempt in range(1, ATTEMPTS_TO_REACH + 1):
            asked = 0.0
            try:
                with self.get(url, headers) as response:
                    if response.status_code in (200, 206):
                        return take(response)
                    problem = f"answers {response.status_code} {response.reason}"
                    if response.status_code not in BUSY:
                        break
                    asked = retry_after(response)
            except BROKEN:
                problem = "cannot be reached"
            if attempt == ATTEMPTS_TO_REACH or asked > LONGEST_RETRY_AFTER:
                break
            self.wait(asked or backoff(attempt), f"{url}: {problem}")
        raise InputError(f"{url}: {problem}; {mend}")

    def get_json(self, path: str) -> Any:
        """The JSON document at `path`. Raises InputError where the server cannot be reached or sends something else."""
        url = f"{self.base_url}/{path}"
        mend = "check the network and --base_url, or give a local dump with --dump_path"
        try:
            return self.ask(url, lambda response: response.json(), mend)
        except requests.JSONDecodeError:
            raise InputError(f"{url}: sends something else than JSON; check --base_url") from None

    def wait(self, seconds: float, reason: str) -> None:
        """Tell why, and sleep."""
        self.tell(f"{reason}; trying again in {seconds:.0f} s")
        if self.stopped.wait(seconds):
            raise InputError("stopped")


def backoff(attempt: int) -> float:
    """Seconds to wait after the attempt of that number, from 1: 1, 2, 4, ..."""
    return min(2.0 ** (attempt - 1), LONGEST_WAIT)


def retry_after(response: requests.Response) -> float:
    """The seconds that a busy server asks to wait; 0 where it does not say, or names a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
