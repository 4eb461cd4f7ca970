"""Writing to a judgement file that others edit too: only the lines of the judged id change."""

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
from review.judgements.judgement import Judgement
from review.judgements.judgement_text import JudgementText
from review.judgements.record_ids import record_id_of

SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, which browsers may send, but files cannot contain


class ConflictError(Exception):
    """A record's judgement has changed since the reviewer saw it, so nothing was written."""

    def __init__(self, record_id: str, judgement: Judgement | None):
        """`judgement` is the one in the file now; None if it has been removed."""
        super().__init__(f"{record_id}: has been changed by someone else")
        self.record_id, self.judgement = record_id, judgement


class JudgementFile:
    """A judgement file open for a reviewer, while others may write to it, by hand or in their own viewers."""

    def __init__(self, path: str | Path):
        """`path` need not exist; nothing is read or created before the first call."""
        self.path = Path(os.path.realpath(path))  # so that the target of a link is replaced, not the link
        self._name = path  # as the user gave it
        self._data: bytes | None = None  # the file's content when it was last read or written
        self._text = JudgementText(b"", path)
        self._thread = threading.Lock()

    def read(self) -> dict[str, Judgement]:
        """The judgements by record id (see record_id_of), in the file's order; empty if there is no file yet.

        Only what has changed is parsed again. Raises InputError like load_judgements, and if an entry could not be
        changed without others: in a file with aliases (`*a`), or with all entries in braces.
        """
        with self._thread:
            return dict(self._current().judgements)

    def judge(self, record_id: str, judgement: Judgement | None, *, seen: Judgement | None) -> Judgement | None:
        """Write a judgement, or remove it with None, and return the record's judgement in the file.

        `seen` is the record's judgement as the reviewer saw it; no other writer can come between comparing and writing.
        When this returns, the judgement is in the file even if the process is killed. Raises ConflictError if the
        file's judgement is not `seen`, InputError like `read`, and OSError if the file cannot be written. The file is
        unchanged then.
        """
        with self._thread, self._locked():
            text = self._current()
            earlier = text.judgements.get(record_id_of(record_id))
            if earlier != seen:
                raise ConflictError(record_id, earlier)
            if judgement is not None:
                texts = judgement.note, judgement.correction
                note, correction = (SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts)
                judgement = replace(judgement, note=note, correction=correction)
            if judgement != earlier:
                self._data = None  # so that the file is read again if the rest fails
                text.put(record_id, judgement)
                data = text.encode()
                self._write(data)
                self._data = data
            return judgement

    def _current(self) -> JudgementText:
        """The current text of the file. Comparing all bytes misses no edit, and takes a millisecond per megabyte."""
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
        """Wait until no one else is writing. The lock is a separate file, because the judgement file is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_name(f".{self.path.name}.lock"), wait=True):
            yield

    def _write(self, data: bytes) -> None:
        with open_output(self.path) as out:
            if self.path.exists():
                os.fchmod(out.fileno(), self.path.stat().st_mode)
            out.write(data)
