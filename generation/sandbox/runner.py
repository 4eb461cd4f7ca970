"""The supervisor in the sandbox: runs each program of a job in its own child process, and reports how it ended.

generation/sandbox/bubblewrap.py compiles this file and passes it to a Python that is process 1 of the sandbox. It
imports only a few modules of the standard library, because every import costs time at each start. Untrusted code runs
only in the children. A child can do what it likes with itself; the supervisor learns its exit status and CPU time
from the kernel, and accepts only lines on its pipe that begin with a secret word, drawn for this run.

stdin: marshal of (runs, modules to import for all of them, limits, seccomp filter or None, seconds of wall time); a
run is (code of the program, code of its tests, seconds of CPU time). stdout: a line "ready", then for each run a line
"<end> <CPU seconds> <size>" and `size` bytes of reports, as JSON lines:

    ["check", number, [values]]      a check of the tests was reached, and its operands had these values
    ["opaque", number, type]         the same, but a value was not plain data
    ["raised", stage, type, message] the program or its tests ended with an exception
    ["done"]                         the tests ran to their end
"""

from __future__ import annotations

import _ctypes  # ctypes takes three times as long to import
import _signal as signals  # type: ignore[import-not-found]  # signal imports enum
import builtins
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

    Filter = tuple[int, _ctypes.Structure]
    Limits = list[tuple[str, int]]

MAX_REPORTED = 1 << 20  # bytes per run
MAX_MESSAGE = 500  # characters of an exception's message
REPORTS = 3  # the child's file descriptor for them
CHECK = b"\0check"  # a constant in the tests' code; it stands for the function that reports a check
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
}
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # as json reads them
HIGHEST_FD = 1 << 10  # this process opens only a handful of files
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38  # prctl(2)

# functions take their builtins from their module: those below use a copy that untrusted code cannot change
PRISTINE = __builtins__ = dict(vars(builtins))  # type: ignore[assignment]


# ---- the supervisor --------------------------------------------------------------------------------------------------
def main() -> None:
    runs, modules, limits, seccomp, wall_seconds = marshal.load(sys.stdin.buffer)
    for name in modules:
        __import__(name)
    signals.signal(signals.SIGINT, signals.SIG_DFL)  # then the kernel does not deliver it to process 1 from inside
    seccomp = seccomp and prepare(seccomp)
    for number in range(len(runs)):  # now, because a run may fill the file system
        os.mkdir(f"{number}")
    answer = sys.stdout.buffer
    answer.write(b"ready\n")
    answer.flush()
    for number, (program, tests, cpu_seconds) in enumerate(runs):
        end, used, reports = supervise(f"{number}", program, tests, limits, seccomp, cpu_seconds, wall_seconds)
        answer.write(b"%s %.6f %d\n%s" % (end.encode(), used, len(reports), reports))
        answer.flush()


def prepare(seccomp: bytes) -> Filter:
    """Prepare the system call that loads the filter, once for all children."""

    class Length(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "H"

    class Instructions(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "z"

    class FilterProgram(_ctypes.Structure):  # struct sock_fprog
        _fields_ = (("length", Length), ("instructions", Instructions))

    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
    return prctl, FilterProgram(len(seccomp) // 8, seccomp)


def supervise(
    folder: str,
    program: types.CodeType,
    tests: types.CodeType,
    limits: Limits,
    seccomp: Filter | None,
    cpu_seconds: float,
    wall_seconds: float,
) -> tuple[str, float, bytes]:
    """Run a program in a child. Returns how it ended, its CPU seconds, and its reports without the secret word."""
    word = os.urandom(16).hex().encode()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        leave = os._exit
        try:
            os.chdir(folder)
            confine(writing, limits, seccomp, cpu_seconds)
            execute(program, tests, word)
        finally:
            leave(1)
    os.close(writing)
    reports, end = read_to_the_end(reading, time.monotonic() + wall_seconds)
    os.close(reading)
    kill(child)
    _, status, usage = os.wait4(child, 0)
    used = usage.ru_utime + usage.ru_stime
    if not end:
        end = describe_status(status, used >= cpu_seconds)
    lines = reports.splitlines() if end == "exit-0" else []  # if the child was killed, they may be incomplete
    if not all(line.startswith(word + b" ") for line in lines):
        end, lines = "forged", []
    return end, used, b"\n".join(line[len(word) + 1 :] for line in lines)


def describe_status(status: int, out_of_time: bool) -> str:
    """How a child ended, from its wait status."""
    if not os.WIFSIGNALED(status):
        return f"exit-{os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signals.SIGPROF or out_of_time:
        return "cpu"
    return "killed" if number == signals.SIGKILL else f"signal-{number}"


def read_to_the_end(reading: int, deadline: float) -> tuple[bytes, str]:
    """What comes through a pipe, and why reading stopped early: "wall" or "output", "" if it did not."""
    chunks: list[bytes] = []
    size = 0
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            chunk = os.read(reading, 1 << 16)
            if not chunk:
                return b"".join(chunks), ""
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_REPORTED:
                return b"", "output"
    return b"", "wall"


def kill(child: int) -> None:
    """Kill a child and the processes of its session; others that it started die with the sandbox."""
    os.kill(child, signals.SIGKILL)
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.killpg(child, signals.SIGKILL)
    except (ProcessLookupError, PermissionError):  # no session yet; on macOS, only zombies are left
        pass


# ---- the child -------------------------------------------------------------------------------------------------------
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
        load(seccomp)


def limit_to(kind: int | None, value: int) -> None:
    if kind is not None:  # macOS lacks some
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def load(seccomp: Filter) -> None:
    prctl, program = seccomp
    no_new = _ctypes.call_function(prctl, (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if no_new or _ctypes.call_function(prctl, (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, _ctypes.byref(program), 0, 0)):
        raise OSError("the seccomp filter was not loaded")


def execute(program: types.CodeType, tests: types.CodeType, word: bytes) -> None:
    """Execute the program, then its tests, and report. The tests get the builtins from before the program."""
    report, check = reporters(word)
    leave = os._exit
    module = types.ModuleType("program")
    module.__dict__["__builtins__"] = builtins  # exec would pass PRISTINE
    sys.modules["program"] = sys.modules["__main__"] = module
    tests = with_check(tests, check)
    forbid_inspecting()
    stage = "program"
    try:
        exec(program, vars(module))
        stage = "tests"
        exec(tests, {**vars(module), "__name__": "__main__", "__builtins__": dict(PRISTINE)})
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        report("raised", stage, type(error).__name__, message_of(error))
    else:
        report("done")
    leave(0)  # without atexit handlers, other threads or finalizers


def with_check(code: types.CodeType, check: Callable[..., None]) -> types.CodeType:
    """The tests' code with the function in place of CHECK: as a constant, so that no name refers to it."""
    constants = [with_check(item, check) if isinstance(item, types.CodeType) else item for item in code.co_consts]
    return code.replace(co_consts=tuple(check if item == CHECK else item for item in constants))


def forbid_inspecting() -> None:
    """From now on, inspecting frames and objects ends the process: it could find those of this file."""
    leave = os._exit

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in INSPECTING or (event == "object.__getattr__" and arguments[1] in FRAMES):
            leave(LOOKED_INTO)

    del sys._getframe  # the standard library works without it
    sys.addaudithook(watch)


def reporters(word: bytes) -> tuple[Callable[..., None], Callable[..., None]]:
    """Two functions: one reports anything, the other the operands of a check."""
    write = os.write

    def report(*parts: object) -> None:
        write(REPORTS, word + b" " + encoded(list(parts)).encode() + b"\n")

    def check(number: int, *values: object) -> None:
        try:
            text = encoded(list(values))
        except (TypeError, RecursionError, ValueError) as error:  # ValueError: an int with too many digits
            report("opaque", number, str(error)[:MAX_MESSAGE])
        else:
            write(REPORTS, b'%s ["check",%d,%s]\n' % (word, number, text.encode()))

    return report, check


def message_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - from the untrusted code's own __str__
        return ""


def encoded(value: Any) -> str:
    """Plain data as JSON; types that JSON lacks become objects with one item, named after the type.

    Raises TypeError for anything else, and for subclasses, which could define their own comparisons.
    """
    kind = type(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind is int:
        return str(value)
    if kind is str:
        return quoted(value)
    if kind is float:
        return NOT_FINITE.get(text := repr(value), text)
    if kind is list:
        return "[" + ",".join([encoded(item) for item in value]) + "]"
    if kind is bytes:
        return f'{{"bytes":"{value.hex()}"}}'
    if kind is complex:
        return '{"complex":' + encoded([value.real, value.imag]) + "}"
    if kind is dict:
        return '{"dict":[' + ",".join([encoded([key, item]) for key, item in value.items()]) + "]}"
    if kind in (tuple, set, frozenset):
        return '{"' + kind.__name__ + '":[' + ",".join([encoded(item) for item in value]) + "]}"
    raise TypeError(kind.__name__)


if __name__ == "__main__":
    main()
    os._exit(0)  # a regular exit takes a millisecond longer
