"""Runs untrusted Python: each program in a process of its own, cut off from the system, for a limited time.

    sandbox = open_sandbox(Limits())
    [outcome] = sandbox.run([Program(code, tests, cpu_seconds=2.0)], seed=1)

What is closed, and by what:

    files           bubblewrap: only the system's libraries and the Python that runs this are visible, read-only, and an
                    empty folder in memory, which vanishes with the sandbox; no home, project, /etc, /proc, /sys
    network         bubblewrap: a network namespace with nothing but its own loopback
    processes       bubblewrap: a PID namespace, killed as a whole; seccomp: no new processes or threads
    privileges      bubblewrap: a user namespace without capabilities; seccomp: no system calls that attacks need and
                    functions do not (ptrace, mount, namespaces, keys, bpf, io_uring, ..)
    environment     none of our variables are passed on
    time, memory    resource limits on the one process there is; a wall clock outside of it
    output          to /dev/null; the reports of the tests are cut off at 1 MB
    reports         generation/sandbox/runner.py

What is not closed: the kernel is shared, so a vulnerability in it is a way out, as from every container. Small files
take kernel memory beyond the folder's size, as many as can be made within the CPU time. Nothing hides how long a
program takes.

Every start checks the sandbox with a program that attempts what must fail (PROBE). If an attempt succeeds, or
bubblewrap does not work, code is not run. Only allow_unsandboxed goes on then: with a new process, its own folder and
environment and the resource limits, but with access to files, network and other processes.

bubblewrap: https://github.com/containers/bubblewrap. seccomp through libseccomp: https://github.com/seccomp/libseccomp.
"""

from __future__ import annotations

import ast
import errno
import io
import json
import marshal
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from generation.sandbox.runner import CHECK
from records.errors import InputError

RUNNER = Path(__file__).with_name("runner.py")
START = "import marshal, sys; exec(marshal.load(sys.stdin.buffer))"  # compiled beforehand, which saves a millisecond
PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]  # sys.executable may be a virtual environment's link to it
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")  # of the system
INSTALL = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf; Arch: pacman -S)"
SECONDS_TO_START = 30  # a sandbox takes hundredths of a second
TIME_ZONES = {1: "WEST+12", 2: "EAST-14"}  # by seed; the dates in these always differ
MEGABYTE = 1 << 20

# What functions and their tests do not need: processes and threads; access to other processes; mounts and namespaces;
# memory that the limits do not count; parts of the kernel with a history of vulnerabilities.
DENIED = """
    fork vfork clone clone3 execve execveat
    ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd kcmp process_madvise
    unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
    memfd_create memfd_secret shmget shmat msgget semget
    bpf perf_event_open io_uring_setup io_uring_enter io_uring_register userfaultfd
    add_key request_key keyctl open_by_handle_at name_to_handle_at quotactl personality modify_ldt
    setuid setgid setreuid setregid setresuid setresgid setgroups
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct
    seccomp landlock_create_ruleset fanotify_init vhangup
""".split()


class SandboxError(InputError):
    """No sandbox can be made. The message says why."""


@dataclass(frozen=True)
class Limits:
    """The resources that a program may use."""

    memory: int = 512 * MEGABYTE  # bytes of address space
    files: int = 16 * MEGABYTE  # bytes, for each file and for the folder
    open_files: int = 64
    wall_seconds: float = 8.0

    def as_resources(self) -> list[tuple[str, int]]:
        """The limits by their names in the module `resource`, except CPU time, which each program sets."""
        memory = [("RLIMIT_AS", self.memory), ("RLIMIT_STACK", 8 * MEGABYTE)]
        return [
            *(memory if sys.platform.startswith("linux") else []),  # macOS refuses to set the first and ignores both
            ("RLIMIT_FSIZE", self.files),
            ("RLIMIT_NOFILE", self.open_files),
            ("RLIMIT_NPROC", 1),
            ("RLIMIT_CORE", 0),
            ("RLIMIT_MEMLOCK", 0),
            ("RLIMIT_MSGQUEUE", 0),
        ]


class Program(NamedTuple):
    """Compiled code and its tests, which report values by calling the constant CHECK: CHECK(number, *values)."""

    code: CodeType
    tests: CodeType
    cpu_seconds: float


class Outcome(NamedTuple):
    """How a program ended, and what it reported.

    end is "exit-<status>", "signal-<number>", "killed" (by itself, or because it closed its reports), "cpu" or "wall"
    (out of time), "output" (reported too much), "forged" (reported without the secret word) or "lost" (with its
    sandbox).
    """

    end: str
    cpu_seconds: float
    reports: list[Any]  # see generation/sandbox/runner.py


# ---- running ---------------------------------------------------------------------------------------------------------
class Sandbox:
    """Runs programs; any number of threads can use it."""

    def __init__(self, limits: Limits, bwrap: str | None, seccomp: bytes | None):
        self.limits, self._bwrap, self._seccomp = limits, bwrap, seccomp
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._runner = marshal.dumps(compile(RUNNER.read_text("utf-8"), str(RUNNER), "exec", dont_inherit=True))

    @property
    def closed(self) -> bool:
        """Whether programs are kept from files, network and other processes."""
        return self._bwrap is not None

    def run(self, programs: Sequence[Program], seed: int, modules: Sequence[str] = ()) -> list[Outcome]:
        """Run programs one after the other, each in a new process, in one new sandbox.

        seed is 1 or 2, which differ in what programs must not depend on: string hashes, the folder's name, the time
        zone. modules of the standard library are imported once for all programs, which saves time. Raises
        SandboxError if the sandbox does not start.
        """
        runs = [(program.code, program.tests, program.cpu_seconds) for program in programs]
        job = (runs, list(modules), self.limits.as_resources(), self._seccomp, self.limits.wall_seconds)
        timeout = SECONDS_TO_START + len(runs) * self.limits.wall_seconds
        with self._start(seed) as process:
            try:
                answer, errors = process.communicate(self._runner + marshal.dumps(job), timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                answer, errors = process.communicate()
        ready, _, rest = answer.partition(b"\n")
        if ready != b"ready":
            lines = errors.decode(errors="replace").strip().splitlines() or ["it did not start"]
            raise SandboxError(next((line for line in lines if line.startswith("bwrap: ")), lines[-1]))
        outcomes = list(read_outcomes(rest))
        return outcomes + [Outcome("lost", 0.0, [])] * (len(runs) - len(outcomes))

    def stop(self) -> None:
        """Kill what is running in other threads, and what starts from now on; the outcomes are meaningless."""
        self._stopped = True
        for process in list(self._running):
            process.kill()

    @contextmanager
    def _start(self, seed: int) -> Iterator[subprocess.Popen[bytes]]:
        """The runner in a new sandbox; it is killed at the end of the block."""
        with self._command(seed) as (command, folder):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={
                    "PYTHONHASHSEED": str(seed),
                    "TZ": TIME_ZONES[seed],
                    "LC_ALL": "C.UTF-8",
                    "HOME": folder,
                    "TMPDIR": folder,
                },
                cwd=None if self.closed else folder,
                start_new_session=True,
            )
            self._running.add(process)
            try:
                if self._stopped:
                    process.kill()
                yield process
            finally:
                self._running.discard(process)
                process.kill()
                process.wait()

    @contextmanager
    def _command(self, seed: int) -> Iterator[tuple[list[str], str]]:
        """The command that starts the runner, and its empty folder."""
        python = [PYTHON, "-S", "-s", "-P", "-B", "-c", START]
        if self._bwrap:
            folder = f"/run-{seed}"
            yield [*bwrap_command(self._bwrap, folder, self.limits.files), *python], folder
        else:
            with tempfile.TemporaryDirectory(prefix=f"run-{seed}-") as folder:
                yield python, folder


def bwrap_command(bwrap: str, folder: str, size: int) -> list[str]:
    """The part of the command that makes the sandbox: `folder` is writable and holds `size` bytes."""
    command = [bwrap, "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    command += ["--as-pid-1", "--new-session", "--die-with-parent"]
    for path in LIBRARIES:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            command += ["--ro-bind", path, path]
    for path in sorted({os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)} - {"/usr"}):
        command += ["--ro-bind", path, path]
    command += ["--ro-bind", PYTHON, PYTHON, "--dev-bind", "/dev/null", "/dev/null"]
    return [*command, "--size", str(size), "--tmpfs", folder, "--chdir", folder, "--remount-ro", "/"]


def read_outcomes(answer: bytes) -> Iterator[Outcome]:
    """The complete outcomes in the runner's answer. The reports are written by the untrusted program."""
    stream = io.BytesIO(answer)
    while header := stream.readline().split():
        end, cpu_seconds, size = header[0].decode(), float(header[1]), int(header[2])
        reports = stream.read(size)
        if len(reports) < size:
            return
        try:
            yield Outcome(end, cpu_seconds, [json.loads(line, object_hook=plain) for line in reports.splitlines()])
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            yield Outcome("forged", cpu_seconds, [])


def plain(item: dict[str, Any]) -> Any:
    """Decode what generation/sandbox/runner.py encodes as an object with one item."""
    [(kind, value)] = item.items()
    return KINDS[kind](value)


KINDS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "bytes": bytes.fromhex,
    "complex": lambda parts: complex(*parts),
}


# ---- opening ---------------------------------------------------------------------------------------------------------
def open_sandbox(limits: Limits, allow_unsandboxed: bool = False, tell: Callable[[str], object] = print) -> Sandbox:
    """A sandbox that has passed the probe.

    Raises InputError if there is none. With `allow_unsandboxed`, `tell` is called with a warning instead, and
    programs run unprotected.
    """
    try:
        sandbox = Sandbox(limits, find_bwrap(), make_filter())
        if ways := open_ways(sandbox):
            raise SandboxError(f"bubblewrap leaves open: {', '.join(ways)}")
    except SandboxError as error:
        if not allow_unsandboxed:
            raise InputError(
                f"no sandbox for untrusted code: {error}; or use a disposable machine and --allow_unsandboxed"
            ) from None
        tell(
            f"caution: no sandbox ({error}): the model's code runs as you, limited in time and (on Linux) memory; it "
            "can read, change and send your files, use the network and other processes, and leave processes behind"
        )
        return Sandbox(limits, None, None)
    return sandbox


def find_bwrap() -> str:
    """The path of bubblewrap. Raises SandboxError if it is not installed."""
    if not sys.platform.startswith("linux"):
        raise SandboxError("bubblewrap needs Linux; use a Linux machine, virtual machine or container")
    if not (found := shutil.which("bwrap")):
        raise SandboxError(f"bwrap not found; {INSTALL}")
    return found


def make_filter() -> bytes:
    """The seccomp filter in the kernel's format: DENIED fails with EPERM, all else is allowed."""
    try:
        import pyseccomp  # type: ignore[import-untyped]
    except (ImportError, RuntimeError) as error:  # RuntimeError: libseccomp itself is missing
        raise SandboxError(
            f"{error}; pip install -r requirements/generate.txt, and install libseccomp2 (Debian, Ubuntu: apt-get)"
        ) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in DENIED:
        try:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except OSError:  # libseccomp is older than this system call
            continue
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


# ---- the probe -------------------------------------------------------------------------------------------------------
PROBE = """
import _socket, os, resource
ways = []

def attempt(way, action, *args):
    try:
        action(*args)
    except (OSError, MemoryError):
        return
    ways.append(way)

def connect(family, address):
    connection = _socket.socket(family)
    connection.settimeout(1)
    connection.connect(address)

def write(folder):
    if not os.access(folder, os.W_OK):  # notices read-only file systems too, and writes nothing
        raise PermissionError

def fork():
    if not os.fork():
        os._exit(0)

attempt("the network", connect, _socket.AF_INET, ("127.0.0.1", PORT))
attempt("sockets", connect, _socket.AF_UNIX, FOLDER + "/socket")
for path in (FOLDER + "/file", RUNNER, "/etc/passwd"):
    attempt("reading files", open, path)
for folder in (FOLDER, PREFIX, "/", "/usr/lib", "/dev"):
    attempt("writing files", write, folder)
attempt("other processes", os.kill, -1, 0)
attempt("other processes", open, "/proc/self/status")
attempt("starting processes", fork)
attempt("much memory", bytearray, resource.getrlimit(resource.RLIMIT_AS)[1])
if set(os.environ) - {"PYTHONHASHSEED", "TZ", "LC_ALL", "HOME", "TMPDIR", "PWD"}:
    ways.append("the environment")
with open("own", "w") as file:  # this must work
    file.write("a file of its own")
"""


def open_ways(sandbox: Sandbox) -> list[str]:
    """What a program in the sandbox can reach although it must not. Raises SandboxError if the probe fails."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        Path(folder, "file").write_text("a secret")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{folder}/socket")
            listening.listen()
            places = {
                "PORT": server.getsockname()[1],
                "FOLDER": folder,
                "RUNNER": str(RUNNER),
                "PREFIX": sys.base_prefix,
            }
            facts = "".join(f"{name} = {value!r}\n" for name, value in places.items())
            report = ast.Expression(ast.Call(ast.Constant(CHECK), [ast.Constant(0), ast.Name("ways", ast.Load())], []))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about calling a constant
                tests = compile(ast.fix_missing_locations(report), "<probe>", "eval")
            code = compile(facts + PROBE, "<probe>", "exec")
            [outcome] = sandbox.run([Program(code, tests, cpu_seconds=10)], seed=1)
    match outcome.reports:
        case [["check", 0, [ways]], ["done"]]:
            return sorted(set(ways))
    raise SandboxError(f"the probe ended with {outcome.end}, {outcome.reports}")
