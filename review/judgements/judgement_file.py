"""Writing into a judgement file that others edit too: only the lines of the id judged change."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from records.file_io import open_output
from records.file_lock import locked
from review.judgements.judgement_reading import Judgement
from review.judgements.judgement_text import JudgementText

SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, as a browser may send it; no file can hold it


class ConflictError(Exception):
    """A record is not judged as the reviewer saw it, so nothing was written."""

    def __init__(self, record_id: str, judgement: Judgement | None):
        """`judgement` is what the file has now; None where there is none any more."""
        super().__init__(f"{record_id}: has been judged meanwhile")
        self.record_id, self.judgement = record_id, judgement


class JudgementFile:
    """A judgement file open for a reviewer, while others may write to it, by hand or in viewers of their own."""

    def __init__(self, path: str | Path):
        """`path` need not exist yet; nothing is read or made before the first call."""
        self.path = Path(os.path.realpath(path))  # the file that a link stands for is replaced, not the link
        self._name = path  # as the user knows it
        self._data: bytes | None = None  # what was in the file when it was last read or written
        self._text = JudgementText(b"", path)
        self._thread = threading.Lock()

    def read(self) -> dict[str, Judgement]:
        """The judgements by record id, in the file's order; none where there is no file yet.

        Only what has changed is parsed again. Raises InputError as load_judgements does, and where an entry could not
        be changed alone: in a file with aliases (`*a`), or one that is a mapping in braces.
        """
        with self._thread:
            return dict(self._current().judgements)

    def judge(self, record_id: str, judgement: Judgement | None, *, seen: Judgement | None) -> Judgement | None:
        """Write a judgement, or take it out with None, and return what the file has for the record now.

        `seen` is what the reviewer took the record to be judged. No other writer comes between the comparison and the
        writing. When this returns, the judgement is in the file, whatever becomes of this process. Raises
        ConflictError where the file has anything else than `seen`, InputError as `read` does, and OSError where the
        file cannot be written; the file is then as it was.
        """
        with self._thread, self._locked():
            text = self._current()
            earlier = text.judgements.get(record_id)
            if earlier != seen:
                raise ConflictError(record_id, earlier)
            if judgement is not None:
                judgement = replace(judgement, note=SURROGATE.sub("\N{REPLACEMENT CHARACTER}", judgement.note))
            if judgement != earlier:
                self._data = None  # so that the file is read again if anything fails from here on
                text.put(record_id, judgement)
                data = text.encode()
                self._write(data)
                self._data = data
            return judgement

    def _current(self) -> JudgementText:
        """The text as it is in the file now. Comparing all bytes misses no edit, and takes a millisecond a megabyte."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        if data != self._data:
            if self._data is None or not self._text.follow(data):
                self._text = JudgementText(data, self._name)
            self._data = data
        return self._text

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait until no other writer is at the file. The lock is a separate file, because the file itself is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_name(f".{self.path.name}.lock"), wait=True):
            yield

    def _write(self, data: bytes) -> None:
        with open_output(self.path) as out:
            if self.path.exists():
                os.fchmod(out.fileno(), self.path.stat().st_mode)
            out.write(data)
