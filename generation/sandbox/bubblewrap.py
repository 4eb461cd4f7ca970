"""Runs untrusted Python: each program in a process of its own, cut off from the system, for a limited time.

    sandbox = open_sandbox(Limits())
    [outcome] = sandbox.run([Program(code, tests, cpu_seconds=2.0)], seed=1)

What is closed, and by what:

    files           bubblewrap: only the system's shared libraries, the standard library without installed packages, and
                    the time zones are visible, read-only; no home, project, /etc, /proc, /sys. The runner mounts an
                    empty folder in memory for each program, which vanishes with it, and /dev/null again so that
                    mode and times, which are those of the machine's own, cannot be changed
    network         bubblewrap: a network namespace with nothing but its own loopback; seccomp: no sockets but AF_UNIX,
                    because some families (AF_VSOCK) know no namespaces
    processes       bubblewrap: a PID namespace, killed as a whole; seccomp: no new processes or threads, no limits or
                    scheduling of others
    privileges      bubblewrap: a user namespace; the runner drops its one capability, to mount, before a program
                    starts; seccomp: only the system calls that functions need (ALLOWED)
    environment     none of our variables are passed on
    time, memory    resource limits on the one process there is; a wall clock outside of it, for each program and for
                    all of a call
    disk            the size and the number of files of the folder; seccomp: no extended attributes
    output          to /dev/null; the reports of the tests are cut off at 1 MB
    reports         generation/sandbox/runner.py

A sandbox serves several jobs, because starting one takes as long as seven runs in it. Nothing of a job stays: each
program has a process, a folder and limits of its own, whatever is left in the PID namespace is killed after it, and
process 1, which no program can signal or write to, only imports the modules by which its sandbox was chosen.

What is not closed: the kernel is shared, so a vulnerability in it is a way out, as from every container. Nothing hides
how long a program takes.

Every start checks the sandbox with a program that attempts what must fail (PROBE). If an attempt succeeds, or
bubblewrap does not work, code is not run. Only allow_unsandboxed goes on then: with a new process, its own folder and
environment and the resource limits, but with access to files, network and other processes.

bubblewrap: https://github.com/containers/bubblewrap. seccomp through libseccomp: https://github.com/seccomp/libseccomp.
"""

from __future__ import annotations

import ast
import collections
import datetime
import decimal
import errno
import fractions
import json
import marshal
import math
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import CodeType
from typing import IO, Any, NamedTuple

from records.errors import InputError

CHECK = b"check" + os.urandom(16)  # a constant that only this process can put into code
RUNNER = Path(__file__).with_name("runner.py")
RUNNER_CODE = marshal.dumps(compile(RUNNER.read_text("utf-8"), str(RUNNER), "exec", dont_inherit=True))
START = "import marshal, sys; exec(marshal.load(sys.stdin.buffer))"  # compiled beforehand, which saves a millisecond
PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]  # sys.executable may be a virtual environment's link to it
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")  # of the system
MULTIARCH = getattr(sys.implementation, "_multiarch", "")  # Debian keeps shared libraries in a folder of this name
TIME_ZONE_FILES = "/usr/share/zoneinfo"  # what zoneinfo reads
PACKAGES = ("site-packages", "dist-packages")  # folders in that of the standard library
INSTALL = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf; Arch: pacman -S)"
SECONDS_TO_START = 30  # a sandbox takes hundredths of a second
KEPT = 32  # sandboxes that wait for more programs; each takes about 5 MB
TIME_ZONES = {1: "WEST+12", 2: "EAST-14"}  # by seed; the dates in these always differ
MEGABYTE = 1 << 20

# The system calls that functions and their tests need. Everything else fails: processes and threads, other processes,
# mounts and namespaces, signal handlers, extended attributes (which no limit counts), and what only attacks need.
ALLOWED = """
    read readv pread64 preadv write writev pwrite64 pwritev lseek sendfile copy_file_range
    open openat creat close close_range dup dup2 dup3 fcntl flock fsync fdatasync truncate ftruncate fadvise64
    stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat statfs fstatfs getdents getdents64
    getcwd chdir fchdir mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat rename renameat renameat2
    chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat umask
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    mmap mprotect munmap mremap madvise msync brk
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 pipe pipe2
    bind listen accept accept4 connect shutdown sendto recvfrom sendmsg recvmsg getsockname getpeername
    setsockopt getsockopt
    rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack kill tkill tgkill
    alarm setitimer getitimer pause nanosleep clock_nanosleep time times gettimeofday clock_gettime clock_getres
    getpid getppid gettid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid getgroups
    uname sysinfo getrusage getrlimit setrlimit getpriority getcpu sched_yield sched_getaffinity
    futex set_robust_list rseq getrandom wait4 waitid restart_syscall exit exit_group
""".split()
ALLOWED_WITH: list[
    tuple[str, int, list[int]]
] = [  # system calls that depend on one of their arguments: its index and the values
    ("socket", 0, [socket.AF_UNIX]),
    ("socketpair", 0, [socket.AF_UNIX]),
    ("prlimit64", 0, [0]),  # the limits of the process itself
    ("ioctl", 1, [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451]),  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
]
BINARY_TREE = 2  # seccomp_attr_set(3)
NOT_SUPPORTED = ["setxattr", "lsetxattr", "fsetxattr"]  # as file systems answer that have no extended attributes


class SandboxError(InputError):
    """No sandbox can be made. The message says why."""


@dataclass(frozen=True)
class Limits:
    """The resources that a program may use."""

    memory: int = 512 * MEGABYTE  # bytes of address space
    files: int = 16 * MEGABYTE  # bytes, for each file and for the folder
    file_count: int = 4_000  # in the folder; each takes kernel memory
    open_files: int = 64
    wall_seconds: float = 8.0
    job_seconds: float = 60.0  # of wall time, for all runs of a call together: a program may sleep in each

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
    seed: int = 0  # of random numbers, those of os.urandom too, if the module random is among those of the run
    clock_error: float = 0.0  # seconds that are added to the time


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
@dataclass(frozen=True)
class Sandbox:
    """Runs programs. Without the path of bubblewrap they are not kept from anything."""

    limits: Limits
    bwrap: str | None
    seccomp: bytes | None  # the filter, in the kernel's format
    _kept: dict[tuple[int, tuple[str, ...]], Supervisor] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[Sandbox], tuple[Any, ...]]:
        return Sandbox, (self.limits, self.bwrap, self.seccomp)  # running processes stay with the one that started them

    @property
    def closed(self) -> bool:
        """Whether programs are kept from files, network and other processes."""
        return self.bwrap is not None

    def run(self, programs: Sequence[Program], seed: int, modules: Sequence[str] = ()) -> list[Outcome]:
        """Run programs one after the other, each in a new process, in a sandbox of this seed and these modules.

        seed is 1 or 2, which differ in what programs must not depend on: string hashes, the folder's name, the time
        zone. modules of the standard library are imported once for all programs, which saves time. Raises
        SandboxError if the sandbox does not start.
        """
        kind = seed, tuple(modules)
        supervisor = self._kept.pop(kind, None)
        outcomes = supervisor.run(programs) if supervisor else None
        if supervisor is None or outcomes is None:  # one that waited may have been killed, for lack of memory
            supervisor = Supervisor(self, seed, modules)
            outcomes = supervisor.run(programs)
        if outcomes is None:
            raise SandboxError(supervisor.why_not())
        if self.closed and len(outcomes) == len(programs):
            self._kept[kind] = supervisor
            if len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept))).stop()  # the one that has waited for the longest time
        else:
            supervisor.stop()
        return outcomes + [Outcome("lost", 0.0, [])] * (len(programs) - len(outcomes))

    def close(self) -> None:
        """End the sandboxes that wait for programs; the next program starts a new one."""
        while self._kept:
            self._kept.popitem()[1].stop()


class Supervisor:
    """generation/sandbox/runner.py in a new sandbox. It ends with this object, and with the thread that made it."""

    def __init__(self, sandbox: Sandbox, seed: int, modules: Sequence[str]):
        limits = sandbox.limits
        self._longest = SECONDS_TO_START + limits.job_seconds + limits.wall_seconds
        folder = f"/run-{seed}" if sandbox.bwrap else tempfile.mkdtemp(prefix=f"run-{seed}-")
        python = [PYTHON, "-S", "-s", "-P", "-B", "-c", START]
        process = subprocess.Popen(
            [*bwrap_command(sandbox.bwrap, folder), *python] if sandbox.bwrap else python,
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
            cwd=None if sandbox.bwrap else folder,
            start_new_session=True,
        )
        self._process = process
        self.stop = weakref.finalize(self, end, process, None if sandbox.bwrap else folder)
        seconds = (limits.wall_seconds, limits.job_seconds)
        space = (limits.files, limits.file_count)
        settings = (list(modules), limits.as_resources(), sandbox.seccomp, *seconds, space)
        self._send(RUNNER_CODE + marshal.dumps(settings))

    def run(self, programs: Sequence[Program]) -> list[Outcome] | None:
        """How the programs ended, as far as the sandbox outlives them; None if it is not there."""
        timer = threading.Timer(self._longest, self._process.kill)
        timer.start()
        try:
            self._send(marshal.dumps([(*program, CHECK) for program in programs]))
            assert self._process.stdout
            if self._process.stdout.readline() != b"ready\n":
                return None
            return list(read_outcomes(self._process.stdout, len(programs)))
        finally:
            timer.cancel()

    def why_not(self) -> str:
        """Why there is no sandbox: what bubblewrap says, or Python."""
        self._process.kill()
        assert self._process.stderr
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines() or ["it did not start"]
        self.stop()
        return next((line for line in lines if line.startswith("bwrap: ")), lines[-1])

    def _send(self, what: bytes) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended: then there is no answer either
            self._process.stdin.write(what)
            self._process.stdin.flush()


def end(process: subprocess.Popen[bytes], folder: str | None) -> None:
    """Kill a process, with the sandbox that it is, and remove its folder."""
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        with suppress(OSError):  # of what could not be written
            if stream:
                stream.close()
    process.wait()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def bwrap_command(bwrap: str, folder: str) -> list[str]:
    """The part of the command that makes the sandbox, with an empty `folder` to mount something on."""
    command = [bwrap, "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    command += ["--as-pid-1", "--new-session", "--die-with-parent", "--cap-add", "CAP_SYS_ADMIN"]
    for path in LIBRARIES:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif MULTIARCH and os.path.isdir(f"{path}/{MULTIARCH}"):
            command += ["--ro-bind", f"{path}/{MULTIARCH}", f"{path}/{MULTIARCH}"]
        elif os.path.exists(path):
            command += ["--ro-bind", path, path]
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # not a virtual environment's
    folders = {os.path.realpath(sysconfig.get_path(name, vars=base)) for name in ("stdlib", "platstdlib")}
    for path in [PYTHON, *python_libraries(), *sorted(folders), TIME_ZONE_FILES]:
        if os.path.exists(path):
            command += ["--ro-bind", path, path]
    for path in [f"{parent}/{name}" for parent in sorted(folders) for name in PACKAGES]:
        if os.path.isdir(path):
            command += ["--tmpfs", path, "--remount-ro", path]
    command += ["--dev-bind", "/dev/null", "/dev/null"]
    return [*command, "--dir", folder, "--chdir", folder, "--remount-ro", "/"]


def python_libraries() -> list[str]:
    """The shared libraries that a Python outside /usr brings along."""
    prefix = os.path.realpath(sys.base_prefix)
    return [] if prefix == "/usr" else sorted(map(str, Path(prefix, "lib").glob("libpython3.*.so.*")))


def read_outcomes(stream: IO[bytes], count: int) -> Iterator[Outcome]:
    """The complete outcomes, at most `count`, in the runner's answer. The untrusted program writes the reports."""
    for _ in range(count):
        if not (header := stream.readline()).endswith(b"\n"):
            return
        kind, cpu, length = header.split()
        end, cpu_seconds, size = kind.decode(), float(cpu), int(length)
        reports = stream.read(size)
        if len(reports) < size:
            return
        try:
            yield Outcome(end, cpu_seconds, [decoded(line) for line in reports.splitlines()])
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            yield Outcome("forged", cpu_seconds, [])


# ---- reported values -------------------------------------------------------------------------------------------------
class NotPlain(Exception):  # noqa: N818 - whether it is an error depends on the test
    """A comparison of an object that only the program's own code can compare."""


@dataclass(frozen=True, eq=False)
class Opaque:
    """An object in the sandbox. Known here: its identity, its truth, and which others of its class it is equal to."""

    kind: str
    number: int  # the same for the same object
    true: bool
    unique: bool  # whether it is equal to itself only
    equal: list[int] = field(default_factory=list)  # numbers of others that came before it in the check

    def __bool__(self) -> bool:
        return self.true

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Opaque):
            if self.number == other.number:
                return True
            if self.kind == other.kind and not (self.unique or other.unique):
                return other.number in self.equal or self.number in other.equal
        if not self.unique or (isinstance(other, Opaque) and not other.unique):
            raise NotPlain(self.kind)
        return False

    def __hash__(self) -> int:
        return hash(self.number)


class Failed:
    """The operand of a test that could not be evaluated; an error if the test needs it after all."""

    def __bool__(self) -> bool:
        raise NotPlain("an operand that raises an exception")

    def __eq__(self, other: object) -> bool:
        return bool(self)

    __hash__ = None  # type: ignore[assignment]


class Fields(NamedTuple):
    """A data class or a member of an enumeration: its class, and what its equality compares."""

    class_number: int
    items: tuple[tuple[str, Any], ...]


def decoded(line: bytes) -> Any:
    """The value that generation/sandbox/runner.py encoded."""
    return json.loads(line, object_hook=decode_item, parse_constant=NOT_FINITE.__getitem__)


def decode_item(item: dict[str, Any]) -> Any:
    [(kind, value)] = item.items()
    return KINDS[kind](value)


FAILED = Failed()  # one object: lists of it are equal
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # one object each: lists of nan are equal
KINDS: dict[str, Callable[[Any], Any]] = {
    "int": lambda digits: int(digits, 16),
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "complex": lambda parts: complex(*parts),
    "range": lambda parts: range(*parts),
    "Counter": lambda items: collections.Counter(dict(items)),
    "defaultdict": lambda items: collections.defaultdict(None, items),
    "OrderedDict": collections.OrderedDict,
    "deque": collections.deque,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "PurePosixPath": PurePosixPath,
    "PosixPath": PurePosixPath,
    "UUID": uuid.UUID,
    "fields": lambda parts: Fields(parts[0], tuple(map(tuple, parts[1]))),
    "plain": lambda value: value,
    "failed": lambda _: FAILED,
    "object": lambda parts: Opaque(*parts),
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
    """The seccomp filter in the kernel's format. Raises SandboxError if libseccomp is missing."""
    try:
        import pyseccomp  # type: ignore[import-untyped]
    except (ImportError, RuntimeError) as error:  # RuntimeError: libseccomp itself is missing
        raise SandboxError(
            f"{error}; pip install -r requirements/generate.txt, and install libseccomp2 (Debian, Ubuntu: apt-get)"
        ) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        with suppress(OSError):  # libseccomp is older than this system call, or the machine has no such call
            rules.add_rule(pyseccomp.ALLOW, name)
    for name, index, values in ALLOWED_WITH:
        for value in values:
            rules.add_rule(pyseccomp.ALLOW, name, pyseccomp.Arg(index, pyseccomp.EQ, value))
    for name in NOT_SUPPORTED:
        rules.add_rule(pyseccomp.ERRNO(errno.ENOTSUP), name)
    with suppress(OSError, ValueError):  # libseccomp before 2.5 can only make a list, which takes longer to load
        rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, BINARY_TREE)
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

def connect(address):
    connection = _socket.socket(_socket.AF_UNIX)
    connection.settimeout(1)
    connection.connect(address)

def write(folder):
    if not os.access(folder, os.W_OK):  # notices read-only file systems too, and writes nothing
        raise PermissionError

def fork():
    if not os.fork():
        os._exit(0)

def list_packages(folder):
    if not os.listdir(folder):
        raise FileNotFoundError

attempt("the network", connect, ABSTRACT)  # addresses of this kind belong to the network namespace
attempt("the network", _socket.socket, _socket.AF_INET)
attempt("sockets", connect, FOLDER + "/socket")
for path in (FOLDER + "/file", RUNNER, "/etc/passwd"):
    attempt("reading files", open, path)
for folder in PACKAGES:
    attempt("installed packages", list_packages, folder)
for folder in (FOLDER, PREFIX, "/", "/usr/lib", "/dev"):
    attempt("writing files", write, folder)
null = os.stat("/dev/null")
attempt("changing devices", lambda: os.utime("/dev/null", ns=(null.st_atime_ns, null.st_mtime_ns)))
attempt("other processes", os.kill, -1, 0)
attempt("other processes", open, "/proc/self/status")
attempt("the limits of others", resource.prlimit, os.getppid(), resource.RLIMIT_NOFILE)
attempt("starting processes", fork)
attempt("much memory", bytearray, resource.getrlimit(resource.RLIMIT_AS)[1])
if set(os.environ) - {"PYTHONHASHSEED", "TZ", "LC_ALL", "HOME", "TMPDIR", "PWD"}:
    ways.append("the environment")
with open("own", "w") as file:  # this must work
    file.write("a file of its own")
attempt("extended attributes", os.setxattr, "own", "user.own", b"x")
"""


def open_ways(sandbox: Sandbox) -> list[str]:
    """What a program in the sandbox can reach although it must not. Raises SandboxError if the probe fails."""
    abstract = f"\0sandbox-probe-{uuid.uuid4()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listening,
        socket.socket(socket.AF_UNIX) as named,
    ):
        Path(folder, "file").write_text("a secret")
        for listener, address in ((listening, f"{folder}/socket"), (named, abstract)):
            listener.bind(address)
            listener.listen()
        places = {
            "ABSTRACT": abstract,
            "FOLDER": folder,
            "RUNNER": str(RUNNER),
            "PREFIX": sys.base_prefix,
            "PACKAGES": [f"{sysconfig.get_path('stdlib')}/{name}" for name in PACKAGES],
        }
        facts = "".join(f"{name} = {value!r}\n" for name, value in places.items())
        report = ast.Expression(ast.Call(ast.Constant(CHECK), [ast.Constant(0), ast.Name("ways", ast.Load())], []))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about calling a constant
            tests = compile(ast.fix_missing_locations(report), "<probe>", "eval")
        code = compile(facts + PROBE, "<probe>", "exec")
        try:
            [outcome] = sandbox.run([Program(code, tests, cpu_seconds=10)], seed=1)
        finally:
            sandbox.close()  # each probe tries to start one
    match outcome.reports:
        case [["check", 0, [ways]], ["done"]]:
            return sorted(set(ways))
    raise SandboxError(f"the probe ended with {outcome.end}, {outcome.reports}")
