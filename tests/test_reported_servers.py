"""Step 1 against servers as people report them: pages in place of data, nodes that refuse or are dead, TLS, proxies."""

import shutil
from pathlib import Path

import pytest

from records.version import VERSION
from sample.archive_server import ArchiveServer
from tests.conftest import Run
from tests.front_server import Answer, dead_node, front, make_certificate, proxy, redirect
from tests.test_faults import HASTY, assert_one_line, fetching, run_prepared

pytestmark = pytest.mark.slow

ARCHIVE = "large/quay.stackexchange.com.7z"
DOWNLOAD, METADATA = f"/download/{ARCHIVE}", "/metadata/large"
TROUBLES = {
    "a page": Answer(),
    "a page of no type": Answer(headers={}),
    "a page of no type and length": Answer(headers={}, has_length=False),
    "an error message": Answer(body=b'{"error": "locked"}', headers={"Content-Type": "application/json"}),
    "400": Answer(400),
    "401": Answer(401),
    "403": Answer(403),
    "404": Answer(404),
    "a dead node": redirect(f"http://{dead_node()}/quay.7z"),
}
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """Certificates and proxies of this machine have no part in the tests."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def fetch(url: str, folder: Path) -> Run:
    return run_prepared(HASTY, *fetching(url, "large", folder))


def fetch_through_node(server: str, node: str, folder: Path) -> Run:
    """Fetch from a server whose downloads are at a node."""
    with front(server, lambda path, _: redirect(node + path) if path == DOWNLOAD else None) as url:
        return fetch(url, folder)


def assert_complete(run: Run, folder: Path, output: bytes) -> None:
    assert run.status == 0, run.stderr
    assert (folder / "quay" / "unfiltered.jsonl").read_bytes() == output


# ---- nodes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_a_node_does_for_a_while_leaves_the_same_bytes(www, large_output, tmp_path, trouble):
    """It happens to the first request, and to one in the middle."""

    def answer(path: str, number: int) -> Answer | None:
        return TROUBLES[trouble] if path == DOWNLOAD and number in (1, 4) else None

    with ArchiveServer(www) as server, front(server.url, answer) as url:
        run = fetch(url, tmp_path)
        assert server.sent(ARCHIVE) < 1.1 * (www / ARCHIVE).stat().st_size
    assert_complete(run, tmp_path, large_output)
    assert run.stderr.count("trying again in") == 2


@pytest.mark.parametrize(
    ("trouble", "problem", "attempts"),
    [
        ("a page", "the server sends a web page in place of the data", 2),
        ("a page of no type", "the server sends a web page in place of the data", 2),
        ("a page of no type and length", "the server sends a web page in place of the data", 2),
        ("an error message", "has 19 bytes on the server and", 2),
        ("404", "the server answers 404", 2),
        ("a dead node", f"the node {TROUBLES['a dead node'].headers['Location'].split('/')[2]} cannot be reached", 8),
    ],
    ids=lambda value: value if value in TROUBLES else "",  # the problem names a port, another one in each process
)
def test_what_a_node_does_for_good_ends_in_one_line(www, tmp_path, trouble, problem, attempts):
    asked = []

    def answer(path: str, number: int) -> Answer | None:
        if path != DOWNLOAD or number < 2:
            return None
        asked.append(number)
        return TROUBLES[trouble]

    with ArchiveServer(www) as server, front(server.url, answer) as url:
        run = fetch(url, tmp_path)
        assert server.sent(ARCHIVE) < 100  # the signature
    assert len(asked) == attempts
    assert_one_line(run, problem, tmp_path)
    assert f"{url}{DOWNLOAD}" in run.stderr.splitlines()[-1]


def test_a_node_that_refuses_is_named(www, tmp_path):
    with front("", lambda path, number: Answer(403)) as node, ArchiveServer(www) as server:
        run = fetch_through_node(server.url, node, tmp_path)
    assert_one_line(run, f"the node {node.removeprefix('http://')} answers 403", tmp_path)


@pytest.mark.parametrize(
    "answer", [Answer(), Answer(headers={}), Answer(headers={}, body=b""), Answer(headers={}, body=b"[1,")]
)
def test_something_other_than_json_is_asked_for_again_and_then_reported(www, large_output, tmp_path, answer):
    def once(path: str, number: int) -> Answer | None:
        return answer if path == METADATA and number == 1 else None

    def always(path: str, number: int) -> Answer | None:
        return answer if path == METADATA else None

    with ArchiveServer(www) as server:
        with front(server.url, once) as url:
            run = fetch(url, tmp_path / "once")
        with front(server.url, always) as url:
            refused = fetch(url, tmp_path / "always")
    assert_complete(run, tmp_path / "once", large_output)
    assert_one_line(refused, f"{url}{METADATA}: the server sends", tmp_path / "always")


def test_the_server_is_told_which_program_asks(www, tmp_path):
    with ArchiveServer(www) as server:
        assert fetch(server.url, tmp_path).status == 0
    agents = {request.headers["User-Agent"] for request in server.requests}
    [agent] = agents
    assert agent.startswith(f"instruction-tuning-data/{VERSION} (python-requests/")


# ---- certificates and proxies --------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "own.pem")


@needs_openssl
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_authority_of_ones_own_is_trusted_if_it_is_named(
    www, large_output, tmp_path, monkeypatch, certificate, variable
):
    monkeypatch.setenv(variable, str(certificate))
    with ArchiveServer(www) as server, front(server.url, certificate=certificate) as url:
        assert_complete(fetch(url, tmp_path), tmp_path, large_output)


@needs_openssl
def test_ssl_cert_file_is_trusted_in_addition_to_another_bundle(www, large_output, tmp_path, monkeypatch, certificate):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificate(tmp_path / "other.pem")))
    with ArchiveServer(www) as server, front(server.url, certificate=certificate) as url:
        assert_complete(fetch(url, tmp_path / "out"), tmp_path / "out", large_output)


@needs_openssl
def test_a_certificate_that_cannot_be_verified_is_reported_with_what_to_set(www, tmp_path, certificate):
    with ArchiveServer(www) as server, front(server.url, certificate=certificate) as url:
        run = fetch(url, tmp_path)
        of_a_node = fetch_through_node(server.url, url, tmp_path)
    for line in (run.stderr.splitlines()[-1], of_a_node.stderr.splitlines()[-1]):
        assert f"the certificate of {url.removeprefix('https://')} cannot be verified" in line
        assert "SSL_CERT_FILE or REQUESTS_CA_BUNDLE" in line
    assert "trying again" not in run.stderr + of_a_node.stderr
    assert_one_line(run, "", tmp_path)
    assert_one_line(of_a_node, "", tmp_path)


@needs_openssl
def test_certificates_that_are_not_there_are_reported(www, tmp_path, monkeypatch, certificate):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with ArchiveServer(www) as server, front(server.url, certificate=certificate) as url:
        run = fetch(url, tmp_path)
    assert_one_line(run, str(tmp_path / "none.pem"), tmp_path)
    assert "check SSL_CERT_FILE and REQUESTS_CA_BUNDLE" in run.stderr.splitlines()[-1]


@needs_openssl
def test_a_proxy_is_used_if_it_is_named(www, large_output, tmp_path, monkeypatch, certificate):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ArchiveServer(www) as server, front(server.url, certificate=certificate) as url, proxy() as (host, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{host}")
        assert_complete(fetch(url, tmp_path), tmp_path, large_output)
    assert set(asked) == {url.removeprefix("https://")}


@pytest.mark.parametrize("refuses", [True, False])
def test_a_proxy_that_refuses_or_is_not_there_is_named_without_its_password(tmp_path, monkeypatch, refuses):
    with proxy(refuses=True) as (host, _):
        host = host if refuses else dead_node()
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:lovelace@{host}")
        run = fetch("https://127.0.0.1:1", tmp_path)
    assert_one_line(run, f"the proxy {host} cannot be used", tmp_path)
    assert "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY" in run.stderr.splitlines()[-1]
    assert "lovelace" not in run.stderr
