"""The sandbox against hostile and faulty programs: none gets out, hangs the run, or counts as verified.

The attacks in WAYS_OUT also run without a sandbox, where they succeed: so they are real.
"""

import importlib.util
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import sysconfig
import textwrap
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from generation.python_code.answers import Rejected
from generation.python_code.samples import make_sample
from generation.python_code.verification import compiled, verify, why_failed
from generation.sandbox import bubblewrap
from generation.sandbox.bubblewrap import (
    KEPT,
    Limits,
    Program,
    Sandbox,
    SandboxError,
    make_filter,
    open_sandbox,
    open_ways,
)
from records.errors import InputError
from tests import needs
from tests.conftest import ROOT

LIMITS = Limits(memory=128 << 20, wall_seconds=1.5)
CPU_SECONDS = 0.4
RAISES = "a test raises an exception"
PROGRAM_RAISES = "the program raises an exception"
EARLY = "ends before its tests are done"
TOO_LONG = "takes too long"
LOOKS = "looks into the interpreter"
UNNOTICED = "no mutant is noticed by the tests"


MARKED = f"{bubblewrap.START}  # started by {os.getpid()}"  # tells this process's sandboxes from all others


@pytest.fixture(scope="module", autouse=True)
def _mark_sandboxes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bubblewrap, "START", MARKED)
        yield


def sandbox_or_skip() -> Sandbox:
    """A sandbox. If none can be made, skips the test with a warning."""
    problem = None
    if not (bwrap := shutil.which("bwrap")):
        problem = "needs bwrap: apt-get install bubblewrap"
    elif not importlib.util.find_spec("pyseccomp"):
        problem = "needs pyseccomp: pip install -r requirements/generate.txt"
    else:
        tried = subprocess.run(
            [bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
        )
        problem = tried.stderr.strip() if tried.returncode else None
    if problem:
        warnings.warn(f"THE SANDBOX IS NOT TESTED HERE: {problem}", stacklevel=2)
        pytest.skip(f"no sandbox can be made here: {problem}")
    return open_sandbox(LIMITS)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return sandbox_or_skip()


@pytest.fixture(scope="module")
def no_sandbox() -> Sandbox:
    """A sandbox that protects nothing."""
    return Sandbox(LIMITS, None, None)


class Outside(NamedTuple):
    """The targets of attacks."""

    folder: Path
    port: int
    abstract: str

    @property
    def facts(self) -> str:
        return textwrap.dedent(f"""\
            import ctypes, os, resource, signal, socket, subprocess, sys, threading, time
            FOLDER, PORT, ABSTRACT, PARENT = {str(self.folder)!r}, {self.port}, {self.abstract!r}, {os.getpid()}
            LIBC = ctypes.CDLL(None, use_errno=True)
            """)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A secret file, and listeners by TCP, UDP (which answers), a socket file and an abstract address."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret").write_text("a secret")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as file,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        threading.Thread(target=lambda: udp.sendto(*udp.recvfrom(10)), daemon=True).start()
        for listener, address in ((file, str(folder / "socket")), (abstract, f"\0sandbox-{os.getpid()}")):
            listener.bind(address)
            listener.listen()
        yield Outside(folder, port, f"\0sandbox-{os.getpid()}")


def why(sandbox: Sandbox, code: str, outside: Outside | None = None) -> str | None:
    """Why one run of a program with its asserts does not pass, or None if it does."""
    sample = make_sample((outside.facts if outside else "") + textwrap.dedent(code))
    program = Program(compiled(sample.program), compiled(sample.tests), CPU_SECONDS)
    [outcome] = sandbox.run([program], seed=1)
    rejected = why_failed(outcome, sample.checks)
    return rejected and str(rejected)


def verdict(sandbox: Sandbox, code: str) -> str:
    """Why a program is not verified, or "verified"."""
    try:
        verify(make_sample(textwrap.dedent(code)), sandbox)
    except Rejected as rejected:
        return str(rejected)
    return "verified"


# ---- ways out --------------------------------------------------------------------------------------------------------
WAYS_OUT = {
    "read a file": "return open(FOLDER + '/secret').read() == 'a secret'",
    "read a file through a symbolic link": """
        os.symlink(FOLDER + '/secret', 'link')
        return open('link').read() == 'a secret'""",
    "read a file through a link that climbs": """
        os.symlink('../../../../../../..' + FOLDER + '/secret', 'climb')
        return open('climb').read() == 'a secret'""",
    "make a hard link to a file": """
        name = FOLDER + f'/link-{time.time_ns()}'
        os.link(FOLDER + '/secret', name)
        return open(name).read() == 'a secret'""",
    "list a folder": "return 'secret' in os.listdir(FOLDER)",
    "read the accounts": "return 'root' in open('/etc/passwd').read()",
    "write a file": "return open(FOLDER + '/new', 'w').write('x') == 1",
    "append to a file": "return open(FOLDER + '/log', 'a').write('x') == 1",
    "remove a file": """
        open(FOLDER + '/doomed', 'w').close()
        os.remove(FOLDER + '/doomed')
        return True""",
    "change a file's mode": "return os.chmod(FOLDER + '/secret', 0o644) is None",
    "make a temporary file outside its own folder": "return open('/tmp/by-a-sandbox-test', 'w').write('x') == 1",
    "fill the shared memory": "return open('/dev/shm/by-a-sandbox-test', 'w').write('x') == 1",
    "connect by TCP": """
        with socket.create_connection(('127.0.0.1', PORT), 1):
            return True""",
    "send by UDP": """
        with socket.socket(type=socket.SOCK_DGRAM) as connection:
            connection.settimeout(1)
            connection.connect(('127.0.0.1', PORT))
            connection.send(b'x')
            return connection.recv(1) == b'x'""",
    "connect to a socket file": """
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect(FOLDER + '/socket') is None""",
    "connect to an abstract socket": """
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect(ABSTRACT) is None""",
    "signal the process that started it": "return os.kill(PARENT, 0) is None",
    "signal every process": "return os.kill(-1, 0) is None",
    "read the environment of others": "return len(open(f'/proc/{PARENT}/environ').read()) > 0",
    "see the processes of others": "return str(PARENT) in os.listdir('/proc')",
    "fork": """
        child = os.fork()
        if not child:
            os._exit(3)
        return os.waitpid(child, 0)[1] >> 8 == 3""",
    "leave a daemon behind": """
        child = os.fork()
        if not child:
            os.setsid()
            if not os.fork():
                time.sleep(0.01)
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0""",
    "make zombies": """
        children = [os.fork() or os._exit(0) for _ in range(5)]
        time.sleep(0.01)
        return len(children) == 5""",
    "start a program": "return subprocess.run([sys.executable, '-c', 'pass']).returncode == 0",
    "become another program": "os.execv(sys.executable, [sys.executable, '-c', 'import os; os.write(3, b\"out\")'])",
    "start a thread": """
        thread = threading.Thread(target=lambda: None)
        thread.start()
        return True""",
    "make memory that belongs to no process": "return os.memfd_create('memory') > 0",
    "make System V shared memory": "return LIBC.shmget(0, 4096, 0o1600) >= 0",
}
WITHOUT_SANDBOX = {"become another program": "forges its results"}  # reasons for rejection; None for the others


HONEST = """
import collections, dataclasses, enum, functools, typing
Point = collections.namedtuple("Point", "x y")
Colour = enum.Enum("Colour", "RED BLUE")
T = typing.TypeVar("T")

class Pair(typing.NamedTuple):
    left: int
    right: int

@dataclasses.dataclass(order=True, frozen=True)
class Span:
    begin: int
    end: int = 0

@functools.lru_cache
def f(n: int) -> tuple[int, ...]:
    return (Point(n, 2).x, Colour.BLUE.value, Pair(3, n).right, Span(n).begin)

assert f(5) == (5, 2, 5, 5)
"""


def test_the_standard_library_works_without_frames(sandbox):
    assert verdict(sandbox, HONEST) == "verified"


MODULES = """
    abc argparse array ast base64 bisect calendar cmath collections colorsys configparser contextlib copy csv
    dataclasses datetime decimal difflib doctest email.message enum fnmatch fractions functools gc graphlib hashlib
    heapq hmac html inspect io ipaddress itertools json keyword locale logging math numbers operator os pathlib
    pickle pprint queue random re secrets shlex shutil socket sqlite3 statistics string struct subprocess sys
    tempfile textwrap threading time timeit tokenize traceback types typing unicodedata unittest urllib.parse uuid
    warnings weakref xml.etree.ElementTree zipfile zlib zoneinfo
""".split()


@pytest.mark.parametrize("name", [name for name in MODULES if importlib.util.find_spec(name)])
def test_functions_may_import(name, sandbox):
    assert why(sandbox, f"import {name}\ndef f():\n    return 1\nassert f() == 1") is None


@pytest.mark.parametrize("way", WAYS_OUT)
def test_there_is_no_way_to(way, sandbox, outside):
    assert why(sandbox, attack(way), outside) in (RAISES, "a test fails")
    assert (outside.folder / "secret").read_text() == "a secret"
    assert not {"new", "log", "doomed"} & {path.name for path in outside.folder.iterdir()}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc, abstract sockets and memfd are Linux's")
def test_the_ways_out_work_without_a_sandbox(no_sandbox, outside, tmp_path):
    targets = outside._replace(folder=tmp_path)
    (tmp_path / "secret").write_text("a secret")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        reasons = {way: why(no_sandbox, attack(way), targets) for way in WAYS_OUT}
    for path in ("/tmp/by-a-sandbox-test", "/dev/shm/by-a-sandbox-test"):
        Path(path).unlink(missing_ok=True)
    root = os.geteuid() == 0  # the limit on processes does not apply to root
    blocked = {way for way, reason in reasons.items() if reason != WITHOUT_SANDBOX.get(way)}
    assert blocked <= (
        set() if root else {"fork", "leave a daemon behind", "make zombies", "start a program", "start a thread"}
    )


def attack(way: str) -> str:
    body = textwrap.indent(textwrap.dedent(WAYS_OUT[way]).strip("\n"), "    ")
    return f"def attack():\n{body}\nassert attack() is True\n"


BASE = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
CLOSED = {
    "the root folder": "return open('/new', 'w').write('x') == 1",
    "the libraries": "return open(os.path.dirname(os.__file__) + '/evil.py', 'w').write('x') == 1",
    "device files": "return os.mknod('device', 0o20666, os.makedev(1, 5)) is None",
    "the terminal": "return open('/dev/tty').read(1) != ''",
    "a typed-in command": "import fcntl; return fcntl.ioctl(0, 0x5412, b'x') == 0",
    "chroot": "return os.chroot('.') is None",
    "mount": "return LIBC.mount(b'none', b'.', b'tmpfs', 0, None) == 0",
    "new namespaces": "return LIBC.unshare(0x10000000) == 0",
    "tracing the supervisor": "return LIBC.ptrace(16, 1, 0, 0) == 0",
    "becoming root": "return os.setuid(0) is None",
    "a larger limit": "return resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) is None",
    "names of hosts": "return len(socket.getaddrinfo('example.org', 80)) > 0",
    "secrets of the environment": "return os.environ['OPENAI_API_KEY'] != ''",
    "the standard input": "return input() != ''",
    "signal handlers": "return signal.signal(signal.SIGTERM, lambda *_: None) is not None",
    "extended attributes": "open('f', 'w').close(); return os.setxattr('f', 'user.a', b'x' * 60000) is None",
    "sockets of virtual machines": "return socket.socket(40).fileno() > 0",
    "sockets of the internet": "return socket.socket().fileno() > 0",
    "the limits of other processes": "return resource.prlimit(1, resource.RLIMIT_NOFILE, (9, 9)) is not None",
    "installed packages": f"return len(os.listdir({sysconfig.get_path('purelib', vars=BASE)!r})) > 0",
    "programs of the system": "return len(os.listdir('/usr/bin')) > 1",
    "mounts": "return LIBC.mount(b'x', os.getcwd().encode(), b'tmpfs', 0, None) == 0",
}


@pytest.mark.parametrize("what", CLOSED)
def test_closed_is(what, sandbox, outside, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a secret")
    assert why(sandbox, f"def attack():\n    {CLOSED[what]}\nassert attack()", outside) in (RAISES, "a test fails")


def test_a_program_finds_its_folder_empty_and_can_write_there(sandbox):
    code = """
        import os, tempfile
        def work():
            before = os.listdir()
            with tempfile.TemporaryFile("w+") as file:
                file.write("text")
                file.seek(0)
                return before, file.read()
        assert work() == ([], "text")
        """
    assert why(sandbox, code) is None


def test_signals_to_the_supervisor_do_nothing_to_the_next_program(sandbox):
    killer = "import os\nfor number in (9, 2, 15, 19):\n    os.kill(1, number)"
    innocent = make_sample("def f():\n    return 2\nassert f() == 2")
    programs = [compiled(make_sample(f"def f(): pass\n{killer}\nassert True").program), compiled(innocent.program)]
    _, outcome = sandbox.run([Program(code, compiled(innocent.tests), CPU_SECONDS) for code in programs], seed=1)
    assert why_failed(outcome, innocent.checks) is None


ALLOW_ALL = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)  # a seccomp filter of one instruction: return ALLOW


def test_processes_started_without_the_filter_die_with_the_program_and_sandboxes_when_closed(sandbox):
    unfiltered = Sandbox(LIMITS, sandbox.bwrap, ALLOW_ALL)
    forks = """
        import os, time
        def f():
            try:
                if not os.fork():
                    os.setsid()
                    if not os.fork():
                        os.closerange(0, 64)  # the pipe too, which the supervisor reads to its end
                        time.sleep(1000)
                    os._exit(0)
                os.wait()
            except BlockingIOError:  # the limit of processes holds for all but root
                return 1
            os.kill(-1, 0)  # another process is there
            return 1
        assert f() == 1
        """
    alone = """
        import os
        def f():
            try:
                os.kill(-1, 0)
            except ProcessLookupError:
                return 1
        assert f() == 1
        """
    assert why(unfiltered, forks) is None
    assert why(unfiltered, alone) is None
    assert left_running()  # the sandbox, for further programs
    for each in (sandbox, unfiltered):
        each.close()
    assert left_running() == []


MARKS = """
    import os, sys, json, time, resource, collections
    marks = []
    def attempt(function, *args):
        try:
            function(*args)
        except OSError:
            pass
    def f():
        for path in ("mark", os.environ["HOME"] + "/mark", os.environ["TMPDIR"] + "/mark", "/run-1/mark", "/mark"):
            attempt(lambda: open(path, "w").write("x"))
        attempt(os.utime, "/dev/null", (1, 1))
        attempt(os.chmod, "/dev/null", 0)
        attempt(resource.setrlimit, resource.RLIMIT_NOFILE, (20, 20))
        attempt(os.umask, 0o777)
        os.environ["MARK"] = "x"
        sys.modules["mark"] = sys
        json.mark = collections.mark = os.mark = True
        return 1
    assert f() == 1
    """
SEES = """
    import os, sys, json, time, resource, collections
    def f():
        files = os.listdir(".") + [path for path in ("/run-1/mark", "/mark") if os.path.exists(path)]
        marked = [module.__name__ for module in (json, collections, os) if hasattr(module, "mark")]
        null = os.stat("/dev/null")
        limit, mask = resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.umask(0)
        return [files, marked, null.st_mtime == 1, null.st_mode & 0o777, limit, mask == 0o777, "MARK" in os.environ]
    assert f() == [[], [], False, 0o666, 64, False, False]
    """


def test_a_program_finds_nothing_of_one_that_ran_in_its_sandbox_before(sandbox):
    modules = ["collections", "json"]
    sandbox.close()
    for code in (MARKS, SEES):
        sample = make_sample(textwrap.dedent(code))
        program = Program(compiled(sample.program), compiled(sample.tests), CPU_SECONDS)
        [outcome] = sandbox.run([program], 1, modules)
        assert why_failed(outcome, sample.checks) is None
    [(kind, _)] = sandbox._kept.items()
    assert kind == (1, tuple(modules))


# What a program may leave for the next one in its sandbox, if it gets that far; each ends with True.
LEFT = {
    "changed builtins": "import builtins; builtins.len = builtins.abs = lambda _: 0; return True",
    "changed modules": """
        for module in list(sys.modules.values()):
            for name in ("dumps", "sqrt", "getcwd", "listdir", "Counter", "sleep"):
                if hasattr(module, name):
                    setattr(module, name, print)
        return True""",
    "modules of other names": "sys.modules['json'] = sys.modules['math'] = sys.modules['os'] = sys; return True",
    "hooks": """
        sys.meta_path.insert(0, object()); sys.path.insert(0, "."); sys.excepthook = os._exit
        gc.callbacks.append(lambda *_: os._exit(0))
        return True""",
    "handlers at the exit": "atexit.register(lambda: os.write(3, b'x')); return True",
    "a thread": """
        try:
            _thread.start_new_thread(time.sleep, (9,))
        except RuntimeError:
            pass
        return True""",
    "a masked and a pending signal": """
        signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)) - {9, 19})
        os.kill(os.getpid(), signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        return True""",
    "a signal for process 1 when input comes": """
        a, b = socket.socketpair()
        for number in (signal.SIGKILL, signal.SIGSTOP, 0):
            fcntl.fcntl(a, 10, number)  # F_SETSIG
            fcntl.fcntl(a, fcntl.F_SETOWN, 1)
            fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC)
            b.send(b"x")
        return True""",
    "locks": """
        for path in ("/dev/null", os.__file__):
            fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
        return True""",
    "a listener": "s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen(); return True",
    "file descriptors in a socket that nobody reads": """
        a, b = socket.socketpair()
        for _ in range(100):  # the report's pipe too, which the kernel then keeps open for a while
            try:
                socket.send_fds(a, [b"x"], [a.fileno(), b.fileno(), 3])
            except OSError:
                break
        return True""",
    "files and another folder": """
        for folder in (".", os.environ["HOME"], os.environ["TMPDIR"], "/", "/tmp", "/dev/shm", "/dev"):
            try:
                open(os.path.join(folder, "left"), "w").close()
            except OSError:
                pass
        os.mkdir("d"); os.chdir("d"); os.umask(0o777)
        return True""",
    "limits and the environment": """
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10)); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        os.environ.clear(); os.environ["TZ"] = "UTC"; time.tzset()
        sys.setrecursionlimit(100); sys.set_int_max_str_digits(0)
        return True""",
}
STATE = """
    import atexit, builtins, collections, fcntl, gc, json, math, os, resource, signal, socket, sys, _thread, time
    def state():
        null = os.open("/dev/null", os.O_RDONLY)
        fcntl.flock(null, fcntl.LOCK_EX | fcntl.LOCK_NB)
        reached = socket.socket(socket.AF_UNIX).connect_ex("\\0left")
        try:
            os.kill(-1, 0)
        except OSError as error:
            others = error.errno
        names = [(module, name, id(value)) for module in ("builtins", "json", "math", "os", "collections", "socket")
                 for name, value in vars(sys.modules[module]).items() if callable(value) and "urandom" not in name]
        return [sorted(os.environ.items()), os.umask(0o22), os.getcwd(), os.listdir("."), os.listdir("/"), reached,
                others, hash(tuple(names)), sorted(sys.modules), len(sys.meta_path), sys.path, gc.callbacks,
                [resource.getrlimit(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)],
                sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), signal.getitimer(signal.ITIMER_REAL),
                len(signal.sigpending()), [n for n in range(3, 64) if n != null and is_open(n)], time.localtime(0)[3],
                sys.getrecursionlimit(), sys.get_int_max_str_digits(), os.stat("/dev/null").st_mode]
    def is_open(number):
        try:
            return bool(os.fstat(number))
        except OSError:
            return False
    assert state() == 1
    """


def test_a_program_leaves_nothing_for_the_next_in_its_sandbox(sandbox):
    modules = ["collections", "json", "math", "os", "socket", "time"]
    imports = textwrap.dedent(STATE).splitlines()[1]

    def program_of(code: str) -> Program:
        sample = make_sample(code)
        return Program(compiled(sample.program), compiled(sample.tests), CPU_SECONDS)

    witness = program_of(textwrap.dedent(STATE))
    [untouched] = sandbox.run([witness], 1, modules)
    assert untouched.reports[0][0] == "check", untouched
    found = {}
    for what, code in LEFT.items():
        body = textwrap.indent(textwrap.dedent(code).strip(), "    ")
        leaving = program_of(f"{imports}\ndef f():\n{body}\nassert f()")
        left, same_job = sandbox.run([leaving, witness], 1, modules)
        [next_job] = sandbox.run([witness], 1, modules)
        found[what] = left.end, same_job.reports == untouched.reports, next_job.reports == untouched.reports
    assert {what: outcome for what, outcome in found.items() if outcome != ("exit-0", True, True)} == {}


def test_a_verdict_does_not_depend_on_how_many_programs_ran_before(sandbox):
    code = "import os\ndef f():\n    return os.getpid()\nassert f() == os.getpid()"
    sandbox.close()
    assert [verdict(sandbox, code) for _ in range(3)] == ["not deterministic"] * 3


def test_modules_of_one_sample_are_not_there_for_the_next(sandbox):
    sample = make_sample("import sys\ndef f():\n    return 'xml.dom' in sys.modules\nassert f() == False")
    program = Program(compiled(sample.program), compiled(sample.tests), CPU_SECONDS)
    with_module, without = (sandbox.run([program], 1, modules)[0].reports for modules in (["xml.dom"], []))
    assert with_module[0] == ["check", 0, [True]]
    assert without[0] == ["check", 0, [False]]


def test_a_sandbox_that_was_killed_while_it_waited_is_replaced(sandbox):
    assert why(sandbox, "def f():\n    return 1\nassert f() == 1") is None
    [supervisor] = [each for (seed, modules), each in sandbox._kept.items() if (seed, modules) == (1, ())]
    supervisor._process.kill()
    supervisor._process.wait()
    assert why(sandbox, "def f():\n    return 1\nassert f() == 1") is None


def test_only_so_many_sandboxes_wait(sandbox):
    for number in range(KEPT + 2):
        sandbox.run([], 1, ["abc"] * number)
    assert [len(modules) for _, modules in sandbox._kept] == list(range(2, KEPT + 2))
    sandbox.close()
    assert left_running() == []


def test_a_sandbox_without_bubblewrap_is_not_kept(no_sandbox):
    assert why(no_sandbox, "def f():\n    return 1\nassert f() == 1") is None
    assert not no_sandbox._kept


def left_running() -> list[int]:
    """Sandboxes of this process that run, also those whose parent is gone."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if MARKED in (process.info["cmdline"] or [])]


# ---- time, memory, disk ----------------------------------------------------------------------------------------------
EXHAUSTION = {
    "an endless loop": ("while True: pass", TOO_LONG),
    "sleep": ("import time; time.sleep(1000)", TOO_LONG),
    "waiting for what never comes": ("import os; os.read(os.pipe()[0], 1)", TOO_LONG),
    "stopping itself": ("import os; os.kill(os.getpid(), 19)", TOO_LONG),
    "endless output": ("while True: print('x' * 10000)", TOO_LONG),
    "many small files": ("n = 0\n    while True:\n        open(f'{n}', 'w').close()\n        n += 1", RAISES),
    "many folders in each other": (
        "import os\n    while True:\n        os.mkdir('d' * 255)\n        os.chdir('d' * 255)",
        RAISES,
    ),
    "a loop that switches its timer off": (
        "import signal; signal.setitimer(signal.ITIMER_PROF, 0)\n    while True: pass",
        TOO_LONG,
    ),
    "a loop that catches everything": (
        "while True:\n        try:\n            x = [0] * 10**12\n        except BaseException: pass",
        TOO_LONG,
    ),
    "a regular expression that explodes": ("import re; re.match('(a+)+$', 'a' * 50 + 'b')", TOO_LONG),
    "much memory": ("return len(bytearray(10**10)) > 0", RAISES),
    "memory bit by bit": ("held = []\n    while True: held.append(bytearray(10**7))", RAISES),
    "memory from mmap": ("import mmap; return len(mmap.mmap(-1, 10**10)) > 0", RAISES),
    "memory from malloc": (
        "import ctypes; m = ctypes.CDLL(None).malloc; m.restype = ctypes.c_void_p\n"
        "    return bool(m(ctypes.c_size_t(1 << 34)))",
        "a test fails",
    ),
    "a file of a gigabyte": ("with open('f', 'wb') as f:\n        for _ in range(1000): f.write(bytes(10**6))", RAISES),
    "a sparse file of a gigabyte": ("open('f', 'wb').truncate(10**9)", RAISES),
    "many large files": (
        "for n in range(100):\n        with open(f'{n}', 'wb') as f: f.write(bytes(10**6))",
        RAISES,
    ),
    "many open files": ("held = [open('/dev/null') for _ in range(1000)]", RAISES),
    "deep recursion": ("return f()", RAISES),
    "a number of a billion digits": ("return len(str(10 ** 10 ** 9)) > 0", TOO_LONG),
    "more digits than Python prints": ("return len(str(10 ** 10000)) > 0", RAISES),
    "a crash": ("import ctypes; ctypes.string_at(0)", "crashes"),
    "abort": ("import os; os.abort()", "crashes"),
    "a long message of an exception": ("raise ValueError('x' * 10**7)", RAISES),
    "a message that raises an exception itself": (
        "class E(Exception):\n        def __str__(self): raise E\n    raise E",
        RAISES,
    ),
    "closed file descriptors": ("import os; os.closerange(0, 1000); return True", EARLY),
    "a result that contains itself": ("x = []; x.append(x); return x", "a test compares no plain data"),
    "a result of many megabytes": ("return 'x' * 10**7", "reports too much"),
}


@pytest.mark.parametrize("what", EXHAUSTION)
def test_the_run_goes_on_after(what, sandbox):
    body, reason = EXHAUSTION[what]
    assert why(sandbox, f"def f():\n    {body}\nassert f()") == reason


@pytest.mark.parametrize(("first", "most"), [("pass", 1.0), ("signal.setitimer(signal.ITIMER_PROF, 0)", 3.0)])
def test_cpu_time_is_limited_by_a_timer_and_then_by_the_kernel(first, most, sandbox):
    patient = Sandbox(Limits(wall_seconds=60), sandbox.bwrap, sandbox.seccomp)
    sample = make_sample(f"import signal\ndef f():\n    {first}\n    while True: pass\nassert f()")
    [outcome] = patient.run([Program(compiled(sample.program), compiled(sample.tests), 0.2)], seed=1)
    assert outcome.end == "cpu" and 0.1 < outcome.cpu_seconds < most


def test_the_runs_of_a_job_have_a_limit_of_time_together(sandbox):
    hasty = Sandbox(Limits(wall_seconds=1.5, job_seconds=1.0), sandbox.bwrap, sandbox.seccomp)
    sample = make_sample("import time\ndef f():\n    return time.sleep(0.3)\nassert f() is None")
    program = Program(compiled(sample.program), compiled(sample.tests), CPU_SECONDS)
    ends = [outcome.end for outcome in hasty.run([program] * 8, seed=1)]
    hasty.close()
    assert (ends[0], ends[-1]) == ("exit-0", "wall")


def test_recursion_beyond_the_stack_ends_only_the_program(sandbox):
    code = "import sys\ndef f(n):\n    sys.setrecursionlimit(10**9)\n    return f([n])\nassert f(0)"
    assert why(sandbox, code) in ("crashes", RAISES, TOO_LONG)


def test_endless_tests_are_cut_off(sandbox):
    assert why(sandbox, "def f():\n    return 1\nwhile True:\n    assert f() == 1") == "reports too much"


def test_lone_surrogates_are_reported_unchanged(sandbox):
    assert why(sandbox, "def f():\n    return '\\ud800\\n'\nassert f() == '\\ud800\\n'") is None


# ---- cheating --------------------------------------------------------------------------------------------------------
CHEAT = """
def f(x):
    return x
import os, sys
"""  # a wrong f, followed by what is to hide that
CHEATS = {
    "leaving before the tests": ("sys.exit(0)", EARLY),
    "leaving by the system call": ("os._exit(0)", EARLY),
    "leaving in a test": ("f = lambda x: sys.exit(0)", EARLY),
    "tests at the exit": ("import atexit; atexit.register(os._exit, 0); sys.exit(0)", EARLY),
    "an end by a signal": ("os.kill(os.getpid(), 9)", EARLY),
    "no asserts when optimized": ("__debug__ or sys.exit()", "a test fails"),
    "another AssertionError": ("import builtins; builtins.AssertionError = AssertionError = Exception", "a test fails"),
    "an exception hook": ("sys.excepthook = lambda *_: os._exit(0)", "a test fails"),
    "printing what the verifier reads": (
        'print(\'ready\\nexit-0 0.1 30\\n["check",0,[4]]\\n["done"]\', flush=True)',
        "a test fails",
    ),
    "writing what the verifier reads to every file descriptor": (
        'for n in range(1, 64):\n    try: os.write(n, b\'["check",0,[4]]\\n["done"]\\n\')\n    except OSError: pass',
        "forges its results",
    ),
    "writing it and leaving": (
        'os.write(3, b\'["check",0,[4]]\\n["done"]\\n\'); os._exit(0)',
        "forges its results",
    ),
    "writing it with a word of its own": (
        "word = b'0' * 32\nos.write(3, word + b' [\"check\",0,[4]]\\n' + word + b' [\"done\"]\\n'); os._exit(0)",
        "forges its results",
    ),
    "objects that are equal to everything": (
        "class Equal:\n    def __eq__(self, other): return True\nf = lambda x: Equal()",
        "a test compares no plain data",
    ),
    "numbers that are equal to everything": (
        "class Equal(int):\n    def __eq__(self, other): return True\nf = lambda x: Equal()",
        "a test compares no plain data",
    ),
    "a class that passes for int": (
        "class Meta(type):\n    def __eq__(self, other): return True\n    __hash__ = type.__hash__\n"
        "class Equal(metaclass=Meta):\n    __class__ = int\n    __eq__ = list.__eq__\nf = lambda x: Equal()",
        "a test compares no plain data",
    ),
    "tracing that leaves when the tests begin": ("sys.settrace(lambda *_: os._exit(0))", LOOKS),
    "profiling": ("sys.setprofile(lambda *_: os._exit(0))", LOOKS),
    "the reporter in the frame that executes": (
        "frame = sys._getframe(1)\nframe.f_locals['check'](0, 4); frame.f_locals['report']('done'); os._exit(0)",
        "the program raises an exception",
    ),
    "the reporter among all objects": (
        "import gc, types\n"
        "for o in gc.get_objects():\n"
        "    if isinstance(o, types.FunctionType) and o.__name__ == 'check': o(0, 4)\n"
        "for o in gc.get_objects():\n"
        "    if isinstance(o, types.FunctionType) and o.__name__ == 'report': o('done'); os._exit(0)",
        LOOKS,
    ),
    "another encoder in the runner": (
        "sys._getframe(1).f_globals['encoded'] = lambda value: '[4]' if value == [2] else '[\"done\"]'",
        "the program raises an exception",
    ),
    "the word that marks reports": (
        "word = sys._getframe(1).f_locals['word']\n"
        "os.write(3, word + b' [\"check\",0,[4]]\\n' + word + b' [\"done\"]\\n'); os._exit(0)",
        "the program raises an exception",
    ),
    "the frame of a traceback": (
        "try: 1 / 0\nexcept ZeroDivisionError as e: frame = e.__traceback__.tb_frame.f_back\n"
        "frame.f_locals['report']('done')",
        LOOKS,
    ),
    "the frame of a generator": ("g = (g.gi_frame.f_back for _ in 'x')\nnext(g)", LOOKS),
    "the frame that inspect finds": ("import inspect\ninspect.stack()", "the program raises an exception"),
    "what the runner leaves in sys.modules": (
        "for m in list(sys.modules.values()):\n    if hasattr(m, 'encoded'): m.encoded = lambda value: '[4]'",
        "a test fails",
    ),
    "the name of the check": ("CHECK = __check__ = print", "a test fails"),
    "right values at the end of the tests' output": (
        "f = lambda x: os.write(3, b'[\"check\",0,[4]]\\n') and x",
        "forges its results",
    ),
}


@pytest.mark.parametrize("how", CHEATS)
def test_not_verified_by(how, sandbox):
    code, reason = CHEATS[how]
    wrong = CHEAT + code + "\nimport os\nassert f(2) == 4\n"  # the import separates the code above from the tests
    assert verdict(sandbox, wrong) == reason


# Whole programs, whose tests take part; each has the expected value that its function does not compute.
FORGERIES = {
    "the code of the tests, which an audit hook is shown": (
        """
        import os, sys
        def f(x):
            return x
        sys.addaudithook(lambda event, args: event == 'exec' and os._exit(0))
        def g(): pass
        assert f(2) == 4
        """,
        LOOKS,
    ),
    "the constants of the tests": (
        """
        import os
        def f(x):
            return x
        def test_f():
            assert f(2) == 4
        [check] = [item for item in test_f.__code__.co_consts if callable(item)]
        """,
        LOOKS,
    ),
    "the constant that stands for the reporter": (
        """
        import os
        def f(x):
            return x + 0
        def test_f():
            check = b"\\0check"
            for cell in getattr(check, "__closure__", None) or ():
                if getattr(cell.cell_contents, "__name__", "") == "report":
                    check(0, f(2) + 2)
                    cell.cell_contents("done")
                    os._exit(0)
            assert f(2) == 4
        test_f()
        """,
        "a test fails",
    ),
    "other code in the place of the tests": (
        """
        def f(x):
            return x
        def test_f():
            assert f(2) == 4
        def g():
            return None
        test_f.__code__ = g.__code__
        test_f()
        assert f(0) == 0
        """,
        LOOKS,
    ),
    "the code of a generator of the tests": (
        "def f(x):\n    return x\n(n for n in 'x').gi_code\nassert f(2) == 4",
        LOOKS,
    ),
    "the frames below a signal handler": (
        """
        import os, signal
        def f(x):
            return x
        signal.signal(signal.SIGUSR1, lambda number, frame: os._exit(0))
        def g(): pass
        assert f(2) == 4
        """,
        PROGRAM_RAISES,
    ),
    "a signature from a report that it intercepts": (
        """
        import os
        reading, writing = os.pipe()
        def f(x):
            return x
        def g():
            kept = os.dup(3)
            os.dup2(writing, 3)
            return kept
        def h(kept):
            word = os.read(reading, 1000).split()[0]
            os.write(kept, word + b' ["check",0,[4]]\\n' + word + b' ["done"]\\n')
            os._exit(0)
        kept = g()
        assert f(2) == 4
        h(kept)
        """,
        "forges its results",
    ),
    "a report that it holds back": (
        """
        import os
        reading, writing = os.pipe()
        def f(x):
            return x
        kept = os.dup(3)
        os.dup2(writing, 3)
        assert f(2) == 4
        os.dup2(kept, 3)
        assert f(0) == 0
        """,
        "forges its results",
    ),
    "a report that it repeats": (
        """
        import os
        reading, writing = os.pipe()
        def f(x):
            return x
        kept = os.dup(3)
        os.dup2(writing, 3)
        assert f(0) == 0
        os.write(kept, 2 * os.read(reading, 1000))
        os.dup2(kept, 3)
        """,
        "forges its results",
    ),
    "the limits of the supervisor": (
        """
        import os, resource
        resource.prlimit(os.getppid(), resource.RLIMIT_AS, (1 << 25, 1 << 25))
        def f(x):
            return x
        assert f(0) == 0
        """,
        PROGRAM_RAISES,
    ),
    "the answers in its own docstring": (
        '''
        import re
        def f(x):
            """Double.

            >>> f(2)
            4
            """
            return int(re.search(r"f[(]%d[)][^0-9]*([0-9]+)" % x, f.__doc__)[1])
        ''',
        RAISES,
    ),
    "a comparison in a module": (
        """
        import math
        def f(x):
            return x + 0
        def close(a, b):
            return True
        math.isclose = close
        def g(): pass
        assert math.isclose(f(2), 4)
        """,
        UNNOTICED,
    ),
    "a number that is close to all others": (
        """
        class Number:
            def __sub__(self, other):
                return 0
        def f(x):
            return Number()
        assert abs(f(2) - 4) < 1e-9
        """,
        UNNOTICED,
    ),
    "the builtins of the tests": (
        """
        def f(x):
            return x + 0
        def zero(v):
            return 0
        def prepare(test):
            test.__globals__["__builtins__"]["abs"] = zero
        def test_f():
            assert abs(f(2) - 4) < 1e-9
        prepare(test_f)
        test_f()
        """,
        UNNOTICED,
    ),
    "another function that the tests call in its place": (
        """
        def f(x):
            return x + 0
        def right(x):
            return 2 * x
        def test_f():
            globals()["f"] = right
            assert f(2) == 4
        test_f()
        """,
        UNNOTICED,
    ),
    "what a printed example is read from": (
        '''
        import io
        class Shown(io.StringIO):
            def getvalue(self):
                return "4\\n"
        io.StringIO = Shown
        def f(x):
            """Double.

            >>> f(2)
            4
            """
            return x + 0
        ''',
        UNNOTICED,
    ),
    "the value that a member of an enumeration claims": (
        """
        import enum
        class Word(str, enum.Enum):
            TWO = "two"
        def f(x):
            Word.TWO.__dict__["_value_"] = "four"
            return Word.TWO
        assert f(2) == "four"
        """,
        "a test fails",
    ),
    "the name that a member of an enumeration claims": (
        """
        import enum
        class Number(enum.Enum):
            TWO = 2
            FOUR = 4
        def f(x):
            Number.TWO.__dict__["_name_"] = "FOUR"
            return Number.TWO
        assert f(2) == Number.FOUR
        """,
        "a test fails",
    ),
    "a field that a data class says it does not compare": (
        """
        from dataclasses import dataclass
        @dataclass
        class Pair:
            x: int
            y: int
        Pair.__dataclass_fields__.pop("y")
        def f(x):
            return Pair(x + 0, 7)
        assert f(1) == Pair(1, 2)
        """,
        "a test fails",
    ),
    "objects that are equal to each other": (
        """
        class Number:
            def __init__(self, value):
                self.value = value
            def __eq__(self, other):
                return True
        def f(x):
            return Number(x + 0)
        assert f(2) == Number(4)
        """,
        UNNOTICED,
    ),
    "what a Counter says that it has": (
        """
        from collections import Counter
        Counter.keys = lambda self: ["a"]
        Counter.__iter__ = lambda self: iter(["a"])
        Counter.__getitem__ = lambda self, key: 2
        def f(text):
            return Counter()
        def g(): pass
        assert f("aa") == {"a": 2}
        """,
        "a test fails",
    ),
    "the limits of the mutants": (
        """
        import resource, signal
        def f(xs):
            if resource.getrlimit(resource.RLIMIT_CPU)[0] < 4 or signal.getitimer(signal.ITIMER_PROF)[0] < 1:
                return 99
            return xs[0]
        assert f([3]) == 3
        """,
        "not deterministic",
    ),
    "a mark for the mutants": (
        """
        import os, tempfile
        marks = [os.path.join(folder, "mark") for folder in (os.environ["HOME"], tempfile.gettempdir(), ".")]
        if any(map(os.path.exists, marks)):
            os._exit(1)
        for mark in marks:
            open(mark, "w").close()
        def f(x):
            return x + 0
        assert f(0) == 1 - 1 and os.path.exists(marks[0]) is True
        """,
        "verified",  # its mutants do not find the mark, so they run
    ),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_a_verdict_is_not_forged_by(how, sandbox):
    code, reason = FORGERIES[how]
    assert verdict(sandbox, code) == reason


def test_the_function_of_the_cheats_is_verified_once_it_is_right(sandbox):
    assert verdict(sandbox, CHEAT.replace("return x", "return 2 * x") + "assert f(2) == 4\n") == "verified"


WRONG = "def f(x):\n    return x\n"
HIDDEN = {
    "an assertion that is caught": ("try:\n    assert f(2) == 4\nexcept AssertionError:\n    pass", "a test fails"),
    "an assertion whose block is left": (
        "for x in (2,):\n    try:\n        assert f(x) == 4\n    finally:\n        break",
        "a test fails",
    ),
    "tests that are never called": ("def check(f):\n    assert f(2) == 4", "no test was reached"),
    "tests in a branch that is not taken": ("if f(2) == 4:\n    assert f(2) == 4", "no test was reached"),
    "tests of constants": ("assert True\nassert 1 + 1 == 2", "no mutant is noticed by the tests"),
    "a test that anything passes": ("assert f(2) is not f", "no test tells what a value is"),
    "a test that ignores the result": ("assert [f(2)]", "no test tells what a value is"),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_is_hidden_by(what, sandbox):
    tests, reason = HIDDEN[what]
    assert verdict(sandbox, WRONG + tests) == reason


def test_the_program_cannot_change_the_builtins_of_the_tests(sandbox):
    for change in ("import builtins; builtins.all = lambda _: True", "vars(__builtins__)['all'] = lambda _: True"):
        code = f"{change}\n{WRONG}assert all(f(x) == 2 * x for x in (1, 2))"
        assert verdict(sandbox, code) == "a test fails"
        assert verdict(sandbox, code.replace("return x", "return 2 * x")) == "verified"


# ---- without a sandbox -----------------------------------------------------------------------------------------------
@pytest.fixture
def fake_bwrap(tmp_path, monkeypatch):
    """Puts a shell script in place of bwrap; $BWRAP is the real one."""

    def install(script: str) -> None:
        fake = tmp_path / "bwrap"
        real = shutil.which("bwrap")
        fake.write_text(f"#!/bin/sh\nBWRAP={real}\n{script}\n")
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems are refused before bwrap is searched"
)


def test_it_is_refused_without_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no sandbox for untrusted code: .*bubblewrap.*--allow_unsandboxed"):
        open_sandbox(LIMITS)


@linux
def test_it_is_refused_where_namespaces_are_forbidden(fake_bwrap):
    needs.package("pyseccomp", "generate")
    fake_bwrap(
        "echo 'bwrap: No permissions to create new namespace, likely because the kernel does not allow it' >&2; exit 1"
    )
    with pytest.raises(InputError, match="bwrap: No permissions to create new namespace"):
        open_sandbox(LIMITS)


@linux
def test_it_is_refused_where_bubblewrap_only_pretends(fake_bwrap, tmp_path):
    needs.package("pyseccomp", "generate")
    fake_bwrap(f'while [ "$2" != -S ]; do shift; done; cd {tmp_path} && exec "$@"')
    with pytest.raises(InputError, match="bubblewrap leaves open: .*reading files, .*the network"):
        open_sandbox(LIMITS)


@pytest.mark.parametrize(
    ("more", "ways"),
    [
        ("--share-net", "the network"),
        ("--ro-bind /tmp /tmp", "reading files"),
        pytest.param(f"--ro-bind {ROOT} {ROOT}", "reading files", id="reading the project"),
        ("--bind /tmp /tmp", "writing files"),
        ("--proc /proc", "other processes"),
        ("--setenv SECRET x", "the environment"),
    ],
)
def test_the_probe_finds(more, ways, sandbox, fake_bwrap):
    fake_bwrap(_inserted(more))
    with pytest.raises(InputError, match=rf"bubblewrap leaves open: .*{ways}"):
        open_sandbox(LIMITS)


def _inserted(more: str) -> str:
    """The real bwrap with more flags, just before the root is made read-only."""
    return (
        "i=$#; while [ $i -gt 0 ]; do a=$1; shift; i=$((i-1)); "
        f'if [ "$a" = --remount-ro ]; then set -- "$@" {more} "$a"; else set -- "$@" "$a"; fi; done; exec $BWRAP "$@"'
    )


@linux
def test_it_is_refused_without_libseccomp(monkeypatch):
    if not shutil.which("bwrap"):
        pytest.skip("needs bwrap: apt-get install bubblewrap")
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(InputError, match="pip install -r requirements/generate.txt"):
        open_sandbox(LIMITS)


def test_running_without_a_sandbox_is_possible_with_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    messages = []
    sandbox = open_sandbox(LIMITS, allow_unsandboxed=True, tell=messages.append)
    assert not sandbox.closed
    [warning] = messages
    assert all(word in warning for word in ("caution", "files", "network", "processes", "bubblewrap"))
    assert why(sandbox, "def f():\n    return 1\nassert f() == 1") is None


def test_without_a_sandbox_the_limits_still_hold(no_sandbox):
    assert why(no_sandbox, "def f():\n    while True: pass\nassert f()") == TOO_LONG
    assert why(no_sandbox, "import os\ndef f():\n    return 'PATH' in os.environ\nassert f()") == "a test fails"


@linux
def test_the_probe_finds_all_ways_out_without_a_sandbox(no_sandbox):
    assert {"the network", "reading files", "writing files", "sockets"} <= set(open_ways(no_sandbox))


def test_a_sandbox_that_does_not_start_is_an_error_not_a_rejection(sandbox, tmp_path):
    with pytest.raises((SandboxError, OSError)):
        Sandbox(LIMITS, str(tmp_path / "gone"), make_filter()).run([], seed=1)
