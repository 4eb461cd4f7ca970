"""What every script does in the same way: errors in one line, progress, and counts that add up."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from records.errors import InputError
from records.version import VERSION

SECONDS_BETWEEN_LINES = 30  # of progress, if stderr is not a terminal


def script_parser(doc: str | None, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser of a script's flags: --help shows the script's docstring, --version the version."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, parents=parents
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    return parser


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add --inputpath and --destpath, which every filter of records has."""
    parser.add_argument(
        "--inputpath",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdin",
    )
    parser.add_argument("--destpath", required=True, metavar="PATH", help="the same endings, or - for stdout")


def tell(message: str) -> None:
    """Print a message on stderr."""
    print(message, file=sys.stderr)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's `main` and exit as every script does.

    Exits 0 (or with what `main` returns), 1 with one line on stderr for InputError (one for each of MistakesError) and
    OSError, 130 after Ctrl-C, 143 after SIGTERM. Any other exception is a bug and shows its traceback.
    """
    name = Path(sys.argv[0]).name
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.stderr is None:  # as after `2>&-`: print(file=None) would write to stdout, among the records
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        status = main() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` does
        sys.stderr.close()
        status = 141
    except OSError as error:
        name_of_file = error.filename2 or error.filename  # when renaming, the second is the one that the user gave
        place = f"{name_of_file}: " if name_of_file is not None else ""
        status = _fail(name, f"{place}{error.strerror or error}")
    except KeyboardInterrupt:
        status = _fail(name, "interrupted; nothing half-written is left under a final name", status=130)
    except InputError as error:
        status = _fail(name, *error.messages)
    sys.exit(status)


def _fail(name: str, *messages: str, status: int = 1) -> int:
    for message in messages:
        print(f"{name}: error: {' '.join(message.split())}", file=sys.stderr)
    return status


def positive(text: str) -> int:
    """The type of a flag that takes a positive integer; argparse reports anything else."""
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


@dataclass
class Tally:
    """How many records a step read, dropped for which reason, and kept."""

    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    kept: int = 0

    def keep(self) -> None:
        self.read += 1
        self.kept += 1

    def drop(self, reason: str) -> None:
        self.read += 1
        self.dropped[reason] += 1

    def as_dict(self) -> dict[str, Any]:
        """The numbers for a report; raises AssertionError if they do not add up."""
        assert self.read == self.kept + self.dropped.total(), self
        return {"read": self.read, "dropped": dict(sorted(self.dropped.items())), "kept": self.kept}

    def require_kept(self, unit: str, hint: str) -> None:
        """Raise InputError if some were read and none was kept, with the most frequent reason."""
        if self.read and not self.kept:
            [(reason, count)] = self.dropped.most_common(1)
            raise InputError(f"none of {self.read:,} {unit} was kept, {count:,} because of: {reason}; {hint}")

    def show(self, title: str, unit: str = "records") -> None:
        """Print the table on stderr."""
        rows = [(f"{unit} read", self.read)]
        rows += [(f"  dropped: {reason}", count) for reason, count in sorted(self.dropped.items())]
        rows += [(f"{unit} kept", self.kept)]
        show_table(title, rows)


def show_table(title: str, rows: list[tuple[str, int]]) -> None:
    """Print a title and (name, count) rows on stderr, the counts right-aligned."""
    for line in table_lines(title, rows):
        print(line, file=sys.stderr)


def table_lines(title: str, rows: list[tuple[str, int]]) -> list[str]:
    """The lines of that table."""
    names = max((len(name) for name, _ in rows), default=0)
    counts = max((len(f"{count:,}") for _, count in rows), default=0)
    return [title, *(f"  {name:<{names}}  {count:>{counts},}" for name, count in rows)]


class Progress:
    """A tqdm bar on a terminal, otherwise a plain line on stderr every 30 seconds.

    `total` is in units (bytes with unit="B"), None if unknown.
    """

    def __init__(self, label: str, total: int | None = None, unit: str = "B"):
        from tqdm import tqdm  # imported late, because it takes longer than all else that --help needs

        self.label, self.total, self.unit, self.done = label, total, unit, 0
        self._size = tqdm.format_sizeof
        self._bar = (
            tqdm(total=total, desc=label, unit=unit, unit_scale=True, leave=False) if sys.stderr.isatty() else None
        )
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, amount: int) -> None:
        self.done += amount
        if self._bar is not None:
            self._bar.update(amount)
        elif time.monotonic() >= self._next_line:
            share = f" ({self.done / self.total:.0%})" if self.total else ""
            print(f"{self.label}: {self._size(self.done)}{self.unit}{share}", file=sys.stderr)
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES


class Stages:
    """Progress of a job with several stages, one bar after the other, each labelled `<job>: <stage>`."""

    def __init__(self, job: str):
        self.job = job
        self._stage = ""
        self._progress: Progress | None = None

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.close()

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Tell how far a stage is; a new stage ends the one before."""
        if self._progress is None or stage != self._stage:
            self.__exit__()
            self._stage, self._progress = stage, Progress(f"{self.job}: {stage}", total)
        self._progress.update(done - self._progress.done)
