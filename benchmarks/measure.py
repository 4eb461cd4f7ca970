"""Time and memory of a command with all the processes that it starts (Linux)."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, of all its processes
    peak: float  # MB of proportional set size (PSS) of all its processes at once; 0 where it was not asked for


def measure(command: list[str], cores: int | None = None, memory: bool = False) -> Cost:
    """Run a command to its end, its output thrown away, on so many cores (default: all).

    Sampling the memory costs time, so time and memory are best measured in runs of their own. Exits with the command's
    stderr if it fails.
    """
    # orphaned grandchildren become ours, so that their time is counted too
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as users run it
    if cores:
        command = ["taskset", "--cpu-list", f"0-{cores - 1}", *command]
    others = {child.pid for child in psutil.Process().children()}  # a server, say
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0.0]
    if memory:
        threading.Thread(target=_watch, args=(process.pid, peak), daemon=True).start()
    _, stderr = process.communicate()
    wall = time.monotonic() - began
    while orphans := {child.pid for child in psutil.Process().children()} - others:
        for pid in orphans:
            os.waitpid(pid, 0)
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, peak[0])


def _watch(pid: int, peak: list[float]) -> None:
    try:
        root = psutil.Process(pid)
        while True:
            total = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(SAMPLE_SECONDS)
    except psutil.Error:
        return
