"""Published files: fetched through every fault, and read in every form, in flat memory."""

import fcntl
import gzip
import hashlib
import json
import random
import re
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from download.http_client import Client
from download.published_files import fetch
from records import json_rows
from records.errors import InputError
from records.file_io import open_output
from records.json_rows import SourceFile, SourceRow, assign, find_files, read_rows
from records.record_output import open_record_output
from sample.archive_server import ArchiveServer, Fault
from tests.conftest import ROOT
from tests.front_server import PAGE

CONTENT = random.Random(7).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LOOK = 1  # byte: the first request asks for it to see the headers
NAME, FILE = "quay/boats.jsonl.gz", "boats.jsonl.gz"
ROWS = [{"boat": "Möwe", "length": 7.5}, {"boat": "]}", "crew": [{"name": '[,\\"'}]}, {}]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("download.ranges.backoff", lambda attempt: 0.0)
    monkeypatch.setattr("download.http_client.backoff", lambda attempt: 0.0)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "www" / "quay").mkdir(parents=True)
    (tmp_path / "www" / NAME).write_bytes(CONTENT)
    return tmp_path / "www"


def client(server: ArchiveServer, told: list[str] | None = None) -> Client:
    return Client(f"{server.url}/data/quay", tell=(told if told is not None else []).append)


def left(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def break_off(request, headers: dict[str, str] = {}) -> Fault:  # noqa: B006
    """After the look at the headers, 100,000 bytes and then none."""
    return Fault(drop_after={1: None, 2: 100_000}.get(request.number, 0), headers=headers)


# ---- fetching --------------------------------------------------------------------------------------------------------
def test_a_file_is_fetched_once_and_then_taken_from_the_cache(root, tmp_path):
    with ArchiveServer(root) as server:
        first = fetch(client(server), FILE, tmp_path / "cache")
        again = fetch(client(server), FILE, tmp_path / "cache")
        assert len(server.requests) == 2  # the look at the headers, and the file
    assert first == again
    assert first.path.read_bytes() == CONTENT
    assert (first.size, first.sha256) == (len(CONTENT), DIGEST)
    assert left(tmp_path / "cache") == [FILE, f"{FILE}.source"]


@pytest.mark.parametrize("drop_after", [0, 1, 70_000])
def test_a_dropped_connection_is_taken_up_where_it_broke(root, tmp_path, drop_after):
    told: list[str] = []
    with ArchiveServer(root, lambda r: Fault(drop_after=drop_after) if r.number in (2, 3) else None) as server:
        assert fetch(client(server, told), FILE, tmp_path / "cache").sha256 == DIGEST
        assert server.sent(NAME) == LOOK + len(CONTENT)
    assert ["the connection broke" in line for line in told] == [True, True]


def test_a_run_that_was_given_up_goes_on_from_where_it_was(root, tmp_path):
    with ArchiveServer(root, break_off) as server:
        with pytest.raises(InputError, match="the connection broke; the same command goes on from here"):
            fetch(client(server), FILE, tmp_path / "cache")
        assert left(tmp_path / "cache") == [f"{FILE}.parts"]
        server.fault = lambda request: None
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
        assert server.sent(NAME) == LOOK + LOOK + len(CONTENT)
        assert server.requests[-1].headers["Range"] == "bytes=100000-299999"
        assert server.requests[-1].headers["If-Range"].startswith('"')


def test_a_file_that_changed_between_two_runs_is_fetched_anew(root, tmp_path):
    with ArchiveServer(root, break_off) as server:
        with pytest.raises(InputError):
            fetch(client(server), FILE, tmp_path / "cache")
        (root / NAME).write_bytes(CONTENT[::-1])
        server.fault = lambda request: Fault(headers={"ETag": '"another"'})
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT[::-1]


def test_a_server_without_range_sends_the_whole_again(root, tmp_path):
    fault = {2: Fault(drop_after=100_000), 3: Fault(ignore_range=True)}
    with ArchiveServer(root, lambda request: fault.get(request.number)) as server:
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
        assert server.sent(NAME) == LOOK + len(CONTENT) + 100_000


def test_without_an_etag_or_a_date_nothing_is_pieced_together(root, tmp_path):
    with ArchiveServer(root, partial(break_off, headers={"ETag": ""})) as server:
        with pytest.raises(InputError):
            fetch(client(server), FILE, tmp_path / "cache")
        server.fault = lambda request: Fault(headers={"ETag": ""})
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
        assert "Range" not in server.requests[-1].headers


def test_a_date_tells_the_version_where_the_etag_is_weak(root, tmp_path):
    date = "Tue, 01 Jul 2025 10:00:00 GMT"
    headers = {"ETag": 'W/"1"', "Last-Modified": date}
    with ArchiveServer(root, partial(break_off, headers=headers)) as server:
        with pytest.raises(InputError):
            fetch(client(server), FILE, tmp_path / "cache")
        server.fault = lambda request: Fault(headers=headers)
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
        assert server.requests[-1].headers["If-Range"] == date


def test_a_file_that_changes_while_it_is_fetched_is_fetched_anew(root, tmp_path):
    told: list[str] = []
    fault = {1: None, 2: Fault(drop_after=100_000)}
    with ArchiveServer(root, lambda r: fault.get(r.number, Fault(headers={"ETag": '"another"'}))) as server:
        assert fetch(client(server, told), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
    assert "has changed on the server since its download began; fetching it again" in told[-1]
    assert left(tmp_path / "cache") == [FILE, f"{FILE}.source"]


@pytest.mark.parametrize("given_by", ["server", "user"])
def test_a_damaged_download_is_fetched_once_more(root, tmp_path, given_by):
    headers = {"X-Linked-ETag": f'"{DIGEST}"'} if given_by == "server" else {}
    fault = {2: Fault(flip_bit_at=200_000, headers=headers)}
    told: list[str] = []
    with ArchiveServer(root, lambda request: fault.get(request.number, Fault(headers=headers))) as server:
        digest = DIGEST if given_by == "user" else ""
        assert fetch(client(server, told), FILE, tmp_path / "cache", digest).path.read_bytes() == CONTENT
    assert "should have " + DIGEST in told[0] and "fetching it again" in told[0]


@pytest.mark.parametrize("given_by", ["server", "user"])
def test_a_wrong_digest_ends_in_one_line_and_nothing_is_kept(root, tmp_path, given_by):
    wrong = "0" * 64
    headers = {"X-Linked-ETag": f'"{wrong}"'} if given_by == "server" else {}
    with ArchiveServer(root, lambda request: Fault(headers=headers)) as server:
        with pytest.raises(InputError, match=f"{FILE}: has the SHA-256 {DIGEST}, and should have {wrong}; .*--sha256"):
            fetch(client(server), FILE, tmp_path / "cache", wrong if given_by == "user" else "")
        assert len(server.requests) == 2 * 2  # twice a look and the file
    assert left(tmp_path / "cache") == []


def test_a_small_files_tag_is_not_taken_for_a_digest(root, tmp_path):
    with ArchiveServer(root, lambda request: Fault(headers={"X-Linked-ETag": '"9f2c1e"'})) as server:
        assert fetch(client(server), FILE, tmp_path / "cache").sha256 == DIGEST


def test_a_cached_file_is_fetched_again_when_damaged_or_from_elsewhere_or_not_as_asked(root, tmp_path):
    with ArchiveServer(root) as server, ArchiveServer(root) as other:
        path = fetch(client(server), FILE, tmp_path / "cache").path
        path.write_bytes(CONTENT[:-1] + b"?")
        assert fetch(client(server), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
        assert len(server.requests) == 2 * 2
        fetch(client(other), FILE, tmp_path / "cache")
        assert len(other.requests) == 2
        with pytest.raises(InputError, match="should have 1111"):
            fetch(client(other), FILE, tmp_path / "cache", "1" * 64)


def test_a_busy_server_is_waited_for_as_long_as_it_asks(root, tmp_path, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(Client, "wait", lambda self, seconds, reason: waits.append(seconds))
    busy = Fault(status=503, headers={"Retry-After": "17"})
    with ArchiveServer(root, lambda request: busy if request.number <= 2 else None) as server:
        assert fetch(client(server), FILE, tmp_path / "cache").sha256 == DIGEST
    assert waits == [17.0, 17.0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=503, headers={"Retry-After": "9999"}), "answers 503"),
        (Fault(status=404), "answers 404 Not Found; check --base_url, or fetch the file by hand"),
        (Fault(headers={"X-Linked-Size": "5"}), "has 5 bytes by its description and 300000 on the server"),
        (Fault(headers={"X-Linked-Size": "many"}), "does not say its size"),
    ],
)
def test_a_server_that_cannot_be_used_is_reported_at_once(root, tmp_path, fault, message):
    with ArchiveServer(root, lambda request: fault) as server:
        with pytest.raises(InputError, match=message):
            fetch(client(server), FILE, tmp_path / "cache")
        assert len(server.requests) == 1
    assert left(tmp_path / "cache") == []


def test_a_page_in_place_of_the_file_is_not_taken_for_it(tmp_path):
    for headers in (
        {"Content-Type": "text/html", "Content-Length": str(len(PAGE))},
        {"Content-Length": str(len(PAGE))},
    ):
        with serve(200, headers, PAGE) as url, pytest.raises(InputError, match=f"{FILE}: the server sends a web page"):
            fetch(Client(url), FILE, tmp_path / "cache")
    assert FILE not in left(tmp_path / "cache")


def test_a_refusal_of_a_node_may_pass(root, tmp_path):
    refused = Fault(status=403)
    with ArchiveServer(root, lambda request: refused if request.number == 1 else None) as server:
        found = fetch(Client(f"{server.url}/download/quay"), FILE, tmp_path / "cache")
    assert found.sha256 == DIGEST


def test_a_server_that_is_not_there_is_reported(tmp_path):
    with ArchiveServer(tmp_path) as server:
        gone = client(server)
    with pytest.raises(InputError, match="cannot be reached; check --base_url, or fetch .* with --inputpath"):
        fetch(gone, FILE, tmp_path / "cache")


def test_a_git_lfs_pointer_is_not_taken_for_the_file(root, tmp_path):
    (root / NAME).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 300000\n")
    with ArchiveServer(root) as server, pytest.raises(InputError, match="a git LFS pointer, not the data"):
        fetch(client(server), FILE, tmp_path / "cache")
    assert left(tmp_path / "cache") == []


def test_two_runs_do_not_write_one_download(root, tmp_path):
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / f"{FILE}.lock").open("ab") as held, ArchiveServer(root) as server:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run is fetching it"):
            fetch(client(server), FILE, tmp_path / "cache")
        assert server.requests == []


@contextmanager
def serve(status: int, headers: dict[str, str], body: bytes = b""):
    """A server that answers every request with this, and tells no length of its own."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """No log on stderr."""

        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/resolve/main"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("told", [DIGEST, "a" * 64])
def test_the_hubs_digest_is_read_from_its_redirect(root, tmp_path, told):
    linked = {"X-Linked-ETag": f'"{told}"', "X-Linked-Size": str(len(CONTENT))}
    with (
        ArchiveServer(root, lambda r: Fault(drop_after=100_000) if r.number == 2 else None) as data,
        serve(302, {"Location": f"{data.url}/data/{NAME}", "Content-Length": "0", **linked}) as url,
    ):
        if told == DIGEST:
            assert fetch(Client(url), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
            assert data.sent(NAME) == LOOK + len(CONTENT)
        else:
            with pytest.raises(InputError, match=f"should have {told}"):
                fetch(Client(url), FILE, tmp_path / "cache")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("300000", None),
        ("299999", "sends more than the 299,999 bytes"),
        ("300001", "the connection broke"),
        ("", "size"),
    ],
)
def test_without_a_content_length_the_hubs_size_decides(tmp_path, size, message):
    with serve(200, {"X-Linked-Size": size} if size else {}, CONTENT) as url:
        if message is None:
            assert fetch(Client(url), FILE, tmp_path / "cache").path.read_bytes() == CONTENT
            return
        with pytest.raises(InputError, match=message):
            fetch(Client(url), FILE, tmp_path / "cache")
    assert FILE not in left(tmp_path / "cache")


# ---- reading ---------------------------------------------------------------------------------------------------------
def write(path, data: bytes) -> SourceFile:
    """Write a file, packed by its ending."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("boats/boats.json", data)
    else:
        with open_output(path) as out:
            out.write(data)
    return find_files([path])[0]


def lines(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


FORMS = {
    "array": json.dumps(ROWS, ensure_ascii=False).encode(),
    "array, indented": json.dumps(ROWS, indent=4).encode() + b"\n",
    "array, BOM and white space": b"\xef\xbb\xbf\r\n " + json.dumps(ROWS).encode() + b" \r\n",
    "lines": lines(ROWS),
    "lines, CRLF and no end": lines(ROWS).replace(b"\n", b"\r\n").removesuffix(b"\r\n"),
    "lines, BOM": b"\xef\xbb\xbf" + lines(ROWS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", [".json", ".jsonl", ".jsonl.gz", ".json.gz", ".jsonl.zst", ".zip"])
def test_the_first_byte_tells_an_array_from_lines_whatever_the_name(tmp_path, form, ending):
    file = write(tmp_path / f"boats{ending}", FORMS[form])
    assert [(row.value, row.number) for row in read_rows(file)] == [(row, n) for n, row in enumerate(ROWS, 1)]


def test_a_line_number_counts_blank_lines(tmp_path):
    file = write(tmp_path / "boats.jsonl", b'{"a": 1}\n\n  \n{"a": 2}\n')
    assert [(row.number, row.place) for row in read_rows(file)] == [(1, f"{file.name}:1"), (4, f"{file.name}:4")]


@pytest.mark.parametrize("data", [b"", b"[]", b" [ ] \n", b"\n\n"])
def test_an_empty_file_has_no_rows(tmp_path, data):
    assert list(read_rows(write(tmp_path / "boats.json", data))) == []


@pytest.mark.parametrize("data", [b'[{"rating": NaN}]', b'{"rating": NaN}\n'])
def test_the_nan_that_python_writes_is_read(tmp_path, data):
    (row,) = read_rows(write(tmp_path / "boats.json", data))
    assert row.value["rating"] != row.value["rating"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(
    derandomize=True, max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4), max_size=12),
    chunk=st.integers(16, 300),
    indent=st.none() | st.integers(0, 3),
    ascii_only=st.booleans(),
)
def test_any_array_is_read_whatever_falls_on_the_edge_of_a_chunk(
    tmp_path, monkeypatch, rows, chunk, indent, ascii_only
):
    monkeypatch.setattr(json_rows, "CHUNK", chunk)
    path = tmp_path / "rows.json"
    path.write_bytes(json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass"))
    assert [row.value for row in read_rows(SourceFile(str(path)))] == rows


BAD = {
    "array cut in a row": (b'[{"a": 1}, {"b": "x', ":2: is not JSON, or is cut"),
    "array cut after a row": (b'[{"a": 1}', ":2: is not JSON, or is cut"),
    "array with bad JSON": (b'[{"a": 1}, {"b" 2}, {"c": 3}]', ":2: is not JSON"),
    "text after the array": (b'[{"a": 1}] {"b": 2}', ":2: is not JSON, or is cut (text after the array)"),
    "a number in the array": (b'[{"a": 1}, 12]', ":2: is not a JSON object"),
    "not UTF-8 in the array": (b'[{"a": "\xff"}]', "is not UTF-8"),
    "cut inside a character": ('[{"a": "é'.encode()[:-1], "is not UTF-8"),
    "deep nesting in the array": (b"[" + b'{"a":[' * 100_000, ":1: is not JSON"),
    "line with bad JSON": (b'{"a": 1}\n{"b" 2}\n', ":2: is not JSON"),
    "line cut": (b'{"a": 1}\n{"b": "x', ":2: is not JSON, or is cut"),
    "a list in the lines": (b'{"a": 1}\n[1]\n', ":2: is not a JSON object"),
    "not UTF-8 in a line": (b'{"a": "\xff"}\n', ":1: is not JSON"),
    "deep nesting in a line": (b'{"a":[' * 100_000 + b"\n", ":1: is not JSON"),
    "a web page": (b"<!doctype html>", ":1: is not JSON"),
    "a git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\n",
        ":1: is a git LFS pointer; run git lfs pull",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_file_of_rows_is_reported_with_file_and_row(tmp_path, kind):
    data, message = BAD[kind]
    file = write(tmp_path / "boats.json", data)
    with pytest.raises(InputError) as caught:
        list(read_rows(file))
    assert str(caught.value).startswith(f"{file.name}:")
    assert message in str(caught.value)


def test_a_row_without_an_end_is_not_read_to_the_end_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(json_rows, "CHUNK", 100)
    monkeypatch.setattr(json_rows, "LONGEST_ROW", 1_000)
    read = []
    monkeypatch.setattr(json_rows.Progress, "update", lambda self, amount: read.append(amount))
    file = write(tmp_path / "boats.json", b'[{"a": "' + b"x" * 100_000 + b'"}]')
    with pytest.raises(InputError, match=":1: is not JSON, or is cut"):
        list(read_rows(file))
    assert sum(read) < 2_000


@pytest.mark.parametrize("name", ["boats.jsonl.gz", "boats.zip"])
def test_a_damaged_archive_is_reported(tmp_path, name):
    write(tmp_path / name, lines({"a": number, "text": str(random.Random(number).random())} for number in range(3_000)))
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
        list(read_rows(find_files([tmp_path / name])[0]))
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / name))}: is "):
        list(read_rows(find_files([tmp_path / name])[0]))


def test_a_large_array_is_read_in_flat_memory():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sources", "--megabytes", "80"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak = int(re.search(r"peak memory (\d+) MiB", done.stdout)[1])
    assert 10 < peak < 80  # read whole, the text alone takes 80


# ---- finding ---------------------------------------------------------------------------------------------------------
def test_files_are_found_in_folders_and_zips_in_a_fixed_order(tmp_path):
    for name in ("b/train.jsonl", "a/test.json.gz", "notes.txt", "b/train.jsonl.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(b"[]") if name.endswith(".gz") else b"")
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as archive:
        for name in ("corpus/x.json", "__MACOSX/corpus/._x.json", "corpus/read.me"):
            archive.writestr(name, b"[]")
    found = find_files([tmp_path])
    assert [file.name.removeprefix(f"{tmp_path}/") for file in found] == [
        "a/test.json.gz",
        "b/train.jsonl",
        "corpus.zip:corpus/x.json",
    ]
    assert [file.given for file in found] == [False, False, False]
    assert find_files([tmp_path / "b/train.jsonl"]) == [SourceFile(str(tmp_path / "b/train.jsonl"), given=True)]


@pytest.mark.parametrize("name", ["gone.json", "notes.txt", "bad.zip"])
def test_a_path_that_is_not_a_source_is_reported(tmp_path, name):
    (tmp_path / "notes.txt").write_text("boats")
    (tmp_path / "bad.zip").write_text("boats")
    with pytest.raises(InputError, match=f"{name}: "):
        find_files([tmp_path / name])


def part_by_name(file: SourceFile) -> str | None:
    return next((part for part in ("red", "green") if part in file.path), None)


def test_parts_come_in_the_order_asked_for_and_what_was_only_found_may_be_left():
    green, red, other = SourceFile("green.json"), SourceFile("red.json"), SourceFile("x.json", given=False)
    assert list(assign([green, other, red], ["red", "green"], part_by_name, "mend").items()) == [
        ("red", red),
        ("green", green),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([SourceFile("red.json"), SourceFile("red.jsonl")], "red.jsonl: is red, as red.json is"),
        ([SourceFile("red.json"), SourceFile("green.json")], "green.json: is green; the hint"),
        ([SourceFile("x.json")], "x.json: is not a part of this data set, by its name; the hint"),
        ([SourceFile("x.json", given=False)], "found no file of red, but x.json; the hint"),
        ([], "found no file of red, but no other file; the hint"),
    ],
)
def test_files_that_cannot_be_assigned_are_reported(files, message):
    with pytest.raises(InputError) as caught:
        assign(files, ["red"], part_by_name, "the hint")
    assert message in str(caught.value)


# ---- writing ---------------------------------------------------------------------------------------------------------
def test_neither_output_may_be_the_other_or_an_input(tmp_path):
    source = write(tmp_path / "in.jsonl", b"")
    out, dropped = str(tmp_path / "out.jsonl"), str(tmp_path / "dropped.jsonl")
    for pair in ((source.path, None), (out, source.path), (out, f"{tmp_path}/./out.jsonl"), ("-", "-")):
        with pytest.raises(InputError, match="give another"), open_record_output([source.path], *pair):
            pass
    assert left(tmp_path) == ["in.jsonl"]
    with open_record_output([source.path], out, dropped):
        pass
    assert left(tmp_path) == ["dropped.jsonl", "in.jsonl", "out.jsonl"]


def test_nothing_is_written_when_the_run_fails(tmp_path):
    out, dropped = str(tmp_path / "out.jsonl"), str(tmp_path / "dropped.jsonl")
    row = SourceRow({"text": "\ud83d"}, 3, "boats.json:3")
    with (
        pytest.raises(InputError, match="boats.json:3: cannot be written as JSON"),
        open_record_output([], out, dropped) as results,
    ):
        results.drop(SourceRow({"a": 1}, 1, "boats.json:1"), "boats/1", "no text")
        results.keep("boats", row, row.value)
    assert left(tmp_path) == []
