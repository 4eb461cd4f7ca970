"""Before it begins: what a run will fetch and write, and that it does not start where a disk is too small."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from download.http_client import Client
from records.errors import InputError
from sample.archive_server import ArchiveServer
from sample.demo import ITEM
from stackdump.archive_org import TABLES, ItemFile
from stackdump.dumps import ArchiveDump, ItemDump
from stackdump.forecast import Forecast, check_disk, forecast
from stackdump.local_dumps import local_dumps
from stackdump.options import Options
from stackdump.run_sites import run_sites
from stackdump.sites import Site
from tests.conftest import SAMPLE_DUMP, run_script
from tests.dumps import files_in, pack, small_posts, table

SCRIPT = "get_stackexchange.py"
QUAY = Site("quay.stackexchange.com")
SHM = Path("/dev/shm")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """The bytes that are free at each folder and below it; elsewhere there is enough."""
    disks: dict[Path, int] = {}

    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(
            free=min((disks[disk] for disk in disks if folder.is_relative_to(disk)), default=1 << 60)
        )

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    return disks


@pytest.fixture
def dump(tmp_path: Path) -> dict:
    archive = pack(tmp_path / "dumps" / "quay.stackexchange.com.7z", {"Posts": table("posts", small_posts())})
    return local_dumps(archive)


def item_dump(**sizes: int) -> ItemDump:
    """A dump with an archive of its own for each table."""
    files = {table: ItemFile("item", f"quay.stackexchange.com-{table}.7z", size, "") for table, size in sizes.items()}
    return ItemDump(Client("http://127.0.0.1:9"), files)


def one_archive(size: int) -> ItemDump:
    file = ItemFile("item", "quay.stackexchange.com.7z", size, "")
    return ItemDump(Client("http://127.0.0.1:9"), dict.fromkeys(TABLES, file))


def lines_of(chosen: dict, options: Options) -> list[str]:
    """What a run says."""
    lines: list[str] = []
    run_sites(chosen, options, threading.Event(), lines.append)
    return lines


def test_a_disk_that_is_a_byte_too_small_is_refused_before_anything_is_written(dump, free, tmp_path):
    options = Options(destdir=tmp_path / "out")
    expected = forecast(QUAY, dump[QUAY], options)
    free[tmp_path] = expected.kept + expected.work_beside - 1
    with pytest.raises(InputError, match="out: this run needs about .* are free; give another --destdir"):
        lines_of(dump, options)
    assert not options.destdir.exists()
    free[tmp_path] += 1
    lines_of(dump, options)
    assert files_in(options.destdir) == {"quay/unfiltered.jsonl", "quay/report.json"}


def test_the_estimate_can_be_ignored(dump, free, tmp_path):
    free[tmp_path] = 0
    lines_of(dump, Options(destdir=tmp_path / "out", ignore_disk_space=True))
    assert "quay/unfiltered.jsonl" in files_in(tmp_path / "out")


def test_sites_that_are_complete_need_no_room(dump, free, tmp_path):
    options = Options(destdir=tmp_path / "out")
    lines_of(dump, options)
    free[tmp_path] = 0
    [line] = lines_of(dump, options)
    assert "is complete; --force does it again" in line
    with pytest.raises(InputError, match="0.00B are free"):
        lines_of(dump, replace(options, force=True))


@pytest.mark.skipif(not SHM.is_dir(), reason="needs a second file system, /dev/shm")
def test_each_disk_is_checked_for_what_goes_there(free, tmp_path):
    here = [Forecast(to_fetch=0, kept=1000, work_beside=100, work_apart=500)]
    options = Options(destdir=tmp_path / "out", tmpdir=SHM / "work")
    free |= {tmp_path: 1000, SHM: 500}
    check_disk(here, here, options)
    free[SHM] = 499
    with pytest.raises(InputError, match="/dev/shm/work: this run needs about 500B.* give another --tmpdir"):
        check_disk(here, here, options)
    free |= {tmp_path: 999, SHM: 500}
    with pytest.raises(InputError, match="out: this run needs about 1.00kB .* give another --destdir"):
        check_disk(here, here, options)
    free[tmp_path] = 1099
    with pytest.raises(InputError, match="needs about 1.10kB"):
        check_disk(here, here, replace(options, tmpdir=tmp_path / "work"))


def test_of_a_destination_at_a_url_only_the_temporary_files_are_checked(free, tmp_path):
    upath = pytest.importorskip("upath", reason="needs upath: pip install -r requirements/cluster.txt")
    options = Options(destdir=upath.UPath("memory://out"), tmpdir=tmp_path)
    site = Forecast(to_fetch=0, kept=10**15, work_beside=0, work_apart=500)
    free[tmp_path] = 500
    check_disk([site], [site], options)
    check_disk([site, site], [site], options)  # the other one's are on a worker of a cluster
    with pytest.raises(InputError, match="give another --tmpdir"):
        check_disk([site, site], [site, site], replace(options, workers=2))
    check_disk([site, site], [site, site], options)  # one after the other


def test_what_a_killed_run_has_downloaded_is_not_needed_again(tmp_path):
    dump, options = item_dump(Posts=10_000_000, Users=1_000_000), Options(destdir=tmp_path)
    before = forecast(QUAY, dump, options)
    part = tmp_path / "quay" / ".work" / "download" / "0-9.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(4_096_000))
    assert 4_096_000 <= before.work_beside - forecast(QUAY, dump, options).work_beside < 4_200_000  # with its folders


def test_only_the_archives_of_the_wanted_tables_are_fetched():
    dump, options = item_dump(Posts=10, Users=2, PostHistory=30), Options(destdir=Path("out"))
    fetched = [
        forecast(QUAY, dump, replace(options, **more)).to_fetch
        for more in ({}, {"authors": False}, {"body_source": "history"})
    ]
    assert fetched == [12, 10, 42]
    assert forecast(QUAY, one_archive(50), options).to_fetch == 50


def test_posts_apart_are_a_larger_part_of_their_archive(tmp_path):
    archive = tmp_path / "a.7z"
    archive.write_bytes(bytes(1000))
    alone = ArchiveDump({"Posts": (archive,)})
    with_others = ArchiveDump({"Posts": (archive,), "Users": (archive,)})
    assert alone.posts_size > 2 * with_others.posts_size > 2000


def test_compressed_records_and_kept_archives_change_what_stays(tmp_path):
    dump, options = one_archive(1_000_000), Options(destdir=tmp_path)
    plain = forecast(QUAY, dump, options)
    assert forecast(QUAY, dump, replace(options, compress="zst")).kept == plain.kept // 4
    kept = forecast(QUAY, dump, replace(options, keep_archive=True))
    assert (kept.kept - plain.kept, plain.work_beside - kept.work_beside) == (1_000_000, 1_000_000)


def test_a_run_that_fetches_says_what_it_will_do(www, tmp_path):
    with ArchiveServer(www) as server:
        run = run_script(SCRIPT, "--base_url", server.url, "--dump", ITEM, "--sites", "harbour", "--destdir", tmp_path)
    size = (www / ITEM / "harbour.stackexchange.com.7z").stat().st_size
    assert f"1 site to convert: at most {size / 1000:.1f}kB to fetch, about " in run.stderr
    assert f"kB at {tmp_path}, and at most " in run.stderr


def test_one_local_dump_needs_no_announcement_and_several_do(dump, tmp_path):
    assert not [line for line in lines_of(dump, Options(destdir=tmp_path / "one")) if "to convert" in line]
    both = dump | local_dumps(SAMPLE_DUMP)
    first, *_ = lines_of(both, Options(destdir=tmp_path / "two"))
    assert first.startswith("2 sites to convert: about ") and "to fetch" not in first
