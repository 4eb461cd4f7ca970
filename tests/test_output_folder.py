"""A folder that is replaced as a whole: whatever happens, it is the old one or the new one."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from records import file_io
from records.errors import InputError
from records.file_io import open_output_folder
from tests.conftest import ROOT

OURS = {"part1", "part2", "part7", "below/part3"}

# A run in its own process, which kills itself before its n-th change to the file system.
WRITE = """
import os, signal, sys
from pathlib import Path
from records import file_io

folder, left, no_exchange = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "no exchange"
EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "open", "shutil.rmtree", "exchange"}

def watch(event, args):
    global left
    if event in EVENTS and (event != "open" or str(folder.parent) in str(args[0])):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def exchange(a, b, exchange=file_io._exchange_names):
    sys.audit("exchange")
    if no_exchange:
        raise OSError(22, "not supported")
    exchange(a, b)
    sys.audit("exchange")

file_io._exchange_names = exchange
sys.addaudithook(watch)
with file_io.open_output_folder(folder, lambda: {"part1", "part2", "part7", "below/part3"}) as staging:
    (staging / "below").mkdir()
    for name in ("part1", "part2", "below/part3"):
        (staging / name).write_text("new")
"""

OLD = {
    "part1": "old",
    "part7": "old",
    "below/part3": "old",
    "below/note": "mine",
    "note": "mine",
    ".git/config": "mine",
}
NEW = {
    "part1": "new",
    "part2": "new",
    "below/part3": "new",
    "below/note": "mine",
    "note": "mine",
    ".git/config": "mine",
}


def fill(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, kill_at: int, how: str) -> int:
    command = [sys.executable, "-c", WRITE, folder, str(kill_at), how]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exchange", "no exchange"])
def test_kill_at_any_moment_leaves_the_old_folder_or_the_new_one(tmp_path, how):
    """Kills at each change to the file system in turn; the next run creates the new folder and leaves nothing else.

    If folders cannot be exchanged, there is a moment without one, which the next run repairs.
    """
    seen, kill_at = [], 0
    while True:
        kill_at += 1
        place = tmp_path / str(kill_at)
        folder = fill(place / "data", OLD)
        status = write(folder, kill_at, how)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        left = contents(folder) if folder.exists() else None
        assert left in ((OLD, NEW) if how == "exchange" else (OLD, NEW, None)), kill_at
        if left not in seen:
            seen.append(left)
        if kill_at % 4 == 0 or left is None:  # all of them would take long
            assert write(folder, 0, how) == 0
            assert contents(folder) == NEW
            assert os.listdir(place) == ["data"]
    assert kill_at > 20 and OLD in seen and NEW in seen, "was not killed before and after the exchange"


def test_failed_run_after_a_kill_between_two_renames_restores_the_old_folder(tmp_path):
    fill(tmp_path / ".data.old", OLD)
    (tmp_path / ".data.lock").touch()
    with pytest.raises(KeyboardInterrupt), open_output_folder(tmp_path / "data", lambda: OURS):
        raise KeyboardInterrupt
    assert contents(tmp_path / "data") == OLD and os.listdir(tmp_path) == ["data"]


def unsupported(a: Path, b: Path) -> None:
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.mark.parametrize("how", ["exchange", "no exchange"])
def test_new_folder_has_the_new_files_and_other_peoples_files(tmp_path, monkeypatch, how):
    if how == "no exchange":
        monkeypatch.setattr(file_io, "_exchange_names", unsupported)
    folder = fill(tmp_path / "data", OLD)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("nowhere")
    os.link(folder / "note", tmp_path / "the same note")
    with open_output_folder(folder, lambda: OURS) as staging:
        fill(staging, {"part1": "new", "part2": "new", "below/part3": "new"})
        assert contents(folder) == OLD
    assert contents(folder) == NEW
    assert (folder / "empty").is_dir() and os.readlink(folder / "link") == "nowhere"
    assert os.path.samefile(folder / "note", tmp_path / "the same note")
    assert sorted(os.listdir(tmp_path)) == ["data", "the same note"]


@pytest.mark.parametrize("name", [".data.unfinished", ".data.old"])
def test_users_folder_with_the_name_of_a_temporary_one_is_kept(tmp_path, name):
    fill(tmp_path / "data", OLD)
    fill(tmp_path / name, {"note": "mine"})
    with (
        pytest.raises(InputError, match=f"{name}: is in the way"),
        open_output_folder(tmp_path / "data", lambda: OURS),
    ):
        pytest.fail("was opened")
    assert contents(tmp_path / name) == {"note": "mine"} and contents(tmp_path / "data") == OLD
    assert sorted(os.listdir(tmp_path)) == sorted([name, "data"])


def test_our_files_are_determined_when_the_new_folder_is_complete(tmp_path):
    """Not before, because somebody may add files meanwhile."""
    folder = fill(tmp_path / "data", OLD)

    def refuse() -> set[str]:
        raise InputError(", ".join(sorted(contents(folder).keys() - OLD.keys())))

    with pytest.raises(InputError, match="^part2$"), open_output_folder(folder, refuse) as staging:
        fill(staging, {"part1": "new", "part2": "new"})
        fill(folder, {"part2": "mine"})
    assert contents(folder) == OLD | {"part2": "mine"} and os.listdir(tmp_path) == ["data"]


def test_link_to_a_folder_stays_a_link(tmp_path):
    fill(tmp_path / "disk", OLD)
    (tmp_path / "data").symlink_to("disk")
    with open_output_folder(tmp_path / "data", lambda: OURS) as staging:
        fill(staging, {"part1": "new"})
    assert (tmp_path / "data").is_symlink() and (tmp_path / "disk" / "part1").read_text() == "new"


def test_users_file_in_the_way_is_reported_and_nothing_is_changed(tmp_path):
    folder = fill(tmp_path / "data", {"part1/note": "mine"})
    with pytest.raises(InputError, match="part1: is in the way"), open_output_folder(folder, lambda: OURS) as staging:
        fill(staging, {"part1": "new"})
    assert contents(folder) == {"part1/note": "mine"} and os.listdir(tmp_path) == ["data"]


def test_current_directory_is_refused(tmp_path, monkeypatch):
    (tmp_path / "data" / "below").mkdir(parents=True)
    for place in (tmp_path / "data", tmp_path / "data" / "below"):
        monkeypatch.chdir(place)
        with (
            pytest.raises(InputError, match="holds the directory that you are in"),
            open_output_folder(tmp_path / "data", lambda: OURS),
        ):
            pytest.fail("was opened")


def test_permissions_of_the_folder_are_kept(tmp_path):
    folder = fill(tmp_path / "data", OLD)
    folder.chmod(0o750)
    with open_output_folder(folder, lambda: OURS) as staging:
        fill(staging, {"part1": "new"})
    assert folder.stat().st_mode & 0o777 == 0o750


def test_no_file_is_lost_if_hard_links_are_not_supported(tmp_path, monkeypatch):
    def no_links(*args, **more):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(file_io.os, "link", no_links)
    folder = fill(tmp_path / "data", OLD)
    with open_output_folder(folder, lambda: OURS) as staging:
        fill(staging, {"part1": "new", "part2": "new", "below/part3": "new"})
    assert contents(folder) == NEW
