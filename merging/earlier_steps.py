"""The steps before a merge, as the reports beside its inputs tell them: what each was asked for, read and kept."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from records.file_io import STANDARD_STREAM, report_path

DEEPEST = 20  # steps, in case reports name each other
UNTOLD = ("inputpath", "destpath", "dropped_path", "workers", "cachedir", "base_url")  # do not change the records


class Step(NamedTuple):
    """A step that made an input, or an input of that."""

    command: str  # the script and its options, without paths
    read: int
    kept: int


def earlier_steps(path: str) -> list[Step]:
    """The steps that made a file, the first one first; those without a report, or before one, are not known."""
    steps = list(_steps_from(path, set()))
    return steps[::-1]


def _steps_from(path: str, seen: set[str]) -> Iterator[Step]:
    if path == STANDARD_STREAM or path in seen or len(seen) >= DEEPEST:
        return
    seen.add(path)
    report = _report_of(path)
    options, counts = (report.get(name) for name in ("options", "counts"))
    if not isinstance(options, dict) or not isinstance(counts, dict) or not isinstance(report.get("script"), str):
        return
    read = counts.get("read")
    kept = counts.get("kept", read)  # repairs keep every record
    if not isinstance(read, int) or not isinstance(kept, int):
        return
    yield Step(_command(report["script"], options), read, kept)
    inputs = options.get("inputpath")
    for before in inputs if isinstance(inputs, list) else []:
        if isinstance(before, str):
            yield from _steps_from(before, seen)


def _report_of(path: str) -> dict[str, Any]:
    try:
        report = json.loads(Path(str(report_path(path))).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _command(script: str, options: dict[str, Any]) -> str:
    words = [script]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        given = value not in (None, "", []) and value is not False  # 0 is given
        if name in UNTOLD or not given or any("/" in str(each) for each in values):
            continue  # paths are nobody's business
        words += [f"--{name}", *([] if value is True else map(str, values))]
    return shlex.join(words)
