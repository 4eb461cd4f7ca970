"""The supervisor in the sandbox: runs each program of a job in a child process of its own, and tells how each ended.

generation/sandbox/bubblewrap.py compiles this file and hands it to a Python that is process 1 of the sandbox. It uses the standard
library alone, and of that little, for each import is paid for at every start. The child is the only process that runs
untrusted code. It can do what it likes with itself; the supervisor knows its exit status and CPU time from the kernel, and
takes from its pipe only lines that begin with a random word, which was drawn for this run.

stdin: marshal of (runs, modules to import for all of them, limits, seccomp filter or None, seconds of wall time); a run is
(code of the program, code of its tests, seconds of CPU time). stdout: a line "ready", then for each run a line
"<end> <CPU seconds> <size>" and so many bytes of reports, JSON lines:

    ["check", number, [values]]      a check of the tests was come to, and its operands were these
    ["opaque", number, type]         they were no plain data
    ["raised", stage, type, message] the program or the tests ended with an exception
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
import types  # its own import looks at a frame, which the child could not do
from _json import encode_basestring_ascii as quoted  # json itself imports re

TYPE_CHECKING = False  # typing takes as long to import as all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Filter = tuple[int, _ctypes.Structure]
    Limits = list[tuple[str, int]]

MOST_REPORTED = 1 << 20  # bytes of a run
LONGEST_MESSAGE = 500  # characters of an exception's message
REPORTS = 3  # the child's file descriptor for them
CHECK = b"\0check"  # the constant in the code of tests that stands for the function which reports a check
LOOKED_INTO = 77  # exit status of a child that looked into the interpreter

# audit events (https://docs.python.org/3/library/audit_events.html) of code that looks for the runner's frames and objects
LOOKING = {
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
HIGHEST_FD = 1 << 10  # none is open above it: this process has opened a handful
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38  # prctl(2)

# a function takes its builtins from its module's: those below take a copy, which untrusted code does not change
PRISTINE = __builtins__ = dict(vars(builtins))  # type: ignore[assignment]


# ---- the supervisor --------------------------------------------------------------------------------------------------
def main() -> None:
    runs, modules, limits, seccomp, wall_seconds = marshal.load(sys.stdin.buffer)
    for name in modules:
        __import__(name)
    signals.signal(signals.SIGINT, signals.SIG_DFL)  # so that process 1 cannot be sent it from inside
    seccomp = seccomp and prepare(seccomp)
    for number in range(len(runs)):  # now, for a run may fill what room there is
        os.mkdir(f"{number}")
    answer = sys.stdout.buffer
    answer.write(b"ready\n")
    answer.flush()
    for number, (program, tests, cpu_seconds) in enumerate(runs):
        end, used, reports = supervise(f"{number}", program, tests, limits, seccomp, cpu_seconds, wall_seconds)
        answer.write(b"%s %.6f %d\n%s" % (end.encode(), used, len(reports), reports))
        answer.flush()


def prepare(seccomp: bytes) -> Filter:
    """What loads a filter, as far as it can be done once for all children."""

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
        end = told_by(status, used >= cpu_seconds)
    lines = reports.splitlines() if end == "exit-0" else []  # those of a child that was killed may be cut
    if not all(line.startswith(word + b" ") for line in lines):
        end, lines = "forged", []
    return end, used, b"\n".join(line[len(word) + 1 :] for line in lines)


def told_by(status: int, out_of_time: bool) -> str:
    """How a child ended, by its wait status."""
    if not os.WIFSIGNALED(status):
        return f"exit-{os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signals.SIGPROF or out_of_time:
        return "cpu"
    return "killed" if number == signals.SIGKILL else f"signal-{number}"


def read_to_the_end(reading: int, deadline: float) -> tuple[bytes, str]:
    """What comes out of a pipe, and why reading ended: "" at the pipe's end, "wall", or "output"."""
    chunks: list[bytes] = []
    size = 0
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            chunk = os.read(reading, 1 << 16)
            if not chunk:
                return b"".join(chunks), ""
            chunks.append(chunk)
            size += len(chunk)
            if size > MOST_REPORTED:
                return b"", "output"
    return b"", "wall"


def kill(child: int) -> None:
    """Kill a child, and what it has started in its session; what has left the session dies with the sandbox."""
    os.kill(child, signals.SIGKILL)
    try:  # noqa: SIM105 - contextlib would have to be imported
        os.killpg(child, signals.SIGKILL)
    except (ProcessLookupError, PermissionError):  # it had no time to begin a session; macOS: there are only zombies
        pass


# ---- the child -------------------------------------------------------------------------------------------------------
def confine(writing: int, limits: Limits, seccomp: Filter | None, cpu_seconds: float) -> None:
    """Give up all that the untrusted code must not have."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd, source in ((0, null), (1, null), (2, null), (REPORTS, writing)):
        os.dup2(source, fd)  # writing may be 3 itself: then it stays
    os.closerange(REPORTS + 1, HIGHEST_FD)
    for name, value in limits:
        limit_to(getattr(resource, name, None), value)
    limit_to(resource.RLIMIT_CPU, int(cpu_seconds) + 2)  # for those that switch the timer off
    signals.setitimer(signals.ITIMER_PROF, cpu_seconds)
    if seccomp:
        load(seccomp)


def limit_to(kind: int | None, value: int) -> None:
    if kind is not None:  # macOS has not all of them
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def load(seccomp: Filter) -> None:
    prctl, program = seccomp
    no_new = _ctypes.call_function(prctl, (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if no_new or _ctypes.call_function(prctl, (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, _ctypes.byref(program), 0, 0)):
        raise OSError("the seccomp filter was not loaded")


def execute(program: types.CodeType, tests: types.CodeType, word: bytes) -> None:
    """Execute the program, then its tests, and report. The tests have the builtins as they were before the program."""
    report, check = reporters(word)
    leave = os._exit
    module = types.ModuleType("program")
    module.__dict__["__builtins__"] = builtins  # by itself exec would hand over PRISTINE
    sys.modules["program"] = sys.modules["__main__"] = module
    tests = with_check(tests, check)
    forbid_looking()
    stage = "program"
    try:
        exec(program, vars(module))
        stage = "tests"
        exec(tests, {**vars(module), "__name__": "__main__", "__builtins__": dict(PRISTINE)})
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        report("raised", stage, type(error).__name__, message_of(error))
    else:
        report("done")
    leave(0)  # no atexit, no other thread, no finalizer


def with_check(code: types.CodeType, check: Callable[..., None]) -> types.CodeType:
    """The code of tests with the function where CHECK stands: a constant, so that no name leads to it."""
    constants = [with_check(each, check) if isinstance(each, types.CodeType) else each for each in code.co_consts]
    return code.replace(co_consts=tuple(check if each == CHECK else each for each in constants))


def forbid_looking() -> None:
    """From now on, whoever looks for the frames and objects of this file ends the process."""
    leave = os._exit

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in LOOKING or (event == "object.__getattr__" and arguments[1] in FRAMES):
            leave(LOOKED_INTO)

    del sys._getframe  # what the standard library has a way without
    sys.addaudithook(watch)


def reporters(word: bytes) -> tuple[Callable[..., None], Callable[..., None]]:
    """Two functions that report: anything, and the operands of a check."""
    write = os.write

    def report(*parts: object) -> None:
        write(REPORTS, word + b" " + encoded(list(parts)).encode() + b"\n")

    def check(number: int, *values: object) -> None:
        try:
            text = encoded(list(values))
        except (TypeError, RecursionError, ValueError) as error:  # ValueError: an int of too many digits
            report("opaque", number, str(error)[:LONGEST_MESSAGE])
        else:
            write(REPORTS, b'%s ["check",%d,%s]\n' % (word, number, text.encode()))

    return report, check


def message_of(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:  # noqa: BLE001 - of the untrusted code's own __str__
        return ""


def encoded(value: Any) -> str:
    """Plain data as JSON; what JSON has not is an object of one item, named after its type. TypeError for anything else.

    Only the very types count, no subclasses, which might compare as they like.
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
        return "[" + ",".join([encoded(each) for each in value]) + "]"
    if kind is bytes:
        return f'{{"bytes":"{value.hex()}"}}'
    if kind is complex:
        return '{"complex":' + encoded([value.real, value.imag]) + "}"
    if kind is dict:
        return '{"dict":[' + ",".join([encoded([name, each]) for name, each in value.items()]) + "]}"
    if kind in (tuple, set, frozenset):
        return '{"' + kind.__name__ + '":[' + ",".join([encoded(each) for each in value]) + "]}"
    raise TypeError(kind.__name__)


if __name__ == "__main__":
    main()
    os._exit(0)  # an orderly end takes a millisecond
