"""The supervisor in the sandbox: runs each program of a job in its own child process, and reports how it ended.

generation/sandbox/bubblewrap.py compiles this file and passes it to a Python that is process 1 of the sandbox. It
imports only a few modules of the standard library, because every import costs time at each start. Untrusted code runs
only in the children, each with a folder and a mount namespace of its own, which vanish with it. A child can do what
it likes with itself; the supervisor learns its exit status and CPU time from the kernel, and accepts only lines on its
pipe that are signed, in their order, with a key drawn for this run: whoever reads the pipe does not learn the key, and
a line that is left out or comes twice is noticed. The key is in variables of functions that the child can reach only
by inspecting frames, objects or the code of its tests. That ends it (INSPECTING), except through ctypes.

stdin: marshal of (modules to import for all runs, limits, seccomp filter or None, seconds of wall time for a run and
for a job, bytes and files that a folder may hold), then of jobs until it ends; a job is a list of runs, and a run is
(code of the program, code of its tests, seconds of CPU time, seed of random numbers, seconds by which its clock is
wrong, the constant in the tests' code that stands for the function which reports a check). stdout, for each job: a
line "ready", then for each run a line "<end> <CPU seconds> <size>" and `size` bytes of reports, as JSON lines:

    ["check", number, [values]]      a check of the tests was reached, and its operands had these values
    ["opaque", number, message]      the same, but a value was nested too deep, for example in itself
    ["raised", stage, type, message] the program or its tests ended with an exception
    ["done"]                         the tests ran to their end
"""

from __future__ import annotations

import _blake2  # hashlib imports ten modules
import _ctypes  # ctypes takes three times as long to import
import _signal as signals  # type: ignore[import-not-found]  # signal imports enum
import builtins
import gc
import marshal
import os
import resource
import select
import sys
import time
import types  # here, because importing it uses a frame, which the child must not
from _json import encode_basestring_ascii as quoted  # json itself imports re

TYPE_CHECKING = False  # importing typing takes as long as all the others
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Filter = tuple[dict[str, int], _ctypes.Structure]
    Limits = list[tuple[str, int]]
    Run = tuple[types.CodeType, types.CodeType, float, int, float, bytes]
    Encoders = dict[int, tuple[str, Callable[[Any], Any]]]

MAX_REPORTED = 1 << 20  # bytes per run
POLL_SECONDS = 0.1  # between looks whether a silent child has ended
MAX_MESSAGE = 500  # characters of an exception's message
REPORTS = 3  # the child's file descriptor for them
LOOKED_INTO = 77  # exit status of a child that inspected the interpreter

# audit events (https://docs.python.org/3/library/audit_events.html) of code that inspects frames and objects
INSPECTING = {
    "sys._getframe",
    "sys._current_frames",
    "sys._current_exceptions",
    "sys.settrace",
    "sys.setprofile",
    "sys.monitoring.register_callback",
    "gc.get_objects",
    "gc.get_referrers",
    "gc.get_referents",
    "sys.addaudithook",  # its hooks are shown the code of the tests
}
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame", "gi_code", "cr_code", "ag_code"}
NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # as json reads them
MAX_BITS = 10_000  # of an integer that is reported in decimal digits; Python refuses more than 4,300 digits
SIGNATURE_LENGTH = 32  # hexadecimal digits
HIGHEST_FD = 1 << 10  # this process opens only a handful of files
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38  # prctl(2)
CLONE_NEWNS = 0x20000  # unshare(2)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x2, 0x4, 0x20, 0x1000, 0x4000, 0x40000
# capset(2): its version and the process, this one; three empty sets
NO_CAPABILITIES = (0x20080522).to_bytes(4, sys.byteorder) + bytes(4), bytes(24)

# functions take their builtins from their module: those below use a copy that untrusted code cannot change
PRISTINE = __builtins__ = dict(vars(builtins))  # type: ignore[assignment]


# ---- the supervisor --------------------------------------------------------------------------------------------------
def main() -> None:
    modules, limits, seccomp, wall_seconds, job_seconds, space = marshal.load(sys.stdin.buffer)
    for name in modules:
        __import__(name)
    prepare_modules()
    encoders = value_encoders()
    signals.signal(signals.SIGINT, signals.SIG_DFL)  # then the kernel does not deliver it to process 1 from inside
    seccomp = seccomp and prepare(seccomp)
    if seccomp and os.getpid() == 1:
        protect_null(seccomp)
    answer = sys.stdout.buffer
    while (runs := next_job()) is not None:
        answer.write(b"ready\n")
        answer.flush()
        deadline = time.monotonic() + job_seconds
        for number, run in enumerate(runs):
            seconds = min(wall_seconds, deadline - time.monotonic())
            end, used, reports = supervise(number, run, limits, seccomp, seconds, space, encoders)
            answer.write(b"%s %.6f %d\n%s" % (end.encode(), used, len(reports), reports))
            answer.flush()


def protect_null(seccomp: Filter) -> None:
    """Keep mode and times of /dev/null as they are. After bwrap's --remount-ro it would be no device any more."""
    try:  # noqa: SIM105 - contextlib would have to be imported
        call(seccomp, "mount", None, b"/dev/null", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, None)
    except OSError:  # then the probe says so
        pass


def next_job() -> list[Run] | None:
    try:
        return marshal.load(sys.stdin.buffer)  # type: ignore[no-any-return]
    except EOFError:
        return None


def prepare_modules() -> None:
    """Let the imported modules do without frames, and take their time and random numbers from where a run sets them."""
    loaded = sys.modules
    if "logging" in loaded:
        loaded["logging"]._srcfile = None  # type: ignore[attr-defined]  # then it does not look for its caller
    if "traceback" in loaded:
        for name in ("walk_tb", "walk_stack", "_walk_tb_with_full_positions"):
            setattr(loaded["traceback"], name, lambda start: iter(()))
        setattr(loaded["traceback"], "clear_frames", lambda start: None)  # noqa: B010 - for mypy
    if "datetime" in loaded:  # the rest of it calls time.time
        kind = loaded["datetime"].datetime
        utc = loaded["datetime"].timezone.utc
        methods = gc.get_referents(vars(kind))[0]  # the dictionary behind the read-only view
        methods["now"] = classmethod(lambda cls, tz=None: cls.fromtimestamp(time.time(), tz))
        methods["utcnow"] = classmethod(lambda cls: cls.fromtimestamp(time.time(), utc).replace(tzinfo=None))
        sys._clear_type_cache()


def prepare(seccomp: bytes) -> Filter:
    """Prepare the system calls that confine a child, once for all children."""

    class Length(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "H"

    class Instructions(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "z"

    class FilterProgram(_ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", Length), ("instructions", Instructions))

    library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
    calls = {name: _ctypes.dlsym(library, name) for name in ("prctl", "unshare", "mount", "capset")}
    return calls, FilterProgram(len(seccomp) // 8, seccomp)


def supervise(
    number: int,
    run: Run,
    limits: Limits,
    seccomp: Filter | None,
    wall_seconds: float,
    space: tuple[int, int],
    encoders: Encoders,
) -> tuple[str, float, bytes]:
    """Run a program in a child. Returns how it ended, its CPU seconds, and its reports without their signatures."""
    program, tests, cpu_seconds, seed, clock_error, check_constant = run
    key = os.urandom(32)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        leave = os._exit
        try:
            enter_folder(number, seccomp, space)
            confine(writing, limits, seccomp, cpu_seconds)
            set_chance(seed, clock_error)
            report, check = reporters(key, encoders)
            execute(program, with_check(tests, check_constant, check), report)
        finally:
            leave(1)
    os.close(writing)
    reports, end = read_to_the_end(reading, child, time.monotonic() + wall_seconds)
    os.close(reading)
    kill(child)
    _, status, usage = os.wait4(child, 0)
    if os.getpid() == 1:
        kill_the_rest()
    used = usage.ru_utime + usage.ru_stime
    if not end:
        end = describe_status(status, used >= cpu_seconds)
    lines = reports.splitlines() if end == "exit-0" else []  # if the child was killed, they may be incomplete
    texts = [line[SIGNATURE_LENGTH + 1 :] for line in lines]
    if any(line != signed(key, order, text) for order, (line, text) in enumerate(zip(lines, texts))):  # noqa: B905
        end, texts = "forged", []
    return end, used, b"\n".join(texts)


def signed(key: bytes, order: int, text: bytes) -> bytes:
    return _blake2.blake2b(b"%d %s" % (order, text), key=key, digest_size=16).hexdigest().encode() + b" " + text


def describe_status(status: int, out_of_time: bool) -> str:
    """How a child ended, from its wait status."""
    if not os.WIFSIGNALED(status):
        return f"exit-{os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signals.SIGPROF or out_of_time:
        return "cpu"
    return "killed" if number == signals.SIGKILL else f"signal-{number}"


def read_to_the_end(reading: int, child: int, deadline: float) -> tuple[bytes, str]:
    """What comes through a pipe from a child, and why reading stopped early: "wall" or "output", "" if it did not.

    The pipe may stay open without the child: the kernel keeps what is sent to a socket that nobody reads for a while.
    """
    chunks: list[bytes] = []
    size = 0
    ended = False
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], 0 if ended else min(left, POLL_SECONDS))[0]:
            chunk = os.read(reading, 1 << 16)
            if not chunk:
                return b"".join(chunks), ""
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_REPORTED:
                return b"", "output"
        elif ended:
            return b"".join(chunks), ""
        else:
            ended = has_ended(child)
    return b"", "wall"


def has_ended(child: int) -> bool:
    """Whether a child is a zombie. False where the system cannot tell without reaping it: macOS before Python 3.13."""
    if not hasattr(os, "waitid"):
        return False
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill(child: int) -> None:
    """Kill a child and the processes of its session."""
    os.kill(child, signals.SIGKILL)
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.killpg(child, signals.SIGKILL)
    except (ProcessLookupError, PermissionError):  # no session yet; on macOS, only zombies are left
        pass


def kill_the_rest() -> None:
    """Kill what a child may have left in the PID namespace, which is all but this process, its first."""
    try:
        os.kill(-1, signals.SIGKILL)
        while True:
            os.wait4(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


# ---- the child -------------------------------------------------------------------------------------------------------
def enter_folder(number: int, seccomp: Filter | None, space: tuple[int, int]) -> None:
    """Enter a new empty folder; in a sandbox, one that only this process sees and that vanishes with it."""
    if not seccomp:
        folder = os.path.join(os.getcwd(), f"{number}")
        os.mkdir(folder)
        os.environ["HOME"] = os.environ["TMPDIR"] = folder
        os.chdir(folder)
        return
    folder = os.getcwd()
    call(seccomp, "unshare", CLONE_NEWNS)
    call(seccomp, "mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    options = b"size=%d,nr_inodes=%d,mode=700" % space
    call(seccomp, "mount", b"tmpfs", folder.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options)
    os.chdir(folder)
    call(seccomp, "capset", *NO_CAPABILITIES)


def confine(writing: int, limits: Limits, seccomp: Filter | None, cpu_seconds: float) -> None:
    """Close everything that untrusted code must not have."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd, source in ((0, null), (1, null), (2, null), (REPORTS, writing)):
        os.dup2(source, fd)  # `writing` may be REPORTS itself
    os.closerange(REPORTS + 1, HIGHEST_FD)
    for name, value in limits:
        limit_to(getattr(resource, name, None), value)
    limit_to(resource.RLIMIT_CPU, int(cpu_seconds) + 2)  # in case the program switches the timer off
    signals.setitimer(signals.ITIMER_PROF, cpu_seconds)
    if seccomp:
        call(seccomp, "prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        call(seccomp, "prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, _ctypes.byref(seccomp[1]), 0, 0)


def limit_to(kind: int | None, value: int) -> None:
    if kind is not None:  # macOS lacks some
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def call(seccomp: Filter, name: str, *arguments: Any) -> None:
    if _ctypes.call_function(seccomp[0][name], arguments):
        raise OSError(f"{name} failed")


def set_chance(seed: int, clock_error: float) -> None:
    """Set what a program must not depend on: random numbers and the clock. Both are the same in every repetition."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + clock_error
    time.time_ns = lambda: now_ns() + int(clock_error * 1e9)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, at_the_time(getattr(time, name)))
    original, local = time.strftime, time.localtime
    time.strftime = lambda form, moment=None: original(form, local() if moment is None else moment)
    if random := sys.modules.get("random"):
        generator = random.Random(seed)
        os.urandom = random._urandom = lambda size: generator.randbytes(size)  # type: ignore[attr-defined]
        random.seed(seed)
        unseeded = random.Random.seed
        random.Random.seed = lambda self, a=None, version=2: unseeded(
            self, generator.getrandbits(256) if a is None else a, version
        )


def at_the_time(function: Callable[[float], Any]) -> Callable[..., Any]:
    return lambda seconds=None: function(time.time() if seconds is None else seconds)


def execute(program: types.CodeType, tests: types.CodeType, report: Callable[..., None]) -> None:
    """Execute the program, then its tests, and report. The tests get the builtins from before the program."""
    leave = os._exit
    module = types.ModuleType("program")
    module.__dict__["__builtins__"] = builtins  # exec would pass PRISTINE
    sys.modules["program"] = sys.modules["__main__"] = module
    namespace: dict[str, Any] = {}  # of the tests
    forbid_inspecting(namespace)
    stage = "program"
    try:
        exec(program, vars(module))
        stage = "tests"
        namespace.update(vars(module), __name__="__main__", __builtins__=dict(PRISTINE))
        exec(tests, namespace)
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        report("raised", stage, type(error).__name__, message_of(error))
    else:
        report("done")
    leave(0)  # without atexit handlers, other threads or finalizers


def with_check(code: types.CodeType, constant: bytes, check: Callable[..., None]) -> types.CodeType:
    """The tests' code with the function in place of a constant, so that no name refers to it."""
    items = [with_check(item, constant, check) if isinstance(item, types.CodeType) else item for item in code.co_consts]
    return code.replace(co_consts=tuple(check if item == constant else item for item in items))


def forbid_inspecting(namespace: dict[str, Any]) -> None:
    """From now on, inspecting frames, objects or the tests ends the process: it could find the key."""
    leave = os._exit

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in INSPECTING:
            leave(LOOKED_INTO)
        if event == "object.__getattr__" or event == "object.__setattr__":
            item, name = arguments[:2]
            if name in FRAMES or (name == "__code__" and item.__globals__ is namespace):
                leave(LOOKED_INTO)

    del sys._getframe  # the standard library works without it
    sys.addaudithook(watch)


def reporters(key: bytes, encoders: Encoders) -> tuple[Callable[..., None], Callable[..., None]]:
    """Two functions: one reports anything, the other the operands of a check."""
    write = os.write
    order = 0
    objects = Objects()

    def send(text: str) -> None:
        nonlocal order
        order += 1
        write(REPORTS, signed(key, order - 1, text.encode()) + b"\n")

    def report(*parts: object) -> None:
        send(encoded(list(parts), encoders, objects))

    def check(number: int, *values: object) -> None:
        objects.in_check = []
        try:
            text = encoded(list(values), encoders, objects)
        except RecursionError as error:
            report("opaque", number, str(error)[:MAX_MESSAGE])
        else:
            send(f'["check",{number},{text}]')

    return report, check


def message_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - from the untrusted code's own __str__
        return ""


# ---- values ----------------------------------------------------------------------------------------------------------
class Objects:
    """The objects that were reported, each with a number. They are kept, so that no two have the same address."""

    def __init__(self) -> None:
        self.known: list[object] = []
        self.in_check: list[int] = []  # those with an __eq__ of their own in the check at hand

    def number(self, value: object) -> int:
        """A number for an object, the same whenever it is reported again."""
        for number, other in enumerate(self.known):
            if other is value:
                return number
        self.known.append(value)
        return len(self.known) - 1

    def equal_to(self, value: object) -> list[int]:
        """The objects of the same class that were reported before in this check and say that they are equal."""
        equal = []
        for number in self.in_check:
            other = self.known[number]
            try:
                if type(other) is type(value) and other == value:
                    equal.append(number)
            except Exception:  # noqa: BLE001 - from the untrusted code's own __eq__
                pass
        self.in_check.append(self.number(value))
        return equal


def value_encoders() -> Encoders:
    """How values of the standard library's types are made of simpler ones, for those whose modules are imported.

    By the addresses of the types: a class can claim to be equal to another one.
    """
    known: list[tuple[str, str, Callable[[Any], Any]]] = [
        ("builtins", "bytes", bytes.hex),
        ("builtins", "bytearray", bytearray.hex),
        ("builtins", "complex", lambda value: [value.real, value.imag]),
        ("builtins", "range", lambda value: [value.start, value.stop, value.step]),
        ("builtins", "dict", lambda value: [[key, item] for key, item in value.items()]),
        ("collections", "Counter", lambda value: [[key, item] for key, item in dict.items(value)]),
        ("collections", "defaultdict", lambda value: [[key, item] for key, item in dict(value).items()]),
        ("collections", "OrderedDict", lambda value: [[key, item] for key, item in dict(value).items()]),
        ("collections", "deque", list),
        ("decimal", "Decimal", str),
        ("fractions", "Fraction", str),
        ("datetime", "date", lambda value: value.isoformat()),
        ("datetime", "datetime", lambda value: value.isoformat()),
        ("datetime", "time", lambda value: value.isoformat()),
        ("datetime", "timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
        ("pathlib", "PurePosixPath", str),
        ("pathlib", "PosixPath", str),
        ("uuid", "UUID", str),
    ]
    modules = {**sys.modules, "builtins": builtins}
    kinds = [(name, getattr(modules[module], name), encode) for module, name, encode in known if module in modules]
    return {id(kind): (name, kind.__str__ if encode is str else encode) for name, kind, encode in kinds}


def encoded(value: Any, encoders: Encoders, objects: Objects) -> str:
    """A value as JSON. What JSON lacks becomes an object with one item, named after the type.

    Values of the program's own classes are described by what the process that judges can compare: the fields of named
    tuples and data classes, the names of enumerations, the identity of everything else. No code of these classes
    runs here, except for the truth of the last, and whether two of the same class in a check are equal.
    """
    kind = type(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind is int:
        return str(value) if value.bit_length() < MAX_BITS else f'{{"int":"{value:x}"}}'
    if kind is str:
        return quoted(value)
    if kind is float:
        return NOT_FINITE.get(text := repr(value), text)
    if value is Ellipsis:
        return '{"failed":0}'
    if kind is list:
        return "[" + ",".join([encoded(item, encoders, objects) for item in value]) + "]"
    if kind is tuple:
        return '{"tuple":[' + ",".join([encoded(item, encoders, objects) for item in value]) + "]}"
    if kind is set or kind is frozenset:
        items = sorted([encoded(item, encoders, objects) for item in value])
        return f'{{"{kind.__name__}":[' + ",".join(items) + "]}"
    if id(kind) in encoders:
        name, encode = encoders[id(kind)]
        return f'{{"{name}":{encoded(encode(value), encoders, objects)}}}'
    name, parts = described(value, kind, objects)
    return f'{{"{name}":{encoded(parts, encoders, objects)}}}'


def described(value: Any, kind: type, objects: Objects) -> tuple[str, Any]:
    """The form and the parts of a value of a class of the program."""
    bases = type.__dict__["__mro__"].__get__(kind)
    spaces = [type.__dict__["__dict__"].__get__(base) for base in bases]
    compares = next(index for index, space in enumerate(spaces) if "__eq__" in space)  # `object` has it
    if bases[compares] is tuple and type(spaces[0].get("_fields")) is tuple:
        return "tuple", [tuple.__getitem__(value, index) for index in range(tuple.__len__(value))]
    fields = spaces[compares].get("__dataclass_fields__")
    if type(fields) is dict and compares == 0:
        names = [name for name, field in fields.items() if field.compare and field._field_type.name == "_FIELD"]
        if names == compared_by(spaces[0]["__eq__"]):
            return "fields", [objects.number(kind), [[name, object.__getattribute__(value, name)] for name in names]]
    owner = bases[compares]
    enum = sys.modules.get("enum")
    if enum and any(base is enum.Enum for base in bases) and (owner is object or owner is int or owner is str):
        member = object.__getattribute__(value, "__dict__")
        if owner is object:
            return "fields", [objects.number(kind), [[member["_name_"], objects.number(value)]]]
        return "plain", int.__index__(value) if owner is int else str.__str__(value)
    try:
        true = bool(value)
    except Exception:  # noqa: BLE001 - from the untrusted code's own __bool__
        true = True
    unique = owner is object or owner is type
    equal = [] if unique else objects.equal_to(value)
    return "object", [quoted_name(kind), objects.number(value), true, unique, equal]


def compared_by(equality: object) -> list[str] | None:
    """The fields that an `__eq__` compares if the module dataclasses made it, from text, which has no file."""
    if type(equality) is not types.FunctionType or equality.__code__.co_filename != "<string>":
        return None
    return [name for name in equality.__code__.co_names if name not in ("__class__", "NotImplemented")]


def quoted_name(kind: type) -> str:
    return str(type.__dict__["__name__"].__get__(kind))


if __name__ == "__main__":
    main()
    os._exit(0)  # a regular exit takes a millisecond longer
