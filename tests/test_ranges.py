"""Downloads through every fault end with the same bytes as without it, or with one clear line."""

import random
import threading

import pytest

from download import ranges
from download.http_client import Client, RetryError
from download.ranges import RemoteFile
from records.errors import ChangedError, DamagedError, InputError
from sample.archive_server import ArchiveServer, Fault
from stackdump.dumps import item_dumps
from stackdump.sites import Site
from tests.dumps import LZMA2, large_tables, pack

CONTENT = random.Random(5).randbytes(3_000_000)
ITEM, NAME = "quay", "quay/a.bin"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(ranges, "backoff", lambda attempt: 0.0)
    monkeypatch.setattr("download.http_client.backoff", lambda attempt: 0.0)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "www" / ITEM).mkdir(parents=True)
    (tmp_path / "www" / ITEM / "a.bin").write_bytes(CONTENT)
    return tmp_path / "www"


def remote(
    server: ArchiveServer, folder, size: int = len(CONTENT), told: list[str] | None = None, digest: str = ""
) -> RemoteFile:
    client = Client(server.url, 4, (told if told is not None else []).append)
    return RemoteFile(client, f"{server.url}/download/{NAME}", size, digest, folder)


def read_all(file: RemoteFile, start: int = 0, end: int = len(CONTENT), ahead: int | None = None) -> bytes:
    with file.reader(start, end, ahead) as reader:
        return b"".join(iter(lambda: reader.read(50_000), b""))


@pytest.mark.parametrize(("start", "end"), [(0, len(CONTENT)), (1_000_000, 2_500_000), (2_999_999, 3_000_000), (0, 32)])
def test_only_the_range_asked_for_is_fetched_and_only_once(root, tmp_path, start, end):
    with ArchiveServer(root) as server:
        file = remote(server, tmp_path / "parts")
        assert read_all(file, start, end) == CONTENT[start:end]
        assert read_all(file, start, end) == CONTENT[start:end]
        assert server.sent(NAME) == end - start


@pytest.mark.parametrize("drop_after", [0, 1, 77_777, 900_000])
def test_a_dropped_connection_is_taken_up_where_it_broke(root, tmp_path, drop_after):
    told: list[str] = []
    with ArchiveServer(root, lambda r: Fault(drop_after=drop_after) if r.number <= 3 else None) as server:
        assert read_all(remote(server, tmp_path / "parts", told=told)) == CONTENT
        assert server.sent(NAME) == len(CONTENT)
    assert len(told) == 3
    assert all("the connection broke at byte" in line for line in told)


def test_a_server_that_always_drops_is_given_up_with_what_to_do(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(drop_after=0)) as server:
        with pytest.raises(InputError, match="the same command goes on from here"):
            read_all(remote(server, tmp_path / "parts"))
        assert len(server.requests) == RetryError.attempts


def test_a_server_that_drops_often_but_moves_on_is_not_given_up(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(drop_after=100_000)) as server:
        assert read_all(remote(server, tmp_path / "parts")) == CONTENT
        assert len(server.requests) == 30 > RetryError.attempts


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_the_time_that_it_names(root, tmp_path, status):
    told: list[str] = []
    fault = Fault(status=status, headers={"Retry-After": "1"})
    with ArchiveServer(root, lambda r: fault if r.number == 1 else None) as server:
        assert read_all(remote(server, tmp_path / "parts", told=told)) == CONTENT
    [line] = told
    assert f"the server answers {status}" in line
    assert "trying again in 1 s" in line


def test_a_server_that_asks_for_a_day_is_given_up(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(status=503, headers={"Retry-After": "86400"})) as server:
        with pytest.raises(InputError, match="answers 503"):
            read_all(remote(server, tmp_path / "parts"))
        assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "attempts"), [(400, 2), (401, 2), (403, 2), (404, 2), (410, 1), (416, 1)])
def test_a_refusal_that_may_pass_is_given_one_more_try(root, tmp_path, status, attempts):
    with ArchiveServer(root, lambda r: Fault(status=status)) as server:
        with pytest.raises(InputError, match="answers" if status != 416 else "is shorter on the server"):
            read_all(remote(server, tmp_path / "parts"))
        assert len(server.requests) == attempts


def test_an_interrupted_download_goes_on_in_another_run(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(drop_after=1_234_567) if r.number == 1 else Fault(status=404)) as server:
        with pytest.raises(InputError):
            read_all(remote(server, tmp_path / "parts"))
        server.fault = lambda request: None
        assert read_all(remote(server, tmp_path / "parts")) == CONTENT
        assert server.sent(NAME) == len(CONTENT)
        assert server.requests[-1].headers["If-Range"]


def test_parts_of_another_file_are_not_taken(root, tmp_path):
    with ArchiveServer(root) as server:
        assert read_all(remote(server, tmp_path / "parts"), 0, 1000) == CONTENT[:1000]
        other = CONTENT[::-1] + b"!"
        (root / NAME).write_bytes(other)
        assert read_all(remote(server, tmp_path / "parts", len(other)), 0, 1000) == other[:1000]


def test_a_file_that_changes_on_the_server_is_noticed(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(headers={"ETag": '"other"'}) if r.number > 1 else None) as server:
        file = remote(server, tmp_path / "parts")
        read_all(file, 0, 1000)
        with pytest.raises(ChangedError, match="has changed on the server"):
            read_all(file, 5000, 6000)
        file.start_again()
        assert read_all(file, 5000, 6000) == CONTENT[5000:6000]


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_with_a_digest_is_resumed_whatever_etags_the_nodes_have(root, tmp_path, etags):
    def fault(request):
        return Fault(headers={"ETag": f'"{request.number}"' if etags else ""}, drop_after=300_000)

    with ArchiveServer(root, fault) as server:
        digest = server.metadata(ITEM)["files"][0]["md5"]
        assert read_all(remote(server, tmp_path / "parts", digest=digest), 0, 1_000_000) == CONTENT[:1_000_000]
        again = remote(server, tmp_path / "parts", digest=digest)
        assert read_all(again, 0, 1_000_000) == CONTENT[:1_000_000]
        again.move_to(tmp_path / "kept.bin")
        assert server.sent(NAME) == 1_000_000 + len(CONTENT)
        assert not any("If-Range" in request.headers for request in server.requests)
    assert (tmp_path / "kept.bin").read_bytes() == CONTENT


def test_a_server_without_range_sends_the_whole_file_once(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(ignore_range=True)) as server:
        file = remote(server, tmp_path / "parts")
        assert read_all(file, 2_000_000, 2_500_000) == CONTENT[2_000_000:2_500_000]
        assert read_all(file, 100, 200) == CONTENT[100:200]
        assert len(server.requests) == 2  # the first told that there is no Range


def test_a_drop_without_range_is_made_good_by_skipping_what_is_here(root, tmp_path):
    with ArchiveServer(
        root, lambda r: Fault(ignore_range=True, drop_after=None if r.number > 2 else 1_000_000)
    ) as server:
        assert read_all(remote(server, tmp_path / "parts")) == CONTENT


def test_a_file_shorter_than_its_metadata_is_reported(root, tmp_path):
    with ArchiveServer(root, lambda r: Fault(cut_by=10)) as server:
        with pytest.raises(InputError, match="2999990 bytes on the server and 3000000 in its metadata"):
            read_all(remote(server, tmp_path / "parts"), 0, 100)
        with pytest.raises(InputError, match="is shorter on the server"):
            read_all(remote(server, tmp_path / "parts2"), 2_999_995, 3_000_000)


def test_a_download_does_not_run_far_ahead_of_a_reader_that_may_stop(root, tmp_path):
    with ArchiveServer(root) as server:
        file = remote(server, tmp_path / "parts")
        with file.reader(0, len(CONTENT), ahead=100_000) as reader:
            got = b""
            while len(got) < 50_000:
                got += reader.read(50_000 - len(got))
            assert got == CONTENT[:50_000]
            file.stop()
        on_disk = (tmp_path / "parts" / f"0-{len(CONTENT)}.part").stat().st_size
        assert 50_000 <= on_disk <= 50_000 + 100_000 + 2 * ranges.CHUNK


def test_readers_that_wait_are_woken_when_all_is_stopped(root, tmp_path):
    block = threading.Event()

    def fault(request):
        block.wait(20)

    with ArchiveServer(root, fault) as server:
        file = remote(server, tmp_path / "parts")
        with file.reader(0, len(CONTENT)) as reader:
            threading.Timer(0.1, file.stop).start()
            with pytest.raises(InputError, match="stopped"):
                reader.read(10)
        block.set()


def test_no_more_connections_than_allowed(root, tmp_path):
    active, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(2)

    def fault(request):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        gate.wait(10)  # two are under way at once; a third would be counted
        with lock:
            active -= 1

    with ArchiveServer(root, fault) as server:
        client = Client(server.url, connections=2)
        readers = []
        for n in range(6):
            file = RemoteFile(client, f"{server.url}/download/{NAME}", len(CONTENT), "", tmp_path / f"parts{n}")
            readers.append(file.reader(0, 1000))
        assert [reader.read(1000) for reader in readers] == [CONTENT[:1000]] * 6
    assert most == 2


def test_a_whole_file_is_kept_only_if_its_digest_is_right(root, tmp_path):
    with ArchiveServer(root) as server:
        digest = server.metadata(ITEM)["files"][0]["md5"]
        client = Client(server.url)
        file = RemoteFile(client, f"{server.url}/download/{NAME}", len(CONTENT), digest, tmp_path / "parts")
        file.move_to(tmp_path / "kept.bin")
        assert (tmp_path / "kept.bin").read_bytes() == CONTENT
        file = RemoteFile(client, f"{server.url}/download/{NAME}", len(CONTENT), "0" * 32, tmp_path / "parts2")
        with pytest.raises(DamagedError, match="has the MD5"):
            file.move_to(tmp_path / "wrong.bin")
        assert not (tmp_path / "wrong.bin").exists()


# ---- archives ------------------------------------------------------------------------------------
def test_of_a_solid_archive_what_lies_behind_the_wanted_tables_is_not_fetched(tmp_path):
    path = pack(tmp_path / "www" / ITEM / "quay.stackexchange.com.7z", large_tables())
    size = path.stat().st_size
    with ArchiveServer(tmp_path / "www") as server:
        dump = item_dumps(Client(server.url), ITEM)[Site("quay.stackexchange.com")]
        names = []
        for table in dump.tables(("Users", "Posts"), tmp_path / "work", 1):
            assert b"".join(table.chunks) == large_tables()[table.name]
            names.append(table.name)
        dump.stop()
    assert names == ["Posts", "Users"]
    part = max((tmp_path / "work").rglob("*.part"), key=lambda path: path.stat().st_size)
    assert part.stat().st_size < 0.6 * size


@pytest.mark.slow
def test_of_an_archive_with_a_stream_a_table_only_the_wanted_streams_are_fetched(tmp_path):
    path = pack(tmp_path / "www" / ITEM / "quay.stackexchange.com.7z", large_tables(), LZMA2, solid=False)
    with ArchiveServer(tmp_path / "www") as server:
        dump = item_dumps(Client(server.url), ITEM)[Site("quay.stackexchange.com")]
        for table in dump.tables(("Posts",), tmp_path / "work", 1):
            assert b"".join(table.chunks) == large_tables()["Posts"]
        sent = server.sent(f"{ITEM}/{path.name}")
    parts = sum(part.stat().st_size for part in (tmp_path / "work").rglob("*.part"))
    assert sent == parts  # nothing twice
    assert sent < 0.5 * path.stat().st_size
