"""Members of 7z archives come out as they went in, of any method, and damage is found."""

import random
from itertools import zip_longest

import py7zr
import pytest

from records.errors import DamagedError, InputError
from stackdump.archive_files import LocalFile
from stackdump.sevenzip import Archive
from tests import needs
from tests.dumps import BZIP2, LZMA2, noise, pack

METHODS = {
    "BZip2": BZIP2,
    "LZMA2": LZMA2,
    "LZMA": [{"id": py7zr.FILTER_LZMA, "preset": 1}],
    "PPMd": [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 18}],
    "Deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "Zstandard": [{"id": py7zr.FILTER_ZSTD}],
    "Copy": [{"id": py7zr.FILTER_COPY}],
    "BCJ+LZMA2": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "Delta+LZMA2": [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
}
TABLES = {
    name: f"<{name}/>".encode() + noise(size, size).encode()
    for name, size in [("Badges", 100_000), ("Posts", 1_300_000), ("Tags", 0), ("Users", 200_000), ("Votes", 50_000)]
}


def read(path, *wanted: str, threads: int = 1) -> dict[str, bytes]:
    archive = Archive(LocalFile(path), threads)
    members = [member for name in wanted if (member := archive.find(name))]
    return {member.name.removesuffix(".xml"): b"".join(chunks) for member, chunks in archive.stream(members)}


@pytest.mark.slow
@pytest.mark.parametrize("solid", [True, False], ids=["solid", "a stream a member"])
@pytest.mark.parametrize("method", METHODS)
def test_members_of_every_method_come_out_complete(tmp_path, method, solid):
    path = pack(tmp_path / "a.7z", TABLES, METHODS[method], solid)
    for wanted in (["Posts"], ["Users"], ["Posts", "Users"], ["Users", "Badges"], list(TABLES)):
        assert read(path, *wanted) == {name: TABLES[name] for name in wanted}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bzip2_is_the_same_on_any_number_of_threads(tmp_path, threads):
    path = pack(tmp_path / "a.7z", TABLES, BZIP2)
    assert read(path, "Posts", "Votes", threads=threads) == {name: TABLES[name] for name in ("Posts", "Votes")}


def test_members_are_found_in_any_case_and_folder(tmp_path):
    path = pack(tmp_path / "a.7z", {"dump/2014/posts": b"<posts/>"}, LZMA2)
    assert Archive(LocalFile(path)).find("Posts").name == "dump/2014/posts.xml"
    assert Archive(LocalFile(path)).find("Users") is None


def test_an_archive_without_members_is_read(tmp_path):
    path = tmp_path / "a.7z"
    py7zr.SevenZipFile(path, "w").close()
    assert Archive(LocalFile(path)).members == []


def test_a_stream_that_is_left_early_leaves_nothing_behind(tmp_path):
    archive = Archive(LocalFile(pack(tmp_path / "a.7z", TABLES, BZIP2)), threads=2)
    for _, chunks in archive.stream([archive.find("Posts"), archive.find("Users")]):
        assert next(iter(chunks))
        break


@pytest.mark.parametrize("method", ["BZip2", "LZMA2", "PPMd"])
def test_members_of_streams_of_their_own_are_read_side_by_side(tmp_path, method):
    archive = Archive(LocalFile(pack(tmp_path / "a.7z", TABLES, METHODS[method], solid=False)))
    members = [archive.find(name) for name in ("Users", "Posts", "Badges")]
    streams = [chunks for _, chunks in archive.stream(members)]
    found: list[list[bytes]] = [[], [], []]
    for turn in zip_longest(*streams):
        for chunks, chunk in zip(found, turn, strict=True):
            chunks.append(chunk or b"")
    assert [b"".join(chunks) for chunks in found] == [TABLES[name] for name in ("Users", "Posts", "Badges")]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["BZip2", "LZMA2", "PPMd", "Copy"])
def test_one_wrong_bit_anywhere_is_found(tmp_path, method):
    path = pack(tmp_path / "a.7z", {"Posts": noise(60_000, 1).encode()}, METHODS[method])
    whole = path.read_bytes()
    right = read(path, "Posts")
    for position in random.Random(method).sample(range(len(whole)), 40):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            found = read(path, "Posts")
        except InputError as error:
            assert str(path) in str(error)
        else:  # a byte that carries nothing: a time stamp, the version, padding
            assert found == right, position


@pytest.mark.parametrize("method", ["BZip2", "LZMA2", "PPMd"])
def test_an_archive_cut_anywhere_is_reported_in_one_line(tmp_path, method):
    path = pack(tmp_path / "a.7z", {"Posts": noise(60_000, 1).encode()}, METHODS[method])
    whole = path.read_bytes()
    for size in [*range(0, 40), *range(40, len(whole), 1000), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(InputError) as error:
            read(path, "Posts")
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_packed_stream_that_is_cut_is_damage_and_says_where(tmp_path):
    path = pack(tmp_path / "a.7z", TABLES, LZMA2, solid=False)
    member = Archive(LocalFile(path)).find("Posts")
    data = bytearray(path.read_bytes())
    data[member.start + 1000 : member.end] = bytes(member.end - member.start - 1000)
    path.write_bytes(data)
    with pytest.raises(DamagedError) as error:
        read(path, "Posts")
    assert error.value.span == (member.start, member.end)


def test_an_encrypted_archive_is_reported_in_one_line(tmp_path):
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w", password="quay") as archive:
        archive.writestr(b"<posts/>", "Posts.xml")
    with pytest.raises(InputError, match="is encrypted"):
        read(path, "Posts")


@pytest.mark.slow
@needs.shared("archive.org")
@pytest.mark.parametrize("path", sorted((needs.SHARED / "archive.org").rglob("*.7z")), ids=lambda path: path.stem)
def test_real_archives_read_as_py7zr_reads_them(path):
    ours = read(path, "Posts", "Users", threads=2)
    factory = py7zr.io.BytesIOFactory(1 << 30)
    with py7zr.SevenZipFile(path) as archive:
        archive.extract(
            targets=[n for n in archive.namelist() if n.lower() in ("posts.xml", "users.xml")], factory=factory
        )
    theirs = {name.removesuffix(".xml"): file.read() for name, file in factory.products.items()}
    assert ours == theirs
